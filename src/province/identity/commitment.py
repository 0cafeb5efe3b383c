"""Commitments: the audit binds what was written without holding it.

    commitment = SHA-256(salt | name of the attribute | 0x00 | JSON with sorted names)

The salt (128 random bits for each change) stands beside the value, in the history. While both are there, anybody can
see that the value is the one that was sealed; when they are erased, the commitment tells nothing about what it was.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from decimal import Decimal
from typing import Any, Final

import msgspec

SALT_BYTES: Final = 16
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_sorted = msgspec.json.Encoder(order="sorted").encode
_LOSES = re.compile(rb"[0-9][eE][+-]?[0-9]|-0\.0")
"""PostgreSQL keeps the number and not how it was written: 1e16 comes back as 10000000000000000, -0.0 as 0.0."""


def text_of(value: object) -> bytes:
    """The JSON that is stored and committed to."""
    return _sorted(value)


def commit(salt: bytes, name: str, text: bytes, *, numbers: bool = True) -> str:
    """The commitment to an attribute. text: from `text_of`.  numbers: False when it surely holds no fraction."""
    return _digest(salt, name, _plain(text) if numbers and _LOSES.search(text) else text)


def holds(commitment: str, salt: bytes, name: str, stored: str) -> bool:
    """Whether the JSON text that a database gives back is the one that was committed to."""
    text = _sorted(msgspec.json.decode(stored))
    return commitment in (_digest(salt, name, text), _digest(salt, name, _plain(text)))


def _digest(salt: bytes, name: str, text: bytes) -> str:
    digest = hashlib.sha256(salt + name.encode() + b"\0" + text).digest()
    return binascii.b2a_base64(digest, newline=False).translate(_URL_SAFE, b"=").decode()


def _plain(text: bytes) -> bytes:
    """JSON in which a number is written in one way only."""
    read = json.loads(text, parse_int=Decimal, parse_float=Decimal)
    return json.dumps(read, default=_number, sort_keys=True).encode()


def _number(value: Any) -> str:
    assert isinstance(value, Decimal)
    return f"number {value.normalize() + 0}"

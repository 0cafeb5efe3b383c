"""A JPEG without anything but its picture: what a telephone says of place, time and device is left out, byte by byte.

The picture itself is copied as it is: a decoder and an encoder take seven times as long, and lose a little each time.
Structure: ITU-T T.81, annex B. Orientation: Exif 2.3, tag 0x0112, written anew into a block that holds nothing else.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

_FILL: Final = re.compile(rb"\xff+")
_RESTARTS: Final = frozenset(range(0xD0, 0xD8))
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_BASELINE: Final = frozenset((0xC0, 0xC1))
_TABLES: Final = frozenset((0xC4, 0xDB, 0xDD))
"""Huffman tables, quantisation tables, restart interval."""
_DROPPED: Final = frozenset((*range(0xE0, 0xF0), 0xFE))
"""Application segments and comments."""
_ADOBE: Final = 0xEE
_PROFILE: Final = 0xE2
_JFIF: Final = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_IDS: Final = (b"\x01\x02\x03", b"\x00\x01\x02", b"\x01", b"\x00")
"""Numbers of the components from which every decoder takes grey or YCbCr, without being told."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A picture alone. content: complete JPEG.  width, height: as stored, before it is turned upright, px."""

    content: bytes
    width: int
    height: int


def bare(content: bytes, orientation: int = 1) -> Bare | None:
    """The picture of a baseline JPEG, or None when this is none, or its colours depend on what would be left out.

    orientation: 1…8, how it is to be turned when shown.  Whether the picture can be decoded is not looked at.
    """
    if content[:2] != b"\xff\xd8":
        return None
    kept: list[bytes] = []
    size: tuple[int, int] | None = None
    at = 2
    while True:
        if content[at : at + 1] != b"\xff":
            return None
        while content[at : at + 1] == b"\xff":
            at += 1
        marker = content[at] if at < len(content) else 0
        at += 1
        if marker == _EOI:
            break
        body = _body(content, at)
        if body is None:
            return None
        whole = b"\xff" + bytes((marker,)) + content[at : at + 2] + body
        at += 2 + len(body)
        if marker in _BASELINE:
            if size is not None or len(body) < 6 or body[6::3] not in _IDS:
                return None
            height, width = struct.unpack(">HH", body[1:5])
            size = (width, height)
            kept.append(whole)
        elif marker in _TABLES:
            kept.append(whole)
        elif marker == _SOS:
            end = _scan_end(content, at)
            if size is None or end is None:
                return None
            kept += (whole, content[at:end])
            at = end
        elif marker not in _DROPPED or _tells_colours(marker, body):
            return None
    if size is None or 0 in size:
        return None
    return Bare(b"".join((b"\xff\xd8", _head(orientation), *kept, b"\xff\xd9")), *size)


def _scan_end(content: bytes, at: int) -> int | None:
    """Where the first marker after entropy-coded data begins: neither a stuffed zero nor a restart. None: nowhere.

    Each byte is looked at once, whatever somebody sends.
    """
    while (run := content.find(b"\xff", at)) >= 0:
        fill = _FILL.match(content, run)
        at = fill.end() if fill else run
        if at == len(content):
            return None
        if content[at] and content[at] not in _RESTARTS:
            return run
    return None


def _tells_colours(marker: int, body: bytes) -> bool:
    """Whether the picture's colours would be others without this segment."""
    if marker == _ADOBE:
        return body[:5] == b"Adobe" and body[11:12] != b"\x01"
    return marker == _PROFILE and body.startswith(b"ICC_PROFILE\0")


def _body(content: bytes, at: int) -> bytes | None:
    """What a segment holds behind its length; None when it is longer than what is there."""
    if at + 2 > len(content):
        return None
    length = int(struct.unpack_from(">H", content, at)[0])
    return content[at + 2 : at + length] if length >= 2 and at + length <= len(content) else None


def _head(orientation: int) -> bytes:
    """The first segment: JFIF, or an Exif block with the orientation alone where the picture lies on its side."""
    if not 2 <= orientation <= 8:
        return _JFIF
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    body = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body

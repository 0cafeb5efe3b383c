"""The master key: envelope encryption of small secrets, and signatures of links and form tokens.

The key file holds one or more keys of 32 bytes, the current one first. A key's id is the start of its hash, so the
file needs no other content. Each secret gets its own data key; the master key only wraps that.

    sealed = 0x01 | key id (8) | nonce (12) | wrapped data key (48) | nonce (12) | ciphertext and tag
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from province.errors import ConfigurationError, InvalidInput
from province.identity import secret_file

KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_ID, _NONCE, _WRAPPED, _TAG = 8, 12, 48, 16
_LARGEST = 64 * 1024


def key_id(key: bytes) -> str:
    """The id of a master key: 8 hexadecimal digits that tell nothing about it."""
    return hashlib.sha256(b"province master key id" + key).hexdigest()[:_ID]


def sealed_by(sealed: bytes) -> str:
    """The id of the master key that wraps a sealed secret. Raises: InvalidInput for bytes of another kind."""
    if len(sealed) < 1 + _ID + _NONCE + _WRAPPED + _NONCE + _TAG or sealed[:1] != _VERSION:
        raise InvalidInput("These bytes are no sealed secret.", remedy="Restore the row from a backup.")
    return sealed[1 : 1 + _ID].decode("ascii", "replace")


class KeyRing:
    """The keys of one file. Another process may rotate it: the ring follows the file, whose changes are atomic."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] = (0, 0)
        self._keys: dict[str, bytes] = {}
        self._follow()

    @classmethod
    def create(cls, path: Path) -> KeyRing:
        """Open the file, or make it with one new key when it is absent."""
        if not path.exists():
            secret_file.write(path, os.urandom(KEY_BYTES))
        return cls(path)

    @property
    def current(self) -> str:
        """Id of the key that encrypts and signs."""
        self._follow()
        return next(iter(self._keys))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all keys, the current one first."""
        self._follow()
        return tuple(self._keys)

    def encrypt(self, purpose: str, plain: bytes) -> bytes:
        """Seal a secret of at most 64 KiB. purpose: bound into it; it opens only under the same purpose."""
        if len(plain) > _LARGEST:
            raise InvalidInput(f"The secret has {len(plain)} bytes; at most {_LARGEST} are sealed here.")
        data_key = AESGCM.generate_key(bit_length=256)
        nonce = os.urandom(_NONCE)
        body = nonce + AESGCM(data_key).encrypt(nonce, plain, b"secret\0" + purpose.encode())
        return self._wrap(self.current, purpose, data_key) + body

    def decrypt(self, purpose: str, sealed: bytes) -> bytes:
        """Open a sealed secret.

        Raises: InvalidInput when it was altered or belongs to another purpose; ConfigurationError when its key is gone.
        """
        data_key, body = self._unwrap(purpose, sealed)
        try:
            return AESGCM(data_key).decrypt(body[:_NONCE], body[_NONCE:], b"secret\0" + purpose.encode())
        except InvalidTag:
            raise self._altered(purpose) from None

    def rewrap(self, purpose: str, sealed: bytes) -> bytes:
        """The same secret under the current key; its content is not touched."""
        data_key, body = self._unwrap(purpose, sealed)
        return self._wrap(self.current, purpose, data_key) + body

    def sign(self, purpose: str, message: bytes) -> str:
        """A signature in URL-safe text: key id, a dot, HMAC-SHA256 under a key of this purpose alone."""
        current = self.current
        return f"{current}.{self._mac(self._keys[current], purpose, message)}"

    def verify(self, purpose: str, message: bytes, signature: str) -> bool:
        """Whether `sign` made the signature with a key that is still in the ring. Constant time in the content."""
        name, _, mac = signature.partition(".")
        self._follow()
        key = self._keys.get(name)
        return key is not None and hmac.compare_digest(self._mac(key, purpose, message).encode(), mac.encode())

    def add(self) -> str:
        """Put a new key in front of the ring and return its id; the former ones still open what they sealed."""
        self._follow()
        key = os.urandom(KEY_BYTES)
        secret_file.write(self._path, key + b"".join(self._keys.values()))
        self._follow()
        return key_id(key)

    def retire(self) -> tuple[str, ...]:
        """Drop all keys but the current one; returns their ids. `vault.rotate` alone knows when nothing needs them."""
        self._follow()
        current, *former = self._keys
        if former:
            secret_file.write(self._path, self._keys[current])
            self._follow()
        return tuple(former)

    def _follow(self) -> None:
        status = self._path.stat()
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp == self._stamp:
            return
        content = secret_file.read(self._path)
        if not content or len(content) % KEY_BYTES:
            raise ConfigurationError(
                f"The key file has {len(content)} bytes; a multiple of {KEY_BYTES} is expected.",
                field=self._path.name,
                remedy="Restore it from the backup of the keys.",
            )
        keys = [content[i : i + KEY_BYTES] for i in range(0, len(content), KEY_BYTES)]
        self._keys = {key_id(key): key for key in keys}
        self._stamp = stamp

    def _wrap(self, name: str, purpose: str, data_key: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        bound = b"key\0" + name.encode() + purpose.encode()
        return _VERSION + name.encode() + nonce + AESGCM(self._keys[name]).encrypt(nonce, data_key, bound)

    def _unwrap(self, purpose: str, sealed: bytes) -> tuple[bytes, bytes]:
        name = sealed_by(sealed)
        self._follow()
        key = self._keys.get(name)
        if key is None:
            raise ConfigurationError(
                f"A secret was sealed with key {name!r}, which the key file lacks.",
                field=self._path.name,
                remedy="Restore the key file that belongs to this database.",
            )
        start = 1 + _ID
        nonce, wrapped = sealed[start : start + _NONCE], sealed[start + _NONCE : start + _NONCE + _WRAPPED]
        try:
            data_key = AESGCM(key).decrypt(nonce, wrapped, b"key\0" + name.encode() + purpose.encode())
        except InvalidTag:
            raise self._altered(purpose) from None
        return data_key, sealed[start + _NONCE + _WRAPPED :]

    @staticmethod
    def _altered(purpose: str) -> InvalidInput:
        return InvalidInput(
            f"The sealed secret of {purpose!r} was altered or belongs to another purpose.",
            remedy="Restore it from a backup, or set the secret anew.",
        )

    @staticmethod
    def _mac(key: bytes, purpose: str, message: bytes) -> str:
        derived = hmac.digest(key, b"province signature\0" + purpose.encode(), "sha256")
        return base64.urlsafe_b64encode(hmac.digest(derived, message, "sha256")).rstrip(b"=").decode()

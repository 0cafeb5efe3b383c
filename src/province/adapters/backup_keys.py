"""The keys of a backup: in a file of their own, sealed with a passphrase, so that a stolen backup opens nothing.

file = "PROVKEY1" | scrypt salt (16) | nonce (12) | AES-256-GCM of {secret's name: content}, bound to the backup's id
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from province.engines.secret import ensure_secret, write_private
from province.errors import InvalidInput

PASSPHRASE: Final = "backup-passphrase"  # noqa: S105 - a name
"""Name of the secret; made once, never part of a backup."""
_MAGIC: Final = b"PROVKEY1"
_SALT, _NONCE = 16, 12
_COST: Final = 2**16
"""64 MiB and about 0.2 s for each guess."""


def passphrase(folder: Path) -> tuple[str, bool]:
    """The passphrase of an installation's backups, and whether it was made just now: the operator must then be told."""
    made = not (folder / PASSPHRASE).exists()
    text = ensure_secret(folder, PASSPHRASE, lambda: "-".join(secrets.token_hex(3) for _ in range(8)))
    return text, made


def collect(folder: Path) -> dict[str, bytes]:
    """All secrets of an installation by name, but the passphrase itself."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != PASSPHRASE and not path.name.startswith(".")
    }


def seal(content: dict[str, bytes], target: Path, word: str, backup: str) -> None:
    """Write secrets, sealed, into `target` (0600)."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    sealed = AESGCM(_key(word, salt)).encrypt(nonce, msgspec.msgpack.encode(content), backup.encode())
    write_private(target, _MAGIC + salt + nonce + sealed)


def unseal(source: Path, word: str, backup: str) -> dict[str, bytes]:
    """The secrets by name. Raises: InvalidInput for another passphrase, another backup's keys, or a damaged file."""
    raw = source.read_bytes()
    start = len(_MAGIC) + _SALT
    if raw[: len(_MAGIC)] != _MAGIC or len(raw) < start + _NONCE:
        raise InvalidInput(f"{source} is no file of keys.", field="keys", remedy="Give the keys-….enc of the backup.")
    salt, nonce, sealed = raw[len(_MAGIC) : start], raw[start : start + _NONCE], raw[start + _NONCE :]
    try:
        plain = AESGCM(_key(word, salt)).decrypt(nonce, sealed, backup.encode())
    except InvalidTag:
        raise InvalidInput(
            f"{source} does not open: another passphrase, the keys of another backup, or a damaged file.",
            field="keys",
            remedy=f"Give keys-{backup}.enc and the passphrase that was the secret {PASSPHRASE!r} on its day.",
        ) from None
    return msgspec.msgpack.decode(plain, type=dict[str, bytes])


def put_back(content: dict[str, bytes], folder: Path) -> None:
    """Write the secrets into a folder (0700), each 0600. Raises: InvalidInput for a name that is a path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in content.items():
        if Path(name).name != name or name.startswith("."):
            raise InvalidInput(f"{name!r} cannot be the name of a secret.", field="keys")
        write_private(folder / name, value)


def _key(word: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(word.strip().encode())

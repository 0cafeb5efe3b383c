"""Files that hold a secret: 0600 in a 0700 folder, replaced as a whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from province.errors import ConfigurationError


def write(path: Path, content: bytes) -> None:
    """Write durably: after a crash the file holds the old content or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> bytes:
    """The content. Raises: ConfigurationError when others may read the file, FileNotFoundError when it is absent."""
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"{path} can be read by other users.", field=path.name, remedy=f"Run: chmod 600 {path.name}"
        )
    return path.read_bytes()

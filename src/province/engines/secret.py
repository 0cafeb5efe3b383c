"""Generated secrets: one file each, 0600, in a folder that only its owner may enter."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from province.errors import ConfigurationError


def write_private(path: Path, content: bytes, *, user: tuple[int, int] | None = None) -> None:
    """Write a 0600 file so that readers see the old content or the new, never a part; owned by `user` if given."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        if user is not None:
            os.fchown(handle, *user)
        file.write(content)
        file.flush()
        os.fsync(handle)
    os.replace(scratch, path)


def read_secret(folder: Path, name: str) -> str:
    """The secret of that name. Raises ConfigurationError when it was never made or cannot be read."""
    path = folder / name
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(
            f"the secret {path} cannot be read: {error.strerror}.",
            field=name,
            remedy="Start the server once with `province run`, as the user that owns its home.",
        ) from error


def ensure_secret(folder: Path, name: str, make: Callable[[], str]) -> str:
    """The secret of that name, made on first use."""
    if not (folder / name).exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / name, make().encode() + b"\n")
    return read_secret(folder, name)

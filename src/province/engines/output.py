"""A child's standard output and error in a file that is rotated by size."""

from __future__ import annotations

import os
from pathlib import Path


class Output:
    """Appends what children write; at `limit_bytes` the file becomes `<name>.1`, and so on up to `keep` old files."""

    def __init__(self, path: Path, *, limit_bytes: int = 10 * 1024**2, keep: int = 3) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._keep = keep
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._file = os.fdopen(handle, "ab", buffering=0)
        self._size = self._path.stat().st_size

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises OSError when the disk is full."""
        if self._size and self._size + len(chunk) > self._limit_bytes:
            self._file.close()
            for number in range(self._keep, 0, -1):
                older = self._path.with_name(f"{self._path.name}.{number}")
                newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
                if newer.exists():
                    os.replace(newer, older)
            self._open()
        self._file.write(chunk)
        self._size += len(chunk)

    def tail(self, limit_bytes: int = 2000) -> str:
        """The end of the file, for a message that tells why a child failed."""
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - limit_bytes))
            return file.read().decode(errors="replace").strip()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

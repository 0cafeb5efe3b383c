"""What an import keeps on disk: the file, how far it has come, refused rows and effects of every chunk.

    <home>/imports/<tenant>/<id>/source.csv          as it was sent
                                 state.json          what the chunks before `chunk` came to; replaced as a whole
                                 refused/000003.arrow, effects/000003.arrow
                                 lock                held by the process that works on it

A chunk that is done again writes the same files again, so nothing is doubled after a crash.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.errors import NotFound, TooLarge, Unavailable

LARGEST: Final = 512 * 1024**2
KEPT_S: Final = 30 * 86_400
"""Files of an import are removed after so long; what it did stays in the register."""


class State(msgspec.Struct, kw_only=True):
    """How far an import is. chunk: the next one."""

    chunk: int = 0
    rows: int = 0
    refused: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    readings: int = 0
    known: int = 0
    total: int | None = None
    """Rows of the file, when a trial has counted them."""
    trial: bool = False
    first: list[dict[str, Any]] = []

    @property
    def taken(self) -> int:
        """Rows that came in."""
        return self.rows - self.refused


class Folder:
    """The folder of one import."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def source(self) -> Path:
        """The file. Raises: NotFound when it was removed or stands on another machine."""
        found = next(iter(sorted(self.path.glob("source.*"))), None)
        if found is None:
            raise NotFound(
                "the file of this import is no longer here.", field="file", remedy="Send it again: nothing is doubled."
            )
        return found

    def read_state(self) -> State:
        """The state; a fresh one before the first chunk."""
        try:
            return msgspec.json.decode((self.path / "state.json").read_bytes(), type=State)
        except (FileNotFoundError, msgspec.DecodeError):
            return State()

    def write_state(self, state: State) -> None:
        """Durably, the old or the new one and nothing between."""
        replace(self.path / "state.json", msgspec.json.encode(state))

    def reset(self) -> None:
        """Forget runs: the mapping has changed, or a trial gives way to the run."""
        for name in ("refused", "effects"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / "state.json").unlink(missing_ok=True)

    def write_chunk(self, kind: str, number: int, table: pa.Table | None) -> None:
        """Keep what one chunk gave; nothing for None."""
        target = self.path / kind / f"{number:06d}.arrow"
        if table is None or table.num_rows == 0:
            target.unlink(missing_ok=True)
            return
        target.parent.mkdir(mode=0o700, exist_ok=True)
        replace(target, _encode(table))

    def chunks(self, kind: str) -> Iterator[pa.Table]:
        """What all chunks gave, in order."""
        for _, table in self.numbered(kind):
            yield table

    def numbered(self, kind: str) -> Iterator[tuple[int, pa.Table]]:
        """What all chunks gave, with their numbers."""
        for path in sorted((self.path / kind).glob("*.arrow")):
            yield int(path.stem), pa.ipc.open_stream(path.read_bytes()).read_all()

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Hold the import; False when another process does. A killed process lets go by itself."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(handle)

    def is_busy(self) -> bool:
        """Whether a living process works on it."""
        if not self.path.is_dir():
            return False
        with self.locked() as mine:
            return not mine

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path, ignore_errors=True)


class Shelf:
    """The folders of all imports. largest: bytes of a file.  quota: bytes of all of them."""

    def __init__(self, root: Path, *, largest: int = LARGEST, quota: int = 8 * 1024**3) -> None:
        self._root = root
        self._largest = largest
        self._quota = quota

    def folder(self, tenant: str, id: str) -> Folder:
        """The folder of an import by its entity's id."""
        name = hashlib.sha256(id.encode()).hexdigest()[:32]
        return Folder(self._root / hashlib.sha256(tenant.encode()).hexdigest()[:16] / name)

    async def receive(self, folder: Folder, chunks: AsyncIterator[bytes]) -> tuple[Path, int, str]:
        """Write a stream down: (path, bytes, SHA-256). Raises: TooLarge, Unavailable when the disk is full."""
        self.sweep()
        used = sum(p.stat().st_size for p in self._root.rglob("*") if p.is_file()) if self._root.is_dir() else 0
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, digest, size = folder.path / "source.part", hashlib.sha256(), 0
        try:
            with path.open("wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self._largest or used + size > self._quota:
                        raise TooLarge(
                            f"the file has more than {self._largest // 1024**2} MiB, or the shelf is full.",
                            field="file",
                            remedy="Split the file, or remove imports that are no longer needed.",
                        )
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except TooLarge:
            folder.remove()
            raise
        except OSError as error:
            folder.remove()
            raise Unavailable(f"the file cannot be kept: {error.strerror}.", field="file") from None
        return path, size, digest.hexdigest()

    def sweep(self) -> int:
        """Remove folders that nothing has touched for `KEPT_S`. Returns how many."""
        removed = 0
        for path in self._root.glob("*/*"):
            newest = max((p.stat().st_mtime for p in path.rglob("*")), default=path.stat().st_mtime)
            if newest < time.time() - KEPT_S:
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
        return removed


def replace(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it is the old one or the new one."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _encode(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())

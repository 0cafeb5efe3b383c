"""Files of a backup: copied with their digest, flushed to disk, checked again when they are read."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from province.errors import InvalidInput

_CHUNK: Final = 1024**2
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 (hexadecimal) and size of a file."""

    sha256: str
    bytes: int


@dataclass(slots=True)
class Contents:
    """What became of the content-addressed files. missing and damaged: their SHA-256."""

    count: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def copy(source: Path, target: Path) -> Digest:
    """Copy a file durably and return the digest of what was read. Raises OSError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, os.fdopen(_new(target), "wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
            size += len(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return Digest(digest.hexdigest(), size)


def _new(target: Path) -> int:
    return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def digest_of(path: Path) -> Digest:
    """Digest of a file."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Digest(sha256, path.stat().st_size)


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, in a fixed order; none when there is no such folder."""
    for name, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            yield Path(name, file)


def sync_folders(folder: Path) -> None:
    """Flush the folder, those below it, and every file in them: names and contents survive a power failure."""
    for path in [*walk(folder), *(Path(name) for name, _, _ in os.walk(folder, topdown=False))]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check(folder: Path, digests: dict[str, Digest], *, except_for: Collection[str] = ()) -> None:
    """Compare every file of a folder with its digest. Raises: InvalidInput for a missing, altered or unknown one."""
    found = {str(path.relative_to(folder)) for path in walk(folder)} - set(except_for)
    for name in sorted(set(digests) - found):
        raise InvalidInput(f"{name} is missing from the backup {folder}.", remedy="Use another backup.")
    for name in sorted(found - set(digests)):
        raise InvalidInput(f"{name} does not belong to the backup {folder}.", remedy="Remove it, or use another one.")
    for name in sorted(found):
        if digest_of(folder / name) != digests[name]:
            raise InvalidInput(
                f"{name} of the backup {folder} was altered or is damaged.", remedy="Use another backup."
            )


def copy_contents(store: Path, target: Path, wanted: Iterable[str]) -> tuple[Contents, dict[str, Digest]]:
    """Copy the content-addressed files whose SHA-256 is wanted, each to the same place below `target`.

    A file's name is its hash, or its last folders and its name together are (`ab/cdef…`).
    Returns what was copied, and digests by path relative to `target`. A damaged file is not copied.
    """
    missing = set(wanted)
    seen = Contents()
    digests: dict[str, Digest] = {}
    for path in walk(store):
        relative = path.relative_to(store)
        name = next((text for n in (1, 2, 3) if _SHA256.fullmatch(text := "".join(relative.parts[-n:]))), None)
        if name is None or name not in missing:
            continue
        try:
            digest = copy(path, target / relative)
        except FileNotFoundError:  # erased or collected since the folder was listed
            continue
        if digest.sha256 != name:
            (target / relative).unlink()
            seen.damaged.append(name)
            continue
        digests[str(relative)] = digest
        seen.count += 1
        seen.bytes += digest.bytes
        missing.discard(name)
    seen.missing = sorted(missing - set(seen.damaged))
    return seen, digests


def copy_tree(store: Path, target: Path) -> dict[str, Digest]:
    """Copy files that are written meanwhile: each as it is at one moment, since all are replaced as a whole.

    Files in the making (`.part`) and locks stay behind. Returns digests by path relative to `target`.
    """
    digests: dict[str, Digest] = {}
    for path in walk(store):
        if path.suffix == ".part" or path.name == "lock":
            continue
        relative = path.relative_to(store)
        try:
            digests[str(relative)] = copy(path, target / relative)
        except FileNotFoundError:  # removed meanwhile
            (target / relative).unlink(missing_ok=True)
    return digests


def put_back(source: Path, target: Path) -> int:
    """Copy a folder of a backup into an installation. Returns the number of files."""
    count = 0
    for path in walk(source):
        copy(path, target / path.relative_to(source))
        count += 1
    return count


def size(folder: Path) -> int:
    """Bytes of all files below a folder, 0 when there is none."""
    return sum(path.stat().st_size for path in walk(folder))


def free_bytes(folder: Path) -> int:
    """Free space where the folder is."""
    return shutil.disk_usage(folder).free

"""Heads of the audit outside the database: in a folder, as files that only grow, one per day; or in an S3 bucket, as
objects that are never written again. The public keys stand beside them.

A site ships the folder off the machine as it ships its logs; a bucket is off the machine. A line that a crash cut short
is followed by a new one and read over: the head it held comes again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import msgspec

from province.adapters.s3 import SCHEME, Bucket
from province.engines.secret import write_private
from province.errors import InvalidInput
from province.identity.blocks import Head, Key

KEYS: Final = "keys.json"
_AT_ONCE: Final = 16
"""Objects that are read side by side."""


class Heads(Protocol):
    """Where heads and public keys are kept. Every call blocks."""

    def append(self, head: Head) -> None:
        """Write one head; durable on return. Raises: OSError, ProvinceError."""
        ...

    def publish(self, keys: Sequence[Key]) -> None:
        """Put the public keys beside the heads. Those that are there stay as they are."""
        ...

    def public_keys(self) -> list[Key]:
        """The public keys, the first one first."""
        ...

    def heads(self) -> list[Head]:
        """Every head that can be read, in their order."""
        ...

    def last(self, chain: str) -> int:
        """Number of the newest head of a chain; 0 for none."""
        ...


def open_heads(location: str) -> Heads:
    """Heads in a folder, or in a bucket when it is an s3:// URL. Raises: ConfigurationError."""
    return HeadBucket(Bucket(location)) if location.startswith(SCHEME) else HeadFolder(Path(location))


class HeadFolder:
    """The folder. It is made when the first head is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, head: Head) -> None:
        """Write one head; durable on return."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o750)
        file = self.path / f"{head.at:%Y-%m-%d}.jsonl"
        new = not file.exists()
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, (b"\n" if torn else b"") + msgspec.json.encode(head) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            _flush(self.path)

    def publish(self, keys: Sequence[Key]) -> None:
        """Put the public keys beside the heads. Those that are there stay as they are."""
        known = {k.id: k for k in self.public_keys()}
        merged = {k.id: k for k in keys} | known
        if merged.keys() == known.keys():
            return
        self.path.mkdir(parents=True, exist_ok=True, mode=0o750)
        ordered = sorted(merged.values(), key=lambda k: (k.since, k.id))
        write_private(self.path / KEYS, msgspec.json.format(msgspec.json.encode(ordered)) + b"\n")

    def public_keys(self) -> list[Key]:
        """The public keys, the first one first. Raises: InvalidInput when the file was damaged."""
        try:
            return msgspec.json.decode((self.path / KEYS).read_bytes(), type=list[Key])
        except FileNotFoundError:
            return []
        except msgspec.DecodeError as error:
            raise InvalidInput(
                f"{self.path / KEYS} cannot be read: {error}", remedy="Take the copy off the machine."
            ) from None

    def heads(self) -> list[Head]:
        """Every head that can be read, in the order of the files."""
        found = []
        for file in sorted(self.path.glob("*.jsonl")):
            for line in file.read_bytes().split(b"\n"):
                try:
                    found.append(msgspec.json.decode(line, type=Head))
                except msgspec.DecodeError:
                    continue  # cut short by a crash; or by a hand, and then the number it lacks is noticed elsewhere
        return found

    def last(self, chain: str) -> int:
        """Number of the newest head of a chain; 0 for none."""
        for file in sorted(self.path.glob("*.jsonl"), reverse=True):
            for line in reversed(file.read_bytes().split(b"\n")):
                try:
                    head = msgspec.json.decode(line, type=Head)
                except msgspec.DecodeError:
                    continue
                if head.chain == chain:
                    return head.number
        return 0


class HeadBucket:
    """Heads as objects, `heads/<day>/<chain>-<number>.json`; of every day that is over, all of them as one object
    `days/<day>.jsonl`, so that a check reads a few hundred objects a year. Keys as `keys/<id>.json`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._gathered = ""
        self._published: set[str] = set()

    def append(self, head: Head) -> None:
        """Write one head; durable on return. Raises: Unavailable, ConfigurationError."""
        day = f"{head.at:%Y-%m-%d}"
        self._bucket.put(f"heads/{day}/{head.chain}-{head.number:012d}.json", msgspec.json.encode(head))
        if self._gathered != day:
            self._gather(day)
            self._gathered = day

    def publish(self, keys: Sequence[Key]) -> None:
        """Put the public keys beside the heads. Those that are there stay as they are."""
        if all(k.id in self._published for k in keys):
            return
        known = {name.removeprefix("keys/").removesuffix(".json") for name in self._bucket.names("keys")}
        for key in keys:
            if key.id not in known:
                self._bucket.put(f"keys/{key.id}.json", msgspec.json.encode(key))
            self._published.add(key.id)

    def public_keys(self) -> list[Key]:
        """The public keys, the first one first. Raises: InvalidInput when one was damaged."""
        found = []
        for name, content in self._read(self._bucket.names("keys")):
            try:
                found.append(msgspec.json.decode(content, type=Key))
            except msgspec.DecodeError as error:
                raise InvalidInput(
                    f"{name} cannot be read: {error}", remedy="Look at the former versions of the object."
                ) from None
        return sorted(found, key=lambda k: (k.since, k.id))

    def heads(self) -> list[Head]:
        """Every head that can be read, in their order."""
        whole = {name.removeprefix("days/").removesuffix(".jsonl") for name in self._bucket.names("days")}
        singles = [day for day in self._days() if day not in whole]
        found: dict[tuple[str, int, str], Head] = {}
        names = [f"days/{day}.jsonl" for day in sorted(whole)]
        names += [name for day in singles for name in self._bucket.names(f"heads/{day}")]
        for _, content in self._read(names):
            for line in content.split(b"\n"):
                try:
                    head = msgspec.json.decode(line, type=Head)
                except msgspec.DecodeError:
                    continue
                found[head.chain, head.number, head.hash] = head
        return sorted(found.values(), key=lambda h: (h.at, h.chain, h.number))

    def last(self, chain: str) -> int:
        """Number of the newest head of a chain; 0 for none."""
        for day in reversed(self._days()):
            numbers = [
                int(name.rpartition("-")[2].removesuffix(".json"))
                for name in self._bucket.names(f"heads/{day}")
                if name.startswith(f"heads/{day}/{chain}-")
            ]
            if numbers:
                return max(numbers)
        return 0

    def _days(self) -> list[str]:
        return [name.removeprefix("heads/") for name in self._bucket.folders("heads")]

    def _gather(self, today: str) -> None:
        """Of days that are over, the heads as one object each; a day that has one already is left."""
        whole = set(self._bucket.names("days"))
        for day in self._days():
            if day < today and f"days/{day}.jsonl" not in whole:
                lines = [content for _, content in self._read(self._bucket.names(f"heads/{day}"))]
                self._bucket.put(f"days/{day}.jsonl", b"\n".join(lines) + b"\n")

    def _read(self, names: Iterator[str] | Sequence[str]) -> Iterator[tuple[str, bytes]]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(lambda name: (name, self._bucket.get(name)), names)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

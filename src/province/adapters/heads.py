"""Heads of the audit in a folder outside the database: files that only grow, one per day, and the public keys.

A site ships this folder off the machine as it ships its logs. A line that a crash cut short is followed by a new one
and read over: the head it held comes again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from province.engines.secret import write_private
from province.errors import InvalidInput
from province.identity.blocks import Head, Key

KEYS: Final = "keys.json"


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


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

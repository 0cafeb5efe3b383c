"""The ledger of erasures: decisions outside the database, so that what a backup brings back goes again.

It stands beside the audit's heads: in their folder, which a site keeps off the machine and puts back after a restore,
or in their bucket. An entry holds names of records and fields, and no value. A line that a crash cut short is followed
by a new one and read over.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from province.adapters.s3 import SCHEME, Bucket
from province.broker.erasure import Erasure, Ledger

NAME: Final = "erasures.ledger"


class ErasureLedger:
    """folder: that of the heads; it is made when the first decision is written."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._written: set[str] = set()

    def append(self, one: Erasure) -> None:
        """Keep a decision; durable on return."""
        if one.id in self._written:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, (b"\n" if torn else b"") + msgspec.json.encode(one) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._written.add(one.id)

    def read(self) -> list[Erasure]:
        """Every decision that can be read."""
        found = []
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            try:
                found.append(msgspec.json.decode(line, type=Erasure))
            except msgspec.MsgspecError:
                continue
        return found


class BucketLedger:
    """Decisions as objects, `erasures/<id>.json`, in the bucket of the heads."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._written: set[str] = set()

    def append(self, one: Erasure) -> None:
        """Keep a decision; durable on return. Raises: Unavailable, ConfigurationError."""
        if one.id not in self._written:
            self._bucket.put(f"erasures/{one.id}.json", msgspec.json.encode(one))
            self._written.add(one.id)

    def read(self) -> list[Erasure]:
        """Every decision that can be read. Raises: Unavailable."""
        found = []
        for name in self._bucket.names("erasures"):
            try:
                found.append(msgspec.json.decode(self._bucket.get(name), type=Erasure))
            except msgspec.MsgspecError:
                continue
        return found


def open_ledger(location: str) -> Ledger:
    """The ledger beside the heads: a folder, or an s3:// URL. Raises: ConfigurationError."""
    return BucketLedger(Bucket(location)) if location.startswith(SCHEME) else ErasureLedger(Path(location))

"""The ledger of erasures: decisions in a file outside the database, so that what a backup brings back goes again.

It stands in the folder of the audit's heads, which a site keeps off the machine and puts back after a restore. A line
holds names of records and fields, and no value. A line that a crash cut short is followed by a new one and read over.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from province.broker.erasure import Erasure

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

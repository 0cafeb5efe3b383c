"""Folding corrections into the files: what was deleted is no longer there, a corrected value stands in its place.

Nothing that a reader sees changes, for corrections are laid over what is read either way. Only what the roll-ups
already reflect may be folded: they need the readings as they were to take a correction in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from province.history.compact import rewrite
from province.history.correction import FOLDED, Correction, amend
from province.history.lake import Lake, Span, arrange


@dataclass(frozen=True, slots=True)
class Folded:
    """What folding did. files: rewritten.  readings: that are no longer there."""

    files: int = 0
    readings: int = 0


def fold(lake: Lake, corrections: Sequence[Correction], ids: Sequence[int]) -> Folded:
    """Fold the corrections with these ids. corrections: all of the tenant, for the newest one decides.

    Raises: Conflict when a merge was faster (some days may be done; fold again), Unavailable.
    """
    wanted = {c.id for c in corrections if c.id in set(ids) and c.kind in FOLDED}
    entities = {c.entity for c in corrections if c.id in wanted}
    deciding = [c for c in corrections if c.entity in entities]
    touched: dict[str, dict[str, dict[str, Any]]] = {}
    for one in (c for c in corrections if c.id in wanted):
        found = lake.files(Span(entities=[one.entity], start=one.start, end=one.end))
        if not found.num_rows:
            continue
        for file in found.select(["path", "size_bytes", "partition.day"]).to_pylist():
            touched.setdefault(str(file["partition.day"]), {})[file["path"]] = file
    files = readings = 0
    for day, mine in sorted(touched.items()):
        changed = [(file, new) for file in mine.values() if (new := _folded(lake, file["path"], deciding)) is not None]
        if not changed:
            continue
        before = sum(old for _, (old, _) in changed)
        at = date.fromisoformat(day)

        def rows(changed: Any = changed, at: date = at) -> Iterator[pa.Table]:
            for _, (_, table) in changed:
                yield arrange(table, day=at)

        rewrite(lake, at, [file for file, _ in changed], rows)
        files += len(changed)
        readings += before - sum(table.num_rows for _, (_, table) in changed)
    return Folded(files, readings)


def _folded(lake: Lake, path: str, corrections: Sequence[Correction]) -> tuple[int, pa.Table] | None:
    """(rows before, rows after) of a file; None when nothing changes."""
    rows = lake.dataset([path]).to_table()
    after = amend(rows, corrections, fold=True)
    return None if after is rows or after.equals(rows) else (rows.num_rows, after)

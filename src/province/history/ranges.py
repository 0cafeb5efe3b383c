"""Splitting many rows into ranges of ids, each of which fits into memory.

Every file is sorted by entity, so the least id of each of its row groups tells where its rows lie: the footers alone
are read.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from province.history.delta import Delta

ROWS: Final = 4_000_000


def ranges_of(table: Delta, files: pa.Table, *, rows: int = ROWS) -> list[pads.Expression | None]:
    """Conditions that split the rows of some files into ranges of about so many; [None] where one range is enough.

    files: log entries.  rows: more fall into a range only where one entity has more.
    """
    total = int(pc.sum(files["num_records"]).as_py() or 0) if files.num_rows else 0
    if total <= rows:
        return [None]
    return conditions(_cuts(_groups(table, files["path"].to_pylist()), -(-total // rows)))


def conditions(cuts: Sequence[str]) -> list[pads.Expression | None]:
    """The ranges between cuts: below the first, from each up to the next, from the last on."""
    field = pc.field("entity")
    found: list[pads.Expression | None] = []
    for low, high in itertools.pairwise([None, *cuts, None]):
        above = None if low is None else field >= low
        below = None if high is None else field < high
        found.append(above if below is None else below if above is None else above & below)
    return found


def _groups(table: Delta, paths: Sequence[str]) -> list[tuple[str, int]]:
    """Least id and number of rows of every row group, by id."""
    found: list[tuple[str, int]] = []
    for fragment in table.dataset(paths).get_fragments():
        fragment.ensure_complete_metadata()
        found += [((g.statistics or {}).get("entity", {}).get("min") or "", g.num_rows) for g in fragment.row_groups]
    return sorted(found)


def _cuts(groups: Sequence[tuple[str, int]], count: int) -> list[str]:
    """Ids at which a range of 1/count of the rows is full."""
    total = sum(rows for _, rows in groups)
    cuts: list[str] = []
    before = 0
    for low, rows in groups:
        if low and before * count >= total * (len(cuts) + 1) and low not in cuts[-1:]:
            cuts.append(low)
        before += rows
    return cuts[: count - 1]

"""Which readings does the lake hold already? By entity, attribute, dataset, instant and value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.history.lake import Lake, Span
from province.model.written import Mask

_COLUMNS = ("entity", "attribute", "dataset", "observed_at", "number", "text")


def held(lake: Lake, readings: pa.Table) -> Mask:
    """For each reading, whether the same one is there. Blocks: call it in a thread."""
    size = readings.num_rows
    if not size:
        return np.zeros(0, np.bool_)
    span_of = pc.min_max(readings.column("observed_at"))
    entities = pc.unique(readings.column("entity")).to_pylist()
    attributes = pc.unique(readings.column("attribute").cast(pa.string())).to_pylist()
    end = pc.add(span_of["max"], pa.scalar(1, pa.duration("us"))).as_py()
    there = lake.read(Span(entities, attributes, span_of["min"].as_py(), end), columns=_COLUMNS)
    if not there.num_rows:
        return np.zeros(size, np.bool_)
    mine = readings.select(list(_COLUMNS))
    mine = pa.table({name: _plain(mine.column(name)) for name in _COLUMNS}).append_column(
        "at", pa.array(np.arange(size))
    )
    other = pa.table({name: _plain(there.column(name)) for name in _COLUMNS})
    found = mine.join(other, keys=list(_COLUMNS), join_type="left semi").column("at").to_numpy()
    result = np.zeros(size, np.bool_)
    result[found] = True
    return result


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Joinable: no dictionaries, and no nulls, which equal nothing in a join."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_floating(column.type):
        # Compared by bits: 0.1 is 0.1 and nothing near it.
        column = pc.fill_null(column, float("-inf"))
        return pa.chunked_array([pa.array(np.asarray(column.to_numpy(), np.float64).view(np.int64))])
    return pc.fill_null(column, "\x00") if pa.types.is_string(column.type) else column

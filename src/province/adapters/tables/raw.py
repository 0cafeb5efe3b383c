"""The one form that every reader gives: batches of columns as they stand in the file, with the number of each row.

_row     int64    the row in the source: line of a CSV file, row of a sheet, place of a feature; 1 is the first
_fault   string?  what is wrong with the row as a whole (`model`: code and numbers), so that it can only be refused
…        string, float64, int64, bool, timestamp, or struct<text, number> where a column of a sheet mixes both
geometry string?  GeoJSON text, or binary: WKB in the file's own coordinates
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.errors import InvalidInput
from province.model.text import nfc
from province.model.written import Mask, mask, read_instants, read_numbers

ROW: Final = "_row"
FAULT: Final = "_fault"
MIXED: Final = pa.struct([("text", pa.string()), ("number", pa.float64())])
CELLS_PER_BATCH: Final = 150_000
MAX_COLUMNS: Final = 4_000
FIND: Final = -1
"""`Options.header`: find the line of the column names out."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a file; empty members are found out. head: read at most so many rows."""

    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    header: int = FIND
    sheet: str = ""
    layer: str = ""
    head: int = 0


class Found(msgspec.Struct, kw_only=True):
    """What was found out about a file while reading it. columns: as in the file, in order.  crs: as the file says.

    credit: what its licence wants said wherever it is used; empty: nothing is known of it.
    """

    format: str
    encoding: str = ""
    delimiter: str = ""
    sheets: Sequence[str] = ()
    sheet: str = ""
    layers: Sequence[str] = ()
    layer: str = ""
    crs: str = ""
    header: int = 1
    columns: list[str] = []
    credit: str = ""


def rows_per_batch(columns: int) -> int:
    """Rows of a batch: the same for the same file every time, for chunks are counted to resume."""
    return int(max(50, min(4_000, CELLS_PER_BATCH // max(1, columns))))


def texts(column: pa.Array, empty: Sequence[str]) -> pa.Array:
    """A column as trimmed text; what counts as empty is null. Whole numbers lose the `.0` that sheets give them."""
    kind = column.type
    if pa.types.is_struct(kind):
        written = texts(pc.struct_field(column, "number"), ())
        column = pc.coalesce(pc.struct_field(column, "text"), written)
    elif pa.types.is_floating(kind):
        values = column.to_pylist()
        column = pa.array(
            [None if v is None else str(int(v)) if _is_whole(v) else repr(v) for v in values], pa.string()
        )
    elif pa.types.is_boolean(kind):
        column = pc.if_else(column, "true", "false")
    elif pa.types.is_timestamp(kind):
        column = pc.strftime(column, "%Y-%m-%dT%H:%M:%S")
    elif not pa.types.is_string(kind):
        column = pc.cast(column, pa.string())
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(trimmed, pa.array([*empty, ""], pa.string())), pa.scalar(None, pa.string()), trimmed)


def numbers(column: pa.Array, style: str, empty: Sequence[str]) -> tuple[pa.Array, Mask]:
    """A column as float64, and where it is no number. Numbers that the file stores as such need no style."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        found = pc.cast(column, pa.float64(), safe=False)
        return pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64())), np.zeros(len(column), np.bool_)
    if pa.types.is_struct(kind):
        stored = pc.struct_field(column, "number")
        read, bad = read_numbers(texts(pc.struct_field(column, "text"), empty), style)
        return pc.coalesce(stored, read), bad
    return read_numbers(texts(column, empty), style)


def instants(column: pa.Array, style: str, zone: str, empty: Sequence[str]) -> tuple[pa.Array, Mask]:
    """A column as instants in UTC, and where it is none. A stored moment without zone is local time of `zone`."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            column = pc.assume_timezone(
                column.cast(pa.timestamp("us")), zone, ambiguous="earliest", nonexistent="earliest"
            )
        return column.cast(pa.timestamp("us", tz="UTC")), np.zeros(len(column), np.bool_)
    if pa.types.is_date(kind):
        return instants(column.cast(pa.timestamp("us")), style, zone, empty)
    if pa.types.is_struct(kind):  # a sheet keeps a moment as days since 1899-12-30 where it was not formatted as one
        serial = pc.struct_field(column, "number")
        read, bad = read_instants(texts(pc.struct_field(column, "text"), empty), style, zone)
        moments = pc.cast(pc.round(pc.multiply(pc.subtract(serial, 25569.0), 86_400e6)), pa.int64()).cast(
            pa.timestamp("us")
        )
        civil = pc.assume_timezone(moments, zone, ambiguous="earliest", nonexistent="earliest")
        return pc.coalesce(read, civil.cast(pa.timestamp("us", tz="UTC"))), bad
    return read_instants(texts(column, empty), style, zone)


def build(columns: dict[str, pa.Array], rows: Sequence[int], faults: Sequence[str | None]) -> pa.RecordBatch:
    """A batch of the raw form."""
    return pa.record_batch({ROW: pa.array(rows, pa.int64()), FAULT: pa.array(faults, pa.string()), **columns})


def names_of(given: Sequence[str]) -> list[str]:
    """Column names without blanks around them, none empty, none twice: `name (2)`. Raises: InvalidInput."""
    if len(given) > MAX_COLUMNS:
        raise InvalidInput(f"the file has {len(given)} columns.", field="file", remedy=f"At most {MAX_COLUMNS}.")
    result: list[str] = []
    for i, one in enumerate(given):
        name = nfc(" ".join(str(one).split())) or f"column {i + 1}"
        if name in (ROW, FAULT):
            name = f"{name} "
        number, plain = 2, name
        while name in result:
            name, number = f"{plain} ({number})", number + 1
        result.append(name)
    return result


def select(batch: pa.Table, rows: Sequence[int]) -> pa.Table:
    """The rows at these positions of a batch."""
    return batch.take(pa.array(rows, pa.int64()))


def value(cell: Any) -> Any:
    """A cell as JSON can say it."""
    if isinstance(cell, dict):
        return cell["text"] if cell.get("text") is not None else cell.get("number")
    if isinstance(cell, bytes):
        return cell.hex()
    return cell.isoformat() if hasattr(cell, "isoformat") else cell


def _is_whole(number: float) -> bool:
    return number == number and abs(number) < 1e15 and number == int(number)


__all__ = [
    "FAULT", "FIND", "MIXED", "ROW", "Found", "Options", "build", "instants", "mask", "names_of", "numbers",
    "rows_per_batch", "select", "texts", "value",
]  # fmt: skip

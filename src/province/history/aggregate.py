"""Aggregates of one entity's attributes over periods (ETSI GS CIM 009 §4.5.19), computed in columns by DuckDB.

Readings stream from the files and are never held one by one: a span may be larger than memory. Where corrections lie
over readings, that part of the span is read, amended and put beside the rest.

A list counts by its size, true and false as 1 and 0. Texts have a least and a greatest; what is neither text nor number
has only its counts, and so has a period where they are mixed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import duckdb
import pyarrow as pa

from province.errors import TooLarge
from province.history.correction import Correction
from province.history.lake import Lake, Span
from province.model.time import now

Method = Literal["avg", "distinctCount", "max", "min", "stddev", "sum", "sumsq", "totalCount"]
METHODS: Final[tuple[Method, ...]] = Method.__args__  # type: ignore[attr-defined]
MAX_PERIODS: Final = 10_000
"""Periods of one attribute in one answer."""
VALUES: Final = pa.schema(
    [
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("observed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("number", pa.float64()),
        pa.field("text", pa.string()),
    ]
)
"""What is aggregated. text: JSON text of a value that is not a number."""
Figures = Mapping[str, list[tuple[Any, datetime, datetime]]]
"""Method → (value, start, end) of each period that has one."""

_MANY: Final = 1_000_000
"""So many periods are counted before they are summed up."""
_SAFE: Final = "1e150"
"""Numbers below have a finite square."""
_METHODS: Final[Mapping[Method, str]] = {
    "totalCount": "count(*)",
    "distinctCount": "count(DISTINCT number) + count(DISTINCT CASE WHEN number IS NULL THEN coalesce(text, '') END)",
    "sum": "fsum(n)",
    "avg": "favg(n)",
    "min": "min(n)",
    "max": "max(n)",
    "stddev": f"CASE WHEN max(abs(n)) < {_SAFE} THEN stddev_pop(CASE WHEN abs(n) < {_SAFE} THEN n END) END",
    "sumsq": "fsum(n * n)",
}
_READ: Final = """
SELECT attribute, epoch_us(observed_at) AS us, number, text,
    CASE WHEN number IS NOT NULL THEN number
         WHEN text = 'true' THEN 1.0 WHEN text = 'false' THEN 0.0
         WHEN text[1] = '[' THEN CAST(json_array_length(text) AS DOUBLE)
         WHEN text[1] IN ('"', '{') THEN NULL ELSE TRY_CAST(text AS DOUBLE) END AS n,
    CASE WHEN number IS NULL AND text[1] = '"' THEN CAST(text AS JSON) ->> '$' END AS s
FROM """


@dataclass(frozen=True, slots=True)
class Periods:
    """What is asked. length: of a period; zero: all is one period.

    start, end: [start, end) is looked at, None: open. Periods count from `start`, else from the oldest value.
    last: of each attribute only so many newest values.
    """

    methods: Sequence[Method]
    length: timedelta = timedelta(0)
    start: datetime | None = None
    end: datetime | None = None
    last: int | None = None


def of_values(values: pa.Table, periods: Periods) -> dict[str, Figures]:
    """By attribute, of a table of VALUES in the order in which equal instants follow each other.

    Raises: TooLarge for more than MAX_PERIODS periods.
    """
    with duckdb.connect(":memory:") as connection:
        return _figures(connection, {"given": values.select(VALUES.names)}, [], periods)


def of_readings(
    lake: Lake, span: Span, periods: Periods, *, corrections: Sequence[Correction] = ()
) -> dict[str, Figures]:
    """By attribute, of the readings of one entity. span: within the bounds of `periods`; its datasets count together.

    Raises: TooLarge for more than MAX_PERIODS periods.
    """
    if periods.last is not None:
        newest = lake.last(span, periods.last, corrections=corrections)
        return of_values(newest.sort_by([(name, "ascending") for name in ("observed_at", "seq", "row")]), periods)
    untouched, amended = [span], VALUES.empty_table()
    if corrections:
        low, high = min(c.start for c in corrections), max(c.end for c in corrections)
        untouched = [one for one in (_within(span, None, low), _within(span, high, None)) if one is not None]
        inside = _within(span, low, high)
        if inside is not None:
            amended = lake.read(inside, columns=VALUES.names, corrections=corrections)
    return lake.ask(
        untouched, VALUES.names, lambda connection, sources: _figures(connection, {"given": amended}, sources, periods)
    )


def _within(span: Span, start: datetime | None, end: datetime | None) -> Span | None:
    """The part of a span that lies in [start, end); None: nothing does."""
    start = span.start if start is None else start if span.start is None else max(start, span.start)
    end = span.end if end is None else end if span.end is None else min(end, span.end)
    return None if start is not None and end is not None and start >= end else replace(span, start=start, end=end)


def _figures(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table], sources: Sequence[str], periods: Periods
) -> dict[str, Figures]:
    """sources: what else to read, as SQL that gives VALUES."""
    for name, table in tables.items():
        connection.register(name, table)
    names = ", ".join(VALUES.names)
    union = " UNION ALL ".join([*(f"SELECT {names} FROM {name}" for name in tables), *sources])  # noqa: S608
    values = f"({_READ} ({union}))"
    if periods.last is not None:  # only where everything is one table, whose order is the order of equal instants
        newest = "row_number() OVER (PARTITION BY attribute ORDER BY us DESC, place DESC)"
        values = f"(SELECT * FROM (SELECT *, row_number() OVER () AS place FROM {values}) QUALIFY {newest} <= {periods.last})"  # noqa: S608, E501
    length = periods.length // timedelta(microseconds=1)
    first = "0" if periods.start is None else str(micros(periods.start))
    if length and periods.start is None:
        values = f"(SELECT *, min(us) OVER (PARTITION BY attribute) AS oldest FROM {values})"  # noqa: S608
        first = "oldest"
    bucket = f"(us - {first}) // {length}" if length else "0"
    _require_few(connection, values, bucket, periods)
    columns = ", ".join(f'{_METHODS[m]} AS "{m}"' for m in dict.fromkeys(periods.methods))
    began = f"any_value({first}) + bucket * {length}" if length else "min(us)"
    rows = connection.execute(
        f"SELECT attribute, {began}, max(us), count(n) = count(*), count(s) = count(*), min(s), max(s), {columns}"  # noqa: S608
        f" FROM (SELECT *, {bucket} AS bucket FROM {values}) GROUP BY attribute, bucket ORDER BY attribute, bucket"
    ).fetchall()
    found: dict[str, Figures] = {}
    sizes = Counter(row[0] for row in rows)
    if sizes and max(sizes.values()) > MAX_PERIODS:
        raise _too_many()
    for attribute, at, newest_us, numeric, textual, least, greatest, *given in rows:
        mine = found.setdefault(attribute, {m: [] for m in periods.methods})
        start = _instant(at) if length or periods.start is None else periods.start
        end = start + periods.length if length else periods.end or _instant(newest_us)
        for method, value in zip(dict.fromkeys(periods.methods), given, strict=True):
            if method in ("min", "max") and textual:
                value = least if method == "min" else greatest
            elif method not in ("totalCount", "distinctCount") and not numeric:
                continue
            if value is not None and not (isinstance(value, float) and not math.isfinite(value)):
                mine[method].append((value, start, end))
    return found


def _require_few(connection: duckdb.DuckDBPyConnection, values: str, bucket: str, periods: Periods) -> None:
    """Refuse what would have far too many periods before all of them stand in memory. Raises: TooLarge."""
    if not periods.length:
        return
    if ((periods.end or now()) - (periods.start or _EPOCH)) / periods.length <= _MANY:
        return
    most = connection.execute(
        f"SELECT max(n) FROM (SELECT approx_count_distinct({bucket}) AS n FROM {values} GROUP BY attribute)"  # noqa: S608
    ).fetchall()[0][0]
    if (most or 0) > 2 * MAX_PERIODS:
        raise _too_many()


def _too_many() -> TooLarge:
    return TooLarge(f"more than {MAX_PERIODS} periods.", field="aggrPeriodDuration", remedy="Ask for longer periods.")


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

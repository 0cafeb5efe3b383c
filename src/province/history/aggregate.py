"""Aggregates over periods: average, extremes, sum, deviation, counts, per entity, attribute and dataset.

Periods are fixed durations counted from the start of the span, civil days, months or years of Vietnam, or the whole
span. Readings stream from the files into DuckDB, which holds one row per period: the span may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import duckdb
import pyarrow as pa

from province.errors import InvalidInput
from province.history.correction import Correction
from province.history.lake import Lake, Span

Method = Literal["totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq"]
Civil = Literal["day", "month", "year"]
Period = timedelta | Civil | None
"""A duration, a civil period, or None (`PT0S`): one period, the whole span."""

_METHODS: Final[dict[Method, str]] = {
    "totalCount": "count(*)",
    "distinctCount": "count(DISTINCT coalesce(text, number::VARCHAR))",
    "sum": "sum(number)",
    "avg": "avg(number)",
    "min": "min(number)",
    "max": "max(number)",
    "stddev": "stddev_pop(number)",
    "sumsq": "sum(number * number)",
}
METHODS: Final[tuple[Method, ...]] = tuple(_METHODS)
_CIVIL_OFFSET = timedelta(hours=7)
"""Asia/Ho_Chi_Minh has been UTC+7 without interruption since 13 June 1975."""


def aggregate(
    lake: Lake, span: Span, period: Period, methods: Sequence[Method], *, corrections: Sequence[Correction] = ()
) -> pa.Table:
    """Aggregates of a span: columns entity, attribute, dataset, start, end, and one per method, in that order.

    start, end: bounds of the period, UTC.  Numbers are null where a period has only text; periods without readings are
    absent. Without `span.start`, durations count from 1970-01-01T00:00Z, and PT0S spans the readings that there are.
    corrections: laid over the readings.
    Raises: InvalidInput for an unknown method or a duration that is not positive.
    """
    unknown = [m for m in methods if m not in _METHODS]
    if unknown or not methods:
        raise InvalidInput(
            f"{unknown or 'nothing'} cannot be computed.",
            field="aggrMethods",
            remedy=f"Choose of {', '.join(METHODS)}.",
        )
    if isinstance(period, timedelta) and period < timedelta(milliseconds=1):
        raise InvalidInput(f"{period} is not a period.", field="aggrPeriodDuration", remedy="Give PT1H, P1D or PT0S.")
    start, end = _bounds(span, period)
    names = ["entity", "attribute", "dataset", "observed_at", "number", "text"]
    spoken_of = sorted({c.entity for c in corrections if span.entities is None or c.entity in span.entities})
    reader = lake.batches(span, names, without=spoken_of)
    amended = lake.read(replace(span, entities=spoken_of), columns=names, corrections=corrections)
    columns = ", ".join(f'{_METHODS[m]} AS "{m}"' for m in methods)
    keys = "entity, attribute, dataset" + ("" if period is None else ", bucket")
    bucket = "0" if period is None else _bucket(span, period)
    with duckdb.connect(":memory:") as connection:
        connection.register("untouched", reader)
        connection.register("amended", amended)
        readings = f"(SELECT {', '.join(names)} FROM untouched UNION ALL SELECT {', '.join(names)} FROM amended)"  # noqa: S608
        found: pa.Table = connection.sql(
            f"WITH r AS (SELECT entity, attribute, dataset, number, text, epoch_us(observed_at) AS us FROM {readings}),"  # noqa: S608
            f" b AS (SELECT *, {bucket} AS bucket FROM r)"
            f' SELECT {keys.replace(", bucket", "")}, {start} AS "start", {end} AS "end", {columns}'
            f' FROM b GROUP BY {keys} ORDER BY entity, attribute, dataset NULLS FIRST, "start"'
        ).to_arrow_table()
    for name in ("start", "end"):
        place = found.schema.get_field_index(name)
        found = found.set_column(place, name, found[name].cast(pa.int64()).cast(pa.timestamp("us", tz="UTC")))
    return found


def _bucket(span: Span, period: timedelta | Civil) -> str:
    """Number of a reading's period, from its microsecond `us`."""
    if isinstance(period, timedelta):
        return f"CAST(floor((us - {_origin(span)}) / {_us(period)}) AS BIGINT)"
    local = f"make_timestamp(us + {_us(_CIVIL_OFFSET)})"
    return f"epoch_us(date_trunc('{period}', {local}))"


def _bounds(span: Span, period: Period) -> tuple[str, str]:
    """SQL of the first microsecond of a period and of the first one after it."""
    if period is None:
        first = "min(us)" if span.start is None else str(_micros(span.start))
        return first, "max(us) + 1" if span.end is None else str(_micros(span.end))
    if isinstance(period, timedelta):
        return f"{_origin(span)} + bucket * {_us(period)}", f"{_origin(span)} + (bucket + 1) * {_us(period)}"
    offset = _us(_CIVIL_OFFSET)
    return f"bucket - {offset}", f"epoch_us(make_timestamp(bucket) + INTERVAL 1 {period}) - {offset}"


def _origin(span: Span) -> int:
    return 0 if span.start is None else _micros(span.start)


def _micros(at: datetime) -> int:
    return (at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _us(length: timedelta) -> int:
    return length // timedelta(microseconds=1)

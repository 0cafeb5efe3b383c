"""Roll-ups by civil day of Vietnam, made of the roll-ups by hour: a Delta table beside the lake, `<tenant>/days`.

A day is stored once it is over and its hours are in step; when its hours change afterwards it is made again, whole. Who
reads takes a day from here when nothing came since, and makes it of the hours otherwise (`read_days`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from province.errors import NotFound
from province.history.correction import Correction
from province.history.delta import Delta
from province.history.hours import PERIODS, Hours, limits_of, merge, news, read_hours, rows_of
from province.history.lake import Span, filter_of, may_hold
from province.history.ranges import ranges_of

DAYS: Final = pa.schema([pa.field("civil_day", pa.date32(), nullable=False), *PERIODS])
OFFSET: Final = timedelta(hours=7)
"""Asia/Ho_Chi_Minh has been UTC+7 without interruption since 13 June 1975."""
DAY: Final = timedelta(days=1)
_CIVIL: Final = "make_timestamptz((epoch_us(start) + 25200000000) // 86400000000 * 86400000000 - 25200000000)"
_POSITIONS: Final = ("hours", "stamp")


class Days(Delta):
    """The table beside the hours."""

    def __init__(self, hours: Hours) -> None:
        super().__init__(hours.lake.sibling("days"), DAYS, "civil_day", hours.storage_options)
        self.hours = hours


def civil(at: datetime) -> date:
    """The civil day of Vietnam that holds an instant."""
    return (at.astimezone(UTC) + OFFSET).date()


def bounds(day: date) -> tuple[datetime, datetime]:
    """First instant of a civil day, and of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - OFFSET
    return start, start + DAY


def whole_days(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The civil days that [start, end) touches."""
    first, (low, high) = bounds(civil(start))[0], bounds(civil(end))
    return first, end if end == low else high


def settle(days: Days, now: datetime) -> list[date]:
    """Make the civil days that are over and whose hours changed, the newest first. Returns the days that were made.

    Call it after `advance`. Raises: Conflict, Unavailable.
    """
    hours = days.hours
    version, _, files = hours.look()
    _, positions, stored = days.look(_POSITIONS)
    if version < 0:
        return []
    changed = _changed(days, positions, version)
    have = set(_days_of(stored))
    wanted = {civil(at) for at in _hours_of(files)} if changed is None else set(changed)
    if changed is not None:
        wanted |= {civil(at) for at in _hours_of(files)} - have
    made = sorted((d for d in wanted if d < civil(now)), reverse=True)
    for day in made:
        _make(days, files, day)
    if made or positions["hours"] != version:
        days.commit(DAYS.empty_table(), {"hours": version, "stamp": hours.stamp(version)})
    return made


def read_days(days: Days, span: Span, corrections: Sequence[Correction]) -> pa.Table:
    """Roll-ups (PERIODS) per civil day of a span as of now. span: its start and end are civil midnights.

    corrections: all that touch the span.
    """
    hours = days.hours
    version, _, files = hours.look()
    _, positions, stored = days.look(_POSITIONS)
    changed = _changed(days, positions, version)
    unsettled = _unsettled(hours, span, corrections)
    if changed is None or unsettled is None:
        return by_day(read_hours(hours, span, corrections))
    have = set(_days_of(stored))
    good = {d for d in have if d not in changed and d not in unsettled and _inside(d, span)}
    parts = [_stored(days, stored, span, good)]
    for start, end in _gaps(span, good, files, unsettled):
        parts.append(by_day(read_hours(hours, replace(span, start=start, end=end), corrections)))
    table = pa.concat_tables([p.cast(PERIODS) for p in parts])
    keys = [(name, "ascending", "at_start") for name in ("entity", "attribute", "dataset", "origin", "start")]
    return table.take(pc.sort_indices(table, sort_keys=keys))


def by_day(hours: pa.Table) -> pa.Table:
    """Hours (PERIODS) added up to civil days."""
    return merge([hours], start=_CIVIL)


def _make(days: Days, files: pa.Table, day: date) -> None:
    start, end = bounds(day)
    hours = days.hours
    span = Span(start=start, end=end)
    named = pa.array(sorted({start.date().isoformat(), day.isoformat()}))
    touched = files.filter(pc.is_in(files["partition.day"].cast(pa.string()), value_set=named))
    for n, chosen in enumerate(ranges_of(hours, touched)):
        rows = by_day(merge([rows_of(hours, touched, span, also=chosen)]))
        table = rows.add_column(0, DAYS.field("civil_day"), pa.array([day] * rows.num_rows, pa.date32()))
        predicate = f"civil_day = '{day.isoformat()}'" if n == 0 else None
        days.commit(table, {"round": 0}, predicate=predicate)


def _changed(days: Days, positions: dict[str, int | None], version: int) -> set[date] | None:
    """Civil days whose stored hours changed since they were looked at; None: nobody knows."""
    hours, seen = days.hours, positions["hours"]
    try:
        if seen is None or seen > version or hours.stamp(seen) != positions["stamp"]:
            return None
        return {day for one in hours.added(seen, version) for day in _civil_days(*limits_of(one, "start"))}
    except NotFound:
        return None


def _unsettled(hours: Hours, span: Span, corrections: Sequence[Correction]) -> set[date] | None:
    """Civil days of a span that the stored hours do not reflect yet; None: nobody knows."""
    positions, _ = hours.state()
    version, _, _ = hours.lake.look()
    try:
        found = {d for one in news(hours.lake, positions, version) for d in _civil_days(*limits_of(one, "observed_at"))}
    except NotFound:
        return None
    for one in corrections:
        if one.id > (positions["corrections"] or 0):
            low = one.start if span.start is None else max(one.start, span.start)
            high = one.end if span.end is None else min(one.end, span.end)
            if high - low > 4000 * DAY:
                return None
            found.update(_civil_days(low, high))
    return found


def _gaps(span: Span, good: set[date], files: pa.Table, unsettled: set[date]) -> list[tuple[datetime, datetime]]:
    """Periods of a span that are not in `good` days, as few as possible, where there may be anything."""
    anything = {civil(at) for at in _hours_of(files)} | unsettled
    wanted = sorted(d for d in anything - good if _inside(d, span))
    result: list[tuple[datetime, datetime]] = []
    for day in wanted:
        start, end = bounds(day)
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def _stored(days: Days, files: pa.Table, span: Span, good: set[date]) -> pa.Table:
    if not good or not files.num_rows:
        return PERIODS.empty_table()
    named = pa.array(sorted(d.isoformat() for d in good))
    files = files.filter(pc.is_in(files["partition.civil_day"].cast(pa.string()), value_set=named))
    files = files.filter(may_hold(files, Span(entities=span.entities, attributes=span.attributes)))
    rows = days.dataset(files["path"].to_pylist()).to_table(filter=filter_of(replace(span, start=None, end=None)))
    return pa.table([rows[n] for n in PERIODS.names], schema=pa.schema([f.with_nullable(True) for f in PERIODS]))


def _days_of(files: pa.Table) -> list[date]:
    if not files.num_rows:
        return []
    return [date.fromisoformat(d) for d in pc.unique(files["partition.civil_day"].cast(pa.string())).to_pylist()]


def _hours_of(files: pa.Table) -> list[Any]:
    """One instant in each civil day that the stored hours of UTC days may touch."""
    if not files.num_rows:
        return []
    days = pc.unique(files["partition.day"].cast(pa.string())).to_pylist()
    return [datetime.fromisoformat(f"{d}T{h:02d}:00:00+00:00") for d in days for h in (0, 23)]


def _civil_days(start: datetime, end: datetime) -> list[date]:
    first, last = civil(start), civil(end)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _inside(day: date, span: Span) -> bool:
    start, end = bounds(day)
    return (span.start is None or start >= span.start) and (span.end is None or end <= span.end)

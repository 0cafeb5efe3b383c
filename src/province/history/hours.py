"""Roll-ups by hour: per entity, attribute, dataset and origin what an hour's numbers come to. A Delta table beside the
lake, `<tenant>/hours`, partitioned by UTC day.

    readings, total, low, high, squares      count, sum, least, greatest, sum of squares
    first_at, first, last_at, last           the oldest and the newest number of the hour
    round, whole                             see below

**Additive.** A row is a part of an hour: `advance` turns the files that the lake gained since its last round into parts
and appends them, so that late and out-of-order readings need no care. Reading adds the parts up (`merge`). A correction
takes away as well, which least and greatest cannot follow: then the hours that it touches are computed again from the
lake, and the new row is *whole*: parts of earlier rounds do not count beside it. Upkeep merges parts into one row.

**In step.** The commit carries the lake's version, and the newest correction, that it reflects. Whoever reads adds what
came since from the lake's new files (`read_hours`): a number is both fast and fresh.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.errors import NotFound
from province.history.compact import rewrite
from province.history.correction import Correction, amend
from province.history.delta import Added, Delta
from province.history.lake import Lake, Span, filter_of, in_order, may_hold, ranks
from province.history.ranges import ranges_of

_FIGURES: Final = [
    pa.field("readings", pa.int64(), nullable=False),
    pa.field("total", pa.float64()),
    pa.field("low", pa.float64()),
    pa.field("high", pa.float64()),
    pa.field("squares", pa.float64()),
    pa.field("first_at", pa.timestamp("us", tz="UTC")),
    pa.field("first", pa.float64()),
    pa.field("last_at", pa.timestamp("us", tz="UTC")),
    pa.field("last", pa.float64()),
]
_KEYS: Final = [
    pa.field("entity", pa.string(), nullable=False),
    pa.field("type", pa.string(), nullable=False),
    pa.field("attribute", pa.string(), nullable=False),
    pa.field("dataset", pa.string()),
    pa.field("origin", pa.int8(), nullable=False),
    pa.field("start", pa.timestamp("us", tz="UTC"), nullable=False),
]
PERIODS: Final = pa.schema([*_KEYS, *_FIGURES])
"""What reading gives: one row per entity, attribute, dataset, origin and period, in this order."""
HOURS: Final = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        *_KEYS,
        *_FIGURES,
        pa.field("round", pa.int64(), nullable=False),
        pa.field("whole", pa.bool_(), nullable=False),
    ]
)
HOUR: Final = timedelta(hours=1)
HOUR_US: Final = 3_600_000_000
MOST: Final = 2_000_000
"""New readings that one commit takes in."""
PART: Final = 2_000_000
"""Readings summed at once: they are held in memory."""
_POSITIONS: Final = ("lake", "stamp", "corrections", "round")
_NEEDED: Final = ("entity", "type", "attribute", "dataset", "observed_at", "number", "origin", "seq", "row")
_SERIES: Final = ("entity", "type", "attribute", "dataset", "origin")


@dataclass(frozen=True, slots=True)
class Advance:
    """What a round did. rebuilt: from the whole lake, because the former state was of no use."""

    readings: int
    rows: int
    corrections: int
    rebuilt: bool


class Hours(Delta):
    """The table beside a lake."""

    def __init__(self, lake: Lake) -> None:
        super().__init__(lake.sibling("hours"), HOURS, "day", lake.storage_options)
        self.lake = lake

    def state(self) -> tuple[dict[str, int | None], pa.Table]:
        """Positions and live files at one moment."""
        _, positions, files = self.look(_POSITIONS)
        return positions, files


def advance(hours: Hours, corrections: Sequence[Correction], *, most: int = MOST) -> Advance:
    """Bring the roll-ups to the present version of the lake. corrections: all of the tenant.

    most: new readings taken in by one commit; more of them take several.
    Raises: Conflict when another round was faster, Unavailable when the storage refuses. Nothing was changed then.
    """
    lake = hours.lake
    positions, _ = hours.state()
    version, _, files = lake.look()
    newest = max((c.id for c in corrections), default=0)
    try:
        added = news(lake, positions, version)
    except NotFound:
        return _rebuild(hours, version, files, corrections)
    reflected = positions["corrections"] or 0
    pending = [c for c in corrections if c.id > reflected]
    if not added and not pending:
        return Advance(0, 0, 0, False)
    readings = sum(one.rows for one in added)
    while sum(one.rows for one in added) > most and len({one.version for one in added}) > 1:
        added, positions = _step(hours, added, positions, [c for c in corrections if c.id <= reflected], most)
    spoken_of = sorted({c.entity for c in pending})
    number = (positions["round"] or 0) + 1
    made = [
        _stored(sum_up(amend(part, corrections)), number, whole=False)
        for part in _parts(lake, [one.path for one in added], Span(), without=spoken_of)
    ]
    if spoken_of:
        whole = _again(hours, files, added, pending, corrections)
        made.append(_stored(whole, number, whole=True))
    rows = _by_day(pa.concat_tables(made)) if made else HOURS.empty_table()
    hours.commit(
        rows,
        {"lake": version, "stamp": _stamp(lake, version), "corrections": newest, "round": number},
        expected=positions,
    )
    return Advance(readings, rows.num_rows, len(pending), False)


def _step(
    hours: Hours, added: Sequence[Added], positions: Mapping[str, int | None], corrections: Sequence[Correction],
    most: int,
) -> tuple[list[Added], dict[str, int | None]]:  # fmt: skip
    """Take in the oldest of the new files, as one round of its own. Returns those that are left, and the positions."""
    versions = sorted({one.version for one in added})
    taken, rows = versions[:1], sum(one.rows for one in added if one.version == versions[0])
    for version in versions[1:-1]:
        rows += sum(one.rows for one in added if one.version == version)
        if rows > most:
            break
        taken.append(version)
    number = (positions["round"] or 0) + 1
    paths = [one.path for one in added if one.version <= taken[-1]]
    made = [sum_up(amend(part, corrections)) for part in _parts(hours.lake, paths, Span())]
    stored = [_stored(one, number, whole=False) for one in made]
    reached: dict[str, int] = {"lake": taken[-1], "stamp": hours.lake.stamp(taken[-1]), "round": number}
    hours.commit(_by_day(pa.concat_tables(stored)) if stored else HOURS.empty_table(), reached, expected=positions)
    return [one for one in added if one.version > taken[-1]], {**positions, **reached}


def read_hours(
    hours: Hours, span: Span, corrections: Sequence[Correction], *, present: datetime | None = None
) -> pa.Table:
    """Roll-ups (PERIODS) of a span as of now: what is stored, and what came since.

    span: its start and end are full hours.  corrections: all that touch the span.
    """
    lake = hours.lake
    positions, stored = hours.state()
    version, _, files = lake.look()
    try:
        added = news(lake, positions, version)
        newer = [c for c in corrections if c.id > (positions["corrections"] or 0)]
        spoken_of = sorted({c.entity for c in newer})
        parts = [rows_of(hours, stored, span, without=spoken_of)]
        touching = [one.path for one in added if _touches(one, span)]
        parts += [sum_up(amend(p, corrections)) for p in _parts(lake, touching, span, without=spoken_of)]
        if spoken_of and (among := _among(span, spoken_of)):
            only = replace(span, entities=among)
            parts.append(sum_up(lake.read(only, columns=_NEEDED, corrections=corrections, files=files)))
    except (NotFound, FileNotFoundError):
        parts = [sum_up(amend(p, corrections)) for p in lake.parts(span, _NEEDED, rows=PART)]
    return merge(parts)


def whole_hours(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The hours that [start, end) touches."""
    return _floor(start), _ceil(end)


def sum_up(rows: pa.Table) -> pa.Table:
    """Hourly figures (PERIODS) of rows with the columns of the lake; rows without a number do not count."""
    rows = rows.filter(pc.is_valid(rows["number"])) if rows["number"].null_count else rows
    if rows.num_rows == 0:
        return PERIODS.empty_table()
    rows = rows.combine_chunks()
    series = np.zeros(rows.num_rows, np.int64)
    for name in ("entity", "attribute", "type", "dataset"):
        if name == "dataset" and rows[name].null_count == rows.num_rows:
            continue
        rank = ranks(pc.fill_null(rows[name], "") if name == "dataset" else rows[name])
        series = series * (int(rank.max()) + 1) + rank
    series = series * 8 + rows["origin"].to_numpy()
    order = in_order(series, rows)
    at = rows["observed_at"].cast(pa.int64()).to_numpy()[order]
    hour, series = at // HOUR_US, series[order]
    number = rows["number"].to_numpy()[order]
    begin = np.append(0, np.flatnonzero((np.diff(series) != 0) | (np.diff(hour) != 0)) + 1)
    end = np.append(begin[1:], len(at)) - 1
    names = rows.select(list(_SERIES)).take(pa.array(order[begin]))
    instant = PERIODS.field("start").type
    columns: list[Any] = [names[name].cast(PERIODS.field(name).type) for name in _SERIES]
    columns += [
        pa.array(hour[begin] * HOUR_US).cast(instant),
        pa.array(end - begin + 1),
        pa.array(np.add.reduceat(number, begin)),
        pa.array(np.minimum.reduceat(number, begin)),
        pa.array(np.maximum.reduceat(number, begin)),
        pa.array(np.add.reduceat(number * number, begin)),
        pa.array(at[begin]).cast(instant),
        pa.array(number[begin]),
        pa.array(at[end]).cast(instant),
        pa.array(number[end]),
    ]
    return pa.table(columns, schema=PERIODS)


def merge(parts: Sequence[pa.Table], *, start: str = "start") -> pa.Table:
    """Parts (PERIODS, or HOURS) added up: one row (PERIODS) per series and period, ordered; empty ones are absent.

    start: SQL for the period that a part belongs to, a timestamp in UTC.
    """
    given = [p for p in parts if p.num_rows]
    if not given:
        return PERIODS.empty_table()
    names = [*PERIODS.names, "round", "whole"]
    kinds = pa.schema([HOURS.field(name).with_nullable(True) for name in names])
    filled = [p.select(names) if "whole" in p.schema.names else _marked(p) for p in given]
    table = pa.concat_tables([p.cast(kinds) for p in filled])
    whole = pc.any(table["whole"]).as_py()
    keys = ", ".join([*_SERIES, "start"])
    source = "parts"
    if whole:
        source = (
            f"(SELECT * FROM (SELECT *, max(CASE WHEN whole THEN round ELSE -1 END) OVER (PARTITION BY {keys}) AS since"  # noqa: S608
            " FROM parts) WHERE round >= since)"
        )
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("parts", table)
        found: pa.Table = connection.sql(
            f"SELECT {', '.join(_SERIES)}, {start} AS period, sum(readings)::BIGINT AS readings, sum(total) AS total,"  # noqa: S608
            " min(low) AS low, max(high) AS high, sum(squares) AS squares, min(first_at) AS first_at,"
            " arg_min(first, first_at) AS first, max(last_at) AS last_at, arg_max(last, last_at) AS last"
            f" FROM {source} GROUP BY {', '.join(_SERIES)}, period HAVING sum(readings) > 0"
            f" ORDER BY entity, attribute, dataset NULLS FIRST, origin, period"
        ).to_arrow_table()
    return pa.table([found[n if n != "start" else "period"].cast(PERIODS.field(n).type) for n in PERIODS.names],
                    schema=PERIODS)  # fmt: skip


def _marked(table: pa.Table) -> pa.Table:
    """Parts of the moment: newer than any stored round."""
    size = table.num_rows
    table = table.append_column("round", pa.array(np.full(size, 2**62, np.int64)))
    return table.append_column("whole", pa.array(np.zeros(size, np.bool_)))


def news(lake: Lake, positions: Mapping[str, int | None], version: int) -> list[Added]:
    """Files of the lake that came after the reflected version.

    Raises: NotFound when that version is not in the log any more, or is another one.
    """
    reflected = positions["lake"]
    if version < 0:
        return []
    if reflected is None or reflected > version or lake.stamp(reflected) != positions["stamp"]:
        raise NotFound("the roll-ups reflect another lake.")
    return lake.added(reflected, version)


def _stamp(lake: Lake, version: int) -> int:
    return lake.stamp(version) if version >= 0 else 0


def _parts(lake: Lake, paths: Sequence[str], span: Span, *, without: Sequence[str] = ()) -> Any:
    """Readings of some files in tables of bounded size."""
    if not paths:
        return
    held: list[pa.RecordBatch] = []
    size = 0
    chosen = filter_of(span, without)
    for batch in lake.dataset(paths).scanner(columns=list(_NEEDED), filter=chosen).to_batches():
        held.append(batch)
        size += batch.num_rows
        if size >= PART:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if size:
        yield pa.Table.from_batches(held)


def _again(
    hours: Hours, files: pa.Table, added: Sequence[Added], pending: Sequence[Correction],
    corrections: Sequence[Correction],
) -> pa.Table:  # fmt: skip
    """Figures of all hours that pending corrections, or new readings of their entities, touch; 0 where none is left."""
    lake = hours.lake
    made = []
    for entity in sorted({c.entity for c in pending}):
        limits = [(_floor(c.start), _ceil(c.end)) for c in pending if c.entity == entity]
        mine = Span(entities=[entity])
        for part in _parts(lake, [one.path for one in added], mine):
            at = np.unique(part["observed_at"].cast(pa.int64()).to_numpy() // HOUR_US)
            limits += [(_hour(int(h)), _hour(int(h) + 1)) for h in at]
        for start, end in _joined(limits):
            span = Span(entities=[entity], start=start, end=end)
            figures = sum_up(lake.read(span, columns=_NEEDED, corrections=corrections, files=files))
            made.append(figures)
            before = merge([rows_of(hours, hours.state()[1], span)])
            made.append(_emptied(before, figures))
    return pa.concat_tables(made) if made else PERIODS.empty_table()


def _emptied(before: pa.Table, after: pa.Table) -> pa.Table:
    """Rows of 0 readings for the periods of `before` that `after` lacks."""
    keys = [*_SERIES, "start"]
    have = set(zip(*(after[k].to_pylist() for k in keys), strict=True))
    lost = [key not in have for key in zip(*(before[k].to_pylist() for k in keys), strict=True)]
    gone = before.filter(pa.array(lost, pa.bool_()))
    columns = [gone[k] for k in keys] + [pa.array(np.zeros(gone.num_rows, np.int64))]
    columns += [pa.nulls(gone.num_rows, f.type) for f in _FIGURES[1:]]
    return pa.table(columns, schema=PERIODS)


def _rebuild(hours: Hours, version: int, files: pa.Table, corrections: Sequence[Correction]) -> Advance:
    """All roll-ups from the whole lake, day by day; the first commit takes the place of what was there."""
    lake = hours.lake
    positions, _ = hours.state()
    number = (positions["round"] or 0) + 1
    spoken_of = sorted({c.entity for c in corrections})
    readings = count = 0
    first = True

    def put(table: pa.Table, *, last: bool) -> None:
        nonlocal first, count
        rows = _by_day(_stored(table, number, whole=False))
        count += rows.num_rows
        reached = {"round": number}
        if last:
            newest = max((c.id for c in corrections), default=0)
            reached |= {"lake": version, "stamp": _stamp(lake, version), "corrections": newest}
        # What is older than the lake was removed by retention: its roll-ups stay.
        hours.commit(rows, reached, predicate=f"day >= '{days[0]}'" if first and days else "" if first else None)
        first = False

    days = sorted(set(files["partition.day"].cast(pa.string()).to_pylist())) if files.num_rows else []
    for day in days:
        paths = files.filter(pc.equal(files["partition.day"].cast(pa.string()), day))["path"].to_pylist()
        for part in _parts(lake, paths, Span(), without=spoken_of):
            readings += part.num_rows
            put(sum_up(part), last=False)
    rest = PERIODS.empty_table()
    if spoken_of:
        rest = sum_up(lake.read(Span(entities=spoken_of), columns=_NEEDED, corrections=corrections, files=files))
    put(rest, last=True)
    return Advance(readings, count, len(corrections), True)


def rows_of(hours: Hours, files: pa.Table, span: Span, *, without: Sequence[str] = (), also: Any = None) -> pa.Table:
    """Stored parts (HOURS without the day) of a span. also: a further condition."""
    for bound in ("min", "max"):
        if f"{bound}.start" in files.schema.names and f"{bound}.observed_at" not in files.schema.names:
            files = files.append_column(f"{bound}.observed_at", files[f"{bound}.start"])
    paths = files.filter(may_hold(files, span))["path"].to_pylist() if files.num_rows else []
    chosen = filter_of(span, without, at="start")
    if also is not None:
        chosen = also if chosen is None else chosen & also
    return hours.dataset(paths).to_table(columns=[n for n in HOURS.names if n != "day"], filter=chosen)


def _stored(figures: pa.Table, number: int, *, whole: bool) -> pa.Table:
    size = figures.num_rows
    day = figures["start"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    columns = [day, *figures.columns, pa.array(np.full(size, number, np.int64)), pa.array(np.full(size, whole))]
    return pa.table(columns, schema=HOURS)


def _by_day(rows: pa.Table) -> pa.Table:
    return rows.sort_by([("day", "ascending"), ("entity", "ascending"), ("attribute", "ascending")])


def limits_of(one: Added, at: str) -> tuple[datetime, datetime]:
    """First and last instant that a new file may hold. at: name of the column with the instant."""
    first = datetime.fromisoformat(f"{one.day}T00:00:00+00:00")
    low, high = one.low.get(at), one.high.get(at)
    last = first + timedelta(days=1, microseconds=-1)
    return (_instant(low) if low else first), (_instant(high) + timedelta(milliseconds=1) if high else last)


def _touches(one: Added, span: Span) -> bool:
    """Whether a new file may hold readings of a span, by its day and the bounds of its instants and ids."""
    first, last = limits_of(one, "observed_at")
    if (span.end is not None and first >= span.end) or (span.start is not None and last < span.start):
        return False
    if span.entities is not None and span.entities and "entity" in one.low and "entity" in one.high:
        least, most = min(span.entities)[:32], max(span.entities)[:32]
        return str(one.low["entity"])[:32] <= most and str(one.high["entity"])[:32] >= least
    return True


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _among(span: Span, entities: Sequence[str]) -> list[str]:
    return [e for e in entities if span.entities is None or e in span.entities]


def _joined(limits: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Periods that overlap or touch, as one."""
    result: list[tuple[datetime, datetime]] = []
    for start, end in sorted(limits):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def _floor(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _ceil(at: datetime) -> datetime:
    return at if at == _floor(at) else _floor(at) + HOUR


def _hour(number: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + number * HOUR


def compact_hours(hours: Hours, day: date, *, at_least: int = 2) -> int:
    """Add up all parts of a UTC day into one row per series and hour. Returns how many files became fewer.

    Raises: Conflict when something else was faster, Unavailable.
    """
    files = hours.files()
    if not files.num_rows:
        return 0
    mine = files.filter(pc.equal(files["partition.day"].cast(pa.string()), day.isoformat()))
    if mine.num_rows < at_least:
        return 0
    given = mine.select(["path", "size_bytes"]).to_pylist()
    written = 0

    def rows() -> Iterator[pa.Table]:
        nonlocal written
        for slice_ in ranges_of(hours, mine):
            stored = hours.dataset([one["path"] for one in given]).to_table(filter=slice_)
            added = merge([stored])
            newest = pc.max(stored["round"]).as_py() if stored.num_rows else 0
            written += 1 if added.num_rows else 0
            yield _stored(added, newest, whole=False)

    rewrite(hours, day, given, rows)
    return len(given) - written

"""Reading what machines measured: series, history and silence, with the caller's rights over the entity."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.broker.admission import Bind, Bound, Columns, admitted, open_to
from province.broker.broker import Broker
from province.broker.database import Connection
from province.broker.departed import Departed
from province.broker.history import History, read_instances, read_values
from province.broker.select import ENTITIES
from province.errors import InvalidInput, NotFound, NotSignedIn
from province.history import area_hours, correction
from province.history.aggregate import Figures, Periods, of_readings, of_values
from province.history.correction import Correction
from province.history.days import DAY, Days, read_days, whole_days
from province.history.hours import HOUR, Hours, read_hours, whole_hours
from province.history.lake import COLUMNS, LAKE, Lake, Span
from province.history.silent import silent as find_silent
from province.model.actor import Actor
from province.model.entity import ORIGINS, Kind, Origin, split_key
from province.model.evolution import TimeProperty
from province.model.query import Query
from province.model.schema import EntityType
from province.model.time import Instant, now
from province.pack import Silent

PLACED_AGE_S = 60.0
_SUMS = Columns(
    agency="agency", area="area", attribute="attribute",
    # Sums of an hour hold published and other records together.
    public=lambda kind, _: "true" if kind.info.public_where is None else "false",
)  # fmt: skip
READINGS = Columns(
    types="p.types", agency="p.agency", area="p.area", id="p.entity", attribute="r.attribute",
    public=lambda _, __: "p.published",
)  # fmt: skip
"""Readings in the lake, called r, beside where their entities stand, called p: for DuckDB."""
SERIES = pa.schema(
    [("t", pa.timestamp("us", tz="UTC")), ("avg", pa.float64()), ("min", pa.float64()), ("max", pa.float64()),
     ("count", pa.int64())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading on a page. stored: as the lake has it.  counts: as it counts.  said: kind of the correction that
    decides about it, or None.  seq: the message that brought it."""

    at: Instant
    dataset: str | None
    stored: Any
    counts: Any
    origin: str
    seq: int
    said: str | None


@dataclass(frozen=True, slots=True)
class AreaHour:
    """An hour of an attribute in an area. area: id, None: entities outside all areas.  squares: sum of squares."""

    start: Instant
    area: str | None
    readings: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The average of the readings."""
        return self.total / self.readings

    @property
    def deviation(self) -> float:
        """The standard deviation of the readings (of all of them, not of a sample)."""
        return math.sqrt(max(0.0, self.squares / self.readings - self.mean**2))


@dataclass(frozen=True, slots=True)
class SilentMember:
    """A silent entity. last: its newest reading, None when it never sent one."""

    id: str
    title: str
    last: Instant | None


@dataclass(frozen=True, slots=True)
class SilentGroup:
    """Silent entities that share a value. values: one per field of the panel's `by`, None where it is not the field."""

    values: tuple[Any, ...]
    silent: int
    total: int
    members: tuple[SilentMember, ...]


class Measured:
    """broker: for rights.  lake_of: tenant → its lake."""

    def __init__(self, broker: Broker, lake_of: Callable[[str], Lake]) -> None:
        self._broker = broker
        self._lake_of = lake_of
        self._places: dict[tuple[str, str], tuple[float, pa.Table]] = {}

    async def history(
        self,
        id: str,
        actor: Actor,
        *,
        attrs: Sequence[str] = (),
        start: Instant | None = None,
        end: Instant | None = None,
        last: int | None = None,
        limit: int = 10_000,
        of: Departed | None = None,
    ) -> History:
        """Instances and readings of an entity in [start, end). last: only the newest so many of each attribute.

        Attributes that the caller may not see are left out. of: the entity, if it is no more. Raises: NotFound.
        """
        entity = of.judged if of is not None else await self._broker.get(id, actor, latest=False)
        entity_type = self._broker.types.get(entity.type)
        visible = self._broker.visible(entity, actor)
        wanted = [a for a in attrs if visible(a)] if attrs else []
        if attrs and not wanted:
            return History((), _empty())
        async with self._broker.pool.acquire() as connection:
            records = await read_instances(connection, actor.tenant, id, keys=wanted, start=start, end=end, limit=limit)
        records = tuple(r for r in records if visible(split_key(r.key)[0]))
        if last is not None:
            records = _newest_of_each(records, last)
        observed = [s.name for s in entity_type.observed] if entity_type else []
        asked = [n for n in observed if (not wanted or n in wanted) and visible(n)]
        if not asked:
            return History.of(records, _empty())
        span = Span(entities=[id], attributes=asked, start=start, end=end)
        lake = self._lake_of(actor.tenant)
        said = await self._corrections(actor.tenant, [id], start, end)
        if last is not None:
            readings = await asyncio.to_thread(lake.last, span, last, corrections=said)
        else:
            readings = await asyncio.to_thread(lake.read, span, limit=limit, corrections=said)
        return History.of(records, readings)

    async def aggregates(
        self,
        id: str,
        actor: Actor,
        periods: Periods,
        *,
        measured: Sequence[str],
        recorded: Sequence[str] | None,
        time_property: TimeProperty = "observedAt",
        datasets: Collection[str | None] = (),
        of: Departed | None = None,
    ) -> dict[str, tuple[Kind, Figures]]:
        """What measured and record attributes of an entity came to per period, by name, with their kinds.

        recorded: names; empty: every one that is not measured; None: none.  datasets: empty: all, counted together.
        Attributes without a value in the span, and those that the caller may not see, are left out.
        of: the entity, if it is no more. Raises: NotFound; TooLarge for too many periods.
        """
        entity = of.judged if of is not None else await self._broker.get(id, actor, latest=False)
        entity_type = self._broker.types.get(entity.type)
        visible = self._broker.visible(entity, actor)
        observed = {s.name for s in entity_type.observed} if entity_type else set()
        asked = [n for n in measured if n in observed and visible(n)]
        found: dict[str, tuple[Kind, Figures]] = {}
        if asked and time_property != "deletedAt":
            chosen = tuple(datasets) if datasets else None
            span = Span([id], asked, periods.start, periods.end, chosen)
            said = await self._corrections(actor.tenant, [id], periods.start, periods.end)
            lake = self._lake_of(actor.tenant)
            figures = await asyncio.to_thread(of_readings, lake, span, periods, corrections=said)
            found |= {name: ("Property", one) for name, one in figures.items()}
        names = None if recorded is None else [n for n in recorded if visible(n)]
        if names is None or (recorded and not names):
            return found

        def admits(name: str, dataset: str | None) -> bool:
            return name not in observed and visible(name) and (not datasets or dataset in datasets)

        async with self._broker.pool.acquire() as connection:
            values = await read_values(
                connection, actor.tenant, id, keys=names, time_property=time_property, since=entity.created_at,
                start=periods.start, end=periods.end, admits=admits,
            )  # fmt: skip
        figures = await asyncio.to_thread(of_values, values.table, periods)
        return found | {name: (values.kinds[name], one) for name, one in figures.items()}

    async def _corrections(
        self, tenant: str, entities: Sequence[str] | None, start: Instant | None, end: Instant | None
    ) -> tuple[Correction, ...]:
        async with self._broker.pool.acquire() as connection:
            return await correction.read(connection, tenant, entities=entities, start=start, end=end)

    async def series(
        self, id: str, attr: str, actor: Actor, *, start: Instant, end: Instant, points: int = 800
    ) -> pa.Table:
        """Readings of one attribute in at most `points` buckets of equal length: t, avg, min, max, count (SERIES).

        Empty buckets are absent. With fewer readings than buckets every reading is its own row. Where a bucket is much
        longer than an hour, it is made of the roll-ups, and the first and the last one of whole periods.
        Raises: NotFound.
        """
        if end <= start or not 1 <= points <= 10_000:
            raise InvalidInput("the range is empty.", field="range", remedy="Give an end after the start.")
        entity = await self._broker.get(id, actor, latest=False)
        entity_type = self._broker.types.get(entity.type)
        spec = entity_type.fields.get(attr) if entity_type else None
        if spec is None or not spec.field.observed or not self._broker.visible(entity, actor)(attr):
            raise NotFound(f"{entity.type} has no measured attribute {attr!r}.", field="attr")
        width = (end - start) / points
        if width >= 4 * HOUR:
            period: Literal["hour", "day"] = "day" if width >= 4 * DAY else "hour"
            found = await self.rollup(id, attr, actor, period=period, start=start, end=end)
            return await asyncio.to_thread(bucket_periods, found, start, end, points)
        span = Span(entities=[id], attributes=[attr], start=start, end=end, datasets=(None,))
        rows = await asyncio.to_thread(
            self._lake_of(actor.tenant).read,
            span,
            columns=("entity", "attribute", "dataset", "observed_at", "number", "seq", "row"),
            corrections=await self._corrections(actor.tenant, [id], start, end),
        )
        return await asyncio.to_thread(bucket, rows, start, end, points)

    async def readings(
        self, id: str, attr: str, actor: Actor, *, start: Instant, end: Instant, limit: int = 200
    ) -> list[Reading]:
        """The newest readings of an attribute, newest first, as they came and as they count. Raises: NotFound."""
        entity = await self._broker.get(id, actor, latest=False)
        entity_type = self._broker.types.get(entity.type)
        spec = entity_type.fields.get(attr) if entity_type else None
        if spec is None or not spec.field.observed or not self._broker.visible(entity, actor)(attr):
            raise NotFound(f"{entity.type} has no measured attribute {attr!r}.", field="attr")
        said = await self._corrections(actor.tenant, [id], start, end)
        span = Span([id], [attr], start, end)
        rows = await asyncio.to_thread(self._lake_of(actor.tenant).last, span, limit)
        rows = rows.sort_by([("observed_at", "descending"), ("seq", "descending")]).slice(0, limit)
        deciding = correction.decide(rows, said)
        columns = (rows[n].to_pylist() for n in ("observed_at", "dataset", "number", "text", "origin", "seq"))
        found = []
        for n, (at, dataset, number, text, origin, seq) in enumerate(zip(*columns, strict=True)):
            by = said[deciding[n]] if deciding[n] >= 0 else None
            given = (by.number, by.text) if by is not None and by.kind == "value" else (number, text)
            kind = by.kind if by is not None and by.kind != "restore" else None
            found.append(Reading(at, dataset, _plain(number, text), _plain(*given), ORIGINS[origin], seq, kind))
        return found

    async def rollup(
        self, id: str, attr: str, actor: Actor, *, period: Literal["hour", "day"], start: Instant, end: Instant
    ) -> pa.Table:
        """What an attribute of an entity came to per hour, or per civil day of Vietnam, from the roll-ups and what came
        since (`history.hours.PERIODS`). Periods that [start, end) only touches are given whole. Raises: NotFound.
        """
        if end <= start:
            raise InvalidInput("the range is empty.", field="end", remedy="Give an end after the start.")
        entity = await self._broker.get(id, actor, latest=False)
        entity_type = self._broker.types.get(entity.type)
        spec = entity_type.fields.get(attr) if entity_type else None
        if spec is None or not spec.field.observed or not self._broker.visible(entity, actor)(attr):
            raise NotFound(f"{entity.type} has no measured attribute {attr!r}.", field="attr")
        widened = whole_hours(start, end) if period == "hour" else whole_days(start, end)
        span = Span([id], [attr], *widened, datasets=(None,))
        said = await self._corrections(actor.tenant, [id], *widened)
        hours = Hours(self._lake_of(actor.tenant))
        if period == "hour":
            return await asyncio.to_thread(read_hours, hours, span, said)
        return await asyncio.to_thread(read_days, Days(hours), span, said)

    async def area_hours(
        self, type: str, attr: str, actor: Actor, *, start: Instant, end: Instant,
        origins: Collection[Origin] | None = None, stored: bool = True,
    ) -> list[AreaHour]:  # fmt: skip
        """Hourly figures of one attribute per area, over the entities that the caller may read, by hour and area.

        Hours that begin in [start, end).  origins: only readings of these; None: of all.
        stored: from the sums that are kept with the latest values; else from the readings themselves, grouped by where
        entities stand now.  Raises: NotFound, NotSignedIn.
        """
        entity_type = self._broker.types.get(type)
        spec = entity_type.fields.get(attr) if entity_type else None
        access = self._broker.access(actor, type)
        access = access.narrowed((attr,)) if access is not None else None
        if entity_type is None or spec is None or not spec.field.observed or access is None or not access.shows(attr):
            if access is None and actor.kind == "anonymous":
                raise NotSignedIn("this needs an account.", remedy="Sign in, or send an access token.")
            raise NotFound(f"{type[:64]} has no measured attribute {attr[:64]!r}.", field="attr")
        mine = access  # as it is now, for the functions below
        if mine.keeping is not None and mine.keeping.elsewhere(attr, entity_type):
            stored = False  # sums hold entities together of which some may keep the attribute by a further type

        def admit(columns: Columns) -> area_hours.Admit:
            return lambda bind: admitted((mine,), columns, bind, self._broker.types)

        codes = None if origins is None else [ORIGINS.index(o) for o in origins]
        async with self._broker.pool.acquire() as connection:
            if stored:
                rows = await area_hours.read(
                    connection, actor.tenant, type, attr, start, end, origins=codes, admit=admit(_SUMS)
                )
                return [
                    AreaHour(r["start_at"], r["area"] or None, r["readings"], r["total"], r["squares"]) for r in rows
                ]
            placed = await self._placed(connection, actor.tenant, entity_type)
            said = await correction.read(connection, actor.tenant, start=start, end=end)
        span = Span(attributes=[attr], start=start, end=end, datasets=(None,))
        found = await asyncio.to_thread(
            area_hours.from_readings, self._lake_of(actor.tenant), span, type, placed, said, origins=codes,
            admit=admit(READINGS),
        )  # fmt: skip
        return [AreaHour(at, area or None, n, total, squares) for at, area, n, total, squares in found]

    async def _placed(self, connection: Connection, tenant: str, kind: EntityType) -> pa.Table:
        """entity, agency and area ("" for none) of all entities of a type, whether they are in its public view, and
        the types of those that have several; at most PLACED_AGE_S old."""
        at, table = self._places.get((tenant, kind.name), (-PLACED_AGE_S, None))
        if table is not None and monotonic() - at < PLACED_AGE_S:
            return table
        at = monotonic()
        given = Bound([tenant, kind.name])
        published = ENTITIES.public(kind, given.bind) if ENTITIES.public is not None and kind.info.public else "false"
        row = await connection.fetchrow(
            "SELECT array_agg(e.id) AS entity, array_agg(coalesce(e.agency, '')) AS agency,"  # noqa: S608 - placeholders
            f" array_agg(coalesce(e.area, '')) AS area, array_agg(coalesce({published}, false)) AS published,"
            " array_agg(array_to_string(e.types, ' ')) AS types"
            " FROM entity e WHERE e.tenant = $1 AND e.type = $2", *given.values,
        )  # fmt: skip
        columns = {name: pa.array((row and row[name]) or [], pa.string()) for name in ("entity", "agency", "area")}
        columns["published"] = pa.array((row and row["published"]) or [], pa.bool_())
        several = [one.split(" ") if one else None for one in (row and row["types"]) or []]
        columns["types"] = pa.array(several, pa.list_(pa.string()))
        self._places[tenant, kind.name] = (at, pa.table(columns))
        return self._places[tenant, kind.name][1]

    async def silent(self, panel: Silent, actor: Actor) -> list[SilentGroup]:
        """Silent entities by what they share: one group per value of each field in `by`, most silent first."""
        entity_type = self._broker.types[panel.of.TYPE.name]  # type: ignore[attr-defined]
        access = self._broker.access(actor, entity_type.name)
        if access is None or access.read.nothing:
            return []
        access = replace(access, public=False)
        observed = [s.name for s in entity_type.observed if access.shows(s.name)]
        if not observed:
            return []
        since = now() - timedelta(seconds=panel.after_s)
        by = [name for name in panel.by if access.shows(name)]

        def admit(bind: Bind) -> str:
            seen = admitted((access,), ENTITIES, bind, self._broker.types)
            shown = open_to((access,), (*by, *observed), ENTITIES, bind)
            return f"({seen} AND {shown})" if shown else seen

        async with self._broker.pool.acquire() as connection:
            found = await find_silent(
                connection,
                actor.tenant,
                entity_type,
                since,
                by=by,
                admit=admit,
                observed=observed,
            )
        ids = tuple(one.id for one in found.oldest)
        page = await self._broker.query(Query(ids=ids or ("urn:none",), types=(entity_type.name,), limit=1000), actor)
        entities = {e.id: e for e in page.items}
        groups = []
        for position, field in enumerate(panel.by):
            for value, silent, total in found.groups.get(field, ()):
                members = tuple(
                    SilentMember(one.id, str(entities[one.id].value(entity_type.info.title) or one.id), one.at)
                    for one in found.oldest
                    if one.id in entities and _shared(entities[one.id], field) == value
                )
                values = tuple(value if i == position else None for i in range(len(panel.by)))
                groups.append(SilentGroup(values, silent, total, members))
        return groups


def bucket(rows: pa.Table, start: Instant, end: Instant, points: int) -> pa.Table:
    """Average, least, greatest and number per bucket. rows: observed_at, number, by any order; nulls are skipped."""
    rows = rows.filter(pc.is_valid(rows["number"])).sort_by([("observed_at", "ascending")])
    at = rows["observed_at"].cast(pa.int64()).to_numpy()
    numbers = rows["number"].to_numpy()
    if len(at) <= points:
        ones = np.ones(len(at), np.int64)
        return pa.table([rows["observed_at"], numbers, numbers, numbers, ones], schema=SERIES)
    first = int(start.timestamp() * 1_000_000)
    width = max(1, -(-int((end - start).total_seconds() * 1_000_000) // points))
    index = (at - first) // width
    edges = np.concatenate(([0], np.flatnonzero(np.diff(index)) + 1))
    counts = np.diff(np.append(edges, len(at)))
    times = pa.array(first + index[edges] * width + width // 2).cast(pa.timestamp("us", tz="UTC"))
    return pa.table(
        [times, np.add.reduceat(numbers, edges) / counts, np.minimum.reduceat(numbers, edges),
         np.maximum.reduceat(numbers, edges), counts],
        schema=SERIES,
    )  # fmt: skip


def bucket_periods(periods: pa.Table, start: Instant, end: Instant, points: int) -> pa.Table:
    """As `bucket`, of roll-ups (`history.hours.PERIODS`): each period lies in the bucket that holds its beginning."""
    periods = periods.sort_by([("start", "ascending")])
    if periods.num_rows == 0:
        return SERIES.empty_table()
    at = periods["start"].cast(pa.int64()).to_numpy()
    first = int(start.timestamp() * 1_000_000)
    width = max(1, -(-int((end - start).total_seconds() * 1_000_000) // points))
    index = np.maximum(at - first, 0) // width
    edges = np.concatenate(([0], np.flatnonzero(np.diff(index)) + 1))
    counts = np.add.reduceat(periods["readings"].to_numpy(), edges)
    times = pa.array(first + index[edges] * width + width // 2).cast(pa.timestamp("us", tz="UTC"))
    return pa.table(
        [times, np.add.reduceat(periods["total"].to_numpy(), edges) / counts,
         np.minimum.reduceat(periods["low"].to_numpy(), edges), np.maximum.reduceat(periods["high"].to_numpy(), edges),
         counts],
        schema=SERIES,
    )  # fmt: skip


def origins(readings: pa.Table) -> tuple[str, ...]:
    """The distinct origins of readings, in the order of ORIGINS."""
    return tuple(ORIGINS[code] for code in sorted(pc.unique(readings["origin"]).to_pylist()))


def _plain(number: float | None, text: str | None) -> Any:
    return msgspec.json.decode(text) if number is None and text is not None else number


def _empty() -> pa.Table:
    return pa.schema([LAKE.field(c) for c in COLUMNS]).empty_table()


def _newest_of_each(records: Sequence[Any], last: int) -> tuple[Any, ...]:
    seen: dict[str, int] = {}
    kept = []
    for record in reversed(records):
        seen[record.key] = seen.get(record.key, 0) + 1
        if seen[record.key] <= last:
            kept.append(record)
    return tuple(reversed(kept))


def _shared(entity: Any, field: str) -> Any:
    if field == "agency":
        return entity.agency
    if field == "area":
        return entity.area
    return entity.value(field)

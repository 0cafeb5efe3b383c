"""Hourly sums per area and agency, kept in PostgreSQL with the latest values: a reading counts there exactly once.

A reading belongs to the area and agency in which its entity stood when the reading came in; a sensor that moves takes
its past along nowhere. Hours are full hours of UTC, which are full hours of Vietnam too. Only numbers without datasetId
are summed. A correction moves the sums in its own transaction.

All functions here take the lock `HOLD` for granted where they write: see `hold`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import asyncpg
import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from province.history.correction import Correction
from province.history.lake import Lake, Span

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Place = tuple[str | None, str | None]
"""(agency, area) of an entity; None where it has none."""

HOUR_US = 3_600_000_000
PART: Final = 1_000_000
"""Rows held at once while sums are made again."""
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOLD = 0x484F4C44
_READ: Final = ("entity", "type", "attribute", "dataset", "observed_at", "number", "origin", "seq")

SUMS = pa.schema(
    [
        pa.field("type", pa.string()),
        pa.field("attribute", pa.string()),
        pa.field("hour", pa.int64()),
        pa.field("origin", pa.int64()),
        pa.field("agency", pa.string()),
        pa.field("area", pa.string()),
        pa.field("readings", pa.int64()),
        pa.field("total", pa.float64()),
        pa.field("squares", pa.float64()),
    ]
)
"""hour: number of hours since 1970."""


Bind = Callable[[object], str]
Admit = Callable[[Bind], str]
"""admit(bind) → condition in SQL on the rows that a caller may see; bind(value) → its placeholder."""


def everything(_: Bind) -> str:
    """For callers who may see all."""
    return "true"


def _binding(values: list[object]) -> Bind:
    def bind(value: object) -> str:
        values.append(value)
        return f"${len(values)}"

    return bind


async def hold(connection: Connection) -> None:
    """Until the transaction ends, nobody else adds readings to the latest values and sums, or corrects them."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _HOLD)


def sums(rows: pa.Table, places: Mapping[str, Place]) -> pa.Table:
    """Sums (SUMS) of rows with columns entity, type, attribute, dataset, observed_at, number, origin.

    places: by entity; an entity that is absent has neither agency nor area.
    """
    counted = pc.and_(pc.is_valid(rows["number"]), pc.is_null(rows["dataset"]))
    rows = rows if pc.all(counted).as_py() else rows.filter(counted)
    if rows.num_rows == 0:
        return SUMS.empty_table()
    entities, entity = _codes(rows["entity"])
    types, kind = _codes(rows["type"])
    attributes, attribute = _codes(rows["attribute"])
    known = [places.get(one, (None, None)) for one in entities]
    distinct = {place: n for n, place in enumerate(dict.fromkeys(known))}
    placed = list(distinct)
    place = np.fromiter((distinct[one] for one in known), np.int64, len(known))[entity]
    hours, hour = np.unique(rows["observed_at"].cast(pa.int64()).to_numpy() // HOUR_US, return_inverse=True)
    origin = rows["origin"].to_numpy().astype(np.int64)
    key = (((kind * len(attributes) + attribute) * len(placed) + place) * len(hours) + hour) * 8 + origin
    keys, group = np.unique(key, return_inverse=True)
    number = rows["number"].to_numpy()
    found_origin, rest = keys % 8, keys // 8
    found_hour, rest = hours[rest % len(hours)], rest // len(hours)
    found_place, rest = rest % len(placed), rest // len(placed)
    return pa.table(
        [
            pa.array([types[n] for n in rest // len(attributes)], pa.string()),
            pa.array([attributes[n] for n in rest % len(attributes)], pa.string()),
            pa.array(found_hour),
            pa.array(found_origin),
            pa.array([placed[n][0] or "" for n in found_place], pa.string()),
            pa.array([placed[n][1] or "" for n in found_place], pa.string()),
            pa.array(np.bincount(group)),
            pa.array(np.bincount(group, number)),
            pa.array(np.bincount(group, number * number)),
        ],
        schema=SUMS,
    )


async def add(connection: Connection, tenant: str, found: pa.Table, *, sign: int = 1) -> None:
    """Add sums (SUMS) to what is stored; sign −1 takes them away."""
    if found.num_rows == 0:
        return
    columns = found.to_pydict()
    for name in ("readings", "total", "squares"):
        columns[name] = [sign * value for value in columns[name]]
    await connection.execute(
        "INSERT INTO area_hour AS a (tenant, type, attribute, start_at, origin, agency, area, readings, total, squares)"
        " SELECT $1, type, attribute, timestamptz 'epoch' + hour * interval '1 hour', origin, agency, area, readings,"
        " total, squares FROM unnest($2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::text[], $7::text[],"
        " $8::bigint[], $9::float8[], $10::float8[])"
        " AS u(type, attribute, hour, origin, agency, area, readings, total, squares)"
        " ON CONFLICT (tenant, type, attribute, start_at, origin, agency, area) DO UPDATE"
        " SET readings = a.readings + EXCLUDED.readings, total = a.total + EXCLUDED.total,"
        " squares = a.squares + EXCLUDED.squares",
        tenant, *(columns[name] for name in SUMS.names),
    )  # fmt: skip


async def rebuild(
    connection: Connection,
    tenant: str,
    lake: Lake,
    places: Callable[[Sequence[str]], Awaitable[Mapping[str, Place]]],
    corrections: Sequence[Correction],
    *,
    without: tuple[int, int] | None = None,
) -> None:
    """Make all sums of a tenant again from the lake, in one transaction, part by part.

    places: asked per part; where entities stand now.  without: positions (a, b] whose readings are added later.
    """
    async with connection.transaction():
        await hold(connection)
        await connection.execute("DELETE FROM area_hour WHERE tenant = $1", tenant)
        async for part in _parts(lake, corrections):
            if without is not None:
                seq = part["seq"]
                part = part.filter(pc.or_(pc.less_equal(seq, without[0]), pc.greater(seq, without[1])))
            await add(connection, tenant, sums(part, await places(pc.unique(part["entity"]).to_pylist())))
        await connection.execute(
            "INSERT INTO rollup_state (tenant, name) VALUES ($1, 'area_hour')"
            " ON CONFLICT (tenant, name) DO UPDATE SET at = now()", tenant,
        )  # fmt: skip


async def is_complete(connection: Connection, tenant: str) -> bool:
    """Whether the sums were made from the whole lake at some time (an older release had none)."""
    return bool(
        await connection.fetchval("SELECT 1 FROM rollup_state WHERE tenant = $1 AND name = 'area_hour'", tenant)
    )


async def _parts(lake: Lake, corrections: Sequence[Correction]) -> AsyncIterator[pa.Table]:
    spoken_of = sorted({c.entity for c in corrections})
    if spoken_of:
        yield await asyncio.to_thread(lake.read, Span(entities=spoken_of), columns=_READ, corrections=corrections)
    for day in await asyncio.to_thread(lake.days):
        span = Span(start=day, end=day + timedelta(days=1))
        parts = lake.parts(span, _READ, rows=PART, without=spoken_of)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            yield part


async def read(
    connection: Connection,
    tenant: str,
    type: str,
    attribute: str,
    start: datetime,
    end: datetime,
    *,
    origins: Sequence[int] | None = None,
    admit: Admit = everything,
) -> list[asyncpg.Record]:
    """(start_at, area, readings, total, squares) of the hours that begin in [start, end), by hour and area.

    admit: the caller's rights over rows with `agency`, `area` ("" for none) and `attribute`.
    """
    given: list[object] = [tenant, type, attribute, start, end, None if origins is None else list(origins)]
    admitted = admit(_binding(given))
    return await connection.fetch(
        "SELECT start_at, area, sum(readings)::bigint AS readings, sum(total) AS total, sum(squares) AS squares"  # noqa: S608 - placeholders
        " FROM area_hour WHERE tenant = $1 AND type = $2 AND attribute = $3 AND start_at >= $4 AND start_at < $5"
        f" AND ($6::smallint[] IS NULL OR origin = ANY($6)) AND {admitted}"
        " GROUP BY start_at, area HAVING sum(readings) > 0 ORDER BY start_at, area",
        *given,
    )


def from_readings(
    lake: Lake, span: Span, type: str, placed: pa.Table, corrections: Sequence[Correction], *,
    origins: Sequence[int] | None = None, admit: Admit = everything,
) -> list[tuple[datetime, str, int, float, float]]:  # fmt: skip
    """(start, area, readings, total, squares) per hour and area, computed from the readings of a span.

    placed: columns entity, agency, area, published and types; other entities do not count.
    corrections: all that touch the span.
    admit: the caller's rights over rows with the columns of `placed` as `p`, and `r.attribute`.
    """
    given: list[object] = [type]
    admitted = admit(_binding(given))
    spoken_of = sorted({c.entity for c in corrections})
    columns = ("entity", "type", "attribute", "observed_at", "number", "origin")
    amended = lake.read(replace(span, entities=spoken_of), columns=columns, corrections=corrections)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("amended", amended)
        connection.register("placed", placed)
        connection.register("spoken_of", pa.table({"entity": pa.array(spoken_of, pa.string())}))
        untouched = lake.source(span)
        if untouched is None:
            connection.register("streamed", lake.batches(span, columns))
            untouched = "streamed WHERE true"
        among = "" if origins is None else f" AND origin IN ({', '.join(str(int(o)) for o in origins)})"
        others = " AND entity NOT IN (SELECT entity FROM spoken_of)" if spoken_of else ""
        names = ", ".join(columns)
        found = connection.execute(
            f"SELECT epoch_us(observed_at) // {HOUR_US} AS hour, p.area, count(*), sum(number), sum(number * number)"  # noqa: S608
            f" FROM (SELECT {names} FROM {untouched}{others} UNION ALL SELECT {names} FROM amended) r"
            f" JOIN placed p ON p.entity = r.entity WHERE r.type = $1 AND number IS NOT NULL{among} AND {admitted}"
            " GROUP BY hour, p.area ORDER BY hour, p.area",
            given,
        ).fetchall()
    return [(_EPOCH + hour * _HOUR, area, n, total, squares) for hour, area, n, total, squares in found]


def _codes(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)

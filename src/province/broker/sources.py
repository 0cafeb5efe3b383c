"""What a streaming rule knows of its sources: kept in memory in columns, loaded when first seen, saved when changed.

A source that was never near a limit has no row in PostgreSQL. What is then needed after a restart, the time of the
newest reading, stands in the latest values, which are written in the same transaction. Of the window of a moving mean
only the buckets that a batch touched are written: as a rule one row per source and batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import numpy as np
import numpy.typing as npt

from province.broker.database import Connection
from province.compute.moving import Buckets
from province.compute.threshold import Latches
from province.history.latest import table_name
from province.model.entity import Json
from province.model.schema import EntityType
from province.pack import Threshold

FIELDS_AGE_S = 30.0
"""Limits that stand in the entity itself are read again after this time."""
_NEVER = np.iinfo(np.int64).min
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Saved:
    """Rows of `streaming_state` to write, in columns."""

    rule: str
    entities: list[str]
    levels: list[int]
    latches: list[bytes]
    at: list[datetime]


@dataclass(frozen=True, slots=True)
class SavedBuckets:
    """Rows of `streaming_bucket` to write, in columns."""

    rule: str
    entities: list[str]
    places: list[int]
    numbers: list[int]
    totals: list[float]
    counts: list[int]


class Sources:
    """The sources of one rule of one tenant. One row each, in the order in which they were first seen."""

    def __init__(self, tenant: str, rule: str, threshold: Threshold, entity_type: EntityType) -> None:
        self.tenant = tenant
        self.rule = rule
        self.threshold = threshold
        self._type = entity_type
        self._row: dict[str, int] = {}
        self._limits = len(threshold.levels)
        self._width = threshold.mean.hours if threshold.mean else 0
        self.ids: list[str] = []
        self.last_us: Ints = np.empty(0, np.int64)
        self.latches = Latches.empty(0, self._limits)
        self.buckets = Buckets.empty(0, self._width)
        self.own_limits: Floats = np.empty((0, self._limits))
        self._read_at: Floats = np.empty(0)
        self._fields = [level.field for level in threshold.levels]

    async def rows(self, connection: Connection, ids: Sequence[str]) -> Ints:
        """Row of each source; what is not in memory is loaded. Limits of the entities are fresh afterwards."""
        missing = [one for one in ids if one not in self._row]
        if missing:
            await self._load(connection, missing)
        rows = np.fromiter(map(self._row.__getitem__, ids), np.int64, len(ids))
        if any(self._fields):
            old = rows[self._read_at[rows] < monotonic() - FIELDS_AGE_S]
            if len(old):
                await self._read_limits(connection, old)
        return rows

    async def _load(self, connection: Connection, ids: list[str]) -> None:
        first = len(self.ids)
        field = '"' + self.threshold.field.replace('"', '""') + '_at"'
        newest = await connection.fetch(
            f"SELECT entity, {field} AS at FROM {table_name(self._type)}"  # noqa: S608 - names of declarations
            f" WHERE tenant = $1 AND entity = ANY($2::text[]) AND {field} IS NOT NULL",
            self.tenant,
            ids,
        )
        known = await connection.fetch(
            "SELECT entity, latches, buckets, at FROM streaming_state"
            " WHERE tenant = $1 AND rule = $2 AND entity = ANY($3::text[])",
            self.tenant,
            self.rule,
            ids,
        )
        place = {one: n for n, one in enumerate(ids)}
        last = np.full(len(ids), _NEVER, np.int64)
        latches, buckets = Latches.empty(len(ids), self._limits), Buckets.empty(len(ids), self._width)
        for row in newest:
            last[place[row["entity"]]] = micros(row["at"])
        for row in known:
            n = place[row["entity"]]
            last[n] = max(last[n], micros(row["at"]))
            _unpack(row["latches"], row["buckets"], latches, buckets, n)
        if self._width:
            await self._load_buckets(connection, place, buckets)
        self.ids += ids
        self._row |= {one: first + n for one, n in place.items()}
        self.last_us = np.concatenate((self.last_us, last))
        self.latches = _joined(self.latches, latches)
        self.buckets = Buckets(
            *(np.concatenate((getattr(self.buckets, n), getattr(buckets, n))) for n in Buckets.__slots__)
        )
        self.own_limits = np.concatenate((self.own_limits, np.full((len(ids), self._limits), np.nan)))
        self._read_at = np.concatenate((self._read_at, np.full(len(ids), -np.inf)))

    async def _load_buckets(self, connection: Connection, place: dict[str, int], window: Buckets) -> None:
        rows = await connection.fetch(
            "SELECT entity, place, number, total, count FROM streaming_bucket"
            " WHERE tenant = $1 AND rule = $2 AND entity = ANY($3::text[])",
            self.tenant,
            self.rule,
            list(place),
        )
        for row in rows:
            n, column = place[row["entity"]], row["place"]
            # Of a window of another width (the rule was declared anew) nothing fits.
            if row["number"] % self._width == column and row["number"] >= window.number[n, column]:
                window.number[n, column], window.total[n, column] = row["number"], row["total"]
                window.count[n, column] = row["count"]

    async def _read_limits(self, connection: Connection, rows: Ints) -> None:
        names = [name for name in self._fields if name]
        columns = ", ".join(f"attrs -> ${3 + n} ->> 'value' AS f{n}" for n in range(len(names)))
        ids = [self.ids[row] for row in rows]
        found = await connection.fetch(
            f"SELECT id, {columns} FROM entity WHERE tenant = $1 AND id = ANY($2::text[])",  # noqa: S608
            self.tenant,
            ids,
            *names,
        )
        limits = np.full((len(rows), self._limits), np.nan)
        place = {one: n for n, one in enumerate(ids)}
        for record in found:
            for n, name in enumerate(names):
                limits[place[record["id"]], self._fields.index(name)] = _number(record[f"f{n}"])
        self.own_limits[rows] = limits
        self._read_at[rows] = monotonic()

    def saved(self, rows: Ints) -> Saved:
        """What to write of some sources."""
        latches = self.latches.take(rows)
        packed = np.stack(
            [getattr(latches, name).astype(np.int64) for name in Latches.__slots__], axis=-1
        )  # (sources, limits, 5)
        return Saved(
            rule=self.rule,
            entities=[self.ids[row] for row in rows],
            levels=latches.level.tolist(),
            latches=[one.tobytes() for one in packed],
            at=[instant(int(us)) for us in self.last_us[rows]],
        )

    def saved_buckets(self, rows: Ints, columns: Ints) -> SavedBuckets:
        """What to write of some buckets."""
        one = self.buckets
        return SavedBuckets(
            rule=self.rule,
            entities=[self.ids[row] for row in rows],
            places=columns.tolist(),
            numbers=one.number[rows, columns].tolist(),
            totals=one.total[rows, columns].tolist(),
            counts=one.count[rows, columns].tolist(),
        )


async def save(connection: Connection, tenant: str, saved: Saved) -> None:
    """Write the states of some sources."""
    await connection.execute(
        "INSERT INTO streaming_state (tenant, rule, entity, level, latches, at)"
        " SELECT $1, $2, * FROM unnest($3::text[], $4::smallint[], $5::bytea[], $6::timestamptz[])"
        " ON CONFLICT (tenant, rule, entity) DO UPDATE SET level = EXCLUDED.level, latches = EXCLUDED.latches,"
        " at = EXCLUDED.at",
        tenant,
        saved.rule,
        saved.entities,
        saved.levels,
        saved.latches,
        saved.at,
    )


async def save_buckets(connection: Connection, tenant: str, saved: SavedBuckets) -> None:
    """Write some buckets of moving means."""
    await connection.execute(
        "INSERT INTO streaming_bucket (tenant, rule, entity, place, number, total, count)"
        " SELECT $1, $2, * FROM unnest($3::text[], $4::smallint[], $5::bigint[], $6::float8[], $7::bigint[])"
        " ON CONFLICT (tenant, rule, entity, place) DO UPDATE SET number = EXCLUDED.number, total = EXCLUDED.total,"
        " count = EXCLUDED.count",
        tenant,
        saved.rule,
        saved.entities,
        saved.places,
        saved.numbers,
        saved.totals,
        saved.counts,
    )


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    gap = at - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def instant(us: int) -> datetime:
    """Inverse of `micros`."""
    return datetime.fromtimestamp(us // 1_000_000, tz=_EPOCH.tzinfo).replace(microsecond=us % 1_000_000)


def _joined(a: Latches, b: Latches) -> Latches:
    return Latches(*(np.concatenate((getattr(a, n), getattr(b, n))) for n in Latches.__slots__))


def _unpack(latches: bytes, buckets: bytes | None, into: Latches, window: Buckets, n: int) -> None:
    """A state whose shape is another (the rule was declared anew) is left aside: the source begins as normal.

    buckets: the whole window, as it was once stored.
    """
    packed = np.frombuffer(latches, np.int64)
    if packed.size == into.closed.shape[1] * len(Latches.__slots__):
        for k, name in enumerate(Latches.__slots__):
            getattr(into, name)[n] = packed.reshape(-1, len(Latches.__slots__))[:, k]
    width = window.number.shape[1]
    if buckets is not None and len(buckets) == 24 * width:
        window.number[n] = np.frombuffer(buckets, np.int64, width)
        window.total[n] = np.frombuffer(buckets, np.float64, width, 8 * width)
        window.count[n] = np.frombuffer(buckets, np.int64, width, 16 * width)


def _number(value: Json) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")

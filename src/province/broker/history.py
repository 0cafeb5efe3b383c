"""What an entity was: instances of record attributes, with who wrote them and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from province.broker.database import Connection
from province.broker.rows import decode_attribute
from province.history.aggregate import VALUES, micros
from province.model.entity import EXPIRY, NULL, SCOPE, Attribute, Json, Kind, is_null, split_key
from province.model.evolution import TimeProperty, time_of
from province.model.time import Instant, now

_AT_ONCE = 5_000
"""Instances decoded between two looks at what else waits."""
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of an attribute. attribute is None when it was removed; version is the entity's after the change."""

    key: str
    attribute: Attribute | None
    at: Instant
    actor: str
    version: int
    seq: int


@dataclass(frozen=True, slots=True)
class History:
    """records, and the scope among them apart: oldest first.  readings: columns of `model.observation.SCHEMA`."""

    records: tuple[Instance, ...]
    readings: pa.Table
    scopes: tuple[Instance, ...] = ()

    @classmethod
    def of(cls, instances: Sequence[Instance], readings: pa.Table) -> History:
        """From instances as they were read."""
        return cls(
            tuple(i for i in instances if i.key != SCOPE), readings, tuple(i for i in instances if i.key == SCOPE)
        )


@dataclass(frozen=True, slots=True)
class Values:
    """What record attributes were worth, in columns (`history.aggregate.VALUES`), and of which kind each began."""

    table: pa.Table
    kinds: Mapping[str, Kind]


def _shown(seq: str, attr: str) -> str:
    """An instance that was withdrawn leaves no trace; the row that tells of a removal has no attribute of its own."""
    return f"""
    LEFT JOIN history_correction c ON c.tenant = h.tenant AND c.entity = h.entity AND c.seq = {seq}
    WHERE h.tenant = $1 AND h.entity = $2 AND (cardinality($3::text[]) = 0 OR split_part({attr}, ' ', 1) = ANY($3))
        AND ($4::timestamptz IS NULL OR h.at >= $4) AND ($5::timestamptz IS NULL OR h.at < $5)
        AND (c.seq IS NULL OR c.attribute IS NOT NULL)"""


_SEQ = "h.seq * 1024 + one.ordinality - 1"
_OF_CHANGES = f"""
    SELECT one.value ->> 0 AS attr, CASE WHEN c.seq IS NULL THEN nullif(one.value -> 1, 'null') ELSE c.attribute END
        AS attribute, h.at, h.actor, h.version, {_SEQ} AS seq
    FROM change_history h CROSS JOIN LATERAL jsonb_array_elements(h.attrs) WITH ORDINALITY AS one
    {_shown(_SEQ, "one.value ->> 0")} AND one.value <> 'null'
"""  # noqa: S608 - constants
_OF_ROWS = f"""
    SELECT h.attr, CASE WHEN c.seq IS NULL THEN h.attribute ELSE c.attribute END AS attribute, h.at, h.actor,
        h.version, h.seq FROM attribute_history h
    {_shown("h.seq", "h.attr")}
"""  # noqa: S608 - constants
_INSTANCES = f"SELECT * FROM ({_OF_ROWS} UNION ALL {_OF_CHANGES}) AS i ORDER BY seq"  # noqa: S608
"""As the view attribute_instance, with corrections laid over."""
_NEWEST = (  # each by the order of its primary key, so that the newest of a long history are found without all of it
    f"SELECT * FROM (({_OF_ROWS} ORDER BY h.seq DESC LIMIT $6) UNION ALL"  # noqa: S608 - constants
    f" ({_OF_CHANGES} ORDER BY h.seq DESC, one.ordinality DESC LIMIT $6)) AS i"
    " ORDER BY seq DESC LIMIT $6"
)


async def read_instances(
    connection: Connection,
    tenant: str,
    entity: str,
    *,
    keys: Sequence[str] = (),
    start: Instant | None = None,
    end: Instant | None = None,
    limit: int = 10_000,
) -> tuple[Instance, ...]:
    """The newest `limit` instances of an entity's attributes, and of its scope under the name `scope`, oldest first.

    keys: attribute names; empty for all.
    """
    found = await connection.fetch(_NEWEST, tenant, entity, list(keys), start, end, limit)
    return tuple(
        Instance(
            key=row["attr"],
            attribute=None if row["attribute"] is None else decode_attribute(row["attribute"]),
            at=row["at"],
            actor=row["actor"],
            version=row["version"],
            seq=row["seq"],
        )
        for row in reversed(found)
    )


async def read_values(
    connection: Connection,
    tenant: str,
    entity: str,
    *,
    keys: Sequence[str],
    time_property: TimeProperty,
    since: Instant | None,
    start: Instant | None,
    end: Instant | None,
    admits: Callable[[str, str | None], bool],
) -> Values:
    """What an entity's record attributes were worth, by the time property, in [start, end); however many instances.

    keys: attribute names; empty for all.  since: what is older belongs to another entity of the same id.
    admits(attribute name, datasetId): what counts.  An instance without that time counts when it was written, unless
    a period is asked for.
    """
    columns = _Columns()
    gone: dict[str, Attribute] = {}
    today = now()
    written = time_property == "modifiedAt"
    bounds = (start, end) if written else (None, None)
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(_INSTANCES, tenant, entity, list(keys), *bounds)
        while rows := await cursor.fetch(_AT_ONCE):
            for key, text, at, *_ in rows:
                name, dataset = split_key(key)
                if key in (SCOPE, EXPIRY) or (since is not None and at < since) or not admits(name, dataset):
                    continue
                if text is None:
                    old = gone.pop(key, None)
                    if old is not None and time_property == "deletedAt":
                        columns.put(name, {"@none": NULL} if old.type == "LanguageProperty" else NULL, at, old.type)
                    continue
                one = decode_attribute(text)
                gone[key] = one
                if is_null(one.value) or (one.expires_at is not None and one.expires_at <= today):
                    continue
                placed = (
                    at if written else time_of(one, time_property) or (at if time_property == "createdAt" else None)
                )
                if placed is None and (start is not None or end is not None or time_property == "deletedAt"):
                    continue
                columns.put(name, one.value, at if placed is None else placed, one.type)
    return await asyncio.to_thread(columns.made, start, end)


class _Columns:
    """Values on their way into a table."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._at: list[Instant] = []
        self._numbers: list[float | None] = []
        self._texts: list[str | None] = []
        self._kinds: list[Kind] = []

    def put(self, name: str, value: Json, at: Instant, kind: Kind) -> None:
        self._names.append(name)
        self._at.append(at)
        self._kinds.append(kind)
        number = isinstance(value, float) or (type(value) is int and abs(value) <= _EXACT)
        self._numbers.append(float(value) if number else None)
        self._texts.append(None if number else msgspec.json.encode(value, order="deterministic").decode())

    def made(self, start: Instant | None, end: Instant | None) -> Values:
        table = pa.table([self._names, self._at, self._numbers, self._texts], schema=VALUES)
        at = table["observed_at"].cast(pa.int64()).to_numpy()
        order = np.argsort(at, kind="stable")
        if start is not None:
            order = order[at[order] >= micros(start)]
        if end is not None:
            order = order[at[order] < micros(end)]
        kinds = {self._names[n]: self._kinds[n] for n in reversed(order)}
        return Values(table.take(pa.array(order)), kinds)

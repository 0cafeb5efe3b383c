"""What an entity was: instances of record attributes, with who wrote them and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from province.broker.database import Connection
from province.broker.rows import decode_attribute
from province.model.entity import SCOPE, Attribute
from province.model.time import Instant


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
    # An instance that was withdrawn leaves no trace; the row that tells of a removal has no attribute of its own.
    found = await connection.fetch(
        "SELECT h.attr, CASE WHEN c.seq IS NULL THEN h.attribute ELSE c.attribute END AS attribute, h.at, h.actor,"
        " h.version, h.seq FROM attribute_history h"
        " LEFT JOIN history_correction c ON c.tenant = h.tenant AND c.entity = h.entity AND c.seq = h.seq"
        " WHERE h.tenant = $1 AND h.entity = $2 AND ($3::text[] = '{}' OR split_part(h.attr, ' ', 1) = ANY($3))"
        " AND ($4::timestamptz IS NULL OR h.at >= $4) AND ($5::timestamptz IS NULL OR h.at < $5)"
        " AND (c.seq IS NULL OR c.attribute IS NOT NULL) ORDER BY h.seq DESC LIMIT $6",
        tenant,
        entity,
        list(keys),
        start,
        end,
        limit,
    )
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

"""What an entity was that is no more, read from its history (NGSI-LD 5.7.3: a history outlives its entity).

Whom a deleted entity belonged to, where it lay and which further types it had is no longer on record. Therefore it is
shown to those alone who read every entity of its type, or this one by its id, and an attribute that any declared type
keeps from them is hidden. Of one that has expired and is not deleted yet the record still tells all that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from province.broker.database import Connection
from province.broker.history import read_instances
from province.broker.rows import COLUMNS, entity_of
from province.broker.transient import alive
from province.model.entity import EXPIRY, SCOPE, Attribute, Entity
from province.model.time import Instant, now

_MOST = 100_000
"""Instances, the newest, among which the end of an entity is looked for."""
_TYPE = """
SELECT type FROM (
    (SELECT type, seq FROM attribute_history WHERE tenant = $1 AND entity = $2 ORDER BY seq DESC LIMIT 1) UNION ALL
    (SELECT type, seq * 1024 FROM change_history WHERE tenant = $1 AND entity = $2 ORDER BY seq DESC LIMIT 1)
) AS t (type, seq) ORDER BY seq DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Departed:
    """entity: as it was in the end, of its last life.  deleted_at: None when it has only expired.

    judged: the entity as rights are to look at it, with every type that it may have had.
    """

    entity: Entity
    deleted_at: Instant | None
    judged: Entity


async def read_departed(connection: Connection, tenant: str, id: str, declared: Iterable[str]) -> Departed | None:
    """What an entity was, without anybody's rights; None when it is there, never was, or left nothing.

    declared: names of all declared types.
    """
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM entity WHERE tenant = $1 AND id = $2",  # noqa: S608 - constants
        tenant,
        id,
    )
    if row is not None:
        entity = entity_of(row)
        return None if alive(entity, now()) is not None else Departed(entity, None, entity)
    type = await connection.fetchval(_TYPE, tenant, id)
    if type is None:
        return None
    attrs: dict[str, Attribute] = {}
    scope: tuple[str, ...] = ()
    began: Instant | None = None
    ended: Instant | None = None
    version = 0
    for one in await read_instances(connection, tenant, id, limit=_MOST):
        if one.version < version:  # another entity of the same id began
            attrs, scope, began = {}, (), None
        version, ended, began = one.version, one.at, began or one.at
        if one.key == SCOPE:
            scope = tuple(one.attribute.value) if one.attribute and isinstance(one.attribute.value, list) else scope
        elif one.attribute is not None and one.key != EXPIRY:
            attrs[one.key] = one.attribute
    if not attrs:
        return None
    entity = Entity(
        tenant=tenant, id=id, types=(type,), attrs=attrs, scope=scope, version=version, created_at=began,
        modified_at=ended,
    )  # fmt: skip
    further = (name for name in declared if name != type)
    return Departed(entity, ended, msgspec.structs.replace(entity, types=(type, *further)))


def narrowed(departed: Departed, attrs: Iterable[str]) -> Departed:
    """With these attributes alone, by key."""
    kept = {k: departed.entity.attrs[k] for k in attrs}
    return replace(departed, entity=msgspec.structs.replace(departed.entity, attrs=kept))

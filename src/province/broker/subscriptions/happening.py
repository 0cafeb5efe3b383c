"""What happened to an entity, as subscribers are told of it: read from an event of the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from province.broker.database import Connection
from province.broker.relay import OutboxRow
from province.broker.rows import decode_attribute
from province.model.entity import SCOPE, Attribute, Entity, split_key
from province.model.time import Instant


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one entity.

    entity: as it was after the change; as it was before when `deleted`.
    created, updated, removed: keys of attribute instances.  was: what they were before.
    """

    event: UUID
    tenant: str
    at: Instant
    entity: Entity
    is_new: bool = False
    deleted: bool = False
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    was: Mapping[str, Attribute] = {}

    @property
    def types(self) -> tuple[str, ...]:
        """Types of the entity."""
        return self.entity.types

    def touches(self, triggers: frozenset[str], watched: frozenset[str]) -> bool:
        """Whether one of the triggers fires, over the watched attributes when there are any."""
        if self.deleted and "entityDeleted" in triggers:
            return not watched or self._names(self.removed, watched)
        if self.is_new and "entityCreated" in triggers and (not watched or self._names(self.created, watched)):
            return True
        every = "entityUpdated" in triggers and not self.is_new and not self.deleted
        groups = (
            ("attributeCreated", self.created),
            ("attributeUpdated", self.updated),
            ("attributeDeleted", self.removed),
        )
        for trigger, keys in groups:
            if keys and (every or trigger in triggers) and (not watched or self._names(keys, watched)):
                return True
        return False

    @staticmethod
    def _names(keys: tuple[str, ...], watched: frozenset[str]) -> bool:
        return any(split_key(k)[0] in watched for k in keys)


def encode(happenings: Sequence[Happening]) -> str:
    """JSON text for the table `notification`."""
    return msgspec.json.encode(happenings).decode()


def decode(text: str) -> list[Happening]:
    """Inverse of `encode`."""
    return msgspec.json.decode(text, type=list[Happening])


async def read_happening(connection: Connection, row: OutboxRow, present: Entity | None) -> Happening | None:
    """The happening that an event tells of; None for an event of no entity, and for one whose entity left no trace.

    present: the entity as it is now. When it went on since, its state after the event is read from its history.
    """
    payload = row.payload
    if row.entity is None or row.type is None or "changed" not in payload:
        return None
    was = {k: msgspec.convert(a, Attribute) for k, a in payload.get("was", {}).items()}
    changed = tuple(payload["changed"])
    if payload.get("deleted"):
        return Happening(event=row.id, tenant=row.tenant, at=row.at, entity=_gone(row, was), deleted=True,
                         removed=tuple(was), was=was)  # fmt: skip
    if payload.get("observed"):
        if present is None:
            return None
        return Happening(event=row.id, tenant=row.tenant, at=row.at, entity=present, updated=changed, was=was)
    if present is not None and present.version == payload["version"] and present.modified_at == row.at:
        entity = present
    else:
        found = await _as_of(connection, row, payload, present)
        if found is None:
            return None
        entity = found
    return Happening(
        event=row.id,
        tenant=row.tenant,
        at=row.at,
        entity=entity,
        is_new=bool(payload.get("created")),
        created=tuple(k for k in changed if k not in was and k in entity.attrs),
        updated=tuple(k for k in changed if k in was and k in entity.attrs),
        removed=tuple(k for k in changed if k in was and k not in entity.attrs),
        was=was,
    )


def _gone(row: OutboxRow, was: Mapping[str, Attribute]) -> Entity:
    payload: Mapping[str, Any] = row.payload
    return Entity(
        tenant=row.tenant,
        id=row.entity or "",
        types=tuple(payload.get("types", (row.type,))),
        attrs=was,
        scope=tuple(payload.get("scope", ())),
        agency=payload.get("agency"),
        area=payload.get("area"),
        version=payload["version"],
        created_at=msgspec.convert(payload.get("createdAt"), Instant | None),
        modified_at=msgspec.convert(payload.get("modifiedAt"), Instant | None),
    )


async def _as_of(
    connection: Connection, row: OutboxRow, payload: Mapping[str, Any], present: Entity | None
) -> Entity | None:
    rows = await connection.fetch(
        "SELECT DISTINCT ON (attr) attr, attribute FROM attribute_instance"
        " WHERE tenant = $1 AND entity = $2 AND at <= $3 AND attr <> $4 ORDER BY attr, seq DESC",
        row.tenant,
        row.entity,
        row.at,
        SCOPE,
    )
    attrs = {r["attr"]: decode_attribute(r["attribute"]) for r in rows if r["attribute"] is not None}
    if not attrs and present is None:
        return None
    return Entity(
        tenant=row.tenant,
        id=row.entity or "",
        types=present.types if present is not None else (row.type or "",),
        attrs=attrs,
        scope=present.scope if present is not None else (),
        agency=payload.get("agency"),
        area=present.area if present is not None else None,
        version=payload["version"],
        created_at=present.created_at if present is not None else None,
        modified_at=row.at,
    )

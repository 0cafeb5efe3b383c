"""Values that rested on a consent which was withdrawn are not written again until there is a ground for it.

Looked at in the transaction of the write, on the record as locked, for the few types that rest on consent. The consents
looked at are locked too: a withdrawal waits for the write, and then finds what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from province.broker.consents import rests_on
from province.broker.database import Connection
from province.broker.plan import Step
from province.errors import Conflict
from province.model.actor import Actor
from province.model.entity import Entity, split_key
from province.model.schema import EntityType
from province.model.time import now
from province.vocab.area import civil_day

_CONSENTS = """
SELECT c.id, c.subject, c.purpose, c.type, c.withdrawn_at IS NULL AS in_force,
    (SELECT s.state FROM set_aside s WHERE s.tenant = c.tenant AND s.consent = c.id AND s.entity = $2) AS state
FROM consent c WHERE c.tenant = $1
    AND (c.subject = ANY($3::text[])
         OR c.subject IN (SELECT s.subject FROM set_aside s WHERE s.tenant = $1 AND s.entity = $2))
ORDER BY c.id FOR SHARE OF c
"""
"""Of the persons whom a record is about: those whom it names, and those of whom something of it was set aside."""


def resting(types: Mapping[str, EntityType]) -> frozenset[str]:
    """Names of the types that declare consent as a ground, on any day."""
    return frozenset(k.name for k in types.values() if any(p.ground == "consent" for p in k.info.processing))


async def require_ground(
    connection: Connection, types: Mapping[str, EntityType], actor: Actor, steps: Sequence[Step]
) -> None:
    """Raises: Conflict when a step writes what a withdrawn consent was the only ground for."""
    for one in steps:
        entity = one.after
        if entity is None:
            continue
        kinds = _today(types, entity)
        names = _written(kinds, one)
        if not names:
            continue
        rows = await connection.fetch(_CONSENTS, actor.tenant, entity.id, [entity.id, *_named(kinds, entity)])
        returned = {r["subject"]: r["id"] for r in rows if r["state"] == "returned"}
        covered = {(r["subject"], name) for r in rows if r["in_force"] for name in _held(types, r)}
        for row in rows:
            if row["in_force"] or row["id"] <= returned.get(row["subject"], -1):
                continue
            stopped = {n for n in names & _held(types, row) if (row["subject"], n) not in covered}
            if stopped:
                raise Conflict(
                    f"the consent was withdrawn on which {', '.join(sorted(stopped))} would be held.",
                    field=min(stopped),
                    remedy="Ask the person to give it anew, or name another ground on the page of erasures.",
                )


def _held(types: Mapping[str, EntityType], consent: Any) -> set[str]:
    """Fields that stand on a consent alone."""
    return {name for kind in rests_on(types, consent["purpose"], consent["type"]) for name in _of(kind)}


def _today(types: Mapping[str, EntityType], entity: Entity) -> list[EntityType]:
    """The types of a record whose personal fields rest on consent today."""
    day = civil_day(now())
    kinds = [types[name] for name in entity.types if name in types]
    return [k for k in kinds if (held := k.processing_on(day)) is not None and held.ground == "consent"]


def _of(kind: EntityType) -> set[str]:
    """The fields that stand on the ground of their type."""
    held = kind.processing_on(civil_day(now()))
    return {*kind.personal, *(held.also if held is not None else ())}


def _written(kinds: Sequence[EntityType], one: Step) -> set[str]:
    names = {split_key(key)[0] for key, attribute in one.written.items() if attribute is not None}
    names |= {split_key(key)[0] for key, _ in one.past}
    return {name for kind in kinds for name in _of(kind) if name in names}


def _named(kinds: Sequence[EntityType], entity: Entity) -> list[str]:
    """Accounts that the record names as the person it is about."""
    values = (entity.value(name) for kind in kinds for name in kind.personal)
    return [value for value in values if isinstance(value, str)]

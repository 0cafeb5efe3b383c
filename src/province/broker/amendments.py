"""Corrections of the past of records: an instance of an attribute is changed or withdrawn, the history stays.

What was written remains as it is, for the audit; the overlay decides what a reader is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from province.broker.database import Connection, Pool
from province.broker.history import Instance, read_instances
from province.identity import audit
from province.model.actor import Actor
from province.model.entity import SCOPE, Attribute


async def withdraw(pool: Pool, entity: str, instances: Sequence[Instance], actor: Actor) -> None:
    """Show these instances no more. The caller has checked the right to delete."""
    async with pool.acquire() as connection, connection.transaction():
        await _put(connection, entity, [(i.seq, None) for i in instances], actor)
        await audit.record(
            connection,
            actor,
            "history.withdrawn",
            entity=entity,
            detail={"instances": [i.seq for i in instances][:1000]},
        )


async def withdraw_all(pool: Pool, entity: str, names: Sequence[str], actor: Actor) -> None:
    """Show no past value of these attributes any more. Doing it again changes nothing. names: not empty."""
    found = await instances_of(pool, actor.tenant, entity, names) if names else []
    if found:
        await withdraw(pool, entity, found, actor)


async def correct(pool: Pool, entity: str, instance: Instance, attribute: Attribute, actor: Actor) -> None:
    """Show another value in place of an instance. The caller has checked the right to change."""
    async with pool.acquire() as connection, connection.transaction():
        await _put(connection, entity, [(instance.seq, attribute)], actor)
        await audit.record(connection, actor, "history.corrected", entity=entity, detail={"instance": instance.seq})


async def instances_of(pool: Pool, tenant: str, entity: str, names: Sequence[str]) -> list[Instance]:
    """The instances of record attributes as they are shown now, oldest first. names: empty for all."""
    async with pool.acquire() as connection:
        found = await read_instances(connection, tenant, entity, keys=names, limit=1_000_000)
    return [i for i in found if i.attribute is not None and (names or i.key != SCOPE)]


async def _put(connection: Connection, entity: str, rows: Sequence[tuple[int, Attribute | None]], actor: Actor) -> None:
    await connection.execute(
        "INSERT INTO history_correction (tenant, entity, seq, attribute, actor)"
        " SELECT $1, $2, s, a, $5 FROM unnest($3::bigint[], $4::jsonb[]) AS u (s, a)"
        " ON CONFLICT (tenant, entity, seq) DO UPDATE SET attribute = EXCLUDED.attribute, at = now(), actor = $5",
        actor.tenant,
        entity,
        [seq for seq, _ in rows],
        [None if a is None else msgspec.json.encode(a).decode() for _, a in rows],
        actor.id,
    )

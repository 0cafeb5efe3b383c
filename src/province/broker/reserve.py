"""What needs more than the entity's own row: counters without gaps, holds of a resource, limits of a count."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from province.broker.database import Connection
from province.broker.plan import Step
from province.broker.rows import replace
from province.broker.write import Write
from province.errors import Conflict, InvalidInput
from province.model.change import Change, Hold
from province.model.entity import Attribute


async def reserve(connection: Connection, write: Write, steps: Sequence[Step]) -> None:
    """Check and take the holds and limits of a write. Raises: Conflict; nothing stays taken then.

    Locks are taken in sorted order, so two writes that need the same ones wait instead of deadlocking.
    """
    if not write.alone:
        return
    tenant = write.actor.tenant
    names = {f"hold {tenant} {h.resource}" for s in steps for h in s.change.holds}
    names |= {f"limit {tenant} {m.type} {m.attribute} {m.value}" for s in steps for m in s.change.limits}
    for key in sorted(_lock_key(n) for n in names):
        await connection.execute("SELECT pg_advisory_xact_lock($1)", key)
    async with connection.transaction():  # a savepoint: a refusal gives everything back
        for one in steps:
            await _check_limits(connection, tenant, one)
            if one.change.holds:
                await connection.execute("DELETE FROM hold WHERE tenant = $1 AND entity = $2", tenant, one.change.id)
            for hold in one.change.holds:
                await _take(connection, tenant, one.change, hold)


async def _check_limits(connection: Connection, tenant: str, one: Step) -> None:
    for limit in one.change.limits:
        count = await connection.fetchval(
            "SELECT count(*) FROM entity WHERE tenant = $1 AND type = $2 AND attrs -> $3 -> 'value' = $4::jsonb"
            " AND id <> $5",
            tenant,
            limit.type,
            limit.attribute,
            msgspec.json.encode(limit.value).decode(),
            one.change.id,
        )
        if count >= limit.at_most:
            raise Conflict(
                f"{count} of at most {limit.at_most} {limit.type} have {limit.attribute} = {limit.value!r}.",
                field=limit.attribute,
                remedy="Wait until one is free, or choose another value.",
            )


async def _take(connection: Connection, tenant: str, change: Change, hold: Hold) -> None:
    if hold.units == 0:
        return
    if hold.end <= hold.start or hold.units < 0 or hold.units > hold.capacity:
        raise InvalidInput(
            f"{hold.units} units of {hold.resource!r} from {hold.start} to {hold.end} cannot be held.",
            field="holds",
            remedy="The end lies after the start, the units between 1 and the capacity.",
        )
    taken = await connection.fetch(
        "SELECT lower(during) AS start, upper(during) AS until, units FROM hold"
        " WHERE tenant = $1 AND resource = $2 AND during && tstzrange($3, $4)",
        tenant,
        hold.resource,
        hold.start,
        hold.end,
    )
    # The load changes only where a hold starts: check those moments and our own start.
    for moment in (hold.start, *(row["start"] for row in taken if row["start"] > hold.start)):
        load = sum(row["units"] for row in taken if row["start"] <= moment < row["until"])
        if load + hold.units > hold.capacity:
            raise Conflict(
                f"{hold.resource!r} is taken at {moment.isoformat()} ({load} of {hold.capacity}).",
                field="holds",
                remedy="Choose another time or resource.",
            )
    await connection.execute(
        "INSERT INTO hold (tenant, resource, entity, during, units) VALUES ($1, $2, $3, tstzrange($4, $5), $6)",
        tenant,
        hold.resource,
        change.id,
        hold.start,
        hold.end,
        hold.units,
    )


async def fill_counters(connection: Connection, accepted: Sequence[tuple[Write, list[Step]]]) -> None:
    """Give every counted attribute its number: one statement per series, in sorted order, without gaps."""
    wanted: dict[tuple[str, str], list[tuple[Step, str, str]]] = defaultdict(list)
    for write, steps in accepted:
        for one in steps:
            for counter in one.change.counters:
                if one.after is None or one.after.value(counter.attribute):
                    continue  # numbered before: a repeated upsert keeps its number
                wanted[(write.actor.tenant, counter.name)].append((one, counter.attribute, counter.template))
    for (tenant, name), uses in sorted(wanted.items(), key=lambda item: item[0]):
        last = await connection.fetchval(
            "INSERT INTO counter AS c (tenant, name, value) VALUES ($1, $2, $3)"
            " ON CONFLICT (tenant, name) DO UPDATE SET value = c.value + $3 RETURNING value",
            tenant,
            name,
            len(uses),
        )
        for number, (one, attribute, template) in enumerate(uses, start=last - len(uses) + 1):
            assert one.after is not None
            at = one.after.modified_at
            filled = Attribute(value=template.format(n=number), created_at=at, modified_at=at)
            one.after = replace(one.after, attrs={**one.after.attrs, attribute: filled})
            one.written[attribute] = filled


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)

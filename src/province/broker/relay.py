"""The relay: reads the outbox in commit order and hands events to rules, notices to the inbox, jobs to the queue.

Rows are read in the order of (transaction id, sequence), and only what is settled (`horizon`): a reader that follows
numbers alone would step over a slow one. Every effect carries a key made of handler and event, so a relay that dies
between an effect and its bookmark repeats nothing.
One relay works per database (advisory lock); a second one waits.

Within a batch the events of one entity are handled in their order, those of different entities at the same time, so
that the committer can write many effects in one transaction. Effects of different events that meet on one record stand
in each other's way once; what was refused so is tried again one after the other, when the rest of the batch is done.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from province.broker import alarms
from province.broker.actions import run
from province.broker.broker import Broker, ParametersAt
from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.horizon import SETTLED
from province.broker.rows import COLUMNS, entity_of
from province.broker.streaming import CROSSED, Crossing, rule_name
from province.errors import Conflict, ProvinceError, Unavailable
from province.model.actor import system
from province.model.entity import Entity
from province.model.record import to_record
from province.model.time import Instant, now
from province.pack import Context, Pack, Rule, Threshold
from province.vocab.alert import Alert

log = logging.getLogger(__name__)

MAX_DEPTH = 8
"""Rules may cause events that cause rules; a chain longer than this is a loop and is parked."""
BATCH = 500
AT_ONCE = 32
"""Entities whose events are handled at the same time."""
ATTEMPTS = 5
IDLE_S = 0.1
NOTICES = "notices"
"""Handler of notices, as parked effects name it."""
ALARMS = "alarms"
"""Handler of crossings, as parked effects and idempotency keys name it."""
_LOCK = 0x52454C59  # "RELY"

Deliver = Callable[[Connection, str, Mapping[str, Any], UUID], Awaitable[None]]
"""deliver(connection, tenant, notice, event id): puts a notice where its reader finds it; idempotent by event id."""
Defer = Callable[[str, str, Mapping[str, Any], UUID], Awaitable[None]]
"""defer(tenant, job name, job, event id): queues a job; idempotent by event id."""


READ_OUTBOX = f"""
SELECT tenant, seq, xid, id, kind, name, entity, type, payload, depth, actor, at FROM outbox
WHERE (xid, seq) > ($1, $2) AND xid < {SETTLED} ORDER BY xid, seq LIMIT $3
"""  # noqa: S608 - constants
"""What comes after a position (xid, seq), at most $3 rows."""
Act = Callable[[], Awaitable[None]]
_LOAD = f"""
SELECT e.* FROM unnest($1::text[], $2::text[]) AS w (tenant, id),
    LATERAL (SELECT {COLUMNS} FROM entity WHERE tenant = w.tenant AND id = w.id) AS e
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event, notice or job."""

    tenant: str
    seq: int
    xid: int
    id: UUID
    kind: str
    name: str
    entity: str | None
    type: str | None
    payload: Mapping[str, Any]
    depth: int
    actor: str
    at: Instant


@dataclass(slots=True)
class RelayCounters:
    """What the relay did since it started."""

    events: int = 0
    rules: int = 0
    notices: int = 0
    jobs: int = 0
    parked: int = 0


class Relay:
    """Run with `run()` until cancelled."""

    def __init__(self, pool: Pool, broker: Broker, packs: Sequence[Pack], parameters: ParametersAt,
                 deliver: Deliver, defer: Defer) -> None:  # fmt: skip
        self._pool = pool
        self._broker = broker
        self._parameters = parameters
        self._deliver = deliver
        self._defer = defer
        self._rules: dict[str, list[tuple[Pack, Rule]]] = defaultdict(list)
        for pack in packs:
            for rule in pack.rules:
                self._rules[rule.on].append((pack, rule))
        self._thresholds = {rule_name(pack, one): one for pack in packs for one in pack.thresholds}
        self.counters = RelayCounters()

    async def run(self) -> None:
        """Relay until cancelled; a lost database is waited for."""
        while True:
            try:
                await self._lead()
            except (*LOST, asyncpg.PostgresError, Unavailable) as error:
                log.warning("relay waits", extra={"error": repr(error)})
                await asyncio.sleep(1.0)

    async def _lead(self) -> None:
        async with leadership(self._pool, _LOCK) as leader:
            while leader is not None:
                if not await self.step(leader):
                    await asyncio.sleep(IDLE_S)
        await asyncio.sleep(1.0)  # another one leads

    async def step(self, connection: Connection) -> int:
        """Relay one batch. Returns how many rows were read."""
        position = await connection.fetchrow("SELECT xid, seq FROM relay_position WHERE reader = 'relay'")
        xid, seq = (position["xid"], position["seq"]) if position else (0, 0)
        rows = await connection.fetch(
            READ_OUTBOX,
            xid,
            seq,
            BATCH,
        )
        self.counters.events += sum(row["kind"] == "event" for row in rows)
        await self._handle(connection, [read_row(row) for row in rows if self._has_effect(row["kind"], row["name"])])
        if rows:
            await connection.execute(
                "INSERT INTO relay_position (reader, xid, seq) VALUES ('relay', $1, $2)"
                " ON CONFLICT (reader) DO UPDATE SET xid = $1, seq = $2, at = now()",
                rows[-1]["xid"],
                rows[-1]["seq"],
            )
        return len(rows)

    def _has_effect(self, kind: str, name: str) -> bool:
        """Whether anybody acts on such a row; what most events say is not even read."""
        return kind != "event" or name == CROSSED or name in self._rules

    async def _handle(self, connection: Connection, rows: Sequence[OutboxRow]) -> None:
        """All rows of a batch. Raises: Unavailable, what a lost database raises; the batch is then read again."""
        notices = [row for row in rows if row.kind == "notice"]
        events = [row for row in rows if row.kind == "event"]
        ends = await asyncio.gather(
            self._notify(connection, notices), self._act(events), return_exceptions=True
        )  # both to their end: a relay that reads again must not meet its former self
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        for row in rows:
            if row.kind == "job":
                await self._defer(row.tenant, row.name, row.payload, row.id)
                self.counters.jobs += 1

    async def _notify(self, connection: Connection, rows: Sequence[OutboxRow]) -> None:
        """Deliver notices, all in one transaction; where one cannot be delivered, each in its own."""
        if not rows:
            return
        try:
            async with connection.transaction():
                for row in rows:
                    await self._deliver(connection, row.tenant, row.payload, row.id)
        except (Unavailable, *LOST):
            raise
        except Exception:
            log.exception("a notice failed, and with it those beside it: one by one")
            for row in rows:
                await self._carry_out(NOTICES, partial(self._try_notice, connection, row), row)
        self.counters.notices += len(rows)

    async def _try_notice(self, connection: Connection, row: OutboxRow) -> None:
        async with connection.transaction():
            await self._deliver(connection, row.tenant, row.payload, row.id)

    async def _act(self, rows: Sequence[OutboxRow]) -> None:
        """What follows from events: different entities at once, each entity's events in order."""
        chains: dict[tuple[str, str], list[OutboxRow]] = defaultdict(list)
        for row in rows:
            chains[(row.tenant, row.entity or "")].append(row)
        if not chains:
            return
        found = await self._load(list(chains))
        turn = asyncio.Semaphore(AT_ONCE)

        async def follow(key: tuple[str, str], chain: list[OutboxRow]) -> Sequence[OutboxRow]:
            async with turn:
                return await self._chain(chain, found.get(key))

        ends = await asyncio.gather(*(follow(*one) for one in chains.items()), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        refused = [row for end in ends if not isinstance(end, BaseException) for row in end]
        for row in sorted(refused, key=lambda row: (row.xid, row.seq)):
            for handler, act in self._handlers(row):
                await self._carry_out(handler, act, row)

    async def _chain(self, rows: Sequence[OutboxRow], entity: Entity | None) -> Sequence[OutboxRow]:
        """The events of one entity in order, each tried once. Returns those from the first that met a conflict on.

        entity: as it was when the batch began; the first event needs not read it again.
        """
        for n, row in enumerate(rows):
            for handler, act in self._handlers(row, entity if n == 0 else None):
                if not await self._carry_out(handler, act, row, attempts=1):
                    return rows[n:]
        return ()

    def _handlers(self, row: OutboxRow, entity: Entity | None = None) -> list[tuple[str, Act]]:
        """Who acts on an event: the rules of packs, and the alarms on a crossing. entity: if it was read already."""
        found: list[tuple[str, Act]] = [
            (rule.name, partial(self._try_rule, pack, rule, row, entity))
            for pack, rule in self._rules.get(row.name, ())
        ]
        if row.name == CROSSED:
            found.append((ALARMS, partial(self._try_alarm, row, entity)))
        return found

    async def _carry_out(self, handler: str, act: Act, row: OutboxRow, *, attempts: int = ATTEMPTS) -> bool:
        """Try until it is done, or parked. Returns False when only conflicts, fewer than ATTEMPTS, kept it from it.

        Raises: Unavailable, what a lost database raises: the whole relay waits then, so that order is kept.
        """
        for attempt in range(1, attempts + 1):
            try:
                await act()
            except (Unavailable, *LOST):
                raise
            except Conflict as error:
                if attempt == ATTEMPTS:
                    await self.park(handler, row, str(error), attempt)
                    return True
            except ProvinceError as error:
                await self.park(handler, row, str(error), attempt)
                return True
            except Exception as error:
                # A defect in one pack's logic must not stop the others: parked with its reason, where a person sees it.
                log.exception("rule failed", extra={"rule": handler, "event": str(row.id)})
                await self.park(handler, row, f"{type(error).__name__}: {error}", attempt)
                return True
            else:
                return True
        return False

    async def _try_rule(self, pack: Pack, rule: Rule, row: OutboxRow, entity: Entity | None) -> None:
        entity = entity or await self._read(row)
        if entity is None:  # deleted since: there is nothing left to act on
            return
        if row.depth >= MAX_DEPTH:
            raise ProvinceError(f"{MAX_DEPTH} rules caused one another.", remedy="Break the loop between the rules.")
        at = now()
        context = Context(
            now=at,
            params=self._parameters(pack.name, at),
            actor=row.actor,
            agency=entity.agency,
            nonce=secrets.token_hex(32),
            models=self._broker.models,
        )
        asked = await self._broker.answer_reads(rule.reads, entity, context.params)
        effects = run(rule.do, to_record(rule.record, entity), context=context, **asked)
        self.counters.rules += 1
        if effects.changes or effects.messages:
            actor = system(row.tenant, rule.name, cause=str(row.id))
            key = f"{rule.name} {row.id}"
            await self._broker.carry_out(effects.changes, effects.messages, actor, key=key, depth=row.depth + 1)

    async def _try_alarm(self, row: OutboxRow, source: Entity | None) -> None:
        crossing = msgspec.convert(row.payload, Crossing)
        threshold: Threshold | None = self._thresholds.get(crossing.rule)
        source = source or await self._read(row)
        if threshold is None or source is None:  # the rule or the sensor is gone since
            return
        actor = system(row.tenant, crossing.rule, cause=str(row.id))
        page = await self._broker.query(alarms.open_alerts(source.id, crossing.rule), actor)
        changes = alarms.decide(crossing, threshold, source, [to_record(Alert, e) for e in page.items])
        self.counters.rules += 1
        if changes:
            await self._broker.carry_out(changes, (), actor, key=f"{ALARMS} {row.id}", depth=row.depth + 1)

    async def _read(self, row: OutboxRow) -> Entity | None:
        key = (row.tenant, row.entity or "")
        return (await self._load([key])).get(key)

    async def _load(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Entity]:
        """Entities by tenant and id, as they are."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_LOAD, [tenant for tenant, _ in keys], [id for _, id in keys])
        return {(row["tenant"], row["id"]): entity_of(row) for row in rows}

    async def park(self, handler: str, row: OutboxRow, reason: str, attempts: int) -> None:
        """Keep a failed effect where a person finds it, with its event."""
        self.counters.parked += 1
        event = {"id": str(row.id), "name": row.name, "entity": row.entity, "type": row.type, "depth": row.depth,
                 "actor": row.actor, "at": row.at.isoformat(), "payload": row.payload}  # fmt: skip
        async with self._pool.acquire() as connection:
            await connection.execute(
                "INSERT INTO failed_effect (tenant, id, handler, event, reason, attempts)"
                " VALUES ($1, $2, $3, $4, $5, $6)"
                " ON CONFLICT (tenant, id, handler) DO UPDATE SET reason = $5, attempts = failed_effect.attempts + $6,"
                " state = 'open', at = now()",
                row.tenant,
                row.id,
                handler,
                msgspec.json.encode(event).decode(),
                reason[:2000],
                attempts,
            )

    async def retry(self, tenant: str, id: UUID, handler: str) -> None:
        """Do a parked effect again, now. It stays parked, with a new reason, when it fails again."""
        async with self._pool.acquire() as connection:
            found = await connection.fetchrow(
                "SELECT o.tenant, o.seq, o.xid, o.id, o.kind, o.name, o.entity, o.type, o.payload, o.depth, o.actor,"
                " o.at FROM failed_effect f JOIN outbox o ON o.tenant = f.tenant AND o.id = f.id"
                " WHERE f.tenant = $1 AND f.id = $2 AND f.handler = $3 AND f.state = 'open'",
                tenant,
                id,
                handler,
            )
            if found is None:
                return
            row = read_row(found)
            known = (
                self._handlers(row) if row.kind == "event" else [(NOTICES, partial(self._try_notice, connection, row))]
            )
            for name, act in known:
                if name == handler:
                    before = self.counters.parked
                    await self._carry_out(name, act, row)
                    if self.counters.parked == before:
                        await connection.execute(
                            "UPDATE failed_effect SET state = 'retried' WHERE tenant = $1 AND id = $2 AND handler = $3",
                            tenant,
                            id,
                            handler,
                        )


def read_row(record: asyncpg.Record) -> OutboxRow:
    """A row of the outbox with its payload read."""
    values = dict(record)
    values["payload"] = msgspec.json.decode(values["payload"])
    return OutboxRow(**values)

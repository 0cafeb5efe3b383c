"""The matcher: reads the outbox in commit order and works out whom each event concerns.

It is a reader of the outbox beside the relay, with a position of its own. Notifications and position are written in
one transaction, so an event is neither lost nor told twice, whenever the process dies.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from province.broker.conditions import in_scope, lies, meets
from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.relay import READ_OUTBOX, OutboxRow, read_row
from province.broker.rows import COLUMNS, entity_of
from province.broker.subscriptions import happening as happenings
from province.broker.subscriptions.happening import Happening, read_happening
from province.broker.subscriptions.index import Index
from province.broker.subscriptions.sources import EVENTS as SOURCE_EVENTS
from province.broker.subscriptions.sources import Sources
from province.broker.subscriptions.store import CHANGED, Kept, load
from province.errors import Unavailable
from province.model.entity import Entity
from province.model.time import Instant, now

log = logging.getLogger(__name__)

READER = "subscriptions"
BATCH = 500
IDLE_S = 0.05
_LOCK = 0x53554253  # "SUBS"

Overlay = Callable[[Connection, list[Entity]], Awaitable[list[Entity]]]
"""Puts the latest values of observed attributes over records."""


@dataclass(slots=True)
class MatcherCounters:
    """What the matcher did since it started."""

    events: int = 0
    matched: int = 0


@dataclass(slots=True)
class _Pace:
    """allowed: when a notification may be sent again.  held: when the one that waits for it is due."""

    allowed: Instant
    held: Instant | None = None


class Matcher:
    """Run with `run()` until cancelled; one works per database, a second one waits.

    wake: told when notifications were stored.
    """

    def __init__(
        self, pool: Pool, index: Index, sources: Sources, overlay: Overlay, wake: Callable[[Iterable[str]], None]
    ) -> None:
        self._pool = pool
        self._index = index
        self._sources = sources
        self._overlay = overlay
        self._wake = wake
        self._paces: dict[tuple[str, str], _Pace] = {}
        self.counters = MatcherCounters()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Match until cancelled; a lost database is waited for."""
        while True:
            try:
                await self._lead()
            except (*LOST, asyncpg.PostgresError, Unavailable) as error:
                log.warning("the matcher waits", extra={"error": repr(error)})
                await asyncio.sleep(1.0)

    async def _lead(self) -> None:
        async with leadership(self._pool, _LOCK) as leader:
            if leader is None:
                await asyncio.sleep(1.0)
                return
            try:
                for kept in await load(leader, "entity"):
                    self._index.put(kept)
                await self._sources.load(leader)
                self.ready.set()
                while True:
                    if not await self.step(leader):
                        await asyncio.sleep(IDLE_S)
            finally:
                self.ready.clear()

    async def step(self, connection: Connection) -> int:
        """Match one batch. Returns how many rows were read."""
        position = await connection.fetchrow("SELECT xid, seq FROM relay_position WHERE reader = $1", READER)
        rows = await connection.fetch(
            READ_OUTBOX,
            position["xid"] if position else 0,
            position["seq"] if position else 0,
            BATCH,
        )
        if not rows:
            return 0
        told = [row for row in rows if row["kind"] == "event"]
        # Without any subscription only what has no type is heard: that one was made, or a source registered.
        heard = len(self._index) > 0 or any(row["type"] is None for row in told)
        events = [read_row(row) for row in told] if heard else []
        async with connection.transaction():
            uris = await self._match(connection, events)
            await connection.execute(
                "INSERT INTO relay_position (reader, xid, seq) VALUES ($1, $2, $3)"
                " ON CONFLICT (reader) DO UPDATE SET xid = $2, seq = $3, at = now()",
                READER,
                rows[-1]["xid"],
                rows[-1]["seq"],
            )
        self.counters.events += len(told)
        self._wake(uris)
        return len(rows)

    async def _match(self, connection: Connection, events: Sequence[OutboxRow]) -> set[str]:
        uris: set[str] = set()
        if not events:
            return uris
        present = await self._present(connection, events)
        found: list[tuple[Kept, Happening, Instant]] = []
        for event in events:
            if event.name == CHANGED["entity"]:
                await self._refresh(connection, event)
                continue
            if event.name in SOURCE_EVENTS:
                uris |= await self._sources.take(connection, event)
                continue
            found.extend(await self._concern(connection, event, present.get((event.tenant, event.entity or ""))))
        self.counters.matched += len(found)
        if found:
            await self._store(connection, found)
        return uris | {kept.subscription.uri for kept, _, _ in found}

    async def _refresh(self, connection: Connection, event: OutboxRow) -> None:
        id = event.entity or ""
        self._index.remove(event.tenant, id)
        self._paces.pop((event.tenant, id), None)
        for kept in await load(connection, "entity", tenant=event.tenant, id=id):
            self._index.put(kept)

    async def _present(self, connection: Connection, events: Sequence[OutboxRow]) -> dict[tuple[str, str], Entity]:
        wanted = sorted({(e.tenant, e.entity) for e in events if e.entity and e.type})
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM entity WHERE (tenant, id) IN"  # noqa: S608 - constants
            " (SELECT * FROM unnest($1::text[], $2::text[]))",
            [t for t, _ in wanted],
            [i for _, i in wanted],
        )
        by_tenant: dict[str, list[Entity]] = {}
        for row in rows:
            by_tenant.setdefault(row["tenant"], []).append(entity_of(row))
        result: dict[tuple[str, str], Entity] = {}
        for tenant, entities in by_tenant.items():
            result.update({(tenant, e.id): e for e in await self._overlay(connection, entities)})
        return result

    async def _concern(
        self, connection: Connection, event: OutboxRow, present: Entity | None
    ) -> list[tuple[Kept, Happening, Instant]]:
        if event.entity is None or event.type is None:
            return []
        types = {event.type, *event.payload.get("types", ()), *(present.types if present is not None else ())}
        candidates = self._index.concerned(event.tenant, event.entity, types, event.payload.get("changed", ()))
        if not candidates:
            return []
        happening = await read_happening(connection, event, present)
        if happening is None:
            return []
        at = now()
        return [
            (kept, happening, self._due(kept, at))
            for kept in candidates
            if kept.created_at <= event.at and is_concerned(kept, happening, at)
        ]

    def _due(self, kept: Kept, at: Instant) -> Instant:
        """Now, or when the subscription's pause between two notifications is over."""
        if not kept.subscription.throttling_s:
            return at
        key, pause = (kept.tenant, kept.id), timedelta(seconds=kept.subscription.throttling_s)
        last = kept.counters.last
        pace = self._paces.setdefault(key, _Pace(last + pause if last is not None else at))
        if pace.held is not None and pace.held > at:
            return pace.held
        if pace.allowed > at:
            pace.held, pace.allowed = pace.allowed, pace.allowed + pause
            return pace.held
        pace.held, pace.allowed = None, at + pause
        return at

    async def _store(self, connection: Connection, found: Sequence[tuple[Kept, Happening, Instant]]) -> None:
        at = now()
        fresh: list[tuple[Kept, list[Happening], Instant]] = []
        held: dict[tuple[str, str], tuple[Kept, list[Happening], Instant]] = {}
        for kept, happening, due in found:
            if due > at:
                held.setdefault((kept.tenant, kept.id), (kept, [], due))[1].append(happening)
            else:
                fresh.append((kept, [happening], due))
        for kept, several, due in held.values():
            if not await self._join(connection, kept, several):
                fresh.append((kept, _newest(several), due))
        await insert(connection, fresh)

    @staticmethod
    async def _join(connection: Connection, kept: Kept, several: list[Happening]) -> bool:
        """Add to the notification that waits for the end of the pause; False when there is none."""
        row = await connection.fetchrow(
            "SELECT seq, happening::text AS happening FROM notification WHERE tenant = $1 AND kind = 'entity'"
            " AND subscription = $2 AND state = 'waiting' AND due > now() LIMIT 1",
            kept.tenant,
            kept.id,
        )
        if row is None:
            return False
        await connection.execute(
            "UPDATE notification SET happening = $3 WHERE tenant = $1 AND seq = $2",
            kept.tenant,
            row["seq"],
            happenings.encode(_newest([*happenings.decode(row["happening"]), *several])),
        )
        return True


def _newest(several: Sequence[Happening]) -> list[Happening]:
    """Of each entity the newest."""
    return list({h.entity.id: h for h in several}.values())


async def insert(connection: Connection, found: Sequence[tuple[Kept, list[Happening], Instant]]) -> None:
    """Store notifications: (subscription, what happened, when it is due). One that is stored already is left alone."""
    await connection.execute(
        "INSERT INTO notification (tenant, id, kind, subscription, entity, event, uri, happening, at, due)"
        " SELECT t, i, 'entity', s, e, v, u, h::jsonb, a, d FROM unnest($1::text[], $2::uuid[], $3::text[],"
        " $4::text[], $5::uuid[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])"
        " AS n (t, i, s, e, v, u, h, a, d) ON CONFLICT DO NOTHING",
        [k.tenant for k, _, _ in found],
        [uuid.uuid4() for _ in found],
        [k.id for k, _, _ in found],
        # What is told of several entities at once stands in one line with all else of its subscription.
        ["" if k.subscription.throttling_s or len(h) != 1 else h[0].entity.id for k, h, _ in found],
        [h[0].event for _, h, _ in found],
        [k.subscription.uri for k, _, _ in found],
        [happenings.encode(h) for _, h, _ in found],
        [h[-1].at for _, h, _ in found],
        [due for _, _, due in found],
    )


def is_concerned(kept: Kept, happening: Happening, at: Instant) -> bool:
    """Whether a subscription is told of a happening; the subscriber's rights are looked at when it is delivered."""
    wanted = kept.subscription
    if wanted.interval_s or kept.status(at) != "active":
        return False
    entity = happening.entity
    if wanted.selectors and not any(s.admits(entity.id, entity.types) for s in wanted.selectors):
        return False
    if not happening.touches(wanted.triggers, wanted.watched):
        return False
    return (
        meets(entity, wanted.where)
        and in_scope(entity, wanted.scope)
        and lies(entity, wanted.place, wanted.geoproperty)
    )

"""Periodic notifications (`timeInterval`): all entities that match, told again and again, whatever changed."""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import timedelta

import asyncpg

from province.broker.database import LOST, Pool
from province.broker.subscriptions.delivery import Delivery
from province.broker.subscriptions.index import Index
from province.broker.subscriptions.sources import Sources
from province.broker.subscriptions.store import Kept
from province.errors import Unavailable
from province.model.time import Instant, now

log = logging.getLogger(__name__)

TICK_S = 0.25


class Intervals:
    """Run with `run()` until cancelled. One that is due while its last is still on its way waits for it."""

    def __init__(self, pool: Pool, index: Index, sources: Sources, delivery: Delivery) -> None:
        self._pool = pool
        self._index = index
        self._sources = sources
        self._delivery = delivery
        self._next: dict[tuple[str, str, str], Instant] = {}

    async def run(self) -> None:
        """Until cancelled; a lost database is waited for."""
        while True:
            try:
                await self._tick()
            except (*LOST, asyncpg.PostgresError, Unavailable) as error:
                log.warning("periodic notifications wait", extra={"error": repr(error)})
            await asyncio.sleep(TICK_S)

    async def _tick(self) -> None:
        at = now()
        known = set()
        for kept in [*self._index.periodic(), *(k for k in self._sources.all() if k.subscription.interval_s)]:
            key = (kept.tenant, kept.kind, kept.id)
            known.add(key)
            step = timedelta(seconds=kept.subscription.interval_s)
            due = self._next.get(key)
            if due is None:
                # Of registrations one is told at once (5.11.7); of entities when the first interval has passed.
                last = kept.counters.last
                first = at if kept.kind == "registration" else max(at, kept.created_at + step)
                due = self._next[key] = first if last is None else max(at, last + step)
            if due > at or kept.status(at) != "active":
                continue
            self._next[key] = max(due + step, at)
            await self._queue(kept, at)
        for gone in self._next.keys() - known:
            del self._next[gone]

    async def _queue(self, kept: Kept, at: Instant) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            waits = await connection.fetchval(
                "SELECT EXISTS (SELECT 1 FROM notification WHERE tenant = $1 AND kind = $2 AND subscription = $3"
                " AND state = 'waiting')",
                kept.tenant,
                kept.kind,
                kept.id,
            )
            if waits:
                return
            if kept.kind == "registration":
                await self._sources.tell_all(connection, kept, uuid.uuid4(), at)
            else:
                await connection.execute(
                    "INSERT INTO notification (tenant, id, kind, subscription, entity, event, uri, happening, at, due)"
                    " VALUES ($1, $2, 'entity', $3, '', $2, $4, '[]', $5, $5)",
                    kept.tenant,
                    uuid.uuid4(),
                    kept.id,
                    kept.subscription.uri,
                    at,
                )
        self._delivery.wake([kept.subscription.uri])

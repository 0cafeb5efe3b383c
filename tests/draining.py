"""Driving a reader of the outbox or the audit until it has seen all that is committed; waiting for who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from province.broker.database import Connection, Pool

WAIT_S = 60.0


async def ended(connection: Connection) -> None:
    """Wait until every transaction that has begun so far has ended. Raises: AssertionError after `WAIT_S`."""
    deadline = time.monotonic() + WAIT_S
    horizon = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    while await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") < horizon:
        assert time.monotonic() < deadline, "a transaction does not end"
        await asyncio.sleep(0.005)


async def drain(connection: Connection, step: Callable[[Connection], Awaitable[int]]) -> int:
    """Take steps until nothing is left. Returns how many rows were read.

    A reader sees only rows below the oldest transaction that still runs, and autovacuum runs some: a step that found
    nothing says little unless whatever began before it has ended.
    """
    total = 0
    while True:
        await ended(connection)
        if not (count := await step(connection)):
            return total
        total += count


async def blocked(pool: Pool, statement: str = "%") -> None:
    """Wait until somebody in this database waits for a lock. statement: what it wants to carry out, as for LIKE.

    Asked on connections of their own: a transaction sees the activity as it was when it first looked.
    """
    async with asyncio.timeout(WAIT_S):
        while not await pool.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE $1)",
            statement,
        ):
            await asyncio.sleep(0.01)

"""How far readers of the outbox see: up to what still runs, but for autovacuum, which writes nothing there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from province.broker.broker import Broker
from province.broker.database import Connection, Pool
from province.broker.relay import READ_OUTBOX
from province.model import record
from tests.broker.conftest import lamp, lamp_id
from tests.broker.subscribers import ROOT
from tests.draining import ended

ACTIVITY = """
CREATE SCHEMA IF NOT EXISTS seen;
CREATE OR REPLACE VIEW seen.pg_stat_activity AS SELECT a.pid, a.backend_xid,
    CASE WHEN a.pid = ANY(string_to_array(current_setting('seen.vacuums'), ' ')::int[])
         THEN 'autovacuum worker' ELSE a.backend_type END AS backend_type
FROM pg_catalog.pg_stat_activity a
"""
"""Some sessions stand for autovacuum's, which nobody can make pause at will."""


async def read(connection: Connection) -> list[str]:
    return [row["entity"] for row in await connection.fetch(READ_OUTBOX, 0, 0, 100)]


async def watch(connection: Connection, vacuums: Sequence[int]) -> None:
    await connection.execute(ACTIVITY)
    await connection.execute("SET search_path = seen, pg_catalog, public")
    await connection.execute("SELECT set_config('seen.vacuums', $1, false)", " ".join(map(str, vacuums)))


@pytest.mark.parametrize("vacuum", [True, False])
async def test_only_the_transactions_of_autovacuum_are_not_waited_for(broker: Broker, pool: Pool, vacuum: bool) -> None:
    async with pool.acquire() as reader, pool.acquire() as slow:
        await ended(reader)
        async with slow.transaction():
            await slow.execute("SELECT pg_current_xact_id()")
            await broker.apply([record.create(lamp(1))], ROOT)
            await watch(reader, [await slow.fetchval("SELECT pg_backend_pid()")] if vacuum else [])
            assert await read(reader) == ([lamp_id(1)] if vacuum else [])
        await ended(reader)
        assert await read(reader) == [lamp_id(1)]
        await reader.execute("RESET search_path")


async def test_what_stands_behind_one_that_writes_waits_though_autovacuum_is_older(broker: Broker, pool: Pool) -> None:
    async with pool.acquire() as reader, pool.acquire() as vacuum, pool.acquire() as writer:
        await ended(reader)
        async with vacuum.transaction():
            await vacuum.execute("SELECT pg_current_xact_id()")
            await broker.apply([record.create(lamp(1))], ROOT)
            async with writer.transaction():
                await writer.execute("SELECT pg_current_xact_id()")
                await broker.apply([record.create(lamp(2))], ROOT)
                await watch(reader, [await vacuum.fetchval("SELECT pg_backend_pid()")])
                assert await read(reader) == [lamp_id(1)]
            assert await read(reader) == [lamp_id(1), lamp_id(2)]
        await reader.execute("RESET search_path")

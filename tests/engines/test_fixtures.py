"""The servers that all tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import nats
import psycopg


async def test_a_session_database_serves_both_drivers(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    assert await connection.fetchval("SELECT lower('ĐƯỜNG')") == "đường"
    assert await connection.fetchval("SELECT 'a' < 'B'") is False, "text compares by code point"
    await connection.close()
    with psycopg.connect(postgres_dsn) as other:
        assert other.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone() == (18,)


def test_databases_are_separate(make_database: Callable[[], str]) -> None:
    first, second = make_database(), make_database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE t (x int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


async def test_a_service_connects_to_nats(nats_url: str, nats_options: dict[str, Any]) -> None:
    connection = await nats.connect(nats_url, **nats_options)
    assert (await connection.jetstream().account_info()).limits is not None
    await connection.close()

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import asyncpg
import pytest

from identity.postgres import dsn, pool
from province.identity.audit import Pool

__all__ = ["dsn", "pool"]

_numbers = itertools.count(1)


@pytest.fixture
async def tenant(pool: Pool) -> str:
    name = f"adapters-{next(_numbers)}"
    await pool.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Tỉnh', 'Province')", name)
    return name


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
    async with pool.acquire() as connection:
        yield connection

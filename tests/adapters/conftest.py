from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from province.broker.database import connect
from province.identity.audit import Pool

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def dsn(make_migrated: Callable[[], str]) -> str:
    """Where the database of `pool` is."""
    return make_migrated()


@pytest.fixture(scope="session")
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """A database of our own with the shipped schema; each test works in a tenant of its own."""
    made = await connect(dsn, size=8)
    yield made
    await made.close()


@pytest.fixture
async def tenant(pool: Pool) -> str:
    name = f"adapters-{next(_numbers)}"
    await pool.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Tỉnh', 'Province')", name)
    return name


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
    async with pool.acquire() as connection:
        yield connection

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest

from province.broker.database import connect
from province.identity import roles
from province.identity.audit import Pool
from province.identity.passwords import Passwords
from province.model.actor import Actor, system

_numbers = itertools.count(1)
EXTRA = {"clerk": ("report.change", "report.personal"), "resident": ("report.create",)}


@pytest.fixture(scope="session")
def database(make_migrated: Callable[[], str]) -> str:
    """DSN of a database of our own with the shipped schema."""
    return make_migrated()


@pytest.fixture(scope="session")
async def pool(database: str) -> AsyncIterator[Pool]:
    """Each test works in a tenant of its own."""
    made = await connect(database, size=8)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def hasher() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    made.close()


@pytest.fixture
async def tenant(pool: Pool) -> str:
    """A fresh tenant with the core roles: tests do not see each other."""
    name = f"tenant-{next(_numbers)}"
    async with pool.acquire() as conn:
        await conn.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Tỉnh', 'Province')", name)
        await roles.install(conn, name, EXTRA)
    return name


@pytest.fixture
def root(tenant: str) -> Actor:
    return system(tenant, "test")


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
    async with pool.acquire() as connection:
        yield connection

"""Fixtures over `engine_servers`, imported by the conftest files of the rooms that need them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from importlib import resources

import asyncpg
import nats
import pytest
from nats.aio.client import Client

from engine_servers import Nats, nats_server, postgres_server
from observation_samples import TYPES
from province.broker import stream
from province.history import latest

TENANT = "binh-duong"


async def install(dsn: str) -> None:
    """The shipped schema; not through `migrate`, which needs every number to be present."""
    connection = await asyncpg.connect(dsn)
    folder = resources.files("province.broker").joinpath("migrations")
    for item in sorted(folder.iterdir(), key=lambda one: one.name):
        if item.name.endswith(".sql"):
            await connection.execute(item.read_text("utf-8"))
    await connection.close()


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    with postgres_server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def database_template(database_server: str) -> str:
    connection = await asyncpg.connect(database_server)
    await connection.execute("CREATE DATABASE template")
    await connection.close()
    await install(database_server.replace("/postgres?", "/template?"))
    return "template"


@pytest.fixture
async def dsn(database_server: str, database_template: str) -> AsyncIterator[str]:
    name = f"t{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(database_server)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {database_template}")
    yield database_server.replace("/postgres?", f"/{name}?")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    made = await asyncpg.create_pool(dsn, min_size=1, max_size=6, server_settings={"timezone": "UTC"})
    async with made.acquire() as connection:
        await latest.ensure(connection, TYPES.values())
    yield made
    await made.close()


@pytest.fixture(scope="session")
def broker_server() -> Iterator[Nats]:
    with nats_server(mqtt=True) as server:
        yield server


@pytest.fixture
async def client(broker_server: Nats) -> AsyncIterator[Client]:
    """A connection to a server whose streams are empty."""
    made = await nats.connect(broker_server.url, max_reconnect_attempts=-1)
    js = made.jetstream()
    for info in await js.streams_info():
        await js.delete_stream(info.config.name)
    await stream.ensure_stream(js, max_bytes=256 * 1024**2)
    yield made
    await made.close()

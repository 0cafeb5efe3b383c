"""A type with measured fields, its entities, batches of readings, and empty engines to send them through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

import nats
import numpy as np
import pyarrow as pa
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from province.broker import stream
from province.broker.database import Pool, connect
from province.history import latest
from province.model.actor import Actor, Grant
from province.model.label import Label
from province.model.observation import SCHEMA
from province.model.schema import EntityType, Field, Record, TypeInfo, describe
from province.model.unit import Unit
from tests.emptying import empty

TENANT = "binh-duong"


class Station(Record, frozen=True, kw_only=True):
    TYPE: ClassVar = TypeInfo("Station", Label("Trạm đo", "Station"))
    name: Annotated[str, Field(Label("Tên", "Name"))]
    temperature: Annotated[
        float | None, Field(Label("Nhiệt độ", "Temperature"), observed=True, minimum=-40, maximum=85), Unit("CEL")
    ] = None
    battery: Annotated[
        float | None, Field(Label("Pin", "Battery"), observed=True, minimum=0, maximum=100), Unit("P1")
    ] = None
    count: Annotated[int | None, Field(Label("Số đếm", "Count"), observed=True), Unit("C62")] = None
    open: Annotated[bool | None, Field(Label("Mở", "Open"), observed=True)] = None
    mode: Annotated[str | None, Field(Label("Chế độ", "Mode"), observed=True, values=("auto", "tay"))] = None
    note: Annotated[str | None, Field(Label("Ghi chú", "Note"), observed=True)] = None


class Gate(Record, frozen=True, kw_only=True):
    TYPE: ClassVar = TypeInfo("Gate", Label("Cửa", "Gate"))
    level: Annotated[float | None, Field(Label("Mức", "Level"), observed=True), Unit("MTR")] = None


TYPES: dict[str, EntityType] = {t.name: t for t in (describe(Station), describe(Gate))}
OPERATOR = Actor(tenant=TENANT, id="operator", kind="person", grants=(Grant("operator", frozenset(("*",))),))
START = datetime(2026, 3, 1, 6, tzinfo=UTC)


def station(n: int) -> str:
    return f"urn:ngsi-ld:Station:{n:05d}"


def table(
    entity: Sequence[str],
    *,
    attribute: str | Sequence[str] = "temperature",
    type: str = "Station",
    at: Sequence[datetime] | datetime = START,
    number: Sequence[float | None] | None = None,
    text: Sequence[str | None] | None = None,
    dataset: str | None = None,
    origin: int = 0,
) -> pa.Table:
    """A batch; scalars are repeated; without values every reading is its place in the batch modulo 50."""
    n = len(entity)
    attributes = [attribute] * n if isinstance(attribute, str) else list(attribute)
    instants = [at] * n if isinstance(at, datetime) else list(at)
    if number is None and text is None:
        number = [float(i % 50) for i in range(n)]
    return pa.table(
        [
            pa.array(entity, pa.string()),
            pa.array([type] * n).dictionary_encode(),
            pa.array(attributes).dictionary_encode(),
            pa.array([dataset] * n, pa.string()).dictionary_encode(),
            pa.array(instants, pa.timestamp("us", tz="UTC")),
            pa.array(number or [None] * n, pa.float64()),
            pa.array(text or [None] * n, pa.string()),
            pa.array(np.full(n, origin, np.uint8)),
        ],
        schema=SCHEMA,
    )


def series(n: int, *, stations: int = 10, start: datetime = START, step_s: float = 1.0) -> pa.Table:
    """n temperatures of several stations, one after the other in time."""
    return table(
        [station(i % stations) for i in range(n)], at=[start + timedelta(seconds=step_s * i) for i in range(n)]
    )


async def register(pool: Pool, n: int = 10, *, tenant: str = TENANT, agency: str | None = None) -> None:
    """Stations 0…n-1 in the register."""
    await pool.execute(
        "INSERT INTO entity (tenant, id, type, attrs, agency, version, created_at, modified_at)"
        " SELECT $1, 'urn:ngsi-ld:Station:' || lpad(i::text, 5, '0'), 'Station', '{}', $3, 1, now(), now()"
        " FROM generate_series(0, $2::int - 1) AS i",
        tenant, n, agency,
    )  # fmt: skip


def allowed(actor: Actor, permission: str, *, agency: str | None, area: str | None, entity: str | None) -> bool:
    """A policy door as closed as the real one, without its tables."""
    if actor.kind == "device":
        return entity == actor.id
    return any(g.agency in (None, agency) and g.permissions & {"*", permission} for g in actor.grants)


@pytest.fixture(scope="session")
async def migrated_store(make_migrated: Callable[[], str]) -> AsyncIterator[tuple[str, Pool]]:
    """DSN and pool of a migrated database with the latest-value tables of TYPES."""
    dsn = make_migrated()
    pool = await connect(dsn, size=8)
    async with pool.acquire() as connection:
        await latest.ensure(connection, TYPES.values())
    yield dsn, pool
    await pool.close()


@pytest.fixture
async def store(migrated_store: tuple[str, Pool]) -> Pool:
    """That pool, all tables empty."""
    pool = migrated_store[1]
    await empty(pool)
    return pool


async def make_stream(js: JetStreamContext) -> None:
    """A new, empty stream of observations where one may just have been deleted."""
    await stream.ensure_stream(js, max_bytes=256 * 1024**2)
    # A NATS server (2.15) that is busy may write what it held of the deleted stream into the new one of that name.
    while (await js.stream_info(stream.STREAM)).state.last_seq:
        await js.delete_stream(stream.STREAM)
        await asyncio.sleep(0.02)
        await stream.ensure_stream(js, max_bytes=256 * 1024**2)


@pytest.fixture
async def bus(nats_url: str, nats_options: dict[str, object]) -> AsyncIterator[Client]:
    """A connection as a service; the stream of observations exists and is empty."""
    client = await nats.connect(nats_url, max_reconnect_attempts=-1, **nats_options)
    js = client.jetstream()
    for info in await js.streams_info():
        if info.config.name.startswith("$"):  # the gateway remembers its own
            await js.purge_stream(info.config.name)
        else:
            await js.delete_stream(info.config.name)
    await make_stream(js)
    yield client
    await client.close()

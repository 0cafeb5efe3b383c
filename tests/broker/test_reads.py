"""Who read what is in the audit before the reader has it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import msgspec
import pytest

from province.broker.broker import Broker
from province.broker.database import Pool
from province.errors import NotFound, Unavailable
from province.model import record
from province.model.actor import Actor, anonymous, system
from province.model.query import Query

from .conftest import TENANT, A, B, lamp, lamp_id, person

ROOT = person("*", id="root")
CLERK = msgspec.structs.replace(person("lamp.read", id="clerk"), purpose="check the bill", request="r1", address="::1")
FULL = person("lamp.read", "lamp.personal", id="full")


@pytest.fixture(autouse=True)
async def lamps(broker: Broker) -> None:
    await broker.apply(
        [record.create(lamp(n, owner_phone="0901234567", shown=n == 1), agency=A) for n in range(3)], ROOT
    )


async def reads(pool: Pool) -> list[dict[str, Any]]:
    async with pool.acquire() as c:
        rows = await c.fetch("SELECT *, detail::text AS text FROM audit WHERE action LIKE 'entity.%' ORDER BY seq")
    return [{**dict(r), "detail": json.loads(r["text"])} for r in rows]


async def test_a_record_that_is_read_names_its_reader_purpose_and_request(broker: Broker, pool: Pool) -> None:
    await broker.get(lamp_id(0), CLERK)
    (row,) = await reads(pool)
    assert (row["actor"], row["action"], row["entity"], row["type"]) == ("clerk", "entity.read", lamp_id(0), "Lamp")
    assert (row["purpose"], row["request"], row["address"]) == ("check the bill", "r1", "::1")
    assert row["detail"] == {"count": 1, "fields": []}


async def test_personal_fields_that_were_shown_are_named_and_never_their_values(broker: Broker, pool: Pool) -> None:
    await broker.get(lamp_id(0), FULL)
    (row,) = await reads(pool)
    assert row["detail"]["fields"] == ["owner_phone"]
    assert "0901234567" not in json.dumps(row, default=str)


async def test_a_page_is_one_row_with_every_id(broker: Broker, pool: Pool) -> None:
    await broker.query(Query(types=("Lamp",)), FULL)
    (row,) = await reads(pool)
    assert (row["action"], row["entity"], row["detail"]["count"]) == ("entity.listed", None, 3)
    assert row["detail"]["entities"] == [lamp_id(n) for n in range(3)]


async def test_what_one_request_looks_at_twice_is_one_row(broker: Broker, pool: Pool) -> None:
    await asyncio.gather(*(broker.get(lamp_id(0), CLERK) for _ in range(5)))
    await broker.query(Query(types=("Lamp",)), CLERK)
    one, rest = await reads(pool)
    assert (one["entity"], rest["detail"]["entities"]) == (lamp_id(0), [lamp_id(1), lamp_id(2)])
    await broker.get(lamp_id(0), msgspec.structs.replace(CLERK, request="r2"))
    assert len(await reads(pool)) == 3


async def test_what_is_not_shown_is_not_read(broker: Broker, pool: Pool) -> None:
    with pytest.raises(NotFound):
        await broker.get(lamp_id(0), person("lamp.read", agency=B))
    await broker.query(Query(types=("Lamp",), limit=0, count=True), FULL)
    await broker.attribute_use("owner_phone", FULL, "Lamp")
    await broker.get(lamp_id(1), anonymous(TENANT))  # its public view
    await broker.get(lamp_id(1), person("other.read"))  # the same, signed in
    await broker.get(lamp_id(0), system(TENANT, "rule"))
    assert await reads(pool) == []


async def test_no_row_no_answer(broker: Broker, pool: Pool) -> None:
    async with pool.acquire() as c:
        await c.execute("ALTER TABLE audit ADD CONSTRAINT shut CHECK (action NOT LIKE 'entity.%')")
    try:
        with pytest.raises(Unavailable, match="audited"):
            await broker.get(lamp_id(0), CLERK)
    finally:
        async with pool.acquire() as c:
            await c.execute("ALTER TABLE audit DROP CONSTRAINT shut")
    await broker.get(lamp_id(0), CLERK)  # the same request may try again, and is written then
    assert len(await reads(pool)) == 1


async def test_a_reader_who_goes_away_leaves_the_row_to_the_others(broker: Broker, pool: Pool) -> None:
    first = asyncio.create_task(broker.get(lamp_id(0), CLERK))
    second = asyncio.create_task(broker.get(lamp_id(0), CLERK))
    async with pool.acquire() as c, c.transaction():
        await c.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(0.2)
        first.cancel()
    assert (await second).id == lamp_id(0)
    assert len(await reads(pool)) == 1


async def test_other_types_are_counted_by_reader(broker: Broker, pool: Pool) -> None:
    thing = "urn:ngsi-ld:Thing:1"
    reader = person("entity.read", id="reader")
    await broker.apply([msgspec.structs.replace(record.create(lamp(9)), id=thing, type="Thing")], ROOT)
    for _ in range(4):
        await broker.get(thing, reader)
    assert await reads(pool) == []
    await broker.reads.flush()
    (row,) = await reads(pool)
    assert (row["actor"], row["action"], row["type"]) == ("reader", "entity.counted", "Thing")
    assert (row["detail"]["reads"], row["detail"]["count"]) == (4, 4)
    await broker.reads.flush()
    assert len(await reads(pool)) == 1


async def test_many_readers_share_transactions(broker: Broker, pool: Pool) -> None:
    async with pool.acquire() as c:
        before = await c.fetchval("SELECT pg_current_xact_id()::text::bigint")
    readers: list[Actor] = [msgspec.structs.replace(CLERK, request=f"q{n}") for n in range(200)]
    await asyncio.gather(*(broker.get(lamp_id(0), one) for one in readers))
    async with pool.acquire() as c:
        after = await c.fetchval("SELECT pg_current_xact_id()::text::bigint")
    assert len(await reads(pool)) == 200
    assert after - before < 150


async def test_sums_of_a_database_that_is_away_come_with_the_next(broker: Broker, pool: Pool) -> None:
    broker.reads.count(CLERK, "Thing", 3)
    async with pool.acquire() as c:
        await c.execute("ALTER TABLE audit ADD CONSTRAINT shut CHECK (action NOT LIKE 'entity.%')")
    try:
        with pytest.raises(asyncpg.PostgresError):
            await broker.reads.flush()
    finally:
        async with pool.acquire() as c:
            await c.execute("ALTER TABLE audit DROP CONSTRAINT shut")
    broker.reads.count(CLERK, "Thing", 4)
    await broker.reads.flush()
    assert [r["detail"]["count"] for r in await reads(pool)] == [7]

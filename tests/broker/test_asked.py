"""Undeclared attributes that are often and slowly asked for a value get an index, and answers stay the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import pytest

from province.broker import asked
from province.broker.access import Access
from province.broker.asked import Asked, AskedIndexes, index_name
from province.broker.database import Connection, Pool, connect
from province.broker.indexes import standing
from province.broker.migrate import migrate
from province.broker.select import compile_query
from province.identity.policy import Scope
from province.model.query import AnyOf, Query, Where

VALUES: Sequence[Any] = (
    "red", "blue", "p", "r" * 9_000, "it's", 5, 5.5, -1, 10**18, True, False, ["red", "blue"], ["red"], [5, "5"], [],
    {"red": 1}, {"a": {"red": "blue"}}, ["red", ["blue"]], [True], "5", [[5]], "đỏ", None,
)  # fmt: skip
"""One entity with each, of two types in turn, and one without the attribute at all."""


@pytest.fixture
async def pool(make_database: Callable[[], str]) -> AsyncIterator[Pool]:
    made = await connect(make_database(), size=4)
    async with made.acquire() as connection:
        await migrate(connection)
        for n, value in enumerate(VALUES):
            await insert(connection, n, {"paint": {"value": value}, "other": {"value": "red"}})
        await insert(connection, len(VALUES), {"other": {"value": "red"}})
    yield made
    await made.close()


async def insert(connection: Connection, n: int, attrs: object) -> None:
    await connection.execute(
        "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at)"
        " VALUES ($1, $2, $3, $4, 1, now(), now())",
        "t", f"urn:x:{n:03}", ("Lamp", "Bench")[n % 2], msgspec.json.encode(attrs).decode(),
    )  # fmt: skip


async def ask(connection: Connection, query: Query, indexed: frozenset[str]) -> tuple[list[str], int, str]:
    """The ids that a question finds, their number, and how PostgreSQL finds them."""
    access = [Access(type=None, read=Scope(all=True), personal=Scope(all=True))]
    made = compile_query("t", query, access, {}, many_typed=True, asked=indexed)
    rows = await connection.fetch(made.sql, *made.parameters)
    given = made.parameters[: made.counted]
    plan = await connection.fetch("EXPLAIN " + made.count_sql, *given)
    total = await connection.fetchval(made.count_sql, *given)
    return [row["id"] for row in rows], total, "\n".join(line[0] for line in plan)


async def slow(pool: Pool, *names: str, seconds: float = 1.0, times: int = asked.OFTEN) -> None:
    """Questions for a value of these attributes, as slow as that."""
    noted = Asked(pool, {})
    for name in names:
        for _ in range(times):
            noted.note((Where(name, "==", 1),), (), seconds)
    await noted.flush()


async def test_the_index_changes_no_answer_and_is_used(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at) SELECT 't', 'urn:y:' || n,"
            " 'Lamp', jsonb_build_object('paint', jsonb_build_object('value', 'p' || n)), 1, now(), now()"
            " FROM generate_series(1, 5000) n"
        )
        await connection.execute("ANALYZE entity")
    terms: list[Where | AnyOf] = [Where("paint", "==", v) for v in VALUES if v is not None]
    terms += [Where("paint", "in", ("red", 5, True)), Where("paint", "in", ("nothing",))]
    terms += [AnyOf((((Where("paint", "==", "blue"),)), (Where("other", "==", "blue"),)))]
    terms += [Where("paint", "~", "^r"), Where("paint", "absent", None)]
    async with pool.acquire() as connection:
        before = [await ask(connection, Query(where=(t,), limit=100), frozenset()) for t in terms]
        await slow(pool, "paint")
        await AskedIndexes(pool).step(connection)
        noted = Asked(pool, {})
        await noted.flush()
        assert noted.indexed == {"paint"}
        for term, (ids, total, _) in zip(terms, before, strict=True):
            for types in ((), ("Lamp",), ("Lamp", "Bench")):
                found = await ask(connection, Query(types=types, where=(term,), limit=100), noted.indexed)
                kept = [i for i in ids if not types or len(types) == 2 or int(i[-3:]) % 2 == 0]
                assert found[:2] == (kept, len(kept)), (term, types)
            assert total == len(ids)
            if isinstance(term, Where) and term.op in asked.EQUALITY and term.value != []:  # all lists contain that one
                assert index_name("paint") in found[2], found[2]
        assert sum(len(ids) for ids, _, _ in before) > 2 * len(VALUES), "most of it is found by something"


async def test_what_is_written_afterwards_is_found(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await slow(pool, "paint")
        await AskedIndexes(pool).step(connection)
        await insert(connection, 900, {"paint": {"value": "fresh"}})
        await insert(connection, 901, {"paint": {"value": "f" * 100_000}})  # too long for an entry of a B-tree
        for value, found in (("fresh", ["urn:x:900"]), ("f" * 100_000, ["urn:x:901"])):
            query = Query(where=(Where("paint", "==", value),), limit=10)
            assert (await ask(connection, query, frozenset({"paint"})))[0] == found


async def test_only_what_is_often_slow_and_asked_for_a_value(pool: Pool) -> None:
    noted = Asked(pool, {})
    for _ in range(asked.OFTEN):
        noted.note((Where("quick", "==", 1),), (), asked.SLOW_S / 2)
        noted.note((Where("ordered", ">", 1), Where("there", "exists", None), Where("deep.path", "==", 1)), (), 9.0)
        noted.note((Where("quo'te", "==", 1), Where("x" * 300, "==", 1)), (), 9.0)
    noted.note((Where("once", "==", 1),), (), 9.0)
    await noted.flush()
    async with pool.acquire() as connection:
        await AskedIndexes(pool).step(connection)
        assert not await standing(connection, "asked")
        assert [r["name"] for r in await connection.fetch("SELECT name FROM asked_attribute")] == ["once"]


async def test_the_dearest_come_first_and_not_too_many(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "MOST", 2)
    await slow(pool, "cheap", seconds=0.2)
    await slow(pool, "dear", "dearer", seconds=2)
    await slow(pool, "dearer", times=1)
    async with pool.acquire() as connection:
        made = []
        for _ in range(3):
            await AskedIndexes(pool).step(connection)
            made.append(set(await standing(connection, "asked")))
        assert made == [
            {index_name("dearer")},
            {index_name("dearer"), index_name("dear")},
            {index_name("dearer"), index_name("dear")},
        ]


async def test_what_nobody_asks_any_more_goes_and_what_was_broken_off_is_made_anew(pool: Pool) -> None:
    await slow(pool, "old", "broken", "màu-sắc:của/đèn" * 5, "used")
    async with pool.acquire() as connection:
        for _ in range(4):
            await AskedIndexes(pool).step(connection)
        assert len(await standing(connection, "asked")) == 4
        await connection.execute("UPDATE asked_attribute SET asked_at = now() - interval '31 days'")
        noted = Asked(pool, {})
        await noted.flush()
        for name in ("used", "broken"):  # no longer slow, but asked
            noted.note((Where(name, "==", 1),), (), 0.001)
        await noted.flush()
        await connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::regclass", index_name("broken")
        )
        await noted.flush()
        assert noted.indexed == {"old", "màu-sắc:của/đèn" * 5, "used"}, "an index that is not whole is not relied on"
        await AskedIndexes(pool).step(connection)
        assert await standing(connection, "asked") == {index_name("broken"): True, index_name("used"): True}


async def test_it_is_made_beside_the_writes(pool: Pool) -> None:
    await slow(pool, "paint")
    async with pool.acquire() as writing, pool.acquire() as connection:
        made = asyncio.create_task(AskedIndexes(pool).step(connection))
        written = 0
        while not made.done():
            await insert(writing, 1_000 + written, {"paint": {"value": "meanwhile"}})
            written += 1
        await made
        query = Query(where=(Where("paint", "==", "meanwhile"),), count=True, limit=1000)
        assert (await ask(connection, query, frozenset({"paint"})))[1] == written

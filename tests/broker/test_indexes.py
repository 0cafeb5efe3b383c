"""Generated indexes: fields of one name share one, questions use it, and a table in use moves to it unharmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, ClassVar

import pytest

from province.broker import indexes
from province.broker.access import Access
from province.broker.database import Connection, Pool, connect
from province.broker.indexes import Renewal, declared, ensure_indexes
from province.broker.migrate import migrate
from province.broker.select import compile_query, make_token
from province.identity.policy import Scope
from province.model.label import Label
from province.model.query import Query, Where
from province.model.schema import Field, Record, TypeInfo, describe
from province.model.unit import Unit

WORD = Label("chữ", "word")
ROWS = 3_000


class Gate(Record, frozen=True, kw_only=True):
    """Shares `state` with the others; its `code` is its own."""

    TYPE: ClassVar = TypeInfo("Gate", Label("Cửa", "Gate"))
    state: Annotated[str, Field(WORD, indexed=True)]
    code: Annotated[str | None, Field(WORD, indexed=True)] = None


class Sluice(Record, frozen=True, kw_only=True):
    """Its `state` is a number."""

    TYPE: ClassVar = TypeInfo("Sluice", Label("Cống", "Sluice"))
    state: Annotated[int | None, Field(WORD, indexed=True), Unit("C62")] = None


class Weir(Record, frozen=True, kw_only=True):
    """A third one, which comes with another pack."""

    TYPE: ClassVar = TypeInfo("Weir", Label("Đập", "Weir"))
    state: Annotated[str | None, Field(WORD, indexed=True)] = None


TWO = (describe(Gate), describe(Sluice))
THREE = (*TWO, describe(Weir))
OLDER = {
    "declared_gate_state_00000000": "Gate",
    "declared_sluice_state_00000000": "Sluice",
}
"""As they were before fields shared one: for each type one of its own."""


@pytest.fixture
async def pool(make_database: Callable[[], str]) -> AsyncIterator[Pool]:
    made = await connect(make_database(), size=4)
    async with made.acquire() as connection:
        await migrate(connection)
    yield made
    await made.close()


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as made:
        yield made


async def fill(connection: Connection) -> None:
    """Gates with text, sluices with numbers, and a type that nobody declared with values too long for an index."""
    for type, value in (("Gate", "to_jsonb('s' || n % 300)"), ("Sluice", "to_jsonb(n % 300)")):
        await connection.execute(
            "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at)"
            f" SELECT 't', 'urn:{type}:' || lpad(n::text, 6, '0'), '{type}', jsonb_build_object('state',"
            f" jsonb_build_object('value', {value}), 'code', jsonb_build_object('value', to_jsonb(n::text))),"
            " 1, now(), now() FROM generate_series(1, $1::int) n",
            ROWS,
        )
    await connection.execute(
        "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at) SELECT 't', 'urn:Other:1',"
        " 'Other', jsonb_build_object('state', jsonb_build_object('value', string_agg(md5(n::text), ''))), 1, now(),"
        " now() FROM generate_series(1, 300) n"
    )
    await connection.execute("ANALYZE entity")


def everything(*types: Any) -> Sequence[Access]:
    return [Access(type=t, read=Scope(all=True), personal=Scope(all=True)) for t in types]


async def ask(connection: Connection, query: Query) -> tuple[list[str], str]:
    """The ids that a question finds, and how PostgreSQL finds them."""
    kinds = {t.name: t for t in THREE}
    access = everything(*(kinds[t] for t in query.types))
    made = compile_query("t", query, access, kinds, many_typed=False)
    plan = await connection.fetch("EXPLAIN " + made.sql, *made.parameters)
    rows = await connection.fetch(made.sql, *made.parameters)
    return [row["id"] for row in rows], "\n".join(line[0] for line in plan)


QUESTIONS = {
    "equal": Query(types=("Gate",), where=(Where("state", "==", "s7"),), limit=1000),
    "one of": Query(types=("Gate",), where=(Where("state", "in", ("s7", "s8")),), limit=1000),
    "range": Query(types=("Sluice",), where=(Where("state", ">", 297),), limit=1000),
    "in order": Query(types=("Gate",), order="state", limit=50),
    "backwards": Query(types=("Sluice",), order="-state", where=(Where("state", "exists", None),), limit=50),
    "the next page": Query(types=("Gate",), order="state", after=make_token('"s120"', "urn:Gate:000120"), limit=50),
    "its own": Query(types=("Gate",), where=(Where("code", "==", "77"),), limit=10),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_shared_index_answers_as_no_index_does(connection: Connection, question: str) -> None:
    query = QUESTIONS[question]
    await fill(connection)
    without, plan = await ask(connection, query)
    assert without
    assert "declared_" not in plan
    assert len(await ensure_indexes(connection, TWO)) == 2
    found, plan = await ask(connection, query)
    assert found == without
    assert ("declared_gate_code_" if question == "its own" else "declared_any_state_") in plan
    if query.order == "id":  # read from the value on, not through all of the type
        condition = plan.partition("Index Cond:")[2].partition("\n")[0]
        assert "'value'" in condition
    else:  # a page is read in the index's own order
        assert "Sort" not in plan
    if query.after:
        assert "ROW(" in plan.partition("Index Cond:")[2].partition("\n")[0]


def test_names_follow_from_the_declarations_alone() -> None:
    assert declared(TWO) == declared(reversed(TWO))
    assert set(declared(TWO)) & set(declared(THREE)) == {n for n in declared(TWO) if "code" in n}
    assert len(declared(THREE)) == 2


async def test_a_table_in_use_moves_to_the_new_indexes(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "YOUNG_BYTES", 0)
    async with pool.acquire() as connection:
        await fill(connection)
        for name, type in OLDER.items():
            await connection.execute(
                f"CREATE INDEX {name} ON entity (tenant, (attrs -> 'state' -> 'value'), id) WHERE type = '{type}'"
            )
        assert await ensure_indexes(connection, TWO) == [], "a start does not wait for a large table"
        before, _ = await ask(connection, QUESTIONS["equal"])
        # A renewal that was broken off: such an index is written to but never read.
        broken = next(name for name in declared(TWO) if "any_state" in name)
        await connection.execute(f"CREATE INDEX {broken}{declared(TWO)[broken]}")
        await connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::regclass", broken)

        renewal = asyncio.create_task(Renewal(pool, TWO).run())
        written = 0
        while not renewal.done():
            await connection.execute(
                "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at)"
                " SELECT 't', 'urn:Gate:new-' || $1::int, 'Gate', $2, 1, now(), now()",
                written,
                '{"state": {"value": "new"}}',
            )
            written += 1
        await renewal
        assert set(await indexes.standing(connection)) == set(declared(TWO))
        assert all((await indexes.standing(connection)).values())
        found, plan = await ask(connection, QUESTIONS["equal"])
        assert found == before
        assert "declared_any_state_" in plan
        new, plan = await ask(connection, Query(types=("Gate",), where=(Where("state", "==", "new"),), limit=1000))
        assert written
        assert len(new) == min(written, 1001)
        assert "declared_any_state_" in plan


async def test_two_processes_renew_once(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "_PAUSE_S", 0.01)
    async with pool.acquire() as connection:
        await ensure_indexes(connection, TWO)
        await asyncio.gather(*(Renewal(pool, THREE).run() for _ in range(3)))
        assert set(await indexes.standing(connection)) == set(declared(THREE))


def test_a_list_is_no_longer_than_what_the_planner_proves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "_TOGETHER", 2)
    shared = [sql for sql in declared(THREE).values() if "'state'" in sql]
    assert [sql.partition(" WHERE ")[2] for sql in shared] == ["type IN ('Gate', 'Sluice')", "type = 'Weir'"]

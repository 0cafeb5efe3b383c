"""A change is one row of the history; it answers as the rows per attribute of older installations do, which stay."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from province.broker import amendments, rows, scrub
from province.broker.audit_check import check_values
from province.broker.broker import Broker
from province.broker.database import Connection, Pool
from province.broker.history import Instance, read_instances, read_values
from province.broker.plan import Step
from province.broker.relay import OutboxRow
from province.broker.subjects import Part
from province.broker.subscriptions.happening import read_happening
from province.broker.write import Write
from province.errors import AlreadyExists, ProvinceError
from province.model.change import Change, Style
from province.model.entity import Attribute
from province.model.record import create
from province.model.schema import EntityType

from .conftest import TENANT, lamp, lamp_id, person

ROOT = person("*", id="root")
FORMER = "former"
"""The tenant whose history is written as installations did before the table `change_history`."""
THING = "urn:ngsi-ld:Thing:1"
KEYS = ("height", "name", "name urn:ds:1", "owner_phone", "place")
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def value(chance: random.Random) -> Attribute:
    made: Any = chance.choice([chance.randrange(50), 1e17, -0.0, "chữ", "1e5", True, {"a": None, "b": [1.5]}, ["x"]])
    meta = {"note": Attribute(value="m")} if chance.random() < 0.2 else {}
    at = DAY + timedelta(days=chance.randrange(30)) if chance.random() < 0.5 else None
    return Attribute(value=made, observed_at=at, meta=meta)


def change(chance: random.Random, exists: bool) -> Change:
    attrs: dict[str, Attribute | None] = {k: value(chance) for k in chance.sample(KEYS, chance.randrange(1, 4))}
    scope = chance.choice([None, None, (), ("/a",), ("/a", "/b")])
    past = tuple((chance.choice(KEYS), value(chance)) for _ in range(chance.choice([0, 0, 3])))
    if not exists:
        return Change(op="create", id=THING, type="Thing", attrs=attrs, scope=scope, past=past)
    if chance.random() < 0.1:
        return Change(op="delete", id=THING, type="")
    if chance.random() < 0.2:
        return Change(op="replace", id=THING, type="Thing", attrs=attrs, scope=scope)
    if chance.random() < 0.4:
        attrs[chance.choice(KEYS)] = None
    styles: Sequence[Style] = ("set", "set", "fill", "deep", "part", "newer")
    return Change(op="merge", id=THING, type="", attrs=attrs, style=chance.choice(styles), scope=scope, past=past)


async def former(connection: Connection, write: Write, one: Step, now: datetime) -> None:
    """One row per attribute, as they were written until migration 16."""
    encode = rows.encode
    values: list[tuple[str, str | None]] = [(k, encode(a)) for k, a in one.past]
    values += [(k, None if a is None else encode(a)) for k, a in one.written.items()]
    values += [(k, None if a is None else encode(a)) for k, a in rows._scopes(one, now)]
    for key, text in values:
        await connection.execute(
            "INSERT INTO attribute_history (tenant, entity, version, attr, type, attribute, actor, at)"
            " VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8)",
            FORMER, one.entity.id, one.version, key, one.entity.type, text, write.actor.id, now,
        )  # fmt: skip


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored is also written as it was formerly, for another tenant."""
    store = rows.store

    async def both(
        connection: Connection, accepted: Sequence[tuple[Write, list[Step]]], types: Mapping[str, EntityType],
        now: datetime,
    ) -> None:  # fmt: skip
        await store(connection, accepted, types, now)
        for write, steps in accepted:
            for one in steps:
                if not one.skipped:
                    await former(connection, write, one, now)

    monkeypatch.setattr(rows, "store", both)


async def live(broker: Broker, pool: Pool, chance: random.Random, changes: int) -> list[datetime]:
    """A random life of THING, copied to the other tenant with its audit. Returns when it was changed."""
    for _ in range(changes):
        exists = await pool.fetchval("SELECT count(*) FROM entity WHERE id = $1", THING)
        await broker.apply([change(chance, bool(exists))], ROOT)
    await pool.execute(
        "INSERT INTO audit (tenant, at, actor, kind, action, entity, type, detail)"
        " SELECT $2, at, actor, kind, action, entity, type, detail FROM audit WHERE tenant = $1 ORDER BY seq",
        TENANT, FORMER,
    )  # fmt: skip
    for row in await pool.fetch("SELECT version, at, salt, attrs FROM change_history WHERE tenant = $1", TENANT):
        for key, _, *own in msgspec.json.decode(row["attrs"]):
            await pool.execute(
                "UPDATE attribute_history SET salt = $4 WHERE tenant = $1 AND attr = $2 AND version = $3 AND at = $5",
                FORMER, key, row["version"], bytes.fromhex(own[0]) if own else row["salt"], row["at"],
            )  # fmt: skip
    return [r["at"] for r in await pool.fetch("SELECT DISTINCT at FROM attribute_instance ORDER BY at")]


def bare(found: Sequence[Instance]) -> list[Any]:
    return [(i.key, i.attribute, i.at, i.actor, i.version) for i in found]


async def alike(connection: Connection, chance: random.Random, times: Sequence[datetime]) -> list[tuple[Instance, ...]]:
    """Ask both tenants the same. Returns all instances of both."""
    asked: list[dict[str, Any]] = [{}, {"limit": 1}, {"limit": 3}, {"keys": ["name"]}, {"keys": ["scope"], "limit": 2}]
    for _ in range(4):
        start, end = sorted(chance.sample(times, 2))
        asked += [{"start": start}, {"end": end}, {"start": start, "end": end, "keys": ["height", "place"], "limit": 2}]
    for one in asked:
        mine, theirs = [await read_instances(connection, t, THING, **one) for t in (TENANT, FORMER)]
        assert bare(mine) == bare(theirs), one
        assert [i.seq for i in mine] == sorted({i.seq for i in mine})
    for property in ("modifiedAt", "createdAt", "observedAt", "deletedAt"):
        start = chance.choice([None, DAY + timedelta(days=3)])
        tables = [
            await read_values(
                connection, t, THING, keys=(), time_property=property, since=None, start=start, end=None,
                admits=lambda name, dataset: True,
            )
            for t in (TENANT, FORMER)
        ]  # fmt: skip
        assert tables[0].table.equals(tables[1].table)
        assert tables[0].kinds == tables[1].kinds
    for at in times:
        payload = {"version": 0, "changed": ["name"], "was": {}}
        events = [
            OutboxRow(tenant=t, seq=1, xid=1, id=uuid4(), kind="event", name="x", entity=THING, type="Thing",
                      payload=payload, depth=0, actor="a", at=at)
            for t in (TENANT, FORMER)
        ]  # fmt: skip
        one, other = [await read_happening(connection, e, None) for e in events]
        assert (one and one.entity.attrs) == (other and other.entity.attrs)
    return [await read_instances(connection, t, THING) for t in (TENANT, FORMER)]


@pytest.mark.parametrize("seed", range(4))
async def test_every_reader_is_answered_as_before(broker: Broker, pool: Pool, twice: None, seed: int) -> None:
    chance = random.Random(seed)
    times = await live(broker, pool, chance, 25)
    async with pool.acquire() as connection:
        found = await alike(connection, chance, times)
        findings, agree, gone = await check_values(connection)
        assert (findings, gone) == ([], 0)
        assert agree > 50
    for actor, instances in zip((ROOT, msgspec.structs.replace(ROOT, tenant=FORMER)), found, strict=True):
        shown = [i for i in instances if i.attribute is not None]
        await amendments.withdraw(pool, THING, shown[1:4], actor)
        await amendments.correct(pool, THING, shown[5], Attribute(value="khác"), actor)
    part = Part(entity=THING, type="Thing", fields=("name", "owner_phone"))
    async with pool.acquire() as connection:
        await alike(connection, chance, times)
        keys = [sorted(await scrub.keys_of(connection, t, part)) for t in (TENANT, FORMER)]
        assert keys[0] == keys[1]
        count = "SELECT count(*) FROM attribute_instance WHERE tenant = $1 AND attr = ANY($2)"
        held = [await connection.fetchval(count, t, keys[0]) for t in (TENANT, FORMER)]
        erased = [(await scrub.scrub(connection, t, part, keys[0]))["history"] for t in (TENANT, FORMER)]
        assert erased[0] == erased[1] == held[0] == held[1] > 0
        left = await alike(connection, chance, times)
        assert not {i.key for i in left[0]} & {"name", "name urn:ds:1", "owner_phone"}
        assert {i.seq for i in left[0]} < {i.seq for i in found[0]}, "the others are known by the same numbers"
        findings, now_agree, gone = await check_values(connection)
        assert (findings, now_agree + gone) == ([], agree)
        assert gone > 0
        assert (await scrub.scrub(connection, TENANT, part, keys[0]))["history"] == 0


async def test_what_is_older_comes_first(broker: Broker, pool: Pool) -> None:
    await broker.apply([Change(op="create", id=THING, type="Thing", attrs={"name": Attribute(value="mới")})], ROOT)
    await pool.execute(
        "INSERT INTO attribute_history (tenant, entity, version, attr, type, attribute, at, actor)"
        """ VALUES ($1, $2, 1, 'name', 'Thing', '{"value": "cũ"}', now(), 'a')""",
        TENANT, THING,
    )  # fmt: skip
    async with pool.acquire() as connection:
        for limit, expected in ((10, ["cũ", "mới"]), (1, ["mới"])):
            found = await read_instances(connection, TENANT, THING, limit=limit)
            assert [i.attribute.value for i in found if i.attribute] == expected


async def test_a_change_of_very_many_instances_is_several_rows(broker: Broker, pool: Pool) -> None:
    past = tuple(("height", Attribute(value=n)) for n in range(2_500))
    await broker.apply([Change(op="create", id=THING, type="Thing", past=past)], ROOT)
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM change_history") == 3
        assert await connection.fetchval("SELECT count(*) FROM audit") == 1
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 1
        found = await read_instances(connection, TENANT, THING)
    assert [i.attribute.value for i in found if i.attribute] == list(range(2_500))
    assert len({i.seq for i in found}) == 2_500


async def test_the_salt_of_a_personal_value_is_its_own_and_goes_with_it(broker: Broker, pool: Pool) -> None:
    await broker.apply([create(lamp(1, owner_phone="0901234567", code="giữ lại"))], ROOT)
    salts = {r["attr"]: r["salt"] for r in await pool.fetch("SELECT attr, salt FROM attribute_instance")}
    assert salts["owner_phone"] not in [salt for name, salt in salts.items() if name != "owner_phone"]
    async with pool.acquire() as connection:
        part = Part(entity=lamp_id(1), type="Lamp", fields=("owner_phone",))
        await scrub.scrub(connection, TENANT, part, ["owner_phone"])
        (row,) = await connection.fetch("SELECT salt, attrs::text AS attrs FROM change_history")
    assert salts["owner_phone"].hex() not in row["attrs"]
    assert salts["owner_phone"] != row["salt"]


async def test_creations_alone_take_one_statement_and_meet_what_exists(broker: Broker, pool: Pool) -> None:
    made = Change(op="create", id=THING, type="Thing", attrs={"name": Attribute(value="a")})
    await broker.apply([made], ROOT)
    with pytest.raises(AlreadyExists) as refused:
        await broker.apply([made], ROOT)
    assert refused.value.field == "id"
    others = [Change(op="create", id=f"{THING}{n}", type="Thing", attrs=made.attrs) for n in range(3)]
    answers = await broker.apply_each([*others, made, others[0]], ROOT)
    assert [isinstance(a, ProvinceError) for a in answers] == [False, False, False, True, True]
    assert await pool.fetchval("SELECT count(*) FROM entity") == 4
    assert await pool.fetchval("SELECT count(*) FROM audit") == 4
    assert await pool.fetchval("SELECT count(*) FROM change_history") == 4


async def test_a_document_that_holds_nothing_is_refused(pool: Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "INSERT INTO change_history (tenant, entity, version, type, at, actor, salt, attrs)"
            " VALUES ('t', 'e', 1, 'T', now(), 'a', '', '[]')"
        )

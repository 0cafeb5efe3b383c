"""The relay: order within an entity, different entities at once, conflicts one after the other, notices that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from province.broker import relay as reading
from province.broker.broker import Broker
from province.broker.database import Connection, Pool
from province.broker.relay import NOTICES, Relay
from province.errors import InvalidInput
from province.model.actor import system
from province.model.entity import Attribute
from province.model.label import Label
from province.model.record import change, create, move
from province.pack import Context, Effect, Notice, Pack, Rule
from tests.broker.conftest import TENANT, Lamp, lamp, lamp_id
from tests.draining import drain

WORD = Label("chữ", "word")
ACTOR = system(TENANT, "test")


async def _defer(tenant: str, name: str, job: Mapping[str, Any], event: UUID) -> None:
    raise AssertionError("no job was asked for")


class Inbox:
    """What was delivered. refused: subjects that cannot be."""

    def __init__(self, *refused: str) -> None:
        self.subjects: list[str] = []
        self.refused = set(refused)

    async def deliver(self, connection: Connection, tenant: str, notice: Mapping[str, Any], event: UUID) -> None:
        subject = msgspec.convert(notice, Notice).subject.vi
        if subject in self.refused:
            raise InvalidInput("it cannot be delivered.")
        self.subjects.append(subject)


def relay(pool: Pool, broker: Broker, *rules: Rule, inbox: Inbox | None = None) -> Relay:
    pack = Pack(name="p", title=WORD, row="", types=(Lamp,), rules=rules)
    return Relay(pool, broker, (pack,), lambda name, at: {}, (inbox or Inbox()).deliver, _defer)


async def drained(pool: Pool, one: Relay) -> None:
    async with pool.acquire() as connection:
        await drain(connection, one.step)


async def test_events_of_one_entity_come_in_order_whatever_others_do(broker: Broker, pool: Pool) -> None:
    for n in range(40):
        await broker.apply([create(lamp(n))], ACTOR)
    for state in ("lit", "dark", "lit"):
        for n in range(40):
            found = await broker.get(lamp_id(n), ACTOR)
            at = found.modified_at
            assert at is not None
            record = lamp(n, status=found.value("status"))
            await broker.apply([move(msgspec.structs.replace(record, version=found.version), state, at=at)], ACTOR)
    order: list[tuple[str, str]] = []

    def told(name: str) -> Rule:
        def do(one: Lamp, *, context: Context) -> list[Effect]:
            order.append((one.id, name))
            return []

        return Rule(on=name, do=do, record=Lamp)

    one = relay(pool, broker, *(told(name) for name in ("lamp.created", "lamp.lit", "lamp.darkened")))
    await drained(pool, one)
    for n in range(40):
        mine = [name for id, name in order if id == lamp_id(n)]
        assert mine == ["lamp.created", "lamp.lit", "lamp.darkened", "lamp.lit"]


async def test_rules_that_meet_on_one_record_all_have_their_effect(broker: Broker, pool: Pool) -> None:
    """Thirty lamps each raise the height of one post: none is lost, none is counted twice, nothing is parked."""
    post = lamp("post", height=0.0)
    await broker.apply([create(post)], ACTOR)
    await broker.apply_each([create(lamp(n)) for n in range(30)], ACTOR)

    async def answer(*_: object) -> dict[str, Any]:
        found = await broker.get(post.id, ACTOR)
        return {"post": msgspec.structs.replace(post, height=found.value("height"), version=found.version)}

    def raise_post(one: Lamp, *, context: Context, post: Lamp) -> list[Effect]:
        return [] if one.id == post.id else [change(post, height=(post.height or 0) + 1)]

    broker.answer_reads = answer  # type: ignore[method-assign]
    one = relay(pool, broker, Rule(on="lamp.created", do=raise_post, record=Lamp))
    await drained(pool, one)
    assert (await broker.get(post.id, ACTOR)).value("height") == 30
    assert one.counters.parked == 0


async def test_a_batch_that_is_read_again_has_no_effect_twice(broker: Broker, pool: Pool) -> None:
    def rename(one: Lamp, *, context: Context) -> list[Effect]:
        return [change(one, name=f"{one.name}!"), Notice(to="urn:a", subject=WORD, body=WORD, about=one.id)]

    await broker.apply_each([create(lamp(n)) for n in range(20)], ACTOR)
    inbox = Inbox()
    for _ in range(2):
        async with pool.acquire() as connection:
            await connection.execute("DELETE FROM relay_position")
        await drained(pool, relay(pool, broker, Rule(on="lamp.created", do=rename, record=Lamp), inbox=inbox))
    names = [(await broker.get(lamp_id(n), ACTOR)).value("name") for n in range(20)]
    assert names == [f"Đèn đường số {n}!" for n in range(20)]
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE kind = 'notice'") == 20


async def test_a_notice_that_cannot_be_delivered_is_parked_and_holds_up_nobody(broker: Broker, pool: Pool) -> None:
    def tell(one: Lamp, *, context: Context) -> list[Effect]:
        return [Notice(to="urn:a", subject=Label(one.name, one.name), body=WORD, about=one.id)]

    await broker.apply_each([create(lamp(n)) for n in range(5)], ACTOR)
    inbox = Inbox("Đèn đường số 3")
    one = relay(pool, broker, Rule(on="lamp.created", do=tell, record=Lamp), inbox=inbox)
    await drained(pool, one)
    assert {"Đèn đường số 0", "Đèn đường số 1", "Đèn đường số 2", "Đèn đường số 4"} == set(inbox.subjects)
    async with pool.acquire() as connection:
        (row,) = await connection.fetch("SELECT tenant, id, handler, state FROM failed_effect")
    assert (row["handler"], row["state"]) == (NOTICES, "open")
    inbox.refused.clear()
    await one.retry(row["tenant"], row["id"], NOTICES)
    assert "Đèn đường số 3" in inbox.subjects
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT state FROM failed_effect") == "retried"


async def test_different_entities_are_handled_at_the_same_time(broker: Broker, pool: Pool) -> None:
    """Every rule waits for all the others: one after the other they would wait for ever."""
    together = asyncio.Barrier(8)

    async def answer(*_: object) -> dict[str, Any]:
        await asyncio.wait_for(together.wait(), 60)
        return {}

    def nothing(one: Lamp, *, context: Context) -> list[Effect]:
        return [change(one, colour="amber")]

    broker.answer_reads = answer  # type: ignore[method-assign]
    await broker.apply_each([create(lamp(n)) for n in range(8)], ACTOR)
    one = relay(pool, broker, Rule(on="lamp.created", do=nothing, record=Lamp))
    await drained(pool, one)
    assert one.counters.parked == 0
    assert isinstance((await broker.get(lamp_id(7), ACTOR)).attrs["colour"], Attribute)


async def test_what_nobody_acts_on_is_passed_without_being_read(
    broker: Broker, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broker.apply([create(lamp(1))], ACTOR)
    found = await broker.get(lamp_id(1), ACTOR)
    assert found.modified_at is not None
    await broker.apply([move(msgspec.structs.replace(lamp(1), version=1), "lit", at=found.modified_at)], ACTOR)
    read: list[str] = []
    former = reading.read_row

    def seen(record: asyncpg.Record) -> reading.OutboxRow:
        read.append(record["name"])
        return former(record)

    monkeypatch.setattr(reading, "read_row", seen)
    one = relay(pool, broker, Rule(on="lamp.lit", do=lambda lamp, *, context: [], record=Lamp))
    await drained(pool, one)
    assert read == ["lamp.lit"]
    assert (one.counters.events, one.counters.rules) == (2, 1), "every event counts"

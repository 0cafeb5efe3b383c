"""Subscriptions from the change of an entity to the endpoint: who is told, of what, how often, in which order."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pyarrow as pa
import pytest

from province.broker.database import Pool
from province.broker.subscriptions import delivery
from province.broker.subscriptions.delivery import Refused, dismiss, retry
from province.broker.subscriptions.measured import Announcer
from province.errors import NotAllowed, NotFound, Unavailable
from province.model.actor import Actor
from province.model.change import Change
from province.model.entity import Attribute
from province.model.jsonld import CORE
from province.model.observation import SCHEMA
from province.model.schema import describe
from province.model.subscription import decode_subscription
from province.model.time import now
from tests.api.conftest import Station
from tests.broker.subscribers import OTHER, ROOT, WAIT_S, World, until


async def test_every_change_is_told_once_and_in_order(world: World) -> None:
    await world.subscribe()
    for n in range(30):
        await world.write("1", a=n)
    await until(lambda: len(world.told) >= 30)
    assert world.values() == list(range(30))


async def test_only_the_changes_that_were_asked_for(world: World) -> None:
    id = await world.subscribe(watchedAttributes=["a"], q="a>5", notificationTrigger=["attributeUpdated"])
    await world.write("1", a=9)  # created, not updated
    await world.write("1", b=1)  # not watched
    await world.write("1", a=3)  # q does not hold
    await world.write("1", a=7)
    await until(lambda: len(world.told) >= 1)
    await asyncio.sleep(0.3)
    assert world.values() == [7]
    body = world.told[0][1]
    assert (body["type"], body["subscriptionId"]) == ("Notification", id)
    await until_counted(world, id, sent=1)


async def until_counted(world: World, id: str, *, sent: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await world.store.get(id, ROOT)).counters.sent < sent:
            await asyncio.sleep(0.05)


async def test_deletions_and_what_was_before(world: World) -> None:
    await world.subscribe(notificationTrigger=["attributeDeleted", "entityDeleted"], notification={"showChanges": True})
    await world.write("1", a=1, b=2)
    await world.write("1", b=None)
    await world.write("1", "delete")
    await until(lambda: len(world.told) >= 2)
    first, second = (body["data"][0] for _, body in world.told)
    assert first["b"] == {"type": "Property", "value": "urn:ngsi-ld:null", "previousValue": 2}
    assert first["a"] == {"type": "Property", "value": 1}
    assert second["a"]["previousValue"] == 1
    assert "deletedAt" in second


@pytest.mark.slow
async def test_a_dead_endpoint_holds_up_nobody_and_ends_in_a_dead_letter(world: World, pool: Pool) -> None:
    dead = "http://dead.example/n"
    id = await world.subscribe(uri=dead)
    await world.subscribe()
    world.fail[dead] = Unavailable("nobody answers.")
    for n in range(5):
        await world.write("1", a=n)
    await until(lambda: world.values() == [0, 1, 2, 3, 4])
    async with asyncio.timeout(WAIT_S):
        while await pool.fetchval("SELECT count(*) FROM notification WHERE state = 'open'") < 5:
            await asyncio.sleep(0.05)
    kept = await world.store.get(id, ROOT)
    assert kept.counters.failed >= 15  # each was tried three times
    assert kept.counters.last_failure is not None
    letters = [r["id"] for r in await pool.fetch("SELECT id FROM notification WHERE state = 'open' ORDER BY seq")]
    world.fail.clear()
    await retry(pool, "t", letters[0])
    await dismiss(pool, "t", letters[1])
    await until(lambda: world.values(dead) == [0])
    with pytest.raises(Unavailable):
        await retry(pool, "t", letters[1])


async def test_a_slow_endpoint_is_not_a_slow_house(world: World) -> None:
    slow = "http://slow.example/n"
    await world.subscribe(uri=slow)
    await world.subscribe()
    world.slow_s[slow] = 2.0
    began = asyncio.get_running_loop().time()
    for n in range(3):
        await world.write("1", a=n)
    await until(lambda: world.values() == [0, 1, 2])
    assert asyncio.get_running_loop().time() - began < 2.0 + 3.0
    assert len(world.values(slow)) <= 1


async def test_more_than_fits_is_told_once_and_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LOADED", 20)
    monkeypatch.setattr(delivery, "SWEEP_S", 0.02)  # all that waits is looked through again and again
    await world.subscribe()
    world.slow_s["http://a.example/n"] = 0.005
    for n in range(8):
        changes = [
            Change(op="upsert", id=f"urn:x:{e}", type="Thing", attrs={"a": Attribute(value=f"{e}-{n}")})
            for e in range(40)
        ]
        await world.broker.apply(changes, ROOT)
    await until(lambda: len(world.told) >= 320)
    await until(lambda: not world.delivery._settler.unsettled)
    told = world.values()
    assert sorted(told) == sorted(f"{e}-{n}" for e in range(40) for n in range(8))
    assert [[v for v in told if v.startswith(f"{e}-")] for e in range(40)] == [
        [f"{e}-{n}" for n in range(8)] for e in range(40)
    ]


async def test_an_endpoint_that_failed_is_tried_by_one_alone(world: World) -> None:
    await world.subscribe()
    await world.subscribe(uri="http://b.example/n")
    world.fail["http://a.example/n"] = Unavailable("down")
    world.slow_s["http://a.example/n"] = 0.05
    trying: list[int] = []
    original = world.delivery._send
    busy = 0

    async def counted(one: delivery.Waiting) -> bool:
        nonlocal busy
        kept = world.index.get(one.tenant, one.subscription)
        if kept is None or kept.subscription.uri != "http://a.example/n":
            return await original(one)
        busy += 1
        trying.append(busy)
        try:
            return await original(one)
        finally:
            busy -= 1

    world.delivery._send = counted
    for n in range(30):
        await world.write(f"{n}", a=n)
    await until(lambda: len(world.values("http://b.example/n")) == 30)
    await until(lambda: len(trying) >= 30)
    assert set(trying[delivery.AT_ONCE :]) == {1}


async def test_a_refusal_and_a_forbidden_target_are_given_up(world: World, pool: Pool) -> None:
    for uri, error in (("http://no.example/n", Refused("410")), ("http://in.example/n", NotAllowed("private"))):
        world.fail[uri] = error
        await world.subscribe(uri=uri)
    await world.write("1", a=1)
    async with asyncio.timeout(WAIT_S):
        while await pool.fetchval("SELECT count(*) FROM notification WHERE state = 'open'") < 2:
            await asyncio.sleep(0.05)


async def test_rights_are_those_of_the_moment(world: World) -> None:
    id = await world.subscribe()
    world.actor = None  # the account was disabled
    await world.write("1", a=1)
    await until(lambda: world.withheld == 1)
    world.actor = OTHER  # may no longer read anything
    await world.write("1", a=2)
    await until(lambda: world.withheld == 2)
    world.actor = ROOT
    await world.write("1", a=3)
    await until(lambda: world.values() == [3])
    assert (await world.store.get(id, ROOT)).counters.failed == 0


async def test_it_is_tried_until_it_is_taken(world: World, pool: Pool) -> None:
    uri = "http://later.example/n"
    world.fail[uri] = Unavailable("not yet.")
    world.delivery._patience = timedelta(hours=1)
    await world.subscribe(uri=uri)
    await world.write("1", a=1)
    async with asyncio.timeout(WAIT_S):
        while not await pool.fetchval("SELECT count(*) FROM notification WHERE state = 'waiting' AND attempts > 0"):
            await asyncio.sleep(0.05)
    world.fail.clear()
    await until(lambda: world.values(uri) == [1])
    async with asyncio.timeout(WAIT_S):
        while await pool.fetchval("SELECT count(*) FROM notification"):
            await asyncio.sleep(0.05)


async def test_a_pause_gathers_what_happens_meanwhile(world: World) -> None:
    await world.subscribe(throttling=2.0)
    for n in range(6):
        await world.write(str(n % 2), a=n)
    await until(lambda: len(world.told) >= 2)
    await asyncio.sleep(0.3)
    assert len(world.told) == 2  # the first at once, then one with the newest of each entity
    last = {e["id"]: e["a"]["value"] for e in world.told[1][1]["data"]}
    assert last["urn:x:0"] == 4
    assert last["urn:x:1"] == 5


async def test_subscriptions_of_others_are_out_of_sight(world: World) -> None:
    mine = await world.subscribe(OTHER)
    theirs = await world.subscribe()
    assert (await world.store.get(mine, OTHER)).id == mine
    with pytest.raises(NotFound):
        await world.store.get(theirs, OTHER)
    assert [k.id for k in (await world.store.list(OTHER, offset=0, limit=10))[0]] == [mine]
    with pytest.raises(NotFound):
        await world.store.delete(theirs, OTHER)
    nobody = Actor(tenant="t", id="n", kind="person")
    with pytest.raises(NotAllowed):
        await world.store.create({"notification": {"endpoint": {"uri": "http://x.example"}}}, nobody)


async def test_another_tenant_hears_nothing(world: World) -> None:
    elsewhere = Actor(tenant="u", id="root", kind="person", grants=ROOT.grants)
    body = {"type": "Subscription", "entities": [{"type": "Thing"}],
            "notification": {"endpoint": {"uri": "http://u.example/n"}}}  # fmt: skip
    id = await world.store.create(decode_subscription(body, CORE, now()), elsewhere)
    await until(lambda: world.index.get("u", id) is not None)
    await world.subscribe()
    await world.write("1", a=1)
    await until(lambda: world.values() == [1])
    assert world.values("http://u.example/n") == []


async def test_what_is_measured_leaves_an_event_where_somebody_asked(world: World, pool: Pool) -> None:
    schema = SCHEMA.append(pa.field("seq", pa.int64())).append(pa.field("row", pa.int32()))

    def batch(*attributes: str) -> pa.Table:
        rows = [
            {"entity": "urn:ngsi-ld:Station:1", "type": "Station", "attribute": a, "dataset": None,
             "observed_at": now(), "number": 1.0, "text": None, "origin": 0, "seq": 1, "row": i}
            for i, a in enumerate(attributes)
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=schema)

    announcer = Announcer({"Station": describe(Station)})
    async with pool.acquire() as c:
        assert await announcer.tell(c, "t", batch("temperature")) == 0
        await world.subscribe(entities=[{"type": "Station"}], watchedAttributes=["temperature"])
        announcer._looked = -10.0
        assert await announcer.tell(c, "u", batch("temperature")) == 0
        assert await announcer.tell(c, "t", batch("door")) == 0
        assert await announcer.tell(c, "t", batch("door", "temperature")) == 1
        [row] = await c.fetch("SELECT name, entity, type, payload::text AS p FROM outbox WHERE type IS NOT NULL")
    assert (row["name"], row["entity"], row["type"]) == ("station.observed", "urn:ngsi-ld:Station:1", "Station")
    assert sorted(msgspec.json.decode(row["p"])["changed"]) == ["door", "temperature"]


async def test_a_linked_q_is_asked_with_the_rights_of_the_subscriber(world: World) -> None:
    await world.subscribe(q="on{level}<0.5")
    for name, level in (("full", 0.9), ("low", 0.3)):
        await world.write(f"d{name}", level=level)
        link = {"on": Attribute(type="Relationship", value=f"urn:x:d{name}"), "a": Attribute(value=name)}
        await world.broker.apply((Change(op="create", id=f"urn:x:{name}", type="Thing", attrs=link),), ROOT)
    await until(lambda: len(world.told) >= 1)
    assert world.values() == ["low"]
    await until(lambda: world.withheld >= 1)

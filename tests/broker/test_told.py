"""Who reads a subscription sees counted what its endpoint was told, and waits long for nobody."""

from __future__ import annotations

import uuid

from province.broker.database import Pool
from province.broker.subscriptions.delivery import Waiting
from province.broker.subscriptions.settle import Outcome, Settler
from province.broker.subscriptions.store import Store
from province.broker.subscriptions.told import PAUSES_S
from province.model.actor import Actor
from province.model.jsonld import CORE
from province.model.subscription import decode_subscription
from province.model.time import now
from tests.broker.subscribers import ROOT

COLUMNS = "tenant, seq, kind, subscription, entity, happening::text AS happening, at, due, attempts"


async def subscribe(pool: Pool, uri: str = "http://a.example/n", actor: Actor = ROOT) -> str:
    body = {"type": "Subscription", "entities": [{"type": "Thing"}], "notification": {"endpoint": {"uri": uri}}}
    return await Store(pool, "entity").create(decode_subscription(body, CORE, now()), actor)


async def notify(pool: Pool, id: str, uri: str = "http://a.example/n", attempts: int = 0) -> Waiting:
    """A notification on its way; the matcher stores them so."""
    row = await pool.fetchrow(
        "INSERT INTO notification (tenant, id, kind, subscription, entity, event, uri, happening, at, due, attempts)"
        f" VALUES ('t', $1, 'entity', $2, 'urn:x:1', $1, $3, '[]', now(), now(), $4) RETURNING {COLUMNS}",
        uuid.uuid4(),
        id,
        uri,
        attempts,
    )
    assert row is not None
    return Waiting(**dict(row))


class Pauses:
    """What happens between the first look at a subscription and the second."""

    def __init__(self, settler: Settler, *outcomes: Outcome) -> None:
        self._settler, self._outcomes = settler, list(outcomes)
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        for one in self._outcomes:
            self._settler.add(one)
        self._outcomes.clear()
        await self._settler.flush()


def told(one: Waiting) -> Outcome:
    return Outcome(one, now(), "done", sent=True)


async def test_what_an_endpoint_was_told_is_counted_before_a_reader_sees_the_subscription(pool: Pool) -> None:
    id = await subscribe(pool)
    pauses = Pauses(Settler(pool), told(await notify(pool, id)))
    store = Store(pool, "entity", pauses)
    kept = await store.read(id, ROOT)
    assert (kept.counters.sent, kept.counters.last_success) == (1, kept.counters.last)
    assert len(pauses.seconds) == 1

    pauses = Pauses(Settler(pool), told(await notify(pool, id)))
    page, total = await Store(pool, "entity", pauses).list(ROOT, offset=0, limit=10)
    assert ([k.counters.sent for k in page], total, len(pauses.seconds)) == ([2], 1, 1)


async def test_a_reader_does_not_wait_for_what_comes_while_it_waits(pool: Pool) -> None:
    id = await subscribe(pool)
    first = await notify(pool, id)

    class Stream(Pauses):
        async def __call__(self, seconds: float) -> None:
            await notify(pool, id)
            await super().__call__(seconds)

    stream = Stream(Settler(pool), told(first))
    assert (await Store(pool, "entity", stream).read(id, ROOT)).counters.sent == 1
    assert len(stream.seconds) == 1


async def test_nobody_waits_for_an_endpoint_that_failed(pool: Pool) -> None:
    """Neither for the notification that it did not take, nor for those behind it, of whatever subscription."""
    dead = "http://dead.example/n"
    id, other, healthy = await subscribe(pool, dead), await subscribe(pool, dead), await subscribe(pool)
    await notify(pool, id, dead, attempts=1)
    await notify(pool, id, dead)
    await notify(pool, other, dead)
    pauses = Pauses(Settler(pool))
    store = Store(pool, "entity", pauses)
    for one in (id, other, healthy):
        await store.read(one, ROOT)
    assert pauses.seconds == []

    pauses = Pauses(Settler(pool), told(await notify(pool, healthy)))
    page, _ = await Store(pool, "entity", pauses).list(ROOT, offset=0, limit=10)
    assert [k.counters.sent for k in page if k.id == healthy] == [1]


async def test_an_endpoint_that_does_not_answer_is_waited_for_shortly(pool: Pool) -> None:
    id = await subscribe(pool)
    await notify(pool, id)
    pauses = Pauses(Settler(pool))
    assert (await Store(pool, "entity", pauses).read(id, ROOT)).counters.sent == 0
    assert pauses.seconds == list(PAUSES_S)
    assert sum(pauses.seconds) < 0.5

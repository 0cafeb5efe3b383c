"""Subscribers for tests: matcher and delivery over a real database; the endpoints are lists, or what a test gives."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.subscriptions import happening as happenings
from province.broker.subscriptions.delivery import Delivery, Waiting
from province.broker.subscriptions.index import Index
from province.broker.subscriptions.matcher import Matcher
from province.broker.subscriptions.message import Message, Reach, compose
from province.broker.subscriptions.sources import Sources
from province.broker.subscriptions.store import Owner, Store
from province.model.actor import Actor, Grant
from province.model.change import Change
from province.model.entity import Attribute
from province.model.jsonld import CORE
from province.model.subscription import decode_subscription
from province.model.time import now

ROOT = Actor(tenant="t", id="root", kind="person", grants=(Grant("all", frozenset(("*",))),))
OTHER = Actor(tenant="t", id="other", kind="person", grants=(Grant("some", frozenset(("subscription.create",))),))
WAIT_S = 60.0


@dataclass
class World:
    """Matcher and delivery over a real database; the endpoints are lists."""

    broker: Broker
    store: Store
    delivery: Delivery
    index: Index
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    fail: dict[str, Exception] = field(default_factory=dict)
    actor: Actor | None = ROOT
    slow_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    through: Callable[[Message], Awaitable[None]] | None = None
    """What carries messages out; None puts them into `told`."""
    withheld: int = 0
    """Messages that were not sent, because their owner may not know."""

    async def subscribe(self, actor: Actor = ROOT, uri: str = "http://a.example/n", **members: Any) -> str:
        notification = {"endpoint": {"uri": uri}, **members.pop("notification", {})}
        body = {"type": "Subscription", "entities": [{"type": "Thing"}], "notification": notification, **members}
        id = await self.store.create(decode_subscription(body, CORE, now()), actor)
        await until(lambda: self.index.get("t", id) is not None)
        return id

    async def write(self, id: str, op: str = "upsert", **values: Any) -> None:
        attrs = {k: None if v is None else Attribute(value=v) for k, v in values.items()}
        kind = "" if op == "delete" else "Thing"
        await self.broker.apply((Change(op=op, id=f"urn:x:{id}", type=kind, attrs=attrs),), ROOT)  # type: ignore[arg-type]

    def values(self, uri: str = "http://a.example/n") -> list[Any]:
        """What an endpoint was told, shortened: the value of `a` of the first entity."""
        return [body["data"][0].get("a", {}).get("value") for to, body in self.told if to == uri]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.02)


@pytest.fixture
async def world(broker: Broker, pool: Pool) -> AsyncIterator[World]:
    index, sources = Index(), Sources()

    async def context(tenant: str, value: Any) -> Any:
        return CORE

    async def actor(tenant: str, owner: Owner) -> Actor | None:
        return made.actor

    reach = Reach(actor=actor, access=broker.access, ask=broker.query, context=context, note=broker.reads.note)

    async def send(one: Waiting) -> bool:
        kept = index.get(one.tenant, one.subscription)
        message: Message | None = None
        if kept is not None and kept.status(now()) == "active":
            message = await compose(kept, happenings.decode(one.happening), reach)
        if message is None:
            made.withheld += 1
            return False
        await asyncio.sleep(made.slow_s[message.uri])
        if message.uri in made.fail:
            raise made.fail[message.uri]
        if made.through is not None:
            await made.through(message)
        made.told.append((message.uri, msgspec.json.decode(message.body)))
        return True

    delivery = Delivery(pool, send, patience=timedelta(0), pause_s=0.05, longest_pause_s=0.1)
    made = World(broker, Store(pool, "entity"), delivery, index)
    matcher = Matcher(pool, index, sources, broker.overlay, delivery.wake)
    tasks = [asyncio.create_task(matcher.run()), asyncio.create_task(delivery.run())]
    await asyncio.wait_for(matcher.ready.wait(), WAIT_S)
    yield made
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

"""What exists only until a time: hidden from then on, and gone a moment later (clause 4.22)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from province.broker.broker import Broker
from province.broker.transient import Reaper
from province.errors import NotFound
from province.model.actor import Actor
from province.model.change import Change
from province.model.codec import decode, read_expiry
from province.model.entity import EXPIRY, Attribute
from province.model.query import Query
from province.model.representation import encode
from province.model.time import format_instant, now
from tests.broker.subscribers import ROOT

HOUR = timedelta(hours=1)


async def make(broker: Broker, id: str, actor: Actor, **ends: Attribute) -> None:
    await broker.apply((Change(op="create", id=id, type="Thing", attrs={"a": Attribute(value=1), **ends}),), actor)


async def test_an_entity_ends(broker: Broker) -> None:
    past, future = (read_expiry(format_instant(now() + d)) for d in (-HOUR, HOUR))
    await make(broker, "urn:x:past", ROOT, expiresAt=past)
    await make(broker, "urn:x:future", ROOT, expiresAt=future)
    await make(broker, "urn:x:ever", ROOT)
    with pytest.raises(NotFound):
        await broker.get("urn:x:past", ROOT)
    found = await broker.query(Query(types=("Thing",)), ROOT)
    assert {e.id for e in found.items} == {"urn:x:future", "urn:x:ever"}
    assert await Reaper(broker).reap(now()) == 1
    assert await broker.pool.fetchval("SELECT count(*) FROM entity WHERE type = 'Thing'") == 2
    assert (
        await broker.pool.fetchval("SELECT count(*) FROM outbox WHERE entity = 'urn:x:past' AND name LIKE '%deleted'")
        == 1
    )
    assert await Reaper(broker).reap(now()) == 0
    await broker.apply((Change(op="merge", id="urn:x:future", type="", attrs={EXPIRY: None}),), ROOT)
    assert await Reaper(broker).reap(now() + 2 * HOUR) == 0


async def test_an_attribute_ends_and_its_entity_stays(broker: Broker) -> None:
    await make(broker, "urn:x:1", ROOT, b=Attribute(value=2, expires_at=now() - HOUR), c=Attribute(value=3))
    assert set((await broker.get("urn:x:1", ROOT)).attrs) == {"a", "c"}
    [found] = (await broker.query(Query(types=("Thing",)), ROOT)).items
    assert set(found.attrs) == {"a", "c"}


def test_it_is_shown_to_those_who_ask_for_system_attributes() -> None:
    body = {"id": "urn:x:1", "type": "T", "expiresAt": "2030-01-02T03:04:05Z",
            "a": {"type": "Property", "value": 1, "expiresAt": "2031-01-02T03:04:05Z"}}  # fmt: skip
    entity = decode(body, tenant="t")
    assert encode(entity, sys_attrs=True) == body
    assert encode(entity) == {"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 1}}

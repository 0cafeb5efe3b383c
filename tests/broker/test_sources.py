"""Subscribers of registrations are told once of each, however close to the subscription it was made."""

from __future__ import annotations

from typing import Any

import msgspec

from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.registrations import Registrations
from province.broker.subscriptions.index import Index
from province.broker.subscriptions.matcher import Matcher
from province.broker.subscriptions.sources import Sources
from province.broker.subscriptions.store import Store
from province.model.jsonld import CORE
from province.model.registration import decode_registration
from province.model.subscription import decode_subscription
from province.model.time import now
from tests.broker.subscribers import ROOT
from tests.draining import drain

SUBSCRIPTION = {
    "type": "Subscription",
    "entities": [{"type": "Thing"}],
    "notification": {"endpoint": {"uri": "http://a.example/n"}},
}
SOURCE: dict[str, Any] = {
    "id": "urn:x:source",
    "type": "ContextSourceRegistration",
    "information": [{"entities": [{"type": "Thing"}]}],
    "endpoint": "http://source.example",
}


async def test_a_registration_is_told_once_and_again_when_it_comes_back(broker: Broker, pool: Pool) -> None:
    registrations = Registrations(pool)
    matcher = Matcher(pool, Index(), Sources(), broker.overlay, lambda uris: None)

    async def told() -> list[tuple[str, list[str]]]:
        async with pool.acquire() as connection:
            await drain(connection, matcher.step)
        rows = await pool.fetch("DELETE FROM notification RETURNING seq, happening::text AS happening")
        news = [msgspec.json.decode(row["happening"]) for row in sorted(rows, key=lambda row: int(row["seq"]))]
        return [(one["reason"], [r["id"] for r in one["registrations"]]) for one in news]

    await Store(pool, "registration").create(decode_subscription(SUBSCRIPTION, CORE, now()), ROOT)
    await registrations.create(decode_registration(SOURCE, CORE, now()), ROOT)
    assert await told() == [("newlyMatching", ["urn:x:source"])]
    await registrations.delete("urn:x:source", ROOT)
    assert await told() == [("noLongerMatching", ["urn:x:source"])]
    await registrations.create(decode_registration(SOURCE, CORE, now()), ROOT)
    assert await told() == [("newlyMatching", ["urn:x:source"])]

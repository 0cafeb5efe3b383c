"""Foreign messages: what is good comes in, what is not is kept with its reason, and nothing stops the rest."""

from __future__ import annotations

import json

import pytest

from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.feeds import Feeds
from province.errors import DecodeError, NotAllowed, NotFound, NotSignedIn, Unsupported
from province.model import record
from province.model.actor import anonymous
from province.model.label import Label
from province.pack import Context, Decoded, Feed, Pack

from .conftest import TENANT, lamp, lamp_id, person

SENDER = person("lamp.feed", id="sender")


def lamps_from_json(payload: bytes, *, context: Context) -> Decoded:
    """A list of [key, height]."""
    try:
        rows = json.loads(payload)
        return Decoded(changes=tuple(record.create(lamp(key, height=height)) for key, height in rows))
    except (ValueError, TypeError) as error:
        raise DecodeError(f"not a list of lamps: {error}.", field="body") from None


PACK = Pack(
    name="lamps",
    title=Label("Đèn", "Lamps"),
    row="0",
    feeds=(Feed("lamps", decode=lamps_from_json, title=Label("Đèn", "Lamps"), needs="lamp.feed"),),
)


@pytest.fixture
def feeds(broker: Broker) -> Feeds:
    return Feeds(broker, None, (PACK,), lambda pack, at: {})  # type: ignore[arg-type]  # it brings no readings


async def test_a_refused_change_is_kept_and_the_others_go_on(feeds: Feeds, broker: Broker, pool: Pool) -> None:
    payload = json.dumps([["a", 5], ["b", 5000], ["c", 7]]).encode()
    taken = await feeds.take("lamps", payload, "application/json", SENDER)
    assert [c.id for c in taken.changed] == [lamp_id("a"), lamp_id("c")]
    assert [(r.id, r.field) for r in taken.refused] == [(lamp_id("b"), "height")]
    async with pool.acquire() as c:
        letters = await c.fetch("SELECT door, source, field, reason FROM dead_letter")
        actors = {r["actor"] for r in await c.fetch("SELECT actor FROM audit")}
    assert [(x["door"], x["source"], x["field"]) for x in letters] == [("feed lamps", "sender", "height")]
    assert "outside 0…50" in letters[0]["reason"]
    assert actors == {"sender"}, "the audit names who sent it"


async def test_the_same_message_twice_changes_nothing(feeds: Feeds, pool: Pool) -> None:
    payload = json.dumps([["a", 5], ["b", 6]]).encode()
    first = await feeds.take("lamps", payload, "application/json", SENDER, key="k")
    again = await feeds.take("lamps", payload, "application/json", SENDER, key="k")
    assert again == first
    async with pool.acquire() as c:
        assert await c.fetchval("SELECT count(*) FROM outbox") == 2


async def test_what_cannot_be_decoded_is_kept_as_it_came(feeds: Feeds, pool: Pool) -> None:
    with pytest.raises(DecodeError):
        await feeds.take("lamps", b"\xff[", "application/json", SENDER)
    async with pool.acquire() as c:
        assert [bytes(r["payload"]) for r in await c.fetch("SELECT payload FROM dead_letter")] == [b"\xff["]


async def test_only_its_sender_may_use_it(feeds: Feeds) -> None:
    with pytest.raises(NotSignedIn):
        await feeds.take("lamps", b"[]", "application/json", anonymous(TENANT))
    with pytest.raises(NotAllowed):
        await feeds.take("lamps", b"[]", "application/json", person("lamp.create"))
    with pytest.raises(NotFound):
        await feeds.take("other", b"[]", "application/json", SENDER)
    with pytest.raises(Unsupported):
        await feeds.take("lamps", b"[]", "text/xml", SENDER)

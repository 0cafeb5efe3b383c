"""A withdrawn consent stops processing at once where it was the only ground, and a person has the last word."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest

from province.adapters.tables.copies import FileCopies
from province.adapters.tables.folder import Shelf
from province.broker import consents
from province.broker.audit_check import check_values
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.consents import Consent
from province.broker.database import Pool
from province.broker.erasure import Erasures
from province.broker.history import read_instances
from province.broker.withdrawals import Withdrawals
from province.errors import ConfigurationError, Conflict, InvalidInput, NotAllowed, NotFound
from province.model.actor import Actor
from province.model.change import Change
from province.model.entity import Attribute
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import create
from province.model.schema import Field, Processing, Record, TypeInfo, describe
from province.model.time import Instant
from tests.broker.test_traces import Paper

from .conftest import TENANT, A, person
from .test_erasure import places

WORD = Label("chữ", "word")
CANARY = "0274-3822-777"
PURPOSE = "Gửi bản tin"
ROOT = person("*", id="root")
ME = person(id="me")


class Reader(Record, frozen=True, kw_only=True):
    """Somebody who wanted to have the news, and agreed that their address is held for that."""

    TYPE: ClassVar = TypeInfo(
        "Reader", WORD, title="topic",
        processing=(Processing(
            purpose=Label(PURPOSE, "To send the news"), ground="consent", source=WORD, since="2026-01-01",
        ),),
    )  # fmt: skip
    topic: Annotated[str, Field(WORD, indexed=True)]
    account: Annotated[str | None, Field(WORD, personal=True, indexed=True)] = None
    phone: Annotated[str | None, Field(WORD, personal=True)] = None


class Clerk(Record, frozen=True, kw_only=True):
    """Somebody who works here: held for a task, whatever they agreed to."""

    TYPE: ClassVar = TypeInfo(
        "Clerk", WORD, title="desk",
        processing=(Processing(purpose=WORD, ground="task", source=WORD, since="2026-01-01"),),
    )  # fmt: skip
    desk: Annotated[str, Field(WORD)]
    account: Annotated[str | None, Field(WORD, personal=True, indexed=True)] = None
    phone: Annotated[str | None, Field(WORD, personal=True)] = None


@dataclass
class Desk:
    """What works on a database with readers and clerks."""

    broker: Broker
    pool: Pool
    erasures: Erasures
    withdrawals: Withdrawals
    marked: list[tuple[str, str, str]] = field(default_factory=list)

    async def withdraw(self, purpose: str = PURPOSE, *, subject: Actor = ME) -> Consent:
        """Give a consent, and take it back as the page does."""
        async with self.pool.acquire() as connection:
            given = await consents.give(connection, subject, subject.id, purpose)
            ended = await consents.withdraw(connection, subject, given.id)
        await self.withdrawals.settle(TENANT, ended.id)
        return ended

    async def reads(self, id: str) -> set[str]:
        """The attributes that somebody with every right sees."""
        return set((await self.broker.get(id, ROOT)).attrs)

    async def past(self, id: str) -> list[Any]:
        """Values of the telephone that the history shows."""
        async with self.pool.acquire() as connection:
            found = await read_instances(connection, TENANT, id, keys=["phone"])
        return [i.attribute.value for i in found if i.attribute is not None]

    async def notices(self) -> list[tuple[str, str]]:
        """(to, Vietnamese body) of what leaves."""
        rows = await self.pool.fetch(
            "SELECT payload ->> 'to' AS t, payload -> 'body' ->> 'vi' AS b FROM outbox WHERE kind = 'notice'"
        )
        return [(r["t"], r["b"]) for r in rows]


@pytest.fixture
async def desk(pool: Pool, tmp_path: Path) -> AsyncIterator[Desk]:
    types = {k.name: k for k in map(describe, (Reader, Clerk))}
    committer = Committer(pool, types, lambda *_: None)
    committer.start()

    async def nothing(*_: Any) -> dict[str, Any]:
        return {}

    async def none(*_: Any) -> int:
        return 0

    broker = Broker(
        pool, committer, types=types, packs=(), parameters=lambda pack, at: {}, read_latest=nothing,
        sign=lambda purpose, message: hashlib.sha256(purpose.encode() + message).hexdigest(),
    )  # fmt: skip
    erasures = Erasures(
        broker, committer, remove_files=none, erase_readings=none, ledger=Paper(),
        copies=FileCopies(pool, Shelf(tmp_path)),
    )  # fmt: skip

    async def mark(
        entity: str, name: str, kind: Literal["invalid", "restore"], start: Instant, end: Instant, actor: Actor
    ) -> None:
        made.marked.append((entity, name, kind))

    made = Desk(broker, pool, erasures, Withdrawals(broker, committer, erasures, mark))
    await broker.apply([create(Reader(id="urn:r:1", topic="nước", account="me", phone=f"{CANARY}-0"), agency=A)], ROOT)
    await broker.apply(
        [Change(op="merge", id="urn:r:1", type="Reader", attrs={"phone": Attribute(value=CANARY)})], ROOT
    )
    await broker.apply([create(Clerk(id="urn:c:1", desk="1", account="me", phone="0900 000 009"), agency=A)], ROOT)
    await broker.apply([create(Reader(id="urn:r:2", topic="đường", account="other", phone="0900 000 001"))], ROOT)
    yield made
    await committer.stop()


async def test_processing_stops_at_once_where_consent_was_the_only_ground(desk: Desk) -> None:
    assert await desk.past("urn:r:1") == [f"{CANARY}-0", CANARY]
    await desk.withdraw()
    assert await desk.reads("urn:r:1") == {"topic"}
    assert await desk.past("urn:r:1") == []
    by_phone = Query(types=("Reader",), where=(Where("phone", "==", CANARY),))
    assert (await desk.broker.query(by_phone, ROOT)).items == ()
    events = await desk.pool.fetch("SELECT name, payload::text AS payload FROM outbox WHERE entity = 'urn:r:1'")
    assert "reader.set_aside" in [e["name"] for e in events]
    assert not any(CANARY in e["payload"] for e in events), "no event tells it to rules or subscribers"
    assert await desk.reads("urn:c:1") == {"desk", "account", "phone"}, "a task goes on"
    assert await desk.reads("urn:r:2") == {"topic", "account", "phone"}, "another's consent stands"
    (one,) = await desk.withdrawals.listed(ROOT)
    assert (one.part.entity, one.part.fields, one.state, one.purpose) == (
        "urn:r:1",
        ("account", "phone"),
        "waiting",
        PURPOSE,
    )
    ((to, body),) = await desk.notices()
    assert to == A
    assert "ngừng xử lý" in body
    assert CANARY not in body


async def test_what_is_confirmed_is_erased_to_the_last_copy(desk: Desk) -> None:
    await desk.withdraw()
    (one,) = await desk.withdrawals.listed(ROOT)
    assert "set_aside" in await places(desk.pool, CANARY)
    with pytest.raises(NotAllowed):
        await desk.withdrawals.confirm(person("reader.*", id="clerk"), one.id)
    made = await desk.withdrawals.confirm(ROOT, one.id)
    assert made.ground == "consent"
    await desk.pool.execute("DELETE FROM outbox WHERE kind = 'notice'")  # sent
    assert await desk.erasures.carry_out() == 1
    assert await places(desk.pool, CANARY) == []
    (done,) = await desk.withdrawals.listed(ROOT)
    assert (done.state, done.decided_by) == ("erased", "root")
    with pytest.raises(Conflict):
        await desk.withdrawals.confirm(ROOT, one.id)
    async with desk.pool.acquire() as connection:
        findings, _, gone = await check_values(connection)
    assert findings == []
    assert gone > 0


async def test_another_ground_gives_the_values_back(desk: Desk) -> None:
    await desk.withdraw()
    (one,) = await desk.withdrawals.listed(ROOT)
    with pytest.raises(InvalidInput):
        await desk.withdrawals.give_back(ROOT, one.id, "vì cần")
    with pytest.raises(NotAllowed):
        await desk.withdrawals.give_back(person("reader.*", id="clerk"), one.id, "Luật Lưu trữ, điều 5")
    back = await desk.withdrawals.give_back(ROOT, one.id, "Luật Lưu trữ, điều 5")
    assert back.state == "returned"
    assert await desk.reads("urn:r:1") == {"topic", "account", "phone"}
    assert (await desk.past("urn:r:1"))[:2] == [f"{CANARY}-0", CANARY]
    assert await desk.pool.fetchval("SELECT attrs::text || past::text FROM set_aside") == "{}[]"
    with pytest.raises(Conflict):
        await desk.withdrawals.give_back(ROOT, one.id, "Luật Lưu trữ, điều 5")


async def test_an_erasure_that_a_person_asks_for_takes_what_is_set_aside_along(desk: Desk) -> None:
    await desk.withdraw()
    seen = await desk.erasures.preview(ROOT, "urn:r:1")
    assert [p.fields for p in seen.parts] == [("account", "phone")]
    await desk.erasures.decide(ROOT, "urn:r:1", ground="request")
    await desk.pool.execute("DELETE FROM outbox WHERE kind = 'notice'")
    assert await desk.erasures.carry_out() == 1
    assert await desk.pool.fetchval("SELECT state || attrs::text FROM set_aside") == "erased{}"


async def test_where_another_ground_holds_nothing_stops_and_the_controller_is_told(desk: Desk) -> None:
    ended = await desk.withdraw("Chụp ảnh ngày hội")
    assert await desk.reads("urn:r:1") == {"topic", "account", "phone"}
    assert await desk.withdrawals.listed(ROOT) == []
    async with desk.pool.acquire() as connection:
        (now,) = await consents.of_subject(connection, ME, "me")
    assert now.id == ended.id
    assert now.settled_at is not None


async def test_a_dead_process_is_made_up_for_and_nothing_happens_twice(desk: Desk) -> None:
    async with desk.pool.acquire() as connection:
        given = await consents.give(connection, ME, "me", "gửi BẢN tin")
        await consents.withdraw(connection, ME, given.id)  # and the process died
    assert await desk.withdrawals.settle_all() == 1
    assert await desk.withdrawals.settle_all() == 0
    assert await desk.withdrawals.settle(TENANT, given.id) == 0
    assert len(await desk.withdrawals.listed(ROOT)) == 1
    assert len(await desk.notices()) == 1
    assert await desk.reads("urn:r:1") == {"topic"}


async def test_who_agreed_again_meanwhile_is_let_be(desk: Desk) -> None:
    async with desk.pool.acquire() as connection:
        given = await consents.give(connection, ME, "me", PURPOSE)
        await consents.withdraw(connection, ME, given.id)
        await consents.give(connection, ME, "me", PURPOSE)
    assert await desk.withdrawals.settle_all() == 1
    assert await desk.reads("urn:r:1") == {"topic", "account", "phone"}


async def test_strangers_learn_nothing_of_what_is_set_aside(desk: Desk) -> None:
    await desk.withdraw()
    with pytest.raises(NotAllowed):
        await desk.withdrawals.listed(person("reader.*", id="x"))
    with pytest.raises(NotFound):
        await desk.withdrawals.confirm(ROOT, "nonsense")


def test_a_record_that_rests_on_consent_can_be_without_it() -> None:
    class Bound(Record, frozen=True, kw_only=True):
        """Cannot be without a value that may be withdrawn."""

        TYPE: ClassVar = TypeInfo(
            "Bound", WORD, processing=(Processing(purpose=WORD, ground="consent", source=WORD, since="2026-01-01"),)
        )
        name: Annotated[str, Field(WORD, personal=True)]

    with pytest.raises(ConfigurationError, match="name"):
        describe(Bound)

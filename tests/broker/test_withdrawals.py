"""A withdrawn consent stops processing at once where it was the only ground, and a person has the last word."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from province.adapters.tables.copies import FileCopies
from province.adapters.tables.folder import Shelf
from province.api import erasures
from province.api.route import serve
from province.broker import consents
from province.broker.audit_check import check_values
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.consents import Consent
from province.broker.database import Pool
from province.broker.erasure import Erasures
from province.broker.history import read_instances
from province.broker.withdrawals import Withdrawals
from province.broker.write import Write
from province.errors import ConfigurationError, Conflict, InvalidInput, NotAllowed, NotFound
from province.model.actor import Actor, anonymous, system
from province.model.change import Change
from province.model.entity import Attribute
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import create
from province.model.schema import Field, Processing, Record, TypeInfo, describe
from province.model.time import Instant
from tests.broker.test_traces import Paper
from tests.draining import blocked

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


def _phone(id: str, value: str | None = "0900 111 111") -> Change:
    return Change(
        op="merge", id=id, type="Reader", attrs={"phone": Attribute(value=value) if value is not None else None}
    )


async def test_what_was_set_aside_is_not_written_anew(desk: Desk) -> None:
    await desk.withdraw()
    rule = system(TENANT, "rule")
    for actor in (ROOT, rule):
        with pytest.raises(Conflict, match="phone"):
            await desk.broker.apply([_phone("urn:r:1")], actor)
    with pytest.raises(Conflict, match="account"):  # a further record of the same person, and one that is put in whole
        await desk.broker.apply([create(Reader(id="urn:r:9", topic="rác", account="me"))], ROOT)
    topic = Change(op="merge", id="urn:r:1", type="Reader", attrs={"topic": Attribute(value="đèn")})
    await desk.broker.apply([topic, _phone("urn:r:1", None)], ROOT)  # what is not about the person goes on
    await desk.broker.apply([_phone("urn:r:2")], ROOT)
    await desk.broker.apply([create(Clerk(id="urn:c:2", desk="2", account="me", phone="0900 000 010"))], ROOT)
    assert await desk.reads("urn:r:1") == {"topic"}


async def test_one_refusal_holds_up_no_other_write(desk: Desk) -> None:
    await desk.withdraw()
    answers = await asyncio.gather(
        *(desk.broker.apply([_phone(f"urn:r:{1 + n % 2}", f"0900 000 0{n:02}")], ROOT) for n in range(20)),
        return_exceptions=True,
    )
    assert [isinstance(a, Conflict) for a in answers] == [n % 2 == 0 for n in range(20)]


async def test_it_stays_so_after_the_erasure_until_the_person_agrees_anew(desk: Desk) -> None:
    await desk.withdraw()
    (one,) = await desk.withdrawals.listed(ROOT)
    await desk.withdrawals.confirm(ROOT, one.id)
    await desk.pool.execute("DELETE FROM outbox WHERE kind = 'notice'")
    await desk.erasures.carry_out()
    with pytest.raises(Conflict):
        await desk.broker.apply([_phone("urn:r:1")], ROOT)
    async with desk.pool.acquire() as connection:
        anew = await consents.give(connection, ME, "me", PURPOSE.upper())  # in other letters the same purpose
    back = Change(op="merge", id="urn:r:1", type="Reader", attrs={"account": Attribute(value="me")})
    await desk.broker.apply([_phone("urn:r:1"), back], ROOT)
    await desk.withdraw(PURPOSE)  # the other one stands
    assert await desk.reads("urn:r:1") == {"topic", "account", "phone"}
    async with desk.pool.acquire() as connection:
        await consents.withdraw(connection, ME, anew.id)
    await desk.withdrawals.settle_all()
    assert await desk.reads("urn:r:1") == {"topic"}
    with pytest.raises(Conflict):
        await desk.broker.apply([_phone("urn:r:1", "0900 222 222")], ROOT)


async def test_on_another_ground_it_is_written(desk: Desk) -> None:
    await desk.withdraw()
    (one,) = await desk.withdrawals.listed(ROOT)
    await desk.withdrawals.give_back(ROOT, one.id, "Luật Lưu trữ, điều 5")
    await desk.broker.apply([_phone("urn:r:1")], ROOT)
    assert (await desk.broker.get("urn:r:1", ROOT)).value("phone") == "0900 111 111"


async def test_a_record_is_a_subject_itself(desk: Desk) -> None:
    async with desk.pool.acquire() as connection:
        given = await consents.give(connection, ROOT, "urn:r:2", PURPOSE)
        await consents.withdraw(connection, ROOT, given.id)
    with pytest.raises(Conflict):  # also before what the withdrawal starts was done
        await desk.broker.apply([_phone("urn:r:2")], ROOT)
    with pytest.raises(Conflict):
        await desk.broker.apply(
            [Change(op="delete", id="urn:r:2", type="Reader"), create(Reader(id="urn:r:2", topic="x", phone="1"))], ROOT
        )


async def test_a_withdrawal_waits_for_a_write_and_finds_what_it_wrote(desk: Desk) -> None:
    async with desk.pool.acquire() as connection:
        given = await consents.give(connection, ME, "me", PURPOSE)
    await desk.broker.apply([_phone("urn:r:1", None)], ROOT)
    written, go = asyncio.Event(), asyncio.Event()

    async def hold(_: Any) -> None:
        written.set()
        await go.wait()

    write = Write((create(Reader(id="urn:r:8", topic="x", account="me")),), ROOT, lambda *_: None, beside=hold)
    writing = asyncio.create_task(desk.broker._committer.submit(write))
    await written.wait()

    async def withdraw() -> None:
        async with desk.pool.acquire() as connection:
            await consents.withdraw(connection, ME, given.id)

    withdrawing = asyncio.create_task(withdraw())
    await blocked(desk.pool, "%consent%")
    go.set()
    await asyncio.gather(writing, withdrawing)
    await desk.withdrawals.settle_all()
    assert await desk.reads("urn:r:8") == {"topic"}


async def test_strangers_learn_nothing_of_what_is_set_aside(desk: Desk) -> None:
    await desk.withdraw()
    with pytest.raises(NotAllowed):
        await desk.withdrawals.listed(person("reader.*", id="x"))
    with pytest.raises(NotFound):
        await desk.withdrawals.confirm(ROOT, "nonsense")


async def test_programs_decide_as_the_page_does(desk: Desk) -> None:
    await desk.withdraw()
    callers = {"Bearer root": ROOT, "Bearer clerk": person("reader.*", id="clerk")}

    async def authenticate(request: Request) -> Actor:
        return callers.get(request.headers.get("authorization", ""), anonymous(TENANT))

    services: Any = SimpleNamespace(authenticate=authenticate, withdrawals=desk.withdrawals, max_body_bytes=10_000)
    app = Starlette(routes=serve(erasures.ROUTES, services, prefixes=("/api",)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:

        async def call(method: str, path: str, who: str = "root", **body: str) -> tuple[int, Any]:
            given = {"json": body} if method == "POST" else {}
            answer = await client.request(method, path, headers={"authorization": f"Bearer {who}"}, **given)  # type: ignore[arg-type]
            return answer.status_code, answer.json()

        status, (one,) = await call("GET", "/api/set-aside")
        assert (status, one["state"], one["part"]["fields"]) == (200, "waiting", ["account", "phone"])
        assert CANARY not in str(one)
        assert (await call("GET", "/api/set-aside", "nobody"))[0] == 401
        assert (await call("GET", "/api/set-aside", "clerk"))[0] == 403
        here = f"/api/set-aside/{one['id']}"
        assert (await call("POST", f"{here}/confirm", "clerk"))[0] == 403
        status, refused = await call("POST", f"{here}/return")
        assert (status, refused["field"]) == (400, "reason")
        status, back = await call("POST", f"{here}/return", reason="Luật Lưu trữ, điều 5")
        assert (status, back["state"]) == (200, "returned")
        assert (await call("POST", f"{here}/confirm"))[0] == 409
        assert (await call("POST", "/api/set-aside/none/confirm"))[0] == 404
        await desk.withdraw()
        status, (waits, _) = await call("GET", "/api/set-aside")
        status, made = await call("POST", f"/api/set-aside/{waits['id']}/confirm", reference="15/YC")
        assert (status, made["ground"], made["reference"]) == (202, "consent", "15/YC")


def test_a_record_that_rests_on_consent_can_be_without_it() -> None:
    class Bound(Record, frozen=True, kw_only=True):
        """Cannot be without a value that may be withdrawn."""

        TYPE: ClassVar = TypeInfo(
            "Bound", WORD, processing=(Processing(purpose=WORD, ground="consent", source=WORD, since="2026-01-01"),)
        )
        name: Annotated[str, Field(WORD, personal=True)]

    with pytest.raises(ConfigurationError, match="name"):
        describe(Bound)

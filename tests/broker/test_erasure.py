"""Erasing what is held about a person: nothing of it is left in any table, and the audit is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from province.adapters.tables.copies import FileCopies
from province.adapters.tables.folder import Shelf
from province.broker import audit_check, consents
from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.erasure import Effect, Erasure, Erasures
from province.errors import Conflict, NotAllowed, NotFound, NotSignedIn, Unavailable
from province.model.actor import Actor, anonymous, system
from province.model.change import Change
from province.model.entity import Attribute
from province.model.record import create
from province.model.time import now

from .conftest import TENANT, A, lamp, lamp_id, person

CANARY = "0274-3822-123"
ROOT = person("*", id="root")


@dataclass
class Paper:
    """A ledger in memory."""

    lines: list[Erasure] = field(default_factory=list)

    def append(self, one: Erasure) -> None:
        self.lines.append(one)

    def read(self) -> list[Erasure]:
        return self.lines


@dataclass
class Site:
    """Erasures over a real database. fails: how often the removal of files breaks down."""

    erasures: Erasures
    ledger: Paper
    removed: list[str] = field(default_factory=list)
    fails: int = 0


@pytest.fixture
def site(broker: Broker, tmp_path: Path) -> Site:
    ledger = Paper()

    async def remove(_: str, hashes: Sequence[str]) -> int:
        if made.fails:
            made.fails -= 1
            raise Unavailable("the disk is away.")
        made.removed += hashes
        return len(hashes)

    async def readings(*_: Any) -> int:
        return 0

    erasures = Erasures(
        broker, broker._committer, remove_files=remove, erase_readings=readings, ledger=ledger,
        copies=FileCopies(broker.pool, Shelf(tmp_path / "imports")),
    )  # fmt: skip
    made = Site(erasures, ledger)
    return made


async def write(broker: Broker) -> None:
    """A lamp whose owner's phone changed twice, and copies of it where copies lie."""
    await broker.apply([create(lamp(1, owner_phone=f"{CANARY}-1", code="giữ lại"), agency=A)], ROOT)
    for n in (2, 3):
        attrs = {"owner_phone": Attribute(value=f"{CANARY}-{n}")}
        await broker.apply([Change(op="merge", id=lamp_id(1), type="Lamp", attrs=attrs)], ROOT)
    held = {"owner_phone": CANARY}
    async with broker.pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO notice (tenant, recipient, subject_vi, subject_en, body_vi, body_en, about, event_id)"
            " VALUES ($1, 'x', '', '', $2, '', $3, 'e')",
            TENANT, f"Gọi {CANARY}", lamp_id(1),
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO failed_effect (tenant, id, handler, event, reason, attempts)"
            " VALUES ($1, gen_random_uuid(), 'h', $2::text::jsonb, '', 1)",
            TENANT,
            json.dumps({"entity": {"id": lamp_id(1), "attrs": held}, "before": held}),
        )  # fmt: skip


async def places(pool: Pool, text: str) -> list[str]:
    """Every table that holds a text in any of its columns."""
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        holds = 'SELECT EXISTS (SELECT 1 FROM "{}" x WHERE position($1 IN x::text) > 0)'
        tables = [row["tablename"] for row in rows]
        return [name for name in tables if await connection.fetchval(holds.format(name), text)]


async def test_nothing_is_left_and_the_audit_is_whole(broker: Broker, pool: Pool, site: Site) -> None:
    await write(broker)
    assert {"entity", "change_history", "outbox", "notice", "failed_effect"} <= set(await places(pool, CANARY))
    seen = await site.erasures.preview(ROOT, lamp_id(1))
    assert seen.parts[0].fields == ("owner_phone",)
    assert (seen.effect.state, seen.effect.history, seen.effect.outbox, seen.effect.messages) == (1, 3, 2, 1)
    assert await places(pool, CANARY), "a preview removes nothing"
    made = await site.erasures.decide(ROOT, lamp_id(1), ground="request", reference="12/YC-2026")
    assert await site.erasures.carry_out() == 1
    assert await places(pool, CANARY) == []
    kept = await broker.get(lamp_id(1), ROOT)
    assert kept.value("code") == "giữ lại"
    assert "owner_phone" not in kept.attrs
    (done,) = await site.erasures.decisions(ROOT)
    assert (done.id, done.state, done.effect.history) == (made.id, "done", 4), "and the entry of its removal"
    async with pool.acquire() as connection:
        findings, agree, gone = await audit_check.check_values(connection)
        rows = await connection.fetch("SELECT action, detail::text AS detail FROM audit WHERE action LIKE 'erasure.%'")
    assert findings == []
    assert gone == 4
    assert agree > 0
    assert [r["action"] for r in rows] == ["erasure.decided", "erasure.done"]
    assert all("12/YC" not in r["detail"] for r in rows)
    assert [one.id for one in site.ledger.lines] == [made.id]


async def test_what_broke_down_is_finished_later(broker: Broker, pool: Pool, site: Site) -> None:
    await write(broker)
    await site.erasures.decide(ROOT, lamp_id(1), ground="request")
    site.fails = 1
    assert await site.erasures.carry_out() == 0
    (waiting,) = await site.erasures.decisions(ROOT)
    assert waiting.state == "decided"
    assert waiting.effect.history == 4, "what was done is on record"
    assert await site.erasures.carry_out() == 1
    assert await site.erasures.carry_out() == 0
    assert await places(pool, CANARY) == []


async def test_a_restored_backup_is_erased_again(broker: Broker, pool: Pool, site: Site) -> None:
    await write(broker)
    made = await site.erasures.decide(ROOT, lamp_id(1), ground="request")
    await site.erasures.carry_out()
    async with pool.acquire() as connection:  # the state of before, as a backup brings it back
        await connection.execute("DELETE FROM erasure")
    await broker.apply(
        [Change(op="merge", id=lamp_id(1), type="Lamp", attrs={"owner_phone": Attribute(value=CANARY)})], ROOT
    )
    assert await site.erasures.replay([TENANT]) == 1
    assert await site.erasures.replay([TENANT]) == 0
    await site.erasures.carry_out()
    assert await places(pool, CANARY) == []
    (again,) = await site.erasures.decisions(ROOT)
    assert (again.id, again.ground, again.state) == (made.id, "restored", "done")


async def test_who_may_not_erases_nothing(broker: Broker, site: Site) -> None:
    await write(broker)
    for actor in (
        person("*", agency="urn:ngsi-ld:Agency:other", id="neighbour"), person("*.read", "lamp.personal"), person(),
    ):  # fmt: skip
        with pytest.raises(NotAllowed):
            await site.erasures.preview(actor, lamp_id(1))
        with pytest.raises(NotAllowed):
            await site.erasures.decide(actor, lamp_id(1), ground="request")
    with pytest.raises(NotSignedIn):
        await site.erasures.preview(anonymous(TENANT), lamp_id(1))
    with pytest.raises(NotFound):
        await site.erasures.decide(ROOT, lamp_id(2), ground="request")
    assert await site.erasures.decisions(ROOT) == []


async def test_an_effect_is_counted_by_name() -> None:
    assert set(Effect.__struct_fields__) == {
        "records", "state", "history", "outbox", "messages", "readings", "files", "repairs", "copies", "jobs",
    }  # fmt: skip


async def test_consent_is_given_once_and_withdrawn_by_its_giver(pool: Pool) -> None:
    me: Actor = person(id="me")
    async with pool.acquire() as connection:
        made = await consents.give(connection, me, "me", "Nhận tin nhắn cảnh báo")
        with pytest.raises(Conflict):
            await consents.give(connection, me, "me", "Nhận tin nhắn cảnh báo")
        for other in (person(id="other"), anonymous(TENANT)):
            with pytest.raises((NotFound, NotSignedIn)):
                await consents.withdraw(connection, other, made.id)
        with pytest.raises(NotAllowed):
            await consents.give(connection, person(id="other"), "me", "khác")
        with pytest.raises(NotAllowed):
            await consents.of_subject(connection, person(id="other"), "me")
        ended = await consents.withdraw(connection, me, made.id)
        assert ended.withdrawn_at is not None
        assert now() - ended.withdrawn_at < timedelta(minutes=1)
        with pytest.raises(Conflict):
            await consents.withdraw(connection, me, made.id)
        await consents.give(connection, system(TENANT, "desk"), "me", "Nhận tin nhắn cảnh báo", evidence="Phiếu 3")
        told = [r["detail"] for r in await connection.fetch("SELECT detail::text AS detail FROM audit")]
    assert len(told) == 3
    assert not any("Nhận" in t for t in told)

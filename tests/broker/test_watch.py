"""The watch tells inspectors of accounts that several people seem to use, and of reads far above an account's habit."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.adapters import notices
from province.broker.database import Pool
from province.broker.watch import BULK_LEAST, Watch, limit_of, switches
from province.identity import accounts, roles
from province.identity.passwords import Passwords
from province.model.actor import Actor, system

T = "watched"
AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
ROOT = system(T, "test")


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        ([], (0, 0)),
        (["10.0.0.1"] * 5, (1, 0)),
        (["10.0.0.1", "10.0.0.2"], (2, 1)),
        (["10.0.0.1", "10.0.0.2"] * 3, (2, 5)),
        (["2001:db8::1", "2001:db8::2", "", "2001:db8::1"], (1, 0)),  # one subscriber changes addresses by himself
    ],
)
def test_switches(addresses: Sequence[str], found: tuple[int, int]) -> None:
    assert switches(addresses) == found


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_a_habit_is_never_unusual_to_itself(hours: list[int]) -> None:
    limit = limit_of(hours)
    assert limit >= BULK_LEAST
    assert sum(h >= limit for h in hours) <= len(hours) * 0.05 + 1


def test_one_wild_hour_is_no_habit() -> None:
    assert limit_of([20] * 40 + [9_000]) == BULK_LEAST
    assert limit_of([500] * 40) == 2_000


class Town:
    """Accounts and rows of the audit, made for a test."""

    def __init__(self, pool: Pool, hasher: Passwords) -> None:
        self.pool, self.hasher = pool, hasher

    async def account(self, name: str, role: str) -> str:
        async with self.pool.acquire() as c:
            made = await accounts.create(c, ROOT, self.hasher, login=f"u{uuid.uuid4().hex[:8]}", name=name,
                                         kind="service")  # fmt: skip
            await roles.grant(c, ROOT, made.id, role)
        return made.id

    async def rows(self, account: str, at: datetime, *addresses: str, count: int = 1) -> None:
        detail = msgspec.json.encode({"count": count, "fields": []}).decode()
        async with self.pool.acquire() as c:
            await c.executemany(
                "INSERT INTO audit (tenant, at, actor, kind, action, entity, type, address, detail)"
                " VALUES ($1, $2, $3, 'person', 'entity.read', 'urn:x:1', 'Report', $4, $5)",
                [(T, at + timedelta(seconds=i), account, a, detail) for i, a in enumerate(addresses)],
            )

    async def look(self, at: datetime = AT) -> list[str]:
        async with self.pool.acquire() as c:
            return [s.matter for s in await Watch(self.pool, notices.deliver).step(c, at)]

    async def inbox(self, account: str) -> list[str]:
        async with self.pool.acquire() as c:
            found = await notices.inbox(c, Actor(tenant=T, id=account, kind="person"))
        return [n.subject.en for n in found]


@pytest.fixture
async def town(pool: Pool) -> Town:
    async with pool.acquire() as c:
        await c.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'T', 'T')", T)
        await roles.install(c, T, {})
    return Town(pool, Passwords())


async def test_an_account_used_from_two_places_in_turn_is_told_once(town: Town) -> None:
    inspector = await town.account("Thanh", "inspector")
    shared, moved = await town.account("Chung", "viewer"), await town.account("Đi", "viewer")
    await town.rows(shared, AT - timedelta(minutes=5), *["10.0.0.1", "10.0.0.2"] * 4)
    await town.rows(moved, AT - timedelta(minutes=5), *["10.0.0.1"] * 4, *["10.0.0.9"] * 4)
    assert await town.look() == ["shared"]
    assert await town.look(AT + timedelta(minutes=1)) == []
    assert await town.inbox(inspector) == ["Account Chung in use from 2 places at once"]
    async with town.pool.acquire() as c:
        (told,) = await notices.inbox(c, Actor(tenant=T, id=inspector, kind="person"))
    assert f"/audit?who={shared}" in told.body.en, "the parameter that the page of the audit reads"


async def test_reads_far_above_the_habit_are_told_and_usual_ones_are_not(town: Town) -> None:
    inspector = await town.account("Thanh", "inspector")
    busy, curious = await town.account("Bận", "viewer"), await town.account("Tò mò", "viewer")
    for day in range(1, 20):
        await town.rows(busy, AT - timedelta(days=day), "10.0.0.1", count=900)
        await town.rows(curious, AT - timedelta(days=day), "10.0.0.2", count=5)
    for who in (busy, curious):
        await town.rows(who, AT - timedelta(minutes=30), "10.0.0.1", count=1_000)
    assert await town.look() == ["bulk"]
    assert await town.inbox(inspector) == ["Account Tò mò reads unusually many records"]


async def test_without_an_inspector_administrators_are_told(town: Town) -> None:
    administrator = await town.account("Quản", "administrator")
    shared = await town.account("Chung", "viewer")
    await town.rows(shared, AT - timedelta(minutes=5), *["10.0.0.1", "10.0.0.2"] * 4)
    assert await town.look() == ["shared"]
    assert len(await town.inbox(administrator)) == 1

"""The pool: what a use leaves behind on its connection, however it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from province.broker.database import Pool, connect, leadership


@pytest.fixture
async def two(make_database: Callable[[], str]) -> AsyncIterator[Pool]:
    """A pool of two connections, and a table."""
    made = await connect(make_database(), size=2)
    await made.execute("CREATE TABLE held (n integer)")
    yield made
    await made.close()


async def _locks(pool: Pool) -> list[str]:
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT relation::regclass::text AS name FROM pg_locks WHERE relation = 'held'::regclass"
            " AND pid <> pg_backend_pid()"
        )
    return [row["name"] for row in rows]


async def test_an_advisory_lock_that_cannot_be_given_back_ends_with_its_connection(two: Pool) -> None:
    async def lead() -> None:
        async with leadership(two, 7) as leader:
            assert leader is not None
            async with leadership(two, 7) as second:
                assert second is None
            await leader.execute("BEGIN")
            with contextlib.suppress(asyncpg.DivisionByZeroError):
                await leader.execute("SELECT 1 / 0")
            raise ValueError("broken: the connection takes no statement any more")

    with pytest.raises(ValueError, match="broken"):
        await lead()
    async with asyncio.timeout(60), two.acquire():  # the other connection of the two leads next
        while True:
            async with leadership(two, 7) as leader:
                if leader is not None:
                    break
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
async def test_a_use_that_was_cancelled_between_two_messages_keeps_no_lock(
    two: Pool, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    """A statement is parsed, which locks its tables, and the caller is cancelled before it is carried out."""
    prepare = asyncpg.Connection._get_statement  # type: ignore[attr-defined]

    async def prepare_and_go(self: Any, query: str, *args: Any, **options: Any) -> Any:
        statement = await prepare(self, query, *args, **options)
        if "FROM held" in query:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        return statement

    monkeypatch.setattr(asyncpg.Connection, "_get_statement", prepare_and_go)

    async def ask() -> None:
        async with two.acquire() as connection:
            if inside:
                async with connection.transaction():
                    await connection.fetch("SELECT n FROM held WHERE n > $1", 1)
            else:
                await connection.fetch("SELECT n FROM held WHERE n > $1", 1)

    # Both connections are in use, so that the next question does not end by chance what this one left.
    async with two.acquire():
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(ask())
    assert await _locks(two) == []

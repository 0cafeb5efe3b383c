"""Transaction ids of a dump are renumbered so that no event is lost, repeated or moved."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.adapters import backup_database
from province.broker.database import Connection, connect
from province.broker.migrate import migrate
from province.errors import Conflict, Unavailable
from tests.draining import ended
from tests.effort import examples

FAR = 5_000_000_000
ROWS = st.lists(st.integers(FAR, FAR + 20), max_size=12)


@pytest.fixture(scope="module")
async def restored(make_database: Callable[[], str]) -> AsyncIterator[Connection]:
    pool = await connect(make_database(), size=1)
    async with pool.acquire() as connection:
        await migrate(connection)
        yield connection
    await pool.close()


async def unread(connection: Connection) -> list[int]:
    """What the relay would read, in its order."""
    await ended(connection)
    position = await connection.fetchrow("SELECT xid, seq FROM relay_position WHERE reader = 'relay'")
    xid, seq = (position["xid"], position["seq"]) if position else (0, 0)
    rows = await connection.fetch(
        "SELECT seq FROM outbox WHERE (xid, seq) > ($1, $2)"
        " AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid, seq",
        xid,
        seq,
    )
    return [row["seq"] for row in rows]


async def write(connection: Connection, xid: int | None = None) -> int:
    column, value = ("", "") if xid is None else (", xid", f", {xid}")
    seq: int = await connection.fetchval(
        f"INSERT INTO outbox (tenant, id, kind, name, payload, depth, actor, at{column})"
        f" VALUES ('t', $1, 'event', 'x.created', '{{}}', 0, 'a', now(){value}) RETURNING seq",
        uuid.uuid4(),
    )
    return seq


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    xids=ROWS, audits=ROWS, passed=st.one_of(st.none(), st.tuples(st.integers(FAR - 1, FAR + 21), st.integers(0, 99)))
)
async def test_the_relay_finds_the_same_events_in_the_same_order(
    restored: Connection, xids: list[int], audits: list[int], passed: tuple[int, int] | None
) -> None:
    await restored.execute("TRUNCATE outbox, audit, relay_position RESTART IDENTITY")
    for xid in xids:
        await write(restored, xid)
    for xid in audits:
        await restored.execute(
            "INSERT INTO audit (tenant, actor, kind, action, xid) VALUES ('t', 'a', 'person', 'x', $1)", xid
        )
    if passed is not None:
        await restored.execute("INSERT INTO relay_position (reader, xid, seq) VALUES ('relay', $1, $2)", *passed)
    order = [r["seq"] for r in await restored.fetch("SELECT seq FROM audit ORDER BY xid, seq")]
    expected = [
        seq for xid, seq in sorted((x, n) for n, x in enumerate(xids, 1)) if passed is None or (xid, seq) > passed
    ]
    await backup_database.rebase(restored)
    assert await unread(restored) == expected
    assert [r["seq"] for r in await restored.fetch("SELECT seq FROM audit ORDER BY xid, seq")] == order
    fresh = await write(restored)
    assert await unread(restored) == [*expected, fresh]
    assert await backup_database.rebase(restored) == 0, "a second time nothing is left to do"
    assert await unread(restored) == [*expected, fresh]


async def test_what_is_no_installation_is_refused(make_database: Callable[[], str], tmp_path: Path) -> None:
    dsn = make_database()
    with pytest.raises(Conflict, match="nothing to back up"):
        async with backup_database.cut(dsn):
            pass
    with pytest.raises(Unavailable, match="does not answer") as refused:
        async with backup_database.cut("postgresql://u:hunter2@127.0.0.1:1/x"):
            pass
    assert "hunter2" not in str(refused.value)
    pool = await connect(dsn, size=1)
    async with pool.acquire() as connection:
        await migrate(connection)
    await pool.close()
    with pytest.raises(Conflict, match="tables already"):
        await backup_database.load(tmp_path / "pg_restore", dsn, tmp_path)

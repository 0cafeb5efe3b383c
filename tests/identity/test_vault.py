from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from province.errors import ConfigurationError, InvalidInput, NotFound
from province.identity import vault
from province.identity.audit import Connection, Pool
from province.identity.keys import KeyRing
from province.model.actor import Actor


@pytest.fixture
async def ring(tmp_path: Path, conn: Connection) -> KeyRing:
    await conn.execute("DELETE FROM secret")
    return KeyRing.create(tmp_path / "master-key")


async def _fill(conn: Connection, ring: KeyRing, tenant: str, count: int) -> None:
    for n in range(count):
        await vault.put(conn, ring, tenant, f"s{n}", f"value {n}".encode())


async def _readable(conn: Connection, ring: KeyRing, tenant: str, count: int) -> bool:
    return [await vault.get(conn, ring, tenant, f"s{n}") for n in range(count)] == [
        f"value {n}".encode() for n in range(count)
    ]


async def test_rotation_moves_every_secret_and_drops_the_old_key(
    pool: Pool, conn: Connection, ring: KeyRing, tenant: str, root: Actor
) -> None:
    await _fill(conn, ring, tenant, 25)
    before = ring.current
    assert await vault.rotate(pool, ring, root, batch=10) == 25
    assert before not in ring.ids
    assert len(ring.ids) == 1
    assert await _readable(conn, ring, tenant, 25)
    found = await conn.fetch("SELECT detail FROM audit WHERE tenant = $1 AND action = 'key.rotated'", tenant)
    assert len(found) == 1


class Crash(BaseException):
    """A kill between two steps."""


@pytest.mark.parametrize("step", ["added", "first batch", "moved", "before retiring"])
async def test_a_rotation_killed_anywhere_is_finished_by_the_next(
    pool: Pool,
    conn: Connection,
    ring: KeyRing,
    tenant: str,
    root: Actor,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    await _fill(conn, ring, tenant, 25)
    first = ring.current
    moves = vault._move
    calls = 0

    async def crashing(connection: Connection, keys: KeyRing, batch: int) -> int:
        nonlocal calls
        calls += 1
        if step == "added" or (step == "first batch" and calls == 2):
            raise Crash
        count = await moves(connection, keys, batch)
        if step == "moved" and count == 0:
            raise Crash
        return count

    def no_retirement(self: KeyRing) -> tuple[str, ...]:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(vault, "_move", crashing)
        if step == "before retiring":
            patch.setattr(KeyRing, "retire", no_retirement)
        with pytest.raises(Crash):
            await vault.rotate(pool, ring, root, batch=10)
    assert first in ring.ids
    assert len(ring.ids) == 2
    # As after a restart: a new ring from the file reads everything, then the rotation is finished.
    again = KeyRing(ring._path)
    await vault.check(conn, again)
    assert await _readable(conn, again, tenant, 25)
    await vault.rotate(pool, again, root, batch=10)
    assert first not in again.ids
    assert len(again.ids) == 1
    assert await _readable(conn, again, tenant, 25)


async def test_writers_during_a_rotation_lose_nothing(
    pool: Pool, conn: Connection, ring: KeyRing, tenant: str, root: Actor
) -> None:
    await _fill(conn, ring, tenant, 10)
    other = KeyRing(ring._path)

    async def write() -> None:
        for n in range(10, 60):
            async with pool.acquire() as connection:
                await vault.put(connection, other, tenant, f"s{n}", f"value {n}".encode())

    await asyncio.gather(write(), vault.rotate(pool, ring, root, batch=3))
    await vault.check(conn, ring)
    assert await _readable(conn, ring, tenant, 60)


async def test_rows_cannot_be_swapped(conn: Connection, ring: KeyRing, tenant: str) -> None:
    await vault.put(conn, ring, tenant, "a", b"alpha")
    await vault.put(conn, ring, tenant, "b", b"beta")
    await conn.execute(
        """UPDATE secret SET ciphertext = (SELECT ciphertext FROM secret WHERE tenant = $1 AND name = 'a')
           WHERE tenant = $1 AND name = 'b'""",
        tenant,
    )
    with pytest.raises(InvalidInput, match="altered"):
        await vault.get(conn, ring, tenant, "b")


async def test_a_wrong_key_file_is_found_at_start(conn: Connection, ring: KeyRing, tenant: str, tmp_path: Path) -> None:
    await vault.put(conn, ring, tenant, "a", b"alpha")
    other = KeyRing.create(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="Restore the key file"):
        await vault.check(conn, other)


async def test_absent_secret(conn: Connection, ring: KeyRing, tenant: str) -> None:
    await vault.put(conn, ring, tenant, "a", b"alpha")
    await vault.remove(conn, tenant, "a")
    with pytest.raises(NotFound):
        await vault.get(conn, ring, tenant, "a")

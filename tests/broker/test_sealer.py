"""The sealer over a real database: everything once, in whatever order transactions end, and nothing unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from province.adapters.heads import HeadFolder
from province.broker.audit_check import check, check_values, prove
from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.sealer import Sealer, begin_chain
from province.errors import NotFound
from province.identity import audit, blocks, signing
from province.identity.checking import Report
from province.identity.keys import KeyRing
from province.model import record
from province.model.change import Change
from tests.broker.conftest import TENANT, lamp, lamp_id, person
from tests.draining import drain

CLERK = person("lamp.create", id="clerk")


@pytest.fixture
def heads(tmp_path: Path) -> HeadFolder:
    return HeadFolder(tmp_path / "heads")


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "master-key")


@pytest.fixture
def sealer(pool: Pool, ring: KeyRing, heads: HeadFolder) -> Sealer:
    return Sealer(pool, ring, heads, block_rows=7)


async def write(pool: Pool, count: int, action: str = "thing.done") -> None:
    async with pool.acquire() as connection:
        for n in range(count):
            await audit.record(connection, CLERK, action, entity=f"urn:x:{n}", type="X", detail={"b": 1.5, "a": ["ê"]})


async def seal_all(pool: Pool, sealer: Sealer) -> int:
    async with pool.acquire() as connection:
        total = await drain(connection, sealer.step)
        await sealer.export(connection, at_once=True)
    return total


async def checked(pool: Pool, heads: HeadFolder) -> Report:
    async with pool.acquire() as connection:
        return await check(connection, heads.heads(), heads.public_keys())


async def test_changes_are_sealed_and_verified(pool: Pool, broker: Broker, sealer: Sealer, heads: HeadFolder) -> None:
    for n in range(10):
        await broker.apply([record.create(lamp(n))], CLERK)
    await write(pool, 5)
    assert await seal_all(pool, sealer) == 15
    found = await checked(pool, heads)
    assert found.findings == []
    assert (found.rows, found.blocks, found.waiting) == (15, 3, 0)


async def test_rows_of_an_open_transaction_wait_and_are_not_skipped(
    pool: Pool, sealer: Sealer, heads: HeadFolder
) -> None:
    async with pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await audit.record(slow, CLERK, "slow.began")
        await write(pool, 9)
        async with pool.acquire() as connection:
            assert await sealer.step(connection) == 0  # all of them are younger than the open one
        await audit.record(slow, CLERK, "slow.ended")
        await transaction.commit()
    assert await seal_all(pool, sealer) == 11
    assert (await checked(pool, heads)).findings == []


async def test_a_sealer_that_dies_between_any_two_steps_seals_every_row_once(
    pool: Pool, ring: KeyRing, heads: HeadFolder
) -> None:
    """Its transaction is cut at every statement; another sealer goes on."""
    await write(pool, 30)

    class Dies(Exception):
        pass

    for survived in range(1, 6):
        async with pool.acquire() as connection:
            real, calls = connection.execute, 0

            async def execute(*given: object, real: Callable[..., Awaitable[str]] = real, most: int = survived) -> str:
                nonlocal calls
                calls += 1
                if calls > most:
                    raise Dies
                return await real(*given)

            class Cut:
                """The connection of a process that is killed after so many statements."""

                def __getattr__(self, name: str) -> object:
                    return execute if name == "execute" else getattr(connection, name)

            with contextlib.suppress(Dies):
                await Sealer(pool, ring, heads, block_rows=4).step(Cut())  # type: ignore[arg-type]
    assert await seal_all(pool, Sealer(pool, ring, heads, block_rows=4)) > 0
    async with pool.acquire() as connection:
        runs = [r for row in await connection.fetch("SELECT block::text AS b FROM audit_block ORDER BY number")
                for r in msgspec.json.decode(row["b"], type=blocks.Block).seqs]  # fmt: skip
        numbers = [r["seq"] for r in await connection.fetch("SELECT seq FROM audit ORDER BY seq")]
    sealed = [n for first, last in runs for n in range(first, last + 1)]
    assert sorted(sealed) == numbers
    assert (await checked(pool, heads)).findings == []


async def test_two_sealers_do_not_get_in_each_others_way(pool: Pool, ring: KeyRing, heads: HeadFolder) -> None:
    tasks = [asyncio.create_task(Sealer(pool, ring, heads, block_rows=50).run()) for _ in range(2)]
    try:
        for _ in range(4):
            await asyncio.gather(*(write(pool, 15) for _ in range(4)))
        async with asyncio.timeout(60):
            while (await checked(pool, heads)).rows < 240:
                await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    found = await checked(pool, heads)
    assert found.findings == []


TAMPERINGS = {
    "changed actor": ("UPDATE audit SET actor = 'nobody' WHERE seq = $1", "changed", 0),
    "changed detail": ("UPDATE audit SET detail = '{}' WHERE seq = $1", "changed", 0),
    "changed time": ("UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = $1", "changed", 0),
    "moved to another tenant": ("UPDATE audit SET tenant = 'other' WHERE seq = $1", "changed", 0),
    "removed": ("DELETE FROM audit WHERE seq = $1", "removed", 0),
    "renumbered": ("UPDATE audit SET seq = DEFAULT WHERE seq = $1", "removed", 0),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_tampering_is_found_and_the_row_named(what: str, pool: Pool, sealer: Sealer, heads: HeadFolder) -> None:
    await write(pool, 20)
    await seal_all(pool, sealer)
    statement, kind, offset = TAMPERINGS[what]
    async with pool.acquire() as connection:
        row = await connection.fetchval("SELECT seq FROM audit ORDER BY seq OFFSET 11 LIMIT 1")
        await connection.execute(statement, row)
    first = (await checked(pool, heads)).first
    assert first is not None
    assert (first.what, first.row) == (kind, row + offset)


async def test_a_row_smuggled_in_under_an_old_number_is_found(pool: Pool, sealer: Sealer, heads: HeadFolder) -> None:
    await write(pool, 3)
    async with pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        await audit.record(connection, CLERK, "never.was")  # its number stays free
        await undone.rollback()
    await write(pool, 3)
    await seal_all(pool, sealer)
    async with pool.acquire() as connection:
        free = 1 + await connection.fetchval("SELECT seq FROM audit ORDER BY seq OFFSET 2 LIMIT 1")
        await connection.execute(
            "INSERT INTO audit (tenant, seq, xid, actor, kind, action) OVERRIDING SYSTEM VALUE"
            " SELECT tenant, $1, xid, 'x', 'person', 'report.read' FROM audit ORDER BY seq LIMIT 1", free)  # fmt: skip
    first = (await checked(pool, heads)).first
    assert first is not None
    assert (first.what, first.row) == ("inserted", free)


async def test_a_cut_tail_is_found_by_the_exported_heads(pool: Pool, sealer: Sealer, heads: HeadFolder) -> None:
    await write(pool, 20)
    await seal_all(pool, sealer)
    async with pool.acquire() as connection:
        last = await connection.fetchrow("DELETE FROM audit_block WHERE number = 3 RETURNING first_seq")
        await connection.execute("DELETE FROM audit WHERE seq >= $1", last["first_seq"])
        await connection.execute("UPDATE relay_position SET seq = $1 - 1 WHERE reader = 'sealer'", last["first_seq"])
    found = await checked(pool, heads)
    assert [f.what for f in found.findings] == ["truncated"]
    await write(pool, 20)  # and writing on does not hide it
    await seal_all(pool, sealer)
    assert "chain" in {f.what for f in (await checked(pool, heads)).findings}


async def test_a_restored_database_goes_on_with_a_chain_of_its_own(
    pool: Pool, ring: KeyRing, sealer: Sealer, heads: HeadFolder, tmp_path: Path
) -> None:
    """Its transaction ids are others, and its own heads are right; the former heads tell what the restore lost."""
    await write(pool, 10)
    await seal_all(pool, sealer)
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE kept AS TABLE audit")
        await connection.execute("CREATE TABLE kept_blocks AS TABLE audit_block")
        await connection.execute("CREATE TABLE kept_position AS TABLE relay_position")
    try:
        await write(pool, 10)
        await seal_all(pool, sealer)
        async with pool.acquire() as connection:
            for name in ("audit", "audit_block", "relay_position"):
                await connection.execute(f"TRUNCATE {name}")
            await connection.execute("INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept")
            await connection.execute("INSERT INTO audit_block SELECT * FROM kept_blocks")
            await connection.execute("INSERT INTO relay_position SELECT * FROM kept_position")
            least = await connection.fetchval("SELECT min(xid) FROM audit")
            await connection.execute("UPDATE audit SET xid = xid - $1 - 100", least)
            await connection.execute("UPDATE relay_position SET xid = xid - $1 - 100", least)
            await begin_chain(connection)
        own = HeadFolder(tmp_path / "own")
        await write(pool, 10)
        await seal_all(pool, Sealer(pool, ring, own, block_rows=7))
        assert (await checked(pool, own)).findings == []
        assert {f.what for f in (await checked(pool, heads)).findings} == {"lost"}
    finally:
        async with pool.acquire() as connection:
            await connection.execute("DROP TABLE kept, kept_blocks, kept_position")


async def test_the_key_is_replaced_and_the_chain_stays_valid(
    pool: Pool, ring: KeyRing, sealer: Sealer, heads: HeadFolder
) -> None:
    await write(pool, 5)
    await seal_all(pool, sealer)
    async with pool.acquire() as connection:
        key = await signing.rotate(connection, ring, CLERK)
    await write(pool, 5)
    await seal_all(pool, sealer)
    assert [k.id for k in heads.public_keys()][1:] == [key.id]
    assert heads.heads()[-1].key == key.id
    assert (await checked(pool, heads)).findings == []


async def test_a_proof_needs_no_database(pool: Pool, sealer: Sealer, heads: HeadFolder) -> None:
    await write(pool, 16)
    async with pool.acquire() as connection:
        row = await connection.fetchval("SELECT seq FROM audit ORDER BY seq OFFSET 9 LIMIT 1")
        with pytest.raises(NotFound, match="no block yet"):
            await prove(connection, row)
        await seal_all(pool, sealer)
        proof = msgspec.json.decode(msgspec.json.encode(await prove(connection, row)), type=blocks.Proof)
        with pytest.raises(NotFound, match="no row"):
            await prove(connection, 10**12)
    assert proof.row[:2] == [TENANT, row]
    assert blocks.is_proven(proof, [heads.public_keys()[0].id])


async def test_heads_survive_a_torn_line_and_a_folder_that_was_away(
    pool: Pool, ring: KeyRing, sealer: Sealer, heads: HeadFolder
) -> None:
    await write(pool, 5)
    await seal_all(pool, sealer)
    file = next(heads.path.glob("*.jsonl"))
    file.write_bytes(file.read_bytes() + b'{"chain": "cut sho')
    await write(pool, 5)
    await seal_all(pool, sealer)
    assert [h.number for h in heads.heads()] == [1, 2]
    assert (await checked(pool, heads)).findings == []
    blocked = HeadFolder(heads.path / "keys.json" / "under-a-file")
    await write(pool, 5)
    await seal_all(pool, Sealer(pool, ring, blocked, block_rows=7))  # seals all the same
    await seal_all(pool, Sealer(pool, ring, heads, block_rows=7))
    assert heads.heads()[-1].number == 3


async def test_values_of_the_history_agree_with_what_was_sealed(pool: Pool, broker: Broker) -> None:
    clerk = person("lamp.create", "lamp.change", "lamp.delete", id="clerk")
    place = {"type": "Point", "coordinates": [106.0, 11.5]}
    await broker.apply([record.create(lamp(1, owner_phone="0901234567", height=1e1, location=place))], clerk)
    await broker.apply([record.create(lamp(2))], clerk)
    await broker.apply([Change(op="delete", id=lamp_id(2), type="Lamp")], clerk)
    await broker.apply([record.create(lamp(2))], clerk)  # lives again, with version 1
    async with pool.acquire() as connection:
        findings, agree, gone = await check_values(connection)
        assert (findings, gone) == ([], 0)
        assert agree > 10
        assert not await connection.fetchval("SELECT count(*) FROM audit WHERE detail::text LIKE '%0901234567%'")
        each = "(SELECT jsonb_agg(CASE one ->> 0 WHEN '{}' THEN {} ELSE one END) FROM jsonb_array_elements(attrs) one)"
        await connection.execute(f"UPDATE change_history SET attrs = {each.format('owner_phone', 'NULL')}")
        assert (await check_values(connection))[::2] == ([], 1)
        forged = "jsonb_set(one, '{1,value}', '11')"
        await connection.execute(f"UPDATE change_history SET attrs = {each.format('height', forged)}")
        findings, _, _ = await check_values(connection)
    assert [f.text for f in findings] == [f"height of {lamp_id(1)} in version 1 is not what was written"]

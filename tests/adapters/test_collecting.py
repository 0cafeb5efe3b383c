"""Uploads that no record ever named go after a day; nothing that any record names or ever named does."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from province.adapters.files import FileStore, StoredFile
from province.broker.committer import Committer
from province.broker.write import Beside, Write
from province.errors import NotFound
from province.identity.audit import Connection, Pool
from province.model.actor import Actor, Grant
from province.model.change import Change
from province.model.entity import Attribute
from tests.adapters.pictures import stream
from tests.draining import blocked


@pytest.fixture
def store(pool: Pool, tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files", pool, quota=1_000_000)


@pytest.fixture
def an(tenant: str) -> Actor:
    return Actor(tenant=tenant, id="an", kind="person", grants=(Grant("c", frozenset(("file.create",)), "sx"),))


@pytest.fixture
async def committer(pool: Pool) -> AsyncIterator[Committer]:
    made = Committer(pool, {}, lambda tenant, geometry: None)
    made.start()
    yield made
    await made.stop()


def _contents(store: FileStore) -> set[str]:
    return {p.name for p in store._folder.rglob("*") if p.is_file()}


async def _upload(store: FileStore, actor: Actor, text: str) -> StoredFile:
    return await store.store(actor, stream(text.encode()), name=f"{text}.txt")


async def _say(
    committer: Committer, actor: Actor, name: str, value: object, *, op: str = "create", beside: Beside | None = None
) -> None:
    change = Change(
        op=op, id=f"urn:x:{actor.tenant}:{name}", type="Report",  # type: ignore[arg-type]
        attrs={"photos": Attribute(value=value)},
    )  # fmt: skip
    await committer.submit(Write((change,), actor, lambda *_: None, beside=beside))


async def _age(pool: Pool, store: FileStore, tenant: str) -> None:
    await pool.execute("UPDATE file SET at = now() - interval '2 days' WHERE tenant = $1", tenant)
    for path in store._folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1_600_000_000, 1_600_000_000))


async def _known(pool: Pool, store: FileStore, file: StoredFile, tenant: str) -> bool:
    async with pool.acquire() as connection:
        try:
            found = await store.find(connection, tenant, file.sha256)
        except NotFound:
            return False
    return store.path(found).is_file()


async def test_what_no_record_named_goes_after_a_day(
    store: FileStore, committer: Committer, an: Actor, pool: Pool
) -> None:
    loose, direct, deep = [await _upload(store, an, text) for text in ("loose", "direct", "deep")]
    await _say(committer, an, "1", [direct.sha256])
    await _say(committer, an, "2", {"layers": [{"file": deep.sha256}]})
    assert await store.collect(an.tenant) == 0  # not yet a day old
    await _age(pool, store, an.tenant)
    young = await _upload(store, an, "young")
    assert await store.collect(an.tenant) == 1
    assert not await _known(pool, store, loose, an.tenant)
    assert _contents(store) == {direct.sha256, deep.sha256, young.sha256}
    used, left = await pool.fetchrow(
        "SELECT (SELECT bytes FROM file_usage WHERE tenant = $1), (SELECT sum(bytes) FROM file WHERE tenant = $1)",
        an.tenant,
    )  # fmt: skip
    assert used == left


async def test_what_only_the_history_names_stays(store: FileStore, committer: Committer, an: Actor, pool: Pool) -> None:
    file = await _upload(store, an, "taken off the record")
    await _say(committer, an, "1", [file.sha256])
    await _say(committer, an, "1", [], op="merge")
    await _age(pool, store, an.tenant)
    assert await store.collect(an.tenant) == 0
    assert await _known(pool, store, file, an.tenant)


async def test_what_was_uploaded_before_this_was_kept_is_looked_up_once(
    store: FileStore, committer: Committer, an: Actor, pool: Pool
) -> None:
    files = [await _upload(store, an, f"of before {n}") for n in range(4)]
    await _say(committer, an, "1", [files[0].sha256])
    await _say(committer, an, "2", [files[1].sha256])
    await _say(committer, an, "2", [], op="merge")
    await pool.execute(
        "INSERT INTO set_aside (tenant, id, consent, subject, entity, type, plan, attrs)"
        " VALUES ($1, gen_random_uuid(), 1, 's', 'urn:x:3', 'Report', '{}', jsonb_build_object('photos', $2::text))",
        an.tenant, files[2].sha256,
    )  # fmt: skip
    await pool.execute("UPDATE file SET named = NULL WHERE tenant = $1", an.tenant)
    await _age(pool, store, an.tenant)
    assert await store.collect(an.tenant) == 1
    assert [await _known(pool, store, f, an.tenant) for f in files] == [True, True, True, False]
    assert await pool.fetchval("SELECT bool_and(named) FROM file WHERE tenant = $1", an.tenant)


async def test_another_tenants_copy_keeps_the_content(store: FileStore, an: Actor, pool: Pool) -> None:
    other = f"{an.tenant}-too"
    await pool.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Tỉnh', 'Province')", other)
    mine = await _upload(store, an, "the same")
    await _upload(store, Actor(tenant=other, id="x", kind="person", grants=an.grants), "the same")
    await _age(pool, store, an.tenant)
    await store.collect(an.tenant)
    assert _contents(store) == {mine.sha256}
    assert await pool.fetchval("SELECT count(*) FROM file WHERE sha256 = $1", bytes.fromhex(mine.sha256)) == 1


async def test_a_record_that_is_being_written_is_waited_for(
    store: FileStore, committer: Committer, an: Actor, pool: Pool
) -> None:
    """The file is old, no committed record names it, and one that will is under way."""
    file = await _upload(store, an, "late")
    await _age(pool, store, an.tenant)
    written, go = asyncio.Event(), asyncio.Event()

    async def hold(_: Connection) -> None:
        written.set()
        await go.wait()

    naming = asyncio.create_task(_say(committer, an, "1", [file.sha256], beside=hold))
    await written.wait()
    collecting = asyncio.create_task(store.collect(an.tenant))
    await blocked(pool)
    go.set()
    await naming
    assert await collecting == 0
    assert await _known(pool, store, file, an.tenant)


async def test_a_new_upload_of_what_is_being_removed_has_its_content(store: FileStore, an: Actor, pool: Pool) -> None:
    await _upload(store, an, "again")
    await _age(pool, store, an.tenant)
    (_, again) = await asyncio.gather(store.collect(an.tenant), _upload(store, an, "again"))
    assert await _known(pool, store, again, an.tenant)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_order_nothing_named_is_lost(
    store: FileStore, committer: Committer, an: Actor, pool: Pool, seed: int
) -> None:
    """Everybody at once: uploads of few contents, records that name most of them, files that grow old, collection."""
    dice = random.Random(seed)
    named: dict[str, StoredFile] = {}

    async def report(n: int) -> None:
        file = await _upload(store, an, f"content {n % 12}")
        if n % 12 < 8:
            await asyncio.sleep(dice.random() / 50)
            await _say(committer, an, str(n), [file.sha256])
            named[file.sha256] = file

    loose = [hashlib.sha256(f"content {n}".encode()).digest() for n in range(8, 12)]

    async def collect() -> None:
        for _ in range(6):
            await pool.execute(
                "UPDATE file SET at = at - interval '2 days' WHERE tenant = $1"
                " AND (named OR sha256 = ANY($2::bytea[]))",
                an.tenant, loose,
            )  # fmt: skip
            await store.collect(an.tenant)

    await asyncio.gather(*(report(n) for n in range(60)), collect())
    await _age(pool, store, an.tenant)
    await store.collect(an.tenant)
    assert len(named) == 8
    for file in named.values():
        assert await _known(pool, store, file, an.tenant)
    assert _contents(store) == set(named)


async def test_whoever_dies_between_row_and_content_leaves_only_waste(
    store: FileStore, an: Actor, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = await _upload(store, an, "loose")
    await _age(pool, store, an.tenant)

    def die(*_: object) -> int:
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "_remove_contents", die)
        with pytest.raises(SystemError):
            await store.collect(an.tenant)
    assert not await pool.fetchval("SELECT count(*) FROM file WHERE tenant = $1", an.tenant)
    assert _contents(store) == {loose.sha256}
    assert await asyncio.wait_for(store.collect(an.tenant), 30) == 1  # and no lock was left behind
    assert _contents(store) == set()

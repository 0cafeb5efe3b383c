"""A backup taken under load is one consistent cut, and a restore gives exactly that."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from province.adapters import backup_keys
from province.adapters.backup import MANIFEST, backup, read_manifest, verify
from province.adapters.heads import HeadFolder
from province.adapters.restore import MARKER, require_complete, restore
from province.broker import stream
from province.broker.audit_check import check, check_values
from province.broker.sealer import Sealer
from province.engines.facade import Engines
from province.engines.gateway import PREFIX, STREAM
from province.errors import ConfigurationError, Conflict, InvalidInput, Unavailable, Unsupported
from province.history import latest
from province.identity.checking import Finding
from province.identity.keys import KeyRing
from province.settings import Settings
from tests.draining import drain, ended
from tests.observations import TYPES, station
from tests.ports import free_port

from .installation import PHOTO, TENANT, Running, folder, running

pytestmark = pytest.mark.slow


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.fixture
async def one(place: Path) -> AsyncIterator[Running]:
    async with running(settings_of(place / "home")) as made:
        yield made


def settings_of(home: Path) -> Settings:
    return Settings(home=home, mqtt_port=free_port(), synchronous_commit="off", stream_sync="1m")


def keys_of(source: Path) -> Path:
    return source.with_name(f"keys-{read_manifest(source).id}.enc")


async def test_a_backup_under_load_restores_to_one_consistent_cut(one: Running, place: Path) -> None:
    said: list[str] = []
    ring = KeyRing(one.settings.secrets / "master-key")
    sealed = ring.encrypt("t/smtp", b"a secret of the database")
    # A cluster that has lived: its transaction ids lie beyond what a restored one reaches by being restored.
    for _ in range(3000):
        await one.pool.execute("SELECT pg_current_xact_id()")
    shelf = one.settings.home / "imports" / "t" / "one"
    shelf.mkdir(parents=True)
    for name, content in {"source.csv": b"a;b", "state.json": b"{}", "source.part": b"half", "lock": b""}.items():
        (shelf / name).write_bytes(content)
    async with one.writing(), one.load():
        async with asyncio.timeout(60):
            while len(one.acknowledged) < 50 or len(one.sent) < 150:
                await asyncio.sleep(0.05)
        records, readings = list(one.acknowledged), list(one.sent)
        await _seal(one, place / "heads")
        source = await backup(one.settings, one.engines, place / "backups", progress=said.append)
        assert len(one.acknowledged) > len(records), "records went on while the backup was taken"
        assert len(one.sent) > len(readings), "readings too"
    manifest = verify(source)
    assert (manifest.files, manifest.imports) == (1, 2)
    assert manifest.missing == []
    assert any("passphrase" in text for text in said)
    assert sorted(p.name for p in source.parent.iterdir()) == sorted([source.name, keys_of(source).name])
    assert b"postgres" not in keys_of(source).read_bytes()

    settings = settings_of(place / "second")
    restored = await restore(settings, source, keys_of(source), one.settings.secrets / backup_keys.PASSPHRASE)
    assert restored == manifest
    require_complete(settings.home)
    async with running(settings, fresh=False) as two:
        counts = {
            name: await two.pool.fetchval(f"SELECT count(*) FROM {name}")
            for name in ("entity", "change_history", "audit", "outbox", "file")
        }
        assert counts == {name: manifest.rows(name) for name in counts}
        found = {row["id"] for row in await two.pool.fetch("SELECT id FROM entity")}
        assert set(records) <= found, "every record acknowledged before the backup began"

        state = (await two.client.jetstream().stream_info(stream.STREAM)).state
        assert state.messages == manifest.replay
        assert two.lake().count() == manifest.lake_rows
        stored = Counter(await two.stored())
        assert max(stored.values()) == 1, "no reading twice"
        assert set(readings) <= set(stored), "every reading acknowledged before the backup began"
        assert set(stored) <= set(one.sent)

        name = next(path for path in (settings.home / "files").rglob("*") if path.is_file())
        assert name.read_bytes() == PHOTO
        kept = {p.name: p.read_bytes() for p in (settings.home / "imports" / "t" / "one").iterdir()}
        assert kept == {"source.csv": b"a;b", "state.json": b"{}"}, "an import goes on where it was"
        assert KeyRing(settings.secrets / "master-key").decrypt("t/smtp", sealed) == b"a secret of the database"

        # The writer goes on: everything reaches the lake once, and the latest values are right, old and new.
        async with two.writing():
            await two.observe(10_000_000)
            async with asyncio.timeout(60):
                while two.lake().count() < len(stored) + 1:
                    await asyncio.sleep(0.05)
                while (await two.client.jetstream().stream_info(stream.STREAM)).state.messages:
                    await asyncio.sleep(0.05)
        assert Counter(await two.stored()) == stored + Counter([10_000_000])
        async with two.pool.acquire() as connection:
            values = await latest.read(connection, TENANT, TYPES["Station"], [station(0), station(1)])
        assert values[station(0)]["count"].value == 10_000_000
        assert values[station(1)]["count"].value == max(n for n in stored if n % 2)

        # The audit is whole: every row that was sealed is what it was, and the rest is sealed now.
        assert await _seal(two, settings.home / "heads") > 0
        assert await _findings(two, settings.home / "heads") == []
        assert await _findings(two, place / "heads") == []

        # Records go on, and the relay finds every event that was not relayed, in order, and the new one after them.
        await _check_relay_order(two)


async def _seal(one: Running, heads: Path) -> int:
    sealer = Sealer(one.pool, KeyRing(one.settings.secrets / "master-key"), HeadFolder(heads), block_rows=20)
    async with one.pool.acquire() as connection:
        rows = await drain(connection, sealer.step)
        await sealer.export(connection, at_once=True)
    return rows


async def _findings(one: Running, heads: Path) -> list[Finding]:
    folder = HeadFolder(heads)
    async with one.pool.acquire() as connection:
        report = await check(connection, folder.heads(), folder.public_keys())
        values, agree, _ = await check_values(connection)
    assert report.rows > 50
    assert agree > 50
    return [*report.findings, *values]


async def _check_relay_order(two: Running) -> None:
    from province.model import record
    from tests.observations import Station

    from .installation import ROOT

    before = [r["seq"] for r in await two.pool.fetch("SELECT seq FROM outbox ORDER BY xid, seq")]
    await two.broker.apply([record.create(Station(id="urn:ngsi-ld:Station:after", name="after"))], ROOT)
    position = await two.pool.fetchrow("SELECT xid, seq FROM relay_position WHERE reader = 'relay'")
    assert position is not None
    async with two.pool.acquire() as connection:
        await ended(connection)
    rows = await two.pool.fetch(
        "SELECT seq FROM outbox WHERE (xid, seq) > ($1, $2)"
        " AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid, seq",
        position["xid"],
        position["seq"],
    )
    assert [r["seq"] for r in rows][:-1] == before
    assert rows[-1]["seq"] > max(before)


async def test_what_devices_sent_is_kept_though_ingest_is_stopped(one: Running, place: Path) -> None:
    js = one.client.jetstream()
    for number in range(7):
        await js.publish(f"{PREFIX}devices.d1.data", str(number).encode(), stream=STREAM)
    source = await backup(one.settings, one.engines, place / "backups")
    manifest = read_manifest(source)
    assert manifest.gateway is not None
    assert manifest.gateway.messages == 7
    settings = settings_of(place / "second")
    await restore(settings, source, keys_of(source), one.settings.secrets / backup_keys.PASSPHRASE)
    async with running(settings, fresh=False) as two:
        sub = await two.client.jetstream().pull_subscribe_bind("ingest", STREAM)
        messages = await sub.fetch(10, timeout=5)
        assert [int(m.data) for m in messages] == list(range(7))
        assert [m.metadata.sequence.stream for m in messages] == list(range(1, 8)), "marks name these numbers"


async def test_damage_is_found_and_nothing_is_restored(one: Running, place: Path) -> None:
    await one.observe(1)
    source = await backup(one.settings, one.engines, place / "backups")
    word = one.settings.secrets / backup_keys.PASSPHRASE
    keys = keys_of(source)
    settings = settings_of(place / "second")

    wrong = place / "wrong"
    wrong.write_text("another passphrase")
    with pytest.raises(InvalidInput, match="does not open"):
        await restore(settings, source, keys, wrong)
    assert not settings.home.exists()

    shutil.copytree(source, place / "newer")
    known = json.loads((source / MANIFEST).read_text())
    (place / "newer" / MANIFEST).write_bytes(msgspec.json.encode({**known, "schema": 999}))
    with pytest.raises(ConfigurationError, match="schema 999"):
        await restore(settings, place / "newer", keys, word)
    (place / "newer" / MANIFEST).write_bytes(msgspec.json.encode({**known, "format": 2}))
    with pytest.raises(InvalidInput, match="format 2"):
        verify(place / "newer")

    (place / "second").mkdir()
    (place / "second" / "something").touch()
    with pytest.raises(Conflict, match="not empty"):
        await restore(settings, source, keys, word)

    for name in known["digests"]:
        shutil.rmtree(place / "copy", ignore_errors=True)
        shutil.copytree(source, place / "copy")
        path = place / "copy" / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if content else b"x")
        with pytest.raises(InvalidInput, match="altered"):
            verify(place / "copy")
    path.unlink()
    with pytest.raises(InvalidInput, match="missing"):
        verify(place / "copy")
    shutil.copytree(source, place / "more")
    (place / "more" / "extra").touch()
    with pytest.raises(InvalidInput, match="extra"):
        verify(place / "more")


async def test_an_interrupted_backup_is_not_mistaken_for_one(one: Running, place: Path) -> None:
    def interrupt(text: str) -> None:
        if text.startswith("Copying the lake"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await backup(one.settings, one.engines, place / "backups", progress=interrupt)
    (left,) = (place / "backups").iterdir()
    assert left.name.endswith(".partial")
    with pytest.raises(InvalidInput, match="no complete backup"):
        verify(left)


async def test_a_lost_file_is_told_and_does_not_cost_the_backup(one: Running, place: Path) -> None:
    next(p for p in (one.settings.home / "files").rglob("*") if p.is_file() and p.read_bytes() == PHOTO).unlink()
    said: list[str] = []
    source = await backup(one.settings, one.engines, place / "backups", progress=said.append)
    assert len(read_manifest(source).missing) == 1
    assert any("WARNING" in text for text in said)


async def test_keys_that_change_meanwhile_refuse_the_backup(one: Running, place: Path) -> None:
    ring = KeyRing(one.settings.secrets / "master-key")
    with pytest.raises(Conflict, match="changed while"):
        await backup(
            one.settings, one.engines, place / "backups",
            progress=lambda text: ring.add() and None if text.startswith("Copying the lake") else None,
        )  # fmt: skip


async def test_what_cannot_be_backed_up_is_refused(one: Running, place: Path) -> None:
    remote = dataclasses.replace(one.settings, lake="s3://bucket/lake")
    with pytest.raises(Unsupported, match="not in a folder"):
        await backup(remote, one.engines, place / "backups")
    nowhere = dataclasses.replace(one.settings, nats="nats://127.0.0.1:1")
    with pytest.raises(Unavailable, match="NATS"):
        await backup(nowhere, Engines(nowhere), place / "backups")


def test_a_half_restored_home_is_not_started(tmp_path: Path) -> None:
    require_complete(tmp_path)
    (tmp_path / MARKER).touch()
    with pytest.raises(ConfigurationError, match="did not end"):
        require_complete(tmp_path)

"""A running installation in miniature: real engines, both write paths, the real lake writer."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from province.broker import stream
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool, connect
from province.broker.known import Known
from province.broker.migrate import migrate
from province.broker.observe import Observer
from province.engines.facade import Engines
from province.engines.gateway import PREFIX, STREAM, open_gateway
from province.engines.supervisor import Supervisor
from province.errors import Unavailable
from province.history import latest
from province.history.lake import Lake
from province.identity.keys import KeyRing
from province.ingest.writer import Limits, Writer
from province.model import record
from province.model.actor import Actor, Grant
from province.settings import Settings
from tests.observations import START, TENANT, TYPES, Station, station, table

ROOT = Actor(tenant=TENANT, id="root", kind="person", grants=(Grant("root", frozenset(("*",))),))
ROOM = 200 * 1024**2
PHOTO = b"not really a photo"


@contextlib.contextmanager
def folder() -> Any:
    """A folder that the engines' user can enter."""
    with tempfile.TemporaryDirectory(prefix="province-test-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@contextlib.asynccontextmanager
async def engines_of(settings: Settings) -> AsyncIterator[Engines]:
    """Embedded engines without flushing."""
    engines = Engines(settings)
    assert engines.postgres is not None
    await asyncio.to_thread(engines.postgres.prepare)
    (engines.postgres.data / "local.conf").write_text("fsync = off\nfull_page_writes = off\n")
    supervisor = Supervisor(engines.commands(), settings.home)
    await supervisor.start()
    try:
        yield engines
    finally:
        await supervisor.stop()


@dataclasses.dataclass
class Running:
    """What a test needs of it. acknowledged: keys of records; sent: numbers of readings that were acknowledged."""

    settings: Settings
    engines: Engines
    pool: Pool
    client: Client
    broker: Broker
    observer: Observer
    acknowledged: list[str] = dataclasses.field(default_factory=list)
    sent: list[int] = dataclasses.field(default_factory=list)

    def lake(self, tenant: str = TENANT) -> Lake:
        return Lake(f"{self.settings.lake_uri}/{tenant}/observations")

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[Writer]:
        """The lake writer at work, in small steps so that it commits and purges all the time."""
        writer = Writer(
            self.client, self.pool, self.lake, TYPES, max_bytes=ROOM, limits=Limits(messages=5, linger_s=0.02)
        )
        stop = asyncio.Event()
        task = asyncio.create_task(writer.run(stop))
        try:
            yield writer
        finally:
            stop.set()
            await task

    @contextlib.asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Both write paths as fast as they go, and devices through the gateway."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(work(stop)) for work in (self._records, self._readings, self._devices, self._take)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _records(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            name = f"extra-{len(self.acknowledged)}"
            await self.broker.apply([record.create(Station(id=f"urn:ngsi-ld:Station:{name}", name=name))], ROOT)
            self.acknowledged.append(f"urn:ngsi-ld:Station:{name}")

    async def _readings(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 2
            await self.observe(number)
            await asyncio.sleep(0.002)

    async def observe(self, number: int, *, source: str = "http") -> None:
        """One reading, whose value is unique."""
        reading = table([station(0)], attribute="count", number=[float(number)], at=START + timedelta(seconds=number))
        answer = await self.observer.observe(reading, ROOT, source=source)
        assert answer.accepted == 1
        self.sent.append(number)

    async def _devices(self, stop: asyncio.Event) -> None:
        """A device is acknowledged when the gateway's stream holds its message: that counts."""
        js = self.client.jetstream()
        number = -1
        while not stop.is_set():
            number += 2
            await js.publish(f"{PREFIX}devices.d1.data", str(number).encode(), stream=STREAM)
            self.sent.append(number)
            await asyncio.sleep(0.005)

    async def _take(self, stop: asyncio.Event) -> None:
        """What ingest does: gateway → stream of observations, acknowledged after."""
        sub = await self.client.jetstream().pull_subscribe_bind("ingest", STREAM)
        while True:
            try:
                batch = await sub.fetch(20, timeout=0.1)
            except TimeoutError:
                if stop.is_set():
                    return
                continue
            for message in batch:
                number = int(message.data)
                at = START + timedelta(seconds=number)
                reading = table([station(1)], attribute="count", number=[float(number)], at=at)
                await self.observer.observe(reading, ROOT, source="mqtt")
                await message.ack_sync()

    async def stored(self) -> list[int]:
        """Numbers of all readings in lake and stream, as often as they are there. The writer must be at rest."""
        numbers = [int(n) for n in self.lake().read(_everything(), columns=("number",))["number"].to_pylist()]
        js = self.client.jetstream()
        state = (await js.stream_info(stream.STREAM)).state
        committed = self.lake().committed(stream.incarnation_of(await js.stream_info(stream.STREAM)).name) or 0
        for sequence in range(max(state.first_seq, committed + 1), state.last_seq + 1):
            message = await js.get_msg(stream.STREAM, seq=sequence)
            numbers += [int(n) for n in stream.decode(message.data or b"")["number"].to_pylist()]
        return numbers


def _everything() -> Any:
    from province.history.lake import Span

    return Span()


@contextlib.asynccontextmanager
async def running(settings: Settings, *, fresh: bool = True, mqtt: bool = True) -> AsyncIterator[Running]:
    """Engines, pool, broker, observer. fresh: with schema, tenant and stations, which a restored one has already."""
    async with engines_of(settings) as engines:
        pool = await connect(engines.database_dsn(), size=8)
        client = await nats.connect(engines.nats_url(), **engines.nats_options())  # type: ignore[arg-type]
        async with pool.acquire() as connection:
            await migrate(connection)
            await latest.ensure(connection, TYPES.values())
        js = client.jetstream()
        await stream.ensure_stream(js, max_bytes=ROOM)
        await open_gateway(js, durable="ingest", max_bytes=64 * 1024**2, retained_bytes=16 * 1024**2)
        committer = Committer(pool, TYPES, lambda tenant, geometry: None)
        committer.start()

        async def nothing(*_: object) -> dict[str, Any]:
            return {}

        broker = Broker(
            pool, committer, types=TYPES, packs=(), parameters=lambda pack, at: {}, read_latest=nothing,
            sign=lambda purpose, message: hashlib.sha256(purpose.encode() + message).hexdigest(),
        )  # fmt: skip
        observer = Observer(client, pool, Known(pool), types=TYPES, allowed=lambda *a, **k: True)
        one = Running(settings, engines, pool, client, broker, observer)
        if fresh:
            await _furnish(one)
        try:
            yield one
        finally:
            await committer.stop()
            await client.close()
            await pool.close()


async def _furnish(one: Running) -> None:
    await one.pool.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Bình Dương', 'Binh Duong')", TENANT)
    for n in range(3):
        await one.broker.apply([record.create(Station(id=station(n), name=f"Trạm {n}"))], ROOT)
    KeyRing.create(one.settings.secrets / "master-key")
    name = hashlib.sha256(PHOTO).hexdigest()
    path = one.settings.home / "files" / name[:2] / name[2:4] / name
    path.parent.mkdir(parents=True)
    path.write_bytes(PHOTO)
    (path.parent / hashlib.sha256(b"unnamed").hexdigest()).write_bytes(b"unnamed")
    await one.pool.execute(
        "INSERT INTO file (tenant, sha256, bytes, media_type, name, uploaded_by)"
        " VALUES ($1, $2, $3, 'image/jpeg', 'a', 'b')",
        TENANT, bytes.fromhex(name), len(PHOTO),
    )  # fmt: skip


__all__ = ["PHOTO", "ROOT", "TENANT", "Running", "Unavailable", "engines_of", "folder", "running"]

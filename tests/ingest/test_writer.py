"""Every acknowledged reading is in the lake once, and its latest value is right, whatever happens to the writer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client

from province.broker import deadletter, stream
from province.broker.database import Pool
from province.broker.known import Known
from province.broker.observe import Observer
from province.errors import Unavailable
from province.history import latest
from province.history.lake import LAKE, Lake, Span
from province.ingest.writer import Limits, Writer
from tests.observations import OPERATOR, START, TENANT, TYPES, allowed, make_stream, register, series, station, table

STATION = TYPES["Station"]


@pytest.fixture
async def observer(bus: Client, store: Pool) -> Observer:
    await store.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Bình Dương', 'Binh Duong')", TENANT)
    await register(store)
    return Observer(bus, store, Known(store), types=TYPES, allowed=allowed)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / TENANT / "observations"))


@contextlib.asynccontextmanager
async def writing(bus: Client, store: Pool, lake: Lake, **limits: float) -> AsyncIterator[Writer]:
    writer = Writer(
        bus,
        store,
        lambda tenant: lake,
        TYPES,
        max_bytes=256 * 1024**2,
        limits=Limits(linger_s=0.02, wait_s=0.1, **limits),  # type: ignore[arg-type]
    )
    stop = asyncio.Event()
    task = asyncio.create_task(writer.run(stop))
    try:
        yield writer
    finally:
        stop.set()
        await task


async def drained(bus: Client, lake: Lake, count: int, timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while lake.count() < count or (await bus.jetstream().stream_info(stream.STREAM)).state.messages:
            await asyncio.sleep(0.05)


async def values(store: Pool) -> dict[str, float]:
    async with store.acquire() as connection:
        found = await latest.read(connection, TENANT, STATION, [station(n) for n in range(10)])
    return {one: attrs["temperature"].value for one, attrs in found.items()}


async def test_what_was_acknowledged_is_in_lake_and_latest_values(
    observer: Observer, bus: Client, store: Pool, lake: Lake
) -> None:
    async with writing(bus, store, lake) as writer:
        for n in range(20):
            await observer.observe(series(50, start=START + timedelta(minutes=n)), OPERATOR, source="http")
        await drained(bus, lake, 1000)
    assert lake.read(Span()).num_rows == 1000
    assert (await values(store))[station(9)] == 49.0
    assert (writer.counters.readings, writer.counters.messages, writer.counters.position) == (1000, 20, 20)
    assert (writer.counters.lost, writer.counters.poisoned, writer.counters.repeated) == (0, 0, 0)


async def test_late_readings_are_history_and_not_the_latest(
    observer: Observer, bus: Client, store: Pool, lake: Lake
) -> None:
    async with writing(bus, store, lake):
        await observer.observe(table([station(1)], number=[2.0], at=START), OPERATOR, source="http")
        await observer.observe(
            table([station(1)], number=[1.0], at=START - timedelta(days=400)), OPERATOR, source="http"
        )
        await drained(bus, lake, 2)
    assert lake.read(Span())["number"].to_pylist() == [1.0, 2.0]
    assert (await values(store)) == {station(1): 2.0}


async def test_a_poisoned_message_goes_to_the_dead_letters_alone(
    observer: Observer, bus: Client, store: Pool, lake: Lake
) -> None:
    js = bus.jetstream()
    await observer.observe(series(10), OPERATOR, source="http")
    await js.publish(stream.subject(TENANT, "x"), b"no arrow", headers={"Tenant": TENANT, "Source": "x"})
    nul = table([station(1)], attribute="note", text=['"a\\u0000b"'])  # never passes a door; PostgreSQL refuses it
    await js.publish(stream.subject(TENANT, "x"), stream.encode(nul), headers={"Tenant": TENANT, "Source": "x"})
    await observer.observe(series(10), OPERATOR, source="http")
    async with writing(bus, store, lake) as writer:
        await drained(bus, lake, 21)
    letters = await deadletter.read(store, TENANT)
    assert len(letters) == 2
    assert {bytes(one["payload"])[:8] for one in letters} >= {b"no arrow"}
    assert writer.counters.position == 4
    assert len(await values(store)) == 10


async def test_a_lake_that_is_full_is_tried_again(
    observer: Observer, bus: Client, store: Pool, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = Lake.append, [0]

    def refuse(self: Lake, *args: object, **kwargs: object) -> None:
        failures[0] += 1
        if failures[0] <= 2:
            raise Unavailable("no space left on device")
        real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Lake, "append", refuse)
    await observer.observe(series(10), OPERATOR, source="http")
    async with writing(bus, store, lake) as writer:
        await drained(bus, lake, 10)
    assert writer.counters.retries == 2
    assert lake.count() == 10


async def test_a_recreated_stream_is_not_taken_for_the_old_one(
    observer: Observer, bus: Client, store: Pool, lake: Lake
) -> None:
    for _ in range(2):
        async with writing(bus, store, lake):
            for _ in range(3):
                await observer.observe(series(10), OPERATOR, source="http")
            await drained(bus, lake, lake.count() + 30)
        await bus.jetstream().delete_stream(stream.STREAM)
        await make_stream(bus.jetstream())
    assert lake.count() == 60


async def test_a_stream_that_went_back_begins_anew(observer: Observer, bus: Client, store: Pool, lake: Lake) -> None:
    js = bus.jetstream()
    async with writing(bus, store, lake):
        await observer.observe(series(10), OPERATOR, source="http")
        await drained(bus, lake, 10)
    old = stream.incarnation_of(await js.stream_info(stream.STREAM))
    # an older backup of the stream: same incarnation, while the lake has seen sequence 7
    lake.append(LAKE.empty_table(), old.name, 7, expected=1)
    async with writing(bus, store, lake):
        while stream.incarnation_of(await js.stream_info(stream.STREAM)) == old:
            await asyncio.sleep(0.02)
        for _ in range(4):
            await observer.observe(series(10), OPERATOR, source="http")
        await drained(bus, lake, 50)
    assert lake.count() == 50


async def test_a_lost_position_is_no_loss(observer: Observer, bus: Client, store: Pool, lake: Lake) -> None:
    async with writing(bus, store, lake):
        await observer.observe(series(100), OPERATOR, source="http")
        await drained(bus, lake, 100)
    before = await values(store)
    await store.execute("TRUNCATE lake_position, latest_station")
    async with writing(bus, store, lake):
        await observer.observe(series(10, start=START - timedelta(days=1)), OPERATOR, source="http")
        await drained(bus, lake, 110)
    assert await values(store) == before, "an older database: its latest values are made again from the lake"


def _spawn(given: dict[str, object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.writer_process", json.dumps(given)], stderr=subprocess.DEVNULL
    )


@pytest.fixture
def process_settings(
    nats_url: str, nats_options: dict[str, object], migrated_store: tuple[str, Pool], lake: Lake
) -> dict[str, object]:
    return {
        "nats": nats_url,
        "options": nats_options,
        "dsn": migrated_store[0],
        "lake": str(Path(lake.uri).parent.parent),
    }


def _check(lake: Lake, acknowledged: int) -> None:
    rows = lake.read(Span(), columns=("entity", "observed_at", "seq", "row")).to_pylist()
    distinct = {(r["entity"], r["observed_at"]) for r in rows}
    assert len(distinct) == acknowledged
    assert lake.count() == acknowledged, "nothing twice"


@pytest.mark.fault
@pytest.mark.parametrize("step", ["appended", "latest", "purged"])
async def test_killed_between_steps(
    step: str, observer: Observer, bus: Client, store: Pool, lake: Lake, process_settings: dict[str, object]
) -> None:
    acknowledged = 0
    for n in range(60):
        batch = series(20, start=START + timedelta(minutes=n))
        acknowledged += (await observer.observe(batch, OPERATOR, source="http")).accepted
    for times in (1, 2, 1):
        child = _spawn({**process_settings, "step": step, "times": times, "messages": 10})
        assert await asyncio.to_thread(child.wait, 60) == -9
    async with writing(bus, store, lake):
        await drained(bus, lake, acknowledged)
    _check(lake, acknowledged)
    assert (await values(store))[station(0)] == 10.0


@pytest.mark.fault
async def test_killed_at_random_moments_under_load(
    observer: Observer, bus: Client, store: Pool, lake: Lake, process_settings: dict[str, object]
) -> None:
    acknowledged = 0
    stop = asyncio.Event()

    async def load() -> None:
        nonlocal acknowledged
        n = 0
        while not stop.is_set():
            n += 1
            batch = series(200, start=START + timedelta(minutes=5 * n))
            acknowledged += (await observer.observe(batch, OPERATOR, source="http")).accepted
            await asyncio.sleep(0.005)

    sender = asyncio.create_task(load())
    for _ in range(3):
        before = lake.count()
        child = _spawn(process_settings)
        async with asyncio.timeout(60):
            while lake.count() == before:  # it has begun to work
                await asyncio.sleep(0.05)
        await asyncio.sleep(random.random())
        child.kill()
        await asyncio.to_thread(child.wait, 20)
    stop.set()
    await sender
    async with writing(bus, store, lake):
        await drained(bus, lake, acknowledged, timeout_s=60)
    _check(lake, acknowledged)

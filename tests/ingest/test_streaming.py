"""What readings cross is told once, and only once, whatever is killed when."""

from __future__ import annotations

import asyncio
import json
import random
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from nats.aio.client import Client

from province.broker import stream
from province.broker.database import Pool
from province.broker.known import Known
from province.broker.observe import Observer
from province.broker.streaming import CROSSED, Crossing, Watcher
from province.history import latest
from province.history.lake import Lake, stage
from province.ingest.writer import Limits, Writer
from province.model.entity import ORIGINS
from tests.ingest.rules import PACK, crossings, parameters_at
from tests.observations import OPERATOR, START, TENANT, TYPES, allowed, register, station, table

MINUTE = timedelta(minutes=1)


def watcher(store: Pool) -> Watcher:
    return Watcher(store, (PACK,), parameters_at)


async def feed(watch: Watcher, store: Pool, *batches: pa.Table) -> None:
    """Batches as the lake writer hands them over, each in a transaction of its own."""
    for n, one in enumerate(batches):
        rows = stage([(n + 1, one)])
        outcome = await watch.evaluate(TENANT, rows)
        async with store.acquire() as connection, connection.transaction():
            await latest.write(connection, TENANT, rows, TYPES)
            await outcome.save(connection)


async def told(store: Pool, rule: str = "trial.hot") -> list[tuple[str, datetime, int, int]]:
    rows = await store.fetch("SELECT entity, payload FROM outbox WHERE name = $1 ORDER BY seq", CROSSED)
    found = [(row["entity"], msgspec.json.decode(row["payload"], type=Crossing)) for row in rows]
    return [(entity, c.at, c.before, c.after) for entity, c in found if c.rule == rule]


def walk(seed: int, count: int) -> list[float]:
    """Temperatures that wander up and down through both limits, and tremble there."""
    draw = random.Random(seed)
    value, result = 25.0, []
    for _ in range(count):
        value = min(48.0, max(15.0, value + draw.uniform(-5, 5)))
        result.append(round(value, 1))
    return result


@pytest.mark.parametrize("seed", range(5))
async def test_any_cut_into_batches_tells_what_one_reading_after_the_other_tells(store: Pool, seed: int) -> None:
    await register(store)
    draw = random.Random(seed)
    rows = []
    for n in range(4):
        rows += [(station(n), START + k * MINUTE, v) for k, v in enumerate(walk(seed * 10 + n, 120))]
    rows.sort(key=lambda r: r[1])
    watch = watcher(store)
    begin = 0
    while begin < len(rows):
        end = begin + draw.randint(1, 60)
        part = rows[begin:end]
        await feed(watch, store, table([r[0] for r in part], at=[r[1] for r in part], number=[r[2] for r in part]))
        if draw.random() < 0.3:
            watch = watcher(store)  # a process that knows nothing but what is stored
        begin = end
    expected = crossings(rows, (30.0, 40.0), 1.0, run=2)
    assert len(expected) > 20
    assert sorted(await told(store)) == sorted(expected)
    for n in range(4):
        mine = [c for c in await told(store) if c[0] == station(n)]
        assert mine == [c for c in expected if c[0] == station(n)], "in the order of time"


async def test_late_repeated_foreign_and_estimated_readings_change_no_level(store: Pool) -> None:
    await register(store)
    watch, one = watcher(store), station(1)

    def readings(*values: tuple[int, float], origin: str = "measured", dataset: str | None = None) -> pa.Table:
        return table(
            [one] * len(values), at=[START + m * MINUTE for m, _ in values], number=[v for _, v in values],
            origin=ORIGINS.index(origin), dataset=dataset,
        )  # fmt: skip

    await feed(watch, store, readings((10, 20.0)), readings((1, 45.0), (2, 45.0), (3, 45.0), (10, 45.0)))
    assert await told(store) == [], "older than the newest, or the same instant again"
    for origin in ("imported", "estimated", "forecast"):
        await feed(watch, store, readings((11, 45.0), (12, 45.0), origin=origin))
    await feed(watch, store, readings((11, 45.0), (12, 45.0), dataset="urn:x:second"))
    assert await told(store) == []
    await feed(watch, store, readings((13, 35.0), origin="simulated"), readings((14, 45.0), origin="simulated"))
    assert await told(store) == [(one, START + 14 * MINUTE, 0, 1)]
    await feed(watch, store, readings((16, 45.0), (15, 41.0)))
    assert (await told(store))[-1] == (one, START + 15 * MINUTE, 1, 2), "sorted by time inside a batch"
    assert await store.fetchval("SELECT payload ->> 'origin' FROM outbox ORDER BY seq LIMIT 1") == "simulated"


async def test_after_a_restart_the_latest_value_still_tells_what_is_late(store: Pool) -> None:
    await register(store)
    await feed(watcher(store), store, table([station(1)], at=START, number=[20.0]))
    assert await store.fetchval("SELECT count(*) FROM streaming_state") == 0, "nothing worth a row happened"
    fresh = watcher(store)
    await feed(fresh, store, table([station(1)] * 2, at=[START - 2 * MINUTE, START - MINUTE], number=[45.0, 45.0]))
    assert await told(store) == []


async def test_limits_of_the_entity_itself_and_none_where_it_has_none(store: Pool) -> None:
    await store.execute(
        "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at) VALUES"
        " ($1, 'urn:ngsi-ld:Gate:a', 'Gate', $2, 1, now(), now()),"
        " ($1, 'urn:ngsi-ld:Gate:b', 'Gate', '{}', 1, now(), now())",
        TENANT,
        json.dumps({"low": {"type": "Property", "value": 1.5}, "top": {"type": "Property", "value": 2.5}}),
    )
    watch = watcher(store)
    for minute, level in enumerate((1.0, 1.6, 2.6, 2.0, 1.4, 0.4)):
        at = START + minute * MINUTE
        gates = ["urn:ngsi-ld:Gate:a", "urn:ngsi-ld:Gate:b"]
        await feed(watch, store, table(gates, type="Gate", attribute="level", at=at, number=[level, level * 10]))
    found = await told(store, "trial.high")
    assert [(e[-1], b, a) for e, _, b, a in found] == [("a", 0, 1), ("a", 1, 2), ("a", 2, 1), ("a", 1, 0)]
    payload = await store.fetchval("SELECT payload FROM outbox WHERE name = $1 ORDER BY seq LIMIT 1", CROSSED)
    crossing = msgspec.json.decode(payload, type=Crossing)
    assert (crossing.limits, crossing.value, crossing.unit_code, crossing.hysteresis) == ([1.5, 2.5], 1.6, "MTR", 1.0)


async def test_limits_that_count_downwards(store: Pool) -> None:
    await register(store)
    watch = watcher(store)
    for minute, value in enumerate((12.0, 10.0, 10.5, -1.0, 0.5, 5.0, 11.5)):
        at = START + minute * MINUTE
        await feed(watch, store, table([station(0)], attribute="count", at=at, number=[value]))
    assert [(b, a) for _, _, b, a in await told(store, "trial.cold")] == [(0, 1), (1, 2), (2, 1), (1, 0)]


async def test_a_moving_mean_survives_a_restart_and_counts_late_readings(store: Pool) -> None:
    await register(store)

    def at(hour: float, value: float) -> pa.Table:
        return table([station(0)], attribute="battery", at=START + timedelta(hours=hour), number=[value])

    await feed(watcher(store), store, at(0, 20.0))
    await feed(watcher(store), store, at(2, 38.0))
    assert await told(store, "trial.mean") == [], "the mean of two hours is 29"
    await feed(watcher(store), store, at(1, 35.0))  # late: (20 + 35 + 38) / 3 = 31, but it decides nothing itself
    assert await told(store, "trial.mean") == []
    await feed(watcher(store), store, at(2.1, 38.0))
    assert [(b, a) for _, _, b, a in await told(store, "trial.mean")] == [(0, 1)]
    payload = await store.fetchval("SELECT payload FROM outbox WHERE name = $1", CROSSED)
    crossing = msgspec.json.decode(payload, type=Crossing)
    assert (crossing.value, crossing.reading) == (31.0, 38.0)


@pytest.mark.parametrize("seed", range(4))
async def test_a_moving_mean_over_any_cut_and_restart_is_plain_arithmetic(store: Pool, seed: int) -> None:
    await register(store)
    draw = random.Random(seed)
    rows: list[tuple[str, datetime, float]] = []
    for n in range(3):
        at, value = START, 25.0
        for _ in range(150):
            at += timedelta(minutes=draw.choice((7, 20, 61, 200)))
            value = min(45.0, max(15.0, value + draw.uniform(-6, 6)))
            rows.append((station(n), at, round(value, 1)))
    rows.sort(key=lambda r: r[1])
    means: list[tuple[str, datetime, float]] = []
    hours: dict[tuple[str, int], list[float]] = {}
    for entity, at, value in rows:
        hour = int(at.timestamp()) // 3600
        hours.setdefault((entity, hour), []).append(value)
        window = [hours[entity, h] for h in range(hour - 2, hour + 1) if (entity, h) in hours]
        if len(window) >= 2:
            means.append((entity, at, sum(sum(w) / len(w) for w in window) / len(window)))
    watch, begin = watcher(store), 0
    while begin < len(rows):
        end = begin + draw.randint(1, 40)
        part = rows[begin:end]
        one = table([r[0] for r in part], attribute="battery", at=[r[1] for r in part], number=[r[2] for r in part])
        await feed(watch, store, one)
        if draw.random() < 0.3:
            watch = watcher(store)
        begin = end
    expected = crossings(means, (30.0,), 1.0)
    assert len(expected) > 5
    assert sorted(await told(store, "trial.mean")) == sorted(expected)
    assert await store.fetchval("SELECT count(*) FROM streaming_bucket") <= 3 * 3, "three sources, three buckets"


async def test_a_window_stored_whole_by_an_older_version_goes_on(store: Pool) -> None:
    await register(store)

    def at(hour: float, value: float) -> pa.Table:
        return table([station(0)], attribute="battery", at=START + timedelta(hours=hour), number=[value])

    await feed(watcher(store), store, at(0, 20.0), at(1, 35.0))
    rows = await store.fetch("SELECT * FROM streaming_bucket ORDER BY place")
    packed = b"".join(
        struct.pack("<3q" if name != "total" else "<3d", *_by_place(rows, name))
        for name in ("number", "total", "count")
    )
    await store.execute("TRUNCATE streaming_bucket")
    await store.execute(
        "INSERT INTO streaming_state (tenant, rule, entity, level, latches, buckets, at)"
        " VALUES ($1, 'trial.mean', $2, 0, $3, $4, $5)",
        TENANT, station(0), bytes(40), packed, START + timedelta(hours=1),
    )  # fmt: skip
    await feed(watcher(store), store, at(2, 38.0))
    payload = await store.fetchval("SELECT payload FROM outbox WHERE name = $1", CROSSED)
    assert msgspec.json.decode(payload, type=Crossing).value == 31.0, "(20 + 35 + 38) / 3"


def _by_place(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    empty = -1 if name == "number" else 0
    return [next((r[name] for r in rows if r["place"] == place), empty) for place in range(3)]


async def test_a_commit_whose_answer_was_lost_is_not_told_twice(store: Pool) -> None:
    await register(store)
    rows = stage([(1, table([station(0)] * 2, at=[START, START + MINUTE], number=[35.0, 36.0]))])
    outcome = await watcher(store).evaluate(TENANT, rows)
    for _ in range(2):
        async with store.acquire() as connection, connection.transaction():
            await outcome.save(connection)
    assert len(await told(store)) == 1


async def test_a_rule_whose_constant_is_missing_stops_neither_the_batch_nor_the_others(store: Pool) -> None:
    await register(store)
    watch = Watcher(store, (PACK,), lambda _pack, _at: {"play": 1.0})
    batch = table([station(0)] * 2, at=[START, START + MINUTE], number=[99.0, 99.0])
    await feed(watch, store, batch)
    assert await told(store) == []
    assert watch.failed == 0


def _spawn(given: dict[str, object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.writer_process", json.dumps(given)], stderr=subprocess.DEVNULL
    )


async def _send(observer: Observer, rows: Sequence[tuple[str, datetime, float]]) -> None:
    batch = table([r[0] for r in rows], at=[r[1] for r in rows], number=[r[2] for r in rows])
    assert (await observer.observe(batch, OPERATOR, source="http")).accepted == len(rows)


@pytest.mark.fault
@pytest.mark.parametrize("step", ["appended", "watched", "latest", "purged"])
async def test_killed_between_any_two_steps(
    step: str, bus: Client, store: Pool, nats_url: str, nats_options: dict[str, object],
    migrated_store: tuple[str, Pool], tmp_path: Path,
) -> None:  # fmt: skip
    await store.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Bình Dương', 'Binh Duong')", TENANT)
    await register(store)
    observer = Observer(bus, store, Known(store), types=TYPES, allowed=allowed)
    rows = [[(station(n), START + k * MINUTE, walk(n, 100)[k]) for n in range(6)] for k in range(100)]
    for part in rows:
        await _send(observer, part)
    settings: dict[str, object] = {
        "nats": nats_url, "options": nats_options, "dsn": migrated_store[0], "lake": str(tmp_path), "watch": True,
    }  # fmt: skip
    for times in (1, 2, 3, 1):
        child = _spawn({**settings, "step": step, "times": times, "messages": 7})
        assert await asyncio.to_thread(child.wait, 60) == -9
    lake = Lake(str(tmp_path / TENANT / "observations"))
    writer = Writer(
        bus, store, lambda _: lake, TYPES, max_bytes=256 * 1024**2, limits=Limits(linger_s=0.02, wait_s=0.1),
        watcher=watcher(store),
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(writer.run(stop))
    async with asyncio.timeout(60):
        while lake.count() < 600 or (await bus.jetstream().stream_info(stream.STREAM)).state.messages:
            await asyncio.sleep(0.05)
    stop.set()
    await task
    expected = crossings([r for part in rows for r in part], (30.0, 40.0), 1.0, run=2)
    assert len(expected) > 20
    assert sorted(await told(store)) == sorted(expected)

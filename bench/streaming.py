"""What streaming rules cost: the lake writer with and without them, over the same readings, and their kernel alone.

    python -m bench.streaming --seconds 5 --entities 100000

Stations report a temperature, and one in a hundred of them a battery level instead. One rule has two limits over the
temperature that are crossed now and then and must last two readings; the other watches the battery's mean of 24 hours,
of which every batch stores the bucket it fell into. Readings per second are those of the whole writer (append, latest
values, rules, position, purge) by the clock, and of the rules alone by processor time; `cpu_s` is the processor time of
the writer's process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.observe import ACTOR, LABEL, TENANT, TYPES, Row, Stand, Station, batches, standing
from bench.product import write
from province.broker import stream
from province.broker.streaming import Watcher
from province.compute.threshold import Latches, evaluate
from province.history.lake import Lake, stage
from province.ingest.writer import Limits, Writer
from province.pack import Level, Mean, Pack, Threshold

ROWS = 1000
_LEVELS = (Level(LABEL, "Moderate", parameter="first"), Level(LABEL, "Severe", parameter="second"))
PLAIN = Threshold("plain", Station, "temperature", LABEL, "Met", _LEVELS, "play", readings=2)
MEAN = Threshold("mean", Station, "battery", LABEL, "Env", _LEVELS[:1], "play", mean=Mean(hours=24, least=1))
CONSTANTS = {"first": 38.5, "second": 39.5, "play": 1.0}


def packs(*rules: Threshold) -> tuple[Pack, ...]:
    """One pack with these rules."""
    return (Pack(name="bench", title=LABEL, row="I", thresholds=rules),)


def few_batteries(stand: Stand, made: list[pa.Table]) -> list[pa.Table]:
    """The first hundredth of the stations measures its battery, all others a temperature."""
    last = stand.entities[len(stand.entities) // 100]
    place = made[0].schema.get_field_index("attribute")

    def one(table: pa.Table) -> pa.Table:
        code = pc.less(table["entity"], last).cast(pa.int32()).combine_chunks()
        column = pa.DictionaryArray.from_arrays(code, ["temperature", "battery"])
        return table.set_column(place, table.schema.field(place), column)

    return [one(table) for table in made]


async def through(stand: Stand, name: str, rules: tuple[Threshold, ...], count: int) -> Row:
    """Fill the stream, then time the writer until everything is done."""
    js = stand.client.jetstream(timeout=30)
    await js.purge_stream(stream.STREAM)
    await stand.pool.execute("TRUNCATE outbox, streaming_state, streaming_bucket, latest_station")
    made = few_batteries(stand, batches(stand.entities, ROWS, count))
    for start in range(0, count, 32):
        await asyncio.gather(*(stand.observer.observe(one, ACTOR, source="http") for one in made[start : start + 32]))
    last = (await js.stream_info(stream.STREAM)).state.last_seq
    lake = Lake(str(stand.folder / f"lake-{name}"))
    watcher = Watcher(stand.pool, packs(*rules), lambda _pack, _at: CONSTANTS)
    writer = Writer(
        stand.client, stand.pool, lambda _tenant: lake, TYPES, max_bytes=4 << 30, limits=Limits(messages=512),
        watcher=watcher,
    )  # fmt: skip
    stop = asyncio.Event()
    began, cpu = time.perf_counter(), time.process_time()
    task = asyncio.create_task(writer.run(stop))
    while writer.counters.position < last:
        await asyncio.sleep(0.01)
    spent, worked = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    await task
    assert lake.count() == count * ROWS
    told = await stand.pool.fetchval("SELECT count(*) FROM outbox")
    kept = await stand.pool.fetchval(
        "SELECT (SELECT count(*) FROM streaming_state) + (SELECT count(*) FROM streaming_bucket)"
    )
    assert told == watcher.crossed
    return {
        "what": f"into lake, latest values, rules: {name}",
        "per_s": count * ROWS / spent,
        "cpu_s": round(worked, 2),
        "crossings": told,
        "states": kept,
        "wall_s": round(spent, 2),
        "append_s": round(writer.counters.append_s, 2),
        "latest_and_rules_s": round(writer.counters.latest_s, 2),
    }


async def alone(stand: Stand, name: str, rules: tuple[Threshold, ...], count: int) -> Row:
    """The watcher without writer: batches of 512 messages, states in memory."""
    made = [stage(list(enumerate(few_batteries(stand, batches(stand.entities, ROWS, 128)), 1)))]
    watcher = Watcher(stand.pool, packs(*rules), lambda _pack, _at: CONSTANTS)
    await watcher.evaluate(TENANT, made[0])  # the sources are known now
    began, rows = time.process_time(), 0
    for n in range(count):
        later = made[0]["observed_at"].cast(pa.int64()).to_numpy() + (n + 1) * 60_000_000
        place = made[0].schema.get_field_index("observed_at")
        moved = made[0].set_column(place, "observed_at", pa.array(later).cast(made[0].schema.field(place).type))
        await watcher.evaluate(TENANT, moved)
        rows += moved.num_rows
    return {"what": f"rules alone: {name}", "per_s": rows / (time.process_time() - began)}


def kernel(rows: int, sources: int, repeat: int) -> Row:
    """Levels from arrays alone."""
    random = np.random.default_rng(1)
    source = np.sort(random.integers(0, sources, rows))
    at = np.arange(rows, dtype=np.int64)
    value, limits = random.uniform(0, 40, rows), np.tile(np.array([38.5, 39.5]), (rows, 1))
    state, width = Latches.empty(sources, 2), np.ones(rows)
    began = time.process_time()
    for _ in range(repeat):
        _, state = evaluate(source, at, value, limits, width, state, readings=2)
    return {"what": "levels from arrays", "per_s": rows * repeat / (time.process_time() - began)}


async def main(seconds: float, entities: int) -> list[Row]:
    """All measurements, in order."""
    count = max(200, int(seconds * 300_000 / ROWS))
    async with standing(entities) as stand:
        return [
            await through(stand, "none", (), count),
            await through(stand, "limits", (PLAIN,), count),
            await through(stand, "limits and mean", (PLAIN, MEAN), count),
            await alone(stand, "limits", (PLAIN,), 10),
            await alone(stand, "mean", (MEAN,), 10),
            kernel(500_000, entities, 5),
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = asyncio.run(main(given.seconds, given.entities))
    for row in results:
        detail = {k: v for k, v in row.items() if k not in ("what", "per_s")}
        print(f"{row['what']:55} {row['per_s']:>12,.0f}/s  {detail or ''}")
    summary = {"cores": os.cpu_count(), "entities": given.entities, "load_1min": os.getloadavg()[0], "results": results}
    print(json.dumps(summary))
    write("streaming", results, settings={
        "process": "generator and writer in one process, real engines; no HTTP and no sign-in",
        "observations": "stream_sync=always", "entities": given.entities,
    })  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(summary, indent=1))

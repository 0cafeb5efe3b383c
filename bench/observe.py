"""Observations: acknowledged, in the lake, in the latest values, each as a ratio to the bare engine in the same run.

    python -m bench.observe [--seconds 10] [--entities 100000] [--json out.json]

Real servers (our configuration, `sync_interval` and PostgreSQL fsync as in production), one process for the generator
and the server side, which share the machine's cores: the generator's cost is in every figure. Sign-in and HTTP are not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, ClassVar

import nats
import numpy as np
import pyarrow as pa
from deltalake import write_deltalake
from nats.aio.client import Client
from tests.conftest import running
from tests.ports import free_port

from bench.product import write
from province.broker import stream
from province.broker.database import Pool, connect
from province.broker.known import Known
from province.broker.migrate import migrate
from province.broker.observe import Observer
from province.engines.nats import Nats
from province.engines.postgres import Postgres
from province.history import latest
from province.history.lake import Lake, arrange, stage
from province.identity import policy
from province.ingest.credentials import issue_credential
from province.ingest.mqtt import Intake
from province.ingest.writer import Limits, Writer
from province.model.actor import Actor, Grant
from province.model.label import Label
from province.model.observation import SCHEMA
from province.model.schema import Field, Record, TypeInfo, describe
from province.model.unit import Unit
from province.settings import Settings

TENANT = "bench"
LABEL = Label("đo", "measured")
ACTOR = Actor(
    tenant=TENANT, id="bench", kind="service", grants=(Grant("feeder", frozenset(("*.observe", "*.provision"))),)
)


class Station(Record, frozen=True, kw_only=True):
    """What is measured here."""

    TYPE: ClassVar = TypeInfo("Station", LABEL)
    temperature: Annotated[float | None, Field(LABEL, observed=True, minimum=-40, maximum=85), Unit("CEL")] = None
    battery: Annotated[float | None, Field(LABEL, observed=True, minimum=0, maximum=100), Unit("P1")] = None


TYPES = {"Station": describe(Station)}
Row = dict[str, object]


@dataclass(slots=True)
class Stand:
    """The engines and what stands on them."""

    client: Client
    pool: Pool
    known: Known
    observer: Observer
    folder: Path
    entities: list[str]


def batches(entities: list[str], rows: int, count: int) -> list[pa.Table]:
    """Different batches of two attributes over random entities."""
    random = np.random.default_rng(7)
    names = pa.array(entities)
    code = pa.dictionary(pa.int32(), pa.string())
    start = int((datetime.now(UTC) - timedelta(minutes=30)).timestamp() * 1e6)
    constant = {
        "type": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["Station"]),
        "attribute": pa.DictionaryArray.from_arrays(
            pa.array((np.arange(rows) % 2).astype(np.int32)), ["temperature", "battery"]
        ),
        "dataset": pa.nulls(rows, code),
        "text": pa.nulls(rows, pa.string()),
        "origin": pa.array(np.zeros(rows, np.uint8)),
    }

    def one(n: int) -> pa.Table:
        varying = {
            "entity": names.take(pa.array(random.integers(0, len(entities), rows))),
            "observed_at": pa.array(start + n * rows + np.arange(rows)).cast(SCHEMA.field("observed_at").type),
            "number": pa.array(random.uniform(0, 40, rows).round(2)),
        }
        return pa.table([(constant | varying)[name] for name in SCHEMA.names], schema=SCHEMA)

    return [one(n) for n in range(count)]


async def repeat(act: Callable[[int], Awaitable[int]], *, flying: int, seconds: float) -> float:
    """Keep `flying` calls in flight for some seconds; readings per second."""
    total, n = 0, 0
    end = time.perf_counter() + seconds
    began = time.perf_counter()

    async def worker() -> None:
        nonlocal total, n
        while time.perf_counter() < end:
            n += 1
            done = await act(n)  # not `total += await …`: that reads the total before it waits
            total += done

    await asyncio.gather(*(worker() for _ in range(flying)))
    return total / (time.perf_counter() - began)


async def acknowledged(stand: Stand, rows: int, flying: int, seconds: float) -> list[Row]:
    """Batches through `observe`, and bare publishes of the same bytes."""
    made = batches(stand.entities, rows, 64)
    bytes_of = [stream.encode(one) for one in made]
    js = stand.client.jetstream(timeout=30)
    await js.purge_stream(stream.STREAM)

    async def ours(n: int) -> int:
        return (await stand.observer.observe(made[n % 64], ACTOR, source="http")).accepted

    async def bare(n: int) -> int:
        await js.publish(stream.subject(TENANT, "bare"), bytes_of[n % 64])
        return rows

    await repeat(ours, flying=flying, seconds=1)  # the register's answers are now known
    rates = [(await repeat(ours, flying=flying, seconds=seconds), await repeat(bare, flying=flying, seconds=seconds))]
    rates.append(
        (await repeat(ours, flying=flying, seconds=seconds), await repeat(bare, flying=flying, seconds=seconds))
    )
    mine, engine = (sum(r[k] for r in rates) / len(rates) for k in (0, 1))
    return [{"what": f"acknowledged durable, {rows}/batch, {flying} in flight", "per_s": mine, "bare_per_s": engine}]


async def queryable(stand: Stand, rows: int, seconds: float, *, values: bool) -> Row:
    """Fill the stream, then time the writer until everything can be read; bare: write_deltalake of the same rows."""
    js = stand.client.jetstream(timeout=30)
    await js.purge_stream(stream.STREAM)
    made = batches(stand.entities, rows, 64)
    count = max(200, int(seconds * 300_000 / rows))
    for start in range(0, count, 32):
        await asyncio.gather(
            *(stand.observer.observe(made[n % 64], ACTOR, source="http") for n in range(start, min(start + 32, count)))
        )
    last = (await js.stream_info(stream.STREAM)).state.last_seq
    lake = Lake(str(stand.folder / f"lake-{values}"))
    writer = Writer(
        stand.client, stand.pool, lambda tenant: lake, TYPES if values else {}, max_bytes=4 << 30,
        limits=Limits(messages=512),
    )  # fmt: skip
    stop = asyncio.Event()
    began = time.perf_counter()
    task = asyncio.create_task(writer.run(stop))
    while writer.counters.position < last:
        await asyncio.sleep(0.01)
    spent = time.perf_counter() - began
    stop.set()
    await task
    assert lake.count() == count * rows
    bare_rows = stage([(n, made[n % 64]) for n in range(min(count, 1000))])
    sorted_rows = arrange(bare_rows)
    began = time.perf_counter()
    write_deltalake(str(stand.folder / f"bare-{values}"), sorted_rows, partition_by=["day"])
    bare = bare_rows.num_rows / (time.perf_counter() - began)
    name = "queryable in the lake" + (" and latest values" if values else "")
    detail = {
        "append_s": round(writer.counters.append_s, 2),
        "latest_s": round(writer.counters.latest_s, 2),
        "wall_s": round(spent, 2),
    }
    return {"what": f"{name}, {rows}/batch", "per_s": count * rows / spent, "bare_per_s": bare, **detail}


async def one_by_one(stand: Stand, count: int) -> Row:
    """Messages as the MQTT gateway stores them, one reading each; bare: the same messages fetched and acknowledged."""
    async with stand.pool.acquire() as connection:
        logins = [(await issue_credential(connection, ACTOR, one)).login for one in stand.entities[:200]]
    js = stand.client.jetstream(timeout=30)
    intake = Intake(
        stand.client, stand.pool, stand.observer, stand.known, TYPES,
        gateway_bytes=1 << 30, retained_bytes=16 << 20, tenant=TENANT,
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(intake.run(stop))
    while not intake.ready():
        await asyncio.sleep(0.01)
    stop.set()
    await task
    at = datetime.now(UTC).isoformat()

    async def fill() -> None:
        for start in range(0, count, 500):
            await asyncio.gather(
                *(
                    js.publish(
                        f"$MQTT.msgs.devices.{logins[n % 200]}.data",
                        json.dumps({"temperature": n % 40, "observedAt": at}).encode(),
                    )
                    for n in range(start, start + 500)
                )
            )

    await fill()
    stop = asyncio.Event()
    began = time.perf_counter()
    task = asyncio.create_task(intake.run(stop))
    while intake.counters.readings < count:
        await asyncio.sleep(0.005)
    mine = count / (time.perf_counter() - began)
    stop.set()
    await task
    await fill()
    await js.reset_consumer("$MQTT_msgs", "observations")
    pull = await js.pull_subscribe_bind("observations", "$MQTT_msgs")
    began, got = time.perf_counter(), 0
    while got < count:
        messages = await pull.fetch(1000, timeout=5)
        got += len(messages)
        await messages[-1].ack()
    bare = count / (time.perf_counter() - began)
    return {"what": "MQTT one by one, into the stream", "per_s": mine, "bare_per_s": bare}


@contextlib.asynccontextmanager
async def standing(entities: int) -> AsyncIterator[Stand]:
    """Engines in a fresh home, a registered population."""
    folder = Path(tempfile.mkdtemp(prefix="province-bench-"))
    folder.chmod(0o711)
    settings = Settings(home=folder / "home", mqtt_port=free_port())
    postgres, server = Postgres(settings), Nats(settings)
    postgres.prepare()
    server.prepare()
    with running(postgres.command(), folder / "pg.log"), running(server.command(), folder / "nats.log"):
        pool = await connect(postgres.dsn(), size=8)
        async with pool.acquire() as connection:
            await migrate(connection)
            await latest.ensure(connection, TYPES.values())
            await connection.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'b', 'b')", TENANT)
            await connection.execute(
                "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at) SELECT $1,"
                " 'urn:ngsi-ld:Station:' || lpad(i::text, 7, '0'), 'Station', '{}', 1, now(), now()"
                " FROM generate_series(0, $2::int - 1) i",
                TENANT, entities,
            )  # fmt: skip
        client = await nats.connect(server.url(), **server.options())
        await stream.ensure_stream(client.jetstream(), max_bytes=4 << 30)
        known = Known(pool)
        observer = Observer(client, pool, known, types=TYPES, allowed=policy.allows, timeout_s=30)
        names = [f"urn:ngsi-ld:Station:{n:07d}" for n in range(entities)]
        yield Stand(client, pool, known, observer, folder, names)
        await client.close()
        await pool.close()


async def main(seconds: float, entities: int) -> list[Row]:
    """All measurements, in order."""
    async with standing(entities) as stand:
        found = await acknowledged(stand, 1000, 16, seconds)
        found += await acknowledged(stand, 1000, 128, seconds)
        found.append(await queryable(stand, 1000, seconds, values=False))
        found.append(await queryable(stand, 1000, seconds, values=True))
        found.append(await one_by_one(stand, 20_000))
        return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = asyncio.run(main(given.seconds, given.entities))
    for row in results:
        row["ratio"] = round(float(row["per_s"]) / float(row["bare_per_s"]), 3)  # type: ignore[arg-type]
        print(
            f"{row['what']:55} {row['per_s']:>12,.0f}/s   bare {row['bare_per_s']:>12,.0f}/s   ratio {row['ratio']:.2f}"
        )
    summary = {"cores": os.cpu_count(), "entities": given.entities, "sign_in": "not included", "results": results}
    print(json.dumps(summary))
    write("observe", results, settings={
        "process": "generator and observer in one process, real engines; no HTTP and no sign-in",
        "observations": "stream_sync=always", "entities": given.entities,
    })  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(summary, indent=1))

"""Observations through the whole product: HTTP batches signed in, durable, then in the lake.

    python -m bench.doors [--seconds 8]

Arrow and JSON columns by a signed-in sender, 16 or 64 calls in flight; each is acknowledged when JetStream has it on
disk (`stream_sync=always`). The lake writer works at the same time. *Queryable* counts from the first call to the
moment when the lake holds everything. Beside it: bare JetStream publishes of the same bytes on the same server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import nats
import numpy as np
import pyarrow as pa
from nats.js.api import StreamConfig

from bench.client import Connection, load
from bench.product import ROUNDS, Product, medians, running_product, write
from province.broker import stream
from province.model.observation import SCHEMA

ENTITIES = 20_000
ROWS = 1_000
LARGE = 10_000
"""Readings of a gateway or another agency's system that collects for a minute."""
ARROW = "application/vnd.apache.arrow.stream"


def name(n: int) -> str:
    """Id of a station."""
    return f"urn:ngsi-ld:AirQualityObserved:B-{n:06d}"


def tables(count: int, rows: int = ROWS) -> list[pa.Table]:
    """Batches over shuffled stations with noisy values, each with its own times."""
    random = np.random.default_rng(1)
    start = datetime.now(UTC) - timedelta(hours=20)
    made = []
    for n in range(count):
        ids = random.choice(ENTITIES, rows, replace=False)
        at = [start + timedelta(seconds=n * 7 + int(i) % 5) for i in range(rows)]
        made.append(pa.table(
            [
                pa.array([name(int(i)) for i in ids]),
                pa.array(["AirQualityObserved"] * rows).dictionary_encode(),
                pa.array(["pm25"] * rows).dictionary_encode(),
                pa.nulls(rows, pa.string()).dictionary_encode(),
                pa.array(at, pa.timestamp("us", tz="UTC")),
                pa.array(np.round(random.gamma(3, 10, rows), 1)),
                pa.nulls(rows, pa.string()),
                pa.array(np.zeros(rows, np.uint8)),
            ],
            schema=SCHEMA,
        ))  # fmt: skip
    return made


def as_json(table: pa.Table) -> bytes:
    """The JSON columns that a program would send."""
    at = table["observed_at"].cast(pa.int64()).to_pylist()
    block = {"type": "AirQualityObserved", "attribute": "pm25", "entity": table["entity"].to_pylist(), "observedAt": at,
             "value": table["number"].to_pylist()}  # fmt: skip
    return json.dumps(block).encode()


async def register(product: Product) -> None:
    """Register the stations through the door, 500 at a time."""
    connection = await Connection.open(product.settings.port, product.token)
    for start in range(0, ENTITIES, 500):
        body = [
            {"id": name(n), "type": "AirQualityObserved", "serialNumber": {"type": "Property", "value": f"B-{n:06d}"}}
            for n in range(start, start + 500)
        ]
        status, answer = await connection.call("POST", "/ngsi-ld/v1/entityOperations/create", json.dumps(body).encode())
        assert status == 201, answer[:300]
    connection.close()


async def written(product: Product, last: int) -> None:
    """Wait until the lake and the latest values hold the stream up to a sequence."""
    database = await asyncpg.connect(product.engines.database_dsn())
    while (await database.fetchval("SELECT max(sequence) FROM lake_position") or 0) < last:
        await asyncio.sleep(0.05)
    await database.close()


async def measure(product: Product, seconds: float) -> list[dict[str, Any]]:
    """All rows."""
    await register(product)
    small = await asyncio.to_thread(tables, 200)
    client = await nats.connect(product.engines.nats_url(), **product.engines.nats_options())
    jetstream = client.jetstream()
    rows: list[dict[str, Any]] = []
    large = await asyncio.to_thread(tables, 40, LARGE)
    for what, made, media, encode in (
        ("HTTP Arrow", small, ARROW, stream.encode),
        ("HTTP JSON columns", small, "application/json", as_json),
        ("HTTP Arrow", large, ARROW, stream.encode),
    ):
        bodies = [encode(t) for t in made]
        size = made[0].num_rows
        for flying in (16, 64) * ROUNDS:

            def call(n: int, bodies: list[bytes] = bodies, media: str = media) -> tuple[str, str, bytes, str]:
                return "POST", "/api/observations", bodies[n % len(bodies)], media

            began = time.perf_counter()
            found = await load(
                product.settings.port, product.token, clients=flying, seconds=seconds, call=call, good=200
            )
            sent = float(found["per_s"]) * (time.perf_counter() - began) * size
            info = await jetstream.stream_info(stream.STREAM)
            await written(product, info.state.last_seq)
            elapsed = time.perf_counter() - began
            found["per_s"] = float(found["per_s"]) * size
            rows.append({"what": f"{what}, {size:,} readings a call", **found, "queryable_per_s": sent / elapsed})
    await jetstream.add_stream(StreamConfig(name="BARE", subjects=["bare.>"]))
    for made in (small, large):
        payload, size = stream.encode(made[0]), made[0].num_rows
        for flying in (16, 64) * ROUNDS:
            done = 0
            until = time.perf_counter() + seconds

            async def publish(until: float = until, payload: bytes = payload) -> None:
                nonlocal done
                while time.perf_counter() < until:
                    await jetstream.publish("bare.x", payload)
                    done += 1

            began = time.perf_counter()
            await asyncio.gather(*(publish() for _ in range(flying)))
            rows.append({"what": f"bare JetStream publish of the same bytes, {size:,} readings a message",
                         "clients": flying, "per_s": done * size / (time.perf_counter() - began)})  # fmt: skip
        await jetstream.purge_stream("BARE")
    rows = medians(rows, "what", "clients")
    for size in (f"{ROWS:,}", f"{LARGE:,}"):
        mine = [r for r in rows if f" {size} readings" in str(r["what"])]
        bare = {r["clients"]: r["per_s"] for r in mine if str(r["what"]).startswith("bare")}
        for row in mine:
            row["ratio_to_bare"] = round(row["per_s"] / bare[row["clients"]], 2)
    await jetstream.delete_stream("BARE")
    await client.close()
    return rows


def main(seconds: float) -> None:
    """Measure and print."""
    with running_product() as product:
        write("doors", asyncio.run(measure(product, seconds)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    main(parser.parse_args().seconds)

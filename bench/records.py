"""Records through the whole product: HTTP, sign-in by token, policy, audit, tenant; beside the bare database.

    python -m bench.records [--seconds 6]

The generator runs in this process and shares the machine's cores with the server; its cost is in every figure. The
bare figures write the same 5 attributes as one JSON document into a table with the same indexes as `entity` needs for
type and id, durable too (`synchronous_commit=on`), without history, outbox, audit or HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

import asyncpg

from bench.client import load
from bench.product import ROUNDS, Product, medians, running_product, write


def entity(n: int) -> dict[str, object]:
    """A document of five attributes, about 0.6 kB."""
    return {
        "id": f"urn:ngsi-ld:Bench:{time.time_ns()}-{n}",
        "type": "Bench",
        "name": {"type": "Property", "value": "Đèn đường số"},
        "height": {"type": "Property", "value": n % 50},
        "status": {"type": "Property", "value": "new"},
        "refArea": {"type": "Relationship", "object": "urn:ngsi-ld:Area:25747:2025-07-01"},
        "note": {"type": "Property", "value": "x" * 200},
    }


async def through_the_product(product: Product, seconds: float) -> list[dict[str, object]]:
    """Single creates, batches, reads."""
    port, token = product.settings.port, product.token

    def create(n: int) -> tuple[str, str, bytes, str]:
        return "POST", "/ngsi-ld/v1/entities", json.dumps(entity(n)).encode(), "application/json"

    def batch(n: int) -> tuple[str, str, bytes, str]:
        body = json.dumps([entity(n * 100 + i) for i in range(100)]).encode()
        return "POST", "/ngsi-ld/v1/entityOperations/create", body, "application/json"

    def page(n: int) -> tuple[str, str, bytes, str]:
        return "GET", "/ngsi-ld/v1/entities?type=Bench&limit=20", b"", "application/json"

    rows = [
        {"what": "single create", **await load(port, token, clients=n, seconds=seconds, call=create, good=201)}
        for n in (1, 16, 64)
    ]
    found = await load(port, token, clients=4, seconds=seconds, call=batch, good=201)
    found["per_s"] = float(str(found["per_s"])) * 100
    rows.append({"what": "batch create of 100, entities", **found})
    rows.append(
        {"what": "page of 20 by type", **await load(port, token, clients=16, seconds=seconds, call=page, good=200)}
    )
    return rows


async def bare(product: Product, seconds: float) -> list[dict[str, object]]:
    """The same documents into a plain table of the same server."""
    pool = await asyncpg.create_pool(product.engines.database_dsn(), min_size=16, max_size=64)
    await pool.execute("DROP TABLE IF EXISTS bare")
    await pool.execute("CREATE TABLE bare (tenant text, id text, type text, attrs jsonb, PRIMARY KEY (tenant, id))")
    await pool.execute("CREATE INDEX ON bare (tenant, type, id)")
    rows: list[dict[str, object]] = []
    for clients in (1, 16, 64):
        done = 0
        until = time.perf_counter() + seconds

        async def work(until: float = until) -> None:
            nonlocal done
            async with pool.acquire() as connection:
                while time.perf_counter() < until:
                    one = entity(done)
                    done += 1
                    await connection.execute(
                        "INSERT INTO bare VALUES ('t', $1, 'Bench', $2)",
                        one["id"] + str(id(connection)),
                        json.dumps(one),
                    )

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        rows.append(
            {
                "what": "bare INSERT, one per transaction",
                "clients": clients,
                "per_s": done / (time.perf_counter() - began),
            }
        )
    began, done = time.perf_counter(), 0
    async with pool.acquire() as connection:
        while time.perf_counter() < began + seconds:
            batch = [entity(done + i) for i in range(100)]
            await connection.execute(
                "INSERT INTO bare SELECT 't', unnest($1::text[]), 'Bench', unnest($2::jsonb[])",
                [one["id"] for one in batch],
                [json.dumps(one) for one in batch],
            )
            done += 100
    rows.append({"what": "bare INSERT of 100 by unnest", "clients": 1, "per_s": done / (time.perf_counter() - began)})
    await pool.close()
    return rows


def main(seconds: float) -> None:
    """Measure and print."""
    with running_product() as product:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours += asyncio.run(through_the_product(product, seconds))
            theirs += asyncio.run(bare(product, seconds))
    ours, theirs = medians(ours, "what", "clients"), medians(theirs, "what", "clients")
    by_clients = {r["clients"]: float(str(r["per_s"])) for r in theirs if "one per" in str(r["what"])}
    for row in ours:
        if row["what"] == "single create":
            row["ratio_to_bare"] = round(float(str(row["per_s"])) / by_clients[row["clients"]], 2)
        if "batch" in str(row["what"]):
            row["ratio_to_bare"] = round(float(str(row["per_s"])) / float(str(theirs[-1]["per_s"])), 2)
    write("records", ours + theirs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    main(parser.parse_args().seconds)

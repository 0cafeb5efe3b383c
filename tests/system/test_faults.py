"""kill -9 of each process of the running product, three times, during a load of both write paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.product import Product, count, running_product, until
from tests.system.load import Load, prove

pytestmark = pytest.mark.fault
BEHIND = "SELECT count(*) FROM outbox o, relay_position p WHERE p.reader = 'relay' AND (o.xid, o.seq) > (p.xid, p.seq)"
UNLINKED = "SELECT count(*) FROM entity WHERE type = 'Report' AND NOT attrs ? 'duplicateOf'"
MATTERS = "SELECT count(DISTINCT attrs -> 'category' ->> 'value') FROM entity WHERE type = 'Report'"


@pytest.fixture(scope="module")
def own() -> Iterator[Product]:
    with running_product() as product:
        yield product


@pytest.fixture(scope="module")
async def load(own: Product) -> AsyncIterator[Load]:
    made = Load(own)
    await made.prepare()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.mark.parametrize("name", ["serve", "postgres", "nats", "ingest"])
async def test_killed_three_times_during_a_load(load: Load, own: Product, name: str) -> None:
    """The supervisor starts it again by itself; the others live on; both paths go on."""
    before = own.children()
    for _ in range(3):
        done = len(load.ledger.records), len(load.ledger.http), len(load.ledger.mqtt)
        await asyncio.sleep(0.7)
        await own.kill(name)
        written = await count(own, "SELECT max(sequence) FROM lake_position")
        await until(
            lambda done=done: all(
                now > then
                for now, then in zip(
                    (len(load.ledger.records), len(load.ledger.http), len(load.ledger.mqtt)), done, strict=True
                )
            ),
            f"records, batches and messages are acknowledged again; {load.ledger.refusals}", timeout_s=60,
        )  # fmt: skip
        await until(lambda written=written: _beyond(own, written), "the lake writer goes on", timeout_s=60, pause_s=0.3)
    after = own.children()
    assert after[name]["restarts"] == before[name]["restarts"] + 3
    for other in before.keys() - {name}:
        assert after[other]["pid"] == before[other]["pid"], f"{other} went down with {name}: {own.log(other)[-2000:]}"


async def _beyond(product: Product, sequence: int) -> bool:
    return await count(product, "SELECT max(sequence) FROM lake_position") > sequence


async def test_everything_acknowledged_is_there_once(load: Load, own: Product) -> None:
    """After all the kills: counts are equal, nothing was refused for good, every effect was carried out."""
    await load.stop()
    counted = await prove(load)
    print(counted, dict(load.ledger.refusals))
    assert min(counted["records"], counted["reports"], counted["readings by HTTP"], counted["readings by MQTT"]) > 100

    async def carried_out() -> bool:
        return await count(own, BEHIND) == 0

    await until(carried_out, "the rule of each report was carried out", timeout_s=240, pause_s=0.5)
    # Of each matter at this one place all reports but the first are linked by the rule.
    assert await count(own, UNLINKED) == await count(own, MATTERS)
    assert await count(own, "SELECT count(*) FROM failed_effect") == 0
    assert await count(own, "SELECT count(*) FROM dead_letter") == 0
    async with own.http() as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 200, ready.text

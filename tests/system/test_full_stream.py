"""The stream of observations is full because the lake writer does not run: refused, never lost.

By HTTP the sender is told with 503. A device still gets its PUBACK: its message waits in the gateway's own stream,
which is durable and has its own room; when that is full too, there is no PUBACK and the device sends again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from province.broker import stream
from province.history.lake import Span
from tests.product import running_product, until
from tests.system.load import ARROW, TYPE, Device, Reading, as_table, station

pytestmark = [pytest.mark.fault, pytest.mark.slow]
MIB = 1024**2


async def test_a_full_stream_refuses_and_loses_nothing() -> None:
    with running_product(stream_max_bytes=4 * MIB) as product:
        async with product.http() as client:
            body = [{"id": station(n), "type": TYPE} for n in range(20)]
            assert (await client.post("/ngsi-ld/v1/entityOperations/create", json=body)).status_code == 201
            (credential,) = await product.issue([station(0)])
            device = Device(product, credential, station(0), set())
            device.connect()
            await until(device.client.is_connected, "the device is connected")
            ingest = product.children()["ingest"]["pid"]
            os.kill(ingest, signal.SIGSTOP)  # the writer is held back, and with it the intake from the gateway
            start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
            acknowledged: set[Reading] = set()
            refusals = []
            for n in range(400):
                rows = [(station(i % 20), "pm25", start + timedelta(milliseconds=n * 1000 + i)) for i in range(1000)]
                answer = await client.post(
                    "/api/observations", content=stream.encode(as_table(rows)),
                    headers={"Content-Type": ARROW, "Idempotency-Key": f"full-{n}"},
                )  # fmt: skip
                if answer.status_code == 200:
                    acknowledged.update(rows)
                    continue
                problem = answer.json()
                assert answer.status_code == 503, answer.text
                assert answer.headers["content-type"] == "application/problem+json"
                assert "full" in problem["detail"]
                assert problem["remedy"]
                refusals.append((n, rows))
                if len(refusals) == 5:
                    break
            assert len(refusals) == 5, "the stream was never full"
            assert acknowledged
            # Records are another path: they go on.
            assert (await client.post("/ngsi-ld/v1/entities", json={"id": "urn:x:1", "type": "T"})).status_code == 201
            for n in range(200):
                device.publish(start + timedelta(milliseconds=n), float(n % 50))
            await until(lambda: len(device.acknowledged) == 200, "the gateway keeps what a device says")
            os.kill(ingest, signal.SIGCONT)

            async def takes_again() -> bool:
                n, rows = refusals[0]
                answer = await client.post(
                    "/api/observations", content=stream.encode(as_table(rows)),
                    headers={"Content-Type": ARROW, "Idempotency-Key": f"full-{n}"},
                )  # fmt: skip
                if answer.status_code == 200:
                    acknowledged.update(rows)
                return answer.status_code == 200

            await until(takes_again, "room is made and the same key is taken", timeout_s=90, pause_s=0.5)
            device.end()
            await product.written()
        lake = await asyncio.to_thread(product.lake.read, Span())
        columns = lake["entity"].to_pylist(), lake["attribute"].to_pylist(), lake["observed_at"].to_pylist()
        found = list(zip(*columns, strict=True))
        assert acknowledged | device.acknowledged == set(found)
        assert len(found) == len(set(found))

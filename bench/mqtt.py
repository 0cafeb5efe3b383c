"""Messages of devices one by one: MQTT QoS 1 through the whole product, one reading a message.

    python -m bench.mqtt [--seconds 6]

*PUBACK*: devices with their own credentials, each with `FLYING` messages in the air, while everything works. *Intake*:
ingest is held back (SIGSTOP) until `WAITING` messages wait, then released: messages per second from the first that it
takes until all are in the stream of observations, by one consumer, while the same process writes the lake. Bare, in the
same run: PUBACKs while ingest is held back, so that only the engine works; and copies of a waiting message fetched and
acknowledged by a plain consumer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import nats
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from tests.product import until

from bench.client import Connection
from bench.product import ROUNDS, Product, Row, medians, running_product, write
from province.ingest.credentials import Credential

DEVICES, FLYING = 50, 20
WAITING = 20_000
GATEWAY = "$MQTT_msgs"


def name(n: int) -> str:
    """Id of a sensor."""
    return f"urn:ngsi-ld:WeatherObserved:M-{n:04d}"


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()


def _packet(kind: int, body: bytes) -> bytes:
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


class Device:
    """A lean MQTT 3.1.1 client: publishes with QoS 1 and counts acknowledgements."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, login: str) -> None:
        self._reader, self._writer, self._topic = reader, writer, _text(f"devices/{login}/data")
        self._identifier = 0
        self.acknowledged = 0

    @classmethod
    async def connect(cls, port: int, credential: Credential) -> Device:
        """Connect with a device's credential."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = _text("MQTT") + bytes([4, 0b11000010]) + struct.pack(">H", 60)
        body += _text(credential.login) + _text(credential.login) + _text(credential.secret)
        writer.write(_packet(0x10, body))
        answer = await reader.readexactly(4)
        assert answer[3] == 0, f"the device was refused with {answer[3]}"
        return cls(reader, writer, credential.login)

    def publish(self, value: float) -> None:
        """Send a reading."""
        self._identifier = self._identifier % 65_535 + 1
        at = datetime.now(UTC).isoformat()
        payload = json.dumps({"temperature": value, "observedAt": at}).encode()
        self._writer.write(_packet(0x32, self._topic + struct.pack(">H", self._identifier) + payload))

    async def acknowledge(self) -> None:
        """Wait for one acknowledgement."""
        packet = await self._reader.readexactly(4)
        assert packet[0] == 0x40, packet
        self.acknowledged += 1

    def close(self) -> None:
        """Hang up."""
        self._writer.write(b"\xe0\x00")
        self._writer.close()


async def send(devices: list[Device], *, seconds: float = 1e9, messages: int = 1 << 60) -> Row:
    """All devices publish for some seconds, or until so many messages are acknowledged."""
    until_ = time.perf_counter() + seconds
    left = messages
    cpu, began = time.process_time(), time.perf_counter()
    before = sum(one.acknowledged for one in devices)

    async def work(device: Device) -> None:
        nonlocal left
        flying = 0
        while True:
            while flying < FLYING and left > 0 and time.perf_counter() < until_:
                device.publish(left % 40)
                left, flying = left - 1, flying + 1
            if not flying:
                return
            await device.acknowledge()
            flying -= 1

    await asyncio.gather(*(work(device) for device in devices))
    elapsed = time.perf_counter() - began
    done = sum(one.acknowledged for one in devices) - before
    return {
        "clients": len(devices),
        "per_s": done / elapsed,
        "generator_cores": round((time.process_time() - cpu) / elapsed, 2),
    }


@asynccontextmanager
async def held_back(product: Product) -> AsyncIterator[None]:
    """Ingest stands still meanwhile."""
    pid = product.children()["ingest"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def bare_fetch(stream: JetStreamContext) -> float:
    """Copies of the waiting messages in a stream of their own, for the gateway's admits no second consumer."""
    last = (await stream.stream_info(GATEWAY)).state.last_seq
    one = await stream.get_msg(GATEWAY, last)
    await stream.add_stream(StreamConfig(name="BARE", subjects=["bare.>"]))
    for start in range(0, WAITING, 500):
        await asyncio.gather(*(stream.publish("bare.x", one.data or b"") for _ in range(start, start + 500)))
    await stream.add_consumer("BARE", ConsumerConfig(durable_name="bench", ack_policy=AckPolicy.ALL))
    pull = await stream.pull_subscribe_bind("bench", "BARE")
    began, got = time.perf_counter(), 0
    while got < WAITING:
        messages = await pull.fetch(1000, timeout=10)
        got += len(messages)
        await messages[-1].ack()
    found = WAITING / (time.perf_counter() - began)
    await stream.delete_stream("BARE")
    return found


async def measure(product: Product, seconds: float) -> list[Row]:
    """All rows."""
    connection = await Connection.open(product.settings.port, product.token)
    body = json.dumps([{"id": name(n), "type": "WeatherObserved"} for n in range(DEVICES)]).encode()
    status, answer = await connection.call("POST", "/ngsi-ld/v1/entityOperations/create", body)
    assert status == 201, answer[:300]
    connection.close()
    credentials = await product.issue([name(n) for n in range(DEVICES)])
    devices = [await Device.connect(product.settings.mqtt_port, one) for one in credentials]
    client = await nats.connect(product.engines.nats_url(), **product.engines.nats_options())
    stream = client.jetstream()

    async def waiting() -> int:
        return (await stream.consumer_info(GATEWAY, "observations")).num_pending

    async def empty() -> bool:
        return await waiting() == 0

    rows: list[Row] = []
    for _ in range(ROUNDS):
        await until(empty, "nothing waits", timeout_s=120)
        rows.append({"what": "PUBACK, everything at work", **await send(devices, seconds=seconds)})
        await until(empty, "nothing waits", timeout_s=120)
        async with held_back(product):
            rows.append({"what": "bare: PUBACK, ingest held back", **await send(devices, seconds=seconds)})
        await until(empty, "nothing waits", timeout_s=120)
        async with held_back(product):
            await send(devices, messages=WAITING)
            rows.append({"what": "bare: fetched and acknowledged, one consumer", "clients": 1,
                         "per_s": await bare_fetch(stream)})  # fmt: skip
        while (left := await waiting()) >= WAITING:  # released, it first opens its session anew
            await asyncio.sleep(0.005)
        began = time.perf_counter()
        await until(empty, "the intake has taken all", timeout_s=120, pause_s=0.01)
        rows.append({"what": "intake into the stream of observations, one consumer", "clients": 1,
                     "per_s": left / (time.perf_counter() - began)})  # fmt: skip
    for device in devices:
        device.close()
    await client.close()
    rows = medians(rows, "what", "clients")
    by_name = {str(row["what"]): float(str(row["per_s"])) for row in rows}
    for row in rows:
        for mine, bare in (("PUBACK, ev", "bare: PUBACK"), ("intake", "bare: fetched")):
            if str(row["what"]).startswith(mine):
                engine = next(value for text, value in by_name.items() if text.startswith(bare))
                row["ratio_to_bare"] = round(float(str(row["per_s"])) / engine, 2)
    return rows


def main(seconds: float) -> None:
    """Measure and print."""
    with running_product() as product:
        write("mqtt", asyncio.run(measure(product, seconds)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    main(parser.parse_args().seconds)

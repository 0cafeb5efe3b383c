"""Notifications to a real MQTT broker over a real socket: our own NATS server's gateway, here as somebody else's."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from province.adapters.notify import Notifier
from province.adapters.outbound import Outbound
from province.broker.database import Pool
from province.broker.subscriptions import delivery
from province.broker.subscriptions.delivery import retry
from province.broker.subscriptions.message import Message
from province.engines.nats import Nats
from province.errors import InvalidInput, NotAllowed, Unavailable
from tests.broker.subscribers import ROOT, WAIT_S, World, until
from tests.ports import free_port

TOPIC = "agency/water"
V311 = ("MQTT-Version", "mqtt3.1.1")


class Receiver:
    """Another organisation's MQTT broker, and a client of it that hears everything.

    The broker's public port opens once the client listens: what came before nobody would have heard.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self.port = free_port()
        self._inner = free_port()
        self._door: asyncio.Server | None = None
        self.heard: list[tuple[str, int, dict[str, Any]]] = []
        self._program = program
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._client: mqtt.Client | None = None

    def uri(self, login: str = "agency:secret@") -> str:
        return f"mqtt://{login}127.0.0.1:{self.port}/{TOPIC}"

    @property
    def values(self) -> list[Any]:
        """What was told, in order; what came twice (at least once is promised) counts once."""
        return list(dict.fromkeys(told["body"]["data"][0]["a"]["value"] for _, _, told in self.heard))

    async def start(self) -> None:
        file = self._folder / "broker.conf"
        file.write_text(
            f"server_name: agency\nlisten: 127.0.0.1:{free_port()}\njetstream {{ store_dir: {self._folder} }}\n"
            f"mqtt {{ listen: 127.0.0.1:{self._inner} }}\nauthorization {{ user: agency, password: secret }}\n"
        )
        self._child = subprocess.Popen(
            [self._program, "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener")
        client.username_pw_set("agency", "secret")
        ready: list[bool] = []
        client.on_connect = lambda *_: client.subscribe(TOPIC, 2)
        client.on_subscribe = lambda *_: ready.append(True)
        client.on_message = lambda _c, _u, m: self.heard.append((m.topic, m.qos, msgspec.json.decode(m.payload)))
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    await asyncio.to_thread(client.connect, "127.0.0.1", self._inner)
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        client.loop_start()
        self._client = client
        await until(lambda: bool(ready))
        self._door = await asyncio.start_server(self._forward, "127.0.0.1", self.port)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65_536):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    def stop(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None
        if self._child is not None:
            self._child.terminate()
            self._child.wait(20)
            self._child = None


@pytest.fixture
async def receiver(nats_server: Nats, tmp_path: Path) -> AsyncIterator[Receiver]:
    made = Receiver(Path(nats_server.command().argv[0]), tmp_path)
    yield made
    made.stop()


def message(uri: str, *notifier: tuple[str, str]) -> Message:
    body = msgspec.json.encode({"type": "Notification", "data": []})
    return Message(uri=uri, headers={"Content-Type": "application/json"}, body=body, timeout_s=2.0,
                   notifier=(V311, *notifier))  # fmt: skip


async def test_every_quality_of_service_and_what_is_refused(receiver: Receiver) -> None:
    await receiver.start()
    notifier = Notifier(Outbound("127.0.0.0/8"))
    for qos in ("0", "1", "2"):
        await notifier.send(message(receiver.uri(), ("MQTT-QoS", qos)))
    await until(lambda: len(receiver.heard) == 3)
    assert sorted(q for _, q, _ in receiver.heard) == [0, 1, 2]
    assert receiver.heard[0][0] == TOPIC
    assert receiver.heard[0][2] == {
        "metadata": {"Content-Type": "application/json"},
        "body": {"type": "Notification", "data": []},
    }
    with pytest.raises(Unavailable):
        await notifier.send(message(receiver.uri("agency:wrong@")))
    with pytest.raises(InvalidInput):
        await notifier.send(message(receiver.uri(), ("MQTT-QoS", "3")))
    with pytest.raises(InvalidInput):
        await notifier.send(message(f"mqtt://127.0.0.1:{receiver.port}/agency/%23"))  # a filter is no topic
    with pytest.raises(NotAllowed):
        await Notifier(Outbound()).send(message(receiver.uri()))
    await until(lambda: len(receiver.heard) >= 3)
    await asyncio.sleep(0.1)
    assert len(receiver.heard) == 3


async def test_from_the_change_of_an_entity_to_the_client_of_a_broker(
    world: World, receiver: Receiver, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that is down is tried again; what it never took becomes a dead letter, which is sent again by hand."""
    monkeypatch.setattr(delivery, "SWEEP_S", 0.1)
    world.through = Notifier(Outbound("127.0.0.0/8")).send
    info = [{"key": V311[0], "value": V311[1]}, {"key": "MQTT-QoS", "value": "1"}]
    endpoint = {"uri": receiver.uri(), "notifierInfo": info, "receiverInfo": [{"key": "X-Case", "value": "7"}]}
    id = await world.subscribe(notification={"endpoint": endpoint})
    await world.write("1", a=0)
    async with asyncio.timeout(WAIT_S):
        while not (letters := await pool.fetch("SELECT id FROM notification WHERE state = 'open'")):
            await asyncio.sleep(0.05)
    kept = await world.store.get(id, ROOT)
    assert (kept.counters.failed, kept.counters.last_success) == (3, None)

    world.delivery._patience = timedelta(hours=1)
    await world.write("1", a=1)  # while nobody listens: it waits, and is there when the broker is
    async with asyncio.timeout(WAIT_S):
        while not await pool.fetchval("SELECT count(*) FROM notification WHERE state = 'waiting' AND attempts > 0"):
            await asyncio.sleep(0.05)
    await receiver.start()
    await world.write("1", a=2)
    await until(lambda: receiver.values == [1, 2])
    assert {q for _, q, _ in receiver.heard} == {1}
    told = receiver.heard[0][2]
    assert told["body"]["subscriptionId"] == id
    assert told["metadata"]["X-Case"] == "7"
    assert told["metadata"]["NGSILD-Tenant"] == "t"
    await retry(pool, "t", letters[0]["id"])
    await until(lambda: receiver.values == [1, 2, 0])

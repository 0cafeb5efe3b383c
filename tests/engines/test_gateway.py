"""Real devices (paho) at a real server with a real callout: who gets in, what is kept, what is refused."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import ipaddress
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion

from province.engines import callout
from province.engines.gateway import STREAM, disconnect, open_gateway
from province.engines.nats import Nats, gateway_bytes, retained_bytes
from province.settings import Settings
from tests.conftest import running, temporary_home
from tests.ports import free_port


class Device:
    """An MQTT client that remembers what the server told it."""

    def __init__(
        self, name: str, password: str, port: int, client_id: str | None = None, trust: Path | None = None
    ) -> None:
        self.connected: list[str] = []
        self.disconnected = 0
        self.acknowledged: list[int] = []
        self.subscribed: dict[int, bool] = {}
        self.heard: list[tuple[str, bytes]] = []
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id or name, reconnect_on_failure=False)
        client.max_inflight_messages_set(1000)
        client.username_pw_set(name, password)
        if trust is not None:
            client.tls_set(str(trust))
        client.on_connect = lambda c, u, f, reason, p: self.connected.append(str(reason))
        client.on_disconnect = lambda c, u, f, reason, p: self._count()
        client.on_publish = lambda c, u, number, reason, p: self.acknowledged.append(number)
        client.on_subscribe = lambda c, u, number, codes, p: self.subscribed.update({number: not codes[0].is_failure})
        client.on_message = lambda c, u, message: self.heard.append((message.topic, message.payload))
        client.connect("127.0.0.1", port)
        client.loop_start()
        self.client = client

    def _count(self) -> None:
        self.disconnected += 1

    async def subscribe(self, topic: str, qos: int = 0) -> bool:
        number = self.client.subscribe(topic, qos)[1]
        assert number is not None
        await until(lambda: number in self.subscribed)
        return self.subscribed[number]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


async def until(condition: Any, timeout_s: float = 60.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def connect_device(*arguments: Any) -> Device:
    device = await asyncio.to_thread(Device, *arguments)
    await until(lambda: device.connected or device.disconnected)
    return device


async def serve(server: Nats, settings: Settings, max_bytes: int) -> Any:
    """A service connection with the gateway's streams made and the callout answered."""
    connection = await nats.connect(server.url(), **server.options())  # type: ignore[arg-type]
    limits = {"max_bytes": max_bytes, "retained_bytes": retained_bytes(settings)}
    await open_gateway(connection.jetstream(), durable="ingest", **limits)
    seed = server.callout_seed()

    def decide(request: callout.Request) -> callout.Permissions | None:
        good = request.password == "right" and request.kind == "mqtt"
        return callout.device_permissions(request.user) if good else None

    async def answer(message: Any) -> None:
        await message.respond(callout.respond(message.data, decide, seed))

    await connection.subscribe(callout.SUBJECT, cb=answer)
    await connection.flush()
    return connection


async def drain(connection: Any) -> list[tuple[str, bytes]]:
    reader = await connection.jetstream().pull_subscribe_bind("ingest", stream=STREAM)
    found: list[tuple[str, bytes]] = []
    while True:
        try:
            messages = await reader.fetch(500, timeout=0.3)
        except TimeoutError:
            await reader.unsubscribe()
            return found
        found += [(message.subject, message.data) for message in messages]
        await messages[-1].ack_sync()


@pytest.fixture(scope="module")
async def service(nats_server: Nats, settings: Settings) -> AsyncIterator[Any]:
    connection = await serve(nats_server, settings, gateway_bytes(settings))
    yield connection
    # The stream takes one consumer: another test of this process wants its own.
    await connection.jetstream().delete_consumer(STREAM, "ingest")
    await connection.close()


async def test_a_device_is_confined_to_its_own_topics(service: Any, settings: Settings) -> None:
    await open_gateway(
        service.jetstream(), durable="ingest", max_bytes=gateway_bytes(settings),
        retained_bytes=retained_bytes(settings),
    )  # fmt: skip
    device = await connect_device("lamp-1", "right", settings.mqtt_port)
    assert device.connected == ["Success"]
    overheard: list[str] = []

    async def hear(message: Any) -> None:
        overheard.append(message.subject)

    watch = await service.subscribe("*.>", cb=hear)
    for topic in ("devices/lamp-1/data", "devices/lamp-2/data", "other", "$JS/API/STREAM/NAMES", "$SYS/x"):
        device.client.publish(topic, b"42", qos=1, retain=topic == "other")
    await until(lambda: len(device.acknowledged) == 5)
    assert await drain(service) == [("$MQTT.msgs.devices.lamp-1.data", b"42")]
    assert not [s for s in overheard if s.startswith(("devices.lamp-2", "other"))]
    await watch.unsubscribe()

    assert await device.subscribe("devices/lamp-1/commands/#")
    for topic in ("#", "devices/#", "devices/lamp-2/commands/#", "$MQTT/#", "$SYS/#"):
        assert not await device.subscribe(topic), topic
    assert not await device.subscribe("devices/lamp-1/commands/dim", qos=1), "it would get a consumer of its own"
    await service.publish("devices.lamp-1.commands.dim", b"30")
    await service.publish("devices.lamp-2.commands.dim", b"90")
    await until(lambda: device.heard)
    assert device.heard == [("devices/lamp-1/commands/dim", b"30")]
    device.close()


@pytest.mark.parametrize(("password", "client_id"), [("wrong", "lamp-3"), ("", "lamp-3"), ("right", "lamp-1")], ids=str)
async def test_a_wrong_password_or_identifier_is_refused(
    service: Any, settings: Settings, password: str, client_id: str
) -> None:
    device = await connect_device("lamp-3", password, settings.mqtt_port, client_id)
    assert device.connected == ["Not authorized"]
    device.close()


async def test_a_revoked_device_is_disconnected(service: Any, nats_server: Nats, settings: Settings) -> None:
    revoked = await connect_device("lamp-5", "right", settings.mqtt_port)
    other = await connect_device("lamp-6", "right", settings.mqtt_port)
    system = await nats.connect(nats_server.url(), **nats_server.system_options())  # type: ignore[arg-type]
    assert await disconnect(system, "lamp-5") == 1
    await until(lambda: revoked.disconnected)
    assert other.disconnected == 0
    assert await disconnect(system, "lamp-5") == 0
    await system.close()
    revoked.close()
    other.close()


@pytest.mark.parametrize("proof", [{"user": "lamp-1", "pass": "right"}, {}], ids=["password", "nothing"])
async def test_the_services_door_takes_no_device(service: Any, nats_url: str, proof: dict[str, str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(nats_url.rpartition(":")[2]))
    writer.write(f"CONNECT {json.dumps({'verbose': False, 'lang': 'test', **proof})}\r\nPING\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 60)
    assert b"Authorization Violation" in answer
    writer.close()
    await writer.wait_closed()


@pytest.mark.fault
async def test_what_was_acknowledged_survives_a_killed_server_without_ingest() -> None:
    with temporary_home() as home:
        settings = Settings(home=home, mqtt_port=free_port())
        server = Nats(settings)
        server.prepare()
        with running(server.command(), home / "nats.log") as process:
            service = await serve(server, settings, gateway_bytes(settings))
            device = await connect_device("lamp-1", "right", settings.mqtt_port)
            await service.close()
            for number in range(300):
                device.client.publish("devices/lamp-1/data", str(number), qos=1)
            await until(lambda: len(device.acknowledged) == 300)
            process.send_signal(signal.SIGKILL)
            process.wait()
            device.close()
        server.prepare()
        with running(server.command(), home / "nats.log"):
            stranger = await connect_device("lamp-1", "right", settings.mqtt_port)
            assert stranger.connected != ["Success"], "nobody answers the callout, so nobody gets in"
            stranger.close()
            service = await serve(server, settings, gateway_bytes(settings))
            found = await drain(service)
            assert [data for _, data in found] == [str(n).encode() for n in range(300)]
            await service.close()


@pytest.mark.fault
@pytest.mark.parametrize("limit", ["stream", "store"])
async def test_a_full_store_acknowledges_nothing_that_it_does_not_keep(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with temporary_home() as home:
        settings = Settings(home=home, mqtt_port=free_port(), stream_max_bytes=64 * 1024**2, stream_sync="1m")
        if limit == "store":
            monkeypatch.setattr("province.engines.nats.store_bytes", lambda _: 20 * 1024**2)
        server = Nats(settings)
        server.prepare()
        with running(server.command(), home / "nats.log"):
            service = await serve(server, settings, 2 * 1024**2 if limit == "stream" else -1)
            device = await connect_device("lamp-1", "right", settings.mqtt_port)
            for number in range(1000):
                device.client.publish("devices/lamp-1/data", number.to_bytes(4, "big") + bytes(24_000), qos=1)
                if number == 0:
                    await until(lambda: len(device.acknowledged) == 1)
            await until(lambda: device.disconnected)
            assert 0 < len(device.acknowledged) < 1000, (home / "nats.log").read_text() + str(device.connected)
            stored, allowed = await server.storage()
            assert (stored >= allowed) is (limit == "store")
            other = await connect_device("lamp-2", "right", settings.mqtt_port)
            assert (other.connected == ["Success"]) is (limit == "stream")
            kept = {int.from_bytes(data[:4], "big") + 1 for _, data in await drain(service)}
            assert set(device.acknowledged) <= kept, "an acknowledged message is missing"
            again = await connect_device("lamp-1", "right", settings.mqtt_port)
            again.client.publish("devices/lamp-1/data", b"there is room again", qos=1)
            await until(lambda: again.acknowledged)
            for each in (device, other, again):
                each.close()
            await service.close()


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, which only its owner may read."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / "tls.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "tls.key").write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    (folder / "tls.key").chmod(0o600)
    return folder / "tls.pem", folder / "tls.key"


@pytest.mark.fault
async def test_devices_speak_tls_when_a_certificate_is_set(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    with temporary_home() as home:
        port = free_port()
        settings = Settings(home=home, mqtt_port=port, tls_certificate=str(certificate), tls_key=str(key))
        server = Nats(settings)
        server.prepare()
        with running(server.command(), home / "nats.log"):
            service = await serve(server, settings, gateway_bytes(settings))
            device = await connect_device("lamp-1", "right", port, None, certificate)
            assert device.connected == ["Success"]
            plain = await connect_device("lamp-2", "right", port)
            assert plain.connected == []
            device.close()
            plain.close()
            await service.close()


def test_the_gateway_can_be_left_out(settings: Settings, home: Any) -> None:
    with temporary_home() as other:
        server = Nats(dataclasses.replace(settings, home=other, mqtt_port=0))
        server.prepare()
        text = (next(iter(server.command().argv[2:]))).strip()
        with open(text) as file:
            assert "mqtt {" not in file.read()

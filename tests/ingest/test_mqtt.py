"""A device's message, once acknowledged, becomes readings, or a dead letter that says why."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import paho.mqtt.client as mqtt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from province.broker import deadletter, stream
from province.broker.database import Pool
from province.broker.known import Known
from province.broker.observe import Observer
from province.engines.gateway import STREAM
from province.errors import DecodeError, InvalidInput, NotAllowed, NotFound
from province.ingest.callout import Callout
from province.ingest.credentials import Credential, issue_credential, revoke_credential
from province.ingest.mqtt import Intake
from province.ingest.payload import read_payload
from province.model.actor import Actor
from province.settings import Settings
from tests.observations import OPERATOR, TENANT, TYPES, allowed, register, station

MIB = 1024**2


@pytest.fixture(autouse=True)
def brief_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    """An intake ends when its fetch ends: a test that starts five would wait five seconds."""
    monkeypatch.setattr("province.ingest.mqtt._WAIT_S", 0.2)


@pytest.fixture
async def intake(bus: Client, store: Pool) -> Intake:
    await register(store)
    return make(bus, store)


def make(bus: Client, store: Pool) -> Intake:
    known = Known(store)
    observer = Observer(bus, store, known, types=TYPES, allowed=allowed, timeout_s=3)
    return Intake(bus, store, observer, known, TYPES, gateway_bytes=64 * MIB, retained_bytes=16 * MIB, tenant=TENANT)


@contextlib.asynccontextmanager
async def taking(intake: Intake, bus: Client, store: Pool, seed: str) -> AsyncIterator[Callout]:
    stop = asyncio.Event()
    task = asyncio.create_task(intake.run(stop))
    callout = Callout(bus, store, seed, ready=intake.ready)
    await callout.start()
    async with asyncio.timeout(60):
        while not intake.ready():
            assert not task.done(), task
            await asyncio.sleep(0.01)
    try:
        yield callout
    finally:
        stop.set()
        await task
        await callout.stop()


async def issue(store: Pool, n: int) -> Credential:
    async with store.acquire() as connection:
        return await issue_credential(connection, OPERATOR, station(n))


class Device:
    """A device with a real MQTT client; its loop runs in a thread of its own."""

    def __init__(self, settings: Settings, credential: Credential) -> None:
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=credential.login)
        self.client.username_pw_set(credential.login, credential.secret)
        self.login = credential.login
        self.heard: list[str] = []
        self.answers: list[int] = []
        self.client.on_connect = lambda c, u, f, reason, p: self.answers.append(reason.value)
        self.client.on_message = lambda c, u, message: self.heard.append(message.topic)
        self._port = settings.mqtt_port

    async def connect(self) -> bool:
        self.client.connect_async("127.0.0.1", self._port)
        self.client.loop_start()
        async with asyncio.timeout(60):
            while not self.answers:
                await asyncio.sleep(0.02)
        return self.answers[-1] == 0

    async def publish(self, payload: object, topic: str = "data", login: str = "", qos: int = 1) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        info = self.client.publish(f"devices/{login or self.login}/{topic}", data, qos=qos)
        await asyncio.to_thread(info.wait_for_publish, 10)
        assert info.is_published()

    async def close(self) -> None:
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)


async def readings(bus: Client) -> list[dict[str, Any]]:
    reader = stream.Reader(bus, bus.jetstream(), 1)
    found = await reader.fetch(1000, wait_s=0.3, linger_s=0.1, max_bytes=1 << 30)
    await reader.close()
    tables = [stream.decode(one.payload) for one in found]
    return pa.concat_tables(tables).to_pylist() if tables else []


async def until(condition: Any, timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def test_messages_of_devices_become_readings(
    intake: Intake, bus: Client, store: Pool, settings: Settings, callout_seed: str
) -> None:
    async with taking(intake, bus, store, callout_seed):
        device = Device(settings, await issue(store, 1))
        assert await device.connect()
        await device.publish({"temperature": 21.5, "battery": 80, "observedAt": "2026-03-01T07:00:00+07:00"})
        await device.publish({"values": {"mode": "tay", "open": True}, "origin": "simulated"})
        await device.publish({"observedAt": ["2026-03-01T00:00:01Z", "2026-03-01T00:00:02Z"], "temperature": [1, 2]})
        await device.publish({"temperature": {"type": "Property", "value": 68, "unitCode": "FAH"}})
        await until(lambda: intake.counters.readings == 7)
        await device.close()
    found = await readings(bus)
    assert {row["entity"] for row in found} == {station(1)}
    assert [(r["attribute"], r["number"], r["text"]) for r in found] == [
        ("temperature", 21.5, None), ("battery", 80.0, None), ("mode", None, '"tay"'), ("open", None, "true"),
        ("temperature", 1.0, None), ("temperature", 2.0, None), ("temperature", pytest.approx(20), None),
    ]  # fmt: skip
    assert found[0]["observed_at"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert abs(found[2]["observed_at"] - datetime.now(UTC)) < timedelta(minutes=1), "the time of arrival"
    assert [row["origin"] for row in found[:3]] == [0, 0, 4]
    assert (await bus.jetstream().stream_info(STREAM)).state.messages == 0, "all acknowledged"


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(
    intake: Intake, bus: Client, store: Pool, settings: Settings, callout_seed: str
) -> None:
    async with taking(intake, bus, store, callout_seed):
        device = Device(settings, await issue(store, 1))
        assert await device.connect()
        for payload in (b"\xff\xfe", b"[]", b'{"temperature": NaN}', b"{}", b'{"id": "urn:x:other", "temperature": 1}'):
            await device.publish(payload)
        await device.publish({"temperature": 500, "battery": 50})
        await device.publish({"temperature": 1}, topic="else")
        await until(lambda: intake.counters.messages == 7)
        await device.close()
    assert [(row["attribute"], row["number"]) for row in await readings(bus)] == [("battery", 50.0)]
    letters = await deadletter.read(store, TENANT)
    assert len(letters) == 7
    assert b"\xff\xfe" in {bytes(one["payload"]) for one in letters}
    assert {one["door"] for one in letters} == {"mqtt"}


async def test_only_the_right_secret_comes_in_and_only_to_its_own_topics(
    intake: Intake, bus: Client, store: Pool, settings: Settings, callout_seed: str
) -> None:
    async with taking(intake, bus, store, callout_seed) as callout:
        first, second = await issue(store, 1), await issue(store, 2)
        strangers = [
            Device(settings, Credential(first.login, second.secret)),
            Device(settings, Credential("urn:nobody", "x")),
            Device(settings, Credential(first.login, "")),
        ]
        # At the same time: the gateway answers a stranger only after a second.
        assert await asyncio.gather(*(s.connect() for s in strangers)) == [False, False, False]
        for stranger in strangers:
            await stranger.close()
        assert callout.decisions.granted == 0
        device = Device(settings, first)
        assert await device.connect()
        await device.publish({"temperature": 1.0}, login=second.login, qos=0)
        await device.publish({"temperature": 2.0})
        await until(lambda: intake.counters.readings == 1)
        await device.close()
    assert [(row["entity"], row["number"]) for row in await readings(bus)] == [(station(1), 2.0)]


async def test_a_revoked_device_stays_out(
    intake: Intake, bus: Client, store: Pool, settings: Settings, callout_seed: str
) -> None:
    async with taking(intake, bus, store, callout_seed):
        credential = await issue(store, 1)
        device = Device(settings, credential)
        assert await device.connect()
        async with store.acquire() as connection:
            await revoke_credential(connection, OPERATOR, station(1))
        await device.publish({"temperature": 1.0})  # the connection is still open
        await until(lambda: intake.counters.messages == 1)
        await device.close()
        again = Device(settings, credential)
        assert not await again.connect()
        await again.close()
        fresh = Device(settings, await issue(store, 1))
        assert await fresh.connect()
        await fresh.publish({"temperature": 2.0})
        await until(lambda: intake.counters.readings == 1)
        await fresh.close()
    assert [row["number"] for row in await readings(bus)] == [2.0]
    (letter,) = await deadletter.read(store, TENANT)
    assert "revoked" in letter["reason"]


async def test_credentials_need_the_right_and_a_registered_device(store: Pool) -> None:
    await register(store)
    async with store.acquire() as connection:
        with pytest.raises(NotAllowed):
            await issue_credential(connection, Actor(tenant=TENANT, id="x", kind="person"), station(1))
        with pytest.raises(NotFound):
            await issue_credential(connection, OPERATOR, "urn:ngsi-ld:Station:none")
        with pytest.raises(InvalidInput):
            await issue_credential(connection, OPERATOR, "urn:x.>")
        with pytest.raises(NotFound):
            await revoke_credential(connection, OPERATOR, station(1))
        first = await issue_credential(connection, OPERATOR, station(1))
        second = await issue_credential(connection, OPERATOR, station(1))
        assert (first.login, first.secret != second.secret) == (second.login, True)
        assert first.secret not in repr(first)
        await register_other(store)
        other = await issue_credential(connection, msgs_actor("other"), station(1))
        assert other.login == f"other:{station(1)}"
        kept = await connection.fetch("SELECT * FROM device_credential")
    assert not any(first.secret in str(dict(row)) for row in kept)
    assert await store.fetchval("SELECT count(*) FROM audit WHERE action = 'credential.issued'") == 3


async def register_other(store: Pool) -> None:
    await register(store, tenant="other")


def msgs_actor(tenant: str) -> Actor:
    return Actor(tenant=tenant, id="o", kind="person", grants=OPERATOR.grants)


async def publish_raw(bus: Client, n: int, start: int = 0) -> None:
    """Messages as the gateway stores them."""
    js = bus.jetstream()
    for i in range(start, start + n):
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=i)
        payload = json.dumps({"temperature": i % 50, "observedAt": at.isoformat()}).encode()
        await js.publish(f"$MQTT.msgs.devices.{station(i % 10)}.data", payload)


async def test_a_replay_is_not_doubled(intake: Intake, bus: Client, store: Pool, callout_seed: str) -> None:
    for n in range(10):
        await issue(store, n)
    js = bus.jetstream()
    async with taking(intake, bus, store, callout_seed):
        await publish_raw(bus, 1)
        await until(lambda: intake.counters.readings == 1)
    await publish_raw(bus, 40, 1)
    # Killed between "stored" and "acknowledged": the same session, whose acknowledgements go nowhere.
    deaf = make(_Deaf(bus), store)  # type: ignore[arg-type]
    async with taking(deaf, bus, store, callout_seed):
        await until(lambda: deaf.counters.readings == 40)
    assert (await js.stream_info(STREAM)).state.messages == 40
    await publish_raw(bus, 10, 41)
    again = make(bus, store)
    async with taking(again, bus, store, callout_seed):
        await until(lambda: again.counters.readings == 10)
    assert again.counters.skipped == 40
    # Once more, after the lake writer purged our stream and left the mark in PostgreSQL.
    await publish_raw(bus, 5, 51)
    deaf = make(_Deaf(bus), store)  # type: ignore[arg-type]
    async with taking(deaf, bus, store, callout_seed):
        await until(lambda: deaf.counters.readings == 5)
    found = await readings(bus)
    mark = await stream.last_mark(js, TENANT, "mqtt")
    await store.execute("INSERT INTO source_mark (tenant, source, mark) VALUES ($1, 'mqtt', $2)", TENANT, mark)
    await js.purge_stream(stream.STREAM)
    last = make(bus, store)
    async with taking(last, bus, store, callout_seed):
        await until(lambda: last.counters.skipped == 5)
    found += await readings(bus)
    assert len(found) == len({(row["entity"], row["observed_at"]) for row in found}) == 56


class _Deaf:
    """A connection whose acknowledgements are lost."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        if payload != b"+ACK":
            await self._client.publish(subject, payload, reply)


async def test_messages_wait_while_our_stream_is_full(
    intake: Intake, bus: Client, store: Pool, callout_seed: str
) -> None:
    for n in range(10):
        await issue(store, n)
    js = bus.jetstream()
    async with taking(intake, bus, store, callout_seed):
        await stream.ensure_stream(js, max_bytes=1000)
        await publish_raw(bus, 30)
        await until(lambda: intake.counters.restarts > 0)
        assert (await js.stream_info(STREAM)).state.messages == 30, "kept in the gateway"
        await stream.ensure_stream(js, max_bytes=256 * MIB)
        await until(lambda: intake.counters.readings == 30)
    assert len(await readings(bus)) == 30


async def test_nobody_comes_in_before_the_consumer_exists(
    bus: Client, store: Pool, settings: Settings, callout_seed: str
) -> None:
    await register(store)
    credential = await issue(store, 1)
    callout = Callout(bus, store, callout_seed, ready=lambda: False)
    await callout.start()
    device = Device(settings, credential)
    device.client.connect_async("127.0.0.1", settings.mqtt_port)
    device.client.loop_start()
    await asyncio.sleep(1)
    assert 0 not in device.answers
    await device.close()
    await callout.stop()


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("temperature", "open", "value", "values", "observedAt", "unitCode", "id", "type", "x")),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(st.one_of(st.binary(max_size=40), _json.map(lambda document: json.dumps(document).encode())))
def test_any_payload_is_rows_or_a_decode_error(payload: bytes) -> None:
    try:
        rows, origin = read_payload(payload, station(1), TYPES["Station"], datetime.now(UTC))
    except DecodeError:
        return
    assert origin == 0
    for _, at, number, text, _ in rows:
        assert isinstance(at, int)
        assert number is None or text is None

"""A load of both write paths that remembers what was acknowledged, and the proof that all of it is there, once.

Senders repeat a call with the same key until it is acknowledged, as a well-behaved client does.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pyarrow as pa
from paho.mqtt.enums import CallbackAPIVersion

from province.broker import stream
from province.history.lake import Span
from province.ingest.credentials import Credential
from province.model.observation import SCHEMA
from tests.product import Product, count

TYPE = "AirQualityObserved"
ARROW = "application/vnd.apache.arrow.stream"
JSON_ROWS, ARROW_ROWS = 50, 500
RECORD = "StrengthTest"
_DEVICES, _FLYING = 4, 20


def station(n: int) -> str:
    """Id of a sensor of the load."""
    return f"urn:ngsi-ld:{TYPE}:load-{n}"


_NEVER = datetime.min.replace(tzinfo=UTC)
Reading = tuple[str, str, datetime]
"""Entity, attribute, instant: no two readings of the load share them."""


@dataclass(slots=True)
class Ledger:
    """What was acknowledged, and what was answered instead."""

    records: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    http: set[Reading] = field(default_factory=set)
    mqtt: set[Reading] = field(default_factory=set)
    read: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """By status, or by the error of the connection."""
    surprises: list[str] = field(default_factory=list)
    """Answers that no caller should ever see."""


class Load:
    """Senders that work until `stop`, and then until each has the acknowledgement that it waits for."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.ledger = Ledger()
        self._start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
        self._numbers = iter(range(1 << 60))
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._devices: list[Device] = []

    async def prepare(self) -> None:
        """Register the sensors and give four of them credentials."""
        async with self.product.http() as client:
            body = [{"id": station(n), "type": TYPE} for n in range(20)]
            answer = await client.post("/ngsi-ld/v1/entityOperations/create", json=body)
            assert answer.status_code == 201, answer.text
        credentials = await self.product.issue([station(n) for n in range(_DEVICES)])
        self._devices = [Device(self.product, one, station(n), self.ledger.mqtt) for n, one in enumerate(credentials)]

    async def start(self) -> None:
        """Begin."""
        for work in (self._records, self._records, self._reports, self._json, self._json, self._arrow, self._read):
            self._tasks.append(asyncio.create_task(work()))
        for n, device in enumerate(self._devices):
            device.begin(self._start + timedelta(hours=1 + n))

    async def stop(self) -> None:
        """End, when every sender has its last acknowledgement."""
        self._ending.set()
        try:
            await asyncio.wait_for(asyncio.gather(*self._tasks), 90)
        finally:
            for device in self._devices:
                await asyncio.to_thread(device.end)

    def _next(self) -> int:
        return next(self._numbers)

    async def _insist(self, path: str, key: str, good: int, **body: Any) -> httpx.Response | None:
        """Send until it is acknowledged. None when it never will be, which is written down."""
        headers = {"Idempotency-Key": key, **body.pop("headers", {})}
        while True:
            try:
                async with self.product.http(timeout=15) as client:
                    answer = await client.post(path, headers=headers, **body)
            except httpx.TransportError as error:
                self.ledger.refusals[type(error).__name__] += 1
            else:
                if answer.status_code == good:
                    return answer
                self.ledger.refusals[str(answer.status_code)] += 1
                problem = answer.headers.get("content-type") == "application/problem+json"
                if answer.status_code != 503 or not problem:
                    self.ledger.surprises.append(f"{path} {key}: {answer.status_code} {answer.text[:400]}")
                    return None
            await asyncio.sleep(0.1)

    async def _records(self) -> None:
        while not self._ending.is_set():
            n = self._next()
            name = f"urn:ngsi-ld:{RECORD}:{n}"
            body = {"id": name, "type": RECORD, "number": {"type": "Property", "value": n}}
            if await self._insist("/ngsi-ld/v1/entities", f"record-{n}", 201, json=body):
                self.ledger.records.append(name)

    async def _reports(self) -> None:
        while not self._ending.is_set():
            n = self._next()
            inputs = {
                "title": f"Đèn hỏng số {n}", "category": "light",
                "location": {"type": "Point", "coordinates": [106.65, 10.98]},
            }  # fmt: skip
            answer = await self._insist("/api/actions/report.submit", f"report-{n}", 200, json={"inputs": inputs})
            if answer:
                self.ledger.reports.append(answer.json()["changed"][0]["filled"]["code"])

    async def _read(self) -> None:
        """Readers, signed in and not: an answer, or 503 with a reason; never a server's mistake."""
        paths = (
            f"/ngsi-ld/v1/entities?type={RECORD}&limit=5", f"/ngsi-ld/v1/temporal/entities/{station(0)}",
            f"/list/{TYPE}", "/map", "/console/areas.geojson", "/readyz",
        )  # fmt: skip
        while not self._ending.is_set():
            for path in paths:
                try:
                    async with self.product.http(timeout=15) as client:
                        answer = await client.get(path, headers={"Cookie": "session=" + "x" * 43})
                except httpx.TransportError as error:
                    self.ledger.refusals[type(error).__name__] += 1
                else:
                    if answer.status_code not in (200, 206, 503):
                        self.ledger.surprises.append(f"GET {path}: {answer.status_code} {answer.text[:400]}")
                    self.ledger.read += answer.status_code < 300
            await asyncio.sleep(0.05)

    def _rows(self, size: int) -> list[Reading]:
        return [(station(n % 20), "pm25", self._start + timedelta(milliseconds=self._next())) for n in range(size)]

    async def _json(self) -> None:
        while not self._ending.is_set():
            rows = self._rows(JSON_ROWS)
            body = {
                "type": TYPE, "attribute": "pm25", "entity": [r[0] for r in rows],
                "observedAt": [r[2].isoformat() for r in rows], "value": [float(n) for n in range(len(rows))],
            }  # fmt: skip
            if await self._insist("/api/observations", f"json-{rows[0][2].timestamp()}", 200, json=body):
                self.ledger.http.update(rows)

    async def _arrow(self) -> None:
        while not self._ending.is_set():
            rows = self._rows(ARROW_ROWS)
            options = {"content": stream.encode(as_table(rows)), "headers": {"Content-Type": ARROW}}
            if await self._insist("/api/observations", f"arrow-{rows[0][2].timestamp()}", 200, **options):
                self.ledger.http.update(rows)


def as_table(rows: list[Reading]) -> pa.Table:
    """Readings as a batch, each with the value of its place."""
    columns = {
        "entity": [r[0] for r in rows], "type": [TYPE] * len(rows), "attribute": [r[1] for r in rows],
        "dataset": [None] * len(rows), "observed_at": [r[2] for r in rows],
        "number": [float(n) for n in range(len(rows))], "text": [None] * len(rows), "origin": [0] * len(rows),
    }  # fmt: skip
    return pa.table([pa.array(columns[f.name], f.type) for f in SCHEMA], schema=SCHEMA)


class Device:
    """A device with a memory: QoS 1, it sends again what was not acknowledged, and remembers each PUBACK."""

    def __init__(self, product: Product, credential: Credential, entity: str, acknowledged: set[Reading]) -> None:
        self.login, self.entity, self.acknowledged = credential.login, entity, acknowledged
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=credential.login, clean_session=False)
        self.client.username_pw_set(credential.login, credential.secret)
        self.client.reconnect_delay_set(1, 2)
        if product.settings.tls_certificate:
            self.client.tls_set(ca_certs=product.settings.tls_certificate)
        self.client.on_publish = self._acknowledge
        self._address = (product.settings.mqtt_host, product.settings.mqtt_port)
        self._waiting: dict[int, datetime] = {}
        self._early: set[int] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def _acknowledge(self, client: mqtt.Client, data: object, mid: int, *rest: object) -> None:
        with self._lock:
            at = self._waiting.pop(mid, None)
            if at is None:  # it came before `publish` had returned
                self._early.add(mid)
                return
        self.acknowledged.add((self.entity, "temperature", at))

    def connect(self) -> None:
        """Connect; the client keeps trying by itself."""
        self.client.connect_async(*self._address, keepalive=10)
        self.client.loop_start()

    def publish(self, at: datetime, value: float) -> None:
        """Send a reading; the acknowledgement comes later."""
        self.send({"temperature": value, "observedAt": at.isoformat()}, at)

    def send(self, message: object, at: datetime = _NEVER) -> None:
        """Send a message."""
        mid = self.client.publish(f"devices/{self.login}/data", json.dumps(message), qos=1).mid
        with self._lock:  # not held before: the client calls `_acknowledge` under a lock of its own
            early = mid in self._early
            self._early.discard(mid)
            if not early:
                self._waiting[mid] = at
        if early:
            self.acknowledged.add((self.entity, "temperature", at))

    @property
    def waiting(self) -> int:
        """Readings that were sent and not acknowledged."""
        return len(self._waiting)

    def begin(self, start: datetime) -> None:
        """Connect and send about a hundred readings a second, from a thread of its own."""
        self.connect()

        def work() -> None:
            n = 0
            while not self._ending.is_set():
                if self.waiting < _FLYING:
                    self.publish(start + timedelta(milliseconds=n), float(n % 50))
                    n += 1
                time.sleep(0.01)

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def end(self, *, patience_s: float = 60) -> None:
        """Wait for the last acknowledgement and hang up."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        deadline = time.monotonic() + patience_s
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.05)
        self.client.disconnect()
        self.client.loop_stop()


async def prove(load: Load) -> dict[str, int]:
    """Everything acknowledged is there, none of it twice. Returns what was counted."""
    product, ledger = load.product, load.ledger
    assert not ledger.surprises, ledger.surprises[:5]
    await product.written()
    # Records: each acknowledged one exists, was created once, and no other does, for every sender repeated until it
    # had its answer. Reports get their ids and numbers from the server: a repeated one would stand there twice.
    for kind, acknowledged in ((RECORD, ledger.records), ("Report", ledger.reports)):
        assert len(acknowledged) == len(set(acknowledged)), kind
        assert await count(product, "SELECT count(*) FROM entity WHERE type = $1", kind) == len(acknowledged)
    assert await _missing(product, "id", RECORD, ledger.records) == 0
    assert await _missing(product, "attrs->'code'->>'value'", "Report", ledger.reports) == 0
    created = "SELECT count(*) FROM audit WHERE type = $1 AND action LIKE '%create%'"
    assert await count(product, created, RECORD) == len(ledger.records)
    # Readings.
    lake = await asyncio.to_thread(product.lake.read, Span())
    names = lake["entity"].to_pylist(), lake["attribute"].to_pylist(), lake["observed_at"].to_pylist()
    found = Counter(zip(*names, strict=True))
    acknowledged_readings = ledger.http | ledger.mqtt
    missing = acknowledged_readings - found.keys()
    assert not missing, f"{len(missing)} of {len(acknowledged_readings)}, such as {sorted(missing)[:3]}"
    twice = lake.group_by(["entity", "attribute", "dataset", "observed_at", "seq"]).aggregate([([], "count_all")])
    assert twice.num_rows == lake.num_rows
    raw = product.lake.count()
    assert raw == lake.num_rows, "the files hold what reading hides"
    return {
        "records": len(ledger.records), "reports": len(ledger.reports), "readings by HTTP": len(ledger.http),
        "readings by MQTT": len(ledger.mqtt), "lake": raw,
        # Not twice as we define it: a device that got no PUBACK sends again, which is another message.
        "sent again": raw - len(found),
    }  # fmt: skip


async def _missing(product: Product, column: str, kind: str, wanted: list[str]) -> int:
    return await count(
        product,
        f"SELECT count(*) FROM unnest($1::text[]) w(x) WHERE NOT EXISTS"
        f" (SELECT FROM entity WHERE type = $2 AND {column} = w.x)",
        wanted, kind,
    )  # fmt: skip

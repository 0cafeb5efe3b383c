"""MQTT intake: from the gateway's stream `$MQTT_msgs` into the stream of observations, each message once.

A device's PUBACK means that the message is in the gateway's stream, which keeps it until our durable consumer
acknowledges it; we do that only after the observations are acknowledged by ours. Messages of one tenant that wait
together become one batch of columns.

**Once.** Every batch carries a *mark*: the gateway's sequence up to which this tenant's messages are in. After a
crash, messages up to the mark are skipped. The mark is found in the newest message of the tenant that is still in our
stream, or in PostgreSQL, where the lake writer puts it before it purges. Marks need strict order, and a consumer
redelivers out of order; each session therefore begins with a *reset* of the consumer to its acknowledgement floor, and
ends when a delivery number is missing. A batch whose acknowledgement got lost is recognised by its first sequence (the
idempotency key) and its true extent is then read from the mark.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

import asyncpg
import nats.errors
import numpy as np
import pyarrow as pa
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError

from province.broker import deadletter, stream
from province.broker.database import LOST, Pool
from province.broker.known import Known
from province.broker.observe import Observer
from province.engines.gateway import PREFIX, STREAM, life_of, open_gateway
from province.errors import DecodeError, ProvinceError, TooLarge, Unavailable
from province.ingest.payload import Row, read_payload
from province.model.actor import system
from province.model.observation import SCHEMA
from province.model.schema import EntityType

log = logging.getLogger(__name__)

SOURCE = "mqtt"
DURABLE = "observations"
BATCH_ROWS = 8_192
_FETCH = 1_000
_WAIT_S = 1.0
_ANSWER = re.compile(re.escape(PREFIX) + r"devices\.[^.]+\.acks")
_SUBJECT = re.compile(re.escape(PREFIX) + r"devices\.([^.]+)\.(?:data|attrs)")


@dataclass(slots=True)
class Counters:
    """What the intake did since it started."""

    messages: int = 0
    readings: int = 0
    rejected: int = 0
    undecodable: int = 0
    skipped: int = 0
    restarts: int = 0


@dataclass(slots=True)
class _Delivery:
    """One message: subject, payload, stream sequence, when it was published."""

    subject: str
    payload: bytes
    sequence: int
    at: datetime
    reply: str


@dataclass(slots=True)
class _Device:
    tenant: str
    id: str
    revoked_at: datetime | None
    type: EntityType | None = None


@dataclass(slots=True)
class _Group:
    """Readings of one tenant on their way into one message."""

    first: int = 0
    last: int = 0
    entities: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def add(self, device: _Device, type_name: str, rows: list[Row], origin: int, sequence: int) -> None:
        self.first = self.first or sequence
        self.last = sequence
        self.entities.extend([device.id] * len(rows))
        self.types.extend([type_name] * len(rows))
        self.origins.extend([origin] * len(rows))
        self.rows.extend(rows)

    def table(self) -> pa.Table:
        attributes, times, numbers, texts, datasets = zip(*self.rows, strict=True)
        return pa.table(
            [
                pa.array(self.entities, pa.string()),
                pa.array(self.types, pa.string()).dictionary_encode(),
                pa.array(attributes, pa.string()).dictionary_encode(),
                pa.array(datasets, pa.string()).dictionary_encode(),
                pa.array(times, pa.int64()).cast(SCHEMA.field("observed_at").type),
                pa.array(numbers, pa.float64()),
                pa.array(texts, pa.string()),
                pa.array(np.array(self.origins, np.uint8)),
            ],
            schema=SCHEMA,
        )


class Intake:
    """One per installation at a time. gateway_bytes, retained_bytes: see `engines.gateway.open_gateway`.

    tenant: whose dead letters get messages of devices that nobody knows.
    """

    def __init__(
        self,
        client: Client,
        pool: Pool,
        observer: Observer,
        known: Known,
        types: Mapping[str, EntityType],
        *,
        gateway_bytes: int,
        retained_bytes: int,
        tenant: str,
    ) -> None:
        self._client = client
        self._js = client.jetstream()
        self._pool = pool
        self._observer = observer
        self._known = known
        self._types = types
        self._gateway_bytes = gateway_bytes
        self._retained_bytes = retained_bytes
        self._tenant = tenant
        self._marks: dict[str, int] = {}
        self._life = ""
        self.open = asyncio.Event()
        """Set once the gateway's stream and our consumer exist: devices may come in."""
        self.counters = Counters()

    def ready(self) -> bool:
        """Whether devices may come in."""
        return self.open.is_set()

    async def run(self, stop: asyncio.Event) -> None:
        """Take messages until `stop` is set; what is in hand then is delivered again next time."""
        while not stop.is_set():
            try:
                await self._session(stop)
            except (
                ProvinceError, nats.errors.Error, APIError, asyncpg.PostgresError, *LOST,
            ) as error:  # fmt: skip
                self.counters.restarts += 1
                log.warning("the MQTT intake starts again", extra={"error": repr(error)[:500]})
                await _pause(stop, 1.0)

    async def _session(self, stop: asyncio.Event) -> None:
        await open_gateway(
            self._js, durable=DURABLE, max_bytes=self._gateway_bytes, retained_bytes=self._retained_bytes
        )
        self.open.set()
        info = await self._js.stream_info(STREAM)
        self._life = life_of(info)
        self._marks.clear()
        await self._js.reset_consumer(STREAM, DURABLE)
        inbox = await self._client.subscribe(self._client.new_inbox(), pending_msgs_limit=-1, pending_bytes_limit=-1)
        expected, last, credit, deadline = 1, 0, 0, 0.0
        try:
            while not stop.is_set():
                got: list[_Delivery] = []
                until = monotonic() + _WAIT_S
                while len(got) < _FETCH:
                    if credit <= 0:
                        request = {"batch": _FETCH, "expires": int(_WAIT_S * 1e9)}
                        await self._client.publish(
                            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{DURABLE}", json.dumps(request).encode(), inbox.subject
                        )
                        credit, deadline = _FETCH, monotonic() + _WAIT_S + 5
                    try:
                        message = await inbox.next_msg(timeout=max(until - monotonic(), 0.001))
                    except TimeoutError:
                        if monotonic() > deadline:
                            raise Unavailable("the gateway's stream does not answer.") from None
                        break
                    status = (message.headers or {}).get("Status")
                    if status is not None:
                        credit = 0
                        if status not in ("404", "408"):
                            raise Unavailable(f"the gateway's consumer answers {status}.")
                        break
                    credit -= 1
                    delivery, number, pending = _delivery(message)
                    if number != expected or delivery.sequence <= last:
                        raise Unavailable(f"delivery {number} of {delivery.sequence} is out of order.")
                    expected, last = number + 1, delivery.sequence
                    got.append(delivery)
                    if pending == 0:
                        break
                if got:
                    await self._take(got)
                    await self._client.publish(got[-1].reply, b"+ACK")  # all up to it: AckPolicy ALL
        finally:
            if self._client.is_connected:
                await inbox.unsubscribe()

    async def _take(self, deliveries: list[_Delivery]) -> None:
        """Bring messages into the stream of observations, or to the dead letters. Raises when neither took them."""
        devices = await self._devices(deliveries)
        letters: list[deadletter.Letter] = []
        try:
            await self._collect(deliveries, devices, letters, BATCH_ROWS)
        except TooLarge:
            letters.clear()  # message by message; what was sent before lies below the mark
            await self._collect(deliveries, devices, letters, 0)
        await deadletter.bury(self._pool, letters)
        self.counters.undecodable += len(letters)
        self.counters.messages += len(deliveries)

    async def _collect(
        self,
        deliveries: list[_Delivery],
        devices: Mapping[str, _Device],
        letters: list[deadletter.Letter],
        most_rows: int,
    ) -> None:
        groups: dict[str, _Group] = {}
        for one in deliveries:
            if _ANSWER.fullmatch(one.subject):
                continue  # an answer to a command: whoever sent the command hears it directly
            match = _SUBJECT.fullmatch(one.subject)
            device = devices.get(match[1]) if match else None
            if device is None or device.type is None:
                reason = "unknown device or topic." if device is None else "the device is not registered."
                letters.append(self._letter(one, device.tenant if device else self._tenant, reason))
                continue
            if device.revoked_at is not None and one.at > device.revoked_at:
                letters.append(self._letter(one, device.tenant, "the device's credential was revoked."))
                continue
            if one.sequence <= await self._mark(device.tenant):
                self.counters.skipped += 1
                continue
            try:
                rows, origin = read_payload(one.payload, device.id, device.type, one.at)
            except DecodeError as error:
                letters.append(self._letter(one, device.tenant, error.detail, error.field or ""))
                continue
            group = groups.setdefault(device.tenant, _Group())
            if group.rows and len(group.rows) + len(rows) > most_rows:
                await self._send(device.tenant, group)
                group = groups[device.tenant] = _Group()
            group.add(device, device.type.name, rows, origin, one.sequence)
            if most_rows == 0:
                try:
                    await self._send(device.tenant, group)
                except TooLarge as error:
                    letters.append(self._letter(one, device.tenant, error.detail))
                groups.pop(device.tenant)
        for tenant, group in groups.items():
            if group.rows:
                await self._send(tenant, group)

    async def _send(self, tenant: str, group: _Group) -> None:
        answer = await self._observer.observe(
            group.table(), system(tenant, SOURCE), source=SOURCE,
            key=f"{self._life}/{group.first}", mark=f"{self._life}/{group.last}",
        )  # fmt: skip
        if answer.duplicate:
            # Its first message is in; how many of the others are, the mark says.
            raise Unavailable("a batch was stored though its acknowledgement got lost.")
        self._marks[tenant] = group.last
        self.counters.readings += answer.accepted
        self.counters.rejected += len(answer.rejected)

    async def _mark(self, tenant: str) -> int:
        known = self._marks.get(tenant)
        if known is not None:
            return known
        # In this order: what is no longer in the stream was put into PostgreSQL before.
        marks = [
            await stream.last_mark(self._js, tenant, SOURCE),
            await self._pool.fetchval("SELECT mark FROM source_mark WHERE tenant = $1 AND source = $2", tenant, SOURCE),
        ]
        places = [int(m.partition("/")[2]) for m in marks if m and m.partition("/")[0] == self._life]
        self._marks[tenant] = max(places, default=0)
        return self._marks[tenant]

    async def _devices(self, deliveries: list[_Delivery]) -> dict[str, _Device]:
        logins = {m[1] for one in deliveries if (m := _SUBJECT.fullmatch(one.subject))}
        rows = await self._pool.fetch(
            "SELECT login, tenant, device, revoked_at FROM device_credential WHERE login = ANY($1::text[])",
            list(logins),
        )
        devices = {row["login"]: _Device(row["tenant"], row["device"], row["revoked_at"]) for row in rows}
        for tenant in {device.tenant for device in devices.values()}:
            mine = [device for device in devices.values() if device.tenant == tenant]
            codes = await self._known.codes(tenant, [device.id for device in mine])
            for device, code in zip(mine, codes, strict=True):
                device.type = self._types.get(self._known.owners[code].type) if code >= 0 else None
        return devices

    def _letter(self, one: _Delivery, tenant: str, reason: str, where: str = "") -> deadletter.Letter:
        return deadletter.Letter(
            tenant=tenant,
            door=SOURCE,
            source=one.subject.removeprefix(PREFIX).replace(".", "/"),
            media_type="application/json",
            payload=one.payload,
            reason=reason,
            field=where,
            key=f"{self._life}/{one.sequence}",
        )


def _delivery(message: Msg) -> tuple[_Delivery, int, int]:
    """A delivery, its number in this session, and how many messages wait behind it."""
    parts = message.reply.split(".")
    at = datetime.fromtimestamp(int(parts[-2]) / 1e9, UTC)
    return _Delivery(message.subject, message.data, int(parts[-4]), at, message.reply), int(parts[-3]), int(parts[-1])


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return

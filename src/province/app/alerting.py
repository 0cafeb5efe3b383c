"""Alerts to the public on their way out: signed XML for the doors, messages to boards by MQTT, the end by the clock.

Boards are told by QoS 0 and answer by a message of their own: what the gateway acknowledges is that it has the message,
not that a board shows it. A delivery is a record; until its board answers, or the alert is over, it is sent again. So a
board that was away is told when it is back, whatever process died meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import asyncpg
import msgspec
import nats.errors
from nats.aio.msg import Msg

from province.app.core import Core
from province.app.declarations import TITLE_VI, parameters_at
from province.broker.database import LOST
from province.errors import Conflict, NotFound, ProvinceError, Unavailable
from province.identity import vault
from province.model.actor import Actor, system
from province.model.cap import signature, writing
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.record import create, move, to_record
from province.model.time import Instant, format_instant, now
from province.packs.alerts import logic
from province.packs.alerts.types import AlertBoard, AlertDelivery
from province.vocab.public_alert import PublicAlert, message_of

log = logging.getLogger(__name__)

KEY: Final = "cap-signing-key"
_KEPT: Final = 200
"""Signed documents that are kept, so that many readers of an alert cost one signature."""
TICK_S: Final = 1.0
PAUSES_S: Final = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Before the first, second, … sending to a board; the last one is that of all later ones."""
_BATCH: Final = 200
_ACKS: Final = "devices.*.acks"
_LOCK: Final = 0x70726361
_AWAY = (Unavailable, nats.errors.Error, asyncpg.PostgresError, *LOST)


class Signing:
    """The installation's key for alerts, made at the first use, and documents signed with it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._keys: dict[str, tuple[bytes, bytes]] = {}
        self._documents: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    async def certificate(self, tenant: str) -> bytes:
        """The certificate, PEM, that others check our alerts with."""
        return (await self._key(tenant))[1]

    async def document(self, id: str, actor: Actor) -> bytes:
        """An alert as signed CAP XML: as it came when it came so, else under our signature. Raises: NotFound."""
        entity = await self._core.broker.get(id, actor, type="PublicAlert", latest=False)
        original = await self._original(entity)
        if original:
            return original
        key = (f"{entity.tenant} {id}", entity.version)
        if key not in self._documents:
            message = message_of(entity.value("message"))
            private, certificate = await self._key(entity.tenant)
            document = await asyncio.to_thread(signature.sign, writing.element(message), private, certificate)
            self._documents[key] = document
            while len(self._documents) > _KEPT:
                self._documents.popitem(last=False)
        self._documents.move_to_end(key)
        return self._documents[key]

    async def _original(self, entity: Entity) -> bytes:
        """What the sender signed. Whoever may see the message may see it as it was sent."""
        if entity.value("direction") != "received":
            return b""
        whole = await self._core.broker.get(entity.id, system(entity.tenant, "alerts"), latest=False)
        return str(whole.value("original") or "").encode()

    async def _key(self, tenant: str) -> tuple[bytes, bytes]:
        if tenant not in self._keys:
            async with self._core.pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                try:
                    kept = await vault.get(connection, self._core.keys, tenant, KEY)
                except NotFound:
                    kept = b"\0".join(signature.make_key(TITLE_VI, now()))
                    await vault.put(connection, self._core.keys, tenant, KEY, kept)
            private, _, certificate = kept.partition(b"\0")
            self._keys[tenant] = (private, certificate)
        return self._keys[tenant]


class Courier:
    """Ends alerts by the clock and brings them to boards. One per installation at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sent: dict[str, tuple[float, int]] = {}
        """By delivery: when it is sent again, how often it was sent."""
        self._acks: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(10_000)

    async def run(self) -> None:
        """Work until cancelled."""
        subscription = await self._core.nats.subscribe(_ACKS, queue="alerts", cb=self._heard)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._answers())
                while True:
                    try:
                        for tenant in await self._core.tenants():
                            await self.round(tenant)
                    except _AWAY as error:
                        log.warning("alerts wait", extra={"error": repr(error)[:300]})
                    await asyncio.sleep(TICK_S)
        finally:
            if self._core.nats.is_connected:
                await subscription.unsubscribe()

    async def round(self, tenant: str) -> None:
        """One look at everything."""
        actor = system(tenant, "alerts")
        await self._expire(actor)
        where = (Where("status", "==", "in_force"), Where("published", "==", True))
        query = Query(types=("PublicAlert",), where=where, order="-releasedAt", limit=_BATCH, latest=False)
        page = await self._core.broker.query(query, actor)
        alerts = {e.id: to_record(PublicAlert, e) for e in page.items}
        for alert in alerts.values():
            await self._plan(alert, actor)
        await self._deliver(alerts, actor)

    async def _expire(self, actor: Actor) -> None:
        at = now()
        page = await self._core.broker.query(logic.due(at), actor)
        for entity in page.items:
            alert = to_record(PublicAlert, entity)
            try:
                await self._core.broker.apply((logic.expire(alert, at),), actor, key=f"expire {alert.id}")
            except Conflict:  # somebody was faster
                continue

    async def _plan(self, alert: PublicAlert, actor: Actor) -> None:
        """A delivery for every board in the areas of an alert that has none yet: new boards are told too."""
        if not alert.areas:
            return
        known = {e.value("board") for e in await self._all("AlertDelivery", (Where("alert", "==", alert.id),), actor)}
        where = (Where("area", "in", list(alert.areas)), Where("lifecycle", "==", "in_service"))
        boards = [e for e in await self._all("AlertBoard", where, actor) if e.id not in known]
        for start in range(0, len(boards), _BATCH):
            changes = tuple(
                create(
                    AlertDelivery(
                        id=delivery_id(alert.id, board.id),
                        alert=alert.id,
                        board=board.id,
                        area=to_record(AlertBoard, board).area,
                        beganAt=now(),
                    ),
                    agency=board.agency,
                )
                for board in boards[start : start + _BATCH]
            )
            await self._core.broker.apply(changes, actor)

    async def _deliver(self, alerts: Mapping[str, PublicAlert], actor: Actor) -> None:
        waiting = await self._all("AlertDelivery", (Where("status", "==", "sending"),), actor)
        self._sent = {e.id: self._sent[e.id] for e in waiting if e.id in self._sent}
        logins = await self._logins(actor.tenant, [str(e.value("board")) for e in waiting])
        for entity in waiting:
            delivery = to_record(AlertDelivery, entity)
            alert = alerts.get(delivery.alert)
            if alert is None:
                await self._move(delivery, "given_up", actor)
                continue
            due, times = self._sent.get(delivery.id, (0.0, 0))
            login = logins.get(delivery.board)
            if login is None or monotonic() < due:
                continue
            await self._core.nats.publish(f"devices.{login}.commands.alert", payload_of(alert))
            pause = PAUSES_S[min(times + 1, len(PAUSES_S) - 1)]
            self._sent[delivery.id] = (monotonic() + pause, times + 1)

    async def _heard(self, message: Msg) -> None:
        if not self._acks.full():
            self._acks.put_nowait((message.subject.split(".")[1], message.data[:1000]))

    async def _answers(self) -> None:
        while True:
            login, payload = await self._acks.get()
            try:
                await self._acknowledge(login, payload)
            except _AWAY as error:
                log.warning("an answer of a board waits", extra={"error": repr(error)[:300]})
                await asyncio.sleep(TICK_S)  # the board is told again, and answers again
            except ProvinceError as error:
                log.info("an answer of a board fits nothing", extra={"board": login, "error": str(error)[:200]})

    async def _acknowledge(self, login: str, payload: bytes) -> None:
        """Only what came under the board's own subject counts for it: the gateway lets no other device say it."""
        async with self._core.pool.acquire() as connection:
            row = await connection.fetchrow(
                "SELECT tenant, device FROM device_credential WHERE login = $1 AND revoked_at IS NULL", login
            )
        try:
            alert = msgspec.json.decode(payload, type=dict[str, Any]).get("id")
        except msgspec.DecodeError:
            alert = None
        if row is None or not isinstance(alert, str):
            return
        actor = system(row["tenant"], "alerts")
        entity = await self._core.broker.get(delivery_id(alert, row["device"]), actor, latest=False)
        delivery = to_record(AlertDelivery, entity)
        if delivery.status == "sending":
            await self._move(delivery, "acknowledged", actor)

    async def _move(self, delivery: AlertDelivery, target: str, actor: Actor) -> None:
        at = now()
        values: dict[str, Any] = {}
        if target == "acknowledged":
            values = {"acknowledgedAt": at, "delay": round((at - delivery.beganAt).total_seconds(), 3)}
        try:
            await self._core.broker.apply((move(delivery, target, at=at, **values),), actor)
        except Conflict:
            log.info("a delivery was settled twice", extra={"delivery": delivery.id})

    async def _logins(self, tenant: str, boards: list[str]) -> dict[str, str]:
        async with self._core.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT device, login FROM device_credential"
                " WHERE tenant = $1 AND device = ANY($2::text[]) AND revoked_at IS NULL",
                tenant,
                boards,
            )
        return {row["device"]: row["login"] for row in rows}

    async def _all(self, type_name: str, where: tuple[Where, ...], actor: Actor) -> list[Entity]:
        found: list[Entity] = []
        after = ""
        while True:
            query = Query(types=(type_name,), where=where, limit=1000, after=after, latest=False)
            page = await self._core.broker.query(query, actor)
            found += page.items
            if not (after := page.next):
                return found


def delivery_id(alert: str, board: str) -> str:
    """Id of the one delivery of an alert to a board."""
    key = hashlib.sha256(f"{alert}\n{board}".encode()).hexdigest()[:32]
    return f"urn:ngsi-ld:AlertDelivery:{key}"


def payload_of(alert: PublicAlert) -> bytes:
    """What a board is sent: what it shows or speaks, how it looks, until when."""
    message = message_of(alert.message)
    tone = _tone(alert.scale, now())
    body = {
        "id": alert.id,
        "identifier": alert.identifier,
        "type": alert.messageType,
        "severity": alert.severity,
        "urgency": alert.urgency,
        "tone": tone,
        "sent": format_instant(alert.sentAt),
        "expires": format_instant(alert.endsAt) if alert.endsAt else None,
        "replaces": alert.replaces,
        "texts": [
            {
                "language": info.language,
                "headline": info.headline,
                "description": info.description,
                "instruction": info.instruction,
            }
            for info in message.infos
        ],
    }
    return msgspec.json.encode(body)


def _tone(scale: str | None, at: Instant) -> str:
    levels: Mapping[str, Mapping[str, str]] = parameters_at("alerts", at).get("levels", {})
    return levels.get(scale or "", {}).get("tone", "")


def tones(at: Instant) -> Mapping[str, str]:
    """The colour of every level, by name."""
    levels: Mapping[str, Mapping[str, str]] = parameters_at("alerts", at).get("levels", {})
    return {name: str(one["tone"]) for name, one in levels.items()}

"""Commands to devices over MQTT: each record that a pack declares is brought to its device until that answers.

Devices are told by QoS 0 and answer by a message of their own: what the gateway acknowledges is that it has the
message, not that a device acts on it. A delivery is a record; until its device answers, or it is over, it is sent
again. So a device that was away is told when it is back, whatever process died meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, Final

import asyncpg
import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from province.broker.broker import Broker, ParametersAt
from province.broker.database import LOST, Pool
from province.errors import Conflict, ProvinceError, Unavailable
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.entity import Entity
from province.model.query import Query, Where, pages
from province.model.record import to_record
from province.model.time import now
from province.pack import Command, Context, Pack

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
PAUSES_S: Final = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Before the first, second, … sending to a device; the last one is that of all later ones."""
_ACKS: Final = "devices.*.acks"
_QUEUE: Final = "commands"
_PAGE: Final = 1_000
_ANSWER_BYTES: Final = 1_000
_AWAY = (Unavailable, nats.errors.Error, asyncpg.PostgresError, *LOST)


class Commands:
    """The commands of all packs. One per installation at a time."""

    def __init__(
        self, pool: Pool, broker: Broker, client: Client, packs: Sequence[Pack], parameters: ParametersAt
    ) -> None:
        self._pool = pool
        self._broker = broker
        self._nats = client
        self._parameters = parameters
        self._commands = [(pack, one) for pack in packs for one in pack.commands]
        self._sent: dict[tuple[str, str], dict[str, tuple[float, int]]] = {}
        """By tenant and command, by delivery: when it is sent again, how often it was sent."""
        self._acks: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(10_000)

    async def run(self, tenants: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Work until cancelled."""
        subscription = await self._nats.subscribe(_ACKS, queue=_QUEUE, cb=self._heard)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._answers())
                while True:
                    try:
                        for tenant in await tenants():
                            await self.round(tenant)
                    except _AWAY as error:
                        log.warning("commands wait", extra={"error": repr(error)[:300]})
                    await asyncio.sleep(TICK_S)
        finally:
            if self._nats.is_connected:
                await subscription.unsubscribe()

    async def round(self, tenant: str) -> None:
        """One look at everything that is still to be brought."""
        for pack, command in self._commands:
            actor, context = self._surroundings(tenant, pack, command)
            waiting = await self._all(command, command.waiting, actor)
            before = self._sent.get((tenant, command.name), {})
            known = self._sent[(tenant, command.name)] = {e.id: before[e.id] for e in waiting if e.id in before}
            about = await self._entities({str(e.value(command.about)) for e in waiting}, actor)
            messages = {id: command.tell(entity, context) for id, entity in about.items()}
            logins = await self._logins(tenant, [str(e.value(command.device)) for e in waiting])
            for entity in waiting:
                message = messages.get(str(entity.value(command.about)))
                if message is None:
                    await self._settle(command.over(to_record(command.of, entity), context), actor)
                    continue
                due, times = known.get(entity.id, (0.0, 0))
                login = logins.get(str(entity.value(command.device)))
                if login is None or monotonic() < due:
                    continue
                await self._nats.publish(f"devices.{login}.commands.{command.name}", msgspec.json.encode(message))
                pause = PAUSES_S[min(times + 1, len(PAUSES_S) - 1)]
                known[entity.id] = (monotonic() + pause, times + 1)

    def _surroundings(self, tenant: str, pack: Pack, command: Command) -> tuple[Actor, Context]:
        actor, at = system(tenant, f"{command.name}s"), now()
        return actor, Context(now=at, params=self._parameters(pack.name, at), actor=actor.id)

    async def _heard(self, message: Msg) -> None:
        if not self._acks.full():
            self._acks.put_nowait((message.subject.split(".")[1], message.data[:_ANSWER_BYTES]))

    async def _answers(self) -> None:
        while True:
            login, payload = await self._acks.get()
            try:
                await self._acknowledge(login, payload)
            except _AWAY as error:
                log.warning("an answer of a device waits", extra={"error": repr(error)[:300]})
                await asyncio.sleep(TICK_S)  # the device is told again, and answers again
            except ProvinceError as error:
                log.info("an answer of a device fits nothing", extra={"device": login, "error": str(error)[:200]})

    async def _acknowledge(self, login: str, payload: bytes) -> None:
        """Only what came under the device's own subject counts for it: the gateway lets no other device say it."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "SELECT tenant, device FROM device_credential WHERE login = $1 AND revoked_at IS NULL", login
            )
        try:
            about = msgspec.json.decode(payload, type=dict[str, Any]).get("id")
        except msgspec.DecodeError:
            about = None
        if row is None or not isinstance(about, str):
            return
        for pack, command in self._commands:
            actor, context = self._surroundings(row["tenant"], pack, command)
            mine = (Where(command.device, "==", row["device"]), Where(command.about, "==", about))
            for entity in await self._all(command, (*command.waiting, *mine), actor):
                await self._settle(command.answered(to_record(command.of, entity), context), actor)

    async def _settle(self, change: Change, actor: Actor) -> None:
        try:
            await self._broker.apply((change,), actor)
        except Conflict:
            log.info("a delivery was settled twice", extra={"delivery": change.id})

    async def _logins(self, tenant: str, devices: list[str]) -> dict[str, str]:
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT device, login FROM device_credential"
                " WHERE tenant = $1 AND device = ANY($2::text[]) AND revoked_at IS NULL",
                tenant,
                devices,
            )
        return {row["device"]: row["login"] for row in rows}

    async def _entities(self, ids: set[str], actor: Actor) -> dict[str, Entity | None]:
        """Entities by id; None for one that is gone."""
        found: dict[str, Entity | None] = dict.fromkeys(sorted(ids))
        ordered = list(found)
        for start in range(0, len(ordered), _PAGE):
            query = Query(ids=tuple(ordered[start : start + _PAGE]), limit=_PAGE, latest=False)
            found |= {e.id: e for e in (await self._broker.query(query, actor)).items}
        return found

    async def _all(self, command: Command, where: tuple[Where, ...], actor: Actor) -> list[Entity]:
        found: list[Entity] = []
        query = Query(types=(command.of.TYPE.name,), where=where, limit=_PAGE, latest=False)  # type: ignore[attr-defined]
        async for page in pages(self._broker.query, query, actor):
            found += page.items
        return found

"""The door of the MQTT gateway: answers the server's question whether a device may come in.

Nobody is answered before `ready()`: until our consumer exists, the gateway would acknowledge and drop. Requests that
arrive while a look-up is under way share the next one.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from province.broker.database import LOST, Pool
from province.engines.callout import SUBJECT, Request, device_permissions, grant, read_request, refuse
from province.errors import InvalidInput
from province.ingest.credentials import digest

log = logging.getLogger(__name__)

SESSION_S = 12 * 3600
"""The server ends a connection after about this time: a revoked device that never disconnects is gone by then, and
what it publishes meanwhile is refused by `ingest.mqtt`."""
_JITTER_S = 3600
_ANSWER_S = 4.0
"""The server gives up after five seconds: later answers are not worth giving."""


@dataclass(slots=True)
class Decisions:
    """How often the door was asked, and what it said. dropped: asked while it was not ready or too late."""

    granted: int = 0
    refused: int = 0
    dropped: int = 0


class Callout:
    """client: connected as the callout's service.  seed: the account seed that signs answers."""

    def __init__(self, client: Client, pool: Pool, seed: str, *, ready: Callable[[], bool]) -> None:
        self._client = client
        self._pool = pool
        self._seed = seed
        self._ready = ready
        self._waiting: list[tuple[float, Msg, Request]] = []
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None
        self.decisions = Decisions()

    async def start(self) -> None:
        """Begin to answer."""
        self._task = asyncio.create_task(self._run(), name="callout")
        self._subscription = await self._client.subscribe(SUBJECT, queue="callout", cb=self._receive)

    async def stop(self) -> None:
        """Answer no more."""
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _receive(self, message: Msg) -> None:
        try:
            request = read_request(message.data)
        except InvalidInput as error:
            log.warning("a question of the server cannot be read", extra={"error": str(error)})
            return
        self._waiting.append((time.monotonic(), message, request))
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if not self._ready():
                await asyncio.sleep(0.05)
                self._drop_old()
                continue
            self._wake.clear()
            asked, self._waiting = self._waiting, []
            try:
                await self._answer(asked)
            except (asyncpg.PostgresError, nats.errors.Error, *LOST) as error:
                log.warning("devices wait at the door", extra={"error": repr(error)[:300], "devices": len(asked)})
                self._waiting = asked + self._waiting
                self._drop_old()
                self._wake.set()
                await asyncio.sleep(0.2)

    async def _answer(self, asked: list[tuple[float, Msg, Request]]) -> None:
        if not asked:
            return
        found = await self._pool.fetch(
            "SELECT login, secret_hash FROM device_credential WHERE login = ANY($1::text[]) AND revoked_at IS NULL",
            list({request.user for _, _, request in asked}),
        )
        hashes = {row["login"]: row["secret_hash"] for row in found}
        for _, message, request in asked:
            await self._client.publish(message.reply, self._decide(request, hashes.get(request.user)))

    def _decide(self, request: Request, kept: bytes | None) -> bytes:
        # An unknown login costs the same comparison as a known one.
        fits = hmac.compare_digest(digest(request.password), kept or b"\0" * 32)
        if not fits or kept is None or request.kind != "mqtt":
            self.decisions.refused += 1
            return refuse(request, "wrong login or secret", self._seed)
        self.decisions.granted += 1
        expires = int(time.time()) + SESSION_S + secrets.randbelow(_JITTER_S)
        return grant(request, device_permissions(request.user, expires=expires), self._seed)

    def _drop_old(self) -> None:
        limit = time.monotonic() - _ANSWER_S
        kept = [one for one in self._waiting if one[0] > limit]
        self.decisions.dropped += len(self._waiting) - len(kept)
        self._waiting = kept
        if not kept:
            self._wake.clear()

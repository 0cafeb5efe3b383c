"""Delivery: from the table `notification` to the endpoints.

Each endpoint has a postman of its own, so a dead one holds up nobody else. A postman delivers one at a time per
(subscription, entity), in order, and several entities at once. What fails is tried again with growing pauses, and in
the end becomes a dead letter, which a person may send again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, Final

import asyncpg
import msgspec

from province.broker.database import LOST, Pool
from province.broker.subscriptions.settle import Outcome, Settler
from province.errors import InvalidInput, NotAllowed, ProvinceError, TooLarge, Unavailable, Unsupported
from province.model.time import Instant, now

log = logging.getLogger(__name__)

LOADED: Final = 500
"""Notifications per endpoint that are held in memory; the rest waits in the table."""
AT_ONCE: Final = 16
"""Entities of one endpoint whose notifications are on their way at the same time."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
PATIENCE: Final = timedelta(hours=1)
"""So long is a notification tried; then it becomes a dead letter."""
TRIES: Final = 3
"""So often is it tried at least, and at most when the endpoint refuses it (4xx)."""
SWEEP_S: Final = 5.0
IDLE_S: Final = 3.0
"""A postman with nothing to do ends after this time."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table `notification`."""

    tenant: str
    seq: int
    kind: str
    subscription: str
    entity: str
    happening: str
    at: Instant
    due: Instant
    attempts: int

    @property
    def chain(self) -> tuple[str, str, str, str]:
        """What is delivered in order: a subscription and an entity."""
        return self.tenant, self.kind, self.subscription, self.entity


class Refused(Unavailable):
    """The endpoint answered that it will not take this notification; repeating it helps little."""


Send = Callable[[Waiting], Awaitable[bool]]
"""Tells the endpoint of one notification; False when there is nothing to tell any more (the subscription ended, the
subscriber may no longer see the entity). Raises: Refused, Unavailable and other ProvinceErrors."""


@dataclass(slots=True)
class DeliveryCounters:
    """What was delivered since the start."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(slots=True)
class _Postman:
    uri: str
    chains: OrderedDict[tuple[str, str, str, str], deque[Waiting]] = field(default_factory=OrderedDict)
    ready: deque[tuple[str, str, str, str]] = field(default_factory=deque)
    held: set[tuple[str, int]] = field(default_factory=set)
    last: int = 0
    whole_at: float = 0.0
    more: bool = True
    pause_s: float = 0.0
    until: float = 0.0
    task: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def at_once(self) -> int:
        """Attempts at a time: after a failure one alone, until the endpoint takes something again."""
        return 1 if self.pause_s else AT_ONCE


class Delivery:
    """Run with `run()` until cancelled. send: see `Send`."""

    def __init__(
        self,
        pool: Pool,
        send: Send,
        *,
        patience: timedelta = PATIENCE,
        pause_s: float = FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._longest_pause_s = longest_pause_s
        self._pool = pool
        self._send = send
        self._patience = patience
        self._first_pause_s = pause_s
        self._postmen: dict[str, _Postman] = {}
        self._settler = Settler(pool)
        self.counters = DeliveryCounters()

    def wake(self, uris: Iterable[str]) -> None:
        """Notifications for these endpoints were stored."""
        for uri in uris:
            postman = self._postmen.get(uri)
            if postman is None:
                postman = self._postmen[uri] = _Postman(uri)
                postman.task = asyncio.create_task(self._work(postman), name="postman")
            postman.more = True
            postman.wake.set()

    async def run(self) -> None:
        """Deliver until cancelled. Every few seconds endpoints are looked for that nobody woke: after a start, or when
        a pause is over, or when a person sends a dead letter again."""
        settling = asyncio.create_task(self._settler.run(), name="settler")
        try:
            while True:
                try:
                    rows = await self._pool.fetch(
                        "SELECT DISTINCT uri FROM notification WHERE state = 'waiting' AND due <= now()"
                    )
                    idle = [r["uri"] for r in rows if r["uri"] not in self._postmen]
                    self.wake(idle)
                    await asyncio.sleep(SWEEP_S if not idle else 0.5)
                except (*LOST, asyncpg.PostgresError, Unavailable) as error:
                    log.warning("delivery waits", extra={"error": repr(error)})
                    await asyncio.sleep(1.0)
        finally:
            for postman in list(self._postmen.values()):
                if postman.task is not None:
                    postman.task.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settler.flush(), 5.0)
            settling.cancel()

    # --- one endpoint ------------------------------------------------------------------------------------------------

    async def _work(self, postman: _Postman) -> None:
        busy: set[asyncio.Task[None]] = set()
        loading: asyncio.Task[None] | None = None
        try:
            while True:
                pause_s = postman.until - monotonic()
                if pause_s <= 0:
                    if loading is None and postman.more and len(postman.held) < LOADED // 2:
                        loading = asyncio.create_task(self._load(postman))
                    while postman.ready and len(busy) < postman.at_once:
                        busy.add(asyncio.create_task(self._deliver(postman, postman.ready.popleft())))
                waits = busy if loading is None else {*busy, loading}
                if waits:
                    done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                    busy -= done
                    for one in done:
                        one.result()
                    loading = None if loading in done else loading
                elif pause_s > 0:
                    await asyncio.sleep(pause_s)
                elif not postman.more and not await self._rest(postman):
                    break
        except (*LOST, asyncpg.PostgresError, Unavailable) as error:
            log.warning("a postman starts again later", extra={"error": repr(error)})
        finally:
            for task in busy if loading is None else {*busy, loading}:
                task.cancel()
            self._postmen.pop(postman.uri, None)

    async def _rest(self, postman: _Postman) -> bool:
        """Wait until there is something to deliver; False when nothing came for a while and nothing is to come."""
        postman.wake.clear()
        due = await self._pool.fetchval(
            "SELECT min(due) FROM notification WHERE uri = $1 AND state = 'waiting'", postman.uri
        )
        left_s = IDLE_S if due is None else min(max((due - now()).total_seconds(), 0.0), IDLE_S * 10)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(postman.wake.wait(), left_s)
        postman.more = postman.more or due is not None
        return postman.more

    async def _load(self, postman: _Postman) -> None:
        """Read what comes next; now and then everything that waits, for what was not due yet or came out of order."""
        if not postman.chains or monotonic() - postman.whole_at > SWEEP_S:
            postman.last, postman.whole_at = 0, monotonic()
        postman.more = False
        # What is on its way, or was told and is not written down yet, must not be read again.
        known = [] if postman.last else [seq for _, seq in (*postman.held, *self._settler.unsettled)]
        rows = await self._pool.fetch(
            "SELECT tenant, seq, kind, subscription, entity, happening::text AS happening, at, due, attempts"
            " FROM notification WHERE uri = $1 AND state = 'waiting' AND seq > $2 AND due <= now()"
            " AND seq <> ALL($4::bigint[]) ORDER BY seq LIMIT $3",
            postman.uri,
            postman.last,
            LOADED,
            known,
        )
        postman.more = postman.more or len(rows) == LOADED
        for row in rows:
            one = Waiting(**dict(row))
            postman.last = max(postman.last, one.seq)
            chain = postman.chains.get(one.chain)
            if chain is None:
                chain = postman.chains[one.chain] = deque()
                postman.ready.append(one.chain)
            chain.append(one)
            postman.held.add((one.tenant, one.seq))

    async def _deliver(self, postman: _Postman, key: tuple[str, str, str, str]) -> None:
        chain = postman.chains[key]
        one = chain[0]
        began = now()
        outcome, pause_s = await self._try(one, began)
        self._settler.add(outcome)
        if outcome.state != "waiting":
            chain.popleft()
            postman.held.discard((one.tenant, one.seq))
            if outcome.state == "done":
                postman.pause_s = 0.0
        else:
            chain[0] = msgspec.structs.replace(one, attempts=one.attempts + 1)
        if pause_s:
            postman.pause_s = min(max(pause_s, postman.pause_s), self._longest_pause_s)
            postman.until = monotonic() + postman.pause_s
            postman.pause_s *= 2
        if chain:
            postman.ready.append(key)
        else:
            del postman.chains[key]

    async def _try(self, one: Waiting, began: Instant) -> tuple[Outcome, float]:
        """One attempt: what became of it, and for how long (seconds) the endpoint is left in peace."""
        base: dict[str, Any] = {"waiting": one, "at": began}
        try:
            told = await self._send(one)
        except ProvinceError as error:
            self.counters.failed += 1
            attempts = one.attempts + 1
            hopeless = isinstance(error, NotAllowed | InvalidInput | Unsupported | TooLarge)
            refused = isinstance(error, Refused) and attempts >= TRIES
            if hopeless or refused or (attempts >= TRIES and began - one.at > self._patience):
                self.counters.given_up += 1
                return Outcome(**base, state="open", sent=True, failed=True, reason=str(error)), 0.0
            return Outcome(**base, state="waiting", sent=True, failed=True, reason=str(error)), self._first_pause_s
        except Exception as error:
            # A defect of ours over one notification must not stop the others: kept where a person sees it.
            log.exception("a notification failed by a defect", extra={"subscription": one.subscription})
            self.counters.given_up += 1
            return Outcome(**base, state="open", failed=True, reason=f"{type(error).__name__}: {error}"), 0.0
        if told:
            self.counters.sent += 1
        return Outcome(**base, state="done", sent=told), 0.0


async def retry(pool: Pool, tenant: str, id: Any) -> None:
    """Send a dead letter again, from the beginning. Raises: Unavailable when it is not waiting for that."""
    done = await pool.execute(
        "UPDATE notification SET state = 'waiting', attempts = 0, due = now(), at = now()"
        " WHERE tenant = $1 AND id = $2 AND state = 'open'",
        tenant,
        id,
    )
    if done != "UPDATE 1":
        raise Unavailable("the notification is not given up.", remedy="List the letters again.")


async def dismiss(pool: Pool, tenant: str, id: Any) -> None:
    """Set a dead letter aside."""
    await pool.execute(
        "UPDATE notification SET state = 'dismissed' WHERE tenant = $1 AND id = $2 AND state = 'open'", tenant, id
    )

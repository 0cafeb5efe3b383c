"""What became of notifications, written many at a time: the rows themselves, and the counters of subscriptions."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import asyncpg

from province.broker.database import LOST, Pool
from province.errors import Unavailable
from province.model.time import Instant

if TYPE_CHECKING:
    from province.broker.subscriptions.delivery import Waiting

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """state: done (the row goes), waiting (it is tried again) or open (given up).  sent: an attempt was made."""

    waiting: Waiting
    at: Instant
    state: Literal["done", "waiting", "open"]
    sent: bool = False
    failed: bool = False
    reason: str = ""


@dataclass(slots=True)
class _Tally:
    sent: int = 0
    failed: int = 0
    last: Instant | None = None
    success: Instant | None = None
    failure: Instant | None = None


class Settler:
    """While one transaction is in flight, outcomes gather; the next one takes them all."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._outcomes: list[Outcome] = []
        self.unsettled: set[tuple[str, int]] = set()
        """(tenant, seq) of notifications whose outcome is not written yet."""
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()

    def add(self, outcome: Outcome) -> None:
        """Write it soon."""
        self._outcomes.append(outcome)
        self.unsettled.add((outcome.waiting.tenant, outcome.waiting.seq))
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled; a lost database is waited for."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
            except (*LOST, asyncpg.PostgresError, Unavailable) as error:
                log.warning("outcomes of notifications wait", extra={"error": repr(error)})
                await asyncio.sleep(1.0)
                self._wake.set()

    async def flush(self) -> None:
        """Write what there is, now. What cannot be written is kept."""
        async with self._writing:
            taken, self._outcomes = self._outcomes, []
            if not taken:
                return
            try:
                await self._write(taken)
            except BaseException:
                self._outcomes = taken + self._outcomes
                raise
            again = {(o.waiting.tenant, o.waiting.seq) for o in self._outcomes}
            self.unsettled -= {(o.waiting.tenant, o.waiting.seq) for o in taken} - again

    async def _write(self, outcomes: list[Outcome]) -> None:
        done = [o.waiting for o in outcomes if o.state == "done"]
        left = {(o.waiting.tenant, o.waiting.seq): o for o in outcomes if o.state != "done"}
        tallies: dict[tuple[str, str, str], _Tally] = {}
        for one in outcomes:
            if not one.sent:
                continue
            tally = tallies.setdefault((one.waiting.tenant, one.waiting.kind, one.waiting.subscription), _Tally())
            tally.sent += 1
            tally.failed += one.failed
            tally.last = one.at
            if one.failed:
                tally.failure = one.at
            else:
                tally.success = one.at
        async with self._pool.acquire() as connection, connection.transaction():
            if done:
                await connection.execute(
                    "DELETE FROM notification WHERE (tenant, seq) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))",
                    [w.tenant for w in done],
                    [w.seq for w in done],
                )
            if left:
                await connection.execute(
                    "UPDATE notification n SET attempts = n.attempts + 1, reason = u.reason, state = u.state"
                    " FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS u (tenant, seq, reason, state)"
                    " WHERE n.tenant = u.tenant AND n.seq = u.seq",
                    [k[0] for k in left],
                    [k[1] for k in left],
                    [o.reason[:2000].replace("\x00", "␀") for o in left.values()],
                    [o.state for o in left.values()],
                )
            if tallies:
                await connection.execute(
                    "UPDATE subscription s SET times_sent = times_sent + u.sent,"
                    " times_failed = times_failed + u.failed,"
                    " last_notification = u.last, last_success = coalesce(u.success, s.last_success),"
                    " last_failure = coalesce(u.failure, s.last_failure)"
                    " FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[],"
                    " $7::timestamptz[], $8::timestamptz[])"
                    " AS u (tenant, kind, id, sent, failed, last, success, failure)"
                    " WHERE s.tenant = u.tenant AND s.kind = u.kind AND s.id = u.id",
                    [k[0] for k in tallies],
                    [k[1] for k in tallies],
                    [k[2] for k in tallies],
                    [t.sent for t in tallies.values()],
                    [t.failed for t in tallies.values()],
                    [t.last for t in tallies.values()],
                    [t.success for t in tallies.values()],
                    [t.failure for t in tallies.values()],
                )

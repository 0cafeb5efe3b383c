"""Timers of packs: fields whose instant has passed are emptied, and their event is raised, in one transaction.

Nothing is kept in memory and no job waits: what is due is asked of the records, so a process that was killed, or a
machine that was off for a week, misses nothing and repeats nothing. Whoever changed the record since it was looked at
wins: the write names the version that it saw.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import asyncpg

from province.broker.database import LOST
from province.errors import Conflict, NotFound, ProvinceError
from province.model.actor import system
from province.model.change import Change
from province.model.schema import describe
from province.model.time import Instant, format_instant, now, parse_instant
from province.pack import Pack, Timer

if TYPE_CHECKING:
    from province.broker.broker import Broker

log = logging.getLogger(__name__)

EVERY_S: Final = 0.5
_MOST: Final = 500


class Timers:
    """Sets off what is due. Run with `run()` until cancelled; of several processes any may be first."""

    def __init__(self, broker: Broker, packs: Sequence[Pack]) -> None:
        self._broker = broker
        self._timers: tuple[Timer, ...] = tuple(timer for pack in packs for timer in pack.timers)

    async def run(self) -> None:
        """Look twice a second; a lost database is waited for."""
        while True:
            try:
                found = [await self.step(timer, now()) for timer in self._timers]
                if not any(n == _MOST for n in found):
                    await asyncio.sleep(EVERY_S)
            except (*LOST, asyncpg.PostgresError, ProvinceError) as error:
                log.warning("timers wait", extra={"error": repr(error)})
                await asyncio.sleep(1.0)

    async def step(self, timer: Timer, at: Instant) -> int:
        """Set off what was due of one timer at an instant. Returns how many were looked at."""
        name = describe(timer.of).name
        instant = f"attrs -> '{timer.field}' -> 'value'"  # a declared name, as the generated index has it
        due_now = (
            f"SELECT id, version, {instant} #>> '{{}}' AS at FROM entity WHERE tenant = t.id AND type = '{name}'"  # noqa: S608
            f" AND {instant} <= to_jsonb($1::text) ORDER BY {instant} LIMIT $2"
        )
        async with self._broker.pool.acquire() as connection:
            rows = await connection.fetch(
                f"SELECT t.id AS tenant, e.id, e.version, e.at FROM tenant t CROSS JOIN LATERAL ({due_now}) e",  # noqa: S608
                format_instant(at),
                _MOST,
            )
        due = [row for row in rows if parse_instant(row["at"]) <= at]
        if not due:
            return 0
        answers = await asyncio.gather(
            *(self._set_off(timer, name, row["tenant"], row["id"], row["version"]) for row in due)
        )
        return len(answers)

    async def _set_off(self, timer: Timer, type: str, tenant: str, id: str, version: int) -> None:
        change = Change(
            op="merge", id=id, type=type, attrs={timer.field: None}, event=timer.event, expect_version=version
        )
        try:
            await self._broker.apply((change,), system(tenant, f"timer {timer.event}"))
        except (Conflict, NotFound):  # somebody wrote in between: the record as it is now decides at the next look
            log.info("a timer was moved while it went off", extra={"entity": id, "event": timer.event})

"""Where a number came from: indicators are written down at every full hour, over the whole tenant.

A trend is shown only to those whose rights reach every entity that the indicator is computed from: to others it would
be the trend of another number than theirs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

import asyncpg

from province.broker.broker import Broker
from province.broker.database import LOST
from province.broker.indicators import types_of
from province.errors import Unavailable
from province.model.actor import Actor, system
from province.model.time import Instant, now

log = logging.getLogger(__name__)

HOUR: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=400)
"""A year and a month: the same day of the year before can be compared."""

Trend = Sequence[tuple[Instant, float]]
"""(full hour, value), oldest first."""


def full_hour(at: Instant) -> Instant:
    """The full hour at or before an instant."""
    return at.replace(minute=0, second=0, microsecond=0)


class Trends:
    """Writes the values of indicators down and reads them back."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def run(self, tenants: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Write down at every full hour, until cancelled. Several workers write the same rows once."""
        while True:
            try:
                for tenant in await tenants():
                    await self.record(tenant, full_hour(now()))
            except (*LOST, asyncpg.PostgresError, Unavailable) as error:
                log.warning("the indicators cannot be written down", extra={"error": repr(error)})
            await asyncio.sleep((full_hour(now()) + HOUR - now()).total_seconds() + 1)

    async def record(self, tenant: str, at: Instant) -> int:
        """Write the present values under `at`. Returns how many were new."""
        found = await self._broker.indicators(system(tenant, "trends"))
        known = [(i.name, value) for i, value, _, _ in found if value is not None]
        async with self._broker.pool.acquire() as connection:
            status = await connection.execute(
                "INSERT INTO indicator_value (tenant, indicator, at, value)"
                " SELECT $1, name, $2, value FROM unnest($3::text[], $4::float8[]) AS u(name, value)"
                " ON CONFLICT DO NOTHING",
                tenant,
                at,
                [name for name, _ in known],
                [value for _, value in known],
            )
            await connection.execute("DELETE FROM indicator_value WHERE tenant = $1 AND at < $2", tenant, at - KEPT)
        return int(status.rpartition(" ")[2])

    async def since(self, actor: Actor, start: Instant) -> dict[str, Trend]:
        """The trends that the actor may see, by indicator."""
        allowed = []
        for indicator in (i for pack in self._broker.packs for i in pack.indicators):
            access = [self._broker.access(actor, name) for name in types_of(indicator)]
            if all(a is not None and a.everything for a in access):
                allowed.append(indicator.name)
        if not allowed:
            return {}
        async with self._broker.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT indicator, at, value FROM indicator_value"
                " WHERE tenant = $1 AND indicator = ANY($2::text[]) AND at >= $3 ORDER BY indicator, at",
                actor.tenant,
                allowed,
                start,
            )
        result: dict[str, list[tuple[Instant, float]]] = {}
        for row in rows:
            result.setdefault(row["indicator"], []).append((row["at"], row["value"]))
        return dict(result)

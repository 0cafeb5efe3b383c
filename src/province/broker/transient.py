"""Entities and attributes that exist only until a time (NGSI-LD, clause 4.22).

From that time on nobody is shown them; a moment later the entities are deleted as if somebody had done so, and rules
and subscribers learn of it. An attribute that expired stays in the store, out of sight, until it is written again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec

from province.broker.database import LOST
from province.errors import ProvinceError
from province.model.actor import system
from province.model.change import Change
from province.model.codec import read_expiry
from province.model.entity import EXPIRY, Entity
from province.model.time import Instant, format_instant, now

if TYPE_CHECKING:
    from province.broker.broker import Broker

log = logging.getLogger(__name__)

EVERY_S: Final = 1.0
_MOST: Final = 1_000


def alive(entity: Entity, at: Instant) -> Entity | None:
    """What is left of an entity at an instant: None when it expired, without the attributes that did."""
    ends = entity.attrs.get(EXPIRY)
    if ends is not None and str(ends.value) <= _text(at):
        return None
    gone = [k for k, a in entity.attrs.items() if a.expires_at is not None and a.expires_at <= at]
    if not gone:
        return entity
    return msgspec.structs.replace(entity, attrs={k: a for k, a in entity.attrs.items() if k not in gone})


def _text(at: Instant) -> str:
    return str(read_expiry(format_instant(at)).value)


class Reaper:
    """Deletes what expired. Run with `run()` until cancelled; of several processes any may be first."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def run(self) -> None:
        """Look every second."""
        while True:
            try:
                if await self.reap(now()) < _MOST:
                    await asyncio.sleep(EVERY_S)
            except (*LOST, asyncpg.PostgresError, ProvinceError) as error:
                log.warning("expired entities wait", extra={"error": repr(error)})
                await asyncio.sleep(EVERY_S)

    async def reap(self, at: Instant) -> int:
        """Delete what had expired at an instant. Returns how many."""
        async with self._broker.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT tenant, id, version FROM entity WHERE attrs ? 'expiresAt'"
                " AND attrs -> 'expiresAt' ->> 'value' <= $1 ORDER BY attrs -> 'expiresAt' ->> 'value' LIMIT $2",
                _text(at),
                _MOST,
            )
        for row in rows:  # the version: whoever gave it more time meanwhile wins
            change = Change(op="delete", id=row["id"], type="", expect_version=row["version"])
            await self._broker.apply_each((change,), system(row["tenant"], "expiry"))
        return len(rows)

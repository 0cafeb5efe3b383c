"""Entity maps (NGSI-LD, 5.14): which entities answered a question, in their order, for as long as somebody pages.

A map holds ids and nothing else. What is shown of them is asked anew with the rights of that moment; an entity that no
longer answers, or may no longer be seen, leaves the map. Every id keeps its place, so that a page goes on where the one
before it ended, whatever left in between. A map is known to who asked for it alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg
import msgspec

from province.broker.database import Pool
from province.errors import NotFound, TooLarge
from province.model.actor import Actor
from province.model.time import Instant, now

MOST_IDS: Final = 100_000
"""Entities of one map."""
MOST_MAPS: Final = 100
"""Maps of one owner; the oldest makes room."""
USUAL: Final = timedelta(minutes=10)
LONGEST: Final = timedelta(hours=1)


class EntityMap(msgspec.Struct, frozen=True, kw_only=True):
    """A map. ids: by their places.  gone: those that have left."""

    id: str
    ids: tuple[str, ...]
    gone: frozenset[str] = frozenset()
    expires_at: Instant


class EntityMaps:
    """The maps of all tenants."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, ids: Sequence[str], actor: Actor, lifetime: timedelta | None = None) -> EntityMap:
        """Keep the ids for a while. lifetime: as wished, bounded by `LONGEST`. Raises: TooLarge."""
        if len(ids) > MOST_IDS:
            raise TooLarge(f"a map holds at most {MOST_IDS} entities.", field="entityMap", remedy="Narrow the query.")
        at = now()
        made = EntityMap(
            id=f"urn:ngsi-ld:EntityMap:{uuid.uuid4()}",
            ids=tuple(ids),
            expires_at=at + min(lifetime if lifetime is not None else USUAL, LONGEST),
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM entity_map WHERE expires_at <= $1", at)
            await connection.execute(
                "DELETE FROM entity_map WHERE tenant = $1 AND id IN (SELECT id FROM entity_map"
                " WHERE tenant = $1 AND owner = $2 ORDER BY created_at DESC, id OFFSET $3)",
                actor.tenant,
                actor.id,
                MOST_MAPS - 1,
            )
            await connection.execute(
                "INSERT INTO entity_map (tenant, id, owner, ids, created_at, expires_at)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                actor.tenant,
                made.id,
                actor.id,
                list(made.ids),
                at,
                made.expires_at,
            )
        return made

    async def get(self, id: str, actor: Actor) -> EntityMap:
        """A map of the caller's. Raises: NotFound, also when it has expired or is another's."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "SELECT id, ids, gone, expires_at FROM entity_map"
                " WHERE tenant = $1 AND id = $2 AND owner = $3 AND expires_at > $4",
                actor.tenant,
                id,
                actor.id,
                now(),
            )
        if row is None:
            raise _unknown(id)
        return _map_of(row)

    async def forget(self, id: str, gone: Sequence[str], actor: Actor) -> None:
        """Entities that no longer answer leave the map."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "UPDATE entity_map SET gone = (SELECT array_agg(DISTINCT g) FROM unnest(gone || $4::text[]) g)"
                " WHERE tenant = $1 AND id = $2 AND owner = $3",
                actor.tenant,
                id,
                actor.id,
                list(gone),
            )

    async def keep_until(self, id: str, expires_at: Instant, actor: Actor) -> None:
        """Let it end at another time, at most `LONGEST` from now. Raises: NotFound."""
        at = now()
        async with self._pool.acquire() as connection:
            done = await connection.execute(
                "UPDATE entity_map SET expires_at = $4"
                " WHERE tenant = $1 AND id = $2 AND owner = $3 AND expires_at > $5",
                actor.tenant,
                id,
                actor.id,
                min(expires_at, at + LONGEST),
                at,
            )
        if done == "UPDATE 0":
            raise _unknown(id)

    async def delete(self, id: str, actor: Actor) -> None:
        """Remove it. Raises: NotFound."""
        async with self._pool.acquire() as connection:
            done = await connection.execute(
                "DELETE FROM entity_map WHERE tenant = $1 AND id = $2 AND owner = $3 AND expires_at > $4",
                actor.tenant,
                id,
                actor.id,
                now(),
            )
        if done == "DELETE 0":
            raise _unknown(id)


def _unknown(id: str) -> NotFound:
    return NotFound(f"there is no entity map {id[:200]} of yours.", field="id", remedy="Ask for a new one.")


def _map_of(row: asyncpg.Record) -> EntityMap:
    return EntityMap(id=row["id"], ids=tuple(row["ids"]), gone=frozenset(row["gone"]), expires_at=row["expires_at"])

"""Registrations of context sources, kept as data. Every change leaves an event for those who subscribed to them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec

from province.broker.database import Connection, Pool
from province.errors import AlreadyExists, Conflict, NotFound
from province.identity import audit, policy
from province.model.actor import Actor
from province.model.entity import Json
from province.model.registration import names_in_information, overlap
from province.model.time import Instant, parse_instant

CHANGED: Final = "registration.changed"
MOST: Final = 10_000
"""Registrations of a tenant."""
_COLUMNS = "tenant, id, document, owner, created_at, modified_at"


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A stored registration."""

    tenant: str
    id: str
    document: Mapping[str, Json]
    created_at: Instant
    modified_at: Instant

    def holds(self, at: Instant) -> bool:
        """Whether it has not expired."""
        ends = self.document.get("expiresAt")
        return ends is None or parse_instant(ends) > at


class Registrations:
    """The registrations of all tenants. `registration.<verb>` is the right."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, document: Mapping[str, Json], actor: Actor) -> str:
        """Store a checked document. Returns its id. Raises: AlreadyExists, Conflict (4.3.6.3), NotAllowed."""
        policy.require_somewhere(actor, "registration.create")
        id = document.get("id") or f"urn:ngsi-ld:ContextSourceRegistration:{uuid.uuid4()}"
        after = {**document, "id": id}
        async with self._pool.acquire() as connection, connection.transaction():
            await self._require_free(connection, actor.tenant, after)
            try:
                await connection.execute(
                    "INSERT INTO registration (tenant, id, document, owner, created_at, modified_at)"
                    " VALUES ($1, $2, $3, $4, $5, $5)",
                    actor.tenant,
                    id,
                    _encode(after),
                    actor.id,
                    datetime.now(UTC),
                )
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"the registration {id} exists.", field="id") from None
            await self._tell(connection, str(id), None, after, actor, "registration.created")
        return str(id)

    async def get(self, id: str, actor: Actor, verb: str = "read") -> Registered:
        """One registration. Raises: NotFound, NotAllowed."""
        policy.require_somewhere(actor, f"registration.{verb}")
        async with self._pool.acquire() as connection:
            found = await self._find(connection, id, actor)
        if not found.holds(datetime.now(UTC)):
            raise NotFound(f"the registration {id} has expired.", field="id")
        return found

    async def all(self, actor: Actor) -> list[Registered]:
        """All registrations that have not expired, in the order of creation. Raises: NotAllowed."""
        policy.require_somewhere(actor, "registration.read")
        async with self._pool.acquire() as connection:
            return await read_all(connection, actor.tenant)

    async def replace(self, document: Mapping[str, Json], actor: Actor) -> None:
        """Store a changed document. Raises: NotFound, Conflict, NotAllowed."""
        policy.require_somewhere(actor, "registration.change")
        id = str(document["id"])
        async with self._pool.acquire() as connection, connection.transaction():
            before = await self._find(connection, id, actor)
            await self._require_free(connection, actor.tenant, document)
            await connection.execute(
                "UPDATE registration SET document = $3, modified_at = $4 WHERE tenant = $1 AND id = $2",
                actor.tenant,
                id,
                _encode(document),
                datetime.now(UTC),
            )
            await self._tell(connection, id, before.document, document, actor, "registration.changed")

    async def delete(self, id: str, actor: Actor) -> None:
        """Remove it. Raises: NotFound, NotAllowed."""
        policy.require_somewhere(actor, "registration.delete")
        async with self._pool.acquire() as connection, connection.transaction():
            before = await self._find(connection, id, actor)
            await connection.execute("DELETE FROM registration WHERE tenant = $1 AND id = $2", actor.tenant, id)
            await self._tell(connection, id, before.document, None, actor, "registration.deleted")

    @staticmethod
    async def _find(connection: Connection, id: str, actor: Actor) -> Registered:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM registration WHERE tenant = $1 AND id = $2",  # noqa: S608 - constants
            actor.tenant,
            id,
        )
        if row is None:
            raise NotFound(f"there is no registration {id}.", field="id")
        return _registered(row)

    @staticmethod
    async def _require_free(connection: Connection, tenant: str, document: Mapping[str, Json]) -> None:
        """A source that holds data alone must not meet another such source, nor data of our own (4.3.6.3)."""
        mode = document.get("mode", "inclusive")
        if mode not in ("exclusive", "redirect"):
            return
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"registration {tenant}")
        for other in await read_all(connection, tenant):
            theirs = other.document.get("mode", "inclusive")
            both = {mode, theirs} == {"redirect"} or theirs not in ("exclusive", "redirect")
            if other.id != document["id"] and not both and overlap(document, other.document):
                raise Conflict(f"the source {other.id} already holds some of this.", field="information")
        for selectors, names in names_in_information(document):
            for selector in selectors:
                if selector.ids and await connection.fetchval(
                    "SELECT EXISTS (SELECT 1 FROM entity WHERE tenant = $1 AND id = ANY($2::text[])"
                    " AND ($3::text[] = '{}' OR attrs ?| $3::text[]))",
                    tenant,
                    sorted(selector.ids),
                    sorted(names),
                ):
                    raise Conflict("an entity with these attributes is held here.", field="information")

    @staticmethod
    async def _tell(
        connection: Connection,
        id: str,
        before: Mapping[str, Json] | None,
        after: Mapping[str, Json] | None,
        actor: Actor,
        action: str,
    ) -> None:
        await connection.execute(
            "INSERT INTO outbox (tenant, id, kind, name, entity, payload, depth, actor, at)"
            " VALUES ($1, $2, 'event', $3, $4, $5, 0, $6, now())",
            actor.tenant,
            uuid.uuid4(),
            CHANGED,
            id,
            _encode({"before": before, "after": after}),
            actor.id,
        )
        await audit.record(connection, actor, action, detail={"registration": id})


async def read_all(connection: Connection, tenant: str) -> list[Registered]:
    """All registrations of a tenant that have not expired, without anybody's rights."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        f"SELECT {_COLUMNS} FROM registration WHERE tenant = $1 ORDER BY created_at, id LIMIT {MOST}",  # noqa: S608
        tenant,
    )
    now = datetime.now(UTC)
    return [found for row in rows if (found := _registered(row)).holds(now)]


def _registered(row: asyncpg.Record) -> Registered:
    return Registered(
        tenant=row["tenant"],
        id=row["id"],
        document=msgspec.json.decode(row["document"]),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()

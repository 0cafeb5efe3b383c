"""Stored JSON-LD contexts (clause 5.13): added by callers, made for subscriptions, or fetched once and kept."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import asyncpg
import msgspec

from province.broker.database import Pool
from province.errors import NotFound
from province.identity import audit, policy
from province.model.actor import Actor
from province.model.entity import Json
from province.model.time import Instant

ContextKind = Literal["Hosted", "ImplicitlyCreated", "Cached"]
KINDS: Final[tuple[ContextKind, ...]] = ("Hosted", "ImplicitlyCreated", "Cached")
PATH: Final = "/ngsi-ld/v1/jsonldContexts/"
EVERYBODY: Final = ""
"""The tenant of cached contexts: what stands at a public address is nobody's own."""
_COLUMNS = "tenant, id, url, kind, document, owner, created_at, last_use, hits"


class StoredContext(msgspec.Struct, frozen=True, kw_only=True):
    """A stored context. document: an object with `@context`."""

    id: str
    url: str
    kind: ContextKind
    document: Json
    owner: str
    created_at: Instant
    last_use: Instant
    hits: int


class ContextStore:
    """base: the address of this server, in front of the contexts that it hosts."""

    def __init__(self, pool: Pool, base: str) -> None:
        self._pool = pool
        self._base = base.rstrip("/")

    def address(self, id: str) -> str:
        """Where a hosted context is found."""
        return f"{self._base}{PATH}{id}"

    async def add(self, document: Json, kind: ContextKind, actor: Actor) -> StoredContext:
        """Store a context that was checked. One that was made implicitly is found again by its content."""
        if kind == "Hosted":
            policy.require_somewhere(actor, "context.create")
        text = msgspec.json.encode(document, order="deterministic").decode()
        id = str(uuid.uuid4()) if kind == "Hosted" else str(uuid.uuid5(uuid.NAMESPACE_URL, f"{actor.tenant} {text}"))
        return await self._put(actor.tenant, id, self.address(id), kind, text, actor)

    async def keep(self, url: str, document: Json) -> None:
        """Keep what was fetched from an address, in place of what was fetched before."""
        id = str(uuid.uuid5(uuid.NAMESPACE_URL, url))
        now = datetime.now(UTC)
        await self._pool.execute(
            "INSERT INTO ld_context (tenant, id, url, kind, document, owner, created_at, last_use, hits)"
            " VALUES ($1, $2, $3, 'Cached', $4, '', $5, $5, 0) ON CONFLICT (tenant, id)"
            " DO UPDATE SET document = EXCLUDED.document, created_at = EXCLUDED.created_at",
            EVERYBODY,
            id,
            url,
            msgspec.json.encode(document).decode(),
            now,
        )

    async def _put(self, tenant: str, id: str, url: str, kind: ContextKind, text: str, actor: Actor) -> StoredContext:
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                f"INSERT INTO ld_context ({_COLUMNS})"  # noqa: S608 - constants
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0)"
                f" ON CONFLICT (tenant, id) DO UPDATE SET last_use = EXCLUDED.last_use RETURNING {_COLUMNS}",
                tenant,
                id,
                url,
                kind,
                text,
                actor.id,
                datetime.now(UTC),
            )
            await audit.record(connection, actor, "context.created", detail={"context": id, "kind": kind})
        assert row is not None
        return _stored(row)

    async def count(self, hits: Mapping[tuple[str, str], int]) -> None:
        """Add uses, by tenant and address."""
        await self._pool.execute(
            "UPDATE ld_context c SET hits = c.hits + u.hits, last_use = now()"
            " FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u (tenant, url, hits)"
            " WHERE c.url = u.url AND c.tenant IN (u.tenant, '')",
            [t for t, _ in hits],
            [u for _, u in hits],
            list(hits.values()),
        )

    async def find(self, url: str, tenant: str) -> StoredContext | None:
        """A context by its address: of the tenant, or one kept for everybody."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM ld_context WHERE url = $1 AND tenant IN ($2, '')",  # noqa: S608 - constants
            url,
            tenant,
        )
        return None if row is None else _stored(row)

    async def get(self, id: str, actor: Actor) -> StoredContext:
        """A context by its id or its address. Raises: NotFound."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM ld_context WHERE tenant IN ($1, '') AND (id = $2 OR url = $2)",  # noqa: S608
            actor.tenant,
            id,
        )
        if row is None:
            raise NotFound("there is no such context.", field="contextId", remedy="See /ngsi-ld/v1/jsonldContexts.")
        return _stored(row)

    async def list(self, actor: Actor, kind: ContextKind | None) -> list[StoredContext]:
        """The contexts that the tenant uses, the oldest first."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM ld_context WHERE tenant IN ($1, '') AND ($2::text IS NULL OR kind = $2)"  # noqa: S608
            " ORDER BY created_at, id LIMIT 10000",
            actor.tenant,
            kind,
        )
        return [_stored(row) for row in rows]

    async def delete(self, found: StoredContext, actor: Actor) -> None:
        """Remove a context. A hosted one is its owner's; a cached one comes back when it is named again."""
        if found.owner != actor.id:
            policy.require_somewhere(actor, "context.delete")
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "DELETE FROM ld_context WHERE tenant IN ($1, '') AND id = $2", actor.tenant, found.id
            )
            await audit.record(connection, actor, "context.deleted", detail={"context": found.id, "kind": found.kind})


def _stored(row: asyncpg.Record) -> StoredContext:
    return StoredContext(
        id=row["id"],
        url=row["url"],
        kind=row["kind"],
        document=msgspec.json.decode(row["document"]),
        owner=row["owner"],
        created_at=row["created_at"],
        last_use=row["last_use"],
        hits=row["hits"],
    )

"""Subscriptions in PostgreSQL. Every change leaves an event in the outbox, so that whoever matches learns of it in
the order of what happened to the entities."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg
import msgspec

from province.broker.database import Connection, Pool
from province.broker.subscriptions.told import PAUSES_S, newest_uncounted
from province.errors import AlreadyExists, Conflict, NotFound
from province.identity import audit, policy
from province.model.actor import Actor, ActorKind, Grant
from province.model.entity import Json
from province.model.subscription import Subscription, compile_subscription
from province.model.time import Instant

Kind = Literal["entity", "registration"]
CHANGED = {"entity": "subscription.changed", "registration": "csourcesubscription.changed"}
"""Names of the events that tell of a created, changed or deleted subscription."""
_COLUMNS = (
    "tenant, kind, id, document, owner, created_at, modified_at, times_sent, times_failed, last_notification,"
    " last_success, last_failure"
)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who subscribed, and the rights at that time: a token may have had fewer than its account."""

    id: str
    kind: ActorKind
    name: str = ""
    grants: tuple[Grant, ...] = ()


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a subscription's notifications."""

    sent: int = 0
    failed: int = 0
    last: Instant | None = None
    last_success: Instant | None = None
    last_failure: Instant | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A stored subscription."""

    tenant: str
    id: str
    kind: Kind
    document: Mapping[str, Json]
    subscription: Subscription
    owner: Owner
    created_at: Instant
    modified_at: Instant
    counters: Counters = Counters()

    def status(self, now: Instant) -> str:
        """active, paused or expired."""
        if self.subscription.expires is not None and self.subscription.expires <= now:
            return "expired"
        return "active" if self.subscription.active else "paused"


class Store:
    """Subscriptions of entities, or (kind `registration`) of registrations of context sources.

    Whoever holds `subscription.<verb>` everywhere sees and changes all of the tenant; others their own.
    pause: waits so many seconds before another look at what is not counted yet.
    """

    def __init__(self, pool: Pool, kind: Kind, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._pool = pool
        self._kind: Kind = kind
        self._pause = pause

    async def create(self, document: Mapping[str, Json], actor: Actor) -> str:
        """Store a checked document. Returns its id, made here when it has none. Raises: AlreadyExists, NotAllowed."""
        policy.require_somewhere(actor, "subscription.create")
        id = (
            document.get("id")
            or f"urn:ngsi-ld:{'Subscription' if self._kind == 'entity' else 'CSourceSubscription'}:{uuid.uuid4()}"
        )
        now = datetime.now(UTC)
        owner = Owner(id=actor.id, kind=actor.kind, name=actor.name, grants=actor.grants)
        async with self._pool.acquire() as connection, connection.transaction():
            try:
                await connection.execute(
                    "INSERT INTO subscription (tenant, kind, id, document, owner, created_at, modified_at)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $6)",
                    actor.tenant,
                    self._kind,
                    id,
                    _encode({**document, "id": id}),
                    _encode(owner),
                    now,
                )
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"the subscription {id} exists.", field="id", remedy="Choose another id.") from None
            await self._tell(connection, id, actor, "subscription.created")
        return str(id)

    async def get(self, id: str, actor: Actor, verb: str = "read") -> Kept:
        """One subscription. Raises: NotFound, also when the caller may not know of it."""
        async with self._pool.acquire() as connection:
            return await self._find(connection, id, actor, verb)

    async def read(self, id: str, actor: Actor) -> Kept:
        """One subscription, with what its endpoint was told counted. Raises: NotFound."""

        async def one(connection: Connection) -> Sequence[Kept]:
            return [await self._find(connection, id, actor, "read")]

        return (await self._counted(one))[0]

    async def list(self, actor: Actor, *, offset: int, limit: int) -> tuple[list[Kept], int]:
        """A page in the order of creation, with what their endpoints were told counted; and how many there are."""
        mine = None if policy.scope(actor, "subscription.read").all else actor.id
        total = 0

        async def page(connection: Connection) -> Sequence[Kept]:
            nonlocal total
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM subscription WHERE tenant = $1 AND kind = $2"  # noqa: S608 - constants
                " AND ($3::text IS NULL OR owner ->> 'id' = $3) ORDER BY created_at, id OFFSET $4 LIMIT $5",
                actor.tenant,
                self._kind,
                mine,
                offset,
                limit,
            )
            total = await connection.fetchval(
                "SELECT count(*) FROM subscription WHERE tenant = $1 AND kind = $2"
                " AND ($3::text IS NULL OR owner ->> 'id' = $3)",
                actor.tenant,
                self._kind,
                mine,
            )
            return [kept_of(row) for row in rows]

        return [*await self._counted(page)], total

    async def _counted(self, read: Callable[[Connection], Awaitable[Sequence[Kept]]]) -> Sequence[Kept]:
        """What is read, again until what was told when it was first read is counted, or the pauses are over."""
        until: int | None = None
        for pause_s in (*PAUSES_S, None):
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                found = await read(connection)
                until = await newest_uncounted(connection, found, until)
            if until is None or pause_s is None:
                break
            await self._pause(pause_s)
        return found

    async def replace(self, document: Mapping[str, Json], actor: Actor, *, expect: Instant) -> None:
        """Store a changed document. expect: when the one it was made from was modified. Raises: NotFound, Conflict."""
        id = str(document["id"])
        async with self._pool.acquire() as connection, connection.transaction():
            await self._find(connection, id, actor, "change")
            done = await connection.execute(
                "UPDATE subscription SET document = $4, modified_at = $5"
                " WHERE tenant = $1 AND kind = $2 AND id = $3 AND modified_at = $6",
                actor.tenant,
                self._kind,
                id,
                _encode(document),
                datetime.now(UTC),
                expect,
            )
            if done != "UPDATE 1":
                raise Conflict("somebody else changed the subscription.", field="id", remedy="Try again.")
            await self._tell(connection, id, actor, "subscription.changed")

    async def delete(self, id: str, actor: Actor) -> None:
        """Remove it, and what is still on its way. Raises: NotFound."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._find(connection, id, actor, "delete")
            for statement in (
                "DELETE FROM notification WHERE tenant = $1 AND kind = $2 AND subscription = $3 AND state = 'waiting'",
                "DELETE FROM subscription WHERE tenant = $1 AND kind = $2 AND id = $3",
            ):
                await connection.execute(statement, actor.tenant, self._kind, id)
            await self._tell(connection, id, actor, "subscription.deleted")

    async def _find(self, connection: Connection, id: str, actor: Actor, verb: str) -> Kept:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM subscription WHERE tenant = $1 AND kind = $2 AND id = $3",  # noqa: S608
            actor.tenant,
            self._kind,
            id,
        )
        kept = kept_of(row) if row is not None else None
        if kept is None or not (kept.owner.id == actor.id or policy.scope(actor, f"subscription.{verb}").all):
            raise NotFound(f"there is no subscription {id}.", field="id", remedy="Check the id and your rights.")
        return kept

    async def _tell(self, connection: Connection, id: str, actor: Actor, action: str) -> None:
        await connection.execute(
            "INSERT INTO outbox (tenant, id, kind, name, entity, payload, depth, actor, at)"
            " VALUES ($1, $2, 'event', $3, $4, '{}', 0, $5, now())",
            actor.tenant,
            uuid.uuid4(),
            CHANGED[self._kind],
            id,
            actor.id,
        )
        await audit.record(connection, actor, action, detail={"subscription": id})


async def load(connection: Connection, kind: Kind, *, tenant: str = "", id: str = "") -> list[Kept]:
    """All subscriptions of a kind, or one of a tenant: for matching, without anybody's rights."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM subscription WHERE kind = $1"  # noqa: S608 - constants
        " AND ($2 = '' OR (tenant = $2 AND id = $3))",
        kind,
        tenant,
        id,
    )
    return [kept_of(row) for row in rows]


def kept_of(row: Mapping[str, Any] | asyncpg.Record) -> Kept:
    """A subscription from its row."""
    document = msgspec.json.decode(row["document"])
    return Kept(
        tenant=row["tenant"],
        id=row["id"],
        kind=row["kind"],
        document=document,
        subscription=compile_subscription(document),
        owner=msgspec.json.decode(row["owner"], type=Owner),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        counters=Counters(
            sent=row["times_sent"],
            failed=row["times_failed"],
            last=row["last_notification"],
            last_success=row["last_success"],
            last_failure=row["last_failure"],
        ),
    )


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""Snapshots (NGSI-LD, 5.16): what questions found at one time, kept for some hours to be asked again.

A snapshot is known to its owner alone. An entity in it shows what it said then, as far as the reader may see it now:
one that exists is judged by the rights over it as it is today, one that was deleted by those over what it was. A value
that is erased, or whose consent is withdrawn, leaves every snapshot with it (`broker.scrub`).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

import asyncpg
import msgspec

from province.broker.broker import Broker
from province.broker.conditions import in_scope, lies
from province.broker.database import Connection, Pool
from province.broker.linking import linked_meet
from province.broker.select import make_token, place_of, read_token
from province.errors import AlreadyExists, NotFound, TooLarge, Unsupported
from province.model.actor import Actor
from province.model.entity import Entity, Json, split_key
from province.model.ordering import OrderTerm, order
from province.model.qlanguage import Place
from province.model.query import Page, Query
from province.model.time import Instant, now

Status = Literal["preparing", "success", "partial", "empty", "failure"]
MOST_ENTITIES: Final = 20_000
"""Entities in all snapshots of an owner."""
MOST_SNAPSHOTS: Final = 10
"""Snapshots of an owner; of too many, those of low priority that nobody used for long make room (5.5.15)."""
USUAL: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=1)
_USED: Final = timedelta(minutes=1)
_COLUMNS: Final = "id, document, status, details, created_at, modified_at, expires_at, used_at"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot without its entities. document: what its owner said of it.  details: what became of each question."""

    id: str
    document: Mapping[str, Json]
    status: Status
    details: Sequence[Mapping[str, Json]]
    created_at: Instant
    modified_at: Instant
    expires_at: Instant
    used_at: Instant


class Snapshots:
    """The snapshots of all tenants."""

    def __init__(self, pool: Pool, broker: Broker) -> None:
        self._pool = pool
        self._broker = broker

    async def create(
        self,
        document: Mapping[str, Json],
        entities: Sequence[Entity],
        details: Sequence[Mapping[str, Json]],
        actor: Actor,
        lifetime: timedelta | None,
    ) -> str:
        """Keep what was found. Returns its id. Raises: AlreadyExists, TooLarge."""
        done = [one["resultStatus"] for one in details]
        status: Status = "success" if set(done) == {"success"} else "partial" if "success" in done else "empty"
        if set(done) == {"failure"}:
            status = "failure"
        rows = [(e.id, _encode(e)) for e in {e.id: e for e in entities}.values()]
        async with self._pool.acquire() as connection, connection.transaction():
            id = await self._insert(connection, document, status, details, len(rows), actor, lifetime)
            await connection.execute(
                "INSERT INTO snapshot_entity (tenant, snapshot, id, entity)"
                " SELECT $1, $2, i, e::jsonb FROM unnest($3::text[], $4::text[]) AS n (i, e)",
                actor.tenant,
                id,
                [i for i, _ in rows],
                [e for _, e in rows],
            )
        return id

    async def clone(self, id: str, document: Mapping[str, Json], actor: Actor, lifetime: timedelta | None) -> str:
        """Keep the same under another id. Raises: NotFound, AlreadyExists, TooLarge."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._find(connection, id, actor)
            size = await connection.fetchval(
                "SELECT count(*) FROM snapshot_entity WHERE tenant = $1 AND snapshot = $2", actor.tenant, id
            )
            made = await self._insert(connection, document, "success", [], size, actor, lifetime, keep=id)
            await connection.execute(
                "INSERT INTO snapshot_entity (tenant, snapshot, id, entity)"
                " SELECT tenant, $3, id, entity FROM snapshot_entity WHERE tenant = $1 AND snapshot = $2",
                actor.tenant,
                id,
                made,
            )
        return made

    async def get(self, id: str, actor: Actor) -> Snapshot:
        """A snapshot of the caller's. Raises: NotFound, also when it has expired or is another's."""
        async with self._pool.acquire() as connection:
            return await self._find(connection, id, actor)

    async def all(self, actor: Actor) -> list[Snapshot]:
        """Those of the caller, oldest first."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM snapshot WHERE tenant = $1 AND owner = $2 AND expires_at > $3"  # noqa: S608
                " ORDER BY created_at, id",
                actor.tenant,
                actor.id,
                now(),
            )
        return [_snapshot(row) for row in rows]

    async def update(self, id: str, document: Mapping[str, Json], actor: Actor, lifetime: timedelta | None) -> Snapshot:
        """Say something else of it. lifetime: from now on; None: it ends when it would have. Raises: NotFound."""
        at = now()
        async with self._pool.acquire() as connection, connection.transaction():
            before = await self._find(connection, id, actor)
            await connection.execute(
                "UPDATE snapshot SET document = $3, modified_at = $4, expires_at = $5 WHERE tenant = $1 AND id = $2",
                actor.tenant,
                id,
                _text(document),
                at,
                before.expires_at if lifetime is None else at + min(lifetime, LONGEST),
            )
            return await self._find(connection, id, actor)

    async def delete(self, id: str, actor: Actor) -> None:
        """Remove it. Raises: NotFound."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._find(connection, id, actor)
            await connection.execute("DELETE FROM snapshot WHERE tenant = $1 AND id = $2", actor.tenant, id)

    async def open(self, id: str, actor: Actor) -> Frozen:
        """What is in a snapshot, as far as the caller may see it now. Raises: NotFound."""
        at = now()
        async with self._pool.acquire() as connection:
            found = await self._find(connection, id, actor)
            if found.used_at < at - _USED:
                await connection.execute(
                    "UPDATE snapshot SET used_at = $3 WHERE tenant = $1 AND id = $2", actor.tenant, id, at
                )
            rows = await connection.fetch(
                "SELECT s.entity, EXISTS (SELECT 1 FROM entity e WHERE e.tenant = s.tenant AND e.id = s.id) AS lives"
                " FROM snapshot_entity s WHERE s.tenant = $1 AND s.snapshot = $2 ORDER BY s.id",
                actor.tenant,
                id,
            )
        kept = [(msgspec.json.decode(row["entity"], type=Entity), row["lives"]) for row in rows]
        present = {e.id: e async for e in self._present([e.id for e, lives in kept if lives], actor)}
        shown = [self._shown(e, present.get(e.id), actor) for e, lives in kept if e.id in present or not lives]
        return Frozen(self._broker, tuple(e for e in shown if e is not None))

    async def _present(self, ids: Sequence[str], actor: Actor) -> AsyncIterator[Entity]:
        """Those of the entities that the caller may see, as they are."""
        for start in range(0, len(ids), 1_000):
            query = Query(ids=tuple(ids[start : start + 1_000]), limit=1_000, latest=False)
            for entity in (await self._broker.ask(query, actor)).items:
                yield entity

    def _shown(self, kept: Entity, present: Entity | None, actor: Actor) -> Entity | None:
        if present is None:
            access = self._broker.access(actor, kept.type)
            return access.show(kept) if access is not None and access.admits(kept) else None
        sees = self._broker.visible(present, actor)
        return msgspec.structs.replace(kept, attrs={k: a for k, a in kept.attrs.items() if sees(split_key(k)[0])})

    async def _insert(
        self, connection: Connection, document: Mapping[str, Json], status: Status,
        details: Sequence[Mapping[str, Json]], size: int, actor: Actor, lifetime: timedelta | None, keep: str = "",
    ) -> str:  # fmt: skip
        at = now()
        if size > MOST_ENTITIES:
            raise TooLarge(f"{size} entities are more than snapshots hold.", remedy=f"At most {MOST_ENTITIES}.")
        await connection.execute("DELETE FROM snapshot WHERE expires_at <= $1", at)
        await self._make_room(connection, actor, size, keep)
        id = str(document.get("id") or f"urn:ngsi-ld:Snapshot:{uuid.uuid4()}")
        done = await connection.execute(
            "INSERT INTO snapshot (tenant, id, owner, document, status, details, created_at, modified_at, expires_at,"
            " used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $7) ON CONFLICT DO NOTHING",
            actor.tenant,
            id,
            actor.id,
            _text({**document, "id": id}),
            status,
            _text(details),
            at,
            at + min(lifetime if lifetime is not None else USUAL, LONGEST),
        )
        if done == "INSERT 0 0":
            raise AlreadyExists(f"the snapshot {id} exists.", field="id")
        return id

    @staticmethod
    async def _make_room(connection: Connection, actor: Actor, size: int, keep: str) -> None:
        rows = await connection.fetch(
            "SELECT s.id, (SELECT count(*) FROM snapshot_entity e WHERE e.tenant = s.tenant AND e.snapshot = s.id) AS n"
            " FROM snapshot s WHERE tenant = $1 AND owner = $2 ORDER BY id = $3 DESC,"
            " (document ->> 'snapshotPriority')::int DESC, used_at DESC",
            actor.tenant,
            actor.id,
            keep,
        )
        held, going = size, []
        for i, row in enumerate(rows, 2):
            held += row["n"]
            if i > MOST_SNAPSHOTS or held > MOST_ENTITIES:
                going.append(row["id"])
        if keep in going:
            raise TooLarge("there is no room for a second one of that size.", remedy="Delete snapshots.")
        await connection.execute("DELETE FROM snapshot WHERE tenant = $1 AND id = ANY($2::text[])", actor.tenant, going)

    @staticmethod
    async def _find(connection: Connection, id: str, actor: Actor) -> Snapshot:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM snapshot"  # noqa: S608 - constants
            " WHERE tenant = $1 AND id = $2 AND owner = $3 AND expires_at > $4",
            actor.tenant,
            id,
            actor.id,
            now(),
        )
        if row is None:
            raise NotFound(f"there is no snapshot {id[:200]} of yours.", field="id", remedy="Check the id.")
        return _snapshot(row)


@dataclass(frozen=True, slots=True)
class Frozen:
    """The entities of a snapshot, asked as the broker is asked."""

    broker: Broker
    entities: tuple[Entity, ...]

    @property
    def types(self) -> Mapping[str, Any]:
        """The declared types."""
        return self.broker.types

    async def get(self, id: str, actor: Actor, *, type: str | None = None, latest: bool = True) -> Entity:
        """One entity. Raises: NotFound."""
        found = next((e for e in self.entities if e.id == id and (not type or type in e.types)), None)
        if found is None:
            raise NotFound(f"there is no entity {id} in the snapshot.", field="id")
        await self.broker.shown([found], actor)
        return found

    async def query(self, query: Query, actor: Actor) -> Page:
        """A page of entities."""
        page = await self.ask(query, actor)
        await self.broker.shown(page.items, actor)
        return page

    async def shown(self, entities: Sequence[Entity], actor: Actor) -> None:
        """Write down that the actor is about to see these."""
        await self.broker.shown(entities, actor)

    async def ask(self, query: Query, actor: Actor) -> Page:
        """As `query`, for a caller who says what is shown."""

        async def linked(other: Query) -> Page:
            return await self.ask(other, actor)

        met = [e for e in self.entities if self._fits(e, query) and await linked_meet(linked, e, query.where)]
        name, down = query.order.removeprefix("-"), query.order.startswith("-")
        if query.order not in ("id", "any"):
            path = ("modifiedAt" if name == "modified" else name,)
            met = order(met, (OrderTerm(path, "desc" if down else "asc"),))
        start = int(read_token(query.after)[0]) if query.after else 0
        ends = start + query.limit
        following = make_token(str(ends), "") if query.limit and ends < len(met) else ""
        return Page(items=tuple(met[start:ends]), next=following, total=len(met) if query.count else None)

    def _fits(self, entity: Entity, query: Query) -> bool:
        place = Place(near=query.near, inside=query.inside, relation=query.relation)
        spatial = query.near is not None or query.inside is not None
        geoproperty = query.geoproperty or place_of(self.types.get(entity.type))
        return (
            (not query.types or bool(set(query.types) & set(entity.types)))
            and (not query.together or any(set(group) <= set(entity.types) for group in query.together))
            and (not query.ids or entity.id in query.ids)
            and (not query.id_pattern or re.search(query.id_pattern, entity.id) is not None)
            and in_scope(entity, query.scope)
            and (not spatial or lies(entity, place, geoproperty))
        )

    def __getattr__(self, name: str) -> Any:
        raise Unsupported("a snapshot is asked for entities, and never written.", field="NGSILD-Snapshot")


def _snapshot(row: asyncpg.Record) -> Snapshot:
    return Snapshot(
        id=row["id"],
        document=msgspec.json.decode(row["document"]),
        status=row["status"],
        details=msgspec.json.decode(row["details"]),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )


def _encode(entity: Entity) -> str:
    return msgspec.json.encode(entity).decode()


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()

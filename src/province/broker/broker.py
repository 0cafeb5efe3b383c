"""The one door to records and questions. Everything that changes a record comes through `apply`."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from province.broker.access import UNDECLARED, Access, Explanation, Rights
from province.broker.actions import read_inputs, run
from province.broker.admission import Bound, admitted
from province.broker.asked import Asked
from province.broker.committer import Committer
from province.broker.database import Connection, Pool
from province.broker.departed import Departed, narrowed, read_departed
from province.broker.indicators import Indicators, Valued
from province.broker.plan import words_of
from province.broker.reads import Reads
from province.broker.refine import is_spatial, refine, refine_points, says
from province.broker.rows import COLUMNS, entity_of
from province.broker.select import ENTITIES, compile_query, make_token, names_in
from province.broker.transient import alive
from province.broker.write import Hides, Write
from province.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn, ProvinceError
from province.model.actor import Actor, system
from province.model.change import Change, Changed
from province.model.entity import Attribute, Entity, split_key
from province.model.qlanguage import goes
from province.model.query import Page, Query, Where
from province.model.record import to_record
from province.model.schema import EntityType
from province.model.time import Instant, now
from province.pack import Action, Context, Notice, Pack, Parameters, Read

ReadLatest = Callable[[Connection, str, EntityType, Sequence[str]], Awaitable[Mapping[str, Mapping[str, Attribute]]]]
"""read_latest(connection, tenant, type, ids) → latest values of observed attributes, by entity id and key."""
Sign = Callable[[str, bytes], str]
ParametersAt = Callable[[str, Instant], Parameters]
Models = Mapping[str, Callable[[str], Mapping[str, Any]]]

_GET = f"SELECT {COLUMNS} FROM entity WHERE tenant = $1 AND id = $2"  # noqa: S608 - composed of constants
_COUNT_LIMIT = 100_000
_MOST_SETTLED = 64
_ROUNDS = 50
"""Reads of the database behind one page of a geo-query."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What an action did. answers: notices for the caller alone (a secret, a receipt); shown once, never stored."""

    changed: tuple[Changed, ...]
    answers: tuple[Notice, ...] = ()


class Broker:
    """Records: apply, get, query, act. Raises errors of `province.errors` only.

    types: declared types by name.  packs: all packs.  parameters: (pack name, instant) → dated constants.
    read_latest: latest values of observed attributes, by entity id.  sign: keyed hash of (purpose, message).
    reads: writes who saw what; the composition root starts it.  models: trained models by name, for pack logic.
    """

    def __init__(
        self,
        pool: Pool,
        committer: Committer,
        *,
        types: Mapping[str, EntityType],
        packs: Sequence[Pack],
        parameters: ParametersAt,
        read_latest: ReadLatest,
        sign: Sign,
        reads: Reads | None = None,
        models: Models | None = None,
    ) -> None:
        self.pool = pool
        self.types = types
        self.packs = tuple(packs)
        self.actions: dict[str, tuple[Pack, Action]] = {a.name: (p, a) for p in packs for a in p.actions}
        self._committer = committer
        self._parameters = parameters
        self._read_latest = read_latest
        self._sign = sign
        self.models: Models = {} if models is None else models
        self.reads = reads if reads is not None else Reads(pool)
        self.asked = Asked(pool, types)
        self._rights = Rights(types)
        self._many_typed: dict[str, tuple[float, bool]] = {}
        self._settled: dict[tuple[str, type[Any], bytes], tuple[float, asyncio.Task[tuple[Any, ...]]]] = {}
        computed = Indicators(pool, types, self._rights)
        self._indicators = computed.all
        self.figure = computed.figure
        self.measured = computed.measured

    # --- writing -----------------------------------------------------------------------------------------------------

    async def apply(self, changes: Sequence[Change], actor: Actor, *, key: str | None = None) -> tuple[Changed, ...]:
        """Apply changes, all or nothing; durable on return. key: idempotency key of the caller.

        Raises: NotAllowed, NotFound, AlreadyExists, Conflict, InvalidInput, TooLarge, Unavailable.
        """
        if not changes:
            return ()
        self._note_types(changes, actor)
        write = Write(
            tuple(changes), actor, self._checker(actor), key=_scoped(actor, key), hides=self._hides_from(actor)
        )
        return await self._committer.submit(write)

    def _hides_from(self, actor: Actor) -> Hides:
        def hides(entity: Entity) -> Callable[[str], bool]:
            visible = self.visible(entity, actor)
            return lambda name: not visible(name)

        return hides

    async def apply_each(
        self, changes: Sequence[Change], actor: Actor, *, key: str | None = None
    ) -> list[Changed | ProvinceError]:
        """Apply every change on its own; the answers are in the order of the changes. key: of the whole call."""
        self._note_types(changes, actor)
        check, hides = self._checker(actor), self._hides_from(actor)
        answers: list[Changed | ProvinceError] = []
        waiting: list[asyncio.Future[tuple[Changed, ...]] | ProvinceError] = []
        try:
            for n, change in enumerate(changes):
                own = _scoped(actor, f"{key}/{n}") if key else None
                try:
                    waiting.append(self._committer.queue(Write((change,), actor, check, key=own, hides=hides)))
                except ProvinceError as error:
                    waiting.append(error)
            for one in waiting:
                try:
                    answers.append(one if isinstance(one, ProvinceError) else (await one)[0])
                except ProvinceError as error:
                    answers.append(error)
        finally:
            for one in waiting[len(answers) :]:  # a caller who goes away takes back what has not begun
                if isinstance(one, asyncio.Future):
                    one.cancel()
        return answers

    def _note_types(self, changes: Sequence[Change], actor: Actor) -> None:
        """What this process wrote it finds at once."""
        if any(len(c.types) + bool(c.type) > 1 for c in changes):
            self._many_typed[actor.tenant] = (asyncio.get_running_loop().time(), True)

    def _checker(self, actor: Actor) -> Callable[[Change, Entity | None, str | None], None]:
        """A check for the writes of one call: what the actor holds everywhere is worked out once for all of them."""
        everywhere: dict[str, bool] = {}

        def check(change: Change, before: Entity | None, owner: str | None) -> None:
            if actor.kind == "system":
                return
            entity_type = self.types.get(before.type if before else change.type)
            noun = entity_type.noun if entity_type else UNDECLARED
            verb = "delete" if change.op == "delete" else "create" if before is None else "change"
            agencies = (owner,) if before is None or before.agency == owner else (before.agency, owner)
            area = before.area if before else None
            permission = f"{noun}.{verb}"
            if permission not in everywhere:
                everywhere[permission] = self._rights.everywhere(actor, permission)
            if not everywhere[permission]:
                self._rights.require(actor, permission, agencies, area, change.id)
            self._rights.require_open(entity_type, change.attrs)
            if entity_type is not None and entity_type.info.by_actions:
                raise _by_actions(entity_type)
            further = dict.fromkeys((change.type, *change.types, *(before.types if before else ())))
            for kind in (self.types[name] for name in further if name in self.types):
                if kind is entity_type:
                    continue
                # What has become a case, too, is written as a case is; to make it one takes the right to make one.
                self._rights.require_open(kind, change.attrs)
                if before is None or kind.name not in before.types:
                    if kind.info.by_actions:
                        raise _by_actions(kind)
                    self._rights.require(actor, f"{kind.noun}.create", agencies, area, change.id)

        return check

    async def act(
        self,
        name: str,
        actor: Actor,
        *,
        id: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        files: tuple[str, ...] = (),
        key: str | None = None,
    ) -> Acted:
        """Carry out a pack's action. Raises: NotFound for an unknown one, and what `apply` raises."""
        found = self.actions.get(name)
        if found is None:
            raise NotFound(f"there is no action {name!r}.", field="action")
        pack, action = found
        agency = next((g.agency for g in actor.grants if g.agency), None)
        entity = None
        # Rights before inputs: whoever may not do it is refused alike, whatever they send.
        if not action.creates:
            entity = await self._subject(id, actor, action)
        elif not action.public:
            self._rights.require(actor, action.needs, (agency,), None, None)
        values = read_inputs(action, inputs or {})
        if files and not action.files:
            raise InvalidInput(f"{name} takes no files.", field="files")
        at = now()
        context = Context(
            now=at,
            params=self._parameters(pack.name, at),
            actor=actor.id,
            agency=agency,
            files=files,
            nonce=self._nonce(actor, name, key, inputs or {}),
            models=self.models,
        )
        if entity is None:
            effects = run(action.do, context=context, **values)
        else:
            asked = await self.answer_reads(action.reads, entity, context.params)
            effects = run(action.do, to_record(action.record, entity), context=context, **values, **asked)

        def check(change: Change, before: Entity | None, owner: str | None) -> None:
            # The action is the right; it is looked at again on the locked row, whose owner may have changed meanwhile.
            if before is not None and before.id == id and not action.public:
                self._rights.require(actor, action.needs, (before.agency,), before.area, before.id)

        write = Write(effects.changes, actor, check, key=_scoped(actor, key), messages=effects.messages, action=name)
        return Acted(changed=await self._committer.submit(write), answers=effects.answers)

    async def _subject(self, id: str | None, actor: Actor, action: Action) -> Entity:
        """The entity that an action acts on, whole: logic sees it all, whatever the caller may see of it."""
        if id is None:
            raise InvalidInput(f"{action.name} needs the id of what it acts on.", field="id")
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow(_GET, actor.tenant, id)
        entity = entity_of(row) if row is not None else None
        if not action.public:
            # Without the right to act, one learns of existence only what `get` tells.
            if entity is None or not self._rights.allows(actor, action.needs, entity):
                await self.get(id, actor, latest=False)
            if entity is not None:
                self._rights.require(actor, action.needs, (entity.agency,), entity.area, entity.id)
        if entity is None:
            raise NotFound(f"there is no entity {id}.", field="id", remedy="Check the id and your rights.")
        if entity.type != action.record.TYPE.name:  # type: ignore[attr-defined]
            raise InvalidInput(f"{action.name} does not act on a {entity.type}.", field="id")
        return entity

    def _nonce(self, actor: Actor, name: str, key: str | None, inputs: Mapping[str, Any]) -> str:
        """Random hex; for a call with an idempotency key the same at every retry, and unknown to everybody else."""
        if key is None:
            return secrets.token_hex(32)
        message = msgspec.json.encode([actor.tenant, actor.id, actor.address, name, key, inputs], order="deterministic")
        return hashlib.sha256(self._sign("nonce", message).encode()).hexdigest()

    async def carry_out(
        self, changes: Sequence[Change], messages: Sequence[Any], actor: Actor, *, key: str, depth: int
    ) -> None:
        """Apply what a rule decided, once per key. For the relay only: the product itself is the actor."""
        write = Write(tuple(changes), actor, lambda *_: None, key=key, messages=tuple(messages), depth=depth)
        await self._committer.submit(write)

    async def answer_reads(self, reads: Sequence[Read], entity: Entity, params: Parameters) -> dict[str, Any]:
        """The queries that a rule or an action declared, answered as typed records, with the product's own rights."""
        answers = await asyncio.gather(*(self._answer(read, entity, params) for read in reads))
        return {read.name: answer for read, answer in zip(reads, answers, strict=True)}

    async def _answer(self, read: Read, entity: Entity, params: Parameters) -> tuple[Any, ...]:
        query, clock = read.query(entity), asyncio.get_running_loop().time()
        if read.narrow is not None:
            query = read.narrow(query, params)
        if not read.age_s:
            return await self._records(read, query, entity.tenant)
        key = (entity.tenant, read.record, msgspec.json.encode(query))
        asked, answer = self._settled.get(key, (-read.age_s, None))
        if answer is None or clock - asked >= read.age_s or (answer.done() and not _told(answer)):
            if len(self._settled) >= _MOST_SETTLED:
                self._settled.clear()
            # One question for all who ask at the same time; it goes on when the one who asked first goes away.
            answer = asyncio.create_task(self._records(read, query, entity.tenant), name=f"read {read.name}")
            self._settled[key] = (clock, answer)
        return await asyncio.shield(answer)

    async def _records(self, read: Read, query: Query, tenant: str) -> tuple[Any, ...]:
        page = await self.query(query, system(tenant, "logic"))
        return tuple(to_record(read.record, e) for e in page.items)

    # --- reading -----------------------------------------------------------------------------------------------------

    async def get(self, id: str, actor: Actor, *, type: str | None = None, latest: bool = True) -> Entity:
        """One entity as the caller may see it. Raises: NotFound, also when the caller may not know of it."""
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow(_GET, actor.tenant, id)
            entity = alive(entity_of(row), now()) if row is not None else None
            access = self._rights.to_read(actor, entity.type) if entity else None
            hidden = entity is None or access is None or not access.admits(entity)
            if entity is None or access is None or hidden or (type and type not in entity.types):
                raise NotFound(f"there is no entity {id}.", field="id", remedy="Check the id and your rights.")
            if latest:
                entity = (await self.overlay(connection, [entity]))[0]
        shown = access.show(entity)
        await self.reads.note(actor, access, [shown], one=True)
        return shown

    async def departed(self, id: str, actor: Actor) -> Departed:
        """What an entity was that was deleted, or has expired. Raises: NotFound, also without the rights to know."""
        async with self.pool.acquire() as connection:
            found = await read_departed(connection, actor.tenant, id, self.types)
        access = self._rights.to_read(actor, found.entity.type) if found is not None else None
        if found is None or access is None or not access.reads(found.judged):
            raise NotFound(f"there is no entity {id}.", field="id", remedy="Check the id and your rights.")
        made = narrowed(found, access.show(found.judged).attrs)
        await self.reads.note(actor, access, [made.entity], one=True)
        return made

    async def explain(self, id: str, actor: Actor) -> Explanation:
        """What this actor may do with an entity and see of it, and which grants say so. Raises: NotFound.

        For the composition root: whoever asks about another's rights is checked there.
        """
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow(_GET, actor.tenant, id)
        if row is None:
            raise NotFound(f"there is no entity {id}.", field="id", remedy="Check the id and your rights.")
        return self._rights.explain(actor, entity_of(row), [a for _, a in self.actions.values()])

    async def require_change(self, entity: Entity, actor: Actor) -> None:
        """Refuse who may not change this entity. Raises: NotSignedIn, NotAllowed."""
        entity_type = self.types.get(entity.type)
        noun = entity_type.noun if entity_type else UNDECLARED
        self._rights.require(actor, f"{noun}.change", (entity.agency,), entity.area, entity.id)

    def access(self, actor: Actor, type_name: str) -> Access | None:
        """What the caller may read of a type; None: nothing."""
        return self._rights.to_read(actor, type_name)

    def visible(self, entity: Entity, actor: Actor) -> Callable[[str], bool]:
        """Tells of an attribute name whether the caller may see it on this entity."""
        access = self._rights.to_read(actor, entity.type)
        return (lambda name: access.reveals(entity, name)) if access is not None else (lambda name: False)

    async def query(self, query: Query, actor: Actor) -> Page:
        """A page of entities. Raises: NotSignedIn when an anonymous caller may read none of the types."""
        page = await self.ask(query, actor)
        await self.shown(page.items, actor)
        return page

    async def shown(self, entities: Sequence[Entity], actor: Actor) -> None:
        """Write down that the actor is about to see these. Raises: Unavailable; then they must not be shown."""
        known: dict[str, Access | None] = {}
        groups: dict[str, tuple[Access, list[Entity]]] = {}
        for entity in entities:
            name = entity.type
            if name not in known:
                known[name] = self._rights.to_read(actor, name)
            access = known[name]
            if access is not None and access.reads(entity):
                groups.setdefault(name, (access, []))[1].append(entity)
        for access, found in groups.values():
            await self.reads.note(actor, access, found)

    async def ask(self, query: Query, actor: Actor) -> Page:
        """As `query`, for a caller who shows only a part of the page, or none: what is `shown` is for it to say."""
        access = [a.narrowed(names_in(query)) for a in self._rights.readable(actor, query.types)]
        if not access:
            if actor.kind == "anonymous":
                raise NotSignedIn("this needs an account.", remedy="Sign in, or send an access token.")
            return Page(items=(), total=0 if query.count else None)
        linked = self._rights.readable(actor, ()) if goes(query.where) else ()
        clock = asyncio.get_running_loop().time
        async with self.pool.acquire() as connection:
            began = clock()
            many = await self._has_many_typed(connection, actor.tenant)
            page, following = await self._page(connection, query, access, actor.tenant, many, linked)
            total = None
            if query.count:
                statement = compile_query(
                    actor.tenant, query, access, self.types, many_typed=many, linked=linked, asked=self.asked.indexed
                )
                total = await self._count(
                    connection, query, statement.count_sql, statement.parameters[: statement.counted]
                )
            if query.where and actor.kind != "anonymous":
                self.asked.note(query.where, query.types, clock() - began)
            if query.latest and page:
                page = await self.overlay(connection, page)
        by_type = {a.type.name if a.type else None: a for a in access}
        shown = [_access_of(by_type, e, self.types).show(e) for e in page]
        if query.text and any(a.public and not a.everything for a in access):
            # The index knows words of attributes that a public view hides: what matched only there was not found.
            kept = [e for e in shown if says(words_of(e, self.types.get(e.type)) or "", query.text)]
            following, total = following if kept else "", None if query.count else total
            shown = kept
        return Page(items=tuple(shown), next=following, total=total)

    async def _page(
        self,
        connection: Connection,
        query: Query,
        access: list[Access],
        tenant: str,
        many: bool,
        linked: Sequence[Access],
    ) -> tuple[list[Entity], str]:
        """The entities of a page and where the next begins. A geo-query looks on until the page is full."""
        found: list[Entity] = []
        following, at = query.after, now()
        for _ in range(_ROUNDS if is_spatial(query) and query.order != "any" else 1):
            asked = msgspec.structs.replace(query, after=following)
            if is_spatial(query):
                asked = msgspec.structs.replace(asked, limit=min(1000, max(query.limit * 2, 100)))
            statement = compile_query(
                tenant, asked, access, self.types, many_typed=many, linked=linked, asked=self.asked.indexed
            )
            rows = await connection.fetch(statement.sql, *statement.parameters) if query.limit else []
            following = ""
            for i, row in enumerate(rows[: asked.limit]):
                if len(found) == query.limit:  # a match beyond the page: the next one begins here
                    following = make_token(rows[i - 1]["order_value"], rows[i - 1]["id"])
                    return found, following
                found.extend(refine([one for one in (alive(entity_of(row), at),) if one], query, self.types))
            if len(rows) <= asked.limit or query.order == "any":
                return found, ""
            following = make_token(rows[asked.limit - 1]["order_value"], rows[asked.limit - 1]["id"])
            if len(found) == query.limit:
                break
        return found, following

    async def _count(self, connection: Connection, query: Query, sql: str, parameters: list[Any]) -> int:
        if not is_spatial(query):
            return int(await connection.fetchval(sql, *parameters))
        if query.geoproperty:
            return len(refine(await self._counted(connection, sql, parameters), query, self.types))
        # The index holds the box of the declared place, and that of a point is the point.
        ends = "e.id, (e.bounds[0])[0] AS e, (e.bounds[0])[1] AS n, (e.bounds[1])[0] AS w, (e.bounds[1])[1] AS s"
        rows = await connection.fetch(
            f"{sql.replace('SELECT count(*)', f'SELECT {ends}', 1)} LIMIT {_COUNT_LIMIT}", *parameters
        )
        east, north, west, south = (np.fromiter((r[k] for r in rows), np.float64, len(rows)) for k in "enws")
        points = (east == west) & (north == south)
        found = await asyncio.to_thread(refine_points, east[points], north[points], query)
        total = int(found.sum())
        left = np.ones(len(rows), np.bool_)
        left[np.flatnonzero(points)[found]] = False
        if left.any():
            # What is no point, and whose place has several instances: another one may lie right.
            known = [rows[i]["id"] for i in np.flatnonzero(left & ~points)]
            unsure = [rows[i]["id"] for i in np.flatnonzero(left & points)]
            b = len(parameters)
            chosen = (
                f"{sql} AND (e.id = ANY(${b + 1}::text[]) OR (e.id = ANY(${b + 2}::text[])"
                " AND EXISTS (SELECT FROM jsonb_object_keys(e.attrs) AS k WHERE k ~ '^[^ ]+ '))"
                ")"
            )
            rest = await self._counted(connection, chosen, [*parameters, known, unsure])
            total += len(refine(rest, query, self.types))
        return total

    async def _counted(self, connection: Connection, sql: str, parameters: Sequence[Any]) -> list[Entity]:
        """The entities that a statement counts."""
        every = sql.replace("SELECT count(*)", "SELECT " + ", ".join(f"e.{c.strip()}" for c in COLUMNS.split(",")), 1)
        rows = await connection.fetch(f"{every} LIMIT {_COUNT_LIMIT}", *parameters)
        return [entity_of(r) for r in rows]

    async def _has_many_typed(self, connection: Connection, tenant: str) -> bool:
        clock = asyncio.get_running_loop().time()
        checked, known = self._many_typed.get(tenant, (-10.0, False))
        if clock - checked > 1.0:
            known = await connection.fetchval(
                "SELECT EXISTS (SELECT 1 FROM entity WHERE tenant = $1 AND types IS NOT NULL)", tenant
            )
            self._many_typed[tenant] = (clock, known)
        return known

    async def overlay(self, connection: Connection, entities: list[Entity]) -> list[Entity]:
        """Put the latest values of observed attributes over the records."""
        wanted: dict[str, list[str]] = {}
        for e in entities:
            entity_type = self.types.get(e.type)
            if entity_type is not None and entity_type.observed:
                wanted.setdefault(e.type, []).append(e.id)
        if not wanted:
            return entities
        latest: dict[str, Mapping[str, Attribute]] = {}
        for name, ids in wanted.items():
            latest.update(await self._read_latest(connection, entities[0].tenant, self.types[name], ids))
        return [
            msgspec.structs.replace(e, attrs={**e.attrs, **latest[e.id]}) if e.id in latest else e for e in entities
        ]

    async def type_counts(self, actor: Actor, *, names: bool = True) -> list[tuple[str, int, tuple[str, ...]]]:
        """(type, entities, attribute names) of every type of which the caller may read something.

        names: look for the attribute names too; without them the answer is only counted.
        """
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT type, count(*) AS n FROM entity WHERE tenant = $1 GROUP BY type ORDER BY type", actor.tenant
            )
            result, keeping = [], self._rights.keeping(actor)
            for row in rows:
                access = self._rights.to_read(actor, row["type"], keeping)
                if access is None:
                    continue
                total = row["n"]
                if not access.everything:
                    page = Query(types=(row["type"],), limit=0, count=True)
                    statement = compile_query(actor.tenant, page, [access], self.types, many_typed=False)
                    total = await connection.fetchval(statement.count_sql, *statement.parameters[: statement.counted])
                if not total:
                    continue
                found = await self._attribute_names(connection, actor.tenant, row["type"], access) if names else ()
                result.append((row["type"], int(total), found))
        return result

    async def attribute_use(self, name: str, actor: Actor, type: str = "") -> tuple[int, set[str]]:
        """How many entities that the caller may read have an attribute, and of which kinds it is (5.7.10.4).

        The kinds are those of up to a thousand of the entities.
        """
        query = Query(
            types=(type,) if type else (), where=(Where(name, "exists"),), limit=1_000, count=True, latest=False
        )
        page = await self.ask(query, actor)
        kinds = {a.type for e in page.items for k, a in e.attrs.items() if split_key(k)[0] == name}
        return page.total or 0, set(kinds)

    async def indicators(self, actor: Actor) -> list[Valued]:
        """Every declared indicator over what the caller may read; None where there is nothing to compute it from."""
        return await self._indicators(self.packs, actor)

    async def _attribute_names(self, connection: Connection, tenant: str, name: str, access: Access) -> tuple[str, ...]:
        entity_type = self.types.get(name)
        declared = tuple(n for n in entity_type.fields if access.shows(n)) if entity_type else ()
        # A sample of the newest entities tells the undeclared attributes; a full scan would cost seconds at a million.
        given = Bound([tenant, name])
        # Names that stand only in what is seen in its public view are told as that view tells them: not at all.
        mine = admitted((replace(access, public=False),), ENTITIES, given.bind, self.types)
        if access.keeping is not None and access.keeping.anything():
            mine += " AND e.types IS NULL"  # nor what stands only where a further type may keep it
        rows = await connection.fetch(
            "SELECT DISTINCT split_part(k, ' ', 1) AS name FROM (SELECT e.attrs FROM entity e"  # noqa: S608 - placeholders
            f" WHERE e.tenant = $1 AND e.type = $2 AND {mine} ORDER BY e.modified_at DESC LIMIT 1000) s,"
            " jsonb_object_keys(s.attrs) k",
            *given.values,
        )
        return tuple(dict.fromkeys((*declared, *sorted(r["name"] for r in rows if access.shows(r["name"])))))


def _by_actions(entity_type: EntityType) -> NotAllowed:
    return NotAllowed(
        f"a {entity_type.name} is written by actions alone.",
        field="type",
        remedy="GET /api/actions lists what can be done with it.",
    )


def _scoped(actor: Actor, key: str | None) -> str | None:
    """Idempotency keys of different callers never meet."""
    if key is None:
        return None
    if not 0 < len(key) <= 220:
        raise InvalidInput("an Idempotency-Key has 1 to 200 characters.", field="Idempotency-Key")
    return f"{actor.id} {actor.address if actor.kind == 'anonymous' else ''} {key}"


def _told(answer: asyncio.Task[tuple[Any, ...]]) -> bool:
    """Whether a finished question was answered."""
    return not answer.cancelled() and answer.exception() is None


def _access_of(by_type: Mapping[str | None, Access], entity: Entity, types: Mapping[str, EntityType]) -> Access:
    return by_type[entity.type if entity.type in types else None]

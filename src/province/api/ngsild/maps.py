"""Entity maps (5.5.9.3, 5.14): a question is answered by the entities that it found at first, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from urllib.parse import quote, unquote

import msgspec
from starlette.responses import Response

from province.api.ngsild.aggregation import read_lifetime
from province.api.ngsild.question import BY_OFFSET, Found, Question, every_one, find, read_body_question, read_question
from province.api.ngsild.view import View, read_accept, read_context, read_ld, read_view
from province.api.route import Call, path_id
from province.broker.entitymaps import MOST_IDS, EntityMap
from province.errors import InvalidInput, NotFound, TooLarge
from province.model.entity import Entity, Json
from province.model.jsonld import is_iri
from province.model.query import Query, pages
from province.model.time import format_instant, parse_utc

HEADER: Final = "NGSILD-EntityMap"
_PATH: Final = "/ngsi-ld/v1/entityMaps"
_AT_ONCE: Final = 1_000

Matching = Callable[[Call, Question], Awaitable[list[str]]]
"""The ids of all that answer a question, in its order."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The map that a request uses, if any. made: for this request."""

    map: EntityMap | None = None
    made: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Where the map stands."""
        return {HEADER: location(self.map)} if self.map is not None else {}

    async def find(self, call: Call, question: Question) -> Found:
        """A page of what is asked, out of the map if there is one."""
        if self.map is None:
            return await find(call, question)
        if question.order or question.query.order != "id":
            return await find(call, replace(question, query=among(question, left(self.map))))
        found: list[Entity] = []
        gone: list[str] = []
        following = 0
        async for place, id, entity in self.walk(call, question):
            if len(found) == question.query.limit:
                following = place
                break
            if entity is not None:
                found.append(entity)
            elif _may_go(question, id):
                gone.append(id)
        await call.services.broker.shown(found, call.actor)
        if gone:
            await call.services.entity_maps.forget(self.map.id, gone, call.actor)
        total = await self._count(call, question) if question.query.count else None
        return Found(found, BY_OFFSET if following else "", following, total)

    async def walk(self, call: Call, question: Question) -> AsyncIterator[tuple[int, str, Entity | None]]:
        """(place, id, the entity if it answers still) of those in the map, from the place that the offset says."""
        assert self.map is not None
        step = min(_AT_ONCE, max(50, 2 * question.query.limit))
        for start in range(question.offset, len(self.map.ids), step):
            chunk = [
                (place, id)
                for place, id in enumerate(self.map.ids[start : start + step], start)
                if id not in self.map.gone
            ]
            ids = [id for _, id in chunk]
            page = await call.services.broker.ask(
                msgspec.structs.replace(among(question, ids), limit=step, count=False), call.actor
            )
            present = {e.id: e for e in page.items}
            for place, id in chunk:
                yield place, id, present.get(id)

    async def _count(self, call: Call, question: Question) -> int:
        assert self.map is not None
        ids = left(self.map)
        total = 0
        for start in range(0, len(ids), 10 * _AT_ONCE):
            query = among(question, ids[start : start + 10 * _AT_ONCE])
            page = await call.services.broker.ask(msgspec.structs.replace(query, limit=0, count=True), call.actor)
            total += page.total or 0
        return total


def among(question: Question, ids: Sequence[str]) -> Query:
    """The query, of these entities alone."""
    asked = set(question.query.ids)
    wanted = [id for id in ids if id in asked] if asked else ids
    return msgspec.structs.replace(question.query, ids=tuple(wanted) or ("",), after="")


def left(map: EntityMap) -> list[str]:
    """The ids that have not left."""
    return [id for id in map.ids if id not in map.gone]


def _may_go(question: Question, id: str) -> bool:
    """Whether an entity that does not answer leaves the map: not when other ids were asked for (5.5.14)."""
    return not question.query.id_pattern and (not question.query.ids or id in question.query.ids)


async def matching(call: Call, question: Question) -> list[str]:
    """The ids of all entities that answer a question. Raises: TooLarge, TooComplex."""
    if question.order:
        return [e.id for e in await every_one(call, question)]
    query = msgspec.structs.replace(question.query, limit=_AT_ONCE, count=False, after="", latest=False)
    ids: list[str] = []
    async for page in pages(call.services.broker.ask, query, call.actor):
        ids.extend(e.id for e in page.items)
        if len(ids) > MOST_IDS:
            raise TooLarge(f"a map holds at most {MOST_IDS} entities.", field="entityMap", remedy="Narrow the query.")
    return ids


async def fix(call: Call, question: Question, matching: Matching = matching) -> Fixed:
    """The map that the request names, or a new one where it wants one and there is none (5.7.2.4).

    Who has not signed in gets none: maps are told by whose they are.
    """
    wanted, lifetime = call.flag("entityMap"), _lifetime(call)
    named = call.request.headers.get(HEADER)
    if call.actor.kind == "anonymous" or not (wanted or named):
        return Fixed()
    if named:
        try:
            return Fixed(await call.services.entity_maps.get(_named(named), call.actor))
        except NotFound:
            pass  # another is made in its place
    made = await call.services.entity_maps.create(await matching(call, question), call.actor, lifetime)
    return Fixed(made, made=True)


async def fix_one(call: Call, id: str) -> dict[str, str]:
    """The headers of an answer about one entity: the map in use, if one is (5.7.1.4)."""

    async def alone(call: Call, question: Question) -> list[str]:
        return [id]

    return (await fix(call, Question(Query()), alone)).headers


def _lifetime(call: Call) -> timedelta | None:
    given = call.text("entityMapLifetime")
    if "entityMapLifetime" not in call.params:
        return None
    return read_lifetime(given, "entityMapLifetime")


def _named(header: str) -> str:
    """The id in a location, or the id itself."""
    return unquote(header.strip().rsplit("/", 1)[-1])


def location(map: EntityMap) -> str:
    """The resource of a map."""
    return f"{_PATH}/{quote(map.id, safe=':')}"


async def create(call: Call) -> Response:
    """Fix which entities answer a query now."""
    context = await read_context(call)
    return await answer_created(call, read_view(call, context), read_question(call, context))


async def create_body(call: Call) -> Response:
    """Fix which entities answer a query whose conditions stand in the body."""
    body, context = await read_ld(call)
    question = read_body_question(call, body, context)
    view = read_view(call, context, pick=question.pick, omit=question.omit)
    return await answer_created(call, view, question)


async def answer_created(call: Call, view: View, question: Question, matching: Matching = matching) -> Response:
    """A new map, with what is in it."""
    made = await call.services.entity_maps.create(await matching(call, question), call.actor, _lifetime(call))
    return view.answer(_show(made, made.ids), 201, {HEADER: location(made)})


async def retrieve(call: Call) -> Response:
    """A map of the caller's: the ids in it that the caller may still see."""
    view = View(context=await read_context(call), media=read_accept(call, geo=False))
    map = await call.services.entity_maps.get(_map_id(call), call.actor)
    visible: set[str] = set()
    ids = left(map)
    for start in range(0, len(ids), _AT_ONCE):
        query = Query(ids=tuple(ids[start : start + _AT_ONCE]), limit=_AT_ONCE, latest=False)
        visible |= {e.id for e in (await call.services.broker.ask(query, call.actor)).items}
    return view.answer(_show(map, [id for id in ids if id in visible]))


async def update(call: Call) -> Response:
    """Let a map end at another time, at most an hour from now."""
    id = _map_id(call)
    body, _ = await read_ld(call, merge=True)
    if not isinstance(body, dict):
        raise InvalidInput("the body is no EntityMap.", field="body", remedy='Send {"expiresAt": …}.')
    if "expiresAt" in body:
        ends = parse_utc(body["expiresAt"], field="expiresAt")
        await call.services.entity_maps.keep_until(id, ends, call.actor)
    else:  # every other member is for reading only and without effect (5.14.2.4)
        await call.services.entity_maps.get(id, call.actor)
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """Remove a map."""
    await call.services.entity_maps.delete(_map_id(call), call.actor)
    return Response(status_code=204)


def _show(map: EntityMap, ids: Sequence[str]) -> dict[str, Json]:
    return {
        "id": map.id,
        "type": "EntityMap",
        "expiresAt": format_instant(map.expires_at),
        "entityMap": {id: ["@none"] for id in ids},
        "linkedMaps": {},
    }


def _map_id(call: Call) -> str:
    id = path_id(call)
    if not is_iri(id):
        raise InvalidInput(f"{id[:80]!r} is not a URI.", field="id", remedy="Give the id of a map.")
    return id

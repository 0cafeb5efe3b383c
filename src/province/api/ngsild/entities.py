"""/entities: create, query, retrieve, merge, replace, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from starlette.responses import Response

from province.api.errors import problem
from province.api.ngsild.joining import show_entities
from province.api.ngsild.maps import fix, fix_one
from province.api.ngsild.question import BY_OFFSET, SHALLOW, Found, Question, read_question
from province.api.ngsild.view import View, read_accept, read_context, read_ld, read_members, read_view
from province.api.ngsild.writing import (
    RETRIES,
    again,
    expected_version,
    needs_entity,
    observe_all,
    split,
    write_fragment,
)
from province.api.route import Call, json_response, path_id
from province.errors import Conflict, InvalidInput, NotFound, ProvinceError
from province.model.change import Change
from province.model.codec import decode
from province.model.entity import Entity, Json, split_key
from province.model.fragment import Fragment, decode_fragment, needs_base
from province.model.jsonld import Context, is_iri
from province.model.query import AnyOf, Where, pages
from province.model.typeselection import parse_types

BASE = "/ngsi-ld/v1"
_PURGED_AT_ONCE: Final = 1_000


async def create(call: Call) -> Response:
    """Create an entity."""
    body, context = await read_ld(call)
    types = call.services.broker.types
    entity = decode(body, tenant=call.actor.tenant, context=context, types=types, plain=call.plain)
    parts = split(entity.id, entity.types, entity.attrs, types, call.actor)
    change = Change(
        op="create",
        id=entity.id,
        type=entity.type,
        types=entity.types[1:],
        attrs=parts.record,
        scope=entity.scope or None,
    )
    await call.services.broker.apply((change,), call.actor, key=call.key)
    await observe_all(call, parts.readings)
    return Response(status_code=201, headers={"Location": f"{BASE}/entities/{quote(entity.id, safe=':')}"})


async def query(call: Call) -> Response:
    """A page of entities, with the link to the next one."""
    context = await read_context(call)
    question = read_question(call, context)
    view = read_view(call, context)
    if question.attrs and not view.pick:
        view = view.only(question.attrs)
    return await answer_query(call, view, question)


async def answer_query(call: Call, view: View, question: Question) -> Response:
    """A page of entities as the view shows them."""
    wanted = {n for n in view.pick if n not in ("id", "type", "scope", "createdAt", "modifiedAt")}
    if wanted and not question.attrs and not view.pick.keys() & {"id", "type"}:
        # Entities of which nothing would be shown are no answer, and do not count (5.7.2.4).
        present = AnyOf(tuple((Where(n, "exists"),) for n in sorted(wanted)))
        question = replace(
            question, query=msgspec.structs.replace(question.query, where=(*question.query.where, present))
        )
    fixed = await fix(call, question)
    found = await fixed.find(call, question)
    shown = await show_entities(call, view, [e for e in found.entities if view.admits(e)])
    headers = {**page_headers(call, found, question.offset, question.query.limit), **fixed.headers}
    return view.answer_many(shown, headers, 201 if fixed.made else 200)


def page_headers(call: Call, found: Found, offset: int, limit: int) -> dict[str, str]:
    """Link to the next and the previous page, and the count.

    A page far in begins where `after` says, which costs the same at any depth; `offset` tells a reader where that is.
    """
    others = {k: v for k, v in call.params.items() if k not in ("after", "offset", "limit")}
    path = call.request.url.path.rstrip("/")
    media = read_accept(call)
    links = []

    def link(where: dict[str, Any], relation: str) -> str:
        query = urlencode(sorted({**others, "limit": limit, **where}.items()), safe="/:*,;@", quote_via=quote)
        return f'<{path}?{query}>;rel="{relation}";type="{media}"'

    if found.next:
        deep = found.next != BY_OFFSET and found.next_offset > SHALLOW
        links.append(link({"offset": found.next_offset, **({"after": found.next} if deep else {})}, "next"))
    if offset and limit:
        links.append(link({"offset": max(0, offset - limit)}, "prev"))
    headers = {"Link": ", ".join(links)} if links else {}
    if found.total is not None:
        headers["NGSILD-Results-Count"] = str(found.total)
    return headers


async def retrieve(call: Call) -> Response:
    """One entity."""
    context = await read_context(call)
    id = entity_id(call)
    view = read_view(call, context)
    attrs = frozenset(context.name(a, field="attrs") for a in call.names("attrs"))
    wanted = parse_types(call.text("type"), context) if "type" in call.params else None
    entity = await call.services.broker.get(id, call.actor)
    if wanted is not None and not wanted.admits(entity.types):
        raise NotFound(f"{id} has not that type.", field="type")
    if not view.admits(entity):
        raise NotFound(f"{id} has none of these members.", field="pick")
    if attrs:
        if not attrs & {k.partition(" ")[0] for k in entity.attrs}:
            raise NotFound(f"{id} has none of these attributes.", field="attrs")
        view = view.only(attrs)
    shown = await show_entities(call, view, [entity])
    headers = {"ETag": f'"{entity.version}"', **await fix_one(call, id)}
    return view.answer_many(shown, headers) if view.join == "flat" else view.answer(shown[0], headers=headers)


async def merge(call: Call) -> Response:
    """Merge patch: attributes and parts of them change, null removes."""
    body, context = await read_ld(call, merge=True)
    id = entity_id(call)
    await merge_one(call, id, body, context)
    return Response(status_code=204)


async def merge_one(call: Call, id: str, body: Json, context: Context) -> None:
    """Merge a fragment into an entity, reading it first only when needed. Raises: as apply and observe."""
    broker = call.services.broker
    first = decode_fragment({} if needs_base(body, context) else body, context=context, types=broker.types)
    must_read = needs_base(body, context) or needs_entity(call, names_of(first), first.types)
    for attempt in range(RETRIES):
        base = await broker.get(id, call.actor, latest=False) if must_read else None
        fragment = decode_fragment(body, context=context, types=broker.types, base=base) if base else first
        if fragment.id and fragment.id != id:
            raise InvalidInput(f"the body names {fragment.id}, the address {id}.", field="id")
        try:
            await write_fragment(call, id, fragment, base, style="set" if fragment.based else "deep")
        except Conflict as error:
            await again(error, attempt, call)
        else:
            return


async def replace_entity(call: Call) -> Response:
    """Replace an entity: attributes that are not given vanish."""
    body, context = await read_ld(call)
    id = entity_id(call)
    broker = call.services.broker
    entity = decode(body, tenant=call.actor.tenant, context=context, types=broker.types, id=id)
    parts = split(entity.id, entity.types, entity.attrs, broker.types, call.actor)
    change = Change(
        op="replace",
        id=id,
        type=entity.type,
        types=entity.types[1:],
        attrs=parts.record,
        scope=entity.scope,
        expect_version=expected_version(call),
    )
    await broker.apply((change,), call.actor, key=call.key)
    await observe_all(call, parts.readings)
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """Delete an entity; its history stays."""
    change = Change(op="delete", id=await gated_id(call), type="", expect_version=expected_version(call))
    await call.services.broker.apply((change,), call.actor, key=call.key)
    return Response(status_code=204)


async def purge(call: Call) -> Response:
    """Delete the entities that a query finds; `drop` removes these attributes instead, `keep` all but these."""
    context = await read_context(call)
    question = read_question(call, context)
    keep, drop = (frozenset(read_members(call, context, p)) for p in ("keep", "drop"))
    if keep and drop:
        raise InvalidInput("keep and drop exclude each other.", field="drop", remedy="Give one of them.")
    broker = call.services.broker
    query = msgspec.structs.replace(question.query, limit=_PURGED_AT_ONCE, count=False, latest=False)
    failed: list[tuple[str, ProvinceError]] = []
    done: list[str] = []
    async for page in pages(broker.query, query, call.actor):
        changes = [_purged(e, keep, drop) for e in page.items]
        answers = await broker.apply_each(changes, call.actor)
        for entity, answer in zip(page.items, answers, strict=True):
            if isinstance(answer, ProvinceError):
                failed.append((entity.id, answer))
            else:
                done.append(entity.id)
    if not failed:
        return Response(status_code=204)
    shown = [{"entityId": id, "error": problem(e, call.id, ngsi_ld=True)} for id, e in failed]
    return json_response({"success": done, "errors": shown}, 207)


def _purged(entity: Entity, keep: frozenset[str], drop: frozenset[str]) -> Change:
    if not keep and not drop:
        return Change(op="delete", id=entity.id, type="")
    gone = [k for k in entity.attrs if (split_key(k)[0] in drop if drop else split_key(k)[0] not in keep)]
    scope = () if ("scope" in drop or (keep and "scope" not in keep)) else None
    return Change(op="merge", id=entity.id, type="", attrs=dict.fromkeys(gone), scope=scope)


def names_of(fragment: Fragment) -> list[str]:
    """The names of the attributes that a fragment touches."""
    return [split_key(k)[0] for k in fragment.attrs]


async def gated_id(call: Call) -> str:
    """The id in the address, of an entity that has the type of the parameter `type`, if there is one.

    Raises: InvalidInput, NotFound.
    """
    id = entity_id(call)
    if "type" in call.params:
        wanted = parse_types(call.text("type"), await read_context(call))
        entity = await call.services.broker.get(id, call.actor, latest=False)
        if not wanted.admits(entity.types):
            raise NotFound(f"{id} has not that type.", field="type")
    return id


def entity_id(call: Call) -> str:
    """The id in the address. Raises: InvalidInput when it is no URI."""
    id = path_id(call)
    if not is_iri(id):
        raise InvalidInput(
            f"{id[:80]!r} is not a URI.", field="id", remedy="Give an id such as urn:ngsi-ld:Device:001."
        )
    return id

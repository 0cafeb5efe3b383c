"""/entities: create, query, retrieve, merge, replace, delete."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.responses import Response

from province.api.ngsild.question import find, read_question
from province.api.ngsild.view import read_context, read_ld, read_view
from province.api.ngsild.writing import (
    RETRIES,
    again,
    expected_version,
    needs_entity,
    observe_all,
    split,
    write_fragment,
)
from province.api.route import Call, path_id
from province.errors import Conflict, InvalidInput, NotFound
from province.model.change import Change
from province.model.codec import decode
from province.model.entity import Json, split_key
from province.model.fragment import Fragment, decode_fragment, needs_base
from province.model.jsonld import Context, is_iri

BASE = "/ngsi-ld/v1"


async def create(call: Call) -> Response:
    """Create an entity."""
    body, context = await read_ld(call)
    entity = decode(body, tenant=call.actor.tenant, context=context, types=call.services.broker.types)
    parts = split(entity.id, entity.types, entity.attrs, call.services.broker.types, call.actor)
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
    entities, following, total = await find(call, question)
    headers = page_headers(call, following, total, question.offset, question.query.limit)
    return view.answer_many(entities, headers)


def page_headers(call: Call, following: str, total: int | None, offset: int, limit: int) -> dict[str, str]:
    """Link to the next and the previous page, and the count."""
    others = {k: v for k, v in call.params.items() if k not in ("after", "offset")}
    path = call.request.url.path
    links = []
    if following:
        links.append(f'<{path}?{urlencode({**others, "after": following})}>; rel="next"')
    if offset:
        before = {**others, "offset": max(0, offset - limit)}
        links.append(f'<{path}?{urlencode(before)}>; rel="prev"')
    headers = {"Link": ", ".join(links)} if links else {}
    if total is not None:
        headers["NGSILD-Results-Count"] = str(total)
    return headers


async def retrieve(call: Call) -> Response:
    """One entity."""
    context = await read_context(call)
    id = entity_id(call)
    view = read_view(call, context)
    attrs = frozenset(context.name(a, field="attrs") for a in call.names("attrs"))
    entity = await call.services.broker.get(id, call.actor)
    if attrs:
        if not attrs & {k.partition(" ")[0] for k in entity.attrs}:
            raise NotFound(f"{id} has none of these attributes.", field="attrs")
        view = view.only(attrs)
    return view.answer(view.show(entity), headers={"ETag": f'"{entity.version}"'})


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


async def replace(call: Call) -> Response:
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
    change = Change(op="delete", id=entity_id(call), type="", expect_version=expected_version(call))
    await call.services.broker.apply((change,), call.actor, key=call.key)
    return Response(status_code=204)


def names_of(fragment: Fragment) -> list[str]:
    """The names of the attributes that a fragment touches."""
    return [split_key(k)[0] for k in fragment.attrs]


def entity_id(call: Call) -> str:
    """The id in the address. Raises: InvalidInput when it is no URI."""
    id = path_id(call)
    if not is_iri(id):
        raise InvalidInput(
            f"{id[:80]!r} is not a URI.", field="id", remedy="Give an id such as urn:ngsi-ld:Device:001."
        )
    return id

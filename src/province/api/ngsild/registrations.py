"""/csourceRegistrations: context sources kept as data (clauses 5.9 and 5.10). Nothing is forwarded to them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from province.api.ngsild.pages import page_links, read_page
from province.api.ngsild.period import TEMPORAL_PARAMS, read_period
from province.api.ngsild.question import QUERY_PARAMS, read_geo, read_ids, read_pattern
from province.api.ngsild.subscriptions import BASE, subscription_id
from province.api.ngsild.view import View, read_accept, read_context, read_ld, read_members
from province.api.route import Call, Param
from province.broker.conditions import in_scope, lies, meets, names_of
from province.broker.registrations import Registered
from province.errors import InvalidInput
from province.model.entity import Json
from province.model.qlanguage import parse_q, parse_scope_q
from province.model.registration import (
    Interest,
    as_entity,
    could_answer,
    decode_registration,
    encode_registration,
    information_fits,
)
from province.model.subscription import Selector
from province.model.time import format_instant, now
from province.model.typeselection import TypeChoice, parse_types

SOURCE_PARAMS: Final = (
    *(p for p in QUERY_PARAMS if p.name not in ("local", "orderBy", "expandValues") and "ntityMap" not in p.name),
    *(p for p in TEMPORAL_PARAMS if p.name in ("timerel", "timeAt", "endTimeAt", "timeproperty")),
    Param("csf", "Conditions on the properties of the sources, as in q."),
    Param("datasetId", "Datasets that the sources may have."),
)
_PATH: Final = f"{BASE}/csourceRegistrations"


async def create(call: Call) -> Response:
    """Register a context source."""
    body, context = await read_ld(call)
    document = decode_registration(body, context, now())
    id = await call.services.registrations.create(document, call.actor)
    return Response(status_code=201, headers={"Location": f"{_PATH}/{quote(id, safe=':')}"})


async def query(call: Call) -> Response:
    """The context sources that could answer a question."""
    view = await _view(call)
    context = view.context
    q = parse_q(call.text("q"), context) if call.text("q") else ()
    geo = read_geo(call, context)
    attributes = frozenset(read_members(call, context, "attrs")) | names_of(q)
    choice = parse_types(call.text("type"), context) if "type" in call.params else None
    ids = frozenset(read_ids(call.names("id")))
    pattern = read_pattern(call.text("idPattern"), "idPattern") if "idPattern" in call.params else ""
    if choice is None and not attributes and not q and geo is None:
        raise InvalidInput("a query needs one of type, attrs, q, georel.", field="type", remedy="Add one.")
    interest = Interest(
        selectors=_selectors(choice, ids, pattern),
        attributes=attributes,
        temporal=_temporal(call),
        datasets=frozenset(call.names("datasetId")),
    )
    csf = parse_q(call.text("csf"), context) if call.text("csf") else ()
    scope = parse_scope_q(call.text("scopeQ")) if "scopeQ" in call.params else ()
    span = read_page(call)
    found: list[Registered] = []
    for one in await call.services.registrations.all(call.actor):
        source = as_entity(one.document, one.tenant)
        place_fits = geo is None or lies(source, geo[0], geo[1])
        if could_answer(one.document, interest) and meets(source, csf) and in_scope(source, scope) and place_fits:
            found.append(one)
    page = found[span.offset : span.offset + span.limit]
    body = [_show(one, view, interest) for one in page]
    return view.answer(body, headers=page_links(call, span, len(found)))


async def retrieve(call: Call) -> Response:
    """One registration."""
    id = subscription_id(call)
    view = await _view(call)
    return view.answer(_show(await call.services.registrations.get(id, call.actor), view))


async def update(call: Call) -> Response:
    """Change members of a registration; null removes one."""
    id = subscription_id(call)
    body, context = await read_ld(call, merge=True)
    before = await call.services.registrations.get(id, call.actor, "change")
    document = decode_registration(body, context, now(), before=before.document)
    await call.services.registrations.replace(document, call.actor)
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """Remove a registration."""
    await call.services.registrations.delete(subscription_id(call), call.actor)
    return Response(status_code=204)


def _selectors(choice: TypeChoice | None, ids: frozenset[str], pattern: str) -> tuple[Selector, ...]:
    if choice is None and not ids and not pattern:
        return ()
    return (Selector(choice, ids, pattern),)


def _temporal(call: Call) -> dict[str, Json] | None:
    if "timerel" not in call.params:
        return None
    read_period(call)
    return {k: call.params[k] for k in ("timerel", "timeAt", "endTimeAt", "timeproperty") if k in call.params}


async def _view(call: Call) -> View:
    media = read_accept(call, geo=False)
    sys_attrs = "sysAttrs" in call.names("options")
    return View(context=await read_context(call), media=media, sys_attrs=sys_attrs)


def _show(one: Registered, view: View, interest: Interest | None = None) -> dict[str, Json]:
    document = dict(one.document)
    if interest is not None:  # only what fits is told (5.10.2.5)
        document["information"] = [i for i in document["information"] if information_fits(i, interest)]
    shown = encode_registration(document, view.context)
    if view.sys_attrs:
        shown["createdAt"] = format_instant(one.created_at)
        shown["modifiedAt"] = format_instant(one.modified_at)
    return shown

"""/types, /attributes and /info: what there is to ask for."""

from __future__ import annotations

import time
from typing import Final

from starlette.responses import Response

from province.api.ngsild.view import View, read_accept, read_context
from province.api.route import Call, path_id
from province.errors import NotFound
from province.model.entity import Json
from province.model.jsonld import Context, external, iri_of
from province.model.time import format_instant, now

_STARTED: Final = time.monotonic()


async def list_types(call: Call) -> Response:
    """The types that the caller may read; `details=true` adds their attributes."""
    view = await _view(call)
    counts = await call.services.broker.type_counts(call.actor)
    if call.flag("details"):
        return view.answer(
            [
                {
                    "id": iri_of(name),
                    "type": "EntityType",
                    "typeName": external(name, view.context),
                    "attributeNames": [external(a, view.context) for a in attrs],
                }
                for name, _, attrs in counts
            ]
        )
    names = [external(name, view.context) for name, _, _ in counts]
    return view.answer({"id": "urn:ngsi-ld:EntityTypeList:all", "type": "EntityTypeList", "typeList": names})


async def retrieve_type(call: Call) -> Response:
    """One type: how many entities, which attributes of which kind."""
    view = await _view(call)
    wanted = view.context.name(path_id(call, "type"), field="type")
    for name, count, attrs in await call.services.broker.type_counts(call.actor):
        if name == wanted:
            return view.answer(
                {
                    "id": iri_of(name),
                    "type": "EntityTypeInfo",
                    "typeName": external(name, view.context),
                    "entityCount": count,
                    "attributeDetails": [await _detail(call, name, a, view.context) for a in attrs],
                }
            )
    raise NotFound(f"there is no type {wanted[:80]!r}.", field="type", remedy="See /ngsi-ld/v1/types.")


async def list_attributes(call: Call) -> Response:
    """The attributes that the caller may read; `details=true` adds the types that have them."""
    view = await _view(call)
    having = await _attributes(call)
    if call.flag("details"):
        return view.answer([_attribute(n, having[n], view.context) for n in sorted(having)])
    names = [external(n, view.context) for n in sorted(having)]
    return view.answer({"id": "urn:ngsi-ld:AttributeList:all", "type": "AttributeList", "attributeList": names})


async def retrieve_attribute(call: Call) -> Response:
    """One attribute and the types that have it."""
    view = await _view(call)
    wanted = view.context.name(path_id(call, "attr"), field="attr")
    having = await _attributes(call)
    if wanted not in having:
        raise NotFound(f"there is no attribute {wanted[:80]!r}.", field="attr", remedy="See /ngsi-ld/v1/attributes.")
    kinds = {k for t in having[wanted] for k in _kinds(call, t, wanted)}
    count, found = await call.services.broker.attribute_use(wanted, call.actor)
    shown = _attribute(wanted, having[wanted], view.context)
    return view.answer({**shown, "attributeTypes": sorted(kinds | found), "attributeCount": count})


async def identity(call: Call) -> Response:
    """Who answers here, and since when."""
    view = await _view(call)
    return view.answer(
        {
            "id": call.services.source_id,
            "type": "ContextSourceIdentity",
            "contextSourceAlias": "province",
            "contextSourceUptime": f"PT{time.monotonic() - _STARTED:.0f}S",
            "contextSourceTimeAt": format_instant(now()),
        }
    )


async def _view(call: Call) -> View:
    return View(context=await read_context(call), media=read_accept(call, geo=False))


async def _attributes(call: Call) -> dict[str, list[str]]:
    having: dict[str, list[str]] = {}
    for name, _, attrs in await call.services.broker.type_counts(call.actor):
        for attr in attrs:
            having.setdefault(attr, []).append(name)
    return having


def _attribute(name: str, types: list[str], context: Context) -> dict[str, Json]:
    return {
        "id": iri_of(name),
        "type": "Attribute",
        "attributeName": external(name, context),
        "typeNames": [external(t, context) for t in types],
    }


async def _detail(call: Call, type_name: str, attr: str, context: Context) -> dict[str, Json]:
    kinds = _kinds(call, type_name, attr)
    if not kinds:
        kinds = sorted((await call.services.broker.attribute_use(attr, call.actor, type_name))[1])
    shown: dict[str, Json] = {"id": iri_of(attr), "type": "Attribute", "attributeName": external(attr, context)}
    return {**shown, "attributeTypes": kinds} if kinds else shown


def _kinds(call: Call, type_name: str, attr: str) -> list[str]:
    """The kinds that are declared; of undeclared attributes none is told, for any may come."""
    declared = call.services.broker.types.get(type_name)
    spec = declared.fields.get(attr) if declared else None
    return [spec.kind] if spec else []

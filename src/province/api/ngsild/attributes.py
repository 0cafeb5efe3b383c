"""/entities/{id}/attrs: append, update, and single attributes."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from province.api.ngsild.entities import entity_id, gated_id, names_of
from province.api.ngsild.view import read_context, read_ld
from province.api.ngsild.writing import RETRIES, again, needs_entity, require_attribute, write_fragment
from province.api.route import Call, json_response, path_id
from province.errors import Conflict, InvalidInput, NotFound
from province.model.codec import KIND_OF
from province.model.entity import NULL, SCOPE, Attribute, Entity, Json, attribute_key, split_key
from province.model.fragment import Fragment, decode_fragment, needs_base
from province.model.jsonld import Context, external


async def append(call: Call) -> Response:
    """Add attributes; those that exist are overwritten unless `options=noOverwrite`."""
    body, context = await read_ld(call)
    id = await gated_id(call)
    keep = "noOverwrite" in call.names("options")
    types = call.services.broker.types
    fragment = decode_fragment(body, context=context, types=types, whole=True)
    _require_attributes(fragment)
    base = None
    if keep or needs_entity(call, names_of(fragment), fragment.types):
        base = await call.services.broker.get(id, call.actor, latest=False)
    kept = [k for k in fragment.attrs if keep and base is not None and k in base.attrs]
    if keep and base is not None and fragment.scope:  # scopes add up where nothing is overwritten (4.18)
        fragment = msgspec.structs.replace(fragment, scope=tuple(dict.fromkeys((*base.scope, *fragment.scope))))
    await write_fragment(call, id, fragment, base, style="fill" if keep else "set")
    if not kept:
        return Response(status_code=204)
    return _partial(fragment, kept, context, "the attribute exists and noOverwrite was asked for.")


async def update(call: Call) -> Response:
    """Overwrite attributes that exist, append the others; null removes one."""
    body, context = await read_ld(call, merge=True)
    id = await gated_id(call)
    broker = call.services.broker
    base = await broker.get(id, call.actor) if needs_base(body, context) else None
    fragment = decode_fragment(body, context=context, types=broker.types, base=base, whole=True, plain=call.plain)
    _require_attributes(fragment)
    removes = any(one is None for one in fragment.attrs.values())
    if base is None and (
        removes or fragment.scope is not None or needs_entity(call, names_of(fragment), fragment.types)
    ):
        base = await broker.get(id, call.actor)
    without_scope = fragment.scope is not None and base is not None and not base.scope
    if without_scope:  # a scope is replaced and not added here (5.6.2.4)
        fragment = msgspec.structs.replace(fragment, scope=None)
    if fragment.attrs or fragment.types or not without_scope:
        await write_fragment(call, id, fragment, base)
    if without_scope:
        return _partial(fragment, ["scope"], context, "the entity has no scope; POST adds one.")
    return Response(status_code=204)


async def update_one(call: Call) -> Response:
    """Change parts of one attribute."""
    body, context = await read_ld(call, merge=True)
    id, name = await gated_id(call), path_id(call, "attr")
    if name == SCOPE:
        raise InvalidInput("the scope is no attribute.", field="attr", remedy="PATCH or PUT the entity.")
    broker = call.services.broker
    key = _key(name, body, context)
    for attempt in range(RETRIES):
        base = await broker.get(id, call.actor, latest=False)
        if key not in _measured(call, base.types):
            require_attribute(base, key)
        given = {name: _as_part(_without_context(body), base.attrs.get(key))}
        fragment = decode_fragment(given, context=context, types=broker.types, base=base, whole=True)
        try:
            _require_same_kind(fragment, base)
            await write_fragment(call, id, fragment, base, style="set" if fragment.based else "part")
        except Conflict as error:
            await again(error, attempt, call)
        else:
            break
    return Response(status_code=204)


def _as_part(body: Json, old: Attribute | None) -> Json:
    """A body that names sub-attributes alone, as the part of an attribute that it is (5.6.4)."""
    if old is None or not isinstance(body, dict) or "type" in body or any(m in body for m in KIND_OF):
        return body
    return {"type": old.type, **body}


def _require_same_kind(fragment: Fragment, base: Entity) -> None:
    """A partial update changes no attribute into one of another kind (5.6.4.4). Raises: InvalidInput."""
    for key, attribute in fragment.attrs.items():
        old = base.attrs.get(key)
        if attribute is not None and old is not None and attribute.type != old.type:
            raise InvalidInput(
                f"{split_key(key)[0]!r} is a {old.type}, not a {attribute.type}.",
                field="type",
                remedy="Replace it by PUT.",
            )


async def replace_one(call: Call) -> Response:
    """Replace one attribute."""
    body, context = await read_ld(call)
    id, name = entity_id(call), path_id(call, "attr")
    if name == SCOPE:
        raise InvalidInput("the scope is no attribute.", field="attr", remedy="PATCH or PUT the entity.")
    broker = call.services.broker
    base = await broker.get(id, call.actor, latest=False)
    key = _key(name, body, context)
    if key not in _measured(call, base.types):
        require_attribute(base, key)
    fragment = decode_fragment({name: _without_context(body)}, context=context, types=broker.types)
    await write_fragment(call, id, fragment, base)
    return Response(status_code=204)


async def delete_one(call: Call) -> Response:
    """Remove one attribute: the default instance, the one of `datasetId`, or with `deleteAll` all of them."""
    context = await read_context(call)
    id = await gated_id(call)
    name = context.name(path_id(call, "attr"), field="attr")
    base = await call.services.broker.get(id, call.actor, latest=False)
    if path_id(call, "attr") == "scope":
        if not base.scope:
            raise NotFound(f"{id} has no scope.", field="attr")
        await write_fragment(call, id, Fragment(scope=()), base)
        return Response(status_code=204)
    if call.flag("deleteAll"):
        keys = [k for k in base.attrs if split_key(k)[0] == name] or [name]
    else:
        given = call.text("datasetId")
        keys = [attribute_key(name, None if given in ("", "@none") else given)]
    removed: dict[str, Attribute | None] = dict.fromkeys(keys)
    for key in keys:
        if key not in _measured(call, base.types):
            require_attribute(base, key)
    await write_fragment(call, id, Fragment(attrs=removed), base)
    return Response(status_code=204)


def _measured(call: Call, types: tuple[str, ...]) -> frozenset[str]:
    declared = call.services.broker.types.get(types[0])
    return frozenset(s.name for s in declared.observed) if declared else frozenset()


def _key(name: str, body: Json, context: Context) -> str:
    dataset = body.get("datasetId") if isinstance(body, dict) else None
    if dataset == NULL:
        raise InvalidInput("a datasetId is not removed.", field="datasetId", remedy="Leave it out (5.5.8).")
    return attribute_key(
        context.name(name, field="attr"), dataset if isinstance(dataset, str) and dataset != "@none" else None
    )


def _without_context(body: Json) -> Json:
    return {k: v for k, v in body.items() if k != "@context"} if isinstance(body, dict) else body


def _require_attributes(fragment: Fragment) -> None:
    if not fragment.attrs and fragment.scope is None and not fragment.types:
        raise InvalidInput("there is no attribute in the body.", field="body", remedy="Give at least one.")


def _partial(fragment: Fragment, left: list[str], context: Context, reason: str) -> Response:
    def shown(keys: list[str]) -> list[str]:
        return list(dict.fromkeys(external(split_key(k)[0], context) for k in keys))

    return json_response(
        {
            "updated": shown([k for k in fragment.attrs if k not in left]),
            "notUpdated": [{"attributeName": name, "reason": reason} for name in shown(left)],
        },
        207,
    )

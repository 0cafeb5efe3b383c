"""Writing histories: temporal entities created and added to, their instances corrected and withdrawn (5.6.11–5.6.16).

Present and past are one: the newest instance of an attribute is its present value. What was measured goes to the lake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from province.api.ngsild import instances
from province.api.ngsild.entities import BASE, entity_id
from province.api.ngsild.series import instance_id
from province.api.ngsild.view import read_context, read_ld
from province.api.ngsild.writing import Reading as Row
from province.api.ngsild.writing import observe_all, split
from province.api.route import Call, path_id
from province.broker.history import Instance
from province.errors import InvalidInput, NotFound
from province.model.change import Change, Operation
from province.model.codec import (
    KIND_OF,
    Reading,
    members,
    read_attribute,
    read_evolution,
    read_expiry,
    read_scope,
    read_types,
)
from province.model.entity import EXPIRY, SCOPE, Attribute, Entity, Json, attribute_key, is_null, split_key
from province.model.fragment import is_empty
from province.model.jsonld import Context, is_iri
from province.model.jsonvalue import check_json
from province.model.time import Instant, parse_utc

_OWN = ("createdAt", "modifiedAt", "deletedAt")


async def create(call: Call) -> Response:
    """Create the history of an entity, or add to one that exists."""
    body, context = await read_ld(call)
    check_json(body)
    given = members(body, context)
    id = given.pop("id", None)
    if not is_iri(id):
        raise InvalidInput(f"{str(id)[:80]!r} is not a URI.", field="id", remedy="Give an id such as urn:ngsi-ld:X:1.")
    if "type" not in given:
        raise InvalidInput("the entity has no type.", field="type", remedy="Add `type`.")
    types = read_types(given.pop("type"), context)
    created = await _write(call, str(id), types, given, context, "upsert")
    if not created:
        return Response(status_code=204)
    return Response(status_code=201, headers={"Location": f"{BASE}/temporal/entities/{quote(str(id), safe=':')}"})


async def append(call: Call) -> Response:
    """Add instances to the history of an entity."""
    body, context = await read_ld(call)
    id = entity_id(call)
    check_json(body)
    given = members(body, context)
    given.pop("id", None)
    added = read_types(given.pop("type"), context) if "type" in given else ()
    if is_empty(given):
        raise InvalidInput("there is no attribute in the body.", field="attrs", remedy="Give at least one.")
    entity = await call.services.broker.get(id, call.actor, latest=False)
    await _write(call, id, (*entity.types, *added), given, context, "merge")
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """Remove an entity with its history. Of one that is measured, what was measured is erased and the record stays."""
    id = entity_id(call)
    try:
        entity = await call.services.broker.get(id, call.actor, latest=False)
    except NotFound:
        return await _delete_departed(call, id)
    declared = call.services.broker.types.get(entity.type)
    if declared is not None and declared.observed:
        return await instances.erase(call)
    records = await _instances(call, entity, ())
    await call.services.broker.apply((Change(op="delete", id=id, type=""),), call.actor)
    await call.services.broker.withdraw(id, records, call.actor)
    return Response(status_code=204)


async def _delete_departed(call: Call, id: str) -> Response:
    """Withdraw the history of an entity that was deleted before. Raises: NotFound, also of one that was measured."""
    departed = await call.services.broker.departed(id, call.actor)
    declared = call.services.broker.types.get(departed.entity.type)
    if departed.deleted_at is None or (declared is not None and declared.observed):
        raise NotFound(f"there is no entity {id}.", field="id", remedy="What was measured is erased by its instances.")
    await call.services.broker.require_change(departed.judged, call.actor)
    await call.services.broker.withdraw(id, await _instances(call, departed.entity, ()), call.actor)
    return Response(status_code=204)


async def delete_attribute(call: Call) -> Response:
    """Remove an attribute with its history: the default instances, those of `datasetId`, or with `deleteAll` all."""
    context = await read_context(call)
    id = entity_id(call)
    name = context.name(path_id(call, "attr"), field="attr")
    entity = await call.services.broker.get(id, call.actor, latest=False)
    if _is_measured(call, entity, name):
        return await instances.delete_attribute(call)
    every = call.flag("deleteAll")
    dataset = call.text("datasetId")
    key = attribute_key(name, None if dataset in ("", "@none") else dataset)
    found = [i for i in await _instances(call, entity, (name,)) if every or i.key == key]
    if not found:
        raise NotFound(f"{id} has no attribute {name!r}.", field="attr")
    gone: dict[str, Attribute | None] = dict.fromkeys(k for k in {i.key for i in found} if k in entity.attrs)
    if gone:
        await call.services.broker.apply((Change(op="merge", id=id, type="", attrs=gone),), call.actor)
    await call.services.broker.withdraw(id, found, call.actor)
    return Response(status_code=204)


async def correct_instance(call: Call) -> Response:
    """Change one instance in the history of an attribute."""
    id = entity_id(call)
    entity = await call.services.broker.get(id, call.actor, latest=False)
    body, context = await read_ld(call, merge=True)
    name, instance = await _instance(call, context)
    if _is_measured(call, entity, name):
        return await instances.change(call, body, context)
    found = await _one(call, entity, name, instance)
    given = _single(body, name, context)
    old = found.attribute
    assert old is not None
    shown = read_attribute(name, given, Reading(context, call.services.broker.types), name)
    changed = msgspec.structs.replace(
        shown,
        observed_at=shown.observed_at or old.observed_at,
        unit_code=shown.unit_code or old.unit_code,
        dataset_id=split_key(found.key)[1],
        created_at=old.created_at,
        modified_at=found.at,
    )
    await call.services.broker.require_change(entity, call.actor)
    present = entity.attrs.get(found.key)
    if present is not None and present.modified_at == found.at and present.value == old.value:
        change = Change(op="merge", id=id, type="", attrs={found.key: changed})
        await call.services.broker.apply((change,), call.actor)
    await call.services.broker.amend(id, found, changed, call.actor)
    return Response(status_code=204)


async def delete_instance(call: Call) -> Response:
    """Withdraw one instance from the history of an attribute."""
    context = await read_context(call)
    id = entity_id(call)
    name, instance = await _instance(call, context)
    entity = await call.services.broker.get(id, call.actor, latest=False)
    if _is_measured(call, entity, name):
        return await instances.delete(call)
    found = await _one(call, entity, name, instance)
    await call.services.broker.require_change(entity, call.actor)
    await call.services.broker.withdraw(id, [found], call.actor)
    return Response(status_code=204)


async def _write(
    call: Call, id: str, types: Sequence[str], given: dict[str, Json], context: Context, op: Operation
) -> bool:
    """Store instances; whether the entity is new."""
    services = call.services
    declared = {t: services.broker.types[t] for t in types if t in services.broker.types}
    reading = Reading(context, declared)
    scopes = _scopes(given.pop(SCOPE)) if SCOPE in given else []
    scope = tuple(scopes[-1].value) if scopes else None
    state: dict[str, Attribute | None] = {}
    past: list[tuple[str, Attribute]] = [(SCOPE, one) for one in scopes if one.observed_at is not None]
    rows: list[Row] = []
    for member, value in given.items():
        if member in _OWN:
            continue
        if member == EXPIRY:
            state[EXPIRY] = read_expiry(value)
            continue
        several = value if isinstance(value, list) else [value]
        removed = [one for one in several if _is_removal(one)]
        left = value if not removed else [one for one in several if not _is_removal(one)]
        name, given_instances = read_evolution(member, left, reading) if left != [] else (context.name(member), [])
        if removed and types[0] in declared and name in {s.name for s in declared[types[0]].observed}:
            raise InvalidInput(f"{name!r} is measured.", field=member, remedy="Delete the readings instead.")
        by_key: dict[str, list[Attribute]] = {}
        for one in (*given_instances, *(_removal(one, member) for one in removed)):
            by_key.setdefault(attribute_key(name, one.dataset_id), []).append(one)
        for key, several in by_key.items():
            for one in several:
                rows += split(id, types, {key: one}, services.broker.types, call.actor).readings
            if rows and name in {s.name for s in declared[types[0]].observed} if types[0] in declared else False:
                continue
            several.sort(key=_time)
            if is_null(several[-1].value):
                past += [(key, one) for one in several]
                if await _is_present(call, id, key, before=several[-1]):
                    state[key] = None
                continue
            state[key] = several[-1]
            past += [(key, one) for one in several[:-1]]
    change = Change(
        op=op,
        style="newer",
        id=id,
        type=types[0] if op == "upsert" else "",
        types=tuple(types[1:]) if op == "upsert" else tuple(types),
        attrs=state,
        past=tuple(past),
        scope=scope,
    )
    done = await services.broker.apply((change,), call.actor, key=call.key)
    await observe_all(call, rows)
    return done[0].created


def _is_removal(given: Json) -> bool:
    """Whether an instance tells that the attribute was removed (4.5.5, 5.5.4)."""
    return isinstance(given, dict) and any(m in given and is_null(given[m]) for m in KIND_OF)


def _removal(given: Mapping[str, Any], member: str) -> Attribute:
    """An instance that tells of a removal. Raises: InvalidInput without the time of it."""
    if "observedAt" not in given:
        raise InvalidInput("a removal needs its time.", field=f"{member}.observedAt", remedy="Add observedAt.")
    own = next(m for m in KIND_OF if m in given)
    return Attribute(
        type=KIND_OF[own],
        value=given[own],
        observed_at=parse_utc(given["observedAt"], field=f"{member}.observedAt"),
        dataset_id=given["datasetId"] if is_iri(given.get("datasetId")) else None,
    )


async def _is_present(call: Call, id: str, key: str, *, before: Attribute) -> bool:
    """Whether an entity has an instance that a removal concerns: none that was observed after it."""
    try:
        found = (await call.services.broker.get(id, call.actor, latest=False)).attrs.get(key)
    except NotFound:
        return False
    if found is None or before.observed_at is None:
        return False
    return found.observed_at is None or found.observed_at <= before.observed_at


def _scopes(value: Json) -> list[Attribute]:
    """The scopes of a temporal entity, oldest first: a plain one, or reified with the time it was set at (4.5.6)."""
    several = value if isinstance(value, list) else [value]
    if not several or not all(isinstance(one, dict) and "value" in one for one in several):
        return [Attribute(value=list(read_scope(value)))]
    found = [
        Attribute(
            value=list(read_scope(one["value"])),
            observed_at=parse_utc(one["observedAt"], field="scope.observedAt") if "observedAt" in one else None,
        )
        for one in several
    ]
    return sorted(found, key=_time)


def _time(attribute: Attribute) -> float:
    at: Instant | None = attribute.observed_at
    return at.timestamp() if at is not None else float("inf")


async def _instances(call: Call, entity: Entity, names: Sequence[str]) -> list[Instance]:
    return await call.services.broker.instances(entity.id, names, call.actor)


async def _instance(call: Call, context: Context) -> tuple[str, str]:
    """Stored name and instance id of the address. Raises: InvalidInput."""
    instance = path_id(call, "instance")
    if not is_iri(instance):
        raise InvalidInput(f"{instance[:80]!r} is not a URI.", field="instanceId")
    return context.name(path_id(call, "attr"), field="attr"), instance


async def _one(call: Call, entity: Entity, name: str, instance: str) -> Instance:
    for found in await _instances(call, entity, (name,)):
        if instance_id(found.seq) == instance:
            return found
    raise NotFound(f"{entity.id} has no such instance of {name!r}.", field="instanceId")


def _single(body: Json, name: str, context: Context) -> Json:
    """The attribute in a body: given alone, or under its name, perhaps as a list of one."""
    if not isinstance(body, dict):
        raise InvalidInput("expected a JSON object.", field="body")
    given: Json = {k: v for k, v in body.items() if k != "@context"}
    for key, value in body.items():
        if key not in ("type", "value", "object", "@context") and context.name(key, field=key) == name:
            given = value
            break
    if not isinstance(given, list):
        return given
    if len(given) != 1:
        raise InvalidInput("expected one instance.", field=name)
    return given[0]


def _is_measured(call: Call, entity: Entity, name: str) -> bool:
    """Whether an attribute is kept in the lake, where corrections have their own door."""
    declared = call.services.broker.types.get(entity.type)
    return declared is not None and name in {s.name for s in declared.observed}

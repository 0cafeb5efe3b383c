"""/entityOperations: many entities in one request, each carried out on its own."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.responses import Response

from province.api.errors import problem
from province.api.ngsild.entities import answer_query, merge_one
from province.api.ngsild.question import read_body_question
from province.api.ngsild.view import context_in_body, is_ld, read_ld, read_view
from province.api.ngsild.writing import Reading, observe, split
from province.api.route import Call, json_response
from province.errors import InvalidInput, ProvinceError, TooLarge
from province.model.change import Change, Operation, Style
from province.model.codec import decode
from province.model.entity import Entity, Json, split_key
from province.model.jsonld import Context, is_iri

MAX_ENTITIES: Final = 20_000
_AT_ONCE: Final = 50


async def create(call: Call) -> Response:
    """Create entities: 201 with their ids, or 207 with what failed."""
    return await _write(call, "create", "set")


async def upsert(call: Call) -> Response:
    """Create entities or replace them; `options=update` updates instead."""
    options = _options(call, "replace", "update")
    return await _write(call, "upsert" if "update" in options else "put", "set")


async def update(call: Call) -> Response:
    """Append and overwrite attributes of existing entities; `options=noOverwrite` keeps what exists."""
    options = _options(call, "replace", "update", "noOverwrite")
    return await _write(call, "merge", "fill" if "noOverwrite" in options else "set")


async def merge(call: Call) -> Response:
    """Merge patch of existing entities."""
    body, context = await read_ld(call, merge=True, many=True)
    results: dict[str, ProvinceError | None] = {}
    for i, one in enumerate(_entities(body)):
        id = one.get("id") or one.get("@id") if isinstance(one, dict) else None
        shown = id if isinstance(id, str) else f"[{i}]"
        try:
            if not is_iri(id):
                raise InvalidInput(f"{str(id)[:80]!r} is not a URI.", field=f"[{i}].id")
            await merge_one(call, str(id), one, await _context_of(call, one, context))
            results[shown] = None
        except ProvinceError as error:
            results[shown] = error
    return _answer(call, [k for k, v in results.items() if v is None], [], [(k, v) for k, v in results.items() if v])


async def delete(call: Call) -> Response:
    """Delete entities by id."""
    body, _ = await read_ld(call)
    ids = _entities(body)
    for i, id in enumerate(ids):
        if not is_iri(id):
            raise InvalidInput(f"{str(id)[:80]!r} is not a URI.", field=f"[{i}]", remedy="Send a list of ids.")
    done = await call.services.broker.apply_each([Change(op="delete", id=id, type="") for id in ids], call.actor)
    failed = [(id, one) for id, one in zip(ids, done, strict=True) if isinstance(one, ProvinceError)]
    return _answer(
        call, [id for id, one in zip(ids, done, strict=True) if not isinstance(one, ProvinceError)], [], failed
    )


async def query(call: Call) -> Response:
    """A query whose conditions stand in the body."""
    body, context = await read_ld(call)
    question = read_body_question(call, body, context)
    for name in ("lang", "join", "joinLevel", "datasetId"):  # what a body may say as well as the parameters
        if name in body and name not in call.params:
            value = body[name]
            call.params = {**call.params, name: ",".join(map(str, value)) if isinstance(value, list) else str(value)}
    view = read_view(call, context, pick=question.pick, omit=question.omit)
    if question.attrs and not view.pick:
        view = view.only(question.attrs)
    return await answer_query(call, view, question)


async def _write(call: Call, op: Operation, style: Style) -> Response:
    body, context = await read_ld(call, many=True)
    errors: list[tuple[str, ProvinceError]] = []
    changes: list[Change] = []
    readings: dict[int, list[Reading]] = {}
    for i, one in enumerate(_entities(body)):
        if i % _AT_ONCE == 0:
            await asyncio.sleep(0)  # other requests go on between the entities of a large batch
        id = one.get("id") or one.get("@id") if isinstance(one, dict) else None
        try:
            entity = await _decode(call, one, context)
            parts = split(entity.id, entity.types, entity.attrs, call.services.broker.types, call.actor)
        except ProvinceError as error:
            errors.append((id if isinstance(id, str) else f"[{i}]", error))
            continue
        if parts.readings:
            readings[len(changes)] = parts.readings
        changes.append(
            Change(
                op=op,
                style=style,
                id=entity.id,
                type=entity.type,
                types=entity.types[1:],
                attrs=parts.record,
                scope=entity.scope or None,
            )
        )
    done = await call.services.broker.apply_each(changes, call.actor)
    refused = await _observe(call, changes, done, readings)
    created: list[str] = []
    changed: list[str] = []
    for change, one in zip(changes, done, strict=True):
        if isinstance(one, ProvinceError):
            errors.append((change.id, one))
        elif change.id in refused:
            errors.append((change.id, refused[change.id]))
        elif one.kept:
            errors.append((change.id, _left(one.kept)))
        else:
            (created if one.created else changed).append(change.id)
    return _answer(call, changed, created, errors)


def _left(kept: tuple[str, ...]) -> ProvinceError:
    """With noOverwrite an entity that has some of the attributes is updated in part, which is told (5.6.9.4)."""
    names = ", ".join(dict.fromkeys(split_key(k)[0] for k in kept))
    return InvalidInput(
        f"the entity has {names[:300]}, and noOverwrite was asked for; what it had not was added.",
        field=split_key(kept[0])[0],
        remedy="Leave the option out to overwrite.",
    )


async def _observe(
    call: Call, changes: list[Change], done: list[Any], readings: dict[int, list[Reading]]
) -> dict[str, ProvinceError]:
    """Send the measurements of all records that were written; what became of the refused ones by entity id."""
    rows = [r for i, rs in readings.items() if not isinstance(done[i], ProvinceError) for r in rs]
    try:
        refused = await observe(call, rows)
    except ProvinceError as error:
        return {r[0]: error for r in rows}
    return {r[0]: InvalidInput(f"{r[2]!r} was not taken: {reason}", field=r[2]) for r, _, reason in refused}


async def _decode(call: Call, one: Json, context: Context) -> Entity:
    found = await _context_of(call, one, context)
    return decode(one, tenant=call.actor.tenant, context=found, types=call.services.broker.types)


async def _context_of(call: Call, one: Json, context: Context) -> Context:
    if not isinstance(one, dict):
        return context
    if not is_ld(call):
        if "@context" in one:
            raise InvalidInput(
                "application/json takes no @context.", field="@context", remedy="Send application/ld+json."
            )
        return context
    if "@context" not in one:
        raise InvalidInput("application/ld+json needs an @context in every entity.", field="@context", remedy="Add it.")
    return await context_in_body(call, one["@context"])


def _entities(body: Json) -> list[Any]:
    if not isinstance(body, list) or not body:
        raise InvalidInput("expected a list that is not empty.", field="body", remedy="Send [ … ].")
    if any(one is None for one in body):
        raise InvalidInput("a member of the list is null.", field="body", remedy="Leave it out.")
    if len(body) > MAX_ENTITIES:
        raise TooLarge(
            f"the list has {len(body)} members.", field="body", remedy=f"Send at most {MAX_ENTITIES} at once."
        )
    return body


def _options(call: Call, *known: str) -> tuple[str, ...]:
    found = call.names("options")
    for one in found:
        if one not in known:
            raise InvalidInput(
                f"the option {one[:40]!r} is not known.", field="options", remedy=f"One of: {', '.join(known)}."
            )
    return found


def _answer(call: Call, changed: list[str], created: list[str], errors: list[tuple[str, ProvinceError]]) -> Response:
    if not errors:
        return json_response(created, 201) if created else Response(status_code=204)
    shown = [{"entityId": id, "error": problem(e, call.id, ngsi_ld=True)} for id, e in errors]
    return json_response({"success": [*created, *changed], "errors": shown}, 207)

"""/temporal/entities: how entities came to be what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from starlette.responses import Response

from province.api.ngsild.aggregation import read_duration, read_periods
from province.api.ngsild.candidates import find, matching
from province.api.ngsild.entities import entity_id, page_headers
from province.api.ngsild.evolving import bounded
from province.api.ngsild.maps import answer_created, fix, fix_one
from province.api.ngsild.period import Period, read_period, read_temporal_q
from province.api.ngsild.question import Question, read_body_question, read_question
from province.api.ngsild.series import choose, forms, read_series
from province.api.ngsild.view import View, read_context, read_ld, read_members, read_view
from province.api.route import Call
from province.broker.departed import Departed
from province.errors import InvalidInput, NotFound
from province.history.aggregate import Figures
from province.model.entity import SCOPE, Attribute, Entity, Json, Kind, split_key
from province.model.evolution import encode_aggregates, encode_evolution, encode_pairs, time_of
from province.model.jsonld import Context
from province.model.time import Instant, format_instant

RANGE_UNIT: Final = "date-time"
_AT_ONCE: Final = 8


async def retrieve(call: Call) -> Response:
    """The history of one entity, also of one that is no more."""
    context = await read_context(call)
    view = read_view(call, context, geo=False)
    view.require_flat()
    period = read_period(call)
    names = read_members(call, context, "attrs")
    entity, departed = await _one(call)
    if not view.admits(entity):
        raise NotFound(f"{entity.id} has none of these members.", field="pick")
    if names and not set(names) & {split_key(k)[0] for k in entity.attrs}:
        raise NotFound(f"{entity.id} has none of these attributes.", field="attrs")
    if _is_aggregated(call):
        figures = await _aggregate(call, entity, period, names, view, departed)
        shown = _show_aggregates(entity, figures, view)
        return view.answer(shown, headers=await fix_one(call, entity.id))
    series = await read_series(call, entity, period, names, view, departed)
    found, cut = _part(series, period, call.services.temporal_instances)
    shown = _show(call, entity, found, period, view)
    if departed is not None and departed.deleted_at is not None and (view.sys_attrs or period.property == "deletedAt"):
        shown["deletedAt"] = format_instant(departed.deleted_at)
    return _answer(view, shown, found, period, cut, await fix_one(call, entity.id))


async def _one(call: Call) -> tuple[Entity, Departed | None]:
    """The entity of the address; when it is no more, what it was. Raises: NotFound."""
    id = entity_id(call)
    try:
        return await call.services.broker.get(id, call.actor), None
    except NotFound:
        departed = await call.services.broker.departed(id, call.actor)
        return departed.entity, departed


async def query(call: Call) -> Response:
    """The histories of the entities that answer a query as they are now."""
    context = await read_context(call)
    question = read_question(call, context)
    return await answer_query(call, context, question, read_period(call))


async def query_body(call: Call) -> Response:
    """A query of histories whose conditions stand in the body."""
    body, context = await read_ld(call)
    if not isinstance(body, dict):
        raise InvalidInput("the body is no Query.", field="type", remedy='Send {"type": "Query", …}.')
    temporal = body.pop("temporalQ", None)
    for part in (temporal, body.pop("aggrParams", None)):
        _take_aggregation(call, part if isinstance(part, dict) else {})
    question = read_body_question(call, body, context)
    given = temporal if isinstance(temporal, dict) else {}
    return await answer_query(call, context, question, read_temporal_q(given))


def _take_aggregation(call: Call, given: Mapping[str, Any]) -> None:
    """What a body says of aggregation, as if it stood in the parameters (5.2.21, 5.2.44). Raises: InvalidInput."""
    for name in ("aggrMethods", "aggrPeriodDuration"):
        value = given.get(name)
        if value is None or name in call.params:
            continue
        several = value if isinstance(value, list) else [value]
        if not several or not all(isinstance(one, str) for one in several):
            raise InvalidInput("expected text.", field=name)
        call.params = {**call.params, name: ",".join(several)}
    if "aggrPeriodDuration" in call.params:
        read_duration(call.params["aggrPeriodDuration"])
    if "aggrMethods" in given and not call.text("format"):
        call.params = {**call.params, "format": "aggregatedValues"}


async def answer_query(call: Call, context: Context, question: Question, period: Period) -> Response:
    """The histories of entities. Those without an instance in the period are left out (5.7.4.4)."""
    view = read_view(call, context, geo=False, pick=question.pick, omit=question.omit)
    view.require_flat()
    if question.order or question.query.order.removeprefix("-") != "id":
        raise InvalidInput("histories are ordered by id alone (5.7.4.4).", field="orderBy", remedy="orderBy=id.")
    fixed = await fix(call, question, partial(matching, period=period))
    found, held = await find(call, question, period, fixed)
    entities = [e for e in found.entities if view.admits(e)]
    headers = {**page_headers(call, found, question.offset, question.query.limit), **fixed.headers}
    status = 201 if fixed.made else 200
    gate = asyncio.Semaphore(_AT_ONCE)
    names = sorted(question.attrs)
    if _is_aggregated(call):

        async def came_to(entity: Entity) -> dict[str, tuple[Kind, Figures]]:
            async with gate:
                return await _aggregate(call, entity, period, names, view)

        figures = await asyncio.gather(*(came_to(e) for e in entities))
        shown = [
            _show_aggregates(e, f, view) for e, f in zip(entities, figures, strict=True) if f or not period.relation
        ]
        return view.answer(shown, status, headers)

    async def one(entity: Entity) -> dict[str, list[Attribute]]:
        async with gate:
            history = await read_series(call, entity, period, names, view)
            return bounded(history, held[entity.id], period.property) if entity.id in held else history

    histories = await asyncio.gather(*(one(e) for e in entities))
    kept = [
        (e, h)
        for e, h in zip(entities, histories, strict=True)
        if not period.relation or any(name != SCOPE or SCOPE in view.pick for name in h)
    ]
    merged = {(i, n): a for i, (_, h) in enumerate(kept) for n, a in h.items()}
    part, cut = _part(merged, period, call.services.temporal_instances)
    bodies = []
    for i, (entity, _) in enumerate(kept):
        mine = {n: a for (j, n), a in part.items() if j == i}
        bodies.append(_show(call, entity, mine, period, view))
    return _answer(view, bodies, {f"{i} {n}": a for (i, n), a in part.items()}, period, cut, headers, status)


async def create_map(call: Call) -> Response:
    """Fix which entities have a history that answers a query now."""
    context = await read_context(call)
    return await _create_map(call, context, read_question(call, context), read_period(call))


async def create_map_body(call: Call) -> Response:
    """Fix which entities have a history that answers a query whose conditions stand in the body."""
    body, context = await read_ld(call)
    temporal = body.pop("temporalQ", None) if isinstance(body, dict) else None
    question = read_body_question(call, body, context)
    return await _create_map(call, context, question, read_temporal_q(temporal if isinstance(temporal, dict) else {}))


async def _create_map(call: Call, context: Context, question: Question, period: Period) -> Response:
    if not period.relation:
        raise InvalidInput("there is no temporal query.", field="timerel", remedy="Add timerel and timeAt (5.14.5.4).")
    view = read_view(call, context, geo=False, pick=question.pick, omit=question.omit)
    view.require_flat()
    return await answer_created(call, view, question, partial(matching, period=period))


def _is_aggregated(call: Call) -> bool:
    return "aggregatedValues" in forms(call)


async def _aggregate(
    call: Call, entity: Entity, period: Period, names: Sequence[str], view: View, departed: Departed | None = None
) -> dict[str, tuple[Kind, Figures]]:
    """Aggregates by attribute name, of all values in the period. Raises: InvalidInput, TooLarge."""
    periods = read_periods(call, period.start, period.end, period.last)
    chosen = choose(call, entity, names, view)
    if chosen is None:
        return {}
    return await call.services.broker.aggregates(
        entity.id,
        call.actor,
        periods,
        measured=chosen.measured,
        recorded=[n for n in chosen.recorded if n != SCOPE] or None if chosen.recorded else chosen.recorded,
        time_property=period.property,
        datasets=frozenset(None if d == "@none" else d for d in view.datasets),
        of=departed,
    )


def _show_aggregates(entity: Entity, found: Mapping[str, tuple[Kind, Figures]], view: View) -> dict[str, Json]:
    picked = {n: one for n, one in found.items() if (not view.pick or n in view.pick) and n not in view.omit}
    return _head_shown(encode_aggregates(entity.id, entity.types, picked, context=view.context), view)


def _part(found: dict[Any, list[Attribute]], period: Period, most: int) -> tuple[dict[Any, list[Attribute]], bool]:
    """As much as one answer holds, and whether there was more: the oldest instances, or with lastN the newest.

    All attributes are cut at the same instant, so that the next part goes on where this one ends (6.3.10).
    """
    edges: list[Instant] = []
    for instances in found.values():
        if len(instances) > most:
            edge = time_of(instances[-most] if period.last else instances[most - 1], period.property)
            if edge is not None:
                edges.append(edge)
    if not edges:
        return found, False
    if period.last:
        newest = max(edges)
        kept = {
            n: [a for a in one if (t := time_of(a, period.property)) is None or t >= newest] for n, one in found.items()
        }
    else:
        oldest = min(edges)
        kept = {
            n: [a for a in one if (t := time_of(a, period.property)) is None or t <= oldest] for n, one in found.items()
        }
    return kept, True  # an attribute of which nothing lies in this part is there, empty


def _show(call: Call, entity: Entity, found: dict[str, list[Attribute]], period: Period, view: View) -> dict[str, Json]:
    picked = {n: one for n, one in found.items() if not view.pick or n in view.pick}
    return _head_shown(_represent(call, entity, picked, period, view), view)


def _head_shown(shown: dict[str, Json], view: View) -> dict[str, Json]:
    """Without id and type where they are not wanted."""
    for name in ("id", "type"):
        if (view.pick and name not in view.pick) or name in view.omit:
            del shown[name]
    return shown


def _represent(
    call: Call, entity: Entity, found: dict[str, list[Attribute]], period: Period, view: View
) -> dict[str, Json]:
    options = forms(call)
    if "temporalValues" in options:
        placed = {
            n: [
                a if time_of(a, period.property) else msgspec.structs.replace(a, observed_at=a.modified_at) for a in one
            ]
            for n, one in found.items()
        }
        kinds = {split_key(k)[0]: a.type for k, a in entity.attrs.items()}
        return encode_pairs(entity.id, entity.types, placed, period.property, context=view.context, kinds=kinds)
    return encode_evolution(
        entity.id,
        entity.types,
        found,
        context=view.context,
        concise=view.form == "concise",
        sys_attrs=view.sys_attrs or period.property in ("createdAt", "modifiedAt"),
    )


def _answer(
    view: View,
    body: Json,
    found: dict[str, list[Attribute]],
    period: Period,
    cut: bool,
    headers: dict[str, str],
    status: int = 200,
) -> Response:
    times = [t for one in found.values() for a in one if (t := time_of(a, period.property)) is not None]
    if not cut or not times:
        return view.answer(body, status, headers)
    oldest, newest = min(times), max(times)
    if period.last is not None:
        first = period.end if period.relation in ("before", "between") and period.end is not None else newest
        range_, size = (first, oldest), str(period.last)
    else:
        first = period.start if period.relation in ("after", "between") and period.start is not None else oldest
        range_, size = (first, newest), "*"
    spoken = f"{RANGE_UNIT} {format_instant(range_[0])}-{format_instant(range_[1])}/{size}"
    return view.answer(body, 206, {**headers, "Content-Range": spoken})

"""/temporal/entities: how entities came to be what they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
import pyarrow as pa
from starlette.responses import Response

from province.api.ngsild.aggregation import read_duration, read_periods
from province.api.ngsild.entities import entity_id, page_headers
from province.api.ngsild.evolving import Span, bounded, fitting, meets_then, series_in, spans
from province.api.ngsild.maps import Fixed, answer_created, fix, fix_one
from province.api.ngsild.question import BY_OFFSET, Found, Question, read_body_question, read_question
from province.api.ngsild.view import View, read_context, read_ld, read_members, read_view
from province.api.route import Call, Param
from province.broker.conditions import names_of
from province.broker.history import History
from province.broker.select import make_token
from province.errors import InvalidInput, NotFound, TooComplex
from province.history.aggregate import METHODS, Figures
from province.model.entity import EXPIRY, NULL, ORIGINS, SCOPE, Attribute, Entity, Json, Kind, split_key
from province.model.evolution import (
    TimeProperty,
    encode_aggregates,
    encode_evolution,
    encode_pairs,
    read_time_property,
    time_of,
)
from province.model.instance import reading_id
from province.model.jsonld import CORE, Context
from province.model.query import pages
from province.model.time import Instant, format_instant, now, parse_instant

MAX_INSTANCES: Final = 100_000
"""Instances of an attribute that are looked at for one answer."""
MAX_RECORDS: Final = 100_000
RANGE_UNIT: Final = "date-time"
MAX_WALKED: Final = 1_000
"""Entities whose histories are read to find out whether what is asked of a period holds."""
MAX_LOOK: Final = 100
_AT_ONCE: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)

TEMPORAL_PARAMS: Final = (
    Param("timerel", "before, after or between.", {"type": "string", "enum": ["before", "after", "between"]}),
    Param("timeAt", "Start (or, with before, end) of the period.", {"type": "string", "format": "date-time"}),
    Param("endTimeAt", "End of the period, with between.", {"type": "string", "format": "date-time"}),
    Param("timeproperty", "observedAt (default), createdAt or modifiedAt."),
    Param("lastN", "Only the newest N instances of each attribute.", {"type": "integer", "minimum": 1}),
    Param("aggrMethods", f"Any of {', '.join(METHODS)}, separated by commas."),
    Param("aggrPeriodDuration", "Length of each aggregated period, such as PT1H; PT0S for the whole."),
)


@dataclass(frozen=True, slots=True)
class Period:
    """Which instances are wanted. start is inclusive, end exclusive."""

    relation: str = ""
    start: Instant | None = None
    end: Instant | None = None
    property: TimeProperty = "observedAt"
    last: int | None = None

    def holds(self, attribute: Attribute) -> bool:
        """Whether an instance lies in the period; without a period all do."""
        at = time_of(attribute, self.property)
        if not self.relation:
            return at is not None or self.property != "deletedAt"
        return at is not None and (self.start is None or at >= self.start) and (self.end is None or at < self.end)


def read_period(call: Call) -> Period:
    """From the parameters. Raises: InvalidInput naming the parameter."""
    last = call.number("lastN", 0, least=1, most=MAX_INSTANCES) if "lastN" in call.params else None
    return make_period(call.params, last)


def make_period(given: Mapping[str, str], last: int | None) -> Period:
    """From timerel, timeAt, endTimeAt and timeproperty. Raises: InvalidInput naming the member."""
    relation = given.get("timerel", "")
    times = {
        name: parse_instant(given[name].replace(" ", "+"), field=name)
        for name in ("timeAt", "endTimeAt")
        if name in given
    }
    if relation not in ("", "before", "after", "between"):
        raise InvalidInput(f"{relation[:40]!r} is not a relation.", field="timerel", remedy="before, after or between.")
    if relation and "timeAt" not in times:
        raise InvalidInput("timerel needs timeAt.", field="timeAt", remedy="Add it.")
    if not relation and times:
        raise InvalidInput("timeAt needs timerel.", field="timerel", remedy="before, after or between.")
    if (relation == "between") != ("endTimeAt" in times):
        raise InvalidInput("endTimeAt goes with timerel=between.", field="endTimeAt")
    start = None if relation == "before" else times.get("timeAt")
    end = times.get("timeAt") if relation == "before" else times.get("endTimeAt")
    if start is not None and end is not None and start >= end:
        raise InvalidInput(
            "the period ends before it starts.", field="endTimeAt", remedy="Exchange timeAt and endTimeAt."
        )
    return Period(relation, start, end, read_time_property(given.get("timeproperty", "observedAt")), last)


async def retrieve(call: Call) -> Response:
    """The history of one entity."""
    context = await read_context(call)
    view = read_view(call, context, geo=False)
    view.require_flat()
    period = read_period(call)
    names = read_members(call, context, "attrs")
    entity = await call.services.broker.get(entity_id(call), call.actor)
    if not view.admits(entity):
        raise NotFound(f"{entity.id} has none of these members.", field="pick")
    if names and not set(names) & {split_key(k)[0] for k in entity.attrs}:
        raise NotFound(f"{entity.id} has none of these attributes.", field="attrs")
    if _is_aggregated(call):
        figures = await _aggregate(call, entity, period, names, view)
        return view.answer(_show_aggregates(entity, figures, view), headers=await fix_one(call, entity.id))
    found, cut = _part(await _read(call, entity, period, names, view), period, call.services.temporal_instances)
    return _answer(view, _show(call, entity, found, period, view), found, period, cut, await fix_one(call, entity.id))


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
    return await answer_query(call, context, question, _period_of(given))


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
    found, held = await _find(call, question, period, fixed)
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
            history = await _read(call, entity, period, names, view)
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


async def _find(
    call: Call, question: Question, period: Period, fixed: Fixed
) -> tuple[Found, dict[str, Sequence[Span]]]:
    """A page of entities, and where `scopeQ` is asked of the period, when their scopes met it.

    What `q` and `scopeQ` say of a period is found by reading histories, candidate by candidate, until the page is full.
    """
    candidates = _as_candidates(question, period)
    if candidates is None:
        return await fixed.find(call, question), {}
    limit = question.query.limit
    page: list[Entity] = []
    scopes: dict[str, Sequence[Span]] = {}
    gone: list[str] = []
    skipped, total, following, next_offset = 0, 0, "", 0
    skip = 0 if question.query.after or fixed.map else question.offset
    async for place, id, entity in _walk(call, candidates, fixed):
        held = await _answers(call, question, period, entity) if entity is not None else None
        if entity is None or held is None:
            gone.append(id)
            continue
        total += 1
        if skipped < skip:
            skipped += 1
            continue
        if len(page) == limit and not following:
            following = BY_OFFSET if fixed.map else (make_token(page[-1].id, page[-1].id) if page else "")
            next_offset = place if fixed.map else question.offset + limit
            if not question.query.count:
                break
        if len(page) < limit:
            page.append(entity)
            scopes[entity.id] = held
    await call.services.broker.shown(page, call.actor)
    if fixed.map and gone:
        await call.services.entity_maps.forget(fixed.map.id, gone, call.actor)
    counted = total if question.query.count else None
    return Found(page, following, next_offset, counted), scopes if question.query.scope else {}


def _as_candidates(question: Question, period: Period) -> Question | None:
    """The question without what is asked of the period; None when nothing is."""
    if not period.relation or not (question.terms or question.query.scope):
        return None
    where = tuple(t for t in question.query.where if t not in question.terms)
    query = msgspec.structs.replace(question.query, where=where, scope=(), count=False)
    return replace(question, query=query)


async def _walk(call: Call, candidates: Question, fixed: Fixed) -> AsyncIterator[tuple[int, str, Entity | None]]:
    """(place, id, entity) of those that may answer. Raises: TooComplex for more than MAX_WALKED."""
    walked = 0
    if fixed.map:
        async for place, id, entity in fixed.walk(call, candidates):
            yield place, id, entity
        return
    query = msgspec.structs.replace(candidates.query, limit=MAX_LOOK)
    async for found in pages(call.services.broker.ask, query, call.actor):
        for entity in found.items:
            walked += 1
            if walked > MAX_WALKED:
                raise TooComplex(
                    f"the histories of more than {MAX_WALKED} entities would have to be read.",
                    field="q",
                    remedy="Narrow the query by id, idPattern, attrs or place.",
                )
            yield walked, entity.id, entity


async def _answers(call: Call, question: Question, period: Period, entity: Entity) -> Sequence[Span] | None:
    """The spans in which the scope query is met, when what is asked of the period holds; None when it does not."""
    held: Sequence[Span] = ()
    if question.query.scope:
        history = await call.services.broker.history(entity.id, call.actor, attrs=(SCOPE,), limit=MAX_RECORDS)
        every = fitting(entity, spans(history.scopes, entity.created_at), question.query.scope)
        held = [s for s in every if s.meets(period.start, period.end)]
        if not held:
            return None
    if not question.terms:
        return held
    names = sorted(names_of(question.terms))
    whole = replace(Period(), property=period.property)
    past = await _read(call, entity, whole, names, View(context=CORE))
    series = series_in(entity, past, period.property)
    within = {n: [a for a in several if period.holds(a)] for n, several in past.items()}
    return held if meets_then(entity, question.terms, within, series) else None


async def matching(call: Call, question: Question, *, period: Period) -> list[str]:
    """The ids of all entities whose histories answer. Raises: TooLarge, TooComplex."""
    found: list[str] = []
    candidates = _as_candidates(question, period)
    everything = replace(candidates or question, offset=0)
    everything = replace(everything, query=msgspec.structs.replace(everything.query, after="", latest=False))
    names = sorted(question.attrs)
    async for _, id, entity in _walk(call, everything, Fixed()):
        if entity is None or (candidates and await _answers(call, question, period, entity) is None):
            continue
        if not period.relation or await _read(call, entity, period, names, View(context=CORE)):
            found.append(id)
    return found


async def create_map(call: Call) -> Response:
    """Fix which entities have a history that answers a query now."""
    context = await read_context(call)
    return await _create_map(call, context, read_question(call, context), read_period(call))


async def create_map_body(call: Call) -> Response:
    """Fix which entities have a history that answers a query whose conditions stand in the body."""
    body, context = await read_ld(call)
    temporal = body.pop("temporalQ", None) if isinstance(body, dict) else None
    question = read_body_question(call, body, context)
    return await _create_map(call, context, question, _period_of(temporal if isinstance(temporal, dict) else {}))


async def _create_map(call: Call, context: Context, question: Question, period: Period) -> Response:
    if not period.relation:
        raise InvalidInput("there is no temporal query.", field="timerel", remedy="Add timerel and timeAt (5.14.5.4).")
    view = read_view(call, context, geo=False, pick=question.pick, omit=question.omit)
    view.require_flat()
    return await answer_created(call, view, question, partial(matching, period=period))


def _forms(call: Call) -> set[str]:
    """The representations that are asked for: `format` goes before the older `options` (6.3.12)."""
    return {call.text("format")} if call.text("format") else set(call.names("options"))


def _is_aggregated(call: Call) -> bool:
    return "aggregatedValues" in _forms(call)


async def _aggregate(
    call: Call, entity: Entity, period: Period, names: Sequence[str], view: View
) -> dict[str, tuple[Kind, Figures]]:
    """Aggregates by attribute name, of all values in the period. Raises: InvalidInput, TooLarge."""
    periods = read_periods(call, period.start, period.end, period.last)
    chosen = _choose(call, entity, names, view)
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


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which attributes are wanted. recorded: () is every one that is not measured, None is none."""

    measured: Sequence[str]
    recorded: Sequence[str] | None
    scoped: bool


def _choose(call: Call, entity: Entity, names: Sequence[str], view: View) -> _Chosen | None:
    """None: nothing can be shown."""
    declared = call.services.broker.types.get(entity.type)
    measured = [f.name for f in declared.observed] if declared else []
    shown = list(names) or [n for n in view.pick if n not in ("id", "type", "scope")]
    wanted = [n for n in shown if n not in view.omit]
    if shown and not wanted:
        return None
    if view.pick and not shown and SCOPE in view.pick:
        wanted = [SCOPE]
    present = dict.fromkeys(split_key(k)[0] for k in entity.attrs if k != EXPIRY)
    asked = [n for n in measured if not wanted or n in wanted]
    # Records are found by when they were written; what is asked by another time is looked for among all of them.
    recorded = [n for n in wanted or ([] if not asked else present) if n not in measured]
    scoped = not names and SCOPE not in view.omit and (not view.pick or SCOPE in view.pick)
    if scoped and (wanted or asked or recorded):
        recorded.append(SCOPE)
    return _Chosen(asked, recorded if recorded or not wanted else None, scoped)


async def _read(
    call: Call, entity: Entity, period: Period, names: Sequence[str], view: View
) -> dict[str, list[Attribute]]:
    """Instances by attribute name, oldest first; of the scope also the one that held when the period began (C.5.16)."""
    broker = call.services.broker
    chosen = _choose(call, entity, names, view)
    if chosen is None:
        return {}
    asked, recorded, scoped = chosen.measured, chosen.recorded, chosen.scoped
    most = max(MAX_INSTANCES, call.services.temporal_instances + 1)
    result: dict[str, list[Attribute]] = {}
    if asked and period.property != "deletedAt":
        history = await broker.history(
            entity.id,
            call.actor,
            attrs=asked,
            start=period.start,
            end=period.end,
            last=period.last,
            limit=most,
        )
        _add_readings(result, history.readings, entity, named="temporalValues" not in _forms(call))
    if recorded is not None:
        written = period.property == "modifiedAt"
        history = await broker.history(
            entity.id,
            call.actor,
            attrs=recorded,
            start=period.start if written else None,
            end=period.end if written else None,
            limit=MAX_RECORDS,
        )
        _add_records(result, history, entity, period)
        if scoped:
            _add_scopes(result, history, entity, period)
    kept = {}
    for name, instances in result.items():
        held = [
            a
            for a in instances
            if period.holds(a) and (not view.datasets or (a.dataset_id or "@none") in view.datasets)
        ]
        if name == SCOPE and period.start is not None and period.property == "observedAt":
            held = [a for a in instances if a.observed_at is not None and a.observed_at < period.start][-1:] + held
        held.sort(key=lambda a: _order(a, period.property))
        if period.last:
            held = _newest(held, period)
        if held and name not in view.omit:
            kept[name] = held
    return kept


def _newest(instances: list[Attribute], period: Period) -> list[Attribute]:
    """The last so many instances."""
    return instances[-period.last :] if period.last else instances


def _order(attribute: Attribute, time_property: TimeProperty) -> Instant:
    return time_of(attribute, time_property) or attribute.modified_at or attribute.created_at or _EPOCH


def _add_readings(result: dict[str, list[Attribute]], table: pa.Table, entity: Entity, *, named: bool) -> None:
    """named: with the ids of instances."""
    columns = [table[name].to_pylist() for name in ("attribute", "dataset", "number", "text", "origin")]
    instants = [_EPOCH + us * _TICK for us in table["observed_at"].cast(pa.int64()).to_pylist()]
    units = {split_key(k)[0]: a.unit_code for k, a in entity.attrs.items()}
    for name, dataset, number, text, origin, at in zip(*columns, instants, strict=True):
        value = msgspec.json.decode(text) if number is None and text is not None else number
        result.setdefault(name, []).append(
            Attribute(
                value=value,
                observed_at=at,
                dataset_id=dataset,
                origin=ORIGINS[origin],
                unit_code=units.get(name),
                created_at=at,
                modified_at=at,
                instance_id=reading_id(entity.id, name, at, dataset) if named else None,
            )
        )


def _add_records(result: dict[str, list[Attribute]], history: History, entity: Entity, period: Period) -> None:
    before: dict[str, Attribute] = {}
    at = now()
    for one in history.records:
        if one.key == EXPIRY or (entity.created_at is not None and one.at < entity.created_at):
            continue  # of an earlier entity with the same id, which was deleted
        name, dataset = split_key(one.key)
        attribute = one.attribute
        if attribute is None:
            old = before.pop(one.key, None)
            if old is None or period.property != "deletedAt":
                continue
            attribute = Attribute(
                type=old.type,
                value={"@none": NULL} if old.type == "LanguageProperty" else NULL,
                created_at=old.created_at,
                deleted_at=one.at,
            )
        else:
            before[one.key] = attribute
            if attribute.expires_at is not None and attribute.expires_at <= at:
                continue  # what was to exist until then is not told later (4.22)
        result.setdefault(name, []).append(
            msgspec.structs.replace(
                attribute,
                dataset_id=dataset,
                created_at=attribute.created_at or one.at,
                modified_at=one.at,
                instance_id=instance_id(one.seq),
            )
        )


def _add_scopes(result: dict[str, list[Attribute]], history: History, entity: Entity, period: Period) -> None:
    """The scope as a Property that has times and nothing else (4.5.6); an empty one was removed."""
    since: Instant | None = None
    before: Json = None
    for one in history.scopes:
        if entity.created_at is not None and one.at < entity.created_at:
            continue
        if one.attribute is not None:
            if one.attribute.value == before:
                continue  # set once more, as what was told of the past came to be the present
            since, before = one.at, one.attribute.value
            set_at = one.attribute.observed_at or one.at
            shown = Attribute(value=before, observed_at=set_at, created_at=one.at, modified_at=one.at)
        elif period.property == "deletedAt":
            before = None
            shown = Attribute(value=[], created_at=since, deleted_at=one.at)
        else:
            continue
        result.setdefault(SCOPE, []).append(shown)


def instance_id(seq: int) -> str:
    """The id of an instance in the history of a record."""
    return f"urn:ngsi-ld:Instance:{seq}"


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
    options = _forms(call)
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


def _period_of(given: Mapping[str, Any]) -> Period:
    """The period of a `temporalQ` (5.2.21). Raises: InvalidInput."""
    texts = {k: v for k, v in given.items() if isinstance(v, str)}
    last = given.get("lastN")
    if last is not None and (isinstance(last, bool) or not isinstance(last, int) or not 0 < last <= MAX_INSTANCES):
        raise InvalidInput(f"{str(last)[:40]!r} is not a number of instances.", field="temporalQ.lastN")
    return make_period(texts, last)

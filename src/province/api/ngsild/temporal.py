"""/temporal/entities: how entities came to be what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import pyarrow as pa
from starlette.responses import Response

from province.api.ngsild.aggregation import METHODS, aggregate, read_duration
from province.api.ngsild.entities import entity_id, page_headers
from province.api.ngsild.question import find, read_question
from province.api.ngsild.view import View, read_context, read_members, read_view
from province.api.route import Call, Param
from province.broker.history import History
from province.errors import InvalidInput
from province.model.entity import ORIGINS, Attribute, Entity, Json, split_key
from province.model.evolution import (
    TimeProperty,
    encode_aggregates,
    encode_evolution,
    encode_pairs,
    read_time_property,
    time_of,
)
from province.model.instance import reading_id
from province.model.time import Instant, format_instant, parse_instant

MAX_INSTANCES: Final = 10_000
_AT_ONCE: Final = 8

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
        if not self.relation:
            return True
        at = time_of(attribute, self.property)
        return at is not None and (self.start is None or at >= self.start) and (self.end is None or at < self.end)


def read_period(call: Call) -> Period:
    """From the parameters. Raises: InvalidInput naming the parameter."""
    relation = call.text("timerel")
    given = {
        name: parse_instant(call.params[name].replace(" ", "+"), field=name)
        for name in ("timeAt", "endTimeAt")
        if name in call.params
    }
    if relation not in ("", "before", "after", "between"):
        raise InvalidInput(f"{relation[:40]!r} is not a relation.", field="timerel", remedy="before, after or between.")
    if relation and "timeAt" not in given:
        raise InvalidInput("timerel needs timeAt.", field="timeAt", remedy="Add it.")
    if not relation and given:
        raise InvalidInput("timeAt needs timerel.", field="timerel", remedy="before, after or between.")
    if (relation == "between") != ("endTimeAt" in given):
        raise InvalidInput("endTimeAt goes with timerel=between.", field="endTimeAt")
    start = None if relation == "before" else given.get("timeAt")
    end = given.get("timeAt") if relation == "before" else given.get("endTimeAt")
    if start is not None and end is not None and start >= end:
        raise InvalidInput(
            "the period ends before it starts.", field="endTimeAt", remedy="Exchange timeAt and endTimeAt."
        )
    last = call.number("lastN", 0, least=1, most=MAX_INSTANCES) if "lastN" in call.params else None
    return Period(relation, start, end, read_time_property(call.text("timeproperty", "observedAt")), last)


async def retrieve(call: Call) -> Response:
    """The history of one entity."""
    context = await read_context(call)
    view = read_view(call, context, geo=False)
    period = read_period(call)
    names = read_members(call, context, "attrs")
    entity = await call.services.broker.get(entity_id(call), call.actor)
    found, cut = await _read(call, entity, period, names, view)
    body = _show(call, entity, found, period, view)
    return _answer(view, body, found, period, cut, {})


async def query(call: Call) -> Response:
    """The histories of the entities that answer a query as they are now."""
    context = await read_context(call)
    view = read_view(call, context, geo=False)
    period = read_period(call)
    question = read_question(call, context)
    entities, following, total = await find(call, question)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(entity: Entity) -> tuple[dict[str, list[Attribute]], bool]:
        async with gate:
            return await _read(call, entity, period, sorted(question.attrs), view)

    histories = await asyncio.gather(*(one(e) for e in entities))
    bodies = [_show(call, e, found, period, view) for e, (found, _) in zip(entities, histories, strict=True)]
    every = {f"{i} {n}": a for i, (found, _) in enumerate(histories) for n, a in found.items()}
    headers = page_headers(call, following, total, question.offset, question.query.limit)
    return _answer(view, bodies, every, period, any(cut for _, cut in histories), headers)


async def _read(
    call: Call, entity: Entity, period: Period, names: Sequence[str], view: View
) -> tuple[dict[str, list[Attribute]], bool]:
    """Instances by attribute name, oldest first, and whether there were more than one answer holds."""
    broker = call.services.broker
    declared = broker.types.get(entity.type)
    measured = [f.name for f in declared.observed] if declared else []
    shown = list(names) or [n for n in view.pick if n not in ("id", "type", "scope")]
    wanted = [n for n in shown if n not in view.omit]
    if shown and not wanted:
        return {}, False

    async def ask(attrs: Sequence[str], *, bounded: bool = True) -> History:
        return await broker.history(
            entity.id,
            call.actor,
            attrs=attrs,
            start=period.start if bounded else None,
            end=period.end if bounded else None,
            last=period.last if bounded else None,
            limit=MAX_INSTANCES,
        )

    if period.property != "observedAt" or not period.relation:
        parts = [await ask(wanted)]
    else:
        # Records are found by when they were written; those observed in a period are looked for among all of them.
        present = dict.fromkeys(split_key(k)[0] for k in entity.attrs)
        recorded = [n for n in wanted or present if n not in measured]
        asked = [n for n in measured if not wanted or n in wanted]
        parts = [await ask(asked)] if asked else []
        if recorded:
            parts.append(await ask(recorded, bounded=False))
    result: dict[str, list[Attribute]] = {}
    for part in parts:
        _add_readings(result, part.readings, entity)
        _add_records(result, part)
    cut = any(len(p.records) >= MAX_INSTANCES or p.readings.num_rows >= MAX_INSTANCES for p in parts)
    kept = {}
    for name, instances in result.items():
        held = [
            a
            for a in instances
            if period.holds(a) and (not view.datasets or (a.dataset_id or "@none") in view.datasets)
        ]
        held.sort(key=lambda a: _order(a, period.property))
        held = held[-period.last :] if period.last else held
        if held and name not in view.omit:
            kept[name] = held
    return kept, cut


def _order(attribute: Attribute, time_property: TimeProperty) -> float:
    at = time_of(attribute, time_property) or attribute.modified_at or attribute.created_at
    return at.timestamp() if at else 0.0


def _add_readings(result: dict[str, list[Attribute]], table: pa.Table, entity: Entity) -> None:
    columns = table.select(["attribute", "dataset", "observed_at", "number", "text", "origin"]).to_pydict()
    units = {split_key(k)[0]: a.unit_code for k, a in entity.attrs.items()}
    for name, dataset, at, number, text, origin in zip(*columns.values(), strict=True):
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
                instance_id=reading_id(entity.id, name, at, dataset),
            )
        )


def _add_records(result: dict[str, list[Attribute]], history: History) -> None:
    for one in history.records:
        if one.attribute is None:
            continue
        name, dataset = split_key(one.key)
        result.setdefault(name, []).append(
            msgspec.structs.replace(
                one.attribute,
                dataset_id=dataset,
                created_at=one.attribute.created_at or one.at,
                modified_at=one.at,
                instance_id=f"urn:ngsi-ld:Instance:{one.seq}",
            )
        )


def _show(call: Call, entity: Entity, found: dict[str, list[Attribute]], period: Period, view: View) -> dict[str, Json]:
    options = {*call.names("options"), call.text("format")}
    if "aggregatedValues" in options:
        methods = call.names("aggrMethods")
        for one in methods:
            if one not in METHODS:
                raise InvalidInput(
                    f"{one[:40]!r} is no method.", field="aggrMethods", remedy=f"Any of: {', '.join(METHODS)}."
                )
        if not methods:
            raise InvalidInput("aggregatedValues needs aggrMethods.", field="aggrMethods", remedy="Add avg,max,…")
        length = read_duration(call.text("aggrPeriodDuration", "PT0S"))
        aggregates = {
            n: (a[0].type, aggregate(a, methods, length, period.property, period.start, period.end))
            for n, a in found.items()
        }
        return encode_aggregates(entity.id, entity.types, aggregates, context=view.context)
    if "temporalValues" in options:
        placed = {
            n: [
                a if time_of(a, period.property) else msgspec.structs.replace(a, observed_at=a.modified_at) for a in one
            ]
            for n, one in found.items()
        }
        return encode_pairs(entity.id, entity.types, placed, period.property, context=view.context)
    return encode_evolution(
        entity.id,
        entity.types,
        found,
        context=view.context,
        concise=view.form == "concise",
        sys_attrs=view.sys_attrs or period.property != "observedAt",
    )


def _answer(
    view: View,
    body: Json,
    found: dict[str, list[Attribute]],
    period: Period,
    cut: bool,
    headers: dict[str, str],
) -> Response:
    times = [t for one in found.values() for a in one if (t := time_of(a, period.property)) is not None]
    if not cut or not times:
        return view.answer(body, headers=headers)
    size = "*" if period.last is None else str(period.last)
    spoken = f"date-time {format_instant(min(times))}-{format_instant(max(times))}/{size}"
    return view.answer(body, 206, {**headers, "Content-Range": spoken})

"""The first page. For a signed-in person: what needs them, the numbers, the registers. For a stranger: the front."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from province.broker.indicators import Valued
from province.console.display import Words, entity_href, title_of, unit_symbol
from province.console.language import mark
from province.console.navigation import readable
from province.console.services import Happening
from province.console.visit import Visit
from province.model.label import Label
from province.model.query import Query, Where
from province.model.schema import EntityType, describe
from province.model.time import Instant, now, parse_instant
from province.pack import Indicator

EVENTS: Final = 8
NOTICES: Final = 6
WORK: Final = 8
SOON: Final = timedelta(hours=24)
WEEK: Final = timedelta(days=7)
DAY: Final = timedelta(hours=24)
DUE: Final = "dueAt"
"""An indexed instant of this name is a deadline: work whose state is not final is listed by it."""
ALERT: Final = "Alert"
FRONT: Final = "/phu-luc-xiv"
"""The public front door, when a page stands there; else strangers are shown the welcome page."""


@dataclass(frozen=True, slots=True)
class Tile:
    """An indicator: its value, and what explains it as (term, text) pairs.

    spark: the last week as the path of a drawing of 100 × 24.  change: against the day before.  Both "" when unknown.
    flags: how many of those that are counted are simulated, estimated or forecast.
    parts: of a percentage: what was divided, as (term, text, address).
    """

    title: str
    text: str
    unit: str
    href: str
    why: tuple[tuple[str, str], ...]
    spark: str = ""
    change: str = ""
    flags: tuple[str, ...] = ()
    parts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """How many entities of a type."""

    name: str
    label: str
    count: str
    icon: str


@dataclass(frozen=True, slots=True)
class Duty:
    """An entity that waits for somebody. kind: overdue, soon or "" by its deadline."""

    href: str
    title: str
    state: str
    label: str
    due: Instant | None
    kind: str


VERBS: Final = {"created": mark("created"), "changed": mark("changed"), "deleted": mark("deleted")}
MEASURES: Final = {
    "count": mark("number of"),
    "sum": mark("sum over"),
    "mean": mark("mean over"),
    "max": mark("greatest of"),
    "min": mark("least of"),
    "over": mark("number at or above their own limit:"),
    "silent": mark("number without a recent reading:"),
}


def event_text(visit: Visit, event: Happening) -> str:
    """An event in words: the reason on the edge of the workflow, or what every type knows; else its name."""
    found = visit.services.broker.types.get(event.type)
    workflow = found.info.workflow if found else None
    if workflow is not None:
        for edge in workflow.edges:
            if edge.event == event.name:
                return visit.words.label(edge.why)
    verb = event.name.rpartition(".")[2]
    if found is not None and verb in VERBS:
        return f"{visit.words.label(found.info.label)}: {visit.words(VERBS[verb])}"
    return event.name


async def overview(visit: Visit) -> Response:
    """The page."""
    if visit.session is None:
        return await front(visit)
    services, words, actor = visit.services, visit.words, visit.actor
    types = services.broker.types
    indicators, trends, counts, duties, alerts = await asyncio.gather(
        services.broker.indicators(actor),
        services.broker.trends(actor, now() - WEEK),
        services.broker.counts(actor),
        duties_of(visit),
        alerts_of(visit),
    )
    happened, notices, engines = await asyncio.gather(
        services.events(actor, EVENTS), services.inbox(actor, NOTICES), services.engines()
    )
    events = [
        {
            "at": e.at,
            "name": e.name,
            "text": event_text(visit, e),
            "href": entity_href(e.entity),
            "title": e.title or e.entity,
            "actor": e.actor,
        }
        for e in happened
    ]
    inbox = [
        {
            "id": n.id,
            "subject": n.subject,
            "body": n.body,
            "about": n.about,
            "href": entity_href(n.about),
            "at": n.at,
            "read": n.read,
        }
        for n in notices
    ]
    values = {
        "sections": sections(visit, indicators, trends),
        "counts": [
            Count(
                name,
                words.label(types[name].info.label) if name in types else name,
                words.number(count, 0),
                types[name].info.icon if name in types else "dot",
            )
            for name, count, _ in counts
            if name not in types or readable(services, actor, name)
        ],
        "events": events,
        "inbox": inbox,
        "unread": sum(not n["read"] for n in inbox),
        "engines": engines,
        "well": all(e.well for e in engines),
        "duties": duties,
        "alerts": alerts,
        "alert_type": ALERT,
        "now": now(),
    }
    return visit.page("overview.html", values)


async def front(visit: Visit) -> Response:
    """What a stranger sees first: the public front door, or the welcome page with what is open to everybody."""
    if any(isinstance(r, Route) and r.path == FRONT for r in visit.request.app.routes):
        return RedirectResponse(FRONT, status_code=303)
    indicators = await visit.services.broker.indicators(visit.actor)
    return visit.page("welcome.html", {"sections": sections(visit, indicators)})


Trends = Mapping[str, Sequence[tuple[Instant, float]]]


def sections(visit: Visit, found: Sequence[Valued], trends: Trends | None = None) -> list[tuple[str, list[Tile]]]:
    """(title of the pack, its indicators as tiles), for packs that have any."""
    tiles = {
        i.name: tile(visit, i, value, at, (trends or {}).get(i.name, ()), unreal) for i, value, at, unreal in found
    }
    result = []
    for pack in visit.services.broker.packs:
        mine = [tiles[i.name] for i in pack.indicators if i.name in tiles]
        if mine:
            result.append((visit.words.label(pack.title), mine))
    return result


def tile(
    visit: Visit,
    indicator: Indicator,
    value: float | None,
    at: Instant,
    trend: Sequence[tuple[Instant, float]] = (),
    unreal: Mapping[str, int] | None = None,
) -> Tile:
    """An indicator with its explanation: what it counts, from where, how fresh, whose."""
    words = visit.words
    source = visit.services.broker.types[indicator.of.TYPE.name]  # type: ignore[attr-defined]
    pack = next((p for p in visit.services.broker.packs if indicator in p.indicators), None)
    why = (
        *rule(words, indicator, source),
        (words("source"), words.label(source.info.label)),
        (words("freshness"), words("computed at") + f" {words.instant(at)}"),
        (words("owner"), f"{words.label(pack.title)} ({indicator.row or pack.row})" if pack else ""),
    )
    text = "" if value is None else words.number(value, 1)
    symbol = unit_symbol(indicator.unit)
    href = f"/list/{source.name}" if readable(visit.services, visit.actor, source.name) else ""
    change = _change(words, value, at, trend)
    flags = tuple(f"{words.number(n, 0)} {words.origin(origin)}" for origin, n in (unreal or {}).items())
    return Tile(
        words.label(indicator.title), text, symbol, href, why, spark(trend), change, flags, parts(visit, indicator)
    )


def parts(visit: Visit, indicator: Indicator, values: Sequence[float | None] = ()) -> tuple[tuple[str, str, str], ...]:
    """What was divided, each as (term, text, address of its list); empty for what is no percentage of a measured sum.

    values: of both, where they are known to the caller.
    """
    if indicator.base is None:
        return ()
    words = visit.words
    found = []
    for n, (term, one) in enumerate(((mark("numerator"), indicator), (mark("denominator"), indicator.base))):
        source = visit.services.broker.types[describe(one.of).name]
        text = _summed(words, one, source)
        if values:
            value = values[n]
            unit = unit_symbol(unit_of(one))
            text = f"{words('no data') if value is None else f'{words.number(value, 1)} {unit}'.strip()}: {text}"
        address = listed(one) if readable(visit.services, visit.actor, source.name) else ""
        found.append((words(term), text, address))
    return tuple(found)


def unit_of(indicator: Indicator) -> str:
    """Of what it sums: that of the field, whatever the indicator itself is told in."""
    return describe(indicator.of).fields[indicator.field].unit if indicator.field else "C62"


def listed(indicator: Indicator) -> str:
    """Address of the list of what an indicator is computed from, as near as its filters come."""
    where = [(w.name, str(w.value)) for w in indicator.where if w.op == "=="]
    return f"/list/{describe(indicator.of).name}" + (f"?{urlencode(where)}" if where else "")


def spark(trend: Sequence[tuple[Instant, float]]) -> str:
    """A trend as the `d` of a path in a box of 100 × 24; "" for fewer than two values."""
    if len(trend) < 2:
        return ""
    start, end = trend[0][0].timestamp(), trend[-1][0].timestamp()
    low, high = min(v for _, v in trend), max(v for _, v in trend)
    span = high - low or 1.0
    points = [(100 * (at.timestamp() - start) / (end - start), 22 - 20 * (v - low) / span) for at, v in trend]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _change(words: Words, value: float | None, at: Instant, trend: Sequence[tuple[Instant, float]]) -> str:
    """The difference to the value of a day before, within two hours; "" when nobody wrote one down."""
    near = [(abs((at - DAY - t).total_seconds()), v) for t, v in trend]
    best = min(near, default=None)
    if value is None or best is None or best[0] > 7200:
        return ""
    difference = value - best[1]
    sign = "+" if difference > 0 else "−" if difference < 0 else "±"
    return f"{sign}{words.number(abs(difference), 1)}"


def rule(words: Words, indicator: Indicator, source: EntityType) -> tuple[tuple[str, str], ...]:
    """The formula as (term, text); that of a percentage stands in its parts."""
    return () if indicator.base is not None else ((words("formula"), formula(words, indicator, source)),)


def formula(words: Words, indicator: Indicator, source: EntityType) -> str:
    """What an indicator computes, in words: from its declaration, so that it cannot say something else."""
    told, below = _summed(words, indicator, source), indicator.base
    return told if below is None else f"{told} / {formula(words, below, describe(below.of))}"


def _summed(words: Words, indicator: Indicator, source: EntityType) -> str:
    """The same, of a percentage only what is above the line."""
    what = ", ".join(words.label(describe(r).info.label) for r in (indicator.of, *indicator.also))
    if indicator.field and indicator.field in source.fields:
        what = f"{words.label(source.fields[indicator.field].field.label)} ({what})"
    terms = [_term(words, w, source) for w in indicator.where]
    told = f"{words(MEASURES[indicator.measure])} {what}"
    return f"{told}; " + words("where") + f" {', '.join(terms)}" if terms else told


def _term(words: Words, term: Where, source: EntityType) -> str:
    spec = source.fields.get(term.name)
    name = words.label(spec.field.label) if spec else term.name
    workflow = source.info.workflow
    states = dict(workflow.names) if workflow and workflow.attribute == term.name else {}
    names: dict[str, Label] = {**states, **(dict(spec.field.names) if spec else {})}
    given = term.value if isinstance(term.value, list) else [term.value]
    shown = [words.label(names[v]) if isinstance(v, str) and v in names else str(v) for v in given]
    sign = {"==": "=", "in": "=", "!=": "≠", "exists": "≠ ∅", "absent": "= ∅"}.get(term.op, term.op)
    return f"{name} {sign} {' | '.join(shown)}" if term.op not in ("exists", "absent") else f"{name} {sign}"


async def duties_of(visit: Visit) -> list[Duty]:
    """Work with a deadline that is not over, the nearest deadline first: of one's own agencies, or of all."""
    wanted = [
        t
        for t in visit.services.broker.types.values()
        if t.info.workflow is not None
        and (spec := t.fields.get(DUE)) is not None
        and spec.field.indexed
        and visit.services.may(visit.actor, f"{t.noun}.read")
    ]
    agencies = tuple(sorted({g.agency for g in visit.actor.grants if g.agency is not None}))
    found = await asyncio.gather(*(_duties(visit, t, agencies) for t in wanted))
    return sorted((d for part in found for d in part), key=lambda d: d.due or now())[:WORK]


async def _duties(visit: Visit, entity_type: EntityType, agencies: tuple[str, ...]) -> list[Duty]:
    workflow = entity_type.info.workflow
    if workflow is None:
        return []
    open_states = [s for s in workflow.states if s not in workflow.final]
    where = (Where(workflow.attribute, "in", open_states), Where(DUE, "exists"))
    query = Query(types=(entity_type.name,), where=where, agency=agencies, order=DUE, limit=WORK, latest=False)
    page = await visit.services.broker.query(query, visit.actor)
    at = now()
    result = []
    for entity in page.items:
        due = parse_instant(str(entity.value(DUE))) if entity.value(DUE) else None
        kind = "" if due is None else "overdue" if due < at else "soon" if due < at + SOON else ""
        state = str(entity.value(workflow.attribute))
        shown = visit.words.label(workflow.label(state)) if state in workflow.states else state
        label = visit.words.label(entity_type.info.label)
        result.append(Duty(entity_href(entity.id), title_of(entity, entity_type), shown, label, due, kind))
    return result


async def alerts_of(visit: Visit) -> list[Duty] | None:
    """Alerts that are not over, the newest first; None when no pack knows alerts, or none may be read."""
    entity_type = visit.services.broker.types.get(ALERT)
    if entity_type is None or not readable(visit.services, visit.actor, ALERT):
        return None
    workflow = entity_type.info.workflow
    open_states = [s for s in workflow.states if s not in workflow.final] if workflow else []
    where = (Where(workflow.attribute, "in", open_states),) if workflow else ()
    query = Query(types=(ALERT,), where=where, order="-modified", limit=WORK, latest=False)
    page = await visit.services.broker.query(query, visit.actor)
    result = []
    for entity in page.items:
        state = str(entity.value(workflow.attribute)) if workflow else ""
        shown = visit.words.label(workflow.label(state)) if workflow and state in workflow.states else state
        label = visit.words.label(entity_type.info.label)
        result.append(Duty(entity_href(entity.id), title_of(entity, entity_type), shown, label, entity.modified_at, ""))
    return result


async def mark_read(visit: Visit) -> Response:
    """A notice was read."""
    await visit.services.mark_read(visit.actor, visit.request.path_params["notice"])
    return visit.see("/")

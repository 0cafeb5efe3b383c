"""My work: cases that are mine, that nobody took, that are overdue or will soon be, of every kind of case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from province.console.display import entity_href, title_of
from province.console.language import mark
from province.console.navigation import readable
from province.console.visit import Visit
from province.model.entity import Entity
from province.model.query import Page, Query, Where
from province.model.schema import EntityType
from province.model.time import Instant, format_instant, now, parse_instant
from province.vocab.case import Case

HOME: Final = "/work"
SOON: Final = timedelta(hours=48)
SHOWN: Final = 15


@dataclass(frozen=True, slots=True)
class Line:
    """A case on the page. late: past its limit.  paused: its clock stands still.  danger: it may be an emergency."""

    href: str
    code: str
    title: str
    kind: str
    state: str
    owner: str
    due: Instant | None
    late: bool
    paused: bool
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Cases of one sort, the most pressing first. more: (name of a kind, its register) where there are more."""

    title: str
    text: str
    lines: tuple[Line, ...]
    more: tuple[tuple[str, str], ...]


_BEGINNING: Final = Where("", "==")
"""Stands for the first state of each kind's workflow."""
_IN_ORDER: Final = ("openDueAt", "clockProblem")
"""Fields that few of a million cases have: those that are open, those without a limit."""


@dataclass(frozen=True, slots=True)
class _Sort:
    """What a section asks for. ways: conditions, one set of which a case meets; each is a question of its own."""

    title: str
    text: str
    ways: tuple[tuple[Where, ...], ...]
    agencies: tuple[str, ...] = ()


async def work(visit: Visit) -> Response:
    """The page."""
    kinds = [
        t for t in visit.services.broker.types.values() if is_case(t) and readable(visit.services, visit.actor, t.name)
    ]
    soon, at = format_instant(now() + SOON), format_instant(now())
    agencies = tuple(dict.fromkeys(g.agency for g in visit.actor.grants if g.agency))
    waiting = Where("assignedTo", "absent")
    asked = (
        _Sort(
            mark("May be an emergency"),
            mark("Somebody may be in danger by what it says. Look at these first, and say whether it is so."),
            ((Where("suspected", "==", True),),),
        ),
        _Sort(mark("Mine"), mark("What you are in charge of."), ((Where("assignee", "==", visit.actor.id),),)),
        _Sort(
            mark("Overdue"),
            mark("Past the time limit, the longest first."),
            ((Where("openDueAt", "<", at),),),
            agencies,
        ),
        _Sort(
            mark("Due within two days"),
            mark("Still in time."),
            ((Where("openDueAt", ">=", at), Where("openDueAt", "<=", soon)),),
            agencies,
        ),
        _Sort(
            mark("Nobody took it yet"),
            mark("Given to the agency, and in nobody's hands."),
            ((Where("openDueAt", "exists"), Where("assignee", "absent")),),
            agencies,
        ),
        # Not `openDueAt` absent: what ended has none either, and the database would walk through all of that.
        _Sort(
            mark("Waiting to be given out"),
            mark("No agency has it yet, or it has no time limit."),
            ((waiting, _BEGINNING), (Where("clockProblem", "exists"),)),
            agencies,
        ),
    )
    sections = await asyncio.gather(*(_section(visit, kinds, one) for one in asked))
    return visit.page("work.html", {"sections": sections, "everywhere": not agencies, "kinds": kinds})


def is_case(entity_type: EntityType) -> bool:
    """Whether a type has what all cases share."""
    return issubclass(entity_type.record, Case) and entity_type.info.workflow is not None


def open_states(entity_type: EntityType) -> tuple[str, ...]:
    """The states in which somebody must still do something: those with a next one, but for an answered case."""
    workflow = entity_type.info.workflow
    assert workflow is not None
    return tuple(s for s in workflow.states if s not in workflow.final and s not in ("resolved", "linked"))


async def _section(visit: Visit, kinds: Sequence[EntityType], one: _Sort) -> Section:
    questions = [(kind, way) for kind in kinds for way in one.ways]
    pages = await asyncio.gather(*(_asked(visit, kind, way, one.agencies) for kind, way in questions))
    owners = {str(e.value("assignedTo")) for page in pages for e in page.items if e.value("assignedTo")}
    names: dict[str, str] = {}
    if owners:
        found = await visit.services.broker.query(Query(ids=tuple(owners), limit=200, latest=False), visit.actor)
        names = {e.id: title_of(e, visit.services.broker.types.get(e.type)) for e in found.items}
    asked = list(zip(questions, pages, strict=True))
    lines = {e.id: _line(visit, kind, e, names) for (kind, _), page in asked for e in page.items}
    ordered = sorted(lines.values(), key=lambda line: (line.due is None, line.due or now(), line.title))
    further = dict.fromkeys(kind.name for (kind, _), page in asked if page.next)
    more = tuple((visit.words.label(k.info.label), _register(k)) for k in kinds if k.name in further)
    return Section(visit.words(one.title), visit.words(one.text), tuple(ordered[: SHOWN * 2]), more)


async def _asked(visit: Visit, kind: EntityType, way: tuple[Where, ...], agencies: tuple[str, ...]) -> Page:
    workflow = kind.info.workflow
    assert workflow is not None
    named = next((w.name for w in way if w.name in _IN_ORDER), "")
    query = Query(
        types=(kind.name,),
        where=(*_conditions(kind, way, by_field=bool(named)),),
        agency=agencies,
        order=named or "-modified",
        limit=SHOWN,
        latest=False,
    )
    return await visit.services.broker.query(query, visit.actor)


def _conditions(kind: EntityType, way: tuple[Where, ...], *, by_field: bool) -> Iterator[Where]:
    """What is asked of a kind. by_field: the field that the rest goes by leaves few, in the order in which they are
    shown. The database is to walk along it: the state is asked by what it is not, which promises to leave little out.
    """
    workflow = kind.info.workflow
    assert workflow is not None
    if any(w is _BEGINNING for w in way):
        yield Where(workflow.attribute, "==", workflow.initial)
    elif by_field:
        still = open_states(kind)
        yield from (Where(workflow.attribute, "!=", state) for state in workflow.states if state not in still)
    else:
        yield Where(workflow.attribute, "in", list(open_states(kind)))
    yield from (w for w in way if w is not _BEGINNING)


def _register(kind: EntityType) -> str:
    return f"/list/{kind.name}?{urlencode({'sort': 'dueAt'})}"


def _line(visit: Visit, kind: EntityType, entity: Entity, names: dict[str, str]) -> Line:
    workflow = kind.info.workflow
    assert workflow is not None
    state, due = str(entity.value(workflow.attribute)), entity.value("dueAt")
    at = parse_instant(due) if isinstance(due, str) else None
    paused = entity.value("pausedSince") is not None
    return Line(
        href=entity_href(entity.id),
        code=str(entity.value("code") or ""),
        title=title_of(entity, kind),
        kind=visit.words.label(kind.info.label),
        state=visit.words.label(workflow.label(state)) if state in workflow.states else state,
        owner=names.get(str(entity.value("assignedTo")), ""),
        due=at,
        late=at is not None and at < now() and not paused,
        paused=paused,
        danger=entity.value("suspected") is True,
    )

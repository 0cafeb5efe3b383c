"""The first page of a signed-in person: how much there is, what happened, what waits, whether all parts run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from province.console.display import entity_href, unit_symbol
from province.console.language import mark
from province.console.navigation import readable
from province.console.services import Happening
from province.console.visit import Visit
from province.model.time import Instant

EVENTS = 12
NOTICES = 8


@dataclass(frozen=True, slots=True)
class Tile:
    """An indicator: its value and what it was computed from."""

    title: str
    text: str
    unit: str
    source: str
    href: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Count:
    """How many entities of a type."""

    name: str
    label: str
    count: str


VERBS: Final = {"created": mark("created"), "changed": mark("changed"), "deleted": mark("deleted")}


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
    services, words, actor = visit.services, visit.words, visit.actor
    types = services.broker.types
    tiles = []
    for indicator, value, at in await services.broker.indicators(actor):
        source = indicator.of.TYPE  # type: ignore[attr-defined]
        text = "" if value is None else words.number(value, 1)
        href = f"/list/{source.name}"
        unit = unit_symbol(indicator.unit)
        tiles.append(Tile(words.label(indicator.title), text, unit, words.label(source.label), href, at))
    counts = [
        Count(name, words.label(types[name].info.label) if name in types else name, words.number(count, 0))
        for name, count, _ in await services.broker.type_counts(actor)
        if name not in types or readable(services, actor, name)
    ]
    events = [
        {
            "at": e.at,
            "name": e.name,
            "text": event_text(visit, e),
            "href": entity_href(e.entity),
            "title": e.title or e.entity,
            "actor": e.actor,
        }
        for e in await services.events(actor, EVENTS)
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
        for n in await services.inbox(actor, NOTICES)
    ]
    values = {
        "indicators": tiles,
        "counts": counts,
        "events": events,
        "inbox": inbox,
        "engines": await services.engines(),
    }
    return visit.page("overview.html", values)


async def mark_read(visit: Visit) -> Response:
    """A notice was read."""
    await visit.services.mark_read(visit.actor, visit.request.path_params["notice"])
    return visit.see("/")

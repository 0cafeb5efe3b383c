"""One box for everything: entities of every type that the reader may see, registers and pages, diacritics ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from province.console.display import entity_href, title_of
from province.console.navigation import entries, readable
from province.console.visit import Visit
from province.errors import NotFound
from province.model.entity import Entity
from province.model.label import Label
from province.model.query import Query
from province.model.schema import EntityType
from province.model.text import fold

SHOWN: Final = 6
"""Finds of one type; the register shows the rest."""
LOOKED_AT: Final = 40
"""Matches of one type that are compared for the best: a common word matches very many."""
LOOKED_AT_EACH: Final = 12
"""The same where every type is asked at once."""
PICKED: Final = 20


@dataclass(frozen=True, slots=True)
class Find:
    """One find. note: what tells it from its namesakes."""

    href: str
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class Finds:
    """Finds of one type. more: address of the register with the same words, or "" when all are shown."""

    title: str
    icon: str
    finds: tuple[Find, ...]
    more: str = ""


async def search(visit: Visit) -> Response:
    """The page: the best finds, type by type."""
    text = visit.request.query_params.get("q", "").strip()[:200]
    if text.startswith("urn:"):
        try:
            entity = await visit.services.broker.get(text, visit.actor, latest=False)
            return visit.see(entity_href(entity.id))
        except NotFound:
            pass
    groups = [*pages(visit, text), *await finds(visit, text)] if text else []
    return visit.page("search.html", {"q": text, "groups": groups})


def pages(visit: Visit, text: str) -> list[Finds]:
    """Pages and registers of the menu whose names hold the words."""
    wanted = fold(text).split()
    found = []
    for entry in entries(visit.services, visit.actor, ""):
        name = visit.words.label(entry.text) if isinstance(entry.text, Label) else visit.words(entry.text)
        if all(w in fold(name) for w in wanted):
            group = visit.words.label(entry.group) if isinstance(entry.group, Label) else visit.words(entry.group)
            found.append(Find(entry.href, name, group if entry.group else ""))
    return [Finds(visit.words("Pages"), "list", tuple(found))] if found and wanted else []


async def finds(visit: Visit, text: str) -> list[Finds]:
    """Entities by type, the types with the best finds first."""
    types = [
        t
        for t in visit.services.broker.types.values()
        if any(s.field.search for s in t.fields.values()) and readable(visit.services, visit.actor, t.name)
    ]
    query = Query(
        types=tuple(t.name for t in types), text=text, order="any", each=LOOKED_AT_EACH, limit=1_000, latest=False
    )
    page = await visit.services.broker.query(query, visit.actor)
    by_type: dict[str, list[Entity]] = {}
    for entity in page.items:
        if name := next((n for n in entity.types if n in query.types), ""):
            by_type.setdefault(name, []).append(entity)
    ranked = sorted((_of_type(visit, t, by_type[t.name], text) for t in types if t.name in by_type), key=lambda a: a[0])
    return [found for _, found in ranked]


def _of_type(visit: Visit, entity_type: EntityType, found: list[Entity], text: str) -> tuple[tuple[int, int], Finds]:
    best = sorted(found, key=lambda e: rank(title_of(e, entity_type), text))
    shown = tuple(Find(entity_href(e.id), title_of(e, entity_type), note(visit, e, entity_type)) for e in best[:SHOWN])
    more = ""
    if len(best) > SHOWN:
        more = f"/list/{entity_type.name}?{urlencode({'q': text})}"
    first = rank(title_of(best[0], entity_type), text)
    return first, Finds(visit.words.label(entity_type.info.label), entity_type.info.icon, shown, more)


def rank(title: str, text: str) -> tuple[int, int]:
    """How well a name answers the words: equal, begins with them, holds them, matched elsewhere; then the shorter."""
    name, wanted = fold(title), fold(text)
    place = 0 if name == wanted else 1 if name.startswith(wanted) else 2 if wanted in name else 3
    return place, len(name)


def note(visit: Visit, entity: Entity, entity_type: EntityType) -> str:
    """A second line: the state, and the words of other searched fields, which may be what matched."""
    parts = []
    workflow = entity_type.info.workflow
    if workflow is not None:
        state = entity.value(workflow.attribute)
        if state in workflow.states:
            parts.append(visit.words.label(workflow.label(str(state))))
    for spec in entity_type.fields.values():
        value = entity.value(spec.name)
        if spec.field.search and spec.name != entity_type.info.title and isinstance(value, str) and value:
            parts.append(value if len(value) <= 60 else value[:57] + "…")
    start, end = entity.value("validFrom"), entity.value("validTo")
    if start:
        day = visit.words.day
        parts.append(f"{day(str(start))} – {day(str(end)) if end else '…'}")
    return " · ".join(parts[:3])


async def pick(visit: Visit) -> Response:
    """Candidates of one type for a field that names an entity: JSON of [id, name, note], the best first."""
    name = visit.request.path_params["type"]
    entity_type = visit.services.broker.types.get(name)
    if entity_type is None or not readable(visit.services, visit.actor, name):
        raise NotFound(f"there is no register {name[:60]!r}.", field="type")
    text = visit.request.query_params.get("q", "").strip()[:200]
    order = "any" if text else "name"
    query = Query(types=(name,), text=text, order=order, limit=LOOKED_AT, latest=False)
    page = await visit.services.broker.query(query, visit.actor)
    best = sorted(page.items, key=lambda e: rank(title_of(e, entity_type), text)) if text else page.items
    # What is over is still found, after what is in force: a form may speak of the past.
    best = sorted(best, key=lambda e: bool(e.value("validTo")))
    body = [[e.id, title_of(e, entity_type), note(visit, e, entity_type)] for e in best[:PICKED]]
    return Response(msgspec.json.encode(body), media_type="application/json")

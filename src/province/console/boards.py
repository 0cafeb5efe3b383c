"""Boards of the seven domains: figures with their sources, the worst sensors, silence, alerts, map.

Nothing is invented: what has no source is "no data", and what was simulated says so and stands apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from province.broker.boards import Indexed
from province.broker.figures import Figure, Part
from province.console.display import Shown, entity_href, show, title_of, unit_symbol
from province.console.maps import day_of, described, texts
from province.console.overview import listed, parts, rule
from province.console.services import Boards
from province.console.visit import Visit
from province.errors import NotFound
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.schema import describe
from province.model.time import Instant
from province.pack import Board, Indicator
from province.vocab.alert import OPEN

CHARTS: Final = 2
ALERTS: Final = 8
SHOWN_INDEX: Final = 12


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a tile. simulated: it does not count.  sources: of how many sensors.  newest: youngest reading."""

    text: str
    simulated: bool
    sources: str
    newest: Instant | None


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure: the value that counts, the one that does not, and what explains it as (term, text) pairs."""

    title: str
    unit: str
    href: str
    values: tuple[Value, ...]
    why: tuple[tuple[str, str], ...]
    parts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A sensor or an area in a list."""

    title: str
    href: str
    text: str
    unit: str
    simulated: bool
    at: Instant | None = None
    place: str = ""
    owner: str = ""
    colour: str = ""
    note: str = ""


async def overview(visit: Visit) -> Response:
    """All boards, each with its first figure, its silent sensors and its open alerts."""
    desk = _desk(visit)
    cards = await asyncio.gather(*(_card(visit, desk, board) for board in desk.all.values()))
    return visit.page("boards.html", {"cards": cards})


async def _card(visit: Visit, desk: Boards, board: Board) -> dict[str, Any]:
    silence = [t for t in board.tiles if t.measure == "silent"]
    figures = await asyncio.gather(*(desk.figure(t, visit.actor) for t in (board.tiles[0], *silence)))
    main = _tile(visit, figures[0], board.tiles[0]) if figures[0] else None
    silent, total = _silent(figures[1:])
    return {
        "title": visit.words.label(board.title),
        "icon": board.icon,
        "href": f"/boards/{board.domain}",
        "tile": main,
        "silent": silent,
        "total": total,
        "sensed": bool(silence),
        "alerts": await _count_alerts(visit, desk, board),
    }


async def board(visit: Visit) -> Response:
    """One board."""
    desk, words = _desk(visit), visit.words
    found = desk.all.get(visit.request.path_params["domain"])
    if found is None:
        raise NotFound(
            f"there is no board {visit.request.path_params['domain'][:40]!r}.",
            field="domain",
            remedy=f"One of: {', '.join(desk.all)}.",
        )
    day = day_of(visit)
    figures, ranked, indexed, alerts = await asyncio.gather(
        asyncio.gather(*(desk.figure(t, visit.actor, *((day,) if day else ())) for t in found.tiles)),
        desk.ranked(found, visit.actor),
        desk.index(found, visit.actor),
        _alerts(visit, desk, found),
    )
    kind = describe(found.of)
    titles = await _titles(visit, [*ranked, *(i.entity for i in indexed)], _areas(figures))
    silent, total = _silent([f for f in figures if f and f.indicator.measure == "silent"])
    spec = kind.fields[found.field]
    sensed = spec.field.observed
    by_area = next((f for f in figures if f and f.areas), None)
    names = {describe(t).name for t in found.types}
    shown = [
        {**layer, "checked": layer["name"] in (kind.name, "Alert")}
        for layer in described(visit)
        if layer["name"] in names or layer["name"] == "Alert"
    ]
    values = {
        "title": words.label(found.title),
        "domain": found.domain,
        "on": day,
        "tiles": [_tile(visit, f, t) for f, t in zip(figures, found.tiles, strict=True) if f],
        "field": words.label(spec.field.label),
        "worst": found.worst,
        "ranked": [_sensor(visit, e, show(e.attrs.get(found.field), words, spec=spec), titles) for e in ranked],
        "sensed": sensed,
        "charts": [{"id": e.id, "title": title_of(e, kind), "field": found.field} for e in ranked[:CHARTS] if sensed],
        "areas": _area_lines(visit, by_area, titles, day) if by_area else [],
        "area_title": words.label(by_area.indicator.title) if by_area else "",
        "index": _index(visit, found, indexed, titles),
        "silent": silent,
        "total": total,
        "alerts": alerts,
        "layers": shown,
        "bounds": visit.services.bounds,
        "kind": words.label(kind.info.label),
        "register": f"/list/{kind.name}",
        "map_words": texts(visit)["words"],
    }
    return visit.page("board.html", values)


def _desk(visit: Visit) -> Boards:
    if visit.services.boards is None:
        raise NotFound("there are no boards here.", field="domain")
    return visit.services.boards


def _tile(visit: Visit, figure: Figure, indicator: Indicator) -> Tile:
    words = visit.words
    source = visit.services.broker.types[describe(indicator.of).name]
    rules = [
        *rule(words, indicator, source),
        (words("source"), words.label(source.info.label)),
    ]
    if indicator.within_s:
        minutes = words.number(indicator.within_s / 60, 0)
        rules.append((words("age"), words("values not older than %(minutes)s minutes") % {"minutes": minutes}))
    rules.append((words("freshness"), words("computed at") + f" {words.instant(figure.at)}"))
    counted, uncounted = figure.counted, figure.uncounted
    values = []
    if counted.value is not None and (counted.total or uncounted.value is None or not uncounted.total):
        values.append(_value(visit, indicator, counted, False))
    if uncounted.value is not None and uncounted.total:
        values.append(_value(visit, indicator, uncounted, True))
    return Tile(
        words.label(indicator.title), unit_symbol(indicator.unit), listed(indicator), tuple(values), tuple(rules),
        parts(visit, indicator, [f.counted.value for f in figure.over or ()]),
    )  # fmt: skip


def _value(visit: Visit, indicator: Indicator, part: Part, simulated: bool) -> Value:
    words = visit.words
    sources = ""
    if indicator.measure != "count" or indicator.base is not None:
        sources = _counted(visit, indicator, words.number(part.sources, 0), words.number(part.total, 0))
    digits = 1 if indicator.base is not None else 0 if indicator.measure in ("count", "silent", "over") else 2
    return Value(words.number(part.value or 0.0, digits), simulated, sources, part.newest)


def _counted(visit: Visit, indicator: Indicator, n: str, of: str) -> str:
    """Of how many sensors or records it was computed."""
    if not indicator.field or describe(indicator.of).fields[indicator.field].field.observed:
        return visit.words("%(n)s of %(all)s sensors") % {"n": n, "all": of}
    return visit.words("%(n)s of %(all)s records") % {"n": n, "all": of}


def _silent(figures: Sequence[Figure | None]) -> tuple[int, int]:
    parts = [p for f in figures if f for p in (f.counted, f.uncounted)]
    return int(sum(p.value or 0 for p in parts)), sum(p.total for p in parts)


def _sensor(visit: Visit, entity: Entity, shown: Shown, titles: dict[str, str]) -> Line:
    kind = visit.services.broker.types.get(entity.type)
    area = entity.value("area")
    return Line(
        title_of(entity, kind),
        entity_href(entity.id),
        shown.text,
        shown.unit,
        shown.origin == "simulated",
        shown.at,
        titles.get(area, "") if isinstance(area, str) else "",
        titles.get(entity.agency or "", ""),
    )


def _areas(figures: Sequence[Figure | None]) -> list[str]:
    return [a.area for f in figures if f for a in f.areas if a.area]


def _area_lines(visit: Visit, figure: Figure, titles: dict[str, str], day: str) -> list[Line]:
    words, indicator = visit.words, figure.indicator
    name = describe(indicator.of).name
    result = []
    for area in figure.areas:
        for part, simulated in ((area.counted, False), (area.uncounted, True)):
            if not part.total:
                continue
            text = "" if part.value is None else words.number(part.value, 2)
            query = urlencode({"within": area.area, **({"map": day} if day else {})}) if area.area else ""
            result.append(
                (
                    part.value,
                    Line(
                        titles.get(area.area or "", "") or words("no area"),
                        f"/list/{name}" + (f"?{query}" if query else ""),
                        text,
                        unit_symbol(indicator.unit),
                        simulated,
                        part.newest,
                        note=_counted(visit, indicator, str(part.sources), str(part.total)),
                    ),
                )
            )
    return [line for _, line in sorted(result, key=lambda r: (r[0] is None, -(r[0] or 0.0), r[1].title))]


def _index(visit: Visit, found: Board, indexed: Sequence[Indexed], titles: dict[str, str]) -> dict[str, Any] | None:
    if found.index is None:
        return None
    words = visit.words
    lines = []
    for one in indexed[:SHOWN_INDEX]:
        band = next((b for b in found.index.bands if one.value is not None and one.value <= b.upto), None)
        text = "" if one.value is None else words.number(one.value, 0)
        line = _sensor(visit, one.entity, Shown(text, origin=one.origin, at=one.until), titles)
        lines.append(
            Line(
                line.title, line.href, line.text, "", line.simulated, one.until, line.place, line.owner,
                band.colour if band else "", words.label(band.label) if band else "",
            )
        )  # fmt: skip
    return {
        "title": words.label(found.index.title),
        "basis": words.label(found.index.basis),
        "lines": [x for x in lines if x.text],
        "known": sum(i.value is not None for i in indexed),
        "all": len(indexed),
        "bands": [(b.colour, words.label(b.label)) for b in found.index.bands],
    }


async def _alerts(visit: Visit, desk: Boards, found: Board) -> list[dict[str, Any]]:
    rules = desk.rules(found)
    if not rules or not visit.services.may(visit.actor, "alert.read"):
        return []
    where = (Where("status", "in", list(OPEN)), Where("rule", "in", list(rules)))
    query = Query(types=("Alert",), where=where, order="-raisedAt", limit=ALERTS, latest=False)
    page = await visit.services.broker.query(query, visit.actor)
    return [alert_line(visit, e) for e in page.items]


async def _count_alerts(visit: Visit, desk: Boards, found: Board) -> int | None:
    rules = desk.rules(found)
    if not rules or not visit.services.may(visit.actor, "alert.read"):
        return None
    where = (Where("status", "in", list(OPEN)), Where("rule", "in", list(rules)))
    page = await visit.services.broker.query(Query(types=("Alert",), where=where, limit=0, count=True), visit.actor)
    return page.total


def alert_line(visit: Visit, entity: Entity) -> dict[str, Any]:
    """An alert as a row of a list."""
    words = visit.words
    kind = visit.services.broker.types["Alert"]
    fields = {n: show(entity.attrs.get(n), words, spec=kind.fields[n], type=kind) for n in ("severity", "status")}
    raised = show(entity.attrs.get("raisedAt"), words, spec=kind.fields["raisedAt"])
    return {
        "href": f"/alerts/{entity.id}",
        "title": title_of(entity, kind),
        "severity": fields["severity"].text,
        "shade": str(entity.value("severity", "Unknown")).lower(),
        "status": fields["status"].text,
        "raised": raised.text,
        "simulated": entity.value("basis") == "simulated",
        "level": entity.value("levelName") or "",
    }


async def _titles(visit: Visit, entities: Sequence[Entity], areas: Sequence[str]) -> dict[str, str]:
    """Names of areas and owning agencies, as far as the reader may see them."""
    ids = set(areas)
    for entity in entities:
        ids |= {i for i in (entity.value("area"), entity.agency) if isinstance(i, str)}
    if not ids:
        return {}
    query = Query(types=("Area", "Agency"), ids=tuple(sorted(ids))[:1000], limit=1000, latest=False)
    page = await visit.services.broker.query(query, visit.actor)
    types = visit.services.broker.types
    return {e.id: title_of(e, types.get(e.type)) for e in page.items}

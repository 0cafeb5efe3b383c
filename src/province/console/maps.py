"""The map: layers from the packs' panels, areas of government, live values as GeoJSON."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import shapely
import shapely.geometry
from starlette.responses import Response

from province.console.display import entity_href, show, title_of, unit_symbol
from province.console.filters import options_of
from province.console.navigation import panels, readable
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound
from province.model.entity import Entity
from province.model.geometry import Box, Geometry
from province.model.query import Query, Where
from province.model.schema import EntityType, FieldSpec
from province.model.time import CIVIL_ZONE, now
from province.pack import Map
from province.vocab.area import LOCAL

LIMIT: Final = 5000
"""Marks of one answer; more are cut off, and the page says so."""
PAGE: Final = 1000
AREAS: Final = 500
CATEGORIES: Final = 8
STEPS: Final = 5
TOLERANCE: Final = 0.0003
"""Degrees, about 33 m: corners whose triangle is smaller than the square of this are left out of the drawing."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become colours. classes: (key, label, shade, count), for the legend."""

    keys: dict[str, str]
    classes: list[dict[str, Any]]


def layers(visit: Visit) -> list[tuple[str, Map]]:
    """(name, panel) of the layers that this reader may see; the name is the entity type's."""
    found: dict[str, Map] = {}
    for panel in panels(visit.services.broker.packs):
        name = panel.of.TYPE.name  # type: ignore[attr-defined]
        if isinstance(panel, Map) and name not in found and readable(visit.services, visit.actor, name):
            found[name] = panel
    return list(found.items())


async def map_page(visit: Visit) -> Response:
    """The map with its layers, and beside it the same things as lists."""
    _ = visit.words
    words = {
        "more": _("only the first are shown: zoom in"),
        "at": _("at"),
        "simulated": _("simulated values"),
        "open": _("Open"),
        "noData": _("no data"),
        "failed": _("cannot be loaded"),
        "shown": _("shown"),
    }
    wanted = visit.request.query_params.get("layer", "")
    found = [
        {
            "name": name,
            "title": _.label(panel.title),
            "url": f"/console/map/{name}.geojson",
            "words": words,
            "checked": not wanted or wanted == name,
        }
        for name, panel in layers(visit)
    ]
    return visit.page("map.html", {"layers": found, "bounds": visit.services.bounds})


async def layer(visit: Visit) -> Response:
    """GeoJSON of one layer inside `bbox`, at most `LIMIT` marks, with the classes of its colours."""
    name = visit.request.path_params["layer"]
    panel = dict(layers(visit)).get(name)
    if panel is None:
        raise NotFound(f"there is no layer {name[:60]!r}.", field="layer")
    box = parse_box(visit.request.query_params.get("bbox", ""))
    items: list[Entity] = []
    after = ""
    while True:
        query = Query(types=(name,), where=panel.where, box=box, after=after, limit=PAGE)
        page = await visit.services.broker.query(query, visit.actor)
        items += page.items
        after = page.next
        if not after or len(items) >= LIMIT:
            break
    entity_type = visit.services.broker.types[name]
    return _geojson(visit, entity_type, panel, items[:LIMIT], truncated=bool(after) or len(items) > LIMIT)


def _geojson(
    visit: Visit, entity_type: EntityType, panel: Map, items: Sequence[Entity], *, truncated: bool
) -> Response:
    spec = entity_type.fields.get(panel.colour_by) if panel.colour_by else None
    scale = _scale(visit, entity_type, spec, items)
    place = entity_type.info.place or "location"
    features = []
    simulated = False
    for entity in items:
        where = entity.value(place)
        if where is None:
            continue
        attribute = entity.attrs.get(spec.name) if spec else None
        shown = show(attribute, visit.words, spec=spec, type=entity_type)
        simulated = simulated or shown.origin == "simulated"
        properties = {
            "title": title_of(entity, entity_type),
            "href": entity_href(entity.id),
            "label": visit.words.label(spec.field.label) if spec else "",
            "shown": shown.full,
            "class": scale.keys.get(entity.id, "none"),
            "at": shown.at.timestamp() if shown.at else None,
            "simulated": shown.origin == "simulated",
        }
        features.append({"type": "Feature", "geometry": where, "properties": properties})
    body = {
        "type": "FeatureCollection",
        "features": features,
        "classes": scale.classes,
        "colour_by": spec.name if spec else "",
        "truncated": truncated,
        "simulated": simulated,
        "at": time.time(),
    }
    return Response(msgspec.json.encode(body), media_type="application/geo+json")


def _scale(visit: Visit, entity_type: EntityType, spec: FieldSpec | None, items: Sequence[Entity]) -> Scale:
    if spec is None:
        return Scale({}, [])
    values = {e.id: e.value(spec.name) for e in items if e.value(spec.name) is not None}
    known = [v for v in values.values() if isinstance(v, int | float) and not isinstance(v, bool)]
    if spec.value in ("number", "integer") and known:
        scale = _steps(visit, values, known, spec)
    else:
        scale = _categories(visit, entity_type, spec, values)
    missing = len(items) - len(values)
    if missing:
        scale.classes.append({"key": "none", "label": visit.words("no data"), "shade": "none", "count": missing})
    return scale


def _steps(visit: Visit, values: dict[str, Any], known: list[float], spec: FieldSpec) -> Scale:
    """Five classes with equally many members (quantiles), so that a few extremes do not hide the rest."""
    ordered = sorted(known)
    edges = sorted({ordered[round(i * (len(ordered) - 1) / STEPS)] for i in range(STEPS + 1)})
    bounds = list(itertools.pairwise(edges)) or [(edges[0], edges[0])]
    keys: dict[str, str] = {}
    counts = [0] * len(bounds)
    for id, value in values.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            index = next((i for i, (_, high) in enumerate(bounds) if value <= high), len(bounds) - 1)
            keys[id] = f"s{index}"
            counts[index] += 1
    unit = _unit(spec)
    number = visit.words.number
    classes = [
        {
            "key": f"s{i}",
            "label": f"{number(low, 2)} – {number(high, 2)}{unit}",
            "shade": f"s{i}",
            "count": counts[i],
        }
        for i, (low, high) in enumerate(bounds)
    ]
    return Scale(keys, classes)


def _categories(visit: Visit, entity_type: EntityType, spec: FieldSpec, values: dict[str, Any]) -> Scale:
    """Declared values in their order; of free texts the most frequent. What is left over shares the last colour."""
    names = dict(options_of(spec, entity_type, visit.words))
    counts: dict[str, int] = {}
    texts = {id: _text(value) for id, value in values.items()}
    for text in texts.values():
        counts[text] = counts.get(text, 0) + 1
    order = [n for n in names if n in counts] or sorted(counts, key=lambda t: (-counts[t], t))
    order += [t for t in counts if t not in order]
    shades = {text: f"c{min(i, CATEGORIES - 1)}" for i, text in enumerate(order)}
    classes = [{"key": t, "label": names.get(t, t), "shade": shades[t], "count": counts[t]} for t in order]
    return Scale(texts, classes)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _unit(spec: FieldSpec) -> str:
    """Unit with a leading space, or nothing."""
    symbol = unit_symbol(spec.unit)
    return f" {symbol}" if symbol else ""


async def areas(visit: Visit) -> Response:
    """Boundaries of the wards and communes in force today, for every map."""
    if "Area" not in visit.services.broker.types:
        return Response(b'{"type":"FeatureCollection","features":[]}', media_type="application/geo+json")
    today = now().astimezone(CIVIL_ZONE).date().isoformat()
    query = Query(
        types=("Area",),
        where=(Where("kind", "in", sorted(LOCAL)), Where("validFrom", "<=", today)),
        limit=AREAS,
    )
    page = await visit.services.broker.query(query, visit.actor)
    entity_type = visit.services.broker.types["Area"]
    shown = [
        area
        for area in page.items
        if area.value("location") is not None and not (area.value("validTo") and area.value("validTo") <= today)
    ]
    shapes = await asyncio.to_thread(simplify, [area.value("location") for area in shown])
    features = [
        {
            "type": "Feature",
            "geometry": shape,
            "properties": {"title": title_of(area, entity_type), "href": entity_href(area.id)},
        }
        for area, shape in zip(shown, shapes, strict=True)
    ]
    body = msgspec.json.encode({"type": "FeatureCollection", "features": features})
    return Response(body, media_type="application/geo+json", headers={"cache-control": "private, max-age=300"})


def simplify(shapes: Sequence[Geometry]) -> list[Geometry]:
    """Boundaries for drawing: without corners below `TOLERANCE`, and neighbours still share their borders."""
    if not shapes:
        return []
    drawn = shapely.coverage_simplify([shapely.geometry.shape(s) for s in shapes], TOLERANCE)
    return [shapely.geometry.mapping(shapely.transform(s, _rounded)) for s in drawn]


def _rounded(positions: Any) -> Any:
    """Five decimals are a metre; common corners stay common because equal numbers round equally."""
    return positions.round(5)


def parse_box(text: str) -> Box | None:
    """`west,south,east,north` in degrees; None for "". Raises: InvalidInput."""
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"{text[:80]!r} is not a box.", field="bbox", remedy="Give west,south,east,north.") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(f"{text[:80]!r} is not a box.", field="bbox", remedy="Give west,south,east,north.")
    return west, south, east, north

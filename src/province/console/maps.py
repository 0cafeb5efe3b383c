"""The map: layers from the packs' panels, gathered for the screen by the server; shapes, popups, and what to find.

A layer is answered as a few columns for the window that is looked at: a mark per entity, or per cell of the screen
where there are many. So a hundred thousand lamps cost a phone as little as a hundred.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry
from starlette.responses import Response

from province.compute.cells import gather
from province.console.display import FLAGGED, entity_href, show, title_of, unit_symbol
from province.console.door import Marks
from province.console.filters import ON, held_on, options_of
from province.console.navigation import panels, readable
from province.console.search import note, rank
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound
from province.model.entity import Entity
from province.model.geometry import Box, Geometry, bounds
from province.model.query import Query, Where, pages
from province.model.schema import EntityType, FieldSpec
from province.model.time import CIVIL_ZONE, now
from province.pack import Map, Silent
from province.vocab.area import LOCAL, parse_day

SHAPES: Final = 2000
"""Lines and surfaces of one answer; more are cut off, and the page says so."""
PAGE: Final = 1000
AREAS: Final = 500
CATEGORIES: Final = 8
STEPS: Final = 5
VALUES: Final = 250
"""So many marks have their values written beside them; more would hide each other."""
STALE_S: Final = 3600.0
"""A value older than this is drawn pale, where the pack watches for no shorter silence."""
OPEN_LAYERS: Final = 4
"""Layers that are on at first, besides alerts and what lies beneath."""
TOLERANCE: Final = 0.0003
"""Degrees, about 33 m: corners whose triangle is smaller than the square of this are left out of the drawing."""
FOUND: Final = 10


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become colours. index: (marks,) place in `classes`, whose last is "no data".

    classes: key, label, shade.
    """

    index: npt.NDArray[np.int64]
    classes: list[dict[str, str]]


def layers(visit: Visit) -> list[tuple[str, Map]]:
    """(name, panel) of the layers that this reader may see; the name is the entity type's."""
    found: dict[str, Map] = {}
    for panel in panels(visit.services.broker.packs):
        name = panel.of.TYPE.name  # type: ignore[attr-defined]
        if isinstance(panel, Map) and name not in found and readable(visit.services, visit.actor, name):
            found[name] = panel
    return list(found.items())


def colourings(entity_type: EntityType, panel: Map) -> list[FieldSpec]:
    """Fields that may colour a layer: what is measured, states and choices; the panel's own first."""
    workflow = entity_type.info.workflow
    found = [
        s
        for s in entity_type.fields.values()
        if not s.many
        and not s.field.personal
        and (
            s.name == panel.colour_by
            or (workflow is not None and s.name == workflow.attribute)
            or (s.value in ("number", "integer") and (s.field.observed or s.field.indexed))
            or (bool(s.field.values) and (s.field.observed or s.field.indexed))
        )
    ]
    return sorted(found, key=lambda s: s.name != panel.colour_by)


def described(visit: Visit) -> list[dict[str, Any]]:
    """What the map's page and its island know of every layer."""
    words = visit.words
    wanted = visit.request.query_params.getlist("layer")
    result: list[dict[str, Any]] = []
    for name, panel in layers(visit):
        entity_type = visit.services.broker.types[name]
        result.append(
            {
                "name": name,
                "title": words.label(panel.title),
                "icon": entity_type.info.icon,
                "beneath": panel.beneath,
                "by": panel.colour_by,
                "colourings": [(s.name, words.label(s.field.label)) for s in colourings(entity_type, panel)],
                "checked": name in wanted,
            }
        )
    if not wanted:
        first = [x for x in result if not x["beneath"] and x["name"] != "Alert"][:OPEN_LAYERS]
        for x in result:
            x["checked"] = x["beneath"] or x["name"] == "Alert" or x in first
    return result


async def map_page(visit: Visit) -> Response:
    """The map with its layers, and beside it the same things as lists. `?id=` opens at an entity."""
    found = described(visit)
    focus = None
    wanted = visit.request.query_params.get("id", "")
    if wanted:
        entity = await visit.services.broker.get(wanted, visit.actor, latest=False)
        focus = _place(visit, entity)
        for x in found:
            x["checked"] = x["checked"] or x["name"] == entity.type
    return visit.page(
        "map.html",
        {"layers": found, "bounds": visit.services.bounds, "focus": focus, "on": day_of(visit), **texts(visit)},
    )


def texts(visit: Visit) -> dict[str, Any]:
    """The words of the island."""
    _ = visit.words
    words = {
        "simulated": _("simulated values"),
        "stale": _("old values"),
        "failed": _("cannot be loaded"),
        "cut": _("only the first shapes are shown: zoom in"),
        "entities": _("entities"),
        "zoomIn": _("Zoom in"),
        "zoomOut": _("Zoom out"),
        "noWebGl": _("This browser cannot draw the map. The lists beside it hold the same."),
        "nothing": _("Nothing found"),
    }
    return {"words": words}


async def marks(visit: Visit) -> Response:
    """Columns of one layer for the window `bbox` at `zoom`; `by` names the field that colours them."""
    name, panel, entity_type = _layer(visit)
    params = visit.request.query_params
    box = parse_box(params.get("bbox", "")) or (-180.0, -90.0, 180.0, 90.0)
    zoom = _zoom(params.get("zoom", ""))
    by = params.get("by", panel.colour_by)
    spec = next((s for s in colourings(entity_type, panel) if s.name == by), None)
    found = await visit.services.broker.marks(name, spec.name if spec else "", open_only(entity_type), visit.actor)
    spec = spec if found.field else None
    columns = await asyncio.to_thread(_columns, visit, entity_type, spec, found, box, zoom)
    body = msgspec.json.encode(columns)
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if visit.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def open_only(entity_type: EntityType) -> tuple[Where, ...]:
    """What is over is not on the map: a live picture, not an archive."""
    workflow = entity_type.info.workflow
    if workflow is None or not workflow.final:
        return ()
    return (Where(workflow.attribute, "in", [s for s in workflow.states if s not in workflow.final]),)


def _columns(
    visit: Visit, entity_type: EntityType, spec: FieldSpec | None, found: Marks, box: Box, zoom: float
) -> dict[str, Any]:
    scale = scale_of(visit, entity_type, spec, found)
    west, south, east, north = box
    inside = (found.lon >= west) & (found.lon <= east) & (found.lat >= south) & (found.lat <= north)
    points = np.flatnonzero(inside & ~found.extended)
    old = _old(visit, entity_type, spec, found)
    cells = gather(found.lon[points], found.lat[points], scale.index[points], zoom=zoom)
    single = np.flatnonzero(cells.index >= 0)
    which = points[cells.index[single]]
    counts = np.bincount(scale.index[inside], minlength=len(scale.classes))
    classes = [{**c, "count": int(n)} for c, n in zip(scale.classes, counts, strict=True) if n or c["key"] != "none"]
    result: dict[str, Any] = {
        "classes": classes,
        "keys": [c["shade"] for c in scale.classes],
        "unit": unit_symbol(spec.unit) if spec else "",
        "total": len(found.ids),
        "inside": int(inside.sum()),
        "simulated": int((found.flagged & inside).sum()),
        "stale": int((old & inside).sum()),
        "extended": bool(found.extended.any()),
        # Microdegrees/10: a metre. Marks first, then the cells that hold several.
        "x": _micro(cells.lon[single]),
        "y": _micro(cells.lat[single]),
        "c": cells.code[single].tolist(),
        "s": old[which].astype(np.int64).tolist(),
        "id": [found.ids[i] for i in which],
        "t": [],
    }
    if spec is not None and len(which) <= VALUES and spec.value in ("number", "integer"):
        number = visit.words.number
        result["t"] = ["" if np.isnan(v) else number(float(v), 1) for v in found.number[which]]
    several = np.flatnonzero(cells.index < 0)
    result["cx"], result["cy"] = _micro(cells.lon[several]), _micro(cells.lat[several])
    result["cn"], result["cc"] = cells.count[several].tolist(), cells.code[several].tolist()
    return result


def _micro(degrees: npt.NDArray[np.float64]) -> list[int]:
    found: list[int] = np.round(degrees * 1e5).astype(np.int64).tolist()
    return found


def _old(visit: Visit, entity_type: EntityType, spec: FieldSpec | None, found: Marks) -> npt.NDArray[np.bool_]:
    """Which values are too old to be taken for the present."""
    if spec is None or not spec.field.observed:
        return np.zeros(len(found.ids), np.bool_)
    age = found.read_at - found.at
    result: npt.NDArray[np.bool_] = age > stale_after_s(visit, entity_type)  # NaN is not old: it is no data
    return result


def stale_after_s(visit: Visit, entity_type: EntityType) -> float:
    """The pack's own limit of silence, else `STALE_S`."""
    limits = [
        float(p.after_s)
        for pack in visit.services.broker.packs
        for p in pack.panels
        if isinstance(p, Silent) and p.of is entity_type.record
    ]
    return min(limits, default=STALE_S)


def scale_of(visit: Visit, entity_type: EntityType, spec: FieldSpec | None, found: Marks) -> Scale:
    """Colours over the whole population, so that they stay while the map is moved."""
    none = {"key": "none", "label": visit.words("no data") if spec else "", "shade": "none"}
    if spec is None:
        return Scale(np.zeros(len(found.ids), np.int64), [none])
    if spec.value in ("number", "integer"):
        return _steps(visit, spec, found.number, none)
    return _categories(visit, entity_type, spec, found, none)


def _steps(visit: Visit, spec: FieldSpec, values: npt.NDArray[np.float64], none: dict[str, str]) -> Scale:
    """Five classes with equally many members (quantiles), so that a few extremes do not hide the rest."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Scale(np.zeros(len(values), np.int64), [none])
    edges = np.unique(np.quantile(known, np.linspace(0, 1, STEPS + 1), method="nearest"))
    spans = list(itertools.pairwise(edges.tolist())) or [(float(edges[0]), float(edges[0]))]
    upper = np.array([high for _, high in spans])
    index = np.minimum(np.searchsorted(upper, np.nan_to_num(values), side="left"), len(spans) - 1)
    index[np.isnan(values)] = len(spans)
    symbol = unit_symbol(spec.unit)
    unit = f" {symbol}" if symbol else ""
    number = visit.words.number
    classes = [
        {"key": f"s{i}", "label": f"{number(low, 2)} – {number(high, 2)}{unit}", "shade": f"s{i}"}
        for i, (low, high) in enumerate(spans)
    ]
    return Scale(index, [*classes, none])


def _categories(visit: Visit, entity_type: EntityType, spec: FieldSpec, found: Marks, none: dict[str, str]) -> Scale:
    """Declared values in their order; of free texts the most frequent. What is left over shares the last colour."""
    declared = dict(options_of(spec, entity_type, visit.words))
    counts = np.bincount(found.code, minlength=len(found.names))
    present = [n for n in found.names if n]
    order = [n for n in declared if n in present]
    order += sorted((n for n in present if n not in declared), key=lambda n: -counts[found.names.index(n)])
    places = {name: place for place, name in enumerate(order)}
    table = np.array([places.get(name, len(order)) for name in found.names], np.int64)
    shades = {
        name: f"c{min(list(declared).index(name) if name in declared else i, CATEGORIES - 1)}"
        for i, name in enumerate(order)
    }
    classes = [{"key": n, "label": declared.get(n, n), "shade": shades[n]} for n in order]
    return Scale(table[found.code], [*classes, none])


async def shapes(visit: Visit) -> Response:
    """GeoJSON of the lines and surfaces of one layer inside `bbox`, drawn as coarsely as `zoom` allows."""
    name, panel, entity_type = _layer(visit)
    params = visit.request.query_params
    box, zoom = parse_box(params.get("bbox", "")), _zoom(params.get("zoom", ""))
    place = entity_type.info.place or "location"
    items: list[Entity] = []
    query = Query(types=(name,), where=open_only(entity_type), box=box, limit=PAGE, latest=False)
    async for page in pages(visit.services.broker.query, query, visit.actor):
        items += [e for e in page.items if (e.value(place) or {}).get("type", "Point") != "Point"]
        if len(items) >= SHAPES:
            break
    spec = entity_type.fields.get(panel.colour_by)
    options = [value for value, _ in options_of(spec, entity_type, visit.words)] if spec else []
    drawn = await asyncio.to_thread(_drawn, [e.value(place) for e in items[:SHAPES]], zoom)
    features = []
    for entity, shape in zip(items, drawn, strict=False):
        value = entity.value(spec.name) if spec else None
        shade = f"c{min(options.index(value), CATEGORIES - 1)}" if value in options else "none"
        properties = {"id": entity.id, "title": title_of(entity, entity_type), "shade": shade, "kind": str(value or "")}
        features.append({"type": "Feature", "geometry": shape, "properties": properties})
    body = {"type": "FeatureCollection", "features": features, "cut": bool(page.next) or len(items) > SHAPES}
    headers = {"cache-control": "private, max-age=60"}
    return Response(msgspec.json.encode(body), media_type="application/geo+json", headers=headers)


def _drawn(found: Sequence[Geometry], zoom: float) -> list[Geometry]:
    """Shapes without corners that no eye could see at this zoom: half a pixel."""
    tolerance = 0.5 * 360.0 / (512 * 2.0**zoom)
    simple = shapely.simplify([shapely.geometry.shape(s) for s in found], tolerance) if found else []
    return [shapely.geometry.mapping(shapely.transform(s, _rounded)) for s in simple]


async def popup(visit: Visit) -> Response:
    """What a mark tells when it is touched: a piece of a page, with unit, time and origin of every value."""
    entity = await visit.services.broker.get(visit.request.query_params.get("id", ""), visit.actor)
    entity_type = visit.services.broker.types.get(entity.type)
    words = visit.words
    panel = dict(layers(visit)).get(entity.type)
    by = visit.request.query_params.get("by", "") or (panel.colour_by if panel else "")
    specs = list(entity_type.fields.values()) if entity_type else []
    workflow = entity_type.info.workflow if entity_type else None
    chosen = [s for s in specs if s.name == by]
    chosen += [s for s in specs if workflow and s.name == workflow.attribute and s not in chosen]
    chosen += [s for s in specs if s.field.observed and s.name in entity.attrs and s not in chosen]
    chosen += [s for s in specs if s.field.indexed and s.field.public and s.name in entity.attrs and s not in chosen]
    title = title_of(entity, entity_type)
    lines = []
    for spec in chosen:
        shown = show(entity.attrs.get(spec.name), words, spec=spec, type=entity_type)
        if spec.kind != "Relationship" and shown.text != title and (shown.text or spec.name == by):
            lines.append((words.label(spec.field.label), shown))
    stale = stale_after_s(visit, entity_type) if entity_type else STALE_S
    origins = {shown.origin for _, shown in lines[:6] if shown.text}
    values = {
        "origin": next(iter(origins)) if len(origins) == 1 and origins <= FLAGGED else "",
        "title": title,
        "href": entity_href(entity.id),
        "kind": words.label(entity_type.info.label) if entity_type else entity.type,
        "lines": lines[:6],
        "old": {label for label, shown in lines if shown.at and (now() - shown.at).total_seconds() > stale},
        "observed": {words.label(s.field.label) for s in chosen if s.field.observed},
    }
    return visit.page("popup.html", values)


async def find(visit: Visit) -> Response:
    """Places by name, for the box on the map: JSON of [id, name, kind and note, longitude, latitude, box or null]."""
    text = visit.request.query_params.get("q", "").strip()[:200]
    types = [
        t
        for t in visit.services.broker.types.values()
        if t.info.place and any(s.field.search for s in t.fields.values())
        and readable(visit.services, visit.actor, t.name)
    ] if text else []  # fmt: skip
    pages = await asyncio.gather(
        *(
            visit.services.broker.query(
                Query(types=(t.name,), text=text, where=open_only(t), order="any", limit=30, latest=False), visit.actor
            )
            for t in types
        )
    )
    ranked = sorted(
        (
            (rank(title_of(e, t), text), bool(e.value("validTo")), e, t)
            for t, p in zip(types, pages, strict=True)
            for e in p.items
        ),
        key=lambda x: (x[1], x[0]),
    )
    body: list[list[Any]] = []
    for _, _, entity, entity_type in ranked:
        place = _place(visit, entity)
        if place is not None and len(body) < FOUND:
            told = " · ".join(
                x for x in (visit.words.label(entity_type.info.label), note(visit, entity, entity_type)) if x
            )
            body.append([entity.id, place["title"], told, place["lon"], place["lat"], place["box"]])
    return Response(msgspec.json.encode(body), media_type="application/json")


def _place(visit: Visit, entity: Entity) -> dict[str, Any] | None:
    entity_type = visit.services.broker.types.get(entity.type)
    where = entity.value(entity_type.info.place if entity_type and entity_type.info.place else "location")
    if where is None:
        return None
    west, south, east, north = bounds(where)
    box = None if where.get("type") == "Point" else [west, south, east, north]
    return {"id": entity.id, "type": entity.type, "title": title_of(entity, entity_type),
            "lon": (west + east) / 2, "lat": (south + north) / 2, "box": box}  # fmt: skip


def _layer(visit: Visit) -> tuple[str, Map, EntityType]:
    name = visit.request.path_params["layer"]
    panel = dict(layers(visit)).get(name)
    if panel is None:
        raise NotFound(f"there is no layer {name[:60]!r}.", field="layer")
    return name, panel, visit.services.broker.types[name]


def _zoom(text: str) -> float:
    try:
        value = float(text or "9")
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 24:
        raise InvalidInput(f"{text[:20]!r} is no zoom.", field="zoom", remedy="Give a number from 0 to 24.")
    return value


async def areas(visit: Visit) -> Response:
    """Boundaries of the wards, communes and townships in force on the day `on` (today), for every map."""
    if "Area" not in visit.services.broker.types:
        return Response(b'{"type":"FeatureCollection","features":[]}', media_type="application/geo+json")
    day = day_of(visit) or now().astimezone(CIVIL_ZONE).date().isoformat()
    query = Query(types=("Area",), where=(Where("kind", "in", sorted(LOCAL)), *held_on(day)), limit=AREAS)
    page = await visit.services.broker.query(query, visit.actor)
    entity_type = visit.services.broker.types["Area"]
    shown = [area for area in page.items if area.value("location") is not None]
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


def day_of(visit: Visit) -> str:
    """The day that the address asks for, or "". Raises: InvalidInput."""
    given = visit.request.query_params.get(ON, "").strip()
    return parse_day(given, field=ON) if given else ""


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

"""The layers of an outcome as shapes that a page and a printed report can draw: no tiles, no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from province.model.study import Feature, Layer, Outcome

WIDTH: Final = 900.0
_MARGIN: Final = 18.0
_FINE: Final = 0.4
"""Corners closer than this many units of the drawing are not told apart."""
_AROUND: Final = 0.35
"""So much of its size is shown around one park."""
_TALLEST: Final = 1.2
_FAR: Final = 2.4
_CLOSE: Final = 6.0
"""Radius of a site."""
COLOURS: Final[Mapping[str, str]] = {
    "inside": "#3f8f5f", "outside": "#d9b44a", "none": "#d7a39b", "new": "#b3480a", "shared": "#0a5c8a",
    "existing": "#4c5d67",
}  # fmt: skip
"""Of what is printed; pages have their own style sheet."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A surface or a line. kind: its colour's name."""

    id: str
    kind: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A point with its sectors. rays: of an SVG path, one line per sector."""

    id: str
    kind: str
    name: str
    x: float
    y: float
    rays: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything in one frame. scale_m: metres that `scale` units stand for."""

    width: float
    height: float
    surfaces: tuple[Shape, ...]
    outlines: tuple[Shape, ...]
    spots: tuple[Spot, ...]
    dot: float
    scale_m: int
    scale: float


def draw(outcome: Outcome, *, around: str = "") -> Drawing | None:
    """The drawing; None when nothing has a place. around: id of a feature of the layer `parks` to look at closely."""
    layers = {layer.name: _shapes(layer) for layer in outcome.layers}
    whole = [shape for _, shape in layers.get("parks", []) or [s for found in layers.values() for s in found]]
    chosen = [shape for feature, shape in layers.get("parks", []) if feature.id == around]
    frame = chosen or whole
    if not frame:
        return None
    west, south, east, north = (float(v) for v in shapely.total_bounds(frame))
    if chosen:
        wide, high = (east - west) * _AROUND, (north - south) * _AROUND
        west, south, east, north = west - wide, south - high, east + wide, north + high
    shrink = math.cos(math.radians((south + north) / 2))
    across, up = max((east - west) * shrink, 1e-5), max(north - south, 1e-5)
    unit = min((WIDTH - 2 * _MARGIN) / across, (WIDTH * _TALLEST - 2 * _MARGIN) / up)
    height = up * unit + 2 * _MARGIN
    left = (WIDTH - across * unit) / 2

    def place(lon: float, lat: float) -> tuple[float, float]:
        return left + (lon - west) * shrink * unit, _MARGIN + (north - lat) * unit

    window = shapely.box(*(
        (west - _MARGIN / unit / shrink, south - _MARGIN / unit, east + _MARGIN / unit / shrink, north + _MARGIN / unit)
    ))  # fmt: skip
    dot = _CLOSE if chosen else _FAR
    step = _round_length(110_600 / unit * WIDTH / 5)
    return Drawing(
        width=WIDTH,
        height=round(height, 1),
        surfaces=_surfaces(layers.get("coverage", []), "level", "park", place, window, unit),
        outlines=_surfaces(layers.get("parks", []), "", "park", place, window, unit),
        spots=tuple(_spot(f, s, place, 4 * dot) for f, s in layers.get("sites", []) if window.intersects(s)),
        dot=dot,
        scale_m=step,
        scale=round(step / 110_600 * unit, 1),
    )


def svg(drawing: Drawing) -> str:
    """A picture for print."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g} {drawing.height:g}">',
        f'<rect width="{drawing.width:g}" height="{drawing.height:g}" fill="#f4f6f7"/>',
        *(
            f'<path d={quoteattr(s.path)} fill={quoteattr(COLOURS.get(s.kind, "#999"))} fill-rule="evenodd"/>'
            for s in drawing.surfaces
        ),
        *(f'<path d={quoteattr(s.path)} fill="none" stroke="#16242c" stroke-width="0.8"/>' for s in drawing.outlines),
    ]
    for spot in drawing.spots:
        colour = quoteattr(COLOURS.get(spot.kind, "#999"))
        parts.append(f'<path d={quoteattr(spot.rays)} stroke={colour} stroke-width="1.4" fill="none"/>')
        parts.append(f'<circle cx="{spot.x:g}" cy="{spot.y:g}" r="{drawing.dot:g}" fill={colour}/>')
    return "".join((*parts, "</svg>"))


def _shapes(layer: Layer) -> list[tuple[Feature, BaseGeometry]]:
    return [
        (feature, shapely.from_geojson(msgspec.json.encode(feature.geometry)))
        for feature in layer.features
        if feature.geometry is not None
    ]


def _surfaces(
    found: Sequence[tuple[Feature, BaseGeometry]], kind: str, name: str, place: Callable[[float, float], Any],
    window: BaseGeometry, unit: float,
) -> tuple[Shape, ...]:  # fmt: skip
    result = []
    for feature, shape in found:
        if not window.intersects(shape):
            continue
        path = _path(shapely.simplify(shape, _FINE / unit), place)
        if path:
            words = feature.properties
            result.append(Shape(feature.id, str(words.get(kind, "")), str(words.get(name, "")), path))
    return tuple(result)


def _spot(
    feature: Feature, shape: BaseGeometry, place: Callable[[float, float], tuple[float, float]], ray: float
) -> Spot:
    middle = shape.centroid
    x, y = place(middle.x, middle.y)
    rays = []
    for text in str(feature.properties.get("azimuths", "")).split():
        turn = math.radians(float(text))
        rays.append(f"M{x:.1f} {y:.1f}L{x + ray * math.sin(turn):.1f} {y - ray * math.cos(turn):.1f}")
    words = feature.properties
    return Spot(
        feature.id, str(words.get("kind", "")), str(words.get("name", "")), round(x, 1), round(y, 1), "".join(rays)
    )


def _path(shape: BaseGeometry, place: Callable[[float, float], tuple[float, float]]) -> str:
    rings = []
    for polygon in getattr(shape, "geoms", [shape]):
        if polygon.geom_type == "Polygon" and not polygon.is_empty:
            rings += [polygon.exterior.coords, *(hole.coords for hole in polygon.interiors)]
    drawn = ("L".join(f"{x:.1f} {y:.1f}" for x, y in (place(p[0], p[1]) for p in ring)) for ring in rings)
    return "".join(f"M{corners}Z" for corners in drawn)


def _round_length(metres: float) -> int:
    """The largest of 1, 2, 5, 10, … that is not longer."""
    power = 10 ** math.floor(math.log10(max(metres, 1.0)))
    return int(max(f * power for f in (1, 2, 5) if f * power <= max(metres, 1.0)))

"""The map before and after an order, as shapes that a page can draw: no tiles, no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import shapely
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from province.territory.plan import Plan
from province.vocab.area import LOCAL, Area

WIDTH: Final = 420.0
HEIGHT: Final = 320.0
_MARGIN: Final = 6.0
_FINE: Final = 0.6
"""Corners closer than this many units of the drawing are not told apart."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A unit, drawn. path: of an SVG path, even-odd.  x, y: where its name stands."""

    id: str
    name: str
    path: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Sketch:
    """Both maps in one frame of WIDTH × HEIGHT."""

    before: tuple[Outline, ...] = ()
    after: tuple[Outline, ...] = ()


def draw(plan: Plan, areas: Mapping[str, Area]) -> Sketch:
    """The units that end and those that begin; units without a known boundary, and upper tiers, are left out."""
    before = [areas[id] for id in plan.ended if areas[id].kind in LOCAL]
    after = [a for a in plan.created if a.kind in LOCAL]
    shapes = {a.id: shapely.geometry.shape(a.location) for a in (*before, *after) if a.location is not None}
    if not shapes:
        return Sketch()
    west, south, east, north = shapely.total_bounds(list(shapes.values()))
    shrink = math.cos(math.radians((south + north) / 2))
    wide, high = max((east - west) * shrink, 1e-9), max(north - south, 1e-9)
    scale = min((WIDTH - 2 * _MARGIN) / wide, (HEIGHT - 2 * _MARGIN) / high)
    left, top = (WIDTH - wide * scale) / 2, (HEIGHT - high * scale) / 2

    def place(lon: float, lat: float) -> tuple[float, float]:
        return left + (lon - west) * shrink * scale, top + (north - lat) * scale

    def outline(area: Area) -> Outline:
        shape = shapely.simplify(shapes[area.id], _FINE / scale)
        x, y = place(*shape.representative_point().coords[0])
        return Outline(area.id, area.name, _path(shape, place), round(x, 1), round(y, 1))

    return Sketch(
        tuple(outline(a) for a in before if a.id in shapes), tuple(outline(a) for a in after if a.id in shapes)
    )


def _path(shape: BaseGeometry, place: Callable[[float, float], tuple[float, float]]) -> str:
    rings: list[Sequence[tuple[float, float]]] = []
    for polygon in getattr(shape, "geoms", [shape]):
        if polygon.geom_type == "Polygon":
            rings += [polygon.exterior.coords, *(hole.coords for hole in polygon.interiors)]
    drawn = ("L".join(f"{x:.1f} {y:.1f}" for x, y in (place(p[0], p[1]) for p in ring)) for ring in rings)
    return "".join(f"M{corners}Z" for corners in drawn)

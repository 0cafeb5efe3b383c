"""The map before and after an order, as shapes that a page can draw: no tiles, no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import shapely
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from province.territory.ledger import Ledger, Piece
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
    """Both maps in one frame of WIDTH × HEIGHT. moved: land that a unit which goes on gives away."""

    before: tuple[Outline, ...] = ()
    after: tuple[Outline, ...] = ()
    moved: tuple[Outline, ...] = ()


def draw(plan: Plan, areas: Mapping[str, Area], ledger: Ledger) -> Sketch:
    """The units that end and those that begin; units without a known boundary, and upper tiers, are left out."""
    before = [areas[id] for id in plan.ended if areas[id].kind in LOCAL]
    after = [a for a in plan.created if a.kind in LOCAL]
    shapes = {a.id: shapely.geometry.shape(a.location) for a in (*before, *after) if a.location is not None}
    if not shapes:
        return Sketch()
    frame = _Frame(list(shapes.values()))
    pieces = {**ledger.pieces, **{p.id: p for p in plan.pieces}}
    return Sketch(
        tuple(frame.outline(a.id, a.name, shapes[a.id]) for a in before if a.id in shapes),
        tuple(frame.outline(a.id, a.name, shapes[a.id]) for a in after if a.id in shapes),
        tuple(
            frame.outline(atom, areas[former].name, shapely.geometry.shape(pieces[atom].land))
            for atom, (former, now) in plan.moved.items()
            if former in plan.going_on and now != plan.going_on[former] and atom in pieces
        ),
    )


def draw_parts(parts: Sequence[Piece]) -> tuple[Outline, ...]:
    """The parts of a unit, numbered from 1 in their order."""
    shapes = [shapely.geometry.shape(p.land) for p in parts]
    if not shapes:
        return ()
    frame = _Frame(shapes)
    return tuple(frame.outline(p.id, str(n), s) for n, (p, s) in enumerate(zip(parts, shapes, strict=True), 1))


class _Frame:
    """Where places of the earth stand in the drawing that holds all shapes."""

    def __init__(self, shapes: Sequence[BaseGeometry]) -> None:
        self._west, south, east, self._north = (float(v) for v in shapely.total_bounds(list(shapes)))
        self._shrink = math.cos(math.radians((south + self._north) / 2))
        wide, high = max((east - self._west) * self._shrink, 1e-9), max(self._north - south, 1e-9)
        self._scale = min((WIDTH - 2 * _MARGIN) / wide, (HEIGHT - 2 * _MARGIN) / high)
        self._left, self._top = (WIDTH - wide * self._scale) / 2, (HEIGHT - high * self._scale) / 2

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """Right and down, in units of the drawing."""
        return (
            self._left + (lon - self._west) * self._shrink * self._scale,
            self._top + (self._north - lat) * self._scale,
        )

    def outline(self, id: str, name: str, shape: BaseGeometry) -> Outline:
        """A shape as it is drawn."""
        shape = shapely.simplify(shape, _FINE / self._scale)
        x, y = self.place(*shape.representative_point().coords[0])
        return Outline(id, name, _path(shape, self.place), round(x, 1), round(y, 1))


def _path(shape: BaseGeometry, place: Callable[[float, float], tuple[float, float]]) -> str:
    rings: list[Sequence[tuple[float, float]]] = []
    for polygon in getattr(shape, "geoms", [shape]):
        if polygon.geom_type == "Polygon":
            rings += [polygon.exterior.coords, *(hole.coords for hole in polygon.interiors)]
    drawn = ("L".join(f"{x:.1f} {y:.1f}" for x, y in (place(p[0], p[1]) for p in ring)) for ring in rings)
    return "".join(f"M{corners}Z" for corners in drawn)

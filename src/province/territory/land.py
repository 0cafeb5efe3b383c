"""Land as polygons: size, place inside, and cutting along a boundary. Coordinates are degrees, WGS 84."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import shapely
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from province.errors import InvalidInput
from province.model.geometry import Geometry, validate
from province.territory.cells import GRID, merge

KM_PER_DEGREE: Final = 111.32
"""Length of a degree of latitude, and of longitude at the equator (WGS 84, rounded)."""
SLIVER_KM2: Final = 0.001
"""What is smaller (1,000 m²) comes from two drawings of one border, not from a decision, and is left where it was."""


def size_km2(land: Geometry) -> float:
    """Size in km², on a sphere flattened at the land's mean latitude; over a province the error is below 0.5%."""
    shape = shapely.geometry.shape(land)
    return _size(shape)


def place_inside(land: Geometry) -> tuple[float, float]:
    """(longitude, latitude) of a place that surely lies inside."""
    point = shapely.geometry.shape(land).representative_point()
    return (round(point.x, 6), round(point.y, 6))


def unite(lands: Iterable[Geometry]) -> Geometry:
    """The union of pieces of land, on the grid that all boundaries stand on."""
    return merge(lands)


def cut(land: Geometry, boundary: Geometry) -> tuple[Geometry | None, Geometry | None]:
    """The part of a piece of land inside a boundary, and the part outside; None for a part that is but a sliver.

    Raises: InvalidInput when the boundary is no polygon or crosses itself.
    """
    knife = polygon(boundary)
    shape = shapely.geometry.shape(land)
    inside, outside = shape.intersection(knife, grid_size=GRID), shape.difference(knife, grid_size=GRID)
    return _kept(inside), _kept(outside)


def polygon(boundary: Geometry) -> BaseGeometry:
    """A boundary as a shape. Raises: InvalidInput."""
    checked = validate(boundary, field="boundary")
    if checked["type"] not in ("Polygon", "MultiPolygon"):
        raise InvalidInput(
            f"a {checked['type']} bounds no land.", field="boundary", remedy="Give a GeoJSON Polygon or MultiPolygon."
        )
    shape = shapely.geometry.shape(checked)
    if not shape.is_valid:
        raise InvalidInput(
            f"the boundary is not valid: {shapely.is_valid_reason(shape)}.",
            field="boundary",
            remedy="Draw it so that it does not cross itself.",
        )
    return shape


def _kept(shape: BaseGeometry) -> Geometry | None:
    """The surface of a cut: points and lines fall away, and slivers."""
    surfaces = [g for g in getattr(shape, "geoms", [shape]) if g.geom_type in ("Polygon", "MultiPolygon")]
    whole = shapely.union_all(surfaces) if surfaces else shapely.Polygon()
    if whole.is_empty or _size(whole) < SLIVER_KM2:
        return None
    return merge([shapely.geometry.mapping(whole)])


def _size(shape: BaseGeometry) -> float:
    middle = math.radians(shape.centroid.y) if not shape.is_empty else 0.0
    return float(shape.area * KM_PER_DEGREE**2 * math.cos(middle))

"""Stand-in boundaries: Voronoi cells around known positions, clipped to an outline.

Used where no real boundary has been loaded, and flagged approximate wherever shown. A point of the plane belongs to the
nearest position. A unit that is known to consist of several parts is the union of their cells (`merge`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import shapely
import shapely.geometry
from shapely.geometry import MultiPoint, Point, Polygon
from shapely.geometry.base import BaseGeometry

from province.errors import InvalidInput
from province.model.geometry import Geometry

Position = tuple[float, float]
GRID: Final = 1e-5
"""Degrees: corners stand on a grid of about a metre."""


def voronoi(seeds: Mapping[str, Position], outline: Sequence[Position]) -> dict[str, Geometry]:
    """One cell per seed, by the seed's key: GeoJSON Polygon or MultiPolygon, positions rounded to five decimals.

    seeds: (longitude, latitude), all different and inside the outline.  outline: ring of at least three positions.
    Distances are measured in a plane whose longitudes are shrunk by the cosine of the mean latitude; over a province
    the error is below 0.5%.  Raises: InvalidInput.
    """
    ring = Polygon(outline)
    if not ring.is_valid or ring.area == 0:
        raise InvalidInput("the outline crosses itself or has no area.", field="outline")
    for key, position in seeds.items():
        if not ring.covers(Point(position)):
            raise InvalidInput(f"{key} at {position} lies outside the outline.", field=f"seeds.{key}")
    if len(set(seeds.values())) != len(seeds):
        raise InvalidInput("two seeds have the same position.", field="seeds")
    if len(seeds) == 1:
        return {key: _geojson(ring) for key in seeds}
    shrink = math.cos(math.radians(ring.centroid.y))
    flat = shapely.transform(ring, lambda xy: xy * (shrink, 1.0))
    points = {key: Point(lon * shrink, lat) for key, (lon, lat) in seeds.items()}
    cells = shapely.voronoi_polygons(MultiPoint(list(points.values())), extend_to=flat)
    tree = shapely.STRtree(list(cells.geoms))
    found: dict[str, Geometry] = {}
    for key, point in points.items():
        cell = cells.geoms[int(tree.query(point, predicate="intersects")[0])]
        found[key] = _geojson(shapely.transform(cell.intersection(flat), lambda xy: xy / (shrink, 1.0)))
    return found


def merge(cells: Iterable[Geometry]) -> Geometry:
    """The union of neighbouring cells: GeoJSON Polygon or MultiPolygon on the same grid of five decimals."""
    return _geojson(shapely.union_all([shapely.geometry.shape(c) for c in cells], grid_size=GRID))


def _geojson(shape: BaseGeometry) -> Geometry:
    """In lists, as JSON gives it back: a cell that is loaded twice must compare equal."""
    geometry: Geometry = json.loads(shapely.to_geojson(shapely.set_precision(shape, GRID)))
    return geometry

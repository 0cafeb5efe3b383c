"""GeoJSON geometries in WGS 84 (longitude, latitude): validation, bounding box, distance. Distances in metres."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from province.errors import InvalidInput

Geometry = Mapping[str, Any]
Box = tuple[float, float, float, float]
"""(west, south, east, north) in degrees."""

_DEPTH = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
_LEAST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
MAX_POSITIONS = 200_000
EARTH_RADIUS_M = 6_371_008.8


def validate(geometry: object, *, field: str = "location") -> Geometry:
    """Check a GeoJSON geometry: known type, finite positions inside the world, closed rings.

    Raises: InvalidInput that names the position, such as `location.coordinates[0][2]`.
    """
    if type(geometry) is not dict and not isinstance(geometry, Mapping):  # a dict is known faster
        raise InvalidInput(f"{type(geometry).__name__} is not a GeoJSON geometry.", field=field)
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        parts = geometry.get("geometries")
        if not isinstance(parts, Sequence):
            raise InvalidInput("a GeometryCollection has a list `geometries`.", field=f"{field}.geometries")
        for i, part in enumerate(parts):
            validate(part, field=f"{field}.geometries[{i}]")
        return geometry
    if not isinstance(kind, str) or kind not in _DEPTH:
        raise InvalidInput(f"{str(kind)[:40]!r} is not a GeoJSON geometry type.", field=f"{field}.type")
    count = _check(geometry.get("coordinates"), _DEPTH[kind], kind, f"{field}.coordinates")
    if count > MAX_POSITIONS:
        raise InvalidInput(
            f"the geometry has {count} positions.", field=field, remedy=f"Simplify it below {MAX_POSITIONS}."
        )
    return geometry


def _check(node: Any, depth: int, kind: str, field: str) -> int:
    if not isinstance(node, list | tuple):
        raise InvalidInput("expected a list of coordinates.", field=field)
    if depth == 0:
        return _check_position(node, field)
    count = 0
    for i, child in enumerate(node):
        count += _check(child, depth - 1, kind, f"{field}[{i}]")
    if not node:
        raise InvalidInput("the list of coordinates is empty.", field=field)
    if depth == 1 and len(node) < _LEAST.get(kind, 1):
        raise InvalidInput(f"{len(node)} positions are too few for a {kind}.", field=field)
    if depth == 1 and kind in ("Polygon", "MultiPolygon") and list(node[0]) != list(node[-1]):
        raise InvalidInput("the ring is not closed.", field=field, remedy="Repeat the first position at the end.")
    return count


def _check_position(node: Sequence[Any], field: str) -> int:
    if not 2 <= len(node) <= 3:
        raise InvalidInput(f"a position has 2 or 3 numbers, not {len(node)}.", field=field)
    for value in node:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
            raise InvalidInput(f"{value!r} is not a finite number.", field=field)
    lon, lat = node[0], node[1]
    if not -180 <= lon <= 180:
        raise InvalidInput(f"longitude {lon} is outside −180…180.", field=field, remedy="Give [longitude, latitude].")
    if not -90 <= lat <= 90:
        raise InvalidInput(f"latitude {lat} is outside −90…90.", field=field, remedy="Give [longitude, latitude].")
    return 1


def positions(geometry: Geometry) -> Iterator[Sequence[float]]:
    """All positions of a geometry in order."""
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from positions(part)
        return
    stack: list[Any] = [geometry["coordinates"]]
    while stack:
        node = stack.pop()
        if node and isinstance(node[0], int | float):
            yield node
        else:
            stack.extend(reversed(node))


def bounds(geometry: Geometry) -> Box:
    """Smallest (west, south, east, north) that holds every position."""
    lons, lats = zip(*((p[0], p[1]) for p in positions(geometry)), strict=True)
    return min(lons), min(lats), max(lons), max(lats)


def point(lon: float, lat: float) -> Geometry:
    """A GeoJSON Point."""
    return {"type": "Point", "coordinates": [lon, lat]}


def contains(geometry: Geometry, position: Sequence[float]) -> bool:
    """Whether a Polygon or MultiPolygon holds a position (even-odd rule over all rings; other kinds hold none)."""
    kind = geometry["type"]
    if kind not in ("Polygon", "MultiPolygon"):
        return False
    polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
    lon, lat = position[0], position[1]
    for rings in polygons:
        inside = False
        for ring in rings:
            for (x1, y1, *_), (x2, y2, *_) in pairwise(ring):
                if (y1 > lat) != (y2 > lat) and lon < x1 + (lat - y1) * (x2 - x1) / (y2 - y1):
                    inside = not inside
        if inside:
            return True
    return False


def distance_m(a: Sequence[float], b: Sequence[float]) -> float:
    """Great-circle distance between two positions, metres. Error against the ellipsoid: below 0.6%."""
    lon1, lat1, lon2, lat2 = map(math.radians, (a[0], a[1], b[0], b[1]))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def box_around(position: Sequence[float], radius_m: float) -> Box:
    """A box that holds every position within `radius_m` of `position`."""
    dlat = math.degrees(radius_m / EARTH_RADIUS_M)
    shrink = math.cos(math.radians(min(89.9, abs(position[1]) + dlat)))
    dlon = min(180.0, dlat / shrink)
    return position[0] - dlon, position[1] - dlat, position[0] + dlon, position[1] + dlat

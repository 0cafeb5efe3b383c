"""Where 5G is needed: parks and other demand as rows of Mbit/s in a plane. Pure.

A park without a boundary is a disc of its land around its point; a park without land or place is left out, by name.
Every square of a park is two rows: what is used outdoors, and what is used behind a wall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry
import shapely.ops
from shapely.geometry.base import BaseGeometry

from province.compute.plane import Plane, middle
from province.errors import InvalidInput, TooLarge
from province.model.geometry import bounds
from province.model.label import Label
from province.model.study import Feature, Problem, require_in_vietnam, some

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
HECTARE_M2: Final = 10_000.0
MOST_ROWS: Final = 400_000
_CLUSTER: Final = "cluster"


@dataclass(frozen=True, slots=True)
class Park:
    """A park in the plane. land_ha: of its boundary, or as registered where a disc stands for it."""

    id: str
    name: str
    kind: str
    shape: BaseGeometry
    land_ha: float
    disc: bool


@dataclass(frozen=True, slots=True)
class Demand:
    """place: (rows, 2) metres.  mbps, weight: (rows,).  inside: behind a wall.  park: (rows,) index, −1 for none.

    square: (rows,) index of the square that a row belongs to.
    """

    plane: Plane
    parks: tuple[Park, ...]
    place: Floats
    mbps: Floats
    weight: Floats
    inside: npt.NDArray[np.bool_]
    park: Integers
    square: Integers
    side_m: float
    remarks: tuple[Label, ...]


def read(problem: Problem) -> Demand:
    """The demand of a problem. Raises: InvalidInput, TooLarge naming the layer or the assumption."""
    features = problem.layers.get("parks", ())
    placed = [f for f in features if f.geometry is not None]
    other = [f for f in problem.layers.get("demand", ()) if f.geometry is not None]
    if not placed:
        raise InvalidInput(
            f"none of {len(features)} parks has a place.", field="layers.parks",
            remedy="Import their boundaries, or give a file: GeoJSON, GeoPackage or CSV with coordinates.",
        )  # fmt: skip
    for layer, found in (("parks", placed), ("demand", other)):
        for feature in found:
            require_in_vietnam(feature, layer)
    corners = np.array([bounds(f.geometry) for f in placed if f.geometry is not None])
    plane = middle(np.vstack([corners[:, :2], corners[:, 2:]]))
    parks, remarks = _parks(placed, plane)
    missing = [f.name for f in features if f.geometry is None]
    if missing:
        remarks.append(_without(missing, "chưa có vị trí", "have no place"))
    side = problem.number("pixel")
    if not side >= 10:
        raise InvalidInput(f"squares of {side} m.", field="assumptions.pixel", remedy="10 m or more.")
    if sum(p.land_ha for p in parks) * HECTARE_M2 / side**2 * 2 > MOST_ROWS:
        raise TooLarge(
            f"the parks have more than {MOST_ROWS // 2} squares of {side:g} m.", field="assumptions.pixel",
            remedy="Give a larger square.",
        )  # fmt: skip
    squares = [_squares(p.shape, side) for p in parks]
    count = [len(s) for s in squares]
    density = problem.number("demand_per_hectare")
    indoors = _share(problem, "indoor_share")
    place = np.vstack(squares)
    park = np.repeat(np.arange(len(parks)), count)
    each = np.repeat([p.land_ha * density / n for p, n in zip(parks, count, strict=True)], count)
    further, given = _other(other, plane)
    place, each = np.vstack([place, further]), np.concatenate([each, given])
    park = np.concatenate([park, np.full(len(further), -1)])
    weight = np.where(park >= 0, 1.0, _share(problem, "other_weight"))
    square = np.arange(len(place))
    rows = [(False, 1.0 - indoors), (True, indoors)]
    kept = [(inside, share) for inside, share in rows if share > 0]
    return Demand(
        plane, tuple(parks), np.vstack([place] * len(kept)),
        np.concatenate([each * share for _, share in kept]), np.tile(weight, len(kept)),
        np.repeat([inside for inside, _ in kept], len(place)), np.tile(park, len(kept)), np.tile(square, len(kept)),
        side, tuple(remarks),
    )  # fmt: skip


def number(properties: Mapping[str, Any], *names: str) -> float | None:
    """The first of these properties that is a number; a text such as `1.234,5` is none."""
    for name in names:
        value = properties.get(name)
        if isinstance(value, bool) or value is None:
            continue
        try:
            found = float(value)
        except (TypeError, ValueError):
            continue
        if np.isfinite(found):
            return found
    return None


def _parks(features: Sequence[Feature], plane: Plane) -> tuple[list[Park], list[Label]]:
    parks: list[Park] = []
    without: list[str] = []
    for feature in features:
        land = number(feature.properties, "landSize", "land_ha")
        shape = _flat(feature, plane)
        kind = str(feature.properties.get("kind") or "park")
        if shape.area > 0:
            parks.append(Park(feature.id, feature.name, kind, shape, shape.area / HECTARE_M2, False))
        elif land:
            disc = shape.centroid.buffer(float(np.sqrt(land * HECTARE_M2 / np.pi)))
            parks.append(Park(feature.id, feature.name, kind, disc, land, True))
        else:
            without.append(feature.name)
    if not parks:
        raise InvalidInput(
            "the parks are points without land.", field="layers.parks",
            remedy="Give boundaries, or the land in hectares as `land_ha`.",
        )  # fmt: skip
    remarks: list[Label] = []
    if without:
        remarks.append(_without(without, "chưa có diện tích", "have no land"))
    discs = [p for p in parks if p.disc]
    if discs:
        remarks.append(Label(
            f"{len(discs)} trong {len(parks)} khu chưa có ranh giới: tính bằng hình tròn đúng diện tích quanh một điểm"
            " gần đúng. Kết quả cho biết quy mô, chưa phải vị trí cụ thể.",
            f"{len(discs)} of {len(parks)} parks have no boundary: a disc of their land around an approximate point"
            " stands for them. The result tells how much is needed, not yet where exactly.",
        ))  # fmt: skip
    pairs = _overlaps(parks)
    if pairs:
        shown = "; ".join(f"{a} – {b}" for a, b in pairs[:3])
        remarks.append(Label(
            f"{len(pairs)} cặp khu chồng lên nhau ({shown}{'; …' if len(pairs) > 3 else ''}): nhu cầu của từng khu vẫn"
            " tính riêng.",
            f"{len(pairs)} pairs of parks overlap ({shown}{'; …' if len(pairs) > 3 else ''}): the demand of each"
            " is counted on its own.",
        ))  # fmt: skip
    return parks, remarks


def _overlaps(parks: Sequence[Park]) -> list[tuple[str, str]]:
    shapes = [p.shape for p in parks]
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    found = []
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if a < b and shapes[a].intersection(shapes[b]).area > 0.01 * min(shapes[a].area, shapes[b].area):
            found.append((parks[a].name, parks[b].name))
    return found


def _flat(feature: Feature, plane: Plane) -> BaseGeometry:
    shape = shapely.force_2d(shapely.geometry.shape(feature.geometry))
    flat = shapely.transform(shape, plane.metres)
    return flat if flat.is_valid else shapely.make_valid(flat)


def _squares(shape: BaseGeometry, side: float) -> Floats:
    """The middles of the squares of a grid that lie in a shape; of a smaller one its own point."""
    west, south, east, north = shape.bounds
    x = np.arange(np.floor(west / side), np.ceil(east / side)) * side + side / 2
    y = np.arange(np.floor(south / side), np.ceil(north / side)) * side + side / 2
    grid = np.array(np.meshgrid(x, y)).reshape(2, -1).T
    found = grid[shapely.contains_xy(shape, grid[:, 0], grid[:, 1])] if len(grid) else grid
    if len(found):
        return np.asarray(found, np.float64)
    point = shape.representative_point()
    return np.array([[point.x, point.y]])


def _other(features: Sequence[Feature], plane: Plane) -> tuple[Floats, Floats]:
    """Points of other demand: place and Mbit/s."""
    place, mbps = [], []
    for feature in features:
        found = number(feature.properties, "mbps", "demand_mbps")
        if found is None or found < 0:
            raise InvalidInput(
                f"{feature.name} has no demand.", field="layers.demand", remedy="Give Mbit/s as a column `mbps`."
            )
        point = _flat(feature, plane).centroid
        place.append((point.x, point.y))
        mbps.append(found)
    return np.array(place, np.float64).reshape(-1, 2), np.array(mbps, np.float64)


def _share(problem: Problem, name: str) -> float:
    found = problem.number(name) / 100.0
    if not 0 <= found <= 1:
        raise InvalidInput(f"{name} is {found:.0%}.", field=f"assumptions.{name}", remedy="0 to 100%.")
    return found


def _without(names: Sequence[str], vi: str, en: str) -> Label:
    shown = some(names)
    return Label(
        f"{len(names)} khu {vi} nên không tính: {shown}.", f"{len(names)} parks {en} and are left out: {shown}."
    )

"""Where 5G may be mounted: existing masts, given places, or a grid around the parks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import shapely

from province.compute.plane import Plane
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import Feature, Problem, require_in_vietnam
from province.packs.fiveg.demand import Demand, number
from province.packs.fiveg.types import FIFTH

Kind = Literal["existing", "shared", "new"]
SECTORS: Final = 3
MOST_SITES: Final = 20_000
YES: Final = (True, 1, 1.0, "1", "true", "True", "yes", "có", "x")


@dataclass(frozen=True, slots=True)
class Place:
    """One site. kind: sends 5G already; a mast that is shared; a mast to be built.  x, y: metres."""

    id: str
    name: str
    kind: Kind
    x: float
    y: float
    height_m: float
    azimuths: tuple[float, ...]


def read(problem: Problem, demand: Demand) -> tuple[tuple[Place, ...], tuple[Label, ...]]:
    """All places within range of a park, and what to say of them. Raises: InvalidInput, TooLarge."""
    height = problem.number("mast_height")
    reach = problem.number("site_range")
    masts, unshared = _masts(problem.layers.get("masts", ()), demand.plane, height)
    given = problem.layers.get("candidates", ())
    new = _given(given, demand.plane, height) if given else _grid(problem, demand, height)
    remarks: list[Label] = []
    if not problem.layers.get("masts"):
        remarks.append(Label(
            "Chưa có cột nào trong sổ đăng ký trạm: mọi trạm đều tính là cột mới, chưa xét dùng chung.",
            "The register holds no masts: every site counts as a new mast, and sharing was not considered.",
        ))  # fmt: skip
    if unshared:
        remarks.append(Label(
            f"{unshared} cột không cho dùng chung hoặc chưa rõ: không đưa vào phương án.",
            f"{unshared} masts are not open to sharing, or nobody said so: they are not planned with.",
        ))  # fmt: skip
    if not given:
        remarks.append(Label(
            f"Chưa có danh sách vị trí: thử một lưới {problem.number('grid'):g} m quanh các khu."
            " Mỗi điểm cần khảo sát.",
            f"No places were given: a grid of {problem.number('grid'):g} m around the parks was tried."
            " Each point needs a survey.",
        ))  # fmt: skip
    everything = [*masts, *new]
    if everything:
        tree = shapely.STRtree(shapely.points(demand.place))
        spots = shapely.points([[p.x, p.y] for p in everything])
        near = set(tree.query(spots, predicate="dwithin", distance=reach)[0].tolist())
        everything = [p for i, p in enumerate(everything) if i in near]
    if not everything:
        raise InvalidInput(
            f"no place lies within {reach:g} m of the demand.", field="layers.candidates",
            remedy="Check the coordinate system of the file, or raise the assumption site_range.",
        )  # fmt: skip
    if len(everything) > MOST_SITES:
        raise TooLarge(
            f"{len(everything)} places.", field="assumptions.grid", remedy=f"At most {MOST_SITES}: give a wider grid."
        )
    return tuple(everything), tuple(remarks)


def _masts(features: Sequence[Feature], plane: Plane, height: float) -> tuple[list[Place], int]:
    found: list[Place] = []
    unshared = 0
    for feature in features:
        if feature.geometry is None or feature.properties.get("status") == "removed":
            continue
        require_in_vietnam(feature, "masts")
        kind = _kind(feature.properties)
        if kind is None:
            unshared += 1
            continue
        found.append(_place(feature, kind, plane, height))
    return found, unshared


def _kind(properties: Mapping[str, Any]) -> Kind | None:
    fifth = FIFTH in (properties.get("technologies") or ()) and properties.get("status") == "on_air"
    if fifth or properties.get("on_air_5g") in YES:
        return "existing"
    return "shared" if properties.get("isShareable", properties.get("shareable")) in YES else None


def _given(features: Sequence[Feature], plane: Plane, height: float) -> list[Place]:
    found = []
    for feature in features:
        if feature.geometry is not None:
            require_in_vietnam(feature, "candidates")
            found.append(_place(feature, "new", plane, height))
    return found


def _place(feature: Feature, kind: Kind, plane: Plane, height: float) -> Place:
    point = shapely.geometry.shape(feature.geometry).centroid
    x, y = plane.metres(np.array([[point.x, point.y]]))[0]
    turned = feature.properties.get("azimuths") or ()
    own = number(feature.properties, "height")
    return Place(feature.id, feature.name, kind, float(x), float(y), own or height, azimuths(turned))


def azimuths(given: Sequence[float]) -> tuple[float, ...]:
    """Three directions; of a site with fewer or more, those of a regular star from its first."""
    if len(given) == SECTORS:
        return tuple(float(a) % 360 for a in given)
    first = float(given[0]) if given else 0.0
    return tuple((first + k * 360 / SECTORS) % 360 for k in range(SECTORS))


def _grid(problem: Problem, demand: Demand, height: float) -> list[Place]:
    """Points of a triangular grid inside the parks and their margin."""
    step, margin = problem.number("grid"), problem.number("margin")
    if not step >= 50:
        raise InvalidInput(f"a grid of {step} m.", field="assumptions.grid", remedy="50 m or more.")
    ground = shapely.union_all([p.shape.buffer(margin) for p in demand.parks])
    west, south, east, north = ground.bounds
    high = step * np.sqrt(0.75)
    if (east - west) * (north - south) / (step * high) > 2_000_000:
        raise TooLarge("the grid has millions of points.", field="assumptions.grid", remedy="Give a wider grid.")
    rows = np.arange(south, north + high, high)
    points = np.vstack([
        np.column_stack([np.arange(west, east + step, step) + (step / 2 if i % 2 else 0.0), np.full(1, y).repeat(
            len(np.arange(west, east + step, step)))])
        for i, y in enumerate(rows)
    ])  # fmt: skip
    points = _inside(points, ground)
    return [
        Place(f"grid-{i + 1}", f"Lưới {i + 1}", "new", float(x), float(y), height, azimuths(()))
        for i, (x, y) in enumerate(points)
    ]


def _inside(points: npt.NDArray[np.float64], ground: shapely.Geometry) -> npt.NDArray[np.float64]:
    shapely.prepare(ground)
    return np.asarray(points[shapely.contains_xy(ground, points[:, 0], points[:, 1])])

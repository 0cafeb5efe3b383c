"""The streets, demand and beginnings of a trench plan as one network in a plane. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry

from province.compute.plane import Plane, middle
from province.compute.roads import lines as road_lines
from province.compute.roads.lines import Network
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import Feature, Problem, read_amount, require_in_vietnam, some
from province.model.text import fold

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_WORDS: Final[Mapping[str, str]] = {
    "national": "national", "ring": "national", "trunk": "national", "primary": "national", "quoc lo": "national",
    "ql": "national", "vanh dai": "national", "duong vanh dai": "national",
    "provincial": "provincial", "secondary": "provincial", "duong tinh": "provincial", "tinh lo": "provincial",
    "dt": "provincial",
    "district": "district", "tertiary": "district", "duong huyen": "district", "huyen lo": "district", "dh": "district",
    "urban": "urban", "unclassified": "urban", "residential": "urban", "living street": "urban", "service": "urban",
    "duong do thi": "urban", "do thi": "urban", "duong xa": "urban", "duong pho": "urban",
}  # fmt: skip
"""Classes by what registers and OpenStreetMap call them. In Vietnam trunk and primary are mostly national roads,
secondary mostly provincial ones, tertiary mostly those of districts: a class in the file of a survey is better."""
_CLOSED: Final = ("motorway", "motorway link", "expressway", "cao toc", "duong cao toc")
_YES: Final = (True, 1, 1.0, "1", "true", "True", "yes", "có", "x")
MOST_EDGES: Final = 300_000
MOST_DEMAND: Final = 20_000


@dataclass(frozen=True, slots=True)
class Street:
    """A line of the layer of roads. dug: it is dug up this year anyway.  duct: an empty duct lies in it."""

    name: str
    kind: str
    dug: bool
    duct: bool


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be joined. node: in the network, −1 for none near enough."""

    feature: Feature
    weight: float
    node: int
    away_m: float

    @property
    def name(self) -> str:
        """What the feature is called."""
        return self.feature.name


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything of a problem in one plane. ducted: (edges,) a duct lies there.  opened: (edges,) somebody opens the
    road there anyway.  starts: features and their nodes.  roots: where the network begins."""

    plane: Plane
    streets: tuple[Street, ...]
    network: Network
    ducted: npt.NDArray[np.bool_]
    opened: npt.NDArray[np.bool_]
    demand: tuple[Demand, ...]
    starts: tuple[tuple[Feature, int], ...]
    roots: Integers
    remarks: tuple[Label, ...]

    def street(self, edge: int) -> Street:
        """Of an edge, as it is there."""
        whole = self.streets[int(self.network.line[edge])]
        return replace(whole, duct=bool(self.ducted[edge]), dug=whole.dug or bool(self.opened[edge]))


def read(problem: Problem) -> Ground:
    """The ground of a problem. Raises: InvalidInput, TooLarge naming the layer or the assumption."""
    roads = _of(problem, "roads", ("LineString", "MultiLineString"))
    demand, starts = _of(problem, "demand"), _of(problem, "starts")
    if not demand:
        raise InvalidInput("nothing is to be joined.", field="layers.demand",
                           remedy="Give points with a column `weight`, or import industrial parks.")  # fmt: skip
    if len(demand) > MOST_DEMAND:
        raise TooLarge(f"{len(demand)} points of demand.", field="layers.demand",
                       remedy=f"At most {MOST_DEMAND}: join near ones and add their weights.")  # fmt: skip
    points = _points((*demand, *starts))
    plane = middle(points)
    margin = problem.number("margin")
    remarks: list[Label] = []
    streets, shapes = _streets(roads, plane, plane.metres(points), margin, remarks)
    ducts = _along(problem, "ducts", (None, "", "laid"), plane)
    opened = _along(problem, "openings", (None, "", "permitted", "open"), plane)
    # Where a duct or an opening ends, a road is cut.
    places = np.vstack([plane.metres(points), *(d[[0, -1]] for d in (*ducts, *opened))])
    network = road_lines.network(shapes, places, join_m=problem.number("join"), reach_m=problem.number("reach"))
    ducted = np.array([streets[int(line)].duct for line in network.line], np.bool_)
    ducted |= _covered(network, ducts, problem.number("duct_near"))
    dug = _covered(network, opened, problem.number("duct_near"))
    if len(network.tail) > MOST_EDGES:
        raise TooLarge(f"{len(network.tail):,} pieces of road.", field="layers.roads",
                       remedy="Cut the layer to the area, or give a smaller assumption `margin`.")  # fmt: skip
    nowhere = [f.name for f in problem.layers.get("demand", ()) if f.geometry is None]
    if nowhere:
        shown = some(nowhere)
        remarks.append(Label(f"{len(nowhere)} điểm chưa có vị trí nên không tính: {shown}.",
                             f"{len(nowhere)} points have no place and are left out: {shown}."))  # fmt: skip
    rough = sum(f.properties.get("approximate") is True for f in roads)
    if rough:
        remarks.append(Label(
            f"{rough} tuyến trong sổ đăng ký chỉ có vị trí gần đúng: kết quả cho biết quy mô, chưa phải tuyến cụ thể.",
            f"{rough} roads of the register are drawn approximately: the result tells how much, not yet where exactly.",
        ))  # fmt: skip
    if network.mended:
        remarks.append(Label(
            f"{network.mended} đầu tuyến chưa chạm tuyến bên cạnh (dưới {problem.number('join'):g} m): đã nối lại.",
            f"{network.mended} ends lay within {problem.number('join'):g} m of another road: they were joined to it.",
        ))  # fmt: skip
    wanted = tuple(Demand(f, _weight(f), int(network.node[i]), float(network.away_m[i])) for i, f in enumerate(demand))
    far = [d for d in wanted if d.node < 0]
    if far:
        remarks.append(_left(far, f"cách đường quá {problem.number('reach'):g} m",
                             f"lie more than {problem.number('reach'):g} m from any road"))  # fmt: skip
    if len(far) == len(wanted):
        raise InvalidInput(
            f"no demand lies within {problem.number('reach'):g} m of a road; the nearest is"
            f" {min(d.away_m for d in far):,.0f} m away.", field="layers.demand",
            remedy="Check the coordinate systems of both files, or raise the assumption `reach`.",
        )  # fmt: skip
    begun = tuple((f, int(network.node[len(demand) + i])) for i, f in enumerate(starts))
    return Ground(plane, streets, network, ducted, dug, wanted, begun, _roots(network, ducted, begun), tuple(remarks))


def _of(problem: Problem, layer: str, kinds: Sequence[str] = ()) -> tuple[Feature, ...]:
    """The features of a layer that have a place. Raises: InvalidInput for places outside Vietnam, or no lines."""
    found = tuple(f for f in problem.layers.get(layer, ()) if f.geometry is not None)
    for feature in found:
        require_in_vietnam(feature, layer)
    if kinds:
        lines = tuple(f for f in found if f.geometry is not None and f.geometry["type"] in kinds)
        if not lines:
            raise InvalidInput(
                f"the layer {layer} holds no lines.", field=f"layers.{layer}",
                remedy="Give roads as lines: GeoPackage, GeoJSON, DXF, or an extract of OpenStreetMap.",
            )  # fmt: skip
        return lines
    return found


def _points(features: Sequence[Feature]) -> Floats:
    middles = [shapely.geometry.shape(f.geometry).centroid for f in features]
    return np.array([(p.x, p.y) for p in middles], np.float64).reshape(-1, 2)


def _streets(
    roads: Sequence[Feature], plane: Plane, points: Floats, margin: float, remarks: list[Label]
) -> tuple[tuple[Street, ...], list[Floats]]:
    """The lines near the demand."""
    window = shapely.box(*(points.min(axis=0) - margin), *(points.max(axis=0) + margin))
    streets: list[Street] = []
    shapes: list[Floats] = []
    closed = unknown = 0
    for feature in roads:
        word = _plain(feature.properties.get("class") or feature.properties.get("kind"))
        if word in _CLOSED:
            closed += 1
            continue
        kind = _WORDS.get(word.removesuffix(" link"))
        unknown += kind is None
        street = Street(
            str(feature.properties.get("name") or ""), kind or "urban", feature.properties.get("works") in _YES,
            feature.properties.get("duct") in _YES,
        )  # fmt: skip
        flat = shapely.transform(shapely.force_2d(shapely.geometry.shape(feature.geometry)), plane.metres)
        for part in getattr(flat, "geoms", [flat]):
            if len(part.coords) > 1 and window.intersects(part):
                streets.append(street)
                shapes.append(np.asarray(part.coords, np.float64))
    if not shapes:
        raise InvalidInput(
            f"no road lies within {margin:,.0f} m of the demand.", field="layers.roads",
            remedy="Check the coordinate systems of both files, or raise the assumption `margin`.",
        )  # fmt: skip
    if closed:
        remarks.append(Label(f"{closed} đoạn cao tốc không đào: bỏ ra.",
                             f"{closed} pieces of expressway are not dug up: left out."))  # fmt: skip
    if unknown:
        remarks.append(Label(
            f"{unknown} đoạn đường chưa rõ cấp: tính giá như đường đô thị.",
            f"{unknown} pieces of road have no known class: they are priced as urban streets.",
        ))  # fmt: skip
    return tuple(streets), shapes


def _along(problem: Problem, layer: str, states: Sequence[str | None], plane: Plane) -> list[Floats]:
    """The lines of a layer whose state counts: ducts that lie there, openings that are permitted."""
    found: list[Floats] = []
    for feature in _of(problem, layer):
        if feature.properties.get("status") in states:
            flat = shapely.transform(shapely.force_2d(shapely.geometry.shape(feature.geometry)), plane.metres)
            parts = getattr(flat, "geoms", [flat])
            found += [np.asarray(p.coords, np.float64) for p in parts if p.geom_type == "LineString"]
    return found


def _covered(network: Network, lines: Sequence[Floats], near_m: float) -> npt.NDArray[np.bool_]:
    """Edges that lie within `near_m` of one of the lines from end to end."""
    found = np.zeros(len(network.line), np.bool_)
    if lines:
        along = shapely.union_all([shapely.linestrings(d).buffer(near_m) for d in lines])
        shapely.prepare(along)
        found |= shapely.covers(along, [shapely.linestrings(c) for c in network.corners])
    return found


def _roots(network: Network, ducted: npt.NDArray[np.bool_], starts: Sequence[tuple[Feature, int]]) -> Integers:
    """Where the network begins: the starts; without any, wherever a duct lies."""
    roots = [node for _, node in starts if node >= 0]
    if not roots:
        roots = np.unique(np.concatenate([network.tail[ducted], network.head[ducted]])).tolist()
    if not roots:
        raise InvalidInput(
            "nothing says where the network begins." if not starts else "no beginning lies near a road.",
            field="layers.starts",
            remedy="Give exchanges or cabinets as points, or ducts as lines.",
        )  # fmt: skip
    return np.unique(np.array(roots, np.int64))


def _weight(feature: Feature) -> float:
    found = read_amount(feature, "weight", "demand")
    return 1.0 if found is None else found


def _left(found: Sequence[Demand], vi: str, en: str) -> Label:
    shown = some([d.name for d in found])
    return Label(f"{len(found)} điểm {vi}, không xét: {shown}.", f"{len(found)} points {en} and are left out: {shown}.")


def _plain(word: Any) -> str:
    return " ".join(fold(str(word or "")).replace("_", " ").split())

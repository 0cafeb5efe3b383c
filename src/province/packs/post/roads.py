"""The roads of a study as a graph that can be driven, with one-ways, turns and speeds as the layer tells them. Pure.

Lines of a file, of the register and of OpenStreetMap are cut where they share a corner and where a place lies nearest
to them. Every piece is a way of its own, so that a way through the graph can be drawn along the road.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry

from province.compute.plane import Plane, middle
from province.compute.roads import lines as road_lines
from province.compute.roads import matrix
from province.compute.roads.graph import Restriction, Roads, Way, build
from province.compute.roads.lines import Network
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import Feature, Problem, require_in_vietnam
from province.model.text import fold

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MOST_PIECES: Final = 400_000
_MAIN: Final = frozenset((
    "national", "ring", "expressway", "provincial", "motorway", "trunk", "primary", "secondary", "quoc lo", "ql",
    "cao toc", "duong cao toc", "duong truc, cao toc", "vanh dai", "duong vanh dai", "duong tinh", "tinh lo", "dt",
))  # fmt: skip
"""Classes on which one drives as on a main road, by what registers and OpenStreetMap call them."""
_TRUNK: Final = frozenset(("national", "ring", "expressway", "motorway", "trunk", "primary", "quoc lo", "vanh dai"))
"""Those that are drawn to find one's way."""
_UNUSABLE: Final = ("planned", "building", "closed")
_FORWARD: Final = ("forward", "yes", "1", "true", "co", "x")
_BACKWARD: Final = ("backward", "-1", "reverse")
_TURN: Final = re.compile(r"(no|only) (-?[\d.]+) (-?[\d.]+) (\S+)")


@dataclass(frozen=True, slots=True)
class Driven:
    """node: (places,) in the graph, −1 for a place too far from any road.  away_m: (places,) to the nearest road.

    trunk: (pieces,) is one of the main roads.
    """

    plane: Plane
    network: Network
    roads: Roads
    trunk: npt.NDArray[np.bool_]
    node: Integers
    away_m: Floats
    remarks: tuple[Label, ...]

    def seconds(self, share: float) -> Floats:
        """Between all places, infinite where no way leads. share: of the free speed that is driven."""
        there = np.flatnonzero(self.node >= 0)
        found = np.full((len(self.node), len(self.node)), np.inf)
        if len(there):
            found[np.ix_(there, there)] = matrix.between(self.roads, self.node[there], self.node[there]).cost / share
        return found

    def metres(self) -> Floats:
        """Of the shortest ways between all places, infinite where no way leads."""
        there = np.flatnonzero(self.node >= 0)
        found = np.full((len(self.node), len(self.node)), np.inf)
        if len(there):
            nodes = self.node[there]
            found[np.ix_(there, there)] = matrix.between(self.roads, nodes, nodes, by="metres").cost
        return found

    def legs(self, pairs: Sequence[tuple[int, int]], most: float) -> list[tuple[float, Floats]]:
        """(metres, corners in the plane) of the fastest way of every pair of places; most: seconds of free traffic."""
        nodes = [(int(self.node[a]), int(self.node[b])) for a, b in pairs]
        found = []
        for (first, _), arcs in zip(nodes, matrix.legs(self.roads, nodes, most=most), strict=True):
            corners = [self.plane.metres(self.roads.place[[first]])]
            for arc in arcs.tolist():
                piece = int(self.roads.way[arc])
                line = self.network.corners[piece]
                forward = self.roads.node[self.roads.tail[arc]] == self.network.tail[piece]
                corners.append(line[1:] if forward else line[-2::-1])
            found.append((float(self.roads.metres[arcs].sum()), np.vstack(corners)))
        return found


def read(problem: Problem, places: Floats) -> Driven:
    """The graph around some places, longitude and latitude. Raises: InvalidInput, TooLarge naming the layer."""
    plane = middle(places)
    margin, reach = problem.number("margin"), problem.number("reach")
    flat = plane.metres(places)
    features, lines = _near(problem, plane, flat, margin)
    join = 0.0 if any("osm_id" in f.properties for f in features) else problem.number("join")  # there, nodes are shared
    network = road_lines.network(lines, flat, join_m=join, reach_m=reach)
    if len(network.tail) > MOST_PIECES:
        raise TooLarge(f"{len(network.tail):,} pieces of road.", field="layers.roads",
                       remedy="Cut the layer to the area, or give a smaller assumption `margin`.")  # fmt: skip
    place, nodes = _nodes(plane, network)
    ways = [
        Way(i, nodes[i], *_directions(f), _speed(problem, f))
        for i, f in enumerate(features[int(line)] for line in network.line)
    ]
    roads = build(place, ways, _restrictions(features, network, plane))
    remarks = []
    if network.mended and join:
        remarks.append(Label(
            f"{network.mended} đầu tuyến chưa chạm tuyến bên cạnh (dưới {join:g} m): đã nối lại.",
            f"{network.mended} ends lay within {join:g} m of another road: they were joined to it.",
        ))  # fmt: skip
    rough = sum(f.properties.get("approximate") is True for f in features)
    if rough:
        remarks.append(Label(
            f"{rough} tuyến đường trong sổ đăng ký chỉ có vị trí gần đúng: quãng đường cho biết quy mô.",
            f"{rough} roads of the register are drawn approximately: distances tell how much, not exactly where.",
        ))  # fmt: skip
    trunk = np.array([_class(features[int(line)]) in _TRUNK for line in network.line], np.bool_)
    return Driven(plane, network, roads, trunk, _snapped(roads, network, places, reach), network.away_m, tuple(remarks))


def _near(problem: Problem, plane: Plane, points: Floats, margin: float) -> tuple[list[Feature], list[Floats]]:
    """The lines around the places that can be driven."""
    window = shapely.box(*(points.min(axis=0) - margin), *(points.max(axis=0) + margin))
    features: list[Feature] = []
    lines: list[Floats] = []
    for feature in problem.layers.get("roads", ()):
        if feature.geometry is None or feature.properties.get("status") in _UNUSABLE:
            continue
        if feature.geometry["type"] not in ("LineString", "MultiLineString"):
            continue
        if not features:
            require_in_vietnam(feature, "roads")
        flat = shapely.transform(shapely.force_2d(shapely.geometry.shape(feature.geometry)), plane.metres)
        for part in getattr(flat, "geoms", [flat]):
            if len(part.coords) > 1 and window.intersects(part):
                features.append(feature)
                lines.append(np.asarray(part.coords, np.float64))
    if not lines:
        raise InvalidInput(
            f"no road lies within {margin:,.0f} m of the stops and depots.", field="layers.roads",
            remedy="Give roads as lines, or an extract of OpenStreetMap; check the coordinate systems of the files.",
        )  # fmt: skip
    return features, lines


def _nodes(plane: Plane, network: Network) -> tuple[Floats, list[list[int]]]:
    """Places of all nodes, and the nodes of each piece: its ends first, then the corners between, each its own."""
    place = np.zeros((network.nodes, 2))
    inner: list[Floats] = []
    nodes: list[list[int]] = []
    fresh = network.nodes
    for tail, head, corners in zip(network.tail.tolist(), network.head.tolist(), network.corners, strict=True):
        place[tail], place[head] = corners[0], corners[-1]
        between = len(corners) - 2
        inner.append(corners[1:-1])
        nodes.append([tail, *range(fresh, fresh + between), head])
        fresh += between
    return plane.degrees(np.vstack([place, *inner])), nodes


def _directions(feature: Feature) -> tuple[bool, bool]:
    """Whether it may be driven along its corners, and against them."""
    word = fold(str(feature.properties.get("oneway") or "")).strip()
    return word not in _BACKWARD, word not in _FORWARD


def _speed(problem: Problem, feature: Feature) -> float:
    given = feature.properties.get("kmh")
    if given is None:
        return problem.number("speed_main" if _class(feature) in _MAIN else "speed_other")
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 < found <= 200:
        raise InvalidInput(f"{feature.name} has the speed {str(given)[:40]!r}.", field="layers.roads",
                           remedy="Give kilometres per hour in the column `kmh`, or leave it empty.")  # fmt: skip
    return found


def _class(feature: Feature) -> str:
    word = feature.properties.get("class") or feature.properties.get("kind") or ""
    return " ".join(fold(str(word)).replace("_", " ").split()).removesuffix(" link")


def _restrictions(features: Sequence[Feature], network: Network, plane: Plane) -> list[Restriction]:
    """Turns that are told by the number of a road, as restrictions between its pieces that meet at the node."""
    told: list[tuple[str, str, str, tuple[float, float]]] = []
    for feature in {id(f): f for f in features if f.properties.get("turns")}.values():
        own = str(feature.properties.get("osm_id"))
        for kind, lon, lat, target in _TURN.findall(str(feature.properties["turns"])):
            told.append((kind, own, target.rstrip(";"), (float(lon), float(lat))))
    if not told:
        return []
    at: dict[int, list[int]] = defaultdict(list)
    corner: dict[tuple[int, int], int] = {}
    for i, (tail, head) in enumerate(zip(network.tail.tolist(), network.head.tolist(), strict=True)):
        for node, spot in ((tail, network.corners[i][0]), (head, network.corners[i][-1])):
            at[node].append(i)
            corner[_key(spot)] = node
    name = [str(features[int(line)].properties.get("osm_id")) for line in network.line]
    found = []
    for (kind, source, target, _), spot in zip(told, plane.metres(np.array([t[3] for t in told])), strict=True):
        near = [(dx, dy) for dx in (0, -1, 1) for dy in (0, -1, 1)]
        x, y = _key(spot)
        via = next((corner[x + dx, y + dy] for dx, dy in near if (x + dx, y + dy) in corner), None)
        if via is None:
            continue
        found += [
            Restriction(a, via, b, kind == "only")
            for a in at[via] if name[a] == source for b in at[via] if name[b] == target and (b != a or kind == "no")
        ]  # fmt: skip
    return found


def _key(spot: Floats) -> tuple[int, int]:
    return round(float(spot[0]) * 10), round(float(spot[1]) * 10)


def _snapped(roads: Roads, network: Network, places: Floats, reach: float) -> Integers:
    """The node nearest to each place from which everything can be reached; −1 when it lies too far from the roads."""
    node = matrix.snap(roads, places).node
    exact = np.where(network.node >= 0, network.node, 0)
    best = np.where((network.node >= 0) & roads.inner[exact], network.node, node)
    return np.where(network.away_m <= reach, best, -1)

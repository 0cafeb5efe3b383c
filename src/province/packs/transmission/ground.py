"""What rings are made of: stations, cables that exist, and ways of new ones, drawn from station to station or along
roads. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry

from province.compute.roads import chains, lines
from province.errors import InvalidInput, TooLarge
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.study import Feature, Problem, read_amount, require_in_vietnam, some
from province.packs.transmission import network
from province.packs.transmission.network import Inventory

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MOST: Final = 20_000
_DIGITS: Final = 6
_REGISTER: Final = "urn:ngsi-ld:FibreRoute:"
_OPEN: Final = ("", "planned", "du kien", "quy hoach")
_LINES: Final = ("LineString", "MultiLineString")


@dataclass(frozen=True, slots=True)
class Way:
    """An edge: a cable that exists, or a way of a new one. cable: place in the inventory, −1: it is new.

    ends: how many of its ends are at a station, where a new cable needs equipment.
    entry: id of the entry of the register that plans it already; empty: there is none.
    """

    name: str
    tail: int
    head: int
    metres: float
    cable: int
    ends: int
    shares: tuple[str, ...]
    shape: Geometry
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything of a problem. Nodes 0 to n − 1 are the stations, then corners of roads.

    need: (stations,) 0, 1 or 2 ways, as asked for.  groups: name → ways that fail together.
    """

    inventory: Inventory
    nodes: int
    ways: tuple[Way, ...]
    need: tuple[int, ...]
    groups: dict[str, tuple[int, ...]]
    remarks: tuple[Label, ...]


def read(problem: Problem) -> Ground:
    """The ground of a problem. Raises: InvalidInput, TooLarge naming the layer or the assumption."""
    inventory = network.read(problem, cables=False)
    remarks = list(inventory.remarks)
    seen = network.Places(inventory.stations, inventory.plane)
    ways = [
        Way(c.name, c.tail, c.head, c.metres, i, 2, c.shares, c.shape) for i, c in enumerate(inventory.cables)
    ]  # fmt: skip
    ways += _candidates(problem, seen, remarks)
    nodes = len(inventory.stations)
    roads = problem.layers.get("roads", ())
    if roads:
        along, nodes = _along(problem, roads, seen, nodes, remarks)
        ways += along
    if all(way.cable >= 0 for way in ways):
        raise InvalidInput(
            "there is no way of a new cable to choose.", field="layers.candidates",
            remedy="Give lines or pairs of stations (candidates), or roads to lay cables along.",
        )  # fmt: skip
    if len(ways) > MOST:
        raise TooLarge(f"{len(ways):,} ways between crossings.", field="layers.roads",
                       remedy=f"At most {MOST:,}: give main roads only, or a smaller `margin`.")  # fmt: skip
    together: dict[str, list[int]] = defaultdict(list)
    for e, way in enumerate(ways):
        for name in way.shares:
            together[name].append(e)
    groups = {name: tuple(edges) for name, edges in together.items() if len(edges) > 1}
    return Ground(inventory, nodes, tuple(ways), _need(problem, inventory), groups, tuple(remarks))


def _need(problem: Problem, inventory: Inventory) -> tuple[int, ...]:
    """Ways that each station needs to the core; cores need none."""
    usual = problem.number("ways")
    found = []
    for station in inventory.stations:
        given = read_amount(station.feature, "ways", "nodes")
        asked = usual if given is None else given
        if asked not in (0, 1, 2):
            field = "assumptions.ways" if given is None else "layers.nodes"
            raise InvalidInput(f"{station.name} needs {asked:g} ways.", field=field, remedy="0, 1 or 2.")
        found.append(0 if station.core else int(asked))
    if not any(found):
        raise InvalidInput("no station needs a way.", field="layers.nodes",
                           remedy="Give stations that are not core, with 1 or 2 in the column ways.")  # fmt: skip
    return tuple(found)


def _candidates(problem: Problem, seen: network.Places, remarks: list[Label]) -> list[Way]:
    """New cables from station to station. Of the register only planned ones are."""
    found: list[Way] = []
    lost: list[str] = []
    for feature in problem.layers.get("candidates", ()):
        if network.plain(feature.properties.get("status")) not in _OPEN:
            continue
        (tail, head), line = network.ends_of(feature, seen, problem.number("snap"), "candidates")
        if tail is None or head is None or tail == head:
            lost.append(network.called(feature))
            continue
        a, b = seen.stations[tail], seen.stations[head]
        shape = line or network.straight(a.feature, b.feature)
        metres = read_amount(feature, "length", "candidates")
        shares = network.listed(feature.properties.get("shares"))
        name = str(feature.properties.get("name") or f"{a.name} – {b.name}")
        entry = feature.id if feature.id.startswith(_REGISTER) else ""
        found.append(Way(name, tail, head, network.length_m(shape, seen.plane) if metres is None else metres, -1, 2,
                         shares, shape, entry))  # fmt: skip
    if lost:
        remarks.append(Label(
            f"{len(lost)} tuyến đề xuất không nối hai trạm, không xét: {some(lost)}.",
            f"{len(lost)} candidates do not join two stations and are left out: {some(lost)}.",
        ))  # fmt: skip
    return found


def _along(
    problem: Problem, roads: Sequence[Feature], seen: network.Places, nodes: int, remarks: list[Label]
) -> tuple[list[Way], int]:
    """Ways along roads between stations and crossings, and how many nodes there are then."""
    plane, places = seen.plane, seen.metres
    margin, reach = problem.number("margin"), problem.number("reach")
    window = shapely.box(*(places.min(axis=0) - margin), *(places.max(axis=0) + margin))
    shapes: list[Floats] = []
    names: list[str] = []
    for feature in roads:
        if feature.geometry is None or feature.geometry["type"] not in _LINES:
            continue
        require_in_vietnam(feature, "roads")
        flat = shapely.transform(shapely.force_2d(shapely.geometry.shape(feature.geometry)), plane.metres)
        for part in getattr(flat, "geoms", [flat]):
            if len(part.coords) > 1 and window.intersects(part):
                shapes.append(np.asarray(part.coords, np.float64))
                names.append(str(feature.properties.get("name") or ""))
    if not shapes:
        raise InvalidInput(
            f"no road lies within {margin:,.0f} m of the stations.", field="layers.roads",
            remedy="Give roads as lines, check the coordinate systems of both files, or raise the assumption `margin`.",
        )  # fmt: skip
    whole = lines.network(shapes, places, join_m=problem.number("join"), reach_m=reach)
    far = [seen.stations[i].name for i in np.flatnonzero(whole.node < 0).tolist()]
    if far:
        remarks.append(Label(
            f"{len(far)} trạm cách đường quá {reach:g} m, không nối theo đường được: {some(far)}.",
            f"{len(far)} stations lie more than {reach:g} m from any road and are joined along none: {some(far)}.",
        ))  # fmt: skip
    slim = chains.chains(whole, whole.node)
    at: dict[int, int] = {}
    ways: list[Way] = []
    for station, node in enumerate(slim.node.tolist()):
        if node in at:  # two stations at one place of the road
            ways.append(_way(seen, "", station, at[node], 0.0, 2, np.vstack([places[station], places[at[node]]])))
        elif node >= 0:
            at[node] = station
    last = nodes
    for node in range(slim.nodes):
        if node not in at:
            at[node] = last
            last += 1
    for e in range(len(slim.tail)):
        tail, head = at[int(slim.tail[e])], at[int(slim.head[e])]
        ends = (tail < nodes) + (head < nodes)
        away = sum(float(slim.away_m[v]) for v in (tail, head) if v < nodes)
        ways.append(_way(seen, names[int(slim.line[e])], tail, head, float(slim.metres[e]) + away, ends,
                         slim.corners[e]))  # fmt: skip
    return ways, last


def _way(seen: network.Places, name: str, tail: int, head: int, metres: float, ends: int, corners: Floats) -> Way:
    degrees = np.round(seen.plane.degrees(corners), _DIGITS)
    shape: Geometry = msgspec.json.decode(shapely.to_geojson(shapely.linestrings(degrees)))
    return Way(name, tail, head, metres, -1, ends, (), shape)

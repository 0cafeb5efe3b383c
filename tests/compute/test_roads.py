"""Streets with one-ways and turn restrictions: what the graph allows is what may be driven."""

from __future__ import annotations

import csv
import heapq
import itertools
import math
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from province.adapters import openstreetmap
from province.adapters import roads as adapter
from province.compute.roads import check, matrix
from province.compute.roads.graph import Restriction, Way, build
from province.errors import InvalidInput
from province.model.geometry import distance_m
from tests.shared import shared

GRID = 5


def town(seed: int) -> tuple[npt.NDArray[np.float64], list[Way], list[Restriction]]:
    """A grid of streets, some one-way, with restrictions at some crossings."""
    random = np.random.default_rng(seed)
    place = np.array([[106.65 + 0.002 * x, 11.0 + 0.002 * y] for y in range(GRID) for x in range(GRID)])
    ways: list[Way] = []
    for k in range(GRID):
        for nodes in ([k * GRID + x for x in range(GRID)], [y * GRID + k for y in range(GRID)]):
            cut = int(random.integers(1, GRID - 1))
            for part in (nodes[: cut + 1], nodes[cut:]):
                one_way = random.random() < 0.3
                ways.append(Way(len(ways) + 1, part, True, not one_way, float(random.integers(15, 60))))
    touching = {n: [w.id for w in ways if n in w.nodes] for n in range(len(place))}
    restrictions = []
    for via, here in touching.items():
        if len(here) > 1 and random.random() < 0.4:
            a, b = random.choice(here, 2, replace=False)
            restrictions.append(Restriction(int(a), via, int(b), bool(random.random() < 0.3)))
    return place, ways, restrictions


def by_arcs(
    place: npt.NDArray[np.float64], ways: list[Way], rules: list[Restriction], source: int, target: int
) -> float:
    """Seconds by a search over pairs (node, way that led there, node before), straight from the raw data."""
    arcs: dict[int, list[tuple[int, int, float]]] = {}
    for way in ways:
        for a, b in itertools.pairwise(way.nodes):
            seconds = distance_m(place[a], place[b]) / (way.kmh / 3.6)
            for yes, u, v in ((way.forward, a, b), (way.backward, b, a)):
                if yes:
                    arcs.setdefault(u, []).append((v, way.id, seconds))
    ruled = {r.via for r in rules}
    queue: list[tuple[float, int, int, int]] = [(0.0, source, -1, -1)]
    done: set[tuple[int, int, int]] = set()
    while queue:
        cost, node, way, before = heapq.heappop(queue)
        if node == target:
            return cost
        if (node, way, before) in done:
            continue
        done.add((node, way, before))
        for following, other, seconds in arcs.get(node, ()):
            if way >= 0 and node in ruled:
                mine = [r for r in rules if r.via == node and r.source == way]
                only = [r.target for r in mine if r.only]
                if any(r.target == other and not r.only for r in mine) or (only and other not in only):
                    continue
                if other == way and following == before:
                    continue
            heapq.heappush(queue, (cost + seconds, following, other, node))
    return math.inf


@pytest.mark.parametrize("seed", range(6))
def test_shortest_times_are_those_of_the_raw_streets(seed: int) -> None:
    place, ways, rules = town(seed)
    roads = build(place, ways, rules)
    nodes = np.arange(len(place))
    found = matrix.between(roads, nodes, nodes).cost
    for a, b in itertools.product(range(0, len(place), 3), range(len(place))):
        wanted = by_arcs(place, ways, rules, a, b)
        assert found[a, b] == pytest.approx(wanted, rel=2e-3), (a, b)
        if np.isfinite(wanted) and a != b:
            way, cost = matrix.path(roads, a, b)
            assert cost == pytest.approx(float(found[a, b]))
            check.driven([int(n) for n in way], ways, rules)


def test_a_forbidden_turn_makes_a_detour_and_a_false_way_is_refused() -> None:
    place = np.array([[106.65, 11.0], [106.651, 11.0], [106.652, 11.0], [106.651, 11.001], [106.652, 11.001]])
    ways = [Way(1, (0, 1), True, True, 36.0), Way(2, (1, 2), True, True, 36.0), Way(3, (1, 3), True, True, 36.0),
            Way(4, (3, 4, 2), True, True, 36.0)]  # fmt: skip
    free = build(place, ways)
    no_left = [Restriction(1, 1, 3)]
    ruled = build(place, ways, no_left)
    straight = matrix.between(free, np.array([0]), np.array([3])).cost[0, 0]
    around = matrix.between(ruled, np.array([0]), np.array([3])).cost[0, 0]
    assert around > 1.9 * straight
    assert matrix.path(ruled, 0, 3)[0].tolist() == [0, 1, 2, 3]
    check.driven([0, 1, 3], ways, [])
    with pytest.raises(InvalidInput, match="turn at node 1 is forbidden"):
        check.driven([0, 1, 3], ways, no_left)
    with pytest.raises(InvalidInput, match="nobody drives from node 0 to node 3"):
        check.driven([0, 3], ways, [])
    only = build(place, ways, [Restriction(1, 1, 2, only=True)])
    assert matrix.path(only, 0, 3)[0].tolist() == [0, 1, 2, 3]


def test_a_one_way_is_driven_one_way_and_islands_are_cut_off() -> None:
    place = np.array([[106.65, 11.0], [106.651, 11.0], [106.651, 11.001], [106.8, 11.2], [106.801, 11.2]])
    ways = [Way(1, (0, 1), True, False, 30.0), Way(2, (1, 2), True, True, 30.0), Way(3, (2, 0), True, True, 30.0),
            Way(4, (3, 4), True, True, 30.0)]  # fmt: skip
    roads = build(place, ways)
    cost = matrix.between(roads, np.array([0, 1]), np.array([0, 1, 3])).cost
    assert cost[0, 1] < cost[1, 0]
    assert cost[0, 2] == math.inf
    assert roads.inner.tolist() == [True, True, True, False, False]
    snapped = matrix.snap(roads, np.array([[106.8, 11.2], [106.65, 11.0001]]))
    assert snapped.node.tolist() == [2, 0] or snapped.node.tolist() == [1, 0]
    assert snapped.away_m[1] == pytest.approx(11, abs=1)
    with pytest.raises(InvalidInput) as refused:
        build(place, [])
    assert refused.value.field == "ways"


XML = """<?xml version='1.0'?><osm version="0.6">
{nodes}
<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/><tag k="maxspeed" v="50"/></way>
<way id="2" version="1"><nd ref="2"/><nd ref="3"/><tag k="highway" v="residential"/><tag k="oneway" v="-1"/></way>
<way id="3" version="1"><nd ref="2"/><nd ref="4"/><tag k="highway" v="footway"/></way>
<way id="4" version="1"><nd ref="2"/><nd ref="4"/><tag k="highway" v="service"/><tag k="access" v="private"/></way>
<way id="5" version="1"><nd ref="2"/><nd ref="4"/><nd ref="3"/><nd ref="2"/><tag k="highway" v="tertiary"/><tag k="junction" v="roundabout"/></way>
<relation id="1" version="1"><member type="way" ref="1" role="from"/><member type="node" ref="2" role="via"/><member type="way" ref="5" role="to"/><tag k="type" v="restriction"/><tag k="restriction" v="no_left_turn"/></relation>
<relation id="2" version="1"><member type="way" ref="1" role="from"/><member type="way" ref="2" role="via"/><member type="way" ref="5" role="to"/><tag k="type" v="restriction"/><tag k="restriction" v="no_u_turn"/></relation>
</osm>"""  # noqa: E501


def test_an_extract_is_read_as_its_tags_say(tmp_path: Path) -> None:
    nodes = "\n".join(f'<node id="{i}" version="1" lon="{106.65 + i / 1000}" lat="11.0"/>' for i in range(1, 5))
    path = tmp_path / "town.osm"
    path.write_text(XML.format(nodes=nodes))
    extract = adapter.read(path)
    ways = {w.id: w for w in extract.ways}
    assert set(ways) == {1, 2, 5}, "neither footpaths nor private drives"
    assert (ways[1].forward, ways[1].backward, ways[1].kmh) == (True, True, 40.0)
    assert (ways[2].forward, ways[2].backward) == (False, True)
    assert (ways[5].forward, ways[5].backward) == (True, False)
    (rule,) = extract.restrictions
    assert (rule.source, rule.target, rule.only) == (1, 5, False)
    assert extract.lost == 1
    assert extract.place[rule.via].tolist() == pytest.approx([106.652, 11.0])
    (tmp_path / "bad.osm.pbf").write_bytes(b"not a map")
    with pytest.raises(InvalidInput) as refused:
        adapter.read(tmp_path / "bad.osm.pbf")
    assert refused.value.field == "file"


@pytest.mark.parametrize(
    ("text", "kmh"), [("50", 50.0), ("50 km/h", 50.0), ("30 mph", 48.28), ("signals", None), (None, None), ("0", None)]
)
def test_a_speed_limit_is_read_with_its_unit(text: str | None, kmh: float | None) -> None:
    found = openstreetmap.limit(text)
    assert found == (None if kmh is None else pytest.approx(kmh, abs=0.01))


@pytest.mark.slow
def test_the_streets_of_a_city_are_read_and_driven_in_time() -> None:
    """OpenStreetMap 2018, Hồ Chí Minh City and southern Bình Dương: at most 60 s to load, 2 s for 50 × 50 places."""
    folder = shared("roads")
    began = time.monotonic()
    extract = adapter.read(folder / "hcm_2018.osm.pbf")
    roads = extract.graph()
    assert time.monotonic() - began < 60
    rows = list(csv.DictReader((folder / "points.csv").read_text("utf-8").splitlines()))
    places = np.array([[float(r["lon"]), float(r["lat"])] for r in rows])
    snapped = matrix.snap(roads, places)
    assert np.median(snapped.away_m) < 100
    matrix.between(roads, snapped.node[:1], snapped.node[:1])
    began = time.monotonic()
    found = matrix.between(roads, snapped.node, snapped.node)
    assert time.monotonic() - began < 2
    assert np.isfinite(found.cost).all(), "inner nodes reach each other"
    assert len(extract.restrictions) > 10
    assert sum(w.forward != w.backward for w in extract.ways) > 1000
    for a, b in ((0, 1), (3, 40), (17, 8)):
        nodes, cost = matrix.path(roads, int(snapped.node[a]), int(snapped.node[b]))
        assert cost == pytest.approx(found.cost[a, b])
        check.driven([int(n) for n in nodes], extract.ways, extract.restrictions)
        straight = distance_m(places[a], places[b])
        assert straight / (90 / 3.6) < cost < 6 * straight / (25 / 3.6) + 600

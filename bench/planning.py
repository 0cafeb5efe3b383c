"""Quality of plans on public instances: gap to the known optimum and to our own bound, processor time, memory.
Speed of the radio model: pairs of a site and a place in a second of one core.

    python -m bench.planning [--data ../shared/data/optimisation] [--seconds 120] [--long]

Every plan is checked by the code that knows nothing of the kernels before it counts. The coverage instance is made here
(seed 1): 100,000 pixels of people around forty centres, 5,000 sites of three sectors, a budget for about 330 sites.
Compiling the kernels is not counted: each runs once on a small instance first.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.spatial import Delaunay, cKDTree

from bench import capacity as modular
from bench import sites, tours
from bench.product import Row, write
from province.adapters import openstreetmap
from province.compute.network import check as check_network
from province.compute.network import collecting, graph, steiner, survivable
from province.compute.network.thinning import parts_of
from province.compute.plane import middle
from province.compute.radio import diffraction, field
from province.compute.roads import lines
from province.compute.siting import budgeted, capacitated, check, covering, median

Floats = npt.NDArray[np.float64]
DATA = Path(__file__).parents[2] / "shared" / "data" / "optimisation"
P_MEDIAN = (
    5819, 4093, 4250, 3034, 1355, 7824, 5631, 4445, 2734, 1255, 7696, 6634, 4374, 2968, 1729, 8162, 6999, 4809, 2845,
    1789,
)  # fmt: skip
"""Optima of pmed1 to pmed20 (OR-Library, J. E. Beasley)."""
SET_COVER = {
    "scp41": 429, "scp42": 512, "scp43": 516, "scp44": 494, "scp45": 512, "scp46": 560, "scp47": 430, "scp48": 492,
    "scp49": 641, "scp410": 514, "scp51": 253, "scp52": 302, "scp53": 226, "scp54": 242, "scp55": 211, "scp56": 213,
    "scp57": 293, "scp58": 288, "scp59": 279, "scp510": 265,
}  # fmt: skip
"""Optima of OR-Library's set covering problems 4 and 5."""
CAPACITATED = (
    ("cap41", "70/cap71", 5000, 1040444.375), ("cap42", "70/cap72", 5000, 1098000.450),
    ("cap43", "70/cap73", 5000, 1153000.450), ("cap44", "70/cap74", 5000, 1235500.450),
    ("cap51", "70/cap73", 10000, 1025208.225), ("cap61", "70/cap71", 15000, 932615.750),
    ("cap62", "70/cap72", 15000, 977799.400), ("cap63", "70/cap73", 15000, 1014062.050),
    ("cap64", "70/cap74", 15000, 1045650.250), ("cap81", "100/cap101", 5000, 838499.288),
    ("cap82", "100/cap102", 5000, 910889.563), ("cap83", "100/cap103", 5000, 975889.563),
    ("cap84", "100/cap104", 5000, 1069369.525), ("cap91", "100/cap101", 15000, 796648.438),
    ("cap92", "100/cap102", 15000, 855733.500), ("cap93", "100/cap103", 15000, 896617.538),
    ("cap94", "100/cap104", 15000, 946051.325),
)  # fmt: skip
"""Name, file with its costs and demands, capacity of each site, optimum. The files at hand carry the capacity 58,268;
OR-Library's own differ in nothing but the capacity."""


def read_p_median(path: Path) -> tuple[Floats, int]:
    """Shortest distances and p. Of an edge that is given twice the last one counts, as the authors say."""
    numbers = path.read_text().split()
    nodes, edges, p = (int(n) for n in numbers[:3])
    distance = np.full((nodes, nodes), np.inf)
    np.fill_diagonal(distance, 0.0)
    for i, j, cost in np.array(numbers[3 : 3 + 3 * edges], int).reshape(-1, 3):
        distance[i - 1, j - 1] = distance[j - 1, i - 1] = cost
    for k in range(nodes):
        distance = np.minimum(distance, distance[:, k : k + 1] + distance[k : k + 1, :])
    return distance, p


def read_set_cover(path: Path) -> tuple[sp.csc_array, Floats]:
    """Table (rows, columns) and costs."""
    numbers = [int(n) for n in path.read_text().split()]
    height, width = numbers[:2]
    cost, at = np.array(numbers[2 : 2 + width], float), 2 + width
    row: list[int] = []
    column: list[int] = []
    for i in range(height):
        count = numbers[at]
        row += [i] * count
        column += [n - 1 for n in numbers[at + 1 : at + 1 + count]]
        at += 1 + count
    return sp.csc_array((np.ones(len(row)), (row, column)), shape=(height, width)), cost


def read_capacitated(path: Path) -> tuple[Floats, Floats, Floats]:
    """Cost of serving (demand, sites), demand, fixed cost of the sites."""
    numbers = path.read_text().split()
    sites, demand = int(numbers[0]), int(numbers[1])
    head = np.array(numbers[2 : 2 + 2 * sites], float).reshape(sites, 2)
    rest = np.array(numbers[2 + 2 * sites :], float).reshape(demand, sites + 1)
    return rest[:, 1:], rest[:, 0], head[:, 1]


def read_steiner(path: Path) -> tuple[graph.Graph, npt.NDArray[np.int64]]:
    """Graph and terminals of a PACE 2018 instance."""
    edges: list[tuple[int, int, int]] = []
    terminals: list[int] = []
    nodes = 0
    for line in path.read_text().splitlines():
        match line.split():
            case ["Nodes", count]:
                nodes = int(count)
            case ["E", tail, head, cost]:
                edges.append((int(tail) - 1, int(head) - 1, int(cost)))
            case ["T", terminal]:
                terminals.append(int(terminal) - 1)
    table = np.array(edges)
    return graph.build(nodes, table[:, 0], table[:, 1], table[:, 2].astype(float)), np.array(terminals)


def sectors(pixels: int, sites: int, seed: int = 1) -> dict[str, Any]:
    """A coverage instance: people around forty centres, sites of three sectors that reach 540 to 900 m."""
    random = np.random.default_rng(seed)
    side = np.sqrt(pixels) * 100.0
    centres = random.uniform(0, side, (40, 2))
    pixel = random.uniform(0, side, (pixels, 2))
    nearest = cKDTree(centres).query(pixel)[0]
    weight = random.gamma(0.6, 1.0, pixels) * np.exp(-nearest / 2500.0) * 20.0 + 0.3
    central = random.random(sites) < 0.6
    place = np.where(central[:, None], centres[random.integers(0, 40, sites)] + random.normal(0, 2000, (sites, 2)),
                     random.uniform(0, side, (sites, 2))).clip(0, side)  # fmt: skip
    row: list[Any] = []
    column: list[Any] = []
    for g, found in enumerate(cKDTree(pixel).query_ball_point(place, 900.0)):
        near = np.array(found, np.int64)
        away = pixel[near] - place[g]
        angle, far, first = np.arctan2(away[:, 1], away[:, 0]), np.hypot(*away.T), random.uniform(0, 2 * np.pi)
        for q in range(3):
            off = np.abs((angle - first - q * 2 * np.pi / 3 + np.pi) % (2 * np.pi) - np.pi)
            seen = near[(off < np.pi / 3) & (far < random.uniform(540, 900))]
            row.append(seen)
            column.append(np.full(len(seen), 3 * g + q))
    rows, columns = np.concatenate(row), np.concatenate(column)
    return {
        "covers": sp.csc_array((np.ones(len(rows)), (rows, columns)), shape=(pixels, 3 * sites)),
        "weight": weight, "cost": random.uniform(0.2, 0.5, 3 * sites), "site": np.repeat(np.arange(sites), 3),
        "site_cost": random.uniform(0.8, 2.0, sites), "place": place,
    }  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and processor seconds."""
    began = time.process_time()
    done = work()
    return done, time.process_time() - began


def _row(family: str, name: str, cost: float, optimum: float | None, gap: float, cpu: float, **more: object) -> Row:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "family": family, "instance": name, "objective": cost, "optimum": optimum,
        "gap_to_optimum_%": None if optimum is None else round(100 * (cost - optimum) / optimum, 3),
        "gap_to_bound_%": round(100 * gap, 3), "cpu_s": round(cpu, 2), "peak_mib": round(memory), **more,
    }  # fmt: skip


def radio(pairs: int = 4_000_000) -> Iterator[Row]:
    """Pairs of a site and a place per second of one core: loss alone, a sector's signal, terrain profiles."""
    random = np.random.default_rng(1)
    sites, side = 40, 4_000.0
    site, place = random.uniform(0, side, (sites, 2)), random.uniform(0, side, (pairs // sites, 2))
    base, none = np.full(sites, 25.0), np.zeros(len(place))
    heights = np.cumsum(np.cumsum(random.normal(0, 0.02, (161, 161)), 0), 1).astype(np.float32)
    heights -= heights.min()
    clutter = np.where(random.random((161, 161)) < 0.3, 8, 0).astype(np.float32)
    sender = field.Sender("uma", 2.55, 1.5, 53.0, mechanical_deg=2.0, electrical_deg=4.0, elements=8)
    azimuth = np.zeros((sites, 1))
    works: tuple[tuple[str, int, Callable[[], Any]], ...] = (
        ("UMa path loss", 1, lambda: field.losses("uma", site, place, base, 1.5, 2.55)),
        ("UMa signal of a sector, with probability", 1, lambda: field.reach(
            sender, site, base, azimuth, place, none, none, -90.0, range_m=2 * side)),
        ("P.1812 diffraction, 50 points", 10, lambda: diffraction.field(
            heights, clutter, 25.0, site, base, place[: len(place) // 10], 1.5, 2.55)),
    )  # fmt: skip
    for name, less, work in works:
        work()
        best = min(timed(work)[1] for _ in range(3))
        yield {"family": "radio", "instance": name, "pairs_per_s": round(pairs / less / best), "cpu_s": round(best, 2)}


def measure(data: Path, seconds: float, *, long: bool) -> Iterator[Row]:
    """Rows, family by family."""
    yield from radio()
    median.solve(np.ones((3, 3)), 1)
    steiner.prepare()
    small = sectors(300, 20)
    budgeted.solve(**small, budget=10.0, seconds=0.5)
    for n, optimum in enumerate(P_MEDIAN, 1):
        distance, p = read_p_median(data / f"p-median/pmed{n}.txt")
        plan, cpu = timed(lambda distance=distance, p=p: median.solve(distance, p))
        check.median(distance, p, list(plan.open), plan.cost, plan.bound)
        yield _row("p-median", f"pmed{n}", plan.cost, optimum, plan.gap, cpu)
    for name, optimum in SET_COVER.items():
        table, cost = read_set_cover(data / f"set-cover/{name}.txt")
        cover, cpu = timed(lambda table=table, cost=cost: covering.solve(table, cost))
        check.covering(table, cost, list(cover.chosen), cover.cost, cover.bound)
        yield _row("set cover", name, cover.cost, optimum, cover.gap, cpu, proved=cover.proved)
    for name, file, capacity, known in CAPACITATED:
        serving, demand, fixed_cost = read_capacitated(data / f"capacitated-location/{file}.txt")
        limits = np.full(serving.shape[1], float(capacity))
        located, cpu = timed(lambda s=serving, d=demand, f=fixed_cost, c=limits: capacitated.solve(s, d, f, c))
        check.capacitated(
            serving, demand, fixed_cost, limits, list(located.open), located.share, located.cost, located.bound
        )
        yield _row("capacitated location", name, located.cost, known, located.gap, cpu, proved=located.proved)
    yield from _trees(data, long=long)
    yield from _rings()
    yield from modular.measure()
    yield from streets(data.parent / "roads/hcm_2018.osm.pbf")
    yield from trenches(data.parent / "roads/hcm_2018.osm.pbf")
    yield from sites.connected()
    yield from tours.measure(data.parent, 10.0, long=long)
    instance = sectors(100_000, 5_000)
    began = time.monotonic()
    sited, cpu = timed(lambda: budgeted.solve(**instance, budget=700.0, seconds=seconds))
    took = time.monotonic() - began
    told = {k: instance[k] for k in ("site", "site_cost")}
    check.budgeted(instance["covers"], instance["weight"], instance["cost"], 700.0, list(sited.chosen),
                   sited.covered, sited.bound, **told)  # fmt: skip
    share = sited.covered / float(instance["weight"].sum())
    yield _row("coverage in a budget", "100,000 × 5,000 × 3", sited.covered, None, sited.gap, cpu,
               wall_s=round(took, 1), share=round(share, 4))  # fmt: skip


def _trees(data: Path, *, long: bool) -> Iterator[Row]:
    with (data / "steiner/track1.csv").open() as file:
        optima = {row[0].strip().removesuffix(".gr"): float(row[1]) for row in list(csv.reader(file))[1:]}
    files = sorted((data / "steiner/Track1").glob("*.gr"))
    for path in files if long else files[::4]:
        of, terminals = read_steiner(path)
        tree, cpu = timed(lambda of=of, terminals=terminals: steiner.solve(of, terminals))
        edges = list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))
        check_network.joined(edges, terminals.tolist(), tree.edges, tree.cost, tree.bound)
        yield _row("Steiner tree", path.stem, tree.cost, optima.get(path.stem), tree.gap, cpu)


def ring_instance(nodes: int, seed: int) -> graph.Graph:
    """Places in a square of 1,000 units, joined to their neighbours (Delaunay, and the seven nearest)."""
    random = np.random.default_rng(seed)
    place = random.uniform(0, 1000, (nodes, 2))
    pairs = {
        (int(min(s[a], s[b])), int(max(s[a], s[b])))
        for s in Delaunay(place).simplices
        for a, b in ((0, 1), (1, 2), (0, 2))
    }
    for i, near in enumerate(cKDTree(place).query(place, 8)[1]):
        pairs |= {(min(i, int(j)), max(i, int(j))) for j in near[1:]}
    ends = np.array(sorted(pairs))
    return graph.build(nodes, ends[:, 0], ends[:, 1], np.ceil(np.hypot(*(place[ends[:, 0]] - place[ends[:, 1]]).T)))


def _rings() -> Iterator[Row]:
    for nodes, seed in ((50, 1), (100, 2), (200, 3), (200, 4)):
        of = ring_instance(nodes, seed)
        every = np.arange(nodes)
        began = time.monotonic()
        plan, cpu = timed(lambda of=of, every=every: survivable.solve(of, every, seconds=60))
        took = time.monotonic() - began
        edges = list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))
        check_network.joined(edges, range(nodes), plan.edges, plan.cost, plan.bound, twice=True)
        yield _row("2-edge-connected network", f"{nodes} nodes, seed {seed}", plan.cost, None, plan.gap, cpu,
                   proved=plan.proved, wall_s=round(took, 1))  # fmt: skip


def street_instance(
    shapes: Sequence[Floats], terminals: int, seed: int = 7
) -> tuple[graph.Graph, npt.NDArray[np.int64]]:
    """Junctions of three streets or more, drawn from all of the largest part of a network."""
    found = lines.network(shapes, np.zeros((0, 2)))
    of = graph.build(found.nodes, found.tail, found.head, found.metres)
    part = parts_of(of.tail, of.head, np.ones(len(of.cost), np.bool_), of.nodes)
    junctions = np.flatnonzero((part == np.bincount(part).argmax()) & (np.diff(of.start) >= 3))
    return of, np.random.default_rng(seed).choice(junctions, terminals, replace=False)


def streets(path: Path, seconds: float = 60.0) -> Iterator[Row]:
    """Junctions of real streets (seed 7) joined by as few metres as can be."""
    if not path.exists():
        return
    shapes = _shapes(path)
    steiner.prepare()
    for terminals in (50, 120, 500):
        of, wanted = street_instance(shapes, terminals)
        began = time.monotonic()
        tree, cpu = timed(lambda of=of, w=wanted: steiner.solve(of, w, rounds=10**6, seconds=seconds))
        took = time.monotonic() - began
        edges = list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))
        check_network.joined(edges, wanted.tolist(), tree.edges, tree.cost, tree.bound)
        yield _row("Steiner tree on streets", f"{len(edges):,} streets, {terminals} junctions", tree.cost, None,
                   tree.gap, cpu, wall_s=round(took, 1), bound=round(tree.bound, 1))  # fmt: skip


def _shapes(path: Path) -> list[Floats]:
    """The streets of a file, in metres."""
    corners = [street.place for street in openstreetmap.streets(path)]
    plane = middle(np.vstack(corners))
    return [plane.metres(c) for c in corners]


def trenches(path: Path) -> Iterator[Row]:
    """Demand of one to nine at corners of real streets (seed 7), joined to one of them by so many kilometres."""
    if not path.exists():
        return
    shapes = _shapes(path)
    collecting.prepare()
    for points, metres in ((120, 60_000.0), (500, 150_000.0)):
        random = np.random.default_rng(7)
        places = np.array([shapes[int(k)][0] for k in random.choice(len(shapes), points, replace=False)])
        found = lines.network(shapes, places)
        of = graph.build(found.nodes, found.tail, found.head, found.metres)
        prize = np.zeros(found.nodes)
        np.add.at(prize, found.node[1:], 1.0 + np.arange(points - 1) % 9)
        began = time.monotonic()
        plan, cpu = timed(lambda of=of, p=prize, r=found.node[:1], m=metres: collecting.solve(of, r, p, m, seconds=20))
        took = time.monotonic() - began
        edges = list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))
        told = {int(v): float(prize[v]) for v in np.flatnonzero(prize)}
        check_network.collected(edges, found.node[:1].tolist(), told, metres, plan.edges, plan.gathered, plan.bound)
        yield _row("trenches in a budget", f"{len(edges):,} streets, {points} points, {metres / 1000:g} km",
                   plan.gathered, None, plan.gap, cpu, wall_s=round(took, 1))  # fmt: skip


def _again(given: argparse.Namespace) -> Iterator[Row]:
    roads = given.data.parent / "roads/hcm_2018.osm.pbf"
    works: dict[str, Callable[[], Iterator[Row]]] = {
        "trees": lambda: _trees(given.data, long=given.long), "rings": _rings,
        "streets": lambda: streets(roads), "trenches": lambda: trenches(roads),
    }  # fmt: skip
    steiner.prepare()
    for name in given.only:
        yield from works[name]()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seconds", type=float, default=110.0, help="wall time of the coverage instance")
    parser.add_argument("--radio", action="store_true", help="only the radio model, printed and not written")
    parser.add_argument(
        "--long", action="store_true", help="every instance of Steiner trees and tours, the latter a minute each"
    )
    parser.add_argument("--only", choices=("trees", "rings", "streets", "trenches"), nargs="+", default=(),
                        help="these families again; the others stay as they were measured")  # fmt: skip
    given = parser.parse_args()
    if given.radio:
        for row in radio():
            print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
        return
    rows = []
    try:
        for row in _again(given) if given.only else measure(given.data, given.seconds, long=given.long):
            print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
            rows.append(row)
    except KeyboardInterrupt:
        print("Stopped: what was measured until now is kept.")
    if given.only:
        before = json.loads((Path(__file__).parent / "results" / "planning.json").read_text())["rows"]
        fresh = {row["family"] for row in rows}
        place = next((n for n, row in enumerate(before) if row["family"] in fresh), len(before))
        rest = [[row for row in part if row["family"] not in fresh] for part in (before[:place], before[place:])]
        rows = [*rest[0], *rows, *rest[1]]
    write("planning", rows, settings={"process": "the kernels alone, one thread", "generator": "not counted"})


if __name__ == "__main__":
    main()

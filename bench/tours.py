"""Tours and streets: gap to the best published solutions of CVRPLIB X, beside OR-Tools; a city's streets.

    python -m bench.tours [--seconds 10] [--long] [--no-peer]

Without `--long` every seventh instance gets ten seconds; with it all get a minute. OR-Tools solves the same instances
in the same time in this run, in a process and an environment of its own (`requirements/peer.lock`): its library and
HiGHS must not be loaded together. Both get the rounded distances of CVRPLIB and any number of vehicles.
What each claims is recomputed before it counts; there is no bound, so the gap is benchmarked and not certified.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.product import Row
from province.adapters import roads as extracts
from province.compute.roads import check as driving
from province.compute.roads import matrix
from province.compute.tours import check, search
from province.compute.tours.case import Case, Fleet, Stops, Tour

Floats = npt.NDArray[np.float64]
ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
EVERY = 7
MINUTE = 60.0
DAY = 1e9
"""Seconds that no tour of an instance takes."""

PEER = """
import json, sys, time
from ortools.constraint_solver import pywrapcp, routing_enums_pb2 as enums
given = json.load(sys.stdin)
table, load, most = given["cost"], given["load"], given["capacity"]
count = len(load) - 1
manager = pywrapcp.RoutingIndexManager(len(load), count, 0)
routing = pywrapcp.RoutingModel(manager)
way = routing.RegisterTransitMatrix(table)
routing.SetArcCostEvaluatorOfAllVehicles(way)
weight = routing.RegisterUnaryTransitVector(load)
routing.AddDimension(weight, 0, most, True, "load")
how = pywrapcp.DefaultRoutingSearchParameters()
how.first_solution_strategy = enums.FirstSolutionStrategy.SAVINGS
how.local_search_metaheuristic = enums.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
how.time_limit.FromMilliseconds(int(given["seconds"] * 1000))
began = time.process_time()
found = routing.SolveWithParameters(how)
tours = []
for vehicle in range(count if found else 0):
    at, tour = found.Value(routing.NextVar(routing.Start(vehicle))), []
    while not routing.IsEnd(at):
        tour.append(manager.IndexToNode(at) - 1)
        at = found.Value(routing.NextVar(at))
    if tour:
        tours.append(tour)
print(json.dumps({"tours": tours, "cpu": time.process_time() - began}))
"""
"""The peer as its own guide to vehicle routing sets it up: savings first, then guided local search."""


def read(path: Path) -> tuple[Case, int]:
    """An instance of CVRPLIB (two-dimensional, distances rounded), and the cost of its best published solution."""
    place: dict[int, tuple[float, float]] = {}
    demand: dict[int, float] = {}
    capacity, part = 0.0, ""
    for line in path.read_text().splitlines():
        words = line.replace(":", " ").split()
        if not words:
            continue
        if words[0].endswith("_SECTION") or words[0] == "EOF":
            part = words[0]
        elif words[0] == "CAPACITY":
            capacity = float(words[1])
        elif part == "NODE_COORD_SECTION":
            place[int(words[0])] = (float(words[1]), float(words[2]))
        elif part == "DEMAND_SECTION":
            demand[int(words[0])] = float(words[1])
    points = np.array([place[k] for k in sorted(place)])
    apart = points[:, None] - points[None]
    cost = np.floor(np.hypot(apart[..., 0], apart[..., 1]) + 0.5)
    count = len(points) - 1
    load = np.array([demand[k] for k in sorted(demand)])[1:]
    zeros, late = np.zeros(count), np.full(count, DAY)
    case = Case(
        cost, cost, Stops(np.arange(1, count + 1), load, zeros, zeros, late),
        Fleet(np.zeros(1, np.int64), np.array([count]), np.array([capacity]), np.zeros(1), np.array([DAY]),
              np.array([DAY])),
    )  # fmt: skip
    best = next(line.split()[-1] for line in path.with_suffix(".sol").read_text().splitlines() if "Cost" in line)
    return case, int(best)


def tours(folder: Path, seconds: float, python: Path | None, *, every: int) -> Iterator[Row]:
    """Ours, and OR-Tools on the same instance. python: of its environment; None: not beside ours."""
    for path in sorted(folder.glob("X-*.vrp"))[::every]:
        case, best = read(path)
        began = time.process_time()
        plan = search.solve(case, seconds=seconds, seed=1)
        cpu = time.process_time() - began
        assert not plan.left
        check.toured(case, plan.tours, plan.cost)
        yield _row("tours", path.stem, plan.cost, best, cpu, len(plan.tours), seconds)
        if python is not None:
            yield _peer(python, path.stem, case, best, seconds)


def _peer(python: Path, name: str, case: Case, best: int, seconds: float) -> Row:
    load = [0, *case.stops.load.astype(int).tolist()]
    given = {"cost": case.cost.astype(int).tolist(), "load": load, "capacity": int(case.fleet.capacity[0]),
             "seconds": seconds}  # fmt: skip
    done = subprocess.run([python, "-c", PEER], input=json.dumps(given), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    claimed = [Tour(0, tuple(tour), 0.0) for tour in found["tours"]]
    cost = check.toured(case, claimed, sum(search.cost(case, t) for t in claimed))
    return _row("tours by OR-Tools", name, cost, best, found["cpu"], len(claimed), seconds)


def _row(family: str, name: str, cost: float, best: int, cpu: float, count: int, seconds: float) -> Row:
    memory = resource.getrusage(
        resource.RUSAGE_SELF if family == "tours" else resource.RUSAGE_CHILDREN
    ).ru_maxrss / 1024  # fmt: skip
    return {
        "family": family, "instance": name, "cost": cost, "best_published": best,
        "benchmarked_gap_%": round(100 * (cost - best) / best, 3), "tours": count, "seconds": seconds,
        "cpu_s": round(cpu, 2), "peak_mib": round(memory),
    }  # fmt: skip


def streets(folder: Path) -> Iterator[Row]:
    """The streets of a city read, snapped to and driven: every way of the matrix's first row over the raw data."""
    path = folder / "hcm_2018.osm.pbf"
    if not path.exists():
        return
    began, cpu = time.monotonic(), time.process_time()
    extract = extracts.read(path)
    roads = extract.graph()
    took, spent = time.monotonic() - began, time.process_time() - cpu
    one_way = sum(w.forward != w.backward for w in extract.ways)
    yield {"family": "streets", "instance": "read and build the graph", "count": len(roads.tail), "of": "arcs",
           "one_way": one_way, "turn_limits": len(extract.restrictions), "wall_s": round(took, 1),
           "cpu_s": round(spent, 1)}  # fmt: skip
    rows = list(csv.DictReader((folder / "points.csv").read_text("utf-8").splitlines()))
    places = np.array([[float(r["lon"]), float(r["lat"])] for r in rows])
    node = matrix.snap(roads, places).node
    began, cpu = time.monotonic(), time.process_time()
    found = matrix.between(roads, node, node)
    took, spent = time.monotonic() - began, time.process_time() - cpu
    assert np.isfinite(found.cost).all()
    yield {"family": "streets", "instance": "matrix of driving times", "count": found.cost.size, "of": "ways",
           "wall_s": round(took, 2), "cpu_s": round(spent, 2)}  # fmt: skip
    began = time.monotonic()
    for other in node[1:].tolist():
        nodes, _ = matrix.path(roads, int(node[0]), other)
        driving.driven(nodes.tolist(), extract.ways, extract.restrictions)
    yield {"family": "streets", "instance": "ways driven again over the raw data, all allowed", "count": len(node) - 1,
           "of": "ways", "wall_s": round(time.monotonic() - began, 1)}  # fmt: skip


def environment(folder: Path) -> Path:
    """The interpreter of an environment that holds the peers."""
    uv = str(Path(sys.executable).with_name("uv"))
    python = folder / "venv/bin/python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    lock = ROOT / "requirements/peer.lock"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock], check=True)
    return python


def measure(data: Path, seconds: float, *, long: bool, peer: bool = True) -> Iterator[Row]:
    """Rows, family by family."""
    yield from streets(data / "roads")
    every, time_s = (1, MINUTE) if long else (EVERY, seconds)
    if not peer:
        yield from tours(data / "optimisation/cvrp", time_s, None, every=every)
        return
    with tempfile.TemporaryDirectory(prefix="province-peer-") as name:
        yield from tours(data / "optimisation/cvrp", time_s, environment(Path(name)), every=every)


def main() -> None:
    """Measure and print; `bench.planning` writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--long", action="store_true", help="every instance, a minute each")
    parser.add_argument("--no-peer", action="store_true")
    given = parser.parse_args()
    for row in measure(given.data, given.seconds, long=given.long, peer=not given.no_peer):
        print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)


if __name__ == "__main__":
    main()

"""Other programs beside our kernels on the same public instances, in the same run, each in a process of its own.

    python -m bench.planning_peers [--data ../shared/data/optimisation] [--seconds 60]

spopt (with PuLP's CBC) on p-medians, OR-Tools' CP-SAT on set covers, networkx on Steiner trees. OR-Tools and HiGHS
cannot be loaded into one process, so peers live in an environment of their own (`requirements/peer.lock`). Our plans
are checked before they count, theirs are recomputed. Time is processor time of one thread, without imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.peer import environment
from bench.planning import DATA, P_MEDIAN, SET_COVER, read_p_median, read_set_cover, read_steiner, timed
from bench.product import Row, write
from province.compute.network import check as check_network
from province.compute.network import graph, steiner
from province.compute.siting import check, covering, median

MEDIANS = (1, 6, 11, 16, 20)
COVERS = ("scp41", "scp46", "scp410", "scp51", "scp510")
TREES = ("instance001", "instance025", "instance049", "instance097", "instance129", "instance161", "instance193")
SCRIPT = Path(__file__).with_name("peer_solvers.py")


def peer(python: Path, library: str, folder: Path, seconds: float, **arrays: Any) -> dict[str, Any]:
    """What another program makes of an instance."""
    path = folder / "instance.npz"
    np.savez(path, **arrays)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [python, SCRIPT, library, path, str(seconds)], capture_output=True, text=True, timeout=10 * seconds + 120
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1][:200]}
    told: dict[str, Any] = json.loads(done.stdout)
    # A solver that is a program of its own (CBC) counts too.
    told["whole_cpu_s"] = round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)
    return told


def row(family: str, name: str, ours: float, cpu: float, optimum: float | None, other: dict[str, Any]) -> Row:
    """One instance of both."""
    theirs = other.get("objective")
    spent = other.get("whole_cpu_s")
    return {
        "family": family, "instance": name, "optimum": optimum, "ours": ours, "ours_cpu_s": round(cpu, 2),
        "peer": other.get("with", other.get("failed", "")), "theirs": theirs, "theirs_cpu_s": spent,
        "objective_ratio": None if theirs is None else round(theirs / ours, 4),
        "time_ratio": None if theirs is None or spent is None else round(spent / max(cpu, 0.01), 1),
    }  # fmt: skip


def measure(data: Path, python: Path, folder: Path, seconds: float) -> Iterator[Row]:
    """Rows, family by family."""
    median.solve(np.ones((3, 3)), 1)
    steiner.solve(graph.build(3, np.array([0, 1]), np.array([1, 2]), np.ones(2)), np.array([0, 2]))
    for n in MEDIANS:
        distance, p = read_p_median(data / f"p-median/pmed{n}.txt")
        plan, cpu = timed(lambda d=distance, p=p: median.solve(d, p))
        check.median(distance, p, list(plan.open), plan.cost, plan.bound)
        other = peer(python, "spopt", folder, seconds, distance=distance, p=p)
        yield row("p-median", f"pmed{n}", plan.cost, cpu, P_MEDIAN[n - 1], other)
    for name in COVERS:
        table, cost = read_set_cover(data / f"set-cover/{name}.txt")
        cover, cpu = timed(lambda t=table, c=cost: covering.solve(t, c))
        check.covering(table, cost, list(cover.chosen), cover.cost, cover.bound)
        pairs = table.tocoo()
        other = peer(python, "ortools", folder, seconds, row=pairs.row, column=pairs.col, cost=cost)
        yield row("set cover", name, cover.cost, cpu, SET_COVER[name], other)
    for name in TREES:
        of, terminals = read_steiner(data / f"steiner/Track1/{name}.gr")
        tree, cpu = timed(lambda of=of, t=terminals: steiner.solve(of, t))
        edges = list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))
        check_network.joined(edges, terminals.tolist(), tree.edges, tree.cost, tree.bound)
        other = peer(python, "networkx", folder, seconds, tail=of.tail, head=of.head, cost=of.cost, terminals=terminals)
        yield row("Steiner tree", name, tree.cost, cpu, None, other)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments, _ = parser.parse_known_args()
    if not arguments.data.is_dir():
        sys.exit(f"there are no instances in {arguments.data}: give --data.")
    with tempfile.TemporaryDirectory(prefix="province-peers-") as home:
        rows = list(measure(arguments.data, environment(Path(home)), Path(home), arguments.seconds))
    write("planning-peers", rows, settings={"process": "each program alone, one thread"})

"""Other programs on one instance, each call a process of its own.

    python peer_solvers.py LIBRARY INSTANCE.npz SECONDS

It runs in the environment of `requirements/peer.lock` and imports nothing of the product. It prints one JSON object:
the objective as recomputed from the plan, processor seconds without imports and reading, version.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np


def spopt(data: Any, seconds: float) -> tuple[float, str]:
    """p-median as spopt models it, solved by PuLP's CBC."""
    import pulp
    from spopt.locate import PMedian

    distance, p = data["distance"], int(data["p"])
    model = PMedian.from_cost_matrix(distance, np.ones(len(distance)), p_facilities=p)
    model = model.solve(pulp.PULP_CBC_CMD(timeLimit=seconds, msg=False, threads=1))
    opened = [j for j, one in enumerate(model.fac2cli) if one]
    if not opened:
        raise RuntimeError("no plan in time")
    return float(distance[:, opened].min(axis=1).sum()), f"spopt {version('spopt')}, PuLP {version('pulp')}"


def ortools(data: Any, seconds: float) -> tuple[float, str]:
    """Set cover by CP-SAT, one worker."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    cost = data["cost"].astype(int).tolist()
    chosen = [model.new_bool_var(str(j)) for j in range(len(cost))]
    for row in np.unique(data["row"]):
        model.add_bool_or([chosen[j] for j in data["column"][data["row"] == row].tolist()])
    model.minimize(sum(c * v for c, v in zip(cost, chosen, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise RuntimeError("no plan in time")
    taken = {j for j, v in enumerate(chosen) if solver.value(v)}
    assert all(taken & set(data["column"][data["row"] == row].tolist()) for row in np.unique(data["row"]))
    return float(sum(cost[j] for j in taken)), f"OR-Tools {version('ortools')}"


def networkx(data: Any, seconds: float) -> tuple[float, str]:
    """A Steiner tree by networkx's approximation (Mehlhorn). It knows no limit of time."""
    import networkx as nx

    graph = nx.Graph()
    for tail, head, cost in zip(data["tail"].tolist(), data["head"].tolist(), data["cost"].tolist(), strict=True):
        if not graph.has_edge(tail, head) or graph[tail][head]["weight"] > cost:
            graph.add_edge(tail, head, weight=cost)
    tree = nx.algorithms.approximation.steiner_tree(graph, data["terminals"].tolist(), method="mehlhorn")
    assert nx.is_connected(tree)
    assert set(data["terminals"].tolist()) <= set(tree)
    return float(sum(d["weight"] for _, _, d in tree.edges(data=True))), f"networkx {version('networkx')}"


def main(library: str, path: str, seconds: float) -> None:
    """One instance."""
    data = dict(np.load(path))
    solve = {"spopt": spopt, "ortools": ortools, "networkx": networkx}[library]
    began = time.process_time()
    try:
        objective, told = solve(data, seconds)
    except RuntimeError as error:
        print(json.dumps({"failed": str(error), "cpu_s": round(time.process_time() - began, 2)}))
        return
    print(json.dumps({"objective": objective, "with": told, "cpu_s": round(time.process_time() - began, 2)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))

"""Modular capacity on generated networks: cost, gap to our own bound, time, with and without failures.

Places at random in a square; a link to each neighbour (Delaunay), the longer ones left out while two ways remain. A
third of the pairs of places have demand, gravity of two random sizes; links carry a random capacity that is there; two
modules, of 100 and 400, the greater for 2.5 times the price of the smaller, both dearer with the length of the link.
The instance follows from its size and seed.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import numpy as np
from scipy.spatial import Delaunay

from bench.product import Row
from province.compute.network import capacity, check, diversity
from province.compute.network.capacity import Demand, Network

INSTANCES = ((8, 1, False), (8, 1, True), (12, 2, False), (12, 2, True), (20, 3, False), (20, 3, True), (30, 4, False))
"""Nodes, seed, whether any one link may fail."""


def instance(nodes: int, seed: int) -> tuple[Network, Demand]:
    """The network and its demand."""
    random = np.random.default_rng(seed)
    place = random.uniform(0, 100, (nodes, 2))
    pairs = sorted({
        (int(min(s[a], s[b])), int(max(s[a], s[b])))
        for s in Delaunay(place).simplices
        for a, b in ((0, 1), (1, 2), (0, 2))
    })  # fmt: skip
    far = {p: float(np.hypot(*(place[p[0]] - place[p[1]]))) for p in pairs}
    kept = set(pairs)
    for pair in sorted(pairs, key=lambda p: -far[p])[: len(pairs) // 2]:
        left = sorted(kept - {pair})
        of = diversity.net(nodes, [p[0] for p in left], [p[1] for p in left])
        if len(set(diversity.shape(of).part)) == 1:
            kept.discard(pair)
    links = np.array(sorted(kept))
    length = np.array([far[int(a), int(b)] for a, b in links])
    weight = random.gamma(2.0, 1.0, nodes)
    wanted = [(a, b) for a, b in itertools.combinations(range(nodes), 2) if random.random() < 1 / 3]
    amount = np.array([np.round(20.0 * weight[a] * weight[b] + 1.0) for a, b in wanted])
    price = np.outer(np.round(50.0 + length), [1.0, 2.5])
    network = Network(
        nodes, links[:, 0], links[:, 1], 100.0 * random.integers(0, 3, len(links)), np.array([100.0, 400.0]), price,
        np.full(price.shape, 1_000.0), np.full(len(links), np.inf),
    )  # fmt: skip
    return network, Demand(np.array([a for a, _ in wanted]), np.array([b for _, b in wanted]), amount)


def measure(seconds: float = 60.0) -> Iterator[Row]:
    """A row for each instance; every plan is checked by the code that knows nothing of the kernel."""
    for nodes, seed, failing in INSTANCES:
        network, demand = instance(nodes, seed)
        count = len(network.tail)
        failures = [[e] for e in range(count)] if failing else []
        began, cpu = time.monotonic(), time.process_time()
        plan = capacity.solve(network, demand, failures, seconds=seconds)
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        links = list(zip(network.tail.tolist(), network.head.tolist(), strict=True))
        check.carried(
            links, (network.installed + plan.added @ network.size).tolist(),
            list(zip(demand.source.tolist(), demand.sink.tolist(), demand.amount.tolist(), strict=True)), failures,
            [flow.tolist() for flow in plan.flows],
        )  # fmt: skip
        check.modules(plan.added.tolist(), network.price.tolist(), network.most.tolist(), network.size.tolist(),
                      network.room.tolist(), plan.cost, plan.bound)  # fmt: skip
        name = f"{nodes} nodes, {count} links, {len(demand.amount)} demands{', any link may fail' if failing else ''}"
        yield {
            "family": "modular capacity", "instance": name, "objective": plan.cost, "optimum": None,
            "gap_to_optimum_%": None, "gap_to_bound_%": round(100 * plan.gap, 3), "cpu_s": round(cpu, 2),
            "proved": plan.proved, "wall_s": round(took, 1),
        }  # fmt: skip


if __name__ == "__main__":
    for row in measure():
        print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)

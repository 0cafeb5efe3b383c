"""Connected choices of land on generated grids: worth, gap to our own bound, time.

A grid of squares of 1 to 5 ha with worth, cost and gaps drawn at random (smoothed, as land is: good beside good). The
instance follows from its size and seed, so everybody can make it again.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

import numpy as np

from bench.product import Row
from province.compute.siting import adjacent, check_land
from province.compute.siting.adjacent import Asked, Land

INSTANCES = ((8, 1, 1), (10, 1, 2), (10, 2, 3), (15, 1, 4), (20, 1, 5), (20, 3, 6), (30, 2, 7))
"""Side of the grid, pieces, seed."""


def grid(side: int, seed: int) -> Land:
    """Parcels: suitability 0 to 100 smoothed over neighbours, price by location, a tenth of the squares gone."""
    random = np.random.default_rng(seed)
    rough = random.uniform(0, 100, (side + 4, side + 4))
    smooth = sum(rough[a : a + side, b : b + side] for a in range(5) for b in range(5)) / 25.0
    suit = np.clip((smooth - smooth.mean()) / smooth.std() * 20 + 50 + random.normal(0, 8, (side, side)), 0, 100)
    area = random.uniform(1.0, 5.0, (side, side))
    cost = area * (random.uniform(0.7, 1.3, (side, side)) + np.linspace(1.5, 0.5, side)[:, None])
    number = np.where(random.random((side, side)) < 0.1, -1, 0)
    number[number == 0] = np.arange(int((number == 0).sum()))
    there = number >= 0
    pairs = [
        (number[r, c], number[r + dr, c + dc])
        for r in range(side)
        for c in range(side)
        for dr, dc in ((0, 1), (1, 0))
        if r + dr < side and c + dc < side and there[r, c] and there[r + dr, c + dc]
    ]
    ends = np.array(pairs, np.int64)
    return Land((area * suit / 100.0)[there], area[there], cost[there], ends[:, 0], ends[:, 1])


def connected(seconds: float = 20.0) -> Iterator[Row]:
    """A fifth of the money that all land would cost."""
    for side, pieces, seed in INSTANCES:
        land = grid(side, seed)
        asked = Asked(budget=0.2 * float(land.cost.sum()), pieces=pieces, piece=0.05 * float(land.area.sum()))
        began, cpu = time.monotonic(), time.process_time()
        found = adjacent.solve(land, asked, seconds=seconds)
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        checked = check_land.pieces(
            land.worth.tolist(), land.area.tolist(), land.cost.tolist(),
            list(zip(land.tail.tolist(), land.head.tolist(), strict=True)), found.parcels.tolist(), found.worth,
            found.bound, budget=asked.budget, most_pieces=pieces, piece=asked.piece,
        )  # fmt: skip
        yield {
            "family": "connected land", "instance": f"{len(land.worth)} parcels, {pieces} pieces, seed {seed}",
            "objective": round(checked.objective, 3), "optimum": None, "gap_to_optimum_%": None,
            "gap_to_bound_%": round(100 * checked.gap, 3), "cpu_s": round(cpu, 2),
            "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "wall_s": round(took, 1),
            "proved": found.proved,
        }  # fmt: skip


if __name__ == "__main__":
    for row in connected():
        print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)

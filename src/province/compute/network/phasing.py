"""A plan over several years: in which year each of its edges is built, so that demand is joined as early as it can be.

The plan of the last year is given, and with it what is proved of it. Year by year the money of that year, and what was
left of the years before, joins the most demand by edges of the plan, beside what lies there already. The order is a
greedy one: a year gives up nothing for the years after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from province.compute.network import collecting
from province.compute.network.graph import Floats, Integers, build
from province.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Phases:
    """year: (edges,) from 0, of the chosen edges in their order.  gathered: demand joined at the end of each year.

    cost: of each year.
    """

    year: Integers
    gathered: Floats
    cost: Floats


def phases(
    nodes: int, tail: Integers, head: Integers, cost: Floats, roots: Integers, prize: Floats, budget: float,
    years: int, *, seconds: float = 1.0, seed: int = 0,
) -> Phases:  # fmt: skip
    """Give every edge of a plan its year.

    tail, head, cost: of the chosen edges alone; they join what they join to the roots.  prize: (nodes,).  budget: of
    every year, unspent money is kept.  seconds: of the search for one year.  Raises: InvalidInput when all years
    together do not pay for the plan.
    """
    whole = float(cost.sum())
    if years < 1 or whole > budget * years * (1 + 1e-9):
        raise InvalidInput(f"{years} years of {budget:,.0f} do not pay for {whole:,.0f}.", field="years")
    year = np.full(len(tail), years - 1, np.int64)
    done = np.zeros(len(tail), np.bool_)
    gathered, paid = np.zeros(years), np.zeros(years)
    for y in range(years):
        left = budget * (y + 1) - float(cost[done].sum())
        if y == years - 1:
            fresh = ~done
        else:
            graph = build(nodes, tail, head, np.where(done, 0.0, cost))
            found = collecting.solve(graph, roots, prize, max(left, 0.0), seconds=seconds, seed=seed)
            fresh = np.zeros(len(tail), np.bool_)
            fresh[found.edges] = True
            fresh &= ~done
        year[fresh] = y
        paid[y] = float(cost[fresh].sum())
        done |= fresh
        gathered[y] = float(prize[joined(nodes, tail[done], head[done], roots)].sum())
    return Phases(year, gathered, paid)


def joined(nodes: int, tail: Integers, head: Integers, roots: Integers) -> Integers:
    """The nodes that some edges join to a root, the roots among them, ascending."""
    around: dict[int, list[int]] = {}
    for t, h in zip(tail.tolist(), head.tolist(), strict=True):
        around.setdefault(t, []).append(h)
        around.setdefault(h, []).append(t)
    seen = {int(r) for r in roots}
    stack = list(seen)
    while stack:
        for other in around.get(stack.pop(), ()):
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return np.array(sorted(seen), np.int64)

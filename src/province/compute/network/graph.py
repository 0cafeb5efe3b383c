"""An undirected graph with costs, as arrays: neighbours of a node are one slice."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Graph:
    """tail, head: (edges,) nodes.  cost: (edges,) ≥ 0.  start: (nodes + 1,); neighbour, edge: (2 · edges,)."""

    nodes: int
    tail: Integers
    head: Integers
    cost: Floats
    start: Integers
    neighbour: Integers
    edge: Integers


def build(nodes: int, tail: Integers, head: Integers, cost: Floats) -> Graph:
    """Index the edges by node. Loops are dropped by nobody: they are an error, as are unknown nodes.

    Raises: InvalidInput naming the first wrong edge.
    """
    tail, head = np.ascontiguousarray(tail, np.int64), np.ascontiguousarray(head, np.int64)
    cost = np.ascontiguousarray(cost, np.float64)
    if not len(tail) == len(head) == len(cost):
        raise InvalidInput(f"{len(tail)} tails, {len(head)} heads and {len(cost)} costs.", field="edges")
    wrong = np.flatnonzero(
        (np.minimum(tail, head) < 0) | (np.maximum(tail, head) >= nodes) | (tail == head)
        | ~np.isfinite(cost) | (cost < 0)
    )  # fmt: skip
    if len(wrong):
        e = wrong[0]
        raise InvalidInput(
            f"edge {e} joins {tail[e]} and {head[e]} at a cost of {cost[e]:g}; there are {nodes} nodes.",
            field="edges", remedy="Join two different nodes, counted from 0, at a finite cost ≥ 0.",
        )  # fmt: skip
    ends = np.concatenate([tail, head])
    order = np.argsort(ends, kind="stable")
    start = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(ends, minlength=nodes), out=start[1:])
    edges = len(tail)
    return Graph(nodes, tail, head, cost, start, np.concatenate([head, tail])[order], order % max(edges, 1))


@numba.njit(cache=True)
def neighbourhood(start, neighbour, wanted, first, count, avoided):
    """(nodes,) so many of those wanted, the nearest to the first in steps. avoided: no way leads there; −1: none."""
    nodes = len(start) - 1
    found, seen = np.zeros(nodes, np.bool_), np.zeros(nodes, np.bool_)
    seen[first] = True
    if avoided >= 0:
        seen[avoided] = True
    queue = [first]
    at = 0
    while at < len(queue) and count > 0:
        v = queue[at]
        at += 1
        if wanted[v]:
            found[v] = True
            count -= 1
        for k in range(start[v], start[v + 1]):
            if not seen[neighbour[k]]:
                seen[neighbour[k]] = True
                queue.append(neighbour[k])
    return found

"""What must stay joined, whether a plan keeps it so, and plans that lose what they can spare: local search.

A plan is mended by taking all edges and letting the dear ones go first that it does not need; it is improved by putting
in one edge and taking away what that one spares.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numba
import numpy as np
import numpy.typing as npt

from province.compute.network.graph import Graph, Integers

Bools = npt.NDArray[np.bool_]


class Task:
    """What must stay joined. need: (nodes,) 0, 1 or 2 ways.  members: of the groups, one after another; first: where
    each begins."""

    def __init__(self, graph: Graph, need: Integers, groups: Sequence[Iterable[int]]) -> None:
        self.graph = graph
        self.need = need
        sets = [np.unique(np.fromiter(g, np.int64)) for g in groups]
        self.groups = [g for g in sets if len(g) > 1]
        self.members = np.concatenate([*self.groups, np.zeros(0, np.int64)]).astype(np.int64)
        self.first = np.concatenate([[0], np.cumsum([len(g) for g in self.groups])]).astype(np.int64)
        wanted = np.flatnonzero(need > 0)
        self.order = wanted[np.argsort(-need[wanted], kind="stable")]
        """Terminals, those that need two ways first."""

    def thin(self, kept: Bools, order: Integers) -> Bools:
        """Take edges of a plan away in this order while it holds."""
        one = self.graph
        found: Bools = _thin(
            one.start, one.neighbour, one.edge, one.tail, one.head, kept, order, self.need, self.first, self.members
        )
        return found

    def holds(self, kept: Bools) -> bool:
        """Whether a plan keeps everything joined."""
        one = self.graph
        return bool(_survives(
            one.start, one.neighbour, one.edge, one.tail, one.head, kept, self.need, self.first, self.members
        ))  # fmt: skip

    def mend(self, chosen: Bools) -> Bools:
        """The edges of a plan that breaks something, and the cheapest others that it then takes."""
        return self.thin(np.ones(len(chosen), np.bool_), np.lexsort((-self.graph.cost, chosen)))

    def improve(self, plan: Bools, useful: Bools, end: float) -> Bools:
        """Put in one edge, take away what it spares; again until nothing is saved."""
        cost = self.graph.cost
        best, found = float(cost[plan].sum()), plan
        stuck = False
        while not stuck:
            stuck = True
            for e in np.flatnonzero(useful & ~found).tolist():
                if time.monotonic() > end:
                    return found
                more = found.copy()
                more[e] = True
                used = np.flatnonzero(found)
                other = self.thin(more, used[np.argsort(-cost[used], kind="stable")])
                total = float(cost[other].sum())
                if total < best - 1e-9:
                    best, found, stuck = total, other, False
        return found


@numba.njit(cache=True)
def parts_of(tail, head, kept, nodes):
    """(nodes,) a name for the part that each node is in."""
    above = np.arange(nodes)
    for e in range(len(tail)):
        if kept[e]:
            a, b = tail[e], head[e]
            while above[a] != a:
                above[a] = above[above[a]]
                a = above[a]
            while above[b] != b:
                above[b] = above[above[b]]
                b = above[b]
            above[a] = b
    for v in range(nodes):
        a = v
        while above[a] != a:
            a = above[a]
        above[v] = a
    return above


@numba.njit(cache=True)
def _thin(start, neighbour, edge, tail, head, plan, order, need, first, members):
    """Take edges away in this order while every terminal keeps the ways that it needs."""
    kept = plan.copy()
    for e in order:
        if kept[e]:
            kept[e] = False
            if not _survives(start, neighbour, edge, tail, head, kept, need, first, members):
                kept[e] = True
    return kept


@numba.njit(cache=True)
def _survives(start, neighbour, edge, tail, head, kept, need, first, members):
    """Whether all terminals are joined, and those that need two ways are parted by no bridge (depth first, Tarjan
    1974) and by no group."""
    nodes = len(start) - 1
    root, total, doubles = -1, 0, 0
    for v in range(nodes):
        if need[v] > 0:
            total += 1
            if need[v] > 1:
                doubles += 1
            if root < 0 or need[v] > need[root]:
                root = v
    entry = np.full(nodes, -1)
    low = np.zeros(nodes, np.int64)
    by = np.full(nodes, -1)
    back = np.full(nodes, -1)
    at = start[:-1].copy()
    beyond = np.zeros(nodes, np.int64)
    joined = 0
    stack = np.empty(nodes, np.int64)
    stack[0], top, clock = root, 1, 1
    entry[root] = 0
    while top > 0:
        v = stack[top - 1]
        if at[v] < start[v + 1]:
            k = at[v]
            at[v] += 1
            e, u = edge[k], neighbour[k]
            if not kept[e] or e == by[v]:
                continue
            if entry[u] < 0:
                entry[u] = low[u] = clock
                clock += 1
                by[u], back[u] = e, v
                stack[top] = u
                top += 1
            else:
                low[v] = min(low[v], entry[u])
        else:
            top -= 1
            joined += 1 if need[v] > 0 else 0
            beyond[v] += 1 if need[v] > 1 else 0
            if back[v] >= 0:
                low[back[v]] = min(low[back[v]], low[v])
                beyond[back[v]] += beyond[v]
                if low[v] > entry[back[v]] and beyond[v] > 0 and beyond[v] < doubles:
                    return False
    if joined < total:
        return False
    for g in range(len(first) - 1):
        left = kept.copy()
        touched = False
        for i in range(first[g], first[g + 1]):
            touched = touched or left[members[i]]
            left[members[i]] = False
        if touched and not _together(tail, head, left, need, nodes):
            return False
    return True


@numba.njit(cache=True)
def _together(tail, head, kept, need, nodes):
    """Whether all terminals that need two ways are in one part."""
    labels = parts_of(tail, head, kept, nodes)
    mark = -1
    for v in range(nodes):
        if need[v] > 1:
            if mark >= 0 and labels[v] != mark:
                return False
            mark = labels[v]
    return True

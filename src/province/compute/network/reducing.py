"""What a Steiner tree can do without, taken out of its graph: a smaller task of the same least cost.

Ends that are no terminals go, ends that are terminals take their edge with them, ways through nodes with two edges
become one edge, of parallel edges the cheapest stays (`fold`). An edge goes when other ways join its ends whose every
piece between terminals is no longer than it (`spare`): in a tree such a piece replaces it (special distance; C. Duin,
A. Volgenant, Networks 19, 1989). An edge goes when a bound shows that every tree with it costs more than a known one
(`within`; T. Polzin, S. Vahdati Daneshmand, Discrete Applied Mathematics 112, 2001).

Costs are added in another order than in the whole graph: they are right to rounding.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from province.compute.network.graph import Floats, Graph, Integers, build

Bools = npt.NDArray[np.bool_]
_STEPS: Final = 300
"""So many nodes are looked at for other ways around one edge."""


@dataclass(frozen=True, slots=True)
class Core:
    """What is left of a task.

    graph: the task.  terminal: (nodes,) what is kept as a node.  must: (nodes,) those of them that every tree joins.
    node: (nodes,) of the whole graph.  fixed: edges of the whole graph that are taken already.
    first, member: edge e of the task stands for the edges member[first[e]:first[e + 1]] of the whole graph.
    """

    graph: Graph
    terminal: Bools
    must: Bools
    node: Integers
    fixed: Integers
    first: Integers
    member: Integers

    @property
    def done(self) -> bool:
        """Whether nothing is left to join."""
        return int(self.terminal.sum()) < 2

    def whole(self, edges: Integers) -> Integers:
        """Edges of the whole graph that these and the fixed ones stand for."""
        return np.concatenate([self.fixed, _members(self.first, self.member, edges)])


def begin(graph: Graph, terminal: Bools, must: Bools | None = None) -> Core:
    """A task as it is given. must: terminals that every tree joins; None: all of them."""
    edges = np.arange(len(graph.cost) + 1)
    must = terminal if must is None else must
    return Core(graph, terminal.copy(), must.copy(), np.arange(graph.nodes), np.zeros(0, np.int64), edges, edges[:-1])


def fold(core: Core, kept: Bools) -> Core:
    """Leave out the edges not kept, then ends, ways through and parallel edges. All terminals are still joined."""
    while True:
        one, terminal, must, kept = core.graph, core.terminal.copy(), core.must.copy(), kept.copy()
        chosen = np.zeros(len(kept), np.bool_)
        _connected(one.start, one.neighbour, one.edge, kept, must)
        _peel(one.start, one.neighbour, one.edge, kept, terminal, must, chosen)
        fixed = core.whole(np.flatnonzero(chosen))
        tail, head, first, member = _chains(one.start, one.neighbour, one.edge, kept, terminal)
        cost = np.add.reduceat(one.cost[member], first[:-1]) if len(tail) else np.zeros(0)
        low, high = np.minimum(tail, head), np.maximum(tail, head)
        order = np.lexsort((cost, high, low))
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
        order = np.sort(order[fresh])
        used = terminal.copy()
        used[tail[order]] = True
        used[head[order]] = True
        name = np.cumsum(used) - 1
        parts = _lengths(first, order)
        inner = _members(first, member, order)
        after = build(int(used.sum()), name[tail[order]], name[head[order]], cost[order])
        sizes = _lengths(core.first, inner)
        bounds = np.concatenate([[0], np.cumsum(parts)])
        ends = np.concatenate([[0], np.cumsum(sizes)])[bounds]
        members = _members(core.first, core.member, inner)
        found = Core(after, terminal[used], must[used], core.node[used], fixed, ends, members)
        if len(after.cost) == len(one.cost):
            return found
        core, kept = found, np.ones(len(after.cost), np.bool_)


def joins(core: Core, kept: Bools) -> bool:
    """Whether the edges kept join all terminals."""
    one = core.graph
    return bool(_connected(one.start, one.neighbour, one.edge, kept.copy(), core.must))


def spare(core: Core) -> Core:
    """Leave out the edges that other ways replace, the dearest first."""
    one = core.graph
    kept = np.ones(len(one.cost), np.bool_)
    order = np.argsort(-one.cost, kind="stable")
    _spare(one.start, one.neighbour, one.edge, one.cost, one.tail, one.head, core.must, kept, order, _STEPS)
    return fold(core, kept)


def within(one: Graph, terminal: Bools, bound: float, left: Floats, root: int, most: float) -> Bools:
    """(2, edges) which arcs a tree that costs at most `most` may use.

    bound, left: what every tree costs at least, and what each arc (as in `ascending`) adds to it beyond that.
    """
    there = _away(one.start, one.neighbour, one.edge, left, terminal, root, outward=True)
    back = _away(one.start, one.neighbour, one.edge, left, terminal, root, outward=False)
    low, high = np.minimum(one.tail, one.head), np.maximum(one.tail, one.head)
    with_it = np.stack([there[low] + left[0] + back[high], there[high] + left[1] + back[low]])
    allowed: Bools = bound + with_it <= most
    return allowed


def _lengths(first: Integers, which: Integers) -> Integers:
    lengths: Integers = first[which + 1] - first[which]
    return lengths


def _members(first: Integers, member: Integers, which: Integers) -> Integers:
    lengths = _lengths(first, which)
    before = np.cumsum(lengths) - lengths
    at = np.arange(lengths.sum()) - np.repeat(before, lengths) + np.repeat(first[which], lengths)
    found: Integers = member[at]
    return found


@numba.njit(cache=True)
def _connected(start, neighbour, edge, kept, terminal):
    """Leave out what no terminal is joined to. Returns: whether all terminals are joined."""
    nodes = len(start) - 1
    seen = np.zeros(nodes, np.bool_)
    stack = [0]
    stack.pop()
    for v in range(nodes):
        if terminal[v]:
            seen[v] = True
            stack.append(v)
            break
    while len(stack) > 0:
        v = stack.pop()
        for k in range(start[v], start[v + 1]):
            if kept[edge[k]] and not seen[neighbour[k]]:
                seen[neighbour[k]] = True
                stack.append(neighbour[k])
    whole = True
    for v in range(nodes):
        if not seen[v]:
            whole = whole and not terminal[v]
            for k in range(start[v], start[v + 1]):
                kept[edge[k]] = False
    return whole


@numba.njit(cache=True)
def _peel(start, neighbour, edge, kept, terminal, must, chosen):
    """Take ends away; the edge of a terminal that must be joined is chosen, and the terminal moves to its other end."""
    nodes = len(start) - 1
    degree = np.zeros(nodes, np.int64)
    wanted = must.sum()
    queue = [0]
    queue.pop()
    for v in range(nodes):
        for k in range(start[v], start[v + 1]):
            degree[v] += kept[edge[k]]
        if degree[v] == 1:
            queue.append(v)
    while len(queue) > 0:
        v = queue.pop()
        if degree[v] != 1 or (terminal[v] and (wanted == 1 or not must[v])):
            continue
        for k in range(start[v], start[v + 1]):
            e, u = edge[k], neighbour[k]
            if kept[e]:
                kept[e] = False
                degree[v] -= 1
                degree[u] -= 1
                if terminal[v]:
                    chosen[e] = True
                    terminal[v] = must[v] = False
                    wanted -= must[u]
                    terminal[u] = must[u] = True
                if degree[u] == 1:
                    queue.append(u)
    if terminal.sum() == 1:
        kept[:] = False


@numba.njit(cache=True)
def _chains(start, neighbour, edge, kept, terminal):
    """Ways between nodes that are terminals or have other than two edges: ends, and the edges of each."""
    nodes, edges = len(start) - 1, len(kept)
    through = np.zeros(nodes, np.bool_)
    for v in range(nodes):
        degree = 0
        for k in range(start[v], start[v + 1]):
            degree += kept[edge[k]]
        through[v] = degree == 2 and not terminal[v]
    tail, head = np.empty(edges, np.int64), np.empty(edges, np.int64)
    first, member = np.zeros(edges + 1, np.int64), np.empty(edges, np.int64)
    used = np.zeros(edges, np.bool_)
    found, size = 0, 0
    for v in range(nodes):
        if through[v]:
            continue
        for q in range(start[v], start[v + 1]):
            if not kept[edge[q]] or used[edge[q]]:
                continue
            last, u = edge[q], neighbour[q]
            used[last] = True
            member[size] = last
            size += 1
            while through[u]:
                for k in range(start[u], start[u + 1]):
                    if kept[edge[k]] and edge[k] != last:
                        last, u = edge[k], neighbour[k]
                        break
                used[last] = True
                member[size] = last
                size += 1
            if u == v:
                size = first[found]
            else:
                tail[found], head[found] = v, u
                found += 1
                first[found] = size
    return tail[:found].copy(), head[:found].copy(), first[: found + 1].copy(), member[:size].copy()


@numba.njit(cache=True)
def _spare(start, neighbour, edge, cost, tail, head, terminal, kept, order, most):
    """Clear edges whose ends are joined otherwise by pieces between terminals that are no longer."""
    far = np.full(len(start) - 1, np.inf)
    for e in order:
        limit, goal = cost[e], head[e]
        far[tail[e]] = 0.0
        touched = [tail[e]]
        heap = [(0.0, tail[e])]
        steps = 0
        while len(heap) > 0 and steps < most:
            d, v = heapq.heappop(heap)
            if d > far[v]:
                continue
            if v == goal:
                kept[e] = False
                break
            if terminal[v]:
                d = 0.0
                far[v] = 0.0
            steps += 1
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                if edge[k] == e or not kept[edge[k]]:
                    continue
                now = d + cost[edge[k]]
                if now <= limit and now < far[u]:
                    if far[u] == np.inf:
                        touched.append(u)
                    far[u] = now
                    heapq.heappush(heap, (now, u))
        for v in touched:
            far[v] = np.inf


@numba.njit(cache=True)
def _away(start, neighbour, edge, left, terminal, root, outward):
    """How far each node is from the root (outward), or from it to the nearest terminal, along arcs."""
    nodes = len(start) - 1
    far = np.full(nodes, np.inf)
    heap = [(0.0, root)]
    if outward:
        far[root] = 0.0
    else:
        heap.pop()
        for t in range(nodes):
            if terminal[t] and t != root:
                far[t] = 0.0
                heap.append((0.0, t))
    while len(heap) > 0:
        d, v = heapq.heappop(heap)
        if d > far[v]:
            continue
        for k in range(start[v], start[v + 1]):
            u = neighbour[k]
            way = 0 if (v < u) == outward else 1
            now = d + left[way, edge[k]]
            if now < far[u]:
                far[u] = now
                heapq.heappush(heap, (now, u))
    return far

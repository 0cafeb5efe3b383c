"""The Steiner tree: terminals of a graph joined at the least cost.

Few terminals are joined exactly, by dynamic programming over their subsets (Dreyfus and Wagner 1971).

Lower bound: dual ascent (Wong 1984) from several roots; arcs that it leaves cheap guide the search. Upper bound: the
shortest-path heuristic (Takahashi and Matsuyama 1980) on true, perturbed and reduced costs, each tree made a minimum
spanning tree of its nodes without useless leaves, then nodes put in and key nodes taken out while that helps; the trees
that were found are joined into a small graph in which the search is repeated.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from province.compute.claim import Certified
from province.compute.network.graph import Graph, Integers
from province.errors import InvalidInput

Bools = npt.NDArray[np.bool_]
_CELLS: Final = 20_000_000
_STEPS: Final = 2_000_000_000
"""Up to this size the exact method takes a few seconds and 250 MB."""


@dataclass(frozen=True, slots=True)
class Tree(Certified):
    """edges: places in the graph, ascending.  cost: their sum.  bound: no tree costs less."""

    edges: Integers
    cost: float
    bound: float


def solve(graph: Graph, terminals: Integers, *, rounds: int = 600, seconds: float = 10.0, seed: int = 0) -> Tree:
    """Join the terminals.

    rounds: of the search, at most, within `seconds` of wall time; a plan that ended by its rounds can be repeated.
    Raises: InvalidInput naming a terminal that cannot be reached.
    """
    wanted = np.unique(np.asarray(terminals, np.int64))
    if not len(wanted) or wanted[0] < 0 or wanted[-1] >= graph.nodes:
        raise InvalidInput(f"{len(wanted)} terminals of {graph.nodes} nodes.", field="terminals")
    if len(wanted) == 1:
        return Tree(np.zeros(0, np.int64), 0.0, 0.0)
    end = time.monotonic() + seconds
    parts = (graph.start, graph.neighbour, graph.edge, graph.cost)
    ends = (graph.tail, graph.head)
    is_terminal = np.zeros(graph.nodes, np.bool_)
    is_terminal[wanted] = True
    inside = paths(*parts, graph.cost, is_terminal, int(wanted[0]))
    if not inside[wanted].all():
        lost = wanted[~inside[wanted]]
        raise InvalidInput(
            f"{len(lost)} of {len(wanted)} terminals cannot be reached from terminal {wanted[0]}, such as {lost[0]}.",
            field="terminals", remedy="Join the parts of the network, or plan each part by itself.",
        )  # fmt: skip
    few = len(wanted) - 1
    if 2**few * graph.nodes <= _CELLS and 3**few * graph.nodes <= _STEPS:
        exact = _exact(*parts, *ends, wanted)
        total = float(graph.cost[exact].sum())
        return Tree(exact, total, total)
    random = np.random.default_rng(seed)
    seen: dict[bytes, tuple[float, Integers]] = {}
    best: tuple[float, Integers] = (np.inf, np.zeros(0, np.int64))

    def take(nodes: Bools) -> None:
        nonlocal best
        cost, edges = improve(*parts, *ends, is_terminal, nodes)
        seen[edges.tobytes()] = (cost, edges)
        if len(seen) > 24:
            del seen[max(seen, key=lambda key: seen[key][0])]
        if cost < best[0] - 1e-9:
            best = (cost, edges)

    take(inside)
    bound = 0.0
    pure = bool((graph.cost == np.floor(graph.cost)).all())
    roots = random.permutation(wanted)
    for n in range(rounds):
        if n and time.monotonic() > end:
            break
        root = int(roots[n % len(roots)])
        if n < 12:
            reduced = np.stack([graph.cost, graph.cost])
            value = ascent(*parts[:3], reduced, is_terminal, root, 2**62)
            bound = max(bound, value)
            # Inside what dual ascent left for nothing a tree is nearly optimal; a little of the cost breaks ties.
            take(paths(*parts, np.minimum(reduced[0], reduced[1]) + 1e-3 * graph.cost, is_terminal, root))
        if pure and best[0] <= np.ceil(bound - 1e-6) + 1e-9:
            break
        noise = graph.cost * random.uniform(1.0, 1.0 + random.choice([0.15, 0.4, 1.0]), len(graph.cost))
        take(paths(*parts, noise, is_terminal, root))
        take(paths(*parts, graph.cost, is_terminal, root))
        if n % 3 == 2 and len(seen) > 2:
            pool = list(seen.values())
            union = graph.cost * 1000.0
            for k in random.choice(len(pool), min(len(pool), int(random.integers(2, 7))), replace=False):
                chosen = pool[int(k)][1]
                union[chosen] = graph.cost[chosen] * random.uniform(1.0, 1.2, len(chosen))
            take(paths(*parts, union, is_terminal, root))
    if pure:
        bound = float(np.ceil(bound - 1e-6))
    return Tree(np.sort(best[1]), float(graph.cost[best[1]].sum()), min(bound, best[0]))


@numba.njit(cache=True)
def paths(start, neighbour, edge, cost, use, is_terminal, root):
    """Nodes of the tree that grows from the root along shortest paths, by the costs `use`, to the next terminal."""
    nodes = len(start) - 1
    far = np.full(nodes, np.inf)
    back = np.full(nodes, -1)
    inside = np.zeros(nodes, np.bool_)
    inside[root] = True
    far[root] = 0.0
    heap = [(0.0, root)]
    while len(heap) > 0:
        d, v = heapq.heappop(heap)
        if d > far[v]:
            continue
        if is_terminal[v] and not inside[v]:
            node = v
            while not inside[node]:
                inside[node] = True
                far[node] = 0.0
                heapq.heappush(heap, (0.0, node))
                node = back[node]
            continue
        for k in range(start[v], start[v + 1]):
            u = neighbour[k]
            now = d + use[edge[k]]
            if now < far[u]:
                far[u] = now
                back[u] = v
                heapq.heappush(heap, (now, u))
    return inside


@numba.njit(cache=True)
def _exact(start, neighbour, edge, cost, tail, head, terminals):
    """Edges of a least tree. best[set, v]: the least tree that joins a set of terminals and v."""
    nodes, few = len(start) - 1, len(terminals) - 1
    sets = 1 << few
    best = np.full((sets, nodes), np.inf)
    how = np.zeros((sets, nodes), np.int32)  # > 0: two trees meet here, one of this set; < 0: comes along this edge
    for t in range(few):
        best[1 << t, terminals[t]] = 0.0
    for mask in range(1, sets):
        low = mask & -mask
        rest = mask ^ low
        part = rest
        while part > 0:  # the half that does not hold the lowest terminal
            other = mask ^ part
            for v in range(nodes):
                together = best[part, v] + best[other, v]
                if together < best[mask, v]:
                    best[mask, v] = together
                    how[mask, v] = part
            part = (part - 1) & rest
        heap = [(0.0, 0)]
        heap.pop()
        for v in range(nodes):
            if best[mask, v] < np.inf:
                heap.append((best[mask, v], v))  # noqa: PERF401 - compiled, where a comprehension is slower
        heapq.heapify(heap)
        while len(heap) > 0:
            d, v = heapq.heappop(heap)
            if d > best[mask, v]:
                continue
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                now = d + cost[edge[k]]
                if now < best[mask, u]:
                    best[mask, u] = now
                    how[mask, u] = -(edge[k] + 1)
                    heapq.heappush(heap, (now, u))
    used = np.zeros(len(cost), np.bool_)
    stack = [(sets - 1, terminals[few])]
    while len(stack) > 0:
        mask, v = stack.pop()
        step = how[mask, v]
        if step < 0:
            e = -step - 1
            used[e] = True
            stack.append((mask, tail[e] + head[e] - v))
        elif step > 0:
            stack.append((int(step), v))
            stack.append((mask ^ int(step), v))
    return np.flatnonzero(used)


@numba.njit(cache=True)
def spanning(start, neighbour, edge, cost, is_terminal, inside, root, back, back_edge):
    """Minimum spanning tree of the nodes inside, without useless leaves. Returns its cost; inf when not connected.

    back, back_edge: written: the parent of each node of the tree.  inside: leaves that were dropped are cleared.
    """
    nodes = len(start) - 1
    key = np.full(nodes, np.inf)
    done = np.zeros(nodes, np.bool_)
    degree = np.zeros(nodes, np.int64)
    back[:] = -1
    back_edge[:] = -1
    key[root] = 0.0
    heap = [(0.0, root)]
    order = [root]
    order.pop()
    total = 0.0
    while len(heap) > 0:
        d, v = heapq.heappop(heap)
        if done[v]:
            continue
        done[v] = True
        order.append(v)
        total += d
        if back[v] >= 0:
            degree[v] += 1
            degree[back[v]] += 1
        for k in range(start[v], start[v + 1]):
            u = neighbour[k]
            if inside[u] and not done[u] and cost[edge[k]] < key[u]:
                key[u] = cost[edge[k]]
                back[u] = v
                back_edge[u] = edge[k]
                heapq.heappush(heap, (key[u], u))
    for v in range(nodes):
        if is_terminal[v] and not done[v]:
            return np.inf
    for n in range(len(order) - 1, 0, -1):
        v = order[n]
        if degree[v] == 1 and not is_terminal[v]:
            inside[v] = False
            total -= cost[back_edge[v]]
            degree[back[v]] -= 1
            degree[v] = 0
            back[v] = -1
            back_edge[v] = -1
    for v in range(nodes):
        if inside[v] and not done[v]:
            inside[v] = False
    return total


@numba.njit(cache=True)
def improve(start, neighbour, edge, cost, tail, head, is_terminal, inside):
    """Put nodes in and take key nodes out while the spanning tree gets cheaper. Returns its cost and its edges."""
    nodes = len(start) - 1
    root = 0
    while not is_terminal[root]:
        root += 1
    back, back_edge = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    inside = inside.copy()
    total = spanning(start, neighbour, edge, cost, is_terminal, inside, root, back, back_edge)
    trial = inside.copy()
    b, be = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    size = 0
    for v in range(nodes):
        size += inside[v]
    budget = 40_000_000 // max(1, size * 4)  # so many spanning trees are worth their time
    better = True
    while better and budget > 0:
        better = False
        for v in range(nodes):
            if budget <= 0:
                break
            if inside[v]:
                if is_terminal[v]:
                    continue
                branches = 0
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if inside[u] and (back_edge[u] == edge[k] or back_edge[v] == edge[k]):
                        branches += 1
                if branches < 3:
                    continue
                trial[:] = inside
                found = _without(start, neighbour, edge, cost, is_terminal, trial, root, v, back, back_edge)
                if not found:
                    continue
            else:
                touching = 0
                for k in range(start[v], start[v + 1]):
                    if inside[neighbour[k]]:
                        touching += 1
                if touching < 3:
                    continue
                trial[:] = inside
                trial[v] = True
            budget -= 1
            now = spanning(start, neighbour, edge, cost, is_terminal, trial, root, b, be)
            if now < total - 1e-9:
                total = now
                inside[:] = trial
                back[:] = b
                back_edge[:] = be
                better = True
    n = 0
    for v in range(nodes):
        if back_edge[v] >= 0 and inside[v]:
            n += 1
    edges = np.empty(n, np.int64)
    n = 0
    for v in range(nodes):
        if back_edge[v] >= 0 and inside[v]:
            edges[n] = back_edge[v]
            n += 1
    edges.sort()
    return total, edges


@numba.njit(cache=True)
def _without(start, neighbour, edge, cost, is_terminal, trial, root, gone, back, back_edge):
    """Take a key node and its key paths away and join the parts again by shortest paths around it."""
    nodes = len(start) - 1
    degree = np.zeros(nodes, np.int64)
    for v in range(nodes):
        if trial[v] and back[v] >= 0:
            degree[v] += 1
            degree[back[v]] += 1
    trial[gone] = False
    for k in range(start[gone], start[gone + 1]):
        u = neighbour[k]
        if not trial[u] or not (back_edge[u] == edge[k] or back_edge[gone] == edge[k]):
            continue
        last, node = gone, u
        while not is_terminal[node] and degree[node] == 2:
            trial[node] = False
            following = -1
            for q in range(start[node], start[node + 1]):
                w = neighbour[q]
                if w != last and w != gone and trial[w] and (back_edge[w] == edge[q] or back_edge[node] == edge[q]):
                    following = w
            if following < 0:
                break
            last, node = node, following
    part = np.full(nodes, -1)
    while True:
        part[:] = -1
        parts = 0
        for s in range(nodes):
            if not trial[s] or part[s] >= 0:
                continue
            part[s] = parts
            stack = [s]
            while len(stack) > 0:
                v = stack.pop()
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if trial[u] and part[u] < 0:
                        part[u] = parts
                        stack.append(u)
            parts += 1
        if parts == 1:
            return True
        far = np.full(nodes, np.inf)
        via = np.full(nodes, -1)
        heap = [(0.0, root)]
        heap.pop()
        for v in range(nodes):
            if trial[v] and part[v] == 0:
                far[v] = 0.0
                heapq.heappush(heap, (0.0, v))
        goal = -1
        while len(heap) > 0:
            d, v = heapq.heappop(heap)
            if d > far[v]:
                continue
            if part[v] > 0:
                goal = v
                break
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                if u == gone:
                    continue
                now = d + cost[edge[k]]
                if now < far[u]:
                    far[u] = now
                    via[u] = v
                    heapq.heappush(heap, (now, u))
        if goal < 0:
            return False
        node = goal
        while node >= 0:
            trial[node] = True
            node = via[node]


@numba.njit(cache=True)
def ascent(start, neighbour, edge, left, is_terminal, root, work):
    """Dual ascent. Returns the bound; left: (2, edges) costs of the arcs, which become the reduced costs.

    The arc u → v over edge e is left[0, e] when u < v, else left[1, e]; infinite: there is none.
    work: looks at so many arcs at most; a bound that stopped early is a bound.
    Terminals raise the prices of the arcs that enter the set which reaches them for nothing, the smallest set first.
    """
    nodes = len(start) - 1
    value = 0.0
    reached = np.full(nodes, -1)
    stamp = 0
    heap = [(0, root)]
    heap.pop()
    for t in range(nodes):
        if is_terminal[t] and t != root:
            heapq.heappush(heap, (start[t + 1] - start[t], t))
    stack = np.empty(nodes, np.int64)
    active = is_terminal.copy()
    active[root] = False
    while len(heap) > 0:
        size, t = heapq.heappop(heap)
        if not active[t]:
            continue
        while True:
            if work < 0:
                return value
            stamp += 1
            top = 1
            stack[0] = t
            reached[t] = stamp
            ended = False
            least, arcs = np.inf, 0
            n = 0
            while n < top and not ended:
                v = stack[n]
                n += 1
                work -= start[v + 1] - start[v]
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if reached[u] == stamp:
                        continue
                    if left[0 if u < v else 1, edge[k]] <= 1e-12:
                        if u == root or active[u]:
                            ended = True
                            break
                        reached[u] = stamp
                        stack[top] = u
                        top += 1
            if ended:
                active[t] = False
                break
            for n in range(top):
                v = stack[n]
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if reached[u] != stamp:
                        arcs += 1
                        c = left[0 if u < v else 1, edge[k]]
                        least = min(least, c)
            if least == np.inf:
                active[t] = False
                break
            if len(heap) > 0 and arcs > heap[0][0] * 1.25 + 2 and arcs > size:
                heapq.heappush(heap, (arcs, t))
                break
            value += least
            for n in range(top):
                v = stack[n]
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if reached[u] != stamp:
                        left[0 if u < v else 1, edge[k]] -= least
            size = arcs
    return value

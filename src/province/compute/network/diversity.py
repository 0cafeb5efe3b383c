"""What one failure cuts off: bridges, articulation points, shared trenches, and two ways that share nothing.

A network may have several edges between two nodes, and loops. Anchors are nodes from which everything comes: whoever
reaches none of them is cut off. A group is a set of edges that fail together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from province.errors import InvalidInput

What = Literal["edge", "group", "node"]
_FREE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Net:
    """tail, head: (edges,) nodes.  length: (edges,) ≥ 0, any unit."""

    nodes: int
    tail: tuple[int, ...]
    head: tuple[int, ...]
    length: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """what: kind and place of everything that fails.  cut: nodes that then reach no anchor and did before; a node
    that fails itself is not among them."""

    what: tuple[tuple[What, int], ...]
    cut: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the whole network. bridges: edges.  articulations: nodes.  part: (nodes,) the 2-edge-connected component of
    each.  blocks: the edges of each 2-node-connected component; a bridge is a block of its own, loops are in none."""

    bridges: tuple[int, ...]
    articulations: tuple[int, ...]
    part: tuple[int, ...]
    blocks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """How two nodes are joined. routes: none, one, or two routes as edges; two share no edge, and no node between
    their ends when `apart`.  edges, groups, nodes: what cuts them apart when it alone fails."""

    routes: tuple[tuple[int, ...], ...]
    apart: bool
    edges: tuple[int, ...]
    groups: tuple[int, ...]
    nodes: tuple[int, ...]


def net(nodes: int, tail: Sequence[int], head: Sequence[int], length: Sequence[float] = ()) -> Net:
    """A network. length: empty: 1 each.  Raises: InvalidInput naming the first wrong edge."""
    length = length or [1.0] * len(tail)
    if not len(tail) == len(head) == len(length):
        raise InvalidInput(f"{len(tail)} tails, {len(head)} heads and {len(length)} lengths.", field="edges")
    for e, (t, h, far) in enumerate(zip(tail, head, length, strict=True)):
        if not (0 <= t < nodes and 0 <= h < nodes and 0 <= far < float("inf")):
            raise InvalidInput(
                f"edge {e} joins {t} and {h} over {far:g}; there are {nodes} nodes.", field="edges",
                remedy="Join nodes counted from 0, at a finite length ≥ 0.",
            )  # fmt: skip
    return Net(nodes, tuple(map(int, tail)), tuple(map(int, head)), tuple(map(float, length)))


def shape(of: Net) -> Shape:
    """Bridges, articulation points and components, in one depth-first search (Tarjan 1972; Hopcroft, Tarjan 1973)."""
    around = _around(of)
    entry, low = [-1] * of.nodes, [0] * of.nodes
    bridges: list[int] = []
    joints: set[int] = set()
    blocks: list[tuple[int, ...]] = []
    part = [-1] * of.nodes
    clock = parts = 0
    for root in range(of.nodes):
        if entry[root] >= 0:
            continue
        entry[root] = low[root] = clock
        clock += 1
        children = 0
        open_nodes, open_edges = [root], list[int]()
        stack: list[tuple[int, int, Iterator[tuple[int, int]]]] = [(root, -1, iter(around[root]))]
        while stack:
            v, by, rest = stack[-1]
            step = next(((u, e) for u, e in rest if e != by), None)
            if step is not None:
                u, e = step
                if entry[u] < 0:
                    entry[u] = low[u] = clock
                    clock += 1
                    open_nodes.append(u)
                    open_edges.append(e)
                    stack.append((u, e, iter(around[u])))
                elif entry[u] < entry[v]:
                    low[v] = min(low[v], entry[u])
                    open_edges.append(e)
                continue
            stack.pop()
            if low[v] == entry[v]:  # nothing below v reaches above it: its 2-edge-connected component is complete
                parts += 1
                while True:
                    w = open_nodes.pop()
                    part[w] = parts - 1
                    if w == v:
                        break
            if not stack:
                continue
            above = stack[-1][0]
            low[above] = min(low[above], low[v])
            if low[v] > entry[above]:
                bridges.append(by)
            if low[v] >= entry[above]:
                at = open_edges.index(by)
                blocks.append(tuple(sorted(open_edges[at:])))
                del open_edges[at:]
                children += above == root
                if above != root or children > 1:
                    joints.add(above)
    return Shape(tuple(sorted(bridges)), tuple(sorted(joints)), tuple(part), tuple(sorted(blocks)))


def failures(of: Net, anchors: Iterable[int], groups: Sequence[Iterable[int]] = ()) -> list[Failure]:
    """Every single failure of an edge, a group or a node that cuts off a node, the worst first.

    Edges and nodes by one depth-first search on the network with its anchors joined to one root; groups by removal.
    """
    roots = sorted(set(anchors))
    there = reached(of, roots)
    root = of.nodes
    doubled = [*roots, *roots]  # two edges to every anchor: what is invented here is never a bridge
    whole = Net(
        of.nodes + 1, (*of.tail, *doubled), (*of.head, *([root] * len(doubled))),
        (*of.length, *([0.0] * len(doubled))),
    )  # fmt: skip
    found = shape(whole)
    made: list[Failure] = []

    def add(what: What, at: int, left: set[int]) -> None:
        cut = tuple(sorted(there - left - ({at} if what == "node" else set())))
        if cut:
            made.append(Failure(((what, at),), cut))

    for e in found.bridges:
        add("edge", e, reached(of, roots, without={e}))
    for g, group in enumerate(groups):
        add("group", g, reached(of, roots, without=set(group)))
    for v in found.articulations:
        if v != root:
            add("node", v, reached(of, roots, closed=v))
    return sorted(made, key=lambda one: (-len(one.cut), one.what))


def double_failures(of: Net, anchors: Iterable[int], groups: Sequence[Iterable[int]] = ()) -> list[Failure]:
    """Pairs of edges or groups that together cut off more than each of them alone, the worst first."""
    roots = sorted(set(anchors))
    every: list[tuple[What, int]] = [("edge", e) for e in range(len(of.tail))]
    every += [("group", g) for g in range(len(groups))]
    edges = [{i} if what == "edge" else set(groups[i]) for what, i in every]
    there = reached(of, roots)
    alone = [there - reached(of, roots, without=gone) for gone in edges]
    made = []
    for i, first in enumerate(every):
        kept = [e for e in range(len(of.tail)) if e not in edges[i]]
        at = {e: n for n, e in enumerate(kept)}
        left = Net(
            of.nodes, tuple(of.tail[e] for e in kept), tuple(of.head[e] for e in kept),
            tuple(of.length[e] for e in kept),
        )  # fmt: skip
        rest = [[at[e] for e in group if e in at] for group in groups]
        for one in failures(left, roots, rest):
            ((what, place),) = one.what
            if what == "node":
                continue
            second: tuple[What, int] = (what, kept[place] if what == "edge" else place)
            j = every.index(second) if what == "edge" else len(of.tail) + place
            cut = alone[i] | set(one.cut)
            if j > i and cut - alone[i] - alone[j]:
                made.append(Failure((first, second), tuple(sorted(cut))))
    return sorted(made, key=lambda one: (-len(one.cut), one.what))


def reached(of: Net, roots: Iterable[int], *, without: Iterable[int] = (), closed: int = -1) -> set[int]:
    """Nodes that some root reaches, without some edges and without a node."""
    gone = set(without)
    around = _around(of)
    seen = {r for r in roots if r != closed}
    stack = list(seen)
    while stack:
        v = stack.pop()
        for u, e in around[v]:
            if u not in seen and u != closed and e not in gone:
                seen.add(u)
                stack.append(u)
    return seen


def ways(of: Net, start: int, goals: Iterable[int], groups: Sequence[Iterable[int]] = ()) -> Ways:
    """Two routes from a node to the goals, and what all routes share.

    Routes share no node where that is possible, else no edge; together they are the shortest such pair (J. Suurballe,
    Networks 4, 1974). With several goals each route may end at another.
    """
    ends = sorted(set(goals) - {start})
    if start in set(goals) or not ends:
        return Ways((), True, (), (), ())
    routes = _disjoint(of, start, ends, nodes=True)
    apart = len(routes) > 1
    if not apart:
        routes = _disjoint(of, start, ends, nodes=False)
    if not routes:
        return Ways((), False, (), (), ())
    every = set(range(of.nodes))
    used = {e for route in routes for e in route}
    edges = [] if len(routes) > 1 else [e for e in sorted(used) if start not in reached(of, ends, without={e})]
    passed = {v for e in used for v in (of.tail[e], of.head[e])} & every - {start}
    nodes = [] if apart else [v for v in sorted(passed) if start not in reached(of, set(ends) - {v}, closed=v)]
    if len(ends) == 1:
        nodes = [v for v in nodes if v != ends[0]]
    hit = [g for g, group in enumerate(groups) if used & set(group)]
    together = [g for g in hit if start not in reached(of, ends, without=set(groups[g]))]
    return Ways(tuple(routes), apart, tuple(edges), tuple(together), tuple(nodes))


def _around(of: Net) -> list[list[tuple[int, int]]]:
    """(neighbour, edge) of every node; loops are left out: they join nothing."""
    around: list[list[tuple[int, int]]] = [[] for _ in range(of.nodes)]
    for e, (t, h) in enumerate(zip(of.tail, of.head, strict=True)):
        if t != h:
            around[t].append((h, e))
            around[h].append((t, e))
    return around


def _disjoint(of: Net, start: int, ends: Sequence[int], *, nodes: bool) -> list[tuple[int, ...]]:
    """One or two routes by successive shortest ways through what is left. nodes: they share no node either."""
    goal = 2 * of.nodes
    arcs: list[list[int]] = []  # tail, head, edge; an arc and the way back through it stand side by side
    cost: list[float] = []
    room: list[int] = []
    out: list[list[int]] = [[] for _ in range(goal + 1)]

    def arc(tail: int, head: int, edge: int, far: float, wide: int) -> None:
        for a, b, c, r in ((tail, head, far, wide), (head, tail, -far, 0)):
            out[a].append(len(arcs))
            arcs.append([a, b, edge])
            cost.append(c)
            room.append(r)

    for v in range(of.nodes):
        arc(2 * v, 2 * v + 1, -1, 0.0, 2 if not nodes or v == start or (len(ends) == 1 and v == ends[0]) else 1)
    for v in ends:
        arc(2 * v + 1, goal, -1, 0.0, 2)
    for e, (t, h) in enumerate(zip(of.tail, of.head, strict=True)):
        if t != h:
            # An edge carries one route, whichever way: both arcs together are undone when it is used twice.
            arc(2 * t + 1, 2 * h, e, of.length[e], 1)
            arc(2 * h + 1, 2 * t, e, of.length[e], 1)
    for _ in range(2):
        by = _shortest(2 * start, goal, out, arcs, cost, room)
        if by is None:
            break
        at = goal
        while at != 2 * start:
            a = by[at]
            room[a] -= 1
            room[a ^ 1] += 1
            at = arcs[a][0]
    used = {a for a in range(0, len(arcs), 2) if room[a ^ 1] and arcs[a][2] >= 0}
    for e in {arcs[a][2] for a in used}:
        both = [a for a in used if arcs[a][2] == e]
        if len(both) > 1:
            used -= set(both)
    leaving: dict[int, list[int]] = {}
    for a in sorted(used):
        leaving.setdefault(arcs[a][0] // 2, []).append(a)
    return _walk(start, set(ends), leaving, arcs)


def _walk(
    start: int, ends: set[int], leaving: Mapping[int, list[int]], arcs: Sequence[Sequence[int]]
) -> list[tuple[int, ...]]:
    """Routes along arcs, each taken once."""
    routes = []
    while leaving.get(start):
        at, route, seen = start, [], [start]
        while at not in ends and leaving.get(at):
            a = leaving[at].pop()
            route.append(arcs[a][2])
            at = arcs[a][1] // 2
            if at in seen:  # a route that meets itself takes the loop out
                cut = seen.index(at)
                del route[cut:], seen[cut:]
            seen.append(at)
        if at in ends:
            routes.append(tuple(route))
    return sorted(routes, key=len)


def _shortest(
    start: int, goal: int, out: Sequence[Sequence[int]], arcs: Sequence[Sequence[int]], cost: Sequence[float],
    room: Sequence[int],
) -> list[int] | None:  # fmt: skip
    """The arc by which each node is reached on a shortest way; None when the goal is not (Bellman, Ford, Moore)."""
    far = [float("inf")] * len(out)
    by = [-1] * len(out)
    far[start] = 0.0
    waiting, queued = deque([start]), [False] * len(out)
    while waiting:
        v = waiting.popleft()
        queued[v] = False
        for a in out[v]:
            u = arcs[a][1]
            if room[a] and far[v] + cost[a] < far[u] - _FREE:
                far[u], by[u] = far[v] + cost[a], a
                if not queued[u]:
                    queued[u] = True
                    waiting.append(u)
    return by if far[goal] < float("inf") else None


def length(of: Net, route: Iterable[int]) -> float:
    """How long a route is."""
    return sum(of.length[e] for e in route)


def stops(of: Net, start: int, route: Iterable[int]) -> list[int]:
    """The nodes of a route in order, with both ends."""
    found = [start]
    for e in route:
        found.append(of.head[e] if of.tail[e] == found[-1] else of.tail[e])
    assert all(a != b for a, b in pairwise(found))
    return found

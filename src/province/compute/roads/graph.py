"""A drivable graph. At a node with a turn restriction every arc that leads there ends in a vertex of its own.

So a way through the graph is a way that may be driven, and any shortest-path code can be used on it. Elsewhere a node
is one vertex: of a city's junctions a few percent are restricted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_EARTH_M = 6_371_008.8


@dataclass(frozen=True, slots=True)
class Way:
    """A street. nodes: indices, in order.  forward, backward: may be driven so.  kmh: how fast, above 0."""

    id: int
    nodes: Sequence[int]
    forward: bool
    backward: bool
    kmh: float


@dataclass(frozen=True, slots=True)
class Restriction:
    """Turning from a way into another at a node is forbidden; or (only) everything but that is."""

    source: int
    via: int
    target: int
    only: bool = False


@dataclass(frozen=True, slots=True)
class Roads:
    """Vertices and arcs. place: (nodes, 2) longitude and latitude of all nodes given.

    node: (vertices,) the node of each.  tail, head: (arcs,) vertices.  metres, seconds: (arcs,).  way: (arcs,) ids.
    start: (nodes,) vertex from which one sets out at a node, −1 where none is drivable.  ends: (nodes + 1,) where the
    vertices begin in `end` at which one may arrive at a node.
    inner: (nodes,) in the largest part in which everything can be reached from everywhere.
    """

    place: Floats
    node: Integers
    tail: Integers
    head: Integers
    metres: Floats
    seconds: Floats
    way: Integers
    start: Integers
    ends: Integers
    end: Integers
    inner: npt.NDArray[np.bool_]

    @property
    def vertices(self) -> int:
        """How many."""
        return len(self.node)

    def table(self, cost: Floats) -> sp.csr_array:
        """Costs as a sparse matrix; of parallel arcs the cheapest."""
        order = np.lexsort((cost, self.head, self.tail))
        tail, head = self.tail[order], self.head[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
        kept = order[first]
        shape = (self.vertices, self.vertices)
        return sp.csr_array((cost[kept], (self.tail[kept], self.head[kept])), shape=shape)


def build(place: Floats, ways: Iterable[Way], restrictions: Iterable[Restriction] = ()) -> Roads:
    """The graph. place: (nodes, 2) degrees.  Ways are cut where they meet and at restricted nodes.

    Raises: InvalidInput when there is nothing to drive on.
    """
    drivable = [w for w in ways if (w.forward or w.backward) and len(w.nodes) > 1]
    if not drivable:
        raise InvalidInput("no way can be driven.", field="ways", remedy="Is it the right extract?")
    if bad := next((w for w in drivable if not w.kmh > 0), None):
        raise InvalidInput(f"way {bad.id} has a speed of {bad.kmh}.", field="ways", remedy="Above 0 km/h.")
    turns = _turns(restrictions)
    uses = np.zeros(len(place), np.int64)
    for way in drivable:
        np.add.at(uses, np.asarray(way.nodes), 1)
        uses[[way.nodes[0], way.nodes[-1]]] += 1
    for via in turns:
        uses[via] += 2
    arcs = _arcs(place, drivable, uses > 1)
    return _expand(place, arcs, turns)


@dataclass(slots=True)
class _Arcs:
    source: list[int]
    target: list[int]
    way: list[int]
    metres: list[float]
    seconds: list[float]


def _turns(restrictions: Iterable[Restriction]) -> dict[int, tuple[set[tuple[int, int]], dict[int, set[int]]]]:
    """node → (forbidden pairs of ways, way → the only ways that may follow)."""
    found: dict[int, tuple[set[tuple[int, int]], dict[int, set[int]]]] = {}
    for one in restrictions:
        forbidden, only = found.setdefault(one.via, (set(), defaultdict(set)))
        if one.only:
            only[one.source].add(one.target)
        else:
            forbidden.add((one.source, one.target))
    return found


def _arcs(place: Floats, ways: Iterable[Way], cut: npt.NDArray[np.bool_]) -> _Arcs:
    arcs = _Arcs([], [], [], [], [])
    for way in ways:
        nodes = np.asarray(way.nodes)
        length = _steps(place[nodes])
        at = [0, *(i for i in range(1, len(nodes) - 1) if cut[nodes[i]]), len(nodes) - 1]
        for a, b in pairwise(at):
            metres = float(length[a:b].sum())
            for yes, source, target in ((way.forward, nodes[a], nodes[b]), (way.backward, nodes[b], nodes[a])):
                if yes:
                    arcs.source.append(int(source))
                    arcs.target.append(int(target))
                    arcs.way.append(way.id)
                    arcs.metres.append(metres)
                    arcs.seconds.append(metres / (way.kmh / 3.6))
    return arcs


def _steps(place: Floats) -> Floats:
    """Great-circle distance of each step of a line."""
    lon, lat = np.radians(place).T
    half = np.sin(np.diff(lat) / 2) ** 2 + np.cos(lat[:-1]) * np.cos(lat[1:]) * np.sin(np.diff(lon) / 2) ** 2
    return np.asarray(2 * _EARTH_M * np.arcsin(np.sqrt(half)))


def _expand(place: Floats, arcs: _Arcs, turns: dict[int, tuple[set[tuple[int, int]], dict[int, set[int]]]]) -> Roads:
    start = np.full(len(place), -1, np.int64)
    used = np.unique(np.array(arcs.source + arcs.target, np.int64))
    start[used] = np.arange(len(used))
    node = list(used)
    arrives = start[np.array(arcs.target)]
    into: dict[int, list[int]] = defaultdict(list)
    outof: dict[int, list[int]] = defaultdict(list)
    for i, (source, target) in enumerate(zip(arcs.source, arcs.target, strict=True)):
        if target in turns:
            into[target].append(i)
            arrives[i] = len(node)
            node.append(target)
        if source in turns:
            outof[source].append(i)
    tail, head, of = [start[np.array(arcs.source)]], [arrives], [np.arange(len(arcs.way))]
    more: list[tuple[int, int, int]] = []
    for via, (forbidden, only) in turns.items():
        for i in into[via]:
            allowed = only.get(arcs.way[i])
            for j in outof[via]:
                pair = (arcs.way[i], arcs.way[j])
                # Back along the same street is a U-turn: never there, where others are regulated.
                back = arcs.way[i] == arcs.way[j] and arcs.source[i] == arcs.target[j]
                if pair not in forbidden and (allowed is None or arcs.way[j] in allowed) and not back:
                    more.append((int(arrives[i]), int(arrives[j]), j))
    if more:
        table = np.array(more, np.int64)
        tail.append(table[:, 0])
        head.append(table[:, 1])
        of.append(table[:, 2])
    tails, heads, arc = np.concatenate(tail), np.concatenate(head), np.concatenate(of)
    vertex_node = np.array(node, np.int64)
    by_node = np.argsort(vertex_node, kind="stable")
    ends = np.searchsorted(vertex_node[by_node], np.arange(len(place) + 1))
    return Roads(
        place, vertex_node, tails, heads, np.array(arcs.metres)[arc], np.array(arcs.seconds)[arc],
        np.array(arcs.way, np.int64)[arc], start, ends, by_node, _inner(vertex_node, tails, heads, len(place)),
    )  # fmt: skip


def _inner(node: Integers, tail: Integers, head: Integers, nodes: int) -> npt.NDArray[np.bool_]:
    """Nodes of the largest strongly connected part. At restricted nodes nobody sets out from where one arrives, so
    their vertices are joined to the one to set out from before they are counted."""
    shape = (len(node), len(node))
    order = np.argsort(node, kind="stable")
    same = np.flatnonzero(node[order][1:] == node[order][:-1])
    a, b = order[same], order[same + 1]
    every = (np.concatenate([tail, a, b]), np.concatenate([head, b, a]))
    joined = sp.csr_array((np.ones(len(every[0]), np.int8), every), shape=shape)
    _, part = connected_components(joined, directed=True, connection="strong")
    inner = np.zeros(nodes, np.bool_)
    inner[node[part == np.bincount(part).argmax()]] = True
    return inner

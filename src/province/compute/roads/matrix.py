"""Shortest times or distances between places of a road graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from province.compute.plane import middle
from province.compute.roads.graph import Roads
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Snapped:
    """node: (places,) the nearest from which and to which everything can be driven.  away_m: (places,)."""

    node: Integers
    away_m: Floats


@dataclass(frozen=True, slots=True)
class Matrix:
    """cost: (from, to), infinite where no way leads.  unit: seconds or metres."""

    cost: Floats
    unit: str


def snap(roads: Roads, places: Floats) -> Snapped:
    """The nearest inner node of every place, longitude and latitude. Raises: InvalidInput for a graph without one."""
    inner = np.flatnonzero(roads.inner)
    if not len(inner):
        raise InvalidInput("nothing can be reached from everywhere.", field="roads", remedy="Is it the right extract?")
    plane = middle(roads.place[inner])
    away, nearest = cKDTree(plane.metres(roads.place[inner])).query(plane.metres(places))
    return Snapped(inner[nearest], np.asarray(away, np.float64))


def between(roads: Roads, sources: Integers, targets: Integers, *, by: str = "seconds") -> Matrix:
    """Costs from every source node to every target node. by: seconds or metres.

    Raises: InvalidInput for a node that no arc touches.
    """
    if by not in ("seconds", "metres"):
        raise InvalidInput(f"by {by!r}.", field="by", remedy="seconds or metres.")
    for name, nodes in (("sources", sources), ("targets", targets)):
        if len(nodes) and (roads.start[nodes] < 0).any():
            raise InvalidInput("a node lies on no drivable way.", field=name, remedy="Snap the places first.")
    table = roads.table(roads.seconds if by == "seconds" else roads.metres)
    unique, back = np.unique(sources, return_inverse=True)
    found = dijkstra(table, directed=True, indices=roads.start[unique])
    cost = np.empty((len(unique), len(targets)))
    for j, node in enumerate(targets):
        arrivals = roads.end[roads.ends[node] : roads.ends[node + 1]]
        cost[:, j] = found[:, arrivals].min(axis=1)
    return Matrix(cost[back], by)


def path(roads: Roads, source: int, target: int, *, by: str = "seconds") -> tuple[Integers, float]:
    """The nodes of the shortest way and its cost. Raises: InvalidInput when no way leads there."""
    table = roads.table(roads.seconds if by == "seconds" else roads.metres)
    first = int(roads.start[source])
    if first < 0 or roads.start[target] < 0:
        raise InvalidInput("a node lies on no drivable way.", field="source", remedy="Snap the places first.")
    cost, before = dijkstra(table, directed=True, indices=first, return_predecessors=True)
    arrivals = roads.end[roads.ends[target] : roads.ends[target + 1]]
    best = int(arrivals[cost[arrivals].argmin()])
    if not np.isfinite(cost[best]):
        raise InvalidInput("no way leads there.", field="target", remedy="Choose a node of the inner part.")
    vertices = [best]
    while vertices[-1] != first:
        vertices.append(int(before[vertices[-1]]))
    return roads.node[np.array(vertices[::-1])], float(cost[best])


def legs(
    roads: Roads, pairs: Iterable[tuple[int, int]], *, by: str = "seconds", most: float = np.inf
) -> list[Integers]:
    """The arcs of the shortest way of every (source, target), in order; none from a node to itself.

    most: what no way costs more than: the search need not look farther.  Raises: InvalidInput when no way leads there.
    """
    cost = roads.seconds if by == "seconds" else roads.metres
    table = roads.table(cost)
    order = np.lexsort((cost, roads.head, roads.tail))
    keys = roads.tail[order] * roads.vertices + roads.head[order]
    found: list[Integers] = []
    last, before, away = -1, np.zeros(0, np.int64), np.zeros(0)
    for source, target in sorted(pairs := list(pairs)):
        first = int(roads.start[source])
        if first < 0 or roads.start[target] < 0:
            raise InvalidInput("a node lies on no drivable way.", field="pairs", remedy="Snap the places first.")
        if first != last:
            away, before = dijkstra(table, directed=True, indices=first, return_predecessors=True, limit=most)
            last = first
        arrivals = roads.end[roads.ends[target] : roads.ends[target + 1]]
        here = int(arrivals[away[arrivals].argmin()]) if source != target else first
        if not np.isfinite(away[here]):
            raise InvalidInput("no way leads there.", field="pairs", remedy="Choose nodes of the inner part.")
        steps: list[int] = []
        while here != first:
            steps.append(int(before[here]) * roads.vertices + here)
            here = int(before[here])
        found.append(order[np.searchsorted(keys, np.array(steps[::-1], np.int64))])
    ranks = {pair: i for i, pair in enumerate(sorted(pairs))}
    return [found[ranks[pair]] for pair in pairs]

"""Conditions that every survivable network meets, and those that a plan or a relaxation breaks: cutting planes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra, maximum_flow

from province.compute.network.graph import Floats, Graph, Integers
from province.compute.network.thinning import Bools, Task, parts_of
from province.compute.siting import highs

_SCALE: Final = 1_000_000
_LITTLES: Final = (1e-6, 0.05, 0.1, 0.2, 0.3, 0.4)
_WIDE: Final = 2_000
_BALLS: Final = 40
"""So many conditions around each terminal of a network of so many edges, before any is looked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """A condition: at least `least` of these edges."""

    edges: Integers
    least: float


def at_terminals(task: Task) -> list[Row]:
    """To begin with: what leaves each terminal, and in wide networks what leaves all that is near it."""
    graph = task.graph
    single = [
        Row(np.flatnonzero((graph.tail == t) | (graph.head == t)), float(min(task.need[t], _second(task.need))))
        for t in task.order
    ]
    return [*single, *_balls(task)]


def of_all(task: Task) -> list[Row]:
    """What even the plan of all edges breaks."""
    return _cuts(task, np.ones(len(task.graph.cost)), _SCALE // 2)


def relax(task: Task, rows: list[Row], allowed: Bools, end: float) -> highs.Solved:
    """The linear relaxation, with every cut that it breaks."""
    while True:
        solved = minimise(task.graph.cost, rows, end, allowed)
        if solved.values is None or time.monotonic() > end:
            return solved
        found = [*_cuts(task, solved.values, _SCALE // 100_000), *_odd(task, solved.values)]
        if not found:
            return solved
        rows += found


def broken(task: Task, values: Floats) -> list[Row]:
    """What a whole-number plan breaks."""
    return [*_cuts(task, values, _SCALE // 2), *_group_cuts(task, values > 0.5)]


def minimise(
    cost: Floats, rows: list[Row], end: float, allowed: Bools, *, start: Floats | None = None, whole: bool = False,
    gap: float = 0.0,
) -> highs.Solved:  # fmt: skip
    """The cheapest edges among those allowed that meet all conditions; whole: entire edges, not parts of some."""
    lengths = np.array([len(r.edges) for r in rows])
    matrix = sp.csr_array(
        (np.ones(lengths.sum()), (np.repeat(np.arange(len(rows)), lengths), np.concatenate([r.edges for r in rows]))),
        shape=(len(rows), len(cost)),
    )
    return highs.minimise(
        cost, matrix, np.array([r.least for r in rows]), np.full(len(rows), np.inf), upper=allowed.astype(np.float64),
        whole=np.ones(len(cost), np.bool_) if whole else None, start=start, gap=gap,
        seconds=max(0.5, end - time.monotonic()),
    )  # fmt: skip


def side(graph: Graph, without: Integers, root: int) -> Bools:
    """Nodes that a root reaches without some edges."""
    kept = np.ones(len(graph.cost), np.bool_)
    kept[without] = False
    labels = parts_of(graph.tail, graph.head, kept, graph.nodes)
    found: Bools = labels == labels[root]
    return found


def _second(need: Integers) -> int:
    """How many ways a terminal can need: two only when there is another that needs two."""
    return 2 if (need > 1).sum() > 1 else 1


def _balls(task: Task) -> list[Row]:
    """To begin with, in wide networks: all that is nearer to a terminal than its nearest other is left by its edges."""
    graph = task.graph
    if len(graph.cost) < _WIDE:
        return []
    order = np.lexsort((graph.cost, np.maximum(graph.tail, graph.head), np.minimum(graph.tail, graph.head)))
    low, high = np.minimum(graph.tail, graph.head)[order], np.maximum(graph.tail, graph.head)[order]
    first = np.concatenate([[True], (np.diff(low) != 0) | (np.diff(high) != 0)])
    # Nothing costs nothing to the search of shortest ways: that would be no edge.
    table = sp.csr_array(
        (np.maximum(graph.cost[order][first], 1e-9), (low[first], high[first])), shape=(graph.nodes,) * 2
    )
    found: list[Row] = []
    for terminal in task.order.tolist():
        far = dijkstra(table, directed=False, indices=terminal)
        nearest = far[[v for v in task.order.tolist() if v != terminal]].min()
        least = float(min(int(task.need[terminal]), _second(task.need)))
        last = -1
        for radius in np.linspace(0.0, nearest, _BALLS, endpoint=False).tolist():
            inside = far <= radius
            if inside.sum() > last:
                last = int(inside.sum())
                found.append(Row(np.flatnonzero(inside[graph.tail] != inside[graph.head]), least))
    return found


def _odd(task: Task, x: Floats) -> list[Row]:
    """Conditions that no halves of edges meet: terminals that need two ways each, hung together by parts of edges, and
    an odd number of whole edges that leave them (F-partition inequalities; M. Didi Biha, A. Mahjoub, Operations
    Research Letters 19, 1996). Of p terminals and 2k + 1 such edges, all other edges around them are p − k or more.
    """
    if _second(task.need) < 2:
        return []
    graph, found, seen = task.graph, list[Row](), set[bytes]()
    for little in _LITTLES:
        parts = (x > little) & (x < 1.0 - little)
        labels = parts_of(graph.tail, graph.head, parts, graph.nodes)
        for part in np.unique(labels[graph.tail[parts]]):
            inside = labels == part
            key = inside.tobytes()
            if key in seen or (task.need[inside] < 2).any():
                continue
            seen.add(key)
            leaving = np.flatnonzero(inside[graph.tail] != inside[graph.head])
            whole = leaving[x[leaving] > 0.5]
            if len(whole) % 2 == 0:
                nearest = leaving[[int(np.abs(x[leaving] - 0.5).argmin())]] if len(leaving) else leaving
                whole = np.setxor1d(whole, nearest)
            rest = np.setdiff1d(np.flatnonzero(inside[graph.tail] | inside[graph.head]), whole)
            least = float(inside.sum() - len(whole) // 2)
            if len(whole) and x[rest].sum() < least - 1e-4:
                found.append(Row(rest, least))
    return found


def _group_cuts(task: Task, chosen: Bools) -> list[Row]:
    """For groups whose failure parts a whole-number plan: one edge more that is not of the group, around each part."""
    graph, found = task.graph, list[Row]()
    for group in task.groups:
        kept = chosen.copy()
        kept[group] = False
        labels = parts_of(graph.tail, graph.head, kept, graph.nodes)
        parts = np.unique(labels[task.need > 1])
        if len(parts) < 2:
            continue
        for part in parts:
            side = labels == part
            crossing = np.flatnonzero(side[graph.tail] != side[graph.head])
            found.append(Row(np.setdiff1d(crossing, group), 1.0))
    return found


def _cuts(task: Task, x: Floats, tolerance: int) -> list[Row]:
    """Sets of nodes that too few edges leave by `x`: what should leave each."""
    graph = task.graph
    amount = np.round(x * _SCALE).astype(np.int32)
    used = np.flatnonzero(amount > 0)
    tail, head = graph.tail[used], graph.head[used]
    capacity = sp.coo_array(
        (np.concatenate([amount[used]] * 2), (np.concatenate([tail, head]), np.concatenate([head, tail]))),
        shape=(graph.nodes, graph.nodes),
    ).tocsr()
    capacity.data = capacity.data.astype(np.int32)
    capacity.indices, capacity.indptr = capacity.indices.astype(np.int32), capacity.indptr.astype(np.int32)
    found: list[Row] = []
    seen: set[bytes] = set()
    most = _second(task.need)
    root, done = int(task.order[0]), np.zeros(graph.nodes, np.bool_)
    for terminal in task.order[1:]:
        if done[terminal]:
            continue
        least = min(int(task.need[terminal]), most)
        flow = maximum_flow(sp.csr_matrix(capacity), root, int(terminal))
        if flow.flow_value >= least * _SCALE - tolerance:
            continue
        left = sp.csr_array(capacity - flow.flow)
        left.data = np.where(left.data > 0, left.data, 0)
        left.eliminate_zeros()
        # The smallest set around the terminal: cuts of different corners then do not repeat each other.
        back = sp.csr_array(left.T)
        side = np.zeros(graph.nodes, np.bool_)
        side[_reach(back.indptr, back.indices, int(terminal))] = True
        crossing = np.flatnonzero(side[graph.tail] != side[graph.head])
        key = crossing.tobytes()
        if key not in seen:
            seen.add(key)
            found.append(Row(crossing, float(least)))
        done |= side  # other terminals in it are helped by the same cut; they are looked at again next time
    return found


def _reach(start: npt.NDArray[np.int32], neighbour: npt.NDArray[np.int32], root: int) -> list[int]:
    seen, stack = {root}, [root]
    while stack:
        v = stack.pop()
        for u in neighbour[start[v] : start[v + 1]].tolist():
            if u not in seen:
                seen.add(u)
                stack.append(u)
    return sorted(seen)

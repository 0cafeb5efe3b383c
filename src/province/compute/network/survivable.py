"""Survivable networks: terminals that stay joined when any one edge fails, at the least cost.

Cutting planes: every set of nodes that holds some terminals and not others must be left by two edges. Sets that the
linear relaxation breaks are found by maximum flows, those that a whole-number plan breaks too; when HiGHS's best plan
breaks none it is optimal. A plan to begin with comes from taking dear edges away while the network stays survivable.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import maximum_flow

from province.compute.claim import Certified
from province.compute.network.graph import Floats, Graph, Integers
from province.compute.siting import highs
from province.errors import InvalidInput

Bools = npt.NDArray[np.bool_]
_SCALE = 1_000_000


@dataclass(frozen=True, slots=True)
class Survivable(Certified):
    """edges: places in the graph, ascending.  cost: their sum.  bound: no survivable network costs less."""

    edges: Integers
    cost: float
    bound: float
    proved: bool


def solve(graph: Graph, terminals: Integers, *, seconds: float = 60.0) -> Survivable:
    """Choose edges. seconds: of wall time; when it is over, the best plan and the bound reached are given.

    Raises: InvalidInput naming a terminal that one failure can cut off whatever is built.
    """
    wanted = np.unique(np.asarray(terminals, np.int64))
    if len(wanted) < 2 or wanted[0] < 0 or wanted[-1] >= graph.nodes:
        raise InvalidInput(f"{len(wanted)} terminals of {graph.nodes} nodes.", field="terminals")
    end = time.monotonic() + seconds
    edges = len(graph.cost)
    every = np.ones(edges)
    broken = _cuts(graph, wanted, every, _SCALE // 2)
    if broken:
        inside = broken[0][1]
        apart = wanted[inside[wanted]]
        raise InvalidInput(
            f"terminal {apart[0] if len(apart) else wanted[0]} hangs on one edge, whatever is built.",
            field="terminals", remedy="Add a second way to it, or join it without a second way.",
        )  # fmt: skip
    is_terminal = np.zeros(graph.nodes, np.bool_)
    is_terminal[wanted] = True
    plan = _thin(graph.start, graph.neighbour, graph.edge, graph.tail, graph.head,
                 np.argsort(-graph.cost, kind="stable"), is_terminal)  # fmt: skip
    best, bound = float(graph.cost[plan].sum()), 0.0
    rows: list[Integers] = [np.flatnonzero((graph.tail == t) | (graph.head == t)) for t in wanted]
    proved = False
    x = every
    while time.monotonic() < end:  # the linear relaxation
        solved = _minimise(graph.cost, rows, None, end, None)
        if solved.values is None:
            break
        x, bound = solved.values, max(bound, solved.bound)
        found = _cuts(graph, wanted, x, _SCALE // 100_000)
        if not found:
            break
        rows += [crossing for crossing, _ in found]
    whole = np.ones(edges, np.bool_)
    while time.monotonic() < end:
        solved = _minimise(graph.cost, rows, whole, end, plan.astype(np.float64))
        bound = max(bound, solved.bound)
        if solved.values is None:
            break
        found = _cuts(graph, wanted, solved.values, _SCALE // 2)
        if not found:
            if solved.cost <= best + 1e-9:
                best, plan = solved.cost, solved.values > 0.5
            proved = solved.proved
            break
        rows += [crossing for crossing, _ in found]
        x = np.maximum(solved.values, 0.0)
        order = np.argsort(-(graph.cost * (1.0 + (x < 0.5))), kind="stable")
        other = _thin(graph.start, graph.neighbour, graph.edge, graph.tail, graph.head, order, is_terminal)
        if float(graph.cost[other].sum()) < best:
            best, plan = float(graph.cost[other].sum()), other
    chosen = np.flatnonzero(plan)
    cost = float(graph.cost[chosen].sum())
    return Survivable(chosen, cost, min(bound, cost), proved)


def _minimise(
    cost: Floats, rows: list[Integers], whole: Bools | None, end: float, start: Floats | None
) -> highs.Solved:
    lengths = np.array([len(r) for r in rows])
    matrix = sp.csr_array(
        (np.ones(lengths.sum()), (np.repeat(np.arange(len(rows)), lengths), np.concatenate(rows))),
        shape=(len(rows), len(cost)),
    )
    return highs.minimise(
        cost, matrix, np.full(len(rows), 2.0), np.full(len(rows), np.inf), whole=whole, start=start,
        seconds=max(0.5, end - time.monotonic()),
    )  # fmt: skip


def _cuts(graph: Graph, wanted: Integers, x: Floats, tolerance: int) -> list[tuple[Integers, Bools]]:
    """Sets of nodes that fewer than two edges leave by `x`: the edges that leave each, and the set."""
    amount = np.round(x * _SCALE).astype(np.int32)
    used = np.flatnonzero(amount > 0)
    tail, head = graph.tail[used], graph.head[used]
    capacity = sp.coo_array(
        (np.concatenate([amount[used]] * 2), (np.concatenate([tail, head]), np.concatenate([head, tail]))),
        shape=(graph.nodes, graph.nodes),
    ).tocsr()
    capacity.data = capacity.data.astype(np.int32)
    capacity.indices, capacity.indptr = capacity.indices.astype(np.int32), capacity.indptr.astype(np.int32)
    found: list[tuple[Integers, Bools]] = []
    seen: set[bytes] = set()
    root, done = int(wanted[0]), np.zeros(graph.nodes, np.bool_)
    for terminal in wanted[1:]:
        if done[terminal]:
            continue
        flow = maximum_flow(sp.csr_matrix(capacity), root, int(terminal))
        if flow.flow_value >= 2 * _SCALE - tolerance:
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
            found.append((crossing, side))
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


@numba.njit(cache=True)
def _thin(start, neighbour, edge, tail, head, order, is_terminal):
    """Take edges away in this order while every terminal keeps two ways to every other."""
    kept = np.ones(len(tail), np.bool_)
    for e in order:
        kept[e] = False
        if not _survives(start, neighbour, edge, kept, is_terminal):
            kept[e] = True
    return kept


@numba.njit(cache=True)
def _survives(start, neighbour, edge, kept, is_terminal):
    """Whether no bridge of the kept edges separates terminals, and all are joined (depth first, Tarjan 1974)."""
    nodes = len(start) - 1
    root, total = -1, 0
    for v in range(nodes):
        if is_terminal[v]:
            total += 1
            if root < 0:
                root = v
    entry = np.full(nodes, -1)
    low = np.zeros(nodes, np.int64)
    by = np.full(nodes, -1)
    back = np.full(nodes, -1)
    at = start[:-1].copy()
    beyond = np.zeros(nodes, np.int64)
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
            beyond[v] += 1 if is_terminal[v] else 0
            if back[v] >= 0:
                low[back[v]] = min(low[back[v]], low[v])
                beyond[back[v]] += beyond[v]
                if low[v] > entry[back[v]] and beyond[v] > 0 and beyond[v] < total:
                    return False
    return beyond[root] == total

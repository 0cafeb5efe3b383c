"""Survivable networks: terminals that stay joined when any one edge or group of edges fails, at the least cost.

Cutting planes: every set of nodes that holds some terminals and not others must be left by one edge, and by two where
it parts terminals that need two ways; when a group fails, by one that is not of the group. Sets that the linear
relaxation breaks are found by maximum flows, those that a whole-number plan breaks too; when HiGHS's best plan breaks
none it is optimal. Plans come from mending those that break some, taking dear edges away, and putting in one edge to
save more. Edges whose reduced cost exceeds what the best plan could still save are left out of what follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

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
_SEARCH_S: Final = 2.0
_LITTLES: Final = (1e-6, 0.05, 0.1, 0.2, 0.3, 0.4)
_IDLE: Final = 3
_OTHER: Final = 0.05
"""Costs are changed by so much to see what else a plan may break."""
_CORE: Final = 2.2
"""So many times the edges of a plan are looked at before all of them are."""
_ROUGH: Final = 0.3
"""Share of the open gap at which a whole-number step stops, while its plan still breaks something."""


@dataclass(frozen=True, slots=True)
class Survivable(Certified):
    """edges: places in the graph, ascending.  cost: their sum.  bound: no survivable network costs less."""

    edges: Integers
    cost: float
    bound: float
    proved: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """A condition: at least `least` of these edges."""

    edges: Integers
    least: float


class _Task:
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


def solve(
    graph: Graph, terminals: Integers, *, once: Iterable[int] = (), groups: Sequence[Iterable[int]] = (),
    seconds: float = 60.0, start: Integers | None = None,
) -> Survivable:  # fmt: skip
    """Choose edges. terminals: stay joined to each other when any edge, or all edges of any group, fail.

    once: terminals that are joined, and may be cut off.  seconds: of wall time; when it is over, the best plan and the
    bound reached are given.  start: the edges of a plan to begin with.
    Raises: InvalidInput naming a terminal that one failure can cut off whatever is built.
    """
    end = time.monotonic() + seconds
    task = _task(graph, terminals, once, groups)
    need, edges = task.need, len(graph.cost)
    all_in = np.ones(edges, np.bool_)
    broken = _cuts(task, all_in.astype(np.float64), _SCALE // 2)
    if broken or not task.holds(all_in):
        raise _hopeless(task, broken)
    plan = task.thin(all_in, np.argsort(-graph.cost, kind="stable"))
    if start is not None:
        given = np.isin(np.arange(edges), start)
        if task.holds(given) and graph.cost[given].sum() < graph.cost[plan].sum():
            plan = given
    best, bound = float(graph.cost[plan].sum()), 0.0
    rows = [
        _Row(np.flatnonzero((graph.tail == t) | (graph.head == t)), float(min(need[t], _second(need))))
        for t in task.order
    ]
    allowed = all_in
    relaxed = _relax(task, rows, allowed, end)
    bound = max(bound, relaxed.bound)
    if relaxed.values is not None:
        plan = min((plan, task.mend(relaxed.values > 0.5)), key=lambda one: float(graph.cost[one].sum()))
        useful = relaxed.values > 0.01 if relaxed.reduced is None else relaxed.reduced < (best - bound) / 4
        plan = task.improve(plan, useful, min(end, time.monotonic() + _SEARCH_S))
        best = float(graph.cost[plan].sum())
    proved = core = False
    while time.monotonic() < end and relaxed.values is not None:
        if relaxed.reduced is not None:
            allowed = allowed & ((relaxed.bound + relaxed.reduced <= best + 1e-6) | plan)
        inside = allowed if core or relaxed.reduced is None else _core(relaxed.reduced, plan, allowed)
        core = core or bool(inside.sum() == allowed.sum())
        rough = 0.0 if core else _ROUGH * max(0.0, best - bound) / max(best, 1e-9)
        solved = _minimise(graph.cost, rows, end, inside, start=plan.astype(np.float64), whole=True, gap=rough)
        if core:  # what is found among few edges bounds nothing
            bound = max(bound, min(solved.bound, best))
        if solved.values is None:
            break
        chosen = solved.values > 0.5
        found = _broken(task, solved.values)
        if not found:
            if solved.cost <= best + 1e-9:
                best, plan = solved.cost, chosen
            if core:
                proved = solved.proved
                break
            core = True
            found = _harvest(task, rows, inside, plan, end)
            if not found:
                continue
        rows += found
        other = task.mend(chosen)
        if float(graph.cost[other].sum()) < best * 1.01:
            other = task.improve(other, inside, min(end, time.monotonic() + _SEARCH_S / 5))
        if float(graph.cost[other].sum()) < best - 1e-9:
            best, plan = float(graph.cost[other].sum()), other
        relaxed = _relax(task, rows, allowed, end)
        bound = max(bound, min(relaxed.bound, best))
        if bound >= best - 1e-6 * max(1.0, best):
            proved = True
            break
    chosen_edges = np.flatnonzero(plan)
    cost = float(graph.cost[chosen_edges].sum())
    return Survivable(chosen_edges, cost, min(bound, cost), proved)


def sketch(
    graph: Graph, terminals: Integers, *, once: Iterable[int] = (), groups: Sequence[Iterable[int]] = (),
    seconds: float = 0.3,
) -> Survivable:  # fmt: skip
    """A plan without a proof, soon: dear edges taken away, then one put in to save more. Raises: InvalidInput."""
    task = _task(graph, terminals, once, groups)
    every = np.ones(len(graph.cost), np.bool_)
    if not task.holds(every):
        raise _hopeless(task, _cuts(task, every.astype(np.float64), _SCALE // 2))
    plan = task.thin(every, np.argsort(-graph.cost, kind="stable"))
    plan = task.improve(plan, every, time.monotonic() + seconds)
    chosen = np.flatnonzero(plan)
    return Survivable(chosen, float(graph.cost[chosen].sum()), 0.0, proved=False)


def _task(graph: Graph, terminals: Integers, once: Iterable[int], groups: Sequence[Iterable[int]]) -> _Task:
    wanted, single = np.unique(np.asarray(terminals, np.int64)), np.unique(np.fromiter(once, np.int64))
    every = np.concatenate([wanted, single])
    if len(np.unique(every)) < 2 or every.min() < 0 or every.max() >= graph.nodes:
        raise InvalidInput(f"{len(every)} terminals of {graph.nodes} nodes.", field="terminals")
    need = np.zeros(graph.nodes, np.int64)
    need[single] = 1
    need[wanted] = 2
    return _Task(graph, need, groups)


def _core(reduced: Floats, plan: Bools, allowed: Bools) -> Bools:
    """The edges that a good plan is likely made of: those of the plan, and the cheapest by reduced cost."""
    most = int(_CORE * plan.sum())
    if allowed.sum() <= most:
        return allowed
    return plan | (allowed & (reduced <= np.partition(reduced[allowed], most - 1)[most - 1]))


def _harvest(task: _Task, rows: list[_Row], inside: Bools, plan: Bools, end: float) -> list[_Row]:
    """What plans break that are best when costs are a little different: among few edges that is found soon."""
    random, found, idle = np.random.default_rng(0), list[_Row](), 0
    half = time.monotonic() + (end - time.monotonic()) / 4
    while idle < _IDLE and time.monotonic() < half:
        cost = task.graph.cost * random.uniform(1.0 - _OTHER, 1.0 + _OTHER, len(plan))
        solved = _minimise(cost, [*rows, *found], half, inside, whole=True, gap=_OTHER / 10)
        if solved.values is None or not solved.proved:
            break
        more = _broken(task, solved.values)
        found += more
        idle = 0 if more else idle + 1
    return found


def _second(need: Integers) -> int:
    """How many ways a terminal can need: two only when there is another that needs two."""
    return 2 if (need > 1).sum() > 1 else 1


def _hopeless(task: _Task, broken: list[_Row]) -> InvalidInput:
    terminal = int(task.order[-1])
    if broken:
        inside = _side(task.graph, broken[0].edges, int(task.order[0]))
        apart = task.order[~inside[task.order]]
        terminal = int(apart[0]) if len(apart) else terminal
        words = f"terminal {terminal} hangs on one edge, whatever is built."
    else:
        words = "the failure of one group parts terminals, whatever is built."
    return InvalidInput(words, field="terminals", remedy="Add a second way to it, or join it without a second way.")


def _side(graph: Graph, without: Integers, root: int) -> Bools:
    """Nodes that a root reaches without some edges."""
    kept = np.ones(len(graph.cost), np.bool_)
    kept[without] = False
    labels = _labels(graph.tail, graph.head, kept, graph.nodes)
    found: Bools = labels == labels[root]
    return found


def _relax(task: _Task, rows: list[_Row], allowed: Bools, end: float) -> highs.Solved:
    """The linear relaxation, with every cut that it breaks."""
    while True:
        solved = _minimise(task.graph.cost, rows, end, allowed)
        if solved.values is None or time.monotonic() > end:
            return solved
        found = [*_cuts(task, solved.values, _SCALE // 100_000), *_odd(task, solved.values)]
        if not found:
            return solved
        rows += found


def _odd(task: _Task, x: Floats) -> list[_Row]:
    """Conditions that no halves of edges meet: terminals that need two ways each, hung together by parts of edges, and
    an odd number of whole edges that leave them (F-partition inequalities; M. Didi Biha, A. Mahjoub, Operations
    Research Letters 19, 1996). Of p terminals and 2k + 1 such edges, all other edges around them are p − k or more.
    """
    if _second(task.need) < 2:
        return []
    graph, found, seen = task.graph, list[_Row](), set[bytes]()
    for little in _LITTLES:
        parts = (x > little) & (x < 1.0 - little)
        labels = _labels(graph.tail, graph.head, parts, graph.nodes)
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
                found.append(_Row(rest, least))
    return found


def _broken(task: _Task, values: Floats) -> list[_Row]:
    """What a whole-number plan breaks."""
    return [*_cuts(task, values, _SCALE // 2), *_group_cuts(task, values > 0.5)]


def _group_cuts(task: _Task, chosen: Bools) -> list[_Row]:
    """For groups whose failure parts a whole-number plan: one edge more that is not of the group, around each part."""
    graph, found = task.graph, list[_Row]()
    for group in task.groups:
        kept = chosen.copy()
        kept[group] = False
        labels = _labels(graph.tail, graph.head, kept, graph.nodes)
        parts = np.unique(labels[task.need > 1])
        if len(parts) < 2:
            continue
        for part in parts:
            side = labels == part
            crossing = np.flatnonzero(side[graph.tail] != side[graph.head])
            found.append(_Row(np.setdiff1d(crossing, group), 1.0))
    return found


def _minimise(
    cost: Floats, rows: list[_Row], end: float, allowed: Bools, *, start: Floats | None = None, whole: bool = False,
    gap: float = 0.0,
) -> highs.Solved:  # fmt: skip
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


def _cuts(task: _Task, x: Floats, tolerance: int) -> list[_Row]:
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
    found: list[_Row] = []
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
            found.append(_Row(crossing, float(least)))
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
def _labels(tail, head, kept, nodes):
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
def _together(tail, head, kept, need, nodes):
    """Whether all terminals that need two ways are in one part."""
    labels = _labels(tail, head, kept, nodes)
    mark = -1
    for v in range(nodes):
        if need[v] > 1:
            if mark >= 0 and labels[v] != mark:
                return False
            mark = labels[v]
    return True

"""Survivable networks: terminals that stay joined when any one edge or group of edges fails, at the least cost.

Cutting planes (`cuts`): every set of nodes that holds some terminals and not others must be left by one edge, and by
two where it parts terminals that need two ways; when a group fails, by one that is not of the group. Sets that the
linear relaxation breaks are found by maximum flows, those that a whole-number plan breaks too; when HiGHS's best plan
breaks none it is optimal. Plans come from local search (`thinning`): mending those that break some, taking dear edges
away, and putting in one edge to save more. Edges whose reduced cost exceeds what the best plan could still save are
left out of what follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from province.compute.claim import Certified
from province.compute.network import cuts
from province.compute.network.graph import Floats, Graph, Integers
from province.compute.network.thinning import Bools, Task
from province.errors import InvalidInput

_SEARCH_S: Final = 2.0
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
    all_in = np.ones(len(graph.cost), np.bool_)
    broken = cuts.of_all(task)
    if broken or not task.holds(all_in):
        raise _hopeless(task, broken)
    plan = task.thin(all_in, np.argsort(-graph.cost, kind="stable"))
    if start is not None:
        given = np.isin(np.arange(len(graph.cost)), start)
        if task.holds(given) and graph.cost[given].sum() < graph.cost[plan].sum():
            plan = given
    best, bound = float(graph.cost[plan].sum()), 0.0
    rows = cuts.at_terminals(task)
    allowed = all_in
    relaxed = cuts.relax(task, rows, allowed, end)
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
        solved = cuts.minimise(graph.cost, rows, end, inside, start=plan.astype(np.float64), whole=True, gap=rough)
        if core:  # what is found among few edges bounds nothing
            bound = max(bound, min(solved.bound, best))
        if solved.values is None:
            break
        chosen = solved.values > 0.5
        found = cuts.broken(task, solved.values)
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
        relaxed = cuts.relax(task, rows, allowed, end)
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
        raise _hopeless(task, cuts.of_all(task))
    plan = task.thin(every, np.argsort(-graph.cost, kind="stable"))
    plan = task.improve(plan, every, time.monotonic() + seconds)
    chosen = np.flatnonzero(plan)
    return Survivable(chosen, float(graph.cost[chosen].sum()), 0.0, proved=False)


def _task(graph: Graph, terminals: Integers, once: Iterable[int], groups: Sequence[Iterable[int]]) -> Task:
    wanted, single = np.unique(np.asarray(terminals, np.int64)), np.unique(np.fromiter(once, np.int64))
    every = np.concatenate([wanted, single])
    if len(np.unique(every)) < 2 or every.min() < 0 or every.max() >= graph.nodes:
        raise InvalidInput(f"{len(every)} terminals of {graph.nodes} nodes.", field="terminals")
    need = np.zeros(graph.nodes, np.int64)
    need[single] = 1
    need[wanted] = 2
    return Task(graph, need, groups)


def _core(reduced: Floats, plan: Bools, allowed: Bools) -> Bools:
    """The edges that a good plan is likely made of: those of the plan, and the cheapest by reduced cost."""
    most = int(_CORE * plan.sum())
    if allowed.sum() <= most:
        return allowed
    return plan | (allowed & (reduced <= np.partition(reduced[allowed], most - 1)[most - 1]))


def _harvest(task: Task, rows: list[cuts.Row], inside: Bools, plan: Bools, end: float) -> list[cuts.Row]:
    """What plans break that are best when costs are a little different: among few edges that is found soon."""
    random, found, idle = np.random.default_rng(0), list[cuts.Row](), 0
    half = time.monotonic() + (end - time.monotonic()) / 4
    while idle < _IDLE and time.monotonic() < half:
        cost = task.graph.cost * random.uniform(1.0 - _OTHER, 1.0 + _OTHER, len(plan))
        solved = cuts.minimise(cost, [*rows, *found], half, inside, whole=True, gap=_OTHER / 10)
        if solved.values is None or not solved.proved:
            break
        more = cuts.broken(task, solved.values)
        found += more
        idle = 0 if more else idle + 1
    return found


def _hopeless(task: Task, broken: list[cuts.Row]) -> InvalidInput:
    terminal = int(task.order[-1])
    if broken:
        inside = cuts.side(task.graph, broken[0].edges, int(task.order[0]))
        apart = task.order[~inside[task.order]]
        terminal = int(apart[0]) if len(apart) else terminal
        words = f"terminal {terminal} hangs on one edge, whatever is built."
    else:
        words = "the failure of one group parts terminals, whatever is built."
    return InvalidInput(words, field="terminals", remedy="Add a second way to it, or join it without a second way.")

"""The most demand joined to what exists, within a budget: the prize-collecting Steiner tree with a budget.

Demand sits at nodes; the network begins at roots and grows by edges that cost money. Plan: a tree that joins all
demand, cut back by a price of money until the budget pays for it (on a tree the best cut for a price is found exactly,
by sums over subtrees), its ways exchanged for shorter ones (`exchanging`), then filled with the most demand per money;
then demand of a neighbourhood is taken away and filled in again while that helps.

Bound: for a price of money the problem without a budget is a Steiner arborescence in which demand may be given up for
its own price; dual ascent bounds that (`ascending`), and local search on it makes it better (`lifting`). Every price
gives a valid bound, the best of several is taken.
What no plan as good as the best one can use by such a bound is left out of what follows (`reducing`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from province.compute.network import reducing
from province.compute.network.exchanging import exchange
from province.compute.network.filling import cut_back, distances, fill
from province.compute.network.graph import Floats, Graph, Integers, build, neighbourhood
from province.compute.network.growing import paths, spanning
from province.compute.network.lifting import Lifting
from province.errors import InvalidInput

Bools = npt.NDArray[np.bool_]
_PRICES: Final = 12
"""So many prices of money are tried for the bound."""
_LIFTS: Final = 12
"""So many times it is then made better, at the best of them, before the plan is looked after again."""
_STEPS: Final = 2_000
_FIRST: Final = 3
"""So many prices are tried before plans are made only along the arcs of a better bound."""
_SHRUNK: Final = 0.95
_LOOKS: Final = 20_000_000
"""Nodes that are looked at to make one plan cheaper."""


@dataclass(frozen=True, slots=True)
class Collected:
    """edges: places in the graph, ascending.  joined: nodes with demand that they join to a root, ascending.

    gathered: demand of these.  cost: of the edges.  bound: no choice within the budget joins more.
    nearest: (nodes,) what it costs to join each node alone; infinite where no edge leads.
    """

    edges: Integers
    joined: Integers
    gathered: float
    cost: float
    bound: float
    nearest: Floats

    @property
    def gap(self) -> float:
        """(bound − gathered) / gathered."""
        return max(0.0, (self.bound - self.gathered) / self.gathered) if self.gathered else float(self.bound > 0)


def solve(
    graph: Graph, roots: Integers, prize: Floats, budget: float, *, seconds: float = 20.0, rounds: int | None = None,
    seed: int = 0, progress: Callable[[float, float], None] | None = None,
) -> Collected:  # fmt: skip
    """Choose edges.

    roots: nodes that belong to the network already.  prize: (nodes,) ≥ 0.  budget: in the unit of the costs.
    seconds: of wall time, search and bound together.  rounds: of the search instead of time, for a plan that can be
    repeated.  progress: called with (gathered, bound) now and then.  Raises: InvalidInput naming the argument.
    """
    wanted = np.unique(np.asarray(roots, np.int64))
    prize = np.ascontiguousarray(prize, np.float64)
    if not len(wanted) or wanted[0] < 0 or wanted[-1] >= graph.nodes:
        raise InvalidInput(f"{len(wanted)} roots of {graph.nodes} nodes.", field="roots")
    if prize.shape != (graph.nodes,) or prize.min(initial=0.0) < 0 or not np.isfinite(prize).all():
        raise InvalidInput("demand must be finite and ≥ 0, one for each node.", field="prize")
    if not budget >= 0 or not np.isfinite(budget):
        raise InvalidInput(f"a budget of {budget}.", field="budget", remedy="Give a sum ≥ 0.")
    end = time.monotonic() + seconds
    nearest = distances(graph.start, graph.neighbour, graph.edge, graph.cost, wanted)
    place = _Reachable(graph, wanted, prize, nearest, float(budget))
    best = place.all_at_once()
    bounder = _Bounder(place)
    random = np.random.default_rng(seed)
    begun, bounding = time.monotonic(), 0.0
    for n in range(10**9 if rounds is None else rounds):
        at = time.monotonic()
        if rounds is None and at > end:
            break
        if bounder.left and (n % 4 == 0 if rounds is not None else bounding <= 0.5 * (at - begun)):
            best = bounder.step(best)
            bounding += time.monotonic() - at
            if progress is not None:
                progress(best[0], bounder.best)
        if bounder.best <= best[0] * (1 + 1e-9):
            break
        best = max(best, place.around(best, random), key=_value)
    while rounds is not None and bounder.searching:
        best = bounder.step(best)
    value, spent, chosen = place.final(best)
    joined = np.flatnonzero((prize > 0) & _touched(graph, chosen, wanted))
    return Collected(chosen, joined, value, spent, max(value, bounder.best), nearest)


def prepare() -> None:
    """Compile the kernels, which takes seconds the first time and then is kept on disk: before time is counted."""
    line = build(4, np.array([0, 1, 2]), np.array([1, 2, 3]), np.ones(3))
    solve(line, np.array([0]), np.array([0.0, 1.0, 1.0, 1.0]), 2.0, rounds=2)
    neighbourhood(line.start, line.neighbour, np.ones(4, np.bool_), 0, 1, -1)
    Lifting(line, np.ones(4, np.bool_), 0).lift(np.random.default_rng(0))


Plan = tuple[float, float, Integers]
"""(demand, cost, edges), of a reachable part."""


def _value(plan: Plan) -> tuple[float, float]:
    return plan[0], -plan[1]


class _Reachable:
    """The part of a graph that the budget can reach, with one root more that is joined to all roots for nothing, and
    without what no plan needs.
    """

    def __init__(self, graph: Graph, roots: Integers, prize: Floats, nearest: Floats, budget: float) -> None:
        near = nearest <= budget
        names = np.cumsum(near) - 1
        kept = np.flatnonzero(near[graph.tail] & near[graph.head])
        nodes = int(near.sum())
        self._edge = np.concatenate([kept, np.full(len(roots), -1)])
        whole = build(
            nodes + 1, np.concatenate([names[graph.tail[kept]], names[roots]]),
            np.concatenate([names[graph.head[kept]], np.full(len(roots), nodes)]),
            np.concatenate([graph.cost[kept], np.zeros(len(roots))]),
        )  # fmt: skip
        worth = np.append(prize[near], 0.0)
        only = np.arange(nodes + 1) == nodes
        core = reducing.begin(whole, (worth > 0) | only, only)
        self._worth = worth
        self.budget = budget
        self._kept: Plan = (0.0, 0.0, np.zeros(0, np.int64))
        self._set(reducing.spare(reducing.fold(core, np.ones(len(whole.cost), np.bool_))))

    def _set(self, core: reducing.Core) -> None:
        self._core = core
        self.graph = core.graph
        self.root = int(np.flatnonzero(core.must)[0])
        self.worth = self._worth[core.node]
        self._parts = (self.graph.start, self.graph.neighbour, self.graph.edge, self.graph.cost)

    def narrow(self, kept: Bools, plan: Plan) -> Plan:
        """Go on with some of the edges alone. Returns: the plan, as far as they have it; it is remembered whole."""
        chosen = self.whole(plan[2])
        self._kept = max(self._kept, (plan[0], plan[1], chosen), key=_value)
        mine = np.zeros(len(self._edge), np.bool_)
        mine[self._core.whole(plan[2])] = True
        self._set(reducing.fold(self._core, kept))
        if not len(self.graph.cost):
            return 0.0, 0.0, np.zeros(0, np.int64)
        inside = self._inside(np.flatnonzero(np.logical_and.reduceat(mine[self._core.member], self._core.first[:-1])))
        found = self._tree(inside, inside & (self.worth > 0))
        return found if np.isfinite(found[1]) else (0.0, 0.0, np.zeros(0, np.int64))

    def final(self, plan: Plan) -> Plan:
        """The best plan of all, by edges of the whole graph."""
        return max((plan[0], plan[1], self.whole(plan[2])), self._kept, key=_value)

    def whole(self, edges: Integers) -> Integers:
        """Their places in the whole graph, ascending, those of the further root left out."""
        found = np.sort(self._edge[self._core.whole(edges)])
        return found[found >= 0]

    def all_at_once(self) -> Plan:
        """A tree that joins everything, cut back to the budget and filled."""
        return self._cut(self.graph.cost)

    def guided(self, reduced: Floats) -> Plan:
        """The same along the edges that dual ascent left for nothing; a little of the cost breaks ties."""
        return self._cut(reduced + 1e-3 * self.graph.cost)

    def around(self, plan: Plan, random: np.random.Generator) -> Plan:
        """The plan with the demand of a neighbourhood taken away and filled in again otherwise."""
        inside = self._inside(plan[2])
        joined = np.flatnonzero(inside & (self.worth > 0))
        if not len(joined):
            return plan
        away = int(random.integers(1, max(2, min(60, len(joined) // 2 + 1)) + 1))
        kept = inside & (self.worth > 0)
        kept &= ~neighbourhood(*self._parts[:2], kept, int(joined[random.integers(len(joined))]), away, -1)
        found = self._filled(
            self._tree(inside, kept), float(random.choice([0.2, 0.6, 2.0])), int(random.integers(2**31))
        )
        return max(plan, self._settled(found, inside), key=_value)

    def _cut(self, use: Floats) -> Plan:
        every = self.worth > 0
        every[self.root] = True
        inside = paths(*self._parts, use, every, self.root)
        inside = cut_back(*self._parts, every, inside, self.root, self.worth, self.budget)
        plan = self._settled(self._tree(inside, inside & (self.worth > 0)))
        return self._settled(self._filled(plan, 0.0, 0))

    def _settled(self, plan: Plan, before: Bools | None = None) -> Plan:
        """The same demand joined for less, and what that leaves spent again, while it helps.

        before: nodes of a plan that was settled already: what is new beside it is looked at.
        """
        while True:
            inside = self._inside(plan[2])
            wanted = inside & (self.worth > 0)
            wanted[self.root] = True
            chosen = np.zeros(len(self.graph.cost), np.bool_)
            chosen[plan[2]] = True
            ends = (*self._parts[:3], self.graph.tail, self.graph.head, self.graph.cost)
            exchange(*ends, wanted, chosen, np.flatnonzero(inside if before is None else inside != before), _LOOKS)
            before = self._inside(np.flatnonzero(chosen))
            edges = np.flatnonzero(chosen)
            better = self._filled((plan[0], float(self.graph.cost[edges].sum()), edges), 0.0, 0)
            if better[0] <= plan[0] + 1e-9:
                return max(plan, better, key=_value)
            plan = better

    def _filled(self, plan: Plan, noise: float, seed: int) -> Plan:
        inside = self._inside(plan[2])
        fill(*self._parts, self.worth, inside, self.budget - plan[1], noise, seed)
        return self._tree(inside, inside & (self.worth > 0))

    def _tree(self, inside: Bools, wanted: Bools) -> Plan:
        """The cheapest tree of the nodes inside that joins what is wanted."""
        needed = wanted.copy()
        needed[self.root] = True
        inside = inside.copy()
        back, back_edge = np.empty(self.graph.nodes, np.int64), np.empty(self.graph.nodes, np.int64)
        spent = spanning(*self._parts, needed, inside, self.root, back, back_edge)
        edges = np.sort(back_edge[inside & (back_edge >= 0)])
        return float(self.worth[inside].sum()), float(spent), edges

    def _inside(self, edges: Integers) -> Bools:
        inside = np.zeros(self.graph.nodes, np.bool_)
        inside[self.graph.tail[edges]] = True
        inside[self.graph.head[edges]] = True
        inside[self.root] = True
        return inside


class _Bounder:
    """Prices of money, one after another: where the bound is least so far, and nearer to it."""

    def __init__(self, place: _Reachable) -> None:
        self._place = place
        self.best = float(place.worth.sum())
        self.left = _STEPS if (place.worth > 0).any() and place.budget > 0 else 0
        self._random = np.random.default_rng(0)
        self._pure = bool((place.worth == np.floor(place.worth)).all())
        self._known: dict[float, float] = {}
        self._dual: Lifting | None = None
        self._build()

    def _build(self) -> None:
        graph, worth = self._place.graph, self._place.worth
        demand = np.flatnonzero(worth > 0)
        own = graph.nodes + np.arange(len(demand))
        self._whole = build(
            graph.nodes + len(demand), np.concatenate([graph.tail, demand, np.full(len(demand), self._place.root)]),
            np.concatenate([graph.head, own, own]), np.zeros(len(graph.tail) + 2 * len(demand)),
        )  # fmt: skip
        self._prize = worth[demand]
        self._wanted = np.zeros(self._whole.nodes, np.bool_)
        self._wanted[own] = True
        self._wanted[self._place.root] = True
        self._dual = None

    @property
    def searching(self) -> bool:
        """Whether prices are still tried; after that the bound at the best of them is made better."""
        return len(self._known) < _PRICES and self.left > 0

    def step(self, plan: Plan) -> Plan:
        """Try one price more; leave out what no plan uses that joins as much as this one. Returns: a plan as good."""
        edges, total = len(self._place.graph.cost), float(self._prize.sum())
        if self.searching:
            price = self._next(plan[0])
            dual = self._ascended(price)
        else:
            price = min(self._known, key=lambda p: self._known[p])
            dual = self._dual or self._ascended(price)
            self._dual = dual
            for _ in range(_LIFTS):
                dual.lift(self._random)
        bound = total + price * (self._place.budget - dual.value)
        nearer = bound <= min(self._known.values(), default=np.inf)
        self._known[price] = min(bound, self._known.get(price, np.inf))
        self.best = min(self.best, float(np.floor(bound + 1e-6)) if self._pure else bound)
        self.left -= 1
        found = plan
        if nearer or len(self._known) <= _FIRST:
            found = max(plan, self._place.guided(np.minimum(dual.left[0, :edges], dual.left[1, :edges])), key=_value)
        most = (self._place.budget + (total - found[0]) / price) * (1 + 1e-9)
        arcs = reducing.within(self._whole, self._wanted, dual.value, dual.left, self._place.root, most)
        kept: Bools = np.any(arcs[:, :edges], axis=0)
        if kept.sum() < _SHRUNK * edges:
            found = self._place.narrow(kept, found)
            self._build()
        return found

    def _ascended(self, price: float) -> Lifting:
        """Dual ascent for a price of money."""
        edges, demand = len(self._place.graph.cost), len(self._prize)
        left = np.full((2, edges + 2 * demand), np.inf)
        left[:, :edges] = self._place.graph.cost
        left[0, edges : edges + demand] = 0.0
        left[0, edges + demand :] = self._prize / price
        return Lifting(self._whole, self._wanted, self._place.root, left)

    def _next(self, gathered: float) -> float:
        """First prices a factor apart around demand per money; then between the neighbours of the best."""
        first = max(gathered, 1e-9) / max(self._place.budget, 1e-9)
        if len(self._known) < 5:
            return first * (1.0, 0.4, 0.7, 1.6, 0.2)[len(self._known)]
        known = sorted(self._known)
        at = min(range(len(known)), key=lambda i: self._known[known[i]])
        if at == 0:
            return known[0] / 2.0
        if at == len(known) - 1:
            return known[-1] * 2.0
        low, middle, high = known[at - 1 : at + 2]
        wide = high / middle > middle / low
        return math.sqrt(middle * high) if wide else math.sqrt(low * middle)


def _touched(graph: Graph, edges: Integers, roots: Integers) -> Bools:
    touched = np.zeros(graph.nodes, np.bool_)
    touched[roots] = True
    touched[graph.tail[edges]] = True
    touched[graph.head[edges]] = True
    return touched

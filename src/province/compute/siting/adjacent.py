"""Which parcels to take: the most worth within a budget, in at most so many pieces that each hang together.

Exact by flow: every piece has a root, area flows from the roots over shared borders, and each chosen parcel keeps its
own area of it; so a piece is connected, and as large as is asked for. The model goes to HiGHS with a heuristic plan to
begin with; its bound is the certificate, beside that of the plain knapsack.

The heuristic grows pieces from many seeds by worth over cost, then exchanges parcels at their rims.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from province.compute.siting import highs
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_SHARE: Final = 0.35
"""Of the time goes to the heuristic at most."""
_ROUNDS: Final = 6
"""So often is each parcel the seed of a plan, where time allows."""
_SEEDS: Final = 10
"""So many are tried, however little time there is."""
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Land:
    """n parcels. worth, area, cost: (n,).  tail, head: (borders,), pairs that touch."""

    worth: Floats
    area: Floats
    cost: Floats
    tail: Integers
    head: Integers

    def neighbours(self) -> list[list[int]]:
        """Of each parcel."""
        found: list[list[int]] = [[] for _ in self.worth]
        for a, b in zip(self.tail.tolist(), self.head.tolist(), strict=True):
            found[a].append(b)
            found[b].append(a)
        return found


@dataclass(frozen=True, slots=True)
class Asked:
    """budget: of cost.  pieces: at most so many.  piece: area of each at least.  least: area of all at least."""

    budget: float
    pieces: int = 1
    piece: float = 0.0
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """parcels: ascending.  bound: no plan is worth more.  proved: they agree within the solver's tolerance."""

    parcels: Integers
    worth: float
    bound: float
    proved: bool

    @property
    def gap(self) -> float:
        """(bound − worth) / worth."""
        return max(0.0, (self.bound - self.worth) / self.worth) if self.worth else float(self.bound > 0)


def solve(
    land: Land, asked: Asked, *, seconds: float = 20.0, seed: int = 0,
    progress: Callable[[float, float], None] = lambda worth, bound: None,
) -> Chosen:  # fmt: skip
    """The plan. Raises: InvalidInput when no plan meets the conditions, or none was found in the time."""
    began = time.monotonic()
    size = len(land.worth)
    if (land.worth < 0).any() or (land.cost < 0).any() or (land.area <= 0).any():
        raise InvalidInput("worth and cost are 0 or more, areas above 0.", field="land")
    start = grow(land, asked, seed=seed, until=began + _SHARE * seconds)
    worth = float(land.worth[start].sum())
    upper = knapsack(land, asked.budget)
    progress(worth, upper)
    if len(start) and upper <= worth * (1 + 1e-9):
        return Chosen(np.array(start, np.int64), worth, worth, True)
    model = _Model(land, asked)
    left = max(1.0, seconds - (time.monotonic() - began))
    try:
        found = model.solve(start, left, seed)
    except InvalidInput:
        raise InvalidInput("no plan meets all conditions.", field="conditions", remedy="Relax one of them.") from None
    bound = min(upper, -found.bound)
    best = start
    if found.values is not None:
        taken = np.flatnonzero(found.values[:size] > 0.5).tolist()
        if not len(start) or land.worth[taken].sum() > worth:
            best, worth = taken, float(land.worth[taken].sum())
    if not len(best):
        raise InvalidInput(f"no plan was found in {seconds:g} seconds.", field="conditions",
                           remedy="Give more time, or relax a condition.")  # fmt: skip
    if found.proved and found.values is not None:
        bound = worth
    return Chosen(np.array(sorted(best), np.int64), worth, max(bound, worth), found.proved)


def knapsack(land: Land, budget: float) -> float:
    """No set of parcels within the budget is worth more, connected or not: the divisible knapsack."""
    free = land.cost <= _TINY
    total = float(land.worth[free].sum())
    rest = np.flatnonzero(~free)
    order = rest[np.argsort(-land.worth[rest] / land.cost[rest], kind="stable")]
    spent = np.cumsum(land.cost[order])
    whole = spent <= budget
    total += float(land.worth[order[whole]].sum())
    after = int(whole.sum())
    if after < len(order):
        before = float(spent[after - 1]) if after else 0.0
        total += float(land.worth[order[after]]) * (budget - before) / float(land.cost[order[after]])
    return total


def most_area(land: Land, asked: Asked) -> float:
    """No plan within the budget has more area: for saying how far a demand is out of reach."""
    return knapsack(Land(land.area, land.area, land.cost, land.tail, land.head), asked.budget)


def grow(land: Land, asked: Asked, *, seed: int, until: float) -> list[int]:
    """The best plan that growing from many seeds and exchanging rims finds; empty: none meets the conditions."""
    near = land.neighbours()
    random = np.random.default_rng(seed)
    ratio = land.worth / np.maximum(land.cost, _TINY)
    context = ratio.copy()
    for _ in range(2):  # good land amid good land
        context = np.array([(context[i] + sum(context[j] for j in near[i])) / (1 + len(near[i]))
                            for i in range(len(near))])  # fmt: skip
    order = np.argsort(-context, kind="stable")
    best: list[int] = []
    worth = -1.0
    for number in range(_ROUNDS * len(near) + 20):
        if number >= _SEEDS and time.monotonic() >= until:
            break
        first = int(order[number]) if number < len(near) else int(random.choice(order[: len(order) // 2 + 1]))
        noise = 0.0 if number < len(near) else 0.25
        share = 1.0 if number < len(near) else float(random.uniform(1.0 / asked.pieces, 1.0))
        plan = _grown(land, asked, near, first, order, ratio * np.exp(random.normal(0.0, noise, len(near))), share)
        plan = _exchanged(land, asked, near, plan, until)
        total = float(land.worth[plan].sum())
        if total > worth and _meets(land, asked, near, plan):
            best, worth = plan, total
    return sorted(best)


def _grown(
    land: Land, asked: Asked, near: Sequence[Sequence[int]], first: int, order: Integers, ratio: Floats, share: float
) -> list[int]:
    """Pieces one after another, each from its seed over the rim, the best worth over cost first.

    share: of the money that is left, a piece takes so much, the last one all.
    """
    taken: set[int] = set()
    spent = 0.0
    for number in range(asked.pieces):
        apart = (int(i) for i in order if i not in taken and not any(j in taken for j in near[i]))
        seed = first if number == 0 else next(apart, None)
        if seed is None or spent + land.cost[seed] > asked.budget:
            break
        left = asked.budget - spent
        piece, cost = _piece(land, near, seed, ratio, taken, left if number == asked.pieces - 1 else share * left)
        if land.area[list(piece)].sum() + _TINY >= asked.piece:
            taken |= piece
            spent += cost
    return sorted(taken)


def _piece(
    land: Land, near: Sequence[Sequence[int]], first: int, ratio: Floats, taken: set[int], allowance: float
) -> tuple[set[int], float]:
    piece = {first}
    cost = float(land.cost[first])
    rim = [(-float(ratio[j]), j) for j in near[first] if j not in taken]
    heapq.heapify(rim)
    seen = {first, *(j for _, j in rim)}
    while rim:
        _, i = heapq.heappop(rim)
        if cost + land.cost[i] > allowance or land.worth[i] <= 0:
            continue
        piece.add(i)
        cost += float(land.cost[i])
        for j in near[i]:
            if j not in seen and j not in taken:
                seen.add(j)
                heapq.heappush(rim, (-float(ratio[j]), j))
    return piece, cost


def _exchanged(land: Land, asked: Asked, near: Sequence[Sequence[int]], plan: Sequence[int], until: float) -> list[int]:
    """Parcels of the rim against others, as long as the plan becomes worth more."""
    taken = set(plan)
    spent = float(land.cost[list(taken)].sum())
    improved = True
    while improved and time.monotonic() < until:
        improved = False
        rim = {j for i in taken for j in near[i] if j not in taken and land.worth[j] > 0}
        for j in sorted(rim, key=lambda j: -land.worth[j]):
            if spent + land.cost[j] <= asked.budget:
                taken.add(j)
                spent += float(land.cost[j])
                improved = True
        loose = [i for i in sorted(taken, key=lambda i: land.worth[i]) if _loose(near, taken, i)]
        for i in loose[:25]:
            room = asked.budget - spent + land.cost[i]
            rest = taken - {i}
            rim = {j for k in rest for j in near[k] if j not in taken and land.worth[j] > land.worth[i] + _TINY}
            fits = [j for j in rim if land.cost[j] <= room]
            if fits:
                j = max(fits, key=lambda j: land.worth[j])
                taken = rest | {j}
                spent += float(land.cost[j] - land.cost[i])
                improved = True
                break
    return sorted(taken)


def _loose(near: Sequence[Sequence[int]], taken: set[int], i: int) -> bool:
    """Whether the piece of a parcel hangs together without it."""
    own = [j for j in near[i] if j in taken]
    if len(own) <= 1:
        return bool(own)
    left = set(own[1:])
    seen = {own[0], i}
    queue = [own[0]]
    while queue and left:
        for j in near[queue.pop()]:
            if j in taken and j not in seen:
                seen.add(j)
                left.discard(j)
                queue.append(j)
    return not left


def pieces_of(near: Sequence[Sequence[int]], plan: Iterable[int]) -> list[list[int]]:
    """The connected pieces of a plan, the largest number of parcels first."""
    left = set(plan)
    found = []
    while left:
        first = min(left)
        left.discard(first)
        piece, queue = [first], [first]
        while queue:
            for j in near[queue.pop()]:
                if j in left:
                    left.discard(j)
                    piece.append(j)
                    queue.append(j)
        found.append(sorted(piece))
    return sorted(found, key=lambda p: (-len(p), p))


def _meets(land: Land, asked: Asked, near: Sequence[Sequence[int]], plan: Sequence[int]) -> bool:
    pieces = pieces_of(near, plan)
    return (
        len(pieces) <= asked.pieces
        and float(land.cost[list(plan)].sum()) <= asked.budget * (1 + 1e-12)
        and float(land.area[list(plan)].sum()) + _TINY >= asked.least
        and all(float(land.area[p].sum()) + _TINY >= asked.piece for p in pieces)
    )


class _Model:
    """Columns: x (taken), r (root), g (area that flows in at a root), f (area over each border, both ways)."""

    def __init__(self, land: Land, asked: Asked) -> None:
        self._land, self._asked = land, asked
        n, borders = len(land.worth), len(land.tail)
        self._n, self._arcs = n, 2 * borders
        self._from = np.concatenate([land.tail, land.head])
        self._to = np.concatenate([land.head, land.tail])
        # No piece is larger than what the budget buys at the best price of area.
        self._most = min(float(land.area.sum()), most_area(land, asked))

    def solve(self, start: Sequence[int], seconds: float, seed: int) -> highs.Solved:
        """Raises: InvalidInput when there is no plan."""
        n, arcs, land, asked = self._n, self._arcs, self._land, self._asked
        width = 3 * n + arcs
        x, r, g, f = np.arange(n), n + np.arange(n), 2 * n + np.arange(n), 3 * n + np.arange(arcs)
        blocks, low, high = [], [], []

        def add(rows: int, row: Integers, column: Integers, value: Floats, at_least: float, at_most: float) -> None:
            blocks.append(sp.csr_array((value, (row, column)), shape=(rows, width)))
            low.append(np.full(rows, at_least))
            high.append(np.full(rows, at_most))

        every, one = np.arange(n), np.ones(n)
        # balance: what comes in stays as the parcel's own area, or goes on
        add(n, np.concatenate([every, self._to, self._from, every]), np.concatenate([g, f, f, x]),
            np.concatenate([one, np.ones(arcs), -np.ones(arcs), -land.area]), 0.0, 0.0)  # fmt: skip
        add(n, np.concatenate([every, every]), np.concatenate([r, x]), np.concatenate([one, -one]), -np.inf, 0.0)
        add(n, np.concatenate([every, every]), np.concatenate([g, r]), np.concatenate([one, -self._most * one]),
            -np.inf, 0.0)  # fmt: skip
        if asked.piece > 0:
            add(n, np.concatenate([every, every]), np.concatenate([g, r]), np.concatenate([one, -asked.piece * one]),
                0.0, np.inf)  # fmt: skip
        number = np.arange(arcs)
        for end in (self._from, self._to):
            room = self._most - (land.area[self._from] if end is self._to else 0.0) * np.ones(arcs)
            add(arcs, np.concatenate([number, number]), np.concatenate([f, x[end]]),
                np.concatenate([np.ones(arcs), -np.maximum(room, 0.0)]), -np.inf, 0.0)  # fmt: skip
        # a parcel that is no root has a neighbour
        add(n, np.concatenate([every, every, self._to]), np.concatenate([x, r, x[self._from]]),
            np.concatenate([one, -one, -np.ones(arcs)]), -np.inf, 0.0)  # fmt: skip
        # the root of a piece is its first parcel: nothing before it is taken beside it
        back = self._from < self._to
        add(int(back.sum()), np.repeat(np.arange(int(back.sum())), 2),
            np.column_stack([r[self._to[back]], x[self._from[back]]]).ravel(), np.ones(2 * int(back.sum())),
            -np.inf, 1.0)  # fmt: skip
        add(1, np.zeros(n, np.int64), r, one, 1.0, float(asked.pieces))
        add(1, np.zeros(n, np.int64), x, land.cost, -np.inf, asked.budget)
        if asked.least > 0:
            add(1, np.zeros(n, np.int64), x, land.area, asked.least, np.inf)
        whole = np.zeros(width, np.bool_)
        whole[: 2 * n] = True
        upper = np.concatenate([np.ones(2 * n), np.full(n + arcs, self._most)])
        cost = np.zeros(width)
        cost[:n] = -land.worth
        return highs.minimise(
            cost, sp.vstack(blocks), np.concatenate(low), np.concatenate(high), upper=upper, whole=whole,
            start=self._flowing(start) if len(start) else None, seconds=seconds, gap=1e-6, seed=seed,
        )  # fmt: skip

    def _flowing(self, start: Sequence[int]) -> Floats:
        """A plan as columns: a tree in each piece carries its area from the first parcel."""
        n, land = self._n, self._land
        values = np.zeros(3 * n + self._arcs)
        arc = {(int(a), int(b)): k for k, (a, b) in enumerate(zip(self._from, self._to, strict=True))}
        near = land.neighbours()
        for piece in pieces_of(near, start):
            root, inside = piece[0], set(piece)
            order, parent = [root], {root: -1}
            for i in order:
                for j in near[i]:
                    if j in inside and j not in parent:
                        parent[j] = i
                        order.append(j)
            below = {i: float(land.area[i]) for i in piece}
            for i in reversed(order):
                if parent[i] >= 0:
                    below[parent[i]] += below[i]
                    values[3 * n + arc[parent[i], i]] = below[i]
            values[piece] = 1.0
            values[n + root] = 1.0
            values[2 * n + root] = below[root]
        return values

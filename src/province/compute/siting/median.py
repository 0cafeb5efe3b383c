"""The p-median problem: open p sites so that the weighted distance from demand to the nearest open one is least.

Upper bound: interchange (Resende and Werneck 2007's gain, loss and correction; best improvement) inside a variable
neighbourhood search. Lower bound: Lagrangian relaxation of "each demand is served once" by subgradient steps. The
search is exact in its arithmetic for integer distances below 2^53; it proves nothing by itself, the bound does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from province.compute.claim import Certified
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Median(Certified):
    """open: (p,) candidates, ascending.  serves: (demand,) the open candidate nearest to each.

    cost: total weighted distance.  bound: no choice of p candidates costs less.
    """

    open: Integers
    serves: Integers
    cost: float
    bound: float


def solve(
    distance: Floats,
    p: int,
    *,
    weight: Floats | None = None,
    fixed: Integers | None = None,
    forbidden: Integers | None = None,
    rounds: int = 300,
    steps: int = 600,
    seed: int = 0,
) -> Median:
    """Choose p candidates.

    distance: (demand, candidates), finite and ≥ 0.  weight: (demand,) ≥ 0; None: 1 each.  fixed: candidates that are
    open already and count among the p.  forbidden: candidates that may not open.  rounds: shakes of the search.
    steps: subgradient steps of the bound.  The same seed gives the same plan.  O(demand × candidates) each round.
    Raises: InvalidInput naming the argument.
    """
    distance = np.ascontiguousarray(distance, np.float64)
    if distance.ndim != 2 or not distance.size:
        raise InvalidInput(
            f"distances of shape {distance.shape}.", field="distance", remedy="Give demand × candidates."
        )
    if not np.isfinite(distance).all() or distance.min() < 0:
        raise InvalidInput(
            "a distance is negative, infinite or not a number.", field="distance",
            remedy="Leave out demand that no candidate reaches, or connect the network.",
        )  # fmt: skip
    demand, candidates = distance.shape
    held = np.zeros(0, np.int64) if fixed is None else np.unique(np.asarray(fixed, np.int64))
    usable = np.ones(candidates, np.bool_)
    usable[np.zeros(0, np.int64) if forbidden is None else np.asarray(forbidden, np.int64)] = False
    if not usable[held].all():
        raise InvalidInput("a candidate is both fixed and forbidden.", field="fixed")
    if not max(1, len(held)) <= p <= int(usable.sum()):
        raise InvalidInput(
            f"{p} sites, with {len(held)} fixed and {int(usable.sum())} allowed.", field="p",
            remedy="Choose p between the two.",
        )  # fmt: skip
    scale = np.ones(demand) if weight is None else np.asarray(weight, np.float64)
    if scale.shape != (demand,) or not np.isfinite(scale).all() or scale.min() < 0:
        raise InvalidInput("one weight ≥ 0 per row of demand is needed.", field="weight")
    cost = np.ascontiguousarray(distance * scale[:, None])
    lock = np.zeros(candidates, np.bool_)
    lock[held] = True
    chosen = _search(cost, p, usable, lock, rounds, seed)
    opened = np.sort(chosen)
    total = float(cost[:, opened].min(axis=1).sum())
    bound = min(_bound(cost, p, usable, lock, total, steps), total)
    if (cost == np.floor(cost)).all():
        bound = float(np.ceil(bound - 1e-6))
    return Median(opened, opened[cost[:, opened].argmin(axis=1)], total, bound)


@numba.njit(cache=True)
def _nearest(cost: Floats, chosen: Integers, first: Integers, near: Floats, second: Floats) -> float:
    total = 0.0
    for i in range(cost.shape[0]):
        a, b, who = np.inf, np.inf, 0
        for k in range(len(chosen)):
            d = cost[i, chosen[k]]
            if d < a:
                a, b, who = d, a, k
            elif d < b:
                b = d
        first[i], near[i], second[i] = who, a, b
        total += a
    return total


@numba.njit(cache=True)
def _interchange(
    cost: Floats, chosen: Integers, inside: npt.NDArray[np.bool_], usable: npt.NDArray[np.bool_],
    lock: npt.NDArray[np.bool_],
) -> float:  # fmt: skip
    """Swap one site for another while that helps, the best swap first."""
    demand, candidates = cost.shape
    p = len(chosen)
    first, near, second = np.empty(demand, np.int64), np.empty(demand), np.empty(demand)
    total = _nearest(cost, chosen, first, near, second)
    away = np.empty(p)
    while True:
        best, goes, comes = -1e-9, -1, -1
        for j in range(candidates):
            if inside[j] or not usable[j]:
                continue
            away[:] = 0.0
            gain = 0.0
            for i in range(demand):
                d = cost[i, j]
                if d < near[i]:
                    gain += d - near[i]
                else:
                    away[first[i]] += min(d, second[i]) - near[i]
            for k in range(p):
                if not lock[chosen[k]] and gain + away[k] < best:
                    best, goes, comes = gain + away[k], k, j
        if goes < 0:
            return total
        inside[chosen[goes]] = False
        inside[comes] = True
        chosen[goes] = comes
        total = _nearest(cost, chosen, first, near, second)


@numba.njit(cache=True)
def _search(
    cost: Floats, p: int, usable: npt.NDArray[np.bool_], lock: npt.NDArray[np.bool_], rounds: int, seed: int
) -> Integers:
    np.random.seed(seed)
    demand, candidates = cost.shape
    chosen, inside = np.empty(p, np.int64), np.zeros(candidates, np.bool_)
    n = 0
    near = np.full(demand, np.inf)
    for j in range(candidates):
        if lock[j]:
            chosen[n], inside[j] = j, True
            n += 1
            near = np.minimum(near, cost[:, j])
    while n < p:  # greedy
        best, who = np.inf, -1
        for j in range(candidates):
            if inside[j] or not usable[j]:
                continue
            total = 0.0
            for i in range(demand):
                total += min(near[i], cost[i, j])
            if total < best or who < 0:
                best, who = total, j
        chosen[n], inside[who] = who, True
        n += 1
        near = np.minimum(near, cost[:, who])
    total = _interchange(cost, chosen, inside, usable, lock)
    kept, least = chosen.copy(), total
    loose = 0
    for k in range(p):
        loose += not lock[chosen[k]]
    spare = usable.sum() - p
    depth, most = 2, max(2, min(12, p))
    if loose == 0 or spare == 0:
        return kept
    for _ in range(rounds):
        chosen[:] = kept
        inside[:] = False
        inside[kept] = True
        for _ in range(min(depth, loose, spare)):
            while True:
                goes = np.random.randint(p)
                if not lock[chosen[goes]]:
                    break
            while True:
                comes = np.random.randint(candidates)
                if usable[comes] and not inside[comes]:
                    break
            inside[chosen[goes]] = False
            inside[comes] = True
            chosen[goes] = comes
        total = _interchange(cost, chosen, inside, usable, lock)
        if total < least - 1e-9:
            least, depth = total, 2
            kept[:] = chosen
        else:
            depth = depth + 1 if depth < most else 2
    return kept


@numba.njit(cache=True)
def _bound(
    cost: Floats, p: int, usable: npt.NDArray[np.bool_], lock: npt.NDArray[np.bool_], target: float, steps: int
) -> float:
    """The best Lagrangian bound found. Demand i pays u_i to be served; the p most profitable candidates open."""
    demand, candidates = cost.shape
    price = np.empty(demand)
    for i in range(demand):
        row = np.sort(cost[i][usable])
        price[i] = row[min(len(row) - 1, 1)]
    best, stride, stale = -np.inf, 1.5, 0
    profit, rank, served = np.empty(candidates), np.empty(candidates), np.empty(demand)
    for _ in range(steps):
        for j in range(candidates):
            profit[j] = 0.0
        for i in range(demand):
            for j in range(candidates):
                d = cost[i, j] - price[i]
                if d < 0.0:
                    profit[j] += d
        for j in range(candidates):
            rank[j] = -np.inf if lock[j] else profit[j] if usable[j] else np.inf
        order = np.argsort(rank)[:p]
        value = price.sum()
        served[:] = 1.0
        for j in order:
            value += profit[j]
            for i in range(demand):
                if cost[i, j] < price[i]:
                    served[i] -= 1.0
        if value > best + 1e-7:
            best, stale = value, 0
        else:
            stale += 1
            if stale >= 20:
                stride, stale = stride * 0.7, 0
        norm = (served * served).sum()
        if norm == 0.0 or stride < 1e-4 or target - best < 1e-6:
            break
        price += stride * (target - value) / norm * served
    return best

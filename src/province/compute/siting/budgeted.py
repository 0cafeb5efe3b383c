"""Budgeted coverage: which options at which sites serve the most demand for a sum of money.

An option (an antenna sector, a capacity class) belongs to a site whose own cost (mast, power) is paid once. A demand
counts once, however many options reach it. Plan: lazy greedy by demand per money, then large neighbourhood search:
take the sites of a small district away, fill again. Bound: Lagrangian prices of the demand, and for given prices the
best price of money, so the bound is that of the linear relaxation or worse, never an estimate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Budgeted:
    """chosen: options, ascending.  covered: demand served, in the unit of `weight`.  spent: money.

    bound: no choice within the budget serves more.
    """

    chosen: Integers
    covered: float
    spent: float
    bound: float

    @property
    def gap(self) -> float:
        """(bound − covered) / covered."""
        return max(0.0, (self.bound - self.covered) / self.covered) if self.covered else float(self.bound > 0)


def solve(
    covers: sp.csc_array,
    weight: Floats,
    cost: Floats,
    budget: float,
    *,
    site: Integers | None = None,
    site_cost: Floats | None = None,
    fixed: Integers | None = None,
    forbidden: Integers | None = None,
    place: Floats | None = None,
    seconds: float = 30.0,
    iterations: int | None = None,
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
) -> Budgeted:
    """Choose options.

    covers: (demand, options) of 0 and 1.  weight: (demand,) ≥ 0.  cost: (options,) ≥ 0.  budget: in the same money.
    site: (options,) site of each; None: each its own.  site_cost: (sites,), paid when one of its options is chosen.
    fixed: options that exist: chosen, they and their sites cost nothing.  forbidden: never chosen.
    place: (sites, 2) positions in one projected plane; districts are of near sites.  seconds: of wall time, search and
    bound together.  iterations: of the search instead of time, for a plan that can be repeated exactly.
    progress: called with (covered, bound) now and then.  Raises: InvalidInput naming the argument.
    """
    covers = sp.csc_array(covers)
    demand, options = covers.shape
    weight, cost = np.ascontiguousarray(weight, np.float64), np.array(cost, np.float64)
    if weight.shape != (demand,) or cost.shape != (options,):
        raise InvalidInput(
            f"{weight.shape[0]} weights and {cost.shape[0]} costs for {demand} demands and {options} options.",
            field="covers",
        )
    if weight.min(initial=0.0) < 0 or cost.min(initial=0.0) < 0 or not np.isfinite(weight).all():
        raise InvalidInput("weights and costs must be ≥ 0 and finite.", field="weight")
    if not budget >= 0:
        raise InvalidInput(f"a budget of {budget}.", field="budget", remedy="Give a sum ≥ 0.")
    site = np.arange(options) if site is None else np.ascontiguousarray(site, np.int64)
    sites = int(site.max(initial=-1)) + 1
    shared = np.zeros(sites) if site_cost is None else np.array(site_cost, np.float64)
    usable, lock = np.ones(options, np.bool_), np.zeros(options, np.bool_)
    if forbidden is not None:
        usable[np.asarray(forbidden, np.int64)] = False
    if fixed is not None:
        held = np.asarray(fixed, np.int64)
        if not usable[held].all():
            raise InvalidInput("an option is both fixed and forbidden.", field="fixed")
        lock[held] = True
        cost[held] = 0.0
        shared[site[held]] = 0.0
    across = sp.csr_array(covers)
    data = (
        covers.indptr.astype(np.int64), covers.indices.astype(np.int32),
        across.indptr.astype(np.int64), across.indices.astype(np.int32),
    )  # fmt: skip
    end = time.monotonic() + seconds
    where = np.zeros((sites, 2)) if place is None else np.ascontiguousarray(place, np.float64)
    order = np.argsort(site, kind="stable")
    first = np.searchsorted(site[order], np.arange(sites + 1))
    members = (first.astype(np.int64), order.astype(np.int64))
    chosen = _greedy(*data, weight, cost, site, shared, usable, lock, float(budget))
    bounder = _Bounder(data, weight, cost, site, shared, usable, members, float(budget))
    covered = _covered(*data, weight, chosen)
    random = np.random.default_rng(seed)
    done = 0
    share_s = 0.05 * max(seconds, 1.0)

    def spent(one: Bools) -> float:
        """What a plan costs."""
        return float(cost[one].sum() + shared[np.unique(site[one])].sum())

    # The search also takes what is dearer and covers as much, for that leads on; what is told is the cheapest it met.
    told, told_covered, told_spent = chosen, covered, spent(chosen)
    while True:
        block = 200 if iterations is None else min(200, iterations - done)
        if block > 0:
            until = time.monotonic() + share_s
            while block > 0 and (iterations is not None or time.monotonic() < until):
                chosen, covered = _search(
                    *data, weight, cost, site, shared, usable, lock, float(budget), *members, where,
                    place is not None, chosen, block, int(random.integers(2**31)),
                )  # fmt: skip
                done += block
                now = spent(chosen)
                if covered > told_covered + 1e-9 or now < told_spent:
                    told, told_covered, told_spent = chosen, covered, now
                if iterations is not None:
                    break
        bounder.improve(covered, 20 if iterations is not None else None, time.monotonic() + share_s)
        if progress is not None:
            progress(covered, bounder.best)
        if bounder.best <= covered * (1 + 1e-9):
            break
        if iterations is not None and done >= iterations:
            bounder.improve(covered, 400, np.inf)
            break
        if iterations is None and time.monotonic() > end:
            break
    return Budgeted(np.flatnonzero(told), told_covered, told_spent, max(told_covered, bounder.best))


def prepare() -> None:
    """Compile the kernels, which takes seconds the first time and then is kept on disk: before time is counted."""
    solve(sp.csc_array(np.ones((1, 1))), np.ones(1), np.ones(1), 0.5, iterations=1)


class _Bounder:
    """Subgradient steps on the demand's prices, resumed from block to block."""

    def __init__(
        self, data: tuple[Integers, Small, Integers, Small], weight: Floats, cost: Floats, site: Integers,
        shared: Floats, usable: Bools, members: tuple[Integers, Integers], budget: float,
    ) -> None:  # fmt: skip
        self._problem = (*data, weight, np.where(usable, cost, np.inf), site, shared, *members, budget)
        self.price = weight * 0.5
        self.best = float(weight.sum())
        self._state = np.array([1.0, 0.0, np.inf])

    def improve(self, covered: float, steps: int | None, until: float) -> None:
        """Take steps until a number or an instant is reached."""
        left = steps if steps is not None else 10**9
        while left > 0 and (steps is not None or time.monotonic() < until) and self._state[0] > 1e-5:
            block = min(left, 10)
            self.best = min(self.best, _bound(*self._problem, self.price, self._state, covered, block, self.best))
            left -= block


@numba.njit(cache=True)
def _covered(start, rows, row_start, columns, weight, chosen) -> float:
    total = 0.0
    for i in range(len(weight)):
        for k in range(row_start[i], row_start[i + 1]):
            if chosen[columns[k]]:
                total += weight[i]
                break
    return total


@numba.njit(cache=True)
def _put(j, start, rows, row_start, columns, weight, count, gain) -> None:
    for k in range(start[j], start[j + 1]):
        i = rows[k]
        if count[i] == 0:
            for q in range(row_start[i], row_start[i + 1]):
                gain[columns[q]] -= weight[i]
        count[i] += 1


@numba.njit(cache=True)
def _take(j, start, rows, row_start, columns, weight, count, gain) -> None:
    for k in range(start[j], start[j + 1]):
        i = rows[k]
        count[i] -= 1
        if count[i] == 0:
            for q in range(row_start[i], row_start[i + 1]):
                gain[columns[q]] += weight[i]


@numba.njit(cache=True)
def _fill(
    start, rows, row_start, columns, weight, cost, site, shared, usable, chosen, count, gain, open_, left, noise
) -> float:
    """Add the option with the most demand per money while one fits. Returns what is left."""
    options = len(cost)
    while True:
        best, who, price = 0.0, -1, 0.0
        for j in range(options):
            if chosen[j] or not usable[j] or gain[j] <= 1e-12:
                continue
            c = cost[j] + (0.0 if open_[site[j]] > 0 else shared[site[j]])
            if c > left:
                continue
            worth = gain[j] / (c + 1e-12)
            if noise > 0.0:
                worth *= 1.0 + noise * np.random.random()
            if worth > best:
                best, who, price = worth, j, c
        if who < 0:
            return left
        chosen[who] = True
        open_[site[who]] += 1
        left -= price
        _put(who, start, rows, row_start, columns, weight, count, gain)


@numba.njit(cache=True)
def _state(start, rows, row_start, columns, weight, site, sites, chosen):
    count = np.zeros(len(weight), np.int32)
    gain = np.zeros(len(chosen))
    for j in range(len(chosen)):
        for k in range(start[j], start[j + 1]):
            gain[j] += weight[rows[k]]
    open_ = np.zeros(sites, np.int32)
    for j in range(len(chosen)):
        if chosen[j]:
            open_[site[j]] += 1
            _put(j, start, rows, row_start, columns, weight, count, gain)
    return count, gain, open_


@numba.njit(cache=True)
def _greedy(start, rows, row_start, columns, weight, cost, site, shared, usable, lock, budget):
    chosen = lock.copy()
    count, gain, open_ = _state(start, rows, row_start, columns, weight, site, len(shared), chosen)
    _fill(start, rows, row_start, columns, weight, cost, site, shared, usable, chosen, count, gain, open_, budget, 0.0)
    return chosen


@numba.njit(cache=True)
def _search(
    start, rows, row_start, columns, weight, cost, site, shared, usable, lock, budget, first, members, where, placed,
    given, iterations, seed,
):  # fmt: skip
    np.random.seed(seed)
    chosen = given.copy()
    sites = len(shared)
    count, gain, open_ = _state(start, rows, row_start, columns, weight, site, sites, chosen)
    left = budget
    for j in range(len(chosen)):
        if chosen[j]:
            left -= cost[j]
    for g in range(sites):
        if open_[g] > 0:
            left -= shared[g]
    value = 0.0
    for i in range(len(weight)):
        if count[i] > 0:
            value += weight[i]
    changed = np.empty(len(chosen), np.int64)
    was = chosen.copy()
    for _ in range(iterations):
        live = np.flatnonzero(open_ > 0)
        if len(live) == 0:
            break
        n = min(len(live), 2 + np.random.randint(8))
        if placed:
            middle = where[live[np.random.randint(len(live))]]
            far = np.empty(len(live))
            for k in range(len(live)):
                dx, dy = where[live[k], 0] - middle[0], where[live[k], 1] - middle[1]
                far[k] = (dx * dx + dy * dy) * (0.5 + np.random.random())
            away = live[np.argsort(far)[:n]]
        else:
            away = np.random.choice(live, n, False)
        was[:] = chosen
        room = left
        # Mostly near the greedy order, now and then far from it: one dear option may stand in the way of a better plan.
        noise = 0.4 if np.random.random() < 0.7 else 5.0
        for g in away:
            for k in range(first[g], first[g + 1]):
                j = members[k]
                if chosen[j] and not lock[j]:
                    chosen[j] = False
                    open_[g] -= 1
                    room += cost[j]
                    _take(j, start, rows, row_start, columns, weight, count, gain)
            if open_[g] == 0:
                room += shared[g]
        room = _fill(
            start, rows, row_start, columns, weight, cost, site, shared, usable, chosen, count, gain, open_, room, noise
        )
        now, n_changed = value, 0
        for j in range(len(chosen)):
            if chosen[j] != was[j]:
                changed[n_changed] = j
                n_changed += 1
        now = 0.0
        for i in range(len(weight)):
            if count[i] > 0:
                now += weight[i]
        if now >= value - 1e-9:
            value, left = now, room
            continue
        for k in range(n_changed):
            j = changed[k]
            if chosen[j]:
                chosen[j] = False
                open_[site[j]] -= 1
                _take(j, start, rows, row_start, columns, weight, count, gain)
        for k in range(n_changed):
            j = changed[k]
            if was[j]:
                chosen[j] = True
                open_[site[j]] += 1
                _put(j, start, rows, row_start, columns, weight, count, gain)
    return chosen, value


@numba.njit(cache=True)
def _best_sets(worth, cost, shared, first, members, money, pick):
    """Best options of every site when money has a price. Returns their profit and what they cost."""
    profit, spent = 0.0, 0.0
    for g in range(len(shared)):
        own, paid = -money * shared[g], shared[g]
        for k in range(first[g], first[g + 1]):
            j = members[k]
            net = worth[j] - money * cost[j]
            if net > 0.0:
                own += net
                paid += cost[j]
        take = own > 0.0
        if take:
            profit += own
            spent += paid
        for k in range(first[g], first[g + 1]):
            j = members[k]
            pick[j] = take and worth[j] - money * cost[j] > 0.0
    return profit, spent


@numba.njit(cache=True)
def _bound(
    start, rows, row_start, columns, weight, cost, site, shared, first, members, budget, price, state, covered, steps,
    best,
):  # fmt: skip
    options, demand = len(cost), len(weight)
    worth = np.empty(options)
    pick, other = np.zeros(options, np.bool_), np.zeros(options, np.bool_)
    slope = np.empty(demand)
    for _ in range(steps):
        base = 0.0
        for i in range(demand):
            base += weight[i] - price[i]
        for j in range(options):
            worth[j] = 0.0
            if np.isfinite(cost[j]):
                for k in range(start[j], start[j + 1]):
                    worth[j] += price[rows[k]]
        low, high = 0.0, 1e-9
        profit, spent = _best_sets(worth, cost, shared, first, members, 0.0, pick)
        blend = 1.0
        money = 0.0
        if spent > budget:
            # At this price of money nothing that costs is taken: neither an option, nor a site for its free options.
            for g in range(len(shared)):
                free = 0.0
                for k in range(first[g], first[g + 1]):
                    j = members[k]
                    if cost[j] == 0.0:
                        free += worth[j]
                    elif np.isfinite(cost[j]):
                        high = max(high, worth[j] / cost[j] * 1.01)
                if shared[g] > 0.0:
                    high = max(high, free / shared[g] * 1.01)
            for _ in range(45):
                middle = 0.5 * (low + high)
                profit, spent = _best_sets(worth, cost, shared, first, members, middle, pick)
                if spent > budget:
                    low = middle
                else:
                    high = middle
            money = high
            profit, spent = _best_sets(worth, cost, shared, first, members, high, pick)
            _, dear = _best_sets(worth, cost, shared, first, members, low, other)
            # Between the two plans the linear relaxation spends the budget exactly.
            blend = 1.0 if dear <= spent else (dear - budget) / (dear - spent)
            blend = min(1.0, max(0.0, blend))
        else:
            other[:] = pick
        value = base + profit + money * budget
        if value < best - 1e-9 * abs(best):
            best = value
            state[1] = 0.0
        else:
            state[1] += 1.0
            if state[1] >= 12.0:
                state[0] *= 0.75
                state[1] = 0.0
        norm = 0.0
        for i in range(demand):
            slope[i] = -1.0
            for k in range(row_start[i], row_start[i + 1]):
                j = columns[k]
                slope[i] += (blend if pick[j] else 0.0) + (1.0 - blend if other[j] else 0.0)
            if (slope[i] < 0.0 and price[i] >= weight[i]) or (slope[i] > 0.0 and price[i] <= 0.0):
                slope[i] = 0.0
            norm += slope[i] * slope[i] * weight[i] * weight[i]
        if norm == 0.0:
            state[0] = 0.0
            return best
        step = state[0] * max(value - covered, 1e-9 * value) / norm
        for i in range(demand):
            moved = price[i] - step * slope[i] * weight[i] * weight[i]
            price[i] = min(weight[i], max(0.0, moved))
    return best

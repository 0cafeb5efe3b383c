"""Checks a plan from the data alone: recomputes its objective, tests every condition, refuses a false claim.

Nothing here is used by the kernels, and no arithmetic of theirs is used here: dense loops of numpy over the data as
they were given. A claim is refused with the first condition that it breaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from province.compute.claim import RELATIVE, Checked, false, least, near

Floats = npt.NDArray[np.float64]


def median(
    distance: Floats, p: int, chosen: Sequence[int], claimed: float, bound: float, *,
    weight: Floats | None = None, fixed: Iterable[int] = (), forbidden: Iterable[int] = (),
) -> Checked:  # fmt: skip
    """Check a p-median plan. Raises: InvalidInput naming what is false."""
    opened = _distinct(chosen, distance.shape[1])
    if len(opened) != p:
        raise false(f"{len(opened)} sites are open, not {p}.")
    _kept(opened, fixed, forbidden)
    total = 0.0
    for i in range(distance.shape[0]):
        total += min(float(distance[i, j]) for j in opened) * (1.0 if weight is None else float(weight[i]))
    return least(total, claimed, bound)


def covering(
    covers: Any, cost: Floats, chosen: Sequence[int], claimed: float, bound: float, *,
    need: Sequence[int] | None = None, fixed: Iterable[int] = (), forbidden: Iterable[int] = (),
) -> Checked:  # fmt: skip
    """Check a cover. covers: (demand, options), sparse or dense. Raises: InvalidInput naming what is false."""
    opened = _distinct(chosen, covers.shape[1])
    _kept(opened, fixed, forbidden)
    times = _times(covers, opened)
    wanted = np.ones(covers.shape[0]) if need is None else np.asarray(need)
    short = np.flatnonzero(times < wanted)
    if len(short):
        raise false(f"demand {short[0]} is covered {times[short[0]]} times, not {wanted[short[0]]:g}.")
    return least(sum(float(cost[j]) for j in opened), claimed, bound)


def budgeted(
    covers: Any, weight: Floats, cost: Floats, budget: float, chosen: Sequence[int], claimed: float, bound: float, *,
    site: Sequence[int] | None = None, site_cost: Floats | None = None, fixed: Iterable[int] = (),
    forbidden: Iterable[int] = (),
) -> Checked:  # fmt: skip
    """Check a plan within a budget; `fixed` options and their sites cost nothing. Raises: InvalidInput."""
    opened = _distinct(chosen, covers.shape[1])
    given = set(fixed)
    _kept(opened, given, forbidden)
    spent = sum(float(cost[j]) for j in opened if j not in given)
    if site is not None and site_cost is not None:
        paid = {int(site[j]) for j in opened} - {int(site[j]) for j in given}
        spent += sum(float(site_cost[g]) for g in paid)
    if spent > budget * (1 + RELATIVE):
        raise false(f"the plan spends {spent:g} of a budget of {budget:g}.")
    covered = float(np.asarray(weight)[_times(covers, opened) > 0].sum())
    if not near(covered, claimed):
        raise false(f"it covers {covered:.9g}, not {claimed:.9g} as claimed.")
    if bound < covered * (1 - RELATIVE):
        raise false(f"the bound {bound:.9g} is below what the plan itself covers, {covered:.9g}.")
    return Checked(covered, bound, (bound - covered) / covered if covered else float(bound > 0))


def capacitated(
    serving: Floats, demand: Floats, fixed_cost: Floats, capacity: Floats, chosen: Sequence[int], share: Floats,
    claimed: float, bound: float, *, fixed: Iterable[int] = (), forbidden: Iterable[int] = (), single: bool = False,
) -> Checked:  # fmt: skip
    """Check who is served from where, and the cost. Raises: InvalidInput naming what is false."""
    opened = _distinct(chosen, serving.shape[1])
    _kept(opened, fixed, forbidden)
    closed = np.setdiff1d(np.arange(serving.shape[1]), opened)
    if share.min() < -RELATIVE or np.abs(share.sum(axis=1) - 1).max() > RELATIVE:
        raise false(f"demand {int(np.abs(share.sum(axis=1) - 1).argmax())} is not served exactly once.")
    if share[:, closed].max(initial=0.0) > RELATIVE:
        raise false("a closed site serves.")
    if single and ((share > RELATIVE) & (share < 1 - RELATIVE)).any():
        raise false("a demand is divided between sites.")
    total = sum(float(fixed_cost[j]) for j in opened)
    for j in opened:
        load = sum(float(share[i, j]) * float(demand[i]) for i in range(len(demand)))
        if load > float(capacity[j]) * (1 + 1e-5):
            raise false(f"site {j} serves {load:g} with a capacity of {capacity[j]:g}.")
        total += sum(float(share[i, j]) * float(serving[i, j]) for i in range(len(demand)) if share[i, j] > 0)
    return least(total, claimed, bound)


def _times(covers: Any, opened: Sequence[int]) -> npt.NDArray[np.int64]:
    times = np.zeros(covers.shape[0], np.int64)
    for j in opened:
        column = covers[:, [j]]
        dense = column.toarray() if hasattr(column, "toarray") else np.asarray(column)
        times += (dense[:, 0] != 0).astype(np.int64)
    return times


def _distinct(chosen: Sequence[int], width: int) -> list[int]:
    opened = [int(j) for j in chosen]
    if len(set(opened)) != len(opened) or any(not 0 <= j < width for j in opened):
        raise false("a choice repeats, or names no candidate.")
    return opened


def _kept(opened: Sequence[int], fixed: Iterable[int], forbidden: Iterable[int]) -> None:
    if missing := set(map(int, fixed)) - set(opened):
        raise false(f"{min(missing)} exists and is not in the plan.")
    if wrong := set(map(int, forbidden)) & set(opened):
        raise false(f"{min(wrong)} is forbidden and in the plan.")

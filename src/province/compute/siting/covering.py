"""Set covering: every demand covered often enough, at the least cost.

Lagrangian prices rank the candidates; a greedy plan by reduced cost gives an upper bound that fixes candidates which
no better plan can use or miss; HiGHS decides about the rest. For large instances it stops at `seconds` and tells its
bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from province.compute.claim import Certified
from province.compute.siting import highs
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Covering(Certified):
    """chosen: candidates, ascending.  cost: their sum.  bound: no cover costs less.  proved: cost = bound."""

    chosen: Integers
    cost: float
    bound: float
    proved: bool


def solve(
    covers: sp.csc_array,
    cost: Floats,
    *,
    need: Integers | None = None,
    fixed: Integers | None = None,
    forbidden: Integers | None = None,
    seconds: float = 60.0,
    steps: int = 400,
) -> Covering:
    """Choose candidates so that each demand is covered `need` times.

    covers: (demand, candidates) of 0 and 1.  cost: (candidates,) ≥ 0.  need: (demand,) ≥ 0; None: 1 each.
    fixed: open already; their cost counts.  forbidden: may not open.
    Raises: InvalidInput naming demand that cannot be covered.
    """
    covers = sp.csc_array(covers, dtype=np.float64)
    demand, width = covers.shape
    cost = np.asarray(cost, np.float64)
    if cost.shape != (width,) or not np.isfinite(cost).all() or cost.min(initial=0.0) < 0:
        raise InvalidInput("one cost ≥ 0 per candidate is needed.", field="cost")
    wanted = np.ones(demand) if need is None else np.asarray(need, np.float64)
    free = np.ones(width, np.bool_)
    free[_index(forbidden)] = False
    held = np.zeros(width, np.bool_)
    held[_index(fixed)] = True
    if (held & ~free).any():
        raise InvalidInput("a candidate is both fixed and forbidden.", field="fixed")
    short = np.flatnonzero(covers @ free.astype(np.float64) < wanted)
    if len(short):
        raise InvalidInput(
            f"{len(short)} of {demand} demands cannot be covered as often as asked, the first is row {short[0]}.",
            field="need", remedy="Add candidates near them, allow forbidden ones, or lower the need.",
        )  # fmt: skip
    remaining = np.maximum(0.0, wanted - covers @ held.astype(np.float64))
    cost_held = float(cost[held].sum())
    rows = np.flatnonzero(remaining > 0)
    columns = np.flatnonzero(free & ~held)
    if not len(rows):
        return Covering(np.flatnonzero(held), cost_held, cost_held, True)
    part = sp.csc_array(covers[rows][:, columns])
    price, bound = _prices(part, cost[columns], remaining[rows], steps)
    reduced = cost[columns] - part.T @ price
    plan = _greedy(part, cost[columns], reduced, remaining[rows])
    target = float(cost[columns][plan].sum())
    room = target - bound
    in_core = (reduced <= room + 1e-9) | plan  # a column dearer than the room cannot stand in a better plan
    must = (reduced < -room - 1e-9) & plan  # nor can one cheaper than minus the room be left out
    core = np.flatnonzero(in_core)
    kept = part[:, core]
    solved = highs.minimise(
        cost[columns][core], sp.vstack([kept, sp.eye_array(len(core), format="csr")]),
        np.concatenate([remaining[rows], must[core].astype(np.float64)]), np.full(len(rows) + len(core), np.inf),
        whole=np.ones(len(core), np.bool_), start=plan[core].astype(np.float64), seconds=seconds,
    )  # fmt: skip
    if solved.values is not None and solved.cost <= target:
        plan = np.zeros(len(columns), np.bool_)
        plan[core[solved.values > 0.5]] = True
        target = float(cost[columns][plan].sum())
    chosen = np.sort(np.concatenate([np.flatnonzero(held), columns[plan]]))
    # Plans that use a column outside the core cost at least `target`, so the core's bound holds for all.
    least = max(bound, min(solved.bound, target))
    if (cost == np.floor(cost)).all():
        least = float(np.ceil(least - 1e-6))
    return Covering(chosen, float(cost[chosen].sum()), least + cost_held, solved.proved)


def _index(given: Integers | None) -> Integers:
    return np.zeros(0, np.int64) if given is None else np.asarray(given, np.int64)


def _prices(covers: sp.csc_array, cost: Floats, need: Floats, steps: int) -> tuple[Floats, float]:
    """Lagrangian prices of the demands and the bound that they prove."""
    across = sp.csr_array(covers)
    lengths = np.diff(covers.indptr)
    per_row = np.where(lengths > 0, cost / np.maximum(lengths, 1), np.inf)
    starts = across.indptr[:-1]
    price = np.minimum.reduceat(per_row[across.indices], starts)
    target = float(cost[_greedy(covers, cost, cost - covers.T @ price, need)].sum())
    kept, best, stride, stale = price.copy(), -np.inf, 1.0, 0
    for _ in range(steps):
        reduced = cost - covers.T @ price
        inside = reduced < 0
        value = float(price @ need + reduced[inside].sum())
        if value > best + 1e-9:
            best, kept, stale = value, price.copy(), 0
        else:
            stale += 1
            if stale >= 15:
                stride, stale = stride * 0.7, 0
        slope = need - covers @ inside.astype(np.float64)
        slope[(slope < 0) & (price <= 0)] = 0.0
        norm = float(slope @ slope)
        if norm == 0.0 or stride < 1e-4 or target - best < 1e-9:
            break
        price = np.maximum(0.0, price + stride * (1.05 * target - value) / norm * slope)
    return kept, best


def _greedy(covers: sp.csc_array, cost: Floats, reduced: Floats, need: Floats) -> npt.NDArray[np.bool_]:
    """A cover: cheapest by price per demand still open, then without what it does not need."""
    left, plan = need.copy(), np.zeros(len(cost), np.bool_)
    across = sp.csr_array(covers)
    gain = covers.T @ (left > 0).astype(np.float64)
    worth = np.maximum(reduced, 0.0) + 1e-9 * (1.0 + cost)
    while (left > 0).any():
        score = np.where((gain > 0) & ~plan, worth / np.maximum(gain, 1e-12), np.inf)
        j = int(score.argmin())
        plan[j] = True
        rows = covers.indices[covers.indptr[j] : covers.indptr[j + 1]]
        done = rows[left[rows] == 1]
        left[rows] -= 1
        for row in done:
            gain[across.indices[across.indptr[row] : across.indptr[row + 1]]] -= 1
    slack = covers @ plan.astype(np.float64) - need
    for j in np.flatnonzero(plan)[np.argsort(-cost[plan], kind="stable")]:
        rows = covers.indices[covers.indptr[j] : covers.indptr[j + 1]]
        if (slack[rows] >= 1).all():
            plan[j] = False
            slack[rows] -= 1
    return plan

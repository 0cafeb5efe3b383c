"""Checks a front of plans from the data alone: every value recomputed, nothing dominated, nothing lacking.

Plain loops over all plans, with none of the kernel's arithmetic. It is quadratic in the end, and meant to be.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from province.compute.claim import false
from province.compute.siting.pareto import Places

Plan = tuple[int, ...]
Values = tuple[int, ...]


def front(
    of: Places, k: int, step: Mapping[str, float], criteria: Sequence[str], plans: Sequence[Sequence[int]],
    steps: Sequence[Sequence[int]], *, least_between: float = 0.0, most_cost: float = math.inf,
) -> int:  # fmt: skip
    """How many plans stand on the front, when it is the whole front and nothing else. Raises: InvalidInput."""
    if tuple(criteria) != of.judged(k):
        raise false(f"it was judged by {', '.join(criteria)}, and {', '.join(of.judged(k))} are known.")
    truth = dict(_every(of, k, step, criteria, least_between, most_cost))
    claimed: dict[Plan, Values] = {}
    for given, told in zip(plans, steps, strict=True):
        plan = tuple(sorted(int(i) for i in given))
        if plan in claimed:
            raise false(f"the plan {plan} stands there twice.")
        if plan not in truth:
            raise false(f"the plan {plan} breaks a condition, or is no plan of {k} places.")
        if truth[plan] != tuple(int(v) for v in told):
            raise false(f"the plan {plan} has the values {truth[plan]}, not {tuple(told)} as claimed.")
        claimed[plan] = truth[plan]
    best = set(claimed.values())
    for plan, values in truth.items():
        beaten = any(other != values and all(a <= b for a, b in zip(other, values, strict=True)) for other in best)
        if plan in claimed and beaten:
            raise false(f"the plan {plan} is dominated.")
        if plan not in claimed and not beaten:
            raise false(f"the plan {plan} is lacking: nothing on the front dominates it.")
    return len(claimed)


def _every(
    of: Places, k: int, step: Mapping[str, float], criteria: Sequence[str], least_between: float, most_cost: float
) -> Iterator[tuple[Plan, Values]]:
    """Every plan that meets the conditions, with its values in whole steps."""
    size = len(of.between)
    delays = [] if of.delay is None else [[float(v) for v in row] for row in of.delay]
    weights = [] if of.weight is None else [float(w) for w in of.weight]
    together = sum(weights)
    for plan in itertools.combinations(range(size), k):
        values: dict[str, float] = {}
        if k > 1:
            nearest = min(float(of.between[a][b]) for a in plan for b in plan if a < b)
            if nearest < least_between:
                continue
            values["apart"] = -nearest
        if of.power is not None and of.room is not None:
            length = _lines(of, plan, [int(r) for r in of.room])
            if math.isinf(length):
                continue
            values["power"] = length
        if of.cost is not None:
            lines = of.line * values.get("power", 0.0)
            values["cost"] = math.fsum((*(float(of.cost[i]) for i in plan), lines))
            if values["cost"] > most_cost:
                continue
        if of.flood is not None:
            values["flood"] = max(float(of.flood[i]) for i in plan)
        if delays:
            near = (w * min(row[i] for i in plan) for w, row in zip(weights, delays, strict=True))
            values["delay"] = math.fsum(near) / together
        yield plan, tuple(round(values[c] / step[c]) for c in criteria)


def _lines(of: Places, plan: Plan, room: list[int]) -> float:
    """The least length of lines that feeds a plan: every way to do it is tried."""
    assert of.power is not None
    if not plan:
        return 0.0
    least = math.inf
    for s, left in enumerate(room):
        length = float(of.power[plan[0]][s])
        if left > 0 and length < least:
            room[s] -= 1
            least = min(least, length + _lines(of, plan[1:], room))
            room[s] += 1
    return least

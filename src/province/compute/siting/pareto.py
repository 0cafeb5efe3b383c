"""Which plans of k places no other plan beats: every plan is looked at, and those that nothing dominates are kept.

Five criteria, all to be small: cost, delay to the demand, flood, length of power lines, and nearness of the places to
each other. One that is not known of every place (None) is not judged. Values are rounded to whole steps, so that two
plans are alike when they differ by less than anybody can know, and the comparison is exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from province.errors import InvalidInput, TooLarge

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
CRITERIA: Final = ("cost", "delay", "flood", "power", "apart")
MOST: Final = 200_000
"""More plans than these are not looked at one by one."""
_BLOCK: Final = 4_096
_NEVER: Final = 1e15
"""Length of a line that there is not."""


@dataclass(frozen=True, slots=True)
class Places:
    """What is known of n places. None: not known of all of them.

    cost, flood: (n,).  delay: (demand, n), with weight: (demand,).  power: (n, substations), infinite where no line is
    possible, with room: (substations,), how many of the places each can feed.  line: cost of a unit of line, added to
    the cost.  between: (n, n) distances.
    """

    between: Floats
    cost: Floats | None = None
    flood: Floats | None = None
    delay: Floats | None = None
    weight: Floats | None = None
    power: Floats | None = None
    room: Integers | None = None
    line: float = 0.0

    def judged(self, k: int) -> tuple[str, ...]:
        """The criteria by which plans of k places are compared, in the order of `CRITERIA`."""
        known = {"cost": self.cost, "delay": self.delay, "flood": self.flood, "power": self.power}
        return tuple(c for c in CRITERIA if (k > 1 if c == "apart" else known[c] is not None))


@dataclass(frozen=True, slots=True)
class Front:
    """plans: (m, k) places, ascending.  steps: (m, criteria) whole steps; of `apart`, less is farther.

    looked: plans that there are.  feasible: of these, those that meet every condition.
    """

    criteria: tuple[str, ...]
    plans: Integers
    steps: Integers
    looked: int
    feasible: int


def front(
    of: Places, k: int, step: Mapping[str, float], *, least_between: float = 0.0, most_cost: float = np.inf,
    progress: Callable[[float], None] = lambda share: None,
) -> Front:  # fmt: skip
    """Every plan of k places that no other one beats: as good in all criteria, and better in one.

    step: by criterion, the smallest difference that counts.  least_between: places of a plan are so far apart.
    most_cost: needs the cost to be known.  Raises: InvalidInput when no plan meets the conditions, TooLarge.
    """
    size = len(of.between)
    if not 1 <= k <= size:
        raise InvalidInput(f"{k} of {size} places.", field="k", remedy=f"Choose 1 to {size}.")
    if math.isfinite(most_cost) and of.cost is None:
        raise InvalidInput("a limit of cost, and no costs.", field="cost")
    looked = math.comb(size, k)
    if looked > MOST:
        raise TooLarge(f"{looked:,} plans of {k} of {size} places.", field="k",
                       remedy=f"At most {MOST:,}: fewer places, or a smaller plan.")  # fmt: skip
    criteria = of.judged(k)
    kept: list[Integers] = []
    values: list[Integers] = []
    feasible = 0
    for done, plans in enumerate(_blocks(size, k)):
        progress(min(1.0, done * _BLOCK / looked))
        found = _values(of, plans)
        good = found["nearest"] >= least_between if k > 1 else np.ones(len(plans), np.bool_)
        if of.cost is not None:
            good &= found["cost"] <= most_cost
        if of.power is not None:
            good &= found["power"] < _NEVER
        feasible += int(good.sum())
        kept.append(plans[good])
        values.append(np.column_stack([_steps(found[c][good], step[c]) for c in criteria]))
    if not feasible:
        raise InvalidInput("no plan meets all conditions.", field="conditions", remedy="Relax one of them.")
    every, told = np.vstack(kept), np.vstack(values)
    best = undominated(told)
    return Front(criteria, every[best], told[best], looked, feasible)


def undominated(values: Integers) -> Integers:
    """Rows that no other row beats, ascending. values: (rows, criteria), less is better. Equal rows all stay."""
    order = np.lexsort(values.T[::-1])
    best: Integers = np.zeros((0, values.shape[1]), np.int64)
    kept = []
    for i in order.tolist():
        row = values[i]  # what beats it came before it
        at_least = best[(best <= row).all(axis=1)] if len(best) else best
        if len(at_least) and (at_least < row).any():
            continue
        kept.append(i)
        if not len(at_least):
            best = np.vstack([best, row])
    return np.array(sorted(kept), np.int64)


def knee(steps: Integers) -> int:
    """The row nearest to the best of every criterion, each measured by its range on the front. Ties: the first."""
    low, high = steps.min(axis=0), steps.max(axis=0)
    span = np.where(high > low, high - low, 1)
    return int(np.argmin((((steps - low) / span) ** 2).sum(axis=1).round(12)))


def _blocks(size: int, k: int) -> Iterator[Integers]:
    every = itertools.combinations(range(size), k)
    while block := list(itertools.islice(every, _BLOCK)):
        yield np.array(block, np.int64)


def _values(of: Places, plans: Integers) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    if of.flood is not None:
        found["flood"] = of.flood[plans].max(axis=1)
    if of.delay is not None and of.weight is not None:
        # (plans, demand, k) would be large: place by place
        near = of.delay[:, plans[:, 0]]
        for column in plans.T[1:]:
            near = np.minimum(near, of.delay[:, column])
        found["delay"] = of.weight @ near / of.weight.sum()
    if of.power is not None and of.room is not None:
        found["power"] = _lines(of.power, of.room, plans)
    if of.cost is not None:
        found["cost"] = of.cost[plans].sum(axis=1) + of.line * found.get("power", np.zeros(len(plans)))
    if plans.shape[1] > 1:
        pairs = list(itertools.combinations(range(plans.shape[1]), 2))
        found["nearest"] = np.min([of.between[plans[:, a], plans[:, b]] for a, b in pairs], axis=0)
        found["apart"] = -found["nearest"]
    return found


def feed(power: Floats, room: Integers, plan: Integers) -> Integers:
    """Which substation feeds each place of a plan at the least length in all; −1: none can."""
    columns = np.repeat(np.arange(len(room)), np.minimum(room, len(plan)))
    if not len(columns):
        return np.full(len(plan), -1, np.int64)
    lengths = np.where(np.isfinite(power), power, _NEVER)[np.asarray(plan)][:, columns]
    rows, chosen = linear_sum_assignment(lengths)
    given = np.full(len(plan), -1, np.int64)
    for row, column in zip(rows, chosen, strict=True):
        given[row] = columns[column] if lengths[row, column] < _NEVER else -1
    return given


def _lines(power: Floats, room: Integers, plans: Integers) -> Floats:
    """Length of the lines of each plan; those whose nearest substations have room are told at once."""
    usable = np.where(np.isfinite(power) & (room > 0), power, _NEVER)
    if not usable.shape[1]:
        return np.full(len(plans), _NEVER)
    nearest = usable.argmin(axis=1)
    length = usable[np.arange(len(usable)), nearest]
    total = length[plans].sum(axis=1)
    chosen = nearest[plans]
    tight = np.flatnonzero([(np.bincount(row, minlength=len(room)) > room).any() for row in chosen])
    for i in tight.tolist():
        given = feed(power, room, plans[i])
        total[i] = _NEVER if (given < 0).any() else float(power[plans[i], given].sum())
    return np.asarray(np.minimum(total, _NEVER))


def _steps(values: Floats, step: float) -> Integers:
    return np.rint(values / step).astype(np.int64)

"""What a plan claims: its cost, a bound that no plan can beat, the gap between; and how a false claim is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from province.errors import InvalidInput

RELATIVE: Final = 1e-6
"""By so much may a recomputed figure differ from the claimed one."""


class Certified:
    """A plan of least cost that carries its bound. cost: of the plan.  bound: no plan costs less."""

    __slots__ = ()
    cost: float
    bound: float

    @property
    def gap(self) -> float:
        """(cost − bound) / cost; 0 when the cost is 0."""
        return max(0.0, (self.cost - self.bound) / self.cost) if self.cost else 0.0


@dataclass(frozen=True, slots=True)
class Checked:
    """objective: as recomputed.  bound: as claimed, and not contradicted.  gap: between them, over the objective."""

    objective: float
    bound: float
    gap: float


def least(total: float, claimed: float, bound: float) -> Checked:
    """The claim of a plan of least cost, beside what was recomputed. Raises: InvalidInput when it is false."""
    if not near(total, claimed):
        raise false(f"it costs {total:.9g}, not {claimed:.9g} as claimed.")
    if bound > total + RELATIVE * max(1.0, abs(total)):
        raise false(f"the bound {bound:.9g} is above what the plan itself costs, {total:.9g}.")
    return Checked(total, bound, (total - bound) / total if total else 0.0)


def near(a: float, b: float) -> bool:
    """Whether two figures are the same but for rounding."""
    return abs(a - b) <= RELATIVE * max(1.0, abs(a), abs(b))


def false(what: str) -> InvalidInput:
    """The error of a false claim."""
    return InvalidInput(f"the claim is false: {what}", field="plan")

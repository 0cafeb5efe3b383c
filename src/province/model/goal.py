"""Numbers to reach, what a running system measures of them, and whether they are reached. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from province.model.label import Label
from province.model.time import Instant
from province.model.unit import CODES, convert

Comparator = Literal["at least", "more than", "at most", "less than", "about"]
COMPARATORS: Final[tuple[Comparator, ...]] = ("at least", "more than", "at most", "less than", "about")
_HOLDS: Final[Mapping[Comparator, Callable[[float, float], bool]]] = {
    "at least": lambda value, goal: value >= goal,
    "more than": lambda value, goal: value > goal,
    "at most": lambda value, goal: value <= goal,
    "less than": lambda value, goal: value < goal,
    # A plan that says "about 1,000,000" is held to the number itself; what is enough below it nobody has written down.
    "about": lambda value, goal: value >= goal,
}
FALLING: Final[frozenset[str]] = frozenset(("at most", "less than"))
"""Comparators whose goal is reached from above."""

Outcome = Literal["met", "not_met", "no_data"]


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A number to reach. indicator: name of what measures it.  unit: UN/CEFACT code."""

    indicator: str
    comparator: Comparator
    value: float
    unit: str
    due_year: int


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator in the running system, as a plan counts it.

    value: None when there is nothing to compute it from.  counted: entities it was computed from.
    excluded: origin → entities left out because they are simulated, estimated or forecast.
    """

    indicator: str
    value: float | None
    unit: str
    at: Instant
    counted: int = 0
    excluded: Mapping[str, int] = {}

    @property
    def left_out(self) -> int:
        """How many entities do not count."""
        return sum(self.excluded.values())


class Achieved(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what an adopted plan builds stands, by the register. register: where it was counted."""

    done: float
    planned: float
    unit: str
    at: Instant
    register: Label

    @property
    def share(self) -> float:
        """In percent of what was planned."""
        return 100.0 * self.done / self.planned if self.planned else 0.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, and on what it stands."""

    outcome: Outcome
    evidence: Label


Judge = Callable[[Mapping[str, Measured], Sequence[Goal]], Verdict]
"""judge(measured by indicator, goals of the row) → verdict. An indicator that cannot be known is absent. Pure."""


def reached(goal: Goal, value: float, unit: str) -> bool:
    """Whether a value reaches the goal. Raises: InvalidInput when the units measure different things."""
    return _HOLDS[goal.comparator](convert(value, unit, goal.unit), goal.value)


def goals_reached(measured: Mapping[str, Measured], goals: Sequence[Goal]) -> Verdict:
    """The plain judge: every goal whose indicator is known must be reached; without one there is no data."""
    found = [(g, m) for g in goals if (m := measured.get(g.indicator)) is not None]
    vi, en = [], []
    good, known = True, False
    for goal, one in found:
        if one.value is not None:
            known = True
            good = good and reached(goal, one.value, one.unit)
        vi.append(_evidence(goal, one, "vi", "chưa có", "không tính"))
        en.append(_evidence(goal, one, "en", "no data", "left out:"))
    if not found:
        return Verdict(outcome="no_data", evidence=Label("chưa có giá trị đo", "nothing is measured yet"))
    outcome: Outcome = "no_data" if not known else "met" if good else "not_met"
    return Verdict(outcome=outcome, evidence=Label("; ".join(vi), "; ".join(en)))


def _evidence(goal: Goal, one: Measured, language: str, nothing: str, without: str) -> str:
    value = nothing if one.value is None else figure(convert(one.value, one.unit, goal.unit), language)
    sign = symbol(goal.unit)
    unit = sign if sign == "%" else f" {sign}".rstrip()
    said = f"{value} / {figure(goal.value, language)}{unit} ({goal.due_year})"
    left = ", ".join(f"{figure(n, language)} {_ORIGINS[language].get(o, o)}" for o, n in one.excluded.items())
    return f"{said}, {without} {left}" if left else said


_ORIGINS: Final[Mapping[str, Mapping[str, str]]] = {
    "vi": {"simulated": "mô phỏng", "estimated": "ước tính", "forecast": "dự báo"},
    "en": {},
}


def figure(value: float, language: str) -> str:
    """A number with grouping and at most three decimals, as the language writes it."""
    text = f"{value:,.3f}".rstrip("0").rstrip(".")
    return text if language == "en" else text.translate(_VIETNAMESE)


_VIETNAMESE: Final = str.maketrans(",.", ".,")


def symbol(unit: str) -> str:
    """Symbol of a unit; its code when the table does not know it."""
    found: Any = CODES.get(unit)
    return found.symbol if found else unit

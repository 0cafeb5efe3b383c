"""How a yearly figure grows: read off a line, or off a line of its logarithms, with the error of the reading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from province.compute.trend import straight_line
from province.errors import InvalidInput

Model = Literal["linear", "exponential"]
LEAST: Final = 3
"""Fewer years say nothing of the error."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """value: at the asked year, not below 0.  low, high: of the 90% prediction interval, not below 0."""

    value: float
    low: float
    high: float


def forecast(years: Sequence[int], values: Sequence[float], at: int, model: Model) -> Forecast | None:
    """The figure of a year from those of other years; None for fewer than three years.

    exponential: values must be above 0; the interval is that of the logarithm, and so not symmetric.
    Raises: InvalidInput for values that do not fit the model, or one year twice.
    Assumes that what drove growth goes on; the interval tells the scatter of the years known, not of what may change.
    """
    if len(set(years)) != len(years):
        raise InvalidInput("a year has two values.", field="years", remedy="Give one value a year.")
    if len(years) < LEAST:
        return None
    if model == "linear":
        line = straight_line(years, values, at)
        return Forecast(*(max(0.0, v) for v in (line.value, line.value - line.error, line.value + line.error)))
    if min(values) <= 0:
        raise InvalidInput("growth by a share each year has no value of 0 or below.", field="values",
                           remedy="Use the linear model, or leave out years without load.")  # fmt: skip
    line = straight_line(years, [math.log(v) for v in values], at)
    return Forecast(*(math.exp(min(v, 700.0)) for v in (line.value, line.value - line.error, line.value + line.error)))


def reaches(
    years: Sequence[int], values: Sequence[float], level: float, model: Model, until: int
) -> tuple[int | None, int | None]:
    """(first year after the last known one in which the forecast reaches a level, the same for its upper end).

    None: not by `until`, or too few years.
    """
    first: list[int | None] = [None, None]
    for year in range(max(years, default=until) + 1, until + 1):
        found = forecast(years, values, year, model)
        if found is None:
            break
        for i, value in enumerate((found.value, found.high)):
            if first[i] is None and value >= level:
                first[i] = year
    return first[0], first[1]

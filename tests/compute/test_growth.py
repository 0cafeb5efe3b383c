"""Forecasts of yearly figures: lines, shares a year, too little to tell, and what does not fit."""

from __future__ import annotations

import pytest

from province.compute.growth import forecast, reaches
from province.errors import InvalidInput

YEARS = [2021, 2022, 2023, 2024]


def test_a_line_and_a_share_a_year_are_continued() -> None:
    line = forecast(YEARS, [10, 20, 30, 40], 2027, "linear")
    assert line is not None
    assert (line.value, line.low, line.high) == pytest.approx((70, 70, 70))
    share = forecast(YEARS, [10, 12, 14.4, 17.28], 2026, "exponential")
    assert share is not None
    assert share.value == pytest.approx(17.28 * 1.44)
    rough = forecast(YEARS, [10, 13, 14, 18], 2026, "exponential")
    assert rough is not None
    assert rough.low < rough.value < rough.high
    assert rough.high - rough.value > rough.value - rough.low
    far = forecast(YEARS, [10, 13, 14, 18], 2030, "exponential")
    assert far is not None
    assert far.high / far.value > rough.high / rough.value, "the farther, the less is known"


def test_the_first_year_that_reaches_a_level_and_the_earliest_that_may() -> None:
    assert reaches(YEARS, [10, 20, 30, 40], 55, "linear", 2030) == (2026, 2026)
    central, early = reaches(YEARS, [10, 22, 28, 40], 75, "linear", 2035)
    assert central == 2028
    assert early is not None
    assert early < central
    assert reaches(YEARS, [10, 20, 30, 40], 500, "linear", 2030) == (None, None)
    assert reaches([2023, 2024], [10, 20], 15, "linear", 2030) == (None, None)
    assert reaches([], [], 15, "linear", 2030) == (None, None)


def test_too_few_years_give_nothing_and_what_does_not_fit_is_refused() -> None:
    assert forecast([2023, 2024], [10, 20], 2027, "linear") is None
    falling = forecast(YEARS, [40, 30, 20, 10], 2027, "linear")
    assert falling is not None
    assert falling.value == 0
    with pytest.raises(InvalidInput, match="0 or below"):
        forecast(YEARS, [0, 1, 2, 3], 2027, "exponential")
    with pytest.raises(InvalidInput, match="two values"):
        forecast([2021, 2021, 2022], [1, 2, 3], 2027, "linear")

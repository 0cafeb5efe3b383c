"""The moving mean of many sources is what a person gets who writes every reading into a table of hours."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.moving import Buckets, means
from tests.effort import examples

HOUR = 3600


def by_hand(readings: list[tuple[int, int, float]], width: int, least: int) -> list[float]:
    """One reading after the other; mean of the means of the hours that have any."""
    hours: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    result = []
    for source, at, value in readings:
        own = hours[source]
        own[at // HOUR].append(value)
        window = [own[h] for h in range(at // HOUR - width + 1, at // HOUR + 1) if h in own]
        result.append(sum(sum(w) / len(w) for w in window) / len(window) if len(window) >= least else math.nan)
    return result


@settings(max_examples=examples(200), deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3 * HOUR), st.floats(-50, 500)), max_size=60),
    cut=st.integers(0, 60),
    width=st.integers(1, 5),
    least=st.integers(1, 4),
)
def test_means_are_those_made_by_hand(steps: list[tuple[int, int, float]], cut: int, width: int, least: int) -> None:
    clock, readings = [10 * HOUR] * 3, []
    for source, gap, value in steps:
        clock[source] += gap
        readings.append((source, clock[source], value))
    expected = dict(zip([r[:2] for r in readings], by_hand(readings, width, least), strict=True))
    state = Buckets.empty(3, width)
    for part in (readings[:cut], readings[cut:]):
        part = sorted(part, key=lambda r: r[:2])
        columns = [np.array([r[k] for r in part], kind) for k, kind in enumerate((np.int64, np.int64, np.float64))]
        found = means(*columns, state, bucket_us=HOUR, least=least)
        for row, mean in zip(part, found, strict=True):
            np.testing.assert_allclose(mean, expected[row[:2]], rtol=1e-9, atol=1e-6)


def test_a_late_reading_counts_in_its_own_hour_while_the_window_holds_it() -> None:
    state = Buckets.empty(1, 3)
    zero = np.zeros(1, np.int64)

    def read(hour: float, value: float) -> float:
        at = np.array([int(hour * HOUR)])
        return float(means(zero, at, np.array([value]), state, bucket_us=HOUR, least=1)[0])

    assert read(10, 4.0) == 4.0
    assert read(12, 8.0) == 6.0
    assert read(11, 3.0) == 5.0, "late, and inside the window"
    assert read(12.5, 10.0) == (4.0 + 3.0 + 9.0) / 3
    read(9, 1000.0)
    assert read(12.6, 9.0) == (4.0 + 3.0 + 9.0) / 3, "too late to matter"


def test_a_source_gone_mad_does_not_swallow_its_neighbours() -> None:
    state = Buckets.empty(2, 24)
    source = np.array([0, 0, 1, 1, 1])
    at = np.array([1, 2, 1, 2, 3])
    found = means(source, at, np.array([1e300, 1e300, 1.0, 2.0, 3.0]), state, bucket_us=HOUR, least=1)
    assert found[2:].tolist() == [1.0, 1.5, 2.0]

"""Levels of many sources at once are those of a machine that looks at one reading after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.threshold import Latches, evaluate
from tests.effort import examples

LIMITS = (10.0, 20.0, 30.0)


@dataclass
class Machine:
    """The rule as a person would follow it on paper, for one source."""

    limits: tuple[float, ...]
    hysteresis: float
    readings: int
    lasts_us: int
    closed: list[bool] = field(default_factory=list)
    runs: list[dict[str, list[int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.closed = [False] * len(self.limits)
        self.runs = [{"beyond": [], "inside": []} for _ in self.limits]

    def read(self, at_us: int, value: float) -> int:
        for n, limit in enumerate(self.limits):
            for name, hit in (("beyond", value >= limit), ("inside", value < limit - self.hysteresis)):
                run = self.runs[n][name]
                if not hit:
                    run.clear()
                    continue
                run.append(at_us)
                if len(run) >= self.readings and at_us - run[0] >= self.lasts_us:
                    self.closed[n] = name == "beyond"
        return max((n + 1 for n, c in enumerate(self.closed) if c), default=0)


values = st.one_of(st.floats(0, 40), st.sampled_from((9.0, 9.5, 10.0, 19.0, 20.0, 29.5, 30.0, float("nan"))))
series = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 60_000_000), values), max_size=60)


@settings(max_examples=examples(300), deadline=None)
@given(
    readings_of=series,
    cuts=st.lists(st.integers(0, 60), max_size=4),
    hysteresis=st.sampled_from((0.0, 0.5, 2.0)),
    readings=st.integers(1, 4),
    lasts_us=st.sampled_from((0, 30_000_000, 120_000_000)),
)
def test_batches_give_the_levels_of_one_reading_after_the_other(
    readings_of: list[tuple[int, int, float]], cuts: list[int], hysteresis: float, readings: int, lasts_us: int
) -> None:
    clock = [0, 0, 0, 0]
    rows = []
    for source, gap, value in readings_of:
        clock[source] += gap
        rows.append((source, clock[source], value))
    machines = [Machine(LIMITS, hysteresis, readings, lasts_us) for _ in range(4)]
    expected = [machines[s].read(t, v) for s, t, v in rows]
    state = Latches.empty(4, len(LIMITS))
    got: dict[tuple[int, int], tuple[int, int]] = {}
    edges = sorted({0, len(rows), *(c for c in cuts if c < len(rows))})
    for begin, end in pairwise(edges):
        part = sorted(rows[begin:end], key=lambda r: (r[0], r[1]))
        source = np.array([r[0] for r in part], np.int64)
        at = np.array([r[1] for r in part], np.int64)
        number = np.array([r[2] for r in part])
        limits = np.tile(np.array(LIMITS), (len(part), 1))
        width = np.full(len(part), hysteresis)
        levels, state = evaluate(source, at, number, limits, width, state, readings=readings, lasts_us=lasts_us)
        for n, (s, t, _) in enumerate(part):
            got[s, t] = (int(levels.before[n]), int(levels.after[n]))
    assert [got[s, t][1] for s, t, _ in rows] == expected
    previous = [0, 0, 0, 0]
    for (s, t, _), level in zip(rows, expected, strict=True):
        assert got[s, t][0] == previous[s]
        previous[s] = level
    assert state.level.tolist() == previous


def test_a_value_that_trembles_at_the_limit_raises_once() -> None:
    number = np.array([9.0, 10.1, 9.9, 10.2, 9.8, 10.0, 9.6, 9.4, 10.0])
    count = len(number)
    zero, at = np.zeros(count, np.int64), np.arange(count, dtype=np.int64)
    limits = np.full((count, 1), 10.0)
    levels, _ = evaluate(zero, at, number, limits, np.full(count, 0.5), Latches.empty(1, 1))
    assert levels.after.tolist() == [0, 1, 1, 1, 1, 1, 1, 0, 1]
    bare, _ = evaluate(zero, at, number, limits, np.zeros(count), Latches.empty(1, 1))
    assert int((bare.after != bare.before).sum()) == 7


def test_since_is_the_first_reading_of_the_run_that_led_to_the_level() -> None:
    number = np.array([5.0, 11.0, 12.0, 25.0, 25.0, 25.0, 3.0, 3.0, 3.0])
    count = len(number)
    at = np.arange(count, dtype=np.int64) * 60
    limits = np.tile(np.array([10.0, 20.0]), (count, 1))
    levels, _ = evaluate(np.zeros(count, np.int64), at, number, limits, np.ones(count), Latches.empty(1, 2), readings=3)
    changed = np.flatnonzero(levels.after != levels.before)
    assert [(int(levels.after[n]), int(levels.since_us[n])) for n in changed] == [(1, 60), (2, 180), (0, 360)]


def test_a_source_without_a_limit_never_leaves_normal() -> None:
    levels, state = evaluate(
        np.zeros(2, np.int64), np.array([1, 2]), np.array([5.0, 1e9]), np.full((2, 2), np.nan), np.zeros(2),
        Latches.empty(1, 2),
    )  # fmt: skip
    assert levels.after.tolist() == [0, 0]
    assert not state.closed.any()


def test_a_steady_source_keeps_its_state() -> None:
    for value, changes in ((1.0, 0), (11.0, 3)):
        state, seen = Latches.empty(1, 1), 0
        for n in range(20):
            before = state.take(np.array([0]))
            _, state = evaluate(
                np.zeros(1, np.int64), np.array([n + 1]), np.array([value]), np.full((1, 1), 10.0), np.zeros(1), state,
                readings=3,
            )  # fmt: skip
            seen += bool(state.differs(before)[0])
        assert seen == changes, "far from the limit never; beyond it until the latch has closed"

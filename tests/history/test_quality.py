"""What is wrong with a source is found where it was put in, and nothing is found in a good one."""

from __future__ import annotations

import itertools
import statistics
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from province.history.lake import arrange, stage
from province.history.quality import COLUMNS, EXAMINED, FEW, Clock, examine, no_text
from tests.observations import START, station, table

MINUTE = 60_000_000
START_US = int(START.timestamp() * 1e6)
NO_CLOCK: Clock = (np.empty(0, np.int64), np.empty(0, np.int64))


def look(batch: pa.Table, *, end_min: float, clock: Clock = NO_CLOCK) -> dict[str, dict[str, Any]]:
    rows = no_text(arrange(stage([(1, batch)])).select(list(COLUMNS)))
    found = examine(rows, START_US + int(end_min * MINUTE), clock).to_pylist()
    return {row["entity"]: row for row in found}


def minutes(n: int, offsets: list[float], values: list[float] | None = None, **other: Any) -> pa.Table:
    at = [START + timedelta(minutes=m) for m in offsets]
    return table([station(n)] * len(at), at=at, number=values or [float(i) for i in range(len(at))], **other)


def test_texts_may_come_as_dictionaries_that_hold_more() -> None:
    batch = pa.concat_tables(minutes(n, [5.0 * i for i in range(60)]) for n in range(3))
    rows = no_text(arrange(stage([(1, batch)]), encoded=True).select(list(COLUMNS)))
    for name in ("entity", "type", "attribute"):
        rows = rows.set_column(
            rows.schema.get_field_index(name), name, rows[name].cast(pa.string()).dictionary_encode()
        )
    wanted = rows.filter(pc.equal(rows["entity"].cast(pa.string()), station(1)))
    found = examine(wanted, START_US + 300 * MINUTE, NO_CLOCK)
    assert found["entity"].to_pylist() == [station(1)]
    assert found.schema == EXAMINED


def test_a_good_source_has_nothing_wrong() -> None:
    found = look(minutes(1, [5.0 * n for n in range(60)]), end_min=299)[station(1)]
    assert (found["received"], found["expected"], found["missing"], found["gaps"], found["stuck"]) == (60, 60, 0, 0, 0)
    assert (found["period_us"], found["silent"]) == (5 * MINUTE, False)


def test_gaps_are_counted_to_the_end_of_the_window() -> None:
    offsets = [5.0 * n for n in range(60) if not 20 <= n < 30]
    found = look(minutes(1, offsets), end_min=5 * 80)[station(1)]
    assert (found["expected"], found["missing"]) == (81, 31)
    assert (found["gaps"], found["longest_gap_us"]) == (2, 105 * MINUTE)
    assert found["silent"]


def test_a_source_without_a_rhythm_has_no_expectation() -> None:
    found = look(minutes(1, [1.0 * n for n in range(FEW - 1)]), end_min=4)[station(1)]
    assert (found["received"], found["expected"], found["missing"], found["period_us"]) == (FEW - 1, None, None, None)


def test_long_runs_of_one_number_are_stuck_but_not_of_zero() -> None:
    still, dry, short = [7.0] * 40 + [8.0] * 20, [0.0] * 60, [float(n // 5) for n in range(60)]
    batch = pa.concat_tables(minutes(n, [5.0 * i for i in range(60)], v) for n, v in enumerate((still, dry, short)))
    found = look(batch, end_min=300)
    assert [found[station(n)]["stuck"] for n in range(3)] == [40, 0, 0], "20 readings of 8 last 95 minutes only"


def test_texts_count_and_never_stick() -> None:
    at = [START + timedelta(minutes=5 * n) for n in range(60)]
    batch = table([station(1)] * 60, attribute="mode", at=at, text=['"auto"'] * 60)
    assert (look(batch, end_min=300)[station(1)]["received"], look(batch, end_min=300)[station(1)]["stuck"]) == (60, 0)


def test_lateness_is_told_by_the_position() -> None:
    rows = arrange(stage([(n + 1, minutes(1, [10.0 * n])) for n in range(6)])).select(list(COLUMNS))
    came = START_US + np.array([50, 200], np.int64) * MINUTE  # batches that ended at positions 3 and 5
    found = examine(no_text(rows), START_US + 60 * MINUTE, (np.array([3, 5], np.int64), came)).to_pylist()[0]
    assert (found["dated"], found["late"], found["early"]) == (5, 2, 0), "the sixth arrival is not known"
    early = examine(no_text(rows), START_US + 60 * MINUTE, (np.array([6], np.int64), came[:1])).to_pylist()[0]
    assert (early["dated"], early["late"], early["early"]) == (6, 0, 0)
    ahead = (np.array([6], np.int64), np.array([START_US + 25 * MINUTE], np.int64))
    assert examine(no_text(rows), START_US + 60 * MINUTE, ahead).to_pylist()[0]["early"] == 3


_series = st.lists(st.integers(0, 600), min_size=1, max_size=30, unique=True)


@given(st.lists(_series, min_size=1, max_size=4))
def test_figures_are_those_of_plain_python(given_: list[list[int]]) -> None:
    batch = pa.concat_tables(minutes(n, [float(m) for m in sorted(one)]) for n, one in enumerate(given_))
    found = look(batch, end_min=600)
    for n, one in enumerate(given_):
        row, times = found[station(n)], sorted(one)
        pauses = sorted(b - a for a, b in itertools.pairwise(times))
        assert row["received"] == len(times)
        assert row["last_us"] == START_US + times[-1] * MINUTE
        if len(times) < FEW:
            assert row["expected"] is None
            continue
        period = statistics.median_high(pauses)
        expected = (600 - times[0]) // period + 1
        assert (row["period_us"], row["expected"]) == (period * MINUTE, expected)
        assert row["missing"] == max(0, expected - len(times))
        pauses.append(600 - times[-1])
        assert row["gaps"] == sum(p > 3 * period for p in pauses)

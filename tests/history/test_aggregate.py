"""Aggregates agree with plain arithmetic over the readings, for every kind of period."""

from __future__ import annotations

import math
import statistics
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.errors import InvalidInput
from province.history.aggregate import METHODS, aggregate
from province.history.lake import Lake, Span, arrange, stage
from province.model.time import CIVIL_ZONE
from tests.effort import examples
from tests.observations import START, station, table

DAY = timedelta(days=1)


def filled(folder: Path, offsets_s: list[int], values: list[float]) -> Lake:
    lake = Lake(str(folder))
    batch = table([station(1)] * len(values), at=[START + timedelta(seconds=o) for o in offsets_s], number=values)
    lake.append(arrange(stage([(1, batch)])), "obs", 1, expected=None)
    return lake


_readings = st.lists(
    st.tuples(st.integers(-400_000, 400_000), st.floats(-1e6, 1e6)), min_size=1, max_size=40, unique=True
)


@given(_readings, st.sampled_from((timedelta(hours=1), timedelta(minutes=7), DAY, "day", "month", "year", None)))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_each_period_is_plain_arithmetic(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float]], period: timedelta | str | None
) -> None:
    lake = filled(tmp_path_factory.mktemp("lake"), [o for o, _ in rows], [v for _, v in rows])
    origin = START - timedelta(seconds=400_000)
    found = aggregate(lake, Span(start=origin), period, METHODS).to_pylist()  # type: ignore[arg-type]
    assert sum(one["totalCount"] for one in found) == len(rows)
    for one in found:
        inside = [v for o, v in rows if one["start"] <= START + timedelta(seconds=o) < one["end"]]
        assert one["totalCount"] == len(inside)
        assert (one["min"], one["max"]) == (min(inside), max(inside))
        assert math.isclose(one["sum"], math.fsum(inside), rel_tol=1e-9, abs_tol=1e-6)
        assert math.isclose(one["avg"], math.fsum(inside) / len(inside), rel_tol=1e-9, abs_tol=1e-6)
        assert math.isclose(one["sumsq"], math.fsum(v * v for v in inside), rel_tol=1e-9, abs_tol=1e-6)
        assert math.isclose(one["stddev"], statistics.pstdev(inside), rel_tol=1e-6, abs_tol=1e-3)
        assert one["distinctCount"] == len({v + 0.0 for v in inside})
        if isinstance(period, timedelta):
            assert one["end"] - one["start"] == period
            assert (one["start"] - origin) % period == timedelta(0)
        elif period is not None:
            local: datetime = one["start"].astimezone(CIVIL_ZONE)
            assert (local.hour, local.minute, local.second) == (0, 0, 0)
            assert period == "day" or local.day == 1
            assert period != "year" or local.month == 1


def test_a_civil_day_begins_at_midnight_in_vietnam(tmp_path: Path) -> None:
    # 16:59 and 17:01 UTC lie on two days of Vietnam.
    lake = filled(tmp_path, [39_540, 39_660], [1.0, 2.0])
    found = aggregate(lake, Span(), "day", ["sum"]).to_pylist()
    assert [(one["start"].astimezone(CIVIL_ZONE).isoformat(), one["sum"]) for one in found] == [
        ("2026-03-01T00:00:00+07:00", 1.0),
        ("2026-03-02T00:00:00+07:00", 2.0),
    ]


def test_text_is_counted(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    at = [START + timedelta(seconds=n) for n in range(3)]
    batch = table([station(1)] * 3, attribute="mode", at=at, text=['"auto"', '"tay"', '"auto"'])
    lake.append(arrange(stage([(1, batch)])), "obs", 1, expected=None)
    (found,) = aggregate(lake, Span(), None, ["totalCount", "distinctCount", "avg"]).to_pylist()
    assert (found["totalCount"], found["distinctCount"], found["avg"]) == (3, 2, None)


def test_an_empty_span_has_no_periods(tmp_path: Path) -> None:
    assert aggregate(Lake(str(tmp_path / "none")), Span(), "day", ["avg"]).num_rows == 0


def test_unknown_methods_and_periods_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="aggrMethods"):
        aggregate(Lake(str(tmp_path)), Span(), None, ["median"])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="aggrPeriodDuration"):
        aggregate(Lake(str(tmp_path)), Span(), timedelta(0), ["avg"])

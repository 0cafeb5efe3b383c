"""The score of a source follows the formula, a million devices at once as well as one."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from province.broker.score import REFUSED, SCORED, score_devices, score_of, shares_of
from province.history.quality import EXAMINED


def examined(*rows: dict[str, object]) -> pa.Table:
    blank = dict.fromkeys(EXAMINED.names) | {"type": "Station", "received": 10, "stuck": 0, "dated": 0, "late": 0,
                                             "early": 0, "last_us": 1_772_348_400_000_000, "silent": False}  # fmt: skip
    return pa.Table.from_pylist([blank | row for row in rows], schema=EXAMINED)


def refused(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=REFUSED)


def test_the_score_follows_the_formula() -> None:
    inputs = {"received": 100, "expected": 200, "missing": 100, "stuck": 20, "dated": 100, "late": 10, "early": 0,
              "rejected": 0, "clock_rejected": 0}  # fmt: skip
    assert shares_of(inputs) == {"missing": 0.5, "rejected": 0.0, "stuck": 0.2, "late": 0.1, "clock": 0.0}
    assert score_of(inputs) == pytest.approx(100 * (1 - 0.4 * 0.5 - 0.2 * 0.2 - 0.1 * 0.1))
    assert score_of({"received": 10, "rejected": 0}) == 100
    assert score_of({"received": 0, "rejected": 0}) is None, "nothing is known"
    assert score_of({"received": 0, "rejected": 0, "silent": True}) == 0
    assert score_of({"received": 0, "rejected": 10, "clock_rejected": 10}) == pytest.approx(0)
    assert shares_of({"received": 0}) == {}
    assert score_of({}) is None


def test_many_devices_score_as_each_one_would() -> None:
    found = score_devices(
        examined(
            {"entity": "a"},
            {"entity": "b", "expected": 20, "missing": 10, "gaps": 1, "longest_gap_us": 90_000_000,
             "period_us": 500_000, "stuck": 10, "dated": 5, "late": 1, "early": 2},
            {"entity": "c", "silent": True},
        ),
        refused({"source": "c", "rejected": 5, "clock_rejected": 2, "reasons": '[{"field":"observedAt"}]'}),
    )  # fmt: skip
    assert found.schema == SCORED
    inputs = [msgspec.json.decode(text) for text in found["inputs"].to_pylist()]
    assert found["score"].to_pylist() == pytest.approx([score_of(one) for one in inputs])
    assert inputs[0] == {"received": 10, "rejected": 0, "clock_rejected": 0, "stuck": 0, "silent": False,
                         "last": "2026-03-01T07:00:00.000000+00:00"}  # fmt: skip
    one = inputs[1]
    assert (one["period_s"], one["longest_gap_s"], one["late"], one["early"], one["gaps"]) == (0.5, 90, 1, 2, 1)
    assert (inputs[2]["rejected"], inputs[2]["reasons"]) == (5, [{"field": "observedAt"}])
    assert shares_of(inputs[2])["clock"] == pytest.approx(2 / 12)


def test_devices_without_readings_have_a_score_only_if_they_had_some_before() -> None:
    columns = {
        "entity": ["a", "b", "c"], "type": ["Station"] * 3, "received": [0] * 3,
        "last_us": pa.array([None, 1_772_348_400_123_456, None], pa.int64()),
        "silent": pa.array([None, True, None], pa.bool_()),
    }  # fmt: skip
    found = score_devices(
        pa.table(columns), refused({"source": "c", "rejected": 1, "clock_rejected": 0, "reasons": "[]"})
    )
    assert found["score"].to_pylist() == [None, 0, 0]
    assert [msgspec.json.decode(text) for text in found["inputs"].to_pylist()[:2]] == [
        {"received": 0, "rejected": 0, "clock_rejected": 0},
        {"received": 0, "rejected": 0, "clock_rejected": 0, "silent": True, "last": "2026-03-01T07:00:00.123456+00:00"},
    ]


def test_no_devices_are_no_rows() -> None:
    assert score_devices(examined(), refused()).num_rows == 0

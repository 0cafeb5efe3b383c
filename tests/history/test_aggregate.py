"""Aggregates in columns are those of plain arithmetic over the values, for every kind of value and period."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.errors import TooLarge
from province.history.aggregate import METHODS, VALUES, Periods, of_readings, of_values
from province.history.correction import Correction
from province.history.lake import Lake, Span, arrange, stage
from tests.aggregation import aggregate, agree
from tests.effort import examples
from tests.observations import START, station, table

S = station(1)
BEFORE = START - timedelta(seconds=400_000)
AFTER = START + timedelta(seconds=400_001)
PERIODS = (timedelta(0), timedelta(hours=1), timedelta(minutes=7), timedelta(days=1))


def second(n: float) -> datetime:
    return START + timedelta(seconds=n)


def filled(folder: Path, offsets_s: list[int], values: list[float], **more: Any) -> Lake:
    lake = Lake(str(folder))
    batch = table([S] * len(values), at=[second(o) for o in offsets_s], number=values, **more)
    lake.append(arrange(stage([(1, batch)])), "obs", 1, expected=None)
    return lake


_json = st.recursive(
    st.one_of(st.booleans(), st.text(max_size=5), st.floats(-1e6, 1e6), st.integers(-1000, 1000)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab"), inner, max_size=1)),
    max_leaves=4,
)
_alike = st.one_of(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.lists(st.floats(-1e140, 1e140), min_size=1, max_size=5),
    st.lists(st.text(max_size=6), min_size=1, max_size=10),
    st.lists(_json, min_size=1, max_size=10),
)


def rows_of(at: list[datetime], values: list[Any]) -> pa.Table:
    plain = [isinstance(v, int | float) and not isinstance(v, bool) for v in values]
    return pa.table(
        [["a"] * len(at), at, [float(v) if p else None for v, p in zip(values, plain, strict=True)],
         [None if p else msgspec.json.encode(v, order="deterministic").decode()
          for v, p in zip(values, plain, strict=True)]],
        schema=VALUES,
    )  # fmt: skip


@given(st.data(), _alike, st.sampled_from(PERIODS), st.booleans(), st.booleans(), st.sampled_from((None, 1, 3)))
@settings(max_examples=examples(150), deadline=None)
def test_every_value_and_period(
    data: st.DataObject, values: list[Any], length: timedelta, begun: bool, ended: bool, last: int | None
) -> None:
    offsets = sorted(data.draw(st.lists(st.integers(-20_000, 20_000), min_size=len(values), max_size=len(values))))
    at = [second(o) for o in offsets]
    start, end = (BEFORE if begun else None), (AFTER if ended else None)
    found = of_values(rows_of(at, values), Periods(METHODS, length, start, end, last))
    rows = list(zip(at, values, strict=True))[-(last or 0) :]
    agree(found["a"], aggregate(rows, METHODS, length, start, end))


_readings = st.lists(
    st.tuples(st.integers(-400_000, 400_000), st.floats(-1e6, 1e6)), min_size=1, max_size=40, unique_by=lambda r: r[0]
)
_said = st.lists(
    st.tuples(st.integers(-400_000, 400_000), st.integers(1, 500_000), st.sampled_from(("value", "invalid", "delete")),
              st.sampled_from(("temperature", "battery", None))),
    max_size=3,
)  # fmt: skip


@given(_readings, _said, st.sampled_from(PERIODS), st.booleans(), st.booleans(), st.sampled_from((None, 2)))
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_readings_with_corrections(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float]], said: list[tuple[int, int, Any, Any]],
    length: timedelta, begun: bool, ended: bool, last: int | None,
) -> None:  # fmt: skip
    lake = filled(tmp_path_factory.mktemp("lake"), [o for o, _ in rows], [v for _, v in rows])
    corrections = [
        Correction(id=n, entity=S, start=second(at), end=second(at + lasts), kind=kind, attribute=attribute, number=7.0)
        for n, (at, lasts, kind, attribute) in enumerate(said, 1)
    ]
    start, end = (BEFORE if begun else None), (AFTER if ended else None)
    span = Span([S], ["temperature"], start, end)
    read = lake.read(span, columns=("observed_at", "number"), corrections=corrections)
    counted = list(zip(read["observed_at"].to_pylist(), read["number"].to_pylist(), strict=True))[-(last or 0) :]
    found = of_readings(lake, span, Periods(METHODS, length, start, end, last), corrections=corrections)
    assert set(found) == ({"temperature"} if counted else set())
    if counted:
        agree(found["temperature"], aggregate(counted, METHODS, length, start, end))


def test_attributes_have_their_own_periods_and_datasets_count_together_or_apart(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    parts = [
        (1, table([S] * 2, at=[second(0), second(10)], number=[1.0, 3.0])),
        (2, table([S], at=second(20), number=[8.0], dataset="urn:d:1")),
        (3, table([S] * 2, attribute="mode", at=[second(5), second(6)], text=['"tay"', '"auto"'])),
        (4, table([station(2)], at=second(1), number=[100.0])),
    ]
    lake.append(arrange(stage(parts)), "obs", 4, expected=None)
    span = Span([S], ["temperature", "mode"])
    found = of_readings(lake, span, Periods(("avg", "min", "distinctCount")))
    assert found == {
        "temperature": {"avg": [(4.0, second(0), second(20))], "min": [(1.0, second(0), second(20))],
                        "distinctCount": [(3, second(0), second(20))]},
        "mode": {"avg": [], "min": [("auto", second(5), second(6))], "distinctCount": [(2, second(5), second(6))]},
    }  # fmt: skip
    for datasets, expected in (((None,), 2.0), (("urn:d:1",), 8.0), (("urn:d:1", None), 4.0)):
        chosen = of_readings(lake, Span([S], ["temperature"], datasets=datasets), Periods(("avg",)))
        assert chosen["temperature"]["avg"][0][0] == expected


def test_there_is_no_limit_to_the_readings_but_one_to_the_periods(tmp_path: Path) -> None:
    n = 250_000
    lake = filled(tmp_path, list(range(n)), np.arange(n, dtype=float).tolist())
    span = Span([S], ["temperature"], START, second(n))
    (whole,) = of_readings(lake, span, Periods(("avg", "totalCount"), timedelta(0), START, second(n))).values()
    assert (whole["avg"][0][0], whole["totalCount"][0][0]) == ((n - 1) / 2, n)
    for start in (START, START - timedelta(days=3650), None):  # the latter ones have too many even to be counted singly
        periods = Periods(("avg",), timedelta(seconds=10), start, second(n))
        with pytest.raises(TooLarge, match="10000 periods"):
            of_readings(lake, span, periods)


def test_what_overflows_has_no_value() -> None:
    at = [second(n) for n in range(2)]
    (found,) = of_values(rows_of(at, [1.7e308, 1.7e308]), Periods(METHODS)).values()
    assert {m for m in METHODS if found[m]} == {"max", "min", "totalCount", "distinctCount"}


def test_an_empty_lake_has_no_periods(tmp_path: Path) -> None:
    assert of_readings(Lake(str(tmp_path / "none")), Span([S], ["temperature"]), Periods(("avg",))) == {}

"""Numbers and moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.model.written import read_instants, read_numbers, regular

HCM = "Asia/Ho_Chi_Minh"


@pytest.mark.parametrize(
    ("style", "text", "number"),
    [
        ("vi", "1.234,5", 1234.5), ("vi", "12,5", 12.5), ("vi", "-1 234", -1234.0), ("vi", "1.234.567", 1234567.0),
        ("vi", "1.5", None), ("vi", "1,234.5", None), ("vi", "12.34,5", None), ("vi", "", None), ("vi", "−3,5", -3.5),
        ("en", "1,234.5", 1234.5), ("en", "12,5", None), ("en", "1\u00a0234.5", 1234.5),
        ("plain", "1234.5", 1234.5), ("plain", "1e3", 1000.0), ("plain", "1,5", None), ("plain", "0x10", None),
        ("plain", ".5", 0.5), ("plain", "+7", 7.0), ("plain", "nan", None), ("plain", "1e999", None),
    ],
)  # fmt: skip
def test_numbers(style: str, text: str, number: float | None) -> None:
    found, bad = read_numbers(pa.array([text, None]), style)
    assert found.to_pylist() == [number, None]
    assert bad.tolist() == [number is None, False]


@pytest.mark.parametrize(
    ("style", "text", "shown"),
    [
        ("dd/mm/yyyy", "31/12/2024 07:30", "2024-12-31T00:30:00"), ("dd/mm/yyyy", "1-2-2024", "2024-01-31T17:00:00"),
        ("dd/mm/yyyy", "29/02/2023", None), ("dd/mm/yyyy", "31/04/2024", None), ("dd/mm/yyyy", "5/6/24", None),
        ("dd/mm/yyyy", "01/02/2024 24:00", "2024-02-01T17:00:00"), ("dd/mm/yyyy", "01/02/2024 25:00", None),
        ("mm/dd/yyyy", "12/31/2024", "2024-12-30T17:00:00"), ("mm/dd/yyyy", "31/12/2024", None),
        ("iso", "2024-12-31", "2024-12-30T17:00:00"), ("iso", "2024-12-31T00:00:00Z", "2024-12-31T00:00:00"),
        ("iso", "2024-12-31 00:00:00.25-08:00", "2024-12-31T08:00:00.250000"), ("iso", "1850-01-01", None),
        ("yyyymmdd", "20241231", "2024-12-30T17:00:00"), ("epoch_s", "1700000000", "2023-11-14T22:13:20"),
        ("epoch_ms", "1700000000500", "2023-11-14T22:13:20.500000"), ("epoch_s", "x", None),
    ],
)  # fmt: skip
def test_moments(style: str, text: str, shown: str | None) -> None:
    found, bad = read_instants(pa.array([text, None]), style, HCM)
    wanted = None if shown is None else datetime.fromisoformat(shown).replace(tzinfo=UTC)
    assert found.to_pylist() == [wanted, None]
    assert bad.tolist() == [shown is None, False]


@given(st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001
def test_iso_with_offset_agrees_with_python(moment: datetime, hours: int) -> None:
    given = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    found, _ = read_instants(pa.array([given.isoformat()]), "iso", HCM)
    assert found.to_pylist() == [given.astimezone(UTC)]


@given(st.floats(-1e9, 1e9).map(lambda x: round(x, 3)))
def test_vietnamese_numbers_agree_with_their_writing(number: float) -> None:
    text = f"{number:,.3f}".translate(str.maketrans(",.", ".,"))
    found, bad = read_numbers(pa.array([text]), "vi")
    assert found.to_pylist() == [number]
    assert not bad.any()


def test_regular_rows_have_regular_times() -> None:
    import numpy as np

    first = datetime(2012, 3, 1, 8, tzinfo=UTC)
    found = regular(first, timedelta(minutes=5), np.array([0, 1, 288]))
    assert found.to_pylist() == [first, first + timedelta(minutes=5), first + timedelta(days=1)]

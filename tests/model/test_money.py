"""Sums of money as people of Vietnam write them, and every sum that is written is read back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import InvalidInput
from province.model.money import read_number, read_sum

SCALES = {
    "": 1,
    "nghìn": 10**3,
    "ngàn": 10**3,
    "triệu": 10**6,
    "tỷ": 10**9,
    "tỉ": 10**9,
    "nghìn tỷ": 10**12,
    "ngàn tỉ": 10**12,
}
CURRENCY = ("", " đồng", " đ", " VNĐ", " vnd", "₫")


@given(
    st.integers(0, 999_999), st.sampled_from(list(SCALES)), st.sampled_from(CURRENCY), st.booleans(), st.booleans(),
    st.sampled_from(" \u00a0"),
)  # fmt: skip
def test_every_sum_that_is_written_is_read_back(
    amount: int, scale: str, currency: str, grouped: bool, apart: bool, space: str
) -> None:
    digits = f"{amount:,}".replace(",", ".") if grouped else str(amount)
    text = f"{digits} {scale}{currency}".strip().replace(" ", space)
    text = unicodedata.normalize("NFD", text) if apart else text
    assert read_sum(text, field="x") == amount * SCALES[scale]
    assert read_sum(text.upper(), field="x") == amount * SCALES[scale]


@given(st.integers(1, 999_999_999_999), st.integers(0, 99), st.booleans())
def test_a_number_is_the_same_with_a_comma_and_with_a_point(whole: int, cents: int, grouped: bool) -> None:
    english = f"{whole:,}" if grouped else str(whole)
    vietnamese = english.replace(",", ".")
    wanted = float(f"{whole}.{cents:02d}")
    assert read_number(f"{vietnamese},{cents:02d}", field="x") == wanted
    assert read_number(f"{english}.{cents:02d}", field="x") == wanted


@given(st.integers(1, 999), st.integers(1, 999), st.integers(1, 999))
def test_parts_are_added_up(billions: int, millions: int, thousands: int) -> None:
    text = f"{billions} tỷ {millions} triệu {thousands} nghìn đồng"
    assert read_sum(text, field="x") == billions * 10**9 + millions * 10**6 + thousands * 10**3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1.234.567 đồng", 1_234_567), ("1,234,567 đồng", 1_234_567), ("1.234.567,5 đồng", 1_234_567.5),
        ("250 nghìn", 250e3), ("250 ngàn đồng", 250e3), ("2,5 nghìn tỷ", 2.5e12), ("1.500 tỷ", 1.5e12),
        ("0,500 tỷ", 0.5e9), ("1 tỷ rưỡi", 1.5e9), ("2 tỷ 500 triệu", 2.5e9), ("1,1 tỷ", 1.1e9), ("60e9", 60e9),
        ("900tr", 900e6), ("3 triệu tỷ", 3e15), ("0", 0.0), ("2.5 billion", 2.5e9),
    ],
)  # fmt: skip
def test_what_people_write(text: str, wanted: float) -> None:
    assert read_sum(text, field="x") == wanted


@pytest.mark.parametrize(
    "text",
    ["", "tỷ", "nghìn", "60 usd", "-5 tỷ", "5 tỷ tỷ", "tỷ 5", "5 nghìn triệu", "500 triệu 2 tỷ", "5 đồng 3", "1.2.3 tỷ",
     "5 rưỡi", "5 / 2 tỷ", "1.234.56,7", "5 đồng tỷ"],
)  # fmt: skip
def test_what_is_no_sum_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_sum(text, field="x")
    assert refused.value.field == "x"
    assert refused.value.remedy

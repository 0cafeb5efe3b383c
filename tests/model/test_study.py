"""Plain values of studies: what a layer's columns may hold, and the form of every bill of materials."""

from __future__ import annotations

import pytest

from province.errors import InvalidInput
from province.model.label import Label
from province.model.study import AMOUNT, PRICE, Column, Feature, bill, read_amount


def test_an_amount_is_a_number_from_zero_on_or_not_given() -> None:
    row = Feature(id="7", properties={"a": "12.5", "b": 0, "c": "", "d": None})
    assert [read_amount(row, column, "stops") for column in "abcde"] == [12.5, 0.0, None, None, None]


@pytest.mark.parametrize("given", [-3, "nhiều", "nan", "inf", 1e16, [1], "−1"])
def test_what_is_no_amount_is_refused_by_row_and_column(given: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_amount(Feature(id="7", properties={"name": "Chợ", "load": given}), "load", "stops")
    assert caught.value.field == "layers.stops"
    assert "Chợ has the load" in caught.value.detail


def test_a_bill_names_items_in_two_languages_and_then_what_it_is_told() -> None:
    metres = Column(name="metres", label=Label("Chiều dài", "Length"), unit="MTR")
    made = bill(metres, PRICE, AMOUNT, rows=[("Cáp", "Cable", 2.0, 3.0, 6.0)])
    assert [c.name for c in made.columns] == ["item", "item_en", "metres", "price", "amount"]
    assert (made.name, len(made.rows)) == ("materials", 1)

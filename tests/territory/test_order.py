"""Orders as people write them: the day from which they hold, and boundaries in every wrapping."""

from __future__ import annotations

import json
from typing import Any

import pytest

from province.errors import InvalidInput
from province.territory.boundary import read_boundary
from province.territory.order import read_order

RING = [[106.6, 10.9], [106.7, 10.9], [106.7, 11.0], [106.6, 10.9]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}


def order(effective: str) -> dict[str, Any]:
    return {"effective": effective, "basis": "NQ 1", "articles": []}


@pytest.mark.parametrize("effective", ["2027-01-01", "2027-01-01T00:00:00+07:00", "2026-12-31T17:00:00Z"])
def test_an_order_holds_from_the_first_instant_of_a_day(effective: str) -> None:
    assert read_order(order(effective)).effective == "2027-01-01"


@pytest.mark.parametrize(
    ("effective", "words"),
    [
        ("2027-01-01T10:00:00+07:00", "within a day"),
        ("2027-01-01T00:00:00Z", "within a day"),
        ("2027-01-01T00:00:00", "time zone"),
        ("2027-13-01T00:00:00Z", "not a date-time"),
    ],
)
def test_an_instant_within_a_day_is_refused_with_the_day_to_name(effective: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        read_order(order(effective))
    assert refused.value.field == "effective"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(POLYGON),
        json.dumps({"type": "Feature", "properties": {}, "geometry": POLYGON}),
        json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": POLYGON}]}),
        "106.6 10.9\n106.7 10.9\n\n106.7 11.0",
        "106.6, 10.9\r\n106.7; 10.9\n 106.7\t11.0 \n106.6 10.9\n",
        "\ufeff" + json.dumps(POLYGON),
    ],
)
def test_a_boundary_is_read_in_every_wrapping(text: str) -> None:
    assert read_boundary(text) == POLYGON


def test_nothing_written_is_no_boundary() -> None:
    assert read_boundary(" \n ") is None


@pytest.mark.parametrize("text", ["106.6 10.9\n106.7 10.9", "106.6\n1\n2", "a b\nc d\ne f", "{", '{"type": "Feature"}'])
def test_what_bounds_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_boundary(text, field="parts.0.boundary")
    assert refused.value.field == "parts.0.boundary"

"""Areas are a code and a day; which one holds a place depends on the day that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from province.errors import InvalidInput
from province.model.entity import Entity
from province.model.record import create, to_record
from province.model.schema import describe
from province.vocab import TYPES, Agency, Area
from province.vocab.area import area_id, civil_day, in_force, local_area

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}


def area(name: str, start: str, end: str | None = None, kind: str = "ward", **values: object) -> Area:
    given = {"code": "25747", "name": name, "kind": kind, "validFrom": start, "validTo": end, "location": SQUARE}
    return Area(id=area_id("25747", start), **{**given, **values})  # type: ignore[arg-type]


def test_code_used_twice_is_two_areas() -> None:
    assert area_id("25747", "2025-07-01") == "urn:ngsi-ld:Area:25747:2025-07-01"
    old, new = area("Phú Cường", "2000-01-01", "2025-07-01"), area("Thủ Dầu Một", "2025-07-01")
    assert local_area([old, new], (0.5, 0.5), "2025-06-30") == old
    assert local_area([old, new], (0.5, 0.5), "2025-07-01") == new
    assert local_area([old, new], (0.5, 0.5), "1999-12-31") is None
    assert local_area([old, new], (5, 5), "2025-07-01") is None


def test_real_boundary_wins_and_higher_tiers_are_left_aside() -> None:
    guess = area("A", "2025-07-01", approximate=True)
    real = area("B", "2025-07-02")
    city = area("C", "2024-01-01", kind="city")
    assert local_area([guess, real, city], (0.5, 0.5), "2025-08-01") == real
    assert local_area([city, area("D", "2025-07-01", location=None)], (0.5, 0.5), "2025-08-01") is None


def test_day_begins_at_midnight_in_vietnam() -> None:
    assert civil_day(datetime(2025, 6, 30, 16, 59, tzinfo=UTC)) == "2025-06-30"
    assert civil_day(datetime(2025, 6, 30, 17, 0, tzinfo=UTC)) == "2025-07-01"
    assert in_force("2025-07-01", "2025-07-02", "2025-07-01")
    assert not in_force("2025-07-01", "2025-07-02", "2025-07-02")
    with pytest.raises(InvalidInput, match="yyyy-mm-dd"):
        area_id("1", "1/7/2025")


@pytest.mark.parametrize("record", TYPES, ids=lambda t: t.__name__)
def test_shared_types_compile_and_speak_both_languages(record: type[Area]) -> None:
    kind = describe(record)
    for spec in kind.fields.values():
        assert spec.field.label.vi
        assert spec.field.label.en


def test_records_survive_the_way_through_an_entity() -> None:
    for given in (
        area("Thủ Dầu Một", "2025-07-01", areaSize=15.68),
        Agency(
            id="urn:a", identifier="a", name="Sở", kind="department", validFrom="2025-07-01", competences=("x", "y")
        ),
    ):
        change = create(given)
        entity = Entity(
            tenant="t", id=given.id, types=(change.type,), attrs={k: a for k, a in change.attrs.items() if a}
        )
        assert to_record(type(given), entity) == given

"""Addresses of both maps resolve to each other; what the record cannot settle has several answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import InvalidInput
from province.territory import replay
from province.territory.address import Gazetteer, read, read_position
from province.territory.example import read_facts
from province.territory.ledger import Ledger

FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"
OLD, NEW = "2025-06-30", "2026-01-01"


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    facts = read_facts(FOLDER)
    return Gazetteer.of(facts.areas, Ledger(replay.pieces(facts), replay.belongings(facts)))


@pytest.mark.parametrize(
    ("text", "day", "expected"),
    [
        ("12 Yersin, phường Phú Cường, TP Thủ Dầu Một", NEW, "12 Yersin, Phường Thủ Dầu Một, Thành phố Hồ Chí Minh"),
        ("12 nguyen trai phuong phu cuong tp thu dau mot", NEW,
         "12 nguyen trai, Phường Thủ Dầu Một, Thành phố Hồ Chí Minh"),
        ("Số 5/2, hẻm 3, tổ 4, KP. 2, P. Phú Cường, TX. Thủ Dầu Một", OLD,
         "Số 5/2, hẻm 3, tổ 4, KP. 2, Phường Phú Cường, Thành phố Thủ Dầu Một, Tỉnh Bình Dương"),
        ("Km12+500 QL13, ấp 3, xã Lai Hưng, huyện Bàu Bàng", NEW,
         "Km12+500 QL13, ấp 3, Phường Bến Cát, Thành phố Hồ Chí Minh"),
        ("Km 12 QL13, ấp 3, xã Bàu Bàng", OLD, "Km 12 QL13, ấp 3, Thị trấn Lai Uyên, Huyện Bàu Bàng, Tỉnh Bình Dương"),
        ("TT Dầu Tiếng, huyện Dầu Tiếng", NEW, "Xã Dầu Tiếng, Thành phố Hồ Chí Minh"),
    ],
)  # fmt: skip
def test_an_address_of_one_map_is_told_on_the_other(gazetteer: Gazetteer, text: str, day: str, expected: str) -> None:
    found = gazetteer.resolve(text, day)
    assert [form.text for form in found.forms] == [expected]
    assert found.settled_by == "name"


def test_a_unit_that_was_divided_has_several_answers_and_a_place_chooses(gazetteer: Gazetteer) -> None:
    text = "7 Yersin, P. Hiệp Thành, TP Thủ Dầu Một, tỉnh Bình Dương"
    found = gazetteer.resolve(text, NEW)
    assert {form.area.name for form in found.forms} == {"Phường Phú Lợi", "Phường Thủ Dầu Một"}
    assert found.settled_by == ""
    placed = gazetteer.resolve(text, NEW, place=(106.6492, 10.9836))
    assert [form.area.name for form in placed.forms] == ["Phường Thủ Dầu Một"]
    assert placed.settled_by == "place"


def test_a_place_that_contradicts_the_words_does_not_settle_them(gazetteer: Gazetteer) -> None:
    found = gazetteer.resolve("P. Phú Cường, TP Thủ Dầu Một", NEW, place=(106.7, 11.4))
    assert [form.area.name for form in found.forms] == ["Phường Thủ Dầu Một"]
    assert found.settled_by == "name"


def test_what_stands_above_tells_units_of_one_name_apart(gazetteer: Gazetteer) -> None:
    both = gazetteer.resolve("Phường Phú Lợi", OLD)
    assert {area.validFrom for area in both.named} == {"2024-05-01", "2025-07-01"}
    old = gazetteer.resolve("Phường Phú Lợi, TP Thủ Dầu Một", OLD)
    assert [area.validFrom for area in old.named] == ["2024-05-01"]
    assert [form.area.name for form in old.forms] == ["Phường Phú Lợi"]
    wrong = gazetteer.resolve("Phường Phú Lợi, huyện Dầu Tiếng", NEW)
    assert wrong.named == wrong.forms == (), "no ward of that name lies there; none is guessed"


def test_the_same_answer_with_and_without_diacritics(gazetteer: Gazetteer) -> None:
    names = [a.name for a in gazetteer.areas.values() if a.validTo is None and a.parent]
    for name in names:
        plain = name.replace("Phường", "P.").replace("Xã", "X.")
        first = gazetteer.resolve(f"1 A, {name}, TP Hồ Chí Minh", NEW)
        assert [f.area.name for f in first.forms] == [name], name
        assert [f.area.name for f in gazetteer.resolve(f"1 A, {plain.upper()}", NEW).forms if f.area.name == name] == [
            name
        ]


@pytest.mark.parametrize("text", ["", "   ", "x" * 401, "a\x00b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert refused.value.field == "text"


def test_a_position_is_two_numbers_on_the_earth_or_nothing() -> None:
    assert read_position("", "") is None
    assert read_position("106.65", "10.98") == (106.65, 10.98)
    for lon, lat in (("106.65", ""), ("", "10.98"), ("x", "10.98"), ("nan", "10.98"), ("181", "0"), ("0", "-91")):
        with pytest.raises(InvalidInput) as refused:
            read_position(lon, lat)
        assert refused.value.field == "lon"

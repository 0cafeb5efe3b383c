"""The shipped facts: complete, consistent, credited, and loaded twice without a difference."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from province.errors import ConfigurationError
from province.model.geometry import contains, validate
from province.territory.example import Facts, load, read_facts
from province.vocab.area import LOCAL, in_force, local_area
from tests.shared import shared

FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read_facts(FOLDER)


def test_the_two_maps_have_their_units(facts: Facts) -> None:
    now = [a for a in facts.areas if in_force(a.validFrom, a.validTo, "2026-11-24")]
    before = [a for a in facts.areas if in_force(a.validFrom, a.validTo, "2025-06-30")]
    assert Counter(a.kind for a in now) == {"ward": 24, "commune": 12, "province": 1}
    assert Counter(a.kind for a in before) == {"city": 5, "district": 4, "province": 1}
    wards = [a for a in now if a.kind in LOCAL]
    assert sum(a.areaSize or 0 for a in wards) == pytest.approx(2694.6, abs=0.1)
    assert all(a.name.startswith("Phường" if a.kind == "ward" else "Xã") for a in wards)
    districts = [a for a in before if a.kind != "province"]
    assert sum(a.areaSize or 0 for a in districts) == pytest.approx(2694.6, abs=0.1)


def test_known_traps_are_avoided(facts: Facts) -> None:
    names = {a.code: a.name for a in facts.areas if a.kind in LOCAL}
    assert names["25747"] == "Phường Thủ Dầu Một"
    assert names["25945"] == "Phường Tân Đông Hiệp"
    assert "25948" not in names
    assert all("\n" not in a.name and a.name == a.name.strip() for a in facts.areas)
    where = {a.name: facts.positions[a.id] for a in facts.areas if a.id in facts.positions}
    assert where["Huyện Bắc Tân Uyên"][0] > where["Thành phố Tân Uyên"][0], "Bắc Tân Uyên lies east of Tân Uyên"


def test_names_and_codes_agree_with_the_conversion_table(facts: Facts) -> None:
    with shared("areas/conversion-2025-07.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [r for r in csv.reader(file) if len(r) > 7 and "Bình Dương" in r[7]]
    assert len(rows) == 107
    assert {(r[2].strip(), r[1].strip()) for r in rows} == {(a.code, a.name) for a in facts.areas if a.kind in LOCAL}


def test_every_row_has_a_source_a_date_and_a_place_that_it_admits_to_be_approximate(facts: Facts) -> None:
    ids = {a.id for a in facts.areas} | {a.id for a in facts.agencies}
    assert len(ids) == len(facts.areas) + len(facts.agencies)
    for record in (*facts.areas, *facts.agencies):
        assert record.source
        assert record.sourceDate
        assert record.validTo is None or record.validFrom < record.validTo
        for name in ("parent", "area", "successor"):
            assert getattr(record, name, None) is None or getattr(record, name) in ids, record
    for area in facts.areas:
        assert area.approximate == (area.location is not None)
        if area.location is not None:
            validate(area.location)
        if area.id in facts.positions and area.location is not None:
            assert contains(area.location, facts.positions[area.id]), area.name


def test_every_place_in_the_outline_has_one_ward_today_and_every_ward_its_committee(facts: Facts) -> None:
    for position in facts.positions.values():
        assert local_area(facts.areas, position, "2026-11-24") is not None
        assert local_area(facts.areas, position, "2025-06-30") is None, "old communes are not in the record"
    committees = {a.area: a for a in facts.agencies if a.kind == "committee"}
    for area in facts.areas:
        if area.kind in LOCAL:
            assert committees[area.id].name.startswith("Ủy ban nhân dân ")


def test_information_and_communications_passed_to_science_on_1_march_2025(facts: Facts) -> None:
    def digital(day: str) -> list[str]:
        return [
            a.identifier for a in facts.agencies if "digital" in a.competences and in_force(a.validFrom, a.validTo, day)
        ]

    assert digital("2025-02-28") == ["bd-tttt"]
    assert digital("2025-03-01") == ["bd-khcn"]
    assert digital("2025-07-01") == ["hcm-khcn"]


def test_loading_twice_says_the_same_and_speaks_json(facts: Facts) -> None:
    first, second = load(FOLDER), load(FOLDER)
    assert first == second
    assert all(c.op == "upsert" for c in first)
    for change in first:
        for attribute in change.attrs.values():
            assert attribute is not None
            assert attribute.origin == "imported"
            again = msgspec.json.decode(msgspec.json.encode(attribute.value))
            assert again == attribute.value, "a value that JSON changes would look changed at every load"


def test_broken_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"sources\.yaml"):
        load(tmp_path)
    folder = tmp_path / "copy"
    shutil.copytree(FOLDER, folder)
    path = folder / "agencies.csv"
    path.write_text(path.read_text("utf-8").replace(",handover", ",hearsay"), "utf-8")
    with pytest.raises(ConfigurationError, match="hearsay"):
        load(folder)

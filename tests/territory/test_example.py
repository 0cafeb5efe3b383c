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
    assert Counter(a.kind for a in before) == {
        "city": 5,
        "district": 4,
        "province": 1,
        "ward": 47,
        "commune": 39,
        "township": 5,
    }
    wards = [a for a in now if a.kind in LOCAL]
    assert sum(a.areaSize or 0 for a in wards) == pytest.approx(2694.6, abs=0.1)
    assert all(a.name.startswith("Phường" if a.kind == "ward" else "Xã") for a in wards)
    districts = [a for a in before if a.kind in ("city", "district")]
    communes = Counter(a.parent for a in before if a.kind in LOCAL)
    assert [communes[d.id] for d in districts] == [14, 7, 12, 8, 11, 12, 7, 10, 10]
    assert sum(a.areaSize or 0 for a in districts) == pytest.approx(2694.6, abs=0.1)


def test_known_traps_are_avoided(facts: Facts) -> None:
    names = {a.code: a.name for a in facts.areas if a.kind in LOCAL and a.validTo is None}
    assert names["25747"] == "Phường Thủ Dầu Một"
    assert names["25945"] == "Phường Tân Đông Hiệp"
    assert "25948" not in names
    assert all("\n" not in a.name and a.name == a.name.strip() for a in facts.areas)
    where = {a.name: facts.positions[a.id] for a in facts.areas if a.id in facts.positions}
    assert where["Huyện Bắc Tân Uyên"][0] > where["Thành phố Tân Uyên"][0], "Bắc Tân Uyên lies east of Tân Uyên"


def test_names_codes_and_extents_agree_with_the_conversion_table(facts: Facts) -> None:
    with shared("areas/conversion-2025-07.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [[c.strip() for c in r] for r in csv.reader(file) if len(r) > 7 and "Bình Dương" in r[7]]
    assert len(rows) == 107
    local = [a for a in facts.areas if a.kind in LOCAL]
    assert {(r[2], r[1]) for r in rows} == {(a.code, a.name) for a in local if a.validTo is None}
    assert {(r[4], r[3]) for r in rows} == {(a.code, a.name) for a in local if a.validTo}
    whole = {"Nhập toàn bộ": True, "Giữ nguyên": True}
    table = [(f":{r[4]}:2024-05-01", f":{r[2]}:2025-07-01", whole.get(r[5], False)) for r in rows]
    kind = "urn:ngsi-ld:Area"
    assert table == [(a.old.removeprefix(kind), a.new.removeprefix(kind), a.whole) for a in facts.atoms]
    parents = {a.id: a.parent for a in facts.areas}
    for row, atom in zip(rows, facts.atoms, strict=True):
        assert f"({parents[atom.old].split(':')[3]})" in row[6]  # type: ignore[union-attr]


def test_old_units_agree_with_the_list_of_communes(facts: Facts) -> None:
    with shared("areas/communes-before-2025-07.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = {(r["Mã QH"], r["Mã PX"]) for r in csv.DictReader(file) if r["Mã TP"] == "74"}
    ours = {(a.parent.split(":")[3], a.code) for a in facts.areas if a.kind in LOCAL and a.validTo and a.parent}
    assert ours == listed
    assert len(ours) == 91


def test_names_in_the_table_of_conversions_are_those_of_the_units(facts: Facts) -> None:
    names = {a.id: a.name for a in facts.areas}
    with (FOLDER / "conversions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for side in ("old", "new"):
                assert names[f"urn:ngsi-ld:Area:{row[side]}"] == row[f"{side}_name"]


def test_estimates_of_districts_are_flagged_and_the_province_is_not_their_sum(facts: Facts) -> None:
    counted = {c.id: c.attrs["population"] for c in load(FOLDER) if "population" in c.attrs}
    districts = [a for a in facts.areas if a.kind in ("city", "district")]
    assert all(counted[a.id].origin == "estimated" for a in districts)  # type: ignore[union-attr]
    assert sum(a.population or 0 for a in districts) == 2_502_354
    province = next(a for a in facts.areas if a.code == "74")
    assert province.population == 2_763_120
    assert counted[province.id].origin == "imported"  # type: ignore[union-attr]
    assert all(a.population is None for a in facts.areas if a.kind in LOCAL), "no source was found for these"


def test_land_of_an_old_unit_is_given_only_where_it_can_be_derived(facts: Facts) -> None:
    known = {a.name: a.areaSize for a in facts.areas if a.kind in LOCAL and a.validTo and a.areaSize}
    assert len(known) == 11
    thoi_hoa = next(a for a in facts.areas if a.name == "Phường Thới Hòa" and a.validTo is None)
    assert known["Phường Thới Hòa"] == pytest.approx(thoi_hoa.areaSize, abs=0.05)


def test_every_row_has_a_source_a_date_and_a_place_that_it_admits_to_be_approximate(facts: Facts) -> None:
    ids = {a.id for a in facts.areas} | {a.id for a in facts.agencies}
    assert len(ids) == len(facts.areas) + len(facts.agencies)
    for record in (*facts.areas, *facts.agencies):
        assert record.source
        assert record.sourceDate
        assert record.validTo is None or record.validFrom < record.validTo
        for name in ("parent", "area", "successor"):
            assert getattr(record, name, None) is None or getattr(record, name) in ids, record
        assert set(getattr(record, "successors", ())) <= ids
    for area in facts.areas:
        assert area.approximate == (area.location is not None)
        if area.location is not None:
            validate(area.location)
        if area.id in facts.positions and area.location is not None:
            assert contains(area.location, facts.positions[area.id]), area.name


def test_every_place_in_the_outline_has_one_ward_today_and_every_ward_its_committee(facts: Facts) -> None:
    for position in facts.positions.values():
        assert local_area(facts.areas, position, "2026-11-24") is not None
        old = local_area(facts.areas, position, "2025-06-30")
        assert old is not None
        assert old.validTo == "2025-07-01"
    committees = {a.area: a for a in facts.agencies if a.kind == "committee"}
    for area in facts.areas:
        committee = committees[area.id]
        assert committee.name.startswith("Ủy ban nhân dân ")
        assert (committee.validFrom, committee.validTo) == (area.validFrom, area.validTo)
        if area.parent:
            assert committee.parent == committees[area.parent].id
    assert committees["urn:ngsi-ld:Area:25747:2024-05-01"].successor == "urn:ngsi-ld:Agency:ubnd-25747:2025-07-01"
    assert committees["urn:ngsi-ld:Area:25948:2024-05-01"].successor is None, "it was divided"


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
    assert all((c.op, c.style) == ("upsert", "fill") for c in first), "what people wrote since is kept"
    for change in first:
        for attribute in change.attrs.values():
            assert attribute is not None
            assert attribute.origin in ("imported", "estimated")
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


def test_every_competence_has_an_owner_on_every_day_of_the_record(facts: Facts) -> None:
    """Owners change in time; none is lost between two days, and none has two owners."""
    words = {"digital", "telecom", "post", "press", "cybersecurity", "traffic", "environment", "parks", "one-stop"}
    days = ("2025-02-28", "2025-03-01", "2025-06-30", "2025-07-01", "2026-11-24")
    owners = {
        (word, day): [
            a.identifier for a in facts.agencies if word in a.competences and in_force(a.validFrom, a.validTo, day)
        ]
        for word in words
        for day in days
    }
    assert {key: found for key, found in owners.items() if len(found) != 1} == {}
    assert [owners["press", day][0] for day in days] == ["bd-tttt", "bd-vhttdl", "bd-vhttdl", "hcm-vhtt", "hcm-vhtt"]
    assert [owners["cybersecurity", day][0] for day in days] == [
        "bd-tttt", "bd-congan", "bd-congan", "hcm-congan", "hcm-congan",
    ]  # fmt: skip


def test_a_successor_begins_when_its_predecessor_ends_or_stood_already(facts: Facts) -> None:
    by_id = {a.id: a for a in facts.agencies}
    for agency in facts.agencies:
        if agency.successor:
            after = by_id[agency.successor]
            assert agency.validTo is not None
            assert in_force(after.validFrom, after.validTo, agency.validTo), agency.id

"""Atoms: both maps are made of the same pieces, and mostly agree with the real ones."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from province.errors import ConfigurationError
from province.territory.atoms import read_atoms, successors, unite
from province.territory.example import Facts, read_facts
from province.vocab.area import LOCAL, area_id, in_force
from tests.shared import shared

FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"
EXCHANGED = {"723": "726", "726": "723"}
"""Labels of Tân Uyên and Bắc Tân Uyên in the public polygons of districts."""


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read_facts(FOLDER)


def test_sixteen_units_were_divided_and_every_other_went_over_whole(facts: Facts) -> None:
    assert len(facts.atoms) == 107
    assert Counter(a.whole for a in facts.atoms) == {True: 75, False: 32}
    became = successors(facts.atoms)
    assert len(became) == 91
    assert Counter(len(new) for new in became.values()) == {1: 75, 2: 16}
    for atom in facts.atoms:
        assert atom.whole == (len(became[atom.old]) == 1), "a part of a unit is never the whole of it"


def test_a_code_that_is_used_again_is_another_unit(facts: Facts) -> None:
    names = {a.id: a.name for a in facts.areas}
    old, new = area_id("25747", "2024-05-01"), area_id("25747", "2025-07-01")
    assert (names[old], names[new]) == ("Phường Phú Cường", "Phường Thủ Dầu Một")
    became = {a.id: a.successors for a in facts.areas}
    assert became[old] == (new,)
    # The ward Tân Đông Hiệp moved from 25948 to 25945, which was Tân Bình; the old one was divided.
    assert names[area_id("25945", "2024-05-01")] == "Phường Tân Bình"
    assert [names[id] for id in became[area_id("25948", "2024-05-01")]] == ["Phường Dĩ An", "Phường Tân Đông Hiệp"]
    bare = {a.id: re.sub(r"^(Phường|Xã|Thị trấn) ", "", a.name) for a in facts.areas}
    before = {a.code: bare[a.id] for a in facts.areas if a.kind in LOCAL and a.validTo}
    today = {a.code: bare[a.id] for a in facts.areas if a.kind in LOCAL and a.validTo is None}
    assert sum(code in before and before[code] != name for code, name in today.items()) == 23


def test_borders_of_both_maps_are_made_of_the_same_pieces(facts: Facts) -> None:
    before = [a for a in facts.areas if a.kind in LOCAL and in_force(a.validFrom, a.validTo, "2025-06-30")]
    today = [a for a in facts.areas if a.kind in LOCAL and in_force(a.validFrom, a.validTo, "2025-07-01")]
    whole = shapely.Polygon(facts.outline).area
    for units in (before, today, [a for a in facts.areas if a.kind in ("city", "district")]):
        shapes = [shape(a.location) for a in units]
        assert all(s.is_valid for s in shapes)
        assert sum(s.area for s in shapes) == pytest.approx(whole, rel=1e-3)
        assert unary_union(shapes).area == pytest.approx(whole, rel=1e-3)
    land = {a.id: shape(a.location) for a in (*before, *today)}
    for atom in facts.atoms:
        assert land[atom.old].intersection(land[atom.new]).area == pytest.approx(shape(atom.cell).area, abs=1e-8)


def test_a_district_is_the_land_of_its_communes(facts: Facts) -> None:
    communes = [a for a in facts.areas if a.kind in LOCAL and a.parent == area_id("724", "2024-05-01")]
    assert len(communes) == 7
    district = next(a for a in facts.areas if a.code == "724")
    assert shape(district.location).area == pytest.approx(sum(shape(c.location).area for c in communes), rel=1e-4)


def agreement(real: dict[str, BaseGeometry], drawn: dict[str, BaseGeometry]) -> dict[str, float]:
    return {code: real[code].intersection(drawn[code]).area / real[code].area for code in real}


def test_nine_tenths_of_the_land_lie_in_the_right_ward_and_district(facts: Facts) -> None:
    folder = shared("areas/after-2025-07/json/geojson/79_ho_chi_minh/wards")
    wards = {a.code: shape(a.location) for a in facts.areas if a.kind in LOCAL and a.validTo is None}
    real = {}
    for code in wards:
        document = json.loads(next(folder.glob(f"{code}_*.geojson")).read_text("utf-8"))
        real[code] = shape(document["features"][0]["geometry"]).buffer(0)
    shares = agreement(real, wards)
    assert sum(shares[c] * real[c].area for c in real) / sum(g.area for g in real.values()) > 0.89
    assert min(shares.values()) > 0.67
    units = json.loads(shared("areas/districts-before-2025-07.json").read_text("utf-8"))["level2s"]
    districts = {
        EXCHANGED.get(u["level2_id"], u["level2_id"]): shape(
            {"type": "MultiPolygon", "coordinates": u["coordinates"]}
        ).buffer(0)
        for u in units
    }
    drawn = {a.code: shape(a.location) for a in facts.areas if a.kind in ("city", "district")}
    shares = agreement(districts, drawn)
    assert sum(shares[c] * districts[c].area for c in drawn) / sum(g.area for g in districts.values()) > 0.94
    assert min(shares.values()) > 0.89


def test_every_atom_lies_in_its_real_ward(facts: Facts) -> None:
    folder = shared("areas/after-2025-07/json/geojson/79_ho_chi_minh/wards")
    for atom in facts.atoms:
        code = atom.new.split(":")[3]
        document = json.loads(next(folder.glob(f"{code}_*.geojson")).read_text("utf-8"))
        assert shape(document["features"][0]["geometry"]).buffer(0.0006).contains(shapely.Point(atom.position)), atom


def test_a_row_that_is_neither_whole_nor_partial_is_named(tmp_path: Path) -> None:
    path = tmp_path / "conversions.csv"
    path.write_text("old,new,extent,lon,lat\n1:2024-01-01,2:2025-01-01,most,0.5,0.5\n", "utf-8")
    with pytest.raises(ConfigurationError, match="'most'"):
        read_atoms(path, [(0, 0), (1, 0), (1, 1), (0, 1)])


def test_land_of_units_is_found_by_any_rule(facts: Facts) -> None:
    everything = unite(facts.atoms, lambda a: "all")
    assert shape(everything["all"]).area == pytest.approx(shapely.Polygon(facts.outline).area, rel=1e-3)

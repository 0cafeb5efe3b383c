"""Roads, waters and parks: drawn by hand, flagged, and where they are checked, not far off."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from province.errors import ConfigurationError
from province.model.geometry import validate
from province.territory.example import Facts, read_facts
from province.vocab.waterway import STANDING
from tests.shared import shared

FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"
KM = 1 / 111.32


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read_facts(FOLDER)


def test_main_roads_rivers_and_reservoirs_are_there_and_admit_to_be_drawn_by_hand(facts: Facts) -> None:
    ground = facts.ground
    assert {"QL1", "QL1K", "QL13", "MPTV", "VD3", "VD4"} | {f"DT{n}" for n in range(741, 751)} == {
        r.code for r in ground.roads
    }
    waters = {w.name for w in ground.waterways}
    assert {"Sông Sài Gòn", "Sông Đồng Nai", "Sông Bé", "Sông Thị Tính", "Hồ Dầu Tiếng", "Hồ Cần Nôm"} <= waters
    for thing in (*ground.roads, *ground.waterways):
        assert thing.approximate
        assert thing.error
        assert thing.source
        assert thing.sourceDate
        assert thing.location is not None
        validate(thing.location)
        positions = shapely.get_num_coordinates(shape(thing.location))
        assert 2 <= positions <= 60, "a few dozen places at most: it is no survey"
        assert shapely.box(106.25, 10.86, 106.97, 11.51).covers(shape(thing.location)), thing.name
    assert all(
        (w.location or {})["type"] == ("Polygon" if w.kind in STANDING else "LineString") for w in ground.waterways
    )


def test_parks_stand_at_the_point_of_their_ward_and_never_on_each_other(facts: Facts) -> None:
    parks = facts.ground.parks
    assert len(parks) == 30
    assert sum(p.landSize or 0 for p in parks if p.name == "KCN Cây Trường") == 700
    places = [tuple(p.location["coordinates"]) for p in parks if p.location]
    assert len(set(places)) == len(places) == 29
    for park in parks:
        assert park.source
        assert park.approximate == (park.location is not None)
        if park.area and park.location:
            lon, lat = facts.positions[park.area]
            assert math.dist((lon, lat), park.location["coordinates"]) <= 0.5 * KM
    assert [p.name for p in parks if p.location is None] == ["Khu công nghệ cao khởi công tháng 10/2024"]


def test_every_figure_has_a_unit_a_source_and_names_an_area_that_exists(facts: Facts) -> None:
    areas = {a.id for a in facts.areas}
    with (FOLDER / "figures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({r["code"] for r in rows}) == len(rows) > 40
    assert all(not r["area"] or f"urn:ngsi-ld:Area:{r['area']}" in areas for r in rows)
    centres = {r["area"].split(":")[0] for r in rows if r["code"].startswith("dc-")}
    assert centres == {"718", "724", "721", "723", "719", "722"}


def test_rivers_on_the_border_follow_it_within_their_stated_error(facts: Facts) -> None:
    folder = shared("areas/after-2025-07/json/geojson/79_ho_chi_minh/wards")
    wards: list[BaseGeometry] = []
    for area in facts.areas:
        if area.validTo is None and area.kind in ("ward", "commune"):
            document = json.loads(next(folder.glob(f"{area.code}_*.geojson")).read_text("utf-8"))
            wards.append(shape(document["features"][0]["geometry"]).buffer(0))
    border = shapely.unary_union(wards).boundary
    for water in facts.ground.waterways:
        if water.name in ("Sông Sài Gòn", "Sông Đồng Nai"):
            line = shape(water.location)
            # South of Thạnh Hội the Đồng Nai leaves the border and runs through Biên Hòa.
            places = [p for p in line.coords if not (p[0] > 106.78 and p[1] < 10.96)]
            far = max(border.distance(shapely.Point(p)) for p in places)
            assert far <= (water.error or 0) / 1000 * KM, water.name


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(FOLDER, folder)
    path = folder / "waterways.csv"
    good = path.read_text("utf-8")
    path.write_text(good.replace("106.337 11.318;", "106.337;", 1), "utf-8")
    with pytest.raises(ConfigurationError, match="is not a line"):
        read_facts(folder)
    path.write_text(good.replace("106.396 11.284\n", "106.396 11.290\n", 1), "utf-8")
    with pytest.raises(ConfigurationError, match="is not closed"):
        read_facts(folder)

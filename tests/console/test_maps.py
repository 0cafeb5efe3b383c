"""GeoJSON of the layers: what is shown, how it is coloured, what is left out."""

from __future__ import annotations

import math

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from province.console.maps import parse_box, simplify
from province.errors import InvalidInput
from tests.console.conftest import Open
from tests.console.world import World, world


async def test_values_are_classed_and_the_missing_are_counted(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        answer = await client.get("/console/map/Station.geojson?bbox=106,10,107,12")
    body = answer.json()
    assert answer.headers["content-type"] == "application/geo+json"
    assert len(body["features"]) == 12
    assert sum(c["count"] for c in body["classes"]) == 12
    none = next(c for c in body["classes"] if c["key"] == "none")
    assert none == {"key": "none", "label": "no data", "shade": "none", "count": 2}
    keys = {c["key"] for c in body["classes"]}
    assert {f["properties"]["class"] for f in body["features"]} <= keys
    assert body["simulated"]
    assert not body["truncated"]


async def test_states_have_their_names_and_own_colours(browse: Open, small: World) -> None:
    async with browse(small) as client:
        body = (await client.get("/console/map/Case.geojson")).json()
    assert [(c["key"], c["label"], c["count"]) for c in body["classes"]] == [
        ("new", "Mới", 3),
        ("working", "Đang xử lý", 3),
        ("closed", "Đã đóng", 3),
    ]
    assert len({c["shade"] for c in body["classes"]}) == 3
    assert body["features"][0]["properties"]["href"] == "/entity/urn:ngsi-ld:Case:00000"
    assert "phone" not in body["features"][0]["properties"]


async def test_too_many_marks_are_cut_off_and_said(browse: Open) -> None:
    async with browse(world(stations_count=5200, cases_count=0)) as client:
        body = (await client.get("/console/map/Station.geojson")).json()
    assert len(body["features"]) == 5000
    assert body["truncated"]


async def test_no_entity_no_class(browse: Open) -> None:
    async with browse(world(stations_count=0, cases_count=0)) as client:
        body = (await client.get("/console/map/Station.geojson")).json()
    assert (body["features"], body["classes"]) == ([], [])


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "10,10,5,20", "-200,0,0,0", "0,0,nan,1", "0,0,1,inf"])
def test_impossible_boxes_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="box"):
        parse_box(text)


@given(st.lists(st.floats(allow_nan=True), min_size=4, max_size=4))
def test_a_box_is_inside_the_world_or_refused(numbers: list[float]) -> None:
    try:
        box = parse_box(",".join(map(repr, numbers)))
    except InvalidInput:
        return
    assert box is not None
    assert all(math.isfinite(v) for v in box)
    assert -180 <= box[0] <= box[2] <= 180
    assert -90 <= box[1] <= box[3] <= 90


def test_neighbours_keep_their_common_border() -> None:
    wiggle = [(106.5 + (0.00002 if i % 2 else 0.0), 11 + i * 0.001) for i in range(101)]
    west = [*wiggle, (106.4, wiggle[-1][1]), (106.4, 11.0), wiggle[0]]
    east = [*wiggle, (106.6, wiggle[-1][1]), (106.6, 11.0), wiggle[0]]
    shapes = [{"type": "Polygon", "coordinates": [[list(p) for p in ring]]} for ring in (west, east)]
    drawn = [shapely.geometry.shape(s) for s in simplify(shapes)]
    assert all(shapely.get_num_coordinates(d) < 20 for d in drawn)
    assert drawn[0].intersection(drawn[1]).area == 0
    assert drawn[0].union(drawn[1]).area == pytest.approx(0.2 * 0.1, rel=0.001)


async def test_areas_are_for_everybody_and_an_installation_may_have_none(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        body = (await client.get("/console/areas.geojson")).json()
    assert body == {"type": "FeatureCollection", "features": []}

"""GeoJSON of the layers: what is shown, how it is coloured, what is left out."""

from __future__ import annotations

import math
from datetime import timedelta

import msgspec
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from province.console.maps import parse_box, simplify
from province.errors import InvalidInput
from province.model.time import now
from tests.console.conftest import Open
from tests.console.world import World, world


async def test_values_are_classed_and_the_missing_are_counted(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        answer = await client.get("/console/map/Station.json?bbox=106,10,107,12&zoom=9")
    body = answer.json()
    assert len(body["id"]) == len(body["x"]) == len(body["c"]) == 12
    assert sum(c["count"] for c in body["classes"]) == 12
    none = next(c for c in body["classes"] if c["key"] == "none")
    assert none == {"key": "none", "label": "no data", "shade": "none", "count": 2}
    assert body["simulated"] == 10
    assert [body["keys"][c] == "none" for c in body["c"]] == [t == "" for t in body["t"]]
    assert (body["stale"], body["extended"]) == (0, False)


async def test_states_have_their_names_and_own_colours_and_what_is_over_is_not_shown(
    browse: Open, small: World
) -> None:
    async with browse(small) as client:
        body = (await client.get("/console/map/Case.json")).json()
    assert [(c["key"], c["label"], c["count"]) for c in body["classes"]] == [
        ("new", "Mới", 3),
        ("working", "Đang xử lý", 3),
    ]
    assert len({c["shade"] for c in body["classes"]}) == 2
    assert "urn:ngsi-ld:Case:00000" in body["id"]


async def test_old_values_are_marked(browse: Open, small: World) -> None:
    first = small.broker.entities["urn:ngsi-ld:Station:00000"]
    long_ago = msgspec.structs.replace(first.attrs["pm25"], observed_at=now() - timedelta(hours=5))
    small.broker.entities[first.id] = msgspec.structs.replace(first, attrs={**first.attrs, "pm25": long_ago})
    async with browse(small) as client:
        body = (await client.get("/console/map/Station.json")).json()
        popup = (await client.get(f"/console/map/popup?id={first.id}&by=pm25")).text
    assert body["stale"] == 1
    assert [i for i, s in zip(body["id"], body["s"], strict=True) if s] == [first.id]
    assert 'class="stale"' in popup


async def test_ten_thousand_marks_cost_what_the_screen_holds(browse: Open) -> None:
    async with browse(world(stations_count=10_000, cases_count=0)) as client:
        body = (await client.get("/console/map/Station.json?bbox=106,10,107,12&zoom=8")).json()
        near = (await client.get("/console/map/Station.json?bbox=106.65,11.05,106.66,11.06&zoom=17")).json()
    assert len(body["x"]) + len(body["cx"]) < 400
    assert sum(body["cn"]) + len(body["x"]) == body["inside"] == 10_000
    assert body["t"] == [] or len(body["x"]) <= 250
    assert 0 < near["inside"] == len(near["id"]) < 150


async def test_the_same_picture_is_not_sent_twice(browse: Open, small: World) -> None:
    async with browse(small) as client:
        first = await client.get("/console/map/Station.json")
        again = await client.get("/console/map/Station.json", headers={"if-none-match": first.headers["etag"]})
        other = await client.get(
            "/console/map/Station.json?by=height", headers={"if-none-match": first.headers["etag"]}
        )
    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


async def test_a_popup_tells_value_unit_time_and_origin(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        popup = (await client.get("/console/map/popup?id=urn:ngsi-ld:Station:00001&by=pm25")).text
    async with browse(small, signed_in=False) as client:
        hidden = await client.get("/console/map/popup?id=urn:ngsi-ld:Case:00000")
    assert 'href="/entity/urn:ngsi-ld:Station:00001"' in popup
    for said in ("PM2.5", "µg/m³", "simulated", "ago"):
        assert said in popup
    assert hidden.status_code == 404


async def test_places_are_found_without_diacritics(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        rows = (await client.get("/console/map/find?q=tram thu dau mot 3")).json()
        at = await client.get(f"/map?id={rows[0][0]}")
    assert rows[0][:2] == ["urn:ngsi-ld:Station:00003", "Trạm Thủ Dầu Một 3"]
    assert 106 < rows[0][3] < 107
    assert "data-focus" in at.text


async def test_lines_and_surfaces_are_drawn_as_coarsely_as_the_zoom_allows(browse: Open, small: World) -> None:
    line = {"type": "LineString", "coordinates": [[106.6 + i * 1e-4, 11 + (i % 2) * 1e-5] for i in range(200)]}
    first = small.broker.entities["urn:ngsi-ld:Case:00000"]
    attrs = {**first.attrs, "location": msgspec.structs.replace(first.attrs["location"], value=line)}
    small.broker.entities[first.id] = msgspec.structs.replace(first, attrs=attrs)
    async with browse(small) as client:
        marks = (await client.get("/console/map/Case.json")).json()
        far = (await client.get("/console/map/Case.geojson?zoom=9")).json()
        near = (await client.get("/console/map/Case.geojson?zoom=20")).json()
    assert marks["extended"]
    assert first.id not in marks["id"]
    assert [f["properties"]["id"] for f in far["features"]] == [first.id]
    assert len(far["features"][0]["geometry"]["coordinates"]) < 5
    assert len(near["features"][0]["geometry"]["coordinates"]) > 50


async def test_no_entity_no_class(browse: Open) -> None:
    async with browse(world(stations_count=0, cases_count=0)) as client:
        body = (await client.get("/console/map/Station.json")).json()
        refused = await client.get("/console/map/Station.json?zoom=far")
    assert (body["x"], body["classes"], body["total"]) == ([], [], 0)
    assert refused.status_code == 400


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

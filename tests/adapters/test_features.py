"""Layers of a study from files: any of the coordinate systems of Vietnam, column names in two languages."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from province.adapters.tables import features
from province.adapters.tables.features import Layer
from province.errors import InvalidInput, ProvinceError
from province.model.label import Label

COLUMNS = {"name": Label("Tên", "Name"), "land_ha": Label("Diện tích (ha)", "Land (ha)")}
LON, LAT = 106.7091, 11.0487
ZONE = "VN-2000 TM-3 105°45'"


def projected() -> tuple[float, float]:
    """The place in metres of the state's zone, by the state's seven parameters backwards."""
    from province.adapters.tables.place import to_wgs84

    convert = to_wgs84("EPSG:9210")
    assert convert is not None
    east, north = Transformer.from_crs("EPSG:4326", "EPSG:9210", always_xy=True).transform(LON, LAT)
    for _ in range(5):
        lon, lat = convert(np.array([[east, north]]))[0]
        east, north = east + (LON - lon) * 109_000, north + (LAT - lat) * 110_600
    return east, north


async def read(path: Path, text: str | bytes, *, crs: str = "") -> Layer:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return await features.read(path, path.name, crs=crs, columns=COLUMNS)


def place(layer: Layer) -> tuple[float, float]:
    geometry = layer.features[0].geometry
    assert geometry is not None
    return tuple(geometry["coordinates"])


@pytest.mark.parametrize(
    "head", ["ten,kinh_do,vi_do,dien_tich_ha", "Name,lon,lat,Land", "name,longitude,latitude,land_ha"]
)
async def test_columns_are_known_by_names_in_two_languages(tmp_path: Path, head: str) -> None:
    layer = await read(tmp_path / "a.csv", f"{head}\nKCN A,{LON},{LAT},120.5\n")
    assert place(layer) == pytest.approx((LON, LAT))
    assert layer.features[0].properties["name"] == "KCN A"
    assert float(layer.features[0].properties["land_ha"]) == 120.5
    assert layer.crs == "EPSG:4326"


@pytest.mark.parametrize("swapped", [False, True])
async def test_metres_of_vn_2000_are_read_whichever_way_x_and_y_are_called(tmp_path: Path, swapped: bool) -> None:
    east, north = projected()
    x, y = (north, east) if swapped else (east, north)
    layer = await read(tmp_path / "a.csv", f"ten,x,y\nKCN A,{x:.3f},{y:.3f}\n", crs=ZONE)
    assert place(layer) == pytest.approx((LON, LAT), abs=2e-6)
    assert [one.en.startswith("X holds northings") for one in layer.remarks] == ([True] if swapped else [])
    assert layer.crs == "EPSG:9210"


async def test_degrees_that_begin_with_the_latitude_are_told_from_metres(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="begin with the latitude"):
        await read(tmp_path / "a.csv", f"ten,lon,lat\nKCN A,{LAT},{LON}\n")


async def test_metres_without_a_system_are_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        await read(tmp_path / "a.csv", "ten,x,y\nKCN A,602500,1221500\n")
    assert refused.value.field == "crs"
    assert "EPSG:9210" in refused.value.remedy
    shape = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [602500, 1221500]}}
    with pytest.raises(InvalidInput) as refused:
        await read(tmp_path / "a.geojson", json.dumps({"type": "FeatureCollection", "features": [shape]}))
    assert refused.value.field == "crs"


async def test_degrees_stay_degrees_though_a_system_was_offered_for_other_files(tmp_path: Path) -> None:
    layer = await read(tmp_path / "a.csv", f"ten,lon,lat\nKCN A,{LON},{LAT}\n", crs=ZONE)
    assert place(layer) == pytest.approx((LON, LAT))
    assert "read as WGS 84" in layer.remarks[0].en


async def test_geojson_keeps_its_shapes(tmp_path: Path) -> None:
    ring = [[106.7, 11.0], [106.71, 11.0], [106.71, 11.01], [106.7, 11.0]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"Tên": "KCN A"}, "geometry": shape}
    empty = {"type": "Feature", "properties": {"Tên": "KCN B"}, "geometry": None}
    layer = await read(tmp_path / "a.geojson", json.dumps({"type": "FeatureCollection", "features": [feature, empty]}))
    assert len(layer.features) == 1
    assert layer.features[0].geometry == shape
    assert layer.features[0].properties == {"name": "KCN A"}
    assert "without a place" in layer.remarks[0].en


async def test_a_geopackage_in_vn_2000_says_its_own_system(tmp_path: Path) -> None:
    east, north = projected()
    path = tmp_path / "a.gpkg"
    table = pa.table(
        {"ten": ["KCN A"], "geometry": [shapely.to_wkb(shapely.box(east, north, east + 100, north + 100))]}
    )
    pyogrio.write_arrow(table, path, layer="khu", driver="GPKG", geometry_name="geometry", geometry_type="Polygon",
                        crs="EPSG:9210")  # fmt: skip
    layer = await features.read(path, "a.gpkg", crs="", columns=COLUMNS)
    geometry = layer.features[0].geometry
    assert geometry is not None
    west, south, *_ = shapely.geometry.shape(geometry).bounds
    assert (west, south) == pytest.approx((LON, LAT), abs=3e-6)
    assert layer.crs == "EPSG:9210"


@pytest.mark.parametrize(
    "text",
    ["ten,dien_tich\nKCN A,12\n", "ten,lon,lat\nKCN A,106.7,mười một\n", "ten,lon,lat\n", "ten,wkt\nKCN A,POLYGON((\n"],
)
async def test_files_without_places_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProvinceError) as refused:
        await read(tmp_path / "a.csv", text)
    assert refused.value.field == "file"


async def test_too_many_rows_are_refused_before_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST", 3)
    rows = "".join(f"KCN {i},{LON},{LAT}\n" for i in range(4))
    with pytest.raises(ProvinceError, match="more than 3 rows"):
        await read(tmp_path / "a.csv", f"ten,lon,lat\n{rows}")


OSM = """<?xml version="1.0"?><osm version="0.6">
<node id="1" version="1" lat="10.98" lon="106.65"/><node id="2" version="1" lat="10.98" lon="106.66"/>
<node id="3" version="1" lat="10.99" lon="106.66"/>
<way id="10" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/><tag k="name" v="QL 13"/></way>
<way id="11" version="1"><nd ref="2"/><nd ref="3"/><tag k="highway" v="footway"/></way>
<way id="12" version="1"><nd ref="2"/><nd ref="9"/><tag k="highway" v="residential"/></way>
</osm>"""


async def test_an_extract_of_openstreetmap_gives_its_streets_as_lines(tmp_path: Path) -> None:
    (tmp_path / "a.osm").write_text(OSM)
    columns = {"name": Label("Tên", "Name"), "class": Label("Cấp đường", "Class")}
    layer = await features.read(tmp_path / "a.osm", "upload", crs="", columns=columns)
    (street,) = layer.features
    assert street.properties == {"class": "primary", "name": "QL 13"}
    assert street.geometry == {"type": "LineString", "coordinates": [[106.65, 10.98], [106.66, 10.98]]}
    assert layer.crs == "EPSG:4326"


async def test_an_extract_says_whose_it_is_and_of_which_day(tmp_path: Path) -> None:
    import osmium

    (tmp_path / "a.osm").write_text(OSM)
    layer = await features.read(tmp_path / "a.osm", "upload", crs="", columns=COLUMNS)
    assert layer.credit == "© OpenStreetMap contributors (ODbL)"
    head = osmium.io.Header()
    head.set("osmosis_replication_timestamp", "2018-01-02T00:00:00Z")
    with osmium.SimpleWriter(str(tmp_path / "a.osm.pbf"), header=head) as writer:
        for one in osmium.FileProcessor(str(tmp_path / "a.osm")):
            writer.add(one)
    dated = await features.read(tmp_path / "a.osm.pbf", "upload", crs="", columns=COLUMNS)
    assert dated.credit == "© OpenStreetMap contributors (ODbL), 2018-01-02"
    assert (await read(tmp_path / "a.csv", f"ten,lon,lat\nKCN A,{LON},{LAT}\n")).credit == ""


async def test_a_damaged_extract_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.osm").write_text(OSM[:300])
    with pytest.raises(InvalidInput) as refused:
        await features.read(tmp_path / "a.osm", "a.osm", crs="", columns=COLUMNS)
    assert refused.value.field == "file"


async def test_rows_without_a_place_are_kept_where_a_layer_allows_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("ten,dien_tich_ha\nCáp A,3\nCáp B,4\n", "utf-8")
    layer = await features.read(path, path.name, crs="", columns=COLUMNS, placed=False)
    assert [(f.geometry, f.properties["name"]) for f in layer.features] == [(None, "Cáp A"), (None, "Cáp B")]
    assert layer.remarks == ()
    path.write_text(f"ten,lon,lat\nCáp A,{LON},{LAT}\nCáp B,,\n", "utf-8")
    mixed = await features.read(path, path.name, crs="", columns=COLUMNS, placed=False)
    assert [f.geometry is None for f in mixed.features] == [False, True]
    assert len((await features.read(path, path.name, crs="", columns=COLUMNS)).features) == 1


async def test_a_drawing_in_metres_is_read_once_its_system_is_named(tmp_path: Path) -> None:
    east, north = projected()
    line = shapely.to_wkb(shapely.LineString([(east, north), (east + 100, north)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # its writer says that a drawing has no system: that is meant
        pyogrio.raw.write(
            tmp_path / "duong.dxf", geometry=np.array([line], object), field_data=[], fields=[], driver="DXF",
            geometry_type="LineString", crs=None,
        )  # fmt: skip
    content = (tmp_path / "duong.dxf").read_bytes()
    with pytest.raises(InvalidInput) as refused:
        await read(tmp_path / "b.dxf", content)
    assert refused.value.field == "crs"
    assert "VN-2000" in refused.value.remedy
    layer = await read(tmp_path / "b.dxf", content, crs=ZONE)
    geometry = layer.features[0].geometry
    assert geometry is not None
    assert geometry["type"] == "LineString"
    assert geometry["coordinates"][0][:2] == pytest.approx((LON, LAT), abs=1e-5)

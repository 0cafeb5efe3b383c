"""Every format by its own kind of file, legacy text, and files that mean harm."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
import xlsxwriter

from province.adapters.tables import place
from province.adapters.tables.process import reading
from province.adapters.tables.raw import Found, Options
from province.compute.legacy import TCVN3
from province.errors import InvalidInput, TooLarge, Unsupported

ROWS = "ma;ten\n1;Thủ Dầu Một\n2;Hoà Lợi\n3;Hòa Phú\n"
CODES = {letter: bytes([code]) for code, letter in TCVN3.items()}


async def read(path: Path, **options: Any) -> tuple[Found, list[dict[str, Any]]]:
    async with reading(path, Options(**options)) as (found, batches):
        rows = [row async for _, table in batches for row in table.to_pylist()]
    return found, rows


def file(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", ROWS.encode()), ("utf-8", ROWS.encode("utf-8-sig")), ("utf-16", ROWS.encode("utf-16")),
        ("utf-16", ROWS.encode("utf-16-le")),
        ("tcvn3", b"".join(CODES.get(c) or c.encode("latin-1") for c in ROWS)),
        ("vni", "ma;ten\n1;Thuû Daàu Moät\n2;Hoaø Lôïi\n3;Hoøa Phuù\n".encode("latin-1")),
        ("utf-8", "ma;ten\n1;Thủ Dầu Một\n2;Hoà Lợi\n3;Hòa Phú\n".encode()),
    ],
)  # fmt: skip
async def test_old_text_becomes_unicode(tmp_path: Path, encoding: str, content: bytes) -> None:
    found, rows = await read(file(tmp_path, "a.csv", content))
    assert (found.encoding, found.delimiter, found.columns) == (encoding, ";", ["ma", "ten"])
    assert [r["ten"] for r in rows] == ["Thủ Dầu Một", "Hoà Lợi", "Hòa Phú"], "hòa and hoà stay as they were written"


async def test_legacy_letters_inside_unicode_files(tmp_path: Path) -> None:
    """A spreadsheet keeps TCVN3 letters as Unicode ones; only the column that holds them changes."""
    path = tmp_path / "cu.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("Xã")
    for r, row in enumerate([["Mã", "Tên cũ", "Tên", "Số", "Ngày"], [25747, "Thñ DÇu Mét", "Thủ Dầu Một", 1.5, None],
                             [25750, "Phó Lîi", "Phú Lợi", "NA", None]]):  # fmt: skip
        for c, cell in enumerate(row):
            if cell is not None:
                sheet.write(r, c, cell)
    book.close()
    found, rows = await read(path)
    assert (found.format, found.sheet, found.columns[:3]) == ("xlsx", "Xã", ["Mã", "Tên cũ", "Tên"])
    assert [(r["Mã"], r["Tên cũ"], r["Tên"]) for r in rows] == [
        (25747.0, "Thủ Dầu Một", "Thủ Dầu Một"), (25750.0, "Phú Lợi", "Phú Lợi"),
    ]  # fmt: skip
    assert rows[0]["Số"] == {"text": None, "number": 1.5}, "numbers stay numbers in a mixed column"


async def test_titles_above_the_header_and_rows_of_wrong_length(tmp_path: Path) -> None:
    content = "BÁO CÁO;;\n;;\nmã;tên;số\n1;a;2\n2;b\n3;c;4;5\n"
    found, rows = await read(file(tmp_path, "b.csv", content.encode()))
    assert found.header == 3
    assert [(r["_row"], r["_fault"]) for r in rows] == [(4, None), (5, "fields 2 3"), (6, "fields 4 3")]


async def test_geojson_by_feature_and_by_line(tmp_path: Path) -> None:
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [106, 11]}, "properties": {"n": 1}}
    whole = {"type": "FeatureCollection", "features": [feature, {"type": "Feature"}, 5]}
    found, rows = await read(file(tmp_path, "a.geojson", json.dumps(whole).encode()))
    assert found.columns == ["n", "geometry"]
    assert [r["_fault"] for r in rows] == [None, "feature", "object"]
    lines = json.dumps(feature) + "\n{broken\n" + json.dumps(feature) + "\n"
    _, rows = await read(file(tmp_path, "b.geojson", lines.encode()))
    assert [(r["_row"], (r["_fault"] or "")[:4]) for r in rows] == [(1, ""), (2, "json"), (3, "")]


async def test_geopackage_and_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {"ten": ["Công viên", None], "ha": [1.5, 2.0], "geometry": [shapely.to_wkb(shapely.Point(600000, 1220000))] * 2}
    )
    path = tmp_path / "a.gpkg"
    pyogrio.write_arrow(table, path, layer="khu", driver="GPKG", geometry_name="geometry", geometry_type="Point",
                        crs="EPSG:9210")  # fmt: skip
    found, rows = await read(path)
    assert (found.format, found.layer, found.crs) == ("gpkg", "khu", "EPSG:9210")
    assert [(r["ten"], r["ha"]) for r in rows] == [("Công viên", 1.5), (None, 2.0)]
    lon, lat = place.from_wkb([rows[0]["geometry"]], place.to_wgs84(found.crs))[0]["coordinates"]  # type: ignore[index, call-overload]
    assert (lon, lat) == pytest.approx((106.666958, 11.030652), abs=1e-6)
    pq.write_table(table.drop_columns(["geometry"]), tmp_path / "a.parquet")
    found, rows = await read(tmp_path / "a.parquet")
    assert (found.format, [r["ha"] for r in rows]) == ("parquet", [1.5, 2.0])


DXF = """0
SECTION
2
ENTITIES
0
LWPOLYLINE
8
RANH_GIOI
90
3
70
1
10
600000.0
20
1220000.0
10
600100.0
20
1220000.0
10
600100.0
20
1220100.0
0
POINT
8
MOC
10
600050.0
20
1220050.0
0
ENDSEC
0
EOF
"""


async def test_dxf_layers_lines_and_points(tmp_path: Path) -> None:
    found, rows = await read(file(tmp_path, "a.dxf", DXF.encode()))
    assert found.format == "dxf"
    assert [r["Layer"] for r in rows] == ["RANH_GIOI", "MOC"]
    shapes = place.from_wkb([r["geometry"] for r in rows], place.to_wgs84("VN-2000 TM-3 105°45'"))
    assert [s["type"] for s in shapes] in (["LineString", "Point"], ["Polygon", "Point"])  # type: ignore[index]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("VN-2000 TM-3 105°45'", "EPSG:9210"), ("vn2000 105.75", "EPSG:9210"), ("VN2000/TM3 105-45", "EPSG:9210"),
        ("EPSG:4326", "EPSG:4326"), ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"), ("9218", "EPSG:9218"),
        ("urn:ogc:def:crs:EPSG::3405", "EPSG:3405"),
    ],
)  # fmt: skip
def test_coordinate_systems(written: str, code: str) -> None:
    assert place.read_crs(written) == code


def test_unknown_coordinate_systems_are_refused() -> None:
    for text in ("", "VN-2000 TM-3 99", "hệ nhà vẽ"):
        with pytest.raises(InvalidInput):
            place.read_crs(text)


def test_two_dimensional_distance_of_the_two_official_sets() -> None:
    """The state's parameters, not PROJ's first choice: they differ by 0.8 m here."""
    import numpy as np

    convert = place.to_wgs84("EPSG:9210")
    assert convert is not None
    assert convert(np.array([[600000.0, 1220000.0]]))[0] == pytest.approx((106.6669582, 11.0306517), abs=2e-7)


@pytest.mark.slow
async def test_files_that_mean_harm(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (80 * 1024**2))
    with pytest.raises(TooLarge):
        await read(bomb)
    entities = tmp_path / "xxe.xlsx"
    with zipfile.ZipFile(entities, "w") as archive:
        archive.writestr(
            "xl/workbook.xml", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><workbook>&e;</workbook>'
        )
    with pytest.raises(InvalidInput) as told:
        await read(entities)
    assert "root:" not in str(told.value)
    with pytest.raises(Unsupported):
        await read(file(tmp_path, "a.zip", b"%PDF-1.7"))
    for name, content in (("a.gpkg", b"SQLite format 3\x00" + b"x" * 200), ("a.parquet", b"PAR1" + b"x" * 200),
                          ("a.json", b'{"a": ['), ("a.csv", b"\x00\x01\x02" * 50), ("b.csv", b"")):  # fmt: skip
        with pytest.raises(InvalidInput):
            await read(file(tmp_path, name, content))
    deep = file(tmp_path, "deep.json", b"[" * 200_000)
    with pytest.raises(InvalidInput):
        await read(deep)

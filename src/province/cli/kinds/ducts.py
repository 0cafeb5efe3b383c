"""`province plan ducts`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "ducts",
    "Roads to trench this year: which pieces join the most demand to what exists, and how many metres of each.",
    """
\b
Examples:
  province plan ducts --roads binh-duong.osm.pbf --demand diem.csv --starts tram.csv --budget "20 km"
      on the streets of OpenStreetMap; no prices are needed
  province plan ducts --roads duong.gpkg --demand diem.csv --starts tram.csv --budget "30 tỷ"
                      --price national="2,1 triệu" --price provincial="1,6 triệu" --price district="1,2 triệu"
                      --price urban="1,9 triệu" --source "Đơn giá 5/QĐ-SXD ngày 3/11/2026" --out plan
  province plan ducts --roads duong.dxf --crs "VN-2000 TM-3 105°45'" --demand diem.csv --starts tram.csv
                      --budget "8000 m" --assume reach=800 --source "Khảo sát tháng 10/2026"
""",
    'Money such as "30 tỷ" or 30e9 (đồng), or metres of trench: "8000 m", "20 km".',
    {
        "roads": "Roads as lines: an extract of OpenStreetMap, GeoPackage, GeoJSON, DXF. Columns that count: name,"
        " class, works, duct. Default: the roads of the register.",
        "demand": "What is to be joined: points with name and weight. Default: the parks of the register.",
        "ducts": "Ducts that exist, as lines. Default: the laid sections of the register.",
        "openings": "Where somebody opens a road anyway, as lines. Default: the permitted openings of the register.",
        "starts": "Where the network begins: exchanges, cabinets. Default: wherever a duct lies.",
    },
    "A metre of trench: national, provincial, district, urban; duct: a metre of cable in a duct.",
    (),
    "20 km",
    "materials",
)

"""`province plan rings`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "rings",
    "Rings of transmission: which new cables give stations a second way, at the least cost.",
    """
\b
Examples:
  province plan rings --nodes tram.csv --routes tuyen.csv --candidates de-xuat.csv --budget "60 km"
      candidate cables between stations; no prices are needed
  province plan rings --nodes tram.csv --routes tuyen.gpkg --roads duong.osm.pbf --budget "45 tỷ"
                      --price metre="0,45 triệu" --price equipment="350 triệu"
                      --source "Đơn giá 5/QĐ-SXD ngày 3/11/2026" --out vong
      new cables along roads
  province plan rings --candidates de-xuat.gpkg --crs "VN-2000 TM-3 105°45'" --budget "80 km"
                      --assume ways=1 --source "Phương án tối thiểu"
""",
    'Money such as "30 tỷ" or 30e9 (đồng), or metres of new cable: "8000 m", "60 km".',
    {
        "nodes": "Stations as points: code, name, kind (core, neighbour, aggregation, access), load, ways (0, 1, 2)."
        " Default: those of the register.",
        "routes": "Cables that exist: code, start, finish, length, shares. Default: those of the register in service.",
        "candidates": "New cables from station to station: name, start, finish, length, shares; or lines that end at"
        " stations. Default: the planned cables of the register.",
        "roads": "Roads as lines along which new cables may be laid: OpenStreetMap, GeoPackage, GeoJSON, DXF.",
    },
    "metre: a metre of new cable; equipment: at one end of it; existing: use of a metre that exists.",
    ("price_metre", "price_equipment"),
    "60 km",
    "cables",
)

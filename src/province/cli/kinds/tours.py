"""`province plan tours`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "tours",
    "Tours of delivery or line haul: which vehicle visits which stops in which order, along which roads.",
    """
\b
Examples:
  province plan tours --roads binh-duong.osm.pbf --stops diem.csv --depots buu-cuc.csv --budget "8 vehicles"
      on the streets of OpenStreetMap, with their one-ways and forbidden turns
  province plan tours --roads tp.osm.pbf --stops diem.csv --depots buu-cuc.csv --budget "8 xe" --seconds 60
                      --assume vehicle_capacity=500 --assume shift=6 --source "Đội xe 2026" --out plan
  province plan tours --stops xa.gpkg --depots kho.csv --crs "VN-2000 TM-3 105°45'" --budget "3 xe"
      on the roads of the register
""",
    'A number of vehicles: "8 vehicles", "8 xe".',
    {
        "roads": "Roads as lines: an extract of OpenStreetMap, GeoPackage, GeoJSON, DXF. Columns that count: class,"
        " oneway, kmh. Default: the roads of the register.",
        "stops": "Stops: points with name, load (kg), service (minutes), opens and closes (08:30). Default: the post"
        " offices of the register.",
        "depots": "Where vehicles leave and return: points with name and vehicles. Default: the hubs and sorting"
        " centres of the register.",
    },
    "There are none: a plan of tours has no prices.",
    (),
    "8 vehicles",
    "tours",
    ("vehicles", "vehicle", "xe"),
)

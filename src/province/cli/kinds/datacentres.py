"""`province plan datacentres`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "datacentres",
    "Places for data centres: every choice that no other choice beats in cost, delay, flood, power and distance.",
    """
\b
Examples:
  province plan datacentres --budget "2 places"
      the places of the register, by delay and distance; what is not known is named, not guessed
  province plan datacentres --candidates dia-diem.csv --demand diem.csv --substations tram.csv
                            --budget "2 places" --out plan
  province plan datacentres --candidates dia-diem.xlsx --crs "VN-2000 TM-3 105°45'" --substations tram.csv
                            --budget "900 tỷ" --price line="12 tỷ" --source "Đơn giá 5/QĐ-SXD ngày 3/11/2026"
                            --assume places=2 --assume separation=20 --assume load=8
""",
    'A number of places: "2 places"; or money such as "900 tỷ", and then the assumption `places` says how many.',
    {
        "candidates": "Places: GeoJSON, GeoPackage, CSV … with name, cost (đồng), flood (m). Default: the register.",
        "demand": "Where the service is needed: points with name and weight. Default: the parks of the register.",
        "substations": "Substations: points with name and spare (MW).",
    },
    "build (a centre, where a place has no cost of its own) or line (a kilometre of power line).",
    (),
    "2 places",
    "front",
    ("places", "place", "centres", "centre", "địa điểm", "nơi", "trung tâm"),
)

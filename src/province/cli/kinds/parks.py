"""`province plan parks`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "parks",
    "Land for concentrated IT parks: which parcels, each park in one piece, the most suitable land within a budget.",
    """
\b
Examples:
  province plan parks --parcels thua-dat.gpkg --budget "320 ha" --out plan
      no prices are needed; at least 300 ha, unless the assumption least_area says otherwise
  province plan parks --parcels thua-dat.geojson --crs "VN-2000 TM-3 105°45'" --budget "4500 tỷ"
                      --assume parks=2 --assume park_area=40 --assume overlaps=drop --source "Họp ngày 3/11/2026"
  province plan parks --parcels thua.csv --budget "60 ha" --assume least_area=50 --assume weight_flood=50
                      --source "Sở Xây dựng"
""",
    'Hectares at most: "320 ha"; or money such as "4500 tỷ", and then the column `price` of the parcels counts.',
    {
        "parcels": "Parcels as surfaces with name, price (đồng), slope (%), flood (m), road (m), power (m), land_use,"
        " owner. Default: the free parcels of the register.",
    },
    "none: the price of a parcel is a column of the layer.",
    (),
    "320 ha",
    "parks",
)

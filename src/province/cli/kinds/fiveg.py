"""`province plan fiveg`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "fiveg",
    "5G sites for industrial parks: which masts to share, which to build, what each park then gets.",
    """
\b
Examples:
  province plan fiveg --budget "40 sites"
      with the parks of the register; no prices are needed
  province plan fiveg --budget "60 tỷ" --price new_site="900 triệu" --price shared_site="250 triệu"
                      --price sector="200 triệu" --source "Báo giá 12/BG-VT ngày 3/11/2026" --out plan
  province plan fiveg --parks khu.geojson --masts cot.csv --crs "VN-2000 TM-3 105°45'" --budget "20 sites"
  province plan fiveg --budget "40 sites" --assume building=low --assume demand_per_hectare=8
                      --source "Đo lưu lượng tháng 10/2026"
""",
    'Money such as "60 tỷ" or 60e9 (đồng), or a number of sites: "40 sites".',
    {
        "parks": "Parks: GeoJSON, GeoPackage, CSV … Default: those of the register.",
        "masts": "Existing masts. Default: the radio sites of the register.",
        "candidates": "Places for new masts. Default: a grid around the parks.",
        "demand": "Other demand: points with a column mbps.",
        "terrain": "Heights above the sea as GeoTIFF, in metres. Without it the ground is taken as flat.",
        "clutter": "Heights of buildings and trees as GeoTIFF, in metres.",
    },
    "new_site, shared_site or sector.",
    ("price_new_site", "price_sector"),
    "40 sites",
    "parks",
    ("sites", "site", "trạm", "tram"),
    takes=True,
)

"""`province plan hubs`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "hubs",
    "Sites of regional postal centres: which sites, which communes each serves, how much lies within the radius.",
    """
\b
Examples:
  province plan hubs --demand xa.csv --candidates vi-tri.csv --budget "1 hub"
      the least mean way from all volume; no prices are needed
  province plan hubs --demand xa.csv --roads bon-tinh.osm.pbf --budget "2 trung tâm"
      every place of demand may have one; ways by road
  province plan hubs --demand xa.csv --candidates vi-tri.csv --budget "400 tỷ" --price hub="250 tỷ"
                     --source "Dự toán sơ bộ 3/11/2026" --out plan
      the most volume within the radius that the money buys
""",
    'A number of centres: "1 hub", "2 trung tâm"; or money such as "400 tỷ".',
    {
        "demand": "Demand: points or areas with name and volume (t a day), or population. Default: the communes of the"
        " register.",
        "candidates": "Sites: points with name, capacity (t a day), cost (đồng), exists (1/0). Default: the hubs and"
        " sorting centres of the register, or every place of demand.",
        "roads": "Roads as lines, such as an extract of OpenStreetMap. Without: the line of sight times a detour.",
    },
    "hub: building one centre, where the column cost is empty.",
    (),
    "1 hub",
    "hubs",
    ("hubs", "hub", "centres", "centre", "trung tâm", "trung tam"),
)

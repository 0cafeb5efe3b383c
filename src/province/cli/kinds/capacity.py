"""`province plan capacity`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "capacity",
    "Transmission capacity: when each system is full, what to add in which year so that failures cut nobody off.",
    """
\b
Examples:
  province plan capacity --nodes tram.csv --links he-thong.csv --history luu-luong.csv --budget "40 modules"
      the load of each system grows as its history did; no prices are needed
  province plan capacity --nodes tram.csv --links he-thong.csv --history luu-luong.csv --demands nhu-cau.csv
                         --budget "25 tỷ" --price small="480 triệu" --price large="1,1 tỷ"
                         --source "Báo giá 7/BG-VT ngày 3/11/2026" --out dung-luong
  province plan capacity --history luu-luong.csv --budget "40 modules" --assume growth_model=exponential
                         --assume until=2032 --source "Dự báo của doanh nghiệp"
""",
    'Money such as "25 tỷ" or 25e9 (đồng), or a number of modules: "40 modules".',
    {
        "nodes": "Stations as points: code, name. Default: those of the register.",
        "links": "Systems: code, name, start, finish (codes of stations), capacity lit, possible, routes (codes of"
        " cables; what shares one fails together). Default: those of the register.",
        "history": "Busiest hour of past years: link (code or name), year, load in Gbit/s. Default: the register's.",
        "demands": "Demand between stations: start, finish, load, growth in % a year. Default: each system's load.",
        "routes": "Cables with what they share (code, shares): a trench that fails takes its systems along.",
    },
    "small, large: a module with the equipment at both ends.",
    ("price_small", "price_large"),
    "40 modules",
    "upgrades",
    ("modules", "module", "mô-đun", "mo-dun"),
)

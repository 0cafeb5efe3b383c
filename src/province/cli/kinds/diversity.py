"""`province plan diversity`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "diversity",
    "Single points of failure in transmission: which cable, trench or station cuts off whom, and who has two ways.",
    """
\b
Examples:
  province plan diversity
      the stations and cables of the register, one failure at a time
  province plan diversity --nodes tram.csv --routes tuyen.gpkg --crs "VN-2000 TM-3 105°45'" --out kiem-tra
  province plan diversity --nodes tram.csv --routes tuyen.csv --budget "2 failures"
      every pair of cables and trenches besides
""",
    'How many fail at once: "1 failure" or "2 failures".',
    {
        "nodes": "Stations as points: code, name, kind (core, neighbour, aggregation, access), load in Gbit/s."
        " Default: those of the register.",
        "routes": "Cables as lines or rows: code, name, start, finish (codes of stations), length, fibres, fibresUsed,"
        " shares (what it lies in with others). Default: those of the register.",
    },
    "none",
    (),
    "1 failure",
    "failures",
    ("failure", "failures", "sự cố", "su co"),
    "1 failure",
)

"""`province plan calibration`."""

from __future__ import annotations

from typing import Final

from province.cli.kinds.kind import Kind

KIND: Final = Kind(
    "calibration",
    "The radio model against drive tests: its error on land that was held out, before and after a correction.",
    """
\b
Examples:
  province plan calibration --measurements do-kiem.csv --budget "5000 measurements"
      against the sites of the register that send 5G
  province plan calibration --measurements do-kiem.csv --masts tram.csv --budget 20000 --out plan
""",
    'At most so many measurements, evenly over the file: "5000 measurements".',
    {
        "measurements": "Points with rsrp (dBm), and where known site, indoor (1/0), clutter.",
        "masts": "Sites that were on air. Default: those of the register.",
        "terrain": "Heights above the sea as GeoTIFF, in metres. Without it the ground is taken as flat.",
        "clutter": "Heights of buildings and trees as GeoTIFF, in metres.",
    },
    "No prices.",
    (),
    "5000 measurements",
    "models",
    ("measurements", "measurement", "phép đo", "phep do"),
)

"""The METR-LA week as if it had been measured here and now: moved by whole days and by one offset, nothing else."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

TYPE = "TrafficFlowObserved"
MPH = "HM"
"""UN/CEFACT code of mile per hour."""
STEP = timedelta(minutes=5)
_CENTRE = (106.645, 11.18)


@dataclass(frozen=True, slots=True)
class Week:
    """speeds: (2016 steps, 207 detectors) in miles per hour.  places: longitude, latitude of each detector."""

    names: list[str]
    places: list[tuple[float, float]]
    speeds: npt.NDArray[np.float64]
    start: datetime

    def at(self, row: int) -> datetime:
        """Instant of a step."""
        return self.start + row * STEP

    def text(self, row: int) -> str:
        """Instant of a step, ISO 8601."""
        return self.at(row).isoformat()

    def micros(self, row: int) -> int:
        """Instant of a step, µs since 1970."""
        return round(self.at(row).timestamp() * 1e6)


def read_week(folder: Path) -> Week:
    """Read the files; the last step becomes the last full five minutes."""
    with (folder / "data" / "los_speed.csv").open() as file:
        names = next(csv.reader(file))
        speeds = np.loadtxt(file, delimiter=",")
    with (folder / "sensor-locations.csv").open() as file:
        known = {row["sensor_id"]: (float(row["longitude"]), float(row["latitude"])) for row in csv.DictReader(file)}
    found = np.array([known[name] for name in names])
    moved = found - found.mean(axis=0) + _CENTRE
    now = datetime.now(UTC)
    last = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    places = [(round(float(x), 6), round(float(y), 6)) for x, y in moved]
    return Week(names, places, speeds, last - (len(speeds) - 1) * STEP)


def sensor(name: str) -> str:
    """Entity id of a detector."""
    return f"urn:ngsi-ld:{TYPE}:METR-LA-{name}"

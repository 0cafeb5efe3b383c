"""Readings as a week of loop detectors gives them, for any number of devices: seeded, streamed, a commit at a time.

The shape is the METR-LA week (2016 × 207 speeds, every 5 minutes) when the shared data is at hand; else a documented
stand-in: 65 mph with two dips a day of up to 40 mph, noise of 3 mph, 8% zeros where a detector is out, in steps of
1/8 mph. Each device follows one detector, shifted in time, and sends its readings at instants of its own; ids are
shuffled, so that neighbours in time are not neighbours in name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tests.conftest import SHARED

from province.history.lake import LAKE

TYPE, ATTRIBUTE = "TrafficFlowObserved", "averageVehicleSpeed"
STEPS = 2016
KMH = 1.609344


def shape() -> tuple[npt.NDArray[np.float64], str]:
    """(STEPS, detectors) speeds in km/h, and where they come from."""
    path = SHARED / "timeseries" / "metr-la-week" / "data" / "los_speed.csv"
    if path.is_file():
        found = np.genfromtxt(path, delimiter=",", skip_header=1)
        return np.round(found[:STEPS] * KMH, 2), "METR-LA week"
    random = np.random.default_rng(3)
    hours = np.arange(STEPS) / 12 % 24
    dips = np.exp(-((hours - 7.5) ** 2) / 3) + np.exp(-((hours - 17.5) ** 2) / 5)
    speeds = 65 - dips[:, None] * random.uniform(5, 40, 207) + random.normal(0, 3, (STEPS, 207))
    speeds[random.random((STEPS, 207)) < 0.08] = 0
    return np.round(np.round(speeds * 8) / 8 * KMH, 2), "stand-in (see bench/week.py)"


def device(n: int) -> str:
    """Id of a device."""
    return f"urn:ngsi-ld:{TYPE}:L-{n:07d}"


class Week:
    """devices: how many.  The same seed gives the same readings."""

    def __init__(self, devices: int) -> None:
        self.speeds, self.source = shape()
        random = np.random.default_rng(11)
        self.names = pa.array([device(int(n)) for n in random.permutation(devices)])
        self.detector = random.integers(0, self.speeds.shape[1], devices)
        self.shift = random.integers(0, STEPS, devices)
        self.offset_s = random.uniform(0, 1, devices)
        self.devices = devices

    def day(self, day: date, each: int, *, commit: int) -> Iterator[pa.Table]:
        """A day's readings, `each` per device, in order of time, as tables of `commit` rows with the lake's columns
        but seq and row."""
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6)
        slot_us = 86_400_000_000 // each
        random = np.random.default_rng(day.toordinal())
        for slot in range(each):
            order = random.permutation(self.devices)
            for start in range(0, self.devices, commit):
                yield self.table(order[start : start + commit], midnight + slot * slot_us, slot_us)

    def table(self, chosen: npt.NDArray[np.int64], start_us: int, length_us: int) -> pa.Table:
        """One reading of each chosen device at its own instant in a period, to the second."""
        at = start_us + (self.offset_s[chosen] * length_us).astype(np.int64) // 1_000_000 * 1_000_000
        step = (at // 300_000_000 + self.shift[chosen]) % STEPS
        number = self.speeds[step, self.detector[chosen]]
        size = len(chosen)

        def same(text: str) -> pa.Array:
            return pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, np.int32)), pa.array([text]))

        instants = pa.array(at).cast(pa.timestamp("us", tz="UTC"))
        return pa.table(
            {
                "day": instants.cast(pa.timestamp("us")).cast(pa.date32(), safe=False),
                "entity": self.names.take(pa.array(chosen)),
                "type": same(TYPE),
                "attribute": same(ATTRIBUTE),
                "dataset": pa.nulls(size, pa.string()),
                "observed_at": instants,
                "number": pa.array(number),
                "text": pa.nulls(size, pa.string()),
                "origin": pa.array(np.zeros(size, np.int8)),
            }
        )


def numbered(table: pa.Table, sequence: int) -> pa.Table:
    """With the positions that a message of the stream would give."""
    size = table.num_rows
    table = table.append_column("seq", pa.array(np.full(size, sequence, np.int64)))
    table = table.append_column("row", pa.array(np.arange(size, dtype=np.int32)))
    return table.select(LAKE.names)

"""Sensors of the demonstration: invented, named so, with every value of origin `simulated`. None of them exists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from province.compute.rhythm import Rhythm
from province.errors import InvalidInput
from province.model.change import Change
from province.model.geometry import point
from province.model.label import Label
from province.model.record import attributes
from province.model.schema import describe
from province.packs.devices.logic import sensor_id
from province.packs.devices.types import Streetlight
from province.vocab.agency import Agency
from province.vocab.area import LOCAL, Area
from province.vocab.environment import AirQualityObserved, FloodMonitoring
from province.vocab.sensing import Device, Sensor
from province.vocab.traffic import TrafficFlowObserved

GATEWAYS: Final = 6
SILENT_GATEWAY: Final = "gw-4"
"""Its sensors fall silent after a while, so that the search for a shared cause has one to find."""
_INSTALLED = datetime(2026, 1, 1, tzinfo=UTC)
_SPREAD_DEGREES = 0.012
"""Sensors stand at most about 1.3 km from the middle of their ward."""
_FLOOD_LEVELS: Final[Mapping[str, float]] = {"alertLevel": 1.6, "warningLevel": 1.9, "dangerLevel": 2.2}
"""Invented like the gauges; the real levels belong to each station and are decided by the authorities."""
_KINDS: Final[tuple[tuple[type[Sensor], str, str, Label, str], ...]] = (
    (AirQualityObserved, "AQ", "environment", Label("Trạm không khí", "Air quality"), "AQ-200"),
    (TrafficFlowObserved, "TF", "traffic", Label("Trạm đếm xe", "Traffic flow"), "TF-10"),
    (Streetlight, "SL", "traffic", Label("Đèn đường", "Street light"), "SL-3"),
    (FloodMonitoring, "WL", "environment", Label("Trạm mực nước", "Water level"), "WL-7"),
)

_BATTERY = Rhythm(mean=0.82, swing=0.05, peak_h=14, noise=0.02, low=0.05, high=1.0)
_RSSI = Rhythm(mean=-78, swing=2, peak_h=3, noise=4, low=-120, high=-40, decimals=0)
RHYTHMS: Final[Mapping[type[Sensor], Mapping[str, Rhythm]]] = {
    Device: {"batteryLevel": _BATTERY, "rssi": _RSSI},
    AirQualityObserved: {
        "pm25": Rhythm(mean=28, swing=9, peak_h=7, noise=6, low=1, high=220, decimals=1),
        "pm10": Rhythm(mean=48, swing=14, peak_h=7, noise=9, low=2, high=350, decimals=1),
        "no2": Rhythm(mean=24, swing=8, peak_h=18, noise=4, low=1, high=200, decimals=1),
        "temperature": Rhythm(mean=28, swing=4, peak_h=14, noise=0.5, low=17, high=41, decimals=1),
        "relativeHumidity": Rhythm(mean=0.76, swing=0.13, peak_h=3, noise=0.02, low=0.3, high=1.0),
        "batteryLevel": _BATTERY,
    },
    TrafficFlowObserved: {
        "averageVehicleSpeed": Rhythm(mean=36, swing=9, peak_h=3, noise=3, low=3, high=80, decimals=1),
        "intensity": Rhythm(mean=900, swing=650, peak_h=16, noise=90, low=0, high=4000, decimals=0),
        "occupancy": Rhythm(mean=0.2, swing=0.12, peak_h=16, noise=0.03, low=0.0, high=1.0),
    },
    Streetlight: {
        "illuminanceLevel": Rhythm(mean=0.4, swing=0.9, peak_h=0, noise=0.01, low=0.0, high=1.0),
        "powerConsumption": Rhythm(mean=45, swing=90, peak_h=0, noise=1, low=0, high=120, decimals=1),
    },
    FloodMonitoring: {
        "currentLevel": Rhythm(mean=0.9, swing=0.35, peak_h=17, noise=0.06, low=-0.5, high=4.0, memory=0.97),
        "batteryLevel": _BATTERY,
        "rssi": _RSSI,
    },
}
"""What each kind pretends to measure. Shapes are guesses (cooler nights, evening traffic), fitted to nothing."""


def sensors(areas: Iterable[Area], positions: Mapping[str, tuple[float, float]]) -> tuple[Sensor, ...]:
    """Gateways, and for every ward or commune in force an air station, a counter and a lamp; a gauge in every third.

    positions: the known point of each area, by its id.  The same input gives the same sensors.
    """
    local = sorted((a for a in areas if a.kind in LOCAL and a.validTo is None), key=lambda a: a.id)
    made: list[Sensor] = []
    for n in range(1, GATEWAYS + 1):
        home = local[(n - 1) * len(local) // GATEWAYS]
        label = Label(f"Cổng kết nối {n}", f"Gateway {n}")
        made.append(_make(Device, f"GW-{n}", home, label, "infrastructure", "GW-1", f"gw-{n}", positions))
    for i, area in enumerate(local):
        gateway = f"gw-{i * GATEWAYS // len(local) + 1}"
        for record, short, category, label, model in _KINDS:
            if record is FloodMonitoring and i % 3:
                continue
            made.append(_make(record, f"{short}-{area.code}", area, label, category, model, gateway, positions))
    return tuple(made)


def _make(
    record: type[Sensor],
    serial: str,
    area: Area,
    label: Label,
    category: str,
    model: str,
    gateway: str,
    positions: Mapping[str, tuple[float, float]],
) -> Sensor:
    if area.id not in positions:
        raise InvalidInput(f"{area.name} has no known position.", field="positions")
    lon, lat = positions[area.id]
    east, north, draw = _jitter(serial)
    levels: dict[str, Any] = (
        {"alertLevel": 1.6, "warningLevel": 1.9, "dangerLevel": 2.2} if record is FloodMonitoring else {}
    )
    return record(
        id=sensor_id(describe(record).name, serial),
        serialNumber=serial,
        name=f"{label.vi} {area.name} (giả lập)",
        location=point(round(lon + east * _SPREAD_DEGREES, 5), round(lat + north * _SPREAD_DEGREES, 5)),
        area=area.id,
        category=category,
        model=model,
        gateway=gateway,
        firmwareVersion="2.1.0" if draw < 0.7 else "2.0.4",
        dateInstalled=_INSTALLED,
        **levels,
    )


def example(
    areas: Iterable[Area], agencies: Iterable[Agency], positions: Mapping[str, tuple[float, float]]
) -> list[Change]:
    """The changes that bring the invented sensors in, owned by the committee of their ward.

    Values that exist are kept, so a second load undoes nothing that a person did.
    """
    owners = {a.area: a.id for a in agencies if a.kind == "committee" and a.area and a.validTo is None}
    return [
        Change(
            op="upsert",
            id=sensor.id,
            type=describe(type(sensor)).name,
            attrs=attributes(sensor, origin="simulated"),
            style="fill",
            agency=owners.get(sensor.area or ""),
        )
        for sensor in sensors(areas, positions)
    ]


def falls_silent(sensor: Sensor) -> bool:
    """Whether the simulator lets this sensor stop after a while: those behind one gateway, and one in forty besides."""
    return sensor.gateway == SILENT_GATEWAY or _jitter(sensor.id)[2] < 0.025


def _jitter(text: str) -> tuple[float, float, float]:
    """Three numbers that look random and depend on the text alone: two in [−1, 1), one in [0, 1)."""
    digest = hashlib.sha256(text.encode()).digest()
    a, b, c = (int.from_bytes(digest[i : i + 8], "big") / 2**64 for i in (0, 8, 16))
    return 2 * a - 1, 2 * b - 1, c

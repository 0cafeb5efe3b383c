"""Sensors of the demonstration: invented, named so, with every value of origin `simulated`. None of them exists."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from province.vocab.agriculture import AgriParcelRecord
from province.vocab.area import LOCAL, Area
from province.vocab.environment import (
    AirQualityObserved,
    FloodMonitoring,
    NoiseLevelObserved,
    WaterQualityObserved,
    WeatherObserved,
)
from province.vocab.indoor import IndoorEnvironmentObserved
from province.vocab.industry import ThreePhaseAcMeasurement
from province.vocab.sensing import Device, Sensor
from province.vocab.tourism import CrowdFlowObserved
from province.vocab.traffic import TrafficFlowObserved

GATEWAYS: Final = 6
SILENT_GATEWAY: Final = "gw-4"
"""Its sensors fall silent after a while, so that the search for a shared cause has one to find."""
_INSTALLED = datetime(2026, 1, 1, tzinfo=UTC)
_SPREAD_DEGREES = 0.012
"""Sensors stand at most about 1.3 km from the middle of their ward."""
_FLOOD_LEVELS: Final[Mapping[str, float]] = {"alertLevel": 1.6, "warningLevel": 1.9, "dangerLevel": 2.2}
"""Invented like the gauges; the real levels belong to each station and are decided by the authorities."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of invented sensor. every: it stands in every so-manieth ward.  values: further fields."""

    record: type[Sensor]
    short: str
    domain: str
    label: Label
    model: str
    every: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)


KINDS: Final[tuple[Kind, ...]] = (
    Kind(AirQualityObserved, "AQ", "environment", Label("Trạm không khí", "Air quality"), "AQ-200"),
    Kind(TrafficFlowObserved, "TF", "traffic", Label("Trạm đếm xe", "Traffic flow"), "TF-10"),
    Kind(Streetlight, "SL", "traffic", Label("Đèn đường", "Street light"), "SL-3"),
    Kind(FloodMonitoring, "WL", "environment", Label("Trạm mực nước", "Water level"), "WL-7", 3, _FLOOD_LEVELS),
    Kind(WeatherObserved, "WX", "environment", Label("Trạm thời tiết", "Weather"), "WX-5", 3),
    Kind(NoiseLevelObserved, "NO", "environment", Label("Trạm tiếng ồn", "Noise"), "NO-1", 2),
    Kind(WaterQualityObserved, "WQ", "environment", Label("Trạm nước mặt", "Surface water"), "WQ-4", 4,
         {"waterKind": "surface"}),
    Kind(WaterQualityObserved, "WE", "industry", Label("Trạm nước thải", "Effluent"), "WQ-4", 4,
         {"waterKind": "effluent"}),
    Kind(ThreePhaseAcMeasurement, "PM", "industry", Label("Công tơ khu công nghiệp", "Power meter"), "PM-3", 3),
    Kind(IndoorEnvironmentObserved, "SC", "education", Label("Phòng học", "Classroom"), "IN-2", 1,
         {"premises": "school"}),
    Kind(IndoorEnvironmentObserved, "CL", "health", Label("Trạm y tế", "Clinic"), "IN-2", 2, {"premises": "clinic"}),
    Kind(AgriParcelRecord, "AG", "agriculture", Label("Trạm đồng ruộng", "Field probe"), "AG-6", 3),
    Kind(CrowdFlowObserved, "CR", "tourism", Label("Trạm đếm khách", "Crowd counter"), "CR-8", 4),
)  # fmt: skip
"""Sensors of the seven domains."""
DOMAINS: Final = ("traffic", "health", "education", "agriculture", "tourism", "industry", "environment")

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
    WeatherObserved: {
        "temperature": Rhythm(mean=28, swing=4, peak_h=14, noise=0.5, low=16, high=42, decimals=1),
        "relativeHumidity": Rhythm(mean=0.77, swing=0.13, peak_h=4, noise=0.02, low=0.3, high=1.0),
        "windSpeed": Rhythm(mean=2.2, swing=1.0, peak_h=15, noise=0.8, low=0.0, high=30, decimals=1),
        "atmosphericPressure": Rhythm(mean=1009, swing=1.5, peak_h=10, noise=0.4, low=960, high=1040, decimals=1),
    },
    NoiseLevelObserved: {
        "LAeq": Rhythm(mean=57, swing=6, peak_h=17, noise=2, low=32, high=110, memory=0.6, decimals=1),
        "LAmax": Rhythm(mean=68, swing=6, peak_h=17, noise=4, low=38, high=120, memory=0.4, decimals=1),
    },
    WaterQualityObserved: {
        "temperature": Rhythm(mean=28, swing=1.2, peak_h=15, noise=0.2, low=18, high=40, decimals=1),
        "pH": Rhythm(mean=7.0, swing=0.15, peak_h=14, noise=0.08, low=4, high=10),
        "O2": Rhythm(mean=4.8, swing=0.8, peak_h=14, noise=0.2, low=0.2, high=9),
        "tss": Rhythm(mean=38, swing=6, peak_h=9, noise=4, low=2, high=300, decimals=1),
        "cod": Rhythm(mean=62, swing=14, peak_h=11, noise=6, low=5, high=400, decimals=1),
    },
    ThreePhaseAcMeasurement: {
        "totalActivePower": Rhythm(mean=820, swing=420, peak_h=14, noise=40, low=20, high=2500, decimals=0),
        "totalPowerFactor": Rhythm(mean=0.92, swing=0.02, peak_h=14, noise=0.01, low=0.5, high=1.0),
        "phaseVoltage": Rhythm(mean=229, swing=3, peak_h=3, noise=1, low=190, high=255, decimals=1),
    },
    IndoorEnvironmentObserved: {
        "temperature": Rhythm(mean=28, swing=2, peak_h=14, noise=0.3, low=18, high=40, decimals=1),
        "relativeHumidity": Rhythm(mean=0.68, swing=0.08, peak_h=4, noise=0.02, low=0.3, high=1.0),
        "co2": Rhythm(mean=620, swing=210, peak_h=10, noise=60, low=400, high=3000, decimals=0),
        "peopleCount": Rhythm(mean=12, swing=16, peak_h=10, noise=3, low=0, high=60, decimals=0),
    },
    AgriParcelRecord: {
        "soilMoistureVwc": Rhythm(mean=0.27, swing=0.03, peak_h=5, noise=0.01, low=0.05, high=0.5, memory=0.97),
        "soilTemperature": Rhythm(mean=27, swing=1.5, peak_h=16, noise=0.2, low=18, high=38, decimals=1),
        "airTemperature": Rhythm(mean=28, swing=4, peak_h=14, noise=0.5, low=16, high=42, decimals=1),
        "batteryLevel": _BATTERY,
    },
    CrowdFlowObserved: {
        "peopleCount": Rhythm(mean=70, swing=80, peak_h=17, noise=14, low=0, high=900, decimals=0),
        "occupancy": Rhythm(mean=0.25, swing=0.25, peak_h=17, noise=0.04, low=0.0, high=1.0),
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


def sensors(
    areas: Iterable[Area],
    positions: Mapping[str, tuple[float, float]],
    *,
    count: int | None = None,
    domains: Sequence[str] = DOMAINS,
    prefix: str = "",
) -> tuple[Sensor, ...]:
    """Gateways, and in the wards and communes in force the sensors of `KINDS`.

    positions: the known point of each area, by its id.  count: exactly so many sensors (and no gateways), round after
    round over all wards; None: one round.  domains: only these.  prefix: of serial numbers, to tell fleets apart.
    The same input gives the same sensors. Raises: InvalidInput for an unknown domain.
    """
    if unknown := set(domains) - set(DOMAINS):
        raise InvalidInput(f"no domain {sorted(unknown)[0]!r}.", field="domains", remedy=f"Of {', '.join(DOMAINS)}.")
    local = sorted((a for a in areas if a.kind in LOCAL and a.validTo is None), key=lambda a: a.id)
    made: list[Sensor] = []
    if count is None:
        for n in range(1, GATEWAYS + 1):
            home = local[(n - 1) * len(local) // GATEWAYS]
            kind = Kind(Device, "GW", "infrastructure", Label(f"Cổng kết nối {n}", f"Gateway {n}"), "GW-1")
            made.append(_make(kind, f"{prefix}GW-{n}", home, f"{prefix}gw-{n}", positions))
    kinds = [kind for kind in KINDS if kind.domain in domains]
    for turn in itertools.count():
        for i, area in enumerate(local):
            gateway = f"{prefix}gw-{i * GATEWAYS // len(local) + 1}"
            for kind in kinds:
                if (i + turn) % kind.every:
                    continue
                if count is not None and len(made) >= count:
                    return tuple(made)
                serial = f"{prefix}{kind.short}-{area.code}" + (f"-{turn + 1}" if turn else "")
                made.append(_make(kind, serial, area, gateway, positions))
        if count is None:
            break
    return tuple(made)


def gauges(
    areas: Iterable[Area], positions: Mapping[str, tuple[float, float]], *, count: int, prefix: str
) -> tuple[FloodMonitoring, ...]:
    """Gauges for a drill, in different wards."""
    flood = next(kind for kind in KINDS if kind.record is FloodMonitoring)
    drill = replace(flood, label=Label("Trạm mực nước diễn tập", "Gauge of a drill"))
    local = sorted((a for a in areas if a.kind in LOCAL and a.validTo is None), key=lambda a: a.id)
    chosen = local[:: max(1, len(local) // count)][:count]
    made = (_make(drill, f"{prefix}WL-{area.code}", area, f"{prefix}gw", positions) for area in chosen)
    return tuple(gauge for gauge in made if isinstance(gauge, FloodMonitoring))


def _make(kind: Kind, serial: str, area: Area, gateway: str, positions: Mapping[str, tuple[float, float]]) -> Sensor:
    if area.id not in positions:
        raise InvalidInput(f"{area.name} has no known position.", field="positions")
    lon, lat = positions[area.id]
    east, north, draw = _jitter(serial)
    return kind.record(
        id=sensor_id(describe(kind.record).name, serial),
        serialNumber=serial,
        name=f"{kind.label.vi} {area.name} (giả lập)",
        location=point(round(lon + east * _SPREAD_DEGREES, 5), round(lat + north * _SPREAD_DEGREES, 5)),
        area=area.id,
        category=kind.domain,
        model=kind.model,
        gateway=gateway,
        firmwareVersion="2.1.0" if draw < 0.7 else "2.0.4",
        dateInstalled=_INSTALLED,
        **kind.values,
    )


def example(
    areas: Iterable[Area], agencies: Iterable[Agency], positions: Mapping[str, tuple[float, float]]
) -> list[Change]:
    """The changes that bring the invented sensors in, owned by the committee of their ward."""
    return register(sensors(areas, positions), agencies)


def register(invented: Iterable[Sensor], agencies: Iterable[Agency]) -> list[Change]:
    """The changes that enter invented sensors, owned by the committee of their ward.

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
        for sensor in invented
    ]


def falls_silent(sensor: Sensor) -> bool:
    """Whether the simulator lets this sensor stop after a while: those behind one gateway, and one in forty besides."""
    return sensor.gateway == SILENT_GATEWAY or _jitter(sensor.id)[2] < 0.025


def _jitter(text: str) -> tuple[float, float, float]:
    """Three numbers that look random and depend on the text alone: two in [−1, 1), one in [0, 1)."""
    digest = hashlib.sha256(text.encode()).digest()
    a, b, c = (int.from_bytes(digest[i : i + 8], "big") / 2**64 for i in (0, 8, 16))
    return 2 * a - 1, 2 * b - 1, c

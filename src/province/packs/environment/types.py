"""What the pack watches. The types are shared vocabulary: the registry of devices keeps the same stations."""

from __future__ import annotations

from typing import Final

from province.vocab.environment import (
    AirQualityObserved,
    FloodMonitoring,
    NoiseLevelObserved,
    WaterQualityObserved,
    WeatherObserved,
)
from province.vocab.sensing import Sensor

STATIONS: Final[tuple[type[Sensor], ...]] = (
    AirQualityObserved,
    FloodMonitoring,
    WaterQualityObserved,
    NoiseLevelObserved,
    WeatherObserved,
)

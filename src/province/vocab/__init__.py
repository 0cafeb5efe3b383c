"""Entity types that two or more packs share."""

from __future__ import annotations

from typing import Final

from province.model.schema import Record
from province.vocab.agency import Agency
from province.vocab.agriculture import AgriParcelRecord
from province.vocab.alert import Alert
from province.vocab.area import Area
from province.vocab.asset import Asset
from province.vocab.calendar import WorkingYear
from province.vocab.case import Task
from province.vocab.environment import (
    AirQualityObserved,
    FloodMonitoring,
    NoiseLevelObserved,
    WaterQualityObserved,
    WeatherObserved,
)
from province.vocab.indoor import IndoorEnvironmentObserved
from province.vocab.industry import ThreePhaseAcMeasurement
from province.vocab.mandate import Mandate
from province.vocab.milestone import Milestone
from province.vocab.park import IndustrialPark
from province.vocab.person import Person
from province.vocab.public_alert import PublicAlert
from province.vocab.reorganisation import Reorganisation
from province.vocab.road import Road
from province.vocab.sensing import Device, Sensor
from province.vocab.sensitivity import Sensitivity
from province.vocab.study import Study
from province.vocab.tourism import CrowdFlowObserved
from province.vocab.traffic import TrafficFlowObserved
from province.vocab.transfer import DataImport
from province.vocab.waterway import Waterway

SENSORS: Final[tuple[type[Sensor], ...]] = (
    Device,
    AirQualityObserved,
    WeatherObserved,
    FloodMonitoring,
    WaterQualityObserved,
    NoiseLevelObserved,
    TrafficFlowObserved,
    IndoorEnvironmentObserved,
    AgriParcelRecord,
    CrowdFlowObserved,
    ThreePhaseAcMeasurement,
)
"""Every shared kind of sensor."""

TYPES: Final[tuple[type[Record], ...]] = (
    Area,
    Agency,
    Mandate,
    Reorganisation,
    WorkingYear,
    Task,
    Asset,
    IndustrialPark,
    Person,
    Road,
    Waterway,
    Alert,
    PublicAlert,
    DataImport,
    Study,
    Sensitivity,
    Milestone,
    *SENSORS,
)
"""Every shared type; the composition root registers them before those of the packs."""

__all__ = [
    "SENSORS", "TYPES", "Agency", "Alert", "Area", "Asset", "DataImport", "IndustrialPark", "Mandate",
    "Milestone", "Person",
    "PublicAlert", "Reorganisation", "Road", "Sensitivity", "Study", "Task", "Waterway", "WorkingYear",
]  # fmt: skip

"""Sensors in fields."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, measured, sensor_info


class AgriParcelRecord(Sensor, frozen=True, kw_only=True):
    """What a probe in a parcel measures of soil and air."""

    TYPE: ClassVar[TypeInfo] = sensor_info("AgriParcelRecord", Label("Trạm đồng ruộng", "Field probe"), "field")

    soilMoistureVwc: Annotated[
        float | None,
        measured("Độ ẩm đất (0–1)", "Soil moisture (0–1)", 0, 1),
        Unit("C62"),
    ] = None
    soilTemperature: Annotated[
        float | None,
        measured("Nhiệt độ đất", "Soil temperature", -40, 80),
        Unit("CEL"),
    ] = None
    soilMoistureEc: Annotated[
        float | None,
        measured("Độ dẫn điện của đất", "Soil conductivity", 0),
        Unit("H61"),
    ] = None
    airTemperature: Annotated[
        float | None,
        measured("Nhiệt độ không khí", "Air temperature", -60, 70),
        Unit("CEL"),
    ] = None
    relativeHumidity: Annotated[
        float | None,
        measured("Độ ẩm (0–1)", "Relative humidity (0–1)", 0, 1),
        Unit("C62"),
    ] = None

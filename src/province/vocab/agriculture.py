"""Sensors in fields."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import Field, TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, sensor_info


class AgriParcelRecord(Sensor, frozen=True, kw_only=True):
    """What a probe in a parcel measures of soil and air."""

    TYPE: ClassVar[TypeInfo] = sensor_info("AgriParcelRecord", Label("Trạm đồng ruộng", "Field probe"), "field")

    soilMoistureVwc: Annotated[
        float | None,
        Field(Label("Độ ẩm đất (0–1)", "Soil moisture (0–1)"), observed=True, public=True, minimum=0, maximum=1),
        Unit("C62"),
    ] = None
    soilTemperature: Annotated[
        float | None,
        Field(Label("Nhiệt độ đất", "Soil temperature"), observed=True, public=True, minimum=-40, maximum=80),
        Unit("CEL"),
    ] = None
    soilMoistureEc: Annotated[
        float | None,
        Field(Label("Độ dẫn điện của đất", "Soil conductivity"), observed=True, public=True, minimum=0),
        Unit("H61"),
    ] = None
    airTemperature: Annotated[
        float | None,
        Field(Label("Nhiệt độ không khí", "Air temperature"), observed=True, public=True, minimum=-60, maximum=70),
        Unit("CEL"),
    ] = None
    relativeHumidity: Annotated[
        float | None,
        Field(Label("Độ ẩm (0–1)", "Relative humidity (0–1)"), observed=True, public=True, minimum=0, maximum=1),
        Unit("C62"),
    ] = None

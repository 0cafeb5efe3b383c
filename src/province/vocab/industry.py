"""Sensors in industrial parks."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import Field, TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, sensor_info


class ThreePhaseAcMeasurement(Sensor, frozen=True, kw_only=True):
    """A power meter of a feeder. Sums over the three phases; `totalPowerFactor` is between −1 and 1."""

    TYPE: ClassVar[TypeInfo] = sensor_info("ThreePhaseAcMeasurement", Label("Công tơ ba pha", "Power meter"), "power")

    totalActivePower: Annotated[
        float | None, Field(Label("Công suất tác dụng", "Active power"), observed=True), Unit("KWT")
    ] = None
    totalActiveEnergyImport: Annotated[
        float | None, Field(Label("Điện năng tiêu thụ", "Energy drawn"), observed=True, minimum=0), Unit("KWH")
    ] = None
    totalPowerFactor: Annotated[
        float | None,
        Field(Label("Hệ số công suất", "Power factor"), observed=True, minimum=-1, maximum=1),
        Unit("C62"),
    ] = None
    phaseVoltage: Annotated[
        float | None, Field(Label("Điện áp pha", "Phase voltage"), observed=True, minimum=0), Unit("VLT")
    ] = None

"""Sensors of traffic."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, measured, sensor_info


class TrafficFlowObserved(Sensor, frozen=True, kw_only=True):
    """A traffic counter on one lane or carriageway."""

    TYPE: ClassVar[TypeInfo] = sensor_info("TrafficFlowObserved", Label("Trạm đếm xe", "Traffic flow"), "traffic")

    averageVehicleSpeed: Annotated[
        float | None,
        measured("Tốc độ trung bình", "Mean speed", 0, 300),
        Unit("KMH"),
    ] = None
    intensity: Annotated[float | None, measured("Lưu lượng", "Flow", 0), Unit("E36")] = None
    occupancy: Annotated[
        float | None,
        measured("Độ chiếm dụng (0–1)", "Occupancy (0–1)", 0, 1),
        Unit("C62"),
    ] = None

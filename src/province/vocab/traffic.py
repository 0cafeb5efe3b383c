"""Sensors of traffic."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import Field, TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, sensor_info


class TrafficFlowObserved(Sensor, frozen=True, kw_only=True):
    """A traffic counter on one lane or carriageway."""

    TYPE: ClassVar[TypeInfo] = sensor_info("TrafficFlowObserved", Label("Trạm đếm xe", "Traffic flow"), "traffic")

    averageVehicleSpeed: Annotated[
        float | None,
        Field(Label("Tốc độ trung bình", "Mean speed"), observed=True, public=True, minimum=0, maximum=300),
        Unit("KMH"),
    ] = None
    intensity: Annotated[
        float | None, Field(Label("Lưu lượng", "Flow"), observed=True, public=True, minimum=0), Unit("E36")
    ] = None
    occupancy: Annotated[
        float | None,
        Field(Label("Độ chiếm dụng (0–1)", "Occupancy (0–1)"), observed=True, public=True, minimum=0, maximum=1),
        Unit("C62"),
    ] = None

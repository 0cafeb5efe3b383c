"""Sensors of crowds at places that people visit."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, measured, sensor_info


class CrowdFlowObserved(Sensor, frozen=True, kw_only=True):
    """A counter of people. It counts heads; it knows nobody."""

    TYPE: ClassVar[TypeInfo] = sensor_info("CrowdFlowObserved", Label("Trạm đếm khách", "Crowd counter"), "crowd")

    peopleCount: Annotated[int | None, measured("Số người", "People", 0), Unit("C62")] = None
    occupancy: Annotated[
        float | None,
        measured("Mức lấp đầy (0–1)", "Occupancy (0–1)", 0, 1),
        Unit("C62"),
    ] = None
    averageCrowdSpeed: Annotated[float | None, measured("Tốc độ đi bộ", "Walking speed", 0), Unit("KMH")] = None

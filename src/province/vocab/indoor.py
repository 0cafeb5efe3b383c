"""Sensors in rooms of schools, clinics and offices."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import Field, TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, measured, sensor_info

PURPOSES = (("school", Label("Trường học", "School")), ("clinic", Label("Cơ sở y tế", "Clinic")))


class IndoorEnvironmentObserved(Sensor, frozen=True, kw_only=True):
    """The air of a room. `premises` tells education from health."""

    TYPE: ClassVar[TypeInfo] = sensor_info(
        "IndoorEnvironmentObserved", Label("Môi trường trong phòng", "Indoor environment"), "room"
    )

    premises: Annotated[
        str | None,
        Field(
            Label("Nơi đặt", "Premises"),
            indexed=True,
            public=True,
            values=tuple(name for name, _ in PURPOSES),
            names=PURPOSES,
        ),
    ] = None
    temperature: Annotated[
        float | None,
        measured("Nhiệt độ", "Temperature", -60, 70),
        Unit("CEL"),
    ] = None
    relativeHumidity: Annotated[
        float | None,
        measured("Độ ẩm (0–1)", "Relative humidity (0–1)", 0, 1),
        Unit("C62"),
    ] = None
    co2: Annotated[
        float | None,
        measured("CO₂", "CO₂", 0, 1_000_000),
        Unit("59"),
    ] = None
    illuminance: Annotated[float | None, measured("Độ rọi", "Illuminance", 0), Unit("LUX")] = None
    peopleCount: Annotated[int | None, Field(Label("Số người", "People"), observed=True, minimum=0), Unit("C62")] = None

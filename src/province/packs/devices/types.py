"""Every kind of sensor that the registry keeps: the shared ones of the vocabulary, and the street lamp."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, TypeInfo
from province.model.unit import Unit
from province.vocab import SENSORS as SHARED
from province.vocab.sensing import Sensor, measured, sensor_info


class Streetlight(Sensor, frozen=True, kw_only=True):
    """A street lamp that reports its state."""

    TYPE: ClassVar[TypeInfo] = sensor_info("Streetlight", Label("Đèn đường", "Street light"), "lamp")

    powerState: Annotated[
        str | None,
        Field(
            Label("Trạng thái đèn", "Power state"),
            observed=True,
            public=True,
            values=("on", "off", "low", "bootingUp"),
            names=(
                ("on", Label("Sáng", "On")),
                ("off", Label("Tắt", "Off")),
                ("low", Label("Sáng yếu", "Dimmed")),
                ("bootingUp", Label("Đang khởi động", "Starting up")),
            ),
        ),
    ] = None
    illuminanceLevel: Annotated[
        float | None,
        measured("Mức sáng (0–1)", "Light level (0–1)", 0, 1),
        Unit("C62"),
    ] = None
    powerConsumption: Annotated[
        float | None, Field(Label("Công suất tiêu thụ", "Power drawn"), observed=True, minimum=0), Unit("WTT")
    ] = None


SENSORS: Final[tuple[type[Sensor], ...]] = (*SHARED, Streetlight)

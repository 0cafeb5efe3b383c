"""Sensors: one entity per sensor, of the type of what it measures, in the names of the Smart Data Models.

Every type shares the registry fields of `Sensor`; its own fields are what it measures. Nothing but `lifecycle` is
required, because payloads of the Smart Data Models leave most fields out. The types of each domain stand in modules
of their own (`environment`, `traffic`, `indoor`, …).
"""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow

LIFECYCLE: Final = Workflow(
    attribute="lifecycle",
    initial="in_service",
    final=frozenset(("decommissioned", "replaced")),
    edges=(
        Edge("in_service", "repair", "device.taken_out", Label("Mang đi sửa", "Taken away for repair")),
        Edge("repair", "in_service", "device.returned", Label("Đã sửa xong", "Repaired and back")),
        Edge("in_service", "decommissioned", "device.decommissioned", Label("Ngừng sử dụng", "No longer needed")),
        Edge("repair", "decommissioned", "device.decommissioned", Label("Không sửa được", "Cannot be repaired")),
        Edge("in_service", "replaced", "device.replaced", Label("Thay thiết bị khác", "Another device took its place")),
        Edge("repair", "replaced", "device.replaced", Label("Thay thiết bị khác", "Another device took its place")),
    ),
    names=(
        ("in_service", Label("Đang sử dụng", "In service")),
        ("repair", Label("Đang sửa chữa", "In repair")),
        ("decommissioned", Label("Đã ngừng", "Decommissioned")),
        ("replaced", Label("Đã thay thế", "Replaced")),
    ),
)


def measured(vi: str, en: str, low: float | None = None, high: float | None = None) -> Field:
    """A field that a machine measures and anybody may see. low, high: what is possible, in the declared unit."""
    return Field(Label(vi, en), observed=True, public=True, minimum=low, maximum=high)


class Sensor(Record, frozen=True, kw_only=True):
    """The registry fields that every kind of sensor has. Not a type of its own."""

    serialNumber: Annotated[str | None, Field(Label("Số sê-ri", "Serial number"), indexed=True, search=True)] = None
    name: Annotated[str | None, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"), public=True)] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, public=True, ref="Area")] = None
    category: Annotated[str | None, Field(Label("Lĩnh vực", "Domain"), indexed=True, public=True)] = None
    model: Annotated[str | None, Field(Label("Kiểu máy", "Model"), indexed=True)] = None
    gateway: Annotated[str | None, Field(Label("Cổng kết nối", "Gateway"), indexed=True)] = None
    firmwareVersion: Annotated[str | None, Field(Label("Phần mềm", "Firmware"), indexed=True)] = None
    dateInstalled: Annotated[Instant | None, Field(Label("Ngày lắp đặt", "Installed"), indexed=True)] = None
    lifecycle: Annotated[
        str, Field(Label("Tình trạng", "Lifecycle"), indexed=True, public=True, values=LIFECYCLE.states)
    ] = LIFECYCLE.initial
    replacedBy: Annotated[str | None, Field(Label("Thay bằng", "Replaced by"), ref="Device")] = None
    batteryLevel: Annotated[
        float | None, Field(Label("Pin (0–1)", "Battery (0–1)"), observed=True, minimum=0, maximum=1), Unit("C62")
    ] = None
    rssi: Annotated[
        float | None, Field(Label("Cường độ sóng", "Signal strength"), observed=True, maximum=30), Unit("DBM")
    ] = None


def sensor_info(name: str, label: Label, icon: str) -> TypeInfo:
    """What every kind of sensor says of itself."""
    return TypeInfo(
        name,
        label,
        unique=(("serialNumber",),),
        place="location",
        title="name",
        workflow=LIFECYCLE,
        public=True,
        icon=icon,
    )


class Device(Sensor, frozen=True, kw_only=True):
    """A device of any other kind: a gateway, a meter, a controller. `observes`: entities that it measures for."""

    TYPE: ClassVar[TypeInfo] = sensor_info("Device", Label("Thiết bị", "Device"), "device")

    controlledProperty: Annotated[tuple[str, ...], Field(Label("Đại lượng", "Controlled property"))] = ()
    controlledAsset: Annotated[tuple[str, ...], Field(Label("Đối tượng", "Controlled asset"), ref="Asset")] = ()
    deviceState: Annotated[str | None, Field(Label("Trạng thái báo về", "Reported state"), observed=True)] = None

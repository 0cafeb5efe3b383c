"""Sensors: one entity per sensor, of the type of what it measures, in the names of the Smart Data Models.

Every type shares the registry fields of `Sensor`; its own fields are what it measures. Nothing but `lifecycle` is
required, because payloads of the Smart Data Models leave most fields out.
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


def _info(name: str, label: Label, icon: str) -> TypeInfo:
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

    TYPE: ClassVar[TypeInfo] = _info("Device", Label("Thiết bị", "Device"), "device")

    controlledProperty: Annotated[tuple[str, ...], Field(Label("Đại lượng", "Controlled property"))] = ()
    controlledAsset: Annotated[tuple[str, ...], Field(Label("Đối tượng", "Controlled asset"), ref="Asset")] = ()
    deviceState: Annotated[str | None, Field(Label("Trạng thái báo về", "Reported state"), observed=True)] = None


class AirQualityObserved(Sensor, frozen=True, kw_only=True):
    """An air quality station."""

    TYPE: ClassVar[TypeInfo] = _info("AirQualityObserved", Label("Trạm chất lượng không khí", "Air quality"), "air")

    pm25: Annotated[float | None, Field(Label("PM2,5", "PM2.5"), observed=True, public=True, minimum=0), Unit("GQ")] = (
        None
    )
    pm10: Annotated[float | None, Field(Label("PM10", "PM10"), observed=True, public=True, minimum=0), Unit("GQ")] = (
        None
    )
    no2: Annotated[float | None, Field(Label("NO₂", "NO₂"), observed=True, public=True, minimum=0), Unit("GQ")] = None
    so2: Annotated[float | None, Field(Label("SO₂", "SO₂"), observed=True, public=True, minimum=0), Unit("GQ")] = None
    o3: Annotated[float | None, Field(Label("O₃", "O₃"), observed=True, public=True, minimum=0), Unit("GQ")] = None
    co: Annotated[float | None, Field(Label("CO", "CO"), observed=True, public=True, minimum=0), Unit("GP")] = None
    temperature: Annotated[
        float | None,
        Field(Label("Nhiệt độ", "Temperature"), observed=True, public=True, minimum=-60, maximum=70),
        Unit("CEL"),
    ] = None
    relativeHumidity: Annotated[
        float | None,
        Field(Label("Độ ẩm (0–1)", "Relative humidity (0–1)"), observed=True, public=True, minimum=0, maximum=1),
        Unit("C62"),
    ] = None


class WeatherObserved(Sensor, frozen=True, kw_only=True):
    """A weather station."""

    TYPE: ClassVar[TypeInfo] = _info("WeatherObserved", Label("Trạm thời tiết", "Weather"), "weather")

    temperature: Annotated[
        float | None,
        Field(Label("Nhiệt độ", "Temperature"), observed=True, public=True, minimum=-60, maximum=70),
        Unit("CEL"),
    ] = None
    relativeHumidity: Annotated[
        float | None,
        Field(Label("Độ ẩm (0–1)", "Relative humidity (0–1)"), observed=True, public=True, minimum=0, maximum=1),
        Unit("C62"),
    ] = None
    atmosphericPressure: Annotated[
        float | None,
        Field(Label("Khí áp", "Pressure"), observed=True, public=True, minimum=300, maximum=1100),
        Unit("A97"),
    ] = None
    windSpeed: Annotated[
        float | None, Field(Label("Tốc độ gió", "Wind speed"), observed=True, public=True, minimum=0), Unit("MTS")
    ] = None
    windDirection: Annotated[
        float | None,
        Field(Label("Hướng gió", "Wind direction"), observed=True, public=True, minimum=-180, maximum=360),
        Unit("DD"),
    ] = None
    precipitation: Annotated[
        float | None, Field(Label("Lượng mưa", "Rain"), observed=True, public=True, minimum=0), Unit("MMT")
    ] = None


class FloodMonitoring(Sensor, frozen=True, kw_only=True):
    """A water level gauge. The levels of alert belong to the station and are set by people."""

    TYPE: ClassVar[TypeInfo] = _info("FloodMonitoring", Label("Trạm mực nước", "Water level"), "water")

    alertLevel: Annotated[float | None, Field(Label("Mức báo động", "Alert level"), public=True), Unit("MTR")] = None
    dangerLevel: Annotated[float | None, Field(Label("Mức nguy hiểm", "Danger level"), public=True), Unit("MTR")] = None
    referenceLevel: Annotated[
        float | None, Field(Label("Cao độ đầu đo", "Height of the sensor over the bed")), Unit("MTR")
    ] = None
    currentLevel: Annotated[
        float | None, Field(Label("Mực nước", "Water level"), observed=True, public=True), Unit("MTR")
    ] = None
    measuredDistance: Annotated[
        float | None, Field(Label("Khoảng cách đo", "Measured distance"), observed=True, minimum=0), Unit("MTR")
    ] = None


class TrafficFlowObserved(Sensor, frozen=True, kw_only=True):
    """A traffic counter on one lane or carriageway."""

    TYPE: ClassVar[TypeInfo] = _info("TrafficFlowObserved", Label("Trạm đếm xe", "Traffic flow"), "traffic")

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


class Streetlight(Sensor, frozen=True, kw_only=True):
    """A street lamp that reports its state."""

    TYPE: ClassVar[TypeInfo] = _info("Streetlight", Label("Đèn đường", "Street light"), "lamp")

    powerState: Annotated[
        str | None,
        Field(
            Label("Trạng thái đèn", "Power state"), observed=True, public=True, values=("on", "off", "low", "bootingUp")
        ),
    ] = None
    illuminanceLevel: Annotated[
        float | None,
        Field(Label("Mức sáng (0–1)", "Light level (0–1)"), observed=True, public=True, minimum=0, maximum=1),
        Unit("C62"),
    ] = None
    powerConsumption: Annotated[
        float | None, Field(Label("Công suất tiêu thụ", "Power drawn"), observed=True, minimum=0), Unit("WTT")
    ] = None


SENSORS: Final[tuple[type[Sensor], ...]] = (
    Device,
    AirQualityObserved,
    WeatherObserved,
    FloodMonitoring,
    TrafficFlowObserved,
    Streetlight,
)

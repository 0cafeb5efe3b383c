"""Row II.4: the registry of devices, what they measure, and which of them fell silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from province.model.label import Label
from province.model.query import Where
from province.model.schema import describe
from province.pack import Action, Chart, Check, Feed, Indicator, Map, Pack, Panel, Silence, Silent, Table
from province.packs.devices import feeds, logic
from province.packs.devices.boards import BOARDS
from province.packs.devices.types import SENSORS, Streetlight
from province.vocab.agriculture import AgriParcelRecord
from province.vocab.environment import (
    AirQualityObserved,
    FloodMonitoring,
    NoiseLevelObserved,
    WaterQualityObserved,
    WeatherObserved,
)
from province.vocab.indoor import IndoorEnvironmentObserved
from province.vocab.industry import ThreePhaseAcMeasurement
from province.vocab.sensing import LIFECYCLE, Device, Sensor
from province.vocab.tourism import CrowdFlowObserved
from province.vocab.traffic import TrafficFlowObserved

SILENT_AFTER_S = 3600
"""A sensor of this pack reports at least every quarter of an hour; four misses in a row are silence."""

_LIVE: Final[Mapping[type[Sensor], str]] = {
    AirQualityObserved: "pm25",
    WeatherObserved: "temperature",
    FloodMonitoring: "currentLevel",
    WaterQualityObserved: "pH",
    NoiseLevelObserved: "LAeq",
    TrafficFlowObserved: "averageVehicleSpeed",
    IndoorEnvironmentObserved: "co2",
    AgriParcelRecord: "soilMoistureVwc",
    CrowdFlowObserved: "occupancy",
    ThreePhaseAcMeasurement: "totalActivePower",
    Streetlight: "powerState",
}
"""What colours a kind of sensor on the map: a live map shows what is measured."""

_IN_SERVICE = Where(LIFECYCLE.attribute, "==", "in_service")


def _actions(sensor: type[Sensor]) -> tuple[Action, ...]:
    return (
        Action(
            logic.take_out,
            record=sensor,
            needs="device.repair",
            title=Label("Mang đi sửa", "Take out for repair"),
            states=("in_service",),
        ),
        Action(
            logic.put_back,
            record=sensor,
            needs="device.repair",
            title=Label("Đưa vào lại", "Return to service"),
            states=("repair",),
        ),
        Action(
            logic.decommission,
            record=sensor,
            needs="device.decommission",
            title=Label("Ngừng sử dụng", "Decommission"),
            states=("in_service", "repair"),
        ),
        Action(
            logic.replace,
            record=sensor,
            needs="device.replace",
            title=Label("Thay thiết bị", "Replace"),
            states=("in_service", "repair"),
        ),
    )


def _panels(sensor: type[Sensor]) -> tuple[Panel, ...]:
    label = describe(sensor).info.label
    return (
        Map(sensor, label, colour_by=_LIVE.get(sensor, "lifecycle")),
        Table(sensor, label, columns=("name", "serialNumber", "area", "model", "gateway"), group="lifecycle"),
        Silent(
            sensor,
            Label(f"{label.vi}: mất tín hiệu", f"{label.en}: silent"),
            by=("gateway", "model", "firmwareVersion", "area"),
            after_s=SILENT_AFTER_S,
        ),
    )


PACK = Pack(
    name="devices",
    title=Label("Thiết bị IoT", "IoT devices"),
    row="II.4",
    types=(Streetlight,),
    feeds=(
        Feed(
            "smart-data-models",
            decode=feeds.from_smart_data_models,
            title=Label("Dữ liệu theo Smart Data Models", "Smart Data Models payloads"),
            needs="device.feed",
            media_types=("application/json", "application/ld+json"),
        ),
    ),
    actions=(
        Action(
            logic.register,
            record=Device,
            needs="device.register",
            title=Label("Đăng ký thiết bị", "Register a device"),
            creates=True,
        ),
        *(action for sensor in SENSORS for action in _actions(sensor)),
    ),
    silences=(
        Silence(
            "silent",
            Label("Thiết bị mất tín hiệu", "Silent devices"),
            of=tuple(s for s in SENSORS if s is not Streetlight),
            after_s=SILENT_AFTER_S,
        ),
        Silence("dark", Label("Đèn đường mất tín hiệu", "Silent street lights"), of=(Streetlight,), after_s=6 * 3600),
    ),
    indicators=(
        Indicator(
            "devices_in_service",
            "count",
            of=Device,
            also=tuple(s for s in SENSORS if s is not Device),
            title=Label("Thiết bị IoT đang sử dụng", "IoT devices in service"),
            unit="C62",
            where=(_IN_SERVICE,),
            public=True,
        ),
        *(
            Indicator(
                f"{describe(sensor).noun}_in_service",
                "count",
                of=sensor,
                title=Label(
                    f"{describe(sensor).info.label.vi}: đang sử dụng", f"{describe(sensor).info.label.en}: in service"
                ),
                unit="C62",
                where=(_IN_SERVICE,),
            )
            for sensor in SENSORS
        ),
        Indicator(
            "pm25_mean",
            "mean",
            of=AirQualityObserved,
            title=Label("PM2,5 trung bình", "Mean PM2.5"),
            unit="GQ",
            field="pm25",
        ),
    ),
    checks=(
        Check(
            "II.4",
            Label("Số thiết bị IoT thật đạt chỉ tiêu", "Real IoT devices reach the target"),
            indicators=("devices_in_service",),
        ),
    ),
    panels=(
        *BOARDS,
        *(panel for sensor in SENSORS for panel in _panels(sensor)),
        Chart(AirQualityObserved, Label("PM2,5", "PM2.5"), "pm25"),
        Chart(FloodMonitoring, Label("Mực nước", "Water level"), "currentLevel"),
        Chart(TrafficFlowObserved, Label("Tốc độ trung bình", "Mean speed"), "averageVehicleSpeed"),
    ),
    roles={
        "operator": ("device.register", "device.repair", "device.replace", "device.decommission", "device.feed"),
        "integrator": ("device.feed",),
    },
)

"""Boards of the domains whose sensors the registry keeps; that of the environment stands in its own pack."""

from __future__ import annotations

from typing import Final

from province.model.label import Label
from province.model.query import Where
from province.model.schema import Record
from province.pack import Board, Indicator
from province.packs.devices.types import Streetlight
from province.vocab.agriculture import AgriParcelRecord
from province.vocab.environment import WaterQualityObserved
from province.vocab.indoor import IndoorEnvironmentObserved
from province.vocab.industry import ThreePhaseAcMeasurement
from province.vocab.tourism import CrowdFlowObserved
from province.vocab.traffic import TrafficFlowObserved

RECENT_S: Final = 3600
_SCHOOL = (Where("premises", "==", "school"),)
_CLINIC = (Where("premises", "==", "clinic"),)
_EFFLUENT = (Where("waterKind", "==", "effluent"),)


def silent(name: str, of: type[Record], where: tuple[Where, ...] = ()) -> Indicator:
    """How many sensors of a kind sent nothing within the hour."""
    return Indicator(name, "silent", of, Label("Mất tín hiệu", "Silent"), "C62", where=where, within_s=RECENT_S)


def _mean(
    name: str,
    of: type[Record],
    field: str,
    title: Label,
    unit: str,
    where: tuple[Where, ...] = (),
    by_area: bool = False,
) -> Indicator:
    return Indicator(
        name, "mean", of, title, unit, where=where, field=field, by="area" if by_area else "", within_s=RECENT_S
    )


def _sum(
    name: str,
    of: type[Record],
    field: str,
    title: Label,
    unit: str,
    where: tuple[Where, ...] = (),
    by_area: bool = False,
) -> Indicator:
    return Indicator(
        name, "sum", of, title, unit, where=where, field=field, by="area" if by_area else "", within_s=RECENT_S
    )


BOARDS: Final = (
    Board(
        "traffic",
        Label("Giao thông", "Traffic"),
        of=TrafficFlowObserved,
        field="averageVehicleSpeed",
        worst="lowest",
        types=(TrafficFlowObserved, Streetlight),
        icon="traffic",
        tiles=(
            _mean("traffic_speed", TrafficFlowObserved, "averageVehicleSpeed", Label("Tốc độ trung bình", "Mean speed"),
                  "KMH", by_area=True),
            _mean("traffic_occupancy", TrafficFlowObserved, "occupancy",
                  Label("Độ chiếm dụng trung bình (0–1)", "Mean occupancy (0–1)"), "C62"),
            _sum("traffic_flow", TrafficFlowObserved, "intensity", Label("Tổng lưu lượng", "Total flow"), "E36"),
            silent("traffic_silent", TrafficFlowObserved),
        ),
    ),
    Board(
        "health",
        Label("Y tế", "Health"),
        of=IndoorEnvironmentObserved,
        field="co2",
        where=_CLINIC,
        types=(IndoorEnvironmentObserved,),
        icon="people",
        tiles=(
            _mean("health_co2", IndoorEnvironmentObserved, "co2",
                  Label("CO₂ trung bình tại cơ sở y tế", "Mean CO₂ in clinics"), "59", _CLINIC, by_area=True),
            _mean("health_temperature", IndoorEnvironmentObserved, "temperature",
                  Label("Nhiệt độ phòng trung bình", "Mean room temperature"), "CEL", _CLINIC),
            _sum("health_people", IndoorEnvironmentObserved, "peopleCount",
                 Label("Số người trong phòng", "People in the rooms"), "C62", _CLINIC),
            silent("health_silent", IndoorEnvironmentObserved, _CLINIC),
        ),
    ),
    Board(
        "education",
        Label("Giáo dục", "Education"),
        of=IndoorEnvironmentObserved,
        field="co2",
        where=_SCHOOL,
        types=(IndoorEnvironmentObserved,),
        icon="person",
        tiles=(
            _mean("education_co2", IndoorEnvironmentObserved, "co2",
                  Label("CO₂ trung bình trong lớp học", "Mean CO₂ in classrooms"), "59", _SCHOOL, by_area=True),
            _mean("education_temperature", IndoorEnvironmentObserved, "temperature",
                  Label("Nhiệt độ lớp học trung bình", "Mean classroom temperature"), "CEL", _SCHOOL),
            _sum("education_people", IndoorEnvironmentObserved, "peopleCount",
                 Label("Số người trong lớp", "People in the classrooms"), "C62", _SCHOOL),
            silent("education_silent", IndoorEnvironmentObserved, _SCHOOL),
        ),
    ),
    Board(
        "agriculture",
        Label("Nông nghiệp", "Agriculture"),
        of=AgriParcelRecord,
        field="soilMoistureVwc",
        worst="lowest",
        types=(AgriParcelRecord,),
        icon="plan",
        tiles=(
            _mean("agriculture_moisture", AgriParcelRecord, "soilMoistureVwc",
                  Label("Độ ẩm đất trung bình (0–1)", "Mean soil moisture (0–1)"), "C62", by_area=True),
            _mean("agriculture_soil", AgriParcelRecord, "soilTemperature",
                  Label("Nhiệt độ đất trung bình", "Mean soil temperature"), "CEL"),
            _mean("agriculture_air", AgriParcelRecord, "airTemperature",
                  Label("Nhiệt độ không khí trung bình", "Mean air temperature"), "CEL"),
            silent("agriculture_silent", AgriParcelRecord),
        ),
    ),
    Board(
        "tourism",
        Label("Du lịch", "Tourism"),
        of=CrowdFlowObserved,
        field="occupancy",
        types=(CrowdFlowObserved,),
        icon="star",
        tiles=(
            _sum("tourism_people", CrowdFlowObserved, "peopleCount",
                 Label("Khách tại các điểm", "Visitors at the sites"), "C62", by_area=True),
            Indicator("tourism_fullest", "max", CrowdFlowObserved,
                      Label("Mức lấp đầy cao nhất (0–1)", "Greatest occupancy (0–1)"), "C62", field="occupancy",
                      within_s=RECENT_S),
            silent("tourism_silent", CrowdFlowObserved),
        ),
    ),
    Board(
        "industry",
        Label("Công nghiệp", "Industry"),
        of=WaterQualityObserved,
        field="cod",
        where=_EFFLUENT,
        types=(ThreePhaseAcMeasurement, WaterQualityObserved),
        icon="data",
        tiles=(
            _mean("industry_cod", WaterQualityObserved, "cod",
                  Label("COD nước thải trung bình", "Mean COD of effluent"), "M1", _EFFLUENT, by_area=True),
            _sum("industry_power", ThreePhaseAcMeasurement, "totalActivePower",
                 Label("Công suất đang dùng", "Power drawn"), "KWT"),
            _mean("industry_factor", ThreePhaseAcMeasurement, "totalPowerFactor",
                  Label("Hệ số công suất trung bình", "Mean power factor"), "C62"),
            silent("industry_silent", ThreePhaseAcMeasurement),
        ),
    ),
)  # fmt: skip

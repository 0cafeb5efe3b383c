"""Boards of the domains whose sensors the registry keeps; that of the environment stands in its own pack."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from province.model.label import Label
from province.model.query import Where
from province.model.schema import Record
from province.pack import Board, Indicator, Measure
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


def _recent(
    measure: Measure, name: str, of: type[Record], field: str, title: Label, unit: str,
    where: tuple[Where, ...] = (), by_area: bool = False,
) -> Indicator:  # fmt: skip
    """What sensors of a kind measured within the hour."""
    made = Indicator(name, measure, of, title, unit, where=where, field=field, within_s=RECENT_S)
    return replace(made, by="area") if by_area else made


_mean, _sum, _max = partial(_recent, "mean"), partial(_recent, "sum"), partial(_recent, "max")


def _rooms(
    name: str, title: Label, icon: str, where: tuple[Where, ...], co2: Label, warmth: Label, people: Label
) -> Board:
    """The board of the rooms of one domain: the same sensors, under the names of those who work there."""
    of = IndoorEnvironmentObserved
    return Board(
        name, title, of=of, field="co2", where=where, types=(of,), icon=icon,
        tiles=(
            _mean(f"{name}_co2", of, "co2", co2, "59", where, by_area=True),
            _mean(f"{name}_temperature", of, "temperature", warmth, "CEL", where),
            _sum(f"{name}_people", of, "peopleCount", people, "C62", where),
            silent(f"{name}_silent", of, where),
        ),
    )  # fmt: skip


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
    _rooms(
        "health", Label("Y tế", "Health"), "people", _CLINIC,
        Label("CO₂ trung bình tại cơ sở y tế", "Mean CO₂ in clinics"),
        Label("Nhiệt độ phòng trung bình", "Mean room temperature"),
        Label("Số người trong phòng", "People in the rooms"),
    ),
    _rooms(
        "education", Label("Giáo dục", "Education"), "person", _SCHOOL,
        Label("CO₂ trung bình trong lớp học", "Mean CO₂ in classrooms"),
        Label("Nhiệt độ lớp học trung bình", "Mean classroom temperature"),
        Label("Số người trong lớp", "People in the classrooms"),
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
            _max("tourism_fullest", CrowdFlowObserved, "occupancy",
                 Label("Mức lấp đầy cao nhất (0–1)", "Greatest occupancy (0–1)"), "C62"),
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

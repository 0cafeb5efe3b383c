"""Sensors of air, weather, water and noise."""

# ruff: noqa: N815 - names of the Smart Data Models are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import Field, TypeInfo
from province.model.unit import Unit
from province.vocab.sensing import Sensor, measured, sensor_info


class AirQualityObserved(Sensor, frozen=True, kw_only=True):
    """An air quality station."""

    TYPE: ClassVar[TypeInfo] = sensor_info(
        "AirQualityObserved", Label("Trạm chất lượng không khí", "Air quality"), "air"
    )

    pm25: Annotated[float | None, measured("PM2,5", "PM2.5", 0), Unit("GQ")] = None
    pm10: Annotated[float | None, measured("PM10", "PM10", 0), Unit("GQ")] = None
    no2: Annotated[float | None, measured("NO₂", "NO₂", 0), Unit("GQ")] = None
    so2: Annotated[float | None, measured("SO₂", "SO₂", 0), Unit("GQ")] = None
    o3: Annotated[float | None, measured("O₃", "O₃", 0), Unit("GQ")] = None
    co: Annotated[float | None, measured("CO", "CO", 0), Unit("GP")] = None
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


class WeatherObserved(Sensor, frozen=True, kw_only=True):
    """A weather station."""

    TYPE: ClassVar[TypeInfo] = sensor_info("WeatherObserved", Label("Trạm thời tiết", "Weather"), "weather")

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
    atmosphericPressure: Annotated[
        float | None,
        measured("Khí áp", "Pressure", 300, 1100),
        Unit("A97"),
    ] = None
    windSpeed: Annotated[float | None, measured("Tốc độ gió", "Wind speed", 0), Unit("MTS")] = None
    windDirection: Annotated[
        float | None,
        measured("Hướng gió", "Wind direction", -180, 360),
        Unit("DD"),
    ] = None
    precipitation: Annotated[float | None, measured("Lượng mưa", "Rain", 0), Unit("MMT")] = None


class FloodMonitoring(Sensor, frozen=True, kw_only=True):
    """A water level gauge. The three levels of alarm (báo động I–III) belong to the station and are set by people.

    The Smart Data Models know two levels: `alertLevel` is báo động I, `dangerLevel` is báo động III; `warningLevel`
    between them is ours. A level that nobody has set raises nothing.
    """

    TYPE: ClassVar[TypeInfo] = sensor_info("FloodMonitoring", Label("Trạm mực nước", "Water level"), "water")

    alertLevel: Annotated[float | None, Field(Label("Báo động I", "Alarm level I"), public=True), Unit("MTR")] = None
    warningLevel: Annotated[float | None, Field(Label("Báo động II", "Alarm level II"), public=True), Unit("MTR")] = (
        None
    )
    dangerLevel: Annotated[float | None, Field(Label("Báo động III", "Alarm level III"), public=True), Unit("MTR")] = (
        None
    )
    referenceLevel: Annotated[
        float | None, Field(Label("Cao độ đầu đo", "Height of the sensor over the bed")), Unit("MTR")
    ] = None
    currentLevel: Annotated[float | None, measured("Mực nước", "Water level"), Unit("MTR")] = None
    measuredDistance: Annotated[
        float | None, Field(Label("Khoảng cách đo", "Measured distance"), observed=True, minimum=0), Unit("MTR")
    ] = None


class NoiseLevelObserved(Sensor, frozen=True, kw_only=True):
    """A noise meter. Levels are A-weighted, in decibel; the dB of unit code `2N`."""

    TYPE: ClassVar[TypeInfo] = sensor_info("NoiseLevelObserved", Label("Trạm tiếng ồn", "Noise"), "noise")

    LAeq: Annotated[
        float | None,
        measured("Mức âm tương đương", "Equivalent level", 0, 200),
        Unit("2N"),
    ] = None
    LAmax: Annotated[
        float | None,
        measured("Mức âm lớn nhất", "Greatest level", 0, 200),
        Unit("2N"),
    ] = None


class WaterQualityObserved(Sensor, frozen=True, kw_only=True):
    """A station in a river, a reservoir, or at the outlet of a plant (`waterKind`)."""

    TYPE: ClassVar[TypeInfo] = sensor_info(
        "WaterQualityObserved", Label("Trạm chất lượng nước", "Water quality"), "drop"
    )

    waterKind: Annotated[
        str | None,
        Field(
            Label("Loại nước", "Kind of water"),
            indexed=True,
            public=True,
            values=("surface", "effluent"),
            names=(("surface", Label("Nước mặt", "Surface water")), ("effluent", Label("Nước thải", "Effluent"))),
        ),
    ] = None
    temperature: Annotated[
        float | None,
        measured("Nhiệt độ nước", "Water temperature", -5, 100),
        Unit("CEL"),
    ] = None
    pH: Annotated[float | None, measured("pH", "pH", 0, 14), Unit("Q30")] = None
    O2: Annotated[float | None, measured("Ôxy hoà tan", "Dissolved oxygen", 0), Unit("M1")] = None
    tss: Annotated[
        float | None,
        measured("Chất rắn lơ lửng", "Suspended solids", 0),
        Unit("M1"),
    ] = None
    cod: Annotated[
        float | None,
        measured("Nhu cầu ôxy hoá học", "Chemical oxygen demand", 0),
        Unit("M1"),
    ] = None
    NH4: Annotated[float | None, measured("Amoni", "Ammonium", 0), Unit("M1")] = None

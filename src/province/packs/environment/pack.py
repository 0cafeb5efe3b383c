"""Row III.3d, resources and environment: air, water, noise, flood, weather; a limit crossed becomes an alert."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Band, Board, Chart, Index, Indicator, Level, Map, Mean, Pack, Rule, Table, Threshold
from province.packs.environment import aqi, logic
from province.packs.environment.types import STATIONS
from province.vocab.alert import OPEN, Alert
from province.vocab.environment import (
    AirQualityObserved,
    FloodMonitoring,
    NoiseLevelObserved,
    WaterQualityObserved,
    WeatherObserved,
)

THRESHOLDS = (
    Threshold(
        "pm25_daily",
        of=AirQualityObserved,
        field="pm25",
        title=Label("PM2,5 trung bình 24 giờ", "PM2.5, mean of 24 hours"),
        category="Env",
        levels=(
            Level(Label("Vượt quy chuẩn", "Above the standard"), "Moderate", parameter="pm25_daily"),
            Level(Label("Rất xấu", "Very bad"), "Severe", parameter="pm25_daily_severe"),
        ),
        hysteresis="pm25_hysteresis",
        mean=Mean(hours=24, least=18),
    ),
    Threshold(
        "flood_level",
        of=FloodMonitoring,
        field="currentLevel",
        title=Label("Mực nước", "Water level"),
        category="Met",
        levels=(
            Level(Label("Báo động I", "Alarm level I"), "Moderate", field="alertLevel", urgency="Expected"),
            Level(Label("Báo động II", "Alarm level II"), "Severe", field="warningLevel"),
            Level(Label("Báo động III", "Alarm level III"), "Extreme", field="dangerLevel"),
        ),
        hysteresis="flood_hysteresis",
        readings=2,
    ),
    Threshold(
        "heat",
        of=WeatherObserved,
        field="temperature",
        title=Label("Nắng nóng", "Heat"),
        category="Met",
        levels=(
            Level(Label("Nắng nóng", "Hot"), "Minor", parameter="heat_hot", urgency="Expected"),
            Level(Label("Gay gắt", "Severe"), "Moderate", parameter="heat_very_hot", urgency="Expected"),
            Level(Label("Đặc biệt gay gắt", "Extreme"), "Severe", parameter="heat_extreme"),
        ),
        hysteresis="heat_hysteresis",
        readings=3,
    ),
    Threshold(
        "wind",
        of=WeatherObserved,
        field="windSpeed",
        title=Label("Gió mạnh", "Strong wind"),
        category="Met",
        levels=(
            Level(Label("Gió mạnh cấp 6", "Force 6"), "Moderate", parameter="wind_strong", urgency="Expected"),
            Level(Label("Gió bão cấp 8", "Force 8"), "Severe", parameter="wind_gale"),
        ),
        hysteresis="wind_hysteresis",
        readings=2,
    ),
    Threshold(
        "noise",
        of=NoiseLevelObserved,
        field="LAeq",
        title=Label("Tiếng ồn", "Noise"),
        category="Env",
        levels=(Level(Label("Vượt quy chuẩn", "Above the standard"), "Minor", parameter="noise_day", urgency="Past"),),
        hysteresis="noise_hysteresis",
        readings=3,
        lasts_s=300,
    ),
    Threshold(
        "effluent_cod",
        of=WaterQualityObserved,
        field="cod",
        title=Label("COD trong nước", "COD of water"),
        category="Env",
        levels=(
            Level(Label("Vượt ngưỡng nước thải", "Above the limit of effluent"), "Moderate", parameter="effluent_cod"),
        ),
        hysteresis="effluent_hysteresis",
        readings=3,
    ),
)
RECENT_S = 3600
_OPEN = Where("status", "in", list(OPEN))
ALERTS = Indicator(
    "alerts_open",
    "count",
    of=Alert,
    title=Label("Cảnh báo đang mở", "Open alerts"),
    unit="C62",
    where=(_OPEN,),
    by="area",
)
FLOODED = Indicator(
    "gauges_over_alarm",
    "over",
    of=FloodMonitoring,
    title=Label("Trạm mực nước trên báo động I", "Gauges above alarm level I"),
    unit="C62",
    field="currentLevel",
    limit="alertLevel",
    within_s=RECENT_S,
)
VN_AQI = Index(
    "vn_aqi",
    of=AirQualityObserved,
    title=Label("VN_AQI giờ", "VN_AQI of the hour"),
    fields=(*aqi.DUST, *aqi.GASES),
    hours=aqi.HOURS,
    do=aqi.vn_aqi,
    bands=tuple(Band(upto, colour, label) for upto, colour, label in aqi.BANDS),
    basis=Label(
        "Quyết định 1459/QĐ-TCMT ngày 12/11/2019; giờ trọn gần nhất, bụi tính theo NowCast 12 giờ",
        "Decision 1459/QĐ-TCMT of 12 November 2019; the newest whole hour, dust as NowCast of 12 hours",
    ),
)
BOARD = Board(
    "environment",
    Label("Môi trường", "Environment"),
    of=AirQualityObserved,
    field="pm25",
    types=STATIONS,
    index=VN_AQI,
    icon="air",
    tiles=(
        Indicator(
            "environment_pm25",
            "mean",
            of=AirQualityObserved,
            title=Label("PM2,5 trung bình các trạm", "PM2.5, mean of the stations"),
            unit="GQ",
            field="pm25",
            by="area",
            within_s=RECENT_S,
        ),
        FLOODED,
        Indicator(
            "environment_water",
            "max",
            of=FloodMonitoring,
            title=Label("Mực nước cao nhất", "Highest water level"),
            unit="MTR",
            field="currentLevel",
            within_s=RECENT_S,
        ),
        Indicator(
            "environment_temperature",
            "max",
            of=WeatherObserved,
            title=Label("Nhiệt độ cao nhất", "Highest temperature"),
            unit="CEL",
            field="temperature",
            within_s=RECENT_S,
        ),
        Indicator(
            "environment_noise",
            "max",
            of=NoiseLevelObserved,
            title=Label("Mức ồn cao nhất", "Greatest noise"),
            unit="2N",
            field="LAeq",
            within_s=RECENT_S,
        ),
        Indicator(
            "environment_silent",
            "silent",
            of=AirQualityObserved,
            title=Label("Trạm không khí mất tín hiệu", "Silent air stations"),
            unit="C62",
            within_s=RECENT_S,
        ),
    ),
)

PACK = Pack(
    name="environment",
    title=Label("Môi trường", "Environment"),
    row="III.3d",
    rules=(
        Rule(on="alert.raised", do=logic.tell, record=Alert),
        Rule(on="alert.escalated", do=logic.tell, record=Alert),
    ),
    actions=(
        Action(
            logic.acknowledge,
            record=Alert,
            needs="alert.acknowledge",
            title=Label("Tiếp nhận", "Acknowledge"),
            states=("raised",),
        ),
        Action(
            logic.close,
            record=Alert,
            needs="alert.close",
            title=Label("Đóng cảnh báo", "Close"),
            states=("raised", "acknowledged", "cleared"),
        ),
    ),
    thresholds=THRESHOLDS,
    indicators=(ALERTS, FLOODED),
    panels=(
        BOARD,
        Map(Alert, Label("Cảnh báo", "Alerts"), colour_by="severity"),
        Table(
            Alert,
            Label("Cảnh báo", "Alerts"),
            columns=("title", "severity", "levelName", "area", "raisedAt", "basis"),
            group="status",
        ),
        Chart(AirQualityObserved, Label("PM2,5", "PM2.5"), "pm25"),
        Chart(FloodMonitoring, Label("Mực nước", "Water level"), "currentLevel"),
        Chart(WeatherObserved, Label("Nhiệt độ", "Temperature"), "temperature"),
    ),
    roles={
        "operator": ("alert.acknowledge", "alert.close"),
        "clerk": ("alert.acknowledge",),
    },
)

"""VN_AQI by the hour: Decision 1459/QĐ-TCMT of 12 November 2019, with NowCast for dust. Pure.

The index of an hour is the greatest of the indices of its pollutants. For PM2.5 and PM10 the concentration is the
NowCast of the last twelve hours, for the gases the mean of the last hour. Without PM2.5 and PM10 there is no index.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from province.model.label import Label

HOURS: Final = 12
DUST: Final = ("pm25", "pm10")
GASES: Final = ("so2", "no2", "o3", "co")
BANDS: Final[tuple[tuple[float, str, Label], ...]] = (
    (50, "good", Label("Tốt", "Good")),
    (100, "fair", Label("Trung bình", "Moderate")),
    (150, "poor", Label("Kém", "Poor")),
    (200, "bad", Label("Xấu", "Bad")),
    (300, "very-bad", Label("Rất xấu", "Very bad")),
    (math.inf, "hazardous", Label("Nguy hại", "Hazardous")),
)
"""Upper end, name of the colour, name on screen: table 1 of the decision."""


def now_cast(hours: Sequence[float]) -> float | None:
    """Weighted mean of hourly means; None when fewer than two of the three newest hours are known.

    hours: newest first, NaN where unknown; more than twelve are not looked at.
    The weight factor is smallest/greatest, at least ½; hours without a mean have no weight. With the factor ½ the
    decision divides by 1, the limit of the weights' sum; here the weights are summed in every case, which differs by
    less than 0.03 % of the value when all hours are known and does not sink when some are not.
    """
    window = list(hours[:HOURS])
    if sum(1 for c in window[:3] if not math.isnan(c)) < 2:
        return None
    known = [(i, c) for i, c in enumerate(window) if not math.isnan(c)]
    values = [c for _, c in known]
    top = max(values)
    factor = 1.0 if top == 0 else max(0.5, min(values) / top)
    weights = [factor**i for i, _ in known]
    return sum(w * c for w, (_, c) in zip(weights, known, strict=True)) / sum(weights)


def sub_index(concentration: float, steps: Sequence[float], scale: Sequence[float]) -> float:
    """Index of one pollutant: linear between the steps of its table; above the last step the index is the greatest.

    concentration: in the unit of `steps`.  scale: index at each step.
    """
    for low, high, from_, to in zip(steps, steps[1:], scale, scale[1:], strict=False):
        if concentration <= high:
            return from_ + (to - from_) * (max(concentration, low) - low) / (high - low)
    return scale[len(steps) - 1]


def vn_aqi(hours: Mapping[str, Sequence[float]], params: Mapping[str, Any]) -> float | None:
    """The index of the present hour, a whole number; None without dust or without the table of the decision.

    hours: by pollutant, hourly means in µg/m³ (CO in mg/m³), newest first, NaN where unknown.
    """
    table = params.get("vn_aqi_steps")
    if not isinstance(table, Mapping):
        return None
    scale = table["index"]
    found = []
    for name in DUST:
        dust = now_cast(hours.get(name, ()))
        if dust is not None:
            found.append(sub_index(dust, table[name], scale))
    if not found:
        return None
    for name in GASES:
        newest = hours.get(name, ())
        if len(newest) and not math.isnan(newest[0]):
            found.append(sub_index(newest[0] * (1000.0 if name == "co" else 1.0), table[name], scale))
    return float(math.floor(max(found) + 0.5))


def band(index: float) -> tuple[str, Label]:
    """Name of the colour and name on screen of an index."""
    return next((name, label) for upto, name, label in BANDS if index <= upto)

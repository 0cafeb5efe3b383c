"""Two streaming rules for the tests, and what they must find, worked out one reading at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from province.model.label import Label
from province.model.time import Instant
from province.pack import Level, Mean, Pack, Threshold
from tests.observations import Gate, Station

WORD = Label("chữ", "word")
HOT: Final = Threshold(
    "hot",
    of=Station,
    field="temperature",
    title=Label("Nóng", "Hot"),
    category="Met",
    levels=(Level(WORD, "Moderate", parameter="warm"), Level(WORD, "Severe", parameter="hot")),
    hysteresis="play",
    readings=2,
)
HIGH: Final = Threshold(
    "high",
    of=Gate,
    field="level",
    title=Label("Cao", "High"),
    category="Met",
    levels=(Level(WORD, "Moderate", field="low"), Level(WORD, "Extreme", field="top")),
    hysteresis="play",
)
MEAN: Final = Threshold(
    "mean",
    of=Station,
    field="battery",
    title=Label("Trung bình", "Mean"),
    category="Env",
    levels=(Level(WORD, "Moderate", parameter="warm"),),
    hysteresis="play",
    mean=Mean(hours=3, least=2),
)
COLD: Final = Threshold(
    "cold",
    of=Station,
    field="count",
    title=Label("Lạnh", "Cold"),
    category="Met",
    levels=(Level(WORD, "Minor", parameter="cold"), Level(WORD, "Severe", parameter="freezing")),
    hysteresis="play",
    direction="below",
)
PACK: Final = Pack(name="trial", title=WORD, row="I", thresholds=(HOT, HIGH, MEAN, COLD))
PARAMETERS: Final[Mapping[str, Any]] = {"warm": 30.0, "hot": 40.0, "play": 1.0, "cold": 10.0, "freezing": 0.0}


def parameters_at(_pack: str, _at: Instant) -> Mapping[str, Any]:
    return PARAMETERS


def crossings(
    readings: Iterable[tuple[str, datetime, float]], limits: tuple[float, ...], play: float, *, run: int = 1
) -> list[tuple[str, datetime, int, int]]:
    """(entity, time, level before, level after) of readings in the order of their arrival."""
    closed: dict[str, list[bool]] = {}
    runs: dict[str, list[list[int]]] = {}
    newest: dict[str, datetime] = {}
    found = []
    for entity, at, value in readings:
        if entity in newest and at <= newest[entity]:
            continue
        newest[entity] = at
        latch = closed.setdefault(entity, [False] * len(limits))
        counts = runs.setdefault(entity, [[0, 0] for _ in limits])
        before = max((n + 1 for n, c in enumerate(latch) if c), default=0)
        for n, limit in enumerate(limits):
            counts[n][0] = counts[n][0] + 1 if value >= limit else 0
            counts[n][1] = counts[n][1] + 1 if value < limit - play else 0
            if counts[n][0] >= run:
                latch[n] = True
            elif counts[n][1] >= run:
                latch[n] = False
        after = max((n + 1 for n, c in enumerate(latch) if c), default=0)
        if before != after:
            found.append((entity, at, before, after))
    return found

"""The flood drill: at whatever hour it is held, every gauge goes over all of its alarm levels and comes back."""

from __future__ import annotations

import math

import pytest

from province.app.simulation import DRILL_RISE_M
from province.compute.rhythm import Rhythm
from province.packs.devices.example import KINDS, RHYTHMS
from province.vocab.environment import FloodMonitoring

GAUGE = next(kind for kind in KINDS if kind.record is FloodMonitoring)
HYSTERESIS_M = 0.05
DEVIATIONS = 3


@pytest.mark.parametrize("hour", range(24))
def test_a_drill_reaches_every_level_and_ends_below_the_first(hour: int) -> None:
    rhythm: Rhythm = RHYTHMS[FloodMonitoring]["currentLevel"]
    level = rhythm.mean + rhythm.swing * math.cos(2 * math.pi * (hour - rhythm.peak_h) / 24)
    noise = DEVIATIONS * rhythm.noise
    assert level + DRILL_RISE_M - noise > float(GAUGE.values["dangerLevel"])
    assert level + noise < float(GAUGE.values["alertLevel"]) - HYSTERESIS_M
    assert level + DRILL_RISE_M + noise < rhythm.high

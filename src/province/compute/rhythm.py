"""Invented but plausible signals: a daily rhythm, noise that remembers, and limits. For simulators only."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from province.errors import InvalidInput


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """A signal over the civil day: `mean + swing·cos(2π(hour − peak_h)/24)` plus noise, inside [low, high].

    mean, swing, noise, low, high: in the unit of the field; noise is the standard deviation.  peak_h: hour, 0…24.
    memory: share of the noise that stays from one step to the next, 0 ≤ memory < 1.
    decimals: digits that the instrument shows.
    """

    mean: float
    swing: float
    peak_h: float
    noise: float
    low: float
    high: float
    memory: float = 0.9
    decimals: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.memory < 1:
            raise InvalidInput(f"memory {self.memory} is outside 0…1.", field="memory", remedy="Give 0.9 or so.")
        if self.noise < 0 or self.low > self.high:
            raise InvalidInput("noise is negative or low is above high.", field="noise")


def step(rhythm: Rhythm, hour: float, noise: float, random: np.random.Generator) -> tuple[float, float]:
    """The next value and the next state of the noise.

    hour: of the civil day, 0…24.  noise: its state before, 0.0 at the start.
    The noise is a first-order autoregression whose standard deviation is `rhythm.noise` in the long run.
    """
    fresh = rhythm.noise * math.sqrt(1 - rhythm.memory**2)
    noise = rhythm.memory * noise + fresh * float(random.standard_normal())
    value = rhythm.mean + rhythm.swing * math.cos(2 * math.pi * (hour - rhythm.peak_h) / 24) + noise
    return round(min(rhythm.high, max(rhythm.low, value)), rhythm.decimals), noise

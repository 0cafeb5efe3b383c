"""Pretended devices misbehave as drawn: the same seed gives the same field, and every fault shows in what is sent."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from province.compute.rhythm import Rhythm
from province.ingest.conduct import FAULT_VALUE, GOOD, Conduct, draw, flood, offset
from province.ingest.simulate import Simulated, message

FLAT = Rhythm(mean=1.0, swing=0.5, peak_h=7, noise=0.0, low=-5, high=9, decimals=3)
AT = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)  # seven in the morning in Vietnam: the rhythm stands at its peak


def device(conduct: Conduct = GOOD, **values: object) -> Simulated:
    given = {"login": "d", "secret": "s", "entity": "urn:x:1", "rhythms": {"currentLevel": FLAT}, "conduct": conduct}
    return Simulated(**{**given, **values})  # type: ignore[arg-type]


def read(one: Simulated, elapsed_s: float = 0.0, held: dict[str, float] | None = None, seed: int = 1) -> float:
    body = msgspec.json.decode(message(one, AT, {}, np.random.default_rng(seed), elapsed_s=elapsed_s, held=held))
    assert body["origin"] == "simulated"
    return float(body["currentLevel"])


def test_same_seed_same_field_and_another_seed_another_one() -> None:
    names = [f"urn:ngsi-ld:Device:{n}" for n in range(400)]
    one = [draw(n, seed=3, faults=True) for n in names]
    assert one == [draw(n, seed=3, faults=True) for n in names]
    assert one != [draw(n, seed=4, faults=True) for n in names]
    assert {c.drift > 0 for c in one} == {c.stuck_after is not None for c in one} == {True, False}
    assert {c.fault_share > 0 for c in one} == {c.memory > 0 for c in one} == {True, False}
    good = [draw(n, seed=3, faults=False) for n in names]
    assert {(c.drift, c.stuck_after, c.fault_share) for c in good} == {(0.0, None, 0.0)}


def test_a_flood_rises_stands_and_falls() -> None:
    course = flood(1.6)["currentLevel"]
    assert [round(offset(course, m * 60), 2) for m in (0, 3, 6, 8, 11, 14, 99)] == [0, 0.8, 1.6, 1.6, 0.8, 0, 0]
    gauge = device(courses=flood(1.6))
    assert read(gauge) == pytest.approx(1.5)
    assert read(gauge, elapsed_s=360) == pytest.approx(3.1)


def test_drift_wanders_a_stuck_value_stays_and_a_broken_cable_says_so() -> None:
    assert read(device(Conduct(drift=2.0)), elapsed_s=86_400) == pytest.approx(2.5)
    held: dict[str, float] = {}
    stuck = device(courses=flood(1.6))
    assert read(stuck, held=held) == read(stuck, elapsed_s=360, held=held) == pytest.approx(1.5)
    assert read(device(Conduct(fault_share=1.0))) == FAULT_VALUE

"""Terrain diffraction against the ITU's validation logs, term by term."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from province.compute.radio import diffraction
from province.errors import InvalidInput
from tests.shared import shared

Floats = npt.NDArray[np.float64]


@dataclass
class Logged:
    """A profile, and what the ITU's program wrote down while it computed one of its data sets."""

    distance: Floats
    ground: Floats
    clutter: Floats
    values: dict[str, list[float]]

    def value(self, name: str) -> float:
        return self.values[name][0]

    def loss(self, radius_km: float) -> diffraction.Loss:
        return diffraction.path_loss(
            self.distance, self.ground, self.clutter, self.value("htg (m)"), self.value("hrg (m)"),
            self.value("f (GHz)"), vertical=self.value("pol") == 2, over_sea=self.value("w"), radius_km=radius_km,
        )  # fmt: skip


def logged(path: Path) -> Logged:
    found = re.fullmatch(r"(.+)_(\d+)_log", path.stem)
    assert found is not None
    profile = path.parents[1] / "validation_profiles" / f"{found[1]}.csv"
    rows = list(csv.reader(profile.read_text("latin-1").splitlines()))
    names = [row[0] if row else "" for row in rows]
    points = rows[names.index("{Begin of Profile}") + 2 : names.index("{End of Profile}")]
    table = np.array([[float(r[0]), float(r[1]), float(r[3] or 0)] for r in points])
    values: dict[str, list[float]] = {}
    for row in csv.reader(path.read_text("latin-1").splitlines()):
        if len(row) > 3 and row[3] not in ("", "Value"):
            values.setdefault(row[0].strip(), []).append(float(row[3]))
    return Logged(table[:, 0], table[:, 1], table[:, 2], values)


def logs() -> list[Path]:
    return sorted(shared("radio/p1812/tests/validation_results").glob("*_log.csv"))


def test_every_term_is_that_of_the_itu() -> None:
    """Half the time, and the small percentage for which the effective radius is three Earths."""
    worst: dict[str, float] = {}
    for path in logs():
        one = logged(path)
        median = one.loss(one.value("ae (km)"))
        rare = one.loss(3 * diffraction.EARTH_KM)
        for name, mine in (
            ("Lbfs", median.free), ("Ld50 (dB)", median.diffraction), ("Lbulla (dB)", rare.actual),
            ("Lbulls (dB)", rare.smooth), ("Ldsph (dB)", rare.sphere), ("Ldb (dB)", rare.diffraction),
            ("Lbd50 (dB)", median.total),
        ):  # fmt: skip
            worst[name] = max(worst.get(name, 0.0), abs(mine - one.value(name)))
    assert len(logs()) > 25
    assert max(worst.values()) < 0.01, worst


def test_flat_ground_in_sight_is_free_space() -> None:
    distance = np.linspace(0, 2, 101)
    zero = np.zeros(101)
    found = diffraction.path_loss(distance, zero, zero, 60.0, 60.0, 2.55)
    slant = 92.4 + 20 * math.log10(2.55) + 20 * math.log10(2.0)
    assert found.free == pytest.approx(slant)
    assert found.diffraction < 0.1


def test_a_ridge_hides_and_a_higher_one_hides_more() -> None:
    distance = np.linspace(0, 4, 81)
    zero = np.zeros(81)
    losses = []
    for height in (0.0, 30.0, 60.0, 120.0):
        ground = zero.copy()
        ground[40] = height
        losses.append(diffraction.path_loss(distance, ground, zero, 25.0, 1.5, 2.55).diffraction)
    assert losses == sorted(losses)
    assert losses[-1] > losses[0] + 20


def test_a_field_is_its_profiles() -> None:
    random = np.random.default_rng(3)
    heights = np.cumsum(np.cumsum(random.normal(0, 0.6, (60, 60)), 0), 1).astype(np.float32)
    heights -= heights.min()
    clutter = np.where(random.random((60, 60)) < 0.3, 12, 0).astype(np.float32)
    step = 50.0
    site = np.array([[500.0, 500.0]])
    place = np.array([[2500.0, 500.0], [500.0, 2400.0], [2000.0, 2000.0], [550.0, 500.0]])
    found = diffraction.field(heights, clutter, step, site, np.array([30.0]), place, 1.5, 2.55, points=200)
    for j, (x, y) in enumerate(place[:3]):
        count = int(math.hypot(x - 500, y - 500) / step) + 1
        along = np.linspace(0, 1, count)
        rows = np.array([round(v) for v in (500 + along * (y - 500)) / step])
        columns = np.array([round(v) for v in (500 + along * (x - 500)) / step])
        one = diffraction.path_loss(
            along * math.hypot(x - 500, y - 500) / 1000, heights[rows, columns].astype(float),
            clutter[rows, columns].astype(float), 30.0, 1.5, 2.55,
        )  # fmt: skip
        assert found[0, j] == pytest.approx(one.total, abs=1e-3)
    up = float(heights[10, 10]) + 30 - float(heights[10, 11]) - 1.5
    assert found[0, 3] == pytest.approx(92.4 + 20 * math.log10(2.55 * math.hypot(50, up) / 1000), abs=1e-3)


@pytest.mark.parametrize(
    ("field", "distance", "ghz"),
    [("distance_km", [0.0, 1.0], 1.0), ("distance_km", [0.0, 2.0, 1.0], 1.0), ("distance_km", [1.0, 2.0, 3.0], 1.0),
     ("ghz", [0.0, 1.0, 2.0], 26.0)],
)  # fmt: skip
def test_what_is_no_profile_is_refused(field: str, distance: list[float], ghz: float) -> None:
    zero = np.zeros(len(distance))
    with pytest.raises(InvalidInput) as refused:
        diffraction.path_loss(np.array(distance), zero, zero, 25.0, 1.5, ghz)
    assert refused.value.field == field


def test_positions_off_the_model_are_refused() -> None:
    flat = np.zeros((10, 10), np.float32)
    with pytest.raises(InvalidInput) as refused:
        diffraction.field(
            flat, flat, 50.0, np.array([[0.0, 0.0]]), np.array([25.0]), np.array([[600.0, 0.0]]), 1.5, 2.5
        )
    assert refused.value.field == "place"

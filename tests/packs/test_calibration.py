"""The radio model against measurements: a known error is found, land that was held out decides, few say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from province.compute.plane import Plane
from province.compute.radio import calibrating, check
from province.errors import InvalidInput
from province.model.geometry import point
from province.model.study import Feature, Outcome, Problem
from province.packs.fiveg.pack import PACK
from tests.packs.studying import figure, solved
from tests.packs.test_fiveg import assumed

KIND = next(k for k in PACK.studies if k.name == "calibration")
PLANE = Plane(106.66, 11.05)
SITE = Feature(
    id="s1", geometry=point(106.66, 11.05),
    properties={"code": "BTS-1", "name": "Trạm 1", "on_air_5g": 1, "height": 30.0, "azimuths": (0.0, 120.0, 240.0)},
)  # fmt: skip


def drive(count: int, offset: float, slope: float, *, bad: float = 0.0, noise: float = 4.0, **more: Any) -> Problem:
    """Measurements around a site as the model has them, off by a known correction, a share of them far off."""
    from province.compute.radio import field
    from province.packs.fiveg import plan

    random = np.random.default_rng(3)
    far = 10 ** random.uniform(np.log10(80), np.log10(2500), count)
    turn = random.uniform(0, 2 * np.pi, count)
    place = np.column_stack([far * np.cos(turn), far * np.sin(turn)])
    empty = Problem(layers={}, assumptions=assumed(), budget=10_000, unit="C62")
    sender = plan.sender_of(empty)
    heard = field.reach(sender, np.zeros((1, 2)), np.array([30.0]), np.array([[0.0, 120.0, 240.0]]), place,
                        np.zeros(count), np.zeros(count), -200.0, range_m=5_000.0)  # fmt: skip
    level = np.empty(count)
    level[heard.place] = heard.signal_dbm.max(axis=1)
    rsrp = level - 10 * np.log10(3276) + offset + slope * np.log10(far / 1000) + random.normal(0, noise, count)
    rsrp[: int(bad * count)] -= 45.0
    features = tuple(
        Feature(id=f"m{k}", geometry=point(*PLANE.degrees(place[k : k + 1])[0].tolist()),
                properties={"rsrp": round(float(np.clip(rsrp[k], -159, -21)), 1), "site": "BTS-1", **more})
        for k in range(count)
    )  # fmt: skip
    return Problem(layers={"measurements": features, "masts": (SITE,)}, assumptions=assumed(), budget=10_000,
                   unit="C62")  # fmt: skip


def solve(problem: Problem) -> Outcome:
    return solved(KIND, problem)


def test_a_known_error_is_found_through_outliers_and_its_worth_is_held_out() -> None:
    found = solve(drive(400, -9.0, -6.0, bad=0.08))
    values = {a.name: a.value for a in found.assumptions}
    assert values["outdoor_offset"] == pytest.approx(-9.0, abs=1.5)
    assert values["outdoor_slope"] == pytest.approx(-6.0, abs=2.5)
    assert "400 phép đo" in found.assumptions[0].source
    assert figure(found, "after") < figure(found, "before")
    assert figure(found, "outliers") == pytest.approx(32, abs=6)
    assert found.certificate.checked
    assert found.certificate.objective == pytest.approx(figure(found, "after"), abs=0.01)
    assert found.certificate.bound is None
    table = found.table("models")
    assert table is not None
    assert [row[0] for row in table.rows] == ["TR 38.901", "ITU-R P.1812"]
    assert found.partial is None


def test_what_was_found_changes_the_next_plan_and_is_named_there() -> None:
    from tests.packs.test_fiveg import problem, words
    from tests.packs.test_fiveg import solve as plan_of

    plain, worse = plan_of(problem(2)), plan_of(problem(2, outdoor_offset=-12.0, indoor_offset=-12.0))
    assert figure(worse, "covered") < figure(plain, "covered")
    assert "Not calibrated" in words(plain)
    assert "Calibrated: test" in words(worse)


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        (lambda p: {"measurements": p.layers["measurements"][:12], "masts": (SITE,)}, "layers.measurements", "12 mea"),
        (lambda p: {**p.layers, "masts": (Feature(id="x", geometry=point(106.66, 11.05)),)}, "layers.masts", "no site"),
        (lambda p: {**p.layers, "measurements": (Feature(id="m", geometry=point(106.66, 11.05)),)},
         "layers.measurements", "has a power"),
        (lambda p: {**p.layers, "measurements": (
            Feature(id="m", geometry=point(106.66, 11.05), properties={"rsrp": 95}),)},
         "layers.measurements", "no power of a terminal"),
    ],
)  # fmt: skip
def test_too_little_is_refused_with_the_reason(change: Any, field: str, word: str) -> None:
    import msgspec

    one = drive(60, 0, 0)
    with pytest.raises(InvalidInput) as refused:
        solve(msgspec.structs.replace(one, layers=change(one)))
    assert refused.value.field == field
    assert word in refused.value.detail
    assert refused.value.remedy


def test_a_square_of_land_lies_in_one_fold_and_a_false_claim_is_refused() -> None:
    random = np.random.default_rng(1)
    place = random.uniform(0, 3000, (300, 2))
    fold = calibrating.folds(place, 500.0, 5)
    assert sorted(set(fold.tolist())) == [0, 1, 2, 3, 4]
    square = [(int(x), int(y)) for x, y in np.floor(place / 500.0)]
    assert len({(s, k) for s, k in zip(square, fold.tolist(), strict=True)}) == len(set(square))
    far = np.full(300, 1000.0)
    fit = calibrating.calibrate(far, random.normal(5, 3, 300), fold)
    told = [(c.offset_db, c.slope_db) for c in fit.by_fold]
    claim = calibrating.root_mean_square(fit.after)
    check.held_out(far.tolist(), fit.before.tolist(), square, fold.tolist(), told, claim)
    with pytest.raises(InvalidInput):
        check.held_out(far.tolist(), fit.before.tolist(), square, fold.tolist(), told, claim - 0.1)
    mixed = fold.copy()
    mixed[0] = (mixed[0] + 1) % 5
    with pytest.raises(InvalidInput):
        check.held_out(far.tolist(), fit.before.tolist(), square, mixed.tolist(), told, claim)
    with pytest.raises(InvalidInput):
        calibrating.folds(place[:4], 5000.0, 5)

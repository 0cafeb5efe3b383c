"""Correcting a radio model by measurements: an offset and a slope over distance, and what they are worth elsewhere.

Measurements beside each other agree with each other, so an error held out row by row is too small. Here whole squares
of land are held out: each fold is predicted by a correction that never saw its squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
HUBER: Final = 1.345
"""Residuals beyond so many deviations count less; 95% efficient for normal errors (Huber 1964)."""
_ROUNDS: Final = 50
_NORMAL: Final = 1.4826
"""Deviation of a normal variable over its median absolute deviation."""
SLOPE_LEAST: Final = 30
"""A slope needs so many measurements …"""
SLOPE_SPREAD: Final = 0.6
"""… over distances that span this many decades: a factor of four."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What is added to a prediction: offset_db at 1 km, slope_db for every decade of distance."""

    offset_db: float
    slope_db: float

    def at(self, distance_m: Floats) -> Floats:
        """(n,) decibels."""
        return np.asarray(self.offset_db + self.slope_db * np.log10(distance_m / 1000.0))


@dataclass(frozen=True, slots=True)
class Fit:
    """A correction of all measurements and its worth on land that it did not see.

    by_fold: the corrections that predicted the folds.  before, after: (n,) measured less predicted, dB; after: held
    out.  outlier: (n,) beyond 3 deviations of the fit over everything.
    """

    correction: Correction
    by_fold: tuple[Correction, ...]
    before: Floats
    after: Floats
    outlier: Bools


def robust(distance_m: Floats, error_db: Floats) -> Correction:
    """Offset and slope by least squares with Huber's weights. error_db: measured less predicted.

    The slope is left at 0 where the distances say nothing of it (`SLOPE_LEAST`, `SLOPE_SPREAD`).
    Raises: InvalidInput without measurements.
    Checked against: data made with a known offset and slope, a tenth of them far off: within 0.5 dB.
    """
    if not len(error_db):
        raise InvalidInput("no measurements.", field="measurements", remedy="Give some.")
    decade = np.log10(distance_m / 1000.0)
    low, high = np.quantile(decade, [0.05, 0.95])
    sloped = len(error_db) >= SLOPE_LEAST and high - low >= SLOPE_SPREAD
    table = np.column_stack([np.ones(len(decade)), decade]) if sloped else np.ones((len(decade), 1))
    weight = np.ones(len(decade))
    found = np.zeros(table.shape[1])
    found[0] = np.median(error_db)
    for _ in range(_ROUNDS):
        rest = error_db - table @ found
        spread = _NORMAL * float(np.median(np.abs(rest - np.median(rest))))
        if spread < 1e-9:
            break
        weight = np.minimum(1.0, HUBER * spread / np.maximum(np.abs(rest), 1e-12))
        root = np.sqrt(weight)
        better = np.linalg.lstsq(table * root[:, None], error_db * root, rcond=None)[0]
        if np.allclose(better, found, atol=1e-6):
            found = better
            break
        found = better
    return Correction(float(found[0]), float(found[1]) if sloped else 0.0)


def folds(place: Floats, side_m: float, count: int) -> Integers:
    """(n,) fold of every place: whole squares of `side_m`, the fullest first to the emptiest fold.

    Raises: InvalidInput for fewer squares than folds.
    """
    cell = np.floor(place / side_m).astype(np.int64)
    squares, of, full = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    if len(squares) < count:
        raise InvalidInput(
            f"the measurements lie in {len(squares)} squares of {side_m:g} m.", field="measurements",
            remedy=f"At least {count}: drive farther, or give a smaller square.",
        )  # fmt: skip
    fold = np.zeros(len(squares), np.int64)
    load = np.zeros(count)
    for k in np.argsort(-full, kind="stable"):
        fold[k] = int(np.argmin(load))
        load[fold[k]] += full[k]
    return np.asarray(fold[np.ravel(of)])


def calibrate(distance_m: Floats, error_db: Floats, fold: Integers) -> Fit:
    """Fit everything, and every fold by the others. Raises: InvalidInput."""
    whole = robust(distance_m, error_db)
    count = int(fold.max()) + 1
    by_fold = tuple(robust(distance_m[fold != k], error_db[fold != k]) for k in range(count))
    after = np.empty(len(error_db))
    for k, one in enumerate(by_fold):
        mine = fold == k
        after[mine] = error_db[mine] - one.at(distance_m[mine])
    rest = error_db - whole.at(distance_m)
    spread = _NORMAL * float(np.median(np.abs(rest - np.median(rest))))
    return Fit(whole, by_fold, error_db, after, np.abs(rest) > 3.0 * max(spread, 1e-9))


def root_mean_square(error_db: Floats) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(error_db)))) if len(error_db) else 0.0

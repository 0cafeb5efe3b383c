"""Checks what a calibration claims from the measurements alone, with arithmetic of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from province.compute.claim import false, near


def held_out(
    distance_m: Sequence[float], error_db: Sequence[float], square: Sequence[tuple[int, int]], fold: Sequence[int],
    corrections: Sequence[tuple[float, float]], claimed_db: float,
) -> float:  # fmt: skip
    """The error on land that was held out, recomputed. corrections: (offset, slope) of each fold.

    Raises: InvalidInput when a square lies in two folds, or the error is not the claimed one.
    """
    of: dict[tuple[int, int], int] = {}
    total = 0.0
    for distance, error, cell, k in zip(distance_m, error_db, square, fold, strict=True):
        if of.setdefault(cell, k) != k:
            raise false(f"the square {cell} is in the folds {of[cell]} and {k}.")
        offset, slope = corrections[k]
        rest = error - offset - slope * math.log10(distance / 1000.0)
        total += rest * rest
    found = math.sqrt(total / len(error_db))
    if not near(found, claimed_db):
        raise false(f"the held-out error is {found:.4f} dB, not {claimed_db:.4f} dB.")
    return found

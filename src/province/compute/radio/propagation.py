"""Path loss and line of sight after TR 38.901 V17.0.0, tables 7.4.1-1 and 7.4.2-1: UMa, UMi street canyon, InF.

Every function here is one formula for one pair of antenna and terminal, compiled, so that kernels can call it.
Effective environment height h_E is 1 m: exact in UMi, and in UMa for terminals below 13 m; above, TR 38.901 draws it
at random, and 1 m gives the longest break-point distance.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numba

Environment = Literal["uma", "umi", "inf-sl", "inf-dl", "inf-sh", "inf-dh"]
ENVIRONMENTS: Final[tuple[Environment, ...]] = ("uma", "umi", "inf-sl", "inf-dl", "inf-sh", "inf-dh")
"""Urban macro; urban micro, street canyon; indoor factory with sparse or dense clutter, the antenna low or high."""
UMA: Final = 0
UMI: Final = 1
INF_SL: Final = 2
INF_DL: Final = 3
INF_SH: Final = 4
INF_DH: Final = 5
SIGHT_SIGMA: Final[tuple[float, ...]] = (4.0, 4.0, 4.3, 4.3, 4.3, 4.3)
"""Standard deviation of the shadowing in line of sight, dB, in the order of ENVIRONMENTS."""
HIDDEN_SIGMA: Final[tuple[float, ...]] = (6.0, 7.82, 5.7, 7.2, 5.9, 4.0)
"""The same out of sight."""
RANGES_M: Final[tuple[tuple[float, float], ...]] = ((10.0, 5000.0), (10.0, 5000.0), *(((1.0, 600.0),) * 4))
"""Distances for which the formulas were fitted; nearer and farther they are carried on."""
_LIGHT: Final = 3.0e8
"""As TR 38.901 rounds it, note 1 of table 7.4.1-1."""
_EFFECTIVE_M: Final = 1.0


@numba.njit(cache=True)
def breakpoint_m(base_m: float, terminal_m: float, ghz: float) -> float:
    """Distance d'_BP from which the loss in sight grows with the fourth power. Note 1 of table 7.4.1-1."""
    return 4.0 * (base_m - _EFFECTIVE_M) * (terminal_m - _EFFECTIVE_M) * ghz * 1e9 / _LIGHT


@numba.njit(cache=True)
def sight_probability(environment: int, ground_m: float, terminal_m: float) -> float:
    """Probability of line of sight to an outdoor terminal, UMa and UMi, table 7.4.2-1. terminal_m ≤ 23."""
    if ground_m <= 18.0:
        return 1.0
    near = 18.0 / ground_m
    if environment == UMI:
        return near + math.exp(-ground_m / 36.0) * (1.0 - near)
    base = near + math.exp(-ground_m / 63.0) * (1.0 - near)
    if terminal_m <= 13.0:
        return base
    lift = ((terminal_m - 13.0) / 10.0) ** 1.5
    return min(1.0, base * (1.0 + lift * 1.25 * (ground_m / 100.0) ** 3 * math.exp(-ground_m / 150.0)))


@numba.njit(cache=True)
def factory_sight_probability(
    environment: int, ground_m: float, base_m: float, terminal_m: float,
    clutter_size_m: float, clutter_density: float, clutter_height_m: float,
) -> float:  # fmt: skip
    """Probability of line of sight in a factory hall, table 7.4.2-1, InF.

    clutter_size_m: of one machine.  clutter_density: share of the floor that they take, above 0 and below 1.
    clutter_height_m: above the terminal, or the antenna that stands above the clutter (SH, DH) is always seen.
    """
    scale = -clutter_size_m / math.log(1.0 - clutter_density)
    if environment in (INF_SH, INF_DH):
        if clutter_height_m <= terminal_m:
            return 1.0
        scale *= (base_m - terminal_m) / (clutter_height_m - terminal_m)
    return math.exp(-ground_m / scale)


@numba.njit(cache=True)
def losses_db(environment: int, ground_m: float, base_m: float, terminal_m: float, ghz: float) -> tuple[float, float]:
    """Median loss in line of sight and out of it, table 7.4.1-1. Shadowing: SIGHT_SIGMA, HIDDEN_SIGMA."""
    up = base_m - terminal_m
    slant_log = 0.5 * math.log10(ground_m * ground_m + up * up)
    ghz_log = math.log10(ghz)
    if environment >= INF_SL:
        sight = 31.84 + 21.5 * slant_log + 19.0 * ghz_log
        sparse_low = 33.0 + 25.5 * slant_log + 20.0 * ghz_log
        if environment == INF_SL:
            return sight, max(sight, sparse_low)
        if environment == INF_DL:
            return sight, max(sight, sparse_low, 18.6 + 35.7 * slant_log + 20.0 * ghz_log)
        if environment == INF_SH:
            return sight, max(sight, 32.4 + 23.0 * slant_log + 20.0 * ghz_log)
        return sight, max(sight, 33.63 + 21.9 * slant_log + 20.0 * ghz_log)
    turn_m = breakpoint_m(base_m, terminal_m, ghz)
    if environment == UMI:
        if ground_m <= turn_m:
            sight = 32.4 + 21.0 * slant_log + 20.0 * ghz_log
        else:
            sight = 32.4 + 40.0 * slant_log + 20.0 * ghz_log - 9.5 * math.log10(turn_m * turn_m + up * up)
        return sight, max(sight, 22.4 + 35.3 * slant_log + 21.3 * ghz_log - 0.3 * (terminal_m - 1.5))
    if ground_m <= turn_m:
        sight = 28.0 + 22.0 * slant_log + 20.0 * ghz_log
    else:
        sight = 28.0 + 40.0 * slant_log + 20.0 * ghz_log - 9.0 * math.log10(turn_m * turn_m + up * up)
    return sight, max(sight, 13.54 + 39.08 * slant_log + 20.0 * ghz_log - 0.6 * (terminal_m - 1.5))

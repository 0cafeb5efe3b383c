"""The gain of a sector antenna: TR 38.901 V17.0.0, table 7.3-1 for the element, clause 7.3 for a column of them."""

from __future__ import annotations

import math
from typing import Final

import numba

ELEMENT_GAIN_DBI: Final = 8.0
_BEAM_DEG: Final = 65.0
_FLOOR_DB: Final = 30.0
_LEAST_FACTOR: Final = 0.01
"""Nulls of a column are no deeper than 20 dB below its peak: the spread of angles in the channel fills them."""


@numba.njit(cache=True)
def element_db(zenith_deg: float, azimuth_deg: float) -> float:
    """Gain of one element relative to its peak, table 7.3-1. zenith_deg: 90 is the horizon; azimuth_deg: 0 is ahead."""
    up = min(12.0 * ((zenith_deg - 90.0) / _BEAM_DEG) ** 2, _FLOOR_DB)
    aside = min(12.0 * (azimuth_deg / _BEAM_DEG) ** 2, _FLOOR_DB)
    return -min(up + aside, _FLOOR_DB)


@numba.njit(cache=True)
def sector_gain_dbi(
    east_m: float, north_m: float, up_m: float, azimuth_deg: float, mechanical_deg: float, electrical_deg: float,
    elements: int, spacing: float,
) -> float:  # fmt: skip
    """Gain of a sector towards a place.

    east_m, north_m, up_m: from the antenna to the place; up is negative for what lies below.  azimuth_deg: clockwise
    from north.  mechanical_deg, electrical_deg: tilt below the horizon.  elements: in the column, each an element of
    table 7.3-1.  spacing: between them, in wavelengths.
    Mechanical tilt turns the antenna (clause 7.1.3, equations 7.1-7 and 7.1-8 with α = γ = 0); electrical tilt is a
    phase along the column. The peak of a column is 8 dBi + 10·log10(elements).
    Error: nulls are filled at −20 dB, where tables of real antennas have −15 to −30 dB.
    """
    ground = math.sqrt(east_m * east_m + north_m * north_m)
    slant = math.sqrt(ground * ground + up_m * up_m)
    if slant < 1e-9:
        return 0.0
    cos_zenith = up_m / slant
    sin_zenith = ground / slant
    turn = math.radians(azimuth_deg)
    if ground > 1e-9:
        cos_off = (north_m * math.cos(turn) + east_m * math.sin(turn)) / ground
        sin_off = (east_m * math.cos(turn) - north_m * math.sin(turn)) / ground
    else:
        cos_off, sin_off = 1.0, 0.0
    tilt = math.radians(mechanical_deg)
    own_cos = cos_off * sin_zenith * math.sin(tilt) + cos_zenith * math.cos(tilt)
    ahead = cos_off * sin_zenith * math.cos(tilt) - cos_zenith * math.sin(tilt)
    aside = sin_off * sin_zenith
    own_zenith = math.degrees(math.acos(min(1.0, max(-1.0, own_cos))))
    own_azimuth = math.degrees(math.atan2(aside, ahead))
    gain = ELEMENT_GAIN_DBI + element_db(own_zenith, own_azimuth)
    if elements > 1:
        # cos of the zenith to which the column points: 90° + tilt, so −sin(tilt).
        half = math.pi * spacing * (own_cos + math.sin(math.radians(electrical_deg)))
        below = math.sin(half)
        factor = float(elements)
        if abs(below) > 1e-9:
            factor = math.sin(elements * half) ** 2 / (elements * below * below)
        gain += 10.0 * math.log10(max(factor, _LEAST_FACTOR * elements))
    return gain

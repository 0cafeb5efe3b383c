"""Loss by terrain along a path: free space and delta-Bullington diffraction, Recommendation ITU-R P.1812-8, §4.3.

Heights are metres above the sea, distances kilometres along the path. Left out of the Recommendation: troposcatter,
ducts, gases, variation with locations. They matter over tens of kilometres and for small percentages of time; on the
ten kilometres of a cell the median is free space and diffraction.
Checked against: the ITU's validation logs (profiles of 1 to 235 km), every term within 0.01 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
EARTH_KM: Final = 6371.0
MEDIAN_K: Final = 157.0 / (157.0 - 45.0)
"""Effective Earth radius for half the time, with the lapse rate ΔN of 45 N-units/km; Vietnam lies near 60, k 1.6."""
_LIGHT: Final = 0.2998
"""Wavelength in metres times gigahertz, as the Recommendation rounds it."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Terms of a path, dB. free: space.  actual, smooth: Bullington over the terrain and over the smooth surface.
    sphere: diffraction over the sphere."""

    free: float
    actual: float
    smooth: float
    sphere: float

    @property
    def diffraction(self) -> float:
        """Equation (39)."""
        return self.actual + max(self.sphere - self.smooth, 0.0)

    @property
    def total(self) -> float:
        """Free space and diffraction."""
        return self.free + self.diffraction


def path_loss(
    distance_km: Floats, ground_m: Floats, clutter_m: Floats, base_m: float, terminal_m: float, ghz: float, *,
    vertical: bool = True, over_sea: float = 0.0, radius_km: float = MEDIAN_K * EARTH_KM,
) -> Loss:  # fmt: skip
    """Median loss between antennas at both ends of a profile.

    distance_km: (n,) ascending from 0, n ≥ 3.  ground_m: (n,).  clutter_m: (n,) heights of what stands on it; those of
    both ends do not count.  base_m, terminal_m: above the ground of their end.  over_sea: share of the path.
    radius_km: effective radius of the Earth.  Raises: InvalidInput.
    """
    if len(distance_km) < 3 or len(ground_m) != len(distance_km) or len(clutter_m) != len(distance_km):
        raise InvalidInput(
            f"a profile of {len(distance_km)} distances and {len(ground_m)} heights.", field="distance_km",
            remedy="Give three points or more, each with its height and clutter.",
        )  # fmt: skip
    if distance_km[0] != 0 or not (np.diff(distance_km) > 0).all():
        raise InvalidInput("the distances do not ascend from 0.", field="distance_km", remedy="Sort the profile.")
    if not 0.03 <= ghz <= 6:
        raise InvalidInput(f"{ghz} GHz.", field="ghz", remedy="P.1812 holds from 0.03 to 6 GHz.")
    terms = np.empty(4)
    _path(
        np.ascontiguousarray(distance_km, np.float64), np.ascontiguousarray(ground_m, np.float64),
        np.ascontiguousarray(clutter_m, np.float64), base_m, terminal_m, ghz, vertical, over_sea, radius_km, terms,
    )  # fmt: skip
    return Loss(*(float(t) for t in terms))


def field(
    heights_m: npt.NDArray[np.float32], clutter_m: npt.NDArray[np.float32], step_m: float, site: Floats, base_m: Floats,
    place: Floats, terminal_m: float, ghz: float, *, points: int = 50, radius_km: float = MEDIAN_K * EARTH_KM,
) -> npt.NDArray[np.float32]:  # fmt: skip
    """Median loss of free space and diffraction between every site and every place over a terrain model.

    heights_m, clutter_m: (rows, columns), row 0 in the south, both of `step_m`; positions are metres from the middle of
    its first cell.  site: (sites, 2).  place: (places, 2).  points: of a profile, at most; fewer where it is short.
    Returns: (sites, places).  Nearer than two cells: free space.  Raises: InvalidInput for positions off the model.
    Error: profiles take the nearest cell; against exact profiles of the same model below 0.5 dB at half a cell's step.
    """
    rows, columns = heights_m.shape
    for name, given in (("site", site), ("place", place)):
        cells = np.floor(given / step_m + 0.5)
        if len(given) and (cells.min() < 0 or (cells[:, 0] >= columns).any() or (cells[:, 1] >= rows).any()):
            raise InvalidInput("a position lies off the terrain model.", field=name, remedy="Give a larger model.")
    out = np.empty((len(site), len(place)), np.float32)
    _field(
        np.ascontiguousarray(heights_m), np.ascontiguousarray(clutter_m), step_m,
        np.ascontiguousarray(site, np.float64), np.ascontiguousarray(base_m, np.float64),
        np.ascontiguousarray(place, np.float64), terminal_m, ghz, points, radius_km, out,
    )  # fmt: skip
    return out


@numba.njit(cache=True, fastmath=True)
def _edge(nu) -> float:
    """Knife edge, equation (16)."""
    if nu <= -0.78:
        return 0.0
    return 6.9 + 20.0 * math.log10(math.sqrt((nu - 0.1) ** 2 + 1.0) + nu - 0.1)


@numba.njit(cache=True, fastmath=True)
def _bullington(distance, height, count, start_m, end_m, ghz, radius_km) -> float:
    """§4.3.1 over the points between both ends; start_m, end_m: of the antennas above the same datum."""
    whole = distance[count - 1]
    bend = 500.0 / radius_km
    line = (end_m - start_m) / whole
    forward = -1e30
    for i in range(1, count - 1):
        away = distance[i]
        forward = max(forward, (height[i] + bend * away * (whole - away) - start_m) / away)
    wave = 0.002 * whole * ghz / _LIGHT
    if forward < line:
        worst = -1e30
        for i in range(1, count - 1):
            away = distance[i]
            rest = whole - away
            above = height[i] + bend * away * rest - start_m - line * away
            # The sign of what lies above the line, and its square: the root is drawn once.
            worst = max(worst, above * abs(above) / (away * rest))
        nu = math.sqrt(abs(worst) * wave)
        knife = _edge(nu if worst > 0.0 else -nu)
    else:
        backward = -1e30
        for i in range(1, count - 1):
            rest = whole - distance[i]
            backward = max(backward, (height[i] + bend * distance[i] * rest - end_m) / rest)
        at = (end_m - start_m + backward * whole) / (forward + backward)
        nu = start_m + forward * at - (start_m * (whole - at) + end_m * at) / whole
        knife = _edge(nu * math.sqrt(wave / (at * (whole - at))))
    return knife + (1.0 - math.exp(-knife / 6.0)) * (10.0 + 0.02 * whole)


@numba.njit(cache=True, fastmath=True)
def _first_term(whole, start_m, end_m, ghz, vertical, radius_km, permittivity, conductivity) -> float:
    """§4.3.3 for one kind of ground."""
    loss = 18.0 * conductivity / ghz
    k = 0.036 * (radius_km * ghz) ** (-1.0 / 3.0) * ((permittivity - 1.0) ** 2 + loss * loss) ** -0.25
    if vertical:
        k *= math.sqrt(permittivity * permittivity + loss * loss)
    beta = (1.0 + 1.6 * k * k + 0.67 * k**4) / (1.0 + 4.5 * k * k + 1.53 * k**4)
    x = 21.88 * beta * (ghz / (radius_km * radius_km)) ** (1.0 / 3.0) * whole
    scale = 0.9575 * beta * (ghz * ghz / radius_km) ** (1.0 / 3.0)
    far = -(11.0 + 10.0 * math.log10(x) - 17.6 * x)
    total = far if x >= 1.6 else 20.0 * math.log10(x) + 5.6488 * x**1.425
    least = 2.0 + 20.0 * math.log10(k)
    for height in (start_m, end_m):
        b = beta * scale * height
        if b > 2.0:
            gain = 17.6 * math.sqrt(b - 1.1) - 5.0 * math.log10(b - 1.1) - 8.0
        else:
            gain = 20.0 * math.log10(max(b + 0.1 * b**3, 1e-30))
        total -= max(gain, least)
    return total


@numba.njit(cache=True, fastmath=True)
def _ground(whole, start_m, end_m, ghz, vertical, radius_km, over_sea) -> float:
    total = 0.0
    if over_sea > 0.0:
        total += over_sea * _first_term(whole, start_m, end_m, ghz, vertical, radius_km, 80.0, 5.0)
    if over_sea < 1.0:
        total += (1.0 - over_sea) * _first_term(whole, start_m, end_m, ghz, vertical, radius_km, 22.0, 0.003)
    return total


@numba.njit(cache=True, fastmath=True)
def _sphere(whole, start_m, end_m, ghz, vertical, radius_km, over_sea) -> float:
    """§4.3.2: antennas above a smooth sphere."""
    sight = math.sqrt(2.0 * radius_km) * (math.sqrt(0.001 * start_m) + math.sqrt(0.001 * end_m))
    if whole >= sight:
        return max(0.0, _ground(whole, start_m, end_m, ghz, vertical, radius_km, over_sea))
    c = (start_m - end_m) / (start_m + end_m)
    m = 250.0 * whole * whole / (radius_km * (start_m + end_m))
    turn = math.acos(min(1.0, max(-1.0, 1.5 * c * math.sqrt(3.0 * m / (m + 1.0) ** 3))))
    b = 2.0 * math.sqrt((m + 1.0) / (3.0 * m)) * math.cos(math.pi / 3.0 + turn / 3.0)
    first = 0.5 * whole * (1.0 + b)
    second = whole - first
    clear = (
        (start_m - 500.0 * first * first / radius_km) * second + (end_m - 500.0 * second * second / radius_km) * first
    ) / whole
    needed = 17.456 * math.sqrt(first * second * (_LIGHT / ghz) / whole)
    if clear > needed:
        return 0.0
    smaller = 500.0 * (whole / (math.sqrt(start_m) + math.sqrt(end_m))) ** 2
    grazing = _ground(whole, start_m, end_m, ghz, vertical, smaller, over_sea)
    return 0.0 if grazing < 0.0 else (1.0 - clear / needed) * grazing


@numba.njit(cache=True, fastmath=True)
def _smooth(distance, ground, count, start_m, end_m) -> tuple[float, float]:
    """Heights of the smooth surface under both antennas for diffraction, attachment 1 §5.6.1 and 5.6.2."""
    whole = distance[count - 1]
    first = second = 0.0
    for i in range(1, count):
        width = distance[i] - distance[i - 1]
        first += width * (ground[i] + ground[i - 1])
        second += width * (
            ground[i] * (2.0 * distance[i] + distance[i - 1]) + ground[i - 1] * (distance[i] + 2.0 * distance[i - 1])
        )
    start = (2.0 * first * whole - second) / (whole * whole)
    end = (second - first * whole) / (whole * whole)
    over = from_start = from_end = -1e30
    for i in range(1, count - 1):
        away = distance[i]
        above = ground[i] - (start_m * (whole - away) + end_m * away) / whole
        over = max(over, above)
        from_start = max(from_start, above / away)
        from_end = max(from_end, above / (whole - away))
    if over > 0.0:
        share = from_start / (from_start + from_end)
        start -= over * share
        end -= over * (1.0 - share)
    return min(start, ground[0]), min(end, ground[count - 1])


@numba.njit(cache=True, fastmath=True)
def _terms(distance, ground, covered, flat, count, base_m, terminal_m, ghz, vertical, over_sea, radius_km, out) -> None:
    """covered: ground and clutter.  flat: zeros."""
    whole = distance[count - 1]
    start, end = ground[0] + base_m, ground[count - 1] + terminal_m
    slant = math.sqrt(whole * whole + ((start - end) / 1000.0) ** 2)
    out[0] = 92.4 + 20.0 * math.log10(ghz) + 20.0 * math.log10(slant)
    out[1] = _bullington(distance, covered, count, start, end, ghz, radius_km)
    low, high = _smooth(distance, ground, count, start, end)
    out[2] = _bullington(distance, flat, count, start - low, end - high, ghz, radius_km)
    out[3] = _sphere(whole, start - low, end - high, ghz, vertical, radius_km, over_sea)


@numba.njit(cache=True, fastmath=True)
def _path(distance, ground, clutter, base_m, terminal_m, ghz, vertical, over_sea, radius_km, out) -> None:
    count = len(distance)
    covered = ground + clutter
    _terms(
        distance, ground, covered, np.zeros(count), count, base_m, terminal_m, ghz, vertical, over_sea, radius_km, out
    )


@numba.njit(cache=True, fastmath=True)
def _field(heights, clutter, step_m, site, base_m, place, terminal_m, ghz, points, radius_km, out) -> None:
    distance, ground, covered = np.empty(points), np.empty(points), np.empty(points)
    flat = np.zeros(points)
    for i in range(len(site)):
        for j in range(len(place)):
            east, north = place[j, 0] - site[i, 0], place[j, 1] - site[i, 1]
            away = math.sqrt(east * east + north * north)
            count = min(points, int(away / step_m) + 1)
            start = heights[int(site[i, 1] / step_m + 0.5), int(site[i, 0] / step_m + 0.5)]
            end = heights[int(place[j, 1] / step_m + 0.5), int(place[j, 0] / step_m + 0.5)]
            if count < 3:
                up = start + base_m[i] - end - terminal_m
                slant = max(1e-3, math.sqrt(away * away + up * up) / 1000.0)
                out[i, j] = 92.4 + 20.0 * math.log10(ghz) + 20.0 * math.log10(slant)
                continue
            for k in range(count):
                share = k / (count - 1)
                x, y = site[i, 0] + share * east, site[i, 1] + share * north
                row, column = int(y / step_m + 0.5), int(x / step_m + 0.5)
                distance[k] = share * away / 1000.0
                ground[k] = heights[row, column]
                covered[k] = ground[k] + clutter[row, column]
            above, under = start + base_m[i], end + terminal_m
            up = (above - under) / 1000.0
            whole = distance[count - 1]
            loss = 92.4 + 20.0 * math.log10(ghz) + 10.0 * math.log10(whole * whole + up * up)
            loss += _bullington(distance, covered, count, above, under, ghz, radius_km)
            low, high = _smooth(distance, ground, count, above, under)
            sphere = _sphere(whole, above - low, under - high, ghz, True, radius_km, 0.0)
            if sphere > 0.0:  # else the smooth surface takes nothing that the terrain has not taken
                smooth = _bullington(distance, flat, count, above - low, under - high, ghz, radius_km)
                loss += max(sphere - smooth, 0.0)
            out[i, j] = loss


__all__ = ["EARTH_KM", "MEDIAN_K", "Loss", "field", "path_loss"]

"""Many sites and many places: loss, signal and how likely a place is served. Compiled; about 10 million pairs a second.

Places and sites are positions in one plane, metres. The ground between them is taken as flat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from province.compute.radio.antenna import sector_gain_dbi
from province.compute.radio.propagation import (
    ENVIRONMENTS,
    HIDDEN_SIGMA,
    RANGES_M,
    SIGHT_SIGMA,
    Environment,
    losses_db,
    sight_probability,
)
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
OUTDOOR: Final[tuple[Environment, ...]] = ("uma", "umi")
_SQRT_HALF: Final = math.sqrt(0.5)


@dataclass(frozen=True, slots=True)
class Sender:
    """What every sector of a plan has alike. Heights above ground, tilts below the horizon.

    power_dbm: at the antenna, over the whole carrier.  elements: in the column of the antenna; spacing: between them,
    in wavelengths.
    """

    environment: Environment
    ghz: float
    terminal_m: float
    power_dbm: float
    mechanical_deg: float = 0.0
    electrical_deg: float = 0.0
    elements: int = 1
    spacing: float = 0.5

    def __post_init__(self) -> None:
        """Raises: InvalidInput for what the formulas do not know."""
        if self.environment not in OUTDOOR:
            raise InvalidInput(
                f"{self.environment!r} is no outdoor environment.", field="environment",
                remedy=f"One of: {', '.join(OUTDOOR)}.",
            )  # fmt: skip
        if not 0.5 <= self.ghz <= 100:
            raise InvalidInput(f"{self.ghz} GHz.", field="ghz", remedy="TR 38.901 holds from 0.5 to 100 GHz.")
        if not 1.5 <= self.terminal_m <= 22.5:
            raise InvalidInput(
                f"a terminal at {self.terminal_m} m.", field="terminal_m", remedy="TR 38.901 holds from 1.5 to 22.5 m."
            )
        if not 1 <= self.elements <= 64:
            raise InvalidInput(f"a column of {self.elements} elements.", field="elements", remedy="1 to 64.")


@dataclass(frozen=True, slots=True)
class Field:
    """Pairs of a place and a sector that can hear each other.

    start: (sites + 1,) where the places of each site begin in `place`.  place: (pairs,) indices.
    signal_dbm: (pairs, sectors) median power at the terminal, mean over line of sight and none.
    likely: (pairs, sectors) probability, over sight and shadowing, that the power reaches what is needed.
    """

    start: Integers
    place: Integers
    signal_dbm: npt.NDArray[np.float32]
    likely: npt.NDArray[np.float32]


def losses(environment: Environment, site: Floats, place: Floats, base_m: Floats, terminal_m: float, ghz: float) -> (
    npt.NDArray[np.float32]
):  # fmt: skip
    """Median loss between every site and every place, dB; the mean of sight and none by their probability.

    site: (sites, 2).  place: (places, 2).  base_m: (sites,) heights.  Returns: (sites, places).
    Nearer than 10 m counts as 10 m. Error: see `propagation`; σ of a single place 4 to 8 dB.
    """
    Sender(environment, ghz, terminal_m, 0.0)
    out = np.empty((len(site), len(place)), np.float32)
    near = RANGES_M[ENVIRONMENTS.index(environment)][0]
    _losses(ENVIRONMENTS.index(environment), np.ascontiguousarray(site, np.float64),
            np.ascontiguousarray(place, np.float64), np.ascontiguousarray(base_m, np.float64), terminal_m, ghz, near,
            out)  # fmt: skip
    return out


def pairs(site: Floats, place: Floats, range_m: float) -> tuple[Integers, Integers]:
    """Places within range of every site: (sites + 1,) where those of each begin, and their indices."""
    start = np.zeros(len(site) + 1, np.int64)
    near: list[Integers] = []
    if len(site) and len(place):
        found = cKDTree(place).query_ball_point(site, range_m, return_sorted=True)
        near = [np.asarray(one, np.int64) for one in found]
        start[1:] = np.cumsum([len(one) for one in near])
    return start, np.concatenate(near) if near else np.zeros(0, np.int64)


def reach(
    sender: Sender, site: Floats, base_m: Floats, azimuth_deg: Floats, place: Floats, entry_db: Floats,
    entry_sigma_db: Floats, needed_dbm: float, *, range_m: float, slope_db: Floats | None = None,
    near: tuple[Integers, Integers] | None = None, loss_db: npt.NDArray[np.float32] | None = None,
) -> Field:  # fmt: skip
    """Signal of every sector at every place within `range_m` of its site.

    azimuth_deg: (sites, sectors), clockwise from north.  entry_db, entry_sigma_db: (places,) wall and its deviation.
    needed_dbm: power at which a terminal is served.  The probability mixes line of sight and none, each with normal
    shadowing, independent of the wall's.  slope_db: (places,) added for every decade of distance from 1 km, by a
    calibration.  near: what `pairs` found, and loss_db: (pairs,) further loss of each, such as by terrain.
    Raises: InvalidInput.
    """
    count = len(site)
    if azimuth_deg.ndim != 2 or len(azimuth_deg) != count or len(base_m) != count:
        raise InvalidInput("sites, heights and azimuths do not belong together.", field="azimuth_deg")
    if len(entry_db) != len(place) or len(entry_sigma_db) != len(place):
        raise InvalidInput("places and their walls do not belong together.", field="entry_db")
    start, index = near if near is not None else pairs(site, place, range_m)
    more = np.zeros(0, np.float32) if loss_db is None else np.ascontiguousarray(loss_db, np.float32)
    if len(more) not in (0, len(index)):
        raise InvalidInput("losses and pairs do not belong together.", field="loss_db")
    slope = np.zeros(len(place)) if slope_db is None else np.ascontiguousarray(slope_db, np.float64)
    sectors = azimuth_deg.shape[1]
    signal = np.empty((len(index), sectors), np.float32)
    likely = np.empty((len(index), sectors), np.float32)
    code = ENVIRONMENTS.index(sender.environment)
    _reach(
        code, np.ascontiguousarray(site, np.float64), np.ascontiguousarray(base_m, np.float64),
        np.ascontiguousarray(azimuth_deg, np.float64), np.ascontiguousarray(place, np.float64),
        np.ascontiguousarray(entry_db, np.float64), np.ascontiguousarray(entry_sigma_db, np.float64), start, index,
        sender.terminal_m, sender.ghz, sender.power_dbm, sender.mechanical_deg, sender.electrical_deg,
        sender.elements, sender.spacing, RANGES_M[code][0], SIGHT_SIGMA[code], HIDDEN_SIGMA[code], needed_dbm,
        slope, more, signal, likely,
    )  # fmt: skip
    return Field(start, index, signal, likely)


def losses_of(
    sender: Sender, site: Floats, base_m: Floats, place: Floats, near: tuple[Integers, Integers]
) -> npt.NDArray[np.float32]:
    """The same of the pairs that `pairs` found: (pairs,)."""
    start, index = near
    out = np.empty(len(index), np.float32)
    for i in range(len(site)):
        mine = slice(int(start[i]), int(start[i + 1]))
        if mine.start < mine.stop:
            out[mine] = losses(sender.environment, site[i : i + 1], place[index[mine]], base_m[i : i + 1],
                               sender.terminal_m, sender.ghz)[0]  # fmt: skip
    return out


@numba.njit(cache=True)
def _losses(environment, site, place, base_m, terminal_m, ghz, least_m, out) -> None:
    for i in range(len(site)):
        for j in range(len(place)):
            east, north = place[j, 0] - site[i, 0], place[j, 1] - site[i, 1]
            ground = max(least_m, math.sqrt(east * east + north * north))
            seen, hidden = losses_db(environment, ground, base_m[i], terminal_m, ghz)
            p = sight_probability(environment, ground, terminal_m)
            out[i, j] = p * seen + (1.0 - p) * hidden


@numba.njit(cache=True)
def _above(margin_db, sigma_db) -> float:
    """Probability that a normal deviation leaves this margin."""
    if sigma_db <= 0.0:
        return 1.0 if margin_db >= 0.0 else 0.0
    return 0.5 * math.erfc(-margin_db / sigma_db * _SQRT_HALF)


@numba.njit(cache=True)
def _reach(
    environment, site, base_m, azimuth_deg, place, entry_db, entry_sigma_db, start, index, terminal_m, ghz, power_dbm,
    mechanical_deg, electrical_deg, elements, spacing, least_m, sight_sigma, hidden_sigma, needed_dbm, slope_db,
    loss_db, signal, likely,
) -> None:  # fmt: skip
    for i in range(len(site)):
        for k in range(start[i], start[i + 1]):
            j = index[k]
            east, north = place[j, 0] - site[i, 0], place[j, 1] - site[i, 1]
            ground = max(least_m, math.sqrt(east * east + north * north))
            seen, hidden = losses_db(environment, ground, base_m[i], terminal_m, ghz)
            p = sight_probability(environment, ground, terminal_m)
            more = slope_db[j] * math.log10(ground / 1000.0) if slope_db[j] != 0.0 else 0.0
            if len(loss_db):
                more -= loss_db[k]
            wall = entry_sigma_db[j]
            spread_seen = math.sqrt(sight_sigma * sight_sigma + wall * wall)
            spread_hidden = math.sqrt(hidden_sigma * hidden_sigma + wall * wall)
            for s in range(azimuth_deg.shape[1]):
                gain = sector_gain_dbi(
                    east, north, terminal_m - base_m[i], azimuth_deg[i, s], mechanical_deg, electrical_deg, elements,
                    spacing,
                )  # fmt: skip
                at = power_dbm + gain + more - entry_db[j]
                signal[k, s] = at - p * seen - (1.0 - p) * hidden
                likely[k, s] = p * _above(at - seen - needed_dbm, spread_seen) + (1.0 - p) * _above(
                    at - hidden - needed_dbm, spread_hidden
                )


def best_and_rest(field: Field, places: int, load: Floats) -> tuple[Integers, Floats, Floats]:
    """For every place the sector that it hears best, its power, and the power of all others together, dBm.

    load: (sites, sectors) share of the time that each one sends; what it does not send does not disturb.
    Returns: sector as site × sectors + sector, −1 where none is heard; −inf dBm for no power.
    """
    best = np.full(places, -1, np.int64)
    top = np.full(places, -np.inf)
    rest = np.zeros(places)
    _best_and_rest(field.start, field.place, field.signal_dbm, np.ascontiguousarray(load, np.float64), best, top, rest)
    with np.errstate(divide="ignore"):
        return best, top, np.asarray(10.0 * np.log10(np.maximum(rest, 0.0)))


@numba.njit(cache=True)
def _best_and_rest(start, place, signal, load, best, top, rest) -> None:
    sectors = signal.shape[1]
    for i in range(len(start) - 1):
        for k in range(start[i], start[i + 1]):
            j = place[k]
            for s in range(sectors):
                if signal[k, s] > top[j]:
                    top[j] = signal[k, s]
                    best[j] = i * sectors + s
    for i in range(len(start) - 1):
        for k in range(start[i], start[i + 1]):
            j = place[k]
            for s in range(sectors):
                if best[j] != i * sectors + s:
                    rest[j] += load[i, s] * 10.0 ** (signal[k, s] / 10.0)


__all__ = ["OUTDOOR", "Field", "Sender", "best_and_rest", "losses", "losses_of", "pairs", "reach"]

"""Points gathered into cells of the screen, so that a map of a million marks draws a few hundred."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TILE_PX: Final = 512
"""Width of the whole world at zoom 0, in pixels of the screen, as web maps count."""
LAST_LATITUDE: Final = 85.0511
"""Where the square map of the world ends, degrees."""


@dataclass(frozen=True, slots=True)
class Cells:
    """lon, lat: mean place of the members, degrees.  count: members.  code: the most frequent code among them.

    index: place of the only member in the input, −1 where there are several.  All of shape (cells,).
    """

    lon: Floats
    lat: Floats
    count: Integers
    code: Integers
    index: Integers


def gather(lon: Floats, lat: Floats, code: Integers, *, zoom: float, cell_px: float = 44.0, apart: int = 150) -> Cells:
    """Gather points into square cells of `cell_px` pixels at `zoom`; up to `apart` points stay single.

    lon, lat: (points,) degrees, finite.  code: (points,) ≥ 0.
    Cells are anchored to the world, so that panning does not shuffle them; two near points on both sides of an edge
    stay apart.
    """
    n = len(lon)
    if n <= apart:
        return Cells(lon, lat, np.ones(n, np.int64), code, np.arange(n))
    side = cell_px / (TILE_PX * 2.0**zoom)
    column = np.floor((lon / 360.0 + 0.5) / side).astype(np.int64)
    row = np.floor(_mercator(lat) / side).astype(np.int64)
    width = math.ceil(1.0 / side) + 2
    key = row * width + column
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(ordered)) + 1))
    counts = np.diff(np.append(starts, n))
    cell = np.repeat(np.arange(len(starts)), counts)
    index = np.where(counts == 1, order[starts], -1)
    return Cells(
        np.add.reduceat(lon[order], starts) / counts,
        np.add.reduceat(lat[order], starts) / counts,
        counts,
        _most_frequent(cell, code[order], len(starts)),
        index,
    )


def _mercator(lat: Floats) -> Floats:
    """Height on the square map of the world, 0 at its lower edge and 1 at its upper one."""
    clipped = np.radians(np.clip(lat, -LAST_LATITUDE, LAST_LATITUDE))
    result: Floats = 0.5 + np.arctanh(np.sin(clipped)) / (2 * np.pi)
    return result


def _most_frequent(cell: Integers, code: Integers, cells: int) -> Integers:
    """The most frequent code of every cell; of equals the lowest."""
    width = int(code.max()) + 1 if len(code) else 1
    pairs, counts = np.unique(cell * width + code, return_counts=True)
    best = np.lexsort((-(pairs % width), counts, pairs // width))
    last = np.append(np.flatnonzero(np.diff(pairs[best] // width)), len(best) - 1)
    result: Integers = (pairs[best][last] % width)[:cells]
    return result

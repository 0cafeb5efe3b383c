"""Ground and what stands on it, on a grid of metres: cut from a grid of degrees, holes filled, laid under radio paths.

A grid of degrees is (rows, columns) with row 0 in the south; its cells are `step` degrees wide. NaN: no data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from province.compute.plane import Plane
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Heights = npt.NDArray[np.float32]
MOST_HOLES: Final = 0.1
"""Of an area; with more the ground is not known well enough."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Values on a grid of degrees. west, south: middle of its first cell.  step: (longitude, latitude) of a cell."""

    values: Heights
    west: float
    south: float
    step: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ground:
    """Heights above the sea and of clutter on a grid of metres. corner: middle of its first cell, in the plane.

    filled: share of cells whose height comes from the nearest cell that has one.
    """

    heights: Heights
    clutter: Heights
    step_m: float
    corner: tuple[float, float]
    filled: float

    def moved(self, positions: Floats) -> Floats:
        """Positions of the plane as metres from the first cell."""
        return np.asarray(positions - np.asarray(self.corner))


def flat(positions: Floats, step_m: float) -> Ground:
    """Flat ground under positions of a plane."""
    corner, shape = _frame(positions, step_m)
    nothing = np.zeros(shape, np.float32)
    return Ground(nothing, nothing, step_m, corner, 0.0)


def cut(heights: Grid, clutter: Grid | None, plane: Plane, positions: Floats, step_m: float) -> Ground:
    """The ground under positions of a plane, each cell by the nearest one of the grid of degrees.

    Error: half a cell of the coarser grid in place; heights are not smoothed.
    Raises: InvalidInput when the grid ends before the positions do, or has more holes than `MOST_HOLES` there.
    """
    corner, shape = _frame(positions, step_m)
    x = np.asarray(corner[0] + step_m * np.arange(shape[1]), np.float64)
    y = np.asarray(corner[1] + step_m * np.arange(shape[0]), np.float64)
    ground, outside = _nearest(heights, plane, x, y)
    inside = _within(heights, plane, positions)
    if not inside.all():
        raise InvalidInput(
            f"the terrain model covers {100 * float(inside.mean()):.0f}% of the places.", field="layers.terrain",
            remedy="Give one that reaches beyond the area on all sides.",
        )  # fmt: skip
    holes = np.isnan(ground)
    share = float((holes & ~outside).sum() / max(1, int((~outside).sum())))
    if share > MOST_HOLES:
        raise InvalidInput(
            f"{100 * share:.0f}% of the terrain model has no height in the area.", field="layers.terrain",
            remedy="Fill its holes, or give another model.",
        )  # fmt: skip
    filled = _filled(ground, holes)
    above = np.zeros(shape, np.float32)
    if clutter is not None:
        above = np.nan_to_num(np.maximum(_nearest(clutter, plane, x, y)[0], 0.0))
    return Ground(filled, above.astype(np.float32), step_m, corner, share)


def _frame(positions: Floats, step_m: float) -> tuple[tuple[float, float], tuple[int, int]]:
    west, south = positions.min(axis=0) - step_m
    columns, rows = np.ceil((positions.max(axis=0) + step_m - (west, south)) / step_m).astype(int) + 1
    return (float(west), float(south)), (int(rows), int(columns))


def _within(grid: Grid, plane: Plane, positions: Floats) -> npt.NDArray[np.bool_]:
    cell = _cells(grid, plane.degrees(positions))
    rows, columns = grid.values.shape
    return np.asarray((cell >= 0).all(axis=1) & (cell[:, 0] < columns) & (cell[:, 1] < rows))


def _cells(grid: Grid, degrees: Floats) -> npt.NDArray[np.int64]:
    return np.asarray(np.floor((degrees - (grid.west, grid.south)) / grid.step + 0.5), np.int64)


def _nearest(grid: Grid, plane: Plane, x: Floats, y: Floats) -> tuple[Heights, npt.NDArray[np.bool_]]:
    """Values of the cells, NaN outside; and which lie outside. The axes of plane and degrees are parallel."""
    column = _cells(grid, plane.degrees(np.column_stack([x, np.full(len(x), y[0])])))[:, 0]
    row = _cells(grid, plane.degrees(np.column_stack([np.full(len(y), x[0]), y])))[:, 1]
    rows, columns = grid.values.shape
    found = grid.values[np.clip(row, 0, rows - 1)[:, None], np.clip(column, 0, columns - 1)[None, :]].copy()
    outside = ((row < 0) | (row >= rows))[:, None] | ((column < 0) | (column >= columns))[None, :]
    found[outside] = np.nan
    return found, outside


def _filled(values: Heights, holes: npt.NDArray[np.bool_]) -> Heights:
    if not holes.any():
        return values
    from scipy.ndimage import distance_transform_edt

    _, nearest = distance_transform_edt(holes, return_indices=True)
    return np.ascontiguousarray(values[tuple(nearest)], np.float32)


__all__ = ["MOST_HOLES", "Grid", "Ground", "cut", "flat"]

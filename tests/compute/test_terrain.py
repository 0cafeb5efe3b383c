"""Ground under radio paths: cut from degrees, holes filled, refused where it ends or is not known."""

from __future__ import annotations

import numpy as np
import pytest

from province.compute import terrain
from province.compute.plane import Plane
from province.compute.terrain import Grid
from province.errors import InvalidInput

PLANE = Plane(106.65, 11.0)
PLACES = np.array([[-500.0, -500.0], [500.0, 400.0]])


def slope(west: float = 106.6, side: int = 400, step: float = 0.00025) -> Grid:
    """Heights that rise to the east: 1 m for each cell, from 0 at the western edge."""
    return Grid(np.tile(np.arange(side, dtype=np.float32), (side, 1)), west, 10.95, (step, step))


def test_every_cell_has_the_height_of_its_place() -> None:
    ground = terrain.cut(slope(), None, PLANE, PLACES, 25.0)
    for place in PLACES:
        x, y = np.round(ground.moved(place[None])[0] / ground.step_m).astype(int)
        lon = PLANE.degrees(place[None])[0, 0]
        assert ground.heights[y, x] == pytest.approx((lon - 106.6) / 0.00025, abs=1.6)
    assert ground.filled == 0.0
    assert not ground.clutter.any()


def test_holes_are_filled_by_their_neighbours_and_told() -> None:
    grid = slope()
    grid.values[198:202, 198:202] = np.nan
    ground = terrain.cut(grid, None, PLANE, PLACES, 25.0)
    assert 0 < ground.filled < 0.05
    assert np.isfinite(ground.heights).all()


def test_a_model_that_ends_or_is_mostly_unknown_is_refused() -> None:
    with pytest.raises(InvalidInput, match="covers 50% of the places"):
        terrain.cut(slope(west=106.65), None, PLANE, PLACES, 25.0)
    grid = slope()
    grid.values[:, 150:] = np.nan
    with pytest.raises(InvalidInput, match="has no height in the area"):
        terrain.cut(grid, None, PLANE, PLACES, 25.0)


def test_clutter_stands_on_the_ground() -> None:
    clutter = Grid(np.full((400, 400), 8.0, np.float32), 106.6, 10.95, (0.00025, 0.00025))
    ground = terrain.cut(slope(), clutter, PLANE, PLACES, 25.0)
    assert float(ground.clutter.max()) == 8.0

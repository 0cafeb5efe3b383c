"""Gathering points into cells: nobody is lost, nobody is counted twice, and panning moves nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.compute.cells import gather

PLACES = st.lists(st.tuples(st.floats(-180, 180), st.floats(-85, 85), st.integers(0, 6)), min_size=0, max_size=300)


def split(rows: list[tuple[float, float, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lon, lat, code = (np.array([r[i] for r in rows]) for i in range(3))
    return lon.astype(float), lat.astype(float), code.astype(np.int64)


@given(PLACES, st.floats(0, 20))
def test_every_point_is_in_one_cell(rows: list[tuple[float, float, int]], zoom: float) -> None:
    lon, lat, code = split(rows)
    cells = gather(lon, lat, code, zoom=zoom, apart=0)
    assert cells.count.sum() == len(rows)
    singles = cells.index[cells.index >= 0]
    assert len(set(singles)) == len(singles)
    assert (cells.count[cells.index >= 0] == 1).all()
    assert (cells.count[cells.index < 0] > 1).all()
    for i in np.flatnonzero(cells.index >= 0):
        assert cells.lon[i] == lon[cells.index[i]]
        assert cells.code[i] == code[cells.index[i]]


def test_the_code_of_a_cell_is_the_most_frequent_one() -> None:
    lon, lat = np.full(6, 106.65), np.full(6, 11.05)
    cells = gather(lon, lat, np.array([3, 1, 1, 2, 1, 3]), zoom=9, apart=0)
    assert cells.code.tolist() == [1]
    assert gather(lon[:2], lat[:2], np.array([3, 1]), zoom=9, apart=0).code.tolist() == [1], "of equals the lowest"


def test_a_window_does_not_change_the_cells_inside_it() -> None:
    random = np.random.default_rng(7)
    lon, lat = random.uniform(106, 107, 5000), random.uniform(10.5, 11.5, 5000)
    code = np.zeros(5000, np.int64)
    whole = gather(lon, lat, code, zoom=10)
    west = lon < 106.5
    part = gather(lon[west], lat[west], code[west], zoom=10)
    known = {(round(x, 9), round(y, 9)) for x, y in zip(whole.lon, whole.lat, strict=True)}
    inner = [(round(x, 9), round(y, 9)) for x, y in zip(part.lon, part.lat, strict=True) if x < 106.4]
    assert inner
    assert set(inner) <= known


@pytest.mark.parametrize(("zoom", "least"), [(6, 1), (9, 20), (14, 1000)])
def test_closer_means_more_marks(zoom: float, least: int) -> None:
    random = np.random.default_rng(1)
    lon, lat = random.uniform(106.4, 106.9, 20_000), random.uniform(10.9, 11.5, 20_000)
    cells = gather(lon, lat, np.zeros(20_000, np.int64), zoom=zoom)
    assert len(cells.count) >= least
    assert len(cells.count) < 20_000 or zoom > 12


def test_few_points_stay_apart() -> None:
    same = np.full(100, 106.65)
    assert len(gather(same, np.full(100, 11.0), np.zeros(100, np.int64), zoom=3).count) == 100

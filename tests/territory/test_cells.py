"""Cells around known positions: they tile the outline, hold their seed, and mostly agree with the real map."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, shape
from shapely.ops import unary_union

from province.errors import InvalidInput
from province.territory.cells import merge, voronoi
from tests.effort import examples

OUTLINE = [(106.0, 11.0), (107.0, 11.0), (107.0, 12.0), (106.4, 11.6), (106.0, 12.0)]
INSIDE = st.tuples(st.integers(1, 99), st.integers(1, 50)).map(lambda p: (106 + p[0] / 100, 11 + p[1] / 100))


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(INSIDE, min_size=1, max_size=25, unique=True))
def test_cells_tile_the_outline_and_hold_their_seed(places: list[tuple[float, float]]) -> None:
    seeds = {str(i): p for i, p in enumerate(places)}
    cells = {key: shape(cell) for key, cell in voronoi(seeds, OUTLINE).items()}
    assert set(cells) == set(seeds)
    for key, position in seeds.items():
        assert cells[key].is_valid
        assert cells[key].distance(Point(position)) < 2e-5
    whole = Polygon(OUTLINE).area
    assert unary_union(list(cells.values())).area == pytest.approx(whole, rel=1e-3)
    assert sum(c.area for c in cells.values()) == pytest.approx(whole, rel=1e-3)


def test_bad_outlines_and_seeds_are_named() -> None:
    with pytest.raises(InvalidInput, match="lies outside"):
        voronoi({"far": (0.0, 0.0)}, OUTLINE)
    with pytest.raises(InvalidInput, match="crosses itself"):
        voronoi({"a": (0.5, 0.5)}, [(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(InvalidInput, match="same position"):
        voronoi({"a": (106.5, 11.2), "b": (106.5, 11.2)}, OUTLINE)


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(INSIDE, min_size=2, max_size=25, unique=True))
def test_merged_cells_lose_no_land_and_stay_on_the_grid(places: list[tuple[float, float]]) -> None:
    cells = list(voronoi({str(i): p for i, p in enumerate(places)}, OUTLINE).values())
    whole = shape(merge(cells))
    assert whole.is_valid
    assert whole.area == pytest.approx(Polygon(OUTLINE).area, rel=1e-3)
    assert merge(cells[:1]) == cells[0] or shape(merge(cells[:1])).equals(shape(cells[0]))

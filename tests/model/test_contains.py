"""Point in polygon, against shapely on the same shapes."""

from __future__ import annotations

import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, mapping, shape

from province.model.geometry import contains

DEGREES = st.integers(-20, 20).map(float)
HOLED = {
    "type": "MultiPolygon",
    "coordinates": [
        [
            [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]],
            [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]],
        ],
        [[[20, 20], [21, 20], [20, 21], [20, 20]]],
    ],
}


@given(st.lists(st.tuples(DEGREES, DEGREES), min_size=3, max_size=9, unique=True), DEGREES, DEGREES)
def test_agrees_with_shapely_off_the_boundary(corners: list[tuple[float, float]], x: float, y: float) -> None:
    ring = Polygon(corners)
    position = Point(x + 0.37, y + 0.19)
    if ring.is_valid and ring.exterior.distance(position) > 1e-9:
        assert contains(mapping(ring), (position.x, position.y)) == ring.contains(position)


def test_holes_and_second_parts_count() -> None:
    assert shapely.is_valid(shape(HOLED))
    assert contains(HOLED, (1, 1))
    assert not contains(HOLED, (3, 3))
    assert contains(HOLED, (20.2, 20.2))
    assert not contains({"type": "Point", "coordinates": [1, 1]}, (1, 1))

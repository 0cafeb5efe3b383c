"""Geometries from outside: what is none is refused by the name of its member, whatever it is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import InvalidInput
from province.model.geometry import validate

JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TYPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")


@pytest.mark.parametrize("kind", [{}, [], None, 3, "Kreis"])
def test_a_type_that_is_none_is_refused_by_its_name(kind: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        validate({"type": kind, "coordinates": [106.6, 10.9]})
    assert refused.value.field == "location.type"


@given(st.sampled_from(TYPES) | JUNK, JUNK, JUNK)
def test_junk_is_refused_and_never_breaks(kind: Any, coordinates: Any, geometries: Any) -> None:
    with suppress(InvalidInput):
        validate({"type": kind, "coordinates": coordinates, "geometries": geometries})

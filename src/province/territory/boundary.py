"""A boundary as people hand it over: GeoJSON in any wrapping, or corners one to a line."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from province.errors import InvalidInput
from province.model.geometry import Geometry

_SEPARATORS: Final = re.compile(r"[\s,;]+")
_REMEDY: Final = "Give a GeoJSON Polygon, or three corners or more, each on a line as longitude and latitude."


def read_boundary(text: str, *, field: str = "boundary") -> Geometry | None:
    """What bounds the land; None when nothing is written. The first corner need not be repeated. Raises: InvalidInput.

    Whether it is a surface and does not cross itself is looked at where it cuts.
    """
    text = text.strip().removeprefix("\ufeff")
    if not text:
        return None
    if text.startswith("{"):
        try:
            found = unwrap(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"the boundary is no JSON: {error}.", field=field, remedy=_REMEDY) from None
        if not isinstance(found, dict):
            raise InvalidInput("the boundary holds no geometry.", field=field, remedy=_REMEDY)
        return found
    corners = [_corner(line, field) for line in text.splitlines() if line.strip()]
    if corners[0] == corners[-1]:
        corners.pop()
    if len(corners) < 3:
        raise InvalidInput(f"{len(corners)} corners bound no land.", field=field, remedy=_REMEDY)
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def unwrap(given: Any) -> Any:
    """The geometry of GeoJSON, whatever it is wrapped in."""
    if isinstance(given, dict) and given.get("type") == "FeatureCollection" and len(given.get("features", ())) == 1:
        given = given["features"][0]
    return given.get("geometry") if isinstance(given, dict) and given.get("type") == "Feature" else given


def _corner(line: str, field: str) -> list[float]:
    words = [word for word in _SEPARATORS.split(line.strip()) if word]
    try:
        lon, lat = (float(word) for word in words)
    except ValueError:
        raise InvalidInput(f"{line.strip()[:60]!r} is no corner.", field=field, remedy=_REMEDY) from None
    return [lon, lat]

"""Which local area holds a place: an index over the polygons of the areas in force."""

from __future__ import annotations

from collections.abc import Iterable

import shapely
import shapely.geometry

from province.model.geometry import Geometry
from province.model.time import Instant
from province.vocab.area import LOCAL, Area, civil_day, in_force


class Atlas:
    """The local areas in force on one civil day. Immutable: make another when the map changes."""

    def __init__(self, areas: Iterable[Area], at: Instant) -> None:
        day = civil_day(at)
        local = [
            a for a in areas if a.kind in LOCAL and a.location is not None and in_force(a.validFrom, a.validTo, day)
        ]
        self._ids = [a.id for a in sorted(local, key=lambda a: a.id)]
        shapes = [shapely.geometry.shape(a.location) for a in sorted(local, key=lambda a: a.id)]
        self._tree = shapely.STRtree(shapes)
        self._shapes = shapes

    def locate(self, geometry: Geometry) -> str | None:
        """Id of the area that holds the geometry's representative point; on a border the first id; None outside."""
        if not self._ids:
            return None
        point = shapely.geometry.shape(geometry).representative_point()
        found = sorted(int(i) for i in self._tree.query(point, predicate="intersects"))
        return self._ids[found[0]] if found else None

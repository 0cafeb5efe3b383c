"""Where a place lies: in which local area, and in which atom of it. An index over the areas in force."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property

import shapely
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from province.model.geometry import Geometry
from province.model.time import Instant
from province.territory.ledger import Ledger
from province.vocab.area import LOCAL, Area, civil_day, in_force


class Atlas:
    """The local areas in force on one civil day. Immutable: make another when the map changes.

    ledger: the atoms that are known; without it, and where it knows none, an area is its own atom.
    """

    def __init__(self, areas: Iterable[Area], at: Instant, ledger: Ledger | None = None) -> None:
        day = civil_day(at)
        local = [
            a for a in areas if a.kind in LOCAL and a.location is not None and in_force(a.validFrom, a.validTo, day)
        ]
        self._ids = [a.id for a in sorted(local, key=lambda a: a.id)]
        shapes = [shapely.geometry.shape(a.location) for a in sorted(local, key=lambda a: a.id)]
        self._tree = shapely.STRtree(shapes)
        self._shapes = shapes
        self._day = day
        self._ledger = ledger or Ledger((), ())
        self._lands: dict[str, BaseGeometry] = {}

    @cached_property
    def land(self) -> str:
        """Digest of all that decides where a place lies; empty: nothing is known."""
        if not self._ids:
            return ""
        digest = hashlib.sha256()
        for id, shape in zip(self._ids, self._shapes, strict=True):
            digest.update(f"{id} {self._ledger.atoms(id, self._day)}\n".encode())
            digest.update(shapely.to_wkb(shape))
        return digest.hexdigest()

    def locate(self, geometry: Geometry) -> str | None:
        """Id of the area that holds the geometry's representative point; on a border the first id; None outside."""
        if not self._ids:
            return None
        return self._holding(_point(geometry))

    def stamp(self, geometry: Geometry) -> str | None:
        """The atom in which the geometry's representative point lies; None outside all areas.

        The area decides, by the best boundary that is known of it; among the atoms of that area the one whose land
        holds the point, or is nearest where the area's boundary and those of its atoms were drawn by different hands.
        """
        if not self._ids:
            return None
        point = _point(geometry)
        area = self._holding(point)
        if area is None:
            return None
        atoms = self._ledger.atoms(area, self._day)
        if not atoms:
            return area
        if len(atoms) == 1:
            return atoms[0]
        return min(atoms, key=lambda a: (self._land(a).distance(point), a))

    def _holding(self, point: BaseGeometry) -> str | None:
        found = sorted(int(i) for i in self._tree.query(point, predicate="intersects"))
        return self._ids[found[0]] if found else None

    def _land(self, atom: str) -> BaseGeometry:
        if atom not in self._lands:
            self._lands[atom] = shapely.geometry.shape(self._ledger.pieces[atom].land)
        return self._lands[atom]


def _point(geometry: Geometry) -> BaseGeometry:
    return shapely.geometry.shape(geometry).representative_point()

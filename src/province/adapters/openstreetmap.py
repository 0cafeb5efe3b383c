"""Extracts of OpenStreetMap (PBF or XML): their streets, one after another. Needs `osmium`, and no solver."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput, Unsupported

SPEEDS: Final[Mapping[str, float]] = {
    "motorway": 90.0, "motorway_link": 50.0, "trunk": 60.0, "trunk_link": 40.0, "primary": 50.0, "primary_link": 35.0,
    "secondary": 40.0, "secondary_link": 30.0, "tertiary": 35.0, "tertiary_link": 30.0, "unclassified": 30.0,
    "residential": 25.0, "living_street": 15.0, "service": 15.0,
}  # fmt: skip
"""Kilometres per hour where a street has no `maxspeed`. Defaults of this product for free traffic, no measurement."""
_CLOSED: Final = ("no", "private", "agricultural", "forestry")


@dataclass(frozen=True, slots=True)
class Street:
    """A street as a line. kind: its `highway`.  place: (n, 2) longitude and latitude, n ≥ 2."""

    id: int
    kind: str
    name: str
    place: npt.NDArray[np.float64]


def streets(path: Path) -> Iterator[Street]:
    """The streets that cars may use, as lines. Raises: InvalidInput, Unsupported without `osmium`."""
    with reading() as osmium:
        for one in highways(osmium, path):
            corners = [(n.location.lon, n.location.lat) for n in one.nodes if n.location.valid()]
            if drivable(one.tags) and len(corners) > 1:
                yield Street(int(one.id), one.tags.get("highway"), one.tags.get("name") or "", np.array(corners))


@contextlib.contextmanager
def reading() -> Iterator[Any]:
    """The module `osmium`; what it raises becomes ours. Raises: InvalidInput, Unsupported."""
    try:
        import osmium
    except ImportError:
        raise Unsupported(
            "reading OpenStreetMap needs osmium.",
            field="file",
            remedy="Install the extra: pip install 'province[planning]'.",
        ) from None
    try:
        yield osmium
    except (RuntimeError, osmium.InvalidLocationError) as error:
        raise InvalidInput(f"the file cannot be read: {str(error)[:200]}", field="file",
                           remedy="Give an extract of OpenStreetMap, .osm.pbf or .osm.") from None  # fmt: skip


def highways(osmium: Any, path: Path) -> Iterator[Any]:
    """Every way that is a street, with the places of its nodes."""
    every = osmium.FileProcessor(file(osmium, path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    for one in every.with_filter(osmium.filter.KeyFilter("highway")):
        if one.is_way():
            yield one


def file(osmium: Any, path: Path) -> Any:
    """Its kind by its first bytes: an upload has no name that tells."""
    with path.open("rb") as file:
        return osmium.io.File(str(path), "osm" if file.read(64).lstrip().startswith(b"<") else "pbf")


def drivable(tags: Any) -> bool:
    """Whether cars may use a street."""
    access = tags.get("motor_vehicle") or tags.get("vehicle") or tags.get("access")
    return tags.get("highway") in SPEEDS and access not in _CLOSED and tags.get("area") != "yes"

"""Street networks from OpenStreetMap extracts (PBF or XML), for `compute/roads`, or as lines."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from province.compute.roads.graph import Restriction, Roads, Way, build
from province.errors import InvalidInput, Unsupported

SPEEDS: Final[Mapping[str, float]] = {
    "motorway": 90.0, "motorway_link": 50.0, "trunk": 60.0, "trunk_link": 40.0, "primary": 50.0, "primary_link": 35.0,
    "secondary": 40.0, "secondary_link": 30.0, "tertiary": 35.0, "tertiary_link": 30.0, "unclassified": 30.0,
    "residential": 25.0, "living_street": 15.0, "service": 15.0,
}  # fmt: skip
"""Kilometres per hour where a street has no `maxspeed`. Defaults of this product for free traffic, no measurement."""
_CLOSED: Final = ("no", "private", "agricultural", "forestry")
_SIGNED_SHARE: Final = 0.8
"""Of a signed limit that is driven on average; default of this product."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What was read. lost: restrictions that this graph cannot express, such as those by a way instead of a node."""

    place: npt.NDArray[np.float64]
    ways: tuple[Way, ...]
    restrictions: tuple[Restriction, ...]
    lost: int

    def graph(self) -> Roads:
        """The drivable graph."""
        return build(self.place, self.ways, self.restrictions)


@dataclass(frozen=True, slots=True)
class Street:
    """A street as a line. kind: its `highway`.  place: (n, 2) longitude and latitude, n ≥ 2."""

    id: int
    kind: str
    name: str
    place: npt.NDArray[np.float64]


def read(path: Path) -> Extract:
    """The streets of an extract that cars may use. Raises: InvalidInput, Unsupported without `osmium`."""
    index: dict[int, int] = {}
    place: list[tuple[float, float]] = []
    ways: list[Way] = []
    rules: list[tuple[int, int, int, bool]] = []
    lost = 0
    with _reading() as osmium:
        for one in _highways(osmium, path):
            _take(one, index, place, ways)
        relations = osmium.FileProcessor(_file(osmium, path), osmium.osm.RELATION)
        for one in relations.with_filter(osmium.filter.KeyFilter("type")):
            if one.tags.get("type") == "restriction":
                rule = _rule(one)
                lost += rule is None
                rules += [rule] if rule is not None else []
    kept = [Restriction(a, index[via], b, only) for a, via, b, only in rules if via in index]
    return Extract(np.array(place, np.float64).reshape(-1, 2), tuple(ways), tuple(kept), lost)


def streets(path: Path) -> Iterator[Street]:
    """The same streets as lines. Raises: InvalidInput, Unsupported without `osmium`."""
    with _reading() as osmium:
        for one in _highways(osmium, path):
            corners = [(n.location.lon, n.location.lat) for n in one.nodes if n.location.valid()]
            if _open(one.tags) and len(corners) > 1:
                yield Street(int(one.id), one.tags.get("highway"), one.tags.get("name") or "", np.array(corners))


@contextlib.contextmanager
def _reading() -> Iterator[Any]:
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


def _highways(osmium: Any, path: Path) -> Iterator[Any]:
    every = osmium.FileProcessor(_file(osmium, path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    for one in every.with_filter(osmium.filter.KeyFilter("highway")):
        if one.is_way():
            yield one


def _file(osmium: Any, path: Path) -> Any:
    """Its kind by its first bytes: an upload has no name that tells."""
    with path.open("rb") as file:
        return osmium.io.File(str(path), "osm" if file.read(64).lstrip().startswith(b"<") else "pbf")


def _open(tags: Any) -> bool:
    """Whether cars may use a street."""
    access = tags.get("motor_vehicle") or tags.get("vehicle") or tags.get("access")
    return tags.get("highway") in SPEEDS and access not in _CLOSED and tags.get("area") != "yes"


def _take(one: Any, index: dict[int, int], place: list[tuple[float, float]], ways: list[Way]) -> None:
    tags = one.tags
    if not _open(tags):
        return
    kind = tags.get("highway")
    nodes = []
    for node in one.nodes:
        if not node.location.valid():
            continue
        if node.ref not in index:
            index[node.ref] = len(place)
            place.append((node.location.lon, node.location.lat))
        nodes.append(index[node.ref])
    forward, backward = directions(tags.get("oneway"), kind, tags.get("junction"))
    signed = speed(tags.get("maxspeed"))
    kmh = signed * _SIGNED_SHARE if signed else SPEEDS[kind]
    if len(nodes) > 1:
        ways.append(Way(int(one.id), tuple(nodes), forward, backward, kmh))


def directions(oneway: str | None, kind: str, junction: str | None) -> tuple[bool, bool]:
    """Whether a way may be driven along its nodes, and against them."""
    if oneway in ("-1", "reverse"):
        return False, True
    if oneway in ("yes", "true", "1"):
        return True, False
    implied = kind in ("motorway", "motorway_link") or junction in ("roundabout", "circular")
    return True, not implied or oneway == "no"


def speed(text: str | None) -> float | None:
    """Kilometres per hour of `maxspeed`; None for what is no number, such as `signals`."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(km/h|kmh|mph)?\s*", text or "")
    if found is None or float(found[1]) <= 0:
        return None
    return float(found[1]) * (1.609344 if found[2] == "mph" else 1.0)


def _rule(one: Any) -> tuple[int, int, int, bool] | None:
    """(from, via, to, only); None for what is no restriction of cars at a node."""
    kind = one.tags.get("restriction") or one.tags.get("restriction:motorcar") or ""
    members = {(m.role, m.type): int(m.ref) for m in one.members}
    source, via, target = members.get(("from", "w")), members.get(("via", "n")), members.get(("to", "w"))
    if source is None or via is None or target is None or not kind.startswith(("no_", "only_")):
        return None
    if "motorcar" in (one.tags.get("except") or ""):
        return None
    return source, via, target, kind.startswith("only_")

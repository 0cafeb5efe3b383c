"""Extracts of OpenStreetMap (PBF or XML): their streets and turn restrictions. Needs `osmium`, and no solver."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
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
_SIGNED_SHARE: Final = 0.8
"""Of a signed limit that is driven on average; default of this product."""


ATTRIBUTION: Final = "© OpenStreetMap contributors (ODbL)"
"""What its licence, ODbL 1.0, wants said beside every map and table that is made of it (4.3)."""
_DATED: Final = ("osmosis_replication_timestamp", "timestamp")


@dataclass(frozen=True, slots=True)
class Street:
    """A street as a line. kind: its `highway`.  place: (n, 2) longitude and latitude, n ≥ 2.

    oneway: `forward` along the line, `backward` against it, or `both`.  kmh: how fast in free traffic.
    turns: what may not be driven from it, or only: `no 106.7 10.8 12`: not into street 12 at that place; `only …`.
    """

    id: int
    kind: str
    name: str
    place: npt.NDArray[np.float64]
    oneway: str
    kmh: float
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """Turning at a node is forbidden; or (only) everything but that is. source, target: ways.  via: a node."""

    source: int
    via: int
    target: int
    only: bool


def credit(path: Path) -> str:
    """The attribution of an extract, with its day when the file names it. Raises: InvalidInput, Unsupported."""
    with reading() as osmium, osmium.io.Reader(file(osmium, path), osmium.osm.osm_entity_bits.NOTHING) as reader:
        head = reader.header()
        day = next((found[:10] for name in _DATED if (found := head.get(name))), "")
    return f"{ATTRIBUTION}, {day}" if day else ATTRIBUTION


def streets(path: Path) -> Iterator[Street]:
    """The streets that cars may use, as lines. Raises: InvalidInput, Unsupported without `osmium`."""
    with reading() as osmium:
        turns = defaultdict(list)
        for turn in restrictions(osmium, path):
            if turn is not None:
                turns[turn.source].append(turn)
        for one in highways(osmium, path):
            corners = {n.ref: (n.location.lon, n.location.lat) for n in one.nodes if n.location.valid()}
            line = [corners[n.ref] for n in one.nodes if n.ref in corners]
            if drivable(one.tags) and len(line) > 1:
                ruled = tuple(
                    f"{'only' if t.only else 'no'} {corners[t.via][0]:.7f} {corners[t.via][1]:.7f} {t.target}"
                    for t in turns.get(int(one.id), ()) if t.via in corners
                )  # fmt: skip
                forward, backward = directions(one.tags)
                oneway = "both" if forward and backward else "forward" if forward else "backward"
                kind, name = one.tags.get("highway"), one.tags.get("name") or ""
                yield Street(int(one.id), kind, name, np.array(line), oneway, speed(one.tags), ruled)


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


def restrictions(osmium: Any, path: Path) -> Iterator[Turn | None]:
    """Every turn restriction; None for one that is no restriction of cars at a node."""
    every = osmium.FileProcessor(file(osmium, path), osmium.osm.RELATION)
    for one in every.with_filter(osmium.filter.KeyFilter("type")):
        if one.tags.get("type") == "restriction":
            yield _turn(one)


def _turn(one: Any) -> Turn | None:
    kind = one.tags.get("restriction") or one.tags.get("restriction:motorcar") or ""
    members = {(m.role, m.type): int(m.ref) for m in one.members}
    source, via, target = members.get(("from", "w")), members.get(("via", "n")), members.get(("to", "w"))
    if source is None or via is None or target is None or not kind.startswith(("no_", "only_")):
        return None
    if "motorcar" in (one.tags.get("except") or ""):
        return None
    return Turn(source, via, target, kind.startswith("only_"))


def directions(tags: Any) -> tuple[bool, bool]:
    """Whether a way may be driven along its nodes, and against them."""
    oneway = tags.get("oneway")
    if oneway in ("-1", "reverse"):
        return False, True
    if oneway in ("yes", "true", "1"):
        return True, False
    kind, junction = tags.get("highway"), tags.get("junction")
    implied = kind in ("motorway", "motorway_link") or junction in ("roundabout", "circular")
    return True, not implied or oneway == "no"


def speed(tags: Any) -> float:
    """Kilometres per hour of a street that cars may use: a share of the limit that is signed, else by its kind."""
    signed = limit(tags.get("maxspeed"))
    return signed * _SIGNED_SHARE if signed else SPEEDS[tags.get("highway")]


def limit(text: str | None) -> float | None:
    """Kilometres per hour of `maxspeed`; None for what is no number, such as `signals`."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(km/h|kmh|mph)?\s*", text or "")
    if found is None or float(found[1]) <= 0:
        return None
    return float(found[1]) * (1.609344 if found[2] == "mph" else 1.0)


def file(osmium: Any, path: Path) -> Any:
    """Its kind by its first bytes: an upload has no name that tells."""
    with path.open("rb") as file:
        return osmium.io.File(str(path), "osm" if file.read(64).lstrip().startswith(b"<") else "pbf")


def drivable(tags: Any) -> bool:
    """Whether cars may use a street."""
    access = tags.get("motor_vehicle") or tags.get("vehicle") or tags.get("access")
    return tags.get("highway") in SPEEDS and access not in _CLOSED and tags.get("area") != "yes"

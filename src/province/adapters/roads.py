"""Street networks from OpenStreetMap extracts (PBF or XML), for `compute/roads`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from province.adapters.openstreetmap import SPEEDS, drivable, file, highways, reading
from province.compute.roads.graph import Restriction, Roads, Way, build

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


def read(path: Path) -> Extract:
    """The streets of an extract that cars may use. Raises: InvalidInput, Unsupported without `osmium`."""
    index: dict[int, int] = {}
    place: list[tuple[float, float]] = []
    ways: list[Way] = []
    rules: list[tuple[int, int, int, bool]] = []
    lost = 0
    with reading() as osmium:
        for one in highways(osmium, path):
            _take(one, index, place, ways)
        relations = osmium.FileProcessor(file(osmium, path), osmium.osm.RELATION)
        for one in relations.with_filter(osmium.filter.KeyFilter("type")):
            if one.tags.get("type") == "restriction":
                rule = _rule(one)
                lost += rule is None
                rules += [rule] if rule is not None else []
    kept = [Restriction(a, index[via], b, only) for a, via, b, only in rules if via in index]
    return Extract(np.array(place, np.float64).reshape(-1, 2), tuple(ways), tuple(kept), lost)


def _take(one: Any, index: dict[int, int], place: list[tuple[float, float]], ways: list[Way]) -> None:
    tags = one.tags
    if not drivable(tags):
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

"""Street networks from OpenStreetMap extracts (PBF or XML), for `compute/roads`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from province.adapters import openstreetmap
from province.compute.roads.graph import Restriction, Roads, Way, build


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
    with openstreetmap.reading() as osmium:
        for one in openstreetmap.highways(osmium, path):
            _take(one, index, place, ways)
        turns = list(openstreetmap.restrictions(osmium, path))
    kept = [Restriction(t.source, index[t.via], t.target, t.only) for t in turns if t is not None and t.via in index]
    return Extract(np.array(place, np.float64).reshape(-1, 2), tuple(ways), tuple(kept), turns.count(None))


def _take(one: Any, index: dict[int, int], place: list[tuple[float, float]], ways: list[Way]) -> None:
    if not openstreetmap.drivable(one.tags):
        return
    nodes = []
    for node in one.nodes:
        if not node.location.valid():
            continue
        if node.ref not in index:
            index[node.ref] = len(place)
            place.append((node.location.lon, node.location.lat))
        nodes.append(index[node.ref])
    if len(nodes) > 1:
        ways.append(Way(int(one.id), tuple(nodes), *openstreetmap.directions(one.tags), openstreetmap.speed(one.tags)))

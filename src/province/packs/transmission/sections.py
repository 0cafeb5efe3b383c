"""The new cables of a plan of rings as a register holds them: from station to station, or until they branch. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import shapely
import shapely.geometry
import shapely.ops

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.study import Feature, Layer
from province.packs.transmission.ground import Ground, Way

_UNNAMED: Final = "(không tên)"


def layer(ground: Ground, chosen: Sequence[int]) -> Layer:
    """chosen: ways of new cables. What goes along a road past crossings is one cable until it branches."""
    title = Label("Cáp mới, từng tuyến vào sổ", "New cables, as they enter the register")
    features = tuple(_feature(ground, run) for run in _runs(ground, chosen))
    return Layer(name="sections", title=title, features=features)


def _runs(ground: Ground, chosen: Sequence[int]) -> list[list[int]]:
    """The ways in groups that follow each other, in order."""
    stations, ways = len(ground.inventory.stations), ground.ways
    at: dict[int, list[int]] = defaultdict(list)
    for e in chosen:
        at[ways[e].tail].append(e)
        at[ways[e].head].append(e)
    left = set(chosen)
    found: list[list[int]] = []

    def follow(e: int, node: int) -> list[int]:
        run = [e]
        left.discard(e)
        while node >= stations and len(at[node]) == 2:
            e = next((n for n in at[node] if n in left), -1)
            if e < 0:
                break
            run.append(e)
            left.discard(e)
            node = ways[e].head if ways[e].tail == node else ways[e].tail
        return run

    ends = [v for v in sorted(at) if v < stations or len(at[v]) != 2]
    for v in (*ends, *sorted(at)):  # what has no end at all is a circle
        found += [follow(e, ways[e].head if ways[e].tail == v else ways[e].tail) for e in at[v] if e in left]
    return found


def _feature(ground: Ground, run: Sequence[int]) -> Feature:
    ways = [ground.ways[e] for e in run]
    names = list(dict.fromkeys(w.name for w in ways if w.name))
    first, last = _ends(ways)
    told: dict[str, Any] = {
        "name": " – ".join(names) if len(names) < 4 else f"{names[0]} – {names[-1]}",
        "start": _code(ground, ways[0], first),
        "finish": _code(ground, ways[-1], last),
        "metres": round(sum(w.metres for w in ways), 1),
        "shares": "; ".join(dict.fromkeys(s for w in ways for s in w.shares)),
    }
    told["name"] = told["name"] or _UNNAMED
    entry = ways[0].entry
    return Feature(id=entry or f"way-{run[0]}", geometry=_joined(ways), properties=told)


def _ends(ways: Sequence[Way]) -> tuple[int, int]:
    """The nodes where it begins and ends."""
    if len(ways) == 1:
        return ways[0].tail, ways[0].head
    after = {ways[1].tail, ways[1].head}
    before = {ways[-2].tail, ways[-2].head}
    return (
        ways[0].head if ways[0].tail in after else ways[0].tail,
        ways[-1].tail if ways[-1].head in before else ways[-1].head,
    )


def _code(ground: Ground, way: Way, node: int) -> str:
    """Code of the station, or the place of the crossing where it branches."""
    stations = ground.inventory.stations
    if node < len(stations):
        return stations[node].code
    lon, lat = way.shape["coordinates"][0 if node == way.tail else -1][:2]
    return f"{lat:.5f},{lon:.5f}"


def _joined(ways: Sequence[Way]) -> Geometry:
    if len(ways) == 1:
        return ways[0].shape
    merged = shapely.ops.linemerge([shapely.geometry.shape(w.shape) for w in ways])
    found: Geometry = msgspec.json.decode(shapely.to_geojson(merged))
    return found

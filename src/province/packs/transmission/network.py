"""Stations and cables of a study as one network: which station each end is; what cannot be used, and why. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
import shapely.geometry

from province.compute.plane import Plane, middle
from province.errors import InvalidInput, TooLarge
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.study import Feature, Layer, Problem, read_amount, require_in_vietnam, some
from province.model.text import fold
from province.packs.transmission.types import KINDS

MOST: Final = 3_000
CORE: Final = ("core", "neighbour")
_KINDS: Final[Mapping[str, str]] = {
    **{code: code for code, _ in KINDS}, **{fold(label.vi): code for code, label in KINDS},
    **{label.en.lower(): code for code, label in KINDS},
    "loi": "core", "tram loi": "core", "backbone": "core", "cong": "neighbour", "tinh ban": "neighbour",
    "gateway": "neighbour", "neighbor": "neighbour", "gom": "aggregation", "tram gom": "aggregation",
    "truy nhap": "access",
}  # fmt: skip
_WORKING: Final = ("", "in service", "dang khai thac", "khai thac", "hoat dong", "active")
_SEPARATORS: Final = re.compile(r"[;|,]")


@dataclass(frozen=True, slots=True)
class Station:
    """A node. load: Gbit/s in the busy hour, NaN when it is not known."""

    feature: Feature
    code: str
    name: str
    kind: str
    load: float

    @property
    def core(self) -> bool:
        """Whether traffic leaves the province there."""
        return self.kind in CORE


@dataclass(frozen=True, slots=True)
class Cable:
    """An edge between the stations `tail` and `head`. metres: as given, or as drawn, or from station to station.

    shares: what it lies in with others.  fibres, used: None: not known.
    """

    feature: Feature
    code: str
    name: str
    tail: int
    head: int
    metres: float
    shares: tuple[str, ...]
    fibres: float | None
    used: float | None
    shape: Geometry


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a study is given, as far as it hangs together. lost: names of cables left out because an end is no station.

    shares: names of what two cables or more lie in together, and which cables.
    """

    plane: Plane
    stations: tuple[Station, ...]
    cables: tuple[Cable, ...]
    shares: Mapping[str, tuple[int, ...]]
    lost: tuple[str, ...]
    remarks: tuple[Label, ...]

    @property
    def anchors(self) -> list[int]:
        """Where traffic leaves the province."""
        return [i for i, one in enumerate(self.stations) if one.core]


def read(problem: Problem, *, cables: bool = True) -> Inventory:
    """The network of a problem. Raises: InvalidInput, TooLarge naming the layer. cables: there must be some."""
    remarks: list[Label] = []
    found = stations(problem, remarks)
    plane = middle(np.array([position(s.feature) for s in found]))
    seen = Places(found, plane)
    drawn = _cables(problem, seen, remarks)
    if cables and not drawn[0]:
        detail = "no cable in service joins two stations." if not drawn[1] else (
            f"no cable joins two stations: of {some(drawn[1])} an end is no station.")  # fmt: skip
        raise InvalidInput(
            detail, field="layers.routes",
            remedy="Give the codes of stations in the columns start and finish, or lines that end at stations.",
        )  # fmt: skip
    shares: dict[str, list[int]] = defaultdict(list)
    for e, cable in enumerate(drawn[0]):
        for name in cable.shares:
            shares[name].append(e)
    together = {name: tuple(edges) for name, edges in shares.items() if len(edges) > 1}
    return Inventory(plane, found, tuple(drawn[0]), together, tuple(drawn[1]), tuple(remarks))


def stations(problem: Problem, remarks: list[Label], *, cores: bool = True) -> tuple[Station, ...]:
    """The stations in service. cores: one at least must be core.  Raises: InvalidInput, TooLarge."""
    given = problem.layers.get("nodes", ())
    lit = [f for f in given if working(f)]
    placed = [f for f in lit if f.geometry is not None]
    _left_out(
        [called(f) for f in lit if f.geometry is None], "trạm chưa có vị trí", "stations without a place", remarks
    )
    _left_out([called(f) for f in given if not working(f)], "trạm không khai thác", "stations that are not in service",
              remarks)  # fmt: skip
    if len(placed) > MOST:
        raise TooLarge(f"{len(placed):,} stations.", field="layers.nodes",
                       remedy=f"At most {MOST:,}: give those of transmission only.")  # fmt: skip
    found: list[Station] = []
    for feature in placed:
        require_in_vietnam(feature, "nodes")
        word = " ".join(fold(str(feature.properties.get("kind") or "")).split())
        code = str(feature.properties.get("code") or called(feature))
        load = read_amount(feature, "load", "nodes")
        found.append(
            Station(feature, code, called(feature), _KINDS.get(word, "access"), np.nan if load is None else load)
        )
    doubled = sorted({s.code for s in found if sum(o.code == s.code for o in found) > 1})
    if doubled:
        raise InvalidInput(f"several stations have the code {some(doubled)}.", field="layers.nodes",
                           remedy="Give each station a code of its own.")  # fmt: skip
    if not found:
        raise InvalidInput("no station in service has a place.", field="layers.nodes",
                           remedy="Give stations as points with a code.")  # fmt: skip
    if cores and not any(s.core for s in found):
        raise InvalidInput(
            f"none of {len(found)} stations is a core or a neighbouring province's: nothing says where traffic leaves.",
            field="layers.nodes", remedy="Write core or neighbour in the column kind of at least one.",
        )  # fmt: skip
    return tuple(found)


class Places:
    """Stations by what people call them, and by place."""

    def __init__(self, stations: Sequence[Station], plane: Plane) -> None:
        self.stations = stations
        self.plane = plane
        self.metres = plane.metres(np.array([position(s.feature) for s in stations]))
        self._known: dict[str, int] = {}
        for i, one in enumerate(stations):
            for word in (one.code, one.feature.id, one.feature.id.rpartition(":")[2]):
                self._known.setdefault(plain(word), i)
        for i, one in enumerate(stations):  # names last: a code is never taken for another station's name
            self._known.setdefault(plain(one.name), i)

    def named(self, word: Any) -> int | None:
        """The station of that code or name."""
        return self._known.get(plain(word)) if word not in (None, "") else None

    def near(self, position: Sequence[float], within_m: float) -> int | None:
        """The nearest station, when it is near enough."""
        away = np.hypot(*(self.metres - self.plane.metres(np.array([position[:2]]))).T)
        at = int(away.argmin())
        return at if away[at] <= within_m else None


def _cables(problem: Problem, seen: Places, remarks: list[Label]) -> tuple[list[Cable], list[str]]:
    snap = problem.number("snap")
    given = problem.layers.get("routes", ())
    if len(given) > MOST:
        raise TooLarge(f"{len(given):,} cables.", field="layers.routes",
                       remedy=f"At most {MOST:,}: give those of transmission only.")  # fmt: skip
    _left_out([called(f) for f in given if not working(f)], "tuyến cáp dự kiến, gián đoạn hoặc ngừng khai thác",
              "cables that are planned, interrupted or retired", remarks)  # fmt: skip
    found: list[Cable] = []
    lost: list[str] = []
    guessed = loops = 0
    overfull: list[str] = []
    for feature in given:
        if not working(feature):
            continue
        ends, line = ends_of(feature, seen, snap, "routes")
        if None in ends:
            lost.append(called(feature))
            continue
        tail, head = ends
        assert tail is not None
        assert head is not None
        if tail == head:
            loops += 1
            continue
        metres = read_amount(feature, "length", "routes")
        if metres is None:
            metres = length_m(line, seen.plane) if line else float(np.hypot(*(seen.metres[tail] - seen.metres[head])))
            guessed += line is None
        fibres, used = read_amount(feature, "fibres", "routes"), read_amount(feature, "fibresUsed", "routes")
        if fibres is not None and used is not None and used > fibres:
            overfull.append(f"{called(feature)} ({used:g}/{fibres:g})")
            used = None
        found.append(Cable(
            feature, str(feature.properties.get("code") or called(feature)), called(feature), tail, head, metres,
            listed(feature.properties.get("shares")), fibres, used,
            line or straight(seen.stations[tail].feature, seen.stations[head].feature),
        ))  # fmt: skip
    if overfull:
        shown = some(overfull)
        remarks.append(Label(
            f"{len(overfull)} tuyến ghi số sợi đã dùng nhiều hơn số sợi có, không tính vào tỷ lệ sử dụng: {shown}.",
            f"{len(overfull)} cables have more fibres in use than they have; they do not count in the use: {shown}.",
        ))  # fmt: skip
    if guessed:
        remarks.append(Label(
            f"{guessed} tuyến không có chiều dài và không vẽ: chiều dài lấy theo đường thẳng giữa hai trạm.",
            f"{guessed} cables have no length and no line: they are as long as the straight line between stations.",
        ))  # fmt: skip
    if loops:
        remarks.append(Label(f"{loops} tuyến có hai đầu ở cùng một trạm: bỏ ra.",
                             f"{loops} cables have both ends at one station: left out."))  # fmt: skip
    return found, lost


def ends_of(
    feature: Feature, seen: Places, snap_m: float, layer: str
) -> tuple[tuple[int | None, int | None], Geometry | None]:
    """(stations at both ends, the drawn line). An end that is named is what it is named; only others are looked for."""
    line = (
        feature.geometry if feature.geometry and feature.geometry["type"] in ("LineString", "MultiLineString") else None
    )
    if line is not None:
        require_in_vietnam(feature, layer)
    ends: list[int | None] = []
    for column, at in (("start", 0), ("finish", -1)):
        word = feature.properties.get(column)
        if word not in (None, ""):
            ends.append(seen.named(word))
        else:
            corner = None if line is None else _corners(line)[at]
            ends.append(None if corner is None else seen.near(corner, snap_m))
    return (ends[0], ends[1]), line


def cores(inventory: Inventory) -> Layer:
    """Where traffic leaves the province, to be drawn beside what is examined."""
    features = tuple(
        Feature(id=s.feature.id, geometry=s.feature.geometry, properties={"name": s.name, "kind": s.kind})
        for s in inventory.stations
        if s.core
    )
    return Layer(name="cores", title=Label("Trạm lõi", "Cores"), features=features, colour_by="kind")


def lost_ends(inventory: Inventory) -> Label | None:
    """That some cables were left out, when some were."""
    if not inventory.lost:
        return None
    shown = some(inventory.lost)
    return Label(
        f"{len(inventory.lost)} tuyến cáp có đầu không phải là trạm nào, không tính: {shown}.",
        f"{len(inventory.lost)} cables have an end that is no station and are left out: {shown}.",
    )


def listed(value: Any) -> tuple[str, ...]:
    """Names of a list, or of a text with ; | or , between them."""
    parts = value if isinstance(value, list | tuple) else _SEPARATORS.split(str(value or ""))
    return tuple(dict.fromkeys(name for part in parts if (name := " ".join(str(part).split()))))


def straight(a: Feature, b: Feature) -> Geometry:
    """The line between two stations."""
    return {"type": "LineString", "coordinates": [list(position(a)), list(position(b))]}


def length_m(line: Geometry, plane: Plane) -> float:
    """Of a drawn line."""
    flat = shapely.transform(shapely.force_2d(shapely.geometry.shape(line)), plane.metres)
    return float(flat.length)


def called(feature: Feature) -> str:
    """What something is called: its name, else its code."""
    return str(feature.properties.get("name") or feature.properties.get("code") or feature.id)


def position(feature: Feature) -> tuple[float, float]:
    """Longitude and latitude of a station."""
    middle = shapely.geometry.shape(feature.geometry).centroid
    return (float(middle.x), float(middle.y))


def _corners(line: Geometry) -> list[Sequence[float]]:
    parts: Iterable[Any] = line["coordinates"] if line["type"] == "MultiLineString" else [line["coordinates"]]
    return [corner for part in parts for corner in part]


def working(feature: Feature) -> bool:
    """Whether it is in service, or does not say."""
    return plain(feature.properties.get("status")) in _WORKING


def plain(word: Any) -> str:
    """Lower case without marks, for words of tables."""
    return " ".join(fold(str(word if word is not None else "")).replace("_", " ").split())


def _left_out(names: Sequence[str], vi: str, en: str, remarks: list[Label]) -> None:
    if names:
        shown = some(names)
        remarks.append(Label(f"{len(names)} {vi}, không tính: {shown}.", f"{len(names)} {en} are left out: {shown}."))

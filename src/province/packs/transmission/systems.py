"""What a capacity study is given: lit systems with the load of past years, demand, and what fails together. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from province.compute.plane import middle
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import Feature, Problem, read_amount, some
from province.packs.transmission import network
from province.packs.transmission.network import Places, Station

MOST: Final = 400
_YEAR: Final = re.compile(r"(19|20)\d\d")


@dataclass(frozen=True, slots=True)
class System:
    """A link between the stations `tail` and `head`. capacity: lit, Gbit/s.  possible: None: not limited.

    past: year → load of its busiest hour.
    """

    code: str
    name: str
    tail: int
    head: int
    capacity: float
    possible: float | None
    past: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A demand between two stations. load: Gbit/s in the first year of the plan.  growth: share a year."""

    tail: int
    head: int
    load: float
    growth: float


@dataclass(frozen=True, slots=True)
class Given:
    """Everything of a problem. groups: what fails together: name → systems; single systems are not among them."""

    stations: tuple[Station, ...]
    systems: tuple[System, ...]
    wanted: tuple[Wanted, ...]
    groups: Mapping[str, tuple[int, ...]]
    lost: tuple[str, ...]
    remarks: tuple[Label, ...]


def read(problem: Problem) -> Given:
    """What a problem holds. Raises: InvalidInput, TooLarge naming the layer."""
    remarks: list[Label] = []
    stations = network.stations(problem, remarks, cores=False)
    seen = Places(stations, middle(np.array([network.position(s.feature) for s in stations])))
    systems, lost, over = _systems(problem, seen, remarks)
    if not systems:
        raise InvalidInput(
            "no system in service joins two stations.", field="layers.links",
            remedy="Give the codes of stations in the columns start and finish, and the capacity.",
        )  # fmt: skip
    systems = _with_history(problem, systems, remarks)
    wanted = _demands(problem, seen, remarks)
    return Given(stations, tuple(systems), wanted, _groups(problem, over), tuple(lost), tuple(remarks))


def _systems(
    problem: Problem, seen: Places, remarks: list[Label]
) -> tuple[list[System], list[str], dict[str, list[int]]]:
    """(systems, names of those with an end that is no station, cable or trench → systems over it)."""
    found: list[System] = []
    lost: list[str] = []
    unlit: list[str] = []
    over: dict[str, list[int]] = defaultdict(list)
    given = [f for f in problem.layers.get("links", ()) if network.working(f)]
    if len(given) > MOST:
        raise TooLarge(f"{len(given):,} systems.", field="layers.links",
                       remedy=f"At most {MOST}: give those between provinces and of the core.")  # fmt: skip
    for feature in given:
        (tail, head), _ = network.ends_of(feature, seen, problem.number("snap"), "links")
        if tail is None or head is None or tail == head:
            lost.append(network.called(feature))
            continue
        capacity = read_amount(feature, "capacity", "links")
        if capacity is None:
            unlit.append(network.called(feature))
        for name in (*network.listed(feature.properties.get("routes")),
                     *network.listed(feature.properties.get("shares"))):  # fmt: skip
            over[name].append(len(found))
        found.append(System(
            str(feature.properties.get("code") or network.called(feature)), network.called(feature), tail, head,
            capacity or 0.0,
            read_amount(feature, "possible", "links"), _peaks(feature),
        ))  # fmt: skip
    if unlit:
        remarks.append(Label(
            f"{len(unlit)} hệ thống không ghi dung lượng, tính là 0: {some(unlit)}.",
            f"{len(unlit)} systems have no capacity, and count as 0: {some(unlit)}.",
        ))  # fmt: skip
    return found, lost, over


def _peaks(feature: Feature) -> dict[int, float]:
    """Load by year, as the register holds it."""
    given = feature.properties.get("peaks")
    if not isinstance(given, Mapping):
        return {}
    return {
        _year(y, network.called(feature), "links"): _load(v, network.called(feature), "links") for y, v in given.items()
    }


def _with_history(problem: Problem, systems: list[System], remarks: list[Label]) -> list[System]:
    """The systems with the rows of the layer `history`; a year there goes before one of the register."""
    known = {network.plain(word): i for i, s in enumerate(systems) for word in (s.name, s.code)}
    past = [dict(s.past) for s in systems]
    nobody: list[str] = []
    seen: set[tuple[int, int]] = set()
    for row in problem.layers.get("history", ()):
        word = str(row.properties.get("link") or "")
        at = known.get(network.plain(word))
        if at is None:
            nobody.append(word or row.id)
            continue
        year = _year(row.properties.get("year"), word, "history")
        if (at, year) in seen:
            raise InvalidInput(f"{word} has two loads in {year}.", field="layers.history",
                               remedy="Give the busiest hour of each year once.")  # fmt: skip
        seen.add((at, year))
        past[at][year] = _load(row.properties.get("load"), word, "history")
    if nobody:
        shown = some(list(dict.fromkeys(nobody)))
        remarks.append(Label(
            f"{len(nobody)} dòng lịch sử của hệ thống không có trong danh sách: {shown}.",
            f"{len(nobody)} rows of history are of systems that are not there: {shown}.",
        ))  # fmt: skip
    return [
        System(s.code, s.name, s.tail, s.head, s.capacity, s.possible, mine)
        for s, mine in zip(systems, past, strict=True)
    ]


def _year(value: Any, name: str, layer: str) -> int:
    text = str(value).strip().removesuffix(".0")
    if not _YEAR.fullmatch(text):
        raise InvalidInput(f"{name}: {str(value)[:20]!r} is no year.", field=f"layers.{layer}",
                           remedy="Write years as 2025.")  # fmt: skip
    return int(text)


def _load(value: Any, name: str, layer: str) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found < 1e9:
        raise InvalidInput(f"{name} has the load {str(value)[:20]!r}.", field=f"layers.{layer}",
                           remedy="Give Gbit/s of the busiest hour, 0 or more.")  # fmt: skip
    return found


def _demands(problem: Problem, seen: Places, remarks: list[Label]) -> tuple[Wanted, ...]:
    usual = problem.number("growth")
    found: list[Wanted] = []
    for row in problem.layers.get("demands", ()):
        ends = [seen.named(row.properties.get(c)) for c in ("start", "finish")]
        words = " – ".join(str(row.properties.get(c) or "?") for c in ("start", "finish"))
        if None in ends:
            raise InvalidInput(f"the demand {words} has an end that is no station.", field="layers.demands",
                               remedy="Give codes of stations in the columns start and finish.")  # fmt: skip
        tail, head = ends
        assert tail is not None
        assert head is not None
        if tail == head:
            raise InvalidInput(f"the demand {words} goes from a station to itself.", field="layers.demands",
                               remedy="Give two different stations.")  # fmt: skip
        own = row.properties.get("growth")
        growth = float(usual if own is None else _load(own, words, "demands")) / 100.0
        found.append(Wanted(tail, head, _load(row.properties.get("load"), words, "demands"), growth))
    if found and not usual and all(w.growth == 0 for w in found):
        remarks.append(Label(
            "Nhu cầu chưa ghi mức tăng: coi như không tăng.",
            "No growth of demand is given: it is taken not to grow.",
        ))  # fmt: skip
    return tuple(found)


def _groups(problem: Problem, over: Mapping[str, list[int]]) -> dict[str, tuple[int, ...]]:
    """Cables with several systems, and trenches whose cables carry several: each is one failure."""
    found = {name: set(systems) for name, systems in over.items()}
    for cable in problem.layers.get("routes", ()):
        carried = [s for word in (cable.properties.get("code"), cable.name) for s in over.get(str(word or ""), ())]
        for name in network.listed(cable.properties.get("shares")):
            found.setdefault(name, set()).update(carried)
    return {name: tuple(sorted(systems)) for name, systems in found.items() if len(systems) > 1}

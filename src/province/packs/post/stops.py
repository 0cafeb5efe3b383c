"""Stops and depots of a study of tours, from files or from the register of postal facilities. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely.geometry

from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import Feature, Problem, read_amount
from province.packs.post.places import placed

MOST_STOPS: Final = 1_000
MOST_DEPOTS: Final = 50
_DAY_S: Final = 86_400.0
_LARGEST: Final = 1e9
_CLOCK: Final = re.compile(r"(\d{1,2})(?:\s*(?:[:.]|h|giờ)\s*(\d{2})?(?::\d{2})?)?", re.IGNORECASE)
_HUBS: Final = ("hub", "sorting")
"""Kinds of facilities of the register from which vehicles leave."""


@dataclass(frozen=True, slots=True)
class Stop:
    """place: longitude and latitude.  load: kg.  service, opens, closes: seconds."""

    feature: Feature
    place: tuple[float, float]
    load: float
    service: float
    opens: float
    closes: float


@dataclass(frozen=True, slots=True)
class Depot:
    """vehicles: as the layer says; None: it does not."""

    feature: Feature
    place: tuple[float, float]
    vehicles: int | None


@dataclass(frozen=True, slots=True)
class Visits:
    """What is to be visited, and from where."""

    stops: tuple[Stop, ...]
    depots: tuple[Depot, ...]
    remarks: tuple[Label, ...]

    @property
    def places(self) -> npt.NDArray[np.float64]:
        """Stops first, then depots: (places, 2)."""
        return np.array([s.place for s in self.stops] + [d.place for d in self.depots], np.float64)


def read(problem: Problem) -> Visits:
    """Raises: InvalidInput, TooLarge naming the layer and the feature."""
    remarks: list[Label] = []
    stops = tuple(_stop(problem, f) for f in _placed(problem, "stops", remarks) if not _is_hub(f))
    depots = tuple(_depot(f) for f in _placed(problem, "depots", remarks) if _is_hub(f) or "kind" not in f.properties)
    if not stops:
        raise InvalidInput("there is no stop.", field="layers.stops",
                           remedy="Give points with columns name, load, service, opens, closes.")  # fmt: skip
    if not depots:
        raise InvalidInput("there is no depot.", field="layers.depots",
                           remedy="Give the point where vehicles leave, or register a sorting centre.")  # fmt: skip
    if len(stops) > MOST_STOPS or len(depots) > MOST_DEPOTS:
        raise TooLarge(f"{len(stops)} stops, {len(depots)} depots.", field="layers.stops",
                       remedy=f"At most {MOST_STOPS} and {MOST_DEPOTS}: plan districts one by one.")  # fmt: skip
    light = [s for s in stops if s.load == 0]
    if light:
        remarks.append(Label(
            f"{len(light)} trong {len(stops)} điểm chưa có khối lượng: tải trọng xe không tính các điểm này.",
            f"{len(light)} of {len(stops)} stops have no load: the capacity of vehicles does not count them.",
        ))  # fmt: skip
    return Visits(stops, depots, tuple(remarks))


def shares(problem: Problem, visits: Visits, near: Sequence[int]) -> tuple[int, ...]:
    """How many of the vehicles stand at each depot: as the layer says, else by the stops nearest to it.

    near: for each stop the depot nearest to it.  Raises: InvalidInput for more than the budget.
    """
    budget = int(problem.budget)
    if budget < 1:
        raise InvalidInput(f"a budget of {problem.budget:g} vehicles.", field="budget", remedy="Give at least 1.")
    said = [d.vehicles for d in visits.depots]
    if all(v is not None for v in said):
        given = [v or 0 for v in said]
        if sum(given) > budget:
            raise InvalidInput(f"the depots have {sum(given)} vehicles, the budget is {budget}.", field="budget",
                               remedy="Give a budget of so many, or fewer in the column `vehicles`.")  # fmt: skip
        return tuple(given)
    weight = np.bincount(np.asarray(near, np.int64), minlength=len(visits.depots)).astype(float)
    exact = weight / max(1.0, weight.sum()) * budget
    whole = np.floor(exact).astype(int)
    for i in np.argsort(whole - exact, kind="stable")[: budget - int(whole.sum())]:
        whole[i] += 1
    return tuple(int(v) for v in whole)


def clock(value: Any, field: str) -> float:
    """Seconds after midnight of `08:30`, `8h30`, `8` or a time. Raises: InvalidInput."""
    if isinstance(value, time):
        return value.hour * 3600.0 + value.minute * 60.0
    found = _CLOCK.fullmatch(str(value).strip().removesuffix(".0"))
    if found is None or int(found[1]) > 24 or int(found[2] or 0) > 59:
        raise InvalidInput(f"{str(value)[:40]!r} is no time of day.", field=field, remedy="Write it as 08:30.")
    return int(found[1]) * 3600.0 + int(found[2] or 0) * 60.0


def told(seconds: float) -> str:
    """`08:30`; what lies on the next day begins with +1."""
    minutes = int(seconds + 0.5) // 60
    day, rest = divmod(minutes, 1440)
    return f"{'+' + str(day) + ' ' if day else ''}{rest // 60:02d}:{rest % 60:02d}"


def _stop(problem: Problem, feature: Feature) -> Stop:
    given = feature.properties
    load = read_amount(feature, "load" if "load" in given else "dailyMass", "stops", below=_LARGEST) or 0.0
    service = read_amount(feature, "service", "stops", below=_LARGEST)
    service = (problem.number("service") if service is None else service) * 60.0
    opens = clock(given["opens"], "layers.stops") if given.get("opens") not in (None, "") else 0.0
    closes = clock(given["closes"], "layers.stops") if given.get("closes") not in (None, "") else _DAY_S
    if closes < opens:
        raise InvalidInput(f"{feature.name} closes ({told(closes)}) before it opens ({told(opens)}).",
                           field="layers.stops", remedy="Exchange the two, or leave one empty.")  # fmt: skip
    return Stop(feature, _place(feature), load, service, opens, closes)


def _depot(feature: Feature) -> Depot:
    vehicles = read_amount(feature, "vehicles", "depots", below=_LARGEST)
    return Depot(feature, _place(feature), None if vehicles is None else int(vehicles))


def _is_hub(feature: Feature) -> bool:
    return feature.properties.get("kind") in _HUBS


def _placed(problem: Problem, layer: str, remarks: list[Label]) -> list[Feature]:
    """The features in service that have a place."""
    found = (f for f in problem.layers.get(layer, ()) if f.properties.get("status") in (None, "", "in_service"))
    return placed(found, layer, remarks)


def _place(feature: Feature) -> tuple[float, float]:
    middle = shapely.geometry.shape(feature.geometry).centroid
    return float(middle.x), float(middle.y)

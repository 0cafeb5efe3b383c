"""The places, the demand and the substations of a siting study as tables. What is not known stays NaN. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry

from province.compute.plane import Plane, middle
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import Feature, Problem, require_in_vietnam, some

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MONEY: Final = "VND"
MOST_DEMAND: Final = 5_000
MOST_PLACES: Final = 200
MOST_SUBSTATIONS: Final = 500


@dataclass(frozen=True, slots=True)
class Ground:
    """places: those that can be planned with, n of them.  out: (place, why not).

    cost, flood: (n,), NaN where nobody knows.  line: price of a km of power line, 0 where nobody gave it.
    delay: (demand, n), round trip in µs.  power: (n, substations), km of line, infinite where the substation has no
    room.  room: how many centres each can feed; None: nobody says.  between: (n, n) km.
    """

    plane: Plane
    places: tuple[Feature, ...]
    out: tuple[tuple[Feature, Label], ...]
    spot: Floats
    cost: Floats
    line: float
    flood: Floats
    demand: tuple[Feature, ...]
    weight: Floats
    delay: Floats
    substations: tuple[Feature, ...]
    power: Floats
    room: Integers | None
    between: Floats
    remarks: tuple[Label, ...]


def read(problem: Problem, k: int) -> Ground:
    """Everything in a plane. k: places of a plan. Raises: InvalidInput, TooLarge naming layer, price or assumption."""
    given = problem.layers.get("candidates", ())
    _require_few("candidates", given, MOST_PLACES)
    out: list[tuple[Feature, Label]] = [
        (f, Label("chưa có vị trí", "its position is not known")) for f in given if f.geometry is None
    ]
    places = _placed(problem, "candidates", MOST_PLACES)
    if not places:
        raise InvalidInput(
            f"none of {len(given)} places has a position.", field="layers.candidates",
            remedy="Give a file with columns lon and lat, or set the positions in the register.",
        )  # fmt: skip
    demand = _placed(problem, "demand", MOST_DEMAND)
    substations = _placed(problem, "substations", MOST_SUBSTATIONS)
    remarks: list[Label] = []
    substations, spare = _spare(substations, remarks)
    plane = middle(_points([*places, *demand]))
    spot, sub = plane.metres(_points(places)), plane.metres(_points(substations))
    reach = _km(spot, sub) * _factor(problem, "line_factor")
    load = problem.number("load")
    if not load > 0:
        raise InvalidInput(f"a load of {load:g} MW.", field="assumptions.load", remedy="Above 0.")
    room = None if spare is None else np.floor(spare / load + 1e-9).astype(np.int64)
    if room is not None:
        reach = np.where(room[None, :] > 0, reach, np.inf)
    keep = np.ones(len(places), np.bool_)
    if len(substations):
        for i in np.flatnonzero(~np.isfinite(reach).any(axis=1)).tolist():
            keep[i] = False
            out.append((places[i], Label(f"không trạm điện nào còn đủ {load:g} MW",
                                         f"no substation has {load:g} MW to spare")))  # fmt: skip
    cost, line = _costs(problem, places, bool(substations), remarks)
    if problem.unit == MONEY:
        for i in np.flatnonzero(keep & np.isnan(cost)).tolist():
            keep[i] = False
            out.append((places[i], Label("chưa có chi phí, không xét được theo ngân sách tiền",
                                         "its cost is not known, and the budget is money")))  # fmt: skip
    if keep.sum() < k:
        said = "; ".join(f"{f.name}: {why.en}" for f, why in out[:5])
        raise InvalidInput(
            f"{int(keep.sum())} places can be planned with, and a plan needs {k}. {said}".strip(),
            field="layers.candidates", remedy="Complete the places, add substations with room, or plan fewer.",
        )  # fmt: skip
    there = [f for f, kept in zip(places, keep, strict=True) if kept]
    spot = spot[keep]
    approximate = [f.name for f in there if f.properties.get("approximate") is True]
    if approximate:
        remarks.append(Label(
            f"Vị trí gần đúng (giữa địa bàn): {some(approximate)}; khoảng cách chỉ có giá trị tham khảo.",
            f"Approximate positions (the middle of the area): {some(approximate)}; distances are for orientation.",
        ))  # fmt: skip
    far = _km(plane.metres(_points(demand)), spot)
    delay = 2.0 * problem.number("fibre_delay") * _factor(problem, "route_factor") * far
    weight = np.array([_number(f, "demand", "weight", 1.0) for f in demand], np.float64)
    if len(demand) and not weight.sum() > 0:
        raise InvalidInput("all demand has the weight 0.", field="layers.demand", remedy="Give a column `weight`.")
    flood = np.array([_number(f, "candidates", "flood", math.nan) for f in there], np.float64)
    return Ground(
        plane, tuple(there), tuple(out), spot, cost[keep], line, flood, tuple(demand), weight, delay,
        tuple(substations), reach[keep], room, _km(spot, spot), tuple(remarks),
    )  # fmt: skip


def _require_few(layer: str, found: Sequence[Feature], most: int) -> None:
    if len(found) > most:
        raise TooLarge(f"{len(found):,} rows.", field=f"layers.{layer}", remedy=f"At most {most:,}.")


def _placed(problem: Problem, layer: str, most: int) -> list[Feature]:
    found = [f for f in problem.layers.get(layer, ()) if f.geometry is not None]
    _require_few(layer, found, most)
    for feature in found:
        require_in_vietnam(feature, layer)
    return found


def _points(features: Sequence[Feature]) -> Floats:
    middles = [shapely.geometry.shape(f.geometry).centroid for f in features]
    return np.array([[m.x, m.y] for m in middles], np.float64).reshape(-1, 2)


def _km(a: Floats, b: Floats) -> Floats:
    """(len(a), len(b)) straight distances."""
    return np.asarray(np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1]) / 1000.0)


def _factor(problem: Problem, name: str) -> float:
    found = problem.number(name)
    if not found >= 1:
        raise InvalidInput(f"a factor of {found:g}.", field=f"assumptions.{name}",
                           remedy="1 or more: no way is shorter than the straight line.")  # fmt: skip
    return found


def _spare(found: list[Feature], remarks: list[Label]) -> tuple[list[Feature], Floats | None]:
    """The substations that can be planned with, and their spare capacity in MW."""
    spare = np.array([_number(f, "substations", "spare", math.nan) for f in found], np.float64)
    unknown = [f.name for f, s in zip(found, spare, strict=True) if math.isnan(s)]
    if not unknown:
        return found, spare
    if len(unknown) == len(found):
        remarks.append(Label(
            "Chưa biết công suất còn trống của trạm điện: chỉ xét khoảng cách, không xét đủ điện hay không.",
            "The spare capacity of the substations is not known: only distances count, not whether there is power.",
        ))  # fmt: skip
        return found, None
    remarks.append(Label(
        f"Trạm điện chưa rõ công suất còn trống, không đưa vào: {some(unknown)}.",
        f"Substations whose spare capacity is not known were left out: {some(unknown)}.",
    ))  # fmt: skip
    known = ~np.isnan(spare)
    return [f for f, k in zip(found, known, strict=True) if k], spare[known]


def _costs(problem: Problem, places: Sequence[Feature], lines: bool, remarks: list[Label]) -> tuple[Floats, float]:
    """What building costs at each place, by its own figure or the common price; and the price of a km of power line."""
    cost = np.array([_number(f, "candidates", "cost", math.nan) for f in places], np.float64)
    build, line = _price(problem, "price_build"), _price(problem, "price_line")
    if build is not None:
        alike = [f.name for f, c in zip(places, cost, strict=True) if math.isnan(c)]
        if alike:
            remarks.append(Label(f"Chi phí xây dựng theo đơn giá chung: {some(alike)}.",
                                 f"The same price of building was taken for: {some(alike)}."))  # fmt: skip
        cost = np.where(np.isnan(cost), build, cost)
    if line is None or not lines:
        if not np.isnan(cost).all():
            remarks.append(Label("Chi phí chưa gồm đường dây điện tới trạm.", "Costs are without the power lines."))
        return cost, 0.0
    return cost, line


def _price(problem: Problem, name: str) -> float | None:
    if name not in problem.assumptions:
        return None
    found = problem.number(name)
    if not 0 <= found < 1e16:
        raise InvalidInput(f"a price of {found}.", field=f"assumptions.{name}", remedy="0 đồng or more.")
    return found


def _number(feature: Feature, layer: str, name: str, missing: float) -> float:
    """A number of a feature, 0 or more. Raises: InvalidInput naming the feature for anything else."""
    value: Any = feature.properties.get(name)
    if value is None or value == "":
        return missing
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not 0 <= found < 1e18:
        raise InvalidInput(
            f"{feature.name} has {name} = {str(value)[:40]!r}.", field=f"layers.{layer}",
            remedy="A number, 0 or more; leave it empty where nobody knows.",
        )  # fmt: skip
    return found

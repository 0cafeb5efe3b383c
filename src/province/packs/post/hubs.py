"""Where the regional centres stand: so many sites from which all volume is near, or as much volume within the radius as
money buys. Distances follow the roads where they are given, else the line of sight times a detour. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely.geometry

from province.compute.plane import Plane, middle
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import (
    Certificate,
    Feature,
    Outcome,
    Problem,
    Progress,
    Tell,
    read_amount,
    some,
)
from province.packs.post import siting
from province.packs.post.places import placed
from province.vocab.area import LOCAL

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MONEY: Final = "VND"
MOST_DEMAND: Final = 3_000
MOST_SITES: Final = 1_000
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "target_radius": Label("Bán kính phục vụ", "Service radius"),
    "detour": Label("Đường đi so với đường chim bay khi chưa có mạng đường", "Way by road, where no roads are given"),
    "reach": Label("Khoảng cách tối đa từ điểm tới đường", "Farthest from a point to a road"),
    "margin": Label("Xét đường quanh các điểm tới", "Roads around the points are looked at up to"),
    "join": Label("Nối đầu tuyến cách tuyến khác dưới", "Ends are joined to a road nearer than"),
    "speed_main": Label("Tốc độ trên đường chính chưa rõ tốc độ", "Speed on main roads where none is known"),
    "speed_other": Label("Tốc độ trên đường khác chưa rõ tốc độ", "Speed on other roads where none is known"),
}
PRICES: Final[Mapping[str, Label]] = {"price_hub": Label("Xây dựng một trung tâm", "Building one centre")}
_EXISTS: Final = ("in_service",)


@dataclass(frozen=True, slots=True)
class Site:
    """capacity: t or persons a day as the demand is counted, None: not limited.  cost: đồng, None: the price holds."""

    feature: Feature
    exists: bool
    capacity: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Ground:
    """metres: (demand, sites), infinite where no road leads.  unit: of the weight.  roads: whether it is by road."""

    plane: Plane
    demand: tuple[Feature, ...]
    weight: Floats
    unit: str
    sites: tuple[Site, ...]
    metres: Floats
    roads: bool
    remarks: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """chosen: sites, ascending.  serves: (demand,) the site of each, −1 where no road leads to one."""

    chosen: tuple[int, ...]
    serves: Integers
    certificate: Certificate


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The plan. Raises: InvalidInput, TooLarge naming the layer, price or assumption."""
    tell(Progress(share=0.05, stage=Label("Đọc nhu cầu và vị trí", "Reading demand and sites")))
    ground = _read(problem)
    tell(Progress(share=0.3, stage=Label("Chọn vị trí", "Choosing sites")))
    if problem.unit == MONEY:
        choice = _by_money(problem, ground)
    elif any(s.capacity is not None for s in ground.sites):
        choice = _by_number_with_capacities(problem, ground)
    else:
        choice = _by_number(problem, ground)
    tell(Progress(share=0.9, stage=Label("Viết kết quả", "Writing the result")))
    return siting.outcome(problem, ground, choice)


def _by_number(problem: Problem, ground: Ground) -> Choice:
    """The p-median."""
    from province.compute.siting import check, median

    count, fixed, cost = _count(problem, ground), _fixed(ground), ground.metres * ground.weight[:, None]
    plan = median.solve(cost, count, fixed=fixed, seed=problem.seed)
    checked = check.median(cost, count, plan.open.tolist(), plan.cost, plan.bound, fixed=fixed.tolist())
    bound = Label("Nới lỏng Lagrange của bài toán p-trung vị", "Lagrangian relaxation of the p-median problem")
    certificate = _least(problem, ground, checked.objective, checked.bound, bound, len(plan.open))
    return Choice(tuple(plan.open.tolist()), plan.serves, certificate)


def _by_number_with_capacities(problem: Problem, ground: Ground) -> Choice:
    """Each demand by one centre, none above its capacity."""
    from province.compute.siting import capacitated, check

    count, fixed = _count(problem, ground), _fixed(ground)
    total = float(ground.weight.sum())
    capacity = np.array([total if s.capacity is None else s.capacity for s in ground.sites])
    serving, nothing = ground.metres * ground.weight[:, None], np.zeros(len(ground.sites))
    plan = capacitated.solve(
        serving, ground.weight, nothing, capacity, single=True, fixed=fixed, most=count, seconds=problem.seconds
    )
    chosen = plan.open.tolist()
    checked = check.capacitated(serving, ground.weight, nothing, capacity, chosen, plan.share, plan.cost, plan.bound,
                                fixed=fixed.tolist(), single=True)  # fmt: skip
    bound = Label("Cận của quy hoạch nguyên (HiGHS)", "Bound of the integer programme (HiGHS)")
    certificate = _least(problem, ground, checked.objective, checked.bound, bound, len(chosen))
    return Choice(tuple(chosen), np.asarray(plan.share.argmax(axis=1), np.int64), certificate)


def _by_money(problem: Problem, ground: Ground) -> Choice:
    """The most volume within the radius."""
    import scipy.sparse as sp

    from province.compute.siting import budgeted, check
    from province.compute.siting.thrift import thrifty

    cost = np.array([_cost(problem, s) for s in ground.sites])
    inside = ground.metres <= problem.number("target_radius") * 1000.0
    fixed = _fixed(ground)
    covers = sp.csc_array(inside.astype(float))
    budgeted.prepare()
    plan = budgeted.solve(covers, ground.weight, cost, problem.budget, fixed=fixed, seconds=min(problem.seconds, 20.0),
                          seed=problem.seed)  # fmt: skip
    chosen = thrifty(covers, ground.weight, cost, plan.chosen.tolist(), fixed.tolist())
    covered = float(ground.weight[inside[:, chosen].any(axis=1)].sum())
    checked = check.budgeted(
        covers, ground.weight, cost, problem.budget, chosen, covered, plan.bound, fixed=fixed.tolist()
    )
    if not chosen:
        raise InvalidInput(
            f"a budget of {problem.budget:,.0f} đồng builds nothing: the cheapest centre costs {cost.min():,.0f} đồng.",
            field="budget", remedy="Give so much.",
        )  # fmt: skip
    nearest = np.asarray(chosen)[ground.metres[:, chosen].argmin(axis=1)]
    spent = float(cost[[j for j in chosen if j not in set(fixed.tolist())]].sum())
    certificate = _certificate(
        problem, ground.unit, Label("Khối lượng trong bán kính", "Volume within the radius"), checked.objective,
        checked.bound, checked.gap,
        Label("Nới lỏng Lagrange của ngân sách", "Lagrangian relaxation of the budget"), spent,
    )  # fmt: skip
    serves = np.where(np.isfinite(ground.metres[np.arange(len(nearest)), nearest]), nearest, -1)
    return Choice(tuple(chosen), serves, certificate)


def _least(problem: Problem, ground: Ground, total: float, bound: float, source: Label, spent: int) -> Certificate:
    """Of a plan of least distance, told as the mean of all volume."""
    whole = float(ground.weight.sum()) * 1000.0
    return _certificate(
        problem, "KMT", Label("Quãng đường bình quân tới trung tâm", "Mean way to a centre"), total / whole,
        bound / whole, (total - bound) / total if total else 0.0, source, float(spent), least=True,
    )  # fmt: skip


def _certificate(
    problem: Problem, unit: str, label: Label, objective: float, bound: float, gap: float, source: Label, spent: float,
    *, least: bool = False,
) -> Certificate:  # fmt: skip
    return Certificate(
        objective=round(objective, 6), objective_unit=unit, objective_label=label, bound=round(bound, 6),
        bound_source=source, gap=max(0.0, gap), spent=spent, budget=problem.budget, budget_unit=problem.unit,
        checked=True, seed=problem.seed, sense="least" if least else "most",
        verdict=Label(
            "Mã kiểm chứng độc lập đã tính lại mục tiêu và điều kiện từ dữ liệu và xác nhận",
            "Independent code recomputed the objective and the conditions from the data and confirmed them",
        ),
    )  # fmt: skip


def _count(problem: Problem, ground: Ground) -> int:
    count, exist = int(problem.budget), len(_fixed(ground))
    if problem.budget != count or not max(1, exist) <= count <= len(ground.sites):
        raise InvalidInput(
            f"{problem.budget:g} centres, with {exist} that exist and {len(ground.sites)} sites.", field="budget",
            remedy="Give a whole number between the two; those that exist count.",
        )  # fmt: skip
    return count


def _fixed(ground: Ground) -> Integers:
    return np.array([j for j, s in enumerate(ground.sites) if s.exists], np.int64)


def _cost(problem: Problem, site: Site) -> float:
    if site.exists:
        return 0.0
    return site.cost if site.cost is not None else problem.number(
        "price_hub", remedy="Give the price of a centre in đồng with its source, or a column `cost`."
    )  # fmt: skip


def _read(problem: Problem) -> Ground:
    remarks: list[Label] = []
    demand = _placed(problem, "demand", remarks)
    if not demand:
        raise InvalidInput("there is no demand.", field="layers.demand",
                           remedy="Give points or areas with a column `volume`, or import communes.")  # fmt: skip
    sites = [f for f in _placed(problem, "candidates", remarks) if f.properties.get("kind") != "office"
             and f.properties.get("status") != "closed"]  # fmt: skip
    if not sites:
        sites = [Feature(id=f.id, geometry=f.geometry, properties={"name": f.name}) for f in demand]
        remarks.append(Label("Chưa có vị trí dự kiến: xét mọi điểm nhu cầu.",
                             "No candidates were given: every point of demand is one."))  # fmt: skip
    if len(demand) > MOST_DEMAND or len(sites) > MOST_SITES:
        raise TooLarge(f"{len(demand)} points of demand, {len(sites)} sites.", field="layers.demand",
                       remedy=f"At most {MOST_DEMAND} and {MOST_SITES}.")  # fmt: skip
    weight, unit = _weights(demand, remarks)
    places = np.array([_place(f) for f in (*demand, *sites)])
    plane = middle(places)
    metres, by_road = _metres(problem, plane, places, len(demand), remarks)
    lost = np.flatnonzero(~np.isfinite(metres).all(axis=1))
    if len(lost):
        names = some([demand[i].name for i in lost])
        remarks.append(Label(f"{len(lost)} điểm không có đường tới mọi vị trí: bỏ ra: {names}.",
                             f"{len(lost)} points have no road to every site and are left out: {names}."))  # fmt: skip
    kept = np.flatnonzero(np.isfinite(metres).all(axis=1))
    if not len(kept) or not weight[kept].sum() > 0:
        raise InvalidInput("no demand has a weight and a way to every site.", field="layers.demand",
                           remedy="Give a column `volume`; check the roads around the sites.")  # fmt: skip
    return Ground(
        plane, tuple(demand[i] for i in kept), weight[kept], unit, tuple(_site(f) for f in sites), metres[kept],
        by_road, tuple(remarks),
    )  # fmt: skip


def _metres(problem: Problem, plane: Plane, places: Floats, demand: int, remarks: list[Label]) -> tuple[Floats, bool]:
    if problem.layers.get("roads"):
        from province.packs.post import roads

        driven = roads.read(problem, places)
        remarks += driven.remarks
        return driven.metres()[:demand, demand:], True
    share = problem.number("detour") / 100.0
    flat = plane.metres(places)
    remarks.append(Label(
        f"Chưa có mạng đường: quãng đường lấy bằng {100 * share:g}% đường chim bay.",
        f"No roads were given: ways are {100 * share:g}% of the line of sight.",
    ))  # fmt: skip
    apart = flat[:demand, None] - flat[None, demand:]
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]) * share), False


def _weights(demand: Sequence[Feature], remarks: list[Label]) -> tuple[Floats, str]:
    """By volume; where no point has one by population; else each counts the same."""
    for name, unit in (("volume", "TNE"), ("population", "C62")):
        found = [read_amount(f, name, "demand") for f in demand]
        if any(v is not None for v in found):
            absent = [f.name for f, v in zip(demand, found, strict=True) if v is None]
            if name == "population":
                remarks.append(Label("Chưa có khối lượng bưu gửi: tính theo dân số.",
                                     "No volumes were given: people count instead."))  # fmt: skip
            if absent:
                remarks.append(Label(f"{len(absent)} điểm chưa có số liệu, tính là 0: {some(absent)}.",
                                     f"{len(absent)} points have no figure and count 0: {some(absent)}."))  # fmt: skip
            return np.array([v or 0.0 for v in found]), unit
    remarks.append(Label("Chưa có khối lượng và dân số: mỗi điểm tính như nhau.",
                         "Neither volumes nor people are known: every point counts the same."))  # fmt: skip
    return np.ones(len(demand)), "C62"


def _site(feature: Feature) -> Site:
    given = feature.properties
    exists = given.get("exists") in (True, 1, 1.0, "1", "true", "yes", "có", "x")
    exists = exists or (given.get("kind") == "hub" and given.get("status") in _EXISTS)
    capacity = read_amount(feature, "capacity", "candidates")
    capacity = read_amount(feature, "massPerDay", "candidates") if capacity is None else capacity
    return Site(feature, exists, capacity, read_amount(feature, "cost", "candidates"))


def _placed(problem: Problem, layer: str, remarks: list[Label]) -> list[Feature]:
    return placed((f for f in problem.layers.get(layer, ()) if _in_force(f)), layer, remarks)


def _in_force(feature: Feature) -> bool:
    """Areas of the register count when they are communes or wards of today; anything else does."""
    given = feature.properties
    return "validFrom" not in given or (given.get("kind") in LOCAL and not given.get("validTo"))


def _place(feature: Feature) -> tuple[float, float]:
    point = shapely.geometry.shape(feature.geometry).representative_point()
    return float(point.x), float(point.y)

"""Which roads to trench this year within a budget: the network, the choice, its check, and what the plan gives.

Every piece of road costs its length times the price of its class; in a road that is dug up anyway a share of it, in a
road with an empty duct the price of pulling a cable. Demand counts when the chosen pieces join it to a beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput
from province.model.label import Label
from province.model.study import Certificate, Outcome, Problem, Progress, Tell
from province.packs.ducts import streets, telling
from province.packs.ducts.classes import CLASSES
from province.packs.ducts.streets import Ground

Floats = npt.NDArray[np.float64]
MONEY: Final = "VND"
METRES: Final = "MTR"
PRICES: Final[Mapping[str, Label]] = {
    "price_national": Label("Một mét rãnh theo quốc lộ, đường vành đai", "A metre of trench along national roads"),
    "price_provincial": Label("Một mét rãnh theo đường tỉnh", "A metre of trench along provincial roads"),
    "price_district": Label("Một mét rãnh theo đường huyện", "A metre of trench along district roads"),
    "price_urban": Label("Một mét rãnh theo đường đô thị, đường còn lại", "A metre of trench along urban streets"),
    "price_duct": Label("Một mét cáp trong ống đã có", "A metre of cable in a duct that exists"),
}
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "works_share": Label("Phần giá rãnh phải trả khi đường được đào sẵn", "Share of the price in a road dug up anyway"),
    "reach": Label("Khoảng cách tối đa từ điểm tới đường", "Farthest from a point to a road"),
    "margin": Label("Xét đường quanh các điểm tới", "Roads around the points are looked at up to"),
    "years": Label("Số năm của kế hoạch", "Years of the plan"),
    "duct_near": Label("Ống nằm trong đường khi cách tim đường dưới", "A duct lies in a road nearer than"),
    "join": Label("Nối đầu tuyến cách tuyến khác dưới", "Ends are joined to a road nearer than"),
}


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The plan. Raises: InvalidInput, TooLarge naming the layer, price or assumption."""
    from province.compute.network import check, collecting, graph
    from province.compute.network.phasing import phases

    tell(Progress(share=0.02, stage=Label("Dựng mạng đường", "Building the network of roads")))
    ground = streets.read(problem)
    cost = costs(problem, ground)
    years = _years(problem)
    money = problem.budget * years
    prize = np.zeros(ground.network.nodes)
    for one in ground.demand:
        if one.node >= 0:
            prize[one.node] += one.weight
    if not prize.any():
        raise InvalidInput("all demand has the weight 0.", field="layers.demand", remedy="Give a column `weight`.")
    whole = graph.build(ground.network.nodes, ground.network.tail, ground.network.head, cost)
    collecting.prepare()
    stage = Label("Chọn đoạn đào", "Choosing roads")
    steps = {"at": 0.1}

    def on(gathered: float, bound: float) -> None:
        steps["at"] += 0.05 * (0.9 - steps["at"])  # a pack has no clock; nobody knows how many steps there will be
        tell(Progress(share=steps["at"], stage=stage, objective=gathered, bound=bound))

    found = collecting.solve(whole, ground.roots, prize, money, seconds=problem.seconds, seed=problem.seed, progress=on)
    _require_something(problem, ground, found.nearest, found.gathered)
    tell(Progress(share=0.92, stage=Label("Kiểm chứng", "Checking")))
    checked = check.collected(
        list(zip(ground.network.tail.tolist(), ground.network.head.tolist(), cost.tolist(), strict=True)),
        ground.roots.tolist(), {int(v): float(prize[v]) for v in np.flatnonzero(prize)}, money,
        found.edges.tolist(), found.gathered, found.bound,
    )  # fmt: skip
    tail, head, paid = ground.network.tail[found.edges], ground.network.head[found.edges], cost[found.edges]
    phased = phases(
        ground.network.nodes, tail, head, paid, ground.roots, prize, problem.budget, years, seed=problem.seed
    )
    check.phased(
        list(zip(tail.tolist(), head.tolist(), paid.tolist(), strict=True)), ground.roots.tolist(),
        {int(v): float(prize[v]) for v in np.flatnonzero(prize)}, problem.budget, phased.year.tolist(),
        phased.gathered.tolist(), phased.cost.tolist(),
    )  # fmt: skip
    certificate = Certificate(
        objective=float(checked.objective),
        objective_unit="C62",
        objective_label=Label("Nhu cầu được nối, có trọng số", "Demand joined, weighted"),
        bound=float(checked.bound),
        bound_source=Label(
            "Giá của ngân sách (Lagrange) và tăng đối ngẫu cho cây Steiner thu thưởng",
            "A price of the budget (Lagrange) and dual ascent for the prize-collecting Steiner tree",
        ),
        gap=float(checked.gap),
        spent=float(found.cost),
        budget=money,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã tính lại chi phí, kết nối và nhu cầu từ dữ liệu và xác nhận",
            "Independent code recomputed cost, connection and demand from the data and confirmed all three",
        ),
        seed=problem.seed,
    )
    joined = np.zeros(ground.network.nodes, np.bool_)
    joined[found.joined] = True
    return telling.outcome(problem, ground, found.edges, cost, joined, found.nearest, certificate, phased)


def _years(problem: Problem) -> int:
    """Raises: InvalidInput."""
    if "years" not in problem.assumptions:  # a problem that was put together before there were several
        return 1
    given = problem.number("years")
    if given != int(given) or not 1 <= given <= 20:
        raise InvalidInput(f"a plan of {given:g} years.", field="assumptions.years", remedy="A whole number, 1 to 20.")
    return int(given)


def costs(problem: Problem, ground: Ground) -> Floats:
    """What each piece of road costs, in the unit of the budget. Raises: InvalidInput naming the missing price."""
    of = [ground.street(e) for e in range(len(ground.network.tail))]
    if problem.unit == METRES:
        each = dict.fromkeys(CLASSES, 1.0) | {"duct": 0.0}
        share = 1.0
    else:
        used = {"duct" if s.duct else s.kind for s in of}
        each = {kind: _price(problem, f"price_{kind}") for kind in sorted(used)}
        share = problem.number("works_share") / 100.0
        if not 0 <= share <= 1:
            raise InvalidInput(f"a share of {share:.0%}.", field="assumptions.works_share", remedy="0 to 100%.")
    rate = np.array([each["duct"] if s.duct else each[s.kind] * (share if s.dug else 1.0) for s in of])
    return np.asarray(rate * ground.network.metres)


def _price(problem: Problem, name: str) -> float:
    found = problem.number(
        name, remedy=f"Give the price ({PRICES[name].en.lower()}) in đồng with its source, or a budget in metres."
    )
    if not 0 <= found < 1e12:
        raise InvalidInput(f"a price of {found}.", field=f"assumptions.{name}", remedy="0 đồng or more.")
    return found


def _require_something(problem: Problem, ground: Ground, nearest: Floats, gathered: float) -> None:
    """Raises: InvalidInput when no demand hangs together with a beginning, or the budget joins none of it."""
    there = [d for d in ground.demand if d.node >= 0 and d.weight > 0]
    reached = [d for d in there if np.isfinite(nearest[d.node])]
    if not reached:
        raise InvalidInput(
            f"the roads do not join any of {len(there)} demands to a beginning: their network falls apart.",
            field="layers.roads",
            remedy="Close the gaps in the layer, or raise the assumption `join`; check that `starts` lie in this area.",
        )  # fmt: skip
    paid = [d for d in reached if nearest[d.node] > 0]
    if paid and not gathered:
        first = min(paid, key=lambda d: float(nearest[d.node]))
        unit = "đồng" if problem.unit == MONEY else "m"
        raise InvalidInput(
            f"a budget of {problem.budget:,.0f} {unit} joins nothing: {first.name} alone needs"
            f" {np.ceil(nearest[first.node]):,.0f} {unit}.", field="budget", remedy="Give so much, or start nearer.",
        )  # fmt: skip

"""Where data centres could stand: every choice of places that no other choice beats, checked; one is suggested.

Five criteria: cost, delay of the demand to the nearest centre and back, depth of flooding, length of power lines, and
how far apart the centres are. What is not known of every place is named and not judged. The planner chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from province.errors import InvalidInput
from province.model.label import Label, vietnamese
from province.model.study import Certificate, Outcome, Problem, Progress, Tell
from province.packs.datacentres import reading, telling
from province.packs.datacentres.reading import MONEY, Ground

if TYPE_CHECKING:
    from province.compute.siting.pareto import Places

PRICES: Final[Mapping[str, Label]] = {
    "price_build": Label(
        "Xây một trung tâm, nơi địa điểm chưa có chi phí riêng", "A centre, where a place has no cost"
    ),
    "price_line": Label("Một km đường dây điện tới trạm", "A kilometre of power line to a substation"),
}
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "places": Label("Số trung tâm khi ngân sách là tiền", "Centres of a plan, when the budget is money"),
    "separation": Label("Hai trung tâm cách nhau ít nhất", "Two centres are apart at least"),
    "load": Label("Công suất một trung tâm lấy từ lưới", "Power that a centre draws from the grid"),
    "fibre_delay": Label("Trễ của một km cáp quang, một chiều", "Delay of a kilometre of fibre, one way"),
    "route_factor": Label("Cáp quang dài hơn đường thẳng", "Fibre over the straight line"),
    "line_factor": Label("Đường dây điện dài hơn đường thẳng", "Power line over the straight line"),
}
STEPS: Final[Mapping[str, float]] = {"cost": 1e6, "delay": 1.0, "flood": 0.01, "power": 0.1, "apart": 0.1}
"""Smallest difference that counts: a million đồng, a microsecond, a centimetre, a hundred metres."""


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The front. Raises: InvalidInput, TooLarge naming the layer, price or assumption."""
    from province.compute.siting import check_front, pareto

    tell(Progress(share=0.05, stage=Label("Đọc địa điểm", "Reading the places")))
    k = _count(problem)
    ground = reading.read(problem, k)
    places = _places(ground, k)
    judged = places.judged(k)
    if not judged:
        raise InvalidInput(
            "none of cost, flooding, delay or power is known of all places.", field="layers.candidates",
            remedy="Give columns `cost` and `flood`, or the layers `demand` and `substations`.",
        )  # fmt: skip
    least = _separation(problem, ground, k)
    most = problem.budget if problem.unit == MONEY else np.inf
    stage = Label("So sánh từng phương án", "Comparing every plan")

    def on(share: float) -> None:
        tell(Progress(share=0.1 + 0.5 * share, stage=stage))

    try:
        found = pareto.front(places, k, STEPS, least_between=least, most_cost=most, progress=on)
    except InvalidInput as error:
        raise _told(error, problem, ground, k, least) from None
    tell(Progress(share=0.65, stage=Label("Kiểm chứng", "Checking")))
    count = check_front.front(
        places, k, STEPS, found.criteria, found.plans.tolist(), found.steps.tolist(), least_between=least,
        most_cost=most,
    )  # fmt: skip
    knee = pareto.knee(found.steps)
    feeds = [pareto.feed(ground.power, _room(ground, k), plan) if len(ground.substations) else np.full(k, -1)
             for plan in found.plans]  # fmt: skip
    certificate = Certificate(
        objective=float(count),
        objective_unit="C62",
        objective_label=Label("Phương án không bị phương án nào trội hơn", "Plans that no other one beats"),
        bound=float(len(found.plans)),
        bound_source=Label(
            f"Đã xét hết {vietnamese(found.looked)} cách chọn; {vietnamese(found.feasible)} cách thoả mọi điều kiện",
            f"All {found.looked:,} choices were looked at; {found.feasible:,} of them meet every condition",
        ),
        gap=0.0,
        spent=telling.cost_of(ground, found.plans[knee], feeds[knee]) if problem.unit == MONEY else float(k),
        budget=problem.budget,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã tính lại mọi tiêu chí của mọi phương án: không phương án nào bị trội, không thiếu"
            " phương án nào",
            "Independent code recomputed every criterion of every plan: none is dominated, and none is missing",
        ),
        seed=problem.seed,
        sense="all",
    )
    return telling.outcome(ground, found, knee, feeds, certificate)


def _count(problem: Problem) -> int:
    """How many centres a plan has. Raises: InvalidInput."""
    given = problem.number("places") if problem.unit == MONEY else problem.budget
    field = "assumptions.places" if problem.unit == MONEY else "budget"
    if given != int(given) or not 1 <= given <= 6:
        raise InvalidInput(f"a plan of {given:g} places.", field=field, remedy="A whole number from 1 to 6.")
    return int(given)


def _separation(problem: Problem, ground: Ground, k: int) -> float:
    """Raises: InvalidInput when no two places are so far apart."""
    least = problem.number("separation")
    if not least >= 0:
        raise InvalidInput(f"{least:g} km apart.", field="assumptions.separation", remedy="0 or more.")
    if k > 1 and ground.between.max() < least:
        raise InvalidInput(
            f"no two places are {least:g} km apart: the farthest are {ground.between.max():.1f} km.",
            field="assumptions.separation", remedy="Lower it, or give places farther apart.",
        )  # fmt: skip
    return least


def _room(ground: Ground, k: int) -> reading.Integers:
    return np.full(len(ground.substations), k, np.int64) if ground.room is None else ground.room


def _places(ground: Ground, k: int) -> Places:
    """The criteria that are known of every place."""
    from province.compute.siting.pareto import Places

    there = len(ground.substations) > 0
    return Places(
        between=ground.between,
        cost=None if np.isnan(ground.cost).any() else ground.cost,
        flood=None if np.isnan(ground.flood).any() else ground.flood,
        delay=ground.delay if len(ground.demand) else None,
        weight=ground.weight if len(ground.demand) else None,
        power=ground.power if there else None,
        room=_room(ground, k) if there else None,
        line=ground.line,
    )


def _told(error: InvalidInput, problem: Problem, ground: Ground, k: int, least: float) -> InvalidInput:
    """Why no plan meets the conditions."""
    if error.field != "conditions":
        return error
    if problem.unit == MONEY:
        cheapest = float(np.sort(ground.cost)[:k].sum())
        if cheapest > problem.budget:
            return InvalidInput(
                f"a budget of {problem.budget:,.0f} đồng does not pay for {k} centres: the cheapest cost"
                f" {cheapest:,.0f} đồng.", field="budget", remedy="Give so much, or plan fewer places.",
            )  # fmt: skip
    return InvalidInput(
        f"no {k} places are {least:g} km apart, fed by substations with room, and within the budget.",
        field="assumptions.separation", remedy="Lower the separation or the load, or raise the budget.",
    )  # fmt: skip

"""Tours of delivery or line haul with so many vehicles: the roads, the search, its check, and what the plan gives.

What is least is the time at the wheel of all vehicles together, for as many stops as they can serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from province.errors import InvalidInput
from province.model.label import Label
from province.model.study import Certificate, Outcome, Problem, Progress, Tell, some
from province.packs.post import stops, touring
from province.packs.post.stops import Visits

if TYPE_CHECKING:
    from province.packs.post.roads import Driven

ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "vehicle_capacity": Label("Tải trọng của một xe", "Capacity of a vehicle"),
    "service": Label("Thời gian phục vụ tại một điểm", "Time at a stop"),
    "shift_start": Label("Xe rời bưu cục sớm nhất lúc", "Vehicles leave at the earliest at"),
    "shift": Label("Thời gian làm việc tối đa của một chuyến", "Longest time of a tour"),
    "pace": Label("Tốc độ thực tế so với đường thông thoáng", "Speed driven, as a share of free traffic"),
    "speed_main": Label("Tốc độ trên đường chính chưa rõ tốc độ", "Speed on main roads where none is known"),
    "speed_other": Label("Tốc độ trên đường khác chưa rõ tốc độ", "Speed on other roads where none is known"),
    "reach": Label("Khoảng cách tối đa từ điểm tới đường", "Farthest from a point to a road"),
    "margin": Label("Xét đường quanh các điểm tới", "Roads around the points are looked at up to"),
    "join": Label("Nối đầu tuyến cách tuyến khác dưới", "Ends are joined to a road nearer than"),
}
PRICES: Final[Mapping[str, Label]] = {}


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The plan. Raises: InvalidInput, TooLarge naming the layer or assumption."""
    from province.compute.tours import check, search
    from province.compute.tours.case import Case, Fleet, Stops
    from province.packs.post import roads

    tell(Progress(share=0.02, stage=Label("Dựng mạng đường", "Building the network of roads")))
    visits = stops.read(problem)
    pace = problem.number("pace") / 100.0
    if not 0.05 <= pace <= 2.0:
        raise InvalidInput(f"a pace of {pace:.0%}.", field="assumptions.pace", remedy="Give 5 to 200%.")
    driven = roads.read(problem, visits.places)
    _require_near(problem, visits, driven)
    tell(Progress(share=0.12, stage=Label("Tính thời gian đi giữa các điểm", "Driving times between the points")))
    seconds = driven.seconds(pace)
    count = len(visits.stops)
    near = seconds[count:, :count].argmin(axis=0)
    share = stops.shares(problem, visits, near.tolist())
    starts = stops.clock(problem.word("shift_start"), "assumptions.shift_start")
    longest = problem.number("shift") * 3600.0
    depots, every = np.arange(count, count + len(share)), np.ones(len(share))
    case = Case(
        seconds, seconds,
        Stops(
            np.arange(count), *(np.array([getattr(s, name) for s in visits.stops], np.float64)
                                for name in ("load", "service", "opens", "closes"))
        ),
        Fleet(
            depots, np.array(share), every * problem.number("vehicle_capacity"), every * starts,
            every * (starts + max(longest, 86_400.0)), every * longest,
        ),
    )  # fmt: skip
    stage = Label("Xếp chuyến", "Arranging tours")
    plan = search.solve(case, seconds=problem.seconds, seed=problem.seed,
                        progress=lambda done: tell(Progress(share=0.2 + 0.65 * done, stage=stage)))  # fmt: skip
    if not plan.tours:
        raise InvalidInput(
            f"no vehicle can serve any of {count} stops: {touring.reasons(visits, plan.left).en}", field="layers.stops",
            remedy=touring.remedy(plan.left),
        )  # fmt: skip
    tell(Progress(share=0.88, stage=Label("Kiểm chứng", "Checking")))
    total = check.toured(case, plan.tours, plan.cost, [stop for stop, _ in plan.left])
    certificate = Certificate(
        objective=round(total / 3600.0, 4),
        objective_unit="HUR",
        objective_label=Label("Thời gian lái của mọi xe", "Time at the wheel of all vehicles"),
        bound=None,
        bound_source=Label(
            "Không có cận dưới cho bài toán này. Bộ giải được so với lời giải tốt nhất đã công bố của bộ CVRPLIB X:"
            " xem “Quality of plans” trong tài liệu",
            "No lower bound is known for such plans. The solver is compared with the best published solutions of"
            " CVRPLIB X: see “Quality of plans” in the documentation",
        ),
        gap=None,
        spent=float(len(plan.tours)),
        budget=problem.budget,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã chạy lại từng chuyến: tải trọng, khung giờ, ca làm việc, mỗi điểm một lần",
            "Independent code drove every tour again: load, windows, working day, each stop once",
        ),
        seed=problem.seed,
        sense="least",
    )
    tell(Progress(share=0.92, stage=Label("Vẽ các chuyến theo đường", "Drawing the tours along the roads")))
    return touring.outcome(problem, visits, driven, case, plan, pace, certificate)


def _require_near(problem: Problem, visits: Visits, driven: Driven) -> None:
    """Raises: InvalidInput for a depot that lies on no road, or when no stop does."""
    count = len(visits.stops)
    for depot, node, away in zip(visits.depots, driven.node[count:], driven.away_m[count:], strict=True):
        if node < 0:
            raise InvalidInput(
                f"the depot {depot.feature.name} lies {away:,.0f} m from the nearest road.", field="layers.depots",
                remedy="Check the coordinate systems of both files, or raise the assumption `reach`.",
            )  # fmt: skip
    if (driven.node[:count] < 0).all():
        names = some([s.feature.name for s in visits.stops])
        raise InvalidInput(
            f"no stop lies within {problem.number('reach'):g} m of a road: {names}.", field="layers.stops",
            remedy="Check the coordinate systems of both files, or raise the assumption `reach`.",
        )  # fmt: skip

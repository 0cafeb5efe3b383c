"""Which new cables give stations the ways that they need at the least cost: the task, the choice, its check. Pure.

Every station that needs two ways stays joined to the core when any one cable, or any recorded trench that cables share,
fails. What exists is free, or costs a price for its use. A budget that is too small protects what it can, the greatest
load first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from province.compute.network import diversity
from province.errors import InvalidInput
from province.model.label import Label
from province.model.study import Certificate, Outcome, Problem, Progress, Tell, some
from province.packs.transmission import ground, rings_told
from province.packs.transmission.ground import Ground

if TYPE_CHECKING:
    from province.compute.network.graph import Graph
    from province.compute.network.survivable import Survivable

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MONEY: Final = "VND"
PRICES: Final[Mapping[str, Label]] = {
    "price_metre": Label("Một mét cáp mới, cả thi công", "A metre of new cable, works included"),
    "price_equipment": Label("Thiết bị ở một đầu cáp mới tại trạm", "Equipment at one end of a new cable"),
    "price_existing": Label("Một mét dùng cáp đã có (để trống: 0)", "Use of a metre that exists (empty: 0)"),
}
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "ways": Label("Số đường mỗi trạm cần, khi không ghi", "Ways that a station needs, unless it says"),
    "snap": Label("Đầu tuyến thuộc trạm gần nhất trong", "The end of a line belongs to a station within"),
    "reach": Label("Khoảng cách tối đa từ trạm tới đường", "Farthest from a station to a road"),
    "margin": Label("Xét đường quanh các trạm tới", "Roads around the stations are looked at up to"),
    "join": Label("Nối đầu đường cách đường khác dưới", "Ends are joined to a road nearer than"),
}
_SKETCH: Final = 0.4
"""Share of the time in which stations are chosen for a budget that is too small."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be joined to the core, which is the node `root`. edges: ways first, then two to each core station.

    double, single: stations that get two ways, or one.  groups: names of those that are respected.
    """

    graph: Graph
    root: int
    double: tuple[int, ...]
    single: tuple[int, ...]
    groups: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What cannot be given, whatever is built. apart: stations joined by nothing.  once: of stations that need two
    ways, those that one cable cuts off.  groups: trenches whose failure parts stations, and which."""

    apart: tuple[int, ...]
    once: tuple[int, ...]
    groups: Mapping[str, tuple[int, ...]]


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The plan. Raises: InvalidInput, TooLarge naming the layer, price or assumption."""
    from province.compute.network import check, survivable

    tell(Progress(share=0.03, stage=Label("Dựng mạng", "Building the network")))
    found = ground.read(problem)
    cost = costs(problem, found)
    task, short = _task(found, cost)
    if not task.double and not task.single:
        raise InvalidInput(
            f"none of the stations can be joined to the core: {some(_names(found, short.apart))}.",
            field="layers.candidates", remedy="Give ways that reach them; check codes and coordinate systems.",
        )  # fmt: skip
    tell(Progress(share=0.15, stage=Label("Tìm vòng rẻ nhất", "Looking for the cheapest rings")))
    plan = survivable.solve(
        task.graph, np.array([task.root, *task.double]), once=task.single, groups=list(task.groups.values()),
        seconds=max(1.0, (1.0 - _SKETCH) * problem.seconds),
    )  # fmt: skip
    whole = plan.cost
    left: tuple[int, ...] = ()
    if whole > problem.budget * (1 + 1e-9):
        tell(Progress(share=0.6, stage=Label("Chọn trạm trong ngân sách", "Choosing stations within the budget")))
        task, left, plan = _within(problem, found, task, whole)
    tell(Progress(share=0.92, stage=Label("Kiểm chứng", "Checking")))
    of = task.graph
    checked = check.joined(
        list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True)), [task.root, *task.double],
        plan.edges.tolist(), plan.cost, plan.bound, twice=True, once=task.single, groups=list(task.groups.values()),
    )  # fmt: skip
    certificate = Certificate(
        objective=float(checked.objective),
        objective_unit=problem.unit,
        objective_label=Label("Chi phí của phương án", "Cost of the plan"),
        bound=float(checked.bound),
        bound_source=Label(
            "Quy hoạch tuyến tính với các lát cắt, rồi nhánh và cận (HiGHS)",
            "Linear programming with cuts, then branch and bound (HiGHS)",
        ),
        gap=float(checked.gap),
        spent=float(plan.cost),
        budget=problem.budget,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã tính lại chi phí và bỏ lần lượt từng cáp, từng hạ tầng đi chung của phương án",
            "Independent code recomputed the cost and took away each cable and each shared trench of the plan in turn",
        ),
        seed=problem.seed,
        sense="least",
    )
    chosen = [int(e) for e in plan.edges if e < len(found.ways)]
    told = rings_told.Told(found, cost, chosen, whole, left, short.apart, short.once, short.groups)
    return rings_told.outcome(problem, told, certificate)


def costs(problem: Problem, found: Ground) -> Floats:
    """What each way costs in the unit of the budget. Raises: InvalidInput naming the missing price."""
    if problem.unit == MONEY:
        metre, equipment = (
            _price(problem, name, required=True) for name in ("price_metre", "price_equipment")
        )  # fmt: skip
        existing = _price(problem, "price_existing", required=False)
    else:
        metre, equipment, existing = 1.0, 0.0, 0.0
    return np.array([
        way.metres * existing if way.cable >= 0 else way.metres * metre + way.ends * equipment for way in found.ways
    ])  # fmt: skip


def _price(problem: Problem, name: str, *, required: bool) -> float:
    if not required and name not in problem.assumptions:
        return 0.0
    found = problem.number(
        name, remedy=f"Give the price ({PRICES[name].en.lower()}) in đồng with its source, or a budget in metres."
    )
    if not 0 <= found < 1e13:
        raise InvalidInput(f"a price of {found}.", field=f"assumptions.{name}", remedy="0 đồng or more.")
    return found


def _task(found: Ground, cost: Floats) -> tuple[Task, Shortfall]:
    """What can be asked for: of every way, what is left when one fails."""
    from province.compute.network import graph

    anchors = found.inventory.anchors
    root = found.nodes
    invented = [v for v in anchors for _ in range(2)]  # two edges: what is invented never fails alone
    tail = np.array([*(w.tail for w in found.ways), *([root] * len(invented))])
    head = np.array([*(w.head for w in found.ways), *invented])
    of = graph.build(root + 1, tail, head, np.concatenate([cost, np.zeros(len(invented))]))
    whole = diversity.net(root + 1, tail.tolist(), head.tolist())
    asked = [v for v, need in enumerate(found.need) if need]
    joined = diversity.reached(whole, [root])
    apart = tuple(v for v in asked if v not in joined)
    names, groups = list(found.groups), list(found.groups.values())
    failures = diversity.failures(whole, [root], groups)
    weak = {v for one in failures if one.what[0][0] == "edge" for v in one.cut}
    once = tuple(v for v in asked if v in weak and found.need[v] == 2)
    double = tuple(v for v in asked if v in joined and v not in weak and found.need[v] == 2)
    single = tuple(v for v in asked if v in joined and v not in double)
    parted = {
        names[one.what[0][1]]: tuple(v for v in one.cut if v in double) for one in failures if one.what[0][0] == "group"
    }
    parted = {name: cut for name, cut in parted.items() if cut}
    respected = {name: edges for name, edges in found.groups.items() if name not in parted}
    return Task(of, root, double, single, respected), Shortfall(apart, once, parted)


def _within(problem: Problem, found: Ground, task: Task, whole: float) -> tuple[Task, tuple[int, ...], Survivable]:
    """The stations of the greatest load that the budget protects, and the plan for them."""
    from province.compute.network import survivable

    groups = list(task.groups.values())
    load = [0.0 if np.isnan(s.load) else s.load for s in found.inventory.stations]
    asked = sorted((*task.double, *task.single), key=lambda v: (-load[v], v))
    each = min(0.3, _SKETCH / 2 * problem.seconds / len(asked))

    def sketch(chosen: Sequence[int]) -> Survivable:
        double = [v for v in chosen if v in task.double]
        single = [v for v in chosen if v in task.single]
        return survivable.sketch(task.graph, np.array([task.root, *double]), once=single, groups=groups, seconds=each)

    kept: list[int] = []
    first: Survivable | None = None
    cheapest = (np.inf, "")
    for v in asked:
        tried = sketch([*kept, v])
        if tried.cost <= problem.budget * (1 + 1e-9):
            kept.append(v)
            first = tried
        elif not kept:
            cheapest = min(cheapest, (tried.cost, found.inventory.stations[v].name))
    if first is None:
        unit = "đồng" if problem.unit == MONEY else "m"
        raise InvalidInput(
            f"a budget of {problem.budget:,.0f} {unit} protects no station: {cheapest[1]} alone needs"
            f" {cheapest[0]:,.0f} {unit}, all of them {whole:,.0f}.", field="budget", remedy="Give so much.",
        )  # fmt: skip
    double = tuple(v for v in task.double if v in kept)
    single = tuple(v for v in task.single if v in kept)
    smaller = Task(task.graph, task.root, double, single, task.groups)
    plan = survivable.solve(
        task.graph, np.array([task.root, *double]), once=single, groups=groups,
        seconds=max(1.0, _SKETCH / 2 * problem.seconds), start=first.edges,
    )  # fmt: skip
    return smaller, tuple(v for v in asked if v not in kept), plan


def _names(found: Ground, stations: Sequence[int]) -> list[str]:
    return [found.inventory.stations[v].name for v in stations]

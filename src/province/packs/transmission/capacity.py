"""When each system is full, and which modules to add in which year so that demand is carried at the least cost. Pure.

Demand of the last year of the plan decides which modules are bought; of these, the cheapest that each year needs are
lit in that year. So the sum over the years is the bill. When one system, cable or trench fails, all demand is routed
anew over what is left (restoration), and systems may then be full; else they are kept below a share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from province.compute import growth
from province.errors import InvalidInput
from province.model.label import Label
from province.model.study import Certificate, Outcome, Problem, Progress, Tell, some
from province.packs.transmission import capacity_told, systems
from province.packs.transmission.systems import Given

if TYPE_CHECKING:
    from province.compute.network.capacity import Demand, Network

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MONEY: Final = "VND"
SIZES: Final = ("small", "large")
PRICES: Final[Mapping[str, Label]] = {
    "price_small": Label("Một mô-đun nhỏ, thiết bị hai đầu", "A small module, equipment at both ends"),
    "price_large": Label("Một mô-đun lớn, thiết bị hai đầu", "A large module, equipment at both ends"),
}
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "until": Label("Năm cuối của kế hoạch", "Last year of the plan"),
    "first": Label("Năm đầu của kế hoạch (0: sau năm mới nhất của lịch sử)",
                   "First year of the plan (0: after the newest year of the history)"),
    "growth_model": Label("Lưu lượng tăng theo: linear (đường thẳng), exponential (tỷ lệ mỗi năm)",
                          "Load grows as: linear, exponential"),
    "growth": Label("Nhu cầu tăng mỗi năm, khi không ghi", "Demand grows each year, unless it says"),
    "full_at": Label("Coi là đầy từ", "Full from"),
    "protection": Label("Khi hỏng: restoration (định tuyến lại), none (không xét)",
                        "When something fails: restoration (routed anew), none (not looked at)"),
    "module_small": Label("Dung lượng mô-đun nhỏ", "Capacity of a small module"),
    "module_large": Label("Dung lượng mô-đun lớn", "Capacity of a large module"),
    "snap": Label("Đầu tuyến thuộc trạm gần nhất trong", "The end of a line belongs to a station within"),
}  # fmt: skip
_LONGEST: Final = 15
_WHOLE: Final = 0.5
"""Share of the time for what is bought; the rest is for the years."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """Years of the plan, and what must be carried in each. load: (years, demands) Gbit/s, never less than in a year
    before: what was lit stays.  unknown: systems whose load is not known."""

    years: tuple[int, ...]
    tail: tuple[int, ...]
    head: tuple[int, ...]
    load: Floats
    unknown: tuple[int, ...]


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The plan. Raises: InvalidInput, TooLarge naming the layer, price or assumption."""
    from province.compute.network import capacity, check

    tell(Progress(share=0.03, stage=Label("Đọc hệ thống và lịch sử", "Reading systems and their history")))
    given = systems.read(problem)
    horizon = _horizon(problem, given)
    network = _network(problem, given)
    share = problem.number("full_at") / 100.0
    if not 0.1 <= share <= 1:
        raise InvalidInput(f"full from {share:.0%}.", field="assumptions.full_at", remedy="10 to 100%.")
    failures, names = _failures(problem, given)
    failures, parted = _bearable(given, horizon, failures, names)
    demand = _demand(horizon, horizon.load[-1], share)
    tell(Progress(share=0.15, stage=Label("Tìm mô-đun rẻ nhất", "Looking for the cheapest modules")))
    plan = capacity.solve(network, demand, failures, failed=share, seconds=max(1.0, _WHOLE * problem.seconds))
    tell(Progress(share=0.6, stage=Label("Xếp theo năm", "Year by year"), objective=plan.cost, bound=plan.bound))
    lit = _by_year(network, horizon, share, failures, plan.added, problem.seconds, tell)
    tell(Progress(share=0.92, stage=Label("Kiểm chứng", "Checking")))
    links = list(zip(network.tail.tolist(), network.head.tolist(), strict=True))
    room = (network.installed + plan.added @ network.size).tolist()
    check.carried(
        links, room, list(zip(demand.source.tolist(), demand.sink.tolist(), demand.amount.tolist(), strict=True)),
        failures, [flow.tolist() for flow in plan.flows], failed=share,
    )  # fmt: skip
    checked = check.modules(
        plan.added.tolist(), network.price.tolist(), network.most.tolist(), network.size.tolist(),
        network.room.tolist(), plan.cost, plan.bound,
    )  # fmt: skip
    spent = np.cumsum([float((one * network.price).sum()) for one in lit])
    paid = [bool(s <= problem.budget * (1 + 1e-9)) for s in spent]
    certificate = Certificate(
        objective=float(checked.objective),
        objective_unit=problem.unit,
        objective_label=Label("Tổng phải mua đến năm cuối", "All that is needed until the last year"),
        bound=float(checked.bound),
        bound_source=Label(
            "Bất đẳng thức khoảng cách từ quy hoạch tuyến tính của từng sự cố, rồi nhánh và cận (HiGHS)",
            "Inequalities of metrics from a linear programme for every failure, then branch and bound (HiGHS)",
        ),
        gap=float(checked.gap),
        spent=float(max([s for s, p in zip(spent, paid, strict=True) if p], default=0.0)),
        budget=problem.budget,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã cộng lại luồng của từng sự cố: mọi nhu cầu được tải, không hệ thống nào vượt mức",
            "Independent code added up the flows of every failure: all demand is carried, no system beyond its limit",
        ),
        seed=problem.seed,
        sense="least",
    )
    told = capacity_told.Told(given, horizon.years, horizon.unknown, network.price, lit, paid, parted, names)
    return capacity_told.outcome(problem, told, certificate)


def _horizon(problem: Problem, given: Given) -> Horizon:
    """Which years, and the load of each demand: of the layer, else of every system by its own history."""
    known = [year for s in given.systems for year in s.past]
    first, last = _year(problem, "first"), _year(problem, "until")
    if first == 0:
        if not known:
            raise InvalidInput(
                "no system has a history, and the first year is not given.", field="assumptions.first",
                remedy="Attach the layer history, or set the first year.",
            )  # fmt: skip
        first = max(known) + 1
    if not first <= last < first + _LONGEST:
        raise InvalidInput(
            f"a plan from {first} to {last}.", field="assumptions.until",
            remedy=f"The last year is the first or a later one, at most {_LONGEST} years in all.",
        )  # fmt: skip
    years = tuple(range(first, last + 1))
    if given.wanted:
        load = np.array([[w.load * (1.0 + w.growth) ** (y - first) for w in given.wanted] for y in years])
        ends = [(w.tail, w.head) for w in given.wanted]
        unknown: tuple[int, ...] = ()
    else:
        model = growth_model(problem)
        found = [[growth.forecast(list(s.past), list(s.past.values()), y, model) for s in given.systems] for y in years]
        unknown = tuple(i for i, one in enumerate(found[0]) if one is None)
        if len(unknown) == len(given.systems):
            raise InvalidInput(
                f"none of {len(given.systems)} systems has loads of {growth.LEAST} years, and no demand is given.",
                field="layers.history", remedy="Give rows link, year, load; or the layer demands.",
            )  # fmt: skip
        load = np.array([[0.0 if one is None else one.value for one in row] for row in found])
        ends = [(s.tail, s.head) for s in given.systems]
    keep = [i for i in range(len(ends)) if load[:, i].max() > 0]
    if not keep:
        raise InvalidInput("there is no load to carry.", field="layers.history", remedy="Give loads above 0.")
    return Horizon(years, tuple(ends[i][0] for i in keep), tuple(ends[i][1] for i in keep),
                   np.maximum.accumulate(load[:, keep], axis=0), unknown)  # fmt: skip


def _year(problem: Problem, name: str) -> int:
    """A year of the assumptions: a word, for it is no amount. Raises: InvalidInput."""
    text = problem.word(name).strip().removesuffix(".0")
    if not text.isdigit() or len(text) > 4:
        raise InvalidInput(f"{text[:20]!r} is no year.", field=f"assumptions.{name}", remedy="Write it as 2030.")
    return int(text)


def growth_model(problem: Problem) -> growth.Model:
    """How load grows. Raises: InvalidInput."""
    word = problem.word("growth_model")
    if word == "linear":
        return "linear"
    if word == "exponential":
        return "exponential"
    raise InvalidInput(f"the growth model {word[:40]!r}.", field="assumptions.growth_model",
                       remedy="linear or exponential.")  # fmt: skip


def _network(problem: Problem, given: Given) -> Network:
    from province.compute.network import capacity

    size = np.array([problem.number(f"module_{name}") for name in SIZES])
    if size.min() <= 0:
        raise InvalidInput(f"modules of {size.tolist()} Gbit/s.", field="assumptions.module_small",
                           remedy="Give capacities above 0.")  # fmt: skip
    each = [_price(problem, f"price_{name}") for name in SIZES] if problem.unit == MONEY else [1.0, 1.0]
    lit = np.array([s.capacity for s in given.systems])
    room = np.array([np.inf if s.possible is None else max(0.0, s.possible - s.capacity) for s in given.systems])
    most = np.minimum(np.floor(room[:, None] / size[None, :] + 1e-9), 1_000.0)
    return capacity.Network(
        len(given.stations), np.array([s.tail for s in given.systems]), np.array([s.head for s in given.systems]), lit,
        size, np.tile(np.array(each), (len(lit), 1)), most, room,
    )  # fmt: skip


def _price(problem: Problem, name: str) -> float:
    found = problem.number(
        name, remedy=f"Give the price ({PRICES[name].en.lower()}) in đồng with its source, or a budget in modules."
    )
    if not 0 < found < 1e15:
        raise InvalidInput(f"a price of {found}.", field=f"assumptions.{name}", remedy="More than 0 đồng.")
    return found


def _failures(problem: Problem, given: Given) -> tuple[list[tuple[int, ...]], list[str]]:
    """Every single system, and every group that shares a cable or a trench."""
    word = problem.word("protection")
    if word == "none":
        return [], []
    if word != "restoration":
        raise InvalidInput(f"the protection {word[:40]!r}.", field="assumptions.protection",
                           remedy="restoration or none.")  # fmt: skip
    single = [((i,), s.name) for i, s in enumerate(given.systems)]
    every = [*single, *((edges, name) for name, edges in given.groups.items())]
    return [edges for edges, _ in every], [name for _, name in every]


def _bearable(
    given: Given, horizon: Horizon, failures: Sequence[tuple[int, ...]], names: list[str]
) -> tuple[list[tuple[int, ...]], dict[str, tuple[str, ...]]]:
    """(failures after which all demand has a way, the others with stations that they part). Names keep step.

    Raises: InvalidInput when demand has no way even with nothing failed.
    """
    from province.compute.network import diversity

    of = diversity.net(len(given.stations), [s.tail for s in given.systems], [s.head for s in given.systems])

    def parted(gone: Sequence[int]) -> list[str]:
        found: dict[int, set[int]] = {}
        for v in set(horizon.tail):
            found[v] = diversity.reached(of, [v], without=gone)
        pairs = zip(horizon.tail, horizon.head, strict=True)
        return [f"{given.stations[a].name} – {given.stations[b].name}" for a, b in pairs if b not in found[a]]

    apart = parted(())
    if apart:
        raise InvalidInput(f"no systems join {some(apart)}.", field="layers.links",
                           remedy="Give the systems between them, or take the demand out.")  # fmt: skip
    kept, lost = [], {}
    for edges, name in zip(failures, list(names), strict=True):
        cut = parted(edges)
        if cut:
            lost[name] = tuple(cut)
        else:
            kept.append(edges)
    names[:] = [n for n in names if n not in lost]
    return kept, lost


def _demand(horizon: Horizon, load: Floats, share: float) -> Demand:
    from province.compute.network import capacity

    return capacity.Demand(np.array(horizon.tail), np.array(horizon.head), load / share)


def _by_year(
    network: Network, horizon: Horizon, share: float, failures: Sequence[tuple[int, ...]], bought: Integers,
    seconds: float, tell: Tell,
) -> list[Integers]:  # fmt: skip
    """Of what is bought, the cheapest that each year needs beyond what is lit by then; the rest in the last year."""
    from province.compute.network import capacity

    each = max(0.5, (1.0 - _WHOLE) * seconds / len(horizon.years))
    lit: list[Integers] = []
    done = np.zeros_like(bought)
    for i, load in enumerate(horizon.load[:-1]):
        left = bought - done
        now = replace(network, installed=network.installed + done @ network.size, most=left.astype(np.float64),
                      room=np.full(len(left), np.inf))  # fmt: skip
        added = capacity.solve(now, _demand(horizon, load, share), failures, failed=share, seconds=each).added
        lit.append(added)
        done = done + added
        tell(Progress(share=min(0.9, 0.6 + 0.3 * (i + 1) / len(horizon.years)), stage=Label(
            f"Năm {horizon.years[i]}", f"Year {horizon.years[i]}")))  # fmt: skip
    lit.append(bought - done)
    return lit

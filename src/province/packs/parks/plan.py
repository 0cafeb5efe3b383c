"""Land for concentrated IT parks: the most suitable parcels within a budget, each park in one piece; checked.

A hectare counts by its suitability, 0 to 1. A plan takes at most so many connected pieces, each of a least area, and a
least area in all; when the budget does not reach that, the best plan within it is told, as a partial answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import shapely

from province.errors import InvalidInput
from province.model.label import Label
from province.model.study import Certificate, Outcome, Problem, Progress, Tell
from province.packs.parks import land, telling
from province.packs.parks.land import MONEY, Ground

if TYPE_CHECKING:
    from province.compute.siting.adjacent import Asked, Chosen, Land

ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "least_area": Label("Tổng diện tích ít nhất", "Area in all, at least"),
    "parks": Label("Số khu nhiều nhất", "Parks at most"),
    "park_area": Label("Diện tích một khu ít nhất", "Area of a park, at least"),
    "near": Label("Hai thửa liền nhau khi cách nhau không quá", "Two parcels hang together when apart at most"),
    "border": Label("và giáp nhau ít nhất", "and facing each other over at least"),
    "overlap": Label("Bỏ qua chồng lấn dưới", "Overlaps are overlooked below"),
    "overlaps": Label("Thửa chồng lấn (refuse: từ chối, drop: bỏ thửa nhỏ)", "Overlapping parcels (refuse or drop)"),
    **{f"weight_{c}": Label(f"Trọng số: {label.vi.lower()}", f"Weight: {label.en.lower()}")
       for c, label in land.CRITERIA.items()},
    "worst_slope": Label("Độ dốc từ đó không còn điểm", "Slope that gives no points"),
    "worst_flood": Label("Độ ngập từ đó không còn điểm", "Depth of flooding that gives no points"),
    "worst_road": Label("Khoảng cách tới đường từ đó không còn điểm", "Distance to a road that gives no points"),
    "worst_power": Label("Khoảng cách tới điện từ đó không còn điểm", "Distance to power that gives no points"),
}  # fmt: skip
_ROOM: Final = 0.9
"""Of the time that is given, the first search may take so much."""


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The plan. Raises: InvalidInput, TooLarge naming the layer or assumption."""
    from province.compute.siting import adjacent, check_land
    from province.compute.siting.adjacent import Asked, Land

    tell(Progress(share=0.03, stage=Label("Đọc thửa đất, tìm chỗ chồng lấn", "Reading parcels, looking for overlaps")))
    ground = land.read(problem)
    cost = ground.price if problem.unit == MONEY else ground.area
    of = Land(ground.area * ground.suit / 100.0, ground.area, cost, ground.tail, ground.head)
    asked = Asked(budget=problem.budget, pieces=_pieces(problem), piece=_hectares(problem, "park_area"),
                  least=_hectares(problem, "least_area"))  # fmt: skip
    _require_possible(problem, ground, of, asked)
    stage = Label("Chọn thửa", "Choosing parcels")
    tell(Progress(share=0.1, stage=stage))

    def on(worth: float, bound: float) -> None:
        tell(Progress(share=0.4, stage=stage, objective=worth, bound=bound))

    found, asked, short = _solve(of, asked, problem, on)
    tell(Progress(share=0.95, stage=Label("Kiểm chứng", "Checking")))
    borders = list(zip(ground.tail.tolist(), ground.head.tolist(), strict=True))
    checked = check_land.pieces(
        of.worth.tolist(), of.area.tolist(), of.cost.tolist(), borders, found.parcels.tolist(), found.worth,
        found.bound, budget=asked.budget, most_pieces=asked.pieces, piece=asked.piece, least=asked.least,
    )  # fmt: skip
    pieces = adjacent.pieces_of(of.neighbours(), found.parcels.tolist())
    _require_whole(problem, ground, pieces)
    certificate = Certificate(
        objective=float(checked.objective),
        objective_unit="HAR",
        objective_label=Label("Diện tích nhân mức phù hợp", "Hectares times suitability"),
        bound=float(checked.bound),
        bound_source=Label(
            "Quy hoạch nguyên có ràng buộc dòng giữ mỗi khu liền mảnh (HiGHS) và bài toán cái túi chia được",
            "Mixed integer model in which flow keeps each park in one piece (HiGHS), and the divisible knapsack",
        ),
        gap=float(checked.gap),
        spent=float(of.cost[found.parcels].sum()),
        budget=problem.budget,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã tính lại diện tích, chi phí, mức phù hợp, tính liền mảnh từ dữ liệu và xác nhận",
            "Independent code recomputed area, cost, suitability and connection from the data and confirmed them",
        ),
        seed=problem.seed,
    )
    return telling.outcome(problem, ground, pieces, certificate, short)


def _solve(of: Land, asked: Asked, problem: Problem, on: object) -> tuple[Chosen, Asked, tuple[float, float] | None]:
    """The plan with the area that was asked for; else without, and (what was asked for, what there is at most)."""
    from province.compute.siting import adjacent

    def search(what: Asked, seconds: float) -> Chosen:
        return adjacent.solve(of, what, seconds=seconds, seed=problem.seed, progress=on)  # type: ignore[arg-type]

    top = adjacent.most_area(of, asked)
    if top >= asked.least:
        try:
            return search(asked, problem.seconds), asked, None
        except InvalidInput as error:
            if error.field != "conditions" or not asked.least:
                raise _nothing(error, asked) from None
    less = adjacent.Asked(asked.budget, asked.pieces, asked.piece)
    try:
        return search(less, problem.seconds * _ROOM), less, (asked.least, top)
    except InvalidInput as error:
        raise _nothing(error, asked) from None


def _nothing(error: InvalidInput, asked: Asked) -> InvalidInput:
    if error.field != "conditions":
        return error
    return InvalidInput(
        f"no connected piece of {asked.piece:g} ha can be had within the budget.", field="budget",
        remedy="Raise the budget, lower `park_area`, or let parcels farther apart hang together (`near`).",
    )  # fmt: skip


def _require_possible(problem: Problem, ground: Ground, of: Land, asked: Asked) -> None:
    """Raises: InvalidInput when the budget buys nothing, or no piece is large enough."""
    from province.compute.siting import adjacent

    if not (of.cost <= problem.budget).any():
        unit = "đồng" if problem.unit == MONEY else "ha"
        raise InvalidInput(
            f"a budget of {problem.budget:,.6g} {unit} does not reach one parcel: the least needs {of.cost.min():,.6g}"
            f" {unit}.", field="budget", remedy="Give so much at least.",
        )  # fmt: skip
    largest = max(float(of.area[p].sum()) for p in adjacent.pieces_of(of.neighbours(), range(len(of.worth))))
    if largest < asked.piece:
        raise InvalidInput(
            f"the parcels that hang together make {largest:,.1f} ha at most, and a park needs {asked.piece:g} ha.",
            field="assumptions.park_area", remedy="Lower it, or raise `near`, or give the parcels between.",
        )  # fmt: skip


def _pieces(problem: Problem) -> int:
    found = problem.number("parks")
    if found != int(found) or not 1 <= found <= 20:
        raise InvalidInput(f"{found:g} parks.", field="assumptions.parks", remedy="A whole number from 1 to 20.")
    return int(found)


def _hectares(problem: Problem, name: str) -> float:
    found = problem.number(name)
    if not 0 <= found < 1e6:
        raise InvalidInput(f"{found:g} ha.", field=f"assumptions.{name}", remedy="0 or more.")
    return found


def _require_whole(problem: Problem, ground: Ground, pieces: list[list[int]]) -> None:
    """Look at the shapes themselves: a park grown by half the gap is one surface. Raises: InvalidInput."""
    half = max(problem.number("near"), 0.01) / 2 + 0.01
    for piece in pieces:
        grown = shapely.union_all([shapely.buffer(ground.shape[i], half) for i in piece])
        if len(getattr(grown, "geoms", [grown])) != 1:
            names = ", ".join(ground.parcels[i].name for i in piece[:5])
            raise InvalidInput(f"the claim is false: the park of {names} is not one piece on the ground.", field="plan")

"""What a plan of rings says: stations before and after, new cables, materials, layers, and what it stands on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from province.compute.network import diversity
from province.model.label import Label, vietnamese
from province.model.study import (
    AMOUNT,
    PRICE,
    Certificate,
    Column,
    Feature,
    Layer,
    Outcome,
    Problem,
    Quantity,
    Table,
    bill,
    cost_label,
    some,
)
from province.packs.transmission import network, sections
from province.packs.transmission.ground import Ground, Way

Cell = str | float | None
STATES: Final[Mapping[str, Label]] = {
    "had": Label("Đã có hai đường", "Had two ways"),
    "gains": Label("Được bảo vệ: hai đường", "Gains a second way"),
    "joined": Label("Một đường", "One way"),
    "none": Label("Chưa nối tới lõi", "Not joined to the core"),
}
KINDS: Final[Mapping[str, Label]] = {
    "new": Label("Cáp mới", "New cable"),
    "used": Label("Cáp đã có", "Existing cable"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A plan. chosen: ways.  whole: what all that was asked for costs.  left: stations beyond the budget.

    apart, once, parted: what cannot be given whatever is built.
    """

    ground: Ground
    cost: npt.NDArray[np.float64]
    chosen: Sequence[int]
    whole: float
    left: Sequence[int]
    apart: Sequence[int]
    once: Sequence[int]
    parted: Mapping[str, Sequence[int]]

    @property
    def new(self) -> list[int]:
        """The ways of new cables that are chosen."""
        return [e for e in self.chosen if self.ground.ways[e].cable < 0]

    @property
    def existing(self) -> list[int]:
        """Every way that is there: chosen or not, it stays."""
        return [e for e, way in enumerate(self.ground.ways) if way.cable >= 0]

    def joined(self, ways: Iterable[int]) -> tuple[set[int], set[int]]:
        """(stations joined to the core, those that keep a way when any cable or trench fails)."""
        found, kept = self.ground, list(ways)
        at = {e: i for i, e in enumerate(kept)}
        of = diversity.net(found.nodes, [found.ways[e].tail for e in kept], [found.ways[e].head for e in kept])
        groups = [[at[e] for e in edges if e in at] for edges in found.groups.values()]
        anchors = found.inventory.anchors
        weak = {v for one in diversity.failures(of, anchors, groups, nodes=False) for v in one.cut}
        there = diversity.reached(of, anchors)
        return there, there - weak


def outcome(problem: Problem, told: Told, certificate: Certificate) -> Outcome:
    """Everything together."""
    before, after = told.joined(told.existing), told.joined([*told.existing, *told.new])
    states = {v: _state(v, before, after) for v, s in enumerate(told.ground.inventory.stations) if not s.core}
    asked = [v for v, need in enumerate(told.ground.need) if need == 2]
    metres = sum(told.ground.ways[e].metres for e in told.new)
    figures = (
        _figure("new", "Cáp mới", "New cables", metres, "MTR"),
        Quantity(name="spent", label=cost_label(problem.unit), value=round(certificate.spent, 2), unit=problem.unit),
        _figure("whole", "Bảo vệ đủ mọi trạm cần", "Giving all stations what they need", told.whole, problem.unit),
        _figure("before", "Trạm có hai đường, trước", "Stations with two ways, before",
                _share(len([v for v in asked if v in before[1]]), len(asked)), "P1"),
        _figure("after", "Trạm có hai đường, sau", "Stations with two ways, after",
                _share(len([v for v in asked if v in after[1]]), len(asked)), "P1"),
    )  # fmt: skip
    return Outcome(
        figures=figures,
        tables=(_stations(told, states, before, after), _cables(problem, told), _bill(problem, told)),
        layers=(
            _existing(told),
            _new(told),
            _nodes(told, states),
            network.cores(told.ground.inventory),
            sections.layer(told.ground, told.new),
        ),
        certificate=certificate,
        remarks=(*told.ground.remarks, *_standing(problem, told)),
        partial=_partial(problem, told),
    )


def _state(v: int, before: tuple[set[int], set[int]], after: tuple[set[int], set[int]]) -> str:
    if v in before[1]:
        return "had"
    return "gains" if v in after[1] else "joined" if v in after[0] else "none"


def _share(count: int, of: int) -> float | None:
    return 100.0 * count / of if of else None


def _figure(name: str, vi: str, en: str, value: float | None, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=None if value is None else round(value, 1), unit=unit)


def _stations(
    told: Told, states: Mapping[int, str], before: tuple[set[int], set[int]], after: tuple[set[int], set[int]]
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for v, found in states.items():
        station, state = told.ground.inventory.stations[v], STATES[found]
        ways = [2.0 if v in known[1] else 1.0 if v in known[0] else 0.0 for known in (before, after)]
        rows.append((
            station.name, state.vi, state.en, None if np.isnan(station.load) else station.load,
            float(told.ground.need[v]), ways[0], ways[1],
        ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Trạm", "Station")),
        Column(name="state", label=Label("Kết quả", "Result (Vietnamese)")),
        Column(name="state_en", label=Label("Kết quả (tiếng Anh)", "Result")),
        Column(name="load", label=Label("Lưu lượng", "Load"), unit="B80"),
        Column(name="need", label=Label("Số đường cần", "Ways needed"), unit="C62"),
        Column(name="before", label=Label("Trước", "Before"), unit="C62"),
        Column(name="after", label=Label("Sau", "After"), unit="C62"),
    )
    return Table(name="stations", title=Label("Từng trạm", "Station by station"), columns=columns, rows=tuple(rows))


def _end(told: Told, v: int) -> str:
    stations = told.ground.inventory.stations
    return stations[v].name if v < len(stations) else "–"


def _cables(problem: Problem, told: Told) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for e in sorted(told.new, key=lambda e: -told.ground.ways[e].metres):
        way = told.ground.ways[e]
        rows.append((
            way.name or "(không tên)", _end(told, way.tail), _end(told, way.head), round(way.metres, 1),
            float(way.ends), round(float(told.cost[e]), 1),
        ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Tuyến", "Way")),
        Column(name="start", label=Label("Trạm đầu", "From")),
        Column(name="finish", label=Label("Trạm cuối", "To")),
        Column(name="metres", label=Label("Chiều dài", "Length"), unit="MTR"),
        Column(name="ends", label=Label("Đầu có thiết bị", "Ends with equipment"), unit="C62"),
        Column(name="cost", label=cost_label(problem.unit), unit=problem.unit),
    )
    return Table(name="cables", title=Label("Cáp mới", "New cables"), columns=columns, rows=tuple(rows))


def _bill(problem: Problem, told: Told) -> Table:
    """Metres and equipment, with price and amount where the budget is money; the sum is what is spent."""
    money = problem.unit == "VND"
    ways = told.ground.ways
    used = [e for e in told.chosen if ways[e].cable >= 0]
    items = (
        ("price_metre", Label("Cáp mới", "New cable"), sum(ways[e].metres for e in told.new), "m"),
        ("price_equipment", Label("Thiết bị đầu cáp", "Equipment at ends"), float(sum(ways[e].ends for e in told.new)),
         ""),
        ("price_existing", Label("Dùng cáp đã có", "Use of existing cables"), sum(ways[e].metres for e in used), "m"),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    total = 0.0
    for name, label, amount, unit in items:
        price = problem.number(name) if money and name in problem.assumptions else None
        paid = None if price is None else price * amount
        total += paid or 0.0
        rows.append((label.vi, label.en, unit or "đầu", unit or "ends", round(amount, 1), price,
                     None if paid is None else round(paid, 1)))  # fmt: skip
    rows.append(("Cộng", "Total", "–", "–", None, None, round(total, 1) if money else None))
    return bill(
        Column(name="of", label=Label("Đơn vị", "Unit (Vietnamese)")),
        Column(name="of_en", label=Label("Đơn vị (tiếng Anh)", "Unit")),
        Column(name="quantity", label=Label("Khối lượng", "Quantity"), unit="C62"),
        PRICE,
        AMOUNT,
        rows=rows,
    )


def _line(e: int, way: Way, kind: str, cost: float) -> Feature:
    return Feature(
        id=f"way-{e}", geometry=way.shape,
        properties={"name": way.name or "(không tên)", "kind": kind, "metres": round(way.metres, 1),
                    "cost": round(cost, 1), "shares": "; ".join(way.shares)},
    )  # fmt: skip


def _existing(told: Told) -> Layer:
    features = tuple(_line(e, told.ground.ways[e], "used", 0.0) for e in told.existing)
    return Layer(name="existing", title=Label("Cáp đã có", "Existing cables"), features=features, colour_by="kind")


def _new(told: Told) -> Layer:
    features = tuple(_line(e, told.ground.ways[e], "new", float(told.cost[e])) for e in told.new)
    return Layer(name="cables", title=Label("Cáp mới", "New cables"), features=features, colour_by="kind")


def _nodes(told: Told, states: Mapping[int, str]) -> Layer:
    features = tuple(
        Feature(id=s.feature.id, geometry=s.feature.geometry, properties={"name": s.name, "state": states[v]})
        for v, s in enumerate(told.ground.inventory.stations)
        if not s.core
    )
    return Layer(name="stations", title=Label("Trạm", "Stations"), features=features, colour_by="state")


def _standing(problem: Problem, told: Told) -> tuple[Label, ...]:
    found = [
        Label(
            "Chiều dài theo tuyến vẽ, hoặc đường thẳng khi chỉ có hai đầu; chưa tính dự phòng, vượt sông, vào trạm.",
            "Lengths follow the drawn line, or the straight one where only the ends are given; slack, crossings and"
            " entries into buildings do not count.",
        ),
        Label(
            "Cáp đã có coi như còn sợi trống; sức chứa xét ở bài toán dung lượng.",
            "Existing cables are taken to have free fibres; capacity is another study.",
        ),
    ]  # fmt: skip
    if problem.unit != "VND":
        found.append(Label("Ngân sách tính bằng mét cáp mới; thiết bị không tính.",
                           "The budget is in metres of new cable; equipment does not count."))  # fmt: skip
    elif "price_existing" not in problem.assumptions:
        found.append(Label("Chưa có giá dùng cáp đã có: tính là 0 đồng.",
                           "No price is given for the use of existing cables: it counts as 0 đồng."))  # fmt: skip
    for name, cut in told.parted.items():
        shown = some([told.ground.inventory.stations[v].name for v in cut])
        found.append(Label(
            f"Không tránh được: hỏng {name} vẫn cắt {shown}, dù xây mọi tuyến đề xuất."
                " Phương án không xét được hạ tầng này.",
            f"Not to be avoided: the failure of {name} cuts off {shown} even when every candidate is built."
            " The plan does not take it into account.",
        ))  # fmt: skip
    return tuple(found)


def _partial(problem: Problem, told: Told) -> Label | None:
    def names(stations: Sequence[int]) -> str:
        return some([told.ground.inventory.stations[v].name for v in stations])

    unit = "đồng" if problem.unit == "VND" else "m"
    parts = [network.lost_ends(told.ground.inventory)]
    if told.left:
        parts.append(Label(
            f"Ngân sách không đủ: đáp ứng mọi trạm cần {vietnamese(told.whole)} {unit}."
            f" Đã chọn trạm có lưu lượng lớn trước;"
            f" chưa tới lượt {len(told.left)} trạm: {names(told.left)}.",
            f"The budget is too small: all stations need {told.whole:,.0f} {unit}. Those of the greatest load come"
            f" first; {len(told.left)} are left out: {names(told.left)}.",
        ))  # fmt: skip
    if told.apart:
        parts.append(Label(
            f"{len(told.apart)} trạm không tuyến nào tới được: {names(told.apart)}.",
            f"{len(told.apart)} stations are reached by no way: {names(told.apart)}.",
        ))  # fmt: skip
    if told.once:
        parts.append(Label(
            f"{len(told.once)} trạm chỉ có thể có một đường, dù xây mọi tuyến: {names(told.once)}.",
            f"{len(told.once)} stations can have one way only, even when every candidate is built: {names(told.once)}.",
        ))  # fmt: skip
    said = [p for p in parts if p is not None]
    return Label(" ".join(p.vi for p in said), " ".join(p.en for p in said)) if said else None

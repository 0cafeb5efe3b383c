"""Which single failures cut stations off from the core, and which stations have two separate ways. Pure.

Every cable, every trench that cables share and every station is let fail; at two failures at once, every pair of cables
and trenches besides. Other code takes each of them away again before anybody is shown the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from province.compute.network import check, diversity
from province.compute.network.diversity import Failure, Net, Ways
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.study import (
    Certificate,
    Column,
    Feature,
    Layer,
    Outcome,
    Problem,
    Progress,
    Quantity,
    Table,
    Tell,
    some,
)  # fmt: skip
from province.packs.transmission import network
from province.packs.transmission.network import Inventory

Cell = str | float | None
NOTHING: Final = "–"
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "snap": Label("Đầu tuyến thuộc trạm gần nhất trong", "The end of a line belongs to a station within"),
}
WAYS: Final[Mapping[str, Label]] = {
    "two": Label("Hai đường tách biệt", "Two separate ways"),
    "one": Label("Một sự cố là mất", "One failure cuts it off"),
    "none": Label("Không nối tới lõi", "Not joined to the core"),
}
LINES: Final[Mapping[str, Label]] = {
    "safe": Label("Đứt không mất trạm nào", "Its failure cuts nothing off"),
    "shared": Label("Đi chung: đứt cả rãnh thì mất trạm", "Its trench fails: stations are cut off"),
    "weak": Label("Đứt là mất trạm", "Its failure cuts stations off"),
}
KINDS: Final[Mapping[str, Label]] = {
    "edge": Label("Cáp", "Cable"),
    "group": Label("Hạ tầng đi chung", "Shared trench"),
    "node": Label("Trạm", "Station"),
}
_WORK: Final = 20_000_000
_ROWS: Final = 1_000
_PAIRED: Final = 400
"""Stations for which both routes are drawn up."""


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The check. Raises: InvalidInput, TooLarge naming the layer or the budget."""
    if problem.budget not in (1, 2):
        raise InvalidInput(f"{problem.budget:g} failures at once.", field="budget",
                           remedy="1: each alone; 2: every pair of cables and trenches besides.")  # fmt: skip
    tell(Progress(share=0.05, stage=Label("Dựng mạng", "Building the network")))
    inventory = network.read(problem)
    of = net(inventory)
    names, groups = list(inventory.shares), list(inventory.shares.values())
    tell(Progress(share=0.2, stage=Label("Cho từng thứ hỏng", "Letting each fail")))
    single = diversity.failures(of, inventory.anchors, groups)
    joined = diversity.reached(of, inventory.anchors)
    weak = {v for one in single if one.what[0][0] != "node" for v in one.cut}
    passing = {v for one in single for v in one.cut}
    twice = joined - weak - set(inventory.anchors)
    double: list[Failure] = []
    if problem.budget == 2:
        work = (len(of.tail) + len(groups)) * (of.nodes + len(of.tail)) * (1 + len(groups))
        if work > _WORK:
            raise TooLarge(f"{len(of.tail):,} cables and {len(groups):,} trenches in pairs.", field="budget",
                           remedy="Give 1, or a smaller network.")  # fmt: skip
        tell(Progress(share=0.4, stage=Label("Cho từng cặp hỏng", "Letting pairs fail")))
        double = diversity.double_failures(of, inventory.anchors, groups)
    tell(Progress(share=0.7, stage=Label("Tìm hai đường của từng trạm", "Looking for two ways of each station")))
    others = [v for v in range(of.nodes) if v not in inventory.anchors]
    pairs = {v: diversity.ways(of, v, inventory.anchors, groups) for v in others[:_PAIRED]}
    tell(Progress(share=0.9, stage=Label("Kiểm chứng", "Checking")))
    count = check.diverse(
        of.nodes, list(zip(of.tail, of.head, strict=True)), inventory.anchors, groups,
        {one.what[0]: one.cut for one in single}, twice,
    )  # fmt: skip
    states = {
        v: "core" if v in inventory.anchors else "none" if v not in joined else "one" if v in weak else "two"
        for v in range(of.nodes)
    }
    return Outcome(
        figures=_figures(inventory, single, states, len(others)),
        tables=(
            _stations(inventory, states, passing, pairs, names),
            _failures(inventory, names, (*single, *double)),
            _cores(inventory, of, groups, names),
        ),
        layers=(
            _cables(inventory, single, groups), _nodes(inventory, states),
            network.cores(inventory),
        ),
        certificate=_certificate(problem, count),
        remarks=_remarks(inventory, len(others)),
        partial=_partial(inventory, states),
    )  # fmt: skip


def net(inventory: Inventory) -> Net:
    """The cables as a network of stations."""
    cables = inventory.cables
    return diversity.net(
        len(inventory.stations), [c.tail for c in cables], [c.head for c in cables], [c.metres for c in cables]
    )


def _certificate(problem: Problem, count: int) -> Certificate:
    return Certificate(
        objective=float(count),
        objective_unit="C62",
        objective_label=Label("Trạm có hai đường tách biệt", "Stations with two separate ways"),
        bound=None,
        bound_source=Label(
            "Đây là kiểm tra mạng đang có, không phải phương án: mọi sự cố đơn đều đã thử",
            "This examines the network as it is and chooses nothing: every single failure was tried",
        ),
        gap=None,
        spent=problem.budget,
        budget=problem.budget,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã bỏ lần lượt từng cáp, từng hạ tầng đi chung, từng trạm và được cùng kết quả",
            "Independent code took away each cable, each shared trench and each station in turn, and came to the same",
        ),
        seed=problem.seed,
    )


def _figures(
    inventory: Inventory, single: Sequence[Failure], states: Mapping[int, str], others: int
) -> tuple[Quantity, ...]:
    two = sum(s == "two" for s in states.values())
    counted = {k: sum(one.what[0][0] == k for one in single) for k in KINDS}
    known = [c for c in inventory.cables if c.fibres and c.used is not None]
    fibres = sum(c.fibres or 0.0 for c in known)
    worst = [sum_of(inventory, one.cut) for one in single]
    whole = sum_of(inventory, range(len(inventory.stations)))
    return (
        _figure("two", "Trạm có hai đường tách biệt", "Stations with two separate ways",
                100.0 * two / others if others else None, "P1"),
        _figure("weak_cables", "Cáp đứt là mất trạm", "Cables whose failure cuts off", counted["edge"], "C62"),
        _figure("weak_shares", "Hạ tầng đi chung hỏng là mất trạm", "Shared trenches whose failure cuts off",
                counted["group"], "C62"),
        _figure("weak_stations", "Trạm hỏng làm mất trạm khác", "Stations whose failure cuts off others",
                counted["node"], "C62"),
        _figure("worst", "Lưu lượng mất khi sự cố nặng nhất", "Load cut by the worst failure",
                None if whole is None else max([w for w in worst if w is not None], default=0.0), "B80"),
        _figure("fibres", "Sợi đã dùng", "Fibres in use",
                100.0 * sum(c.used or 0.0 for c in known) / fibres if fibres else None, "P1"),
    )  # fmt: skip


def sum_of(inventory: Inventory, nodes: Sequence[int] | range) -> float | None:
    """Load of some stations, of those whose load is known; None when that is none of them."""
    loads = [inventory.stations[v].load for v in nodes if not np.isnan(inventory.stations[v].load)]
    return float(sum(loads)) if loads else None


def _figure(name: str, vi: str, en: str, value: float | None, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=None if value is None else round(value, 1), unit=unit)


def _name(inventory: Inventory, shares: Sequence[str], what: str, at: int) -> str:
    if what == "edge":
        return inventory.cables[at].name
    return shares[at] if what == "group" else inventory.stations[at].name


def _failures(inventory: Inventory, shares: Sequence[str], found: Sequence[Failure]) -> Table:
    """The worst first: by load where it is known, then by stations."""
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        kinds = [KINDS[what] for what, _ in one.what]
        names = " + ".join(_name(inventory, shares, what, at) for what, at in one.what)
        cut = [inventory.stations[v].name for v in one.cut]
        load = sum_of(inventory, one.cut)
        rows.append((
            names, " + ".join(k.vi for k in kinds), " + ".join(k.en for k in kinds), float(len(one.cut)),
            None if load is None else round(load, 3), some(cut, 6),
        ))  # fmt: skip
    rows.sort(key=lambda r: (-float(r[4] or 0.0), -float(r[3] or 0.0)))
    columns = (
        Column(name="what", label=Label("Khi hỏng", "When this fails")),
        Column(name="kind", label=Label("Loại", "Kind (Vietnamese)")),
        Column(name="kind_en", label=Label("Loại (tiếng Anh)", "Kind")),
        Column(name="stations", label=Label("Số trạm bị cắt", "Stations cut off"), unit="C62"),
        Column(name="load", label=Label("Lưu lượng bị cắt", "Load cut off"), unit="B80"),
        Column(name="names", label=Label("Trạm bị cắt", "Which")),
    )
    title = Label("Sự cố cắt rời trạm, nặng nhất trước", "Failures that cut stations off, the worst first")
    return Table(name="failures", title=title, columns=columns, rows=tuple(rows[:_ROWS]))


def _stations(
    inventory: Inventory, states: Mapping[int, str], passing: set[int], pairs: Mapping[int, Ways],
    shares: Sequence[str],
) -> Table:  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for v, station in enumerate(inventory.stations):
        if station.core:
            continue
        state, found = WAYS[states[v]], pairs.get(v)
        common = [] if found is None else _common(inventory, shares, found)
        lengths = [] if found is None else [sum(inventory.cables[e].metres for e in r) / 1000 for r in found.routes]
        survives = states[v] == "two" and v not in passing
        rows.append((
            station.name, state.vi, state.en, None if np.isnan(station.load) else station.load,
            100.0 if states[v] == "two" else 0.0, "có" if survives else "không", "yes" if survives else "no",
            some(common, 4) or NOTHING, round(lengths[0], 1) if lengths else None,
            round(lengths[1], 1) if len(lengths) > 1 else None,
        ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Trạm", "Station")),
        Column(name="state", label=Label("Kết quả", "Result (Vietnamese)")),
        Column(name="state_en", label=Label("Kết quả (tiếng Anh)", "Result")),
        Column(name="load", label=Label("Lưu lượng", "Load"), unit="B80"),
        Column(name="two", label=Label("Hai đường tách biệt", "Two separate ways"), unit="P1"),
        Column(name="stations", label=Label("Chịu được một trạm hỏng", "Survives a station (Vietnamese)")),
        Column(name="stations_en", label=Label("Chịu được một trạm hỏng (tiếng Anh)", "Survives a station's failure")),
        Column(name="common", label=Label("Điểm chung của mọi đường", "What all its ways share")),
        Column(name="first", label=Label("Đường thứ nhất", "First way"), unit="KMT"),
        Column(name="second", label=Label("Đường thứ hai", "Second way"), unit="KMT"),
    )
    return Table(name="stations", title=Label("Từng trạm", "Station by station"), columns=columns, rows=tuple(rows))


def _common(inventory: Inventory, shares: Sequence[str], found: Ways) -> list[str]:
    parts: Sequence[tuple[str, Sequence[int]]] = (
        ("group", found.groups), ("edge", found.edges), ("node", found.nodes),
    )  # fmt: skip
    return [_name(inventory, shares, what, at) for what, every in parts for at in every]


def _cores(inventory: Inventory, of: Net, groups: Sequence[Sequence[int]], shares: Sequence[str]) -> Table:
    """Core stations and neighbours by pairs: whether they keep together."""
    anchors = inventory.anchors[:40]
    rows: list[tuple[Cell, ...]] = []
    for i, a in enumerate(anchors):
        for b in anchors[i + 1 :]:
            found = diversity.ways(of, a, [b], groups)
            common = _common(inventory, shares, found)
            state = WAYS["none" if not found.routes else "one" if common else "two"]
            far = [round(diversity.length(of, r) / 1000, 1) for r in found.routes]
            rows.append((
                f"{inventory.stations[a].name} – {inventory.stations[b].name}", state.vi, state.en,
                some(common, 4) or NOTHING, far[0] if far else None, far[1] if len(far) > 1 else None,
            ))  # fmt: skip
    columns = (
        Column(name="pair", label=Label("Cặp trạm", "Pair")),
        Column(name="state", label=Label("Kết quả", "Result (Vietnamese)")),
        Column(name="state_en", label=Label("Kết quả (tiếng Anh)", "Result")),
        Column(name="common", label=Label("Điểm chung của mọi đường", "What all ways share")),
        Column(name="first", label=Label("Đường thứ nhất", "First way"), unit="KMT"),
        Column(name="second", label=Label("Đường thứ hai", "Second way"), unit="KMT"),
    )
    title = Label("Giữa các trạm lõi và tỉnh lân cận", "Between cores and neighbouring provinces")
    return Table(name="cores", title=title, columns=columns, rows=tuple(rows))


def _cables(inventory: Inventory, single: Sequence[Failure], groups: Sequence[Sequence[int]]) -> Layer:
    state = dict.fromkeys(range(len(inventory.cables)), "safe")
    state |= {e: "shared" for one in single if one.what[0][0] == "group" for e in groups[one.what[0][1]]}
    state |= {one.what[0][1]: "weak" for one in single if one.what[0][0] == "edge"}
    features = tuple(
        Feature(
            id=cable.code, geometry=cable.shape,
            properties={
                "name": cable.name, "state": state[e], "from": inventory.stations[cable.tail].name,
                "to": inventory.stations[cable.head].name, "metres": round(cable.metres, 1),
                "shares": "; ".join(cable.shares),
            },
        )
        for e, cable in enumerate(inventory.cables)
    )  # fmt: skip
    return Layer(name="cables", title=Label("Tuyến cáp", "Cables"), features=features, colour_by="state")


def _nodes(inventory: Inventory, states: Mapping[int, str]) -> Layer:
    features = tuple(
        Feature(
            id=station.feature.id, geometry=station.feature.geometry,
            properties={"name": station.name, "kind": station.kind, "state": states[v]},
        )
        for v, station in enumerate(inventory.stations)
        if not station.core
    )  # fmt: skip
    return Layer(name="stations", title=Label("Trạm", "Stations"), features=features, colour_by="state")


def _remarks(inventory: Inventory, others: int) -> tuple[Label, ...]:
    unknown = [s.name for s in inventory.stations if np.isnan(s.load) and not s.core]
    return (
        *inventory.remarks,
        *(
            (Label(f"{len(unknown)} trạm chưa có lưu lượng: tổng bị cắt chưa gồm các trạm này: {some(unknown)}.",
                   f"{len(unknown)} stations have no known load and do not count in what is cut: {some(unknown)}."),)
            if unknown
            else ()
        ),
        *(
            (Label(f"Đường đi chỉ lập cho {_PAIRED} trạm đầu; kết quả hai đường thì đủ mọi trạm.",
                   f"Routes are drawn up for the first {_PAIRED} stations; whether there are two is told for all."),)
            if others > _PAIRED
            else ()
        ),
        Label(
            "Hai đường tách biệt: đứt bất kỳ một cáp hay một hạ tầng đi chung đã ghi vẫn còn đường tới lõi hoặc tỉnh"
            " lân cận. Hạ tầng đi chung chưa ghi trong dữ liệu thì không biết được.",
            "Two separate ways: whichever one cable or recorded shared trench fails, a way to the core or to a"
            " neighbouring province is left. Sharing that is not recorded cannot be known.",
        ),
        Label(
            "Chỉ xét đường đi của cáp: nguồn điện, thiết bị và cấu hình chuyển mạch dự phòng không xét.",
            "Only the ways of cables are looked at: not power, equipment, nor how protection is configured.",
        ),
    )  # fmt: skip


def _partial(inventory: Inventory, states: Mapping[int, str]) -> Label | None:
    lost = network.lost_ends(inventory)
    apart = [inventory.stations[v].name for v, state in states.items() if state == "none"]
    if not apart:
        return lost
    said = Label(
        f"{len(apart)} trạm không nối tới lõi bằng cáp đang khai thác nào: {some(apart)}.",
        f"{len(apart)} stations are joined to the core by no cable in service: {some(apart)}.",
    )
    return said if lost is None else Label(f"{said.vi} {lost.vi}", f"{said.en} {lost.en}")

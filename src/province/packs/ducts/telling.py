"""What a trench plan says: roads, demand, materials, layers, and on what ground it stands. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import numpy.typing as npt
import shapely

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.study import (
    AMOUNT,
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
from province.packs.ducts.classes import CLASSES
from province.packs.ducts.streets import Ground, Street

if TYPE_CHECKING:
    from province.compute.network.phasing import Phases

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Cell = str | float | None
WAYS: Final[Mapping[str, Label]] = {
    "new": Label("Đào rãnh mới", "New trench"),
    "dug": Label("Cùng công trình đường", "In a road dug up anyway"),
    "duct": Label("Trong ống đã có", "In a duct that exists"),
}
STATES: Final[Mapping[str, Label]] = {
    "joined": Label("Được nối", "Joined"),
    "left": Label("Chưa nối", "Not joined"),
}
_UNNAMED: Final = Label("(không tên)", "(no name)")
_DIGITS: Final = 6


def way(street: Street) -> str:
    """How a cable gets into a road."""
    return "duct" if street.duct else "dug" if street.dug else "new"


def outcome(
    problem: Problem, ground: Ground, edges: Integers, cost: Floats, joined: Bools, nearest: Floats,
    certificate: Certificate, phased: Phases,
) -> Outcome:  # fmt: skip
    """Everything together."""
    metres: dict[str, float] = defaultdict(float)
    for e in edges.tolist():
        metres[way(ground.street(e))] += float(ground.network.metres[e])
    total = sum(d.weight for d in ground.demand)
    got = [d for d in ground.demand if d.node >= 0 and joined[d.node]]
    apart = [d for d in ground.demand if d.node >= 0 and not np.isfinite(nearest[d.node])]
    figures = (
        *(_figure(f"metres_{name}", label.vi, label.en, metres[name], "MTR") for name, label in WAYS.items()),
        Quantity(name="spent", label=cost_label(problem.unit), value=round(certificate.spent, 2), unit=problem.unit),
        _figure("points", "Điểm được nối", "Points joined", len(got), "C62"),
        _figure("covered", "Nhu cầu được nối", "Demand joined",
                100.0 * sum(d.weight for d in got) / total if total else 0.0, "P1"),
    )  # fmt: skip
    missing = [d.name for d in ground.demand if d.node < 0] + [d.name for d in apart]
    return Outcome(
        figures=figures,
        tables=(
            _demand(problem, ground, joined, nearest), _roads(problem, ground, edges, cost),
            _bill(problem, ground, edges, cost), *_years(problem, ground, edges, total, phased),
        ),
        layers=(_main(ground), _trenches(ground, edges, cost, phased), _demand_layer(ground, joined), _starts(ground)),
        certificate=certificate,
        remarks=(*ground.remarks, *_standing(problem), *_ordered(phased)),
        partial=_partial(missing, len(ground.demand)) if missing else None,
    )  # fmt: skip


def _standing(problem: Problem) -> tuple[Label, ...]:
    """What every plan of this kind stands on, in words."""
    return (
        Label(
            "Chiều dài theo tim đường; chưa tính dải kỹ thuật, băng đường, cầu cống và đấu nối vào nhà.",
            "Lengths follow the middle of the road; verges, crossings, bridges and drops into buildings do not count.",
        ),
        Label(
            "Ống đã có coi như còn chỗ: sức chứa của ống chưa xét.",
            "Ducts that exist are taken to have room: their capacity is not looked at.",
        ),
        *(
            ()
            if problem.unit != "MTR"
            else (Label("Ngân sách tính bằng mét rãnh: đường nào cũng như nhau.",
                        "The budget is in metres of trench: every road counts alike."),)
        ),
    )  # fmt: skip


def _partial(names: Sequence[str], every: int) -> Label:
    shown = some(names)
    return Label(
        f"{len(names)} trong {every} điểm không nối được bằng mạng đường này: {shown}.",
        f"{len(names)} of {every} points cannot be joined by this network of roads: {shown}.",
    )


def _figure(name: str, vi: str, en: str, value: float, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=round(float(value), 1), unit=unit)


def _demand(problem: Problem, ground: Ground, joined: Bools, nearest: Floats) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in ground.demand:
        done = one.node >= 0 and bool(joined[one.node])
        alone = float(nearest[one.node]) if one.node >= 0 else np.inf
        rows.append((
            one.name, STATES["joined" if done else "left"].vi, STATES["joined" if done else "left"].en, one.weight,
            100.0 if done else 0.0, round(one.away_m, 1), round(alone, 1) if np.isfinite(alone) else None,
        ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Điểm", "Point")),
        Column(name="state", label=Label("Kết quả", "Result (Vietnamese)")),
        Column(name="state_en", label=Label("Kết quả (tiếng Anh)", "Result")),
        Column(name="weight", label=Label("Trọng số", "Weight"), unit="C62"),
        Column(name="joined", label=Label("Được nối", "Joined"), unit="P1"),
        Column(name="away", label=Label("Cách đường", "From the road"), unit="MTR"),
        Column(name="alone", label=Label("Nối riêng tốn", "Joined alone it costs"), unit=problem.unit),
    )
    return Table(name="demand", title=Label("Từng điểm", "Point by point"), columns=columns, rows=tuple(rows))


def _roads(problem: Problem, ground: Ground, edges: Integers, cost: Floats) -> Table:
    """The chosen metres, by the name of the road and how the cable gets into it."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for e in edges.tolist():
        street = ground.street(e)
        mine = found[street.name, street.kind, way(street)]
        mine[0] += float(ground.network.metres[e])
        mine[1] += float(cost[e])
    rows = tuple(
        (name or _UNNAMED.vi, CLASSES[kind].vi, CLASSES[kind].en, WAYS[how].vi, WAYS[how].en, round(metres, 1),
         round(paid, 1))
        for (name, kind, how), (metres, paid) in sorted(found.items(), key=lambda item: -item[1][0])
    )  # fmt: skip
    columns = (
        Column(name="road", label=Label("Đường", "Road")),
        Column(name="class", label=Label("Cấp đường", "Class (Vietnamese)")),
        Column(name="class_en", label=Label("Cấp đường (tiếng Anh)", "Class")),
        Column(name="way", label=Label("Cách làm", "How (Vietnamese)")),
        Column(name="way_en", label=Label("Cách làm (tiếng Anh)", "How")),
        Column(name="metres", label=Label("Chiều dài", "Length"), unit="MTR"),
        Column(name="cost", label=cost_label(problem.unit), unit=problem.unit),
    )
    return Table(name="roads", title=Label("Từng tuyến đường", "Road by road"), columns=columns, rows=rows)


def _bill(problem: Problem, ground: Ground, edges: Integers, cost: Floats) -> Table:
    """Metres by class of road and way, with price and amount where the budget is money."""
    found: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for e in edges.tolist():
        street = ground.street(e)
        mine = found[street.kind, way(street)]
        mine[0] += float(ground.network.metres[e])
        mine[1] += float(cost[e])
    money = problem.unit == "VND"
    rows: list[tuple[Cell, ...]] = []
    for how, label in WAYS.items():
        for kind, road in CLASSES.items():
            if (kind, how) in found:
                metres, paid = found[kind, how]
                rows.append((
                    f"{label.vi}: {road.vi}", f"{label.en}: {road.en}", round(metres, 1),
                    round(paid / metres, 1) if money else None, round(paid, 1) if money else None,
                ))  # fmt: skip
    whole = sum(metres for metres, _ in found.values())
    rows.append(("Cộng", "Total", round(whole, 1), None, round(float(cost[edges].sum()), 1) if money else None))
    length = Column(name="metres", label=Label("Chiều dài", "Length"), unit="MTR")
    price = Column(name="price", label=Label("Đơn giá một mét", "Price of a metre"), unit="VND")
    return bill(length, price, AMOUNT, rows=rows)


def _years(problem: Problem, ground: Ground, edges: Integers, total: float, phased: Phases) -> tuple[Table, ...]:
    """What is built in each year; nothing of a plan for one."""
    if len(phased.cost) < 2:
        return ()
    metres = ground.network.metres[edges]
    rows = tuple(
        (f"{y + 1}", round(float(metres[phased.year == y].sum()), 1), round(float(phased.cost[y]), 1),
         round(float(phased.gathered[y]), 2), round(100.0 * float(phased.gathered[y]) / total, 1) if total else 0.0)
        for y in range(len(phased.cost))
    )  # fmt: skip
    columns = (
        Column(name="year", label=Label("Năm thứ", "Year")),
        Column(name="metres", label=Label("Chiều dài", "Length"), unit="MTR"),
        Column(name="cost", label=cost_label(problem.unit), unit=problem.unit),
        Column(name="joined", label=Label("Nhu cầu được nối, luỹ kế", "Demand joined so far"), unit="C62"),
        Column(name="share", label=Label("Phần nhu cầu", "Share of the demand"), unit="P1"),
    )
    return (Table(name="years", title=Label("Từng năm", "Year by year"), columns=columns, rows=rows),)


def _ordered(phased: Phases) -> tuple[Label, ...]:
    if len(phased.cost) < 2:
        return ()
    return (Label(
        "Cận là của năm cuối. Thứ tự các năm: mỗi năm nối được nhiều nhất với tiền đã có, không nhường cho năm sau.",
        "The bound is that of the last year. Of the order: every year joins the most that its money can, and gives up"
        " nothing for the years after it.",
    ),)  # fmt: skip


def _trenches(ground: Ground, edges: Integers, cost: Floats, phased: Phases) -> Layer:
    features = []
    for e, year in zip(edges.tolist(), phased.year.tolist(), strict=True):
        street = ground.street(e)
        features.append(Feature(
            id=f"edge-{e}", geometry=_line(ground, [ground.network.corners[e]]),
            properties={"name": street.name or _UNNAMED.vi, "class": street.kind, "way": way(street),
                        "metres": round(float(ground.network.metres[e]), 1), "cost": round(float(cost[e]), 1),
                        "year": year + 1},
        ))  # fmt: skip
    return Layer(name="trenches", title=Label("Tuyến chọn", "Chosen roads"), features=tuple(features), colour_by="way")


def _main(ground: Ground) -> Layer:
    """National and provincial roads around, to find one's way; one feature a class."""
    features = []
    for kind in ("national", "provincial", "district"):
        parts = [ground.network.corners[e] for e in range(len(ground.network.tail)) if ground.street(e).kind == kind]
        if parts:
            features.append(
                Feature(id=kind, geometry=_line(ground, parts), properties={"name": CLASSES[kind].vi, "class": kind})
            )
    return Layer(name="main", title=Label("Đường chính", "Main roads"), features=tuple(features))


def _demand_layer(ground: Ground, joined: Bools) -> Layer:
    features = tuple(
        Feature(
            id=d.feature.id,
            geometry=d.feature.geometry,
            properties={
                "name": d.name,
                "weight": d.weight,
                "state": "joined" if d.node >= 0 and joined[d.node] else "left",
            },
        )
        for d in ground.demand
    )
    return Layer(name="demand", title=Label("Điểm cần nối", "Demand"), features=features, colour_by="state")


def _starts(ground: Ground) -> Layer:
    features = tuple(
        Feature(id=f.id, geometry=f.geometry, properties={"name": f.name, "kind": "start"}) for f, _ in ground.starts
    )
    return Layer(name="starts", title=Label("Nơi bắt đầu", "Beginnings"), features=features, colour_by="kind")


def _line(ground: Ground, parts: Sequence[Floats]) -> Geometry:
    degrees = [np.round(ground.plane.degrees(p), _DIGITS) for p in parts]
    shape = shapely.linestrings(degrees[0]) if len(degrees) == 1 else shapely.line_merge(
        shapely.multilinestrings([shapely.linestrings(d) for d in degrees]))  # fmt: skip
    found: Geometry = msgspec.json.decode(shapely.to_geojson(shape))
    return found

"""What a plan of tours says: tour by tour, stop by stop, materials, lines along the roads. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import numpy.typing as npt
import shapely

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.study import Certificate, Column, Feature, Layer, Outcome, Problem, Quantity, Table, bill, some
from province.packs.post.stops import Visits, told

if TYPE_CHECKING:
    from province.compute.tours.case import Case, Tour
    from province.compute.tours.search import Plan, Reason
    from province.packs.post.roads import Driven

Floats = npt.NDArray[np.float64]
Cell = str | float | None
REASONS: Final[Mapping[str, Label]] = {
    "unreachable": Label("không có đường đi tới và về", "no road leads there and back"),
    "load": Label("nặng hơn tải trọng xe", "heavier than a vehicle may carry"),
    "window": Label("không xe nào tới kịp giờ nhận", "no vehicle can be there in time"),
    "hours": Label("đi và về vượt quá ca làm việc", "there and back takes longer than a shift"),
    "fleet": Label("các xe đều đã kín", "all vehicles are full"),
}
REMEDIES: Final[Mapping[str, Label]] = {
    "unreachable": Label("kiểm tra vị trí và mạng đường", "check its place and the roads around it"),
    "load": Label("chia nhỏ hoặc dùng xe lớn hơn", "divide the load or use a larger vehicle"),
    "window": Label("nới khung giờ hoặc cho xe đi sớm hơn", "widen the window or let vehicles leave earlier"),
    "hours": Label("kéo dài ca hoặc chọn nơi xuất phát gần hơn", "lengthen the shift or choose a nearer depot"),
    "fleet": Label("thêm xe", "add vehicles"),
}
COLOURS: Final = ("new", "shared", "good", "fair")
"""Tours of neighbouring numbers are drawn in different tones."""
STATES: Final[Mapping[str, Label]] = {
    "served": Label("Điểm được phục vụ", "Stop served"),
    "left": Label("Điểm chưa xếp được", "Stop without a tour"),
    "depot": Label("Nơi xe xuất phát", "Depot"),
}
_DIGITS: Final = 6


def series(colour: str) -> Label:
    """What a tone of tours stands for: `1, 5, 9 …`."""
    first = COLOURS.index(colour) + 1
    numbers = ", ".join(str(first + k * len(COLOURS)) for k in range(3))
    return Label(f"Chuyến {numbers}, …", f"Tours {numbers}, …")


def reasons(visits: Visits, left: Sequence[tuple[int, Reason]]) -> Label:
    """Which stops have no tour, why, and what would help, reason by reason."""
    by: dict[str, list[str]] = defaultdict(list)
    for stop, why in left:
        by[why].append(visits.stops[stop].feature.name)
    vi = [f"{some(n)}: {REASONS[w].vi}, nên {REMEDIES[w].vi}" for w, n in by.items()]
    en = [f"{some(n)}: {REASONS[w].en}; {REMEDIES[w].en}" for w, n in by.items()]
    return Label(". ".join(vi) + ".", ". ".join(en) + ".")


def remedy(left: Sequence[tuple[int, Reason]]) -> str:
    """What would help the most stops."""
    counts = {why: sum(w == why for _, w in left) for _, why in left}
    return REMEDIES[max(counts, key=lambda w: counts[w])].en.capitalize() + "."


def outcome(
    problem: Problem, visits: Visits, driven: Driven, case: Case, plan: Plan, pace: float, certificate: Certificate
) -> Outcome:
    """Everything together."""
    runs = [_Run(n, tour, visits, case) for n, tour in enumerate(_sorted(plan.tours), 1)]
    pairs = [pair for run in runs for pair in run.pairs]
    most = max((float(case.seconds[a, b]) for a, b in pairs), default=0.0) * pace * (1 + 1e-9) + 1.0
    legs = dict(zip(pairs, driven.legs(pairs, most), strict=True))
    metres = {run.number: sum(legs[pair][0] for pair in run.pairs) for run in runs}
    whole = sum(metres.values())
    served = sum(len(run.tour.stops) for run in runs)
    load = sum(run.load for run in runs)
    figures = (
        _figure("vehicles", "Số xe", "Vehicles", len(runs), "C62"),
        _figure("stops", "Điểm được phục vụ", "Stops served", served, "C62"),
        _figure("served", "Tỷ lệ điểm được phục vụ", "Share of stops served", 100 * served / len(visits.stops), "P1"),
        _figure("kilometres", "Tổng quãng đường", "Distance of all tours", whole / 1000, "KMT"),
        _figure("hours", "Tổng thời gian lái", "Time at the wheel", certificate.objective, "HUR"),
        _figure("load", "Khối lượng được chở", "Load carried", _weighed(load), "KGM"),
    )
    return Outcome(
        figures=figures,
        tables=(
            _tours(runs, metres), *((_left(visits, plan),) if plan.left else ()), _stops(runs, visits),
            _bill(runs, whole, certificate.objective, load),
        ),
        layers=(
            _roads(driven),
            Layer(name="tours", title=Label("Các chuyến", "Tours"), colour_by="colour",
                  features=tuple(_line(run, driven, legs, metres[run.number]) for run in runs)),
            *_points(runs, visits, plan),
        ),
        certificate=certificate,
        remarks=(*visits.remarks, *driven.remarks, *_standing(problem, visits, case)),
        partial=_partial(visits, plan) if plan.left else None,
    )  # fmt: skip


class _Run:
    """One tour with its times."""

    def __init__(self, number: int, tour: Tour, visits: Visits, case: Case) -> None:
        from province.compute.tours.timing import schedule

        self.number, self.tour = number, tour
        depot = int(case.fleet.depot[tour.kind])
        at = [depot, *(int(case.stops.place[s]) for s in tour.stops), depot]
        self.pairs = [(a, b) for a, b in pairwise(at) if a != b]
        self.times, self.back = schedule(case, tour.kind, tour.stops, tour.leaves)
        self.wheel = sum(float(case.seconds[a, b]) for a, b in self.pairs)
        self.load = sum(visits.stops[s].load for s in tour.stops)
        self.capacity = float(case.fleet.capacity[tour.kind])
        self.depot = visits.depots[tour.kind].feature.name
        self.id = f"tour-{number}"
        self.name = f"Chuyến {number}"
        self.name_en = f"Tour {number}"


def _sorted(tours: Sequence[Tour]) -> list[Tour]:
    return sorted(tours, key=lambda t: (t.kind, t.leaves, t.stops))


def _standing(problem: Problem, visits: Visits, case: Case) -> tuple[Label, ...]:
    pace = problem.number("pace")
    counts = [int(n) for n in case.fleet.count]
    found = [
        Label(
            f"Tốc độ lấy bằng {pace:g}% tốc độ đường thông thoáng, như nhau cả ngày: giờ cao điểm chưa tính riêng.",
            f"Driven at {pace:g}% of free speed, the same all day: rush hours are not told apart.",
        ),
        Label(
            "Mỗi xe đi một chuyến rồi về. Cấm rẽ, đường một chiều theo lớp đường; cấm tải theo giờ chưa có dữ liệu.",
            "Each vehicle makes one tour. One-ways and forbidden turns are those of the layer; bans of lorries by the"
            " hour are not known.",
        ),
    ]  # fmt: skip
    if len(counts) > 1:
        each = [f"{d.feature.name}: {n}" for d, n in zip(visits.depots, counts, strict=True)]
        found.append(Label(f"Xe chia theo nơi xuất phát: {some(each)}.", f"Vehicles by depot: {some(each)}."))
    return tuple(found)


def _partial(visits: Visits, plan: Plan) -> Label:
    why, every = reasons(visits, plan.left), len(visits.stops)
    return Label(f"{len(plan.left)} trong {every} điểm chưa có chuyến. {why.vi}",
                 f"{len(plan.left)} of {every} stops have no tour. {why.en}")  # fmt: skip


def _figure(name: str, vi: str, en: str, value: float | None, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=None if value is None else round(float(value), 2), unit=unit)


def _weighed(load: float) -> float | None:
    """A load to be shown: where no stop told its own, none is known."""
    return round(load, 1) or None


def _tours(runs: Sequence[_Run], metres: Mapping[int, float]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            run.name, run.name_en, run.depot, told(run.tour.leaves), told(run.back), float(len(run.tour.stops)),
            round(metres[run.number] / 1000, 1), round(run.wheel / 3600, 2),
            round((run.back - run.tour.leaves) / 3600, 2), _weighed(run.load),
            _weighed(100 * run.load / run.capacity),
        )
        for run in runs
    ]  # fmt: skip
    columns = (
        Column(name="name", label=Label("Chuyến", "Tour (Vietnamese)")),
        Column(name="name_en", label=Label("Chuyến (tiếng Anh)", "Tour")),
        Column(name="depot", label=Label("Xuất phát từ", "From")),
        Column(name="leaves", label=Label("Rời lúc", "Leaves")),
        Column(name="back", label=Label("Về lúc", "Back")),
        Column(name="stops", label=Label("Số điểm", "Stops"), unit="C62"),
        Column(name="km", label=Label("Quãng đường", "Distance"), unit="KMT"),
        Column(name="wheel", label=Label("Thời gian lái", "At the wheel"), unit="HUR"),
        Column(name="hours", label=Label("Cả chuyến", "Whole tour"), unit="HUR"),
        Column(name="load", label=Label("Khối lượng", "Load"), unit="KGM"),
        Column(name="full", label=Label("Đầy tải", "Of its capacity"), unit="P1"),
    )
    return Table(name="tours", title=Label("Từng xe", "Vehicle by vehicle"), columns=columns, rows=tuple(rows))


def _stops(runs: Sequence[_Run], visits: Visits) -> Table:
    """In the order of the tours."""
    rows: list[tuple[Cell, ...]] = []
    for run in runs:
        for order, (stop, (arrives, begins)) in enumerate(zip(run.tour.stops, run.times, strict=True), 1):
            one = visits.stops[stop]
            rows.append((
                one.feature.name, run.name, run.name_en, float(order), told(arrives), round((begins - arrives) / 60, 1),
                _weighed(one.load),
            ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Điểm", "Stop")),
        Column(name="tour", label=Label("Chuyến", "Tour (Vietnamese)")),
        Column(name="tour_en", label=Label("Chuyến (tiếng Anh)", "Tour")),
        Column(name="order", label=Label("Thứ tự", "Order"), unit="C62"),
        Column(name="arrives", label=Label("Tới lúc", "Arrives")),
        Column(name="waits", label=Label("Chờ mở cửa", "Waits"), unit="MIN"),
        Column(name="load", label=Label("Khối lượng", "Load"), unit="KGM"),
    )
    return Table(name="stops", title=Label("Từng điểm", "Stop by stop"), columns=columns, rows=tuple(rows))


def _left(visits: Visits, plan: Plan) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (visits.stops[s].feature.name, _weighed(visits.stops[s].load), REASONS[why].vi, REASONS[why].en,
         REMEDIES[why].vi, REMEDIES[why].en)
        for s, why in plan.left
    ]  # fmt: skip
    columns = (
        Column(name="name", label=Label("Điểm", "Stop")),
        Column(name="load", label=Label("Khối lượng", "Load"), unit="KGM"),
        Column(name="why", label=Label("Vì sao", "Why (Vietnamese)")),
        Column(name="why_en", label=Label("Vì sao (tiếng Anh)", "Why")),
        Column(name="remedy", label=Label("Cách khắc phục", "Remedy (Vietnamese)")),
        Column(name="remedy_en", label=Label("Cách khắc phục (tiếng Anh)", "Remedy")),
    )
    return Table(name="left", title=Label("Điểm chưa xếp được", "Stops without a tour"), columns=columns,
                 rows=tuple(rows))  # fmt: skip


def _bill(runs: Sequence[_Run], metres: float, wheel: float, load: float) -> Table:
    crew = sum(run.back - run.tour.leaves for run in runs) / 3600
    rows: tuple[tuple[Cell, ...], ...] = (
        ("Xe", "Vehicles", float(len(runs)), "xe", "vehicles"),
        ("Quãng đường xe chạy", "Distance driven", round(metres / 1000, 1), "km", "km"),
        ("Giờ lái", "Hours at the wheel", round(wheel, 2), "giờ", "h"),
        ("Giờ công của người giao", "Working hours of the crews", round(crew, 2), "giờ", "h"),
        ("Khối lượng", "Load", _weighed(load), "kg", "kg"),
    )
    return bill(
        Column(name="amount", label=Label("Số lượng", "Amount"), unit="C62"),
        Column(name="unit", label=Label("Đơn vị", "Unit (Vietnamese)")),
        Column(name="unit_en", label=Label("Đơn vị (tiếng Anh)", "Unit")),
        rows=rows,
    )


def _line(run: _Run, driven: Driven, legs: Mapping[tuple[int, int], tuple[float, Floats]], metres: float) -> Feature:
    corners = np.vstack([legs[pair][1] for pair in run.pairs]) if run.pairs else np.zeros((0, 2))
    return Feature(
        id=run.id, geometry=_shape(driven, corners) if len(corners) > 1 else None,
        properties={"name": run.name, "name_en": run.name_en, "colour": COLOURS[(run.number - 1) % len(COLOURS)],
                    "stops": len(run.tour.stops), "km": round(metres / 1000, 2), "load_kg": _weighed(run.load),
                    "leaves": told(run.tour.leaves), "back": told(run.back)},
    )  # fmt: skip


def _points(runs: Sequence[_Run], visits: Visits, plan: Plan) -> tuple[Layer, ...]:
    """Stops and depots; those that no road leads to stand on a layer of their own: they may lie anywhere."""
    nowhere = {stop for stop, why in plan.left if why == "unreachable"}
    of = {stop: (run.name, order) for run in runs for order, stop in enumerate(run.tour.stops, 1)}
    features = []
    for i, one in enumerate(visits.stops):
        tour, order = of.get(i, ("", None))
        features.append(Feature(
            id=one.feature.id, geometry={"type": "Point", "coordinates": list(one.place)},
            properties={"name": f"{one.feature.name} ({tour}, {order})" if tour else one.feature.name,
                        "state": "served" if tour else "left", "tour": tour, "order": order,
                        "load_kg": _weighed(one.load)},
        ))  # fmt: skip
    features += [
        Feature(id=f"depot-{d.feature.id}", geometry={"type": "Point", "coordinates": list(d.place)},
                properties={"name": d.feature.name, "state": "depot"})
        for d in visits.depots
    ]  # fmt: skip
    count = len(visits.stops)
    kept = tuple(f for i, f in enumerate(features) if i >= count or i not in nowhere)
    found = [Layer(name="points", title=Label("Điểm", "Stops and depots"), features=kept, colour_by="state")]
    if nowhere:
        apart = tuple(features[i] for i in sorted(nowhere))
        found.append(Layer(name="apart", title=Label("Điểm không có đường tới", "Stops off the roads"), features=apart))
    return tuple(found)


def _roads(driven: Driven) -> Layer:
    """Main roads around, to find one's way."""
    parts = [np.round(driven.plane.degrees(driven.network.corners[e]), _DIGITS) for e in np.flatnonzero(driven.trunk)]
    shape: Geometry | None = None
    if parts:
        lines = shapely.multilinestrings([shapely.linestrings(p) for p in parts])
        shape = msgspec.json.decode(shapely.to_geojson(shapely.line_merge(lines)))
    features = (Feature(id="roads", geometry=shape, properties={"name": "Đường chính"}),) if shape else ()
    return Layer(name="roads", title=Label("Đường chính", "Main roads"), features=features)


def _shape(driven: Driven, corners: Floats) -> Geometry:
    degrees = np.round(driven.plane.degrees(corners), _DIGITS)
    kept = np.concatenate([[True], (np.diff(degrees, axis=0) != 0).any(axis=1)])
    if kept.sum() == 1:
        return {"type": "Point", "coordinates": degrees[0].tolist()}
    found: Geometry = msgspec.json.decode(shapely.to_geojson(shapely.linestrings(degrees[kept])))
    return found

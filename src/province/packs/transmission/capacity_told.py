"""What a capacity plan says: systems with their forecasts, which is upgraded in which year, materials, layers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from province.compute import growth
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
from province.packs.transmission import network
from province.packs.transmission.systems import Given, System

Cell = str | float | None
STATES: Final[Mapping[str, Label]] = {
    "upgraded": Label("Nâng cấp", "Upgraded"),
    "enough": Label("Đủ", "Enough"),
    "unknown": Label("Chưa có lưu lượng", "Load not known"),
}
MODULES: Final = (Label("Mô-đun nhỏ", "Small module"), Label("Mô-đun lớn", "Large module"))


@dataclass(frozen=True, slots=True)
class Told:
    """A plan. lit: of each year, (systems, modules).  paid: years whose sum is within the budget.

    price: (systems, modules).  parted: failures that no capacity helps, with the demand that they part.
    failures: names of those that all demand survives.
    """

    given: Given
    years: Sequence[int]
    unknown: Sequence[int]
    price: npt.NDArray[np.float64]
    lit: Sequence[npt.NDArray[np.int64]]
    paid: Sequence[bool]
    parted: Mapping[str, Sequence[str]]
    failures: Sequence[str]

    def cost(self, counts: npt.NDArray[np.int64]) -> float:
        """Of some modules."""
        return float((counts * self.price).sum())


def outcome(problem: Problem, told: Told, certificate: Certificate) -> Outcome:
    """Everything together."""
    added = np.sum(told.lit, axis=0)
    size = np.array([problem.number("module_small"), problem.number("module_large")])
    upgraded = int((added.sum(axis=1) > 0).sum())
    figures = (
        _figure("spent", "Chi phí", "Cost", certificate.objective, problem.unit)
        if problem.unit == "VND"
        else _figure("spent", "Mô-đun phải mua", "Modules to buy", certificate.objective, problem.unit),
        _figure("upgraded", "Hệ thống nâng cấp", "Systems upgraded", upgraded, "C62"),
        _figure("added", "Dung lượng thêm", "Capacity added", float((added @ size).sum()), "B80"),
        _figure("now", "Dung lượng đang mở", "Capacity lit", sum(s.capacity for s in told.given.systems), "B80"),
        _figure("failures", "Sự cố đã xét", "Failures looked at", len(told.failures), "C62"),
    )
    states = [
        "upgraded" if added[i].sum() else "unknown" if i in told.unknown else "enough"
        for i in range(len(told.given.systems))
    ]
    return Outcome(
        figures=figures,
        tables=(
            _systems(problem, told, added, size, states), _upgrades(problem, told, size),
            _forecasts(problem, told), _bill(problem, told, added),
        ),
        layers=(_lines(told, added, size, states), _stations(told)),
        certificate=certificate,
        remarks=(*told.given.remarks, *_standing(problem, told)),
        partial=_partial(problem, told, certificate),
    )  # fmt: skip


def _figure(name: str, vi: str, en: str, value: float | None, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=None if value is None else round(value, 1), unit=unit)


def _model(problem: Problem) -> growth.Model:
    return "exponential" if problem.word("growth_model") == "exponential" else "linear"


def _ahead(problem: Problem, system: System, year: int) -> growth.Forecast | None:
    return growth.forecast(list(system.past), list(system.past.values()), year, _model(problem))


def _first(told: Told, i: int) -> str:
    return next((str(y) for y, lit in zip(told.years, told.lit, strict=True) if lit[i].sum()), "–")


def _systems(
    problem: Problem, told: Told, added: npt.NDArray[np.int64], size: npt.NDArray[np.float64], states: Sequence[str]
) -> Table:
    last, share = told.years[-1], problem.number("full_at") / 100.0
    rows: list[tuple[Cell, ...]] = []
    for i, one in enumerate(told.given.systems):
        ahead = _ahead(problem, one, last)
        newest = one.past[max(one.past)] if one.past else None
        full, early = growth.reaches(
            list(one.past), list(one.past.values()), share * one.capacity, _model(problem), last
        )  # fmt: skip
        used = 100.0 * newest / one.capacity if newest is not None and one.capacity else None
        state = STATES[states[i]]
        rows.append((
            one.name, state.vi, state.en, one.capacity, newest, None if used is None else round(used, 1),
            None if ahead is None else round(ahead.value, 1),
            None if ahead is None else f"{ahead.low:,.0f} – {ahead.high:,.0f}",
            *_when(ahead, full, early, last), _first(told, i), round(one.capacity + float(added[i] @ size), 1),
        ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Hệ thống", "System")),
        Column(name="state", label=Label("Kết quả", "Result (Vietnamese)")),
        Column(name="state_en", label=Label("Kết quả (tiếng Anh)", "Result")),
        Column(name="capacity", label=Label("Đang mở", "Lit"), unit="B80"),
        Column(name="load", label=Label("Đỉnh gần nhất", "Last peak"), unit="B80"),
        Column(name="use", label=Label("Sử dụng", "Use"), unit="P1"),
        Column(name="forecast", label=Label(f"Dự báo {last}", f"Forecast for {last}"), unit="B80"),
        Column(name="interval", label=Label("Khoảng 90% (Gbit/s)", "90% interval (Gbit/s)")),
        Column(name="full", label=Label("Đầy vào năm", "Full in (Vietnamese)")),
        Column(name="full_en", label=Label("Đầy vào năm (tiếng Anh)", "Full in")),
        Column(name="upgrade", label=Label("Nâng cấp năm", "Upgraded in")),
        Column(name="after", label=Label("Sau nâng cấp", "Afterwards"), unit="B80"),
    )
    return Table(name="systems", title=Label("Từng hệ thống", "System by system"), columns=columns, rows=tuple(rows))


def _when(ahead: growth.Forecast | None, full: int | None, early: int | None, last: int) -> tuple[str, str]:
    """When a system is full if nothing fails and nothing is added, in both languages; empty: not known."""
    if ahead is None:
        return "", ""
    may = (f" (sớm nhất {early})", f" ({early} at the earliest)") if early is not None and early != full else ("", "")
    if full is None:
        return f"sau {last}{may[0]}", f"after {last}{may[1]}"
    return f"{full}{may[0]}", f"{full}{may[1]}"


def _upgrades(problem: Problem, told: Told, size: npt.NDArray[np.float64]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    lit = np.array([s.capacity for s in told.given.systems])
    for year, more, paid in zip(told.years, told.lit, told.paid, strict=True):
        before, lit = lit, lit + more @ size
        rows += [
            (
                str(year), told.given.systems[i].name, float(more[i, 0]), float(more[i, 1]), round(float(before[i]), 1),
                round(float(lit[i]), 1), round(float((more[i] * told.price[i]).sum()), 1),
                "có" if paid else "không", "yes" if paid else "no",
            )
            for i in np.flatnonzero(more.sum(axis=1)).tolist()
        ]  # fmt: skip
    columns = (
        Column(name="year", label=Label("Năm", "Year")),
        Column(name="name", label=Label("Hệ thống", "System")),
        Column(name="small", label=MODULES[0], unit="C62"),
        Column(name="large", label=MODULES[1], unit="C62"),
        Column(name="before", label=Label("Từ", "From"), unit="B80"),
        Column(name="after", label=Label("Lên", "To"), unit="B80"),
        Column(name="cost", label=cost_label(problem.unit), unit=problem.unit),
        Column(name="paid", label=Label("Trong ngân sách", "Within the budget (Vietnamese)")),
        Column(name="paid_en", label=Label("Trong ngân sách (tiếng Anh)", "Within the budget")),
    )
    title = Label("Nâng cấp hệ thống nào, năm nào", "Which system is upgraded in which year")
    return Table(name="upgrades", title=title, columns=columns, rows=tuple(rows))


def _forecasts(problem: Problem, told: Told) -> Table:
    rows = []
    for one in told.given.systems:
        ahead = [_ahead(problem, one, year) for year in told.years]
        rows.append((one.name, float(len(one.past)), *(None if a is None else round(a.value, 1) for a in ahead)))
    columns = (
        Column(name="name", label=Label("Hệ thống", "System")),
        Column(name="years", label=Label("Số năm có số liệu", "Years known"), unit="C62"),
        *(Column(name=f"y{year}", label=Label(str(year), str(year)), unit="B80") for year in told.years),
    )
    title = Label("Dự báo lưu lượng đỉnh", "Forecast of the busiest hour")
    return Table(name="forecasts", title=title, columns=columns, rows=tuple(rows))


def _bill(problem: Problem, told: Told, added: npt.NDArray[np.int64]) -> Table:
    money = problem.unit == "VND"
    rows: list[tuple[Cell, ...]] = []
    for m, label in enumerate(MODULES):
        size = problem.number("module_small" if m == 0 else "module_large")
        count, price = float(added[:, m].sum()), float(told.price[0, m])
        rows.append((
            f"{label.vi}, {size:g} Gbit/s", f"{label.en}, {size:g} Gbit/s", count, price if money else None,
            round(count * price, 1) if money else None,
        ))  # fmt: skip
    rows.append(("Cộng", "Total", float(added.sum()), None, round(told.cost(added), 1) if money else None))
    quantity = Column(name="quantity", label=Label("Số lượng", "Quantity"), unit="C62")
    return bill(quantity, PRICE, AMOUNT, rows=rows)


def _lines(told: Told, added: npt.NDArray[np.int64], size: npt.NDArray[np.float64], states: Sequence[str]) -> Layer:
    within = np.sum([lit for lit, paid in zip(told.lit, told.paid, strict=True) if paid] or [0 * added], axis=0)
    features = tuple(
        Feature(
            id=one.code,
            geometry=network.straight(told.given.stations[one.tail].feature, told.given.stations[one.head].feature),
            properties={"name": one.name, "state": states[i], "capacity": one.capacity,
                        "after": round(one.capacity + float(added[i] @ size), 1), "year": _first(told, i),
                        "paid": round(one.capacity + float(within[i] @ size), 1),
                        "start": told.given.stations[one.tail].code, "finish": told.given.stations[one.head].code},
        )
        for i, one in enumerate(told.given.systems)
    )  # fmt: skip
    return Layer(name="systems", title=Label("Hệ thống", "Systems"), features=features, colour_by="state")


def _stations(told: Told) -> Layer:
    features = tuple(
        Feature(id=s.feature.id, geometry=s.feature.geometry, properties={"name": s.name, "kind": "station"})
        for s in told.given.stations
    )
    return Layer(name="stations", title=Label("Trạm", "Stations"), features=features, colour_by="kind")


def _standing(problem: Problem, told: Told) -> tuple[Label, ...]:
    found = [
        Label(
            "Dự báo kéo dài đà tăng của lịch sử; khoảng 90% chỉ nói độ tản mát của các năm đã biết.",
            "Forecasts carry on the growth of the history; the 90% interval tells only the scatter of the years known.",
        ),
        Label(
            "Nhu cầu được chia nhiều đường và định tuyến lại khi hỏng (khôi phục). Bảo vệ 1+1 bằng đường cố định có"
            " thể cần nhiều dung lượng hơn.",
            "Demand may be split over routes and is routed anew when something fails (restoration). Protection by fixed"
            " second paths (1+1) may need more capacity.",
        ),
        Label(
            "Mỗi hệ thống cần thêm sợi và chỗ lắp: kiểm tra ở bảng sợi trước khi mở.",
            "More capacity needs fibres and room for equipment: check the fibres before it is lit.",
        ),
    ]
    if problem.unit != "VND":
        found.append(Label(
            "Ngân sách tính bằng mô-đun: nhỏ hay lớn như nhau, nên mô-đun lớn được chọn trước.",
            "The budget is in modules: small and large count alike, large ones come first.",
        ))  # fmt: skip
    if not told.given.wanted:
        found.append(Label(
            "Không có bảng nhu cầu: lưu lượng của mỗi hệ thống được coi là nhu cầu giữa hai đầu của nó.",
            "No demand is given: the load of each system counts as demand between its two ends.",
        ))  # fmt: skip
    for name, pairs in told.parted.items():
        found.append(Label(
            f"Không dung lượng nào cứu được: hỏng {name} cắt {some(pairs)}. Cần tuyến thứ hai (bài toán vòng).",
            f"No capacity helps: the failure of {name} parts {some(pairs)}. It takes a second way (study of rings).",
        ))  # fmt: skip
    if problem.word("protection") == "none":
        found.append(Label("Không xét sự cố: chỉ đủ khi mọi thứ hoạt động.",
                           "Failures are not looked at: it is enough only while everything works."))  # fmt: skip
    return tuple(found)


def _partial(problem: Problem, told: Told, certificate: Certificate) -> Label | None:
    names = [told.given.systems[i].name for i in told.unknown]
    parts: list[Label] = []
    if told.given.lost:
        parts.append(Label(
            f"{len(told.given.lost)} hệ thống có đầu không phải là trạm nào, không tính: {some(told.given.lost)}.",
            f"{len(told.given.lost)} systems have an end that is no station and are left out: {some(told.given.lost)}.",
        ))  # fmt: skip
    if names:
        parts.append(Label(
            f"{len(names)} hệ thống chưa đủ {growth.LEAST} năm số liệu nên chưa có dự báo, không tính lưu lượng:"
            f" {some(names)}.",
            f"{len(names)} systems have fewer than {growth.LEAST} years of load, no forecast, and count no load:"
            f" {some(names)}.",
        ))  # fmt: skip
    if not all(told.paid):
        until = [y for y, paid in zip(told.years, told.paid, strict=True) if paid]
        whole = f"{vietnamese(certificate.objective)} {'đồng' if problem.unit == 'VND' else 'mô-đun'}"
        whole_en = f"{certificate.objective:,.0f} {'đồng' if problem.unit == 'VND' else 'modules'}"
        parts.append(Label(
            f"Ngân sách không đủ: đến {told.years[-1]} cần {whole}; ngân sách "
            + (f"chỉ tới hết năm {until[-1]}." if until else f"chưa đủ cho năm {told.years[0]}."),
            f"The budget is too small: {whole_en} are needed until {told.years[-1]}; it "
            + (f"reaches to the end of {until[-1]}." if until else f"does not pay for {told.years[0]}."),
        ))  # fmt: skip
    return Label(" ".join(p.vi for p in parts), " ".join(p.en for p in parts)) if parts else None

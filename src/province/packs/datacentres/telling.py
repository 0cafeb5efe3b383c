"""What a siting study says: the front side by side, the places one by one, materials, layers. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from province.model.geometry import Geometry, point
from province.model.label import Label
from province.model.study import Certificate, Column, Feature, Layer, Outcome, Quantity, Table, some
from province.packs.datacentres.reading import Ground

if TYPE_CHECKING:
    from province.compute.siting.pareto import Front

Integers = npt.NDArray[np.int64]
Cell = str | float | None
NAMES: Final = {
    "cost": Label("Chi phí", "Cost"),
    "delay": Label("Trễ khứ hồi", "Delay there and back"),
    "flood": Label("Độ sâu ngập", "Depth of flooding"),
    "power": Label("Đường dây điện", "Power lines"),
    "apart": Label("Khoảng cách giữa các trung tâm", "Distance between the centres"),
}
UNITS: Final = {"cost": "VND", "delay": "B98", "flood": "CMT", "power": "KMT", "apart": "KMT"}
STATES: Final = {
    "knee": Label("Trong phương án gợi ý", "In the suggested plan"),
    "front": Label("Trong phương án khác của biên", "In another plan of the front"),
    "off": Label("Không thuộc phương án nào của biên", "In no plan of the front"),
    "out": Label("Không xét được", "Cannot be planned with"),
}
_SUGGESTED: Final = Label("Gợi ý: cân bằng nhất", "Suggested: the most balanced")
_MOST_SHOWN: Final = 500
_DIGITS: Final = 6


def cost_of(ground: Ground, plan: Integers, feeds: Integers) -> float:
    """What a plan costs with its power lines, in đồng; NaN when nobody knows."""
    return float(ground.cost[plan].sum()) + ground.line * sum(_lengths(ground, plan, feeds))


def outcome(ground: Ground, found: Front, knee: int, feeds: Sequence[Integers], certificate: Certificate) -> Outcome:
    """Everything together."""
    shown = _shown(found, knee)
    values = [_values(ground, plan, fed) for plan, fed in zip(found.plans, feeds, strict=True)]
    best = values[knee]
    unknown = [c for c in NAMES if c not in found.criteria and (c != "apart" or len(found.plans[0]) > 1)]
    partial = _partial(ground, unknown, len(found.plans) - len(shown))
    figures = (
        Quantity(name="plans", label=Label("Phương án trên biên Pareto", "Plans on the Pareto front"),
                 value=float(len(found.plans)), unit="C62"),
        Quantity(name="cost", label=Label("Chi phí, tỷ đồng (gợi ý)", "Cost, billion đồng (suggested)"),
                 value=None if best["cost"] is None else round(best["cost"] / 1e9, 1), unit="C62"),
        *(Quantity(name=c, label=Label(f"{label.vi} (gợi ý)", f"{label.en} (suggested)"), value=_told(c, best[c]),
                   unit=UNITS[c])
          for c, label in NAMES.items() if c != "cost" and (c != "apart" or len(found.plans[0]) > 1)),
    )  # fmt: skip
    return Outcome(
        figures=figures,
        tables=(_front(ground, found, shown, knee, values), _places(ground, found, knee),
                _bill(ground, found.plans[knee], feeds[knee])),
        layers=(
            _front_layer(ground, found, shown, knee, values), _lines(ground, found.plans[knee], feeds[knee]),
            _demand(ground), _substations(ground), _place_layer(ground, found, knee),
        ),
        certificate=certificate,
        remarks=(*ground.remarks, *_standing()),
        partial=partial,
    )  # fmt: skip


def _shown(found: Front, knee: int) -> list[int]:
    """The rows of the front that are told: the suggested one first, the rest by their steps."""
    order = [knee, *(i for i in np.lexsort(found.steps.T[::-1]).tolist() if i != knee)]
    return order[:_MOST_SHOWN]


def _values(ground: Ground, plan: Integers, feeds: Integers) -> dict[str, float | None]:
    """Every criterion of a plan; None: not known."""
    lengths = _lengths(ground, plan, feeds)
    cost, flood = cost_of(ground, plan, feeds), float(ground.flood[plan].max())
    near = ground.delay[:, plan].min(axis=1) if len(ground.demand) else np.zeros(0)
    pairs = [float(ground.between[a, b]) for a, b in itertools.combinations(plan.tolist(), 2)]
    return {
        "cost": None if np.isnan(cost) else cost,
        "delay": float(ground.weight @ near / ground.weight.sum()) if len(ground.demand) else None,
        "flood": None if np.isnan(flood) else 100.0 * flood,
        "power": sum(lengths) if lengths else None,
        "apart": min(pairs) if pairs else None,
    }


def _lengths(ground: Ground, plan: Integers, feeds: Integers) -> list[float]:
    return [float(ground.power[p, s]) for p, s in zip(plan, feeds, strict=True) if s >= 0]


def _told(name: str, value: float | None) -> float | None:
    return None if value is None else round(value, {"cost": 0, "delay": 0, "flood": 0}.get(name, 1))


def _name(ground: Ground, plan: Integers) -> str:
    return " + ".join(ground.places[int(i)].name for i in plan)


def _front(
    ground: Ground, found: Front, shown: Sequence[int], knee: int, values: Sequence[dict[str, float | None]]
) -> Table:
    kept = [c for c in NAMES if c != "apart" or len(found.plans[0]) > 1]
    best = {c: found.steps[:, j].min() for j, c in enumerate(found.criteria)}
    rows: list[tuple[Cell, ...]] = []
    for i in shown:
        leads = [c for j, c in enumerate(found.criteria) if found.steps[i, j] == best[c]]
        said = _remark(i == knee, leads)
        rows.append((_name(ground, found.plans[i]), *(_told(c, values[i][c]) for c in kept), said.vi, said.en))
    columns = (
        Column(name="plan", label=Label("Phương án", "Plan")),
        *(Column(name=c, label=NAMES[c], unit=UNITS[c]) for c in kept),
        Column(name="note", label=Label("Ghi chú", "Note (Vietnamese)")),
        Column(name="note_en", label=Label("Ghi chú (tiếng Anh)", "Note")),
    )
    return Table(
        name="front", title=Label("Các phương án không phương án nào trội hơn", "Plans that no other one beats"),
        columns=columns, rows=tuple(rows),
    )  # fmt: skip


def _remark(suggested: bool, leads: Sequence[str]) -> Label:
    vi = [_SUGGESTED.vi] if suggested else []
    en = [_SUGGESTED.en] if suggested else []
    if leads:
        vi.append("tốt nhất về " + ", ".join(NAMES[c].vi.lower() for c in leads))
        en.append("best in " + ", ".join(NAMES[c].en.lower() for c in leads))
    return Label("; ".join(vi) or "–", "; ".join(en) or "–")


def _state(found: Front, knee: int, i: int) -> str:
    return "knee" if i in found.plans[knee] else "front" if (found.plans == i).any() else "off"


def _places(ground: Ground, found: Front, knee: int) -> Table:
    """Every place with what is known of it: side by side, and why one was left out."""
    rows: list[tuple[Cell, ...]] = []
    for i, place in enumerate(ground.places):
        state = _state(found, knee, i)
        alone = _values(ground, np.array([i]), np.array([_nearest(ground, i)]))
        fed = _nearest(ground, i)
        rows.append((
            place.name, STATES[state].vi, STATES[state].en,
            *(_told(c, alone[c]) for c in NAMES if c != "apart"),
            ground.substations[fed].name if fed >= 0 else None, float((found.plans == i).any(axis=1).sum()),
        ))  # fmt: skip
    rows += [(f.name, f"{STATES['out'].vi}: {why.vi}", f"{STATES['out'].en}: {why.en}", *(None,) * 4, None, None)
             for f, why in ground.out]  # fmt: skip
    columns = (
        Column(name="place", label=Label("Địa điểm", "Place")),
        Column(name="state", label=Label("Kết quả", "Result (Vietnamese)")),
        Column(name="state_en", label=Label("Kết quả (tiếng Anh)", "Result")),
        *(Column(name=c, label=NAMES[c], unit=UNITS[c]) for c in NAMES if c != "apart"),
        Column(name="substation", label=Label("Trạm điện gần nhất còn đủ", "Nearest substation with room")),
        Column(name="plans", label=Label("Có trong số phương án", "In so many plans"), unit="C62"),
    )
    return Table(name="places", title=Label("Từng địa điểm, xét riêng", "Place by place, each alone"), columns=columns,
                 rows=tuple(rows))  # fmt: skip


def _nearest(ground: Ground, i: int) -> int:
    if not len(ground.substations) or not np.isfinite(ground.power[i]).any():
        return -1
    return int(ground.power[i].argmin())


def _bill(ground: Ground, plan: Integers, feeds: Integers) -> Table:
    """What the suggested plan consists of, with what of it has a price."""
    rows: list[tuple[Cell, ...]] = []
    for p, s in zip(plan.tolist(), feeds.tolist(), strict=True):
        name, cost = ground.places[p].name, float(ground.cost[p])
        rows.append((f"Trung tâm dữ liệu tại {name}", f"Data centre at {name}", 1.0, "nơi", "places",
                     None if np.isnan(cost) else cost))  # fmt: skip
        if s >= 0:
            there, length = ground.substations[s].name, float(ground.power[p, s])
            paid = round(ground.line * length, 0) if ground.line else None
            rows.append(
                (f"Đường dây điện {name} – {there}", f"Power line {name} – {there}", round(length, 2), "km", "km", paid)
            )
    amounts = [row[-1] for row in rows]
    whole = None if None in amounts else sum(float(a) for a in amounts if a is not None)
    rows.append(("Cộng", "Total", None, "–", "–", whole))
    columns = (
        Column(name="item", label=Label("Hạng mục", "Item (Vietnamese)")),
        Column(name="item_en", label=Label("Hạng mục (tiếng Anh)", "Item")),
        Column(name="quantity", label=Label("Khối lượng", "Quantity"), unit="C62"),
        Column(name="unit", label=Label("Đơn vị", "Unit (Vietnamese)")),
        Column(name="unit_en", label=Label("Đơn vị (tiếng Anh)", "Unit")),
        Column(name="amount", label=Label("Thành tiền", "Amount"), unit="VND"),
    )
    return Table(name="materials", title=Label("Khối lượng của phương án gợi ý", "Materials of the suggested plan"),
                 columns=columns, rows=tuple(rows))  # fmt: skip


def _front_layer(
    ground: Ground, found: Front, shown: Sequence[int], knee: int, values: Sequence[dict[str, float | None]]
) -> Layer:
    features = tuple(
        Feature(
            id=f"plan-{n + 1}",
            geometry=_joined(ground, found.plans[i]),
            properties={"name": _name(ground, found.plans[i]), "kind": "knee" if i == knee else "other"}
            | {c: told for c in NAMES if (told := _told(c, values[i][c])) is not None},
        )
        for n, i in enumerate(shown)
    )
    return Layer(name="front", title=Label("Phương án", "Plans"), features=features, colour_by="kind")


def _joined(ground: Ground, plan: Integers) -> Geometry:
    """The centres of a plan as one shape: a point, a line, or a closed line."""
    spots = [[round(float(v), _DIGITS) for v in ground.plane.degrees(ground.spot[i])[0]] for i in plan]
    if len(spots) == 1:
        return point(*spots[0])
    return {"type": "LineString", "coordinates": [*spots, spots[0]] if len(spots) > 2 else spots}


def _lines(ground: Ground, plan: Integers, feeds: Integers) -> Layer:
    sub = {s: f.geometry for s, f in enumerate(ground.substations)}
    features = []
    for p, s in zip(plan.tolist(), feeds.tolist(), strict=True):
        to = sub.get(s)
        if to is not None and to["type"] == "Point":
            start = [round(float(v), _DIGITS) for v in ground.plane.degrees(ground.spot[p])[0]]
            features.append(Feature(
                id=f"line-{p}", geometry={"type": "LineString", "coordinates": [start, list(to["coordinates"][:2])]},
                properties={"name": f"{ground.places[p].name} – {ground.substations[s].name}", "kind": "power",
                            "km": round(float(ground.power[p, s]), 2)},
            ))  # fmt: skip
    return Layer(name="lines", title=Label("Đường dây điện", "Power lines"), features=tuple(features), colour_by="kind")


def _place_layer(ground: Ground, found: Front, knee: int) -> Layer:
    features = [
        Feature(id=f.id, geometry=f.geometry, properties={"name": f.name, "state": _state(found, knee, i)})
        for i, f in enumerate(ground.places)
    ]
    features += [
        Feature(id=f.id, geometry=f.geometry, properties={"name": f.name, "state": "out"}) for f, _ in ground.out
    ]
    return Layer(name="places", title=Label("Địa điểm", "Places"), features=tuple(features), colour_by="state")


def _demand(ground: Ground) -> Layer:
    features = tuple(
        Feature(id=f.id, geometry=f.geometry, properties={"name": f.name, "kind": "demand"}) for f in ground.demand
    )
    return Layer(name="demand", title=Label("Nhu cầu", "Demand"), features=features, colour_by="kind")


def _substations(ground: Ground) -> Layer:
    features = tuple(
        Feature(id=f.id, geometry=f.geometry, properties={"name": f.name, "kind": "substation"})
        for f in ground.substations
    )
    return Layer(name="substations", title=Label("Trạm điện", "Substations"), features=features, colour_by="kind")


def _partial(ground: Ground, unknown: Sequence[str], more: int) -> Label | None:
    """Why the answer is less than was asked."""
    vi, en = [], []
    for name in unknown:
        lacking = _lacking(ground, name)
        vi.append(f"chưa xét được “{NAMES[name].vi.lower()}”: {lacking.vi}")
        en.append(f"“{NAMES[name].en.lower()}” was not judged: {lacking.en}")
    if ground.out:
        names = some([f.name for f, _ in ground.out])
        vi.append(f"{len(ground.out)} địa điểm không xét được: {names}")
        en.append(f"{len(ground.out)} places cannot be planned with: {names}")
    if more:
        vi.append(f"{more} phương án nữa của biên không liệt kê")
        en.append(f"{more} further plans of the front are not listed")
    return Label(_sentence(vi), _sentence(en)) if vi else None


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _lacking(ground: Ground, name: str) -> Label:
    if name == "delay":
        return Label("chưa có lớp nhu cầu", "there is no layer of demand")
    if name == "power":
        return Label("chưa có lớp trạm điện", "there is no layer of substations")
    values = ground.cost if name == "cost" else ground.flood
    if np.isnan(values).all():
        return Label("chưa địa điểm nào có dữ liệu", "no place has data")
    names = some([f.name for f, v in zip(ground.places, values, strict=True) if np.isnan(v)])
    return Label(f"chưa có dữ liệu của {names}", f"no data of {names}")


def _standing() -> tuple[Label, ...]:
    """What every study of this kind stands on, in words."""
    return (
        Label(
            "Phương án gợi ý gần mức tốt nhất của mọi tiêu chí nhất, mỗi tiêu chí tính ngang nhau theo khoảng của"
            " biên; quyền chọn thuộc người lập quy hoạch.",
            "The suggested plan is nearest to the best of every criterion, each counting alike by its range on the"
            " front; the choice is the planner's.",
        ),
        Label(
            "Hai phương án chênh nhau dưới 1 triệu đồng, 1 µs, 1 cm hay 100 m coi như bằng nhau.",
            "Plans that differ by less than a million đồng, 1 µs, 1 cm or 100 m count as alike.",
        ),
        Label(
            "Trễ là thời gian truyền trong cáp tới trung tâm gần nhất và về, bình quân theo trọng số; chưa gồm"
            " thiết bị.",
            "The delay is the time in the fibre to the nearest centre and back, the weighted mean, without equipment.",
        ),
        Label(
            "Độ ngập của phương án là ở nơi sâu nhất; đường dây điện cộng lại, mỗi trạm chỉ cấp trong phần còn trống.",
            "A plan is as deep in a flood as its deepest place; power lines are added up, and a substation feeds no"
            " more than it has to spare.",
        ),
    )  # fmt: skip

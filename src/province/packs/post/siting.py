"""What a plan of hubs says: centre by centre, place by place, materials, the map with the radius. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import numpy.typing as npt
import shapely

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.study import AMOUNT, Column, Feature, Layer, Outcome, Problem, Quantity, Table, bill, some

if TYPE_CHECKING:
    from province.packs.post.hubs import Choice, Ground

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Cell = str | float | None
KINDS: Final[Mapping[str, Label]] = {
    "new": Label("Trung tâm mới", "New centre"),
    "existing": Label("Trung tâm đã có", "Centre that exists"),
}
STATES: Final[Mapping[str, Label]] = {
    "inside": Label("Trong bán kính", "Within the radius"),
    "outside": Label("Ngoài bán kính", "Beyond the radius"),
}
_DIGITS: Final = 6


def outcome(problem: Problem, ground: Ground, choice: Choice) -> Outcome:
    """Everything together."""
    radius = problem.number("target_radius")
    way = np.array([
        ground.metres[i, j] / 1000.0 if j >= 0 else np.inf for i, j in enumerate(choice.serves.tolist())
    ])  # fmt: skip
    inside = way <= radius
    total = float(ground.weight.sum())
    new = sum(not ground.sites[j].exists for j in choice.chosen)
    mean = float((way[np.isfinite(way)] * ground.weight[np.isfinite(way)]).sum() / total)
    figures = (
        _figure("hubs", "Số trung tâm", "Centres", len(choice.chosen), "C62"),
        _figure("new", "Trong đó xây mới", "Of which new", new, "C62"),
        _figure("mean", "Quãng đường bình quân", "Mean way", mean, "KMT"),
        _figure("farthest", "Xa nhất", "Farthest", float(way.max()), "KMT"),
        _figure("volume", "Nhu cầu được tính", "Demand counted", total, ground.unit),
        _figure("inside", f"Nhu cầu trong bán kính {radius:g} km", f"Demand within {radius:g} km",
                100.0 * float(ground.weight[inside].sum()) / total, "P1"),
    )  # fmt: skip
    outside = [f.name for f, near in zip(ground.demand, inside, strict=True) if not near]
    return Outcome(
        figures=figures,
        tables=(
            _hubs(ground, choice, way), _demand(ground, choice, way, inside), _bill(problem, ground, choice),
        ),
        layers=(
            _links(ground, choice), _radius(problem, ground, choice, radius), _points(ground, inside, way),
            _centres(ground, choice),
        ),
        certificate=choice.certificate,
        remarks=(*ground.remarks, *_standing(ground)),
        partial=Label(
            f"{len(outside)} trong {len(ground.demand)} điểm ngoài bán kính {radius:g} km: {some(outside)}.",
            f"{len(outside)} of {len(ground.demand)} points lie beyond {radius:g} km: {some(outside)}.",
        ) if outside else None,
    )  # fmt: skip


def _standing(ground: Ground) -> tuple[Label, ...]:
    by_road = Label(
        "Quãng đường là đường ngắn nhất trên mạng đường đã cho.", "Ways are the shortest on the given roads."
    )
    return (
        *((by_road,) if ground.roads else ()),
        Label("Mỗi điểm thuộc một trung tâm. Giá đất, nhân công và tuyến nối giữa các trung tâm chưa tính.",
              "Each point belongs to one centre. Land prices, labour and the lines between centres are not counted."),
    )  # fmt: skip


def _figure(name: str, vi: str, en: str, value: float, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=round(value, 2) if np.isfinite(value) else None, unit=unit)


def _hubs(ground: Ground, choice: Choice, way: Floats) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for j in choice.chosen:
        site, mine = ground.sites[j], np.flatnonzero(choice.serves == j)
        weight = float(ground.weight[mine].sum())
        kind = KINDS["existing" if site.exists else "new"]
        mean = float((way[mine] * ground.weight[mine]).sum() / weight) if weight else None
        rows.append((
            site.feature.name, kind.vi, kind.en, float(len(mine)), round(weight, 2),
            None if mean is None else round(mean, 2), round(float(way[mine].max()), 2) if len(mine) else None,
            site.capacity, round(100.0 * weight / site.capacity, 1) if site.capacity else None,
        ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Trung tâm", "Centre")),
        Column(name="kind", label=Label("Loại", "Kind (Vietnamese)")),
        Column(name="kind_en", label=Label("Loại (tiếng Anh)", "Kind")),
        Column(name="points", label=Label("Số điểm", "Points"), unit="C62"),
        Column(name="volume", label=Label("Nhu cầu", "Demand"), unit=ground.unit),
        Column(name="mean", label=Label("Bình quân", "Mean way"), unit="KMT"),
        Column(name="farthest", label=Label("Xa nhất", "Farthest"), unit="KMT"),
        Column(name="capacity", label=Label("Công suất", "Capacity"), unit=ground.unit),
        Column(name="load", label=Label("Sử dụng công suất", "Of its capacity"), unit="P1"),
    )
    return Table(name="hubs", title=Label("Từng trung tâm", "Centre by centre"), columns=columns, rows=tuple(rows))


def _demand(
    ground: Ground, choice: Choice, way: Floats,
    inside: Bools,
) -> Table:  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for i, feature in enumerate(ground.demand):
        j, state = int(choice.serves[i]), STATES["inside" if inside[i] else "outside"]
        rows.append((
            feature.name, ground.sites[j].feature.name if j >= 0 else "–", round(float(ground.weight[i]), 2),
            round(float(way[i]), 2) if np.isfinite(way[i]) else None, state.vi, state.en,
        ))  # fmt: skip
    columns = (
        Column(name="name", label=Label("Điểm", "Place")),
        Column(name="hub", label=Label("Thuộc trung tâm", "Centre")),
        Column(name="volume", label=Label("Nhu cầu", "Demand"), unit=ground.unit),
        Column(name="km", label=Label("Quãng đường", "Way"), unit="KMT"),
        Column(name="state", label=Label("Bán kính", "Radius (Vietnamese)")),
        Column(name="state_en", label=Label("Bán kính (tiếng Anh)", "Radius")),
    )
    return Table(name="demand", title=Label("Từng điểm", "Place by place"), columns=columns, rows=tuple(rows))


def _bill(problem: Problem, ground: Ground, choice: Choice) -> Table:
    money = problem.unit == "VND"
    new = [ground.sites[j] for j in choice.chosen if not ground.sites[j].exists]
    price = problem.assumptions.get("price_hub")
    rows: list[tuple[Cell, ...]] = []
    for site in new:
        cost = site.cost if site.cost is not None else float(price.value) if money and price is not None else None
        rows.append((f"Xây dựng {site.feature.name}", f"Building {site.feature.name}", 1.0, cost))
    total = sum(c for *_, c in rows if isinstance(c, float)) if rows and all(r[3] is not None for r in rows) else None
    rows.append(("Cộng", "Total", float(len(new)), total if new else 0.0))
    return bill(Column(name="count", label=Label("Số lượng", "Number"), unit="C62"), AMOUNT, rows=rows)


def _points(
    ground: Ground, inside: Bools,
    way: Floats,
) -> Layer:  # fmt: skip
    features = tuple(
        Feature(id=f.id, geometry=_middle(f.geometry), properties={
            "name": f.name, "state": "inside" if inside[i] else "outside", "demand": round(float(ground.weight[i]), 2),
            "km": round(float(way[i]), 2) if np.isfinite(way[i]) else None})
        for i, f in enumerate(ground.demand)
    )  # fmt: skip
    return Layer(name="demand", title=Label("Nhu cầu", "Demand"), features=features, colour_by="state")


def _centres(ground: Ground, choice: Choice) -> Layer:
    features = tuple(
        Feature(id=s.feature.id, geometry=_middle(s.feature.geometry),
                properties={"name": s.feature.name, "kind": "existing" if s.exists else "new"})
        for s in (ground.sites[j] for j in choice.chosen)
    )  # fmt: skip
    return Layer(name="hubs", title=Label("Trung tâm", "Centres"), features=features, colour_by="kind")


def _links(ground: Ground, choice: Choice) -> Layer:
    """A line from every place to its centre; not the road."""
    features = []
    for j in choice.chosen:
        centre = _middle(ground.sites[j].feature.geometry)["coordinates"]
        lines = [
            [_middle(ground.demand[i].geometry)["coordinates"], centre] for i in np.flatnonzero(choice.serves == j)
        ]
        lines = [line for line in lines if line[0] != line[1]]
        if lines:
            shape: Geometry = {"type": "MultiLineString", "coordinates": lines}
            features.append(Feature(id=f"links-{j}", geometry=shape, properties={"name": ground.sites[j].feature.name}))
    return Layer(name="links", title=Label("Điểm thuộc trung tâm", "Places of a centre"), features=tuple(features))


def _radius(problem: Problem, ground: Ground, choice: Choice, radius: float) -> Layer:
    """Circles as far as the radius reaches: by the line of sight, so by road it is nearer."""
    share = 1.0 if ground.roads else problem.number("detour") / 100.0
    features = []
    for j in choice.chosen:
        centre = ground.plane.metres(np.array([_middle(ground.sites[j].feature.geometry)["coordinates"]]))[0]
        circle = shapely.transform(shapely.Point(*centre).buffer(radius * 1000.0 / share), ground.plane.degrees)
        shape: Geometry = msgspec.json.decode(shapely.to_geojson(shapely.set_precision(circle, 10.0**-_DIGITS)))
        features.append(Feature(id=f"radius-{j}", geometry=shape,
                                properties={"name": ground.sites[j].feature.name, "km": radius}))  # fmt: skip
    return Layer(
        name="radius", title=Label(f"Bán kính {radius:g} km", f"Radius of {radius:g} km"), features=tuple(features)
    )


def _middle(shape: Geometry | None) -> Geometry:
    assert shape is not None
    point = shapely.from_geojson(msgspec.json.encode(shape)).representative_point()
    return {"type": "Point", "coordinates": [round(point.x, _DIGITS), round(point.y, _DIGITS)]}

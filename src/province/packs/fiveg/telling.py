"""What a 5G plan says: sites, parks, materials, layers, and on what ground it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import shapely

from province.compute.plane import Plane
from province.model.geometry import Geometry, point
from province.model.label import Label
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
)
from province.packs.fiveg.demand import Demand
from province.packs.fiveg.places import SECTORS, Place

if TYPE_CHECKING:
    from province.packs.fiveg.plan import Served

Floats = npt.NDArray[np.float64]
KINDS: Final[Mapping[str, Label]] = {
    "existing": Label("Đang phát 5G", "On air"),
    "shared": Label("Dùng chung cột", "Shared mast"),
    "new": Label("Cột mới", "New mast"),
}
LEVELS: Final[Mapping[str, Label]] = {
    "inside": Label("Phủ cả trong nhà", "Covered indoors too"),
    "outside": Label("Chỉ phủ ngoài trời", "Covered outdoors only"),
    "none": Label("Chưa phủ", "Not covered"),
}
_DIGITS: Final = 6


def standing(ground: Label, needed_dbm: float, calibrated: str = "") -> tuple[Label, ...]:
    """What every plan of this kind stands on, in words."""
    return (
        ground,
        Label(
            f"Một điểm được phủ khi nhận ít nhất {needed_dbm:.0f} dBm. Mô hình thống kê TR 38.901 nói về nơi trung"
            " bình; mô hình địa hình P.1812 có thể lệch trung bình 17 dB ở nơi ít vật cản."
            + (f" Đã hiệu chỉnh: {calibrated}." if calibrated else " Chưa hiệu chỉnh bằng phép đo."),
            f"A place is covered when it receives at least {needed_dbm:.0f} dBm. TR 38.901 speaks of an average place;"
            " terrain model P.1812 may differ by 17 dB in the mean where there are few obstacles."
            + (f" Calibrated: {calibrated}." if calibrated else " Not calibrated by measurements."),
        ),
    )


def outcome(
    problem: Problem, need: Demand, picked: Sequence[Place], active: Floats, cost: Floats,
    covered: npt.NDArray[np.bool_], served: Served, certificate: Certificate, by_terrain: float,
    remarks: tuple[Label, ...],
    partial: Label | None,
) -> Outcome:  # fmt: skip
    """Everything together."""
    parks = _parks(need, picked, covered, served)
    kinds = [p.kind for p in picked]
    in_parks = need.park >= 0
    total = float(need.mbps[in_parks].sum())
    figures = (
        _figure("sites_new", "Cột mới", "New masts", kinds.count("new"), "C62"),
        _figure("sites_shared", "Cột dùng chung", "Shared masts", kinds.count("shared"), "C62"),
        _figure("sites_existing", "Trạm đang có", "Sites on air already", kinds.count("existing"), "C62"),
        _figure("sectors", "Cánh sóng", "Sectors", float(active.sum()), "C62"),
        Quantity(name="spent", label=cost_label(problem.unit), value=round(certificate.spent, 2), unit=problem.unit),
        _figure("demand", "Nhu cầu của các khu", "Demand of the parks", total, "D36"),
        _figure("covered", "Nhu cầu được phủ", "Demand covered", _part(need.mbps, covered & in_parks, total), "P1"),
        _figure("covered_terrain", "Được phủ theo P.1812", "Covered by P.1812", by_terrain, "P1"),
        _figure("carried", "Nhu cầu tải được", "Demand carried", _part(served.got, in_parks, total), "P1"),
    )  # fmt: skip
    return Outcome(
        figures=figures,
        tables=(parks, _sites(need.plane, picked, active, cost, served, problem.unit), _bill(problem, picked, active)),
        layers=(_site_layer(need.plane, picked, active, cost), _coverage(need, covered), _park_layer(need, parks)),
        certificate=certificate,
        remarks=remarks,
        partial=partial,
    )


def _figure(name: str, vi: str, en: str, value: float, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=round(float(value), 2), unit=unit)


def _part(values: Floats, where: npt.NDArray[np.bool_], total: float) -> float:
    return 100.0 * float(values[where].sum()) / total if total else 0.0


def _parks(need: Demand, picked: Sequence[Place], covered: npt.NDArray[np.bool_], served: Served) -> Table:
    rows: list[tuple[str | float | None, ...]] = []
    spots = shapely.points([[p.x, p.y] for p in picked]) if picked else np.zeros(0, object)
    for k, park in enumerate(need.parks):
        own = need.park == k
        asked = float(need.mbps[own].sum())
        got = float(served.got[own].sum())
        rates = served.rate[own]
        rows.append((
            park.name, round(float(park.land_ha), 1), round(asked, 1),
            round(_part(need.mbps, own & covered, asked), 1), round(got, 1), round(asked - got, 1),
            round(float(np.quantile(rates, 0.1)), 1), int(shapely.contains(park.shape, spots).sum()),
        ))  # fmt: skip
    columns = (
        Column(name="park", label=Label("Khu", "Park")),
        Column(name="land", label=Label("Diện tích", "Land"), unit="HAR"),
        Column(name="demand", label=Label("Nhu cầu", "Demand"), unit="D36"),
        Column(name="covered", label=Label("Được phủ", "Covered"), unit="P1"),
        Column(name="carried", label=Label("Tải được", "Carried"), unit="D36"),
        Column(name="missing", label=Label("Còn thiếu", "Missing"), unit="D36"),
        Column(name="edge", label=Label("Tốc độ 10% thấp nhất", "Rate that 90% exceed"), unit="D36"),
        Column(name="sites", label=Label("Trạm trong khu", "Sites inside"), unit="C62"),
    )
    return Table(name="parks", title=Label("Từng khu", "Park by park"), columns=columns, rows=tuple(rows))


def _sites(
    plane: Plane, picked: Sequence[Place], active: Floats, cost: Floats, served: Served, unit: str
) -> Table:  # fmt: skip
    load = served.load.reshape(-1, SECTORS) if len(served.load) else np.zeros((0, SECTORS))
    rows: list[tuple[str | float | None, ...]] = []
    for i, place in enumerate(picked):
        lon, lat = plane.degrees(np.array([[place.x, place.y]]))[0]
        turned = " ".join(f"{a:.0f}°" for a, on in zip(place.azimuths, active[i], strict=True) if on)
        rows.append((
            place.name, KINDS[place.kind].vi, KINDS[place.kind].en, round(float(lat), _DIGITS),
            round(float(lon), _DIGITS), place.height_m, turned, float(cost[i]),
            round(100.0 * float(load[i].max(initial=0.0)), 1),
        ))  # fmt: skip
    columns = (
        Column(name="site", label=Label("Trạm", "Site")),
        Column(name="kind", label=Label("Cách xây dựng", "How it is built (Vietnamese)")),
        Column(name="kind_en", label=Label("Cách xây dựng (tiếng Anh)", "How it is built")),
        Column(name="lat", label=Label("Vĩ độ", "Latitude"), unit="DD"),
        Column(name="lon", label=Label("Kinh độ", "Longitude"), unit="DD"),
        Column(name="height", label=Label("Độ cao ăng ten", "Height"), unit="MTR"),
        Column(name="azimuths", label=Label("Hướng cánh sóng", "Sectors towards")),
        Column(name="cost", label=cost_label(unit), unit=unit),
        Column(name="load", label=Label("Tải cánh bận nhất", "Load of the busiest sector"), unit="P1"),
    )
    return Table(name="sites", title=Label("Các trạm", "Sites"), columns=columns, rows=tuple(rows))


def _bill(problem: Problem, picked: Sequence[Place], active: Floats) -> Table:
    kinds = [p.kind for p in picked]
    paid = float(sum(active[i].sum() for i, p in enumerate(picked) if p.kind != "existing"))
    items = (
        (Label("Cột mới, có nguồn và truyền dẫn", "New masts with power and backhaul"), float(kinds.count("new")),
         "price_new_site"),
        (Label("Lắp thêm trên cột dùng chung", "Mountings on shared masts"), float(kinds.count("shared")),
         "price_shared_site"),
        (Label("Thiết bị vô tuyến của cánh sóng", "Radio equipment of sectors"), paid, "price_sector"),
    )  # fmt: skip
    rows: list[tuple[str | float | None, ...]] = []
    for label, count, price in items:
        each = problem.assumptions.get(price)
        known = float(each.value) if each is not None and not isinstance(each.value, str) else None
        rows.append((label.vi, label.en, count, known, None if known is None else known * count))
    amounts = [r[4] for r in rows if r[2]]
    whole = None if any(a is None for a in amounts) else float(sum(a for a in amounts if isinstance(a, float)))
    rows.append(("Cộng", "Total", None, None, whole))
    number = Column(name="count", label=Label("Số lượng", "Count"), unit="C62")
    return bill(number, PRICE, AMOUNT, rows=rows)


def _site_layer(plane: Plane, picked: Sequence[Place], active: Floats, cost: Floats) -> Layer:
    features = []
    for i, place in enumerate(picked):
        lon, lat = plane.degrees(np.array([[place.x, place.y]]))[0]
        turned = [a for a, on in zip(place.azimuths, active[i], strict=True) if on]
        features.append(Feature(
            id=place.id, geometry=point(round(float(lon), _DIGITS), round(float(lat), _DIGITS)),
            properties={"name": place.name, "kind": place.kind, "height_m": place.height_m,
                        "azimuths": " ".join(f"{a:g}" for a in turned), "sectors": len(turned),
                        "cost": float(cost[i])},
        ))  # fmt: skip
    return Layer(name="sites", title=Label("Trạm", "Sites"), features=tuple(features), colour_by="kind")


def _coverage(need: Demand, covered: npt.NDArray[np.bool_]) -> Layer:
    """The squares of each park by what covers them, joined to surfaces."""
    squares = int(need.square.max()) + 1
    first = need.place[:squares]
    park = need.park[:squares]
    outdoors = np.zeros(squares, np.bool_)
    indoors = np.zeros(squares, np.bool_)
    outdoors[need.square[covered & ~need.inside]] = True
    indoors[need.square[covered & need.inside]] = True
    level = np.where(indoors, "inside", np.where(outdoors, "outside", "none"))
    half = need.side_m / 2
    boxes = shapely.box(first[:, 0] - half, first[:, 1] - half, first[:, 0] + half, first[:, 1] + half)
    features = []
    for k, one in enumerate(need.parks):
        for name in LEVELS:
            mine = (park == k) & (level == name)
            if mine.any():
                surface = shapely.transform(shapely.union_all(boxes[mine]), need.plane.degrees)
                features.append(Feature(
                    id=f"{one.id}#{name}", geometry=_geojson(surface),
                    properties={"park": one.name, "level": name,
                                "hectares": round(float(mine.sum()) * need.side_m**2 / 1e4, 1)},
                ))  # fmt: skip
    return Layer(name="coverage", title=Label("Vùng phủ", "Coverage"), features=tuple(features), colour_by="level")


def _park_layer(need: Demand, table: Table) -> Layer:
    names = [c.name for c in table.columns]
    features = tuple(
        Feature(
            id=park.id,
            geometry=_geojson(shapely.transform(park.shape, need.plane.degrees)),
            properties={**dict(zip(names, row, strict=True)), "kind": park.kind, "disc": park.disc},
        )
        for park, row in zip(need.parks, table.rows, strict=True)
    )
    return Layer(name="parks", title=Label("Khu, cụm công nghiệp", "Parks"), features=features, colour_by="covered")


def _geojson(shape: Any) -> Geometry:
    rounded = shapely.transform(shape, lambda c: np.round(c, _DIGITS))
    found: Geometry = msgspec.json.decode(shapely.to_geojson(rounded))
    return found

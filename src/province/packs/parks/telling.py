"""What a plan of IT parks says: parks, parcels, materials, overlaps, layers, and on what ground it stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import shapely

from province.model.geometry import Geometry
from province.model.label import Label, vietnamese
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
    some,
)
from province.packs.parks.land import CRITERIA, MONEY, Ground

Cell = str | float | None
STATES: Final = {
    "chosen": Label("Chọn", "Chosen"),
    "left": Label("Không chọn", "Not chosen"),
    "out": Label("Không xét được", "Cannot be planned with"),
}
_DIGITS: Final = 6


def outcome(
    problem: Problem, ground: Ground, pieces: Sequence[Sequence[int]], certificate: Certificate,
    short: tuple[float, float] | None,
) -> Outcome:  # fmt: skip
    """Everything together. short: area that was asked for and is not reached, and what the budget reaches at most."""
    taken = [i for piece in pieces for i in piece]
    area = float(ground.area[taken].sum())
    figures = (
        Quantity(name="area", label=Label("Diện tích chọn", "Land chosen"), value=round(area, 1), unit="HAR"),
        Quantity(name="parks", label=Label("Số khu", "Parks"), value=float(len(pieces)), unit="C62"),
        Quantity(name="parcels", label=Label("Số thửa", "Parcels"), value=float(len(taken)), unit="C62"),
        Quantity(name="suitability", label=Label("Mức phù hợp bình quân", "Suitability, on average"),
                 value=_suit(ground, taken), unit="P1"),
        Quantity(name="price", label=Label("Giá đất, tỷ đồng", "Price of land, billion đồng"),
                 value=_billions(_sum(ground, taken)), unit="C62"),
    )  # fmt: skip
    return Outcome(
        figures=figures,
        tables=(_parks(ground, pieces), _parcels(ground, pieces), _bill(ground, pieces), *_overlaps(ground)),
        layers=(_parcel_layer(ground, pieces), _chosen(ground, pieces), _park_layer(ground, pieces)),
        certificate=certificate,
        remarks=(*ground.remarks, *_standing(problem, ground)),
        partial=_partial(ground, area, short),
    )


def name_of(number: int) -> Label:
    """What a park of the plan is called."""
    return Label(f"Khu {number + 1}", f"Park {number + 1}")


def _suit(ground: Ground, piece: Sequence[int]) -> float | None:
    """Mean by area; None when nothing tells it."""
    if not ground.score:
        return None
    return round(float(np.average(ground.suit[list(piece)], weights=ground.area[list(piece)])), 1)


def _sum(ground: Ground, piece: Sequence[int]) -> float | None:
    total = float(ground.price[list(piece)].sum())
    return None if np.isnan(total) else total


def _billions(value: float | None) -> float | None:
    return None if value is None else round(value / 1e9, 1)


def _parks(ground: Ground, pieces: Sequence[Sequence[int]]) -> Table:
    rows = tuple(
        (name_of(n).vi, round(float(ground.area[list(p)].sum()), 2), float(len(p)), _suit(ground, p),
         _sum(ground, p), some([ground.parcels[i].name for i in p]))
        for n, p in enumerate(pieces)
    )  # fmt: skip
    columns = (
        Column(name="park", label=Label("Khu", "Park")),
        Column(name="area", label=Label("Diện tích", "Land"), unit="HAR"),
        Column(name="parcels", label=Label("Số thửa", "Parcels"), unit="C62"),
        Column(name="suitability", label=Label("Mức phù hợp", "Suitability"), unit="P1"),
        Column(name="price", label=Label("Giá đất", "Price of land"), unit="VND"),
        Column(name="which", label=Label("Gồm các thửa", "Made of the parcels")),
    )
    return Table(name="parks", title=Label("Từng khu", "Park by park"), columns=columns, rows=rows)


def _parcels(ground: Ground, pieces: Sequence[Sequence[int]]) -> Table:
    """Every parcel: chosen, not chosen, or why it cannot be planned with; with what is known of it."""
    park = {i: n for n, piece in enumerate(pieces) for i in piece}
    rows: list[tuple[Cell, ...]] = []
    for i in sorted(range(len(ground.parcels)), key=lambda i: (park.get(i, len(pieces)), -ground.suit[i])):
        one = ground.parcels[i]
        state = STATES["chosen" if i in park else "left"]
        which = name_of(park[i]) if i in park else Label("–", "–")
        rows.append((
            one.name, state.vi, state.en, which.vi, round(float(ground.area[i]), 2), _suit(ground, [i]),
            *(round(float(ground.score[c][i]), 0) if c in ground.score else None for c in CRITERIA),
            None if np.isnan(ground.price[i]) else float(ground.price[i]), _text(one, "land_use", "landUse"),
            _text(one, "owner"),
        ))  # fmt: skip
    for one, why in ground.out:
        rows.append((
            one.name, f"{STATES['out'].vi}: {why.vi}", f"{STATES['out'].en}: {why.en}", "–",
            *(None,) * (3 + len(CRITERIA)), _text(one, "land_use", "landUse"), _text(one, "owner"),
        ))  # fmt: skip
    columns = (
        Column(name="parcel", label=Label("Thửa", "Parcel")),
        Column(name="state", label=Label("Kết quả", "Result (Vietnamese)")),
        Column(name="state_en", label=Label("Kết quả (tiếng Anh)", "Result")),
        Column(name="park", label=Label("Khu", "Park")),
        Column(name="area", label=Label("Diện tích", "Land"), unit="HAR"),
        Column(name="suitability", label=Label("Mức phù hợp", "Suitability"), unit="P1"),
        *(Column(name=c, label=Label(f"Điểm {label.vi.lower()}", f"Points: {label.en.lower()}"), unit="C62")
          for c, label in CRITERIA.items()),
        Column(name="cost", label=Label("Giá đất", "Price of land"), unit="VND"),
        Column(name="land_use", label=Label("Loại đất", "Land use")),
        Column(name="owner", label=Label("Chủ sử dụng", "Owner")),
    )  # fmt: skip
    return Table(name="parcels", title=Label("Từng thửa", "Parcel by parcel"), columns=columns, rows=tuple(rows))


def _text(feature: Feature, *names: str) -> str | None:
    found = next((feature.properties[n] for n in names if feature.properties.get(n)), None)
    return None if found is None else str(found)


def _bill(ground: Ground, pieces: Sequence[Sequence[int]]) -> Table:
    """Land by use, with what of it has a price."""
    taken = [i for piece in pieces for i in piece]
    uses: dict[str, list[int]] = {}
    for i in taken:
        uses.setdefault(_text(ground.parcels[i], "land_use", "landUse") or "", []).append(i)
    rows: list[tuple[Cell, ...]] = [
        (_use(use), f"Land: {use or 'use not known'}", round(float(ground.area[of].sum()), 2),
         _sum(ground, of))
        for use, of in sorted(uses.items(), key=lambda item: -float(ground.area[item[1]].sum()))
    ]  # fmt: skip
    rows.append(("Cộng", "Total", round(float(ground.area[taken].sum()), 2), _sum(ground, taken)))
    land = Column(name="area", label=Label("Diện tích", "Land"), unit="HAR")
    return bill(land, AMOUNT, rows=rows, title=Label("Quỹ đất", "Land, by use"))


def _use(use: str) -> str:
    """A use of land in the bill: most are called `Đất …` already."""
    return use if use.lower().startswith("đất") else f"Đất: {use or 'chưa rõ loại'}"


def _overlaps(ground: Ground) -> tuple[Table, ...]:
    if not ground.overlaps:
        return ()
    rows = tuple((o.a.name, o.b.name, round(o.m2, 0)) for o in ground.overlaps)
    columns = (
        Column(name="a", label=Label("Thửa", "Parcel")),
        Column(name="b", label=Label("chồng lên thửa", "overlaps")),
        Column(name="m2", label=Label("Diện tích chồng", "By"), unit="MTK"),
    )
    return (Table(name="overlaps", title=Label("Thửa chồng lấn", "Overlapping parcels"), columns=columns, rows=rows),)


def _parcel_layer(ground: Ground, pieces: Sequence[Sequence[int]]) -> Layer:
    """What was not chosen: free land, and what cannot be planned with."""
    taken = {i for piece in pieces for i in piece}
    features = [
        Feature(id=f.id, geometry=f.geometry, properties={"name": f.name, "state": "left"} | _told(ground, i))
        for i, f in enumerate(ground.parcels)
        if i not in taken
    ]
    features += [
        Feature(id=f.id, geometry=f.geometry, properties={"name": f.name, "state": "out", "why": why.vi})
        for f, why in ground.out
        if f.geometry is not None and f.geometry["type"] in ("Polygon", "MultiPolygon")
    ]
    return Layer(name="parcels", title=Label("Thửa không chọn", "Parcels left"), features=tuple(features),
                 colour_by="state")  # fmt: skip


def _chosen(ground: Ground, pieces: Sequence[Sequence[int]]) -> Layer:
    features = tuple(
        Feature(
            id=ground.parcels[i].id,
            geometry=ground.parcels[i].geometry,
            properties={"name": ground.parcels[i].name, "state": "chosen", "park": name_of(n).vi} | _told(ground, i),
        )
        for n, piece in enumerate(pieces)
        for i in piece
    )
    return Layer(name="chosen", title=Label("Thửa chọn", "Chosen parcels"), features=features, colour_by="state")


def _told(ground: Ground, i: int) -> dict[str, Any]:
    price = {} if np.isnan(ground.price[i]) else {"price": float(ground.price[i])}
    suit = {} if (found := _suit(ground, [i])) is None else {"suitability": found}
    return {"area_ha": round(float(ground.area[i]), 3), **suit, **price}


def _park_layer(ground: Ground, pieces: Sequence[Sequence[int]]) -> Layer:
    features = tuple(
        Feature(
            id=f"park-{n + 1}",
            geometry=_outline(ground, piece),
            properties={"name": name_of(n).vi, "area_ha": round(float(ground.area[list(piece)].sum()), 2)},
        )
        for n, piece in enumerate(pieces)
    )
    return Layer(name="parks", title=Label("Khu", "Parks"), features=features)


def _outline(ground: Ground, piece: Sequence[int]) -> Geometry:
    shape = shapely.union_all([ground.shape[i] for i in piece])
    degrees = shapely.transform(shape, lambda c: np.round(ground.plane.degrees(c), _DIGITS))
    found: Geometry = msgspec.json.decode(shapely.to_geojson(degrees))
    return found


def _partial(ground: Ground, area: float, short: tuple[float, float] | None) -> Label | None:
    """Why the answer is less than was asked."""
    vi, en = [], []
    if short is not None:
        asked, top = short
        vi.append(
            f"ngân sách chỉ đạt {vietnamese(area, 1)} ha trong {asked:g} ha đã đặt"
            f" (nhiều nhất {vietnamese(top, 1)} ha dù không liền mảnh)"
        )
        en.append(f"the budget reaches {area:,.1f} of the {asked:g} ha that were asked for (at most {top:,.1f} ha, even"
                  " in pieces)")  # fmt: skip
    for name, lacking in ground.unknown.items():
        vi.append(f"chưa xét được “{CRITERIA[name].vi.lower()}”: {_who(lacking, ground).vi}")
        en.append(f"“{CRITERIA[name].en.lower()}” was not judged: {_who(lacking, ground).en}")
    left = [f.name for f, _ in ground.out]
    if left:
        vi.append(f"{len(left)} thửa không xét được: {some(left)}")
        en.append(f"{len(left)} parcels cannot be planned with: {some(left)}")
    return Label(_sentence(vi), _sentence(en)) if vi else None


def _who(lacking: Sequence[str], ground: Ground) -> Label:
    if len(lacking) == len(ground.parcels):
        return Label("chưa thửa nào có dữ liệu", "no parcel has data")
    return Label(f"chưa có dữ liệu của {some(lacking)}", f"no data of {some(lacking)}")


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _standing(problem: Problem, ground: Ground) -> tuple[Label, ...]:
    """What every plan of this kind stands on, in words."""
    known = ", ".join(CRITERIA[c].vi.lower() for c in ground.score)
    known_en = ", ".join(CRITERIA[c].en.lower() for c in ground.score)
    return (
        Label(f"Mức phù hợp: bình quân có trọng số của {known}.", f"Suitability: the weighted mean of {known_en}.")
        if known
        else Label("Chưa tiêu chí nào có đủ dữ liệu: mọi hecta được tính như nhau.",
                   "No criterion is known of all parcels: every hectare counts alike."),
        Label(
            "Diện tích tính từ ranh giới trên mặt phẳng (sai số dưới 0,3%); sổ địa chính có giá trị pháp lý.",
            "Areas follow from the boundaries in a plane (error below 0.3%); the cadastre is what counts in law.",
        ),
        Label(
            "Chưa xét quy hoạch sử dụng đất, bồi thường, và chi phí hạ tầng trong khu.",
            "Land-use planning, compensation and the cost of works inside a park are not looked at.",
        ),
        *(
            ()
            if problem.unit == MONEY
            else (Label("Ngân sách tính bằng ha: thửa nào cũng như nhau về tiền.",
                        "The budget is in hectares: all parcels cost alike."),)
        ),
    )  # fmt: skip

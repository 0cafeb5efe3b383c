"""The parcels of a study in a plane: mended, overlaps, neighbours, suitability. What is not known stays NaN. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry
import shapely.ops
from shapely.geometry.base import BaseGeometry

from province.compute.plane import Plane, middle
from province.errors import InvalidInput, TooLarge
from province.model.geometry import bounds
from province.model.label import Label, vietnamese
from province.model.study import Feature, Problem, require_in_vietnam, some

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MONEY: Final = "VND"
HECTARE_M2: Final = 10_000.0
MOST: Final = 3_000
CRITERIA: Final[Mapping[str, Label]] = {
    "slope": Label("Độ dốc", "Slope"),
    "flood": Label("Ngập", "Flooding"),
    "road": Label("Gần đường", "Nearness to a road"),
    "power": Label("Gần điện", "Nearness to power"),
    "price": Label("Giá đất", "Price of land"),
}
"""What makes land suitable, by the column that tells it."""
_SLIVER_M2: Final = 1.0


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two parcels that lie on each other. m2: by so much."""

    a: Feature
    b: Feature
    m2: float


@dataclass(frozen=True, slots=True)
class Ground:
    """parcels: those that can be planned with, n of them.  out: (parcel, why not).

    shape: in metres.  area: hectares.  price: đồng, NaN where nobody knows.  score: 0 to 100 by criterion, only for
    those that are known of all; suit: their weighted mean, 100 everywhere when there are none.  tail, head: pairs of
    neighbours.
    """

    plane: Plane
    parcels: tuple[Feature, ...]
    out: tuple[tuple[Feature, Label], ...]
    shape: tuple[BaseGeometry, ...]
    area: Floats
    price: Floats
    score: Mapping[str, Floats]
    suit: Floats
    tail: Integers
    head: Integers
    overlaps: tuple[Overlap, ...]
    unknown: Mapping[str, tuple[str, ...]]
    remarks: tuple[Label, ...]


def read(problem: Problem) -> Ground:
    """Everything in a plane. Raises: InvalidInput, TooLarge naming layer, parcel or assumption."""
    given = problem.layers.get("parcels", ())
    if len(given) > MOST:
        raise TooLarge(f"{len(given):,} parcels.", field="layers.parcels",
                       remedy=f"At most {MOST:,}: cut the layer to the area of the study.")  # fmt: skip
    out: list[tuple[Feature, Label]] = []
    remarks: list[Label] = []
    open_ = _open(given, out)
    if not open_:
        raise InvalidInput(
            f"none of {len(given)} parcels is free and has a boundary.", field="layers.parcels",
            remedy="Give surfaces: GeoPackage, GeoJSON, DXF with closed lines, or WKT in a column.",
        )  # fmt: skip
    for feature in open_:
        require_in_vietnam(feature, "parcels")
    corners = np.array([bounds(f.geometry) for f in open_ if f.geometry is not None])
    plane = middle(np.vstack([corners[:, :2], corners[:, 2:]]))
    kept, shapes = _shapes(open_, plane, out, remarks)
    found = _overlaps(problem, kept, shapes)
    dropped = _resolve(problem, kept, shapes, found, out)
    price = np.array([_number(f, "price") for f in kept], np.float64)
    if problem.unit == MONEY:
        for i in np.flatnonzero(np.isnan(price)).tolist():
            if i not in dropped:
                dropped.add(i)
                out.append((kept[i], Label("chưa có giá, không xét được theo ngân sách tiền",
                                           "its price is not known, and the budget is money")))  # fmt: skip
    there = [i for i in range(len(kept)) if i not in dropped]
    if not there:
        raise InvalidInput(
            f"none of {len(given)} parcels can be planned with.", field="layers.parcels",
            remedy="Give the column `price`, or a budget in hectares; mend what overlaps.",
        )  # fmt: skip
    parcels = [kept[i] for i in there]
    shape = [shapes[i] for i in there]
    area = np.array([s.area / HECTARE_M2 for s in shape], np.float64)
    tail, head = neighbours(shape, _metres(problem, "near"), _metres(problem, "border"))
    score, unknown = _scores(problem, parcels, price[there] / area)
    suit = _suitability(problem, score) if score else np.full(len(parcels), 100.0)
    return Ground(
        plane, tuple(parcels), tuple(out), tuple(shape), area, price[there], score, suit, tail, head,
        tuple(found), unknown, tuple(remarks),
    )  # fmt: skip


def _open(given: Sequence[Feature], out: list[tuple[Feature, Label]]) -> list[Feature]:
    """The parcels that may be chosen."""
    found = []
    for feature in given:
        status = str(feature.properties.get("status") or "free")
        if status == "planned":
            out.append((feature, Label("đã thuộc một phương án", "it belongs to an adopted plan")))
        elif status != "free":
            out.append((feature, Label("đã giữ chỗ hoặc cho thuê", "it is reserved or leased")))
        elif feature.geometry is None:
            out.append((feature, Label("chưa có ranh giới", "its boundary is not known")))
        elif feature.geometry["type"] not in ("Polygon", "MultiPolygon", "LineString", "MultiLineString"):
            out.append((feature, Label("chỉ là điểm, không có ranh giới", "a point and no boundary")))
        else:
            found.append(feature)
    return found


def _shapes(
    features: Sequence[Feature], plane: Plane, out: list[tuple[Feature, Label]], remarks: list[Label]
) -> tuple[list[Feature], list[BaseGeometry]]:
    """Surfaces in metres; those that cross themselves are mended, closed lines are taken for their surface."""
    kept, shapes, mended = [], [], []
    for feature in features:
        drawn = shapely.geometry.shape(feature.geometry)
        if drawn.geom_type in ("LineString", "MultiLineString"):
            drawn = _enclosed(drawn)
        flat = shapely.transform(drawn, plane.metres)
        if not flat.is_empty and not flat.is_valid:
            mended.append(feature.name)
            flat = shapely.make_valid(flat)
        parts = [p for p in getattr(flat, "geoms", [flat]) if p.geom_type in ("Polygon", "MultiPolygon")]
        surface = shapely.union_all(parts) if parts else flat
        if not parts or surface.area < _SLIVER_M2:
            out.append((feature, Label("ranh giới không khép thành mặt", "its boundary encloses nothing")))
            continue
        kept.append(feature)
        shapes.append(surface)
    if mended:
        remarks.append(Label(
            f"Đã sửa ranh giới tự cắt của {len(mended)} thửa: {some(mended)}. Hãy kiểm tra trên bản đồ.",
            f"The boundaries of {len(mended)} parcels crossed themselves and were mended: {some(mended)}. See them.",
        ))  # fmt: skip
    return kept, shapes


def _enclosed(drawn: BaseGeometry) -> BaseGeometry:
    """The surface inside closed lines, as drawing programs write parcels; empty when a line is open."""
    lines = getattr(drawn, "geoms", [drawn])
    rings = [shapely.Polygon(line.coords) for line in lines if line.is_closed and len(line.coords) >= 4]
    return shapely.union_all(rings) if len(rings) == len(lines) else shapely.Polygon()


def _overlaps(problem: Problem, kept: Sequence[Feature], shapes: Sequence[BaseGeometry]) -> list[Overlap]:
    least = _metres(problem, "overlap")
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="intersects")
    found = []
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if a < b:
            m2 = float(shapely.intersection(shapes[a], shapes[b]).area)
            if m2 > least:
                found.append(Overlap(kept[a], kept[b], m2))
    return sorted(found, key=lambda o: -o.m2)


def _resolve(
    problem: Problem, kept: Sequence[Feature], shapes: Sequence[BaseGeometry], found: Sequence[Overlap],
    out: list[tuple[Feature, Label]],
) -> set[int]:  # fmt: skip
    """Of two parcels that overlap the smaller one goes, where the planner said so. Raises: InvalidInput otherwise."""
    how = problem.word("overlaps")
    if how not in ("refuse", "drop"):
        raise InvalidInput(f"overlaps: {how[:40]!r}.", field="assumptions.overlaps", remedy="refuse or drop.")
    if found and how == "refuse":
        said = "; ".join(f"{o.a.name} – {o.b.name} ({o.m2:,.0f} m²)" for o in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise InvalidInput(
            f"parcels overlap, {len(found)} times: {said}{more}.", field="layers.parcels",
            remedy="Mend the boundaries; or raise the assumption `overlap` (m²), or set `overlaps` to drop: the smaller"
            " parcel of each pair is then left out, by name.",
        )  # fmt: skip
    number = {f.id: i for i, f in enumerate(kept)}
    dropped: set[int] = set()
    for one in found:  # the greatest overlap first
        a, b = number[one.a.id], number[one.b.id]
        if a in dropped or b in dropped:
            continue
        smaller, other = (a, b) if (shapes[a].area, kept[a].id) < (shapes[b].area, kept[b].id) else (b, a)
        dropped.add(smaller)
        out.append((kept[smaller], Label(
            f"chồng lên {kept[other].name} {vietnamese(one.m2)} m²: bỏ thửa nhỏ hơn",
            f"it overlaps {kept[other].name} by {one.m2:,.0f} m²: the smaller one was left out",
        )))  # fmt: skip
    return dropped


def neighbours(shapes: Sequence[BaseGeometry], near_m: float, border_m: float) -> tuple[Integers, Integers]:
    """Pairs of shapes that face each other over at least `border_m` at no more than `near_m`.

    The length of a's boundary within `near_m` of b, less what goes around the two ends: two squares that touch at a
    corner face each other over nothing. At least a centimetre is allowed for between lines that should be one.
    """
    reach = max(near_m, 0.01)
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="dwithin", distance=reach)
    around = {i: shapely.buffer(shapes[i], reach, quad_segs=4) for i in set(second.tolist())}
    tail, head = [], []
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if a < b:
            facing = max(
                shapely.intersection(shapely.boundary(shapes[i]), around[j]).length for i, j in ((a, b), (b, a))
            )
            if facing - 2 * reach >= border_m:
                tail.append(a)
                head.append(b)
    return np.array(tail, np.int64), np.array(head, np.int64)


def _scores(
    problem: Problem, parcels: Sequence[Feature], hectare_price: Floats
) -> tuple[dict[str, Floats], dict[str, tuple[str, ...]]]:
    """Points by criterion, of those that are known of every parcel; and of the others, who lacks them."""
    score: dict[str, Floats] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    for name in CRITERIA:
        price = name == "price"
        values = hectare_price if price else np.array([_number(f, name) for f in parcels], np.float64)
        lacking = tuple(f.name for f, v in zip(parcels, values, strict=True) if math.isnan(v))
        if lacking:
            unknown[name] = lacking
            continue
        worst = float(values.max()) if price else _worst(problem, name)
        score[name] = np.clip(100.0 * (1.0 - values / worst), 0.0, 100.0) if worst > 0 else np.full(len(values), 100.0)
    return score, unknown


def _suitability(problem: Problem, score: Mapping[str, Floats]) -> Floats:
    """The weighted mean of the points. Raises: InvalidInput when no weight is above 0."""
    weight = {c: _weight(problem, c) for c in score}
    if not sum(weight.values()) > 0:
        raise InvalidInput(
            f"what is known of all parcels has no weight ({', '.join(score)}).",
            field=f"assumptions.weight_{next(iter(score))}", remedy="Give one of the weights a value above 0.",
        )  # fmt: skip
    return np.asarray(sum(weight[c] * score[c] for c in score) / sum(weight.values()))


def _worst(problem: Problem, name: str) -> float:
    found = problem.number(f"worst_{name}")
    if not found > 0:
        raise InvalidInput(f"a worst value of {found:g}.", field=f"assumptions.worst_{name}", remedy="Above 0.")
    return found


def _weight(problem: Problem, name: str) -> float:
    found = problem.number(f"weight_{name}")
    if not found >= 0:
        raise InvalidInput(f"a weight of {found:g}.", field=f"assumptions.weight_{name}", remedy="0 or more.")
    return found


def _metres(problem: Problem, name: str) -> float:
    found = problem.number(name)
    if not 0 <= found < 1e6:
        raise InvalidInput(f"{found:g}.", field=f"assumptions.{name}", remedy="0 or more.")
    return found


def _number(feature: Feature, name: str) -> float:
    """A number of a parcel, 0 or more; NaN where nobody knows. Raises: InvalidInput naming the parcel."""
    value: Any = feature.properties.get(name)
    if value is None or value == "":
        return math.nan
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not 0 <= found < 1e18:
        raise InvalidInput(
            f"{feature.name} has {name} = {str(value)[:40]!r}.", field="layers.parcels",
            remedy="A number, 0 or more; leave it empty where nobody knows.",
        )  # fmt: skip
    return found

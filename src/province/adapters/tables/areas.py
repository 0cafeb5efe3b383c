"""Real boundaries for areas: each polygon goes to the unit of its code that is in force on the day, or says why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import msgspec
import numpy as np
import pyarrow as pa
import shapely

from province.adapters.tables import place as places
from province.adapters.tables import raw
from province.adapters.tables.carry import Door
from province.adapters.tables.folder import Shelf
from province.adapters.tables.formats import SUFFIX, detect
from province.adapters.tables.process import reading
from province.adapters.tables.raw import FAULT, ROW, Options
from province.adapters.tables.reasons import Reason, reason, structural
from province.errors import InvalidInput, ProvinceError
from province.identity import policy
from province.model.actor import Actor
from province.model.change import Change
from province.model.geometry import Geometry
from province.model.query import Query
from province.model.record import attributes_of, to_record
from province.model.schema import describe
from province.model.text import fold
from province.vocab.area import Area, area_id, in_force, parse_day

_CODE: Final = ("code", "ma", "macode", "maxa", "madvhc", "ma dvhc", "ward code", "wardcode", "id")
_NAME: Final = ("fullname", "full name", "name", "ten", "tenxa", "ten dvhc")
_SIZE: Final = ("areakm2", "area km2", "dientich", "dien tich", "area size")
_KINDS: Final = (("phuong", "ward"), ("xa", "commune"), ("thi tran", "township"), ("dac khu", "commune"))
_VIETNAM: Final = (101.0, 6.0, 119.0, 24.5)
_DRIFT: Final = 0.02
"""A repair that changes the surface by more is no repair."""
_APART: Final = 0.1
"""A surface further from the stated one is worth a remark."""
_TYPE: Final = describe(Area)


@dataclass(slots=True)
class Outcome:
    """What became of the polygons. unmatched: codes that no unit in force bears.  remarks: for people to look at."""

    rows: int = 0
    changed: int = 0
    unchanged: int = 0
    created: int = 0
    repaired: list[str] = field(default_factory=list)
    unmatched: list[dict[str, str]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def refuse(self, row: int, code: str, why: Reason) -> None:
        """Add a refused row."""
        self.refused.append(
            {"row": row, "code": code, "field": why.column, "vi": why.reason.vi, "en": why.reason.en,
             "remedyVi": why.remedy.vi, "remedyEn": why.remedy.en}
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """How polygons are taken. day: on which the units must be in force.  create: make units that are not known."""

    day: str
    source: str
    source_date: str
    create: bool = False
    parent: str = ""
    trial: bool = False


class Areas:
    """Boundaries of one installation."""

    def __init__(self, door: Door, shelf: Shelf) -> None:
        self._door = door
        self._shelf = shelf

    async def load(self, actor: Actor, name: str, chunks: AsyncIterator[bytes], wish: Wish) -> Outcome:
        """Take polygons in. Raises: NotAllowed, InvalidInput, TooLarge."""
        policy.require_somewhere(actor, "area.change")
        parse_day(wish.day, field="day")
        parse_day(wish.source_date, field="sourceDate")
        if not wish.source.strip():
            raise InvalidInput(
                "a boundary needs a source.", field="source", remedy="Name where the polygons come from."
            )
        folder = self._shelf.folder(actor.tenant, f"areas {uuid4()}")
        outcome = Outcome()
        try:
            part, _, _ = await self._shelf.receive(folder, chunks)
            with part.open("rb") as file:
                format = detect(file.read(4096), name)
            path = part.rename(folder.path / f"source{SUFFIX[format]}")
            known = await self._known(actor, wish.day)
            seen: set[str] = set()
            async with reading(path, Options(format=format)) as (found, batches):
                columns = _columns(found.columns)
                convert = places.to_wgs84(found.crs) if found.crs else None
                async for _, table in batches:
                    changes = await asyncio.to_thread(_changes, table, columns, convert, known, seen, wish, outcome)
                    await self._apply(changes, actor, wish, outcome)
        finally:
            folder.remove()
        return outcome

    async def _known(self, actor: Actor, day: str) -> dict[str, Area]:
        """The units in force, by code."""
        known: dict[str, Area] = {}
        after = ""
        while True:
            page = await self._door.query(Query(types=("Area",), limit=1000, after=after, latest=False), actor)
            for entity in page.items:
                area = to_record(Area, entity)
                if in_force(area.validFrom, area.validTo, day):
                    known[area.code] = area
            if not (after := page.next):
                return known

    async def _apply(self, changes: list[tuple[int, str, Change]], actor: Actor, wish: Wish, outcome: Outcome) -> None:
        if wish.trial:
            return
        answers = await self._door.apply_each([c for _, _, c in changes], actor)
        for (row, code, change), answer in zip(changes, answers, strict=True):
            if isinstance(answer, ProvinceError):
                why = reason("", f"Hệ thống từ chối: {answer.detail}", answer.detail, answer.remedy, answer.remedy)
                outcome.refuse(row, code, why)
                if change.op == "upsert":
                    outcome.created -= 1
                else:
                    outcome.changed -= 1


def _columns(names: list[str]) -> tuple[str, str, str]:
    """Columns of code, name and size. Raises: InvalidInput without a code or a shape."""
    words = {fold(n).replace("_", " ").strip(): n for n in names}
    code = next((words[c] for c in _CODE if c in words), "")
    if not code or "geometry" not in names:
        raise InvalidInput(
            "the file has no column of codes, or no shapes.", field="file",
            remedy="Send GeoJSON or GeoPackage whose features have a property `code`.",
        )  # fmt: skip
    return code, next((words[n] for n in _NAME if n in words), ""), next((words[s] for s in _SIZE if s in words), "")


def _changes(
    table: pa.Table, columns: tuple[str, str, str], convert: places.Convert | None, known: dict[str, Area],
    seen: set[str], wish: Wish, outcome: Outcome,
) -> list[tuple[int, str, Change]]:  # fmt: skip
    result = []
    code_column, name_column, size_column = columns
    codes = raw.texts(table.column(code_column).combine_chunks(), ()).to_pylist()
    rows = table.to_pylist()
    for row, code in zip(rows, codes, strict=True):
        outcome.rows += 1
        number = row[ROW]
        if row[FAULT]:
            outcome.refuse(number, code or "", structural(row[FAULT]))
            continue
        if not code:
            outcome.refuse(
                number,
                "",
                reason(code_column, "Thiếu mã đơn vị.", "The code is missing.", "Điền mã.", "Give the code."),
            )
            continue
        if code in seen:
            outcome.refuse(number, code, reason(code_column, f"Mã {code} có hai lần.", f"The code {code} stands twice.",
                                                "Giữ một dòng.", "Keep one of them."))  # fmt: skip
            continue
        found = _shape(row["geometry"], convert)
        if isinstance(found, Reason):
            outcome.refuse(number, code, found)
            continue
        seen.add(code)
        shape, repaired = found
        if repaired:
            outcome.repaired.append(code)
        name = str(row[name_column]) if name_column and row[name_column] else ""
        _remark(outcome, code, name, row.get(size_column), shape, known.get(code))
        change = _change(code, name, shape, known.get(code), wish, outcome)
        if change is not None:
            result.append((number, code, change))
    return result


def _shape(given: Any, convert: places.Convert | None) -> tuple[Geometry, bool] | Reason:
    """A valid polygon in WGS 84 and whether it had to be repaired."""
    wrong = ("geometry", "Kiểm tra ranh giới.", "Check the boundary.")
    if given is None:
        return reason(wrong[0], "Không có ranh giới.", "There is no boundary.", *wrong[1:])
    repaired = False
    if isinstance(given, bytes):
        found = places.from_wkb([given], convert)[0]
    else:
        closed, repaired = _closed(given)
        found = places.from_text(closed, convert)
    if not isinstance(found, dict) or found.get("type") not in ("Polygon", "MultiPolygon"):
        kind = found.get("type") if isinstance(found, dict) else found
        return reason(wrong[0], f"Không phải đa giác: {kind}.", f"It is no polygon: {kind}.", *wrong[1:])
    try:
        shape = shapely.from_geojson(msgspec.json.encode(found).decode())
    except (shapely.GEOSException, ValueError) as error:
        return reason(wrong[0], f"Không đọc được hình: {error}", f"The shape cannot be read: {error}", *wrong[1:])
    west, south, east, north = shapely.bounds(shape)
    if not np.isfinite([west, south, east, north]).all():
        return reason(wrong[0], "Ranh giới rỗng.", "The boundary is empty.", *wrong[1:])
    if west < _VIETNAM[0] or south < _VIETNAM[1] or east > _VIETNAM[2] or north > _VIETNAM[3]:
        where = f"({west:.3f}, {south:.3f})"
        return reason(
            wrong[0], f"Nằm ngoài Việt Nam {where}.", f"It lies outside Vietnam {where}.",
            "Kinh độ viết trước vĩ độ; kiểm tra hệ toạ độ.", "Longitude comes first; check the coordinate system.",
        )  # fmt: skip
    if not shapely.is_valid(shape):
        why = shapely.is_valid_reason(shape)
        mended = _polygons(shapely.make_valid(shape))
        before, after = abs(shape.area), mended.area
        if after == 0 or abs(before - after) > _DRIFT * max(before, after):
            return reason(
                wrong[0], f"Ranh giới tự cắt, không sửa được: {why}.", f"The boundary crosses itself: {why}.",
                "Vẽ lại ranh giới.", "Draw the boundary again.",
            )  # fmt: skip
        return places.geojson(mended), True
    return found, repaired


def _closed(text: str) -> tuple[str, bool]:
    """GeoJSON text whose rings are closed: a forgotten last position is the one harmless gap."""
    try:
        data = msgspec.json.decode(text)
        polygons = {"Polygon": [data["coordinates"]], "MultiPolygon": data["coordinates"]}[data["type"]]
        touched = False
        for rings in polygons:
            for ring in rings:
                if len(ring) >= 3 and ring[0] != ring[-1]:
                    ring.append(ring[0])
                    touched = True
    except (msgspec.DecodeError, KeyError, TypeError):
        return text, False
    return (msgspec.json.encode(data).decode(), True) if touched else (text, False)


def _polygons(shape: Any) -> Any:
    """The polygons of what a repair left, without stray lines and points."""
    parts = [p for p in shapely.get_parts(shapely.get_parts(shape)) if p.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts)


def _remark(outcome: Outcome, code: str, name: str, stated: Any, shape: Geometry, area: Area | None) -> None:
    surface = _surface_km2(shape)
    for size, whose in ((stated, "the file"), (area.areaSize if area else None, "the register")):
        if isinstance(size, int | float) and size > 0 and abs(surface - size) > _APART * size:
            outcome.remarks.append(f"{code}: the polygon has {surface:.1f} km², {whose} says {size:.1f} km².")
    if area is not None and name and fold(area.name) not in fold(name) and fold(name) not in fold(area.name):
        outcome.remarks.append(f"{code}: the file calls it {name}, the register {area.name}.")


def _surface_km2(shape: Geometry) -> float:
    """Surface of a polygon, km². Equirectangular about its middle; error below 0.1% for what is as small as a ward."""
    found = shapely.from_geojson(msgspec.json.encode(shape).decode())
    middle = np.radians(found.centroid.y)
    return float(found.area * np.cos(middle) * 110.574 * 111.320)


def _change(code: str, name: str, shape: Geometry, area: Area | None, wish: Wish, outcome: Outcome) -> Change | None:
    values: dict[str, Any] = {
        "location": shape, "approximate": False, "source": wish.source, "sourceDate": wish.source_date
    }  # fmt: skip
    if area is not None:
        same = area.location == shape and not area.approximate and area.source == wish.source
        outcome.unchanged += same
        outcome.changed += not same
        attrs = attributes_of(_TYPE, values, origin="imported")
        return None if same else Change(op="merge", id=area.id, type="Area", attrs=attrs)
    if not wish.create:
        outcome.unmatched.append({"code": code, "name": name})
        return None
    kind = next((k for word, k in _KINDS if fold(name).startswith(word)), "")
    if not kind:
        outcome.unmatched.append({"code": code, "name": name})
        outcome.remarks.append(f"{code}: {name or 'no name'} does not say what kind of unit it is; it was not created.")
        return None
    outcome.created += 1
    values |= {"code": code, "name": name, "kind": kind, "validFrom": wish.day}
    if wish.parent:
        values["parent"] = wish.parent
    values["areaSize"] = round(_surface_km2(shape), 2)
    attrs = attributes_of(_TYPE, values, origin="imported")
    return Change(op="upsert", id=area_id(code, wish.day), type="Area", attrs=attrs)

"""Real boundaries for areas: each polygon goes to the unit of its code that is in force on the day, or says why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import shapely

from province.adapters.tables import place as places
from province.adapters.tables import raw, reasons, rejects
from province.adapters.tables.carry import EFFECTS, Door
from province.adapters.tables.folder import Folder, Shelf
from province.adapters.tables.formats import SUFFIX, detect
from province.adapters.tables.process import reading
from province.adapters.tables.raw import FAULT, ROW, Options
from province.adapters.tables.reasons import Reason, reason, structural
from province.adapters.tables.register import Register, file_name
from province.errors import InvalidInput, ProvinceError
from province.identity import policy
from province.model.actor import Actor
from province.model.change import Change
from province.model.geometry import Geometry
from province.model.query import Query, pages
from province.model.record import attributes_of, to_record
from province.model.schema import describe
from province.model.text import fold
from province.model.time import now
from province.vocab.area import Area, area_id, in_force, parse_day
from province.vocab.transfer import DataImport

_CODE: Final = ("code", "ma", "macode", "maxa", "madvhc", "ma dvhc", "ward code", "wardcode", "id")
_NAME: Final = ("fullname", "full name", "name", "ten", "tenxa", "ten dvhc")
_SIZE: Final = ("areakm2", "area km2", "dientich", "dien tich", "area size")
_KINDS: Final = (("phuong", "ward"), ("xa", "commune"), ("thi tran", "township"), ("dac khu", "commune"))
_VIETNAM: Final = (101.0, 6.0, 119.0, 24.5)
_DRIFT: Final = 0.02
"""A repair that changes the surface by more is no repair."""
_APART: Final = 0.1
"""A surface further from the stated one is worth a remark."""
_FIRST: Final = 20
"""Refused rows that are shown at once."""
_TYPE: Final = describe(Area)


@dataclass(slots=True)
class Outcome:
    """What became of the polygons. unmatched: codes that no unit in force bears.  remarks: for people to look at.

    id: of the import in the register; a trial has none.
    """

    id: str = ""
    rows: int = 0
    changed: int = 0
    unchanged: int = 0
    created: int = 0
    repaired: list[str] = field(default_factory=list)
    unmatched: list[dict[str, str]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


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
    """Boundaries of one installation. Each file is entered in the register of imports, and can be taken back."""

    def __init__(self, door: Door, shelf: Shelf, register: Register) -> None:
        self._door = door
        self._shelf = shelf
        self._register = register

    async def load(self, actor: Actor, name: str, chunks: AsyncIterator[bytes], wish: Wish) -> Outcome:
        """Take polygons in. Raises: NotAllowed, InvalidInput, TooLarge."""
        policy.require_somewhere(actor, "area.change")
        parse_day(wish.day, field="day")
        parse_day(wish.source_date, field="sourceDate")
        if not wish.source.strip():
            raise InvalidInput(
                "a boundary needs a source.", field="source", remedy="Name where the polygons come from."
            )
        if not wish.trial:
            policy.require_somewhere(actor, "dataimport.create")
        id, folder = self._register.new(actor)
        try:
            part, size, digest = await self._shelf.receive(folder, chunks)
            with part.open("rb") as file:
                format = detect(file.read(4096), name)
            path = part.rename(folder.path / f"source{SUFFIX[format]}")
            if not wish.trial:
                record = DataImport(
                    id=id, fileName=file_name(name), fileHash=digest, fileSize=size, format=format, target="Area",
                    startedBy=actor.id, startedAt=now(),
                )  # fmt: skip
                await self._register.add(record, actor)
        except BaseException:
            folder.remove()
            raise
        if wish.trial:
            try:
                return (await self._read(path, format, actor, wish, folder)).outcome
            finally:
                folder.remove()
        return await self._recorded(id, path, format, actor, wish, folder)

    async def _recorded(self, id: str, path: Path, format: str, actor: Actor, wish: Wish, folder: Folder) -> Outcome:
        """Carry a file in, and say in the register what became of it."""
        await self._move(id, actor, "running")
        try:
            with folder.locked():
                done = await self._read(path, format, actor, wish, folder)
        except ProvinceError as error:
            await self._move(id, actor, "failed", note=str(error), finishedAt=now())
            raise
        outcome = done.outcome
        outcome.id = id
        await self._move(
            id, actor, "done", rows=outcome.rows, refused=len(outcome.refused), created=outcome.created,
            changed=outcome.changed, unchanged=outcome.unchanged, finishedAt=now(), firstRefused=tuple(done.first),
            taken=outcome.rows - len(outcome.refused) - len(outcome.unmatched), note=_note(wish, outcome),
        )  # fmt: skip
        return outcome

    async def _move(self, id: str, actor: Actor, status: str, **values: Any) -> None:
        record, _ = await self._register.open(id, actor)
        await self._register.write(record, actor, status, **values)

    async def _read(self, path: Path, format: str, actor: Actor, wish: Wish, folder: Folder) -> _Reading:
        done = _Reading(wish, await self._known(actor, wish.day))
        async with reading(path, Options(format=format)) as (found, batches):
            done.columns = _columns(found.columns)
            done.convert = places.to_wgs84(found.crs) if found.crs else None
            async for number, table in batches:
                changes = await asyncio.to_thread(done.look, table)
                if not wish.trial:
                    folder.write_chunk("effects", number, await self._apply(changes, actor, done))
                    folder.write_chunk("refused", number, rejects.keep(table, done.refused))
        return done

    async def _known(self, actor: Actor, day: str) -> dict[str, Area]:
        """The units in force, by code."""
        known: dict[str, Area] = {}
        async for page in pages(self._door.query, Query(types=("Area",), limit=1000, latest=False), actor):
            for entity in page.items:
                area = to_record(Area, entity)
                if in_force(area.validFrom, area.validTo, day):
                    known[area.code] = area
        return known

    async def _apply(self, changes: list[_Wanted], actor: Actor, done: _Reading) -> pa.Table:
        """Carry changes out. Returns their effects, as an undo needs them."""
        effects: list[dict[str, Any]] = []
        answers = await self._door.apply_each([w.change for w in changes], actor)
        for wanted, answer in zip(changes, answers, strict=True):
            if isinstance(answer, ProvinceError):
                done.refuse(wanted.place, wanted.row, wanted.code, reasons.of_error("", answer))
                if wanted.change.op == "upsert":
                    done.outcome.created -= 1
                else:
                    done.outcome.changed -= 1
            else:
                effects.append({"id": answer.id, "type": "Area", "version": answer.version, "created": answer.created})
        return pa.Table.from_pylist(effects, schema=EFFECTS)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A change that a polygon asks for. place: in its chunk.  row: in the file."""

    place: int
    row: int
    code: str
    change: Change


@dataclass(slots=True)
class _Reading:
    """A file on its way in. refused: of the chunk at hand, by position.  first: refused rows that are shown at once."""

    wish: Wish
    known: dict[str, Area]
    columns: tuple[str, str, str] = ("", "", "")
    convert: places.Convert | None = None
    seen: set[str] = field(default_factory=set)
    refused: dict[int, list[Reason]] = field(default_factory=dict)
    first: list[dict[str, Any]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)

    def refuse(self, place: int, row: int, code: str, why: Reason) -> None:
        """Add a refused row."""
        self.refused.setdefault(place, []).append(why)
        self.outcome.refused.append(
            {"row": row, "code": code, "field": why.column, "vi": why.reason.vi, "en": why.reason.en,
             "remedyVi": why.remedy.vi, "remedyEn": why.remedy.en}
        )  # fmt: skip
        if len(self.first) < _FIRST:
            self.first.append(rejects.shown(row, [why]))

    def look(self, table: pa.Table) -> list[_Wanted]:
        """The changes that a chunk asks for; what is wrong with it is in `refused`."""
        self.refused = {}
        code_column, _, _ = self.columns
        codes = raw.texts(table.column(code_column).combine_chunks(), ()).to_pylist()
        result = []
        for place, (row, code) in enumerate(zip(table.to_pylist(), codes, strict=True)):
            self.outcome.rows += 1
            found = self._one(row, code)
            if isinstance(found, Reason):
                self.refuse(place, row[ROW], code or "", found)
            elif found is not None:
                result.append(_Wanted(place, row[ROW], code, found))
        return result

    def _one(self, row: dict[str, Any], code: str | None) -> Change | Reason | None:
        code_column, name_column, size_column = self.columns
        if row[FAULT]:
            return structural(row[FAULT])
        if not code:
            return reason(code_column, "Thiếu mã đơn vị.", "The code is missing.", "Điền mã.", "Give the code.")
        if code in self.seen:
            return reason(
                code_column, f"Mã {code} có hai lần.", f"The code {code} stands twice.",
                "Giữ một dòng.", "Keep one of them.",
            )  # fmt: skip
        found = _shape(row["geometry"], self.convert)
        if isinstance(found, Reason):
            return found
        self.seen.add(code)
        shape, repaired = found
        if repaired:
            self.outcome.repaired.append(code)
        name = str(row[name_column]) if name_column and row[name_column] else ""
        area = self.known.get(code)
        _remark(self.outcome, code, name, row.get(size_column), shape, area)
        return _change(code, name, shape, area, self.wish, self.outcome)


def _note(wish: Wish, outcome: Outcome) -> str:
    unmatched = f"; {len(outcome.unmatched)} without a unit in force" if outcome.unmatched else ""
    return f"Boundaries of {wish.source} ({wish.source_date}) for units in force on {wish.day}{unmatched}."


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

"""A file as features for a study: places in WGS 84, and the columns that a layer knows by names in two languages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from province.adapters.tables import place as places
from province.adapters.tables import raw
from province.adapters.tables.formats import detect
from province.adapters.tables.guess import EASTINGS, NORTHINGS, SHAPES
from province.adapters.tables.process import reading
from province.adapters.tables.raw import FAULT, ROW, Found, Options
from province.errors import InvalidInput, TooLarge
from province.model.label import Label
from province.model.mapping import DEFAULT_EMPTY, GEOMETRY
from province.model.study import Feature
from province.model.text import fold

MOST: Final = 200_000
_NORTH_FROM: Final = 780_000.0
"""Northings of Vietnam begin here in metres, and its eastings end below: whatever the columns are called."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What was read. crs: of the file.  columns: those that the layer knows.  remarks: what to look at.

    credit: what its licence wants said wherever it is used.
    """

    features: tuple[Feature, ...]
    crs: str
    columns: tuple[str, ...]
    remarks: tuple[Label, ...]
    credit: str = ""


async def read(path: Path, name: str, *, crs: str, columns: Mapping[str, Label], placed: bool = True) -> Layer:
    """The features of a file (CSV, XLSX, GeoJSON, GeoPackage, DXF, Parquet). crs: as people write it, or "".

    placed: False: rows without a place are kept, and no column need hold one.

    Raises: InvalidInput, TooLarge, Unsupported.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    options = Options(format=detect(head, name))
    features: list[Feature] = []
    remarks: dict[str, Label] = {}
    async with reading(path, options) as (found, batches):
        reader = _Reader(found, crs, columns, remarks, placed)
        async for _, table in batches:
            if len(features) + table.num_rows > MOST:
                raise TooLarge(
                    f"the layer has more than {MOST:,} rows.", field="file", remedy="Cut it to the area of the study."
                )
            features += await asyncio.to_thread(reader.features, table, len(features))
    if not features:
        raise InvalidInput("the file holds no rows.", field="file", remedy="Check which layer or sheet it is.")
    known = tuple(reader.known.values())
    return Layer(tuple(features), reader.crs or "EPSG:4326", known, tuple(remarks.values()), found.credit)


class _Reader:
    """The batches of one file."""

    def __init__(
        self, found: Found, crs: str, columns: Mapping[str, Label], remarks: dict[str, Label], placed: bool
    ) -> None:
        self.crs = places.read_crs(found.crs, field="crs") if found.crs else ""
        self._offered = places.read_crs(crs, field="crs") if crs else ""
        self._remarks = remarks
        self._placed = placed
        self._columns = found.columns
        self._x, self._y = _column(found.columns, EASTINGS), _column(found.columns, NORTHINGS)
        self._shape = _column(found.columns, (GEOMETRY, *SHAPES))
        taken = {self._x, self._y, self._shape}
        self.known = _known([c for c in found.columns if c not in taken], columns)
        if placed and not self._shape and not (self._x and self._y):
            raise InvalidInput(
                f"no column holds a place ({', '.join(found.columns)[:200]}).", field="file",
                remedy="Name two columns lon and lat (or x and y), or give GeoJSON, GeoPackage or WKT.",
            )  # fmt: skip

    def features(self, table: pa.Table, before: int) -> list[Feature]:
        """The features of one batch. before: how many came before it."""
        table = table.combine_chunks()
        shapes = (
            self._shapes(table)
            if self._shape
            else self._points(table)
            if self._x and self._y
            else [None] * table.num_rows
        )
        cells = {own: _cells(table.column(name)) for name, own in self.known.items()}
        rows = table.column(ROW).to_pylist()
        faults = table.column(FAULT).to_pylist()
        made = []
        for i, row in enumerate(rows):
            if faults[i]:
                raise InvalidInput(f"row {row} cannot be read ({faults[i]}).", field="file", remedy="Mend the row.")
            shape = shapes[i]
            if isinstance(shape, str):
                raise InvalidInput(f"row {row}: the shape cannot be read: {shape}.", field="file",
                                   remedy="Check the shape and the coordinate system.")  # fmt: skip
            if shape is None and self._placed:
                self._remark("empty", "Có dòng không có vị trí: bỏ qua.", "Rows without a place were left out.")
                continue
            properties = {own: column[i] for own, column in cells.items() if column[i] is not None}
            made.append(Feature(id=f"row-{before + i + 1}", geometry=shape, properties=properties))
        return made

    def _shapes(self, table: pa.Table) -> list[Any]:
        column = _whole(table.column(self._shape))
        if pa.types.is_binary(column.type):
            self._check(_corner(column))
            return places.from_wkb(column.to_pylist(), self._convert())
        texts = raw.texts(column, DEFAULT_EMPTY).to_pylist()
        convert = self._convert()
        found = [None if t is None else places.from_text(t, convert) for t in texts]
        if convert is None:
            for one in found:
                if isinstance(one, Mapping):
                    self._check(_first(one.get("coordinates")))
                    break
            known = self._convert()  # by now: the system that was offered for metres
            if known is not None:
                found = [None if t is None else places.from_text(t, known) for t in texts]
        return found

    def _points(self, table: pa.Table) -> list[Any]:
        columns = []
        for name in (self._x, self._y):
            numbers, bad = raw.numbers(_whole(table.column(name)), "plain", DEFAULT_EMPTY)
            if bad.any():
                at = int(np.flatnonzero(bad)[0])
                raise InvalidInput(
                    f"row {table.column(ROW)[at].as_py()}: {name} is no number.", field="file",
                    remedy="Write it as 106.71 or 602345.12.",
                )  # fmt: skip
            columns.append(np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64))
        east, north = columns
        there = np.isfinite(east) & np.isfinite(north)
        if there.any():
            self._check((float(east[there][0]), float(north[there][0])))
            # Surveyors in Vietnam write X for the northing and Y for the easting.
            if self._convert() is not None and np.median(east[there]) > _NORTH_FROM > np.median(north[there]):
                east, north = north, east
                self._remark("swapped", "Cột X là toạ độ hướng bắc, Y là hướng đông: đã đổi chỗ.",
                             "X holds northings and Y eastings: they were exchanged.")  # fmt: skip
        convert = self._convert()
        positions = np.column_stack([east, north])
        if convert is not None:
            positions = np.where(there[:, None], convert(np.where(there[:, None], positions, 0.0)), np.nan)
        return [
            {"type": "Point", "coordinates": [float(x), float(y)]} if ok and np.isfinite(x) else
            (None if not ok else "the position lies outside the coordinate system")
            for (x, y), ok in zip(positions, there, strict=True)
        ]  # fmt: skip

    def _convert(self) -> places.Convert | None:
        return places.to_wgs84(self.crs) if self.crs else None

    def _check(self, corner: tuple[float, float] | None) -> None:
        """Take the offered system for metres, WGS 84 for degrees. Raises: InvalidInput for metres without a system."""
        if corner is None:
            return
        degrees = abs(corner[0]) <= 180 and abs(corner[1]) <= 90
        if not degrees and abs(corner[0]) <= 90 and abs(corner[1]) <= 180:
            raise InvalidInput(
                f"the positions begin with the latitude ({corner[0]:.4f}, {corner[1]:.4f}).", field="file",
                remedy="Longitude comes first: exchange the names of the two columns, or the two numbers.",
            )  # fmt: skip
        if not degrees and self._convert() is None:
            self.crs = self._offered
        elif degrees and not self.crs and self._offered not in ("", "EPSG:4326"):
            self._remark("degrees", f"Toạ độ là độ: đọc theo WGS 84, không theo {self._offered}.",
                         f"The positions are degrees: read as WGS 84, not as {self._offered}.")  # fmt: skip
        if not degrees and self._convert() is None:
            raise InvalidInput(
                f"the positions are metres ({corner[0]:.0f}, {corner[1]:.0f}) and the file names no coordinate system.",
                field="crs", remedy="Name it, such as VN-2000 TM-3 105°45' (EPSG:9210) for Bình Dương.",
            )  # fmt: skip
        if degrees and self._convert() is not None:
            raise InvalidInput(
                f"the positions are degrees ({corner[0]:.4f}, {corner[1]:.4f}), but the file says {self.crs}.",
                field="crs", remedy="Save it with the right coordinate system.",
            )  # fmt: skip

    def _remark(self, key: str, vi: str, en: str) -> None:
        self._remarks.setdefault(key, Label(vi, en))


def _known(names: Sequence[str], columns: Mapping[str, Label]) -> dict[str, str]:
    """Column of the file → name of ours, by any of its names, with its unit or without."""
    found: dict[str, str] = {}
    for own, label in columns.items():
        wanted = {_plain(one) for one in (own, label.vi, label.en)} | {_with_unit(one) for one in (label.vi, label.en)}
        match = next((n for n in names if _plain(n) in wanted and n not in found), None)
        if match is not None:
            found[match] = own
    return found


def _plain(text: str) -> str:
    """Letters and digits without marks: `Diện tích (ha)`, `dien_tich` → `dien tich`."""
    without = re.sub(r"\(.*?\)", " ", text)
    return " ".join(re.findall(r"[a-z0-9]+", fold(without)))


def _with_unit(text: str) -> str:
    """`Diện tích (ha)` → `dien tich ha`."""
    return _plain(text.replace("(", "").replace(")", ""))


def _column(names: Sequence[str], wanted: Sequence[str]) -> str:
    plain = {_plain(n): n for n in names}
    return next((plain[w] for w in wanted if w in plain), "")


def _whole(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _cells(column: Any) -> list[Any]:
    cells = [raw.value(v) for v in _whole(column).to_pylist()]
    return [None if isinstance(c, str) and c.strip() in DEFAULT_EMPTY else c for c in cells]


def _corner(column: pa.Array) -> tuple[float, float] | None:
    import shapely

    first = next((v for v in column.to_pylist() if v is not None), None)
    if first is None:
        return None
    corners = shapely.get_coordinates(shapely.from_wkb(first, on_invalid="ignore"))
    return (float(corners[0][0]), float(corners[0][1])) if len(corners) else None


def _first(node: Any) -> tuple[float, float] | None:
    while isinstance(node, list | tuple) and node and isinstance(node[0], list | tuple):
        node = node[0]
    try:
        return float(node[0]), float(node[1])
    except (TypeError, ValueError, IndexError):
        return None

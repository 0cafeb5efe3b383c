"""Where the entity of a row lies: shapes and coordinates of any system, as GeoJSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from province.adapters.tables import place as places
from province.adapters.tables import raw, reasons
from province.adapters.tables.parcel import Work
from province.model.mapping import GEOMETRY


def shapes_of(work: Work) -> list[Any] | None:
    """The place of every row, or None when the mapping and the file have none."""
    mapping = work.mapping
    if not work.type.info.place or not mapping.records:
        return None
    place = mapping.place
    if place is not None and place.x:
        return _points(work, place.x, place.y)
    name = place.geometry if place is not None else GEOMETRY
    if name not in work.batch.column_names or name in mapping.skip or name in mapping.columns:
        return None
    cells = work.column(name)
    if pa.types.is_binary(cells.type):
        found = places.from_wkb(cells.to_pylist(), work.convert)
        for i, one in enumerate(found):
            if isinstance(one, str):
                _refuse_shape(work, i, name, one)
        return [None if isinstance(one, str) else one for one in found]
    texts = raw.texts(cells, mapping.empty).to_pylist()
    return [None if t is None else shape(work, i, name, t) for i, t in enumerate(texts)]


def _points(work: Work, x: str, y: str) -> list[Any]:
    mapping = work.mapping
    columns = []
    for name in (x, y):
        style = (mapping.columns[name].numbers if name in mapping.columns else "") or mapping.numbers
        found, bad = raw.numbers(work.column(name), style, mapping.empty)
        work.refuse_texts(name, bad, lambda given, n=name, s=style: reasons.not_a_number(n, given, s))
        columns.append(np.asarray(found.to_numpy(zero_copy_only=False), np.float64))
    positions = np.column_stack(columns)
    if work.convert is not None:
        known = np.asarray(np.isfinite(positions).all(axis=1), np.bool_)
        converted = work.convert(np.where(known[:, None], positions, 0.0))
        for i in np.flatnonzero(known & ~np.asarray(np.isfinite(converted).all(axis=1), np.bool_)):
            _refuse_shape(work, int(i), x, "the position lies outside the coordinate system")
        positions = np.where(known[:, None], converted, np.nan)
    return [
        {"type": "Point", "coordinates": [float(a), float(b)]} if np.isfinite(a) and np.isfinite(b) else None
        for a, b in positions
    ]


def shape(work: Work, i: int, name: str, text: str) -> Any:
    """A shape from a text; what is none refuses its row."""
    found = places.from_text(text, work.convert)
    if isinstance(found, str):
        _refuse_shape(work, i, name, found)
        return None
    return found


def _refuse_shape(work: Work, i: int, name: str, why: str) -> None:
    work.parcel.refuse(
        i,
        reasons.reason(
            name, f"Không đọc được hình học: {why}.", f"The shape cannot be read: {why}.",
            "Kiểm tra hình học và hệ toạ độ.", "Check the shape and the coordinate system.",
        ),
    )  # fmt: skip

"""Columns as values of a field: numbers in the declared unit, days, lists, looked-up words."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables import raw, reasons
from province.adapters.tables.naming import fill
from province.adapters.tables.parcel import Work
from province.adapters.tables.shapes import shape
from province.model.mapping import Column
from province.model.schema import FieldSpec
from province.model.time import format_instant
from province.model.unit import lookup

_TRUE: Final = frozenset(("true", "1", "yes", "có", "x", "đúng", "t", "y"))
_FALSE: Final = frozenset(("false", "0", "no", "không", "sai", "f", "n"))


def cells_of(work: Work, name: str, column: Column, spec: FieldSpec) -> list[Any]:
    """A column as values of a field; unreadable cells refuse their rows."""
    mapping = work.mapping
    if column.values:
        return looked_up(work, name, column)
    if spec.value in ("number", "integer"):
        style = column.numbers or mapping.numbers
        found, bad = raw.numbers(work.column(name), style, mapping.empty)
        work.refuse_texts(name, bad, lambda given: reasons.not_a_number(name, given, style))
        cells: list[Any] = converted(found, column.unit, spec, column.scale).to_pylist()
        if spec.value == "integer":
            cells = [int(c) if c is not None and c == int(c) else c for c in cells]
        return [[c] if spec.many and c is not None else c for c in cells]
    if spec.value == "instant" or _is_day(spec, column):
        style = column.dates or mapping.dates
        moments, bad = raw.instants(work.column(name), style, mapping.timezone, mapping.empty)
        work.refuse_texts(name, bad, lambda given: reasons.not_a_moment(name, given, style))
        if spec.value == "instant":
            return [None if m is None else format_instant(m) for m in moments.to_pylist()]
        days = pc.strftime(moments.cast(pa.timestamp("us", tz=mapping.timezone)), "%Y-%m-%d")
        return list(days.to_pylist())
    texts = work.texts(name).to_pylist()
    if column.template:
        texts = fill(work, column.template, refuse=False)
    if spec.value == "geometry":
        return [None if t is None else shape(work, i, name, t) for i, t in enumerate(texts)]
    if spec.many:
        separator = column.split or ";"
        return [None if t is None else [p.strip() for p in t.split(separator) if p.strip()] for t in texts]
    if spec.value == "boolean":
        return [boolean(t) for t in texts]
    if spec.value == "json":
        return [_json(t) for t in texts]
    return list(texts)


def _is_day(spec: FieldSpec, column: Column) -> bool:
    """A civil day is a text field; it is written as one only when the mapping names a format of dates."""
    return spec.value == "text" and bool(column.dates)


def looked_up(work: Work, name: str, column: Column) -> list[Any]:
    """Cells by the value table of the mapping; others refuse their rows."""
    table = {str(k).strip(): v for k, v in column.values.items()}
    found: list[Any] = []
    for i, given in enumerate(work.texts(name).to_pylist()):
        if given is not None and given not in table:
            work.parcel.refuse(i, reasons.unknown_value(name, given, list(table)))
        found.append(None if given is None else table.get(given))
    return found


def boolean(text: str | None) -> Any:
    """True or false; a word that is neither stays."""
    if text is None:
        return None
    word = text.casefold()
    return True if word in _TRUE else False if word in _FALSE else text


def _json(text: str | None) -> Any:
    if text is None or not text.startswith(("{", "[")):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def converted(numbers: pa.Array, unit: str, spec: FieldSpec, scale: float = 1.0) -> pa.Array:
    """Numbers in the declared unit."""
    a, b = (lookup(unit), lookup(spec.unit)) if unit and spec.unit else (None, None)
    if scale == 1.0 and (a is None or b is None or a.code == b.code):
        return numbers
    values = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64) * scale
    if a is not None and b is not None:
        values = (values * a.factor + a.offset - b.offset) / b.factor
    # Twelve digits, more than any instrument has: 59 °F is 15 °C and not 15.000000000000057.
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 11 - np.floor(np.log10(np.abs(np.where(values == 0, 1.0, values))))
    values = np.round(values * 10.0**power) / 10.0**power
    return pa.array(values, mask=np.isnan(values))

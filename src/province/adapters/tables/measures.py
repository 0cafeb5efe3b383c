"""What was measured: readings of wide, long and plain tables, as columns from end to end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables import raw, reasons
from province.adapters.tables.cells import boolean, converted, looked_up
from province.adapters.tables.naming import fill
from province.adapters.tables.parcel import ITEM, Work
from province.errors import InvalidInput
from province.model import mapping as mappings
from province.model.entity import ORIGINS
from province.model.mapping import Column
from province.model.schema import FieldSpec
from province.model.time import FUTURE_TOLERANCE, parse_instant
from province.model.unit import lookup
from province.model.written import Mask, compose, mask, regular


def read_readings(work: Work, ids: list[str | None]) -> None:
    """Put the readings of a batch into its parcel."""
    mapping, entity_type = work.mapping, work.type
    parts: list[pa.Table] = []
    moments, absent = _moments(work)
    entities = pa.array(ids, pa.string())
    present = np.zeros(work.batch.num_rows, np.bool_)
    for name, column in mapping.columns.items():
        spec = entity_type.fields.get(column.field)
        if spec is None or not spec.field.observed:
            continue
        present |= _measure(work, parts, name, column, spec, entities, moments)
    if mapping.wide is not None:
        spec = entity_type.fields[mapping.wide.attribute]
        column = Column(field=spec.name, unit=mapping.wide.unit, scale=mapping.wide.scale)
        for name in mappings.wide_columns(mapping, work.batch.column_names):
            if "{" in mapping.wide.entity.replace("{_column}", "").replace("{_column|slug}", ""):
                to = pa.array(fill(work, mapping.wide.entity, refuse=True, column=name), pa.string())
            else:
                text = mapping.wide.entity.replace("{_column}", name).replace("{_column|slug}", mappings.slug(name))
                to = pa.array([text] * work.batch.num_rows, pa.string())
            present |= _measure(work, parts, name, column, spec, to, moments)
    if mapping.long is not None:
        present |= _long(work, parts, entities, moments)
    for i in np.flatnonzero(present & absent):
        if int(i) not in work.parcel.refused:
            work.parcel.refuse(int(i), reasons.missing(mapping.time.column if mapping.time else "time"))
    if not parts:
        return
    table = pa.concat_tables(parts)
    good = np.ones(work.batch.num_rows, np.bool_)
    good[list(work.parcel.refused)] = False
    items = table.column(ITEM).to_numpy()
    work.parcel.readings = table.filter(pa.array(good[items])).sort_by(ITEM) if len(items) else None


def _moments(work: Work) -> tuple[pa.Array, Mask]:
    """The instant of every row and where there is none; unreadable and future ones refuse their rows."""
    mapping, time, size = work.mapping, work.mapping.time, work.batch.num_rows
    assert time is not None
    if time.start:
        rows = np.arange(work.first, work.first + size, dtype=np.int64)
        step = timedelta(seconds=mappings.read_step(time.step))
        return regular(parse_instant(time.start), step, rows), np.zeros(size, np.bool_)
    if time.column:
        style = time.dates or mapping.dates
        moments, bad = raw.instants(work.column(time.column), style, mapping.timezone, mapping.empty)
        work.refuse_texts(time.column, bad, lambda given: reasons.not_a_moment(time.column, given, style))
    else:
        moments, bad = _composed(work)
        for i in np.flatnonzero(bad):
            given = "-".join(str(work.texts(n)[int(i)]) for n in mappings.used_by_time(time))
            work.parcel.refuse(int(i), reasons.not_a_moment(time.year, given, " ".join(mappings.used_by_time(time))))
    late = mask(pc.greater(moments, pa.scalar(work.now + FUTURE_TOLERANCE, moments.type)))
    for i in np.flatnonzero(late):
        error = InvalidInput("the time lies in the future.", remedy="Check the clock of the source.")
        work.parcel.refuse(int(i), reasons.of_error(time.column or time.year, error))
    return moments, mask(pc.is_null(moments))


def _composed(work: Work) -> tuple[pa.Array, Mask]:
    time, size = work.mapping.time, work.batch.num_rows
    assert time is not None
    parts: dict[str, Any] = {}
    broken, absent = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for key, name in (("y", time.year), ("m", time.month), ("d", time.day), ("H", time.hour), ("M", time.minute),
                      ("S", time.second)):  # fmt: skip
        if not name:
            continue
        found, bad = raw.numbers(work.column(name), work.mapping.numbers, work.mapping.empty)
        values = np.asarray(found.to_numpy(zero_copy_only=False), np.float64)
        missing = np.isnan(values)
        whole = np.where(missing, 0, values)
        broken |= bad | (whole != np.floor(whole)) | (np.abs(whole) > 1e5)
        absent |= missing & ~bad
        parts[key] = np.where(np.abs(whole) > 1e5, 0, whole).astype(np.int64)
    return compose(parts, work.mapping.timezone, absent=absent, broken=broken)


def _measure(
    work: Work, parts: list[pa.Table], name: str, column: Column, spec: FieldSpec, entities: pa.Array, moments: pa.Array
) -> Mask:
    """Readings of one column, checked against the declaration. Returns where there is one."""
    mapping = work.mapping
    if spec.value in ("number", "integer"):
        if column.values:
            looked = looked_up(work, name, column)
            found = pa.array([None if v is None else float(v) for v in looked], pa.float64())
        else:
            style = column.numbers or mapping.numbers
            found, bad = raw.numbers(work.column(name), style, mapping.empty)
            work.refuse_texts(name, bad, lambda given: reasons.not_a_number(name, given, style))
        numbers = converted(found, column.unit, spec, column.scale)
        _check_range(work, name, numbers, spec)
        _add(parts, work, entities, pa.array([spec.name] * len(numbers)), moments, numbers, None)
        return mask(pc.is_valid(numbers))
    if column.values:
        cells = [None if v is None else v for v in looked_up(work, name, column)]
    else:
        cells = list(work.texts(name).to_pylist())
        if spec.value == "boolean":
            cells = [boolean(c) for c in cells]
    for i, cell in enumerate(cells):
        wrong = cell is not None and (
            (spec.field.values and cell not in spec.field.values)
            or (spec.value == "boolean" and not isinstance(cell, bool))
        )
        if wrong:
            allowed = list(spec.field.values) or ["true", "false"]
            work.parcel.refuse(i, reasons.unknown_value(name, str(cell), allowed))
    texts = pa.array([None if c is None else msgspec.json.encode(c).decode() for c in cells], pa.string())
    _add(parts, work, entities, pa.array([spec.name] * len(texts)), moments, None, texts)
    return mask(pc.is_valid(texts))


def _long(work: Work, parts: list[pa.Table], entities: pa.Array, moments: pa.Array) -> Mask:
    """One reading per row: the attribute stands in a cell."""
    mapping, long = work.mapping, work.mapping.long
    assert long is not None
    names = work.texts(long.attribute).to_pylist()
    style = mapping.numbers
    found, bad = raw.numbers(work.column(long.value), style, mapping.empty)
    work.refuse_texts(long.value, bad, lambda given: reasons.not_a_number(long.value, given, style))
    numbers = np.asarray(found.to_numpy(zero_copy_only=False), np.float64)
    fields: list[str] = []
    observed = {s.name: s for s in work.type.observed}
    for i, name in enumerate(names):
        to = (long.attributes.get(name, "") if long.attributes else name) if name is not None else ""
        spec = observed.get(to)
        if spec is None:
            if i not in work.parcel.refused:
                known = list(long.attributes) or list(observed)
                work.parcel.refuse(i, reasons.unknown_value(long.attribute, str(name or ""), known))
            fields.append("")
            continue
        if spec.value not in ("number", "integer"):
            work.parcel.refuse(i, reasons.unknown_value(long.attribute, str(name), list(observed)))
        fields.append(to)
    for to in dict.fromkeys(f for f in fields if f):
        spec = observed[to]
        mine = np.array([f == to for f in fields], np.bool_)
        unit = long.units.get(to, "")
        part = converted(pa.array(numbers, mask=~mine | np.isnan(numbers)), unit, spec)
        _check_range(work, long.value, part, spec)
        numbers = np.where(mine, np.asarray(part.to_numpy(zero_copy_only=False), np.float64), numbers)
    values = pa.array(numbers, mask=np.isnan(numbers))
    _add(parts, work, entities, pa.array(fields, pa.string()), moments, values, None)
    return mask(pc.is_valid(values))


def _add(
    parts: list[pa.Table], work: Work, entities: pa.Array, attributes: pa.Array, moments: pa.Array,
    numbers: pa.Array | None, texts: pa.Array | None,
) -> None:  # fmt: skip
    size = len(moments)
    values = numbers if numbers is not None else texts
    code = pa.dictionary(pa.int32(), pa.string())
    table = pa.table(
        {
            "entity": entities,
            "type": pa.array([work.type.name] * size).dictionary_encode().cast(code),
            "attribute": attributes.dictionary_encode().cast(code),
            "dataset": pa.nulls(size, code),
            "observed_at": moments,
            "number": numbers if numbers is not None else pa.nulls(size, pa.float64()),
            "text": texts if texts is not None else pa.nulls(size, pa.string()),
            "origin": pa.array(np.full(size, ORIGINS.index(work.mapping.origin), np.uint8)),
            ITEM: pa.array(np.arange(size, dtype=np.int64)),
        }
    )
    present = pc.and_(pc.is_valid(values), pc.and_(pc.is_valid(moments), pc.is_valid(entities)))
    parts.append(table.filter(present))


def _check_range(work: Work, name: str, numbers: pa.Array, spec: FieldSpec) -> None:
    low, high = spec.field.minimum, spec.field.maximum
    values = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
    with np.errstate(invalid="ignore"):
        wrong = np.zeros(len(values), np.bool_)
        if low is not None:
            wrong |= values < low
        if high is not None:
            wrong |= values > high
        if spec.value == "integer":
            wrong |= values != np.floor(values)
    wrong &= ~np.isnan(values)
    for i in np.flatnonzero(wrong):
        symbol = lookup(spec.unit).symbol if spec.unit else ""
        work.parcel.refuse(int(i), reasons.outside(name, float(values[i]), symbol, low, high))

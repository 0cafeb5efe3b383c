"""One batch of a file by its mapping: changes of records, columns of readings, and a reason for each refused row.

A row is taken whole or not at all. Readings stay columns from end to end; only records become objects.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables import place as places
from province.adapters.tables import raw, reasons
from province.adapters.tables.reasons import Reason
from province.broker.validation import conform
from province.errors import InvalidInput
from province.model import mapping as mappings
from province.model.change import Change
from province.model.entity import ORIGINS, Attribute
from province.model.mapping import GEOMETRY, ID, Column, Mapping
from province.model.observation import SCHEMA
from province.model.record import attribute
from province.model.schema import EntityType, FieldSpec
from province.model.time import FUTURE_TOLERANCE, Instant, format_instant, parse_instant
from province.model.unit import lookup
from province.model.written import Mask, compose, mask, regular

_SPACE: Final = uuid.UUID("7c5b8f5e-52a5-4c33-8a39-8f0a2f6f5b77")
_TRUE: Final = frozenset(("true", "1", "yes", "có", "x", "đúng", "t", "y"))
_FALSE: Final = frozenset(("false", "0", "no", "không", "sai", "f", "n"))
ITEM: Final = "_item"
"""Column of `Parcel.readings` besides those of the schema: position of the row in the batch."""


@dataclass(slots=True)
class Parcel:
    """What a batch brings. changes: by position of the row.  refused: position → reasons.

    readings: `model.observation.SCHEMA` and `_item`; readings of refused rows are not among them.
    """

    rows: int
    changes: dict[int, Change] = field(default_factory=dict)
    keys: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    """Values of `Mapping.key` by position, for rows whose entity is found by them."""
    readings: pa.Table | None = None
    refused: dict[int, list[Reason]] = field(default_factory=dict)

    def refuse(self, position: int, why: Reason) -> None:
        """Add a reason to a row."""
        self.refused.setdefault(position, []).append(why)


@dataclass(slots=True)
class Work:
    """One batch on its way. first: how many rows of the file came before it."""

    batch: pa.Table
    mapping: Mapping
    type: EntityType
    now: Instant
    first: int
    parcel: Parcel
    convert: places.Convert | None

    def column(self, name: str) -> pa.Array:
        """A column of the file. Raises: InvalidInput naming it."""
        if name not in self.batch.column_names:
            known = ", ".join(c for c in self.batch.column_names if not c.startswith("_"))[:400]
            raise InvalidInput(f"the file has no column {name!r}.", field="mapping", remedy=f"Its columns: {known}.")
        found = self.batch.column(name)
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found

    def texts(self, name: str) -> pa.Array:
        """A column as text, empty cells null."""
        return raw.texts(self.column(name), self.mapping.empty)


def transform(
    batch: pa.Table, mapping: Mapping, entity_type: EntityType, *, first: int, now: Instant, crs: str = ""
) -> Parcel:
    """crs: of shapes and coordinates, when the mapping names none. Raises: InvalidInput when columns are missing."""
    size = batch.num_rows
    batch = batch.combine_chunks()
    convert = places.to_wgs84(mapping.crs or crs) if mapping.crs or crs else None
    work = Work(batch, mapping, entity_type, now, first, Parcel(size), convert)
    for i, fault in enumerate(batch.column(raw.FAULT).to_pylist()):
        if fault:
            work.parcel.refuse(i, reasons.structural(fault))
    shapes = _shapes(work)
    ids = _ids(work, shapes)
    if mapping.records:
        _records(work, ids, shapes)
    if mappings.measures(mapping, entity_type):
        _readings(work, ids)
    for i in work.parcel.refused:
        work.parcel.changes.pop(i, None)
        work.parcel.keys.pop(i, None)
    return work.parcel


# --- identity --------------------------------------------------------------------------------------------------------


def _ids(work: Work, shapes: list[Any] | None) -> list[str | None]:
    """The id of every row's entity; None where the template lacks a value, or for wide files without one."""
    mapping = work.mapping
    by_column = next((n for n, c in mapping.columns.items() if c.field == ID), "")
    template = mapping.id or ("{" + by_column + "}" if by_column else "")
    if template:
        return _fill(work, template, refuse=True)
    if mapping.wide is not None:
        return [None] * work.batch.num_rows
    names = [n for n in work.batch.column_names if not n.startswith("_")]
    if mapping.key:
        names = [n for n, c in mapping.columns.items() if c.field in mapping.key]
    values = [work.texts(n).to_pylist() for n in names if not pa.types.is_binary(work.column(n).type)]
    found: list[str | None] = []
    for i, cells in enumerate(zip(*values, strict=True) if values else [()] * work.batch.num_rows):
        # Without an id of its own a row is known by what it says, so that a second import finds it again.
        seed = msgspec.json.encode([work.type.name, *cells, shapes[i] if shapes and not mapping.key else None])
        found.append(f"urn:ngsi-ld:{work.type.name}:{uuid.uuid5(_SPACE, seed.decode())}")
    return found


def _fill(work: Work, template: str, *, refuse: bool, column: str = "") -> list[str | None]:
    """A template with the cells of every row. An empty cell refuses the row."""
    filled: list[list[str | None]] = []
    for text, is_column in mappings.parts(template):
        if not is_column:
            filled.append([text] * work.batch.num_rows)
            continue
        name, _, suffix = text.partition("|")
        if name == "_column":
            filled.append([column] * work.batch.num_rows)
            continue
        cells = work.texts(name).to_pylist()
        if refuse:
            for i, cell in enumerate(cells):
                if cell is None and i not in work.parcel.refused:
                    work.parcel.refuse(i, reasons.missing(name))
        filled.append([None if c is None else mappings.slug(c) if suffix else c.replace(" ", "_") for c in cells])
    return [None if None in parts else "".join(parts) for parts in zip(*filled, strict=True)]


# --- records ---------------------------------------------------------------------------------------------------------


def _records(work: Work, ids: list[str | None], shapes: list[Any] | None) -> None:
    mapping, entity_type, parcel = work.mapping, work.type, work.parcel
    values: dict[str, list[Any]] = {}
    source: dict[str, str] = {}
    for name, column in mapping.columns.items():
        spec = entity_type.fields.get(column.field)
        if spec is None or spec.field.observed:
            continue
        values[spec.name], source[spec.name] = _cells(work, name, column, spec), name
    if shapes is not None and entity_type.info.place:
        values[entity_type.info.place], source[entity_type.info.place] = shapes, GEOMETRY
    for name, constant in mapping.constants.items():
        values[name] = [constant] * work.batch.num_rows
    specs = {n: entity_type.fields[n] for n in values}
    for i in range(work.batch.num_rows):
        if i in parcel.refused:
            continue
        attrs: dict[str, Attribute | None] = {}
        for name, column_values in values.items():
            given = column_values[i]
            if given is None:
                continue
            try:
                made = _attribute(specs[name], given, mapping)
                attrs.update(conform(entity_type, {name: made}))
            except InvalidInput as error:
                parcel.refuse(i, reasons.of_error(source.get(name, name), error))
        if i in parcel.refused:
            continue
        if mapping.key:
            parcel.keys[i] = tuple(a.value if (a := attrs.get(k)) is not None else None for k in mapping.key)
        if ids[i] is not None and (attrs or not mappings.measures(mapping, entity_type)):
            parcel.changes[i] = Change(op="upsert", id=str(ids[i]), type=entity_type.name, attrs=attrs)


def _attribute(spec: FieldSpec, value: Any, mapping: Mapping) -> Attribute:
    return attribute(spec, value, origin=mapping.origin)


def _cells(work: Work, name: str, column: Column, spec: FieldSpec) -> list[Any]:
    """A column as values of a field; unreadable cells refuse their rows."""
    mapping = work.mapping
    if column.values:
        return _looked_up(work, name, column)
    if spec.value in ("number", "integer"):
        style = column.numbers or mapping.numbers
        found, bad = raw.numbers(work.column(name), style, mapping.empty)
        _refuse_texts(work, name, bad, lambda given: reasons.not_a_number(name, given, style))
        cells: list[Any] = _converted(found, column.unit, spec, column.scale).to_pylist()
        if spec.value == "integer":
            cells = [int(c) if c is not None and c == int(c) else c for c in cells]
        return [[c] if spec.many and c is not None else c for c in cells]
    if spec.value == "instant" or _is_day(spec, column):
        style = column.dates or mapping.dates
        moments, bad = raw.instants(work.column(name), style, mapping.timezone, mapping.empty)
        _refuse_texts(work, name, bad, lambda given: reasons.not_a_moment(name, given, style))
        if spec.value == "instant":
            return [None if m is None else format_instant(m) for m in moments.to_pylist()]
        days = pc.strftime(moments.cast(pa.timestamp("us", tz=mapping.timezone)), "%Y-%m-%d")
        return list(days.to_pylist())
    texts = work.texts(name).to_pylist()
    if column.template:
        texts = _fill(work, column.template, refuse=False)
    if spec.value == "geometry":
        return [None if t is None else _shape(work, i, name, t) for i, t in enumerate(texts)]
    if spec.many:
        separator = column.split or ";"
        return [None if t is None else [p.strip() for p in t.split(separator) if p.strip()] for t in texts]
    if spec.value == "boolean":
        return [_boolean(t) for t in texts]
    if spec.value == "json":
        return [_json(t) for t in texts]
    return list(texts)


def _is_day(spec: FieldSpec, column: Column) -> bool:
    """A civil day is a text field; it is written as one only when the mapping names a format of dates."""
    return spec.value == "text" and bool(column.dates)


def _looked_up(work: Work, name: str, column: Column) -> list[Any]:
    table = {str(k).strip(): v for k, v in column.values.items()}
    found: list[Any] = []
    for i, given in enumerate(work.texts(name).to_pylist()):
        if given is not None and given not in table:
            work.parcel.refuse(i, reasons.unknown_value(name, given, list(table)))
        found.append(None if given is None else table.get(given))
    return found


def _boolean(text: str | None) -> Any:
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


# --- place -----------------------------------------------------------------------------------------------------------


def _shapes(work: Work) -> list[Any] | None:
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
    return [None if t is None else _shape(work, i, name, t) for i, t in enumerate(texts)]


def _points(work: Work, x: str, y: str) -> list[Any]:
    mapping = work.mapping
    columns = []
    for name in (x, y):
        style = (mapping.columns[name].numbers if name in mapping.columns else "") or mapping.numbers
        found, bad = raw.numbers(work.column(name), style, mapping.empty)
        _refuse_texts(work, name, bad, lambda given, n=name, s=style: reasons.not_a_number(n, given, s))
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


def _shape(work: Work, i: int, name: str, text: str) -> Any:
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


# --- readings --------------------------------------------------------------------------------------------------------


def _readings(work: Work, ids: list[str | None]) -> None:
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
                to = pa.array(_fill(work, mapping.wide.entity, refuse=True, column=name), pa.string())
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
        _refuse_texts(work, time.column, bad, lambda given: reasons.not_a_moment(time.column, given, style))
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
            looked = _looked_up(work, name, column)
            found = pa.array([None if v is None else float(v) for v in looked], pa.float64())
        else:
            style = column.numbers or mapping.numbers
            found, bad = raw.numbers(work.column(name), style, mapping.empty)
            _refuse_texts(work, name, bad, lambda given: reasons.not_a_number(name, given, style))
        numbers = _converted(found, column.unit, spec, column.scale)
        _check_range(work, name, numbers, spec)
        _add(parts, work, entities, pa.array([spec.name] * len(numbers)), moments, numbers, None)
        return mask(pc.is_valid(numbers))
    if column.values:
        cells = [None if v is None else v for v in _looked_up(work, name, column)]
    else:
        cells = list(work.texts(name).to_pylist())
        if spec.value == "boolean":
            cells = [_boolean(c) for c in cells]
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
    _refuse_texts(work, long.value, bad, lambda given: reasons.not_a_number(long.value, given, style))
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
        part = _converted(pa.array(numbers, mask=~mine | np.isnan(numbers)), unit, spec)
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


def _converted(numbers: pa.Array, unit: str, spec: FieldSpec, scale: float = 1.0) -> pa.Array:
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


def _refuse_texts(work: Work, name: str, bad: Mask, why: Any) -> None:
    if not bad.any():
        return
    given = work.texts(name)
    for i in np.flatnonzero(bad):
        work.parcel.refuse(int(i), why(str(given[int(i)].as_py())))


def bare(table: pa.Table) -> pa.Table:
    """Readings in exactly the columns of `SCHEMA`."""
    return table.select(SCHEMA.names).cast(SCHEMA)

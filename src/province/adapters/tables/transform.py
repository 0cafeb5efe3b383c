"""One batch of a file by its mapping: changes of records, columns of readings, and a reason for each refused row.

A row is taken whole or not at all. Readings stay columns from end to end; only records become objects.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from province.adapters.tables import place as places
from province.adapters.tables import raw, reasons
from province.adapters.tables.cells import cells_of
from province.adapters.tables.measures import read_readings
from province.adapters.tables.naming import ids_of
from province.adapters.tables.parcel import Parcel, Work
from province.adapters.tables.shapes import shapes_of
from province.broker.validation import conform
from province.errors import InvalidInput
from province.model import mapping as mappings
from province.model.change import Change
from province.model.entity import Attribute
from province.model.mapping import GEOMETRY, Mapping
from province.model.record import attribute
from province.model.schema import EntityType, FieldSpec
from province.model.time import Instant


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
    shapes = shapes_of(work)
    ids = ids_of(work, shapes)
    if mapping.records:
        _records(work, ids, shapes)
    if mappings.measures(mapping, entity_type):
        read_readings(work, ids)
    for i in work.parcel.refused:
        work.parcel.changes.pop(i, None)
        work.parcel.keys.pop(i, None)
    return work.parcel


def _records(work: Work, ids: list[str | None], shapes: list[Any] | None) -> None:
    mapping, entity_type, parcel = work.mapping, work.type, work.parcel
    values: dict[str, list[Any]] = {}
    source: dict[str, str] = {}
    for name, column in mapping.columns.items():
        spec = entity_type.fields.get(column.field)
        if spec is None or spec.field.observed:
            continue
        values[spec.name], source[spec.name] = cells_of(work, name, column, spec), name
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

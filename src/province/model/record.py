"""Between typed records and entities."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from province.errors import InvalidInput
from province.model.change import Change, Counter, Hold, Limit
from province.model.entity import Attribute, Entity, Origin
from province.model.geometry import validate
from province.model.schema import EntityType, FieldSpec, Record, describe
from province.model.time import Instant, format_instant

R = TypeVar("R", bound=Record)


def to_record(record: type[R], entity: Entity) -> R:
    """Read an entity as a typed record; attributes that the record does not declare are left aside.

    Raises: InvalidInput naming the attribute whose stored value does not fit.
    """
    spec = describe(record)
    values: dict[str, Any] = {"id": entity.id, "version": entity.version}
    for name in spec.fields:
        found = entity.attrs.get(name)
        if found is not None and found.value is not None:
            values[name] = found.value
    try:
        return msgspec.convert(values, record, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{entity.id}: {error}", field=_path(str(error))) from None


def attributes(record: Record, *, origin: Origin = "reported") -> dict[str, Attribute]:
    """The attributes of a record; None values are left out, observed fields too (they are measured, not written)."""
    spec = describe(type(record))
    given = {name: getattr(record, name) for name in spec.fields if not spec.fields[name].field.observed}
    return {n: a for n, a in attributes_of(spec, given, origin=origin).items() if a is not None}


def attributes_of(
    spec: EntityType, values: Mapping[str, Any], *, origin: Origin = "reported"
) -> dict[str, Attribute | None]:
    """Attributes from plain values by field name; None means removal. Raises: InvalidInput for an unknown field."""
    result: dict[str, Attribute | None] = {}
    for name, value in values.items():
        found = spec.fields.get(name)
        if found is None:
            known = ", ".join(spec.fields)
            raise InvalidInput(f"{spec.name} has no field {name!r}.", field=name, remedy=f"Its fields: {known}.")
        result[name] = None if value is None else attribute(found, value, origin=origin)
    return result


def attribute(spec: FieldSpec, value: Any, *, origin: Origin = "reported") -> Attribute:
    """One attribute from a plain value. Raises: InvalidInput for an impossible geometry."""
    if isinstance(value, datetime):
        value = format_instant(value)
    elif isinstance(value, tuple):
        value = list(value)
    if spec.value == "geometry":
        validate(value, field=spec.name)
    return Attribute(type=spec.kind, value=value, unit_code=spec.unit or None, origin=origin)


def create(
    record: Record,
    *,
    agency: str | None = None,
    origin: Origin = "reported",
    counters: tuple[Counter, ...] = (),
    holds: tuple[Hold, ...] = (),
    limits: tuple[Limit, ...] = (),
) -> Change:
    """A change that creates the record's entity."""
    return Change(
        op="create",
        id=record.id,
        type=describe(type(record)).name,
        attrs=attributes(record, origin=origin),
        agency=agency,
        counters=counters,
        holds=holds,
        limits=limits,
    )


def change(record: Record, *, event: str = "", agency: str | None = None, **values: Any) -> Change:
    """A change of some fields; None removes one. Refused when somebody else wrote since `record` was read."""
    spec = describe(type(record))
    return Change(
        op="merge",
        id=record.id,
        type=spec.name,
        attrs=attributes_of(spec, values),
        event=event,
        agency=agency,
        expect_version=record.version or None,
    )


def move(record: Record, target: str, *, at: Instant, note: str = "", **values: Any) -> Change:
    """A change along one edge of the workflow; the event is the edge's, the note is kept on the state attribute.

    Raises: Conflict when the workflow has no such edge.
    """
    spec = describe(type(record))
    workflow = spec.info.workflow
    if workflow is None:
        raise InvalidInput(f"{spec.name} has no workflow.", field="type")
    edge = workflow.edge(getattr(record, workflow.attribute), target)
    meta: dict[str, Attribute | list[Attribute]] = {"since": Attribute(value=format_instant(at))}
    if note:
        meta["note"] = Attribute(value=note)
    attrs = attributes_of(spec, values)
    attrs[workflow.attribute] = Attribute(value=target, meta=meta)
    return Change(
        op="merge", id=record.id, type=spec.name, attrs=attrs, event=edge.event, expect_version=record.version or None
    )


def _path(message: str) -> str | None:
    _, _, path = message.partition(" - at `$.")
    return path.rstrip("`") or None

"""NGSI-LD entities of a file, in normalized, concise or key-value form, sorted into records and readings.

Names are taken as the product's own vocabulary; a remote `@context` is not fetched. In key-value form a relationship is
a bare text, an id need not be a URI, and the time stands in `dateObserved`.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.adapters.tables import raw, reasons
from province.adapters.tables.json_file import ENTITY
from province.adapters.tables.parcel import ITEM, Parcel
from province.broker.validation import conform
from province.errors import InvalidInput, ProvinceError
from province.model import codec
from province.model.change import Change
from province.model.entity import ORIGINS, Attribute, split_key
from province.model.jsonld import is_iri, require_trimmed
from province.model.mapping import Mapping
from province.model.observation import SCHEMA
from province.model.schema import EntityType, FieldSpec
from province.model.time import FUTURE_TOLERANCE, Instant, parse_instant
from province.model.unit import convert
from province.model.written import read_instants

_TIMES: Final = ("dateObserved", "observedAt", "dateModified")
_REMARKS: Final = frozenset(("_row", "_field", "_reason", "_remedy"))
_MEMBERS: Final = frozenset(("id", "@id", "type", "@type", "@context", "scope"))


def transform(batch: pa.Table, mapping: Mapping, types: Map[str, EntityType], *, now: Instant) -> Parcel:
    """Every entity of a batch by the declaration of its own type."""
    parcel = Parcel(batch.num_rows)
    readings: list[dict[str, Any]] = []
    faults = batch.column(raw.FAULT).to_pylist()
    for i, text in enumerate(batch.column(ENTITY).to_pylist()):
        if faults[i]:
            parcel.refuse(i, reasons.structural(faults[i]))
            continue
        try:
            change, measured = _split(msgspec.json.decode(text), mapping, types, now)
        except ProvinceError as error:
            parcel.refuse(i, reasons.of_error("", error))
            continue
        parcel.changes[i] = change
        readings.extend({**one, ITEM: i} for one in measured)
    if readings:
        schema = SCHEMA.append(pa.field(ITEM, pa.int64()))
        parcel.readings = pa.Table.from_pylist(readings, schema=schema)
    return parcel


def _split(
    data: dict[str, Any], mapping: Mapping, types: Map[str, EntityType], now: Instant
) -> tuple[Change, list[dict[str, Any]]]:
    data = _of_feature({k: v for k, v in data.items() if k not in _REMARKS})
    kind = data.get("type", data.get("@type"))
    first = kind[0] if isinstance(kind, list) and kind else kind
    id = data.get("id", data.get("@id"))
    if isinstance(id, str) and id and not is_iri(id) and isinstance(first, str):
        require_trimmed(id, field="id")
        data = {**data, "id": f"urn:ngsi-ld:{first}:{id.replace(' ', '_')}"}
    entity_type = types.get(first) if isinstance(first, str) else None
    if entity_type is not None:
        data = {k: v if k in _MEMBERS else _related(v, entity_type.fields.get(k)) for k, v in data.items()}
    entity = codec.decode(data, tenant="", types=types)
    usual = _moment(entity.attrs, mapping)
    attrs: dict[str, Attribute | None] = {}
    measured: list[tuple[FieldSpec, str | None, Attribute]] = []
    for key, one in entity.attrs.items():
        name, dataset = split_key(key)
        spec = entity_type.fields.get(name) if entity_type else None
        origin = mapping.origin if one.origin == "reported" else one.origin
        one = msgspec.structs.replace(one, origin=origin)
        if spec is not None and spec.kind == "Relationship" and one.type == "Property" and is_iri(one.value):
            one = msgspec.structs.replace(one, type="Relationship")
        if spec is not None and spec.field.observed:
            measured.append((spec, dataset, one))
        else:
            attrs[key] = one
    attrs = conform(entity_type, attrs)
    readings = [_reading(entity.id, entity.type, s, d, a, usual, now) for s, d, a in measured]
    change = Change(
        op="upsert", id=entity.id, type=entity.type, types=entity.types[1:], attrs=attrs, scope=entity.scope or None
    )
    return change, readings


def _of_feature(data: dict[str, Any]) -> dict[str, Any]:
    """An entity written as a GeoJSON feature, as NGSI-LD allows (§4.5.16)."""
    properties = data.get("properties")
    if data.get("type") != "Feature" or not isinstance(properties, dict) or "type" not in properties:
        return data
    shape = data.get("geometry")
    place = {"location": shape} if shape is not None and "location" not in properties else {}
    rest = {k: v for k, v in data.items() if k in ("id", "@context")}
    return {**rest, **place, **properties}


def _related(value: Any, spec: FieldSpec | None) -> Any:
    """A bare text of a declared relationship as the relationship that it means."""
    if spec is None or spec.kind != "Relationship":
        return value
    if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(v, str) for v in value)):
        return {"type": "Relationship", "object": value}
    return value


def _moment(attrs: Map[str, Attribute], mapping: Mapping) -> Instant | None:
    """The time of a whole entity: `dateObserved`, a moment or the start of an interval, local without an offset.

    An entity that says nothing has the `time.start` of the mapping.
    """
    for name in _TIMES:
        value = attrs[name].value if name in attrs else None
        if isinstance(value, dict):
            value = value.get("@value")
        if isinstance(value, str):
            found, bad = read_instants(pa.array([value.partition("/")[0].strip()]), "iso", mapping.timezone)
            if bad[0]:
                raise InvalidInput(f"{value[:60]!r} is not a date-time.", field=name, remedy="Give ISO 8601.")
            moment: Instant = found[0].as_py()
            return moment
    return parse_instant(mapping.time.start) if mapping.time is not None and mapping.time.start else None


def _reading(
    id: str, type_name: str, spec: FieldSpec, dataset: str | None, one: Attribute, usual: Instant | None, now: Instant
) -> dict[str, Any]:
    at = one.observed_at or usual
    if at is None:
        raise InvalidInput(
            f"{spec.name!r} is measured, but nothing says when.", field=f"{spec.name}.observedAt",
            remedy="Give observedAt, or dateObserved for the whole entity.",
        )  # fmt: skip
    if at > now + FUTURE_TOLERANCE:
        raise InvalidInput(
            "the time lies in the future.", field=f"{spec.name}.observedAt", remedy="Check the clock of the source."
        )
    number, text = None, None
    if spec.value in ("number", "integer"):
        if isinstance(one.value, bool) or not isinstance(one.value, int | float):
            raise InvalidInput(f"{str(one.value)[:60]!r} is not a finite number.", field=spec.name)
        number = (
            convert(float(one.value), one.unit_code, spec.unit, field=spec.name) if one.unit_code else float(one.value)
        )
        low, high = spec.field.minimum, spec.field.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            span = f"{'−∞' if low is None else low}…{'∞' if high is None else high}"
            raise InvalidInput(
                f"{number} {spec.unit} is outside {span}.", field=spec.name, remedy="Check the value and its unit."
            )
    elif (spec.field.values and one.value not in spec.field.values) or not isinstance(one.value, str | bool):
        raise InvalidInput(
            f"{one.value!r} is not allowed.", field=spec.name, remedy=f"One of: {', '.join(spec.field.values)}."
        )
    else:
        text = msgspec.json.encode(one.value).decode()
    return {
        "entity": id, "type": type_name, "attribute": spec.name, "dataset": dataset, "observed_at": at,
        "number": number, "text": text, "origin": ORIGINS.index(one.origin),
    }  # fmt: skip

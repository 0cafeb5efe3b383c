"""The feed `smart-data-models`: NGSI-LD JSON of the Smart Data Models, normalised or key-values, one entity or a list.

A declared observed field becomes an observation; every other attribute becomes part of the record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.errors import DecodeError, InvalidInput
from province.model.change import Change
from province.model.entity import ORIGINS, Attribute, Origin
from province.model.geometry import validate
from province.model.observation import SCHEMA
from province.model.schema import EntityType, FieldSpec, describe
from province.model.time import Instant, parse_instant
from province.model.unit import convert
from province.pack import Context, Decoded
from province.packs.devices.types import SENSORS

MAX_ENTITIES: Final = 1000
_LARGEST: Final = 1e300
"""No measurement is larger; a JSON integer may be, beyond what a float holds. Nor are NaN and infinities below it."""
_TYPES: Final[Mapping[str, EntityType]] = {describe(t).name: describe(t) for t in SENSORS}
_OBSERVED_AT: Final = ("dateObserved", "observationDateTime", "dateLastValueReported")
_RESERVED: Final = frozenset(("id", "type", "@context", "scope", "createdAt", "modifiedAt", "lifecycle", *_OBSERVED_AT))
"""`lifecycle` is ours to move, by actions; a payload cannot."""
_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,240}")
_NAME = re.compile(r"[A-Za-z@][A-Za-z0-9_]{0,79}")

Row = tuple[str, str, str, None, Instant, float | None, str | None, int]


def from_smart_data_models(payload: bytes, *, context: Context) -> Decoded:
    """Read Smart Data Models JSON.

    A reading without a time of its own gets that of its entity (`dateObserved`, `observationDateTime`; the models say
    UTC, so a time without offset is UTC), else the time of arrival. Units are converted into those of the field.
    Raises: DecodeError naming the place, such as `[2].pm25.unitCode`.
    """
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"not JSON: {error}.", field="body") from None
    single = not isinstance(document, list)
    entities = [document] if single else document
    if len(entities) > MAX_ENTITIES:
        raise DecodeError(f"{len(entities)} entities.", field="body", remedy=f"Send at most {MAX_ENTITIES} at once.")
    changes: list[Change] = []
    rows: list[Row] = []
    for i, entity in enumerate(entities):
        place = "" if single else f"[{i}]."
        try:
            changes.append(_read_entity(entity, place, context.now, rows))
        except DecodeError:
            raise
        except InvalidInput as error:
            raise DecodeError(
                error.detail, field=f"{place}{error.field or ''}".rstrip("."), remedy=error.remedy
            ) from None
    return Decoded(changes=tuple(changes), observations=_table(rows) if rows else None)


def _read_entity(entity: object, place: str, now: Instant, rows: list[Row]) -> Change:
    if not isinstance(entity, dict):
        raise DecodeError("an entity is a JSON object.", field=place.rstrip(".") or "body")
    kind = entity.get("type")
    spec = _TYPES.get(kind) if isinstance(kind, str) else None
    if spec is None:
        raise DecodeError(
            f"type {str(kind)[:80]!r} is not read here.", field=f"{place}type", remedy=f"One of: {', '.join(_TYPES)}."
        )
    name = entity.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise DecodeError(f"id {str(name)[:80]!r} is not a URI.", field=f"{place}id", remedy="Begin with urn:ngsi-ld:.")
    default = _observed_at(entity) or now
    attrs: dict[str, Attribute | None] = {}
    for key, node in entity.items():
        if key in _RESERVED:
            continue
        if not _NAME.fullmatch(key):
            raise InvalidInput("not an attribute name.", field=key[:80])
        found = spec.fields.get(key)
        for instance in node if _is_list_of_instances(node) else (node,):
            attribute = _attribute(instance, found, key)
            if found is not None and found.field.observed:
                rows.append(_row(name, spec.name, found, attribute, default))
            else:
                attrs[key] = attribute
    return Change(op="upsert", id=name, type=spec.name, attrs=attrs)


def _observed_at(entity: Mapping[str, Any]) -> Instant | None:
    for name in _OBSERVED_AT:
        if name in entity:
            return _instant(_attribute(entity[name], None, name).value, name)
    return None


def _instant(value: object, field: str) -> Instant:
    if isinstance(value, dict):
        value = value.get("@value")
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+", value):
        value += "Z"
    return parse_instant(value, field=field)


def _is_list_of_instances(node: object) -> bool:
    return isinstance(node, list) and bool(node) and all(isinstance(n, dict) and "type" in n for n in node)


def _attribute(node: object, spec: FieldSpec | None, key: str) -> Attribute:
    """One attribute, from its normalised form or from a bare value."""
    if not (isinstance(node, dict) and ("value" in node or "object" in node)):
        return _bare(node, spec, key)
    kind = "Relationship" if "object" in node else "GeoProperty" if node.get("type") == "GeoProperty" else "Property"
    value = node["object"] if kind == "Relationship" else node["value"]
    unit = node.get("unitCode")
    if unit is not None and not isinstance(unit, str):
        raise InvalidInput(f"{unit!r} is not a unit code.", field=f"{key}.unitCode")
    observed = node.get("observedAt")
    result = _bare(value, spec, key)
    return msgspec.structs.replace(
        result,
        type="Relationship" if kind == "Relationship" else result.type,
        unit_code=unit,
        observed_at=None if observed is None else _instant(observed, f"{key}.observedAt"),
        origin=_origin(node.get("origin"), key),
    )


def _bare(value: object, spec: FieldSpec | None, key: str) -> Attribute:
    if key == "location":
        return Attribute(type="GeoProperty", value=validate(value), origin="measured")
    if value is None:
        raise InvalidInput("null is not a value.", field=key, remedy="Leave the attribute out.")
    return Attribute(type=spec.kind if spec else "Property", value=value, origin="measured")


def _origin(node: object, key: str) -> Origin:
    if isinstance(node, dict):
        node = node.get("value")
    if node is None:
        return "measured"
    for origin in ORIGINS:
        if node == origin:
            return origin
    raise InvalidInput(f"{str(node)[:40]!r} is not an origin.", field=f"{key}.origin", remedy=f"One of: {ORIGINS}.")


def _row(entity: str, kind: str, spec: FieldSpec, attribute: Attribute, default: Instant) -> Row:
    number: float | None = None
    text: str | None = None
    value = attribute.value
    if spec.value in ("number", "integer"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            raise InvalidInput(f"{str(value)[:40]!r} is not a finite number.", field=spec.name)
        number = float(value)
        if attribute.unit_code:
            number = convert(number, attribute.unit_code, spec.unit, field=f"{spec.name}.unitCode")
    elif isinstance(value, str):
        text = msgspec.json.encode(value).decode()
    else:
        raise InvalidInput(f"{str(value)[:40]!r} is not a text.", field=spec.name)
    at = attribute.observed_at or default
    return entity, kind, spec.name, None, at, number, text, ORIGINS.index(attribute.origin)


def _table(rows: list[Row]) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(list(c), type=f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)

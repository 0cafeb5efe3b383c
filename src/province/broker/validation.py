"""Does an attribute fit the declared field? Values are normalised or refused with field and remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from province.errors import InvalidInput
from province.model.entity import Attribute, split_key
from province.model.geometry import validate
from province.model.jsonld import is_iri
from province.model.schema import EntityType, FieldSpec, ValueKind
from province.model.text import nfc
from province.model.time import format_instant, parse_instant
from province.model.unit import convert

MAX_TEXT = 100_000
MAX_NUMBER = 1.7e308
MAX_INTEGER = 2**53
"""Whole numbers that JSON readers of every language read exactly."""


def conform(entity_type: EntityType | None, attrs: Mapping[str, Attribute | None]) -> dict[str, Attribute | None]:
    """Attributes ready to be stored. Undeclared ones pass as they are, with geometry and text checked.

    Raises: InvalidInput.
    """
    result: dict[str, Attribute | None] = {}
    for key, attribute in attrs.items():
        name, _ = split_key(key)
        spec = entity_type.fields.get(name) if entity_type else None
        if attribute is None:
            if spec is not None and spec.required:
                raise InvalidInput(f"{name!r} is required and cannot be removed.", field=name)
            result[key] = None
        elif spec is None:
            if attribute.type == "GeoProperty":
                validate(attribute.value, field=name)
            elif isinstance(attribute.value, str) and (normal := nfc(attribute.value)) != attribute.value:
                attribute = msgspec.structs.replace(attribute, value=normal)
            result[key] = attribute
        else:
            result[key] = _conform(spec, attribute)
    return result


def check_required(entity_type: EntityType, attrs: Mapping[str, Attribute]) -> None:
    """Raises: InvalidInput naming every required field that is absent."""
    missing = [name for name in entity_type.required if name not in attrs]
    if missing:
        raise InvalidInput(f"{entity_type.name} needs {', '.join(missing)}.", field=missing[0], remedy="Add it.")


def _conform(spec: FieldSpec, attribute: Attribute) -> Attribute:
    if spec.field.observed:
        raise InvalidInput(
            f"{spec.name!r} is measured: it cannot be written as a record.",
            field=spec.name,
            remedy="Send it as an observation with observedAt.",
        )
    if (attribute.type == "GeoProperty") != (spec.value == "geometry"):
        raise InvalidInput(f"{spec.name!r} is a {spec.kind}, not a {attribute.type}.", field=f"{spec.name}.type")
    if (attribute.type in ("Relationship", "ListRelationship")) != (spec.value == "relationship"):
        raise InvalidInput(f"{spec.name!r} is a {spec.kind}, not a {attribute.type}.", field=f"{spec.name}.type")
    value = attribute.value
    if spec.many:
        items = value if isinstance(value, list | tuple) else [value]
        value = [_value(spec, item, attribute.unit_code, f"{spec.name}[{i}]") for i, item in enumerate(items)]
    else:
        value = _value(spec, value, attribute.unit_code, spec.name)
    kind = spec.kind if attribute.type == "Property" else attribute.type
    unit = spec.unit or attribute.unit_code
    if value is attribute.value and kind == attribute.type and unit == attribute.unit_code:
        return attribute
    return msgspec.structs.replace(attribute, type=kind, value=value, unit_code=unit)


def _value(spec: FieldSpec, value: Any, unit: str | None, field: str) -> Any:
    checked = _READERS[spec.value](value, field)
    if spec.value in ("number", "integer"):
        if unit and spec.unit and unit != spec.unit:
            checked = convert(checked, unit, spec.unit, field=f"{spec.name}.unitCode")
        low, high = spec.field.minimum, spec.field.maximum
        if (low is not None and checked < low) or (high is not None and checked > high):
            raise InvalidInput(
                f"{checked} {spec.unit} is outside {'−∞' if low is None else low}…{'∞' if high is None else high}.",
                field=field,
                remedy="Check the value and its unit.",
            )
    if spec.field.values and checked not in spec.field.values:
        raise InvalidInput(
            f"{checked!r} is not allowed.", field=field, remedy=f"One of: {', '.join(spec.field.values)}."
        )
    return checked


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{_shown(value)} is not a text.", field=field)
    if len(value) > MAX_TEXT:
        raise InvalidInput(f"the text has {len(value)} characters.", field=field, remedy=f"At most {MAX_TEXT}.")
    if "\x00" in value:
        raise InvalidInput("the text holds a NUL character.", field=field, remedy="Remove it.")
    return nfc(value)


def _number(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        raise InvalidInput(f"{_shown(value)} is not a finite number.", field=field)
    return value


def _integer(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_INTEGER:
        raise InvalidInput(f"{_shown(value)} is not a whole number up to 2⁵³.", field=field)
    if value != int(value):
        raise InvalidInput(f"{_shown(value)} is not a whole number.", field=field)
    return int(value)


def _boolean(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"{_shown(value)} is neither true nor false.", field=field)
    return value


def _instant(value: Any, field: str) -> str:
    if isinstance(value, Mapping) and "@value" in value:  # the typed form {"@type": "DateTime", "@value": …}
        value = value["@value"]
    return format_instant(parse_instant(value, field=field))


def _geometry(value: Any, field: str) -> Any:
    return validate(value, field=field)


def _relationship(value: Any, field: str) -> str:
    if not isinstance(value, str) or not is_iri(value):
        raise InvalidInput(f"{_shown(value)} is not a URI.", field=field, remedy="Name the entity by its id (urn:…).")
    return value


def _json(value: Any, field: str) -> Any:
    return value


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "a number of very many digits"  # Python refuses to print the largest ones
    return repr(value)[:60]


_READERS: Mapping[ValueKind, Callable[[Any, str], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "instant": _instant,
    "geometry": _geometry,
    "relationship": _relationship,
    "json": _json,
}

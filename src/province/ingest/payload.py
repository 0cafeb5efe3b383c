"""What a device says in one MQTT message, as rows. Four ways of saying it, all JSON:

    {"temperature": 21.4, "battery": 88, "observedAt": "2026-03-01T07:00:00Z"}
    {"values": {"temperature": 21.4}, "observedAt": …}
    {"temperature": [21.4, 21.5], "observedAt": ["…", "…"]}                        columns of one length
    {"temperature": {"type": "Property", "value": 21.4, "unitCode": "CEL", "observedAt": "…"}}     NGSI-LD fragment

Without `observedAt` a reading was measured when it arrived. `origin` (default measured) holds for the whole message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from province.errors import DecodeError, InvalidInput
from province.model.entity import ORIGINS
from province.model.schema import EntityType, FieldSpec
from province.model.time import Instant, parse_instant
from province.model.unit import convert

MAX_READINGS: Final = 4_096
MAX_BYTES: Final = 1024**2
_RESERVED: Final = frozenset(("id", "type", "@context", "observedAt", "origin", "values"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORIGIN: Final[Mapping[str, int]] = {name: n for n, name in enumerate(ORIGINS)}

Row = tuple[str, int, float | None, str | None, str | None]
"""attribute, µs since 1970, number, text, dataset."""


def read_payload(payload: bytes, device: str, entity_type: EntityType, arrived: Instant) -> tuple[list[Row], int]:
    """Rows of one message, and their origin. Values are checked later, with all others.

    Raises: DecodeError naming the field; the message is then a dead letter.
    """
    if len(payload) > MAX_BYTES:
        raise DecodeError(f"{len(payload)} bytes.", field="payload", remedy=f"At most {MAX_BYTES}; send it in parts.")
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}.", field="payload") from None
    if not isinstance(document, dict):
        raise DecodeError("the message is not a JSON object.", field="payload")
    if document.get("id", device) != device:
        raise DecodeError(f"{str(document['id'])[:80]!r} is not the sender.", field="id")
    if document.get("type", entity_type.name) != entity_type.name:
        raise DecodeError(f"{str(document['type'])[:80]!r} is not the sender's type.", field="type")
    origin = document.get("origin", "measured")
    if not isinstance(origin, str) or origin not in _ORIGIN:
        raise DecodeError(f"{str(origin)[:40]!r}.", field="origin", remedy=f"One of {', '.join(ORIGINS)}.")
    values = document.get("values")
    if values is None:
        values = {name: value for name, value in document.items() if name not in _RESERVED}
    if not isinstance(values, dict) or not values:
        raise DecodeError("the message holds no values.", field="values")
    try:
        return _rows(values, document.get("observedAt"), entity_type, arrived), _ORIGIN[origin]
    except DecodeError:
        raise
    except InvalidInput as error:
        raise DecodeError(error.detail, field=error.field, remedy=error.remedy) from None


def _rows(values: Mapping[str, Any], observed: Any, entity_type: EntityType, arrived: Instant) -> list[Row]:
    rows: list[Row] = []
    times = [_micros(one, f"observedAt[{n}]") for n, one in enumerate(observed)] if isinstance(observed, list) else None
    common = _micros(arrived if observed is None else observed, "observedAt") if times is None else 0
    for name, value in values.items():
        spec = entity_type.fields.get(name)
        if isinstance(value, list) and not _is_instances(value):
            if times is None or len(times) != len(value):
                raise DecodeError(
                    f"{len(value)} values and {'no' if times is None else len(times)} instants.", field=name
                )
            rows.extend((name, at, *_value(one, spec, None, name), None) for at, one in zip(times, value, strict=True))
        elif times is not None:
            raise DecodeError("a single value among columns.", field=name)
        else:
            nodes = value if isinstance(value, list) else (value,)
            rows.extend(_instance(name, node, spec, common) for node in nodes)
        if len(rows) > MAX_READINGS:
            raise DecodeError(f"over {MAX_READINGS} readings in one message.", field=name, remedy="Send them in parts.")
    return rows


def _instance(name: str, node: Any, spec: FieldSpec | None, common: int) -> Row:
    if not isinstance(node, dict):
        return (name, common, *_value(node, spec, None, name), None)
    if "value" not in node:
        raise DecodeError("has no value.", field=name)
    unit, dataset = node.get("unitCode"), node.get("datasetId")
    if not isinstance(unit, str | None):
        raise DecodeError("is not a unit code.", field=f"{name}.unitCode")
    if not isinstance(dataset, str | None):
        raise DecodeError("is not a URI.", field=f"{name}.datasetId")
    at = _micros(node["observedAt"], f"{name}.observedAt") if "observedAt" in node else common
    return (name, at, *_value(node["value"], spec, unit, name), dataset)


def _value(value: Any, spec: FieldSpec | None, unit: str | None, name: str) -> tuple[float | None, str | None]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise DecodeError("the number is too large.", field=name) from None
        if unit and spec is not None and spec.unit and unit != spec.unit:
            number = convert(number, unit, spec.unit, field=f"{name}.unitCode")
        return number, None
    return None, None if value is None else msgspec.json.encode(value).decode()


def _is_instances(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(one, dict) and "value" in one for one in value)


def _micros(given: Any, field: str) -> int:
    at = given if isinstance(given, datetime) else parse_instant(given, field=field)
    return (at - _EPOCH) // timedelta(microseconds=1)

"""NGSI v2 (FIWARE) normalized JSON → Entity: the older form in which many devices and data models still speak."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from province.errors import InvalidInput
from province.model.codec import Reading, decode, read_attribute
from province.model.entity import Attribute, Entity, Json
from province.model.jsonld import CORE, Context, is_iri, require_trimmed
from province.model.jsonvalue import check_json
from province.model.time import format_instant, parse_instant

_GEO = frozenset(("geo:json", "geo:point"))
_TIMES = frozenset(("timestamp", "timeinstant", "observedat"))


def decode_v2(data: Json, *, tenant: str, context: Context = CORE) -> Entity:
    """Read an NGSI v2 entity. An id that is no URI becomes `urn:ngsi-ld:<type>:<id>`, percent-encoded where needed.

    Metadata become sub-attributes; `unitCode` and `TimeInstant`/`timestamp` the unit and the time of observation.
    Raises: InvalidInput naming the field, TooLarge.
    """
    check_json(data)
    if not isinstance(data, dict):
        raise InvalidInput("expected a JSON object.", remedy="Send one entity as an object.")
    id, type_name = data.get("id"), data.get("type", "Thing")
    if not isinstance(id, str) or not id:
        raise InvalidInput(f"{str(id)[:80]!r} is not an id.", field="id", remedy="Give a text.")
    require_trimmed(id, field="id")
    if not is_iri(id):
        id = quote(id if id.startswith("urn:") else f"urn:ngsi-ld:{type_name}:{id}", safe=":/?#[]@!$&'()*+,;=-._~")
    head = decode({"id": id, "type": type_name}, tenant=tenant, context=context)
    reading = Reading(context, {})
    attrs: dict[str, Attribute] = {}
    for name, value in data.items():
        if name not in ("id", "type"):
            stored = context.name(name, field=name)
            attrs[stored] = read_attribute(stored, _attribute(name, value), reading, name)
    return msgspec.structs.replace(head, attrs=attrs)


def _attribute(name: str, given: Json) -> dict[str, Json]:
    if not isinstance(given, dict) or "value" not in given:
        raise InvalidInput(f"{name!r} has no value.", field=f"{name}.value", remedy='Give {"type": …, "value": …}.')
    kind, value = str(given.get("type", "")), given["value"]
    result: dict[str, Any]
    if kind in _GEO:
        result = {"type": "GeoProperty", "value": _point(value, name) if kind == "geo:point" else value}
    elif kind == "Relationship" and is_iri(value):
        result = {"type": "Relationship", "object": value}
    elif kind == "DateTime" and (instant := _instant(value)):
        result = {"type": "Property", "value": {"@type": "DateTime", "@value": instant}}
    else:
        result = {"type": "Property", "value": value}
    metadata = given.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise InvalidInput("the metadata are not an object.", field=f"{name}.metadata")
    for key, meta in metadata.items():
        inner = meta.get("value") if isinstance(meta, dict) else meta
        if key == "unitCode":
            result["unitCode"] = inner
        elif key.casefold() in _TIMES:
            result["observedAt"] = inner
        elif inner is not None:
            result[key] = {"type": "Property", "value": inner}
    return result


def _point(value: Json, name: str) -> Json:
    parts = value.split(",") if isinstance(value, str) else []
    try:
        lat, lon = (float(p) for p in parts)
    except ValueError:
        raise InvalidInput(
            f"{str(value)[:40]!r} is not a point.", field=name, remedy="Give `latitude,longitude`."
        ) from None
    return {"type": "Point", "coordinates": [lon, lat]}


def _instant(value: Json) -> str | None:
    """The instant that a DateTime names; None for an interval or a time without zone, which stay the text they are."""
    try:
        return format_instant(parse_instant(value))
    except InvalidInput:
        return None

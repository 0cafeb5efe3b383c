"""NGSI-LD JSON → Entity: normalized and concise forms, both accepted anywhere, checked strictly.

`representation` goes the other way, `evolution` writes histories. Nothing here reads a clock or the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

import msgspec

from province.errors import InvalidInput, InvalidRequest, TooLarge
from province.model.entity import (
    EXPIRY,
    KINDS,
    NULL,
    ORIGINS,
    PROOF,
    SEALED,
    Attribute,
    Entity,
    Json,
    Kind,
    Origin,
    attribute_key,
)
from province.model.geometry import validate
from province.model.jsonld import CORE, Context, is_iri
from province.model.jsonvalue import check_json
from province.model.schema import EntityType
from province.model.text import nfc
from province.model.time import Instant, parse_utc
from province.model.unit import convert

MAX_ATTRIBUTES: Final = 1_000
MEMBER: Final[Mapping[Kind, str]] = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
"""The member that holds the value of each kind of attribute."""
KIND_OF: Final[Mapping[str, Kind]] = {
    "value": "Property",
    "object": "Relationship",
    "languageMap": "LanguageProperty",
    "vocab": "VocabProperty",
    "json": "JsonProperty",
    "valueList": "ListProperty",
    "objectList": "ListRelationship",
}
GEOMETRIES: Final = frozenset(
    ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
)
_OURS = frozenset(("createdAt", "modifiedAt", "deletedAt", "instanceId", "entity", "entityList", "lang"))
"""Members that only we write: ignored when they come back to us."""
RESERVED: Final = frozenset(
    ("type", "unitCode", "observedAt", "datasetId", "objectType", "origin", EXPIRY, *MEMBER.values(), *_OURS)
)
_NOT_NAMES = frozenset(("datasetId", "instanceId", "observedAt", "unitCode"))
"""Terms of the core context that say something of an attribute, and are none (4.5.1)."""
_OUTPUT = frozenset(
    ("previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson", "previousValueList",
     "previousObjectList", *SEALED)
)  # fmt: skip
"""Members that no attribute brings: of notifications, and of proofs, where there is none (4.5.2.2)."""
_PLACES = frozenset(("location", "observationSpace", "operationSpace"))
_CAREFUL = _PLACES | {PROOF}
_SCALARS = frozenset((str, int, float, bool))
_UNIT = re.compile(r"\S{1,32}")
_SCOPE = re.compile(r"/?[^\W\d_]\w*(/[^\W\d_]\w*)*")


@dataclass(slots=True)
class Reading:
    """The state of one decoding: the caller's context, the declared types, and how many attributes were seen."""

    context: Context
    types: Mapping[str, EntityType]
    count: int = 0

    def seen(self, field: str) -> None:
        """Count an attribute. Raises: TooLarge."""
        self.count += 1
        if self.count > MAX_ATTRIBUTES:
            raise _too_many(field[:80])


def _too_many(field: str) -> TooLarge:
    return TooLarge(
        f"the entity has more than {MAX_ATTRIBUTES} attributes.", field=field, remedy="Split it into several entities."
    )


def decode(
    data: Json,
    *,
    tenant: str,
    context: Context = CORE,
    types: Mapping[str, EntityType] | None = None,
    id: str = "",
    plain: bool = False,
) -> Entity:
    """Read an entity in normalized or concise form. `@context` is left to the caller, who gives `context`.

    types: declared types, whose units are checked.  id: what stands in the address, when the body may leave it out.
    plain: `check_json` would find nothing.
    Raises: InvalidInput naming the field as a path (`speed.observedAt`), TooLarge.
    """
    if isinstance(data, dict) and len(data) > 2 * MAX_ATTRIBUTES:  # a million of them are not looked at one by one
        raise _too_many("the body")
    if not plain:
        check_json(data)
    body = members(data, context)
    found_id = body.pop("id", None) or id
    if not is_iri(found_id) or found_id == NULL:
        raise InvalidInput(
            f"{str(found_id)[:80]!r} is not a URI.", field="id", remedy="Give an id such as urn:ngsi-ld:Device:001."
        )
    if id and found_id != id:
        raise InvalidInput(f"the body names {found_id}, the address {id}.", field="id", remedy="Give the same id.")
    if "type" not in body:
        raise InvalidInput("the entity has no type.", field="type", remedy="Add `type`.")
    type_names = read_types(body.pop("type"), context)
    scope = read_scope(body.pop("scope")) if "scope" in body else ()
    reading = Reading(context, {t: types[t] for t in type_names if types and t in types})
    attrs: dict[str, Attribute] = {}
    for name, value in body.items():
        if name in _NOT_NAMES:
            raise InvalidInput(f"{name!r} is no attribute.", field=name, remedy="It stands inside an attribute.")
        if name == EXPIRY:
            attrs[EXPIRY] = read_expiry(value)
        elif name not in _OURS:
            _add(attrs, read_instances(name, value, reading))
    return Entity(tenant=tenant, id=found_id, types=type_names, attrs=attrs, scope=scope)


def members(data: Json, context: Context) -> dict[str, Any]:
    """The members of an entity or fragment; `@id`, `@type` and aliases become `id` and `type`, `@context` goes.

    Raises: InvalidInput.
    """
    if not isinstance(data, dict):
        raise InvalidRequest(f"expected a JSON object, not {_kind_name(data)}.", remedy="Send one entity as an object.")
    result: dict[str, Any] = {}
    for key, value in data.items():
        if key == "@context":
            continue
        name = str(context.aliases.get(key, key))
        if name in result:
            raise InvalidInput(f"{name!r} is given twice.", field=name)
        result[name] = value
    return result


def read_types(value: Json, context: Context) -> tuple[str, ...]:
    """One or more type names, as stored. Raises: InvalidInput."""
    given = value if isinstance(value, list) else [value]
    if not given or len(given) > 50 or not all(isinstance(t, str) and t for t in given):
        raise InvalidInput(
            f"{str(value)[:80]!r} is not a type name.", field="type", remedy="Give a name such as Device."
        )
    for one in given:
        if context.aliases.get(one, one) in ("id", "type"):
            raise InvalidInput(f"{one!r} is a keyword and no type.", field="type", remedy="Give a name such as Device.")
        if one[0].isdigit():  # 4.6.2
            raise InvalidInput(f"{one[:80]!r} begins with a digit.", field="type", remedy="Begin it with a letter.")
    return tuple(dict.fromkeys(context.name(nfc(t), field="type") for t in given))


def read_scope(value: Json) -> tuple[str, ...]:
    """One or more scopes such as `/BinhDuong/Roads`. Raises: InvalidInput."""
    given = value if isinstance(value, list) else [value]
    for one in given:
        if not isinstance(one, str) or len(one) > 500 or not _SCOPE.fullmatch(one):
            raise InvalidInput(
                f"{str(one)[:80]!r} is not a scope.", field="scope", remedy="Give levels of letters: /Province/Ward."
            )
    return tuple(dict.fromkeys("/" + nfc(s).removeprefix("/") for s in given))


def read_expiry(value: Json) -> Attribute:
    """Until when an entity exists, as it is kept. Raises: InvalidInput."""
    given = value["@value"] if isinstance(value, dict) and "@value" in value else value
    at = parse_utc(given, field=EXPIRY).astimezone(UTC)
    return Attribute(value=f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z")


def read_instances(name: str, value: Json, reading: Reading, *, parent: str = "") -> dict[str, Attribute]:
    """All instances of one attribute by key. Raises: InvalidInput, TooLarge."""
    field = f"{parent}.{name}" if parent else name
    stored = reading.context.name(nfc(name), field=field)
    if not is_instances(value):
        found = read_attribute(stored, value, reading, field)
        return {attribute_key(stored, found.dataset_id): found}
    result: dict[str, Attribute] = {}
    for i, one in enumerate(value):
        found = read_attribute(stored, one, reading, f"{field}[{i}]")
        key = attribute_key(stored, found.dataset_id)
        if key in result:
            raise InvalidInput(
                f"two instances have the datasetId {found.dataset_id or '@none'}.",
                field=f"{field}[{i}].datasetId",
                remedy="Give every instance a datasetId of its own.",
            )
        result[key] = found
    return result


def read_evolution(name: str, value: Json, reading: Reading) -> tuple[str, list[Attribute]]:
    """All instances of one attribute of a temporal entity: several may share a dataset. Returns its stored name.

    Raises: InvalidInput, TooLarge.
    """
    stored = reading.context.name(nfc(name), field=name)
    several = value if is_instances(value) else [value]
    return stored, [read_attribute(stored, one, reading, f"{name}[{i}]") for i, one in enumerate(several)]


def is_instances(value: Json) -> bool:
    """Whether a list holds instances of an attribute, rather than being a concise Property's value."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and is_attribute(v) for v in value)


def is_attribute(value: Mapping[str, Any]) -> bool:
    """Whether an object is an attribute, rather than a concise Property's structured value."""
    return value.get("type") in KINDS or any(m in value for m in KIND_OF)


def read_attribute(name: str, value: Json, reading: Reading, field: str) -> Attribute:
    """One instance. name: as stored. Raises: InvalidInput, TooLarge."""
    reading.seen(field)
    if not isinstance(value, dict):
        if name == PROOF:
            raise InvalidInput("a proof is an object.", field=field)
        return Attribute(value=_read_value("Property", value, reading, field))
    if len(value) == 2 and value.get("type") == "Property" and name not in _CAREFUL:  # nearly every attribute
        plain = value.get("value")
        if type(plain) in _SCALARS and plain != NULL:
            return Attribute(value=plain)
    if not is_attribute(value):
        kind: Kind = "GeoProperty" if is_geometry(value) else "Property"
        return Attribute(type=kind, value=_read_value(kind, value, reading, field))
    kind = _kind(value, field)
    member = MEMBER[kind]
    if name == PROOF:
        value = _read_proof(value, kind, reading, field)
    if not _OUTPUT.isdisjoint(value.keys() - (SEALED if name == PROOF else ())):
        name_of = sorted(_OUTPUT & value.keys())[0]
        raise InvalidInput(f"{name_of!r} is not for input.", field=f"{field}.{name_of}", remedy="Leave it out.")
    # Published data models have places as Properties with a geometry; anything else is no place.
    if name in _PLACES and kind != "GeoProperty" and not is_geometry(value.get("value")):
        raise InvalidInput(f"{name!r} is a GeoProperty, not a {kind}.", field=f"{field}.type")
    if kind == "LanguageProperty" and value.get("valueType", "langString") != "langString":
        raise InvalidInput("the texts of a LanguageProperty are langString.", field=f"{field}.valueType")
    if "unitCode" in value and kind not in ("Property", "ListProperty"):
        raise InvalidInput(f"a {kind} has no unit.", field=f"{field}.unitCode", remedy="Leave it out.")
    for other in KIND_OF:
        if other != member and other in value:
            raise InvalidInput(
                f"a {kind} has no {other!r}.", field=f"{field}.{other}", remedy=f"Its value is {member!r}."
            )
    if member not in value:
        raise InvalidInput(f"the {kind} has no {member!r}.", field=f"{field}.{member}", remedy=f"Add {member!r}.")
    result = Attribute(
        type=kind,
        value=_read_value(kind, value[member], reading, f"{field}.{member}"),
        unit_code=_read_unit(name, value, reading, field),
        observed_at=_read_instant(value, "observedAt", field),
        dataset_id=_read_dataset(value, field),
        expires_at=_read_instant(value, EXPIRY, field),
        origin=_read_origin(value, field),
        object_type=_read_object_type(value, kind, reading, field),
        meta=_read_meta(value, reading, field),
    )
    _check_unit(name, result, reading, field)
    return result


def _read_proof(value: Mapping[str, Any], kind: Kind, reading: Reading, field: str) -> dict[str, Any]:
    """A proof: an object, beside which may stand whom it seals, as plain texts (4.5.2.2). It is kept, not verified."""
    if kind != "Property" or not isinstance(value.get("value"), dict):
        raise InvalidInput("a proof is a Property whose value is an object.", field=f"{field}.value")
    result = dict(value)
    for name in SEALED & value.keys():
        if not isinstance(value[name], str):
            raise InvalidInput("expected a text.", field=f"{field}.{name}")
    if "entityTypeSealed" in result:
        result["entityTypeSealed"] = reading.context.name(result["entityTypeSealed"], field=f"{field}.entityTypeSealed")
    return result


def _kind(value: Mapping[str, Any], field: str) -> Kind:
    given = value.get("type")
    if given is None:
        present = [m for m in KIND_OF if m in value]
        if len(present) > 1:
            raise InvalidInput(f"the attribute has {' and '.join(present)}.", field=field, remedy="Keep one of them.")
        kind = KIND_OF[present[0]]
        return "GeoProperty" if kind == "Property" and is_geometry(value["value"]) else kind
    if given not in KINDS:
        raise InvalidInput(
            f"{str(given)[:40]!r} is not a kind of attribute.",
            field=f"{field}.type",
            remedy=f"One of: {', '.join(KINDS)}.",
        )
    found: Kind = given
    return found


def is_geometry(value: Json) -> bool:
    """Whether a concise value would be taken for a GeoJSON geometry."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("type"), str)
        and value["type"] in GEOMETRIES
        and ("coordinates" in value or "geometries" in value)
    )


def _read_value(kind: Kind, value: Json, reading: Reading, field: str) -> Json:
    if value is None or value == NULL:
        raise InvalidInput("the value is null.", field=field, remedy="Leave the attribute out, or delete it by PATCH.")
    if kind == "GeoProperty":
        return _read_geometry(value, field)
    if kind == "JsonProperty" and not isinstance(value, dict | list):
        raise InvalidInput(f"expected an object or a list, not {_kind_name(value)}.", field=field)
    if kind == "Property" and isinstance(value, dict | list) and _holds(value, NULL):
        raise InvalidInput(f"{NULL!r} stands for nothing, and is no part of a value.", field=field)
    if kind == "Relationship":
        return _read_objects(value, field)
    if kind == "LanguageProperty":
        return _read_languages(value, field)
    if kind == "VocabProperty":
        return _read_vocab(value, reading.context, field)
    if kind in ("ListProperty", "ListRelationship"):
        if not isinstance(value, list):
            raise InvalidInput(f"expected a list, not {_kind_name(value)}.", field=field)
        if kind == "ListRelationship":
            bare = [v["object"] if isinstance(v, dict) and v.keys() == {"object"} else v for v in value]
            return _read_objects(bare, field) if bare else []
    return value


def _read_geometry(value: Json, field: str) -> Json:
    """A GeoJSON geometry, which may come as text (4.7.1). Raises: InvalidInput."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise InvalidInput(
                "the text is no GeoJSON geometry.", field=field, remedy="Send it as an object."
            ) from None
    if isinstance(value, dict) and value.get("type") == "GeometryCollection":
        raise InvalidInput("a GeometryCollection is not allowed (4.7.1).", field=f"{field}.type")
    return validate(value, field=field)


def _holds(value: Json, what: str) -> bool:
    """Whether a text stands anywhere in a structured value."""
    if isinstance(value, dict):
        return any(_holds(v, what) for v in value.values())
    if isinstance(value, list):
        return any(_holds(v, what) for v in value)
    return bool(value == what)


def _read_objects(value: Json, field: str) -> Json:
    for i, one in enumerate(value if isinstance(value, list) else [value]):
        if not is_iri(one):
            where = f"{field}[{i}]" if isinstance(value, list) else field
            raise InvalidInput(
                f"{str(one)[:80]!r} is not a URI.", field=where, remedy="Name the entity by its id (urn:…)."
            )
    if value == []:
        raise InvalidInput("the list of objects is empty.", field=field, remedy="Name an entity, or leave it out.")
    return value


def _read_languages(value: Json, field: str) -> Json:
    if not isinstance(value, dict) or not value:
        raise InvalidInput("expected texts by language.", field=field, remedy='Give {"vi": "…", "en": "…"}.')
    if value == {"@none": NULL}:
        raise InvalidInput("the texts are null.", field=field, remedy="Leave the attribute out, or delete it by PATCH.")
    for tag, text in value.items():
        texts = text if isinstance(text, list) else [text]
        if not re.fullmatch(r"@none|[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", tag) or not all(
            isinstance(t, str) for t in texts
        ):
            raise InvalidInput(f"{tag[:40]!r} is not a language tag with a text.", field=f"{field}.{tag[:40]}")
    return value


def _read_vocab(value: Json, context: Context, field: str) -> Json:
    given = value if isinstance(value, list) else [value]
    if not given or not all(isinstance(v, str) for v in given):
        raise InvalidInput("expected a term or a list of terms.", field=field)
    iris = [context.expand(v, field=field) for v in given]  # a term is none until `q` expands it (4.9)
    return iris if isinstance(value, list) else iris[0]


def _read_unit(name: str, value: Mapping[str, Any], reading: Reading, field: str) -> str | None:
    unit = value.get("unitCode")
    if unit is None:
        return None
    if not isinstance(unit, str) or not _UNIT.fullmatch(unit):
        raise InvalidInput(
            f"{str(unit)[:40]!r} is not a unit code.",
            field=f"{field}.unitCode",
            remedy="Use a UN/CEFACT code such as CEL.",
        )
    return unit


def _check_unit(name: str, found: Attribute, reading: Reading, field: str) -> None:
    if found.unit_code is None:
        return
    for declared in reading.types.values():
        spec = declared.fields.get(name)
        if spec is not None and spec.unit:
            convert(0.0, found.unit_code, spec.unit, field=f"{field}.unitCode")


def _read_instant(value: Mapping[str, Any], member: str, field: str) -> Instant | None:
    given = value.get(member)
    if given is None:
        return None
    if isinstance(given, dict) and "@value" in given:  # the expanded form of a DateTime
        given = given["@value"]
    return parse_utc(given, field=f"{field}.{member}")


def _read_dataset(value: Mapping[str, Any], field: str) -> str | None:
    given = value.get("datasetId")
    if given is None or given == "@none":
        return None
    if not is_iri(given):
        raise InvalidInput(
            f"{str(given)[:80]!r} is not a URI.", field=f"{field}.datasetId", remedy="Give a URI (urn:…)."
        )
    return str(given)


def _read_origin(value: Mapping[str, Any], field: str) -> Origin:
    given = value.get("origin")
    if isinstance(given, dict):
        given = given.get("value")
    if given is None:
        return "reported"
    # Strict on purpose: a misspelt `simulated` must never count as a real value.
    if given not in ORIGINS:
        raise InvalidInput(
            f"{str(given)[:40]!r} is not an origin.", field=f"{field}.origin", remedy=f"One of: {', '.join(ORIGINS)}."
        )
    found: Origin = given
    return found


def _read_object_type(value: Mapping[str, Any], kind: Kind, reading: Reading, field: str) -> str | None:
    given = value.get("objectType")
    if given is None:
        return None
    if kind not in ("Relationship", "ListRelationship") or not isinstance(given, str):
        raise InvalidInput("objectType is the type name of a relationship's object.", field=f"{field}.objectType")
    return reading.context.name(nfc(given), field=f"{field}.objectType")


def _read_meta(value: Mapping[str, Any], reading: Reading, field: str) -> dict[str, Attribute | list[Attribute]]:
    result: dict[str, Attribute | list[Attribute]] = {}
    if value.keys() <= RESERVED:
        return result
    for name, one in value.items():
        if name in RESERVED:
            continue
        if name == "@context":
            raise InvalidInput("an @context stands only at the top.", field=f"{field}.@context")
        found = read_instances(name, one, reading, parent=field)
        instances: Sequence[Attribute] = list(found.values())
        stored = next(iter(found)).partition(" ")[0]
        if stored in result:
            raise InvalidInput(f"{name!r} is given twice.", field=f"{field}.{name}")
        result[stored] = instances[0] if len(instances) == 1 else list(instances)
    return result


def _add(attrs: dict[str, Attribute], more: Mapping[str, Attribute]) -> None:
    for key in more:
        if key in attrs:
            raise InvalidInput(f"{key.partition(' ')[0]!r} is given twice.", field=key.partition(" ")[0])
    attrs.update(more)


def _kind_name(value: Json) -> str:
    for kind, name in ((bool, "true/false"), (dict, "an object"), (list, "a list"), (str, "a text")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "a number"

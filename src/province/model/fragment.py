"""Entity fragments of PATCH and merge: attributes to set, parts of attributes to change, nulls that remove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from province.errors import InvalidInput
from province.model.codec import (
    KIND_OF,
    MEMBER,
    RESERVED,
    Reading,
    is_attribute,
    is_instances,
    members,
    read_attribute,
    read_expiry,
    read_scope,
    read_types,
)
from province.model.entity import EXPIRY, KINDS, NULL, Attribute, Entity, Json, attribute_key
from province.model.jsonld import CORE, Context
from province.model.jsonvalue import check_json
from province.model.representation import encode_attribute
from province.model.schema import EntityType
from province.model.text import nfc


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """What a fragment asks for. attrs: by key, None removes.  types: to add.  scope: None leaves it, () removes it.

    based: some attributes were computed from an older version of the entity, which must still be the present one.
    """

    id: str = ""
    types: tuple[str, ...] = ()
    attrs: Mapping[str, Attribute | None] = {}
    scope: tuple[str, ...] | None = None
    based: bool = False


def is_empty(members: Mapping[str, Any]) -> bool:
    """Whether nothing is left besides what only we write."""
    return not members.keys() - {"createdAt", "modifiedAt", "deletedAt"}


def needs_base(data: Json, context: Context = CORE) -> bool:
    """Whether the fragment changes parts of attributes, so that `decode_fragment` must know the entity as it is."""
    if not isinstance(data, dict):
        return False
    return any(
        _is_partial(one) or (isinstance(one, dict) and not _is_removal(one) and _holds_null(one))
        for name, value in data.items()
        if context.aliases.get(name, name) not in ("id", "type", "scope", "@context", EXPIRY)
        for one in (value if isinstance(value, list) and any(isinstance(v, dict) for v in value) else [value])
    )


def decode_fragment(
    data: Json,
    *,
    context: Context = CORE,
    types: Mapping[str, EntityType] | None = None,
    base: Entity | None = None,
    whole: bool = False,
    plain: bool = False,
) -> Fragment:
    """Read a fragment in normalized or concise form. `null` and "urn:ngsi-ld:null" remove.

    types: declared types by name; those of `base` and of the fragment are checked.  base: the entity as it is.
    whole: structured values are replaced and not merged.  plain: `check_json` would find nothing.
    Raises: InvalidInput naming the field, TooLarge.
    """
    if not plain:
        check_json(data)
    body = members(data, context)
    id = body.pop("id", "")
    if not isinstance(id, str):
        raise InvalidInput(f"{str(id)[:80]!r} is not a URI.", field="id")
    type_names = read_types(body.pop("type"), context) if "type" in body else ()
    scope = None
    if "scope" in body:
        given = body.pop("scope")
        scope = () if given in (None, NULL) else read_scope(given)
    known = {t: types[t] for t in (*type_names, *(base.types if base else ())) if types and t in types}
    reading = Reading(context, known)
    attrs: dict[str, Attribute | None] = {}
    based = False
    for name, value in body.items():
        if name in ("createdAt", "modifiedAt"):
            continue
        if name == EXPIRY:
            attrs[EXPIRY] = None if value in (None, NULL) else read_expiry(value)
            continue
        stored = context.name(nfc(name), field=name)
        several = is_instances(value) or (isinstance(value, list) and any(_is_partial(v) for v in value))
        for i, one in enumerate(value if several else [value]):
            field = f"{name}[{i}]" if several else name
            key, found, merged = _read(stored, one, reading, base, field, whole)
            if key in attrs:
                raise InvalidInput(f"{name!r} is given twice.", field=field, remedy="Give each datasetId once.")
            attrs[key] = found
            based = based or merged
    return Fragment(id=id, types=type_names, attrs=attrs, scope=scope, based=based)


def _read(
    stored: str, value: Json, reading: Reading, base: Entity | None, field: str, whole: bool
) -> tuple[str, Attribute | None, bool]:
    dataset = (
        value.get("datasetId") if isinstance(value, dict) and (is_attribute(value) or _is_partial(value)) else None
    )
    key = attribute_key(stored, dataset if isinstance(dataset, str) and dataset != "@none" else None)
    if value is None or value == NULL or (isinstance(value, dict) and _is_removal(value)):
        reading.seen(field)
        return key, None, False
    old = base.attrs.get(key) if base is not None else None
    plain = {k: v for k, v in value.items() if k != "json"} if whole and isinstance(value, dict) else value
    # The null of a JSON value that is taken as a whole is JSON's own (4.5.24).
    if not isinstance(value, dict) or not (_is_partial(value) or _holds_null(plain)):
        found = read_attribute(stored, value, reading, field)
        return attribute_key(stored, found.dataset_id), found, False
    if old is None:
        if _is_partial(value):
            raise InvalidInput("there is no such attribute to change.", field=field, remedy="Give its value as well.")
        return key, read_attribute(stored, _strip(value), reading, field), False
    shown = encode_attribute(old, context=reading.context)
    return key, read_attribute(stored, _merge(shown, value, whole), reading, field), True


def _merge(old: dict[str, Any], patch: dict[str, Any], whole: bool) -> dict[str, Any]:
    """Change parts of a normalized attribute. A patch of another kind replaces it."""
    given = patch if is_attribute(patch) or _is_partial(patch) else {"value": patch}
    kind = old["type"]
    member = MEMBER[kind]
    others = [m for m in KIND_OF if m in given and m != member]
    if others or given.get("type", kind) != kind:
        return dict(_strip(given))
    result = dict(old)
    for name, value in given.items():
        if value is None or value == NULL:
            result.pop(name, None)
        elif name == member:
            result[name] = value if whole or kind == "GeoProperty" else _merge_json(old.get(name), value)
        elif name in RESERVED or not isinstance(result.get(name), dict):
            result[name] = value
        else:
            result[name] = _merge(result[name], value if isinstance(value, dict) else {"value": value}, whole)
    return result


def _merge_json(old: Json, patch: Json) -> Json:
    """RFC 7396, with "urn:ngsi-ld:null" for null."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None or value == NULL:
            result.pop(name, None)
        else:
            result[name] = _merge_json(result.get(name), value)
    return result


def _strip(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: _strip(v) for k, v in value.items() if v is not None and v != NULL}
    return value


def _is_partial(value: Json) -> bool:
    """An attribute without its value: only its type, unit, time, or the dataset that it is about."""
    if not isinstance(value, dict) or any(m in value for m in KIND_OF):
        return False
    return value.get("type") in KINDS or bool(value.keys() & {"unitCode", "observedAt", "datasetId", "origin"})


def _is_removal(value: Mapping[str, Any]) -> bool:
    for member in KIND_OF:
        if member in value:
            given = value[member]
            return given is None or given == NULL or (member == "languageMap" and given == {"@none": NULL})
    return False


def _holds_null(value: Json) -> bool:
    if isinstance(value, dict):
        return any(_holds_null(v) for v in value.values())
    return value is None or value == NULL

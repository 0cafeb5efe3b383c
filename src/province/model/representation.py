"""Entity → NGSI-LD JSON: normalized, concise and simplified forms, and the GeoJSON ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal

from province.errors import InvalidInput
from province.model.codec import MEMBER, is_geometry
from province.model.entity import EXPIRY, NULL, SEALED, Attribute, Entity, Json, split_key
from province.model.jsonld import CORE, Context, external, internal
from province.model.time import format_instant, parse_instant

Form = Literal["normalized", "concise", "simplified"]
FORMS: tuple[Form, ...] = ("normalized", "concise", "simplified")
Linked = Callable[[str], Json]
"""Entity id → that entity as it is shown inside a relationship, or None."""
LinkedBy = Callable[[str, str], Json]
"""The same, with the stored name of the relationship before the id."""


def encode(
    entity: Entity,
    form: Form = "normalized",
    *,
    context: Context = CORE,
    sys_attrs: bool = False,
    pick: Collection[str] = (),
    omit: Collection[str] = (),
    lang: str = "",
    datasets: Collection[str] = (),
    linked: LinkedBy | None = None,
) -> dict[str, Json]:
    """An entity as its readers see it; no `@context` is added.

    pick, omit: stored member names (`id`, `type`, `scope` or attributes); empty picks all and omits none.
    lang: show one language of language properties (`vi`, or `vi,en;q=0.5`).  datasets: only these (`@none`: default).
    linked: shows the entity that a relationship leads to, to stand inside it (`join=inline`); None where there is none.
    """
    result: dict[str, Json] = {}
    if _wanted("id", pick, omit):
        result["id"] = entity.id
    if _wanted("type", pick, omit):
        names = [external(t, context) for t in entity.types]
        result["type"] = names[0] if len(names) == 1 else names
    if entity.scope and _wanted("scope", pick, omit):
        result["scope"] = entity.scope[0] if len(entity.scope) == 1 else list(entity.scope)
    for name, instances in group(entity.attrs, datasets).items():
        if name == EXPIRY:
            if sys_attrs:  # 6.3.11
                result[EXPIRY] = _short(instances[0].value)
        elif _wanted(name, pick, omit):
            shown = [choose_language(a, lang) for a in instances] if lang else instances
            inside = functools.partial(linked, name) if linked is not None else None
            result[external(name, context)] = _member(shown, form, context, sys_attrs, inside)
    if sys_attrs:
        for key, at in (("createdAt", entity.created_at), ("modifiedAt", entity.modified_at)):
            if at is not None and _wanted(key, pick, omit):
                result[key] = format_instant(at)
    return result


def _short(expiry: Json) -> str:
    """The time that is kept in fixed length, as times are shown."""
    return format_instant(parse_instant(expiry, field=EXPIRY))


def group(attrs: Mapping[str, Attribute], datasets: Collection[str] = ()) -> dict[str, list[Attribute]]:
    """Instances by attribute name, the default instance first."""
    result: dict[str, list[Attribute]] = {}
    for key, attribute in attrs.items():
        name, dataset = split_key(key)
        if datasets and (dataset or "@none") not in datasets:
            continue
        instances = result.setdefault(name, [])
        instances.insert(0, attribute) if dataset is None else instances.append(attribute)
    return result


def encode_feature(
    entity: Entity,
    form: Form = "normalized",
    *,
    geometry_property: str = "location",
    context: Context = CORE,
    **options: Any,
) -> dict[str, Json]:
    """An entity as a GeoJSON Feature; its geometry is null when it has none. options: those of `encode`."""
    properties = encode(entity, form, context=context, **options)
    properties.pop("id", None)
    place = entity.attrs.get(geometry_property)
    geometry = place.value if place is not None and place.type == "GeoProperty" else None
    return {"type": "Feature", "id": entity.id, "geometry": geometry, "properties": properties}


def encode_collection(entities: Iterable[Entity], form: Form = "normalized", **options: Any) -> dict[str, Json]:
    """Entities as a GeoJSON FeatureCollection. options: those of `encode_feature`."""
    return {"type": "FeatureCollection", "features": [encode_feature(e, form, **options) for e in entities]}


def encode_attribute(
    attribute: Attribute,
    form: Form = "normalized",
    *,
    context: Context = CORE,
    sys_attrs: bool = False,
    linked: Linked | None = None,
) -> Json:
    """One instance of an attribute. linked: as for `encode`."""
    if form == "simplified":
        return simplify(attribute, context, linked)
    member = MEMBER[attribute.type]
    value = _value(attribute, form, context)
    result: dict[str, Json] = {member: value}
    if form == "normalized" or (attribute.type == "Property" and is_geometry(value)):  # a reader would guess wrong
        result = {"type": attribute.type, member: value}
    if attribute.object_type:
        result["objectType"] = external(attribute.object_type, context)
    if attribute.unit_code:
        result["unitCode"] = attribute.unit_code
    if attribute.observed_at:
        result["observedAt"] = format_instant(attribute.observed_at)
    if attribute.dataset_id:
        result["datasetId"] = attribute.dataset_id
    if attribute.origin != "reported":
        # Where a value comes from is never left out: readers must be able to tell a simulated one.
        origin = attribute.origin
        result["origin"] = {"type": "Property", "value": origin} if form == "normalized" else origin
    if attribute.lang:
        result["lang"] = attribute.lang
    if attribute.instance_id:
        result["instanceId"] = attribute.instance_id
    if sys_attrs:
        for key, at in (
            ("createdAt", attribute.created_at),
            ("modifiedAt", attribute.modified_at),
            (EXPIRY, attribute.expires_at),
        ):
            if at is not None:
                result[key] = format_instant(at)
    if attribute.deleted_at is not None:
        result["deletedAt"] = format_instant(attribute.deleted_at)
    for name, meta in attribute.meta.items():
        if name in SEALED and not isinstance(meta, list):
            result[name] = external(meta.value, context) if name == "entityTypeSealed" else meta.value
            continue
        instances = meta if isinstance(meta, list) else [meta]
        result[external(name, context)] = _member(instances, form, context, sys_attrs)
    if linked is not None and attribute.type in ("Relationship", "ListRelationship") and value != NULL:
        found = _linked(attribute.value, linked)
        if found is not None:
            result["entityList" if attribute.type == "ListRelationship" else "entity"] = found
    if form == "concise" and result.keys() == {member} and _may_stand_bare(attribute):
        return value
    return result


def simplify(attribute: Attribute, context: Context = CORE, linked: Linked | None = None) -> Json:
    """The value alone; kinds that would be mistaken for a Property keep their member's name."""
    value = _value(attribute, "simplified", context)
    if linked is not None and attribute.type in ("Relationship", "ListRelationship"):
        found = _linked(value, linked)
        return value if found is None else found
    if value == NULL:
        return NULL
    if attribute.type in ("LanguageProperty", "VocabProperty", "JsonProperty"):
        return {MEMBER[attribute.type]: value}
    return value


def _linked(value: Json, linked: Linked) -> Json:
    """The entities that a relationship leads to: one, or a list where there are several objects."""
    if not isinstance(value, list):
        return linked(str(value))
    found = [one for v in value if (one := linked(str(v))) is not None]
    return found or None


def _member(
    instances: list[Attribute], form: Form, context: Context, sys_attrs: bool, linked: Linked | None = None
) -> Json:
    several = len(instances) > 1
    if form == "simplified":
        if not several and instances[0].dataset_id is None:
            return simplify(instances[0], context, linked)
        return {"dataset": {a.dataset_id or "@none": simplify(a, context, linked) for a in instances}}
    if not several:
        return encode_attribute(instances[0], form, context=context, sys_attrs=sys_attrs, linked=linked)
    # In a list every instance must show that it is one: a bare value would make the list a concise Property's value.
    shown = [encode_attribute(a, form, context=context, sys_attrs=sys_attrs, linked=linked) for a in instances]
    return [
        s if isinstance(s, dict) and MEMBER[a.type] in s else {MEMBER[a.type]: s}
        for a, s in zip(instances, shown, strict=True)
    ]


def _value(attribute: Attribute, form: Form, context: Context) -> Json:
    value = attribute.value
    if value == NULL:
        return value
    if attribute.type == "VocabProperty":
        terms = [external(internal(v), context) for v in (value if isinstance(value, list) else [value])]
        return terms if isinstance(value, list) else terms[0]
    if attribute.type == "ListRelationship" and form == "normalized":
        return [{"object": v} for v in value]
    return value


def _may_stand_bare(attribute: Attribute) -> bool:
    """Whether a concise value needs no member: a scalar, a list of scalars, or a geometry."""
    if attribute.type == "GeoProperty":
        return is_geometry(attribute.value)
    if attribute.type != "Property":
        return False
    items = attribute.value if isinstance(attribute.value, list) else [attribute.value]
    return not any(isinstance(i, dict | list) for i in items)


def choose_language(attribute: Attribute, wanted: str) -> Attribute:
    """A language property as a Property in the best language of a list such as `vi,en;q=0.5`; others unchanged."""
    if attribute.type != "LanguageProperty" or not isinstance(attribute.value, dict) or not attribute.value:
        return attribute
    by_tag = {tag.casefold(): (tag, text) for tag, text in attribute.value.items()}
    chosen = None
    for tag in _preferences(wanted):
        chosen = next(iter(by_tag.values())) if tag == "*" else by_tag.get(tag)
        chosen = chosen or next((v for t, v in by_tag.items() if t.startswith(tag + "-")), None)
        while not chosen and "-" in tag:  # a longer range is satisfied by a shorter tag (RFC 4647, 3.4)
            tag = tag.rpartition("-")[0]
            chosen = by_tag.get(tag)
        if chosen:
            break
    tag, text = chosen or by_tag.get("@none") or next(iter(by_tag.values()))
    return Attribute(
        type="Property",
        value=text,
        observed_at=attribute.observed_at,
        dataset_id=attribute.dataset_id,
        origin=attribute.origin,
        created_at=attribute.created_at,
        modified_at=attribute.modified_at,
        instance_id=attribute.instance_id,
        meta=attribute.meta,
        lang=tag,
    )


def _preferences(wanted: str) -> list[str]:
    ranked = []
    for part in wanted.split(","):
        tag, _, rest = part.strip().partition(";")
        quality = rest.strip().removeprefix("q=") if rest else "1"
        try:
            ranked.append((-float(quality), tag.strip().casefold()))
        except ValueError:
            raise InvalidInput(
                f"{wanted[:80]!r} is not a list of languages.", field="lang", remedy="Give vi or vi,en;q=0.5."
            ) from None
    return [tag for _, tag in sorted(ranked, key=lambda item: item[0]) if tag]


def _wanted(name: str, pick: Collection[str], omit: Collection[str]) -> bool:
    return (not pick or name in pick) and name not in omit

"""From a stored entity and a change to the next state of the entity: pure, no I/O.

A plan says what to write; the committer writes many plans in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from province.broker.validation import check_required, conform
from province.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from province.model.change import Change
from province.model.entity import Attribute, Entity, split_key
from province.model.geometry import bounds
from province.model.jsonld import is_iri
from province.model.schema import EntityType
from province.model.text import fold, nfc, sort_key
from province.model.time import Instant

MAX_ATTRIBUTES = 1_000


@dataclass(slots=True)
class Step:
    """The effect of one change. after is None for a deletion; before is None for a creation."""

    change: Change
    before: Entity | None
    after: Entity | None
    written: dict[str, Attribute | None] = field(default_factory=dict)
    """Attribute instances to put into the history."""
    past: tuple[tuple[str, Attribute], ...] = ()
    """Instances that go into the history without touching the state."""
    event: str = ""

    @property
    def skipped(self) -> bool:
        """Nothing differs."""
        return self.before is not None and self.after is not None and self.before.version == self.after.version

    @property
    def entity(self) -> Entity:
        """The entity after the change, or before its deletion."""
        entity = self.after or self.before
        assert entity is not None
        return entity

    @property
    def kept(self) -> tuple[str, ...]:
        """Attribute instances that style `fill` found there, and left."""
        if self.before is None or self.change.style != "fill":
            return ()
        return tuple(k for k, a in self.change.attrs.items() if a is not None and k in self.before.attrs)

    @property
    def version(self) -> int:
        """The version that this step makes; a deletion counts as one."""
        return self.entity.version + (self.after is None)


def step(
    tenant: str, change: Change, before: Entity | None, entity_type: EntityType | None, now: Instant,
    hidden: Callable[[str], bool] | None = None,
) -> Step:  # fmt: skip
    """Work out one change. hidden: tells of an attribute that its writer may not see it.

    Raises: NotFound, AlreadyExists, Conflict, InvalidInput.
    """
    if len(change.id) > 500 or not is_iri(change.id):
        raise InvalidInput(
            f"{change.id[:80]!r} is not a URI.", field="id", remedy="Use an id such as urn:ngsi-ld:Type:1."
        )
    _check_preconditions(change, before)
    if change.op == "delete":
        assert before is not None
        return Step(change, before, None, dict.fromkeys(before.attrs), (), _event(change, entity_type, "deleted"))
    given, past = _without_older(conform(entity_type, change.attrs), before, change)
    past += tuple((k, one) for k, a in change.past for one in conform(entity_type, {k: a}).values() if one is not None)
    creating = before is None
    if before is None or change.op in ("replace", "put"):
        merged: dict[str, Attribute] = {k: a for k, a in given.items() if a is not None}
        if before is not None:  # nobody can send back what they are not shown
            unseen = {k for k in before.attrs if hidden is not None and hidden(split_key(k)[0])}
            merged |= {
                k: a for k, a in before.attrs.items()
                if k not in given and (k in unseen or _is_concealed(entity_type, k))
            }  # fmt: skip
    else:
        merged = _merge(before.attrs, given, change)
    _walk_workflow(entity_type, before, merged, change)
    if entity_type is not None:
        counted = {c.attribute: Attribute(value="") for c in change.counters}
        check_required(entity_type, {**counted, **merged})
    if len(merged) > MAX_ATTRIBUTES:
        raise InvalidInput(
            f"the entity has {len(merged)} attributes.", field="attrs", remedy=f"At most {MAX_ATTRIBUTES}."
        )
    old = before.attrs if before else {}
    attrs: dict[str, Attribute] = {}
    written: dict[str, Attribute | None] = {k: None for k in old if k not in merged}
    for key, attribute in merged.items():
        previous = old.get(key)
        if previous is not None and _same(previous, attribute):
            attrs[key] = previous
            continue
        created = previous.created_at if previous is not None else now
        attrs[key] = written[key] = msgspec.structs.replace(
            attribute, created_at=created, modified_at=now, instance_id=None
        )
    types = _types(change, before)
    scope = change.scope if change.scope is not None else (before.scope if before else ())
    agency = change.agency if change.agency is not None else (before.agency if before else None)
    untouched = before is not None and (types, scope, agency) == (before.types, before.scope, before.agency)
    if untouched and not (written or past or change.counters or change.holds):
        return Step(change, before, before)
    after = Entity(
        tenant=tenant,
        id=change.id,
        types=types,
        attrs=attrs,
        scope=scope,
        agency=agency,
        area=before.area if before else None,
        version=(before.version if before else 0) + 1,
        created_at=before.created_at if before else now,
        modified_at=now,
    )
    stamped = tuple((k, msgspec.structs.replace(a, created_at=now, modified_at=now, instance_id=None)) for k, a in past)
    return Step(
        change, before, after, written, stamped, _event(change, entity_type, "created" if creating else "changed")
    )


def _without_older(
    given: Mapping[str, Attribute | None], before: Entity | None, change: Change
) -> tuple[Mapping[str, Attribute | None], tuple[tuple[str, Attribute], ...]]:
    """For style `newer`: what replaces the state, and what was observed before it."""
    if change.style != "newer" or before is None:
        return given, ()
    present: dict[str, Attribute | None] = {}
    past: list[tuple[str, Attribute]] = []
    for key, attribute in given.items():
        old = before.attrs.get(key)
        if (
            attribute is not None
            and old is not None
            and old.observed_at is not None
            and (attribute.observed_at is None or attribute.observed_at < old.observed_at)
        ):
            past.append((key, attribute))
        else:
            present[key] = attribute
    return present, tuple(past)


def _check_preconditions(change: Change, before: Entity | None) -> None:
    if before is None and change.op in ("replace", "merge", "delete"):
        raise NotFound(f"there is no entity {change.id}.", field="id")
    if before is not None and change.op == "create":
        raise AlreadyExists(f"the entity {change.id} exists.", field="id", remedy="Choose another id, or update it.")
    if change.expect_version is not None and (before.version if before else 0) != change.expect_version:
        raise Conflict(
            f"{change.id} has version {before.version if before else 0}, not {change.expect_version}.",
            field="version",
            remedy="Somebody else changed it: read it again and repeat the change.",
        )


def _merge(old: Mapping[str, Attribute], given: Mapping[str, Attribute | None], change: Change) -> dict[str, Attribute]:
    merged = dict(old)
    for key, attribute in given.items():
        if attribute is None:
            merged.pop(key, None)
        elif change.style == "fill" and key in merged:
            continue
        elif change.style in ("deep", "part") and key in merged:
            merged[key] = _deep(merged[key], attribute, whole=change.style == "part")
        else:
            merged[key] = attribute
    return merged


def _deep(old: Attribute, new: Attribute, *, whole: bool = False) -> Attribute:
    """Merge an attribute into an older instance: JSON values by RFC 7396, or whole; what is not given stays."""
    if old.type != new.type:
        return new
    meta: dict[str, Attribute | list[Attribute]] = {**old.meta, **new.meta}
    merges = isinstance(new.value, dict) and new.type != "GeoProperty" and not whole
    value = _merge_json(old.value, new.value) if merges else new.value
    return msgspec.structs.replace(
        new,
        value=value,
        unit_code=new.unit_code or old.unit_code,
        observed_at=new.observed_at or old.observed_at,
        expires_at=new.expires_at or old.expires_at,
        meta=meta,
    )


def _merge_json(old: Any, new: Any) -> Any:
    if not isinstance(new, dict):
        return new
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in new.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_json(result.get(key), value)
    return result


def _walk_workflow(
    entity_type: EntityType | None, before: Entity | None, merged: dict[str, Attribute], change: Change
) -> None:
    workflow = entity_type.info.workflow if entity_type else None
    if workflow is None:
        return
    name = workflow.attribute
    if before is None:
        if name not in merged:
            merged[name] = Attribute(value=workflow.initial)
        elif merged[name].value != workflow.initial:
            raise Conflict(
                f"a new entity starts in {workflow.initial!r}, not {merged[name].value!r}.",
                field=name,
                remedy="Leave the state out, then move it along the workflow.",
            )
        return
    source = before.value(name)
    if name not in merged:
        merged[name] = before.attrs[name]
    target = merged[name].value
    if source != target:
        workflow.edge(source, target)


def _is_concealed(entity_type: EntityType | None, key: str) -> bool:
    spec = entity_type.fields.get(split_key(key)[0]) if entity_type is not None else None
    return spec is not None and spec.field.concealed


def _event(change: Change, entity_type: EntityType | None, verb: str) -> str:
    return change.event or f"{entity_type.noun if entity_type else change.type.lower()}.{verb}"


def _types(change: Change, before: Entity | None) -> tuple[str, ...]:
    if before is None:
        return tuple(dict.fromkeys((change.type, *change.types)))
    if change.type and change.type not in before.types and change.op in ("merge", "upsert"):
        return (*before.types, change.type)
    return tuple(dict.fromkeys((*before.types, *change.types)))


def _same(a: Attribute, b: Attribute) -> bool:
    return (
        a.value == b.value
        and a.type == b.type
        and a.unit_code == b.unit_code
        and a.observed_at == b.observed_at
        and a.origin == b.origin
        and a.expires_at == b.expires_at
        and a.meta == b.meta
    )


_SEARCHED = ("name", "title", "description", "alternateName")


def words_of(entity: Entity, entity_type: EntityType | None) -> str | None:
    """Folded text that the search index holds."""
    parts = [_plain(entity.attrs[n].value) for n in searched(entity_type) if n in entity.attrs]
    return fold(" ".join(p for p in parts if p))[:20_000] or None


def searched(entity_type: EntityType | None) -> tuple[str, ...]:
    """Fields whose words are found: those marked `search`; for undeclared types names and descriptions."""
    return _SEARCHED if entity_type is None else entity_type.searched


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return " ".join(_plain(v) for v in value)
    if isinstance(value, dict):
        return " ".join(_plain(v) for v in value.values())
    return ""


def name_of(entity: Entity, entity_type: EntityType | None) -> str:
    """The entity's name on screen: the declared title, else `name` or `title`, else its id."""
    title = entity_type.info.title if entity_type else ""
    for candidate in (title, "name", "title"):
        value = entity.value(candidate) if candidate else None
        if isinstance(value, str) and value:
            return nfc(value)
    return entity.id


def sort_key_of(entity: Entity, entity_type: EntityType | None) -> str:
    """Vietnamese dictionary order of the name."""
    return sort_key(name_of(entity, entity_type)[:200])


def bounds_of(entity: Entity, entity_type: EntityType | None) -> tuple[float, float, float, float] | None:
    """Bounding box of the declared place or of `location`; None without one."""
    place = entity_type.info.place if entity_type and entity_type.info.place else "location"
    found = entity.attrs.get(place)
    if found is None or found.type != "GeoProperty" or not isinstance(found.value, dict):
        return None
    return bounds(found.value)


def keys_of(entity: Entity | None, entity_type: EntityType | None) -> dict[str, str]:
    """Unique keys: `field+field` → canonical JSON of the values. A key with an absent field binds nothing."""
    if entity is None or entity_type is None:
        return {}
    result: dict[str, str] = {}
    for names in entity_type.info.unique:
        values = [entity.value(n) for n in names]
        if all(v is not None for v in values):
            result["+".join(names)] = msgspec.json.encode(values).decode()
    return result


def names_of(attrs: Mapping[str, Any]) -> tuple[str, ...]:
    """Distinct attribute names among instance keys, in order."""
    return tuple(dict.fromkeys(split_key(k)[0] for k in attrs))

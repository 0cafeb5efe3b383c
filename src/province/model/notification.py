"""What a notification says of one changed entity (clause 5.8.6): values, removed members, previous values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from province.model.codec import MEMBER
from province.model.entity import NULL, Attribute, Entity, Json, split_key
from province.model.jsonld import Context, external
from province.model.representation import LinkedBy, encode, encode_attribute, encode_feature
from province.model.subscription import Subscription
from province.model.time import Instant, format_instant

GEO = "application/geo+json"


def show_changed(
    entity: Entity,
    subscription: Subscription,
    context: Context,
    *,
    removed: Mapping[str, Attribute],
    was: Mapping[str, Attribute],
    at: Instant,
    linked: LinkedBy | None = None,
) -> dict[str, Json]:
    """An entity that changed.

    removed: attribute instances that are gone, as they were.  was: instances that are or were, as they were before.
    at: when it happened.
    """
    attrs = dict(entity.attrs)
    for key, old in removed.items():
        attrs[key] = _null(old, at if subscription.sys_attrs else None)
    shown = _encode(msgspec.structs.replace(entity, attrs=attrs), subscription, context, linked)
    if subscription.show_changes:
        _add_previous(_members(shown, subscription), subscription, context, was)
    return shown


def show_deleted(
    entity: Entity, subscription: Subscription, context: Context, *, names: frozenset[str], at: Instant
) -> dict[str, Json]:
    """An entity that is gone. entity: as it was.  names: of the attributes whose removal is told."""
    kept = {k: a for k, a in entity.attrs.items() if split_key(k)[0] in names}
    attrs = {k: _null(a, at if subscription.sys_attrs else None) for k, a in kept.items()}
    shown = _encode(msgspec.structs.replace(entity, attrs=attrs, scope=()), subscription, context, None)
    members = _members(shown, subscription)
    members["deletedAt"] = format_instant(at)
    if subscription.show_changes:
        _add_previous(members, subscription, context, kept)
    return shown


def show_all(
    entity: Entity, subscription: Subscription, context: Context, linked: LinkedBy | None = None
) -> dict[str, Json]:
    """An entity as it is, for periodic notifications."""
    return _encode(entity, subscription, context, linked)


def _encode(entity: Entity, subscription: Subscription, context: Context, linked: LinkedBy | None) -> dict[str, Json]:
    pick = subscription.pick
    if subscription.attributes:
        pick = (*subscription.attributes, "id", "type", "scope", "createdAt", "modifiedAt")
    options: dict[str, Any] = {
        "context": context,
        "sys_attrs": subscription.sys_attrs,
        "pick": pick,
        "omit": subscription.omit,
        "lang": subscription.lang,
        "datasets": subscription.datasets,
        "linked": linked,
    }
    if subscription.accept == GEO:
        return encode_feature(entity, subscription.form, **options)
    return encode(entity, subscription.form, **options)


def _members(shown: dict[str, Json], subscription: Subscription) -> dict[str, Json]:
    members: dict[str, Json] = shown["properties"] if subscription.accept == GEO else shown
    return members


def _null(old: Attribute, deleted_at: Instant | None) -> Attribute:
    """What stands for a removed instance: its kind and dataset, and null."""
    value: Json = {"@none": NULL} if old.type == "LanguageProperty" else NULL
    return Attribute(
        type=old.type,
        value=value,
        dataset_id=old.dataset_id,
        created_at=old.created_at,
        modified_at=old.modified_at,
        deleted_at=deleted_at,
    )


def _add_previous(
    members: dict[str, Json], subscription: Subscription, context: Context, was: Mapping[str, Attribute]
) -> None:
    for key, old in was.items():
        name, dataset = split_key(key)
        shown_name = external(name, context)
        if shown_name not in members:
            continue
        shown = members[shown_name]
        several = isinstance(shown, list) and all(isinstance(s, dict) for s in shown) and bool(shown)
        for i, one in enumerate(shown if several else [shown]):
            if isinstance(one, dict) and one.get("datasetId") != dataset:
                continue
            member = MEMBER[old.type]
            # The concise form of a bare value has no room for what was before.
            whole = dict(one) if isinstance(one, dict) and (member in one or "type" in one) else {member: one}
            before = encode_attribute(old, context=context)
            whole[f"previous{member[0].upper()}{member[1:]}"] = before[member]
            if several:
                shown[i] = whole
            else:
                members[shown_name] = whole

"""Changes to records: what logic returns and `broker.apply` carries out, all of one call or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from province.model.entity import Attribute
from province.model.time import Instant

Operation = Literal["create", "replace", "put", "merge", "upsert", "delete"]
"""create: must be absent. replace: must exist, attributes not given vanish. put: create or replace.
merge: must exist, other attributes stay. upsert: create or merge. delete: must exist."""

Style = Literal["set", "fill", "deep", "part", "newer"]
"""How merge and upsert treat an attribute that exists: overwrite it, keep it, merge the JSON (RFC 7396), replace
the members that are given (5.5.8), or overwrite it when the given one was observed later, else add the given one to the
history alone."""


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """Fill attribute `attribute` with the next number of series `name`, without gaps, in the same transaction.

    template: `str.format` text over `n`, such as `"PA-2026-{n:06d}"`.
    """

    attribute: str
    name: str
    template: str = "{n}"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Hold `units` of a resource for [start, end): refused when the capacity would be exceeded at any moment.

    The holds of an entity are replaced when it brings new ones and freed when it is deleted or `units` is 0.
    """

    resource: str
    start: Instant
    end: Instant
    units: int = 1
    capacity: int = 1


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Refuse the change when already `at_most` entities of `type` have `attribute` equal to `value`.

    Serialised per (type, attribute, value) by an advisory lock, so two changes cannot both take the last place.
    """

    type: str
    attribute: str
    value: str
    at_most: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change to one entity.

    attrs: attribute instances by key (`model.entity.attribute_key`); None removes one.
    past: instances (key, attribute) that belong to the history and not to the present state.
    event: past-tense name (`report.resolved`); empty: `<type>.created|changed|deleted` by operation.
    expect_version: refuse unless the entity has this version.  agency: new owner, or None for unchanged.
    """

    op: Operation
    id: str
    type: str
    attrs: Mapping[str, Attribute | None] = {}
    past: tuple[tuple[str, Attribute], ...] = ()
    types: tuple[str, ...] = ()
    scope: tuple[str, ...] | None = None
    style: Style = "set"
    event: str = ""
    agency: str | None = None
    expect_version: int | None = None
    counters: tuple[Counter, ...] = ()
    holds: tuple[Hold, ...] = ()
    limits: tuple[Limit, ...] = ()


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one change. created: the entity was absent before. skipped: nothing differed."""

    id: str
    type: str
    version: int
    created: bool = False
    deleted: bool = False
    filled: Mapping[str, str] = {}
    """Attributes that counters filled."""
    kept: tuple[str, ...] = ()
    """Attributes that style `fill` was to write and that existed."""

"""A question about entities. `broker.query` answers it with the caller's rights compiled in."""

from __future__ import annotations

from typing import Literal

import msgspec

from province.model.entity import Entity, Json
from province.model.geometry import Box, Geometry

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "exists", "absent", "~"]


class Where(msgspec.Struct, frozen=True):
    """One term over the value of an attribute. `in` takes a list; `exists` and `absent` take no value; `~` a regex.

    name: attribute name; dots go into sub-attributes or structured values (`address.locality`).
    """

    name: str
    op: Operator
    value: Json = None


class AnyOf(msgspec.Struct, frozen=True):
    """True when one of the groups is true; a group is true when all of its terms are."""

    groups: tuple[tuple[Where | AnyOf, ...], ...]


class Near(msgspec.Struct, frozen=True):
    """Entities whose location lies at most `max_m` (and at least `min_m`) metres from a position."""

    position: tuple[float, float]
    max_m: float
    min_m: float = 0.0


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Terms are joined by AND; an empty tuple asks nothing.

    text: words to find, diacritics ignored, prefix of the last word allowed.
    box: location touches it.  inside: location lies in this (multi)polygon.  near: distance in metres.
    order: `id` (default), `-modified`, `name`, or a declared indexed attribute with an optional leading minus.
    after: the `next` of the page before (opaque keyset token).  limit: 0…1000.
    count: also return the exact total; costs a scan of the matches.
    """

    types: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    where: tuple[Where | AnyOf, ...] = ()
    agency: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    text: str = ""
    box: Box | None = None
    inside: Geometry | None = None
    near: Near | None = None
    order: str = "id"
    after: str = ""
    limit: int = 20
    count: bool = False
    latest: bool = True
    """Overlay observed attributes with their latest values."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page. next: token for `Query.after`, empty on the last page. total: None unless asked for."""

    items: tuple[Entity, ...]
    next: str = ""
    total: int | None = None

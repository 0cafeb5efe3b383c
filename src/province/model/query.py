"""A question about entities. `broker.query` answers it with the caller's rights compiled in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Literal

import msgspec

from province.model.actor import Actor
from province.model.entity import Entity, Json
from province.model.geometry import Box, Geometry, point

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "exists", "absent", "~"]


Relation = Literal["intersects", "within", "contains", "overlaps", "equals", "disjoint"]
RELATIONS: Final[tuple[Relation, ...]] = ("intersects", "within", "contains", "overlaps", "equals", "disjoint")
"""How an entity's place must lie to `Query.inside`, as read from the place: it is within, it contains …"""


class Where(msgspec.Struct, frozen=True):
    """One term over the value of an attribute. `in` takes a list; `exists` and `absent` take no value; `~` a regex.

    name: attribute name; dots go into sub-attributes or structured values (`address.locality`); see `split_path`.
    """

    name: str
    op: Operator
    value: Json = None


_STEP = re.compile(r"<([^>]*)>|([^.<>]+)")


def split_path(name: str) -> list[str]:
    """The steps of `Where.name`: `address.locality`, or `<https://example.org/address>.locality`. IRIs stand whole."""
    if "<" not in name:
        return [name] if name.startswith(("http://", "https://", "urn:")) else name.split(".")
    return [a or b for a, b in _STEP.findall(name)]


def join_path(steps: Sequence[str]) -> str:
    """Inverse of `split_path`."""
    if len(steps) == 1:
        return steps[0]
    return ".".join(f"<{s}>" if "." in s or ":" in s else s for s in steps)


class AnyOf(msgspec.Struct, frozen=True):
    """True when one of the groups is true; a group is true when all of its terms are."""

    groups: tuple[tuple[Where | AnyOf | Linked, ...], ...]


class Linked(msgspec.Struct, frozen=True):
    """True when the relationship `name` leads to an entity that the caller may see and that meets all terms.

    types: it has one of these; empty: whichever it has.  none: true when there is no such entity instead.
    """

    name: str
    terms: tuple[Where | AnyOf | Linked, ...]
    types: tuple[str, ...] = ()
    none: bool = False


class Near(msgspec.Struct, frozen=True):
    """Entities whose location lies at most `max_m` (and at least `min_m`) metres from a position.

    shape: the distance is that to this geometry, in which the position lies; None: to the position.
    """

    position: tuple[float, float]
    max_m: float
    min_m: float = 0.0
    shape: Geometry | None = None

    @property
    def geometry(self) -> Geometry:
        """What the distance is measured from."""
        return self.shape if self.shape is not None else point(*self.position)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Terms are joined by AND; an empty tuple asks nothing.

    text: words to find, diacritics ignored, prefix of the last word allowed.
    id_pattern: regular expression that matches somewhere in the id.
    scope: groups joined by OR, each of regular expressions that must all match one of the entity's scopes.
    box: location touches it.  inside: location has `relation` to this geometry.  near: distance in metres.
    order: `id` (default), `-modified`, `name`, or a declared indexed attribute with an optional leading minus; `any`:
    whichever are found first, for a look at a few of very many: there is no page after it.
    each: at most so many of every type, among very many those with shorter names first; needs `text` and order `any`.
    after: the `next` of the page before (opaque keyset token).  limit: 0…1000.
    count: also return the exact total; costs a scan of the matches.
    """

    types: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    """Groups of types joined by OR, of which an entity must have one whole; empty asks nothing beyond `types`."""
    ids: tuple[str, ...] = ()
    id_pattern: str = ""
    where: tuple[Where | AnyOf | Linked, ...] = ()
    agency: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    text: str = ""
    scope: tuple[tuple[str, ...], ...] = ()
    box: Box | None = None
    inside: Geometry | None = None
    relation: Relation = "intersects"
    near: Near | None = None
    geoproperty: str = ""
    """The GeoProperty that box, inside and near are about; empty: the declared place of the type, or `location`."""
    roaming: Literal["", "also", "only"] = ""
    """Also, or only, whose GeoProperty says when it was observed, wherever it is now; such a query is not counted."""
    order: str = "id"
    each: int = 0
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


async def pages(ask: Callable[[Query, Actor], Awaitable[Page]], query: Query, actor: Actor) -> AsyncIterator[Page]:
    """Every page of a query, each asked for when the one before it was looked at. ask: what answers a query."""
    while True:
        page = await ask(query, actor)
        yield page
        if not page.next:
            return
        query = msgspec.structs.replace(query, after=page.next)

"""Whether an entity in memory meets a question's conditions: the twin of `broker.select` for what just changed."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import shapely
import shapely.geometry
import shapely.ops

from province.model.entity import Attribute, Entity, Json, split_key
from province.model.geometry import distance_m
from province.model.qlanguage import Place, Term
from province.model.query import AnyOf, Linked, Relation, Where, split_path

RELATED: Final[Mapping[Relation, Callable[[Any, Any], Any]]] = {
    "intersects": shapely.intersects,
    "within": shapely.within,
    "contains": shapely.contains,
    "overlaps": shapely.overlaps,
    "equals": shapely.equals,
    "disjoint": shapely.disjoint,
}


_ORDERED: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Object(str):
    """The id that a relationship leads to: it equals or not, and has no order (4.9)."""

    __slots__ = ()


def flat(terms: Sequence[Term]) -> Iterator[Where | Linked]:
    """The conditions themselves, also those of alternatives."""
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        if isinstance(term, AnyOf):
            waiting.extend(t for group in term.groups for t in group)
        else:
            yield term


def names_of(terms: Sequence[Term]) -> set[str]:
    """The attributes that conditions are about."""
    return {term.name if isinstance(term, Linked) else split_path(term.name)[0] for term in flat(terms)}


def meets(entity: Entity, terms: Sequence[Term]) -> bool:
    """Whether all terms hold. An attribute with several instances meets a term when one of them does.

    What is asked of linked entities is taken to hold: `broker.linking.linked_meet` knows.
    """
    return all(_holds(entity, term) for term in terms)


def in_scope(entity: Entity, groups: Sequence[Sequence[str]]) -> bool:
    """Whether a scope query is met: groups joined by OR, each of patterns that all match; empty asks nothing."""
    if not groups:
        return True
    return any(all(any(_compiled(p).search(s) for s in entity.scope) for p in group) for group in groups)


def lies(entity: Entity, place: Place | None, geoproperty: str = "location") -> bool:
    """Whether one of the instances of a GeoProperty lies as a geo-query asks; None asks nothing."""
    if place is None:
        return True
    found = [a for k, a in entity.attrs.items() if split_key(k)[0] == geoproperty and a.type == "GeoProperty"]
    return any(is_placed(a.value, place) for a in found)


def is_placed(geometry: Json, place: Place) -> bool:
    """Whether a GeoJSON geometry lies as a geo-query asks."""
    shape = shapely.geometry.shape(geometry)
    if place.inside is not None:
        other = shapely.geometry.shape(place.inside)
        # A broken ring has no inside: the smallest valid shape of it is meant.
        other = other if other.is_valid else shapely.make_valid(other)
        shape = shape if shape.is_valid else shapely.make_valid(shape)
        return bool(RELATED[place.relation](shape, other))
    if place.near is not None:
        away = _distance_m(shape, shapely.geometry.shape(place.near.geometry))
        return place.near.min_m <= away <= place.near.max_m
    return True


def _distance_m(shape: Any, reference: Any) -> float:
    """Between the nearest points of two shapes, as found where a degree of longitude is as long as it is there."""
    width = max(math.cos(math.radians(reference.centroid.y)), 1e-6)
    flat = [shapely.transform(one, lambda xy: xy * (width, 1.0)) for one in (shape, reference)]
    a, b = shapely.ops.nearest_points(*flat)
    return distance_m((a.x / width, a.y), (b.x / width, b.y))


def _holds(entity: Entity, term: Term) -> bool:
    if isinstance(term, AnyOf):
        return any(meets(entity, group) for group in term.groups)
    if isinstance(term, Linked):
        return True
    values = list(_values(entity, term.name))
    if term.op == "!=" and split_path(term.name)[1:] == ["*"]:
        return bool(values) and all(compare(v, term) for v in values)
    if term.op in _ORDERED:
        values = [v for v in values if not isinstance(v, _Object)]
    if term.op == "absent":
        return not any(v is not None for v in values)
    return any(compare(v, term) for v in values if v is not None)


def _values(entity: Entity, path: str) -> list[Json]:
    name, *steps = split_path(path)
    if name in ("createdAt", "modifiedAt") and not steps:
        at = entity.created_at if name == "createdAt" else entity.modified_at
        return [] if at is None else [at.isoformat()]
    result: list[Json] = []
    for key, attribute in entity.attrs.items():
        if split_key(key)[0] == name:
            result.extend(values_at(attribute, steps))
    return result


def values_at(attribute: Attribute, steps: Sequence[str]) -> list[Json]:
    """The values where a path inside an attribute leads: into its structured value, or to a sub-attribute."""
    if not steps:
        related = attribute.type in ("Relationship", "ListRelationship") and isinstance(attribute.value, str)
        return [_Object(attribute.value)] if related else [attribute.value]
    if steps == ["*"]:
        return list(attribute.value.values()) if attribute.type == "LanguageProperty" else []
    found = _dig(attribute.value, steps)
    if found is not None:
        return [found]
    own = {"observedAt": attribute.observed_at, "createdAt": attribute.created_at, "modifiedAt": attribute.modified_at}
    if len(steps) == 1 and steps[0] in own:
        at = own[steps[0]]
        return [] if at is None else [at.isoformat()]
    if len(steps) == 1 and steps[0] == "unitCode":
        return [attribute.unit_code]
    meta = attribute.meta.get(steps[0])
    if meta is None:
        return []
    return [v for one in (meta if isinstance(meta, list) else [meta]) for v in values_at(one, steps[1:])]


def _dig(value: Json, steps: Sequence[str]) -> Json:
    for step in steps:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def compare(value: Json, term: Where) -> bool:
    """Whether a value, which is not None, meets a term."""
    if term.op == "exists":
        return True
    if term.op == "~":
        return isinstance(value, str) and _compiled(term.value).search(value) is not None
    if term.op == "in":
        return any(_equal(value, one) for one in term.value)
    if term.op == "==":
        return _equal(value, term.value)
    if term.op == "!=":
        return not _equal(value, term.value)
    if _kind(value) != _kind(term.value) or _kind(value) not in ("number", "text", "boolean"):
        return False
    return bool(_ORDERED[term.op](value, term.value))


def _equal(value: Json, other: Json) -> bool:
    if isinstance(value, list) and not isinstance(other, list):
        return any(_equal(one, other) for one in value)
    return _kind(value) == _kind(other) and bool(value == other)


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


@lru_cache(4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)

"""Which entities answer a question about the past (clause 5.7.4.4): `q`, `scopeQ` and places are asked of the period.

An attribute meets a term of `q` when one of its instances in the period does. An attribute none of whose instances has
the time that the period is about is no series: what it says now holds for the whole period. So does where an entity
is, unless that tells when it was observed. A scope holds from the time that it was set until another takes its place
(4.18); one that came with the entity and names no time held before too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from province.broker.conditions import in_scope, is_placed, lies, meets, names_of
from province.broker.history import Instance
from province.model.entity import SCOPE, Attribute, Entity, attribute_key, split_key
from province.model.evolution import TimeProperty, time_of
from province.model.qlanguage import Place, Term
from province.model.time import Instant

ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)

Instances = Mapping[str, Sequence[Attribute]]
"""By attribute name."""


@dataclass(frozen=True, slots=True)
class Span:
    """A scope and when it held: from `start` on, before `end`."""

    scopes: tuple[str, ...]
    start: Instant
    end: Instant

    def meets(self, start: Instant | None, end: Instant | None) -> bool:
        """Whether it held at some time of a period."""
        return (end is None or self.start < end) and (start is None or self.end > start)


def meets_then(entity: Entity, terms: Sequence[Term], within: Instances, series: set[str]) -> bool:
    """Whether the terms hold for the instances of a period. series: attributes that have the time it is about."""
    asked = names_of(terms)
    attrs = {k: a for k, a in entity.attrs.items() if (n := split_key(k)[0]) in asked and n not in series}
    for name in asked & series:
        attrs |= {attribute_key(name, f"urn:instance:{i}"): a for i, a in enumerate(within.get(name, ()))}
    return meets(msgspec.structs.replace(entity, attrs=attrs), terms)


def series_in(entity: Entity, every: Instances, time_property: TimeProperty) -> set[str]:
    """The attributes of which an instance, past or present, has that time."""
    found = {n for n, several in every.items() if any(time_of(a, time_property) is not None for a in several)}
    return found | {split_key(k)[0] for k, a in entity.attrs.items() if time_of(a, time_property) is not None}


def roams(entity: Entity, geoproperty: str, time_property: TimeProperty) -> bool:
    """Whether where an entity was is a series. Of the times that we set ourselves everything has one."""
    if time_property != "observedAt":
        return True
    return any(a.observed_at is not None for k, a in entity.attrs.items() if split_key(k)[0] == geoproperty)


def lies_then(entity: Entity, place: Place, geoproperty: str, within: Instances, time_property: TimeProperty) -> bool:
    """Whether an instance of the GeoProperty in the period lies as a geo-query asks. within: the instances of it."""
    if not roams(entity, geoproperty, time_property):
        return lies(entity, place, geoproperty)
    return any(
        a.type == "GeoProperty" and isinstance(a.value, Mapping) and is_placed(a.value, place)
        for a in within.get(geoproperty, ())
    )


def spans(scopes: Sequence[Instance], born: Instant | None) -> list[Span]:
    """The scopes of an entity and when they held, oldest first. born: what is older is of an earlier entity."""
    said = [(_set_at(one), one) for one in scopes if born is None or one.at >= born]
    said.sort(key=lambda pair: pair[0])
    if said and said[0][1].attribute is not None and said[0][1].attribute.observed_at is None:
        said[0] = (ALWAYS, said[0][1])
    found = []
    for i, (start, one) in enumerate(said):
        end = said[i + 1][0] if i + 1 < len(said) else NEVER
        value = one.attribute.value if one.attribute is not None else []
        texts = tuple(value) if isinstance(value, list) else (str(value),)
        found.append(Span(texts, start, end))
    return found


def fitting(entity: Entity, held: Sequence[Span], query: Sequence[Sequence[str]]) -> list[Span]:
    """The spans in which a scope query is met."""
    return [s for s in held if in_scope(msgspec.structs.replace(entity, scope=s.scopes), query)]


def bounded(instances: Instances, held: Sequence[Span], time_property: TimeProperty) -> dict[str, list[Attribute]]:
    """The instances at whose time one of the scopes held (C.5.16); the scope itself stays."""
    result: dict[str, list[Attribute]] = {}
    for name, several in instances.items():
        kept = [a for a in several if name == SCOPE or _held(held, time_of(a, time_property))]
        if kept:
            result[name] = kept
    return result


def _held(held: Sequence[Span], at: Instant | None) -> bool:
    return at is None or any(s.start <= at < s.end for s in held)


def _set_at(one: Instance) -> Instant:
    own = one.attribute.observed_at if one.attribute is not None else None
    return own or one.at

"""Histories in the temporal representations of NGSI-LD: instances, pairs of value and time, aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from province.errors import InvalidInput
from province.model.codec import MEMBER
from province.model.entity import Attribute, Json, Kind
from province.model.jsonld import CORE, Context, external
from province.model.representation import encode_attribute, simplify
from province.model.time import Instant, format_instant

TimeProperty = Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"]
TIME_PROPERTIES: Final[tuple[TimeProperty, ...]] = ("observedAt", "createdAt", "modifiedAt", "deletedAt")
_PAIRS: Final[Mapping[Kind, str]] = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "JsonProperty": "jsons",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
}
Aggregates = Mapping[str, Sequence[tuple[Json, Instant, Instant]]]
"""Aggregation method → (value, start, end) per period."""


def time_of(attribute: Attribute, time_property: TimeProperty) -> Instant | None:
    """The instant by which an instance is placed in time."""
    if time_property == "observedAt":
        return attribute.observed_at
    if time_property == "deletedAt":
        return attribute.deleted_at
    return attribute.created_at if time_property == "createdAt" else attribute.modified_at


def encode_evolution(
    id: str,
    types: Sequence[str],
    history: Mapping[str, Sequence[Attribute]],
    *,
    context: Context = CORE,
    concise: bool = False,
    sys_attrs: bool = False,
) -> dict[str, Json]:
    """Full instances. history: attribute name → instances in order of time."""
    result = _head(id, types, context)
    for name, instances in history.items():
        shown = [
            encode_attribute(a, "concise" if concise else "normalized", context=context, sys_attrs=sys_attrs)
            for a in instances
        ]
        result[external(name, context)] = [
            s if isinstance(s, dict) and MEMBER[a.type] in s else {MEMBER[a.type]: s}
            for a, s in zip(instances, shown, strict=True)
        ]
    return result


def encode_pairs(
    id: str,
    types: Sequence[str],
    history: Mapping[str, Sequence[Attribute]],
    time_property: TimeProperty = "observedAt",
    *,
    context: Context = CORE,
    kinds: Mapping[str, Kind] | None = None,
) -> dict[str, Json]:
    """`temporalValues`: [value, time] per instance, grouped by datasetId where there is more than the default one.

    kinds: of attributes by name, for those without an instance in this part of the history.
    """
    result = _head(id, types, context)
    for name, instances in history.items():
        if not instances:
            kind = (kinds or {}).get(name, "Property")
            result[external(name, context)] = {"type": kind, _PAIRS[kind]: []}
            continue
        by_dataset: dict[str | None, list[Attribute]] = {}
        for one in instances:
            by_dataset.setdefault(one.dataset_id, []).append(one)
        shown = [_pairs(found, dataset, time_property, context) for dataset, found in by_dataset.items()]
        result[external(name, context)] = shown[0] if len(shown) == 1 else shown
    return result


def _pairs(
    instances: Sequence[Attribute], dataset: str | None, time_property: TimeProperty, context: Context
) -> dict[str, Json]:
    kind = instances[0].type
    pairs = []
    for one in instances:
        at = time_of(one, time_property)
        value = one.value if isinstance(one.value, float) else simplify(one, context)  # a number is itself
        pairs.append([value, "" if at is None else format_instant(at)])
    return {"type": kind, _PAIRS[kind]: pairs, **({"datasetId": dataset} if dataset else {})}


def encode_aggregates(
    id: str,
    types: Sequence[str],
    aggregates: Mapping[str, tuple[Kind, Aggregates]],
    *,
    context: Context = CORE,
) -> dict[str, Json]:
    """`aggregatedValues`. aggregates: attribute name → (kind, method → periods)."""
    result = _head(id, types, context)
    for name, (kind, methods) in aggregates.items():
        result[external(name, context)] = {
            "type": kind,
            **{
                method: [[value, format_instant(start), format_instant(end)] for value, start, end in periods]
                for method, periods in methods.items()
            },
        }
    return result


def read_time_property(text: str) -> TimeProperty:
    """The parameter `timeproperty`. Raises: InvalidInput."""
    for known in TIME_PROPERTIES:
        if text == known:
            return known
    raise InvalidInput(
        f"{text[:40]!r} is not a time property.", field="timeproperty", remedy=f"One of: {', '.join(TIME_PROPERTIES)}."
    )


def _head(id: str, types: Sequence[str], context: Context) -> dict[str, Json]:
    names = [external(t, context) for t in types]
    return {"id": id, "type": names[0] if len(names) == 1 else names}

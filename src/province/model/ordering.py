"""The Entity Ordering Language (clause 4.23): `name,age;desc,location;dist-asc`, over entities in memory.

Mixed kinds follow each other as 4.23.2 says: numbers, texts, objects, lists, booleans, times, dates, instants, null,
absent. Texts are in Vietnamese dictionary order, which for Latin texts without diacritics is the usual one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from province.errors import InvalidInput
from province.model.entity import Entity, Json, split_key
from province.model.geometry import Geometry, distance_m, positions
from province.model.jsonld import Context
from province.model.text import sort_key

Direction = Literal["asc", "desc", "dist-asc", "dist-desc"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("asc", "desc", "dist-asc", "dist-desc")
_TERM = re.compile(r"([^;,\[\]]+?)(?:\[([^\[\]]+)\])?(?:;([a-z-]+))?")
_SYSTEM: Final = ("id", "type", "createdAt", "modifiedAt")
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(\.\d+)?Z?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}.*")


class OrderTerm(msgspec.Struct, frozen=True):
    """path: stored name of the attribute, then steps inside."""

    path: tuple[str, ...]
    direction: Direction = "asc"


def parse_order(text: str, context: Context) -> tuple[OrderTerm, ...]:
    """Read `orderBy`. Raises: InvalidInput."""
    terms = []
    for part in text.split(","):
        found = _TERM.fullmatch(part.strip())
        if not found:
            raise InvalidInput(f"{part[:80]!r} is not an order.", field="orderBy", remedy="Write name or name;desc.")
        direction: Direction = "asc"
        if found[3] is not None:
            if found[3] not in DIRECTIONS:
                raise InvalidInput(
                    f"{found[3][:20]!r} is not a direction.",
                    field="orderBy",
                    remedy=f"One of: {', '.join(DIRECTIONS)}.",
                )
            direction = found[3]
        first, *rest = [found[1]] if found[1].startswith(("http:", "https:", "urn:")) else found[1].split(".")
        name = first if first in _SYSTEM else context.name(first, field="orderBy")
        inside = found[2].split(".") if found[2] else []
        terms.append(
            OrderTerm(
                (name, *(s if s in _SYSTEM else context.name(s, field="orderBy") for s in rest), *inside), direction
            )
        )
    return tuple(terms)


def order(entities: Sequence[Entity], terms: Sequence[OrderTerm], origin: Geometry | None = None) -> list[Entity]:
    """Sort; what is equal stays as it was. origin: what distances are measured from."""
    result = list(entities)
    for term in reversed(terms):
        downwards = term.direction.endswith("desc")
        if term.direction.startswith("dist"):
            keys = {e.id: _distance_key(e, term, origin) for e in result}
        else:
            keys = {e.id: _key(_value(e, term.path)) for e in result}
        present = [e for e in result if keys[e.id][0] < _ABSENT]
        absent = [e for e in result if keys[e.id][0] >= _ABSENT]
        present.sort(key=lambda e: keys[e.id], reverse=downwards)
        result = present + absent
    return result


_ABSENT: Final = 8


def _distance_key(entity: Entity, term: OrderTerm, origin: Geometry | None) -> tuple[int, Any]:
    found = next((a for k, a in entity.attrs.items() if split_key(k)[0] == term.path[0]), None)
    if found is None:
        return (_ABSENT + 1, 0)
    if found.type != "GeoProperty" or origin is None:
        return (7, str(found.value))
    here = next(iter(positions(origin)))
    return (0, min(distance_m(p, here) for p in positions(found.value)))


def _value(entity: Entity, path: Sequence[str]) -> Any:
    name, *steps = path
    if name == "id":
        return entity.id
    if name == "type":
        return entity.type
    if name in ("createdAt", "modifiedAt"):
        return entity.created_at if name == "createdAt" else entity.modified_at
    found = entity.attrs.get(name) or next((a for k, a in entity.attrs.items() if split_key(k)[0] == name), None)
    if found is None:
        return _MISSING
    value: Json = found.value
    for i, step in enumerate(steps):
        if isinstance(value, dict) and step in value:
            value = value[step]
            continue
        own = {"observedAt": found.observed_at, "createdAt": found.created_at, "modifiedAt": found.modified_at}
        if step in own:
            return own[step] if own[step] is not None else _MISSING
        meta = found.meta.get(step) if i == 0 or value is found.value else None
        if meta is None:
            return _MISSING
        found = meta[0] if isinstance(meta, list) else meta
        value = found.value
    return value


_MISSING: Final = object()


def _key(value: Any) -> tuple[int, Any]:
    if value is _MISSING:
        return (_ABSENT + 1, 0)
    if value is None:
        return (_ABSENT, 0)
    if isinstance(value, bool):
        return (4, value)
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, dict):
        return (2, msgspec.json.encode(value, order="deterministic"))
    if isinstance(value, list):
        return (3, msgspec.json.encode(value, order="deterministic"))
    if not isinstance(value, str):
        return (7, value.isoformat())
    for rank, pattern in ((5, _TIME), (6, _DATE), (7, _INSTANT)):
        if pattern.fullmatch(value):
            return (rank, value)
    return (1, sort_key(value))

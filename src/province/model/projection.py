"""The Attribute Projection Language (clause 4.21): `name,locatedAt{name,population}`, also joined by `|`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from province.errors import InvalidInput
from province.model.jsonld import Context

Projection: TypeAlias = Mapping[str, Any]
"""Stored member name → projection of the linked entity, empty for none."""
MAX_DEPTH: Final = 10
_CORE: Final = ("id", "type", "scope", "createdAt", "modifiedAt")
_NAME = re.compile(r"[^{},|]+")


def parse_projection(text: str, context: Context, field: str) -> dict[str, Any]:
    """Read a projection. Raises: InvalidInput."""
    found, at = _read(text, 0, context, field, 0)
    if at != len(text):
        raise _refused(text, field)
    return found


def read_projection(names: Sequence[str], context: Context, field: str) -> dict[str, Any]:
    """The same from a list of terms, as bodies have it. Raises: InvalidInput."""
    result: dict[str, Any] = {}
    for name in names:
        result.update(parse_projection(name, context, field))
    return result


def depth(projection: Projection) -> int:
    """How many steps of relationships it goes: 0 without linked entities."""
    return max((1 + depth(inner) for inner in projection.values() if inner), default=0)


def _read(text: str, at: int, context: Context, field: str, level: int) -> tuple[dict[str, Any], int]:
    if level > MAX_DEPTH:
        raise _refused(text, field)
    result: dict[str, Any] = {}
    while True:
        found = _NAME.match(text, at)
        name = found[0].strip() if found else ""
        if not found or not name:
            raise _refused(text, field)
        at = found.end()
        inner: dict[str, Any] = {}
        if text[at : at + 1] == "{":
            inner, at = _read(text, at + 1, context, field, level + 1)
            if text[at : at + 1] != "}":
                raise _refused(text, field)
            at += 1
        result[name if name in _CORE else context.name(name, field=field)] = inner
        if text[at : at + 1] not in (",", "|"):
            return result, at
        at += 1


def _refused(text: str, field: str) -> InvalidInput:
    return InvalidInput(
        f"{text[:80]!r} is not a projection.", field=field, remedy="Write such as name,locatedAt{name}."
    )

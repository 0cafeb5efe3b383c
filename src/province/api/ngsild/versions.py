"""Answers for readers of an earlier version of NGSI-LD, who say so by `Prefer: ngsi-ld=1.5` (clause 4.3.6.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from province.model.entity import Json

Version = tuple[int, int]
_PREFERENCE: Final = re.compile(r'\s*ngsi-ld\s*=\s*"?(\d{1,3})\.(\d{1,3})"?\s*(?:;.*)?', re.IGNORECASE)
_SINCE: Final[Mapping[str, tuple[Version, str, str, str]]] = {
    "LanguageProperty": ((1, 4), "languageMap", "Property", "value"),
    "VocabProperty": ((1, 7), "vocab", "Property", "value"),
    "ListProperty": ((1, 8), "valueList", "Property", "value"),
    "JsonProperty": ((1, 8), "json", "Property", "value"),
    "ListRelationship": ((1, 8), "objectList", "Relationship", "object"),
}
"""Kind of attribute → since when there is one, the member of its value, and what stood for it before."""


def preferred(header: str) -> Version | None:
    """The version that a Prefer header asks for; None when it asks for none."""
    for one in header.split(","):
        found = _PREFERENCE.fullmatch(one)
        if found:
            return int(found[1]), int(found[2])
    return None


def conform(answer: Response, version: Version) -> Response:
    """The answer for that version: newer kinds of attributes as the older ones that held the same (203 then)."""
    answer.headers["Preference-Applied"] = f"ngsi-ld={version[0]}.{version[1]}"
    if (
        answer.status_code != 200
        or "json" not in (answer.media_type or "")
        or all(v <= version for v, *_ in _SINCE.values())
    ):
        return answer
    body = msgspec.json.decode(answer.body)
    shown = [_older(one, version) for one in body] if isinstance(body, list) else _older(body, version)
    if shown == body:
        return answer
    kept = {k: v for k, v in answer.headers.items() if k.lower() not in ("content-length", "content-type")}
    return Response(msgspec.json.encode(shown), 203, kept, answer.media_type)


def _older(entity: Json, version: Version) -> Json:
    if not isinstance(entity, dict):
        return entity
    return {k: [_attribute(v, version) for v in one] if isinstance(one, list) else _attribute(one, version)
            for k, one in entity.items()}  # fmt: skip


def _attribute(one: Any, version: Version) -> Any:
    known = _SINCE.get(one.get("type", "")) if isinstance(one, dict) and isinstance(one.get("type"), str) else None
    if known is None or known[0] <= version:
        return one
    _, member, kind, value = known
    return {**{k: v for k, v in one.items() if k != member}, "type": kind, value: one.get(member)}

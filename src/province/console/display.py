"""Values as people read them: unit, civil time of Vietnam, origin. Unknown is said, never invented."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from babel.dates import format_timedelta
from babel.numbers import format_decimal

from province.console.language import mark, translations
from province.errors import InvalidInput
from province.model.entity import Attribute, Entity
from province.model.label import Label
from province.model.schema import EntityType, FieldSpec
from province.model.time import CIVIL_ZONE, Instant, now, parse_instant
from province.model.unit import CODES

ORIGIN_NAMES: Final[Mapping[str, str]] = {
    "measured": mark("measured"),
    "reported": mark("reported by a person"),
    "imported": mark("imported"),
    "estimated": mark("estimated"),
    "simulated": mark("simulated"),
    "forecast": mark("forecast"),
}
FLAGGED: Final = frozenset(("simulated", "estimated", "forecast"))
"""Origins that a page must never show without saying so."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A value ready for a page. text is "" when there is none.  number: it is set to the right.

    href: page it links to.  at: when measured or written.  origin: as stored, or "".
    """

    text: str
    unit: str = ""
    href: str = ""
    at: Instant | None = None
    origin: str = ""
    number: bool = False
    state: str = ""

    @property
    def flagged(self) -> bool:
        """Simulated, estimated or forecast."""
        return self.origin in FLAGGED

    @property
    def full(self) -> str:
        """Text with unit."""
        return f"{self.text} {self.unit}" if self.unit and self.text else self.text


class Words:
    """Texts and formats of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._translations = translations(language)

    def __call__(self, message: str) -> str:
        return self._translations.gettext(message)

    def label(self, label: Label) -> str:
        """A label in this language."""
        return label.in_(self.language)

    def number(self, value: float, digits: int = 3) -> str:
        """A number with grouping and at most `digits` decimals."""
        return format_decimal(value, format="#,##0." + "#" * digits, locale=self.language)

    def instant(self, value: Instant | None) -> str:
        """Civil time of Vietnam to the second, or ""."""
        return "" if value is None else value.astimezone(CIVIL_ZONE).strftime("%d/%m/%Y %H:%M:%S")

    def day(self, value: str) -> str:
        """A civil day in ISO 8601 text (`2025-07-01`) as people write it; any other text as it is."""
        year, _, rest = value.partition("-")
        month, _, day = rest.partition("-")
        return f"{day}/{month}/{year}" if len(value) == 10 and year.isdecimal() and day.isdecimal() else value

    def ago(self, value: Instant | None) -> str:
        """How long ago, in words, or ""."""
        if value is None:
            return ""
        return format_timedelta(value - now(), add_direction=True, locale=self.language)

    def origin(self, origin: str) -> str:
        """Name of an origin."""
        return self(ORIGIN_NAMES[origin]) if origin in ORIGIN_NAMES else origin

    def yes_no(self, value: bool) -> str:
        """Yes or no."""
        return self(mark("yes")) if value else self(mark("no"))


def unit_symbol(code: str | None) -> str:
    """Symbol of a unit by its code; the code itself when it is not in the table."""
    if not code:
        return ""
    found = CODES.get(code)
    return found.symbol if found else code


def show(
    attribute: Attribute | None,
    words: Words,
    *,
    spec: FieldSpec | None = None,
    type: EntityType | None = None,
    titles: Mapping[str, str] | None = None,
) -> Shown:
    """An attribute for a page. titles: names of entities that relationships point to."""
    if attribute is None or attribute.value is None:
        return Shown("")
    value = attribute.value
    at = attribute.observed_at or attribute.modified_at or attribute.created_at
    unit = unit_symbol(attribute.unit_code or (spec.unit if spec else ""))
    workflow = type.info.workflow if type else None
    if workflow and spec and spec.name == workflow.attribute and value in workflow.states:
        return Shown(words.label(workflow.label(value)), at=at, origin=attribute.origin, state=str(value))
    if attribute.type == "Relationship" and isinstance(value, str):
        name = (titles or {}).get(value, value)
        return Shown(name, href=entity_href(value), at=at, origin=attribute.origin)
    if attribute.type == "Relationship" and isinstance(value, list):
        names = ", ".join((titles or {}).get(v, str(v)) for v in value if isinstance(v, str))
        return Shown(names, at=at, origin=attribute.origin)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Shown(plain(value, words, spec), unit, at=at, origin=attribute.origin, number=number)


def plain(value: Any, words: Words, spec: FieldSpec | None = None) -> str:
    """A stored JSON value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return words.yes_no(value)
    if isinstance(value, int | float):
        return words.number(value)
    if isinstance(value, list):
        return ", ".join(plain(v, words, spec) for v in value)
    if isinstance(value, Mapping):
        return _structured(value, words)
    text = str(value)
    if spec is not None and spec.field.names:
        names = dict(spec.field.names)
        return words.label(names[text]) if text in names else text
    if _DAY.fullmatch(text):
        return words.day(text)
    if spec is not None and spec.value == "instant":
        try:
            return words.instant(parse_instant(text))
        except InvalidInput:
            return text
    return text


def _structured(value: Mapping[str, Any], words: Words) -> str:
    kind = value.get("type")
    if kind == "Point" and isinstance(value.get("coordinates"), list | tuple):
        lon, lat = value["coordinates"][:2]
        return f"{lat:.5f}, {lon:.5f}"
    if "coordinates" in value:
        return str(kind)
    if value.keys() == {"value", "unitCode"} and isinstance(value["value"], int | float):
        return f"{words.number(value['value'], 4)} {unit_symbol(str(value['unitCode']))}".strip()
    if value.keys() <= {"vi", "en"}:
        return str(value.get(words.language) or value.get("vi") or value.get("en"))
    return json.dumps(value, ensure_ascii=False)


def entity_href(id: str) -> str:
    """Address of an entity's page. Ids are URNs: every sign that an address keeps for itself is escaped."""
    return f"/entity/{quote(id, safe=':')}"


def title_of(entity: Entity, type: EntityType | None) -> str:
    """Name of an entity: its title field, else `name`, else the end of its id."""
    for field in (type.info.title if type else "", "name", "title"):
        value = entity.value(field) if field else None
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, Mapping):
            texts = [v for v in value.values() if isinstance(v, str)]
            if texts:
                return texts[0]
    return entity.id.rpartition(":")[2] or entity.id


def file_hashes(entity: Entity, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Hashes of the files of an entity that its reader may see, each once."""
    found: dict[str, None] = {}
    for field in fields:
        value = entity.value(field)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and _HASH.fullmatch(item):
                found[item] = None
    return tuple(found)

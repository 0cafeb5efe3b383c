"""By what a person can be recognised in a text that somebody wrote: name, telephone, mail address.

A pattern is a regular expression that PostgreSQL, RE2 and Python read alike, to be used without regard to case. Names
are found with and without diacritics; telephones with any separators, and with +84 for the 0 in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from province.model.entity import Attribute, split_key
from province.model.schema import EntityType
from province.model.text import fold, nfc

Kind = Literal["name", "phone", "mail", "other"]
UNIQUE: Final[frozenset[Kind]] = frozenset(("phone", "mail"))
"""What surely is of one person alone."""
_SHORTEST: Final = 5
_LONGEST: Final = 200
_NO_TEXT: Final = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|urn:\S+|https?:\S+", re.I)
_MAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 .()\-]{6,24}")


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """One. pattern: finds it in a text."""

    kind: Kind
    pattern: str


def identifiers_of(
    types: Iterable[EntityType], attrs: Mapping[str, Attribute], fields: Sequence[str]
) -> tuple[Identifier, ...]:
    """What the personal texts of a record identify somebody by. Ids and hashes are none of it: nobody writes them."""
    personal = {s.name for kind in types for s in kind.fields.values() if s.field.personal and s.value == "text"}
    found: dict[Identifier, None] = {}
    for key, attribute in attrs.items():
        if (name := split_key(key)[0]) in fields and name in personal and isinstance(attribute.value, str):
            one = identifier(attribute.value)
            if one is not None:
                found[one] = None
    return tuple(found)


def identifier(text: str) -> Identifier | None:
    """Of one text; None for one that is too short to say anything, or no text of people."""
    text = nfc(" ".join(text.split()))
    if not _SHORTEST <= len(text) <= _LONGEST or _NO_TEXT.fullmatch(text):
        return None
    if _MAIL.fullmatch(text):
        return Identifier(kind="mail", pattern=_quoted(text))
    digits = re.sub(r"\D", "", text)
    if _PHONE.fullmatch(text) and 8 <= len(digits) <= 15:
        own = digits.removeprefix("84") if text.startswith("+84") else digits.removeprefix("0")
        return Identifier(kind="phone", pattern=r"(^|[^0-9])(\+?84|0)?[ .()-]*" + "[ .()-]*".join(own) + "($|[^0-9])")
    words = text.split(" ")
    written = dict.fromkeys((text, text.upper(), text.lower(), text.title(), fold(text)))
    pattern = "(" + "|".join("[ ]+".join(_quoted(w) for w in one.split(" ")) for one in written) + ")"
    kind: Kind = "name" if len(words) > 1 and all(c.isalpha() or c in " .'-" for c in text) else "other"
    return Identifier(kind=kind, pattern=pattern)


def kinds_in(text: str, identifiers: Sequence[Identifier]) -> tuple[Kind, ...]:
    """Which of them a text holds."""
    text = nfc(text)
    return tuple(dict.fromkeys(i.kind for i in identifiers if re.search(i.pattern, text, re.IGNORECASE)))


def any_of(identifiers: Sequence[Identifier]) -> str:
    """One pattern for all of them. identifiers: not empty."""
    return "|".join(f"({i.pattern})" for i in identifiers)


def _quoted(text: str) -> str:
    return "".join(c if c.isalnum() or not c.isascii() else f"\\{c}" for c in text)

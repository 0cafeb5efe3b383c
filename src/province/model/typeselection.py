"""The Entity Type Selection Language (clause 4.17): `Device|(Sensor;Asset)` asks for one type or several at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from province.errors import InvalidInput
from province.model.jsonld import Context
from province.model.text import nfc

MAX_GROUPS: Final = 100
_GROUP = re.compile(r"\(([^()]*)\)|([^|,()]+)")


class TypeChoice(msgspec.Struct, frozen=True):
    """Groups joined by OR; an entity must have all types of one group. Names are stored ones."""

    groups: tuple[tuple[str, ...], ...]

    @classmethod
    def every(cls, names: Sequence[str]) -> TypeChoice:
        """All of these types at once."""
        return cls((tuple(names),))

    def admits(self, types: Sequence[str]) -> bool:
        """Whether an entity of these types is chosen."""
        return any(all(t in types for t in group) for group in self.groups)

    @property
    def names(self) -> tuple[str, ...]:
        """Every type that is mentioned."""
        return tuple(dict.fromkeys(t for group in self.groups for t in group))

    @property
    def is_plain(self) -> bool:
        """No type is asked together with another."""
        return all(len(group) == 1 for group in self.groups)

    def format(self, show: Callable[[str], str] = str) -> str:
        """Inverse of `parse_types`. show: from stored to shown names."""
        return "|".join(show(g[0]) if len(g) == 1 else f"({';'.join(map(show, g))})" for g in self.groups)


def parse_types(text: str, context: Context, *, field: str = "type") -> TypeChoice:
    """Read a selection of types. Raises: InvalidInput."""
    groups: list[tuple[str, ...]] = []
    at = 0
    while True:
        found = _GROUP.match(text, at)
        if found is None or len(groups) >= MAX_GROUPS:
            raise _refused(text, field)
        # A disjunction in parentheses, (A|B), is more than the grammar has and means what it says.
        for part in re.split(r"[|,]", found[1]) if found[1] is not None else [found[2]]:
            names = [nfc(n.strip()) for n in part.split(";")]
            if not all(names) or (found[1] is None and ";" in part):
                raise _refused(text, field)
            groups.append(tuple(dict.fromkeys(context.name(n, field=field) for n in names)))
        at = found.end()
        if at == len(text):
            return TypeChoice(tuple(dict.fromkeys(groups)))
        if text[at] not in "|,":
            raise _refused(text, field)
        at += 1


def _refused(text: str, field: str) -> InvalidInput:
    return InvalidInput(
        f"{text[:80]!r} is not a selection of types.", field=field, remedy="Write such as Device|(Sensor;Asset)."
    )

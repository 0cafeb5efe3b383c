"""Refusals and sources in Vietnamese. Code composes them in English; here they are found again by their templates.

    the layer {1} is empty.      →  Lớp “{1:name}” không có dữ liệu.

A template is a sentence of the code with numbered gaps, in `locale/vi/sentences`. So what was stored in English years
ago, or crossed the border of a process as text, is read in Vietnamese today. A gap may say how its value is named:
`{1:LandParcel.status}` by the names of a field, `{1:name}` by what the page calls its layers and assumptions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from province.console.language import CATALOGUES, read

SENTENCES: Final = CATALOGUES.parent / "sentences"
Name = Callable[[str, str], str]
"""(how a gap is named, its value) → the name in the reader's language; the value itself where there is none."""

_GAP: Final = re.compile(r"\{(\d+)(?::([\w.]+))?\}")
_NUMBER: Final = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")
_GROUPED: Final = re.compile(r"\b\d{1,3}(,\d{3})+\b")
_FIELD: Final = re.compile(r"([a-z]\w*(?:\.\w+)*): (.+)", re.DOTALL)
_QUOTED: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_LETTERS: Final = 5
"""A template with fewer letters takes single words only: it would fit too much."""
_LONGEST: Final = 4_000
_DEPTH: Final = 2


def plain(hint: str, value: str) -> str:
    """No names are known."""
    return value


@dataclass(frozen=True, slots=True)
class Sentence:
    """A template. pieces: its text around the gaps.  said: in Vietnamese."""

    pieces: tuple[str, ...]
    said: str

    @property
    def letters(self) -> int:
        """How much of it is text."""
        return sum(c.isalpha() for piece in self.pieces for c in piece)

    def gaps(self, text: str) -> list[str] | None:
        """What stands in the gaps of a text; None: it is another sentence."""
        first, *others = self.pieces
        if not others:
            return [] if text == first else None
        last = others.pop()
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last) + 1:
            return None
        found, at, end = [], len(first), len(text) - len(last)
        for piece in others:
            there = text.find(piece, at + 1, end)
            if there < 0:
                return None
            found.append(text[at:there])
            at = there + len(piece)
        found.append(text[at:end])
        if not found[-1] or (self.letters < _LETTERS and any(" " in gap for gap in found)):
            return None
        return found


@cache
def templates() -> tuple[Sentence, ...]:
    """Every sentence, those with the most text first: they fit the least."""
    found = [Sentence(tuple(_GAP.split(str(m.id))[::3]), str(m.string)) for m in read(SENTENCES) if m.string]
    return tuple(sorted(found, key=lambda s: (-sum(map(len, s.pieces)), s.pieces)))


def translate(text: str, name: Name = plain) -> str | None:
    """A text of the code in Vietnamese; None: no template fits."""
    return _translate(text.strip(), name, _DEPTH) if len(text) <= _LONGEST else None


def split(text: str) -> tuple[str, str]:
    """(field, the rest) of what was kept as `layers.parks: the layer is empty.`; no field: ("", text)."""
    found = _FIELD.fullmatch(text)
    return (found[1], found[2]) if found else ("", text)


def _translate(text: str, name: Name, depth: int) -> str | None:
    for sentence in templates():
        gaps = sentence.gaps(text)
        if gaps is not None:
            return _told(sentence, gaps, name, depth)
    return None


def _told(sentence: Sentence, gaps: Sequence[str], name: Name, depth: int) -> str:
    return _GAP.sub(lambda m: _filled(gaps[int(m[1]) - 1], m[2] or "", name, depth), sentence.said)


def _filled(value: str, hint: str, name: Name, depth: int) -> str:
    if hint:
        return ", ".join(name(hint, one) for one in _bare(value).split(", "))
    if _NUMBER.fullmatch(value):
        return value.translate(str.maketrans(",.", ".,"))
    inner = _translate(value, name, depth - 1) if depth and " " in value else None
    if inner is not None:
        return inner
    value = _GROUPED.sub(lambda m: m[0].replace(",", "."), value)
    return _QUOTED.sub(lambda m: f"“{m[1] or m[2] or ''}”", value)


def _bare(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def numbered(pieces: Sequence[str]) -> str:
    """The template with these pieces of text around its gaps."""
    return pieces[0] + "".join(f"{{{n}}}{piece}" for n, piece in enumerate(pieces[1:], 1))

"""Danger in short Vietnamese texts: words that say that somebody may be dying, written with diacritics or without.

A first look that had rather be wrong than miss something: it knows nothing but the words that it is given. A phrase
that is denied, feared, quoted, long past, or part of a harmless one does not count. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

_WORD: Final = re.compile(r"\w+")
_SENTENCE: Final = re.compile(r"[.!?;…\n]+")
_CLAUSE: Final = re.compile(r"[,:()\u2013\u2014-]+")
_QUOTED: Final = re.compile(r"[“\"«][^”\"»]{1,120}[”\"»]")
_REST: Final = 4
"""Words that must stand outside the quotation marks for what is inside to be somebody else's."""
_DENIED_WITHIN: Final = 3
"""Words before a phrase, in its clause, among which one may deny it."""
_MARKED_SHARE: Final = 0.2
"""A text of whose words fewer carry a diacritic was typed without them: about four in five do otherwise."""

Phrase = tuple[str, ...]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases, in Vietnamese with diacritics, each of one or more words.

    alone: tell of danger by themselves.  peril, now: do so together, in one sentence.  harmless: what holds the same
    words and is none.  denied_by: words before a phrase that take it back.  long_ago: the sentence is of the past.
    ambiguous: phrases of the others that mean something else when they are written without diacritics.
    """

    alone: Phrase
    peril: Phrase
    now: Phrase
    harmless: Phrase
    denied_by: Phrase
    long_ago: Phrase
    ambiguous: Phrase

    @classmethod
    def of(cls, table: Mapping[str, Sequence[Any]]) -> Lexicon:
        """From a table of lists by these names; one that is missing is empty."""
        return cls(**{name: tuple(str(one) for one in table.get(name, ())) for name in cls.__slots__})


def dangers(text: str, lexicon: Lexicon) -> tuple[str, ...]:
    """The phrases of a text that tell of danger, as the lexicon writes them, in the order of the text; () for none."""
    book = _book(lexicon)
    plain = unicodedata.normalize("NFC", text).casefold()
    unquoted = _QUOTED.sub(" , ", plain)
    if len(_WORD.findall(unquoted)) >= _REST:
        plain = unquoted
    words = _WORD.findall(plain)
    letters = [w for w in words if not w.isdigit()]
    typed_bare = sum(_split(w)[1] != "" for w in letters) < _MARKED_SHARE * len(letters)
    found: list[str] = []
    for sentence in _SENTENCE.split(plain):
        found += book.read(sentence, typed_bare)
    return tuple(dict.fromkeys(found))


class _Book:
    """The phrases of a lexicon by their first word."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lists = {name: _index(getattr(lexicon, name)) for name in ("alone", "peril", "now", "harmless",
                                                                          "denied_by", "long_ago")}  # fmt: skip
        self._ambiguous = frozenset(lexicon.ambiguous)

    def read(self, sentence: str, typed_bare: bool) -> list[str]:
        """What a sentence tells of danger."""
        words: list[str] = []
        clauses: list[int] = []
        for number, clause in enumerate(_CLAUSE.split(sentence)):
            mine = _WORD.findall(clause)
            words += mine
            clauses += [number] * len(mine)
        if not words or self._find("long_ago", words, typed_bare):
            return []
        harmless = [span for span, _ in self._find("harmless", words, typed_bare)]
        denials = [span for span, _ in self._find("denied_by", words, typed_bare)]

        def counts(span: Span) -> bool:
            start, end = span
            if any(start < to and first < end for first, to in harmless):
                return False
            return not any(
                to <= start and start - to < _DENIED_WITHIN and clauses[to - 1] == clauses[start] for _, to in denials
            )

        told = {
            name: [(span, phrase) for span, phrase in self._find(name, words, typed_bare) if counts(span)]
            for name in ("alone", "peril", "now")
        }
        if told["peril"] and told["now"]:
            told["alone"] += told["peril"]
        return [phrase for _, phrase in sorted(told["alone"])]

    def _find(self, name: str, words: Sequence[str], typed_bare: bool) -> list[tuple[Span, str]]:
        marked, bare = self._lists[name]
        index = bare if typed_bare else marked
        keys = [(_split(w)[0], "") if typed_bare else _split(w) for w in words]
        return [
            ((i, i + len(rest)), phrase)
            for i, key in enumerate(keys)
            for rest, phrase in index.get(key, ())
            if tuple(keys[i : i + len(rest)]) == rest and not (typed_bare and phrase in self._ambiguous)
        ]


Key = tuple[str, str]
"""A word: its letters without diacritics, and the diacritics, wherever in the syllable they were written."""
_Index = Mapping[Key, Sequence[tuple[tuple[Key, ...], str]]]


def _index(phrases: Phrase) -> tuple[_Index, _Index]:
    """Phrases by their first word, as they are written and without diacritics."""
    marked: dict[Key, list[tuple[tuple[Key, ...], str]]] = defaultdict(list)
    bare: dict[Key, list[tuple[tuple[Key, ...], str]]] = defaultdict(list)
    for phrase in phrases:
        keys = tuple(_split(w) for w in _WORD.findall(unicodedata.normalize("NFC", phrase).casefold()))
        marked[keys[0]].append((keys, phrase))
        without = tuple((letters, "") for letters, _ in keys)
        bare[without[0]].append((without, phrase))
    return marked, bare


@lru_cache(maxsize=8)
def _book(lexicon: Lexicon) -> _Book:
    return _Book(lexicon)


@lru_cache(maxsize=20_000)
def _split(word: str) -> Key:
    """`hoả` and `hỏa` are one word: the mark of the tone belongs to the syllable, not to a letter."""
    spread = unicodedata.normalize("NFD", word)
    letters = "".join(c for c in spread if not unicodedata.combining(c))
    marks = "".join(sorted(c for c in spread if unicodedata.combining(c)))
    return letters.replace("đ", "d"), marks + "đ" * letters.count("đ")

"""Vietnamese text: folding for search without diacritics, and the sort key of the Vietnamese alphabet."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_MAPPED = str.maketrans({"đ": "d", "ß": "ss", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ı": "i", "ŀ": "l"})

_LETTERS = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_RANK = {letter: chr(ord("0") + 20 + i) for i, letter in enumerate(_LETTERS)}
_TONES = {"\u0300": "1", "\u0309": "2", "\u0303": "3", "\u0301": "4", "\u0323": "5"}
_SHAPES = {"\u0306", "\u0302", "\u031b"}
"""Marks that make another letter (ă, â, ơ); the remaining ones are the five tones (huyền hỏi ngã sắc nặng)."""


def nfc(text: str) -> str:
    """Normal form C: the one form in which text is stored."""
    return unicodedata.normalize("NFC", text)


class _Folded(dict[int, str]):
    """Letter → what is left of it. Those of the alphabets are kept once they were met."""

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFD", chr(code).casefold().translate(_MAPPED))
        found = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_MAPPED)
        if code < 0x3000:
            self[code] = found
        return found


_folded = _Folded()


def fold(text: str) -> str:
    """Lower case without diacritics, for search: `Thủ Dầu Một` → `thu dau mot`; `Đồng` → `dong`."""
    return text.lower() if text.isascii() else text.translate(_folded)


@lru_cache(4096)
def _weigh(letter: str) -> tuple[str, str]:
    """The rank of a letter without its tone, and the tone, "" for none."""
    tone = shape = ""
    for mark in unicodedata.normalize("NFD", letter):
        if mark in _TONES:
            tone = _TONES[mark]
        elif mark in _SHAPES or not unicodedata.combining(mark):
            shape += mark
    plain = unicodedata.normalize("NFC", shape)
    return _RANK.get(plain, plain), tone


def sort_key(text: str) -> str:
    """A key whose plain byte order is the Vietnamese dictionary order: letter, then tone (a à ả ã á ạ ă …).

    Tones decide only between words of equal letters, syllable by syllable, as in TCVN 6712 and printed dictionaries.
    """
    words = [_weigh_word(word) for word in nfc(text).casefold().split()]
    return " ".join([base for base, _ in words]).strip() + "\x01" + "".join([tone for _, tone in words])


@lru_cache(8192)
def _weigh_word(word: str) -> tuple[str, str]:
    """The ranks of a word's letters, and its tone. A province's names are made of few syllables."""
    weights = [_weigh(letter) for letter in word]
    return "".join([rank for rank, _ in weights]), next((own for _, own in reversed(weights) if own), "0")

"""Words on screen: Vietnamese first, English beside it."""

from __future__ import annotations

from dataclasses import dataclass


def vietnamese(value: float, digits: int = 0) -> str:
    """A number as a Vietnamese text writes it: 1.234,5."""
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


@dataclass(frozen=True, slots=True)
class Label:
    """A text in both languages of the product."""

    vi: str
    en: str

    def in_(self, language: str) -> str:
        """The text in `language` (`vi` or `en`); Vietnamese for any other."""
        return self.en if language == "en" else self.vi

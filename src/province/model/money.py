"""Sums of đồng as people write them: `60 tỷ`, `900 triệu`, `60.000.000.000`, `2,5 tỷ`, `60e9`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from province.errors import InvalidInput

_WRITTEN: Final = re.compile(r"\s*([\d.,]+(?:e\d+)?)\s*(.*?)\s*", re.IGNORECASE)
_WORDS: Final[Mapping[str, float]] = {
    "": 1.0, "vnd": 1.0, "đ": 1.0, "₫": 1.0, "đồng": 1.0, "dong": 1.0, "triệu": 1e6, "trieu": 1e6, "million": 1e6,
    "tỷ": 1e9, "tỉ": 1e9, "ty": 1e9, "ti": 1e9, "billion": 1e9, "triệu đồng": 1e6, "tỷ đồng": 1e9, "tỉ đồng": 1e9,
}  # fmt: skip
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")


def read_sum(text: str, *, field: str) -> float:
    """Đồng. Raises: InvalidInput."""
    amount, word = split(text)
    if word not in _WORDS:
        raise InvalidInput(
            f"{text[:40]!r} is no sum of money.", field=field, remedy='Write it as "60 tỷ", "900 triệu" or 60e9.'
        )
    return read_number(amount, field=field) * _WORDS[word]


def split(text: str) -> tuple[str, str]:
    """(digits, what stands behind them in lower case); ("", text) when it begins with no digits."""
    found = _WRITTEN.fullmatch(text.replace("\u00a0", " "))
    return (found[1], found[2].casefold()) if found else ("", text.strip().casefold() or "?")


def read_number(text: str, *, field: str) -> float:
    """A number with a comma or a point before the decimals; three digits behind one are thousands.

    Raises: InvalidInput.
    """
    given = text.strip()
    plain = re.sub(r"[.,]", "", given) if _THOUSANDS.fullmatch(given) else given.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is no number.", field=field, remedy="Write it as 60 or 60,5.") from None

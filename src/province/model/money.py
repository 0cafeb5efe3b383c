"""Sums of đồng as people write them: `60 tỷ`, `1.234.567 đồng`, `2,5 nghìn tỷ`, `2 tỷ 500 triệu`, `60e9`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from province.errors import InvalidInput

_WRITTEN: Final = re.compile(r"\s*([\d.,]+(?:e\d+)?)\s*(.*?)\s*", re.IGNORECASE)
_PART: Final = re.compile(r"([\d.,]+(?:e\d+)?)([^\d]*)")
_SCALES: Final[Mapping[str, float]] = {
    "nghìn": 1e3, "ngàn": 1e3, "nghin": 1e3, "ngan": 1e3, "thousand": 1e3,
    "triệu": 1e6, "trieu": 1e6, "tr": 1e6, "million": 1e6,
    "tỷ": 1e9, "tỉ": 1e9, "ty": 1e9, "ti": 1e9, "billion": 1e9,
}  # fmt: skip
_CURRENCY: Final = frozenset(("vnd", "vnđ", "đ", "₫", "đồng", "dong"))
_HALF: Final = frozenset(("rưỡi", "ruoi"))
_WORD: Final = re.compile(r"[^\W\d_]+|₫")
_THOUSANDS: Final = re.compile(r"[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*")
_MIXED: Final = re.compile(r"([1-9]\d{0,2}(?:\.\d{3})+),(\d+)|([1-9]\d{0,2}(?:,\d{3})+)\.(\d+)")
_REMEDY: Final = 'Write it as "60 tỷ", "900 triệu", "1.234.567 đồng" or 60e9.'


def read_sum(text: str, *, field: str) -> float:
    """Đồng. Several parts are added up, the greater scale first (`2 tỷ 500 triệu`). Raises: InvalidInput."""
    given = unicodedata.normalize("NFC", text.replace("\u00a0", " ")).casefold().strip()
    parts = list(_PART.finditer(given))
    if not parts or "".join(p[0] for p in parts) != given:
        raise _no_sum(text, field)
    total, last = Decimal(0), float("inf")
    for at, part in enumerate(parts):
        scale, half, ended = _scale(part[2], text, field)
        if scale >= last or (ended and at + 1 < len(parts)):
            raise _no_sum(text, field)  # "500 triệu 2 tỷ", "5 đồng 3": nobody knows what is meant
        last = scale
        exact = Decimal(repr(read_number(part[1], field=field)))  # 1,1 tỷ is not 1.100.000.000,0000001 đồng
        total += (exact + Decimal("0.5") if half else exact) * Decimal(scale)
    return float(total)


def _scale(words: str, text: str, field: str) -> tuple[float, bool, bool]:
    """(what the words multiply by, whether half of it comes on top, whether the currency ends them)."""
    named = _WORD.findall(words)
    if _WORD.sub("", words).strip():
        raise _no_sum(text, field)
    ended = bool(named) and named[-1] in _CURRENCY
    named = named[:-1] if ended else named
    half = bool(named) and named[-1] in _HALF
    named = named[:-1] if half else named
    if any(n not in _SCALES for n in named) or len(named) > 2 or (half and not named):
        raise _no_sum(text, field)
    factors = [_SCALES[n] for n in named]
    if len(factors) == 2 and not factors[0] < factors[1] == 1e9:
        raise _no_sum(text, field)  # "nghìn tỷ" and "triệu tỷ" are said, "tỷ nghìn" and "nghìn triệu" are not
    found = 1.0
    for one in factors:
        found *= one
    return found, half, ended


def _no_sum(text: str, field: str) -> InvalidInput:
    return InvalidInput(f"{text[:40]!r} is no sum of money.", field=field, remedy=_REMEDY)


def split(text: str) -> tuple[str, str]:
    """(digits, what stands behind them in lower case); ("", text) when it begins with no digits."""
    found = _WRITTEN.fullmatch(unicodedata.normalize("NFC", text.replace("\u00a0", " ")))
    return (found[1], found[2].casefold()) if found else ("", text.strip().casefold() or "?")


def read_number(text: str, *, field: str) -> float:
    """A number with a comma or a point before the decimals; three digits behind one are thousands, unless it is 0.

    With both, the last one stands before the decimals: 1.234,5 and 1,234.5 are one number. Raises: InvalidInput.
    """
    given = text.strip()
    if _THOUSANDS.fullmatch(given):
        plain = re.sub(r"[.,]", "", given)
    elif (mixed := _MIXED.fullmatch(given)) is not None:
        whole, decimals = (mixed[1], mixed[2]) if mixed[1] else (mixed[3], mixed[4])
        plain = f"{re.sub(r'[.,]', '', whole)}.{decimals}"
    else:
        plain = given.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is no number.", field=field, remedy="Write it as 60 or 60,5.") from None

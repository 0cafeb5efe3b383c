"""Numbers and moments as people and machines write them, read column by column: `1.234,5`, `31/12/2024 7:30`.

Every function takes a text column without surrounding blanks and returns what it read and a mask of what it could not
read. Nothing is guessed here: the style of numbers and the order of day and month are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from province.model.time import EARLIEST

Mask = npt.NDArray[np.bool_]
Numbers = Literal["plain", "vi", "en"]
"""plain: 1234.5, also with an exponent.  vi: 1.234,5.  en: 1,234.5."""

NUMBERS: Final[Mapping[str, str]] = {
    "plain": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    "vi": r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$",
    "en": r"^[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$",
}
_CLOCK = r"(?:[T ]+(?P<H>\d{1,2})[:hg](?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?)?"
_ZONE = r"(?P<z>\s*(?:Z|[+-]\d{2}:?\d{2}))?"
DATES: Final[Mapping[str, str]] = {
    "iso": rf"^(?P<y>\d{{4}})-(?P<m>\d{{1,2}})-(?P<d>\d{{1,2}}){_CLOCK}{_ZONE}$",
    "dd/mm/yyyy": rf"^(?P<d>\d{{1,2}})[/.-](?P<m>\d{{1,2}})[/.-](?P<y>\d{{4}}){_CLOCK}{_ZONE}$",
    "mm/dd/yyyy": rf"^(?P<m>\d{{1,2}})[/.-](?P<d>\d{{1,2}})[/.-](?P<y>\d{{4}}){_CLOCK}{_ZONE}$",
    "yyyy/mm/dd": rf"^(?P<y>\d{{4}})[/.](?P<m>\d{{1,2}})[/.](?P<d>\d{{1,2}}){_CLOCK}{_ZONE}$",
    "yyyymmdd": r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?:T?(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})?)?"
    r"(?:[.,](?P<f>\d{1,9}))?" + _ZONE + "$",
}
EPOCHS: Final[Mapping[str, int]] = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_MICRO: Final = pa.timestamp("us", tz="UTC")


def read_numbers(texts: pa.Array, style: str) -> tuple[pa.Array, Mask]:
    """Numbers as float64, null where the text is null or unreadable; and where it is unreadable.

    Blanks between digits group thousands in every style; the minus may be the sign −.
    """
    clean = pc.replace_substring_regex(texts, r"[\s\x{00a0}\x{202f}]", "")
    clean = pc.replace_substring(clean, "−", "-")
    fits = pc.match_substring_regex(clean, NUMBERS[style])
    good = pc.if_else(fits, clean, pa.scalar(None, pa.string()))
    if style == "vi":
        good = pc.replace_substring(pc.replace_substring(good, ".", ""), ",", ".")
    elif style == "en":
        good = pc.replace_substring(good, ",", "")
    good = pc.replace_substring_regex(good, r"^\+", "")
    found = pc.cast(good, pa.float64())
    finite = pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64()))
    return finite, mask(pc.and_(pc.is_valid(texts), pc.is_null(finite)))


def read_instants(texts: pa.Array, style: str, zone: str) -> tuple[pa.Array, Mask]:
    """Instants in UTC by one of `DATES` or `EPOCHS`; a text without an offset is local time of `zone`."""
    if style in EPOCHS:
        numbers, bad = read_numbers(texts, "plain")
        micros = np.nan_to_num(numbers.to_numpy(zero_copy_only=False)) * EPOCHS[style]
        possible = np.abs(micros) < 4e15
        return _instants(np.where(possible, micros, 0).astype(np.int64), ~possible | mask(pc.is_null(numbers))), (
            bad | (~possible & ~mask(pc.is_null(numbers)))
        )
    parts = pc.extract_regex(texts, DATES[style])
    names = set((pa.types.is_struct(parts.type) and [f.name for f in parts.type]) or [])

    def part(name: str, default: int = 0) -> npt.NDArray[np.int64]:
        if name not in names:
            return np.full(len(texts), default, np.int64)
        column = pc.struct_field(parts, name)
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        return np.asarray(pc.fill_null(pc.cast(column, pa.int64()), default).to_numpy(zero_copy_only=False), np.int64)

    fraction = np.zeros(len(texts), np.int64)
    if "f" in names:
        digits = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.struct_field(parts, "f"), 6, "0"), 0, 6)
        fraction = np.asarray(pc.fill_null(pc.cast(digits, pa.int64()), 0).to_numpy(zero_copy_only=False), np.int64)
    return compose(
        {"y": part("y"), "m": part("m"), "d": part("d"), "H": part("H"), "M": part("M"), "S": part("S"), "f": fraction},
        zone,
        absent=mask(pc.is_null(texts)),
        broken=mask(pc.and_(pc.is_valid(texts), pc.is_null(parts))),
        zones=pc.struct_field(parts, "z") if "z" in names else None,
    )


def compose(
    parts: Mapping[str, npt.NDArray[np.int64]],
    zone: str,
    *,
    absent: Mask,
    broken: Mask,
    zones: pa.Array | None = None,
) -> tuple[pa.Array, Mask]:
    """Instants from numbers: y, m, d and perhaps H, M, S, f (microseconds), by the civil clock of `zone`.

    An hour 24 is the midnight that ends the day. A day that the calendar lacks is unreadable.
    """
    size = len(absent)
    none = np.zeros(size, np.int64)
    y, m, d = parts["y"], parts["m"], parts["d"]
    hour, minute, second = parts.get("H", none), parts.get("M", none), parts.get("S", none)
    good = (y >= 1900) & (y <= 2200) & (m >= 1) & (m <= 12) & (d >= 1) & (d <= 31)
    good &= (hour >= 0) & (minute >= 0) & (minute < 60) & (second >= 0) & (second < 61)
    good &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    good &= ~absent & ~broken
    month = (np.where(good, y, 1970) - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (
        np.where(good, m, 1) - 1
    ).astype("timedelta64[M]")
    last = ((month + np.timedelta64(1, "M")).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    good &= d <= last
    day = month.astype("datetime64[D]") + (np.where(good, d, 1) - 1).astype("timedelta64[D]")
    micros = day.astype("datetime64[us]").astype(np.int64)
    micros = micros + np.where(good, ((hour * 60 + minute) * 60 + second) * 1_000_000 + parts.get("f", none), 0)
    offsets = np.zeros(size, np.int64)
    explicit = np.zeros(size, np.bool_)
    if zones is not None:
        text = pc.fill_null(pc.utf8_trim_whitespace(zones), "")
        explicit = ~mask(pc.equal(text, ""))
        digits = pc.extract_regex(text, r"^(?P<s>[+-])(?P<h>\d{2}):?(?P<m>\d{2})$")
        hours = pc.fill_null(pc.cast(pc.struct_field(digits, "h"), pa.int64()), 0).to_numpy(zero_copy_only=False)
        minutes = pc.fill_null(pc.cast(pc.struct_field(digits, "m"), pa.int64()), 0).to_numpy(zero_copy_only=False)
        west = mask(pc.fill_null(pc.equal(pc.struct_field(digits, "s"), "-"), False))
        offsets = np.where(west, -1, 1) * (hours * 60 + minutes) * 60_000_000
    local = pa.array(micros, pa.int64()).cast(pa.timestamp("us"))
    civil = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest").cast(_MICRO)
    by_zone = civil.cast(pa.int64()).to_numpy(zero_copy_only=False)
    final = np.where(explicit, micros - offsets, by_zone)
    good &= final >= int(EARLIEST.timestamp()) * 1_000_000
    return _instants(final, ~good), ~good & ~absent


def regular(first: datetime, step: timedelta, rows: npt.NDArray[np.int64]) -> pa.Array:
    """Instants of rows that carry no time: the first row at `first`, each next one `step` later."""
    begin = int(first.timestamp() * 1_000_000)
    every = int(step.total_seconds() * 1_000_000)
    return pa.array(begin + rows * every, pa.int64()).cast(_MICRO)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError):
        return False
    return True


def mask(array: pa.Array | pa.ChunkedArray) -> Mask:
    """A boolean column as numpy; null counts as false."""
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), np.bool_)


def _instants(micros: npt.NDArray[np.int64], absent: Mask) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=absent).cast(_MICRO)

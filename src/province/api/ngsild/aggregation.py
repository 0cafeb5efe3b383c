"""What is asked of an aggregated history: methods and the length of the periods (clause 4.5.19)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from province.api.route import Call
from province.errors import InvalidInput, Unsupported
from province.history.aggregate import METHODS, Method, Periods
from province.model.time import Instant

_DURATION: Final = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def read_periods(call: Call, start: Instant | None, end: Instant | None, last: int | None) -> Periods:
    """From `aggrMethods` and `aggrPeriodDuration`. Raises: InvalidInput naming the parameter; Unsupported."""
    methods = [_method(one) for one in dict.fromkeys(call.names("aggrMethods"))]
    if not methods:
        raise InvalidInput("aggregatedValues needs aggrMethods.", field="aggrMethods", remedy="Add avg,max,…")
    return Periods(methods, read_duration(call.text("aggrPeriodDuration", "PT0S")), start, end, last)


def _method(name: str) -> Method:
    for known in METHODS:
        if name == known:
            return known
    raise InvalidInput(f"{name[:40]!r} is no method.", field="aggrMethods", remedy=f"Any of: {', '.join(METHODS)}.")


def read_duration(text: str, field: str = "aggrPeriodDuration") -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes, seconds; zero means the whole range.

    Raises: InvalidInput; Unsupported for months and years, which have no fixed length.
    """
    if re.fullmatch(r"P(\d+Y)?(\d+M)?(\d+D)?(T.*)?", text) and re.search(r"\d[YM]", text.partition("T")[0]):
        raise Unsupported("months and years are not offered.", field=field, remedy="Use days: P30D.")
    found = _DURATION.fullmatch(text)
    if not found or len(text) > 40 or text in ("P", "PT") or text.endswith("T"):
        raise InvalidInput(f"{text[:40]!r} is not a duration.", field=field, remedy="Write PT1H or P1D.")
    weeks, days, hours, minutes, seconds = (float(g or 0) for g in found.groups())
    total = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
    if total > 200 * 366 * 86_400:
        raise InvalidInput("the duration is longer than 200 years.", field=field)
    return timedelta(seconds=total)


def read_lifetime(text: str, field: str) -> timedelta:
    """How long something is wished to last: longer than nothing. Raises: InvalidInput, Unsupported."""
    found = read_duration(text, field)
    if not found:
        raise InvalidInput("the duration is zero.", field=field, remedy="Write PT10M or leave it out.")
    return found

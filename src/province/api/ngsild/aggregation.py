"""Aggregates of a history per period (clause 4.5.19)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from province.errors import InvalidInput, TooLarge, Unsupported
from province.model.entity import Attribute, Json
from province.model.evolution import Aggregates, TimeProperty, time_of
from province.model.time import Instant

METHODS: Final = ("avg", "distinctCount", "max", "min", "stddev", "sum", "sumsq", "totalCount")
MAX_PERIODS: Final = 10_000
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def read_duration(text: str) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes, seconds; zero means the whole range.

    Raises: InvalidInput; Unsupported for months and years, which have no fixed length.
    """
    if re.fullmatch(r"P(\d+Y)?(\d+M)?(\d+D)?(T.*)?", text) and re.search(r"\d[YM]", text.partition("T")[0]):
        raise Unsupported("months and years are not offered.", field="aggrPeriodDuration", remedy="Use days: P30D.")
    found = _DURATION.fullmatch(text)
    if not found or len(text) > 40 or text in ("P", "PT") or text.endswith("T"):
        raise InvalidInput(f"{text[:40]!r} is not a duration.", field="aggrPeriodDuration", remedy="Write PT1H or P1D.")
    weeks, days, hours, minutes, seconds = (float(g or 0) for g in found.groups())
    total = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
    if total > 200 * 366 * 86_400:
        raise InvalidInput("the duration is longer than 200 years.", field="aggrPeriodDuration")
    return timedelta(seconds=total)


def aggregate(
    instances: Sequence[Attribute],
    methods: Sequence[str],
    length: timedelta,
    time_property: TimeProperty,
    start: Instant | None,
    end: Instant | None,
) -> Aggregates:
    """Aggregate instances in order of time. Periods begin at `start`, else at the first instance; empty ones are left.

    Raises: TooLarge for more than MAX_PERIODS periods.
    """
    timed = [(t, a.value) for a in instances if (t := time_of(a, time_property) or a.modified_at) is not None]
    if not timed:
        return {m: [] for m in methods}
    first = start if start is not None else timed[0][0]
    buckets: dict[int, list[Json]] = {}
    for at, value in timed:
        buckets.setdefault(int((at - first) // length) if length else 0, []).append(value)
    if len(buckets) > MAX_PERIODS:
        raise TooLarge(f"{len(buckets)} periods.", field="aggrPeriodDuration", remedy="Ask for longer periods.")
    last = end if end is not None else timed[-1][0]
    result: dict[str, list[tuple[Json, Instant, Instant]]] = {m: [] for m in methods}
    for index, values in sorted(buckets.items()):
        begin = first + index * length
        finish = begin + length if length else last
        for method in methods:
            value = compute(method, values)
            if value is not None:
                result[method].append((value, begin, finish))
    return result


def compute(method: str, values: Sequence[Json]) -> Json:
    """One aggregate; None where it has no meaning for such values (Table 4.5.19.1). Lists count by their size."""
    if method == "totalCount":
        return len(values)
    if method == "distinctCount":
        return len({msgspec.json.encode(v, order="deterministic") for v in values})
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) == len(values):
        return {"min": min, "max": max}[method](texts) if method in ("min", "max") else None
    numbers = [float(len(v)) if isinstance(v, list) else float(v) for v in values if isinstance(v, int | float | list)]
    if len(numbers) != len(values):
        return None
    try:
        found = _NUMERIC[method](numbers)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _deviation(numbers: Sequence[float]) -> float:
    mean = math.fsum(numbers) / len(numbers)
    return math.sqrt(math.fsum((n - mean) ** 2 for n in numbers) / len(numbers))


_NUMERIC: Mapping[str, Callable[[Sequence[float]], Any]] = {
    "avg": lambda n: math.fsum(n) / len(n),
    "max": max,
    "min": min,
    "stddev": _deviation,
    "sum": math.fsum,
    "sumsq": lambda n: math.fsum(v * v for v in n),
}

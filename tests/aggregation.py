"""Aggregates the plain way (clause 4.5.19), one value after the other: what the columns must come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

Rows = Sequence[tuple[datetime, Any]]


def aggregate(
    rows: Rows, methods: Sequence[str], length: timedelta, start: datetime | None, end: datetime | None
) -> dict[str, list[tuple[Any, datetime, datetime]]]:
    """rows: (instant, value) in order of time. Periods begin at `start`, else at the first one; empty ones are left."""
    result: dict[str, list[tuple[Any, datetime, datetime]]] = {m: [] for m in methods}
    if not rows:
        return result
    first = start if start is not None else rows[0][0]
    buckets: dict[int, list[Any]] = {}
    for at, value in rows:
        buckets.setdefault(int((at - first) // length) if length else 0, []).append(value)
    last = end if end is not None else rows[-1][0]
    for index, values in sorted(buckets.items()):
        begin = first + index * length
        finish = begin + length if length else last
        for method in methods:
            value = compute(method, values)
            if value is not None:
                result[method].append((value, begin, finish))
    return result


def compute(method: str, values: Sequence[Any]) -> Any:
    """One aggregate; None where it has no meaning for such values."""
    if method == "totalCount":
        return len(values)
    if method == "distinctCount":
        plain = [v if isinstance(v, bool) or not isinstance(v, int | float) else float(v) for v in values]
        return len({msgspec.json.encode(v, order="deterministic") for v in plain})
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


def agree(found: Mapping[str, Iterable[Any]], expected: Mapping[str, Iterable[Any]]) -> None:
    """Equal, but for the last digits of numbers. found, expected: method → (value, start, end) of each period."""
    assert found.keys() == expected.keys()
    for method, periods in expected.items():
        mine = list(found[method])
        assert [one[1:] for one in mine] == [one[1:] for one in periods], method
        for (value, *_), (wanted, *_) in zip(mine, periods, strict=True):
            if isinstance(wanted, float):
                wide = max(1.0, abs(wanted))
                assert value == pytest.approx(wanted, rel=1e-9, abs=1e-6 * wide if method == "stddev" else 1e-9), method
            else:
                assert value == wanted, method


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

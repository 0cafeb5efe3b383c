"""One observed attribute over time, for the chart: aggregated to what a screen can show, gaps kept as gaps."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

import msgspec
from starlette.responses import Response

from province.console.display import unit_symbol
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound
from province.model.time import now

RANGES: Final = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "365d": timedelta(days=365),
}
POINTS: Final = 800
GAP: Final = 3.0
"""A pause longer than this many usual steps is a gap: the line is interrupted, not drawn through."""


async def series(visit: Visit) -> Response:
    """JSON columns t (seconds since 1970, UTC), avg, min, max, count; null where readings are missing."""
    entity_id, attr = visit.request.path_params["entity"], visit.request.path_params["attr"]
    wanted = visit.request.query_params.get("range", "24h")
    if wanted not in RANGES:
        raise InvalidInput(f"{wanted[:20]!r} is not a range.", field="range", remedy=f"One of: {', '.join(RANGES)}.")
    entity = await visit.services.broker.get(entity_id, visit.actor)
    entity_type = visit.services.broker.types.get(entity.type)
    spec = entity_type.fields.get(attr) if entity_type else None
    if spec is None or not spec.field.observed:
        raise NotFound(f"{entity.type} has no observed attribute {attr[:60]!r}.", field="attr")
    end = now()
    start = end - RANGES[wanted]
    table = await visit.services.broker.series(entity_id, attr, visit.actor, start=start, end=end, points=POINTS)
    columns = with_gaps(table.to_pydict())
    body = {
        **columns,
        "unit": unit_symbol(spec.unit),
        "aggregated": any((n or 0) > 1 for n in columns["count"]),
        "start": start.timestamp(),
        "end": end.timestamp(),
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


def with_gaps(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The columns with a row of nulls inside every long pause; times as seconds, NaN as null."""
    times = [_seconds(t) for t in columns["t"]]
    steps = [b - a for a, b in itertools.pairwise(times)]
    usual = median(steps) if steps else 0.0
    result: dict[str, list[Any]] = {name: [] for name in ("t", "avg", "min", "max", "count")}
    for i, at in enumerate(times):
        if i and usual and at - times[i - 1] > GAP * usual:
            result["t"].append(times[i - 1] + usual)
            for name in ("avg", "min", "max", "count"):
                result[name].append(None)
        result["t"].append(at)
        for name in ("avg", "min", "max", "count"):
            value = columns[name][i]
            result[name].append(None if isinstance(value, float) and not math.isfinite(value) else value)
    return result


def _seconds(value: Any) -> float:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)

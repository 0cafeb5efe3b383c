"""`GET /api/observations/area-hours`: an attribute's hourly average per area, from the sums that are kept for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from starlette.responses import Response

from province.api.route import Call, Param, json_response
from province.broker.measured import AreaHour
from province.errors import InvalidInput
from province.model.entity import ORIGINS, Json, Origin
from province.model.time import format_instant, parse_instant
from province.territory.regroup import Part
from province.vocab.area import parse_day

MAX_HOURS: Final = 24 * 400
PARAMS: Final = (
    Param("type", "Type of the entities.", required=True),
    Param("attribute", "A measured number of the type.", required=True),
    Param("start", "First hour.", {"type": "string", "format": "date-time"}, required=True),
    Param("end", "End of the period; hours that begin before it.", {"type": "string", "format": "date-time"},
          required=True),
    Param("origins", f"Only readings of these, separated by commas: {', '.join(ORIGINS)}. All when left out."),
    Param("map", "Civil day of the map whose areas are asked for; today's when left out.",
          {"type": "string", "format": "date"}),
    Param("of", "sums (default), or readings: computed anew, grouped by where entities stand now.",
          {"type": "string", "enum": ["sums", "readings"]}),
)  # fmt: skip


async def area_hours(call: Call) -> Response:
    """Hourly average, number of readings and standard deviation per area, over what the caller may read."""
    given = {}
    for name in ("type", "attribute", "start", "end"):
        given[name] = call.text(name)
        if not given[name]:
            raise InvalidInput(f"{name} is missing.", field=name, remedy="Add it.")
    start, end = (parse_instant(given[n].replace(" ", "+"), field=n) for n in ("start", "end"))
    if end <= start or (end - start).total_seconds() > MAX_HOURS * 3600:
        raise InvalidInput("the period is empty or too long.", field="end", remedy=f"At most {MAX_HOURS} hours.")
    origins: list[Origin] = []
    for name in call.names("origins"):
        if name not in ORIGINS:
            raise InvalidInput(f"{name[:40]!r} is no origin.", field="origins", remedy=f"Of: {', '.join(ORIGINS)}.")
        origins.append(name)
    of = call.text("of", "sums")
    if of not in ("sums", "readings"):
        raise InvalidInput(f"{of[:40]!r}.", field="of", remedy="sums or readings.")
    found = await call.services.broker.area_hours(
        given["type"], given["attribute"], call.actor, start=start, end=end, origins=origins or None,
        stored=of == "sums",
    )  # fmt: skip
    return json_response(await _on_the_map(call, found))


async def _on_the_map(call: Call, found: Sequence[AreaHour]) -> list[Json]:
    """The sums by the areas of the asked map; `estimate`: shared out by land, because a unit was divided since."""
    territory = call.services.territory
    day = parse_day(call.text("map"), field="map") if call.text("map") else ""
    told: list[Json] = []
    for start, hours in groupby(found, key=lambda hour: hour.start):
        rows = [(hour.area, (float(hour.readings), hour.total, hour.squares)) for hour in hours]
        if territory is None:
            parts = [Part(area, sums, False) for area, sums in rows]
        else:
            parts = list(await territory.regroup(rows, day, call.actor))
        for part in parts:
            n, total, squares = part.sums
            mean = total / n if n else 0.0
            told.append(
                {
                    "start": format_instant(start),
                    "area": part.area,
                    "average": mean if n else None,
                    "readings": round(n) if n == round(n) else round(n, 6),
                    "deviation": math.sqrt(max(0.0, squares / n - mean**2)) if n else None,
                    **({"estimate": True} if part.estimate else {}),
                }
            )
    return told

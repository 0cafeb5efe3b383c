"""`GET /api/observations/area-hours`: an attribute's hourly average per area, from the sums that are kept for it."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from province.api.route import Call, Param, json_response
from province.errors import InvalidInput
from province.model.entity import ORIGINS, Origin
from province.model.time import format_instant, parse_instant

MAX_HOURS: Final = 24 * 400
PARAMS: Final = (
    Param("type", "Type of the entities.", required=True),
    Param("attribute", "A measured number of the type.", required=True),
    Param("start", "First hour.", {"type": "string", "format": "date-time"}, required=True),
    Param("end", "End of the period; hours that begin before it.", {"type": "string", "format": "date-time"},
          required=True),
    Param("origins", f"Only readings of these, separated by commas: {', '.join(ORIGINS)}. All when left out."),
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
    return json_response(
        [
            {
                "start": format_instant(hour.start),
                "area": hour.area,
                "average": hour.mean,
                "readings": hour.readings,
                "deviation": hour.deviation,
            }
            for hour in found
        ]
    )

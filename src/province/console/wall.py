"""The video wall: boards that take turns, large, with a clock and nothing to press; alerts stand first.

The page is whole without a script: then the boards stand one below the other. The island shows one at a time and
fetches them again, so that a wall runs for weeks on one page.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from province.console import maps, overview
from province.console.visit import Visit
from province.errors import InvalidInput
from province.model.time import now

SECONDS: Final = 20
PAGES: Final = ("/boards",)
"""Pages of other rooms that are boards by nature: shown in turn when the reader's menu holds them."""


async def wall(visit: Visit) -> Response:
    """All boards. `?seconds=` is how long each stands; `?board=` keeps to some."""
    params = visit.request.query_params
    given = params.get("seconds", str(SECONDS))
    if not given.isdecimal() or not 5 <= int(given) <= 3600:
        raise InvalidInput(f"{given[:20]!r} is no time for a board.", field="seconds", remedy="From 5 to 3600 seconds.")
    indicators, duties, alerts = await asyncio.gather(
        visit.services.broker.indicators(visit.actor), _duties(visit), overview.alerts_of(visit)
    )
    boards = ["alerts"] if alerts is not None else []
    boards += ["map", "numbers"]
    if visit.session is not None:
        boards.append("work")
    wanted = params.getlist("board")
    boards = [b for b in boards if not wanted or b in wanted]
    menu = {entry.href for entry in visit.entries()}
    values = {
        "boards": boards,
        "pages": [p for p in PAGES if p in menu and not wanted],
        "seconds": int(given),
        "sections": overview.sections(visit, indicators),
        "duties": duties,
        "alerts": alerts,
        "layers": [x for x in maps.described(visit) if x["checked"]],
        "bounds": visit.services.bounds,
        "now": now(),
        **maps.texts(visit),
    }
    return visit.page("wall.html", values)


async def _duties(visit: Visit) -> list[overview.Duty]:
    return await overview.duties_of(visit) if visit.session is not None else []

"""The video wall: boards that take turns, large, with a clock and nothing to press; alerts stand first.

The page is whole without a script: then the boards stand one below the other. The island shows one at a time and
fetches them again, so that a wall runs for weeks on one page.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.responses import Response

from province.console import centres, maps, overview
from province.console.display import show, title_of
from province.console.visit import Visit
from province.errors import InvalidInput
from province.model.schema import describe
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
    indicators, trends, duties, alerts, charts = await asyncio.gather(
        visit.services.broker.indicators(visit.actor),
        visit.services.broker.trends(visit.actor, now() - overview.WEEK),
        _duties(visit),
        overview.alerts_of(visit),
        _charts(visit),
    )
    area, centre = await centres.area_of(visit, params.get("centre", ""))
    room = None
    if visit.session is not None and "Incident" in visit.services.broker.types:
        room = await centres.room_of(visit, area, centre)
    boards = ["centre"] if room is not None else []
    boards += ["alerts"] if alerts is not None else []
    boards += ["map", "numbers"]
    if charts:
        boards.append("charts")
    if visit.session is not None:
        boards.append("work")
    wanted = params.getlist("board")
    boards = [b for b in boards if not wanted or b in wanted]
    menu = {entry.href for entry in visit.entries()}
    values = {
        "boards": boards,
        "pages": [p for p in PAGES if p in menu and not wanted],
        "seconds": int(given),
        "sections": overview.sections(visit, indicators, trends),
        "charts": charts,
        "words_of": visit.words,
        "duties": duties,
        "room": room,
        "alerts": alerts,
        "layers": [x for x in maps.described(visit) if x["checked"]],
        "bounds": visit.services.bounds,
        "now": now(),
        **maps.texts(visit),
    }
    return visit.page("wall.html", values)


async def _charts(visit: Visit) -> list[dict[str, Any]]:
    """The day of the sensor at the bad end of every domain."""
    desk = visit.services.boards
    if visit.session is None or desk is None:
        return []
    ranked = await asyncio.gather(*(desk.ranked(board, visit.actor) for board in desk.all.values()))
    charts = []
    for board, found in zip(desk.all.values(), ranked, strict=True):
        kind = describe(board.of)
        spec = kind.fields[board.field]
        for entity in found[:1]:
            shown = show(entity.attrs.get(spec.name), visit.words, spec=spec)
            charts.append(
                {"board": visit.words.label(board.title), "id": entity.id, "title": title_of(entity, kind),
                 "field": spec.name, "field_label": visit.words.label(spec.field.label), "shown": shown}
            )  # fmt: skip
    return charts


async def _duties(visit: Visit) -> list[overview.Duty]:
    return await overview.duties_of(visit) if visit.session is not None else []

"""`POST /api/zalo`: what people wrote to the Zalo Official Account, called by Zalo. Off unless it is configured."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from province.api.request import read_body
from province.api.route import JSON, Call, Param, Route, json_response
from province.errors import InvalidInput, NotAllowed, NotFound, RateLimited, Unavailable

LARGEST: Final = 256 * 1024
FEED: Final = "zalo"
_HEADER: Final = "X-ZEvent-Signature"


async def take(call: Call) -> Response:
    """One event. The signature is the right: whoever cannot sign as Zalo does learns nothing."""
    door = call.services.zalo
    if door is None or FEED not in call.services.feeds.by_name:
        raise NotFound("Zalo is not connected here.", remedy="Set PROVINCE_ZALO_APP and PROVINCE_ZALO_SECRET.")
    body = await read_body(call.request, LARGEST)
    actor = door(body, call.request.headers.get(_HEADER, ""), call.actor)
    taken = await call.services.feeds.take(FEED, body, JSON, actor)
    return json_response({"changed": len(taken.changed)})


ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/api/zalo", "zalo.take", "Take in what was written to the Zalo Official Account.", take, "Feeds",
          (Param(_HEADER, "The signature of Zalo.", place="header"),), {JSON: {"type": "object"}},
          {200: ("Taken.", {"type": "object"})}, (NotFound, NotAllowed, InvalidInput, RateLimited, Unavailable)),
)  # fmt: skip

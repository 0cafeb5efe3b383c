"""What left the house as mail and SMS, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from province.console.language import mark
from province.console.visit import Visit
from province.errors import NotFound

HOME: Final = "/messages"
STATES: Final[Mapping[str, str]] = {
    "waiting": mark("waiting"),
    "sending": mark("on its way"),
    "sent": mark("sent"),
    "simulated": mark("simulated: nothing left"),
    "open": mark("given up"),
    "dismissed": mark("dismissed"),
}


async def messages(visit: Visit) -> Response:
    """The newest messages, or those about one entity."""
    if visit.services.messages is None:
        raise NotFound("no messages leave here.")
    about = visit.request.query_params.get("about", "")
    found = await visit.services.messages(visit.actor, about)
    states = {name: visit.words(text) for name, text in STATES.items()}
    return visit.page("messages.html", {"messages": found, "states": states, "about": about})

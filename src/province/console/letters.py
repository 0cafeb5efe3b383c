"""Dead letters: messages that could not be taken in or carried out, to look at, repeat or dismiss with a reason."""

from __future__ import annotations

from starlette.responses import Response

from province.console.visit import Visit
from province.errors import InvalidInput


async def letters(visit: Visit) -> Response:
    """The list, newest first."""
    after = visit.request.query_params.get("after", "")
    found, following = await visit.services.dead_letters.list(visit.actor, after)
    return visit.page("letters.html", {"letters": found, "next": following, "paged": bool(after)})


async def letter(visit: Visit) -> Response:
    """One letter with its payload as received."""
    found = await visit.services.dead_letters.get(visit.actor, visit.request.path_params["id"])
    return visit.page("letter.html", {"letter": found})


async def retry(visit: Visit) -> Response:
    """Take it in again."""
    id = visit.request.path_params["id"]
    await visit.services.dead_letters.retry(visit.actor, id)
    return visit.see(f"/dead-letters/{id}", done="retry")


async def dismiss(visit: Visit) -> Response:
    """Set it aside; the reason stays with it."""
    id, reason = visit.request.path_params["id"], visit.text("reason")
    if not reason:
        raise InvalidInput("a reason is needed.", field="reason", remedy="Say why nothing is lost.")
    await visit.services.dead_letters.dismiss(visit.actor, id, reason)
    return visit.see("/dead-letters")

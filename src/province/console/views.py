"""Keeping what one asked of a list under a name, for oneself or for one's agency."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from province.console.lists import panel_of
from province.console.visit import Visit
from province.errors import NotFound

PASSING = frozenset(("after", "count"))
"""Parts of an address that belong to one visit, not to a view."""


async def save(visit: Visit) -> Response:
    """Keep the view and show it."""
    name = visit.request.path_params["type"]
    panel_of(visit, name)
    pairs = [(k, v) for k, v in parse_qsl(visit.text("query")) if k not in PASSING]
    query = urlencode(pairs)
    await visit.services.views.save(visit.actor, name, visit.text("name"), query, visit.text("share") == "true")
    return visit.see(f"/list/{name}" + (f"?{query}" if query else ""))


async def remove(visit: Visit) -> Response:
    """Forget one's own view."""
    name, view = visit.request.path_params["type"], visit.request.path_params["view"]
    if not view.isdecimal() or len(view) > 18:
        raise NotFound("there is no such view.", field="view")
    await visit.services.views.remove(visit.actor, int(view))
    return visit.see(f"/list/{name}")

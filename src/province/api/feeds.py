"""`POST /api/feeds/{name}`: messages in foreign forms, as packs declare that they read them."""

from __future__ import annotations

from starlette.responses import Response

from province.api.request import read_body
from province.api.route import Call, json_response, path_id
from province.errors import NotFound

_SHOWN = 100


async def list_feeds(call: Call) -> Response:
    """Every feed with the media types that it reads."""
    return json_response(
        [
            {
                "name": feed.name,
                "title": {"vi": feed.title.vi, "en": feed.title.en},
                "needs": feed.needs,
                "mediaTypes": list(feed.media_types),
            }
            for _, feed in sorted(call.services.feeds.by_name.values(), key=lambda pair: pair[1].name)
        ]
    )


async def take(call: Call) -> Response:
    """Take in one message of a feed. What was refused is named, and kept among the dead letters."""
    name = path_id(call, "name")
    if name not in call.services.feeds.by_name:
        raise NotFound(f"there is no feed {name[:60]!r}.", field="feed", remedy="GET /api/feeds lists them.")
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(call.request, call.services.max_body_bytes)
    taken = await call.services.feeds.take(name, body, media, call.actor, key=call.key)
    answer: dict[str, object] = {
        "changed": len(taken.changed),
        "created": sum(c.created for c in taken.changed),
        "refused": [{"id": r.id, "field": r.field, "reason": r.reason} for r in taken.refused[:_SHOWN]],
    }
    if taken.observed is not None:
        answer["observed"] = taken.observed.accepted
        answer["observationsRefused"] = [
            {"row": r.row, "field": r.field, "reason": r.reason} for r in taken.observed.rejected[:_SHOWN]
        ]
    return json_response(answer)

"""`POST /api/observations`: batches of readings from machines."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from province.api.request import read_body, require_media
from province.api.route import Call, json_response

_THREAD_FROM: Final = 100_000
"""Bodies of this many bytes are decoded in a thread."""
_SHOWN: Final = 100


async def observe(call: Call) -> Response:
    """Take in a batch. Answered when every accepted reading is durable; the refused ones are named by their row.

    200 when some were taken, 400 when none was.
    """
    media = require_media(call.request, *call.services.observation_media)
    body = await read_body(call.request, call.services.max_body_bytes)
    read = call.services.read_observations
    table = read(body, media) if len(body) < _THREAD_FROM else await asyncio.to_thread(read, body, media)
    done = await call.services.broker.observe(table, call.actor, key=call.key, source="http")
    answer = {
        "accepted": done.accepted,
        "refused": len(done.rejected),
        "rejected": [{"row": r.row, "field": r.field, "reason": r.reason} for r in done.rejected[:_SHOWN]],
        "sequence": done.sequence,
        "duplicate": done.duplicate,
    }
    if done.accepted or not done.rejected:
        return json_response(answer)
    problem = {
        "type": "urn:province:error:InvalidInput",
        "title": "The input is not valid",
        "status": 400,
        "detail": f"none of the {len(done.rejected)} readings was taken.",
        "field": f"[{done.rejected[0].row}].{done.rejected[0].field}",
        "remedy": done.rejected[0].reason,
        "requestId": call.id,
    }
    return json_response({**answer, **problem}, 400, media="application/problem+json")

"""`/api/erasures`: what an erasure would remove, its decision, and the decisions so far."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from starlette.responses import Response

from province.api.route import JSON, Call, Route, json_response
from province.broker.erasure import Erasures, Ground
from province.errors import InvalidInput, NotFound, Unavailable, Unsupported

_OBJECT: Final = {"type": "object"}


async def preview(call: Call) -> Response:
    """What would go. Nothing is removed."""
    body = await _body(call, "subject")
    return json_response(msgspec.to_builtins(await _service(call).preview(call.actor, body["subject"])))


async def decide(call: Call) -> Response:
    """Decide an erasure; it is carried out within seconds, and finished after a crash."""
    body = await _body(call, "subject", "ground", "reference")
    ground = cast(Ground, body.get("ground", "request"))  # looked at by what it is given to
    made = await _service(call).decide(call.actor, body["subject"], ground=ground, reference=body.get("reference", ""))
    return json_response(msgspec.to_builtins(made), 202)


async def decided(call: Call) -> Response:
    """The decisions, newest first."""
    return json_response([msgspec.to_builtins(e) for e in await _service(call).decisions(call.actor)])


def _service(call: Call) -> Erasures:
    if call.services.erasures is None:
        raise Unsupported("erasures are not offered here.")
    return call.services.erasures


async def _body(call: Call, *known: str) -> dict[str, str]:
    body: Any = await call.json()
    if not isinstance(body, dict) or "subject" not in body:
        raise InvalidInput("expected {subject, …}.", field="subject", remedy="Give the id of a record, or a login.")
    for name, value in body.items():
        if name not in known or not isinstance(value, str):
            raise InvalidInput(f"{str(name)[:40]!r} is not known here, or is no text.", field=str(name)[:40])
    return body


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/erasures", "erasures.list", "Erasures of personal data that were decided.", decided, "Rights",
          answers={200: ("The decisions.", {"type": "array", "items": _OBJECT})}, signed_in=True),
    Route("POST", "/api/erasures/preview", "erasures.preview", "What an erasure would remove.", preview, "Rights",
          body={JSON: _OBJECT}, answers={200: ("By where it lies.", _OBJECT)}, errors=(NotFound,), signed_in=True),
    Route("POST", "/api/erasures", "erasures.decide", "Erase what is held about a person.", decide, "Rights",
          body={JSON: _OBJECT}, answers={202: ("The decision.", _OBJECT)}, errors=(NotFound, Unavailable),
          signed_in=True),
)  # fmt: skip

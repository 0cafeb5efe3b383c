"""`/api/erasures`: what an erasure would remove, its decision, and the decisions so far; `/api/set-aside`: what waits
for a decision since a consent was withdrawn."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from starlette.responses import Response

from province.api.route import JSON, Call, Param, Route, json_response, path_id
from province.broker.erasure import Erasures, Ground
from province.broker.withdrawals import Withdrawals
from province.errors import Conflict, InvalidInput, NotFound, Unavailable, Unsupported

_OBJECT: Final = {"type": "object"}
_REMEDIES: Final = {
    "subject": "Give the id of a record, or a login.",
    "reason": "Name the law or contract that orders to hold it.",
}


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


async def aside(call: Call) -> Response:
    """What was set aside when a consent was withdrawn: what waits, oldest first, then what was decided."""
    return json_response([msgspec.to_builtins(one) for one in await _withdrawals(call).listed(call.actor)])


async def confirm(call: Call) -> Response:
    """Erase what was set aside."""
    body = await _body(call, "", "reference")
    id = path_id(call)
    made = await _withdrawals(call).confirm(call.actor, id, reference=body.get("reference", ""))
    return json_response(msgspec.to_builtins(made), 202)


async def give_back(call: Call) -> Response:
    """Say on which other ground it is held: it goes back."""
    body = await _body(call, "reason")
    one = await _withdrawals(call).give_back(call.actor, path_id(call), body["reason"])
    return json_response(msgspec.to_builtins(one))


def _withdrawals(call: Call) -> Withdrawals:
    if call.services.withdrawals is None:
        raise Unsupported("consents are not offered here.")
    return call.services.withdrawals


def _service(call: Call) -> Erasures:
    if call.services.erasures is None:
        raise Unsupported("erasures are not offered here.")
    return call.services.erasures


async def _body(call: Call, needed: str, *further: str) -> dict[str, str]:
    """The texts of a request. needed: the one that must be there; empty: none must.  Raises: InvalidInput."""
    body: Any = await call.json()
    if not isinstance(body, dict) or (needed and needed not in body):
        raise InvalidInput(
            f"expected an object with {needed or ', '.join(further)}.", field=needed, remedy=_REMEDIES.get(needed, "")
        )
    for name, value in body.items():
        if name not in (needed, *further) or not isinstance(value, str):
            raise InvalidInput(f"{str(name)[:40]!r} is not known here, or is no text.", field=str(name)[:40])
    return body


_ASIDE: Final = Param("id", "Of what was set aside.", {"type": "string"}, "path", True)
ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/erasures", "erasures.list", "Erasures of personal data that were decided.", decided, "Rights",
          answers={200: ("The decisions.", {"type": "array", "items": _OBJECT})}, signed_in=True),
    Route("POST", "/api/erasures/preview", "erasures.preview", "What an erasure would remove.", preview, "Rights",
          body={JSON: _OBJECT}, answers={200: ("By where it lies.", _OBJECT)}, errors=(NotFound,), signed_in=True),
    Route("POST", "/api/erasures", "erasures.decide", "Erase what is held about a person.", decide, "Rights",
          body={JSON: _OBJECT}, answers={202: ("The decision.", _OBJECT)}, errors=(NotFound, Unavailable),
          signed_in=True),
    Route("GET", "/api/set-aside", "set-aside.list", "What withdrawn consents set aside.", aside, "Rights",
          answers={200: ("What waits, then what was decided.", {"type": "array", "items": _OBJECT})}, signed_in=True),
    Route("POST", "/api/set-aside/{id}/confirm", "set-aside.confirm", "Erase what was set aside.", confirm, "Rights",
          params=(_ASIDE,), body={JSON: _OBJECT}, answers={202: ("The erasure.", _OBJECT)},
          errors=(NotFound, Conflict, Unavailable), signed_in=True),
    Route("POST", "/api/set-aside/{id}/return", "set-aside.return", "Name the other ground: it goes back.", give_back,
          "Rights", params=(_ASIDE,), body={JSON: _OBJECT}, answers={200: ("What went back.", _OBJECT)},
          errors=(NotFound, Conflict, Unavailable), signed_in=True),
)  # fmt: skip

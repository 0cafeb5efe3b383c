"""`/api/territory`: orders that change areas and agencies. `/api/addresses`: an address on the map of any day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from province.api.route import JSON, Call, Param, Route, json_response, path_id
from province.broker.land import Land
from province.broker.reorganise import Decided
from province.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from province.model.entity import Json
from province.model.query import Query
from province.territory.address import read_position
from province.territory.order import Order, read_order
from province.vocab.area import Area, parse_day

_ORDER: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["effective", "basis", "articles"],
    "properties": {
        "effective": {"type": "string", "format": "date"},
        "basis": {"type": "string"},
        "basisDate": {"type": "string", "format": "date"},
        "title": {"type": "string"},
        "articles": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind"],
                "properties": {
                    "kind": {"enum": ["merge", "split", "transfer", "abolish", "agency-merge"]},
                    "units": {"type": "array", "items": {"type": "string"}},
                    "atoms": {"type": "array", "items": {"type": "string"}},
                    "into": {"type": "object"},
                    "parts": {"type": "array", "items": {"type": "object"}},
                    "boundary": {"type": "object"},
                    "to": {"type": "string"},
                    "agencies": {"type": "array", "items": {"type": "string"}},
                    "office": {"type": "object"},
                },
            },
        },
    },
}
_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}


async def preview(call: Call) -> Response:
    """What an order would touch. Nothing is written."""
    order = await _order(call)
    touched = await _door(call).preview(order, call.actor)
    return json_response(msgspec.to_builtins(touched))


async def decide(call: Call) -> Response:
    """Carry an order out, or keep it for its day."""
    order = await _order(call)
    decided = await _door(call).decide(order, call.actor)
    return json_response(_told(decided), 200 if decided.repeated else 201)


async def withdraw(call: Call) -> Response:
    """Take an order back before its day."""
    body = await call.json()
    reason = body.get("reason") if isinstance(body, dict) else None
    if not isinstance(reason, str):
        raise InvalidInput("the reason is missing.", field="reason", remedy="Say why it is taken back.")
    return json_response(_told(await _door(call).withdraw(path_id(call, "id"), reason, call.actor)))


async def recorded(call: Call) -> Response:
    """A reform that the facts record, as an order."""
    return json_response(msgspec.to_builtins(await _door(call).recorded(parse_day(path_id(call, "day"), field="day"))))


async def parts(call: Call) -> Response:
    """The parts of land of which an area consisted on a day."""
    found = await _door(call).parts(path_id(call, "id"), _day(call), call.actor)
    return json_response(
        [{"id": p.id, "position": list(p.position), "size": p.size_km2, "land": dict(p.land)} for p in found]
    )


async def inside(call: Call) -> Response:
    """The entities of a type that stand inside an area on the map of a day, as far as the caller may read them."""
    area, kind = path_id(call, "id"), call.text("type")
    if not kind:
        raise InvalidInput("the type is missing.", field="type", remedy="Name one type of entities.")
    await call.services.broker.get(area, call.actor, type="Area", latest=False)
    stamps = tuple(await _door(call).stamps(area, _day(call), call.actor))
    if not stamps:
        return json_response({"total": 0, "ids": [], "next": None})
    limit = call.number("limit", 100, most=1000)
    query = Query(types=(kind,), area=stamps, limit=limit, after=call.text("after"), count=True, latest=False)
    page = await call.services.broker.query(query, call.actor)
    return json_response({"total": page.total, "ids": [e.id for e in page.items], "next": page.next or None})


async def resolve(call: Call) -> Response:
    """An address as it is written on the map of a day."""
    found = await _door(call).resolve(
        call.text("text"), _day(call), read_position(call.text("lon"), call.text("lat")), call.actor
    )
    return json_response(
        {
            "read": {
                "below": [{"kind": kind, "text": text} for kind, text in found.address.below],
                "unit": found.address.unit,
                "above": list(found.address.above),
                "rest": list(found.address.rest),
            },
            "named": [_named(area) for area in found.named],
            "forms": [{"text": form.text, "area": _named(form.area)} for form in found.forms],
            "settledBy": found.settled_by or None,
        }
    )


def _named(area: Area) -> dict[str, Json]:
    return {"id": area.id, "name": area.name, "from": area.validFrom, "to": area.validTo}


def _told(decided: Decided) -> Json:
    told: Json = msgspec.to_builtins(decided)
    return told


async def _order(call: Call) -> Order:
    body = await call.json()
    if not isinstance(body, dict):
        raise InvalidInput("an order is a JSON object.", field="body", remedy="Give effective, basis and articles.")
    return read_order(body)


def _day(call: Call) -> str:
    given = call.text("on")
    return parse_day(given, field="on") if given else ""


def _door(call: Call) -> Land:
    if call.services.territory is None:
        raise NotFound("there is no territory here.", field="path", remedy="Ask the server of the province.")
    return call.services.territory


_ON = Param("on", "Civil day of the map; today when left out.", {"type": "string", "format": "date"})
_ID = Param("id", "Id of the area or order.", place="path", required=True)
_ERRORS = (Conflict, TooLarge, Unavailable)

ROUTES: Final = (
    Route("POST", "/api/territory/preview", "territory.preview", "What an order would touch; nothing is written.",
          preview, "Territory", body={JSON: _ORDER}, answers={200: ("The report.", _OBJECT)}, errors=_ERRORS,
          signed_in=True),
    Route("POST", "/api/territory/orders", "territory.decide", "Carry an order out, or keep it for its day.", decide,
          "Territory", body={JSON: _ORDER},
          answers={201: ("What became of it.", _OBJECT), 200: ("It had been decided before.", _OBJECT)},
          errors=_ERRORS, signed_in=True),
    Route("POST", "/api/territory/orders/{id}/revert", "territory.withdraw", "Take an order back before its day.",
          withdraw, "Territory", (_ID,), {JSON: {"type": "object", "required": ["reason"]}},
          {200: ("What became of it.", _OBJECT)}, (NotFound, *_ERRORS), signed_in=True),
    Route("GET", "/api/territory/recorded/{day}", "territory.recorded", "A reform that the facts record, as an order.",
          recorded, "Territory", (Param("day", "Civil day.", {"type": "string", "format": "date"}, "path", True),),
          answers={200: ("The order.", _OBJECT)}, errors=(NotFound,), signed_in=True),
    Route("GET", "/api/territory/areas/{id}/parts", "territory.parts", "The parts of land of an area on a day.", parts,
          "Territory", (_ID, _ON), answers={200: ("The parts.", {"type": "array", "items": _OBJECT})},
          errors=(NotFound,), signed_in=True),
    Route("GET", "/api/territory/areas/{id}/entities", "territory.inside",
          "The entities of a type inside an area on the map of a day.", inside, "Territory",
          (_ID, Param("type", "Type of the entities.", required=True), _ON,
           Param("limit", "At most so many.", {"type": "integer", "minimum": 0, "maximum": 1000}),
           Param("after", "`next` of the page before.")),
          answers={200: ("Their ids and how many there are.", _OBJECT)}, errors=(NotFound,), signed_in=True),
    Route("GET", "/api/addresses", "addresses.resolve", "An address as it is written on the map of a day.", resolve,
          "Territory",
          (Param("text", "The address, with or without diacritics.", required=True), _ON,
           Param("lon", "Longitude, where known: it settles what the name leaves open.", {"type": "number"}),
           Param("lat", "Latitude.", {"type": "number"})),
          answers={200: ("What it means.", _OBJECT)}),
)  # fmt: skip

"""`/open311/v2`: Open311 GeoReport v2, for programs that send in citizens' reports and read what became of them.

An API key is an access token of ours. Readers see what their rights show, strangers what was published. GeoReport has
no pages and no time of the report in a POST; both are offered as additions: `page` and `page_size`, and
`requested_datetime` with `external_id`, by which what is sent again is the same report.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from province.api.errors import status_of
from province.api.request import read_body, require_media
from province.api.route import JSON, Call, Param, Route, path_id
from province.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn, ProvinceError, RateLimited, Unavailable
from province.model.actor import Actor
from province.model.entity import Entity
from province.model.query import AnyOf, Query, Where
from province.model.schema import EntityType
from province.model.time import format_instant, now, parse_instant

TYPE: Final = "Report"
ACTION: Final = "report.receive"
CLOSED: Final = ("resolved", "closed", "rejected", "referred")
SPAN: Final = timedelta(days=90)
"""Without dates a list reaches back so far, as GeoReport says."""
MOST: Final = 1000
PAGES: Final = 100
LARGEST: Final = 64 * 1024
FORM: Final = "application/x-www-form-urlencoded"
XML: Final = "text/xml"
_TITLE: Final = 300
_TEXT: Final = {"type": "string"}
_FORMAT = Param("format", "json or xml.", {"enum": ["json", "xml"]}, "path", True)
_CODE = Param("id", "Number of the report, or its id.", _TEXT, "path", True)
_COMMON = (
    Param("jurisdiction_id", "The installation's name; it may be left out."),
    Param("api_key", "An access token; it may stand in the header Authorization instead."),
)


async def services(call: Call) -> Response:
    """The categories in which reports are taken."""
    return await _answer(call, "services", "service", _services)


async def service(call: Call) -> Response:
    """The definition of one category: it asks for nothing further."""
    return await _answer(call, "service_definition", "", _definition)


async def requests(call: Call) -> Response:
    """Reports, the newest first."""
    return await _answer(call, "service_requests", "request", _requests)


async def request(call: Call) -> Response:
    """One report."""
    return await _answer(call, "service_requests", "request", _request)


async def submit(call: Call) -> Response:
    """Send in a report."""
    return await _answer(call, "service_requests", "request", _submit, status=201)


Rows = list[dict[str, Any]]


async def _answer(
    call: Call,
    root: str,
    item: str,
    make: Callable[[Call, Actor, Mapping[str, str]], Awaitable[Rows]],
    *,
    status: int = 200,
) -> Response:
    """Rows in the form that was asked for; errors in the form of GeoReport."""
    form = path_id(call, "format")
    if form not in ("json", "xml"):
        form, error = "json", NotFound(f"the form {form[:20]!r} is not offered.", remedy="Ask for json or xml.")
        return _errors(form, error)
    try:
        given = dict(call.params)
        if call.request.method == "POST":
            given |= await _form(call)
        actor = await _actor(call, given.get("api_key", ""))
        asked = given.get("jurisdiction_id", actor.tenant)
        if asked != actor.tenant:
            raise NotFound(f"there is no jurisdiction {asked[:40]!r}.", remedy="Leave jurisdiction_id out.")
        rows = await make(call, actor, given)
    except ProvinceError as error:
        return _errors(form, error)
    if form == "json":
        body: Any = rows[0] if root == "service_definition" else rows
        return Response(msgspec.json.encode(body), status, media_type=JSON)
    return Response(_xml(root, item, rows), status, media_type=f"{XML}; charset=utf-8")


def _errors(form: str, error: ProvinceError) -> Response:
    # GeoReport knows 403 for a missing or wrong key, where HTTP has 401.
    status = 403 if isinstance(error, NotSignedIn | NotAllowed) else status_of(error)
    said = [{"code": status, "description": str(error)}]
    if form == "json":
        return Response(msgspec.json.encode(said), status, media_type=JSON)
    return Response(_xml("errors", "error", said), status, media_type=f"{XML}; charset=utf-8")


def _xml(root: str, item: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    top = ElementTree.Element(root)
    for row in rows:
        at = ElementTree.SubElement(top, item) if item else top
        for name, value in row.items():
            ElementTree.SubElement(at, name).text = None if value in (None, []) else _plain(value)
    written: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return written


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _form(call: Call) -> dict[str, str]:
    require_media(call.request, FORM)
    try:
        text = (await read_body(call.request, LARGEST)).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise InvalidInput("the body is no form in UTF-8.", field="body") from None
    if any("\x00" in value for _, value in pairs):
        raise InvalidInput("a value holds a NUL.", field="body", remedy="Remove it.")
    return dict(pairs)


async def _actor(call: Call, key: str) -> Actor:
    """Who calls: by the header, or by the key, which is told the same way. Raises: NotSignedIn."""
    if not key:
        return call.actor
    if not key.isascii() or not key.isprintable():
        raise NotSignedIn("the api_key is not one of ours.", remedy="Send an access token.")
    headers = [h for h in call.request.scope["headers"] if h[0] != b"authorization"]
    scope = {**call.request.scope, "headers": [*headers, (b"authorization", f"Bearer {key}".encode())]}
    return await call.services.authenticate(Request(scope))


def _type(call: Call) -> EntityType:
    if ACTION not in call.services.broker.actions:
        raise NotFound("reports are not taken here.", remedy="Ask the operators of this installation.")
    return call.services.broker.types[TYPE]


async def _services(call: Call, actor: Actor, given: Mapping[str, str]) -> Rows:
    return [
        {
            "service_code": code,
            "service_name": label.vi,
            "description": label.en,
            "metadata": False,
            "type": "realtime",
            "keywords": "",
            "group": "",
        }
        for code, label in _type(call).fields["category"].field.names
    ]


async def _definition(call: Call, actor: Actor, given: Mapping[str, str]) -> Rows:
    code = path_id(call, "id")
    if code not in dict(_type(call).fields["category"].field.names):
        raise NotFound(f"there is no service {code[:40]!r}.", remedy="GET services lists them.")
    return [{"service_code": code, "attributes": []}]


async def _requests(call: Call, actor: Actor, given: Mapping[str, str]) -> Rows:
    entity_type = _type(call)
    where: list[Where | AnyOf] = []
    ids = [part.strip() for part in given.get("service_request_id", "").split(",") if part.strip()]
    if len(ids) > 100:
        raise InvalidInput("more than 100 numbers.", field="service_request_id", remedy="Ask for fewer at once.")
    if ids:
        rows: Rows = []
        for one in dict.fromkeys(ids):
            rows += await _found(call, actor, one)
        return rows
    codes = [part.strip() for part in given.get("service_code", "").split(",") if part.strip()]
    if codes:
        where.append(Where("category", "in", list(codes)))
    wanted = {part.strip() for part in given.get("status", "").split(",") if part.strip()}
    if wanted - {"open", "closed"}:
        raise InvalidInput(f"{sorted(wanted)} is no status.", field="status", remedy="Ask for open or closed.")
    if len(wanted) == 1:
        states = entity_type.fields["status"].field.values
        is_closed = wanted == {"closed"}
        where.append(Where("status", "in", [s for s in states if (s in CLOSED) == is_closed]))
    start, end = given.get("start_date"), given.get("end_date")
    first = parse_instant(start, field="start_date") if start else None
    last = parse_instant(end, field="end_date") if end else now()
    if first is None:
        first = last - SPAN
    where.append(Where("reportedAt", ">=", format_instant(first)))
    if end:
        where.append(Where("reportedAt", "<=", format_instant(last)))
    size = _number(given, "page_size", MOST, MOST)
    query = Query(types=(TYPE,), where=tuple(where), order="-reportedAt", limit=size, latest=False)
    for _ in range(_number(given, "page", 1, PAGES) - 1):
        page = await call.services.broker.query(query, actor)
        if not page.next:
            return []
        query = msgspec.structs.replace(query, after=page.next)
    page = await call.services.broker.query(query, actor)
    return await _rows(call, actor, page.items)


async def _request(call: Call, actor: Actor, given: Mapping[str, str]) -> Rows:
    found = await _found(call, actor, path_id(call))
    if not found:
        raise NotFound("there is no such request.", field="service_request_id", remedy="Check the number.")
    return found


async def _found(call: Call, actor: Actor, id: str) -> Rows:
    _type(call)
    by_number = Query(types=(TYPE,), where=(Where("code", "==", id),), limit=1, latest=False)
    page = await call.services.broker.query(by_number, actor)
    if not page.items:
        page = await call.services.broker.query(
            Query(types=(TYPE,), ids=(f"urn:ngsi-ld:{TYPE}:{id}",), limit=1, latest=False), actor
        )
    return await _rows(call, actor, page.items)


async def _rows(call: Call, actor: Actor, items: Sequence[Entity]) -> Rows:
    entity_type = call.services.broker.types[TYPE]
    owners = {str(e.value("assignedTo")) for e in items if e.value("assignedTo")}
    agencies: dict[str, str] = {}
    if owners:
        try:
            page = await call.services.broker.query(Query(ids=tuple(owners), limit=MOST, latest=False), actor)
            agencies = {e.id: str(e.value("name") or "") for e in page.items}
        except NotSignedIn:
            agencies = {}
    names = dict(entity_type.fields["category"].field.names)
    return [_row(call, e, names, agencies) for e in items]


def _row(call: Call, entity: Entity, names: Mapping[str, Any], agencies: Mapping[str, str]) -> dict[str, Any]:
    place: Any = entity.value("location") or {}
    lon, lat = (place.get("coordinates") or [None, None])[:2]
    category = str(entity.value("category") or "")
    photos = entity.value("publicPhotos")
    site = call.services.public_url.rstrip("/")
    photo = f"{site}/entity/{entity.id}/file/{photos[0]}" if isinstance(photos, list) and photos else None
    return {
        "service_request_id": entity.value("code") or entity.id.rpartition(":")[2],
        "status": "closed" if entity.value("status") in CLOSED else "open",
        "status_notes": entity.value("answer"),
        "service_name": names[category].vi if category in names else category,
        "service_code": category,
        "description": entity.value("title"),
        "agency_responsible": agencies.get(str(entity.value("assignedTo")), None),
        "service_notice": None,
        "requested_datetime": entity.value("reportedAt"),
        "updated_datetime": format_instant(entity.modified_at) if entity.modified_at else None,
        "expected_datetime": entity.value("dueAt"),
        "address": entity.value("address"),
        "address_id": entity.value("area"),
        "zipcode": None,
        "lat": lat,
        "long": lon,
        "media_url": photo,
    }


async def _submit(call: Call, actor: Actor, given: Mapping[str, str]) -> Rows:
    entity_type = _type(call)
    if actor.kind == "anonymous":
        raise NotSignedIn("an api_key is needed to send.", remedy="Send an access token, or use the form at /report.")
    code = given.get("service_code", "")
    names = dict(entity_type.fields["category"].field.names)
    if code not in names:
        raise InvalidInput(
            f"there is no service {code[:40]!r}.", field="service_code", remedy="GET services lists them."
        )
    text = given.get("description", "").strip()
    title = next((line.strip() for line in text.splitlines() if line.strip()), "") or names[code].vi
    if len(title) > _TITLE:
        title = title[: _TITLE - 1].rstrip() + "…"
    name = f"{given.get('last_name', '')} {given.get('first_name', '')}".strip()
    inputs: dict[str, Any] = {
        "channel": "system",
        "title": title if len(title) >= 3 else names[code].vi,
        "category": code,
        "description": "" if text == title else text,
        "location": {"type": "Point", "coordinates": [_degrees(given, "long"), _degrees(given, "lat")]},
        "address": given.get("address_string") or None,
        "name": name or None,
        "phone": given.get("phone") or None,
        "email": given.get("email") or None,
        "external_code": given.get("external_id") or None,
        "reported_at": given.get("requested_datetime") or None,
    }
    acted = await call.services.broker.act(
        ACTION, actor, inputs={k: v for k, v in inputs.items() if v is not None}, key=call.key
    )
    entered = acted.changed[0]
    number = entered.filled.get("code") or entered.id.rpartition(":")[2]
    told = next((a.body.vi for a in acted.answers if not a.value), None)  # whom to call when somebody is in danger
    return [{"service_request_id": number, "service_notice": told, "account_id": None}]


def _degrees(given: Mapping[str, str], name: str) -> float:
    try:
        return float(given[name])
    except (KeyError, ValueError):
        raise InvalidInput(
            "lat and long are needed, in degrees.", field=name, remedy="Send both: an address alone is not placed."
        ) from None


def _number(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise InvalidInput(f"{text[:20]!r} is not a whole number of 1…{most}.", field=name)
    return int(text)


_SEND: Final = {
    "type": "object",
    "required": ["service_code", "lat", "long"],
    "properties": dict.fromkeys(
        (
            "service_code", "lat", "long", "description", "address_string", "first_name", "last_name", "phone",
            "email", "api_key", "jurisdiction_id", "external_id", "requested_datetime",
        ),
        _TEXT,
    ),
}  # fmt: skip
_LIST: Final = {"type": "array", "items": {"type": "object"}}
_ASKED: Final = tuple(
    Param(name, summary)
    for name, summary in (
        ("service_request_id", "Numbers, separated by commas; nothing else is asked then."),
        ("service_code", "Categories, separated by commas."),
        ("start_date", "Reported at or after; left out: 90 days before the end."),
        ("end_date", "Reported at or before; left out: now."),
        ("status", "open, closed or both."),
        ("page", "Which page, from 1."),
        ("page_size", "Reports on a page, at most 1000."),
    )
)
_ERRORS: Final = (NotFound, RateLimited, Unavailable)
ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/open311/v2/services.{format}", "open311.services", "Categories of reports.", services, "Open311",
          (_FORMAT, *_COMMON), answers={200: ("The categories.", _LIST)}, errors=_ERRORS),
    Route("GET", "/open311/v2/services/{id}.{format}", "open311.service", "Definition of a category.", service,
          "Open311", (_CODE, _FORMAT, *_COMMON), answers={200: ("It asks for nothing further.", {"type": "object"})},
          errors=_ERRORS),
    Route("GET", "/open311/v2/requests.{format}", "open311.requests", "Reports, the newest first.", requests, "Open311",
          (_FORMAT, *_COMMON, *_ASKED), answers={200: ("The reports.", _LIST)}, errors=_ERRORS),
    Route("POST", "/open311/v2/requests.{format}", "open311.submit", "Send in a report.", submit, "Open311",
          (_FORMAT, *_COMMON, Param("Idempotency-Key", "Sent again with the same key, it is carried out once.",
                                    place="header")),
          {FORM: _SEND}, {201: ("Its number.", _LIST)}, _ERRORS),
    Route("GET", "/open311/v2/requests/{id}.{format}", "open311.request", "One report.", request, "Open311",
          (_CODE, _FORMAT, *_COMMON), answers={200: ("The report.", _LIST)}, errors=_ERRORS),
)  # fmt: skip

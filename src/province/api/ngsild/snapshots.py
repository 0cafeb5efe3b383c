"""/snapshots (clause 5.16): what questions find now, to be asked again under the header NGSILD-Snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from province.api.errors import problem
from province.api.ngsild.aggregation import read_lifetime
from province.api.ngsild.question import Question, read_body_question
from province.api.ngsild.view import View, read_accept, read_context, read_ld
from province.api.route import Call, path_id
from province.broker.conditions import meets, names_of
from province.broker.snapshots import MOST_ENTITIES, Snapshot
from province.errors import InvalidInput, NotFound, ProvinceError, TooLarge, Unsupported
from province.model.entity import Attribute, Entity, Json
from province.model.jsonld import is_iri
from province.model.qlanguage import goes, parse_q
from province.model.query import pages
from province.model.time import format_instant

_PATH: Final = "/ngsi-ld/v1/snapshots"
_MOST_QUERIES: Final = 10
_QUERIES: Final = ("snapshotQueries", "snapshotTemporalQueries")
_OUTPUT: Final = frozenset((
    "snapshotStatus", "snapshotQueriesDetails", "snapshotTemporalQueriesDetails", "createdAt", "modifiedAt",
    "expiresAt", "lastUsedAt",
))  # fmt: skip
"""Told, never taken: without effect where they are given (Table 5.2.41-2)."""
_MEMBERS: Final = frozenset(("id", "type", "snapshotLifetime", "snapshotPriority", *_QUERIES))
_UNSUPPORTED: Final = frozenset(("endpoint", "receiverInfo", "snapshotTemporalQueries"))


async def create(call: Call) -> Response:
    """Keep what queries find now."""
    body, context = await read_ld(call)
    document = _document(body)
    asked = body.get("snapshotQueries")
    if not isinstance(asked, list) or not 0 < len(asked) <= _MOST_QUERIES:
        raise InvalidInput(
            f"a snapshot needs 1 to {_MOST_QUERIES} queries.", field="snapshotQueries", remedy="Add a Query."
        )
    questions = [read_body_question(call, one, context) for one in asked]
    found: list[Entity] = []
    details = [await _ask(call, question, found) for question in questions]
    document["snapshotQueries"] = asked
    id = await call.services.snapshots.create(document, found, details, call.actor, _lifetime(document))
    return _created(id)


async def _ask(call: Call, question: Question, found: list[Entity]) -> Mapping[str, Json]:
    """Add what a question finds. Returns the details of its result (5.2.42). Raises: TooLarge."""
    before = len(found)
    try:
        query = msgspec.structs.replace(question.query, limit=1_000, count=False, after="", order="id")
        async for page in pages(call.services.broker.query, query, call.actor):
            found.extend(page.items)
            if len(found) > MOST_ENTITIES:
                raise TooLarge("the queries find more than a snapshot holds.", remedy=f"At most {MOST_ENTITIES}.")
    except TooLarge:
        raise
    except ProvinceError as error:
        return {"resultStatus": "failure", "problemDetails": problem(error, call.id, ngsi_ld=True)}
    return {"resultStatus": "success" if len(found) > before else "empty"}


async def clone(call: Call) -> Response:
    """Keep the same once more, under another id."""
    body, _ = await read_ld(call)
    _refuse_queries(body)
    document = _document(body)
    original = await call.services.snapshots.get(_id(call), call.actor)
    queries = {n: original.document[n] for n in _QUERIES if n in original.document}
    made = await call.services.snapshots.clone(original.id, {**document, **queries}, call.actor, _lifetime(document))
    return _created(made)


async def retrieve(call: Call) -> Response:
    """How a snapshot of the caller's stands."""
    view = View(context=await read_context(call), media=read_accept(call, geo=False))
    return view.answer(_show(await call.services.snapshots.get(_id(call), call.actor)))


async def update(call: Call) -> Response:
    """Give a snapshot another lifetime or priority."""
    id = _id(call)
    body, context = await read_ld(call, merge=True)
    before = await call.services.snapshots.get(id, call.actor)
    _refuse_queries(body)
    given = _document({"type": "Snapshot", **body} if isinstance(body, dict) else body, partial=True)
    if given.get("id", id) != id:
        raise InvalidInput("the id of a snapshot stays.", field="id", remedy="Leave it out.")
    document = {**before.document, **given}
    lifetime = _lifetime(given) if "snapshotLifetime" in given else None
    changed = await call.services.snapshots.update(id, document, call.actor, lifetime)
    return View(context=context, media=read_accept(call, geo=False)).answer(_show(changed))


async def delete(call: Call) -> Response:
    """Remove a snapshot."""
    await call.services.snapshots.delete(_id(call), call.actor)
    return Response(status_code=204)


async def purge(call: Call) -> Response:
    """Remove the snapshots that a query over their members finds."""
    if not call.text("q"):
        raise InvalidInput("there is no query.", field="q", remedy="Write such as snapshotPriority<5.")
    terms = parse_q(call.text("q"))
    if goes(terms):
        raise InvalidInput("a snapshot leads to no other entity.", field="q", remedy="Name members (5.2.41).")
    for name in sorted(names_of(terms) - _MEMBERS - _OUTPUT - _UNSUPPORTED):
        raise InvalidInput(f"a snapshot has no member {name[:60]!r}.", field="q", remedy="Name one (5.2.41).")
    going = [s for s in await call.services.snapshots.all(call.actor) if meets(_as_entity(s), terms)]
    if not going:
        raise NotFound("no snapshot of yours is like that.", field="q")
    for one in going:
        await call.services.snapshots.delete(one.id, call.actor)
    return Response(status_code=204)


def _document(body: Json, *, partial: bool = False) -> dict[str, Json]:
    """What a client may say of a snapshot, without its queries. Raises: InvalidInput, Unsupported."""
    if not isinstance(body, dict) or body.get("type") != "Snapshot":
        raise InvalidInput("the body is no Snapshot.", field="type", remedy='Send {"type": "Snapshot", …}.')
    given: dict[str, Any] = {k: v for k, v in body.items() if k != "@context" and k not in _OUTPUT}
    for name in sorted(given.keys() & _UNSUPPORTED):
        raise Unsupported(f"{name} is not offered.", field=name, remedy="Ask for the status instead; leave it out.")
    for name in sorted(given.keys() - _MEMBERS):
        raise InvalidInput(f"a snapshot has no member {name[:60]!r}.", field=name[:60])
    if "id" in given and not is_iri(given["id"]):
        raise InvalidInput(f"{str(given['id'])[:80]!r} is not a URI.", field="id")
    priority = given.get("snapshotPriority", 5)
    if isinstance(priority, bool) or not isinstance(priority, int) or not 1 <= priority <= 10:
        raise InvalidInput("a priority is a whole number of 1…10.", field="snapshotPriority")
    if not partial:
        given["snapshotPriority"] = priority
    _lifetime(given)
    return {k: v for k, v in given.items() if k not in _QUERIES}


def _refuse_queries(body: Json) -> None:
    for name in _QUERIES:
        if isinstance(body, dict) and name in body:
            raise InvalidInput(f"{name} is for reading only.", field=name, remedy="Create another snapshot.")


def _lifetime(document: Mapping[str, Json]) -> timedelta | None:
    given = document.get("snapshotLifetime")
    if given is None:
        return None
    if not isinstance(given, str):
        raise InvalidInput("a lifetime is a duration.", field="snapshotLifetime", remedy="Write PT2H.")
    return read_lifetime(given, "snapshotLifetime")


def _created(id: str) -> Response:
    return Response(status_code=201, headers={"Location": f"{_PATH}/{quote(id, safe=':')}"})


def _show(one: Snapshot) -> dict[str, Json]:
    return {
        **one.document,
        "type": "Snapshot",
        "snapshotStatus": one.status,
        **({"snapshotQueriesDetails": list(one.details)} if one.details else {}),
        "createdAt": format_instant(one.created_at),
        "modifiedAt": format_instant(one.modified_at),
        "expiresAt": format_instant(one.expires_at),
        "lastUsedAt": format_instant(one.used_at),
    }


def _as_entity(one: Snapshot) -> Entity:
    """The members as attributes, for a query over them (4.9)."""
    attrs = {name: Attribute(value=value) for name, value in _show(one).items()}
    return Entity(tenant="", id=one.id, types=("Snapshot",), attrs=attrs)


def _id(call: Call) -> str:
    id = path_id(call)
    if not is_iri(id):
        raise InvalidInput(f"{id[:80]!r} is not a URI.", field="id", remedy="Give the id of a snapshot.")
    return id

"""`/api/imports`: files are sent, described, tried, carried in and, if need be, taken back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from province.adapters.tables.areas import Wish
from province.adapters.tables.imports import Imports, Look
from province.api.request import media_type, parse_json, read_body
from province.api.route import JSON, Call, Param, Route, json_response, path_id
from province.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable, Unsupported
from province.model.mapping import load_yaml, read_mapping
from province.model.time import now
from province.vocab.area import civil_day
from province.vocab.transfer import DataImport

_MAPPING_BYTES: Final = 512 * 1024
_YAML: Final = "application/yaml"
_FILE: Final = "application/octet-stream"


def imports_of(call: Call) -> Imports:
    """The imports service. Raises: Unsupported where this server has none."""
    found = call.services.imports
    if found is None:
        raise Unsupported("imports are not offered here.")
    return found


async def receive(call: Call) -> Response:
    """Take a file in; the answer proposes a mapping."""
    record, look = await imports_of(call).receive(
        call.actor, call.text("name", "file"), body_of(call), type=call.text("type")
    )
    return json_response({**shown(record, running=False), **(_look(look) if look else {})}, 201)


async def guess(call: Call) -> Response:
    """Propose a mapping for a file of which nothing is kept."""
    look = await imports_of(call).look(call.actor, call.text("name", "file"), body_of(call), type=call.text("type"))
    return json_response(_look(look))


async def find(call: Call) -> Response:
    """The newest import of a file by a mapping that the caller began; 404 when there is none."""
    body = await _decoded(call)
    if not isinstance(body, dict) or not isinstance(body.get("hash"), str):
        raise InvalidInput("expected {hash, mapping}.", field="body")
    mapping = read_mapping(body.get("mapping"), call.services.broker.types)
    found = await imports_of(call).find(call.actor, body["hash"], mapping)
    if found is None:
        raise NotFound("this file was not imported by this mapping.", field="hash", remedy="Send it.")
    return await _now(imports_of(call), found.id, call)


async def get(call: Call) -> Response:
    """An import with the counts of this moment."""
    return await _now(imports_of(call), path_id(call), call)


async def _now(service: Imports, id: str, call: Call) -> Response:
    # First whether it runs, then its counts: those of one that does not run are the last ones.
    running = service.is_running(id, call.actor)
    return json_response(shown(await service.get(id, call.actor), running=running))


async def describe(call: Call) -> Response:
    """Set the mapping."""
    id, given = path_id(call), await _decoded(call)
    record = await imports_of(call).describe(id, call.actor, given)
    return json_response(shown(record, running=False))


async def start(call: Call) -> Response:
    """Begin, or go on with, an import. `trial=true`: count and check, write nothing."""
    service, id = imports_of(call), path_id(call)
    record = await service.start(id, call.actor, trial=call.flag("trial"))
    return json_response(shown(record, running=True), 202)  # it may be over by now: `get` tells


async def undo(call: Call) -> Response:
    """Take back what was written and has not been changed since."""
    done = await imports_of(call).undo(path_id(call), call.actor)
    return json_response({"removed": done.removed, "restored": done.restored, "kept": list(done.kept)})


async def refused(call: Call) -> Response:
    """The refused rows as a file of the same format, with the reason of each."""
    content, name, media = await imports_of(call).refused(path_id(call), call.actor)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, 200, headers, media)


async def areas(call: Call) -> Response:
    """Give areas their real boundaries, by code."""
    wish = Wish(
        day=call.text("day") or civil_day(now()),
        source=call.text("source"),
        source_date=call.text("sourceDate") or civil_day(now()),
        create=call.flag("create"),
        parent=call.text("parent"),
        trial=call.flag("trial"),
    )
    outcome = await imports_of(call).areas.load(call.actor, call.text("name", "areas.geojson"), body_of(call), wish)
    return json_response(asdict(outcome))


def shown(record: DataImport, *, running: bool) -> dict[str, Any]:
    """An import as JSON. running: a living process works on it."""
    return {**msgspec.to_builtins(record), "running": running}


def _look(look: Look) -> dict[str, Any]:
    return {
        "found": msgspec.to_builtins(look.found),
        "guess": msgspec.to_builtins(look.guess.mapping),
        "likeness": look.guess.likeness,
        "others": list(look.guess.others),
        "sample": look.rows,
    }


async def body_of(call: Call) -> Any:
    """The body as it comes. Raises: Unavailable when the client goes away."""
    try:
        async for part in call.request.stream():
            yield part
    except ClientDisconnect:
        raise Unavailable("the client went away before the whole file had come.", field="file") from None


async def _decoded(call: Call) -> Any:
    media = media_type(call.request)
    if media not in (JSON, _YAML):
        raise HTTPException(415, f"Media type not supported: send {JSON} or {_YAML}.")
    body = await read_body(call.request, _MAPPING_BYTES)
    if media == JSON:
        return parse_json(body)
    return load_yaml(body.decode("utf-8", "replace"))


_ID: Final = Param("id", "Id of the import.", {"type": "string"}, "path", True)
_NAME: Final = Param("name", "Name of the file.")
_TYPE: Final = Param("type", "Target type; empty: guessed.")
_TRIAL: Final = Param("trial", "Only try: count and check, write nothing.", {"type": "boolean"})
_OBJECT: Final = {"type": "object"}
_WRONG: Final = (NotFound, Conflict, TooLarge, Unsupported, Unavailable)

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/api/imports", "imports.receive", "Send a file to import.", receive, "Imports", (_NAME, _TYPE),
          {_FILE: {}}, {201: ("The import and a proposed mapping.", _OBJECT)}, _WRONG, signed_in=True),
    Route("POST", "/api/imports/guess", "imports.guess", "Propose a mapping for a file.", guess, "Imports",
          (_NAME, _TYPE), {_FILE: {}}, {200: ("The proposal.", _OBJECT)}, _WRONG, signed_in=True),
    Route("POST", "/api/imports/find", "imports.find", "Find an import by file and mapping.", find, "Imports", (),
          {JSON: _OBJECT}, {200: ("The import.", _OBJECT)}, _WRONG, signed_in=True),
    Route("POST", "/api/imports/areas", "imports.areas", "Boundaries for areas, by code.", areas, "Imports",
          (_NAME, Param("day", "Day on which the units must be in force; default today."),
           Param("source", "Where the polygons come from."), Param("sourceDate", "Day of the source; default today."),
           Param("create", "Make units that are not known.", {"type": "boolean"}),
           Param("parent", "Id of the area that new units belong to."), _TRIAL),
          {_FILE: {}}, {200: ("What became of every polygon.", _OBJECT)}, _WRONG, signed_in=True),
    Route("GET", "/api/imports/{id}", "imports.get", "An import and how far it is.", get, "Imports", (_ID,),
          answers={200: ("The import.", _OBJECT)}, errors=_WRONG, signed_in=True),
    Route("PUT", "/api/imports/{id}/mapping", "imports.describe", "Set the mapping.", describe, "Imports", (_ID,),
          {JSON: _OBJECT, _YAML: {}}, {200: ("The import.", _OBJECT)}, _WRONG, signed_in=True),
    Route("POST", "/api/imports/{id}/start", "imports.start", "Begin, try, or go on.", start, "Imports",
          (_ID, _TRIAL), answers={202: ("The import.", _OBJECT)}, errors=_WRONG, signed_in=True),
    Route("POST", "/api/imports/{id}/undo", "imports.undo", "Take an import back.", undo, "Imports", (_ID,),
          answers={200: ("What was taken back.", _OBJECT)}, errors=_WRONG, signed_in=True),
    Route("GET", "/api/imports/{id}/refused", "imports.refused", "The refused rows with their reasons.", refused,
          "Imports", (_ID,), answers={200: ("The file.", None)}, errors=_WRONG, signed_in=True),
)  # fmt: skip

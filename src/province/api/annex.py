"""`/api/annex`: the plan line by line, its acceptance checks, its annual report."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from province.api.route import Call, json_response, path_id
from province.api.services import Annex
from province.errors import InvalidInput, NotFound
from province.vocab.area import parse_day


async def plan(call: Call) -> Response:
    """The plan as it stands on a day, as the caller may see it."""
    return json_response(msgspec.to_builtins(await _annex(call).view(call.actor, _day(call))))


async def checks(call: Call) -> Response:
    """One acceptance check per line, judged now, with the caller's rights."""
    view = await _annex(call).view(call.actor, "")
    rows: list[dict[str, Any]] = [
        {
            "line": one.code,
            "row": one.row,
            "kind": one.kind,
            "text": msgspec.to_builtins(one.text),
            "check": msgspec.to_builtins(one.check.title),
            "outcome": one.check.outcome,
            "evidence": msgspec.to_builtins(one.check.evidence),
        }
        for one in view.everything
    ]
    rows += [
        {
            "line": row,
            "row": row,
            "kind": "product",
            "text": msgspec.to_builtins(check.title),
            "check": msgspec.to_builtins(check.title),
            "outcome": check.outcome,
            "evidence": msgspec.to_builtins(check.evidence),
        }
        for row, check in view.others
    ]
    return json_response({"day": view.day, "checks": rows})


async def report(call: Call) -> Response:
    """The annual implementation report, as JSON or as a PDF."""
    given = path_id(call, "year")
    if not (given.isascii() and given.isdigit() and len(given) == 4):
        raise InvalidInput(f"{given[:40]!r} is not a year.", field="year", remedy="Give one such as 2026.")
    kind, language = call.text("format", "json"), call.text("lang", "vi")
    if kind not in ("json", "pdf"):
        raise InvalidInput(f"{kind[:40]!r} is not offered.", field="format", remedy="Give json or pdf.")
    if language not in ("vi", "en"):
        raise InvalidInput(f"{language[:40]!r} is not offered.", field="lang", remedy="Give vi or en.")
    annex = _annex(call)
    found = await annex.report(call.actor, int(given))
    if kind == "json":
        return json_response(msgspec.to_builtins(found))
    return Response(await annex.print(found, language), media_type="application/pdf")


def _annex(call: Call) -> Annex:
    if call.services.annex is None:
        raise NotFound("no plan is installed.", field="path", remedy="Install the pack `plan`.")
    return call.services.annex


def _day(call: Call) -> str:
    given = call.text("day")
    return parse_day(given, field="day") if given else ""

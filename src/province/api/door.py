"""The HTTP door as a whole: every route of the interface, for the composition root to serve."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from province.api import (
    actions,
    aggregates,
    annex,
    erasures,
    exports,
    feeds,
    imports,
    observations,
    open311,
    studies,
    territory,
    zalo,
)
from province.api.errors import http_problem, problem_response, unexpected_response
from province.api.ngsild.table import ROUTES as NGSI_LD
from province.api.openapi import document
from province.api.request import request_id
from province.api.route import JSON, Call, Param, Route, serve
from province.api.services import Services
from province.errors import AlreadyExists, Conflict, NotFound, RateLimited, TooLarge, Unavailable

__all__ = [
    "PREFIXES", "ROUTES", "Services", "absence", "answer_absence", "answer_defect", "handlers", "not_found", "routes",
]  # fmt: skip

_log = logging.getLogger(__name__)
PREFIXES: Final = ("/ngsi-ld", "/api", "/open311")
_NAME: Final = Param("name", "Name of the action, such as report.resolve.", {"type": "string"}, "path", True)
_FEED: Final = Param("name", "Name of the feed, such as open311.", {"type": "string"}, "path", True)
_DAY: Final = Param("day", "Civil day such as 2024-08-03; left out: today.", {"type": "string", "format": "date"})
_YEAR: Final = Param("year", "Year of the report.", {"type": "string", "pattern": "^[0-9]{4}$"}, "path", True)
_FORMAT: Final = Param("format", "json or pdf.", {"enum": ["json", "pdf"]})
_LANGUAGE: Final = Param("lang", "Language of the PDF.", {"enum": ["vi", "en"]})
_KEY: Final = Param("Idempotency-Key", "A request sent again with the same key is carried out once.", place="header")


async def describe(call: Call) -> Response:
    """This document."""
    services = call.services
    body = document(ROUTES, services.broker.types, services.broker.actions)
    return Response(msgspec.json.encode(body), media_type=JSON)


ROUTES: Final[tuple[Route, ...]] = (
    *NGSI_LD,
    Route("POST", "/api/observations", "observations.observe", "Take in a batch of readings.", observations.observe,
          "Observations", (_KEY,), {JSON: {}}, {200: ("What was taken and what refused.", {"type": "object"})},
          (TooLarge, RateLimited, Unavailable), signed_in=True),
    Route("GET", "/api/observations/area-hours", "aggregates.area_hours", "Hourly averages per area.",
          aggregates.area_hours, "Observations", aggregates.PARAMS,
          answers={200: ("By hour and area.", {"type": "array", "items": {"type": "object"}})},
          errors=(NotFound, Unavailable)),
    Route("GET", "/api/actions", "actions.list", "Every action with its inputs.", actions.list_actions, "Actions",
          answers={200: ("The actions.", {"type": "array", "items": {"type": "object"}})}),
    Route("POST", "/api/actions/{name}", "actions.act", "Carry out an action.", actions.act, "Actions",
          (_NAME, _KEY), {JSON: {"type": "object"}}, {200: ("What it changed.", {"type": "object"})},
          (NotFound, AlreadyExists, Conflict, TooLarge, RateLimited, Unavailable)),
    Route("GET", "/api/feeds", "feeds.list", "Every feed that packs read.", feeds.list_feeds, "Feeds",
          answers={200: ("The feeds.", {"type": "array", "items": {"type": "object"}})}, signed_in=True),
    Route("POST", "/api/feeds/{name}", "feeds.take", "Take in one message of a feed.", feeds.take, "Feeds",
          (_FEED, _KEY), {JSON: {}}, {200: ("What it changed, and what was refused.", {"type": "object"})},
          (NotFound, TooLarge, RateLimited, Unavailable), signed_in=True),
    *imports.ROUTES,
    *exports.ROUTES,
    *studies.ROUTES,
    *territory.ROUTES,
    *erasures.ROUTES,
    *open311.ROUTES,
    *zalo.ROUTES,
    Route("GET", "/api/annex", "annex.plan", "The plan as it stands on a day, line by line.", annex.plan, "Plan",
          (_DAY,), answers={200: ("The plan.", {"type": "object"})}, errors=(NotFound,)),
    Route("GET", "/api/annex/checks", "annex.checks", "One acceptance check per line, judged now.", annex.checks,
          "Plan", answers={200: ("The checks.", {"type": "object"})}, errors=(NotFound,)),
    Route("GET", "/api/annex/reports/{year}", "annex.report", "The annual implementation report.", annex.report, "Plan",
          (_YEAR, _FORMAT, _LANGUAGE), answers={200: ("The report; a PDF when asked for.", {"type": "object"})},
          errors=(NotFound,)),
    Route("GET", "/api/openapi.json", "openapi.describe", "This document.", describe, "Description",
          answers={200: ("The document.", {"type": "object"})}, signed_in=True),
)  # fmt: skip


def routes(services: Services) -> list[StarletteRoute]:
    """All routes, and problems for whatever else lies below /ngsi-ld and /api. Put the more special ones before."""
    return serve(ROUTES, services, prefixes=PREFIXES)


async def not_found(request: Request, error: Exception) -> Response:
    """Handler for what no route of the application answers."""
    missing = HTTPException(404, f"Not found: there is nothing at {request.url.path[:200]}.")
    return http_problem(error if isinstance(error, HTTPException) else missing, request_id(request))


async def answer_absence(request: Request, error: Exception) -> Response:
    """Handler for an engine that is away: 503, and the log tells which."""
    _log.warning("an engine is away", extra={"error": repr(error)[:500]})
    ngsi_ld = request.url.path.startswith(PREFIXES[0])
    return problem_response(absence(error), request_id(request), ngsi_ld=ngsi_ld)


def absence(error: Exception) -> Unavailable:
    """What a caller is told when an engine is away."""
    return Unavailable(
        f"a part of the system does not answer ({type(error).__name__}).", remedy="Try again in a few seconds."
    )


async def answer_defect(request: Request, error: Exception) -> Response:
    """Handler for a defect of ours: logs it, and tells only the id under which it was logged."""
    id = request_id(request)
    _log.error("defect at %s, request %s", request.url.path, id, exc_info=error)
    return unexpected_response(id)


def handlers() -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """For `Starlette(exception_handlers=…)`: what the routes themselves do not turn into a problem."""
    return {Exception: answer_defect}

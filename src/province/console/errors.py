"""Errors as pages: status, request id, field and remedy. The title is in the reader's language."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, Response

from province.console.language import mark
from province.errors import (
    AlreadyExists,
    Conflict,
    DecodeError,
    InvalidInput,
    InvalidRequest,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ProvinceError,
    RateLimited,
    TooComplex,
    TooLarge,
    Unavailable,
    Unsupported,
)

if TYPE_CHECKING:
    from province.console.visit import Visit

_log = logging.getLogger(__name__)

TITLES: Final[Mapping[type[ProvinceError], tuple[str, str]]] = {
    DecodeError: (mark("The message cannot be decoded"), mark("Send it again in the format that is expected.")),
    InvalidInput: (mark("The input is not valid"), mark("Go back, correct the field named below, and send it again.")),
    InvalidRequest: (mark("The request is not valid"), mark("Go back and use the links and forms of the page.")),
    TooComplex: (mark("The question is too complex"), mark("Ask for less at once, or with fewer conditions.")),
    TooLarge: (mark("The input is too large"), mark("Send less at once.")),
    NotFound: (mark("Not found"), mark("It may have been removed, or you may not have the right to see it.")),
    AlreadyExists: (mark("Already exists"), mark("Choose another name, or open the one that exists.")),
    Conflict: (
        mark("The change conflicts with the present state"),
        mark("Somebody else may have changed it. Open the page again and look at the present state."),
    ),
    NotSignedIn: (mark("Sign-in is required"), mark("Sign in and try again.")),
    NotAllowed: (mark("Not allowed"), mark("Ask an administrator for the right that is named below.")),
    RateLimited: (mark("Too many requests"), mark("Wait a little and try again.")),
    Unavailable: (
        mark("A part of the system is not available"),
        mark("Nothing was stored. Try again in a minute; if it lasts, tell the operators the request id."),
    ),
    Unsupported: (mark("Not supported"), mark("Use one of the offered ways.")),
}
OTHER: Final = (mark("The request failed"), mark("Tell the operators the request id."))


def words_for(error: ProvinceError) -> tuple[str, str]:
    """(title, advice) of the nearest kind of error, as messages to translate."""
    for kind in type(error).__mro__:
        if kind in TITLES:
            return TITLES[kind]
    return OTHER


def error_page(visit: Visit, error: ProvinceError) -> Response:
    """The page of an error; JSON for islands that asked for JSON."""
    status = visit.services.status(error)
    _log.info("page refused: %s %s (request %s)", status, error.title, visit.actor.request)
    if "json" in visit.request.headers.get("accept", ""):
        body = {
            "status": status,
            "title": error.title,
            "detail": error.detail,
            "field": error.field,
            "remedy": error.remedy,
            "request": visit.actor.request,
        }
        response: Response = JSONResponse(body, status_code=status, media_type="application/problem+json")
    else:
        title, advice = words_for(error)
        response = visit.page(
            "error.html",
            {"status": status, "title": visit.words(title), "advice": visit.words(advice), "error": error},
            status=status,
        )
    if isinstance(error, RateLimited):
        response.headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    return response

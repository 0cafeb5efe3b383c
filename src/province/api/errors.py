"""The one table from error to HTTP status, and problem+json (RFC 9457) as every door answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from province.errors import (
    AlreadyExists,
    Conflict,
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

STATUS: Final[Mapping[type[ProvinceError], int]] = {
    InvalidInput: 400,
    NotSignedIn: 401,
    NotAllowed: 403,
    TooComplex: 403,
    NotFound: 404,
    AlreadyExists: 409,
    Conflict: 409,
    TooLarge: 413,
    Unsupported: 422,
    RateLimited: 429,
    Unavailable: 503,
    ProvinceError: 500,
}
"""Looked up along the class hierarchy; a subclass without a row answers as its parent."""

_ETSI: Final = "https://uri.etsi.org/ngsi-ld/errors/"
_NGSI_LD: Final[Mapping[type[ProvinceError], str]] = {
    InvalidInput: "BadRequestData",
    InvalidRequest: "InvalidRequest",
    TooComplex: "TooComplexQuery",
    NotFound: "ResourceNotFound",
    AlreadyExists: "AlreadyExists",
    Unsupported: "OperationNotSupported",
    TooLarge: "TooManyResults",
}
_MEDIA: Final = "application/problem+json"


def status_of(error: ProvinceError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(error: ProvinceError, request_id: str, *, ngsi_ld: bool = False) -> dict[str, Any]:
    """The body of a problem: type, title, status, detail, and where known field, remedy and request id."""
    status = status_of(error)
    type_uri = f"urn:province:error:{type(error).__name__}"
    if ngsi_ld:
        if isinstance(error, Unavailable) and error.field == "@context":
            status, type_uri = 504, _ETSI + "LdContextNotAvailable"
        elif isinstance(error, NotFound) and error.field == "NGSILD-Tenant":
            type_uri = _ETSI + "NonexistentTenant"
        else:
            name = next((_NGSI_LD[k] for k in type(error).__mro__ if k in _NGSI_LD and k is not ProvinceError), "")
            type_uri = _ETSI + name if name else type_uri
    body: dict[str, Any] = {"type": type_uri, "title": error.title, "status": status, "detail": error.detail}
    if error.field:
        body["field"] = error.field
    if error.remedy:
        body["remedy"] = error.remedy
    body["requestId"] = request_id
    return body


def problem_response(error: ProvinceError, request_id: str, *, ngsi_ld: bool = False) -> Response:
    """The answer to a request that failed."""
    body = problem(error, request_id, ngsi_ld=ngsi_ld)
    headers = {"X-Request-Id": request_id}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="province"'
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if isinstance(error, TooLarge):
        headers["Connection"] = "close"  # the rest of the body is not read
    return Response(msgspec.json.encode(body), body["status"], headers, _MEDIA)


def http_problem(error: HTTPException, request_id: str) -> Response:
    """The answer for what only HTTP knows: 404 without a route, 405, 406, 415."""
    body = {
        "type": "about:blank",
        "title": error.detail.split(":")[0][:80],
        "status": error.status_code,
        "detail": error.detail,
        "requestId": request_id,
    }
    headers = {**(error.headers or {}), "X-Request-Id": request_id}
    return Response(msgspec.json.encode(body), error.status_code, headers, _MEDIA)


def unexpected_response(request_id: str) -> Response:
    """The answer to a defect of ours: nothing of it is told but the id under which the log tells it."""
    body = {
        "type": "about:blank",
        "title": "The server made a mistake",
        "status": 500,
        "detail": "The request could not be carried out because of a defect. It was logged.",
        "remedy": "Tell the operator the request id.",
        "requestId": request_id,
    }
    return Response(msgspec.json.encode(body), 500, {"X-Request-Id": request_id}, _MEDIA)

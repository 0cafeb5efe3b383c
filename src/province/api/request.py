"""Reading requests: ids, media types, bodies within limits, JSON whose errors name the place."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from province.errors import InvalidInput, InvalidRequest, TooLarge, Unavailable
from province.model.jsonvalue import check_json, is_plain

REQUEST_ID: Final = b"x-request-id"
_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_POSITION = re.compile(r"\(byte (\d+)\)")
MAX_QUERY: Final = 16_000


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's `X-Request-ID` when it is 1 to 64 letters, digits, dots, dashes or underscores; else a new one."""
    for name, given in headers:
        if name == REQUEST_ID and _GIVEN.fullmatch(given):
            return given.decode()
    return secrets.token_hex(16)


def request_id(request: Request) -> str:
    """The id of a request, kept for the whole of it."""
    known = getattr(request.state, "request_id", None)
    if isinstance(known, str):
        return known
    made = request_id_of(request.scope["headers"])
    request.state.request_id = made
    return made


def media_type(request: Request) -> str:
    """The media type of the body without parameters, lower case."""
    return _media(request.headers.get("content-type", ""))[0]


@lru_cache(256)
def _media(header: str) -> tuple[str, str]:
    """The media type of a Content-Type header, and its charset."""
    charset = re.search(r"charset=\"?([\w\-]+)", header, re.IGNORECASE)
    return header.partition(";")[0].strip().lower(), charset[1] if charset else ""


def require_media(request: Request, *allowed: str) -> str:
    """The media type of the body, one of `allowed`. Raises: HTTPException 415; InvalidInput for a foreign charset."""
    given, charset = _media(request.headers.get("content-type", ""))
    if given not in allowed:
        raise HTTPException(
            415, f"Media type not supported: {given[:60] or 'none given'}; send {' or '.join(allowed)}."
        )
    if charset and charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise InvalidInput(f"the charset {charset} is not read.", field="body", remedy="Send UTF-8.")
    return given


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Stops reading at `limit` bytes. Raises: TooLarge, InvalidInput."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("the client went away before the whole body had come.", field="body")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {limit} bytes.", field="body", remedy="Send it in parts, or as observations."
    )


def parse_json(body: bytes) -> Any:
    """Strict JSON in UTF-8. Raises: InvalidInput naming the byte."""
    if not body.strip():
        raise InvalidRequest("the body is empty.", field="body", remedy="Send JSON.")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"the body is not UTF-8: byte {error.start} ({body[error.start]:#04x}) is wrong.",
            field="body",
            remedy="Send UTF-8 without any other encoding.",
        ) from None
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        place = _POSITION.search(str(error))
        where = f" at byte {place[1]}" if place else ""
        raise InvalidRequest(
            f"the body is not JSON{where}: {str(error)[:120]}.",
            field="body",
            remedy="Check the quotes, commas, braces.",
        ) from None
    except RecursionError:
        raise InvalidRequest("the JSON is nested too deeply.", field="body", remedy="Flatten it.") from None


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON that can be stored. Raises: as `read_body`, `parse_json` and `check_json`."""
    body = await read_body(request, limit)
    found = parse_json(body)
    if not is_plain(body):
        check_json(found)
    return found

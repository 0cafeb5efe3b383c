"""One log line and one measurement per request. Never a query string, a body, or a path that may be a secret.

The line carries the route (`/links/{token}`), not the path, so that no secret link is written down.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from province import logs
from province.api.request import REQUEST_ID, request_id_of

log = logging.getLogger("province.request")

UNMATCHED: Final = "(none)"
"""Route of requests that match none: their paths are anybody's choice and would make endless time series."""
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Measure(Protocol):
    """Takes the measurement of one answered request."""

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None: ...


def route_of(scope: Mapping[str, Any]) -> str:
    """Template of the route that answered, `(none)` when none did."""
    route = scope.get("route")
    if route is None:
        return UNMATCHED
    # A mount's prefix stands in root_path as it was typed; its parameters are put back to their names.
    names = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    prefix = "/".join(names.get(part, part) for part in scope.get("root_path", "").split("/"))
    own = "/{path}" if isinstance(route, Mount) else getattr(route, "path_format", "")
    return (prefix + own) or "/"


def actor_in_state(scope: Scope) -> str:
    """Id of the actor that a door left in `request.state.actor`, or ""."""
    return str(getattr(scope.get("state", {}).get("actor"), "id", ""))


class ObserveRequests:
    """ASGI middleware, the outermost. The id of the request is in `request.state.request_id` and in `X-Request-ID`.

    measure: receives each answer for the metrics.  actor_of: whose request it was, asked after the answer.
    """

    def __init__(self, app: ASGIApp, *, measure: Measure, actor_of: Callable[[Scope], str] = actor_in_state) -> None:
        self._app = app
        self._measure = measure
        self._actor_of = actor_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, then tell about it; also when the caller went away or the handler broke."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = request_id_of(scope["headers"])
        header = (REQUEST_ID, request.encode())
        scope.setdefault("state", {})["request_id"] = request
        began = time.perf_counter()
        status, size, finished = 0, 0, False

        async def observed(message: Message) -> None:
            nonlocal status, size, finished
            if message["type"] == "http.response.start":
                status = message["status"]
                others = [one for one in message.get("headers", ()) if one[0] != REQUEST_ID]
                message = {**message, "headers": [*others, header]}
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
                finished = not message.get("more_body", False)
            await send(message)

        bound = logs.request_id.set(request)
        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            route = route_of(scope)
            self._measure(method, route, status or 500, seconds)
            told: dict[str, object] = {
                "method": method,
                "route": route,
                "status": status or 500,
                "ms": round(seconds * 1000, 3),
                "bytes": size,
                "actor": self._actor_of(scope),
            }
            if not finished:
                told["unfinished"] = True
            if status >= 500 or not status:
                log.warning("request", extra=told)
            else:
                logs.inform(log, "request", **told)
            logs.request_id.reset(bound)

"""One table of routes, from which come both the serving and the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast
from urllib.parse import unquote

import msgspec
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute
from starlette.types import Message, Receive, Scope, Send

from province.api.errors import http_problem, problem_response
from province.api.ngsild import versions
from province.api.request import MAX_QUERY, read_json, request_id, require_media
from province.api.services import Door, Services
from province.errors import InvalidInput, InvalidRequest, NotFound, NotSignedIn, ProvinceError, Unsupported
from province.model.actor import Actor
from province.model.entity import Json

Schema = Mapping[str, Any]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter. place: query, path or header.  schema: JSON schema."""

    name: str
    summary: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    place: Literal["query", "path", "header"] = "query"
    required: bool = False


@dataclass(slots=True)
class Call:
    """One request on its way: its services, who calls, and the parameters, each given at most once."""

    request: Request
    services: Services
    actor: Actor
    params: Mapping[str, str]
    id: str
    plain: bool = False
    """The body has been read, and holds nothing that could not be stored."""

    @property
    def key(self) -> str | None:
        """The idempotency key that the caller gave. Raises: InvalidInput."""
        given = self.request.headers.get("idempotency-key")
        if given is not None and not re.fullmatch(r"[\x21-\x7e]{1,200}", given):
            raise InvalidInput("the key is not 1 to 200 printable characters.", field="Idempotency-Key")
        return given

    async def json(self, *media: str) -> Json:
        """The body. media: allowed types; `application/json` when none is given. Raises: InvalidInput, TooLarge."""
        require_media(self.request, *(media or ("application/json",)))
        return await read_json(self.request, self.services.max_body_bytes)

    def text(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.params.get(name, default)

    def names(self, name: str) -> tuple[str, ...]:
        """A comma-separated query parameter. Raises: InvalidInput for empty members."""
        given = self.params.get(name)
        if given is None:
            return ()
        parts = tuple(p.strip() for p in given.split(","))
        if not all(parts):
            raise InvalidInput(
                f"{given[:80]!r} has an empty member.", field=name, remedy="Separate names by one comma."
            )
        return parts

    def number(self, name: str, default: int, *, least: int = 0, most: int) -> int:
        """A whole number. Raises: InvalidInput outside least…most."""
        given = self.params.get(name)
        if given is None:
            return default
        if not re.fullmatch(r"\d{1,9}", given) or not least <= int(given) <= most:
            raise InvalidInput(f"{given[:40]!r} is not a whole number of {least}…{most}.", field=name)
        return int(given)

    def flag(self, name: str) -> bool:
        """true or false. Raises: InvalidInput."""
        given = self.params.get(name, "false")
        if given not in ("true", "false"):
            raise InvalidInput(f"{given[:40]!r} is neither true nor false.", field=name)
        return given == "true"


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. body: media type → schema.  answers: status → (meaning, schema or None).

    errors: what it may raise besides InvalidInput, NotSignedIn and NotAllowed.
    signed_in: strangers are refused before anything is read; elsewhere the broker shows them what is public.
    frozen: it may be asked of a snapshot, which the header NGSILD-Snapshot names (6.3.22).
    """

    method: Method
    path: str
    name: str
    summary: str
    handler: Handler
    tag: str
    params: Sequence[Param] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    answers: Mapping[int, tuple[str, Schema | None]] = field(default_factory=dict)
    errors: Sequence[type[ProvinceError]] = ()
    ngsi_ld: bool = False
    signed_in: bool = False
    frozen: bool = False


JSON: Final = "application/json"


def json_response(
    body: Json, status: int = 200, headers: Mapping[str, str] | None = None, media: str = JSON
) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(body), status, headers, media)


SNAPSHOT: Final = "NGSILD-Snapshot"
_SLASH: Final = "\x1f"
"""Stands for an encoded slash while a path is matched: the ids and names of NGSI-LD may be IRIs with slashes."""


class _SlashRoute(StarletteRoute):
    """A route whose parameters may hold `%2F`, which servers decode before anybody can see it.

    A slash at the end says nothing: the standard itself writes its resources both ways (`/entities/`, Table 6.2-1).
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: list[str]) -> None:
        super().__init__(path, endpoint, methods=methods)
        self._begins = path.partition("{")[0].rstrip("/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not scope["path"].startswith(self._begins) and not scope.get("root_path"):  # nearly every route, every time
            return Match.NONE, {}
        raw = scope.get("raw_path") or b""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"][:-1]}
            raw = raw.removesuffix(b"/")
        if b"%2f" in raw.lower():
            scope = {**scope, "path": unquote(re.sub("%2[fF]", _SLASH, raw.decode("latin-1")))}
        return super().matches(scope)


_WITH_BODY: Final = ("POST", "PATCH", "PUT")


def serve(routes: Sequence[Route], services: Services, *, prefixes: Sequence[str]) -> list[StarletteRoute]:
    """Routes for Starlette. What lies below `prefixes` and is no route answers a problem with 404 or 405."""
    paths: dict[str, dict[str, Route]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = route
    served: list[StarletteRoute] = [
        _SlashRoute(path, _endpoint(found, services), methods=list(found)) for path, found in paths.items()
    ]
    patterns = [(one.path_regex, list(found)) for one, found in zip(served, paths.values(), strict=True)]

    async def nothing(request: Request) -> Response:
        path = request.url.path
        allowed = next((m for regex, m in patterns if regex.match(path) or regex.match(path.rstrip("/"))), None)
        if (
            allowed is None
            and "//" in path
            and any(regex.match(path.replace("//", "/-/").rstrip("/")) for regex, _ in patterns)
        ):
            missing = InvalidInput("a part of the address is empty.", field="id", remedy="Give the id.")
            refusal = problem_response(missing, request_id(request), ngsi_ld=path.startswith("/ngsi-ld/"))
            return _hang_up(request, refusal)
        if allowed is None:
            error = HTTPException(404, f"Not found: there is nothing at {request.url.path[:200]}.")
        else:
            error = HTTPException(405, f"Method not allowed: {request.method} is not offered here.")
            error.headers = {"Allow": ", ".join(allowed)}
        return _hang_up(request, http_problem(error, request_id(request)))

    every = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    served.extend(StarletteRoute(f"{prefix}/{{rest:path}}", nothing, methods=every) for prefix in prefixes)
    return served


class _Request(Request):
    """Starlette's, with headers that are looked up rather than searched for: each call asks for a dozen of them."""

    @property
    def headers(self) -> Headers:
        """The headers; of one that is given twice, the first."""
        known = getattr(self, "_headers", None)
        if known is None:
            known = self._headers = _Headers(raw=self.scope["headers"])
        return known


class _Headers(Headers):
    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._first = dict(reversed(raw))

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower().encode("latin-1")].decode("latin-1")

    def __contains__(self, key: Any) -> bool:
        return key.lower().encode("latin-1") in self._first

    def get(self, key: str, default: Any = None) -> Any:
        found = self._first.get(key.lower().encode("latin-1"))
        return default if found is None else found.decode("latin-1")


class _Endpoint:
    """An ASGI application, not a function: Starlette would wrap one once more, and our errors are answered here."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})

        async def tracked() -> Message:
            message = await receive()
            state["body_read"] = not message.get("more_body", False)
            return message

        answer = await self._answer(_Request(scope, tracked, send))
        await answer(scope, receive, send)


def _endpoint(routes: Mapping[str, Route], services: Services) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        route = routes["GET" if request.method == "HEAD" else request.method]
        id = request_id(request)
        if route.ngsi_ld and request.method in _WITH_BODY and "content-length" not in request.headers:
            # Without a body (6.3.4); and hung up, or one would send on for ever what nobody reads.
            return Response(status_code=411, headers={"X-Request-Id": id, "Connection": "close"})
        try:
            params = _read_params(route, request)
            actor = await services.authenticate(request)
            _check_caller(route, request, actor)
            asked = await _frozen(route, request, services, actor)
            answer = await route.handler(Call(request, asked, actor, params, id))
        except ProvinceError as error:
            refusal = _hang_up(request, problem_response(error, id, ngsi_ld=route.ngsi_ld))
            if route.ngsi_ld and "ngsild-tenant" in request.headers:  # it is said in every answer (6.3.14)
                refusal.headers["NGSILD-Tenant"] = request.headers["ngsild-tenant"]
            return refusal
        except HTTPException as error:
            return _hang_up(request, http_problem(error, id))
        answer.raw_headers.append((b"x-request-id", id.encode()))
        tenant = request.headers.get("ngsild-tenant")
        if tenant and route.ngsi_ld:
            answer.headers["NGSILD-Tenant"] = actor.tenant
        if SNAPSHOT in request.headers and route.ngsi_ld:
            answer.headers[SNAPSHOT] = request.headers[SNAPSHOT]
        version = versions.preferred(request.headers.get("prefer", "")) if route.ngsi_ld else None
        return versions.conform(answer, version) if version is not None else answer

    return _Endpoint(endpoint)


def _hang_up(request: Request, refusal: Response) -> Response:
    """A refusal of a request whose body nobody has read: else one would go on sending it, or it would be taken for the
    next request."""
    announced = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if announced and not getattr(request.state, "body_read", False):
        refusal.headers["Connection"] = "close"
    return refusal


def _check_caller(route: Route, request: Request, actor: Actor) -> None:
    if route.signed_in and actor.kind == "anonymous":
        raise NotSignedIn("this needs an account.", remedy="Sign in, or send an access token.")
    tenant = request.headers.get("ngsild-tenant")
    if tenant and tenant != actor.tenant:
        raise NotFound(f"there is no tenant {tenant[:60]!r} for you.", field="NGSILD-Tenant", remedy="Leave it out.")


async def _frozen(route: Route, request: Request, services: Services, actor: Actor) -> Services:
    """What answers a request: what is there now, or the snapshot that it names. Raises: NotFound, Unsupported."""
    named = request.headers.get(SNAPSHOT)
    if named is None or not route.ngsi_ld:
        return services
    if not route.frozen:
        raise Unsupported("a snapshot is asked for entities alone.", field=SNAPSHOT, remedy="Leave the header out.")
    return replace(services, broker=cast("Door", await services.snapshots.open(named.strip(), actor)))


def _read_params(route: Route, request: Request) -> dict[str, str]:
    raw = request.scope["query_string"]
    if not raw:
        return {}
    if len(raw) > MAX_QUERY:
        raise InvalidInput(f"the query has {len(raw)} bytes.", field="query", remedy=f"At most {MAX_QUERY}.")
    known = {p.name for p in route.params if p.place == "query"}
    result: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            hint = f"Known here: {', '.join(sorted(known))}." if known else "None is known here."
            raise InvalidRequest(f"the parameter {name[:40]!r} is not known.", field=name[:40], remedy=hint)
        if name in result:
            raise InvalidRequest(f"{name!r} is given twice.", field=name, remedy="Give it once.")
        if "\ufffd" in value or "\x00" in value:
            raise InvalidInput(f"{name!r} is not UTF-8 or holds a NUL.", field=name, remedy="Percent-encode UTF-8.")
        result[name] = value
    return result


def path_id(call: Call, name: str = "id") -> str:
    """A path parameter. Raises: InvalidInput when it holds what no id or name can."""
    given: str = call.request.path_params[name].replace(_SLASH, "/")
    if not given or len(given) > 1024 or any(c.isspace() or c in '<>"\\\x00\ufffd' for c in given):
        raise InvalidInput(f"{given[:80]!r} is not an id.", field=name, remedy="Percent-encode the id.")
    return given

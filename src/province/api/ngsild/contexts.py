"""/jsonldContexts: contexts that this server keeps for callers (clause 5.13)."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from province.api.ngsild.view import JSON, LD, read_accept
from province.api.request import require_media
from province.api.route import Call, json_response, path_id
from province.broker.contexts import KINDS, PATH, ContextKind, StoredContext
from province.errors import InvalidInput, Unsupported
from province.model.entity import Json
from province.model.jsonld import CORE_URL, Context, core_document, is_core
from province.model.time import format_instant, now

_STARTED = now()


async def add(call: Call) -> Response:
    """Keep a context and serve it under an address of ours."""
    require_media(call.request, JSON, LD)
    body = await call.json(JSON, LD)
    if not isinstance(body, dict) or "@context" not in body:
        raise InvalidInput("the body has no @context.", field="@context", remedy='Send {"@context": …}.')
    value = body["@context"]
    if not isinstance(value, dict | list | str) or not value:
        raise InvalidInput("an @context is a URL, an object or a list of them.", field="@context")
    await asyncio.to_thread(Context.of, value, lambda _: {"@context": {}})
    stored = await call.services.context_store.add({"@context": value}, "Hosted", call.actor)
    return Response(status_code=201, headers={"Location": f"{PATH}{stored.id}"})


async def query(call: Call) -> Response:
    """The addresses of the contexts that are kept; `details=true` tells more."""
    read_accept(call, geo=False)
    kind = _kind(call.params.get("kind"))
    details = call.flag("details")
    await call.services.contexts.count()
    found = await call.services.context_store.list(call.actor, kind)
    return json_response([_details(s) if details else s.url for s in found])


async def retrieve(call: Call) -> Response:
    """A context that is served here; `details=true` tells about it instead."""
    media = read_accept(call, geo=False)
    details, id = call.flag("details"), path_id(call, "contextId")
    await call.services.contexts.count()
    stored = _core() if is_core(id) else await call.services.context_store.get(id, call.actor)
    if details:
        return json_response(_details(stored), media=media)
    if stored.kind == "Cached":
        raise Unsupported(
            "a cached context is not served.", field="contextId", remedy=f"It stands at {stored.url[:200]}."
        )
    return json_response(stored.document, media=media)


async def delete(call: Call) -> Response:
    """Remove a context; `reload=true` fetches a cached one anew instead."""
    store = call.services.context_store
    reload, id = call.flag("reload"), path_id(call, "contextId")
    if is_core(id):
        raise InvalidInput("the core context is part of this server.", field="contextId", remedy="Leave it.")
    stored = await store.get(id, call.actor)
    if not reload:
        await store.delete(stored, call.actor)
        call.services.contexts.forget()
        return Response(status_code=204)
    if stored.kind != "Cached":
        raise InvalidInput(f"a context of kind {stored.kind} is not fetched.", field="reload", remedy="Leave it out.")
    await call.services.contexts.reload(stored.url)
    return Response(status_code=204)


def _core() -> StoredContext:
    """The core context: embedded, so it needs no address to be fetched from."""
    return StoredContext(
        id=CORE_URL, url=CORE_URL, kind="Cached", document=core_document(), owner="", created_at=_STARTED,
        last_use=now(), hits=0,
    )  # fmt: skip


def _kind(given: str | None) -> ContextKind | None:
    for known in KINDS:
        if given == known:
            return known
    if given is not None:
        raise InvalidInput(f"{given[:40]!r} is no kind.", field="kind", remedy=f"One of: {', '.join(KINDS)}.")
    return None


def _details(stored: StoredContext) -> dict[str, Json]:
    return {
        "URL": stored.url,
        "localId": stored.id,
        "kind": stored.kind,
        "createdAt": format_instant(stored.created_at),
        "lastUsage": format_instant(stored.last_use),
        "numberOfHits": stored.hits,
        "extraInfo": {},
    }

"""/subscriptions and /csourceSubscriptions: create, list, retrieve, change, delete (clauses 5.8 and 5.11)."""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from starlette.responses import Response

from province.api.ngsild.pages import page_links, read_page
from province.api.ngsild.view import View, read_accept, read_context, read_ld
from province.api.route import Call, path_id
from province.broker.subscriptions.store import Kept, Store
from province.errors import Conflict, InvalidInput
from province.model.entity import Json
from province.model.jsonld import CORE, Context, is_iri
from province.model.subscription import decode_subscription, encode_subscription
from province.model.time import format_instant, now

BASE: Final = "/ngsi-ld/v1"
PATHS: Final = {"entity": "/subscriptions", "registration": "/csourceSubscriptions"}
Kind = Literal["entity", "registration"]
_TRIES: Final = 5
_HIDDEN: Final = "***"


async def create(call: Call) -> Response:
    """Subscribe to entities."""
    return await _create(call, "entity")


async def query(call: Call) -> Response:
    """The subscriptions that the caller may see."""
    return await _query(call, "entity")


async def retrieve(call: Call) -> Response:
    """One subscription with what became of its notifications."""
    return await _retrieve(call, "entity")


async def update(call: Call) -> Response:
    """Change members of a subscription; null removes one."""
    return await _update(call, "entity")


async def delete(call: Call) -> Response:
    """End a subscription; what is on its way is dropped."""
    return await _delete(call, "entity")


async def create_registration(call: Call) -> Response:
    """Subscribe to registrations of context sources."""
    return await _create(call, "registration")


async def query_registration(call: Call) -> Response:
    """The subscriptions to registrations that the caller may see."""
    return await _query(call, "registration")


async def retrieve_registration(call: Call) -> Response:
    """One subscription to registrations."""
    return await _retrieve(call, "registration")


async def update_registration(call: Call) -> Response:
    """Change members of a subscription to registrations; null removes one."""
    return await _update(call, "registration")


async def delete_registration(call: Call) -> Response:
    """End a subscription to registrations."""
    return await _delete(call, "registration")


async def _create(call: Call, kind: Kind) -> Response:
    body, context = await read_ld(call)
    document = decode_subscription(body, context, now(), source=context.source)
    await _check(call, document)
    document["_context"] = await _address(call, context)
    if kind == "entity" and document["_context"] is not None:
        document.setdefault("jsonldContext", document["_context"])
    id = await _store(call, kind).create(document, call.actor)
    return Response(status_code=201, headers={"Location": f"{BASE}{PATHS[kind]}/{quote(id, safe=':')}"})


async def _query(call: Call, kind: Kind) -> Response:
    view = await _view(call)
    page = read_page(call)
    found, total = await _store(call, kind).list(call.actor, offset=page.offset, limit=page.limit)
    body = [_show(kept, call, view) for kept in found]
    return view.answer(body, headers=page_links(call, page, total))


async def _retrieve(call: Call, kind: Kind) -> Response:
    id = subscription_id(call)
    view = await _view(call)
    kept = await _store(call, kind).read(id, call.actor)
    return view.answer(_show(kept, call, view))


async def _update(call: Call, kind: Kind) -> Response:
    id = subscription_id(call)
    body, context = await read_ld(call, merge=True)
    store = _store(call, kind)
    for attempt in range(_TRIES):
        kept = await store.get(id, call.actor, "change")
        source = await _address(call, context) if context is not CORE else None
        document = decode_subscription(body, context, now(), before=kept.document, source=source)
        await _check(call, document)
        try:
            await store.replace(document, call.actor, expect=kept.modified_at)
        except Conflict:
            if attempt == _TRIES - 1:
                raise
        else:
            break
    return Response(status_code=204)


async def _delete(call: Call, kind: Kind) -> Response:
    await _store(call, kind).delete(subscription_id(call), call.actor)
    return Response(status_code=204)


async def _check(call: Call, document: Json) -> None:
    """What needs more than the document: the target must be reachable for us, its context must exist."""
    uri = document["notification"]["endpoint"]["uri"]
    await call.services.require_public(urlsplit(uri).hostname or "")
    if "jsonldContext" in document:
        await call.services.contexts.read(document["jsonldContext"], call.actor.tenant)


async def _address(call: Call, context: Context) -> Json:
    """The context as something that a Link header can name: a URL, which we make for one that stood in the body."""
    if context.source is None or isinstance(context.source, str):
        return context.source
    stored = await call.services.context_store.add({"@context": context.source}, "ImplicitlyCreated", call.actor)
    return stored.url


def _store(call: Call, kind: Kind) -> Store:
    return call.services.subscriptions if kind == "entity" else call.services.source_subscriptions


async def _view(call: Call) -> View:
    options = set(call.names("options"))
    if options - {"sysAttrs"}:
        raise InvalidInput("the option is not known.", field="options", remedy="sysAttrs, or none.")
    media = read_accept(call, geo=False)
    return View(context=await read_context(call), media=media, sys_attrs="sysAttrs" in options)


def _show(kept: Kept, call: Call, view: View) -> dict[str, Json]:
    shown = encode_subscription(kept.document, view.context)
    shown["status"] = kept.status(now())
    shown.setdefault("notificationTrigger", ["attributeCreated", "attributeUpdated"])
    if kept.kind == "registration":
        del shown["notificationTrigger"]
    notification: dict[str, Any] = dict(shown["notification"])
    counters = kept.counters
    if counters.sent:
        notification["timesSent"] = counters.sent
        if counters.failed:  # greater than 0, or not there (Table 5.2.14.2-1)
            notification["timesFailed"] = counters.failed
        failed = counters.last_failure is not None and counters.last_failure == counters.last
        notification["status"] = "failed" if failed else "ok"
    for name, at in (
        ("lastNotification", counters.last),
        ("lastSuccess", counters.last_success),
        ("lastFailure", counters.last_failure),
    ):
        if at is not None:
            notification[name] = format_instant(at)
    if kept.owner.id != call.actor.id:
        notification["endpoint"] = _without_secrets(notification["endpoint"])
    shown["notification"] = notification
    if view.sys_attrs:
        shown["createdAt"] = format_instant(kept.created_at)
        shown["modifiedAt"] = format_instant(kept.modified_at)
    return shown


def _without_secrets(endpoint: dict[str, Any]) -> dict[str, Any]:
    """For readers other than the subscriber: headers are where keys to other systems stand."""
    result = dict(endpoint)
    for name in ("receiverInfo", "notifierInfo"):
        if name in result:
            result[name] = [{"key": pair["key"], "value": _HIDDEN} for pair in result[name]]
    parts = urlsplit(result["uri"])
    if parts.username or parts.password:
        host = parts.netloc.rpartition("@")[2]
        result["uri"] = parts._replace(netloc=f"{_HIDDEN}@{host}").geturl()
    return result


def subscription_id(call: Call) -> str:
    """The id in the address. Raises: InvalidInput when it is no URI."""
    id = path_id(call)
    if not is_iri(id):
        raise InvalidInput(f"{id[:80]!r} is not a URI.", field="id")
    return id

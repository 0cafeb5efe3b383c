"""What an endpoint is told: made at the moment of delivery, with the subscriber's rights of that moment."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from province.broker.access import Access
from province.broker.conditions import names_of
from province.broker.linking import flatten, linked_meet, read_linked, targets
from province.broker.subscriptions.happening import Happening
from province.broker.subscriptions.sources import News, relevant
from province.broker.subscriptions.store import Kept, Owner
from province.identity import policy
from province.model.actor import Actor
from province.model.entity import Attribute, Entity, Json, split_key
from province.model.jsonld import CORE_URL, LINK_RELATION, Context, ld_context
from province.model.notification import GEO, show_all, show_changed, show_deleted
from province.model.qlanguage import goes
from province.model.query import Page, Query
from province.model.registration import encode_registration
from province.model.representation import LinkedBy
from province.model.subscription import Subscription
from province.model.time import format_instant, now

LD: Final = "application/ld+json"
JSON: Final = "application/json"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to an endpoint. headers: as in HTTP; an MQTT message carries them in `metadata`."""

    uri: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    notifier: tuple[tuple[str, str], ...] = ()


class Reach(msgspec.Struct, frozen=True):
    """What a message is made from.

    actor: a subscriber with the rights of now; None when the account is gone.  access: what it may read of a type.
    ask: answers a query.  context: the context that a value of `@context` names.
    note: writes down what is about to be told to whom; raises when it cannot, and then nothing is told.
    """

    actor: Callable[[str, Owner], Awaitable[Actor | None]]
    access: Callable[[Actor, str], Access | None]
    ask: Callable[[Query, Actor], Awaitable[Page]]
    context: Callable[[str, Json], Awaitable[Context]]
    note: Callable[[Actor, Access, Sequence[Entity]], Awaitable[None]]


async def compose(kept: Kept, happenings: Sequence[Happening], reach: Reach) -> Message | None:
    """The message about what happened; None when there is nothing that the subscriber may be told."""
    actor = await reach.actor(kept.tenant, kept.owner)
    if actor is None:
        return None
    wanted = kept.subscription
    context = await context_of(kept, reach)
    told: list[tuple[Happening, Entity]] = []
    for one in happenings:
        access = reach.access(actor, one.entity.type)
        if access is not None and access.admits(one.entity) and _may_tell(kept.subscription, one, access):
            if goes(wanted.where) and not await linked_meet(partial(_ask_as, reach, actor), one.entity, wanted.where):
                continue
            shown = access.show(one.entity)
            told.append((one, shown))
            await reach.note(msgspec.structs.replace(actor, purpose=f"subscription {kept.id}"), access, [shown])
    if not told:
        return None
    present = [entity for one, entity in told if not one.deleted]
    linked = await _linked(wanted, present, actor, reach)
    inline = _inline(wanted, linked, context)
    data = []
    for one, entity in told:
        visible = reach.access(actor, entity.type)
        if one.deleted:
            names = frozenset(
                n for n in _told_names(wanted, one) if visible is not None and visible.reveals(one.entity, n)
            )
            data.append(show_deleted(entity, wanted, context, names=names, at=one.at))
        else:
            hidden = {k for k in one.was if visible is None or not visible.reveals(one.entity, split_key(k)[0])}
            was = {k: a for k, a in one.was.items() if k not in hidden}
            removed = {k: was[k] for k in one.removed if k in was and _told(wanted, k)}
            data.append(show_changed(entity, wanted, context, removed=removed, was=was, at=one.at, linked=inline))
    if wanted.join == "flat":
        data.extend(show_all(e, _whole(wanted), context) for e in flatten(present, linked)[len(present) :])
    return _message(kept, data, context)


def _may_tell(wanted: Subscription, one: Happening, access: Access) -> bool:
    """A message is itself an answer: to conditions on what its reader may not see, and to whether that has changed."""
    asked = names_of(wanted.where) | ({wanted.geoproperty} if wanted.place is not None else set())
    if not all(access.reveals(one.entity, name) for name in asked):
        return False
    if (one.is_new or one.deleted) and not wanted.watched:
        return True
    touched = {split_key(k)[0] for k in (*one.created, *one.updated, *one.removed)}
    if wanted.watched:
        touched &= wanted.watched
    return any(access.reveals(one.entity, name) for name in touched)


async def compose_all(kept: Kept, entities: Sequence[Entity], actor: Actor, reach: Reach) -> Message:
    """The periodic message about all entities that match."""
    wanted = kept.subscription
    context = await context_of(kept, reach)
    linked = await _linked(wanted, entities, actor, reach)
    inline = _inline(wanted, linked, context)
    data = [show_all(e, wanted, context, inline) for e in entities]
    if wanted.join == "flat":
        data.extend(show_all(e, _whole(wanted), context) for e in flatten(entities, linked)[len(entities) :])
    return _message(kept, data, context)


async def compose_news(kept: Kept, news: News, reach: Reach) -> Message | None:
    """The message about registrations of context sources."""
    actor = await reach.actor(kept.tenant, kept.owner)
    if actor is None or policy.scope(actor, "registration.read").nothing:
        return None
    context = await context_of(kept, reach)
    data = [encode_registration(relevant(kept, document), context) for document in news.registrations]
    return _message(kept, data, context, kind="ContextSourceNotification", extra={"triggerReason": news.reason})


async def context_of(kept: Kept, reach: Reach) -> Context:
    """The context under which a subscriber is written to."""
    return await reach.context(kept.tenant, kept.document.get("jsonldContext") or kept.document.get("_context"))


async def _ask_as(reach: Reach, actor: Actor, query: Query) -> Page:
    return await reach.ask(query, actor)


async def _linked(wanted: Subscription, entities: Sequence[Entity], actor: Actor, reach: Reach) -> dict[str, Entity]:
    if not wanted.join or not entities:
        return {}
    shown = [_kept_members(e, wanted) for e in entities]
    return await read_linked(partial(_ask_as, reach, actor), shown, wanted.join_level)


def _kept_members(entity: Entity, wanted: Subscription) -> Entity:
    """Without the members that are not told: what they lead to is not joined either."""
    names = set(wanted.attributes or wanted.pick)
    if not names and not wanted.omit:
        return entity
    attrs: dict[str, Attribute] = {
        k: a for k, a in entity.attrs.items()
        if (not names or split_key(k)[0] in names) and split_key(k)[0] not in wanted.omit
    }  # fmt: skip
    return msgspec.structs.replace(entity, attrs=attrs)


def _inline(wanted: Subscription, linked: Mapping[str, Entity], context: Context) -> LinkedBy | None:
    if wanted.join != "inline":
        return None
    plain = msgspec.structs.replace(_whole(wanted), accept=JSON)

    def show(_name: str, id: str, level: int = 1, above: frozenset[str] = frozenset()) -> Json:
        entity = linked.get(id)
        if entity is None or id in above:
            return None
        deeper: LinkedBy | None = None
        if level < wanted.join_level and targets(entity):
            deeper = lambda name, other: show(name, other, level + 1, above | {id})  # noqa: E731
        return show_all(entity, plain, context, deeper)

    return show


def _whole(wanted: Subscription) -> Subscription:
    """For linked entities, which the projection of the first ones does not cut."""
    return msgspec.structs.replace(wanted, attributes=(), pick=(), omit=())


def _told(wanted: Subscription, key: str) -> bool:
    return not wanted.datasets or (split_key(key)[1] or "@none") in wanted.datasets


def _told_names(wanted: Subscription, one: Happening) -> frozenset[str]:
    """Of a deleted entity the attributes whose removal is told: those that were asked for, or all with showChanges."""
    names = {split_key(k)[0] for k in one.removed}
    if wanted.show_changes:
        return frozenset(names)
    if "attributeDeleted" in wanted.triggers:
        return frozenset(names & wanted.watched if wanted.watched else names)
    return frozenset()


def _message(
    kept: Kept,
    data: list[dict[str, Json]],
    context: Context,
    *,
    kind: str = "Notification",
    extra: Mapping[str, Json] | None = None,
) -> Message:
    wanted = kept.subscription
    url = context.source if isinstance(context.source, str) else CORE_URL
    document = ld_context(context)
    receiver = dict(wanted.receiver)
    headers = {"Content-Type": wanted.accept}
    shown: Json = data
    if wanted.accept == LD:
        shown = [{**one, "@context": document} for one in data]
    elif wanted.accept == GEO and kind == "Notification":
        shown = {"type": "FeatureCollection", "features": data}
        if receiver.pop("Prefer", "") == "body=json":
            headers["Link"] = _link(url)
        else:
            shown["@context"] = document
    else:
        headers["Link"] = _link(url)
    body = {
        "id": f"urn:ngsi-ld:{kind}:{uuid.uuid4()}",
        "type": kind,
        "subscriptionId": kept.id,
        "notifiedAt": format_instant(now()),
        **(extra or {}),
        "data": shown,
    }
    headers["NGSILD-Tenant"] = kept.tenant
    return Message(
        uri=wanted.uri,
        headers={**headers, **receiver},
        body=msgspec.json.encode(body),
        timeout_s=wanted.timeout_s,
        notifier=wanted.notifier,
    )


def _link(url: str) -> str:
    return f'<{url}>; rel="{LINK_RELATION}"; type="application/ld+json"'

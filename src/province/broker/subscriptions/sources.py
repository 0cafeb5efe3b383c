"""Subscriptions to registrations of context sources (clause 5.11): told at once what matches, then of every change."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from province.broker.conditions import in_scope, lies, meets
from province.broker.database import Connection
from province.broker.registrations import read_all
from province.broker.relay import OutboxRow
from province.broker.subscriptions.store import Kept, load
from province.model.entity import Json
from province.model.registration import Interest, as_entity, could_answer, information_fits
from province.model.subscription import Subscription
from province.model.time import Instant, now

Reason = Literal["newlyMatching", "updated", "noLongerMatching"]
EVENTS: Final = ("registration.changed", "csourcesubscription.changed")


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscriber of registrations is told."""

    reason: Reason
    registrations: list[Mapping[str, Json]]


class Sources:
    """All subscriptions to registrations, in memory: they are few."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Kept] = {}
        self._first: dict[tuple[str, str], dict[str, Mapping[str, Json]]] = {}
        """What each subscriber was told at first, by id, while nothing was heard of it since: one that was made right
        after the subscription may be among it, and its event is still to come."""

    def get(self, tenant: str, id: str) -> Kept | None:
        """One subscription."""
        return self._kept.get((tenant, id))

    def all(self) -> list[Kept]:
        """Every subscription."""
        return list(self._kept.values())

    async def load(self, connection: Connection) -> None:
        """Read all anew."""
        self._kept = {(k.tenant, k.id): k for k in await load(connection, "registration")}

    async def take(self, connection: Connection, event: OutboxRow) -> set[str]:
        """Store the notifications that an event causes; returns the endpoints."""
        if event.name == EVENTS[1]:
            return await self._refresh(connection, event)
        before, after = event.payload.get("before"), event.payload.get("after")
        uris = set()
        for kept in self.all():
            first = self._first.get((kept.tenant, kept.id), {}) if kept.tenant == event.tenant else {}
            if first.pop(event.entity or "", None) == after and before is None:
                continue
            if kept.tenant != event.tenant or kept.subscription.interval_s or kept.status(now()) != "active":
                continue
            was, is_now = _fits(kept, before), _fits(kept, after)
            if not was and not is_now:
                continue
            reason: Reason = "updated" if was and is_now else "newlyMatching" if is_now else "noLongerMatching"
            document: Mapping[str, Json] = (after if is_now else before) or {}
            news = News(reason=reason, registrations=[document])
            uris |= await store(connection, kept, news, event.id, event.at)
        return uris

    async def _refresh(self, connection: Connection, event: OutboxRow) -> set[str]:
        id = event.entity or ""
        self._kept.pop((event.tenant, id), None)
        self._first.pop((event.tenant, id), None)
        for kept in await load(connection, "registration", tenant=event.tenant, id=id):
            self._kept[event.tenant, id] = kept
            if not kept.subscription.interval_s:  # new or changed: of everything that matches now (5.11.7)
                return await self.tell_all(connection, kept, event.id, event.at)
        return set()

    async def tell_all(self, connection: Connection, kept: Kept, event: uuid.UUID, at: Instant) -> set[str]:
        """Tell a subscriber of everything that matches."""
        found = {r.id: r.document for r in await read_all(connection, kept.tenant) if _fits(kept, r.document)}
        if not found or kept.status(now()) != "active":
            return set()
        if not kept.subscription.interval_s:
            self._first[kept.tenant, kept.id] = found
        return await store(connection, kept, News(reason="newlyMatching", registrations=[*found.values()]), event, at)


def _interest(kept: Kept) -> Interest:
    wanted: Subscription = kept.subscription
    names = wanted.watched | frozenset(wanted.attributes or wanted.pick) if wanted.watched else wanted.watched
    return Interest(selectors=wanted.selectors, attributes=names, temporal=wanted.temporal, datasets=wanted.datasets)


def relevant(kept: Kept, document: Mapping[str, Json]) -> Mapping[str, Json]:
    """A registration with the members of `information` alone that the subscriber asked for (5.11.7)."""
    interest = _interest(kept)
    shown = [one for one in document["information"] if information_fits(one, interest)]
    return {**document, "information": shown} if shown else document


def _fits(kept: Kept, document: Mapping[str, Json] | None) -> bool:
    if document is None:
        return False
    wanted: Subscription = kept.subscription
    if not could_answer(document, _interest(kept)):
        return False
    source = as_entity(document, kept.tenant)
    return (
        meets(source, (*wanted.where, *wanted.source_where))
        and in_scope(source, wanted.scope)
        and lies(source, wanted.place, wanted.geoproperty)
    )


async def store(connection: Connection, kept: Kept, news: News, event: uuid.UUID, at: Instant) -> set[str]:
    """Store a notification; returns its endpoint."""
    await connection.execute(
        "INSERT INTO notification (tenant, id, kind, subscription, entity, event, uri, happening, at, due)"
        " VALUES ($1, $2, 'registration', $3, '', $4, $5, $6, $7, now()) ON CONFLICT DO NOTHING",
        kept.tenant,
        uuid.uuid4(),
        kept.id,
        event,
        kept.subscription.uri,
        msgspec.json.encode(news).decode(),
        at,
    )
    return {kept.subscription.uri}


def decode(text: str) -> News:
    """News from the table `notification`."""
    return msgspec.json.decode(text, type=News)

"""Subscriptions at work: matcher, periods and delivery of one process, bound to accounts, contexts and the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from uuid import UUID

import asyncpg
import msgspec

from province.adapters.notify import Notifier
from province.adapters.outbound import Outbound
from province.api.contexts import Contexts
from province.app import anonymous
from province.app.core import Core
from province.broker.conditions import lies
from province.broker.contexts import ContextStore
from province.broker.subscriptions import happening as happenings
from province.broker.subscriptions import sources as news
from province.broker.subscriptions.delivery import Delivery, Waiting
from province.broker.subscriptions.index import Index
from province.broker.subscriptions.interval import Intervals
from province.broker.subscriptions.matcher import Matcher
from province.broker.subscriptions.message import Message, Reach, compose, compose_all, compose_news
from province.broker.subscriptions.sources import Sources
from province.broker.subscriptions.store import Kept, Owner
from province.errors import ConfigurationError, InvalidInput, Unavailable
from province.identity import reach, roles
from province.model.actor import Actor
from province.model.entity import Entity, Json
from province.model.query import Query
from province.model.subscription import Selector
from province.settings import Settings

CONTEXT_BYTES = 1024 * 1024
RIGHTS_AGE_S = 10.0
"""A changed right counts for notifications within this time."""
RIGHTS_FRESH_S = 1.0
"""Rights read so lately are not read again for a notification that they do not allow."""
_MOST_AT_ONCE = 1_000
"""Entities in a periodic notification."""


def base_address(settings: Settings) -> str:
    """The address of this server as others type it."""
    scheme = "https" if settings.tls_certificate else "http"
    return settings.public_url or f"{scheme}://{settings.host}:{settings.port}"


def context_store(core: Core) -> ContextStore:
    """The stored contexts of an installation."""
    return ContextStore(core.pool, base_address(core.settings))


def contexts(outbound: Outbound, store: ContextStore) -> Contexts:
    """Contexts by the guarded client, kept in the store."""

    async def fetch(url: str) -> Json:
        try:
            answer = await outbound.request(
                "GET", url, headers={"Accept": "application/ld+json"}, largest=CONTEXT_BYTES
            )
            if answer.status != 200:
                raise Unavailable(f"{url[:200]} answered {answer.status}.", field="@context")
            return msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            raise InvalidInput(f"{url[:200]} is no JSON document.", field="@context") from None
        except Unavailable as error:
            raise Unavailable(error.detail, field="@context", remedy=error.remedy) from None

    return Contexts(fetch, store=store)


async def load_contexts(settings: Settings, store: ContextStore) -> None:
    """Keep the contexts of PROVINCE_CONTEXTS: a JSON file of `{address: document}`. Raises: ConfigurationError."""
    if not settings.contexts:
        return
    try:
        found = msgspec.json.decode(await asyncio.to_thread(Path(settings.contexts).read_bytes), type=dict[str, Json])
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            f"{settings.contexts} cannot be read: {error}",
            field="PROVINCE_CONTEXTS",
            remedy='Give a file of {"https://…/context.jsonld": {"@context": …}}.',
        ) from None
    for url, document in found.items():
        await store.keep(url, document)


_Within = Mapping[tuple[str | None, frozenset[str]], Sequence[tuple[str | None, reach.Land]]]


class Subscribers:
    """Who subscribed, with the rights of now: at most those of then, cut down to what the account still has."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._known: dict[tuple[str, str], tuple[float, Actor | None]] = {}
        self._within: dict[tuple[str, str], _Within] = {}

    async def __call__(self, tenant: str, owner: Owner) -> Actor | None:
        """The actor, or None when its account is gone or disabled."""
        if owner.id == anonymous.EVERYBODY:
            stranger = Actor(tenant=tenant, id="anonymous", kind="anonymous")
            admitted = anonymous.admit(stranger, self._core.settings)
            return admitted if admitted.kind != "anonymous" else None
        key = (tenant, owner.id)
        known = self._known.get(key)
        if known is None or monotonic() - known[0] > RIGHTS_AGE_S:
            known = (monotonic(), await self._read(tenant, owner))
            self._within[key] = await self._reached(tenant, owner)
            self._known[key] = known
        actor = known[1]
        if actor is None:
            return None
        within = self._within[key]
        grants = [
            g
            for then in owner.grants
            if not then.entities  # broken glass is for a session of a person, and ends with it
            for g in reach.narrow(actor.grants, then.permissions, within.get((then.agency, then.areas), ()))
        ]
        return msgspec.structs.replace(actor, grants=tuple(dict.fromkeys(grants)))

    def forget(self, tenant: str, owner: Owner) -> bool:
        """Read the rights anew at the next question; False when they were read a moment ago."""
        known = self._known.get((tenant, owner.id))
        if known is None or monotonic() - known[0] < RIGHTS_FRESH_S:
            return False
        del self._known[tenant, owner.id]
        return True

    async def _reached(self, tenant: str, owner: Owner) -> _Within:
        """What each agency and land of the rights of then means today: a successor has what a dissolved one subscribed
        to, and a unit that was divided is its parts."""
        async with self._core.pool.acquire() as connection:
            return {
                (agency, areas): await reach.within(connection, tenant, agency, areas)
                for agency, areas in {(g.agency, g.areas) for g in owner.grants}
            }

    async def _read(self, tenant: str, owner: Owner) -> Actor | None:
        if owner.kind == "system":
            return Actor(tenant=tenant, id=owner.id, kind="system", name=owner.name, grants=owner.grants)
        try:
            UUID(owner.id)
        except ValueError:
            return None
        async with self._core.pool.acquire() as connection:
            row: Mapping[str, str] | asyncpg.Record | None = await connection.fetchrow(
                "SELECT kind, name FROM account WHERE tenant = $1 AND id = $2::text::uuid AND disabled_at IS NULL",
                tenant,
                owner.id,
            )
            if row is None:
                return None
            grants = await roles.grants_of(connection, tenant, owner.id)
        return Actor(tenant=tenant, id=owner.id, kind=owner.kind, name=row["name"], grants=grants)


class Subscriptions:
    """The parts that work together in one process."""

    def __init__(self, core: Core, outbound: Outbound) -> None:
        self.index = Index()
        self.sources = Sources()
        self._core = core
        self._subscribers = Subscribers(core)
        found = contexts(outbound, context_store(core))
        self.reach = Reach(
            actor=self._subscribers,
            access=core.broker.access,
            ask=core.broker.query,
            context=lambda tenant, value: found.read(value, tenant),
            note=core.broker.reads.note,
        )
        self._notifier = Notifier(outbound)
        self.delivery = Delivery(core.pool, self._send)
        self.matcher = Matcher(core.pool, self.index, self.sources, core.broker.overlay, self.delivery.wake)
        self.intervals = Intervals(core.pool, self.index, self.sources, self.delivery)

    async def run(self) -> None:
        """Match and deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.matcher.run())
            await self.matcher.ready.wait()  # whoever matches delivers: one process knows the subscriptions
            group.create_task(self.delivery.run())
            group.create_task(self.intervals.run())

    async def _send(self, one: Waiting) -> bool:
        kept = self._kept(one)
        if kept is None:
            return False
        message = await self._compose(kept, one)
        if message is None and self._subscribers.forget(kept.tenant, kept.owner):
            # The map, and with it the rights, may have changed since they were read: nothing is dropped for that.
            message = await self._compose(kept, one)
        if message is None:
            return False
        await self._notifier.send(message)
        return True

    def _kept(self, one: Waiting) -> Kept | None:
        if one.kind == "registration":
            kept = self.sources.get(one.tenant, one.subscription)
        else:
            kept = self.index.get(one.tenant, one.subscription)
        return kept if kept is not None and kept.status(one.due) == "active" else None

    async def _compose(self, kept: Kept, one: Waiting) -> Message | None:
        if one.kind == "registration":
            return await compose_news(kept, news.decode(one.happening), self.reach)
        told = happenings.decode(one.happening)
        if told:
            return await compose(kept, told, self.reach)
        actor = await self.reach.actor(kept.tenant, kept.owner)
        if actor is None:
            return None
        entities = await self._matching(kept, actor)
        return await compose_all(kept, entities, actor, self.reach) if entities else None

    async def _matching(self, kept: Kept, actor: Actor) -> list[Entity]:
        """The entities of a periodic notification."""
        wanted = kept.subscription
        found: dict[str, Entity] = {}
        for selector in wanted.selectors or (Selector(None),):
            query = Query(
                types=selector.types.names if selector.types is not None else (),
                ids=tuple(selector.ids),
                id_pattern="" if selector.ids else selector.pattern,
                where=wanted.where,
                scope=wanted.scope,
                limit=_MOST_AT_ONCE,
            )
            page = await self._core.broker.query(query, actor)
            found.update({e.id: e for e in page.items if selector.admits(e.id, e.types)})
        return [e for e in found.values() if lies(e, wanted.place, wanted.geoproperty)]

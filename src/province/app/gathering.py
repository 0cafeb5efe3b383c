"""Alerts become incidents: every second those that belong to none are grouped, beside what is open.

In one place for all alerts, and not as a rule per alert: a storm is many alerts at once, and a rule sees one.
Every group is one transaction, or for a great one a few, of which the first makes the incident. A process that is
killed leaves alerts that belong to none; the next round finds them, and the incident that the others are in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import asyncpg

from province.app.core import Core
from province.app.declarations import parameters_at
from province.broker.database import LOST
from province.errors import Conflict, Unavailable
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.record import to_record
from province.model.time import Instant, format_instant, now
from province.pack import Context
from province.packs.incidents import grouping
from province.packs.incidents.types import Incident
from province.vocab.alert import OPEN, Alert

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
PAGE: Final = 1_000
MOST: Final = 20_000
"""Alerts that are looked at in one round; those that are raised first come first."""
CHUNK: Final = 1_000
"""Changes in one transaction."""


class Gathering:
    """One per installation at a time; a second one would be refused by the versions of what it changes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._left: dict[str, frozenset[tuple[str, str]]] = {}
        """Alerts that the last round left alone: while nothing is added to them, there is nothing to do."""

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                for tenant in await self._core.tenants():
                    await self.round(tenant)
            except (Unavailable, asyncpg.PostgresError, *LOST) as error:
                log.warning("alerts wait to be gathered", extra={"error": repr(error)[:300]})
            await asyncio.sleep(TICK_S)

    async def round(self, tenant: str) -> int:
        """One look. Returns how many alerts found their incident."""
        actor = system(tenant, "gathering")
        at = now()
        context = Context(now=at, params=parameters_at("incidents", at), actor=actor.id)
        since = at - grouping.reach(context)
        fresh = await self._fresh(actor, at, since)
        seen = frozenset((alert.id, alert.severity) for alert in fresh)
        if not fresh or seen == self._left.get(tenant):
            return 0
        incidents = {
            e.id: to_record(Incident, e)
            for e in await self._all("Incident", (Where("status", "in", ["new", "handling", "resolved"]),), actor)
        }
        anchors = await self._anchors(actor, since, incidents)
        sources = await self._sources(actor, (*fresh, *anchors))
        groups = await asyncio.to_thread(grouping.gather, fresh, anchors, sources, incidents, context)
        done = 0
        for changes in groups:
            done += await self._apply(changes, actor)
        gathered = {change.id for changes in groups for change in changes}
        left = frozenset(one for one in seen if one[0] not in gathered)
        self._left[tenant] = left if done == sum(len(changes) - 1 for changes in groups) else frozenset()
        return done

    async def _apply(self, changes: Sequence[Change], actor: Actor) -> int:
        done = 0
        for start in range(0, len(changes), CHUNK):
            part = changes[start : start + CHUNK]
            try:
                await self._core.broker.apply(part, actor)
            except Conflict as error:  # somebody changed one of them meanwhile: the next round sees it as it is now
                log.info("a group of alerts is looked at again", extra={"error": str(error)[:200]})
                break
            done += len(part) - (start == 0)
        return done

    async def _fresh(self, actor: Actor, at: Instant, since: Instant) -> list[Alert]:
        """Open alerts without an incident, but for those that are set aside, and those like them."""
        shelved = await self._all("Alert", (Where("shelvedUntil", ">", format_instant(at)),), actor)
        aside = {(e.value("alertSource"), e.value("rule")) for e in shelved if e.value("alertSource")}
        names = {e.id for e in shelved}
        where = (
            Where("status", "in", list(OPEN)),
            Where("incident", "absent"),
            Where("raisedAt", ">=", format_instant(since)),
        )
        found = await self._all("Alert", where, actor, order="raisedAt")
        return [
            to_record(Alert, e)
            for e in found
            if e.id not in names and (e.value("alertSource"), e.value("rule")) not in aside
        ]

    async def _anchors(self, actor: Actor, since: Instant, incidents: Mapping[str, Incident]) -> list[Alert]:
        """Alerts of open incidents that may draw others to them."""
        if not incidents:
            return []
        where = (Where("incident", "exists"), Where("raisedAt", ">=", format_instant(since)))
        found = await self._all("Alert", where, actor, order="-raisedAt")
        return [to_record(Alert, e) for e in found if e.value("incident") in incidents]

    async def _sources(self, actor: Actor, alerts: Iterable[Alert]) -> dict[str, Entity]:
        ids = sorted({a.alertSource for a in alerts if a.alertSource})
        found: dict[str, Entity] = {}
        for start in range(0, len(ids), PAGE):
            query = Query(ids=tuple(ids[start : start + PAGE]), limit=PAGE, latest=False)
            found |= {e.id: e for e in (await self._core.broker.query(query, actor)).items}
        return found

    async def _all(self, type_name: str, where: tuple[Where, ...], actor: Actor, *, order: str = "id") -> list[Entity]:
        found: list[Entity] = []
        after = ""
        while len(found) < MOST:
            query = Query(types=(type_name,), where=where, order=order, limit=PAGE, after=after, latest=False)
            page = await self._core.broker.query(query, actor)
            found += page.items
            if not (after := page.next):
                break
        return found

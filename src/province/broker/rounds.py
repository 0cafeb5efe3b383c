"""Rounds of packs: what waits is looked at as a whole, every second, and changed in groups.

A process that is killed leaves what waits; the next round finds it. Two processes at once are kept apart by the
versions of what they change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from province.broker.broker import Broker, ParametersAt
from province.broker.database import LOST
from province.errors import Conflict, ProvinceError, Unavailable
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.entity import Entity
from province.model.query import Query, pages
from province.model.record import to_record
from province.model.time import now
from province.pack import Ask, Context, Pack, Round

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
PAGE: Final = 1_000
CHUNK: Final = 1_000
"""Changes in one transaction."""
Waiting = frozenset[tuple[str, int]]


class Rounds:
    """The rounds of all packs."""

    def __init__(self, broker: Broker, packs: Sequence[Pack], parameters: ParametersAt) -> None:
        self._broker = broker
        self._parameters = parameters
        self._rounds = [(pack, one) for pack in packs for one in pack.rounds]
        self._settled: dict[tuple[str, str], list[Waiting]] = {}
        """By tenant and round: what waited at a look that changed nothing."""

    async def run(self, tenants: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Look until cancelled; a lost database is waited for, and a round that fails does not hold up the others."""
        while True:
            try:
                for tenant in await tenants():
                    for pack, one in self._rounds:
                        await self._try(tenant, pack, one)
            except (Unavailable, asyncpg.PostgresError, *LOST) as error:
                log.warning("rounds wait", extra={"error": repr(error)[:300]})
            await asyncio.sleep(TICK_S)

    async def _try(self, tenant: str, pack: Pack, one: Round) -> None:
        try:
            await self.round(tenant, pack, one)
        except Unavailable:
            raise
        except ProvinceError as error:
            log.warning("a round was refused", extra={"round": one.name, "error": str(error)[:300]})
        except Exception as error:
            if isinstance(error, (asyncpg.PostgresError, *LOST)):
                raise
            log.exception("a round failed", extra={"round": one.name})

    async def round(self, tenant: str, pack: Pack, one: Round) -> int:
        """One look. Returns how many changes were made."""
        actor, at = system(tenant, one.name), now()
        context = Context(now=at, params=self._parameters(pack.name, at), actor=actor.id)
        answers: dict[str, Sequence[Any]] = {}
        waiting: list[Waiting] = []
        for number, ask in enumerate(one.asks, 1):
            found = await self._answer(ask, context, answers, actor)
            if number <= max(one.settled, 1):
                waiting.append(frozenset((e.id, e.version) for e in found))
            if (number == 1 and not found) or (
                number == one.settled and waiting == self._settled.get((tenant, one.name))
            ):
                return 0
            record = ask.record
            answers[ask.name] = found if record is None else [to_record(record, e) for e in found]
        groups = await asyncio.to_thread(_work_out, one, context, answers)
        done = sum([await self._apply(changes, actor, one) for changes in groups])
        if done == 0 and not groups:
            self._settled[(tenant, one.name)] = waiting
        return done

    async def _apply(self, changes: Sequence[Change], actor: Actor, one: Round) -> int:
        done = 0
        for start in range(0, len(changes), CHUNK):
            part = changes[start : start + CHUNK]
            try:
                await self._broker.apply(part, actor)
            except Conflict as error:  # somebody changed one of them meanwhile: the next round sees it as it is now
                log.info("a group is looked at again", extra={"round": one.name, "error": str(error)[:200]})
                break
            done += len(part)
        return done

    async def _answer(
        self, ask: Ask, context: Context, answers: Mapping[str, Sequence[Any]], actor: Actor
    ) -> list[Entity]:
        query = ask.query(context, answers)
        if query is None:
            return []
        found: list[Entity] = []
        for ids in [query.ids[n : n + PAGE] for n in range(0, len(query.ids), PAGE)] or [()]:
            part = msgspec.structs.replace(query, ids=ids, limit=PAGE)
            found += await self._whole(part, ask.most - len(found), actor)
        return found

    async def _whole(self, query: Query, most: int, actor: Actor) -> list[Entity]:
        found: list[Entity] = []
        if most > 0:
            async for page in pages(self._broker.query, query, actor):
                found += page.items
                if len(found) >= most:
                    break
        return found[:most]


def _work_out(one: Round, context: Context, answers: Mapping[str, Sequence[Any]]) -> list[Sequence[Change]]:
    return [changes for changes in one.do(context=context, **answers) if changes]

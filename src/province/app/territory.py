"""The territory of an installation: orders, addresses and regrouping, over the map that the process keeps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from province.app import example
from province.app.core import ATLAS_AGE_S, Core
from province.broker.database import LOST
from province.broker.land import Land
from province.broker.placing import place_some
from province.broker.reorganise import Reorganiser
from province.errors import ConfigurationError, InvalidInput, NotFound, Unavailable
from province.model.actor import Actor
from province.model.time import now
from province.territory import replay
from province.territory.address import Gazetteer, Resolved
from province.territory.example import read_facts
from province.territory.ledger import Ledger, Piece
from province.territory.order import Order
from province.territory.regroup import Part, regroup
from province.vocab.area import civil_day

log = logging.getLogger(__name__)
LOOK_S = 5.0
"""How late after midnight an order takes effect, at most, while nothing else is wrong."""


def build(core: Core, forget: Callable[[], None]) -> Land:
    """What programs and pages ask. forget: drops what this process remembers of callers' rights."""

    async def changed(tenant: str) -> None:
        forget()
        await core.read_atlas(tenant)

    orders = Reorganiser(core.broker, core.committer, changed)
    kept: dict[str, tuple[Ledger, Gazetteer]] = {}

    async def recorded(day: str) -> Order:
        try:
            return await asyncio.to_thread(lambda: replay.order_of(read_facts(example.folder()), day))
        except (ConfigurationError, InvalidInput) as error:
            raise NotFound(str(error), field="day") from None

    async def parts(area: str, day: str, actor: Actor) -> Sequence[Piece]:
        await core.broker.get(area, actor, type="Area", latest=False)
        ledger = core.ledgers[actor.tenant]
        return [ledger.pieces[a] for a in ledger.atoms(area, day or civil_day(now()))]

    async def former(atoms: Sequence[str], day: str, actor: Actor) -> Mapping[str, str]:
        ledger, areas = core.ledgers[actor.tenant], core.areas.get(actor.tenant, {})
        before = {a: ledger.before(a, day or civil_day(now())) for a in atoms}
        return {a: areas[unit].name for a, unit in before.items() if unit is not None and unit in areas}

    async def resolve(text: str, day: str, place: tuple[float, float] | None, actor: Actor) -> Resolved:
        ledger = core.ledgers.get(actor.tenant, Ledger((), ()))
        if actor.tenant not in kept or kept[actor.tenant][0] is not ledger:
            kept[actor.tenant] = (ledger, Gazetteer.of(core.areas.get(actor.tenant, {}).values(), ledger))
        return kept[actor.tenant][1].resolve(text, day or civil_day(now()), place=place)

    async def by_area(rows: Sequence[tuple[str | None, Sequence[float]]], day: str, actor: Actor) -> Sequence[Part]:
        return regroup(rows, core.ledgers.get(actor.tenant, Ledger((), ())), day or civil_day(now()))

    async def stamps(area: str, day: str, actor: Actor) -> Sequence[str]:
        return core.ledgers.get(actor.tenant, Ledger((), ())).stamps(area, day or civil_day(now()))

    async def names(ids: Sequence[str], actor: Actor) -> Mapping[str, str]:
        areas = core.areas.get(actor.tenant, {})
        return {id: areas[id].name for id in ids if id in areas}

    return Land(
        preview=orders.preview,
        sketch=orders.sketch,
        decide=orders.decide,
        withdraw=orders.withdraw,
        recorded=recorded,
        parts=parts,
        former=former,
        resolve=resolve,
        regroup=by_area,
        stamps=stamps,
        names=names,
    )


async def keep(core: Core) -> None:
    """Carry out the orders whose day has come, and mend what came in meanwhile; until cancelled."""
    orders = Reorganiser(core.broker, core.committer, core.read_atlas)
    since = ATLAS_AGE_S
    while True:
        try:
            for tenant in await core.tenants():
                await orders.due(tenant)
                if since >= ATLAS_AGE_S:
                    await core.read_atlas(tenant)
                    await orders.sweep(tenant, core.locate)
            since = 0.0 if since >= ATLAS_AGE_S else since + LOOK_S
        except (*LOST, Unavailable) as error:
            log.warning("the orders cannot be looked at", extra={"error": repr(error)})
        await asyncio.sleep(LOOK_S)


async def place(core: Core) -> None:
    """Place what came in before the land was known; until cancelled."""
    while True:
        try:
            for tenant in await core.tenants():
                total = 0
                while (n := await _place_some(core, tenant)) is not None:
                    total += n
                if total:
                    log.info("entities placed in atoms", extra={"entities": total})
        except (*LOST, Unavailable) as error:
            log.warning("entities wait for their place", extra={"error": repr(error)})
        await asyncio.sleep(ATLAS_AGE_S)


async def _place_some(core: Core, tenant: str) -> int | None:
    atlas = core.atlases.get(tenant)
    if atlas is None or not atlas.land:
        return None
    return await place_some(core.pool, tenant, atlas.land, lambda _, place: atlas.stamp(place), core.broker.types)

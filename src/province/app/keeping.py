"""The console's services about readings, bound to the rooms that know."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

import pyarrow.compute as pc

from province.app.core import Core
from province.broker.corrections import Said
from province.broker.lineage import Lineage, Lines
from province.broker.measured import AreaHour, Reading
from province.broker.quality import Kind, Quality, Source
from province.broker.retention import Expired, Retention, today_of
from province.broker.upkeep import Run, runs
from province.console import keeping as console
from province.errors import NotFound
from province.history.hours import Hours
from province.identity import policy
from province.model.actor import Actor
from province.model.time import Instant, now


def build(core: Core) -> console.Keeping:
    """All of them."""
    quality = Quality(core.broker, core.lake_of)
    lines = Lines(core.broker, core.measured, core.corrections, core.lake_of)
    retention = Retention(core.pool, core.lake_of, core.broker.types)

    async def worst(actor: Actor, kind: Kind, type: str, limit: int, offset: int) -> tuple[Sequence[Source], bool]:
        return await quality.worst(actor, kind, type, limit=limit, offset=offset)

    async def readings(id: str, attr: str, actor: Actor, start: Instant, end: Instant, limit: int) -> Sequence[Reading]:
        return await core.measured.readings(id, attr, actor, start=start, end=end, limit=limit)

    async def said(id: str, actor: Actor, attr: str) -> Sequence[Said]:
        return await core.corrections.list(id, actor, attribute=attr)

    async def may_correct(id: str, actor: Actor) -> bool:
        entity = await core.broker.get(id, actor, latest=False)
        noun = core.broker.types[entity.type].noun if entity.type in core.broker.types else "entity"
        return policy.allows(actor, f"{noun}.correct", agency=entity.agency, area=entity.area, entity=id)

    async def of_series(id: str, attr: str, actor: Actor, start: Instant, end: Instant) -> Lineage:
        return await lines.of_series(id, attr, actor, start=start, end=end)

    async def of_area(type: str, attr: str, area: str, actor: Actor, hour: Instant) -> Lineage:
        return await lines.of_area(type, attr, area, actor, hour=hour)

    async def area_hours(type: str, attr: str, actor: Actor, start: Instant, end: Instant) -> Sequence[AreaHour]:
        return await core.measured.area_hours(type, attr, actor, start=start, end=end)

    async def lake(actor: Actor) -> console.LakeState:
        policy.require_somewhere(actor, "lake.read")
        table = core.lake_of(actor.tenant)
        version, _, files = await asyncio.to_thread(table.look)
        positions, _ = await asyncio.to_thread(Hours(table).state)
        behind = None
        if positions["lake"] is not None:
            try:
                behind = len({one.version for one in await asyncio.to_thread(table.added, positions["lake"], version)})
            except NotFound:
                behind = None
        if not files.num_rows:
            return console.LakeState(0, 0, 0, 0, version, behind)
        return console.LakeState(
            readings=int(pc.sum(files["num_records"]).as_py()),
            files=files.num_rows,
            bytes=int(pc.sum(files["size_bytes"]).as_py()),
            days=len(files["partition.day"].unique()),
            version=version,
            behind=behind,
        )

    async def plan(actor: Actor) -> Sequence[Expired]:
        policy.require_somewhere(actor, "retention.read")
        return await retention.plan(actor.tenant, today_of(now()))

    async def declare(
        actor: Actor, type: str | None, attribute: str | None, days: int | None, valid_from: date, reason: str
    ) -> None:
        await retention.declare(
            actor, type=type, attribute=attribute, keep_days=days, valid_from=valid_from, reason=reason
        )

    async def done(actor: Actor) -> Sequence[Run]:
        return await runs(core.pool, actor)

    return console.Keeping(
        summary=quality.summary,
        worst=worst,
        source=quality.one,
        readings=readings,
        said=said,
        correct=core.corrections.correct,
        may_correct=may_correct,
        of_series=of_series,
        of_area=of_area,
        area_hours=area_hours,
        runs=done,
        lake=lake,
        declared=retention.declared,
        plan=plan,
        declare=declare,
    )

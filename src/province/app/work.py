"""The process `work`: rules, notices, jobs, notifications, upkeep of the lake, the daily values of the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from province.adapters import notices
from province.adapters.commands import Commands
from province.adapters.files import FileStore
from province.adapters.heads import open_heads
from province.adapters.outbound import Outbound
from province.app import adopting, messaging, privacy, studies, territory, varying
from province.app.annex import Annex, keep_always
from province.app.core import Core, open_core
from province.app.declarations import parameters_at
from province.app.readiness import announce
from province.app.subscribing import Subscriptions
from province.broker.asked import AskedIndexes
from province.broker.indexes import Renewal
from province.broker.jobs import HEAVY
from province.broker.quality import Quality
from province.broker.retention import Retention
from province.broker.rounds import Rounds
from province.broker.sealer import Sealer
from province.broker.silence import Silences
from province.broker.timers import Timers
from province.broker.transient import Reaper
from province.broker.trends import Trends
from province.broker.upkeep import Nightly, Upkeep
from province.broker.watch import Watch
from province.settings import Settings
from province.vocab.sensitivity import VARY
from province.vocab.study import ADOPT, RUN


def _uploads(core: Core) -> Nightly:
    """Uploads that no record ever named go after a day."""
    files = FileStore(core.settings.home / "files", core.pool, quota=core.settings.file_quota_bytes)

    async def collect(tenant: str) -> Mapping[str, Any] | None:
        removed = await files.collect(tenant)
        return {"files_removed": removed} if removed else None

    return collect


async def main(settings: Settings) -> None:
    """Work until cancelled."""
    async with open_core(settings, "work", connections=16) as core:
        core.jobs.bind(RUN, studies.Runner(core, studies.build(core)).run, queue=HEAVY)
        core.jobs.bind(ADOPT, adopting.Adopter(core, studies.build(core)).run)
        core.jobs.bind(VARY, varying.Varier(core, studies.build(core)).run, queue=HEAVY)
        await core.jobs.open()
        outbound = Outbound(settings.outbound_allow)
        retention = Retention(core.pool, core.lake_of, core.broker.types)
        quality = Quality(core.broker, core.lake_of)
        upkeep = Upkeep(
            core.pool, core.lake_of, retention, often={"quality": quality.compute}, nightly={"uploads": _uploads(core)}
        )
        sender = messaging.dispatcher(core, outbound)
        announce(settings, "work")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(core.relay.run())
                group.create_task(Renewal(core.pool, core.declared.types.values()).run())
                group.create_task(AskedIndexes(core.pool).run())
                group.create_task(Sealer(core.pool, core.keys, open_heads(settings.audit_heads_location)).run())
                group.create_task(Watch(core.pool, notices.deliver).run())
                group.create_task(core.jobs.work())
                group.create_task(core.jobs.work(HEAVY))
                group.create_task(Subscriptions(core, outbound).run())
                group.create_task(sender.run())
                group.create_task(upkeep.run())
                group.create_task(Reaper(core.broker).run())
                group.create_task(Timers(core.broker, core.declared.packs).run())
                group.create_task(Trends(core.broker).run(core.tenants))
                group.create_task(keep_always(Annex(core)))
                group.create_task(territory.keep(core))
                group.create_task(territory.place(core))
                packs = core.declared.packs
                group.create_task(Commands(core.pool, core.broker, core.nats, packs, parameters_at).run(core.tenants))
                group.create_task(Rounds(core.broker, packs, parameters_at).run(core.tenants))
                group.create_task(Silences(core.broker, packs, parameters_at).run(core.tenants))
                erasures = privacy.erasures(core)
                group.create_task(erasures.run(core.tenants))
                group.create_task(privacy.withdrawals(core, erasures).run())
        finally:
            await outbound.close()
            await core.jobs.close()

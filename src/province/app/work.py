"""The process `work`: rules, notices, jobs, notifications to subscribers."""

from __future__ import annotations

import asyncio

from province.adapters.outbound import Outbound
from province.app.core import open_core
from province.app.subscribing import Subscriptions
from province.settings import Settings


async def main(settings: Settings) -> None:
    """Work until cancelled."""
    async with open_core(settings, "work", connections=12) as core:
        await core.jobs.open()
        outbound = Outbound(settings.outbound_allow)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(core.relay.run())
                group.create_task(core.jobs.work())
                group.create_task(Subscriptions(core, outbound).run())
        finally:
            await outbound.close()
            await core.jobs.close()

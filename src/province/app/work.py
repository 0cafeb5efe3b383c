"""The process `work`: rules, notices, jobs."""

from __future__ import annotations

import asyncio

from province.app.core import open_core
from province.app.readiness import announce
from province.settings import Settings


async def main(settings: Settings) -> None:
    """Work until cancelled."""
    async with open_core(settings, "work", connections=8) as core:
        await core.jobs.open()
        announce(settings, "work")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(core.relay.run())
                group.create_task(core.jobs.work())
        finally:
            await core.jobs.close()

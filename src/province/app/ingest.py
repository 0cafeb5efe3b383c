"""The process `ingest`: MQTT into the stream, the stream into the lake."""

from __future__ import annotations

import asyncio

from province.app.core import open_core
from province.app.declarations import parameters_at
from province.app.readiness import announce
from province.broker.streaming import Watcher
from province.engines.nats import gateway_bytes, retained_bytes
from province.ingest.callout import Callout
from province.ingest.mqtt import Intake
from province.ingest.writer import Writer
from province.settings import Settings


async def main(settings: Settings) -> None:
    """Take in and write until cancelled; what was read is finished first."""
    async with open_core(settings, "ingest", connections=8) as core:
        stop = asyncio.Event()
        writer = Writer(
            core.nats,
            core.pool,
            core.lake_of,
            core.broker.types,
            max_bytes=settings.stream_max_bytes,
            known=core.known,
            watcher=Watcher(core.pool, core.declared.packs, parameters_at),
        )
        intake = Intake(
            core.nats,
            core.pool,
            core.observer,
            core.known,
            core.broker.types,
            gateway_bytes=gateway_bytes(settings),
            retained_bytes=retained_bytes(settings),
            tenant=settings.tenant,
        )
        callout = Callout(core.nats, core.pool, core.engines.callout_seed(), ready=intake.ready)
        await callout.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(writer.run(stop))
                group.create_task(intake.run(stop))
                await intake.open.wait()
                announce(settings, "ingest")
        except asyncio.CancelledError:
            stop.set()
            raise
        finally:
            await callout.stop()

"""A lake writer as a process of its own, which kills itself where it is told to. Arguments: one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import nats

from province.broker.database import connect
from province.broker.streaming import Watcher
from province.history.lake import Lake
from province.ingest.writer import Limits, Writer
from tests.ingest.rules import PACK, parameters_at
from tests.observations import TYPES


async def main(given: dict[str, object]) -> None:
    client = await nats.connect(given["nats"], **given["options"])
    pool = await connect(str(given["dsn"]), size=4)
    seen = 0

    def on_step(step: str) -> None:
        nonlocal seen
        if step == given.get("step"):
            seen += 1
            if seen == given.get("times"):
                os.kill(os.getpid(), signal.SIGKILL)

    writer = Writer(
        client,
        pool,
        lambda tenant: Lake(f"{given['lake']}/{tenant}/observations"),
        TYPES,
        max_bytes=256 * 1024**2,
        limits=Limits(messages=int(given.get("messages", 20)), linger_s=0.02),
        watcher=Watcher(pool, (PACK,), parameters_at) if given.get("watch") else None,
        on_step=on_step,
    )
    await writer.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

"""Imports and exports, bound to the broker, the stream and the lake."""

from __future__ import annotations

import asyncio
from typing import Any

import pyarrow as pa

from province.adapters.tables.folder import Shelf
from province.adapters.tables.held import held
from province.adapters.tables.imports import Imports
from province.app.core import Core
from province.app.pages import Door
from province.broker.stream import STREAM
from province.errors import Unavailable

_SETTLE_S = 60.0


def imports(core: Core) -> Imports:
    """The imports of this installation."""

    async def known(tenant: str, readings: pa.Table) -> Any:
        return await asyncio.to_thread(held, core.lake_of(tenant), readings)

    async def settled() -> None:
        """Until the lake holds what the stream was given up to now. Raises: Unavailable when it falls behind."""
        info = await core.nats.jetstream().stream_info(STREAM)
        target = info.state.last_seq if info.state.messages else 0
        for _ in range(int(_SETTLE_S / 0.25)):
            async with core.pool.acquire() as connection:
                position = await connection.fetchval(
                    "SELECT sequence FROM lake_position WHERE stream = $1", core.incarnation.name
                )
            if (position or 0) >= target:
                return
            await asyncio.sleep(0.25)
        raise Unavailable("the lake has not taken in what came before.", remedy="Is the process `ingest` running?")

    return Imports(Door(core), Shelf(core.settings.home / "imports"), known=known, settled=settled)

"""The PostgreSQL pool of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:  # generic for the type checker only: the classes cannot be subscripted at run time
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection | PoolConnectionProxy
    Pool = asyncpg.Pool


async def _leave_as_it_is(connection: Connection) -> None:
    """Between two uses nothing is reset: no code of ours sets a session variable or listens, and whoever takes an
    advisory lock gives it back itself. The usual reset costs a round trip per use."""


async def connect(dsn: str, *, size: int, synchronous_commit: str = "on", name: str = "province") -> Pool:
    """Open a pool. size: most connections.  synchronous_commit: `on` survives power failure, `off` may lose ~0.6 s."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=60,
        reset=_leave_as_it_is,
        server_settings={
            "application_name": name,
            "synchronous_commit": synchronous_commit,
            "jit": "off",  # compiling costs more than our short statements take
            "timezone": "UTC",
        },
    )

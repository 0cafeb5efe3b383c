"""The PostgreSQL pool of a process, and what a lost database looks like."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:  # generic for the type checker only: the classes cannot be subscripted at run time
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection | PoolConnectionProxy
    Pool = asyncpg.Pool


LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke in the middle of a statement
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up
    asyncpg.InsufficientResourcesError,  # disk or memory full, too many connections
)
"""The server is away, starting or full: it is nobody's fault, and the same call may succeed later."""


_BY_KEY: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
}


class _Pooled(asyncpg.Connection):
    """A connection of a pool, which knows whether its last use ended by an error."""

    __slots__ = ("torn",)

    def _on_release(self, stacklevel: int = 1) -> None:
        self.torn = sys.exc_info()[0] is not None
        super()._on_release(stacklevel)  # type: ignore[misc]  # the only place that is told; our tests hold it


async def _reset(connection: Connection) -> None:
    """Between two uses nothing is reset: no code of ours sets a session variable or listens, and whoever takes an
    advisory lock gives it back itself. The usual reset costs a round trip per use.

    Only a use that ended by an error may have ended between two messages: a statement is parsed, which locks its
    tables, and its caller cancelled before it is carried out. To the server that is no end; this is one.
    """
    if isinstance(connection, _Pooled) and connection.torn:
        await connection.reset()


async def connect(
    dsn: str, *, size: int, synchronous_commit: str = "on", name: str = "province", by_key: bool = False
) -> Pool:
    """Open a pool. size: most connections.  synchronous_commit: `on` survives power failure, `off` may lose ~0.6 s.

    by_key: for a pool whose statements look rows up by key. PostgreSQL believes of a short list of keys that it is
    worth a plan of its own, and to plan over the indexes of all types costs more than the work; of a young table it
    believes that it is read faster whole.
    """
    return await asyncpg.create_pool(
        dsn,
        connect=_connect,
        connection_class=_Pooled,
        min_size=1,
        max_size=size,
        command_timeout=60,
        reset=_reset,
        server_settings={
            "application_name": name,
            "synchronous_commit": synchronous_commit,
            "jit": "off",  # compiling costs more than our short statements take
            "timezone": "UTC",
            **(_BY_KEY if by_key else {}),
        },
    )


async def _connect(*arguments: Any, **options: Any) -> asyncpg.Connection[asyncpg.Record]:
    try:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(*arguments, **options)
        return connection
    except FileNotFoundError as error:  # a stopped server takes its socket away
        raise ConnectionRefusedError(f"PostgreSQL is not there: {error}") from error


@contextlib.asynccontextmanager
async def leadership(pool: Pool, lock: int) -> AsyncIterator[Connection | None]:
    """The connection that holds an advisory lock, or None when another process holds it.

    The lock ends with its connection: when it cannot be given back (the server was restarted, or the cancellation of
    the last statement hits this one), the connection is given up, or it would keep the lock in the pool. That must not
    hide why the work ended (a cancellation would be swallowed by whoever waits for a lost database).
    """
    async with pool.acquire() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock):
            yield None
            return
        try:
            yield connection
        finally:
            try:
                await connection.execute("SELECT pg_advisory_unlock($1)", lock)
            except (*LOST, asyncpg.PostgresError):
                connection.terminate()

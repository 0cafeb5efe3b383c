"""All tables of a test database empty again, between one test and the next."""

from __future__ import annotations

import asyncpg

from province.broker.database import Pool

PATIENCE_S = 30


class StillHeld(AssertionError):
    """Something of an earlier test keeps a lock: who, in which state, since when, and what it did last."""


async def empty(pool: Pool) -> None:
    """Empty every table but the one that says which migrations were applied.

    Emptying gives a table and each of its indexes a new file, and most tables hold nothing: asking first takes a
    twentieth of the time. The locks come before the question, so that what a straggler of the last test still writes is
    waited for. Raises: StillHeld.
    """
    try:
        await _empty(pool)
    except asyncpg.LockNotAvailableError as error:
        raise StillHeld(await _holders(pool)) from error


async def _holders(pool: Pool) -> str:
    rows = await pool.fetch(
        "SELECT a.pid, a.application_name, a.backend_type, a.state, a.wait_event, a.xact_start, a.state_change,"
        " a.query, (SELECT array_agg(l.relation::regclass || ' ' || l.mode) FROM pg_locks l"
        "  WHERE l.pid = a.pid AND l.granted AND l.relation IS NOT NULL) AS locks"
        " FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"
    )
    return "\n".join(repr(dict(row)) for row in rows if row["locks"]) or "it was let go meanwhile"


async def _empty(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(
            "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename <> 'migration' ORDER BY 1"
        )
        names = [row["name"] for row in rows]
        await connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE_S}s'")
        await connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
        held = await connection.fetch(
            " UNION ALL ".join(f"SELECT '{name}' AS name WHERE EXISTS (SELECT FROM {name})" for name in names)
        )
        if held:
            await connection.execute(f"TRUNCATE {', '.join(row['name'] for row in held)} CASCADE")

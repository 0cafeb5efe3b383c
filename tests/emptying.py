"""All tables of a test database empty again, between one test and the next."""

from __future__ import annotations

from province.broker.database import Pool


async def empty(pool: Pool) -> None:
    """Empty every table but the one that says which migrations were applied.

    Emptying gives a table and each of its indexes a new file, and most tables hold nothing: asking first takes a
    twentieth of the time. The locks come before the question, so that what a straggler of the last test still writes is
    waited for.
    """
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(
            "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename <> 'migration' ORDER BY 1"
        )
        names = [row["name"] for row in rows]
        await connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
        held = await connection.fetch(
            " UNION ALL ".join(f"SELECT '{name}' AS name WHERE EXISTS (SELECT FROM {name})" for name in names)
        )
        if held:
            await connection.execute(f"TRUNCATE {', '.join(row['name'] for row in held)} CASCADE")

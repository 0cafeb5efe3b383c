"""PostgreSQL in a backup: a dump of one snapshot, and the counts of that very snapshot.

`pg_dump` is used for the embedded server and for external ones alike: it fits every later version of PostgreSQL, and
the counts, the list of files and the dump come from one exported snapshot, so they agree exactly. It takes only shared
locks: nothing waits for it.

A dump keeps the transaction ids that outbox and audit rows carry, but a restored database counts its own from the
beginning. `rebase` renumbers the old ones below all new ones, in their order, and the relay's position with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import psycopg.conninfo

from province.broker.database import Connection
from province.errors import Conflict, Unavailable
from province.logs import redact

_TABLES: Final = (
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Cut:
    """One snapshot. counts: rows by table.  files: SHA-256 of every file that a row names.  schema: last migration."""

    snapshot: str
    schema: int
    server: str
    counts: dict[str, int]
    files: frozenset[str]
    bytes: int


@contextlib.asynccontextmanager
async def cut(dsn: str) -> AsyncIterator[Cut]:
    """Hold a snapshot while the block runs. Raises: Unavailable; Conflict when no schema was ever made."""
    try:
        connection = await asyncpg.connect(dsn)
    except (OSError, asyncpg.PostgresError) as error:
        raise Unavailable(f"the database does not answer: {redact(str(error))}", remedy="Is the server up?") from error
    try:
        # The transaction stands idle while pg_dump works, for longer than the server permits others.
        await connection.execute("SET idle_in_transaction_session_timeout = 0")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if not await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL"):
                raise Conflict("the database is empty: there is nothing to back up.", remedy="Run `province migrate`.")
            files = await connection.fetch("SELECT DISTINCT encode(sha256, 'hex') AS name FROM file")
            yield Cut(
                snapshot=await connection.fetchval("SELECT pg_export_snapshot()"),
                schema=await connection.fetchval("SELECT max(number) FROM migration"),
                server=await connection.fetchval("SHOW server_version"),
                counts=await count(connection),
                files=frozenset(row["name"] for row in files),
                bytes=await connection.fetchval("SELECT pg_database_size(current_database())"),
            )
    finally:
        await connection.close()


async def count(connection: Connection) -> dict[str, int]:
    """Rows by table."""
    names = [row["name"] for row in await connection.fetch(_TABLES)]
    return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in names}  # noqa: S608 - quoted


async def dump(program: Path, dsn: str, snapshot: str, target: Path) -> None:
    """Dump a snapshot into a new folder. program: `pg_dump`. Raises: Unavailable."""
    await _run(program, dsn, "--format=directory", f"--file={target}", f"--snapshot={snapshot}", "--compress=gzip:1",
               "--no-owner", "--no-privileges", "--no-password")  # fmt: skip


async def load(program: Path, dsn: str, source: Path) -> None:
    """Restore a dump into an empty database. program: `pg_restore`. Raises: Unavailable, Conflict."""
    connection = await asyncpg.connect(dsn)
    try:
        present = await count(connection)
    finally:
        await connection.close()
    if present:
        raise Conflict(
            f"the database holds {len(present)} tables already.",
            field="PROVINCE_DATABASE",
            remedy="Give an empty database.",
        )
    await _run(program, dsn, "--exit-on-error", "--no-owner", "--no-privileges", "--no-password", "--jobs=2",
               str(source))  # fmt: skip


async def rebase(connection: Connection) -> int:
    """Renumber transaction ids that this cluster has not reached yet. Returns how many there were.

    Ids, those of the readers' positions among them, are replaced by their rank, so that the last one becomes 0: every
    comparison of (xid, seq) stays as it was, and all of them lie before whatever this cluster will write.
    """
    async with connection.transaction():
        ahead = await connection.fetchval(
            "SELECT coalesce(max(xid), 0) >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM"
            " (SELECT max(xid) AS xid FROM outbox UNION ALL SELECT max(xid) FROM audit"
            "  UNION ALL SELECT max(xid) FROM relay_position) x"
        )
        if not ahead:
            return 0
        await connection.execute(
            "CREATE TEMP TABLE rank_of_xid ON COMMIT DROP AS"
            " SELECT xid, row_number() OVER (ORDER BY xid) - count(*) OVER () AS rank FROM"
            " (SELECT xid FROM outbox UNION SELECT xid FROM audit UNION SELECT xid FROM relay_position) x"
        )
        await connection.execute("CREATE UNIQUE INDEX ON rank_of_xid (xid)")
        await connection.execute("ANALYZE rank_of_xid")
        for table in ("outbox", "audit", "relay_position"):
            await connection.execute(
                f"UPDATE {table} t SET xid = r.rank FROM rank_of_xid r WHERE r.xid = t.xid"  # noqa: S608 - constants
            )
        # A relay that never ran would begin at (0, 0), behind the rows that now lie below.
        await connection.execute(
            "INSERT INTO relay_position (reader, xid, seq) SELECT 'relay', min(rank) - 1, 0 FROM rank_of_xid"
            " ON CONFLICT (reader) DO NOTHING"
        )
        return int(await connection.fetchval("SELECT count(*) FROM rank_of_xid"))


async def release_jobs(connection: Connection) -> int:
    """Give jobs that were being done when the snapshot was taken back to the queue: their worker is gone."""
    if not await connection.fetchval("SELECT to_regclass('procrastinate_jobs') IS NOT NULL"):
        return 0
    done = await connection.execute(
        "UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL WHERE status = 'doing'"
        " AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs other WHERE other.status = 'todo'"
        "  AND other.queueing_lock = procrastinate_jobs.queueing_lock)"
    )
    return int(done.split()[-1])


async def _run(program: Path, dsn: str, *arguments: str) -> None:
    """Run a PostgreSQL program. The password goes through a file: arguments can be seen by everybody."""
    parts: dict[str, Any] = dict(psycopg.conninfo.conninfo_to_dict(dsn))
    password = str(parts.pop("password", "")).replace("\\", "\\\\").replace(":", "\\:")
    with tempfile.NamedTemporaryFile("w", prefix="province-", suffix=".pgpass") as file:
        file.write(f"*:*:*:*:{password}\n")
        file.flush()
        process = await asyncio.create_subprocess_exec(
            str(program), f"--dbname={psycopg.conninfo.make_conninfo(**parts)}", *arguments,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGPASSFILE": file.name},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
    if process.returncode != 0:
        raise Unavailable(
            f"{program.name} failed ({process.returncode}): {redact(said.decode(errors='replace'))[-800:]}",
            remedy="Is there room, and is the server's version not newer than this program's?",
        )

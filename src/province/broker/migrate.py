"""Numbered, forward-only migrations.

A database whose schema is newer than this code is refused: an older program would misread it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from importlib import resources

from province.broker.database import Connection
from province.errors import ConfigurationError

_LOCK = 0x50524F56  # "PROV": one migrator at a time
_LOOK_S = 0.05


def available() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration that ships, in order. Raises: ConfigurationError on a gap."""
    folder = resources.files("province.broker").joinpath("migrations")
    found = sorted(
        (int(match[1]), match[2], item.read_text("utf-8"))
        for item in folder.iterdir()
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", item.name))
    )
    if [number for number, _, _ in found] != list(range(1, len(found) + 1)):
        raise ConfigurationError(f"the migrations are not numbered 1…{len(found)}: the installation is damaged.")
    return found


@contextlib.asynccontextmanager
async def schema_lock(connection: Connection) -> AsyncIterator[None]:
    """Only one process at a time changes the schema. The lock may be taken again inside.

    Asked for again and again: a statement that waits is a transaction, for which an index that is made beside the
    writes would wait in turn.
    """
    while True:
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            break
        await asyncio.sleep(_LOOK_S)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def migrate(connection: Connection) -> list[int]:
    """Bring the schema up to date; each migration is one transaction. Returns the numbers that were applied.

    Raises: ConfigurationError when the database is newer than this program or a shipped migration was altered.
    """
    async with schema_lock(connection):
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL,"
            " digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row["number"]: row["digest"] for row in await connection.fetch("SELECT number, digest FROM migration")}
        shipped = available()
        if done and max(done) > len(shipped):
            raise ConfigurationError(
                f"the database has schema {max(done)}, this program knows {len(shipped)}.",
                remedy="Run the newer program, or restore a backup made with this one.",
            )
        applied: list[int] = []
        for number, name, sql in shipped:
            digest = hashlib.sha256(sql.encode()).hexdigest()
            if number in done:
                if done[number] != digest:
                    raise ConfigurationError(
                        f"migration {number} ({name}) differs from the one this database was built with.",
                        remedy="Migrations are never edited: add a new one.",
                    )
                continue
            async with connection.transaction():
                await connection.execute(sql)
                await connection.execute(
                    "INSERT INTO migration (number, name, digest) VALUES ($1, $2, $3)", number, name, digest
                )
            applied.append(number)
        return applied

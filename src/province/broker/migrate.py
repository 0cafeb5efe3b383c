"""Numbered, forward-only migrations, and the generated indexes of declared types.

A database whose schema is newer than this code is refused: an older program would misread it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Iterable
from importlib import resources

from province.broker.database import Connection
from province.errors import ConfigurationError
from province.model.schema import EntityType

_LOCK = 0x50524F56  # "PROV": one migrator at a time


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
    """Only one process at a time changes the schema. The lock may be taken again inside."""
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
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


async def ensure_indexes(connection: Connection, types: Iterable[EntityType]) -> list[str]:
    """Create the index of every field declared `indexed` that has none yet. Returns the names of the new ones."""
    present = {row["indexname"] for row in await connection.fetch("SELECT indexname FROM pg_indexes")}
    created: list[str] = []
    for entity_type in types:
        for spec in entity_type.fields.values():
            if not spec.field.indexed or spec.field.observed:
                continue
            name = index_name(entity_type.name, spec.name)
            if name in present:
                continue
            # Identifiers and literals come from our own declarations; they are quoted all the same.
            await connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON entity"
                f" (tenant, (attrs -> {_literal(spec.name)} -> 'value'), id) WHERE type = {_literal(entity_type.name)}"
            )
            created.append(name)
    if created:  # of an expression the planner knows nothing until then, and walks through everything
        await connection.execute("ANALYZE entity", timeout=600)
    return created


def index_name(type_name: str, field: str) -> str:
    """Name of the generated index: readable, and unique within PostgreSQL's 63 characters."""
    readable = re.sub(r"\W", "_", f"{type_name}_{field}".lower())[:40]
    return f"declared_{readable}_{hashlib.sha256(f'{type_name} {field}'.encode()).hexdigest()[:8]}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

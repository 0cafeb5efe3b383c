"""The generated indexes of declared fields.

Every write opens every index of `entity` and asks of each whether its row belongs there. So fields of one name share
one index whatever type declares them: its entries lie by type, and its condition names the types, which a question
about one of them implies. Names follow from the declarations alone: what another set of packs declares is another
index, made beside the older one, which goes when the new one is there.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import asyncpg

from province.broker.admission import literal
from province.broker.database import LOST, Connection, Pool, leadership
from province.model.schema import EntityType

log = logging.getLogger(__name__)

YOUNG_BYTES: Final = 16 * 2**20
"""Up to this size of `entity` all indexes are made in a moment, before the start goes on."""
_TOGETHER: Final = 100
"""PostgreSQL proves of a list of at most so many types that a question's type is among them."""
_PATIENCE_S: Final = 24 * 3600.0
"""For one statement: beside the writes of a large table it waits for every transaction that was there before it."""
_PAUSE_S: Final = 30.0
_LOCK: Final = 0x494E4458


def declared(types: Iterable[EntityType]) -> dict[str, str]:
    """Name → what follows `CREATE INDEX name`, for all fields declared `indexed` and not measured."""
    kinds: dict[str, set[str]] = {}
    for entity_type in types:
        for spec in entity_type.fields.values():
            if spec.field.indexed and not spec.field.observed:
                kinds.setdefault(spec.name, set()).add(entity_type.name)
    made: dict[str, str] = {}
    for field, names in kinds.items():
        ordered = sorted(names)
        for first in range(0, len(ordered), _TOGETHER):
            name, definition = _index(field, ordered[first : first + _TOGETHER])
            made[name] = definition
    return made


def _index(field: str, types: Sequence[str]) -> tuple[str, str]:
    # Identifiers and literals come from our own declarations; they are quoted all the same.
    value = f"(attrs -> {literal(field)} -> 'value')"
    if len(types) == 1:
        name = _name(f"{types[0]}_{field}", f"{types[0]} {field}")
        return name, f" ON entity (tenant, {value}, id) WHERE type = {literal(types[0])}"
    listed = ", ".join(map(literal, types))
    return _name(
        f"any_{field}", f"{field} {listed}"
    ), f" ON entity (tenant, type, {value}, id) WHERE type IN ({listed})"


def _name(readable: str, whole: str) -> str:
    """Readable, and unique within PostgreSQL's 63 characters."""
    legible = re.sub(r"\W", "_", readable.lower())[:40]
    return f"declared_{legible}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


async def ensure_indexes(connection: Connection, types: Iterable[EntityType]) -> list[str]:
    """At the start: make what is missing, if the table is young. Returns the names of the new ones.

    A large table is left as it is, for its building would keep everybody waiting: `Renewal` does it beside the writes.
    """
    if await connection.fetchval("SELECT pg_relation_size('entity')") > YOUNG_BYTES:
        return []
    there = await standing(connection)
    missing = {name: definition for name, definition in declared(types).items() if name not in there}
    for name, definition in missing.items():
        await connection.execute(f"CREATE INDEX IF NOT EXISTS {name}{definition}")
    if missing:
        await _analyse(connection)
    return list(missing)


class Renewal:
    """Brings the indexes of a table in use to what is declared. Run with `run()`; one process of several does it."""

    def __init__(self, pool: Pool, types: Iterable[EntityType]) -> None:
        self._pool = pool
        self._wanted = declared(types)

    async def run(self) -> None:
        """Return when everything is as declared; until then a lost database and other processes are waited for."""
        while True:
            try:
                async with leadership(self._pool, _LOCK) as leader:
                    if leader is not None:
                        await self.step(leader)
                        return
            except (*LOST, asyncpg.PostgresError) as error:
                log.warning("indexes wait", extra={"error": repr(error)})
            await asyncio.sleep(_PAUSE_S)

    async def step(self, connection: Connection) -> None:
        """Make what is missing, then drop what is superseded; nobody who reads or writes meanwhile waits."""
        there = await standing(connection)
        for name in (n for n, whole in there.items() if not whole):  # its building was broken off
            await self._execute(connection, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        missing = [name for name in self._wanted if not there.get(name)]
        for name in missing:
            await self._execute(connection, f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name}{self._wanted[name]}")
        if missing:
            await _analyse(connection)
        superseded = [name for name in there if name not in self._wanted and there[name]]
        for name in superseded:
            await self._execute(connection, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        if missing or superseded:
            log.info("indexes renewed", extra={"made": len(missing), "dropped": len(superseded)})

    @staticmethod
    async def _execute(connection: Connection, statement: str) -> None:
        await connection.execute(statement, timeout=_PATIENCE_S)


async def standing(connection: Connection, kind: str = "declared") -> Mapping[str, bool]:
    """The indexes of `entity` whose names begin with `kind_`, and whether each is whole."""
    rows = await connection.fetch(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'entity'::regclass AND starts_with(c.relname, $1) ORDER BY c.relname",
        f"{kind}_",
    )
    return {row["relname"]: row["indisvalid"] for row in rows}


async def _analyse(connection: Connection) -> None:
    """Of an expression the planner knows nothing until then, and walks through everything."""
    await connection.execute("ANALYZE entity", timeout=600)

"""Attributes that no type declares get an index when questions for one of their values are often slow.

A declared field may be `indexed`; what an agency sends beyond its type's declaration is found by looking at every
entity. Each process notes which of these attributes slow questions ask for a value of (`Asked`), and the process `work`
makes an index beside the writes (`AskedIndexes`): at most `MOST` at a time, of those that cost most, and none that
nobody asked of for `KEPT_DAYS`. The index holds a hash of each value, so no value is too long for it, and belongs to
the name, whatever the type: questions about several types use it, too. It answers equality (`==`, lists of values);
an order (`<`, `>`) needs a declaration.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from province.broker.admission import literal
from province.broker.conditions import flat
from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.indexes import standing
from province.model.qlanguage import Term
from province.model.query import Where, split_path
from province.model.schema import EntityType

log = logging.getLogger(__name__)

SLOW_S: Final = 0.1
"""A question that took so long is slow."""
OFTEN: Final = 5
"""So many slow questions make an index."""
MOST: Final = 16
"""Each index costs every write of such an attribute."""
KEPT_DAYS: Final = 30
EQUALITY: Final = frozenset(("==", "in"))

_NAME: Final = re.compile(r"[^\W\d_][\w:/.#%~+-]{0,199}")
"""Names that go into a definition; others stay without an index."""
_WAITING: Final = 1_000
_FLUSH_S: Final = 20.0
_LOOK_S: Final = 30.0
_PATIENCE_S: Final = 24 * 3600.0
_LOCK: Final = 0x41534B44

_NOTE = """
INSERT INTO asked_attribute (name, slow, seconds) SELECT * FROM unnest($1::text[], $2::bigint[], $3::float8[])
ON CONFLICT (name) DO UPDATE SET slow = asked_attribute.slow + excluded.slow,
    seconds = asked_attribute.seconds + excluded.seconds, asked_at = now()
"""


@dataclass(slots=True)
class _Noted:
    slow: int = 0
    seconds: float = 0.0


class Asked:
    """What this process was asked, and which attributes have an index. `start` and `stop`: for writing it down."""

    def __init__(self, pool: Pool, types: Mapping[str, EntityType]) -> None:
        self._pool = pool
        self._types = types
        self._noted: dict[str, _Noted] = {}
        self._writing: asyncio.Task[None] | None = None
        self.indexed: frozenset[str] = frozenset()
        """Attributes whose index is there and whole."""

    def start(self) -> None:
        """Write down what was noted, and look for new indexes, from time to time."""
        self._writing = asyncio.create_task(self._write(), name="asked attributes")

    async def stop(self) -> None:
        """End; what was noted since the last time is not kept: it is a hint."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing

    def note(self, terms: Sequence[Term], types: Sequence[str], seconds: float) -> None:
        """A question with these conditions about these types took so long."""
        slow = seconds >= SLOW_S
        if not slow and not self.indexed:  # as nearly every question on nearly every installation
            return
        for name in self._names(terms, types):
            known = name in self._noted
            if not (slow or name in self.indexed) or (not known and len(self._noted) >= _WAITING):
                continue
            found = self._noted.setdefault(name, _Noted())
            if slow:
                found.slow += 1
                found.seconds += seconds

    def _names(self, terms: Sequence[Term], types: Sequence[str]) -> set[str]:
        names: set[str] = set()
        for term in flat(terms):
            if isinstance(term, Where) and term.op in EQUALITY:
                name, *path = split_path(term.name)
                declared = len(types) == 1 and types[0] in self._types and name in self._types[types[0]].fields
                if not path and not declared and _NAME.fullmatch(name):
                    names.add(name)
        return names

    async def flush(self) -> None:
        """Write down what was noted, and read which indexes there are."""
        taken, self._noted = self._noted, {}
        async with self._pool.acquire() as connection:
            if taken:
                ordered = sorted(taken)  # no two processes wait for each other
                await connection.execute(
                    _NOTE, ordered, [taken[n].slow for n in ordered], [taken[n].seconds for n in ordered]
                )
            there = await standing(connection, "asked")
            names = await connection.fetch("SELECT name FROM asked_attribute") if there else []
        self.indexed = frozenset(r["name"] for r in names if there.get(index_name(r["name"])))

    async def _write(self) -> None:
        while True:
            try:
                await self.flush()
            except (*LOST, asyncpg.PostgresError) as error:
                log.warning("asked attributes wait", extra={"error": repr(error)})
            await asyncio.sleep(_FLUSH_S)


class AskedIndexes:
    """Makes and drops the indexes. Run with `run()`; one process of several does it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                async with leadership(self._pool, _LOCK) as leader:
                    if leader is not None:
                        await self.step(leader)
            except (*LOST, asyncpg.PostgresError) as error:
                log.warning("indexes of asked attributes wait", extra={"error": repr(error)})
            await asyncio.sleep(_LOOK_S)

    async def step(self, connection: Connection) -> None:
        """Forget what nobody asks any more, then make at most one index; nobody who writes meanwhile waits."""
        await connection.execute(
            "DELETE FROM asked_attribute WHERE asked_at < now() - make_interval(days => $1)", KEPT_DAYS
        )
        rows = await connection.fetch("SELECT name, slow FROM asked_attribute ORDER BY seconds DESC, name")
        known = {index_name(r["name"]) for r in rows}
        there = await standing(connection, "asked")
        for name in (n for n, whole in there.items() if n not in known or not whole):
            await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", timeout=_PATIENCE_S)
            log.info("index of an asked attribute dropped", extra={"index": name})
        whole = {n for n, valid in there.items() if valid and n in known}
        wanted = next((r["name"] for r in rows if r["slow"] >= OFTEN and index_name(r["name"]) not in whole), None)
        if wanted is None or len(whole) >= MOST or not _NAME.fullmatch(wanted):
            return
        await connection.execute(definition(wanted), timeout=_PATIENCE_S)
        log.info("index of an asked attribute made", extra={"attribute": wanted})


def index_name(attribute: str) -> str:
    """Readable, and unique within PostgreSQL's 63 characters."""
    legible = re.sub(r"[^a-z0-9]", "_", attribute.rpartition("/")[2].lower())[:40]
    return f"asked_{legible}_{hashlib.sha256(attribute.encode()).hexdigest()[:8]}"


def definition(attribute: str) -> str:
    """The statement that makes the index; its expression is the one that `broker.select` asks with."""
    value = f"(attrs -> {literal(attribute)} -> 'value')"
    # What waits to be sorted into the index is read by every question: little of it is left waiting.
    return (
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index_name(attribute)} ON entity USING gin ({value} jsonb_path_ops)"
        f" WITH (gin_pending_list_limit = 256) WHERE {value} IS NOT NULL"
    )

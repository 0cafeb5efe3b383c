"""Reads in the audit: who saw which records, when, and for which purpose. Every door reads through the broker, and so
every door is seen here.

*Personal types* (one that declares a personal field): the row is durable before the answer leaves, one for each answer
with the ids of all records in it and the names of the personal fields that were shown. Without the row, no answer.
What one request looks at twice is written once. Readers wait for one another's transaction and share the next.

*Other types* are counted: how many reads and records by whom, of which type, for which purpose; the sums are written
every `SUM_S`, and a crash loses at most these.

Not written: what the product reads to do its own work, what strangers see in public views, and numbers of records.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from province.broker.access import Access
from province.broker.database import LOST, Pool
from province.errors import Unavailable
from province.model.actor import Actor
from province.model.entity import Entity
from province.model.time import now

log = logging.getLogger(__name__)

READ: Final = "entity.read"
LISTED: Final = "entity.listed"
SUMMED: Final = "entity.counted"
SUM_S: Final = 10.0
_BATCH: Final = 500
_WAITING: Final = 5_000
"""Answers that wait for their row; more are refused: an audit that cannot keep up is no reason to go without."""
_SUMS: Final = 5_000
_REMEMBERED: Final = 20_000

_INSERT: Final = """
INSERT INTO audit (tenant, at, actor, kind, action, entity, type, purpose, request, address, detail)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::jsonb[])"""
_Row = tuple[str, datetime, str, str, str, str | None, str, str, str, str, str]
_Seen = tuple[str, str, str, str, tuple[str, ...]]


@dataclass(slots=True)
class _Sum:
    """Reads that are counted only."""

    reads: int = 0
    entities: int = 0
    since: datetime = field(default_factory=now)


class Reads:
    """Call `note` before an answer leaves. `start` and `stop`: for the sums."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queue: list[tuple[_Row, asyncio.Future[None]]] = []
        self._sums: dict[tuple[str, str, str, str, str, str], _Sum] = {}
        self._seen: OrderedDict[_Seen, asyncio.Future[None]] = OrderedDict()
        self._writer: asyncio.Task[None] | None = None
        self._summing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write sums from time to time."""
        self._summing = asyncio.create_task(self._sum(), name="sums of reads")

    async def stop(self) -> None:
        """Write what is there, and end."""
        if self._summing is not None:
            self._summing.cancel()
            await asyncio.gather(self._summing, return_exceptions=True)
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)
        try:
            await self.flush()
        except (*LOST, asyncpg.PostgresError) as error:
            log.warning("sums of reads are lost", extra={"error": repr(error)})

    async def note(self, actor: Actor, access: Access, shown: Sequence[Entity], *, one: bool = False) -> None:
        """Entities of one type are about to be shown as they are. one: it was asked for by its id.

        Raises: Unavailable when the row cannot be written; then the answer must not leave.
        """
        if actor.kind in ("system", "anonymous"):
            return
        read = [e for e in shown if access.reads(e)]
        if not read:
            return
        named = [e for e in read if access.is_personal(e)]
        if len(named) < len(read):
            self.count(actor, access.type.name if access.type else read[0].type, len(read) - len(named))
        if named:
            fields = sorted({name for e in named for name in access.personal_in(e)})
            await self._note(actor, named, tuple(fields), READ if one else LISTED)

    def count(self, actor: Actor, type: str, entities: int) -> None:
        """Records that were shown without what is personal: a map's marks, measuring stations."""
        if actor.kind in ("system", "anonymous"):
            return
        key = (actor.tenant, actor.id, actor.kind, type, actor.purpose, actor.address)
        if key not in self._sums and len(self._sums) >= _SUMS:
            return
        found = self._sums.setdefault(key, _Sum())
        found.reads += 1
        found.entities += entities

    async def flush(self) -> None:
        """Write the sums now."""
        taken, self._sums = self._sums, {}
        at = now()
        rows: list[_Row] = [
            (tenant, at, actor, kind, SUMMED, None, type, purpose, "", address,
             _text({"reads": s.reads, "count": s.entities, "since": s.since}))
            for (tenant, actor, kind, type, purpose, address), s in taken.items()
        ]  # fmt: skip
        try:
            await self._insert(rows)
        except BaseException:
            for key, one in taken.items():  # they come with the next ones
                kept = self._sums.setdefault(key, one)
                if kept is not one:
                    kept.reads += one.reads
                    kept.entities += one.entities
                    kept.since = one.since
            raise

    async def _note(self, actor: Actor, read: Sequence[Entity], fields: tuple[str, ...], action: str) -> None:
        if len(self._queue) >= _WAITING:
            raise Unavailable("the audit of reads does not keep up.", remedy="Try again in some seconds.")
        kind = read[0].type
        waits: set[asyncio.Future[None]] = set()
        fresh = []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for e in read:
            key = (actor.tenant, actor.request, actor.id, e.id, fields)
            known = self._seen.get(key) if actor.request else None
            if known is not None and not (known.done() and known.exception()):
                waits.add(known)
                continue
            fresh.append(e.id)
            if actor.request:
                self._seen[key] = done
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if fresh:
            detail: dict[str, object] = {"count": len(fresh), "fields": fields}
            if any(grant.entities.intersection(fresh) for grant in actor.grants):
                detail["breakglass"] = True
            single = fresh[0] if len(fresh) == 1 else None
            if single is None:
                detail["entities"] = fresh
            row = (actor.tenant, now(), actor.id, actor.kind, action, single, kind, actor.purpose, actor.request,
                   actor.address, _text(detail))  # fmt: skip
            self._queue.append((row, done))
            if self._writer is None or self._writer.done():
                self._writer = asyncio.create_task(self._write(), name="reads")
            waits.add(done)
        # Shielded: a reader who goes away does not take back what others of the same request wait for.
        await asyncio.gather(*(asyncio.shield(w) for w in waits))

    async def _write(self) -> None:
        """While one transaction is in flight the next rows gather, and go together; it ends when none waits."""
        while self._queue:
            group, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
            try:
                await self._insert([row for row, _ in group])
            except (*LOST, asyncpg.PostgresError) as error:
                log.warning("reads cannot be audited", extra={"error": repr(error), "answers": len(group)})
                _fail(group)
            except asyncio.CancelledError:
                _fail(group)
                raise
            else:
                for _, done in group:
                    if not done.done():
                        done.set_result(None)

    async def _sum(self) -> None:
        while True:
            await asyncio.sleep(SUM_S)
            try:
                await self.flush()
            except (*LOST, asyncpg.PostgresError) as error:
                log.warning("sums of reads wait", extra={"error": repr(error)})

    async def _insert(self, rows: Sequence[_Row]) -> None:
        if rows:
            async with self._pool.acquire() as connection:
                await connection.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))


def _fail(group: Sequence[tuple[_Row, asyncio.Future[None]]]) -> None:
    for _, done in group:
        if not done.done():
            done.set_exception(
                Unavailable("reads of personal data cannot be audited now.", remedy="Try again in some seconds.")
            )
            done.exception()  # whoever waited may have gone away; that is nobody's defect


def _text(detail: object) -> str:
    return msgspec.json.encode(detail).decode()

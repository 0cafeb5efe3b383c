"""The lake writer: stream → lake → latest values → position → purge, in this order.

Each step may be the last one before the process is killed; nothing is lost and nothing is written twice, because

- the lake commits data and stream position together, per tenant; a message at or below it is not appended again;
- latest values are written only when newer, so a batch may be written to them again;
- the position in PostgreSQL is written with the latest values in one transaction, after the lake: it is where to start;
- the stream is purged up to that position only, so whatever is not known to be everywhere is still in the stream.

Messages are read by position and not by acknowledgement; `broker.stream` says why. Steps overlap: while one batch is
appended, the next is read and the one before goes into the latest values. A batch that the storage refuses (disk full,
database down) is tried again, with growing pauses, until it succeeds; only what can never succeed, because of what it
holds, goes to the dead letters.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from time import monotonic
from typing import TypeVar

import asyncpg
import nats.errors
import pyarrow as pa
import pyarrow.compute as pc
from nats.aio.client import Client
from nats.js.errors import APIError

from province.broker import deadletter, stream
from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.stream import Envelope, Incarnation, Reader
from province.errors import Conflict, DecodeError, ProvinceError, Unavailable
from province.history import latest
from province.history.compact import compact, vacuum
from province.history.lake import Lake, arrange, stage
from province.model.schema import EntityType

log = logging.getLogger(__name__)

MERGE_EVERY = 32
"""Commits that touched a day, after which its small files are merged."""
VACUUM_EVERY_S = 3600.0
_LOCK = 0x4C414B45  # "LAKE": one writer at a time
_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
_T = TypeVar("_T")
Part = tuple[Envelope, pa.Table]


@dataclass(slots=True)
class Counters:
    """What the writer did since it started. position: everything up to it is in lake and latest values.

    pending: messages that wait in the stream.  lost: sequences that vanished before they were read.
    """

    messages: int = 0
    readings: int = 0
    commits: int = 0
    repeated: int = 0
    latest_rows: int = 0
    poisoned: int = 0
    retries: int = 0
    restarts: int = 0
    lost: int = 0
    position: int = 0
    pending: int = 0
    append_s: float = 0.0
    latest_s: float = 0.0


@dataclass(slots=True)
class Limits:
    """Size of a batch, and how long a small one waits for more (it is the age of the newest reading in the lake)."""

    messages: int = 512
    max_bytes: int = 64 * 1024**2
    linger_s: float = 1.0


@dataclass(slots=True)
class _Batch:
    parts: list[Part]
    spoilt: list[deadletter.Letter]
    last: int
    marks: dict[tuple[str, str], str]
    staged: dict[str, pa.Table] = field(default_factory=dict)


class Writer:
    """client: connected to NATS as a service.  lake_of: tenant → its lake.  types: declared types by name.

    on_step: called after each step with its name (`appended`, `latest`, `purged`); for metrics and fault tests.
    """

    def __init__(
        self,
        client: Client,
        pool: Pool,
        lake_of: Callable[[str], Lake],
        types: Mapping[str, EntityType],
        *,
        max_bytes: int,
        limits: Limits | None = None,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._client = client
        self._js = client.jetstream()
        self._pool = pool
        self._lake_of = lake_of
        self._types = types
        self._max_bytes = max_bytes
        self._limits = limits or Limits()
        self._on_step = on_step
        self._lakes: dict[str, Lake] = {}
        self._committed: dict[str, int | None] = {}
        self._small: dict[tuple[str, date], int] = {}
        self._vacuumed: dict[str, float] = {}
        self.counters = Counters()

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set, then finish what was read. Waits while another writer holds the lock."""
        while not stop.is_set():
            try:
                async with leadership(self._pool, _LOCK) as leader:
                    if leader is not None:
                        await self._session(stop)
            except (ProvinceError, nats.errors.Error, APIError, asyncpg.PostgresError, *LOST) as error:
                self.counters.restarts += 1
                log.warning("the lake writer starts again", extra={"error": repr(error)[:500]})
            await _pause(stop, 1.0)

    async def _session(self, stop: asyncio.Event) -> None:
        incarnation, start = await self._begin()
        reader = Reader(self._client, self._js, start)
        read: asyncio.Queue[_Batch | None] = asyncio.Queue(1)
        appended: asyncio.Queue[_Batch | None] = asyncio.Queue(1)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(reader, incarnation, read, stop))
                group.create_task(self._append_all(incarnation, read, appended, stop))
                group.create_task(self._finish_all(incarnation, appended, stop))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            await reader.close()

    async def _begin(self) -> tuple[Incarnation, int]:
        """Where to start. The stream's first message, when it is beyond the position: PostgreSQL is an older backup,
        its latest values are made again from the lake."""
        await stream.ensure_stream(self._js, max_bytes=self._max_bytes)
        incarnation = await reconcile(self._client, self._pool, self._lake_of)
        self._lakes.clear()
        self._committed.clear()
        position = await _position(self._pool, incarnation)
        info = await self._js.stream_info(stream.STREAM)
        start = max(position, incarnation.floor) + 1
        if start < info.state.first_seq:
            log.warning("latest values are rebuilt from the lake", extra={"from": start, "to": info.state.first_seq})
            async with self._pool.acquire() as connection:
                for tenant in await _tenants(self._pool):
                    await latest.rebuild(connection, tenant, self._lake_of(tenant), self._types)
            start = info.state.first_seq
        self.counters.position = start - 1
        return incarnation, start

    async def _read(
        self, reader: Reader, incarnation: Incarnation, out: asyncio.Queue[_Batch | None], stop: asyncio.Event
    ) -> None:
        limits = self._limits
        while not stop.is_set():
            linger_s = 0.0 if reader.pending > limits.messages else limits.linger_s
            envelopes = await reader.fetch(limits.messages, wait_s=1.0, linger_s=linger_s, max_bytes=limits.max_bytes)
            self.counters.pending = reader.pending
            self.counters.lost = reader.anomalies.lost
            if envelopes:
                await out.put(await asyncio.to_thread(_decode, envelopes, incarnation))
        await out.put(None)

    async def _append_all(
        self,
        incarnation: Incarnation,
        source: asyncio.Queue[_Batch | None],
        out: asyncio.Queue[_Batch | None],
        stop: asyncio.Event,
    ) -> None:
        while (batch := await source.get()) is not None:
            began = monotonic()
            by_tenant: dict[str, list[Part]] = {}
            for part in batch.parts:
                by_tenant.setdefault(part[0].tenant, []).append(part)
            for tenant, parts in by_tenant.items():
                await self._append(incarnation, batch, tenant, parts, stop)
            self.counters.append_s += monotonic() - began
            self._on_step("appended")
            await out.put(batch)
        await out.put(None)

    async def _append(
        self, incarnation: Incarnation, batch: _Batch, tenant: str, parts: list[Part], stop: asyncio.Event
    ) -> None:
        lake = self._lakes.get(tenant)
        if lake is None:
            lake = self._lakes[tenant] = self._lake_of(tenant)
            self._committed[tenant] = await asyncio.to_thread(lake.committed, incarnation.name)
        committed = self._committed[tenant]
        fresh = [part for part in parts if committed is None or part[0].sequence > committed]
        self.counters.repeated += len(parts) - len(fresh)
        staged, good, spoilt = await asyncio.to_thread(_stage, parts, incarnation)
        batch.spoilt.extend(spoilt)
        if staged is not None:
            batch.staged[tenant] = staged
        fresh = [part for part in fresh if part in good] if spoilt else fresh
        if not fresh:
            return
        last = fresh[-1][0].sequence

        def commit() -> None:
            rows = staged if len(fresh) == len(good) else stage([(e.sequence, t) for e, t in fresh])
            lake.append(arrange(rows), incarnation.name, last, expected=committed)

        await self._insist(lambda: asyncio.to_thread(commit), stop)
        self._committed[tenant] = last
        if staged is not None:
            await self._tidy(tenant, lake, pc.unique(staged["day"]).to_pylist())
        self.counters.commits += 1
        self.counters.readings += sum(table.num_rows for _, table in fresh)

    async def _tidy(self, tenant: str, lake: Lake, days: list[date]) -> None:
        """Merge the small files of a day now and then. Done here, between two commits, for one writer's peace."""
        for day in days:
            count = self._small[tenant, day] = self._small.get((tenant, day), 0) + 1
            if count < MERGE_EVERY:
                continue
            del self._small[tenant, day]
            try:
                await asyncio.to_thread(compact, lake, day)
                if monotonic() - self._vacuumed.get(tenant, -VACUUM_EVERY_S) >= VACUUM_EVERY_S:
                    self._vacuumed[tenant] = monotonic()
                    await asyncio.to_thread(vacuum, lake)
            except (Conflict, Unavailable) as error:  # nothing was changed; the next turn comes
                log.warning("small files stay for now", extra={"error": str(error)[:300], "day": day.isoformat()})

    async def _finish_all(
        self, incarnation: Incarnation, source: asyncio.Queue[_Batch | None], stop: asyncio.Event
    ) -> None:
        while (batch := await source.get()) is not None:
            began = monotonic()
            try:
                await self._insist(partial(self._finish, incarnation, batch, batch.staged), stop)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                log.warning("latest values refuse a batch", extra={"error": repr(error)[:500]})
                await self._insist(partial(self._finish_singly, incarnation, batch), stop)
            self.counters.latest_s += monotonic() - began
            self.counters.messages += len(batch.parts) + len(batch.spoilt)
            self.counters.poisoned += len(batch.spoilt)
            self.counters.position = batch.last
            self._on_step("latest")
            await self._insist(partial(stream.purge, self._js, batch.last), stop)
            self._on_step("purged")

    async def _finish(self, incarnation: Incarnation, batch: _Batch, staged: Mapping[str, pa.Table]) -> None:
        sent = 0
        async with self._pool.acquire() as connection, connection.transaction():
            for tenant, rows in staged.items():
                sent += await latest.write(connection, tenant, rows, self._types)
            await deadletter.bury(connection, batch.spoilt)
            await _keep(connection, incarnation, batch)
        self.counters.latest_rows += sent

    async def _finish_singly(self, incarnation: Incarnation, batch: _Batch) -> None:
        """Message by message, to find the one whose values PostgreSQL does not take."""
        for envelope, table in batch.parts:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    rows = stage([(envelope.sequence, table)])
                    self.counters.latest_rows += await latest.write(connection, envelope.tenant, rows, self._types)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                batch.spoilt.append(_letter(envelope, incarnation, f"not taken as latest values: {error}"))
        await self._finish(incarnation, batch, {})

    async def _insist(self, act: Callable[[], Awaitable[_T]], stop: asyncio.Event) -> _T:
        """Repeat until the storage takes it; give up only to stop."""
        attempt = 0
        while True:
            try:
                return await act()
            except (
                Unavailable, nats.errors.Error, APIError, asyncpg.TransactionRollbackError, *LOST,
            ) as error:  # fmt: skip
                self.counters.retries += 1
                log.warning("the lake writer waits for its storage", extra={"error": repr(error)[:500]})
                if stop.is_set():
                    raise Unavailable("stopped while the storage did not take the batch.") from error
                await _pause(stop, _PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
                attempt += 1


async def reconcile(client: Client, pool: Pool, lake_of: Callable[[str], Lake]) -> Incarnation:
    """The stream's incarnation; a new one when lake or PostgreSQL are ahead of it, that is, when it was restored from
    a backup older than theirs. Whoever restores a backup calls it before any door opens: what is published with
    numbers that were given before would be taken for written.

    The stream must exist (`stream.ensure_stream`).
    """
    js = client.jetstream()
    info = await js.stream_info(stream.STREAM)
    incarnation = stream.incarnation_of(info)
    furthest = await _position(pool, incarnation)
    for tenant in await _tenants(pool):
        committed = await asyncio.to_thread(lake_of(tenant).committed, incarnation.name)
        furthest = max(furthest, committed or 0)
    if furthest > info.state.last_seq:
        log.warning("the stream went back: new incarnation", extra={"at": info.state.last_seq, "was": furthest})
        return await stream.renew(js)
    return incarnation


def _decode(envelopes: list[Envelope], incarnation: Incarnation) -> _Batch:
    batch = _Batch([], [], envelopes[-1].sequence, {})
    for envelope in envelopes:
        if envelope.mark:
            batch.marks[envelope.tenant, envelope.source] = envelope.mark
        try:
            batch.parts.append((envelope, stream.decode(envelope.payload)))
        except DecodeError as error:
            batch.spoilt.append(_letter(envelope, incarnation, str(error)))
    return batch


def _stage(parts: list[Part], incarnation: Incarnation) -> tuple[pa.Table | None, list[Part], list[deadletter.Letter]]:
    """Rows of all parts that can be rows at all, those parts, and letters for the others."""
    try:
        return stage([(e.sequence, t) for e, t in parts]), parts, []
    except (pa.ArrowException, ValueError, OverflowError) as error:
        if len(parts) == 1:
            return None, [], [_letter(parts[0][0], incarnation, f"cannot be stored: {error}")]
        half = len(parts) // 2
        first, good, spoilt = _stage(parts[:half], incarnation)
        second, more, others = _stage(parts[half:], incarnation)
        both = [rows for rows in (first, second) if rows is not None]
        return (pa.concat_tables(both) if both else None), good + more, spoilt + others


def _letter(envelope: Envelope, incarnation: Incarnation, reason: str) -> deadletter.Letter:
    return deadletter.Letter(
        tenant=envelope.tenant,
        door="lake",
        source=envelope.actor,
        media_type="application/vnd.apache.arrow.stream",
        payload=envelope.payload,
        reason=reason,
        key=f"{incarnation.id}/{envelope.sequence}",
    )


async def _keep(connection: Connection, incarnation: Incarnation, batch: _Batch) -> None:
    await connection.execute(
        "INSERT INTO lake_position (stream, sequence) VALUES ($1, $2)"
        " ON CONFLICT (stream) DO UPDATE SET sequence = EXCLUDED.sequence, at = now()",
        incarnation.name, batch.last,
    )  # fmt: skip
    if batch.marks:
        await connection.execute(
            "INSERT INTO source_mark (tenant, source, mark) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])"
            " ON CONFLICT (tenant, source) DO UPDATE SET mark = EXCLUDED.mark, at = now()",
            [tenant for tenant, _ in batch.marks], [source for _, source in batch.marks], list(batch.marks.values()),
        )  # fmt: skip


async def _position(pool: Pool, incarnation: Incarnation) -> int:
    return int(await pool.fetchval("SELECT sequence FROM lake_position WHERE stream = $1", incarnation.name) or 0)


async def _tenants(pool: Pool) -> list[str]:
    return [row["id"] for row in await pool.fetch("SELECT id FROM tenant ORDER BY id")]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)

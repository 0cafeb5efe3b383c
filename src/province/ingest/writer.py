"""The lake writer: stream → lake → latest values and hourly sums → position → purge, in this order.

Each step may be the last one before the process is killed; nothing is lost and nothing is written twice, because

- the lake commits data and stream position together, per tenant; a message at or below it is not appended again;
- the position in PostgreSQL is written with the latest values and the hourly sums in one transaction, after the lake:
  it is where to start, and a batch at or below it is not added again;
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
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import TypeVar

import asyncpg
import nats.errors
import pyarrow as pa
import pyarrow.compute as pc
from nats.aio.client import Client
from nats.js.errors import APIError

from province.broker import arrivals, deadletter, stream
from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.known import Known
from province.broker.stream import Envelope, Incarnation, Reader
from province.broker.streaming import Outcome, Watcher
from province.broker.subscriptions.measured import Announcer
from province.errors import DecodeError, ProvinceError, Unavailable
from province.history import area_hours, correction, latest
from province.history.lake import Lake, arrange, stage
from province.model.schema import EntityType

log = logging.getLogger(__name__)

_LOCK = 0x4C414B45  # "LAKE": one writer at a time
_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    """Size of a batch, and how long a small one waits for more (it is the age of the newest reading in the lake).

    wait_s: for the first message of a batch; a stop is noticed after it.
    """

    messages: int = 512
    max_bytes: int = 64 * 1024**2
    linger_s: float = 1.0
    wait_s: float = 1.0


@dataclass(slots=True)
class _Batch:
    parts: list[Part]
    spoilt: list[deadletter.Letter]
    last: int
    marks: dict[tuple[str, str], str]
    staged: dict[str, pa.Table] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    """What streaming rules made of it; saved with the position."""


class Writer:
    """client: connected to NATS as a service.  lake_of: tenant → its lake.  types: declared types by name.

    known: where entities stand, for the hourly sums per area; without it one of the writer's own.
    watcher: streaming rules that see every batch.
    on_step: called after each step with its name (`appended`, `watched`, `latest`, `purged`); for metrics and tests.
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
        known: Known | None = None,
        watcher: Watcher | None = None,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._client = client
        self._js = client.jetstream()
        self._pool = pool
        self._lake_of = lake_of
        self._types = types
        self._max_bytes = max_bytes
        self._limits = limits or Limits()
        self._watcher = watcher
        self._announcer = Announcer(types)
        self._on_step = on_step
        self._lakes: dict[str, Lake] = {}
        self._committed: dict[str, int | None] = {}
        self._known = known or Known(pool, max_age_s=30.0)
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
        if self._watcher is not None:
            self._watcher.forget()
        position = await _position(self._pool, incarnation)
        info = await self._js.stream_info(stream.STREAM)
        start = max(position, incarnation.floor) + 1
        behind = start < info.state.first_seq
        if behind:
            log.warning("latest values are rebuilt from the lake", extra={"from": start, "to": info.state.first_seq})
            async with self._pool.acquire() as connection:
                for tenant in await _tenants(self._pool):
                    said = await correction.read(connection, tenant)
                    await latest.rebuild(connection, tenant, self._lake_of(tenant), self._types, corrections=said)
            start = info.state.first_seq
        await self._sum_up(incarnation, start - 1, again=behind)
        if behind:
            async with self._pool.acquire() as connection:
                await _keep(connection, incarnation, _Batch([], [], start - 1, {}))
        self.counters.position = start - 1
        return incarnation, start

    async def _sum_up(self, incarnation: Incarnation, done: int, *, again: bool) -> None:
        """Make the hourly sums from the lake where they are missing. done: readings after it are added later."""
        for tenant in await _tenants(self._pool):
            lake = self._lake_of(tenant)
            async with self._pool.acquire() as connection:
                if not again and await area_hours.is_complete(connection, tenant):
                    continue
                log.warning("hourly sums are made from the lake", extra={"tenant": tenant})
                committed = await asyncio.to_thread(lake.committed, incarnation.name)
                await area_hours.rebuild(
                    connection, tenant, lake, partial(self._places, tenant), await correction.read(connection, tenant),
                    without=None if committed is None or committed <= done else (done, committed),
                )  # fmt: skip

    async def _read(
        self, reader: Reader, incarnation: Incarnation, out: asyncio.Queue[_Batch | None], stop: asyncio.Event
    ) -> None:
        limits = self._limits
        while not stop.is_set():
            linger_s = 0.0 if reader.pending > limits.messages else limits.linger_s
            envelopes = await reader.fetch(
                limits.messages, wait_s=limits.wait_s, linger_s=linger_s, max_bytes=limits.max_bytes
            )
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
        self.counters.commits += 1
        self.counters.readings += sum(table.num_rows for _, table in fresh)

    async def _finish_all(
        self, incarnation: Incarnation, source: asyncio.Queue[_Batch | None], stop: asyncio.Event
    ) -> None:
        while (batch := await source.get()) is not None:
            began = monotonic()
            if self._watcher is not None:
                for tenant, rows in batch.staged.items():
                    outcome = await self._insist(partial(self._watcher.evaluate, tenant, rows), stop)
                    batch.outcomes.append(outcome)
            self._on_step("watched")
            try:
                await self._insist(partial(self._finish, incarnation, batch), stop)
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

    async def _finish(self, incarnation: Incarnation, batch: _Batch, *, values: bool = True) -> None:
        """Latest values (unless they are in already), sums, letters, senders and the position: all or nothing."""
        sent = 0
        async with self._pool.acquire() as connection, connection.transaction():
            await area_hours.hold(connection)
            if await _position(connection, incarnation) >= batch.last:
                return  # it was done: only the answer to the commit was lost
            for tenant, rows in batch.staged.items():
                rows = await self._corrected(connection, tenant, rows)
                if values:
                    sent += await latest.write(connection, tenant, rows, self._types)
                await self._announcer.tell(connection, tenant, rows)
                places = await self._places(tenant, pc.unique(rows["entity"]).to_pylist())
                found = await asyncio.to_thread(area_hours.sums, rows, places)
                await area_hours.add(connection, tenant, found)
            await deadletter.bury(connection, batch.spoilt)
            if batch.parts:
                await arrivals.record(connection, incarnation.name, batch.last, batch.parts)
            for outcome in batch.outcomes:
                await outcome.save(connection)
            await _keep(connection, incarnation, batch)
        self.counters.latest_rows += sent

    async def _finish_singly(self, incarnation: Incarnation, batch: _Batch) -> None:
        """Message by message, to find the one whose values PostgreSQL does not take."""
        for envelope, table in batch.parts:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await area_hours.hold(connection)
                    rows = stage([(envelope.sequence, table)])
                    rows = await self._corrected(connection, envelope.tenant, rows)
                    self.counters.latest_rows += await latest.write(connection, envelope.tenant, rows, self._types)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                batch.spoilt.append(_letter(envelope, incarnation, f"not taken as latest values: {error}"))
        await self._finish(incarnation, batch, values=False)

    @staticmethod
    async def _corrected(connection: Connection, tenant: str, rows: pa.Table) -> pa.Table:
        """The rows without what a correction deletes, should a device send it again."""
        bounds = pc.min_max(rows["observed_at"].cast(pa.int64())).as_py()
        start, end = (_EPOCH + timedelta(microseconds=bounds[name]) for name in ("min", "max"))
        found = await correction.read(connection, tenant, start=start, end=end + timedelta(microseconds=1))
        return correction.amend(rows, found)

    async def _places(self, tenant: str, entities: list[str]) -> dict[str, area_hours.Place]:
        codes = await self._known.codes(tenant, entities)
        owners = self._known.owners
        return {e: (owners[c].agency, owners[c].area) for e, c in zip(entities, codes, strict=True) if c >= 0}

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


async def _position(pool: Pool | Connection, incarnation: Incarnation) -> int:
    return int(await pool.fetchval("SELECT sequence FROM lake_position WHERE stream = $1", incarnation.name) or 0)


async def _tenants(pool: Pool) -> list[str]:
    return [row["id"] for row in await pool.fetch("SELECT id FROM tenant ORDER BY id")]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)

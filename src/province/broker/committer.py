"""Natural group commit: while one transaction is in flight, arriving writes queue; the next one takes them all.

There is no timer. A second transaction begins beside the first when many writes wait, so that one group is worked out
while the other is written; with few it would only make groups smaller, and each costs what a lone write costs. It also
begins when the first does not end: what waits for a lock of another process holds up nobody else.
Every write keeps its own fate: one that is refused (rights, precondition, input) leaves the group
before anything is written; one that breaks the transaction itself (a unique key taken in the same instant) makes the
group fall apart, and each member is then committed alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import asyncpg

from province.broker import rows
from province.broker.database import LOST, Pool
from province.broker.plan import Step, step
from province.broker.reserve import fill_counters, reserve
from province.broker.withheld import require_ground, resting
from province.broker.write import Write
from province.errors import AlreadyExists, Conflict, InvalidInput, ProvinceError, TooLarge, Unavailable
from province.model.change import Changed
from province.model.entity import Entity
from province.model.geometry import Geometry
from province.model.schema import EntityType

log = logging.getLogger(__name__)

MAX_GROUP = 256
"""Writes per transaction; a change beyond MAX_CHANGES closes a group early."""
MAX_CHANGES = 2_000
MAX_QUEUE = 20_000
IN_FLIGHT = 2
"""Transactions at a time: what one group locks the other waits for in PostgreSQL, as it would of another process."""
MANY = 32
"""So many waiting writes are worth a second transaction at once."""
PATIENCE_S = 0.01
"""Fewer are, when nothing was taken for so long."""

MET_S = 1.0
"""So long after a creation met what exists, nothing is created without a look first."""

Locate = Callable[[str, Geometry], str | None]
"""locate(tenant, geometry) → code of the atom that it lies in, or None."""


class Committer:
    """Takes writes, commits them in groups. One per process; several processes may work on one database."""

    def __init__(self, pool: Pool, types: Mapping[str, EntityType], locate: Locate) -> None:
        self._pool = pool
        self._types = types
        self._locate = locate
        self._queue: deque[Write] = deque()
        self._wake = asyncio.Event()
        self._many = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._met_until = -MET_S
        self._taken = 0
        self._resting = resting(types)

    def start(self) -> None:
        """Begin to commit."""
        self._tasks = [asyncio.create_task(self._run(first=n == 0), name=f"committer {n}") for n in range(IN_FLIGHT)]

    async def stop(self) -> None:
        """Finish what is queued, then end."""
        waiting = [write.done for write in self._queue]
        if waiting:
            await asyncio.wait(waiting, timeout=30)
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    @property
    def waiting(self) -> int:
        """Writes that wait for their turn."""
        return len(self._queue)

    async def submit(self, write: Write) -> tuple[Changed, ...]:
        """Returns when the write is durable. Raises what refused it; Unavailable when the outcome is unknown."""
        return await self.queue(write)

    def queue(self, write: Write) -> asyncio.Future[tuple[Changed, ...]]:
        """As `submit`, for a caller with many writes, who waits for all of them. Raises: Unavailable, TooLarge."""
        if len(self._queue) >= MAX_QUEUE:
            raise Unavailable("too many writes are waiting.", remedy="Try again in a few seconds.")
        if len(write.changes) > MAX_CHANGES and write.beside is None:
            raise TooLarge(
                f"{len(write.changes)} changes in one call.", remedy=f"At most {MAX_CHANGES}; split the call."
            )
        self._queue.append(write)
        self._wake.set()
        if len(self._queue) >= MANY:
            self._many.set()
        return write.done

    async def _run(self, *, first: bool) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                if not first and not await self._is_wanted():
                    continue
                group = self._take()
                try:
                    await self._commit(group)
                except ProvinceError as refusal:  # of what is written beside the changes; such a write is alone
                    for write in group:
                        self._answer(write, refusal)
                except _LOST as error:
                    log.warning("commit failed", extra={"error": repr(error), "writes": len(group)})
                    await self._fall_apart(group, error)
                except asyncio.CancelledError:
                    self._refuse(group, "the server is stopping")
                    raise
                except Exception as error:
                    # A defect of ours over one write must not end the only committer: all others would wait for ever.
                    log.exception("commit failed by a defect", extra={"writes": len(group)})
                    await self._fall_apart(group, error)

    async def _is_wanted(self) -> bool:
        """Whether a second transaction is: many writes wait, or the first does not end."""
        taken = self._taken
        if len(self._queue) < MANY:
            self._many.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._many.wait(), PATIENCE_S)
        return len(self._queue) >= MANY or (taken == self._taken and len(self._queue) > 0)

    def _take(self) -> list[Write]:
        group: list[Write] = []
        size = 0
        self._taken += 1
        while self._queue and len(group) < MAX_GROUP:
            write = self._queue[0]
            if group and (write.alone or group[0].alone or size + len(write.changes) > MAX_CHANGES):
                break
            self._queue.popleft()
            size += len(write.changes)
            if not write.done.done():  # a caller that went away before its turn takes nothing with it
                group.append(write)
        return group

    async def _fall_apart(self, group: list[Write], error: Exception) -> None:
        """After a failed transaction: say that nobody knows, or find the member that is to blame."""
        if isinstance(error, _LOST) and not isinstance(error, (*_BLAMED, *_ROLLED_BACK)):
            self._refuse(group, "the database did not answer")
        elif len(group) == 1:
            self._answer(group[0], _translate(error))
        else:
            for write in group:
                try:
                    await self._commit([write])
                except Exception as own:
                    if not isinstance(own, _BLAMED):
                        log.exception("commit failed")
                    await self._fall_apart([write], own)

    def _refuse(self, group: Sequence[Write], why: str) -> None:
        for write in group:
            self._answer(
                write,
                Unavailable(
                    f"{why}; it is not known whether the change was stored.",
                    remedy="Read it back, or repeat the call with the same Idempotency-Key.",
                ),
            )

    @staticmethod
    def _answer(write: Write, answer: tuple[Changed, ...] | ProvinceError) -> None:
        if write.done.done():
            return
        if isinstance(answer, ProvinceError):
            write.done.set_exception(answer)
        else:
            write.done.set_result(answer)

    async def _commit(self, group: list[Write]) -> None:
        if not group:
            return
        clock = asyncio.get_running_loop().time
        if clock() >= self._met_until and all(_is_new(write) and not self._rests(write) for write in group):
            try:
                await self._create(group)
            except asyncpg.UniqueViolationError:  # something of it exists: who may know, and what they are told
                self._met_until = clock() + MET_S
            else:
                return
        await self._change(group)

    async def _create(self, group: Sequence[Write]) -> None:
        """Creations need no look at what is there: the primary key tells. One statement, which is a transaction."""
        answers: list[tuple[Write, tuple[Changed, ...] | ProvinceError]] = []
        accepted: list[tuple[Write, list[Step]]] = []
        state: dict[tuple[str, str], Entity | None] = {}
        async with self._pool.acquire(timeout=10) as connection:
            now = datetime.now(UTC)
            for write in group:
                try:
                    steps = self._plan(write, state, now)
                except ProvinceError as refusal:
                    answers.append((write, refusal))
                    continue
                for one in steps:
                    state[(write.actor.tenant, one.change.id)] = one.after
                accepted.append((write, steps))
            if accepted:
                await rows.store(connection, accepted, self._types, now)
        answers.extend((write, rows.changed(steps)) for write, steps in accepted)
        for write, answer in answers:
            self._answer(write, answer)

    async def _change(self, group: Sequence[Write]) -> None:
        """Lock what is there, work out what becomes of it, store it."""
        answers: list[tuple[Write, tuple[Changed, ...] | ProvinceError]] = []
        async with self._pool.acquire(timeout=10) as connection, connection.transaction():
            now = datetime.now(UTC)
            earlier = await rows.read_answers(connection, group)
            wanted = {(w.actor.tenant, c.id) for w in group for c in w.changes}
            state = await rows.lock_entities(connection, wanted)
            accepted: list[tuple[Write, list[Step]]] = []
            for write in group:
                answered = earlier.get((write.actor.tenant, write.key or ""))
                if answered is not None:
                    answers.append((write, answered))
                    continue
                try:
                    steps = self._plan(write, state, now)
                    if self._resting and not write.grounded:
                        await require_ground(connection, self._types, write.actor, steps)
                    await reserve(connection, write, steps)
                except ProvinceError as refusal:
                    answers.append((write, refusal))
                    continue
                for one in steps:  # later writes of the group see what this one did
                    state[(write.actor.tenant, one.change.id)] = one.after
                accepted.append((write, steps))
                if write.key:
                    earlier[(write.actor.tenant, write.key)] = rows.changed(steps)
            await fill_counters(connection, accepted)
            if accepted:
                await rows.store(connection, accepted, self._types, now)
                for write, _ in accepted:
                    if write.beside is not None:
                        await write.beside(connection)
            answers.extend((write, rows.changed(steps)) for write, steps in accepted)
        for write, answer in answers:
            self._answer(write, answer)

    def _rests(self, write: Write) -> bool:
        """Something of it is held on consent: whether that still stands is looked at."""
        return any(name in self._resting for c in write.changes for name in (c.type, *c.types))

    def _plan(self, write: Write, state: Mapping[tuple[str, str], Entity | None], now: datetime) -> list[Step]:
        tenant = write.actor.tenant
        mine: dict[str, Entity | None] = {}
        steps: list[Step] = []
        for change in write.changes:
            before = mine[change.id] if change.id in mine else state.get((tenant, change.id))
            entity_type = self._types.get(before.type if before else change.type)
            owner = before.agency if before is not None and change.agency is None else change.agency
            write.check(change, before, owner)
            replaces = before is not None and change.op in ("replace", "put")
            hidden = write.hides(before) if before is not None and replaces else None
            planned = step(tenant, change, before, entity_type, now, hidden)
            if planned.after is not None and not planned.skipped:
                planned.after = self._place(planned.after, planned.before, entity_type)
            mine[change.id] = planned.after
            steps.append(planned)
        return steps

    def _place(self, after: Entity, before: Entity | None, entity_type: EntityType | None) -> Entity:
        name = entity_type.info.place if entity_type and entity_type.info.place else "location"
        found = after.attrs.get(name)
        if found is None or found.type != "GeoProperty" or (before is not None and before.attrs.get(name) is found):
            return after
        return _with_area(after, self._locate(after.tenant, found.value))


def _with_area(entity: Entity, area: str | None) -> Entity:
    return entity if entity.area == area else rows.replace(entity, area=area)


def _is_new(write: Write) -> bool:
    """It only creates, and asks for nothing that stands in other tables."""
    return write.key is None and not write.alone and all(c.op == "create" and not c.counters for c in write.changes)


_LOST = (*LOST, asyncpg.PostgresError)
_BLAMED = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
"""Failures that one write of a group causes."""


_ROLLED_BACK = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Two groups stood in each other's way; PostgreSQL undid this one: its writes are tried alone."""


def _translate(error: Exception) -> ProvinceError:
    if isinstance(error, _ROLLED_BACK):
        return Conflict("others wrote the same records in the same instant; nothing was stored.", remedy="Try again.")
    if not isinstance(error, _BLAMED):
        return ProvinceError(
            "the change could not be stored because of a defect of this program; nothing was stored.",
            remedy="The server's log has the details; report them to the developers.",
        )
    if isinstance(error, asyncpg.UniqueViolationError):
        if error.constraint_name == "entity_key_pkey":
            found = rows.taken_key(error.detail or "")
            return AlreadyExists(
                f"another {found.type} has the same {found.fields}.",
                field=found.fields,
                remedy="Use the existing one, or give a different value.",
            )
        if error.constraint_name == "entity_pkey":
            return AlreadyExists("the entity exists.", field="id", remedy="Choose another id, or update it.")
        return Conflict(f"somebody else wrote at the same instant ({error.constraint_name}).", remedy="Try again.")
    return InvalidInput(
        f"the database refuses the value: {error.args[0]}.", remedy="Check text and numbers for oddities."
    )

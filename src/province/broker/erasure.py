"""Erasing what is held about a person: previewed, decided, carried out to the end, and proven without a value.

A decision is a row with names, never values. The process `work` carries it out in steps that may be repeated: readings,
then the record with its history, messages and copies in one transaction, then the contents of files. It is done when
nothing of it is left, however often a process dies on the way. The audit keeps that it happened; its commitments tell
nothing any more, since their salt went with the values.

Backups are not touched: they hold what they held until the site removes them. Every decision is written into a ledger
outside the database, so that a restored backup is erased again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal, Protocol

import asyncpg
import msgspec

from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.rows import COLUMNS, entity_of
from province.broker.scrub import is_clean, keys_of, scrub
from province.broker.subjects import (
    FIND,
    Part,
    files_of,
    identifiers_in,
    part_of,
    records_of,
    set_aside_of,
)  # fmt: skip
from province.broker.traces import Copies, Trace, Traces, erase_jobs, in_jobs, in_texts
from province.broker.write import Write
from province.errors import InvalidInput, NotFound, ProvinceError
from province.identity import audit, policy
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.entity import Entity, split_key
from province.model.schema import EntityType
from province.model.time import Instant, now
from province.vocab.area import civil_day

log = logging.getLogger(__name__)

PERMISSION: Final = "erasure.create"
EVERY_S: Final = 1.0
EXPIRE_S: Final = 3600.0
BATCH: Final = 200
MAX_REFERENCE: Final = 200
_LOCK: Final = 0x45524153  # "ERAS"
Ground = Literal["request", "consent", "retention", "restored", "other"]


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure removes, or did remove, counted by where it lies.

    state: values of records.  history: earlier and present values with their salts.  outbox: events that named a value.
    messages: notices, mail and SMS about the records, and notifications of subscribers.  readings: in the lake.
    files: contents on disk.  repairs: failed effects and refused messages that held a copy.  copies: files of imports
    and refused rows.  jobs: jobs whose arguments held a copy.
    """

    records: int = 0
    state: int = 0
    history: int = 0
    outbox: int = 0
    messages: int = 0
    readings: int = 0
    files: int = 0
    repairs: int = 0
    copies: int = 0
    jobs: int = 0


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision would do. name: of the subject, for the page alone.  traces: what it leaves to people."""

    subject: str
    name: str
    parts: tuple[Part, ...]
    effect: Effect
    files: tuple[str, ...] = ()
    traces: Traces = Traces()


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """A decision."""

    tenant: str
    id: str
    subject: str
    ground: Ground
    reference: str
    parts: tuple[Part, ...]
    files: tuple[str, ...]
    decided_by: str
    decided_at: Instant
    state: Literal["decided", "done"]
    effect: Effect
    done_at: Instant | None = None
    found: tuple[Trace, ...] = ()
    """Where else traces of the person were, when it was decided, that a person has to look at."""


class Ledger(Protocol):
    """Where decisions are kept outside the database."""

    def append(self, one: Erasure) -> None:
        """Keep a decision, durably. One that is there already may stand twice. Raises: OSError."""
        ...

    def read(self) -> list[Erasure]:
        """All of them."""
        ...


RemoveFiles = Callable[[str, Sequence[str]], Awaitable[int]]
"""remove_files(tenant, hashes) → contents that were removed: those that no record names any more."""
EraseReadings = Callable[[str, Sequence[str], Actor], Awaitable[int]]
"""erase_readings(entity, attributes, actor) → readings that count no more and go from the files."""


class Erasures:
    """broker, committer: of this process.  ledger: outside the database."""

    def __init__(
        self, broker: Broker, committer: Committer, *, remove_files: RemoveFiles, erase_readings: EraseReadings,
        ledger: Ledger, copies: Copies,
    ) -> None:  # fmt: skip
        self._broker = broker
        self._pool: Pool = broker.pool
        self._committer = committer
        self._remove_files = remove_files
        self._erase_readings = erase_readings
        self._ledger = ledger
        self._copies = copies

    # --- people ------------------------------------------------------------------------------------------------------

    async def preview(self, actor: Actor, subject: str) -> Preview:
        """What would go. subject: id of a record, or login or id of an account: then of all records that name it.

        Raises: NotFound, NotAllowed: of one of the records.
        """
        policy.require_somewhere(actor, PERMISSION)
        types, tenant = self._broker.types, actor.tenant
        async with self._pool.acquire() as connection:
            entities, name, known = await records_of(connection, types, tenant, subject.strip())
            aside = await set_aside_of(connection, tenant, known, [e.id for e in entities])
            for agency, area in [(e.agency, e.area) for e in entities] + [(a.agency, a.area) for a in aside]:
                policy.require(actor, PERMISSION, agency=agency, area=area)
            parts = _together([p for e in entities if (p := part_of(types, e)) is not None], [a.part for a in aside])
            files = tuple(dict.fromkeys((*files_of(types, entities), *(f for a in aside for f in a.files))))
            effect = await self._count(connection, tenant, parts, files)
        return await self._with_traces(
            actor, Preview(subject=known, name=name, parts=parts, effect=effect, files=files)
        )

    async def _with_traces(self, actor: Actor, seen: Preview) -> Preview:
        """With what lies outside the records: counted where it surely goes, told where a person has to look."""
        ids = [p.entity for p in seen.parts]
        async with self._pool.acquire() as connection:
            identifiers = await identifiers_in(connection, self._broker.types, actor.tenant, seen.parts)
            jobs = await in_jobs(connection, actor.tenant, ids, identifiers)
        texts = await in_texts(
            self._pool, self._broker.types, actor, identifiers, {p.entity: p.fields for p in seen.parts}
        )
        files, unsearched = await self._copies.find(actor.tenant, ids, identifiers)
        every = (*texts.found, *files, *jobs)
        certain = {
            "copies": sum(t.count for t in files if t.certain), "jobs": sum(t.count for t in jobs if t.certain)
        }  # fmt: skip
        return msgspec.structs.replace(
            seen, effect=_add(seen.effect, certain),
            traces=msgspec.structs.replace(
                texts, found=tuple(t for t in every if not t.certain), unsearched=(*texts.unsearched, *unsearched)
            ),
        )  # fmt: skip

    async def decide(self, actor: Actor, subject: str, *, ground: Ground, reference: str = "") -> Erasure:
        """Decide it; it is carried out within seconds. reference: a file number, no name. Raises: as `preview`."""
        found = await self.preview(actor, subject)
        if not found.parts:
            raise NotFound("nothing personal is held there.", field="subject", remedy="Check the id or login.")
        if ground not in ("request", "consent", "other"):
            raise InvalidInput(f"{ground[:20]!r} is no ground.", field="ground", remedy="request, consent or other.")
        reference = reference.strip()
        if len(reference) > MAX_REFERENCE or "\x00" in reference:
            raise InvalidInput("the reference is too long.", field="reference", remedy="Give the file number alone.")
        return await self._decide(actor, found.subject, ground, reference, found.parts, found.files, found.traces.found)

    async def decide_parts(
        self, actor: Actor, subject: str, parts: Sequence[Part], files: Sequence[str], *, ground: Ground,
        reference: str = "",
    ) -> Erasure:  # fmt: skip
        """Decide what another part of the product has planned and checked."""
        seen = await self._with_traces(
            actor, Preview(subject=subject, name=subject, parts=tuple(parts), effect=Effect())
        )
        return await self._decide(actor, subject, ground, reference, parts, files, seen.traces.found)

    async def decisions(self, actor: Actor, *, limit: int = 100) -> list[Erasure]:
        """Decisions, newest first. Raises: NotAllowed."""
        policy.require_somewhere(actor, "erasure.read")
        rows = await self._pool.fetch(
            "SELECT * FROM erasure WHERE tenant = $1 ORDER BY decided_at DESC, id LIMIT $2", actor.tenant, limit
        )
        return [_erasure(row) for row in rows]

    async def _decide(
        self, actor: Actor, subject: str, ground: Ground, reference: str, parts: Sequence[Part], files: Sequence[str],
        found: Sequence[Trace] = (),
    ) -> Erasure:  # fmt: skip
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                "INSERT INTO erasure (tenant, id, subject, ground, reference, plan, files, decided_by, found)"
                " VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::jsonb, $8, $9::text::jsonb) RETURNING *",
                actor.tenant, uuid.uuid4(), subject, ground, reference, _text(parts), _text(files), actor.id,
                _text(found),
            )  # fmt: skip
            assert row is not None
            made = _erasure(row)
            detail = {"erasure": made.id, "ground": ground, "entities": [p.entity for p in parts]}
            await audit.record(connection, actor, "erasure.decided", detail=detail)
        return made

    async def _count(self, connection: Connection, tenant: str, parts: Sequence[Part], files: Sequence[str]) -> Effect:
        total = Effect(records=len(parts), files=len(files))
        for part in parts:
            keys = await keys_of(connection, tenant, part)
            row = await connection.fetchrow(
                "SELECT (SELECT count(*) FROM entity e, jsonb_object_keys(e.attrs) k WHERE e.tenant = $1 AND e.id = $2"
                "  AND k = ANY($3::text[])) AS state,"
                " (SELECT count(*) FROM attribute_instance WHERE tenant = $1 AND entity = $2 AND attr = ANY($3)"
                "  AND attribute IS NOT NULL) AS history,"
                " (SELECT count(*) FROM outbox WHERE tenant = $1 AND entity = $2 AND (kind <> 'event'"
                "  OR payload -> 'was' ?| $3::text[])) AS outbox,"
                " (SELECT count(*) FROM notice WHERE tenant = $1 AND about = $2)"
                "  + (SELECT count(*) FROM dispatch WHERE tenant = $1 AND about = $2)"
                "  + (SELECT count(*) FROM notification WHERE tenant = $1 AND entity = $2) AS messages,"
                " (SELECT count(*) FROM failed_effect WHERE tenant = $1"
                "  AND event -> 'entity' ->> 'id' = $2) AS repairs",
                tenant, part.entity, keys,
            )  # fmt: skip
            assert row is not None
            total = _add(total, {name: int(row[name]) for name in row.keys()})  # noqa: SIM118 - a record
        return total

    # --- carrying out ------------------------------------------------------------------------------------------------

    async def run(self, tenants: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Carry out what is decided, until cancelled; once an hour decide what is past its period."""
        replayed, expired_at = False, -EXPIRE_S
        while True:
            try:
                async with leadership(self._pool, _LOCK) as leader:
                    while leader is not None and not leader.is_closed():
                        if not replayed:
                            await self.replay(await tenants())
                            replayed = True
                        if asyncio.get_running_loop().time() - expired_at >= EXPIRE_S:
                            expired_at = asyncio.get_running_loop().time()
                            for tenant in await tenants():
                                await self.expire(tenant)
                        await self.carry_out()
                        await asyncio.sleep(EVERY_S)
            except (*LOST, asyncpg.PostgresError, ProvinceError) as error:
                log.warning("erasures wait", extra={"error": repr(error)[:500]})
            await asyncio.sleep(EVERY_S)

    async def carry_out(self) -> int:
        """Finish every decision that is not done. One that cannot be finished now is left for the next turn."""
        rows = await self._pool.fetch(
            "SELECT * FROM erasure WHERE state = 'decided' ORDER BY decided_at LIMIT $1", BATCH
        )
        done = 0
        for row in rows:
            one = _erasure(row)
            try:
                # First outside the database: whoever dies now and is restored from a backup still erases.
                await asyncio.to_thread(self._ledger.append, one)
                done += await self._finish(one)
            except (ProvinceError, OSError) as error:
                log.warning("an erasure waits", extra={"erasure": one.id, "error": repr(error)[:500]})
        return done

    async def _finish(self, one: Erasure) -> bool:
        actor = system(one.tenant, "erasure")
        ids = [p.entity for p in one.parts]
        # While the values are there to be looked for: a process that dies here begins again with them.
        async with self._pool.acquire() as connection:
            identifiers = await identifiers_in(connection, self._broker.types, one.tenant, one.parts)
            jobs = await erase_jobs(connection, one.tenant, ids, identifiers)
        copies = await self._copies.erase(one.tenant, ids, identifiers)
        effect = _add(one.effect, {"copies": copies, "jobs": jobs})
        for part in one.parts:
            kind = self._broker.types.get(part.type)
            measured = [
                n for n in part.fields if kind is not None and n in kind.fields and kind.fields[n].field.observed
            ]
            gone = await self._erase_readings(part.entity, measured, actor) if measured else 0
            effect = await self._erase(one, part, _add(effect, {"readings": gone}))
        removed = await self._remove_files(one.tenant, one.files)
        effect = _add(effect, {"files": removed})
        async with self._pool.acquire() as connection, connection.transaction():
            if not await is_clean(connection, one.tenant, one.parts):
                return False  # a message is just being sent: look again in a moment
            status = await connection.execute(
                "UPDATE erasure SET state = 'done', done_at = now(), effect = $3::text::jsonb"
                " WHERE tenant = $1 AND id = $2 AND state = 'decided'",
                one.tenant, uuid.UUID(one.id), _text(effect),
            )  # fmt: skip
            if status == "UPDATE 1":
                detail = {"erasure": one.id, "ground": one.ground, "decided_by": one.decided_by,
                          "entities": [p.entity for p in one.parts], "effect": msgspec.to_builtins(effect),
                          "fields": sorted({f for p in one.parts for f in p.fields})}  # fmt: skip
                await audit.record(connection, actor, "erasure.done", detail=detail)
        return status == "UPDATE 1"

    async def _erase(self, one: Erasure, part: Part, effect: Effect) -> Effect:
        """The record, its history and every copy, in one transaction with what the decision has come to so far."""
        counted = effect

        async def beside(connection: Connection) -> None:
            nonlocal counted
            keys = await keys_of(connection, one.tenant, part)
            counted = _add(effect, await scrub(connection, one.tenant, part, keys))
            await connection.execute(
                "UPDATE erasure SET effect = $3::text::jsonb WHERE tenant = $1 AND id = $2",
                one.tenant, uuid.UUID(one.id), _text(counted),
            )  # fmt: skip

        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(FIND, one.tenant, part.entity)
        changes: tuple[Change, ...] = ()
        if row is not None:
            entity = entity_of(row)
            keys = [k for k in entity.attrs if split_key(k)[0] in part.fields]
            kind = self._broker.types.get(entity.type)
            event = f"{kind.noun if kind else entity.type.lower()}.erased"
            if keys:
                effect = _add(effect, {"state": len(keys)})
                op: Literal["delete", "merge"] = "delete" if part.whole else "merge"
                attrs = {} if part.whole else dict.fromkeys(keys)
                changes = (Change(op=op, id=entity.id, type=entity.type, attrs=attrs, event=event),)
        write = Write(changes, system(one.tenant, "erasure"), lambda *_: None, beside=beside)
        await self._committer.submit(write)
        return counted

    # --- what nobody decides by hand ---------------------------------------------------------------------------------

    async def expire(self, tenant: str) -> int:
        """Decide the erasure of personal fields that are past the period of their declaration. Returns how many."""
        today = date.fromisoformat(civil_day(now()))
        decided = 0
        for kind in self._broker.types.values():
            processing = kind.processing_on(today.isoformat())
            if processing is None or processing.keep_days is None:
                continue
            before = today - timedelta(days=processing.keep_days)
            for entity in await self._past(tenant, kind, processing.after, before):
                part = part_of(self._broker.types, entity)
                if part is not None:
                    await self._decide(
                        system(tenant, "retention"),
                        entity.id,
                        "retention",
                        "",
                        (part,),
                        files_of(self._broker.types, (entity,)),
                    )
                    decided += 1
        return decided

    async def _past(self, tenant: str, kind: EntityType, after: str, before: date) -> list[Entity]:
        """Records that ended, whose time counts from before a day, and that still hold a personal value."""
        workflow = kind.info.workflow
        ended = "true"
        given: list[Any] = [tenant, kind.name, after, before.isoformat(), list(kind.personal), BATCH]
        if workflow is not None:
            given += [workflow.attribute, sorted(workflow.final)]
            ended = "(e.attrs -> $7::text ->> 'value') = ANY($8::text[])"
        rows = await self._pool.fetch(
            f"SELECT {COLUMNS} FROM entity e WHERE e.tenant = $1 AND e.type = $2 AND {ended}"  # noqa: S608 - constants
            " AND left(coalesce(e.attrs -> $3::text -> 'value' ->> '@value', e.attrs -> $3::text ->> 'value'), 10) < $4"
            " AND e.attrs ?| $5::text[] AND NOT EXISTS (SELECT 1 FROM erasure x WHERE x.tenant = e.tenant"
            "  AND x.subject = e.id AND x.state = 'decided') LIMIT $6",
            *given,
        )  # fmt: skip
        return [entity_of(row) for row in rows]

    async def replay(self, tenants: Sequence[str]) -> int:
        """Decide again what the ledger knows and the database does not: it was restored from a backup of before."""
        told = [e for e in await asyncio.to_thread(self._ledger.read) if e.tenant in tenants]
        if not told:
            return 0
        ids = [uuid.UUID(e.id) for e in told]
        rows = await self._pool.fetch("SELECT tenant, id FROM erasure WHERE id = ANY($1::uuid[])", ids)
        known = {(r["tenant"], str(r["id"])) for r in rows}
        again = {(e.tenant, e.id): e for e in told if (e.tenant, e.id) not in known}
        for one in again.values():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(
                    "INSERT INTO erasure (tenant, id, subject, ground, reference, plan, files, decided_by, decided_at)"
                    " VALUES ($1, $2, $3, 'restored', $4, $5::text::jsonb, $6::text::jsonb, $7, $8)"
                    " ON CONFLICT DO NOTHING",
                    one.tenant, uuid.UUID(one.id), one.subject, one.reference, _text(one.parts), _text(one.files),
                    one.decided_by, one.decided_at,
                )  # fmt: skip
                detail = {"erasure": one.id, "ground": "restored", "entities": [p.entity for p in one.parts]}
                await audit.record(connection, system(one.tenant, "erasure"), "erasure.decided", detail=detail)
        return len(again)


def _together(present: Sequence[Part], aside: Sequence[Part]) -> tuple[Part, ...]:
    """Parts of the same record are one."""
    found: dict[str, Part] = {}
    for part in (*present, *aside):
        known = found.get(part.entity)
        if known is not None:
            fields = tuple(dict.fromkeys((*known.fields, *part.fields)))
            part = msgspec.structs.replace(known, fields=fields, whole=known.whole or part.whole)
        found[part.entity] = part
    return tuple(found.values())


def _erasure(row: Any) -> Erasure:
    return Erasure(
        tenant=row["tenant"], id=str(row["id"]), subject=row["subject"], ground=row["ground"],
        reference=row["reference"], parts=msgspec.json.decode(row["plan"], type=tuple[Part, ...]),
        files=msgspec.json.decode(row["files"], type=tuple[str, ...]), decided_by=row["decided_by"],
        decided_at=row["decided_at"], state=row["state"], effect=msgspec.json.decode(row["effect"], type=Effect),
        done_at=row["done_at"], found=msgspec.json.decode(row["found"], type=tuple[Trace, ...]),
    )  # fmt: skip


def _add(effect: Effect, more: Mapping[str, int]) -> Effect:
    return msgspec.structs.replace(effect, **{name: getattr(effect, name) + n for name, n in more.items()})


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""What the withdrawal of a consent starts: where it was the only ground, the values are set aside at once.

What is set aside has left the records, their history and what waits to be sent, so nobody reads it, no rule works with
it and nothing finds by it; nobody writes it anew (`withheld`). A person then confirms the erasure, or says on which
other ground the values are held: they go back. The controller is told in either case, also when another ground goes on
and nothing stops.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import asyncpg
import msgspec

from province.broker.audit_search import own_records
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.consents import rests_on
from province.broker.database import LOST, Connection
from province.broker.erasure import PERMISSION, Erasure, Erasures
from province.broker.rows import entity_of
from province.broker.scrub import keys_of, put_history_back, set_history_aside, strip_waiting
from province.broker.subjects import FIND, Part, files_of, part_of
from province.broker.write import Message, Write
from province.errors import Conflict, InvalidInput, NotFound, ProvinceError
from province.identity import audit, policy
from province.identity.roles import holders
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.entity import Attribute, Entity, split_key
from province.model.label import Label
from province.model.schema import EntityType
from province.model.time import EARLIEST, Instant
from province.pack import Notice

log = logging.getLogger(__name__)
EVERY_S: Final = 2.0
_ATTEMPTS: Final = 5
SHORTEST_REASON: Final = 10
LONGEST_REASON: Final = 500
FOREVER: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Until then readings of a field that is set aside do not count, those that come in later too."""

MarkReadings = Callable[[str, str, Literal["invalid", "restore"], Instant, Instant, Actor], Awaitable[None]]
"""mark(entity, attribute, kind, from, until, actor): readings that do not count, or count again."""


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """Values of one record that wait for a word."""

    id: str
    subject: str
    part: Part
    purpose: str
    at: Instant
    agency: str | None
    area: str | None
    state: Literal["waiting", "erased", "returned"]
    decided_by: str | None = None
    decided_at: Instant | None = None
    reason: str = ""


class Withdrawals:
    """mark: of the readings."""

    def __init__(self, broker: Broker, committer: Committer, erasures: Erasures, mark: MarkReadings) -> None:
        self._broker, self._committer, self._erasures, self._mark = broker, committer, erasures, mark
        self._pool = broker.pool

    # --- what nobody decides -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Settle what was withdrawn and not settled, for its process died; until cancelled."""
        while True:
            try:
                await self.settle_all()
            except (*LOST, asyncpg.PostgresError, ProvinceError) as error:
                log.warning("withdrawn consents wait", extra={"error": repr(error)[:500]})
            await asyncio.sleep(EVERY_S)

    async def settle_all(self) -> int:
        """Settle every withdrawal that waits. Returns how many were."""
        rows = await self._pool.fetch(
            "SELECT tenant, id FROM consent WHERE withdrawn_at IS NOT NULL AND settled_at IS NULL"
            " ORDER BY withdrawn_at LIMIT 200"
        )
        for row in rows:
            await self.settle(row["tenant"], row["id"])
        return len(rows)

    async def settle(self, tenant: str, consent: int) -> int:
        """Do what a withdrawal starts. Returns the records of which something was set aside. Idempotent."""
        row = await self._pool.fetchrow("SELECT * FROM consent WHERE tenant = $1 AND id = $2", tenant, consent)
        if row is None or row["withdrawn_at"] is None or row["settled_at"] is not None:
            return 0
        kinds = rests_on(self._broker.types, row["purpose"], row["type"])
        again = await self._pool.fetch(
            "SELECT purpose, type FROM consent WHERE tenant = $1 AND subject = $2 AND withdrawn_at IS NULL",
            tenant, row["subject"],
        )  # fmt: skip
        stand = {k.name for r in again for k in rests_on(self._broker.types, r["purpose"], r["type"])}
        entities = await self._records(tenant, row["subject"], [k for k in kinds if k.name not in stand])
        for entity in entities:
            for attempt in range(_ATTEMPTS):  # somebody may write the record at this very moment
                try:
                    await self._set_aside(row, entity.id)
                    break
                except Conflict:
                    if attempt == _ATTEMPTS - 1:
                        raise
        async with self._pool.acquire() as connection:
            aside = await connection.fetch(
                "SELECT entity, agency FROM set_aside WHERE tenant = $1 AND consent = $2", tenant, consent
            )
            told = {r["agency"] for r in aside if r["agency"]} or set(await holders(connection, tenant, PERMISSION))
        messages = tuple(_notice(to, bool(kinds), len(aside)) for to in sorted(told))
        actor = system(tenant, "consent")

        async def settled(connection: Connection) -> None:
            await connection.execute(
                "UPDATE consent SET settled_at = now() WHERE tenant = $1 AND id = $2", tenant, consent
            )
            detail = {"consent": consent, "subject": row["subject"], "entities": [r["entity"] for r in aside]}
            await audit.record(connection, actor, "consent.settled", detail=detail)

        key = f"consent settled {consent}"
        await self._committer.submit(Write((), actor, lambda *_: None, key=key, messages=messages, beside=settled))
        return len(aside)

    async def _records(self, tenant: str, subject: str, kinds: Sequence[EntityType]) -> list[Entity]:
        if not kinds:
            return []
        names = {k.name for k in kinds}
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(FIND, tenant, subject)
            if row is not None:
                found = [entity_of(row)]
            else:  # an account, also one that was closed since
                found = await own_records(connection, self._broker.types, tenant, subject)
        return [e for e in found if e.type in names]

    async def _set_aside(self, consent: Any, id: str) -> None:
        """One record: its values, what its history shows, what waits to be sent; in one transaction."""
        tenant, actor = consent["tenant"], system(consent["tenant"], "consent")
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(FIND, tenant, id)
        entity = entity_of(row) if row is not None else None
        part = part_of(self._broker.types, entity) if entity is not None else None
        if entity is None or part is None:
            return
        kind = self._broker.types[entity.type]
        for name in self._measured(part):
            await self._mark(id, name, "invalid", EARLIEST, FOREVER, actor)
        attrs = {k: a for k, a in entity.attrs.items() if split_key(k)[0] in part.fields}
        files = files_of(self._broker.types, (entity,))

        async def beside(connection: Connection) -> None:
            keys = await keys_of(connection, tenant, part)
            past = await set_history_aside(connection, tenant, id, keys)
            await strip_waiting(connection, tenant, id, keys)
            await connection.execute(
                "INSERT INTO set_aside (tenant, id, consent, subject, entity, type, agency, area, plan, files, attrs,"
                " past) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10::text::jsonb, $11::text::jsonb,"
                " $12::text::jsonb) ON CONFLICT (tenant, consent, entity) DO NOTHING",
                tenant, uuid.uuid4(), consent["id"], consent["subject"], id, entity.type, entity.agency, entity.area,
                _text(part), _text(files), _text(attrs), _text(past),
            )  # fmt: skip

        change = Change(
            op="merge", id=id, type=entity.type, attrs=dict.fromkeys(attrs), event=f"{kind.noun}.set_aside",
            expect_version=entity.version,
        )  # fmt: skip
        key = f"set aside {consent['id']} {id}"
        changes = (change,) if attrs else ()
        await self._committer.submit(Write(changes, actor, lambda *_: None, key=key, beside=beside))

    def _measured(self, part: Part) -> list[str]:
        kind = self._broker.types.get(part.type)
        return [n for n in part.fields if kind is not None and n in kind.fields and kind.fields[n].field.observed]

    # --- people ------------------------------------------------------------------------------------------------------

    async def listed(self, actor: Actor, *, limit: int = 100) -> list[SetAside]:
        """What waits, oldest first, then what was decided last. Raises: NotAllowed."""
        policy.require_somewhere(actor, "erasure.read")
        rows = await self._pool.fetch(
            "SELECT s.*, c.purpose FROM set_aside s JOIN consent c ON c.tenant = s.tenant AND c.id = s.consent"
            " WHERE s.tenant = $1 ORDER BY s.state <> 'waiting', CASE s.state WHEN 'waiting' THEN s.at END,"
            " s.decided_at DESC, s.id LIMIT $2", actor.tenant, limit,
        )  # fmt: skip
        return [_set_aside(row) for row in rows]

    async def confirm(self, actor: Actor, id: str, *, reference: str = "") -> Erasure:
        """Erase what was set aside. Raises: NotFound, NotAllowed, Conflict: it was decided."""
        async with self._pool.acquire() as connection:
            one, row = await self._waiting(connection, actor, id)
        files = msgspec.json.decode(row["files"], type=tuple[str, ...])
        made = await self._erasures.decide_parts(
            actor, one.part.entity, (one.part,), files, ground="consent", reference=reference
        )
        # Whoever dies here has decided all the same: what carries it out empties the row and closes it.
        await self._pool.execute(
            "UPDATE set_aside SET state = 'erased', decided_by = $3, decided_at = now(), erasure = $4"
            " WHERE tenant = $1 AND id = $2", actor.tenant, uuid.UUID(one.id), actor.id, uuid.UUID(made.id),
        )  # fmt: skip
        return made

    async def give_back(self, actor: Actor, id: str, reason: str) -> SetAside:
        """The values are held on another ground: they go back. reason: which. Raises: as `confirm`, InvalidInput."""
        reason = " ".join(reason.split())
        if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
            raise InvalidInput(
                f"the ground has {len(reason)} characters.", field="reason",
                remedy=f"Name in {SHORTEST_REASON} to {LONGEST_REASON} the law or contract that orders to hold them.",
            )  # fmt: skip
        async with self._pool.acquire() as connection:
            one, row = await self._waiting(connection, actor, id)
        attrs = msgspec.json.decode(row["attrs"], type=dict[str, Attribute])
        number = uuid.UUID(one.id)

        async def beside(connection: Connection) -> None:
            status = await connection.execute(
                "UPDATE set_aside SET state = 'returned', attrs = '{}', past = '[]', decided_by = $3,"
                " decided_at = now(), reason = $4 WHERE tenant = $1 AND id = $2 AND state = 'waiting'",
                actor.tenant, number, actor.id, reason,
            )  # fmt: skip
            if status != "UPDATE 1":
                raise _decided()
            past = msgspec.json.decode(row["past"], type=list[tuple[int, Any]])
            await put_history_back(connection, actor.tenant, one.part.entity, past)
            detail = {"entities": [one.part.entity], "fields": list(one.part.fields)}
            await audit.record(connection, actor, "consent.other_ground", entity=one.part.entity, detail=detail)

        kind = self._broker.types.get(one.part.type)
        change = Change(
            op="merge", id=one.part.entity, type=one.part.type, attrs=attrs,
            event=f"{kind.noun if kind else one.part.type.lower()}.given_back", style="fill",
        )  # fmt: skip
        changes = (change,) if attrs else ()
        write = Write(changes, system(actor.tenant, "consent"), lambda *_: None, beside=beside, grounded=True)
        await self._committer.submit(write)
        for name in self._measured(one.part):
            await self._mark(one.part.entity, name, "restore", EARLIEST, FOREVER, system(actor.tenant, "consent"))
        return msgspec.structs.replace(one, state="returned", decided_by=actor.id, reason=reason)

    async def _waiting(self, connection: Connection, actor: Actor, id: str) -> tuple[SetAside, Any]:
        try:
            number = uuid.UUID(id)
        except ValueError:
            raise NotFound("there is nothing of that kind set aside.", field="id") from None
        row = await connection.fetchrow(
            "SELECT s.*, c.purpose FROM set_aside s JOIN consent c ON c.tenant = s.tenant AND c.id = s.consent"
            " WHERE s.tenant = $1 AND s.id = $2", actor.tenant, number,
        )  # fmt: skip
        if row is None:
            policy.require_somewhere(actor, PERMISSION)
            raise NotFound("there is nothing of that kind set aside.", field="id")
        policy.require(actor, PERMISSION, agency=row["agency"], area=row["area"])
        if row["state"] != "waiting":
            raise _decided()
        return _set_aside(row), row


def _decided() -> Conflict:
    return Conflict("it was decided before.", field="id", remedy="See the list of decisions.")


def _notice(to: str, alone: bool, records: int) -> Message:
    """What the controller is told. It names nobody: what it is about stands behind the right to see it."""
    if records:
        body = Label(
            "Một sự đồng ý là căn cứ duy nhất đã được rút lại. Dữ liệu cá nhân đã ngừng xử lý ngay, số hồ sơ:"
            f" {records}. Hãy xác nhận xoá, hoặc nêu căn cứ khác, tại trang Xoá dữ liệu cá nhân.",
            f"A consent that was the only ground was withdrawn. Personal data of {records} records are processed no"
            " more. Confirm their erasure, or name another ground, on the page Erasure of personal data.",
        )
    elif alone:
        body = Label(
            "Một sự đồng ý đã được rút lại. Không còn hồ sơ nào giữ dữ liệu theo sự đồng ý này.",
            "A consent was withdrawn. No record holds data on that ground.",
        )
    else:
        body = Label(
            "Một sự đồng ý đã được rút lại. Không loại hồ sơ nào khai báo chỉ dựa vào mục đích này: hãy xem có việc xử"
            " lý nào ngoài hệ thống phải dừng.",
            "A consent was withdrawn. No type declares that it rests on that purpose alone: look whether processing"
            " outside of this system has to stop.",
        )
    notice = Notice(to=to, subject=Label("Rút lại sự đồng ý", "Consent withdrawn"), body=body)
    return Message("notice", "notice", msgspec.to_builtins(notice))


def _set_aside(row: Any) -> SetAside:
    return SetAside(
        id=str(row["id"]), subject=row["subject"], part=msgspec.json.decode(row["plan"], type=Part),
        purpose=row["purpose"], at=row["at"], agency=row["agency"], area=row["area"], state=row["state"],
        decided_by=row["decided_by"], decided_at=row["decided_at"], reason=row["reason"],
    )  # fmt: skip


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""Dead letters as one list: messages that could not be taken in, effects of rules and jobs that failed, notifications
that a subscriber did not take, and mail and SMS that could not leave."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from province.adapters import dispatch
from province.app.core import Core
from province.broker import deadletter
from province.broker.jobs import LETTER
from province.broker.subscriptions import delivery
from province.console import services as console
from province.errors import InvalidInput, NotFound
from province.identity import audit, policy
from province.ingest.letters import read_letter
from province.model.actor import Actor, system

_PAGE = 50
_MESSAGES = (
    "SELECT 'message' AS kind, id, door || ' ' || source AS source, at, reason, field, readings AS attempts, state,"
    " payload, media_type FROM dead_letter WHERE tenant = $1"
)
_EFFECTS = (
    "SELECT 'effect' AS kind, id, handler AS source, at, reason, '' AS field, attempts, state,"
    " convert_to(event::text, 'UTF8') AS payload, 'application/json' AS media_type FROM failed_effect WHERE tenant = $1"
)
_NOTIFICATIONS = (
    "SELECT 'notification' AS kind, id, 'subscription ' || subscription AS source, at, reason, '' AS field, attempts,"
    " state, convert_to(happening::text, 'UTF8') AS payload, 'application/json' AS media_type FROM notification"
    " WHERE tenant = $1"
)
_DISPATCHES = (
    "SELECT 'dispatch' AS kind, id, way AS source, at, reason, '' AS field, attempts, state,"
    " convert_to(subject_vi || E'\\n\\n' || body_vi, 'UTF8') AS payload, 'text/plain' AS media_type FROM dispatch"
    " WHERE tenant = $1"
)
_ALL = f"{_MESSAGES} UNION ALL {_EFFECTS} UNION ALL {_NOTIFICATIONS} UNION ALL {_DISPATCHES}"


def build(core: Core) -> console.DeadLetters:
    """The letters of an installation. Reading them needs `letter.read`, settling them `letter.change`."""

    async def listed(actor: Actor, after: str) -> tuple[Sequence[console.DeadLetter], str]:
        policy.require_somewhere(actor, "letter.read")
        at, id = _read_token(after)
        async with core.pool.acquire() as connection:
            rows = await connection.fetch(
                f"SELECT * FROM ({_ALL}) u"  # noqa: S608 - constants
                " WHERE state = 'open' AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3)) ORDER BY at DESC, id DESC"
                " LIMIT $4",
                actor.tenant,
                at,
                id,
                _PAGE + 1,
            )
        page = [_letter(row) for row in rows[:_PAGE]]
        return page, _make_token(rows[_PAGE - 1]) if len(rows) > _PAGE else ""

    async def get(actor: Actor, letter: str) -> console.DeadLetter:
        policy.require_somewhere(actor, "letter.read")
        return _letter(await find(actor, letter), whole=True)

    async def find(actor: Actor, letter: str) -> asyncpg.Record:
        async with core.pool.acquire() as connection:
            row = await connection.fetchrow(
                f"SELECT * FROM ({_ALL}) u WHERE id = $2",  # noqa: S608 - constants
                actor.tenant,
                _uuid(letter),
            )
        if row is None:
            raise NotFound("there is no such letter.", field="id")
        return row

    async def retry(actor: Actor, letter: str) -> None:
        policy.require_somewhere(actor, "letter.change")
        row = await find(actor, letter)
        if row["kind"] == "effect" and row["source"].startswith(LETTER):
            await core.jobs.retry(actor.tenant, row["id"], row["source"])
        elif row["kind"] == "effect":
            await core.relay.retry(actor.tenant, row["id"], row["source"])
        elif row["kind"] == "notification":
            await delivery.retry(core.pool, actor.tenant, row["id"])
        elif row["kind"] == "dispatch":
            await dispatch.retry(core.pool, actor.tenant, row["id"])
        else:
            await _observe_again(core, row, actor)
            await deadletter.settle(core.pool, actor.tenant, row["id"], "retried")
        await note(actor, letter, "letter.retried", "")

    async def dismiss(actor: Actor, letter: str, reason: str) -> None:
        policy.require_somewhere(actor, "letter.change")
        row = await find(actor, letter)
        if row["kind"] == "effect":
            async with core.pool.acquire() as connection:
                await connection.execute(
                    "UPDATE failed_effect SET state = 'dismissed' WHERE tenant = $1 AND id = $2 AND handler = $3",
                    actor.tenant,
                    row["id"],
                    row["source"],
                )
        elif row["kind"] == "notification":
            await delivery.dismiss(core.pool, actor.tenant, row["id"])
        elif row["kind"] == "dispatch":
            await dispatch.dismiss(core.pool, actor.tenant, row["id"])
        else:
            await deadletter.settle(core.pool, actor.tenant, row["id"], "dismissed")
        await note(actor, letter, "letter.dismissed", reason)

    async def note(actor: Actor, letter: str, action: str, reason: str) -> None:
        async with core.pool.acquire() as connection:
            await audit.record(connection, actor, action, detail={"letter": letter, "reason": reason[:500]})

    return console.DeadLetters(listed, get, retry, dismiss)


async def _observe_again(core: Core, row: asyncpg.Record, actor: Actor) -> None:
    """Send a kept reading on, as the product: whoever may settle letters need not be allowed to measure.

    Raises: InvalidInput with the present reason when it is still refused.
    """
    table = read_letter(bytes(row["payload"]), row["media_type"])
    sender = system(actor.tenant, "letters")
    answer = await core.observer.observe(table, sender, source="letters", key=str(row["id"]))
    if answer.rejected:
        first = answer.rejected[0]
        raise InvalidInput(first.reason, field=first.field, remedy="Repair the cause, then retry.")


def _letter(row: asyncpg.Record, *, whole: bool = False) -> console.DeadLetter:
    payload: bytes = row["payload"]
    return console.DeadLetter(
        id=str(row["id"]),
        source=row["source"],
        at=row["at"],
        error=row["reason"],
        field=row["field"],
        remedy="",
        attempts=row["attempts"],
        size_bytes=len(payload),
        payload=payload.decode("utf-8", "replace") if whole else "",
        state={"open": "waiting"}.get(row["state"], row["state"]),
    )


def _make_token(row: asyncpg.Record) -> str:
    return base64.urlsafe_b64encode(f"{row['at'].isoformat()} {row['id']}".encode()).decode()


def _read_token(token: str) -> tuple[datetime | None, UUID | None]:
    if not token:
        return None, None
    try:
        at, _, id = base64.urlsafe_b64decode(token).decode().partition(" ")
        return datetime.fromisoformat(at), UUID(id)
    except ValueError:
        raise InvalidInput("the page token is not one of ours.", field="after") from None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("there is no such letter.", field="id") from None

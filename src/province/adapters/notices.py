"""Notices of packs, delivered to the inbox of the console: once for an event, however often it is tried."""

from __future__ import annotations

import re

import msgspec

from province.errors import InvalidInput, NotFound
from province.identity.audit import Connection
from province.model.actor import Actor
from province.model.label import Label
from province.model.text import nfc
from province.model.time import Instant
from province.pack import Notice

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_LONGEST_SUBJECT = 200
_LONGEST_BODY = 20_000
_MINE = """tenant = $1 AND recipient IN (
    WITH RECURSIVE desk (agency) AS (
        SELECT agency FROM account WHERE tenant = $1 AND id::text = $2 AND agency IS NOT NULL
        UNION SELECT s.former FROM agency_succession s JOIN desk d ON s.tenant = $1 AND s.successor = d.agency
            AND s.atoms IS NULL)
    SELECT $2 UNION ALL SELECT agency FROM desk)"""
"""One's own, those of the home agency, and those of the agencies that it took over whole."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in an inbox. recipient: an account, or an agency (then every account of it sees the notice)."""

    id: int
    recipient: str
    subject: Label
    body: Label
    about: str
    at: Instant
    read_at: Instant | None


async def deliver(conn: Connection, tenant: str, notice: Notice, event_id: str) -> bool:
    """Put a notice into the inbox of `notice.to`, an account or an agency. Returns False when it is there already.

    event_id: unique for this notice; of several notices of one event each has its own.  Raises: InvalidInput.
    """
    texts = (notice.to, notice.about, notice.subject.vi, notice.subject.en, notice.body.vi, notice.body.en)
    if any(_UNSTORABLE.search(text) for text in texts):
        raise InvalidInput("The notice holds NUL or half a character.", remedy="Remove what cannot be written.")
    for language in ("vi", "en"):
        if not notice.subject.in_(language).strip() or len(notice.subject.in_(language)) > _LONGEST_SUBJECT:
            raise InvalidInput(
                f"The subject is empty or longer than {_LONGEST_SUBJECT} characters.", field=f"subject.{language}"
            )
        if len(notice.body.in_(language)) > _LONGEST_BODY:
            raise InvalidInput(f"The body is longer than {_LONGEST_BODY} characters.", field=f"body.{language}")
    if not notice.to:
        raise InvalidInput("The notice names no recipient.", field="to", remedy="Give an account or an agency.")
    status = await conn.execute(
        """INSERT INTO notice (tenant, recipient, subject_vi, subject_en, body_vi, body_en, about, event_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, event_id) DO NOTHING""",
        tenant,
        notice.to,
        nfc(notice.subject.vi),
        nfc(notice.subject.en),
        nfc(notice.body.vi),
        nfc(notice.body.en),
        notice.about,
        event_id,
    )
    return status == "INSERT 0 1"


async def inbox(
    conn: Connection, actor: Actor, *, unread: bool = False, before: int | None = None, limit: int = 50
) -> tuple[Received, ...]:
    """The actor's own notices and those of the home agency, newest first, from before the notice `before` on."""
    rows = await conn.fetch(
        f"""SELECT id, recipient, subject_vi, subject_en, body_vi, body_en, about, at, read_at FROM notice
            WHERE {_MINE} AND ($3::bigint IS NULL OR id < $3) AND (NOT $4 OR read_at IS NULL)
            ORDER BY id DESC LIMIT $5""",  # noqa: S608 - a constant condition
        actor.tenant,
        actor.id,
        before,
        unread,
        limit,
    )
    return tuple(
        Received(
            id=r["id"],
            recipient=r["recipient"],
            subject=Label(r["subject_vi"], r["subject_en"]),
            body=Label(r["body_vi"], r["body_en"]),
            about=r["about"],
            at=r["at"],
            read_at=r["read_at"],
        )
        for r in rows
    )


async def unread_count(conn: Connection, actor: Actor) -> int:
    """How many notices of the inbox are unread; counting stops at 100."""
    found: int = await conn.fetchval(
        f"SELECT count(*) FROM (SELECT 1 FROM notice WHERE {_MINE} AND read_at IS NULL LIMIT 100) n",  # noqa: S608
        actor.tenant,
        actor.id,
    )
    return found


async def mark_read(conn: Connection, actor: Actor, notice: int) -> None:
    """Mark a notice of the inbox as read; the first reader and time stay. Raises: NotFound for another's notice."""
    status = await conn.execute(
        f"""UPDATE notice SET read_by = coalesce(read_by, $2), read_at = coalesce(read_at, now())
            WHERE {_MINE} AND id = $3""",  # noqa: S608
        actor.tenant,
        actor.id,
        notice,
    )
    if status != "UPDATE 1":
        raise NotFound(f"There is no notice {notice} in this inbox.", field="notice")

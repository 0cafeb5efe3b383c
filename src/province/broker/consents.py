"""What persons agreed to: given, and withdrawn at any time, for one purpose each. A withdrawal is never refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from province.broker.database import Connection
from province.errors import Conflict, InvalidInput, NotFound, NotSignedIn
from province.identity import audit, policy
from province.model.actor import Actor
from province.model.schema import EntityType
from province.model.time import Instant, now
from province.vocab.area import civil_day

LONGEST: Final = 200


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One consent. subject: id of an account or a record.  evidence: where it was given."""

    id: int
    subject: str
    purpose: str
    given_at: Instant
    given_by: str
    evidence: str
    withdrawn_at: Instant | None
    withdrawn_by: str | None
    type: str = ""
    """The type of records whose personal fields rest on it; empty: a purpose in free words."""
    settled_at: Instant | None = None
    """When what its withdrawal starts was done."""


async def give(
    connection: Connection, actor: Actor, subject: str, purpose: str, *, evidence: str = "", type: str = ""
) -> Consent:
    """Write down that a person agreed. One's own needs no right; another's, from a signed form, `consent.create`.

    type: of the records whose personal fields rest on it.

    Raises: NotSignedIn, NotAllowed, InvalidInput, Conflict: it is in force.
    """
    _require(actor, subject, "consent.create")
    purpose, evidence = _line(purpose, "purpose", 1), _line(evidence, "evidence", 0)
    async with connection.transaction():
        row = await connection.fetchrow(
            "INSERT INTO consent (tenant, subject, purpose, given_by, evidence, type) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (tenant, subject, purpose) WHERE withdrawn_at IS NULL DO NOTHING RETURNING *",
            actor.tenant, subject, purpose, actor.id, evidence, type,
        )  # fmt: skip
        if row is None:
            raise Conflict("this consent is in force.", field="purpose", remedy="It need not be given twice.")
        await audit.record(connection, actor, "consent.given", detail={"subject": subject, "consent": row["id"]})
    return _consent(row)


async def withdraw(connection: Connection, actor: Actor, id: int) -> Consent:
    """End a consent now. Raises: NotSignedIn, NotAllowed, NotFound, Conflict: it has ended."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "SELECT * FROM consent WHERE tenant = $1 AND id = $2 FOR UPDATE", actor.tenant, id
        )
        if row is None or (row["subject"] != actor.id and policy.scope(actor, "consent.delete").nothing):
            if actor.kind == "anonymous":
                raise NotSignedIn("this needs an account.", remedy="Sign in.")
            raise NotFound("there is no such consent.", field="consent")
        if row["withdrawn_at"] is not None:
            raise Conflict("this consent was withdrawn before.", field="consent")
        ended = await connection.fetchrow(
            "UPDATE consent SET withdrawn_at = now(), withdrawn_by = $3 WHERE tenant = $1 AND id = $2 RETURNING *",
            actor.tenant, id, actor.id,
        )  # fmt: skip
        detail = {"subject": row["subject"], "consent": id}
        await audit.record(connection, actor, "consent.withdrawn", detail=detail)
    return _consent(ended)


async def of_subject(connection: Connection, actor: Actor, subject: str) -> list[Consent]:
    """The consents of somebody, newest first; one's own always. Raises: NotSignedIn, NotAllowed."""
    _require(actor, subject, "consent.read")
    rows = await connection.fetch(
        "SELECT * FROM consent WHERE tenant = $1 AND subject = $2 ORDER BY id DESC LIMIT 500", actor.tenant, subject
    )
    return [_consent(row) for row in rows]


def rests_on(types: Mapping[str, EntityType], purpose: str, type: str) -> list[EntityType]:
    """The types whose personal fields are held on this consent and on nothing else today.

    A consent that names no type is for those that declare the same purpose, in one of the languages.
    """
    day, said = civil_day(now()), purpose.strip().casefold()
    found = []
    for kind in types.values():
        declared = kind.processing_on(day)
        if declared is None or declared.ground != "consent":
            continue
        words = (declared.purpose.vi.casefold(), declared.purpose.en.casefold())
        if kind.name == type or (not type and said in words):
            found.append(kind)
    return found


def _require(actor: Actor, subject: str, permission: str) -> None:
    if actor.kind == "anonymous":
        raise NotSignedIn("this needs an account.", remedy="Sign in.")
    if subject != actor.id:
        policy.require_somewhere(actor, permission)


def _line(text: str, field: str, least: int) -> str:
    text = text.strip()
    if not least <= len(text) <= LONGEST or not (text.isprintable() or not text):
        raise InvalidInput(
            f"{field} has {len(text)} characters.", field=field, remedy=f"{least} to {LONGEST}, one line."
        )
    return text


def _consent(row: Any) -> Consent:
    return Consent(**{name: row[name] for name in Consent.__struct_fields__})

"""Break the glass: an official opens one record that the rules refuse, with a reason and for a while.

It is a grant over one entity that ends by itself. Only a session has it: tokens, subscriptions and jobs never do. Every
opening is audited with its reason, and so is every read under it; inspectors and the owner of the record are told.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import uuid4

import msgspec

from province.errors import InvalidInput, NotSignedIn
from province.identity import audit, policy
from province.identity.audit import Connection
from province.identity.line import absent, check_line, parse_id
from province.model.actor import Actor, Grant
from province.model.time import Instant

ROLE: Final = "break-glass"
PERMISSION: Final = "breakglass.open"
SHORTEST_REASON: Final = 15
LONGEST: Final = timedelta(hours=8)
"""A shift; whoever needs longer asks for a right."""


class Glass(msgspec.Struct, frozen=True, kw_only=True):
    """One opening. until: when it ends, or ended."""

    id: str
    account: str
    entity: str
    type: str
    agency: str | None
    reason: str
    since: Instant
    until: Instant
    open: bool


async def open_glass(
    conn: Connection, actor: Actor, *, entity: str, type: str, noun: str, agency: str | None, area: str | None,
    reason: str, minutes: int,
) -> Glass:  # fmt: skip
    """Open one record to the actor. The caller tells the inspectors in the same transaction.

    Raises: NotSignedIn without a session; NotAllowed without the right `breakglass.open` over the record; InvalidInput.
    """
    if not actor.session:
        raise NotSignedIn("only a person who is signed in breaks the glass.", remedy="Sign in to the console.")
    policy.require(actor, PERMISSION, agency=agency, area=area, entity=entity)
    reason = check_line(reason.strip(), field="reason", longest=500)
    if len(reason) < SHORTEST_REASON:
        raise InvalidInput(
            f"the reason has {len(reason)} characters; at least {SHORTEST_REASON} are expected.",
            field="reason",
            remedy="Say what happens and why nobody with the right can look; inspectors read it.",
        )
    most = int(LONGEST.total_seconds()) // 60
    if not 5 <= minutes <= most:
        raise InvalidInput(f"{minutes} minutes are outside 5…{most}.", field="minutes")
    async with conn.transaction():
        row = await conn.fetchrow(
            """INSERT INTO break_glass (tenant, id, account, entity, type, noun, agency, reason, valid)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, tstzrange(now(), now() + $9::interval))
               RETURNING id, lower(valid) AS since, upper(valid) AS until""",
            actor.tenant,
            uuid4(),
            parse_id(actor.id, what="account"),
            entity,
            type,
            noun,
            agency,
            reason,
            timedelta(minutes=minutes),
        )
        assert row is not None  # an INSERT that does not fail returns its row
        told = msgspec.structs.replace(actor, purpose=reason[:200])
        detail = {"glass": str(row["id"]), "reason": reason, "until": row["until"].isoformat()}
        await audit.record(conn, told, "breakglass.opened", entity=entity, type=type, detail=detail)
    return Glass(id=str(row["id"]), account=actor.id, entity=entity, type=type, agency=agency, reason=reason,
                 since=row["since"], until=row["until"], open=True)  # fmt: skip


async def close_glass(conn: Connection, actor: Actor, glass: str) -> None:
    """End one's own opening early. Raises: NotFound."""
    async with conn.transaction():
        row = await conn.fetchrow(
            """UPDATE break_glass SET valid = tstzrange(lower(valid), greatest(lower(valid), now()))
               WHERE tenant = $1 AND id = $2 AND account = $3 AND valid @> now() RETURNING entity, type""",
            actor.tenant,
            parse_id(glass, what="opening"),
            parse_id(actor.id, what="account"),
        )
        if row is None:
            raise absent(glass, what="opening")
        await audit.record(
            conn, actor, "breakglass.closed", entity=row["entity"], type=row["type"], detail={"glass": glass}
        )


async def grants_of(conn: Connection, tenant: str, account: str) -> tuple[Grant, ...]:
    """What the account may see behind glass now: the record, and its personal fields."""
    rows = await conn.fetch(
        "SELECT entity, noun FROM break_glass WHERE tenant = $1 AND account = $2 AND valid @> now()",
        tenant,
        parse_id(account, what="account"),
    )
    return tuple(
        Grant(ROLE, frozenset((f"{r['noun']}.read", f"{r['noun']}.personal")), entities=frozenset((r["entity"],)))
        for r in rows
    )


async def openings(conn: Connection, actor: Actor, *, limit: int = 100) -> list[Glass]:
    """The newest openings: one's own, and those over records that the actor may inspect."""
    scope = policy.scope(actor, "audit.read")
    rows = await conn.fetch(
        """SELECT id::text AS id, account::text AS account, entity, type, agency, reason, lower(valid) AS since,
                  upper(valid) AS until, valid @> now() AS open
           FROM break_glass WHERE tenant = $1 AND NOT isempty(valid)
             AND (account::text = $2 OR $3 OR agency = ANY($4::text[]))
           ORDER BY lower(valid) DESC LIMIT $5""",
        actor.tenant,
        actor.id,
        scope.all,
        sorted(scope.agencies),
        limit,
    )
    return [Glass(**dict(row)) for row in rows]

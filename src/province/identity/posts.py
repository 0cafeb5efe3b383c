"""People in posts: who has which role where, for which period, besides which other post, and on whose behalf.

A post is a grant with a name. A delegation is a grant that its holder passes on for a while: never more than it is,
never longer than it lasts, never passed on again.
"""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import uuid4

import msgspec

from province.errors import Conflict, InvalidInput, NotAllowed
from province.identity import accounts, audit, policy
from province.identity.audit import Connection
from province.identity.line import absent, check_line, parse_id
from province.model.actor import Actor
from province.model.time import CIVIL_ZONE, Instant, now


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as people speak of it. concurrent: held besides a main post.  of: whose grant is passed on, or ""."""

    id: str
    account: str
    login: str
    name: str
    role: str
    agency: str | None
    areas: tuple[str, ...]
    post: str
    concurrent: bool
    since: Instant | None
    until: Instant | None
    of: str = ""
    reason: str = ""


async def held_on(conn: Connection, actor: Actor, day: date, *, limit: int = 500) -> tuple[Post, ...]:
    """The posts held on a civil day (today: held still), by agency and name.

    One's own, and those of agencies whose grants one may read.
    """
    reach = policy.scope(actor, "grant.read")
    rows = await conn.fetch(
        """SELECT g.id::text AS id, a.id::text AS account, a.login, a.name, g.role, g.agency, g.areas, g.post,
                  g.concurrent, lower(g.valid) AS since, upper(g.valid) AS until, coalesce(b.name, '') AS of, g.reason
           FROM grant_ g JOIN account a ON a.tenant = g.tenant AND a.id = g.account
           LEFT JOIN grant_ o ON o.tenant = g.tenant AND o.id = g.delegated_from
           LEFT JOIN account b ON b.tenant = o.tenant AND b.id = o.account
           WHERE g.tenant = $1 AND g.valid && tstzrange($2, $3) AND a.disabled_at IS NULL
             AND ($4 OR g.agency = ANY($5::text[]) OR a.id::text = $6)
             AND ($8 OR upper(g.valid) IS NULL OR upper(g.valid) > now())
           ORDER BY g.agency NULLS FIRST, a.name, g.concurrent, g.role LIMIT $7""",
        actor.tenant,
        datetime.combine(day, time(), CIVIL_ZONE),
        datetime.combine(day, time.max, CIVIL_ZONE),
        reach.all,
        sorted(reach.agencies),
        actor.id,
        limit,
        day < now().astimezone(CIVIL_ZONE).date(),
    )
    return tuple(
        Post(
            id=r["id"], account=r["account"], login=r["login"], name=r["name"], role=r["role"], agency=r["agency"],
            areas=tuple(r["areas"]), post=r["post"], concurrent=r["concurrent"], since=r["since"], until=r["until"],
            of=r["of"], reason=r["reason"],
        )
        for r in rows
    )  # fmt: skip


async def name(conn: Connection, actor: Actor, grant: str, post: str, *, concurrent: bool) -> None:
    """Call a grant by the name of the post. Raises: NotFound, NotAllowed, InvalidInput."""
    text = check_line(post, field="post", longest=120)
    async with conn.transaction():
        agency = await _agency(conn, actor, grant)
        policy.require(actor, "grant.create", agency=agency)
        await conn.execute(
            "UPDATE grant_ SET post = $3, concurrent = $4 WHERE tenant = $1 AND id = $2",
            actor.tenant, parse_id(grant, what="grant"), text, concurrent,
        )  # fmt: skip
        detail = {"grant": grant, "post": text, "concurrent": concurrent}
        await audit.record(conn, actor, "grant.named", detail=detail)


async def delegate(
    conn: Connection, actor: Actor, grant: str, login: str, *, until: Instant, reason: str, since: Instant | None = None
) -> str:
    """Pass one's own grant on to another account for a while; an administrator of grants may do it for others.

    Returns the id of the new grant. Raises: NotFound, NotAllowed, InvalidInput, Conflict.
    """
    why = check_line(reason, field="reason", longest=300)
    start = since or now()
    if until <= start:
        raise InvalidInput("The delegation ends before it begins.", field="until", remedy="Give a later day.")
    if until <= now():
        raise InvalidInput("The delegation would be over already.", field="until", remedy="Give a day to come.")
    async with conn.transaction():
        own = await conn.fetchrow(
            "SELECT account::text AS account, role, agency, areas, lower(valid) AS since, upper(valid) AS until,"
            " delegated_from FROM grant_ WHERE tenant = $1 AND id = $2 FOR UPDATE",
            actor.tenant,
            parse_id(grant, what="grant"),
        )
        if own is None:
            raise absent(grant, what="grant")
        if own["account"] != actor.id:
            policy.require(actor, "grant.create", agency=own["agency"])
        if own["delegated_from"] is not None:
            raise NotAllowed(
                "What was delegated is not delegated again.", field="grant", remedy="Ask whose grant it is."
            )
        if (own["until"] is not None and until > own["until"]) or (own["since"] and start < own["since"]):
            raise InvalidInput(
                "The grant itself does not last so long.", field="until", remedy="Stay within its period."
            )
        taker = await conn.fetchval(
            "SELECT id::text FROM account WHERE tenant = $1 AND login_folded = $2 AND disabled_at IS NULL",
            actor.tenant,
            accounts.fold_login(check_line(login, field="login")),
        )
        if taker is None:
            raise absent(login, what="account")
        if taker == own["account"]:
            raise Conflict("The delegation goes to its giver.", field="login", remedy="Name somebody else.")
        made = uuid4()
        await conn.execute(
            """INSERT INTO grant_ (tenant, id, account, role, agency, areas, valid, granted_by, delegated_from, reason)
               VALUES ($1, $2, $3::text::uuid, $4, $5, $6, tstzrange($7, $8), $9, $10, $11)""",
            actor.tenant, made, taker, own["role"], own["agency"], own["areas"], start, until, actor.id,
            parse_id(grant, what="grant"), why,
        )  # fmt: skip
        detail = {"grant": grant, "to": taker, "from": own["account"], "role": own["role"], "made": str(made)}
        await audit.record(conn, actor, "grant.delegated", detail=detail)
    return str(made)


async def revoke(conn: Connection, actor: Actor, grant: str) -> None:
    """End a delegation that one gave; others need `grant.delete`. Raises: NotFound, NotAllowed."""
    async with conn.transaction():
        row = await conn.fetchrow(
            "SELECT g.agency, o.account::text AS giver FROM grant_ g JOIN grant_ o ON o.tenant = g.tenant"
            " AND o.id = g.delegated_from WHERE g.tenant = $1 AND g.id = $2 FOR UPDATE OF g",
            actor.tenant,
            parse_id(grant, what="grant"),
        )
        if row is None:
            raise absent(grant, what="grant")
        if row["giver"] != actor.id:
            policy.require(actor, "grant.delete", agency=row["agency"])
        await conn.execute(
            "UPDATE grant_ SET valid = tstzrange(lower(valid), greatest(lower(valid), least(now(), upper(valid))))"
            " WHERE tenant = $1 AND id = $2",
            actor.tenant,
            parse_id(grant, what="grant"),
        )
        await audit.record(conn, actor, "grant.withdrawn", detail={"grant": grant})


async def _agency(conn: Connection, actor: Actor, grant: str) -> str | None:
    row = await conn.fetchrow(
        "SELECT agency FROM grant_ WHERE tenant = $1 AND id = $2 FOR UPDATE",
        actor.tenant,
        parse_id(grant, what="grant"),
    )
    if row is None:
        raise absent(grant, what="grant")
    agency: str | None = row["agency"]
    return agency

"""Tokens for programs: `prv_<id>_<secret>`, shown once; the database knows only the SHA-256 of the secret."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from uuid import UUID

import msgspec

from province.errors import InvalidInput, NotAllowed
from province.identity import accounts, audit, policy, roles
from province.identity.audit import Connection
from province.identity.line import absent, check_line, check_optional
from province.model.actor import Actor
from province.model.time import Instant

_ID = re.compile(r"[0-9a-f]{16}")
_FORM = re.compile(r"prv_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its secret. permissions: what the account's rights are cut down to."""

    id: str
    account: str
    name: str
    purpose: str
    permissions: tuple[str, ...]
    agency: str | None
    created_at: Instant
    expires_at: Instant | None
    last_used: Instant | None
    revoked_at: Instant | None


def parse(text: str) -> tuple[str, bytes] | None:
    """(id, hash of the secret) of a token, or None for anything else."""
    found = _FORM.fullmatch(text)
    return None if found is None else (found[1], hashlib.sha256(found[2].encode()).digest())


async def create(
    conn: Connection,
    actor: Actor,
    account: str,
    *,
    name: str,
    purpose: str = "",
    permissions: Iterable[str] = ("*",),
    agency: str | None = None,
    expires_at: Instant | None = None,
) -> str:
    """Make a token and return it; it cannot be shown again.

    For one's own account a signed-in session is needed (a leaked token must not breed); for another account
    `token.create` in its agency and all rights that it has. Raises: NotAllowed, InvalidInput.
    """
    wanted = sorted({policy.check_pattern(p, field="permissions") for p in permissions})
    if not wanted:
        raise InvalidInput("No permission is given.", field="permissions", remedy='Give some, or "*" for all.')
    label = check_line(name, field="name", longest=100)
    why = check_line(purpose, field="purpose", empty=True)
    desk = check_optional(agency, field="agency")
    target = await accounts.get(conn, actor, account)
    if account == actor.id:
        if not actor.session:
            raise NotAllowed("A token cannot make tokens for its own account.", remedy="Sign in with the password.")
    else:
        policy.require(actor, "token.create", agency=target.agency)
        grants = policy.narrow(await roles.grants_of(conn, actor.tenant, account), wanted, desk)
        if not policy.holds(actor, grants):
            raise NotAllowed(
                f"{target.login} has rights that {actor.name or actor.id} lacks.",
                field="permissions",
                remedy="Narrow the permissions, or ask an administrator of all agencies.",
            )
    made, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    async with conn.transaction():
        await conn.execute(
            """INSERT INTO token (tenant, id, token_hash, account, name, purpose, permissions, agency, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            actor.tenant,
            made,
            hashlib.sha256(secret.encode()).digest(),
            UUID(account),
            label,
            why,
            wanted,
            desk,
            expires_at,
        )
        detail = {"token": made, "account": account, "name": label, "permissions": wanted, "agency": desk}
        await audit.record(conn, actor, "token.created", detail=detail)
    return f"prv_{made}_{secret}"


async def list_of(conn: Connection, actor: Actor, account: str) -> tuple[Token, ...]:
    """The tokens of an account, newest first. One's own are always seen."""
    target = await accounts.get(conn, actor, account)
    if account != actor.id:
        policy.require(actor, "token.read", agency=target.agency)
    rows = await conn.fetch(
        """SELECT id, account::text, name, purpose, permissions, agency, created_at, expires_at, last_used, revoked_at
           FROM token WHERE tenant = $1 AND account = $2 ORDER BY created_at DESC, id""",
        actor.tenant,
        UUID(account),
    )
    return tuple(Token(**{**dict(row), "permissions": tuple(row["permissions"])}) for row in rows)


async def revoke(conn: Connection, actor: Actor, token: str) -> None:
    """End a token. One's own always; another's with `token.delete` in its agency. Raises: NotFound, NotAllowed."""
    if not _ID.fullmatch(token):
        raise absent(token, what="token")
    async with conn.transaction():
        row = await conn.fetchrow(
            """SELECT t.account::text, a.agency FROM token t JOIN account a ON a.tenant = t.tenant AND a.id = t.account
               WHERE t.tenant = $1 AND t.id = $2 FOR UPDATE OF t""",
            actor.tenant,
            token,
        )
        if row is None:
            raise absent(token, what="token")
        if row["account"] != actor.id:
            policy.require(actor, "token.delete", agency=row["agency"])
        await conn.execute(
            "UPDATE token SET revoked_at = coalesce(revoked_at, now()) WHERE tenant = $1 AND id = $2",
            actor.tenant,
            token,
        )
        await audit.record(conn, actor, "token.revoked", detail={"token": token, "account": row["account"]})

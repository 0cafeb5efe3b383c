"""Accounts of people and services: made, found, disabled, and their passwords changed. Each step is audited."""

from __future__ import annotations

import unicodedata
from typing import Any, Literal
from uuid import uuid4

import asyncpg
import msgspec

from province.errors import AlreadyExists, InvalidInput, NotAllowed
from province.identity import audit, passwords, policy, roles, sessions
from province.identity.audit import Connection
from province.identity.line import absent, check_line, check_optional, parse_id
from province.identity.passwords import Passwords
from province.model.actor import Actor
from province.model.text import fold, nfc
from province.model.time import Instant

Kind = Literal["person", "service"]
_COLUMNS = "id, login, name, kind, agency, email, phone, disabled_at, created_at, must_change"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account without its secrets. agency: home agency; rights come from grants alone."""

    id: str
    login: str
    name: str
    kind: str
    agency: str | None = None
    email: str | None = None
    phone: str | None = None
    disabled_at: Instant | None = None
    created_at: Instant
    must_change: bool = False


def fold_login(login: str) -> str:
    """The form in which logins are compared: `Hùng.Đỗ` and `hung.do` are the same login."""
    return fold(nfc(login).strip())


def check_login(login: str) -> str:
    """Return the login as stored. Raises: InvalidInput."""
    clean = nfc(login).strip()
    printable = all(unicodedata.category(c)[0] in "LMN" or c in "._-@+" for c in clean)
    if not 2 <= len(clean) <= 64 or not printable or not fold_login(clean).strip("._-@+"):
        raise InvalidInput(
            f"{login[:80]!r} is not a login.",
            field="login",
            remedy="Give 2 to 64 letters, digits or . _ - @ + without spaces.",
        )
    return clean


async def create(
    conn: Connection,
    actor: Actor,
    hasher: Passwords,
    *,
    login: str,
    name: str,
    password: str | None = None,
    kind: Kind = "person",
    agency: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    must_change: bool = False,
) -> Account:
    """Make an account without any rights. password None: it cannot sign in, only tokens work (services).

    Raises: NotAllowed, InvalidInput, AlreadyExists (logins that differ in case or diacritics are the same).
    """
    policy.require(actor, "account.create", agency=agency)
    clean = check_login(login)
    label = check_line(name, field="name")
    home = check_optional(agency, field="agency")
    mail, call = check_optional(email, field="email", longest=254), check_optional(phone, field="phone", longest=32)
    stored = None
    if password is not None:
        passwords.check_strength(password, login=clean)
        stored = await hasher.hash(password)
    try:
        async with conn.transaction():
            row = await conn.fetchrow(
                f"""INSERT INTO account (tenant, id, login, login_folded, name, kind, password_hash, agency, email,
                        phone, must_change, password_changed_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $7::text IS NULL THEN NULL
                        ELSE now() END) RETURNING {_COLUMNS}""",  # noqa: S608 - a constant list of columns
                actor.tenant,
                uuid4(),
                clean,
                fold_login(clean),
                label,
                kind,
                stored,
                home,
                mail,
                call,
                must_change,
            )
            account = _account(row, clean)
            detail = {"account": account.id, "login": clean, "kind": kind, "agency": home}
            await audit.record(conn, actor, "account.created", detail=detail)
    except asyncpg.UniqueViolationError:
        raise AlreadyExists(f"The login {clean!r} is taken.", field="login", remedy="Choose another one.") from None
    return account


async def get(conn: Connection, actor: Actor, account: str) -> Account:
    """One account. Raises: NotFound, also when the actor may not know of it. One's own is always seen."""
    found = _account(
        await conn.fetchrow(
            f"SELECT {_COLUMNS} FROM account WHERE tenant = $1 AND id = $2",  # noqa: S608
            actor.tenant,
            parse_id(account, what="account"),
        ),
        account,
    )
    if found.id != actor.id and not policy.allows(actor, "account.read", agency=found.agency):
        raise absent(account, what="account")
    return found


async def find(conn: Connection, actor: Actor, login: str) -> Account:
    """The account with this login, whatever its case and diacritics. Raises: NotFound."""
    folded = fold_login(login)
    row = None
    if folded.isprintable():
        row = await conn.fetchrow(
            "SELECT id FROM account WHERE tenant = $1 AND login_folded = $2", actor.tenant, folded
        )
    if row is None:
        raise absent(login, what="account")
    return await get(conn, actor, str(row["id"]))


async def list_page(conn: Connection, actor: Actor, *, after: str = "", limit: int = 50) -> tuple[Account, ...]:
    """Accounts by login, after the login `after`: those of the agencies whose accounts the actor may read."""
    where = policy.scope(actor, "account.read")
    rows = await conn.fetch(
        f"""SELECT {_COLUMNS} FROM account WHERE tenant = $1 AND login_folded > $2 AND ($3 OR agency = ANY($4::text[]))
            ORDER BY login_folded LIMIT $5""",  # noqa: S608
        actor.tenant,
        fold_login(check_line(after, field="after", empty=True)),
        where.all,
        sorted(where.agencies),
        limit,
    )
    return tuple(_account(row, "") for row in rows)


async def disable(conn: Connection, actor: Actor, account: str) -> None:
    """Shut an account: its sessions and tokens stop within `authenticate.CACHE_S` seconds."""
    async with conn.transaction():
        await _require_over(conn, actor, account)
        await conn.execute(
            "UPDATE account SET disabled_at = coalesce(disabled_at, now()) WHERE tenant = $1 AND id = $2",
            actor.tenant,
            parse_id(account, what="account"),
        )
        await sessions.revoke_all(conn, actor.tenant, account)
        await audit.record(conn, actor, "account.disabled", detail={"account": account})


async def enable(conn: Connection, actor: Actor, account: str) -> None:
    """Open a disabled account again; former sessions stay closed."""
    async with conn.transaction():
        await _require_over(conn, actor, account)
        await conn.execute(
            "UPDATE account SET disabled_at = NULL WHERE tenant = $1 AND id = $2",
            actor.tenant,
            parse_id(account, what="account"),
        )
        await audit.record(conn, actor, "account.enabled", detail={"account": account})


async def reset_password(conn: Connection, actor: Actor, hasher: Passwords, account: str) -> str:
    """Give an account a random password that must be changed at sign-in; returned here and never again."""
    fresh = passwords.generate()
    stored = await hasher.hash(fresh)
    async with conn.transaction():
        await _require_over(conn, actor, account)
        await _store(conn, actor.tenant, account, stored, must_change=True)
        await sessions.revoke_all(conn, actor.tenant, account)
        await audit.record(conn, actor, "account.password_reset", detail={"account": account})
    return fresh


async def change_password(conn: Connection, actor: Actor, hasher: Passwords, old: str, new: str) -> None:
    """Change one's own password; all one's other sessions end. Raises: NotAllowed for a wrong old password.

    The door must count failures (`authenticate.Authenticator.change_password` does).
    """
    row = await conn.fetchrow(
        "SELECT login, password_hash FROM account WHERE tenant = $1 AND id = $2 AND disabled_at IS NULL",
        actor.tenant,
        parse_id(actor.id, what="account"),
    )
    if row is None:
        raise absent(actor.id, what="account")
    if not await hasher.verify(row["password_hash"], old):
        raise NotAllowed("The present password is wrong.", field="old", remedy="Type it again.")
    if nfc(new) == nfc(old):
        raise InvalidInput("The new password equals the present one.", field="new", remedy="Choose another one.")
    passwords.check_strength(new, login=row["login"], field="new")
    stored = await hasher.hash(new)
    async with conn.transaction():
        await _store(conn, actor.tenant, actor.id, stored, must_change=False)
        await sessions.revoke_all(conn, actor.tenant, actor.id, but=actor.session)
        await audit.record(conn, actor, "account.password_changed", detail={"account": actor.id})


async def _store(conn: Connection, tenant: str, account: str, stored: str, *, must_change: bool) -> None:
    await conn.execute(
        """UPDATE account SET password_hash = $3, password_changed_at = now(), must_change = $4
           WHERE tenant = $1 AND id = $2""",
        tenant,
        parse_id(account, what="account"),
        stored,
        must_change,
    )


async def _require_over(conn: Connection, actor: Actor, account: str) -> None:
    """Changing an account needs the permission in its agency and all rights that it has: no way to climb."""
    target = await get(conn, actor, account)
    policy.require(actor, "account.change", agency=target.agency)
    if not policy.holds(actor, await roles.grants_of(conn, actor.tenant, account)):
        raise NotAllowed(
            f"{target.login} has rights that {actor.name or actor.id} lacks.",
            field="account",
            remedy="Ask an administrator of all agencies.",
        )


def _account(row: Any, wanted: str) -> Account:
    if row is None:
        raise absent(wanted, what="account")
    return Account(**{**dict(row), "id": str(row["id"])})

"""Browser sessions: an opaque cookie of 256 random bits, of which the database knows only the SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from province.identity.audit import Connection
from province.model.time import Instant

IDLE: Final = timedelta(hours=8)
"""A working day: unused for longer, the session ends."""
ABSOLUTE: Final = timedelta(days=7)
TOUCH: Final = timedelta(minutes=1)
"""`last_seen` is written at most this often."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A new session. cookie: for the browser, nowhere else.  id: its hash in hexadecimal, `Actor.session`."""

    cookie: str
    id: str
    expires_at: Instant

    def __repr__(self) -> str:
        return f"Opened(id={self.id!r})"


def session_id(cookie: str) -> str:
    """The id of the session that a cookie opens. It cannot be turned back into the cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()


async def open_session(
    conn: Connection, tenant: str, account: str, *, address: str = "", user_agent: str = ""
) -> Opened:
    """Begin a session. Each sign-in makes a new one: a cookie planted before sign-in is worth nothing."""
    cookie = secrets.token_urlsafe(32)
    name = session_id(cookie)
    expires = await conn.fetchval(
        """INSERT INTO session (tenant, token_hash, account, created_at, last_seen, expires_at, address, user_agent)
           VALUES ($1, $2, $3, now(), now(), now() + $4::interval, $5, $6) RETURNING expires_at""",
        tenant,
        bytes.fromhex(name),
        UUID(account),
        ABSOLUTE,
        address,
        user_agent[:200],
    )
    return Opened(cookie=cookie, id=name, expires_at=expires)


async def touch(conn: Connection, tenant: str, session: str) -> None:
    """Note that the session is in use."""
    await conn.execute(
        """UPDATE session SET last_seen = now()
           WHERE tenant = $1 AND token_hash = $2 AND last_seen < now() - $3::interval""",
        tenant,
        bytes.fromhex(session),
        TOUCH,
    )


async def revoke(conn: Connection, tenant: str, session: str) -> bool:
    """End a session; whether it was open."""
    status = await conn.execute(
        "UPDATE session SET revoked_at = now() WHERE tenant = $1 AND token_hash = $2 AND revoked_at IS NULL",
        tenant,
        bytes.fromhex(session),
    )
    return status.endswith(" 1")


async def revoke_all(conn: Connection, tenant: str, account: str, *, but: str = "") -> None:
    """End all sessions of an account, except the session `but`."""
    await conn.execute(
        """UPDATE session SET revoked_at = now()
           WHERE tenant = $1 AND account = $2 AND revoked_at IS NULL AND token_hash <> $3""",
        tenant,
        UUID(account),
        bytes.fromhex(but),
    )


async def purge(conn: Connection) -> int:
    """Remove sessions that ended a day ago or longer, and sign-in failures of yesterday. Returns the sessions."""
    await conn.execute("DELETE FROM sign_in_failure WHERE last_at < now() - interval '1 day'")
    status = await conn.execute(
        """DELETE FROM session WHERE expires_at < now() - interval '1 day' OR revoked_at < now() - interval '1 day'
               OR last_seen < now() - $1::interval - interval '1 day'""",
        IDLE,
    )
    return int(status.rpartition(" ")[2])

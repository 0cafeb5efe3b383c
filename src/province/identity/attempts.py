"""Failed sign-ins, counted across processes and restarts: after `FREE` of them each further one waits twice as long.

An attempt is counted before the password is checked and struck out when it was right, so that parallel guesses cannot
slip through between check and count. Logins that nobody has are counted alike: a lock-out tells a stranger nothing.
"""

from __future__ import annotations

import hashlib
from typing import Final

from province.errors import RateLimited
from province.identity.audit import Connection

FREE: Final = 10
FIRST_WAIT_S: Final = 15
LONGEST_WAIT_S: Final = 900
"""Short enough that locking somebody else out is no worthwhile mischief; 96 guesses a day are no attack."""


def login_hash(folded: str) -> bytes:
    """The key under which attempts on a folded login are counted."""
    return hashlib.sha256(b"login\0" + folded.encode("utf-8", "surrogatepass")).digest()


async def reserve(conn: Connection, tenant: str, key: bytes) -> int:
    """Count an attempt and return the number since the last success. Raises: RateLimited while locked."""
    count: int | None = await conn.fetchval(
        """INSERT INTO sign_in_failure AS f (tenant, login_hash, attempts, last_at, locked_until)
           VALUES ($1, $2, 1, now(), now())
           ON CONFLICT (tenant, login_hash) DO UPDATE SET
               attempts = CASE WHEN f.last_at < now() - interval '1 day' THEN 1 ELSE f.attempts + 1 END,
               last_at = now(),
               locked_until = CASE
                   WHEN f.last_at < now() - interval '1 day' OR f.attempts + 1 < $3 THEN now()
                   ELSE now() + make_interval(secs => least($5, $4 * power(2, least(f.attempts + 1 - $3, 16)))) END
           WHERE f.locked_until <= now()
           RETURNING attempts""",
        tenant,
        key,
        FREE,
        float(FIRST_WAIT_S),
        float(LONGEST_WAIT_S),
    )
    if count is not None:
        return count
    wait = await conn.fetchval(
        """SELECT extract(epoch FROM locked_until - now())::float8 FROM sign_in_failure
           WHERE tenant = $1 AND login_hash = $2""",
        tenant,
        key,
    )
    seconds = max(1.0, wait or 1.0)
    raise RateLimited(
        "Too many failed sign-ins with this login.",
        retry_after_s=seconds,
        remedy=f"Try again in {round(seconds)} s, or ask an administrator to reset the password.",
    )


async def clear(conn: Connection, tenant: str, key: bytes) -> None:
    """Forget the attempts after a success."""
    await conn.execute("DELETE FROM sign_in_failure WHERE tenant = $1 AND login_hash = $2", tenant, key)

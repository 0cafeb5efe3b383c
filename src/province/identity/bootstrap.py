"""First run: the tenant, its roles, and an administrator whose secret stands in a file and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from province.identity import accounts, passwords, roles, secret_file
from province.identity.audit import Connection, Pool
from province.identity.passwords import Passwords
from province.model.actor import system
from province.model.label import Label

ADMINISTRATOR: Final = "administrator"
_LOCK = 0x70727671


async def prepare(
    pool: Pool,
    hasher: Passwords,
    *,
    tenant: str,
    name: Label,
    secrets: Path,
    extra: Mapping[str, tuple[str, ...]],
) -> bool:
    """Make what is missing; run at every start. Returns whether the administrator was made now.

    secrets: folder; the random password goes to its file `administrator` (0600) and must be changed at sign-in.
    extra: permissions that packs add to core roles.  An administrator who exists is left as it is.
    """
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await conn.execute(
            """INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, $2, $3)
               ON CONFLICT (id) DO UPDATE SET name_vi = excluded.name_vi, name_en = excluded.name_en""",
            tenant,
            name.vi,
            name.en,
        )
        await roles.install(conn, tenant, extra)
        if await _exists(conn, tenant):
            return False
        path = secrets / ADMINISTRATOR
        # A file without an account is left by a crash before the commit: its secret is used, so the two agree.
        if not path.exists():
            secret_file.write(path, passwords.generate().encode())
        actor = system(tenant, "bootstrap")
        account = await accounts.create(
            conn,
            actor,
            hasher,
            login=ADMINISTRATOR,
            name="Quản trị viên",
            password=secret_file.read(path).decode().strip(),
            must_change=True,
        )
        await roles.grant(conn, actor, account.id, "administrator")
        return True


async def _exists(conn: Connection, tenant: str) -> bool:
    found = await conn.fetchval(
        "SELECT 1 FROM account WHERE tenant = $1 AND login_folded = $2", tenant, accounts.fold_login(ADMINISTRATOR)
    )
    return found is not None

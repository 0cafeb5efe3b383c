"""Secrets at rest: the table `secret`, sealed under the master key, and the rotation of that key."""

from __future__ import annotations

from province.errors import ConfigurationError, NotFound
from province.identity import audit
from province.identity.audit import Connection, Pool
from province.identity.keys import KeyRing, sealed_by
from province.model.actor import Actor

_LOCK = 0x70727673
"""Advisory lock of rotation: writers share it, so no row sealed with a former key appears behind the rotation."""


async def put(conn: Connection, keys: KeyRing, tenant: str, name: str, plain: bytes) -> None:
    """Store or replace a secret. The name is bound into the ciphertext: rows cannot be swapped."""
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock_shared($1)", _LOCK)
        sealed = keys.encrypt(_purpose(tenant, name), plain)
        await conn.execute(
            """INSERT INTO secret (tenant, name, ciphertext, key_id) VALUES ($1, $2, $3, $4)
               ON CONFLICT (tenant, name)
               DO UPDATE SET ciphertext = excluded.ciphertext, key_id = excluded.key_id, changed_at = now()""",
            tenant,
            name,
            sealed,
            sealed_by(sealed),
        )


async def get(conn: Connection, keys: KeyRing, tenant: str, name: str) -> bytes:
    """Open a secret. Raises: NotFound; InvalidInput when altered; ConfigurationError when its key is gone."""
    sealed = await conn.fetchval("SELECT ciphertext FROM secret WHERE tenant = $1 AND name = $2", tenant, name)
    if sealed is None:
        raise NotFound(f"There is no secret {name!r}.", field=name, remedy="Set it first.")
    return keys.decrypt(_purpose(tenant, name), sealed)


async def remove(conn: Connection, tenant: str, name: str) -> None:
    """Forget a secret; one that is absent is fine."""
    await conn.execute("DELETE FROM secret WHERE tenant = $1 AND name = $2", tenant, name)


async def check(conn: Connection, keys: KeyRing) -> None:
    """At start: every stored secret has its key. Raises: ConfigurationError naming the missing key ids."""
    used = {row["key_id"] for row in await conn.fetch("SELECT DISTINCT key_id FROM secret")}
    missing = used - set(keys.ids)
    if missing:
        raise ConfigurationError(
            f"The database holds secrets of the keys {sorted(missing)}, which the key file lacks.",
            field="master-key",
            remedy="Restore the key file that belongs to this database.",
        )


async def rotate(pool: Pool, keys: KeyRing, actor: Actor, *, batch: int = 200) -> int:
    """Seal every secret with a new master key and retire the former ones. Returns the number of secrets.

    Safe to kill at any point and to run again: until the last step both keys are in the file, each row says which one
    it needs, and a key leaves only when no row names it. A run that finds former
    keys finishes that rotation and makes no further key.
    """
    async with pool.acquire() as conn:
        # A session lock serialises rotations; the transaction locks below make writers wait only for the last step.
        await conn.execute("SELECT pg_advisory_lock($1)", _LOCK + 1)
        try:
            if len(keys.ids) == 1:
                keys.add()
            moved = 0
            while (count := await _move(conn, keys, batch)) > 0:
                moved += count
            async with conn.transaction():
                await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                while (count := await _move(conn, keys, batch)) > 0:
                    moved += count
                await audit.record(conn, actor, "key.rotated", detail={"key": keys.current, "secrets": moved})
            keys.retire()
            return moved
        finally:
            await conn.execute("SELECT pg_advisory_unlock($1)", _LOCK + 1)


async def _move(conn: Connection, keys: KeyRing, batch: int) -> int:
    async with conn.transaction():
        current = keys.current
        rows = await conn.fetch(
            "SELECT tenant, name, ciphertext FROM secret WHERE key_id <> $1 ORDER BY tenant, name LIMIT $2 FOR UPDATE",
            current,
            batch,
        )
        moved = [(keys.rewrap(_purpose(r["tenant"], r["name"]), r["ciphertext"]), r["tenant"], r["name"]) for r in rows]
        await conn.executemany(
            "UPDATE secret SET ciphertext = $1, key_id = $4 WHERE tenant = $2 AND name = $3",
            [(*row, current) for row in moved],
        )
        return len(moved)


def _purpose(tenant: str, name: str) -> str:
    return f"{tenant}/{name}"

"""The key that signs the audit: the private half lies in the vault, under the master key; public halves stay."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from province.errors import NotFound
from province.identity import audit, blocks, vault
from province.identity.audit import Connection
from province.identity.blocks import Key
from province.identity.keys import KeyRing
from province.model.actor import Actor
from province.model.time import now

OWNER: Final = "system"
"""The audit of a database is one chain, whatever tenants it has: its key belongs to none of them."""
NAME: Final = "audit-signing-key"


async def signing_key(conn: Connection, keys: KeyRing) -> Ed25519PrivateKey:
    """The key that signs now; made at the first call. Raises: as `vault.get`. For the sealer, which is alone."""
    try:
        return Ed25519PrivateKey.from_private_bytes(await vault.get(conn, keys, OWNER, NAME))
    except NotFound:
        return await _replace(conn, keys, None)


async def rotate(conn: Connection, keys: KeyRing, actor: Actor) -> Key:
    """Sign with a new key from the next block on. The former one vouches for it, and its public half stays."""
    async with conn.transaction():
        former = await signing_key(conn, keys)
        made = await _replace(conn, keys, former)
        key = next(k for k in await public_keys(conn) if k.id == blocks.key_id(made.public_key()))
        await audit.record(conn, actor, "key.audit-rotated", detail={"key": key.id, "by": key.by})
    return key


async def public_keys(conn: Connection) -> list[Key]:
    """All public keys, the first one first."""
    rows = await conn.fetch("SELECT id, public, since, by, endorsement FROM audit_key ORDER BY since, id")
    return [Key(**dict(row)) for row in rows]


async def _replace(conn: Connection, keys: KeyRing, former: Ed25519PrivateKey | None) -> Ed25519PrivateKey:
    made = Ed25519PrivateKey.generate()
    public = blocks.publish(made, now(), former)
    async with conn.transaction():
        await conn.execute(
            "INSERT INTO audit_key (id, public, since, by, endorsement) VALUES ($1, $2, $3, $4, $5)",
            public.id,
            public.public,
            public.since,
            public.by,
            public.endorsement,
        )
        await vault.put(conn, keys, OWNER, NAME, made.private_bytes_raw())
    return made

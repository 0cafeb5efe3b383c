"""Credentials of devices: a login and a secret of 256 random bits, of which we keep only a SHA-256.

The login is the device's entity id (`tenant:id` when another tenant's device has it); MQTT topics begin with
`devices/<login>/`. There is one credential per device: issuing again replaces the secret.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import asyncpg

from province.broker.database import Connection
from province.engines.callout import device_permissions
from province.errors import NotFound
from province.identity import audit, policy
from province.model.actor import Actor


@dataclass(frozen=True, slots=True)
class Credential:
    """What is given to the device, once. The secret is in no log and cannot be read back."""

    login: str
    secret: str

    def __repr__(self) -> str:
        return f"Credential({self.login!r}, …)"


async def issue_credential(connection: Connection, actor: Actor, device: str) -> Credential:
    """Give a registered entity a new secret; the one before is void from its next connection on.

    Needs `<noun>.provision` over the entity. Raises: NotFound, NotAllowed, NotSignedIn, InvalidInput (an id that cannot
    be part of a topic).
    """
    device_permissions(device)
    secret = secrets.token_urlsafe(32)
    async with connection.transaction():
        found = await _require(connection, actor, device)
        login = await connection.fetchval(
            "SELECT login FROM device_credential WHERE tenant = $1 AND device = $2", actor.tenant, device
        )
        for wanted in (login,) if login else (device, f"{actor.tenant}:{device}"):
            device_permissions(wanted)
            done = await connection.fetchval(
                "INSERT INTO device_credential (tenant, device, login, secret_hash, created_by)"
                " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (login) DO UPDATE SET secret_hash = EXCLUDED.secret_hash,"
                " created_at = now(), created_by = EXCLUDED.created_by, revoked_at = NULL"
                " WHERE device_credential.tenant = EXCLUDED.tenant AND device_credential.device = EXCLUDED.device"
                " RETURNING login",
                actor.tenant, device, wanted, digest(secret), actor.id,
            )  # fmt: skip
            if done is not None:
                break
        else:
            raise NotFound(f"no login is free for {device!r}.", field="device", remedy="Register it under another id.")
        await audit.record(connection, actor, "credential.issued", entity=device, type=found["type"])
    return Credential(str(done), secret)


async def revoke_credential(connection: Connection, actor: Actor, device: str) -> None:
    """Void the secret: no new connection is let in, and nothing published from now on is taken.

    Needs `<noun>.provision` over the entity. Raises: NotFound, NotAllowed, NotSignedIn.
    """
    async with connection.transaction():
        found = await _require(connection, actor, device)
        done = await connection.fetchval(
            "UPDATE device_credential SET revoked_at = now() WHERE tenant = $1 AND device = $2 AND revoked_at IS NULL"
            " RETURNING login",
            actor.tenant, device,
        )  # fmt: skip
        if done is None:
            raise NotFound(f"{device!r} has no valid credential.", field="device")
        await audit.record(connection, actor, "credential.revoked", entity=device, type=found["type"])


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


async def _require(connection: Connection, actor: Actor, device: str) -> asyncpg.Record | dict[str, Any]:
    found = await connection.fetchrow(
        "SELECT type, agency, area FROM entity WHERE tenant = $1 AND id = $2", actor.tenant, device
    )
    noun = str(found["type"]).lower() if found else "entity"
    policy.require(
        actor, f"{noun}.provision", agency=found["agency"] if found else None, area=found["area"] if found else None
    )
    if found is None:
        raise NotFound(f"{device[:128]!r} is not registered.", field="device", remedy="Register the device first.")
    return found

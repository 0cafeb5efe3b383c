"""Audit rows of identity: who signed in, who gave whom which right. Written in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg
import msgspec

from province.model.actor import Actor

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


async def record(
    conn: Connection,
    actor: Actor,
    action: str,
    *,
    entity: str | None = None,
    type: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one audit row. action: past tense (`session.opened`).  detail: JSON; never a password, cookie or token.

    The sealer chains the row later; it becomes durable with the caller's transaction or not at all.
    """
    # The cast through text keeps the row right whether or not the pool has a JSON codec.
    await conn.execute(
        """INSERT INTO audit (tenant, at, actor, kind, action, entity, type, purpose, request, address, detail)
           VALUES ($1, clock_timestamp(), $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)""",
        actor.tenant,
        actor.id,
        actor.kind,
        action,
        entity,
        type,
        actor.purpose,
        actor.request,
        actor.address,
        msgspec.json.encode(detail or {}).decode(),
    )

"""Dead letters: what was refused is kept, so that a person can find it, repair the cause and retry it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from province.broker.database import LOST, Connection, Pool
from province.errors import NotFound, Unavailable

MAX_PAYLOAD = 64 * 1024
_SPACE = uuid.UUID("6f4ff0c8-6d0c-4c7b-9d2a-5a3f5f7f1c11")


@dataclass(frozen=True, slots=True)
class Letter:
    """door: way in.  source: who sent it.  readings: how many it stands for.  key: the same key is buried once."""

    tenant: str
    door: str
    source: str
    media_type: str
    payload: bytes
    reason: str
    field: str = ""
    readings: int = 1
    key: str = ""

    @property
    def id(self) -> uuid.UUID:
        """Derived from the key, so that a repeated call leaves one letter; random without one."""
        return uuid.uuid5(_SPACE, f"{self.tenant} {self.door} {self.key}") if self.key else uuid.uuid4()


async def bury(where: Pool | Connection, letters: Sequence[Letter]) -> None:
    """Store letters. Raises: Unavailable when the database does not answer."""
    if not letters:
        return
    columns: list[list[Any]] = [
        [one.tenant for one in letters],
        [one.id for one in letters],
        [one.door for one in letters],
        [_clean(one.source) for one in letters],
        [one.media_type for one in letters],
        [one.payload[:MAX_PAYLOAD] for one in letters],
        [_clean(one.field) for one in letters],
        [_clean(one.reason) for one in letters],
        [one.readings for one in letters],
    ]
    try:
        await where.execute(
            "INSERT INTO dead_letter (tenant, id, door, source, media_type, payload, field, reason, readings)"
            " SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[],"
            " $8::text[], $9::bigint[]) ON CONFLICT (tenant, id) DO NOTHING",
            *columns,
        )
    except LOST as error:
        raise Unavailable("the dead letters cannot be written.", remedy="Is PostgreSQL running?") from error


async def read(
    where: Pool | Connection, tenant: str, *, state: str = "open", before: datetime | None = None, limit: int = 100
) -> list[asyncpg.Record]:
    """The newest letters in a state, with all columns. before: only older ones (for the next page)."""
    return await where.fetch(
        "SELECT id, door, source, at, media_type, payload, field, reason, readings, state FROM dead_letter"
        " WHERE tenant = $1 AND state = $2 AND ($3::timestamptz IS NULL OR at < $3) ORDER BY at DESC, id LIMIT $4",
        tenant, state, before, limit,
    )  # fmt: skip


async def settle(where: Pool | Connection, tenant: str, id: uuid.UUID, state: str) -> None:
    """Mark an open letter `retried` or `dismissed`. Raises: NotFound."""
    found = await where.fetchval(
        "UPDATE dead_letter SET state = $3 WHERE tenant = $1 AND id = $2 AND state = 'open' RETURNING id",
        tenant, id, state,
    )  # fmt: skip
    if found is None:
        raise NotFound("there is no such open letter.", remedy="List the letters again: somebody may have settled it.")


def _clean(text: str) -> str:
    return text.replace("\x00", "␀")[:2000]

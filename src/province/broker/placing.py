"""Entities that came in before the land was known are placed once it is: a part at a time, beside everything else.

Whoever has no place in a land that was looked through has none: nothing is looked at again until the land is another.
A process that dies is followed by one that goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from province.broker.committer import Locate
from province.broker.database import Pool
from province.broker.restamp import move, moved
from province.model.schema import EntityType

PART: Final = 1_000
SETTLES: Final = timedelta(seconds=90)
"""So long after the land became another, some process may still place by the former one: what it wrote is looked for by
a further search."""


async def place_some(pool: Pool, tenant: str, land: str, locate: Locate, types: Mapping[str, EntityType]) -> int | None:
    """Take the next step. land: digest of the land that `locate` knows.

    Returns how many entities were placed; None: there is nothing to do.
    """
    async with pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO placement AS p (tenant, land) VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE SET land = $2,"
            " after = '', placed = 0, since = now(), began = now(), done = false WHERE p.land <> $2",
            tenant, land,
        )  # fmt: skip
        after = await connection.fetchval(
            "UPDATE placement SET after = '', began = now(), done = false WHERE tenant = $1 AND land = $2 AND done"
            " AND began < since + $3 AND now() >= since + $3 RETURNING after",
            tenant, land, SETTLES,
        )  # fmt: skip
        if after is None:
            after = await connection.fetchval(
                "SELECT after FROM placement WHERE tenant = $1 AND land = $2 AND NOT done", tenant, land
            )
        if after is None:
            return None
        # Areas themselves stand nowhere.
        rows = await connection.fetch(
            "SELECT id, type, attrs::text AS attrs, area, version FROM entity WHERE tenant = $1 AND area IS NULL"
            " AND bounds IS NOT NULL AND type <> 'Area' AND id > $2 ORDER BY id LIMIT $3", tenant, after, PART,
            timeout=600,  # few of many millions may have no place
        )  # fmt: skip
        found = await asyncio.to_thread(moved, tenant, rows, locate, types)
        async with connection.transaction():
            placed = await move(connection, tenant, found)
            await connection.execute(
                "UPDATE placement SET after = $4, placed = placed + $5, done = $6"
                " WHERE tenant = $1 AND land = $2 AND after = $3",
                tenant, land, after, rows[-1]["id"] if rows else after, placed, len(rows) < PART,
            )  # fmt: skip
        return placed

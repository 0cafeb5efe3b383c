"""Entities whose stamp is coarser than what is known of the land get the finer one: after a split, after an upgrade.

A stamp is no attribute: no version, no event. Where an entity stood before is kept by the database (`place_before`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg
import msgspec

from province.broker.committer import Locate
from province.broker.database import Connection
from province.model.schema import EntityType

_PART = 5_000


async def restamp(
    connection: Connection, tenant: str, stamps: Sequence[str], locate: Locate, types: Mapping[str, EntityType]
) -> int:
    """Place the entities that bear one of the stamps anew. Returns how many bear another one now.

    One whose place is not known, or that `locate` cannot place, keeps its stamp.
    """
    changed, after = 0, ""
    while True:
        rows = await connection.fetch(
            "SELECT id, type, attrs::text AS attrs, area, version FROM entity WHERE tenant = $1"
            " AND area = ANY($2::text[]) AND id > $3 ORDER BY id LIMIT $4", tenant, list(stamps), after, _PART,
        )  # fmt: skip
        if not rows:
            return changed
        after = rows[-1]["id"]
        changed += await move(connection, tenant, moved(tenant, rows, locate, types))


Stamped = tuple[str, int, str]
"""(id, version, new stamp)."""


def moved(
    tenant: str, rows: Sequence[asyncpg.Record], locate: Locate, types: Mapping[str, EntityType]
) -> list[Stamped]:
    """Which of the rows (id, type, attrs as text, area, version) get another stamp. Works out places: takes time."""
    found: list[Stamped] = []
    for row in rows:
        entity_type = types.get(row["type"])
        name = (entity_type.info.place if entity_type else "") or "location"
        place = msgspec.json.decode(row["attrs"]).get(name)
        geometry = place.get("value") if isinstance(place, dict) else None
        stamp = locate(tenant, geometry) if isinstance(geometry, dict) else None
        if stamp is not None and stamp != row["area"]:
            found.append((row["id"], row["version"], stamp))
    return found


async def move(connection: Connection, tenant: str, found: Sequence[Stamped]) -> int:
    """Give the stamps, but not to what was written meanwhile: that was placed when it was. Returns how many got one."""
    status = await connection.execute(
        "UPDATE entity e SET area = n.area FROM unnest($2::text[], $3::bigint[], $4::text[]) AS n (id, version, area)"
        " WHERE e.tenant = $1 AND e.id = n.id AND e.version = n.version",
        tenant, [id for id, _, _ in found], [version for _, version, _ in found], [area for _, _, area in found],
    )  # fmt: skip
    return int(status.split()[-1])


async def coarse_stamps(connection: Connection, tenant: str) -> list[str]:
    """Stamps in use that are coarser than what is known: divided atoms, and areas whose atoms are known."""
    rows = await connection.fetch(
        "SELECT id FROM atom WHERE tenant = $1 AND divided"
        " UNION SELECT DISTINCT m.area FROM atom_area m WHERE m.tenant = $1 AND m.local"
        " AND NOT EXISTS (SELECT FROM atom a WHERE a.tenant = $1 AND a.id = m.area)",
        tenant,
    )
    known = [row["id"] for row in rows]
    used = await connection.fetch(
        "SELECT s FROM unnest($2::text[]) s WHERE EXISTS (SELECT FROM entity WHERE tenant = $1 AND area = s)",
        tenant,
        known,
    )
    return [row["s"] for row in used]

"""Entities whose stamp is coarser than what is known of the land get the finer one: after a split, after an upgrade.

A stamp is no attribute: no version, no event. Where an entity stood before is kept by the database (`place_before`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from province.broker.committer import Locate
from province.broker.database import Connection
from province.model.schema import EntityType

_PART = 5_000


async def restamp(
    connection: Connection,
    tenant: str,
    stamps: Sequence[str],
    locate: Locate,
    types: Mapping[str, EntityType],
    *,
    unplaced: bool = False,
) -> int:
    """Place the entities that bear one of the stamps anew. Returns how many bear another one now.

    unplaced: also those that came in before anything was known of the land; areas themselves stand nowhere.
    One whose place is not known, or that `locate` cannot place, keeps its stamp.
    """
    changed, after = 0, ""
    while True:
        rows = await connection.fetch(
            "SELECT id, type, attrs::text AS attrs, area FROM entity WHERE tenant = $1 AND (area = ANY($2::text[])"
            " OR ($5 AND area IS NULL AND bounds IS NOT NULL AND type <> 'Area')) AND id > $3 ORDER BY id LIMIT $4",
            tenant, list(stamps), after, _PART, unplaced,
        )  # fmt: skip
        if not rows:
            return changed
        after = rows[-1]["id"]
        moved = []
        for row in rows:
            entity_type = types.get(row["type"])
            name = (entity_type.info.place if entity_type else "") or "location"
            found = msgspec.json.decode(row["attrs"]).get(name)
            geometry = found.get("value") if isinstance(found, dict) else None
            stamp = locate(tenant, geometry) if isinstance(geometry, dict) else None
            if stamp is not None and stamp != row["area"]:
                moved.append((row["id"], stamp))
        await connection.execute(
            "UPDATE entity e SET area = n.area FROM unnest($2::text[], $3::text[]) AS n (id, area)"
            " WHERE e.tenant = $1 AND e.id = n.id",
            tenant, [id for id, _ in moved], [area for _, area in moved],
        )  # fmt: skip
        changed += len(moved)


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

"""Removing every copy of the values of a record's fields from the database, and looking whether one is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from province.broker.database import Connection
from province.broker.subjects import Part


async def keys_of(connection: Connection, tenant: str, part: Part) -> list[str]:
    """The keys under which the fields of a part ever stood: an attribute may have several instances."""
    rows = await connection.fetch(
        "SELECT DISTINCT attr FROM attribute_instance WHERE tenant = $1 AND entity = $2"
        " AND split_part(attr, ' ', 1) = ANY($3::text[])",
        tenant, part.entity, list(part.fields),
    )  # fmt: skip
    return list(dict.fromkeys((*part.fields, *(r["attr"] for r in rows))))


_EVENTS: Final = (
    "UPDATE outbox SET payload = jsonb_set(payload, '{was}', (payload -> 'was') - $3::text[])"
    " WHERE tenant = $1 AND entity = $2 AND kind = 'event' AND payload -> 'was' ?| $3::text[]"
)
"""Events that name a former value."""


_SNAPSHOTS: Final = (
    "UPDATE snapshot_entity SET entity = jsonb_set(entity, '{attrs}', (entity -> 'attrs') - $3::text[])"
    " WHERE tenant = $1 AND id = $2 AND entity -> 'attrs' ?| $3::text[]"
)
"""What was kept of the record as it was at some time."""


async def strip_waiting(connection: Connection, tenant: str, entity: str, keys: Sequence[str]) -> None:
    """Nothing that waits to be sent about a record goes out; no event or snapshot tells former values of the keys."""
    await connection.execute(_SNAPSHOTS, tenant, entity, list(keys))
    await connection.execute(_EVENTS, tenant, entity, list(keys))
    await connection.execute("DELETE FROM outbox WHERE tenant = $1 AND entity = $2 AND kind = 'notice'", tenant, entity)
    await connection.execute(
        "DELETE FROM dispatch WHERE tenant = $1 AND about = $2 AND state = 'waiting'", tenant, entity
    )
    await connection.execute(
        "DELETE FROM notification WHERE tenant = $1 AND state = 'waiting' AND (entity = $2"
        " OR happening @> jsonb_build_array(jsonb_build_object('entity', jsonb_build_object('id', $2::text))))",
        tenant, entity,
    )  # fmt: skip


async def set_history_aside(
    connection: Connection, tenant: str, entity: str, keys: Sequence[str]
) -> list[tuple[int, Any]]:
    """Show no past value of these keys. Returns (seq, what was shown in its stead or None), to be put back."""
    rows = await connection.fetch(
        "SELECT h.seq, c.seq IS NOT NULL AS amended, c.attribute::text AS attribute FROM attribute_instance h"
        " LEFT JOIN history_correction c ON c.tenant = h.tenant AND c.entity = h.entity AND c.seq = h.seq"
        " WHERE h.tenant = $1 AND h.entity = $2 AND h.attr = ANY($3::text[]) AND h.attribute IS NOT NULL"
        " AND (c.seq IS NULL OR c.attribute IS NOT NULL) ORDER BY h.seq",
        tenant, entity, list(keys),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO history_correction (tenant, entity, seq, attribute, actor)"
        " SELECT $1, $2, s, NULL, 'consent' FROM unnest($3::bigint[]) s"
        " ON CONFLICT (tenant, entity, seq) DO UPDATE SET attribute = NULL, at = now(), actor = 'consent'",
        tenant, entity, [r["seq"] for r in rows],
    )  # fmt: skip
    return [(r["seq"], msgspec.json.decode(r["attribute"]) if r["amended"] else None) for r in rows]


async def put_history_back(connection: Connection, tenant: str, entity: str, past: Sequence[tuple[int, Any]]) -> None:
    """Show again what `set_history_aside` hid."""
    await connection.execute(
        "DELETE FROM history_correction WHERE tenant = $1 AND entity = $2 AND seq = ANY($3::bigint[])",
        tenant, entity, [seq for seq, former in past if former is None],
    )  # fmt: skip
    await connection.executemany(
        "UPDATE history_correction SET attribute = $4::text::jsonb, at = now() WHERE tenant = $1 AND entity = $2"
        " AND seq = $3",
        [(tenant, entity, seq, _text(former)) for seq, former in past if former is not None],
    )


_ERASE_INSTANCES: Final = """
UPDATE change_history c SET attrs = n.attrs FROM (
    SELECT h.seq, jsonb_agg(CASE WHEN one.value ->> 0 = ANY($3::text[]) THEN 'null' ELSE one.value END
                            ORDER BY one.ordinality) AS attrs,
           count(*) FILTER (WHERE one.value ->> 0 = ANY($3)) AS erased,
           count(*) FILTER (WHERE one.value <> 'null' AND NOT one.value ->> 0 = ANY($3)) AS kept
    FROM change_history h, jsonb_array_elements(h.attrs) WITH ORDINALITY AS one
    WHERE h.tenant = $1 AND h.entity = $2 GROUP BY h.seq) n
WHERE c.tenant = $1 AND c.entity = $2 AND c.seq = n.seq AND n.erased > 0
RETURNING c.seq, n.erased, n.kept
"""
"""The others of a change keep their places; a change of which nothing is left goes with its salt."""


async def scrub(connection: Connection, tenant: str, part: Part, keys: Sequence[str]) -> Mapping[str, int]:
    """Remove every copy of the values of a part. Returns how many, by the names of `Effect`."""

    async def count(sql: str, *more: Any) -> int:
        return int((await connection.execute(sql, tenant, part.entity, *more)).split()[-1])

    await count(
        "DELETE FROM history_correction c USING attribute_instance h WHERE c.tenant = $1 AND c.entity = $2"
        " AND h.tenant = c.tenant AND h.entity = c.entity AND h.seq = c.seq AND h.attr = ANY($3::text[])",
        keys,
    )  # fmt: skip
    history = await count(
        "DELETE FROM attribute_history WHERE tenant = $1 AND entity = $2 AND attr = ANY($3::text[])", keys
    )
    erased = await connection.fetch(_ERASE_INSTANCES, tenant, part.entity, keys)
    history += sum(row["erased"] for row in erased)
    await count("DELETE FROM change_history WHERE tenant = $1 AND entity = $2 AND seq = ANY($3::bigint[])",
                [row["seq"] for row in erased if not row["kept"]])  # fmt: skip
    await count(_SNAPSHOTS, keys)
    outbox = await count(_EVENTS, keys)
    # What was read by everybody who reads the outbox; younger ones go at the next turn.
    outbox += await count(
        "DELETE FROM outbox o WHERE o.tenant = $1 AND o.entity = $2 AND o.kind <> 'event'"
        " AND EXISTS (SELECT 1 FROM relay_position WHERE reader = 'relay') AND NOT EXISTS"
        "  (SELECT 1 FROM relay_position p WHERE p.reader <> 'sealer' AND (o.xid, o.seq) > (p.xid, p.seq))"
    )
    messages = await count("DELETE FROM notice WHERE tenant = $1 AND about = $2")
    messages += await count("DELETE FROM dispatch WHERE tenant = $1 AND about = $2 AND state <> 'sending'")
    messages += await count(
        "DELETE FROM notification WHERE tenant = $1 AND (entity = $2 OR (state <> 'waiting'"
        " AND happening @> jsonb_build_array(jsonb_build_object('entity', jsonb_build_object('id', $2::text)))))"
    )
    repairs = 0
    for row in await connection.fetch(
        "SELECT id, handler, event FROM failed_effect WHERE tenant = $1 AND event -> 'entity' ->> 'id' = $2",
        tenant, part.entity,
    ):  # fmt: skip
        event = msgspec.json.decode(row["event"])
        for place in (event.get("entity") or {}).get("attrs", {}), event.get("before") or {}:
            for key in keys:
                place.pop(key, None)
        await connection.execute(
            "UPDATE failed_effect SET event = $4::text::jsonb WHERE tenant = $1 AND id = $2 AND handler = $3",
            tenant, row["id"], row["handler"], _text(event),
        )  # fmt: skip
        repairs += 1
    corrected = await count(
        # The readings are deleted by a later correction: what stood in their place need not be known any more.
        "UPDATE correction SET was = '[]', number = NULL, text = NULL, salt = NULL,"
        " kind = CASE kind WHEN 'value' THEN 'delete' ELSE kind END WHERE tenant = $1 AND entity = $2"
        " AND attribute = ANY($3::text[]) AND (was <> '[]' OR number IS NOT NULL OR text IS NOT NULL)",
        list(part.fields),
    )
    await count(
        "UPDATE set_aside SET attrs = attrs - $3::text[], past = '[]', decided_at = coalesce(decided_at, now()),"
        " state = CASE state WHEN 'waiting' THEN 'erased' ELSE state END WHERE tenant = $1 AND entity = $2",
        keys,
    )
    return {"history": history, "outbox": outbox, "messages": messages, "repairs": repairs + corrected}


async def is_clean(connection: Connection, tenant: str, parts: Sequence[Part]) -> bool:
    """Whether no copy is left that a process holds in its hands."""
    left = await connection.fetchval(
        "SELECT EXISTS (SELECT 1 FROM dispatch WHERE tenant = $1 AND about = ANY($2::text[]))"
        " OR EXISTS (SELECT 1 FROM outbox WHERE tenant = $1 AND entity = ANY($2) AND kind <> 'event')"
        " OR EXISTS (SELECT 1 FROM notice WHERE tenant = $1 AND about = ANY($2))",
        tenant, [p.entity for p in parts],
    )  # fmt: skip
    return not left


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()

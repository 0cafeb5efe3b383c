"""From what was measured to subscribers: one event per entity and batch, where somebody subscribed to it.

Written in the transaction of the latest values, so that an event tells of what can be read, and none is lost. Entities
that nobody subscribed to cost a look-up and no row.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from time import monotonic
from typing import Final

import msgspec
import pyarrow as pa

from province.broker.database import Connection
from province.broker.subscriptions.index import Index
from province.broker.subscriptions.store import load
from province.history.latest import conflate
from province.model.entity import attribute_key
from province.model.schema import EntityType

AGE_S: Final = 1.0
"""A new subscription hears of measurements after at most this time."""


class Announcer:
    """One per writer. types: declared types by name."""

    def __init__(self, types: Mapping[str, EntityType]) -> None:
        self._types = types
        self._index = Index()
        self._stamp: tuple[object, ...] = ()
        self._looked = -AGE_S

    async def tell(self, connection: Connection, tenant: str, rows: pa.Table) -> int:
        """Leave events about a staged batch. Returns how many."""
        await self._refresh(connection)
        if not len(self._index):
            return 0
        newest = conflate(rows).select(["entity", "type", "attribute", "dataset"]).to_pydict()
        changed: dict[tuple[str, str], list[str]] = {}
        for entity, type_name, attribute, dataset in zip(*newest.values(), strict=True):
            changed.setdefault((entity, type_name), []).append(attribute_key(attribute, dataset))
        found = []
        for (entity, type_name), keys in changed.items():
            declared = self._types.get(type_name)
            if declared is None:
                continue
            for kept in self._index.concerned(tenant, entity, (type_name,), keys):
                watched = kept.subscription.watched
                if not watched or any(k.partition(" ")[0] in watched for k in keys):
                    found.append((f"{declared.noun}.observed", entity, type_name, keys))
                    break
        if found:
            payloads = [{"version": 0, "changed": keys, "observed": True} for *_, keys in found]
            await connection.execute(
                "INSERT INTO outbox (tenant, id, kind, name, entity, type, payload, depth, actor, at)"
                " SELECT $1, i, 'event', n, e, t, p::jsonb, 0, 'system:writer', now()"
                " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS u (i, n, e, t, p)",
                tenant,
                [uuid.uuid4() for _ in found],
                [name for name, *_ in found],
                [entity for _, entity, *_ in found],
                [type_name for _, _, type_name, _ in found],
                [msgspec.json.encode(p).decode() for p in payloads],
            )
        return len(found)

    async def _refresh(self, connection: Connection) -> None:
        if monotonic() - self._looked < AGE_S:
            return
        self._looked = monotonic()
        stamp = await connection.fetchrow(
            "SELECT count(*) AS n, max(modified_at) AS at FROM subscription WHERE kind = 'entity'"
        )
        if stamp is not None and tuple(stamp) != self._stamp:
            self._index = Index()
            for kept in await load(connection, "entity"):
                self._index.put(kept)
            self._stamp = tuple(stamp)

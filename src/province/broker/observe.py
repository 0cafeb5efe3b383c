"""Observations: batches of columns, acknowledged once durable in the stream.

`Observer.observe` checks every reading against its declaration, the register and the caller's rights; refused readings
are returned and kept as dead letters, the others go on. Calls overlap freely, and share messages (`broker.publish`).
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
from nats.aio.client import Client
from nats.js.api import PubAck

from province.broker import deadletter, readings
from province.broker.database import Pool
from province.broker.known import Known
from province.broker.publish import MESSAGE_ROWS, Publisher, Sender
from province.errors import NotAllowed, NotSignedIn, TooLarge
from province.model.actor import Actor
from province.model.observation import Acknowledged, Rejected
from province.model.schema import EntityType
from province.model.time import now

MAX_READINGS = 1_000_000
THREAD_FROM_ROWS = 20_000
"""Batches from this size are checked in a thread: they would hold up the loop for tens of milliseconds."""
MAX_LETTERS = 1_000


class Allowed(Protocol):
    """The policy door (`identity.policy.allows`). entity: given for devices, which may measure only themselves."""

    def __call__(
        self, actor: Actor, permission: str, *, agency: str | None, area: str | None, entity: str | None
    ) -> bool: ...


class Observer:
    """Takes observations of any tenant. One per process.

    client: connected to NATS; it must neither be closed nor drained while calls are in flight.
    timeout_s: wait at most so long for the stream's acknowledgement.
    """

    def __init__(
        self,
        client: Client,
        pool: Pool,
        known: Known,
        *,
        types: Mapping[str, EntityType],
        allowed: Allowed,
        timeout_s: float = 10.0,
    ) -> None:
        self._publisher = Publisher(client, timeout_s=timeout_s)
        self._pool = pool
        self._known = known
        self._types = types
        self._allowed = allowed

    async def observe(
        self, table: pa.Table, actor: Actor, *, source: str, key: str | None = None, mark: str = ""
    ) -> Acknowledged:
        """Check and store a batch. Returns when every accepted reading is durable in the stream.

        table: columns of `model.observation.SCHEMA`.  source: the door (`http`, `mqtt`, …).
        key: idempotency key of the actor; a batch sent again with it is recognised for half an hour.
        mark: where the source stands, kept with the message (see `ingest.mqtt`).
        Raises: InvalidInput (columns), TooLarge, NotSignedIn, NotAllowed (nothing of it is the actor's to measure),
        Unavailable: nothing was acknowledged, though some may have been stored; repeat with the same key.
        """
        if actor.kind == "anonymous":
            raise NotSignedIn("observations need an account.", remedy="Sign in, or send an access token.")
        if table.num_rows > MAX_READINGS:
            raise TooLarge(f"{table.num_rows} readings in one batch.", remedy=f"At most {MAX_READINGS}; split it.")
        if table.num_rows == 0:
            return Acknowledged(0)
        checked = await self._check(table, actor)
        rejected = checked.rejected()
        if rejected:
            self._refuse_strangers(checked, actor)
            await self._bury(checked, rejected, actor, source, key)
        accepted = table.num_rows - len(rejected)
        if not accepted:
            return Acknowledged(0, rejected)
        acks = await self._publish(checked, actor, source, key, mark)
        return Acknowledged(
            accepted, rejected, sequence=acks[-1].seq, duplicate=all(bool(ack.duplicate) for ack in acks)
        )

    async def _check(self, table: pa.Table, actor: Actor) -> readings.Checked:
        at = now()
        if table.num_rows >= THREAD_FROM_ROWS:
            checked = await asyncio.to_thread(readings.arrange, table)
            await asyncio.to_thread(readings.check_values, checked, self._types, at)
        else:
            checked = readings.arrange(table)
            readings.check_values(checked, self._types, at)
        codes = await self._known.codes(actor.tenant, checked.entities)
        readings.check_owners(checked, codes, self._known.owners, self._permitted(actor, checked.entities, codes))
        return checked

    def _permitted(self, actor: Actor, entities: list[str], codes: list[int]) -> readings.Mask:
        """Per distinct entity: may the actor measure it? Asked once per owner; per entity only for devices."""
        if actor.kind == "device":
            mine = [one == actor.id and self._ask(actor, code, one) for one, code in zip(entities, codes, strict=True)]
            return np.array(mine, np.bool_)
        answers = np.zeros(len(self._known.owners) + 1, np.bool_)  # the last one is that of code -1: unknown
        for code in set(codes):
            answers[code] = self._ask(actor, code, None)
        return answers[np.asarray(codes, np.int64)]

    def _ask(self, actor: Actor, code: int, entity: str | None) -> bool:
        if code < 0:
            return False
        owner = self._known.owners[code]
        entity_type = self._types.get(owner.type)
        if entity_type is None:
            return False
        return self._allowed(actor, f"{entity_type.noun}.observe", agency=owner.agency, area=owner.area, entity=entity)

    @staticmethod
    def _refuse_strangers(checked: readings.Checked, actor: Actor) -> None:
        """A batch of which nothing is the actor's leaves no trace: it could be anybody filling our disk."""
        foreign = [n + 1 for n, (_, reason) in enumerate(checked.reasons) if reason == readings.UNKNOWN]
        if len(foreign) == 1 and (checked.reason == foreign[0]).all():
            raise NotAllowed(
                f"{actor.name or actor.id} may measure none of these entities, or they do not exist.",
                field="entity",
                remedy="Register the entities first, or ask an administrator for a role that may observe them.",
            )

    async def _bury(
        self, checked: readings.Checked, rejected: tuple[Rejected, ...], actor: Actor, source: str, key: str | None
    ) -> None:
        base = _digest(actor, key) if key else uuid.uuid4().hex
        kept = rejected[:MAX_LETTERS]
        payloads = readings.rows_as_json(checked.table, [one.row for one in kept])
        letters = [
            deadletter.Letter(
                actor.tenant,
                source,
                actor.id,
                "application/json",
                payload,
                one.reason,
                one.field,
                1,
                f"{base}/{one.row}",
            )
            for one, payload in zip(kept, payloads, strict=True)
        ]
        rest = len(rejected) - len(kept)
        if rest:
            reason = f"{rest} further readings of the same batch were refused; the first {len(kept)} are kept singly."
            letters.append(
                deadletter.Letter(
                    actor.tenant, source, actor.id, "text/plain", b"", reason, readings=rest, key=f"{base}/rest"
                )
            )
        await deadletter.bury(self._pool, letters)

    async def _publish(
        self, checked: readings.Checked, actor: Actor, source: str, key: str | None, mark: str
    ) -> list[PubAck]:
        sender = Sender(actor.tenant, source, actor.id)
        if key or mark or checked.table.num_rows > MESSAGE_ROWS:
            name = _digest(actor, key) if key else ""
            return await self._publisher.publish_alone(checked.table, checked.good, sender, key=name, mark=mark)
        good = checked.good
        table = checked.table if good.all() else checked.table.filter(pa.array(good))
        return [await self._publisher.publish(table, sender)]


def _digest(actor: Actor, key: str) -> str:
    """Keys are the caller's own: nobody can make another's batch look like a duplicate."""
    return hashlib.sha256(f"{actor.tenant}\0{actor.id}\0{key}".encode()).hexdigest()[:40]

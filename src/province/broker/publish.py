"""Publishing into the stream of observations, with natural group commit.

With `sync_interval: always` the server flushes each message to disk before it acknowledges: messages per second are
what the disk allows, however small they are. While messages of a sender are in flight, further batches of the same
sender queue, and the next message takes them all. There is no timer: a lone batch leaves at once. Batches with an
idempotency key or a mark travel alone, because the server recognises repeated *messages*.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import quote

import nats.errors
import numpy as np
import pyarrow as pa
from nats.aio.client import Client
from nats.js.api import PubAck
from nats.js.errors import APIError, NoStreamResponseError

from province.broker import stream
from province.errors import ProvinceError, TooLarge, Unavailable

MESSAGE_ROWS = 16_384
"""Rows per message of a batch that travels alone. Borders lie at fixed rows of the batch as given, so that a repeated
batch with the same key is cut alike."""
GROUP_ROWS = 65_536
FLYING = 2
"""Messages in flight per sender before batches queue: one is on its way while the other is flushed."""
_ROOM_FOR_HEADERS = 2_048
_FULL = (10077, 10047, 10023)
_REPEAT = "Repeat later with the same Idempotency-Key."


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose batches may share a message."""

    tenant: str
    source: str
    actor: str

    @property
    def headers(self) -> dict[str, str]:
        """Headers of its messages."""
        return {"Tenant": quote(self.tenant), "Source": quote(self.source), "Actor": quote(self.actor)}


@dataclass(slots=True)
class _Lane:
    waiting: deque[tuple[pa.Table, asyncio.Future[PubAck]]] = field(default_factory=deque)
    drivers: set[asyncio.Task[None]] = field(default_factory=set)


class Publisher:
    """One per process. timeout_s: wait at most so long for an acknowledgement."""

    def __init__(self, client: Client, *, timeout_s: float) -> None:
        self._client = client
        self._js = client.jetstream(timeout=timeout_s)
        self._lanes: dict[Sender, _Lane] = {}

    async def publish(self, table: pa.Table, sender: Sender) -> PubAck:
        """Store rows of SCHEMA, perhaps together with others of the same sender. Raises: Unavailable, TooLarge."""
        self._require_connection()
        lane = self._lanes.setdefault(sender, _Lane())
        done: asyncio.Future[PubAck] = asyncio.get_running_loop().create_future()
        lane.waiting.append((table, done))
        if len(lane.drivers) < FLYING:
            driver = asyncio.create_task(self._drive(lane, sender))
            lane.drivers.add(driver)
        return await done

    async def publish_alone(
        self, table: pa.Table, keep: np.ndarray[tuple[int], np.dtype[np.bool_]], sender: Sender, *, key: str, mark: str
    ) -> list[PubAck]:
        """Store the rows of a batch that are to be kept, recognisable by key. Raises: Unavailable, TooLarge.

        mark: kept with the message, of which there may be only one.
        """
        self._require_connection()
        messages: list[tuple[str, bytes]] = []
        for n, start in enumerate(range(0, table.num_rows, MESSAGE_ROWS)):
            part, good = table.slice(start, MESSAGE_ROWS), keep[start : start + MESSAGE_ROWS]
            messages.extend(self._cut(part if good.all() else part.filter(pa.array(good)), str(n)))
        if mark and len(messages) > 1:
            raise TooLarge(f"{len(messages)} messages for one mark.", remedy="Send fewer readings at once.")
        return await self._send(messages, sender, key, mark)

    async def _drive(self, lane: _Lane, sender: Sender) -> None:
        try:
            while lane.waiting:
                group = self._take(lane)
                if not group:
                    continue
                try:
                    merged = group[0][0] if len(group) == 1 else pa.concat_tables([table for table, _ in group])
                    acks = await self._send(self._cut(merged, "0"), sender, "", "")
                except ProvinceError as error:
                    for _, done in group:
                        if not done.done():
                            done.set_exception(type(error)(error.detail, field=error.field, remedy=error.remedy))
                else:
                    for _, done in group:
                        if not done.done():
                            done.set_result(acks[-1])
        finally:
            lane.drivers.discard(asyncio.current_task())
            if not lane.drivers and not lane.waiting:
                self._lanes.pop(sender, None)

    @staticmethod
    def _take(lane: _Lane) -> list[tuple[pa.Table, asyncio.Future[PubAck]]]:
        group: list[tuple[pa.Table, asyncio.Future[PubAck]]] = []
        rows = 0
        while lane.waiting and (not group or rows + lane.waiting[0][0].num_rows <= GROUP_ROWS):
            table, done = lane.waiting.popleft()
            if not done.done():  # a caller that went away before its turn takes nothing with it
                rows += table.num_rows
                group.append((table, done))
        return group

    def _cut(self, part: pa.Table, name: str) -> list[tuple[str, bytes]]:
        """Messages that the server takes, with names that depend on the rows alone."""
        if part.num_rows == 0:
            return []
        payload = stream.encode(part)
        if len(payload) <= self._client.max_payload - _ROOM_FOR_HEADERS:
            return [(name, payload)]
        if part.num_rows == 1:
            raise TooLarge("one reading is larger than a message may be.", remedy="Shorten its id or text.")
        half = part.num_rows // 2
        return [*self._cut(part.slice(0, half), f"{name}.0"), *self._cut(part.slice(half), f"{name}.1")]

    async def _send(self, messages: list[tuple[str, bytes]], sender: Sender, key: str, mark: str) -> list[PubAck]:
        common = sender.headers | ({"Mark": mark} if mark else {})
        subject = stream.subject(sender.tenant, sender.source)
        sends = [
            self._js.publish(
                subject, payload, stream=stream.STREAM,
                headers=common | ({"Nats-Msg-Id": f"{key}/{name}"} if key else {}),
            )
            for name, payload in messages
        ]  # fmt: skip
        try:
            return list(await asyncio.gather(*sends))
        except APIError as error:
            if error.err_code in _FULL or "maximum" in (error.description or ""):
                raise Unavailable(
                    "the stream of observations is full; nothing was acknowledged.",
                    remedy=f"{_REPEAT} Operator: the lake writer is behind or stopped.",
                ) from error
            raise Unavailable(f"the stream refused: {error.description}; nothing was acknowledged.") from error
        except (NoStreamResponseError, nats.errors.Error, OSError) as error:
            raise Unavailable(
                f"the stream of observations does not answer ({type(error).__name__}); nothing was acknowledged.",
                remedy=_REPEAT,
            ) from error

    def _require_connection(self) -> None:
        if not self._client.is_connected:
            raise Unavailable("NATS is not connected; nothing was stored.", remedy="Try again in a few seconds.")

"""The stream of observations: what stands between a door's acknowledgement and the lake.

One JetStream message is one Arrow IPC stream of `model.observation.SCHEMA`. Its subject `obs.<tenant>.<source>` and its
headers say whose it is and through which door it came. The stream refuses what does not fit (discard=new): an
observation is stored or the sender is told; it is never dropped to make room. The lake writer purges what the lake and
the latest values hold.

**Incarnation.** Sequence numbers are only meaningful within one life of the stream: a deleted and recreated stream
starts again at 1, and one restored from an older backup goes back. The stream therefore carries an incarnation in its
metadata, which is part of every position that is written down. The lake writer calls `renew` when a position lies
beyond the stream's end; who restores a backup runs it (`ingest.writer.reconcile`) before any door opens.

**Reading by position.** A durable consumer redelivers an unacknowledged message *after* newer ones. The lake's commit
says "everything up to sequence n"; a message that comes back late, with a lower number, would be taken for written and
be lost. So the lake writer does not rely on acknowledgement at all: `Reader` makes an ephemeral consumer that starts
at an exact sequence, delivers in order, and is made anew at the next expected sequence whenever the numbers do not
follow each other, the connection was lost, or the server restarted.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import unquote

import nats.errors
import pyarrow as pa
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError

from province.errors import DecodeError, Unavailable
from province.model.observation import SCHEMA

STREAM = "OBS"
SUBJECTS = "obs.>"
DUPLICATE_WINDOW_S = 1800
"""How long a repeated idempotency key is recognised."""
COMPRESS_FROM_BYTES = 256 * 1024
"""Below it, compressing costs more processor time than it saves disk (measured: 274 against 54 µs per 1,000)."""

_PLAIN = pa.ipc.IpcWriteOptions()
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One life of the stream. floor: messages up to it were written to the lake in the life before."""

    id: str
    floor: int = 0

    @property
    def name(self) -> str:
        """Name under which the lake keeps its position."""
        return f"obs-{self.id}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message of the stream. sequence: its place.  mark: where its source stands, as that source understands it.

    at: when the stream took it, microseconds since 1970.
    """

    sequence: int
    tenant: str
    source: str
    actor: str
    mark: str
    payload: bytes
    at: int


@dataclass(slots=True)
class Anomalies:
    """What the reader met. lost: sequences gone before they were read.  restarts: consumers made anew."""

    lost: int = 0
    restarts: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)


def encode(table: pa.Table) -> bytes:
    """The Arrow IPC stream of a table of SCHEMA."""
    sink = pa.BufferOutputStream()
    options = _PACKED if table.nbytes >= COMPRESS_FROM_BYTES else _PLAIN
    with pa.ipc.new_stream(sink, SCHEMA, options=options) as writer:
        writer.write_table(table.unify_dictionaries())
    return bytes(sink.getvalue())


def decode(payload: bytes) -> pa.Table:
    """Inverse of `encode`. Raises: DecodeError for anything else, also when nulls or dictionaries are damaged."""
    try:
        with pa.ipc.open_stream(payload) as reader:
            if not reader.schema.equals(SCHEMA):
                raise DecodeError("the message is not a table of observations.", remedy="Look at what published it.")
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DecodeError(f"the message is damaged: {str(error)[:200]}") from error
    for name in ("entity", "type", "attribute", "observed_at", "origin"):
        if table[name].null_count:
            raise DecodeError(f"column {name!r} holds nulls.", field=name)
    return table


def subject(tenant: str, source: str) -> str:
    """Subject of a tenant's observations that came through a door."""
    return f"obs.{token(tenant)}.{token(source)}"


def token(text: str) -> str:
    """A text as one token of a subject; unusual characters are base32-encoded behind `=`."""
    if _TOKEN.fullmatch(text):
        return text
    return "=" + base64.b32encode(text.encode()).decode().rstrip("=")


async def ensure_stream(js: JetStreamContext, *, max_bytes: int, replicas: int = 1) -> Incarnation:
    """Create the stream, or bring its limits up to date. Returns its incarnation. Raises: Unavailable."""
    try:
        try:
            info = await js.stream_info(STREAM)
        except NotFoundError:
            info = await js.add_stream(_config(max_bytes, replicas, {"incarnation": uuid.uuid4().hex, "floor": "0"}))
        metadata = info.config.metadata or {}
        if info.config.max_bytes != max_bytes or info.config.num_replicas != replicas or "incarnation" not in metadata:
            kept = {"incarnation": metadata.get("incarnation", uuid.uuid4().hex), "floor": metadata.get("floor", "0")}
            await js.update_stream(_config(max_bytes, replicas, kept))
            metadata = kept
    except (nats.errors.Error, APIError, OSError) as error:
        raise Unavailable(
            f"the stream of observations cannot be prepared: {error}", remedy="Is NATS running?"
        ) from error
    return Incarnation(metadata["incarnation"], int(metadata["floor"]))


def incarnation_of(info: StreamInfo) -> Incarnation:
    """The incarnation that a stream's metadata name."""
    metadata = info.config.metadata or {}
    return Incarnation(metadata["incarnation"], int(metadata["floor"]))


async def renew(js: JetStreamContext) -> Incarnation:
    """Begin a new incarnation of a stream that went back in its numbers, because an older backup of it was restored.

    What it holds now had been written to the lake before; what is published from now on counts anew.
    """
    info = await js.stream_info(STREAM)
    fresh = Incarnation(uuid.uuid4().hex, info.state.last_seq)
    await js.update_stream(
        _config(info.config.max_bytes, info.config.num_replicas, {"incarnation": fresh.id, "floor": str(fresh.floor)})
    )
    return fresh


async def purge(js: JetStreamContext, upto: int) -> None:
    """Remove messages up to and including a sequence: the lake and the latest values hold them."""
    if upto > 0:
        await js.purge_stream(STREAM, seq=upto + 1)


async def last_mark(js: JetStreamContext, tenant: str, source: str) -> str:
    """The mark of the newest message of a tenant and source that is still in the stream, or ""."""
    try:
        message = await js.get_last_msg(STREAM, subject(tenant, source))
    except NotFoundError:
        return ""
    return str((message.headers or {}).get("Mark", ""))


def _config(max_bytes: int, replicas: int, metadata: dict[str, str]) -> StreamConfig:
    return StreamConfig(
        name=STREAM,
        description="observations on their way to the lake",
        subjects=[SUBJECTS],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=max_bytes,
        num_replicas=replicas,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_direct=True,
        metadata=metadata,
    )


class Reader:
    """Delivers the stream in order from an exact sequence. One task may call `fetch`; `close` when done."""

    def __init__(self, client: Client, js: JetStreamContext, start: int) -> None:
        self._client = client
        self._js = js
        self.expected = max(1, start)
        self.anomalies = Anomalies()
        self._inbox: Subscription | None = None
        self._consumer = ""
        self._credit = 0
        self._deadline = 0.0
        self._suspect = 0
        self.pending = 0

    async def fetch(self, messages: int, *, wait_s: float, linger_s: float, max_bytes: int) -> list[Envelope]:
        """Next messages in order: waits up to `wait_s` for the first, then collects for `linger_s`; may be empty.

        Raises: Unavailable when NATS does not answer; the next call begins at the same place.
        """
        try:
            return await self._fetch(messages, wait_s, linger_s, max_bytes)
        except (nats.errors.Error, APIError, OSError) as error:
            await self.close()
            raise Unavailable(f"the stream cannot be read: {error!r}") from error

    async def _fetch(self, messages: int, wait_s: float, linger_s: float, max_bytes: int) -> list[Envelope]:
        got: list[Envelope] = []
        size = 0
        until = monotonic() + wait_s
        while len(got) < messages and size < max_bytes:
            inbox = self._inbox or await self._open()
            left = until - monotonic()
            if self._credit <= 0:
                await self._ask(inbox, messages - len(got), max(left, 0.05))
            try:
                message = await inbox.next_msg(timeout=max(left, 0.001))
            except TimeoutError:
                if monotonic() > self._deadline:  # the server owes an answer: the consumer is gone
                    await self._restart()
                break
            envelope = await self._take(message)
            if envelope is None:
                if got and self._credit <= 0 and self.pending == 0 and linger_s <= 0:
                    break
                continue
            if not got:
                until = monotonic() + linger_s
            got.append(envelope)
            size += len(envelope.payload)
        return got

    async def _open(self) -> Subscription:
        inbox = await self._client.subscribe(self._client.new_inbox(), pending_msgs_limit=-1, pending_bytes_limit=-1)
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self.expected,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=60,
        )
        try:
            info = await self._js.add_consumer(STREAM, config)
        except (nats.errors.Error, APIError):
            await inbox.unsubscribe()
            raise
        self._inbox, self._consumer, self._credit = inbox, info.name, 0
        return inbox

    async def _ask(self, inbox: Subscription, messages: int, expires_s: float) -> None:
        # No byte limit: a message above it would end the request in an error. `fetch` counts bytes itself.
        request = {"batch": messages, "expires": int(expires_s * 1e9)}
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._consumer}", json.dumps(request).encode(), inbox.subject
        )
        self._credit = messages
        self._deadline = monotonic() + expires_s + 5

    async def _take(self, message: Msg) -> Envelope | None:
        headers: Mapping[str, Any] = message.headers or {}
        status = headers.get("Status")
        if status is not None:
            self._credit = 0
            if status not in ("404", "408"):  # 503 no such consumer, 409 consumer deleted or leader changed
                await self._restart()
            return None
        self._credit -= 1
        parts = message.reply.split(".")
        sequence, self.pending = int(parts[-4]), int(parts[-1])
        if sequence != self.expected and not await self._explain(sequence):
            return None
        self._suspect = 0
        self.expected = sequence + 1
        self._deadline = monotonic() + 30
        return Envelope(
            sequence=sequence,
            tenant=unquote(str(headers.get("Tenant", ""))),
            source=unquote(str(headers.get("Source", ""))),
            actor=unquote(str(headers.get("Actor", ""))),
            mark=str(headers.get("Mark", "")),
            payload=message.data,
            at=int(parts[-2]) // 1000,
        )

    async def _explain(self, sequence: int) -> bool:
        """Is a jump real? True when the stream no longer has what lies between; else the reader starts anew."""
        if sequence < self.expected:
            await self._restart()
            return False
        info = await self._js.stream_info(STREAM)
        if info.state.first_seq < sequence and self._suspect != sequence:
            # Not purged, as far as the first number tells. Ask once more from the expected place: when the same
            # message comes first again, the ones between were deleted singly.
            self._suspect = sequence
            await self._restart()
            return False
        self.anomalies.lost += sequence - self.expected
        self.anomalies.gaps.append((self.expected, sequence - 1))
        return True

    async def _restart(self) -> None:
        self.anomalies.restarts += 1
        await self.close()

    async def close(self) -> None:
        """Drop the consumer; the next `fetch` makes another at the expected sequence."""
        inbox, consumer, self._inbox, self._consumer = self._inbox, self._consumer, None, ""
        if inbox is None or self._client.is_closed:
            return
        await inbox.unsubscribe()
        if self._client.is_connected:
            try:
                await self._js.delete_consumer(STREAM, consumer)
            except (nats.errors.Error, APIError):
                return  # it ends by itself after `inactive_threshold`

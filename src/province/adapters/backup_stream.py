"""Streams in a backup: messages that are durable in JetStream and not yet in the lake, copied and played back.

A file of messages is a sequence of frames: length (4 bytes, big endian), then MessagePack of `Message`.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Final

import msgspec
import nats.errors
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError

from province.engines.gateway import life_of
from province.errors import Conflict, InvalidInput, Unavailable

_BATCH: Final = 200
_IN_FLIGHT: Final = 200
_ANSWER_S: Final = 10.0
_FRAME = struct.Struct(">I")
_ID: Final = "Nats-Msg-Id"
_DROPPED: Final = frozenset(("Nats-Expected-Last-Sequence", "Nats-Expected-Stream", "Nats-Expected-Last-Msg-Id"))


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One stored message."""

    sequence: int
    subject: str
    headers: dict[str, str]
    payload: bytes


class Copied(msgspec.Struct, kw_only=True):
    """A stream at its cut. first, last: sequences at the cut; gaps: ranges in between that were purged meanwhile.

    position: what the numbers of a stream made from this copy must lie above.
    config: the stream's configuration as the server gives it.
    life: name of this life of the stream.  readers: configurations of its durable consumers.
    """

    name: str
    first: int
    last: int
    messages: int
    gaps: list[tuple[int, int]]
    position: int
    config: dict[str, Any]
    life: str = ""
    readers: list[dict[str, Any]] = []


@dataclass(slots=True)
class _Frames:
    path: Path
    count: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    _file: BinaryIO | None = None

    def __enter__(self) -> _Frames:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def write(self, message: Message) -> None:
        assert self._file is not None
        frame = msgspec.msgpack.encode(message)
        self._file.write(_FRAME.pack(len(frame)) + frame)
        self.count += 1


def read(path: Path) -> Iterator[Message]:
    """The messages of a file, in order. Raises: InvalidInput when it is cut off."""
    decoder = msgspec.msgpack.Decoder(Message)
    with path.open("rb") as file:
        while head := file.read(_FRAME.size):
            length = _FRAME.unpack(head)[0] if len(head) == _FRAME.size else -1
            frame = file.read(length) if length >= 0 else b""
            if len(frame) != length:
                raise InvalidInput(f"{path.name} is cut off.", remedy="Use another backup.")
            yield decoder.decode(frame)


async def copy(js: JetStreamContext, name: str, target: Path) -> Copied | None:
    """Copy what a stream holds now; None when there is no such stream. Raises: Unavailable."""
    try:
        info = await js.stream_info(name)
    except NotFoundError:
        return None
    state = info.state
    with _Frames(target) as frames:
        if state.messages:
            await _copy(js, name, state.first_seq, state.last_seq, frames)
    return Copied(
        name=name, first=state.first_seq, last=state.last_seq, messages=frames.count, gaps=frames.gaps,
        position=state.last_seq, config=_config(info.config),
    )  # fmt: skip


async def _copy(js: JetStreamContext, name: str, first: int, last: int, frames: _Frames) -> None:
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=first, ack_policy=AckPolicy.NONE,
        mem_storage=True, num_replicas=1, inactive_threshold=60,
    )  # fmt: skip
    expected, heard = first, monotonic()
    reader = await js.pull_subscribe("", stream=name, config=config)
    try:
        while expected <= last:
            try:
                batch = await reader.fetch(_BATCH, timeout=1.0)
            except TimeoutError:
                # Either everything up to `last` was purged, or the server is slow: the stream itself knows.
                state = (await js.stream_info(name)).state
                if state.messages == 0 or state.first_seq > last:
                    frames.gaps.append((expected, last))
                    return
                if monotonic() - heard > _ANSWER_S:
                    raise Unavailable(f"the stream {name} does not deliver its messages.") from None
                continue
            heard = monotonic()
            for message in batch:
                sequence = message.metadata.sequence.stream
                if sequence > last:
                    frames.gaps.extend([(expected, last)] if expected <= last else [])
                    return
                if sequence > expected:
                    frames.gaps.append((expected, sequence - 1))
                expected = sequence + 1
                frames.write(Message(sequence, message.subject, dict(message.headers or {}), message.data))
    finally:
        await reader.unsubscribe()


async def drain(js: JetStreamContext, name: str, target: Path, *, patience_s: float = 5.0) -> Copied | None:
    """Wait until the reader of an interest stream has taken what the stream holds now, then remember where it stands.

    When the reader makes no progress for `patience_s` (it is stopped), what it has not taken is copied. None when there
    is no such stream. The stream's own reader is its only one: nothing may be made there, so messages are asked singly.
    """
    try:
        info = await js.stream_info(name)
    except NotFoundError:
        return None
    goal, floor, since = info.state.last_seq, -1, monotonic()
    readers = await js.consumers_info(name)
    taken = False
    while not taken:
        readers = await js.consumers_info(name)
        now_at = min((reader.ack_floor.stream_seq for reader in readers if reader.ack_floor), default=goal)
        state = (await js.stream_info(name)).state
        taken = now_at >= goal or state.messages == 0 or state.first_seq > goal
        if now_at > floor:
            floor, since = now_at, monotonic()
        if monotonic() - since > patience_s:
            break
        await asyncio.sleep(0.05)
    with _Frames(target) as frames:
        if not taken:
            for sequence in range(max(info.state.first_seq, floor + 1), goal + 1):
                try:
                    found = await js.get_msg(name, seq=sequence)
                except NotFoundError:
                    frames.gaps.append((sequence, sequence))
                    continue
                frames.write(Message(sequence, found.subject or "", dict(found.headers or {}), found.data or b""))
    return Copied(
        name=name, first=floor + 1, last=goal, messages=frames.count, gaps=frames.gaps, position=goal,
        config=_config(info.config), life=life_of(info), readers=[_reader(one.config) for one in readers],
    )  # fmt: skip


async def floor_of(js: JetStreamContext, name: str) -> int:
    """Where the reader of an interest stream stands."""
    readers = await js.consumers_info(name)
    return min((reader.ack_floor.stream_seq for reader in readers if reader.ack_floor), default=0)


async def create(js: JetStreamContext, copied: Copied, *, first: int, metadata: dict[str, str]) -> None:
    """Make the stream anew with the copied configuration; its numbers begin at `first`. Raises: Conflict."""
    # The client library changes what it is given.
    config = StreamConfig.from_response({**deepcopy(copied.config), "first_seq": first})
    config.metadata = {k: v for k, v in (config.metadata or {}).items() if not k.startswith("_nats.")} | metadata
    try:
        present = await js.stream_info(copied.name)
    except NotFoundError:
        await js.add_stream(config)
        return
    raise Conflict(
        f"the stream {copied.name} exists already, with {present.state.messages} messages.",
        field="PROVINCE_NATS",
        remedy="Delete it, or give another NATS server.",
    )


async def create_reader(js: JetStreamContext, name: str, config: dict[str, Any]) -> None:
    """Make a durable consumer anew, at the beginning of its stream."""
    await js.add_consumer(name, ConsumerConfig.from_response(deepcopy(config)))


async def play(js: JetStreamContext, name: str, messages: Iterable[Message], progress: Callable[[int], None]) -> int:
    """Publish messages again, in order; returns how many are stored. Raises: Unavailable.

    Their own message ids go with them: a client that repeats a batch after the restore is still recognised.
    """
    waiting: list[Any] = []
    stored = 0
    ids: set[str] = set()
    try:
        for message in messages:
            headers = {key: value for key, value in message.headers.items() if key not in _DROPPED}
            # An id may come again when the first was long ago; played back within seconds, it would be swallowed.
            if headers.get(_ID) in ids:
                del headers[_ID]
            ids.update([headers[_ID]] if _ID in headers else [])
            waiting.append(
                await js.publish_async(message.subject, message.payload, stream=name, headers=headers or None)
            )
            if len(waiting) >= _IN_FLIGHT:
                stored += await _stored(waiting)
                progress(stored)
                waiting = []
        stored += await _stored(waiting)
    except (nats.errors.Error, APIError, OSError) as error:
        raise Unavailable(f"the stream {name} does not take its messages back: {error!r}") from error
    return stored


async def _stored(waiting: list[Any]) -> int:
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 60)
    return sum(not answer.duplicate for answer in answers)


def _config(config: StreamConfig) -> dict[str, Any]:
    given: dict[str, Any] = config.as_dict()
    return {key: value for key, value in given.items() if key not in ("first_seq", "placement", "mirror", "sources")}


def _reader(config: ConsumerConfig) -> dict[str, Any]:
    given: dict[str, Any] = config.as_dict()
    wanted = ("durable_name", "filter_subject", "ack_policy", "ack_wait", "max_ack_pending", "max_deliver")
    return {key: given[key] for key in wanted if given.get(key) is not None}

"""The MQTT gateway's streams, made by us before the first device connects.

The server makes `$MQTT_msgs` when the first MQTT client connects, without any limit and without a consumer; what is
published until a consumer exists is acknowledged and dropped. A stream of that name that exists already is used as it
is, so we make it first, with our limits, and our durable consumer with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC
from typing import Any

from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from province.errors import Unavailable

STREAM = "$MQTT_msgs"
RETAINED = "$MQTT_rmsgs"
PREFIX = "$MQTT.msgs."
"""A message to MQTT topic `devices/x/data` lies in the stream under this prefix and `devices.x.data`."""


def life_of(info: Any) -> str:
    """Name of one life of a stream, from its information: a stream made anew counts from the beginning."""
    return info.created.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f") if info.created else "0"


async def open_gateway(
    jetstream: Any,
    *,
    durable: str,
    max_bytes: int,
    retained_bytes: int,
    ack_wait_s: float = 60.0,
    max_ack_pending: int = 50_000,
) -> None:
    """Make the gateway's streams and our durable pull consumer; idempotent. Answer no callout before it returns.

    jetstream: the JetStream context of a service connection.  durable: name of the consumer, which gets all messages
    of devices (`devices.>`), acknowledged cumulatively (AckPolicy ALL, so one reader at a time).
    max_bytes: room of messages that wait for the reader; a message beyond is not acknowledged to the device.
    Raises: the client library's errors (a stream of that name with other retention cannot be changed).
    """
    await _ensure(
        jetstream,
        StreamConfig(
            name=STREAM,
            subjects=[PREFIX + ">"],
            retention=RetentionPolicy.INTEREST,
            storage=StorageType.FILE,
            num_replicas=1,
            max_bytes=max_bytes,
            # "Old" would silently drop what a device has been told is safe.
            discard=DiscardPolicy.NEW,
            # A device's QoS 1 subscription would make a consumer here, whose unread messages fill the stream for all.
            max_consumers=1,
        ),
    )
    await _ensure(
        jetstream,
        StreamConfig(
            name=RETAINED,
            subjects=["$MQTT.rmsgs.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            num_replicas=1,
            max_msgs_per_subject=1,
            max_bytes=retained_bytes,
            discard=DiscardPolicy.OLD,
        ),
    )
    await jetstream.add_consumer(
        STREAM,
        ConsumerConfig(
            durable_name=durable,
            filter_subject=PREFIX + "devices.>",
            ack_policy=AckPolicy.ALL,
            ack_wait=ack_wait_s,
            max_ack_pending=max_ack_pending,
            max_deliver=-1,
        ),
    )


async def disconnect(system: Any, device: str, *, wait_s: float = 0.3) -> int:
    """End the present connections of a device, on every server; a revoked one is then refused by the callout.

    system: a connection of the system account.  wait_s: how long servers have to answer.
    Returns: connections ended.  Raises Unavailable when a server does not obey.
    """
    answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(message: Any) -> None:
        answers.put_nowait(json.loads(message.data))

    inbox = system.new_inbox()
    subscription = await system.subscribe(inbox, cb=take)
    question = {"auth": True, "user": device}
    await system.publish("$SYS.REQ.SERVER.PING.CONNZ", json.dumps(question).encode(), reply=inbox)
    found: list[tuple[str, int]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            while True:
                answer = await answers.get()
                connections = (answer.get("data") or {}).get("connections") or []
                found += [(answer["server"]["id"], connection["cid"]) for connection in connections]
    await subscription.unsubscribe()
    for server, number in found:
        reply = await system.request(f"$SYS.REQ.SERVER.{server}.KICK", json.dumps({"cid": number}).encode(), timeout=5)
        fault = json.loads(reply.data).get("error")
        # A connection that ended by itself meanwhile is what we wanted.
        if fault and fault.get("code") != 404 and "no such client" not in str(fault.get("description")).lower():
            raise Unavailable(f"the server did not end the connection of {device}: {fault.get('description')}.")
    return len(found)


async def _ensure(jetstream: Any, config: StreamConfig) -> None:
    try:
        present = await jetstream.stream_info(config.name)
    except NotFoundError:
        await jetstream.add_stream(config)
        return
    # An external cluster may keep more replicas than one: that is its operator's choice, not ours.
    config.num_replicas = present.config.num_replicas
    await jetstream.update_stream(config)

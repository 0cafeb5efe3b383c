"""Notifications out: over HTTP by the guarded client, over MQTT to a broker whose address passed the same guard."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from province.adapters.outbound import Outbound
from province.broker.subscriptions.delivery import Refused
from province.broker.subscriptions.message import Message
from province.errors import InvalidInput, Unavailable

LARGEST_ANSWER: Final = 64 * 1024
_AGAIN: Final = frozenset((408, 425, 429))
"""Refusals that are about the moment, not about the message."""
_PROTOCOLS: Final[Mapping[str, mqtt.MQTTProtocolVersion]] = {
    "mqtt3.1.1": mqtt.MQTTProtocolVersion.MQTTv311,
    "mqtt5.0": mqtt.MQTTProtocolVersion.MQTTv5,
}


class Notifier:
    """Sends messages to subscribers. outbound: the guarded client, whose allow-list holds for MQTT too."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def send(self, message: Message) -> None:
        """Returns when the endpoint took it (any 2xx; MQTT: acknowledged at QoS 1 and 2).

        Raises: Refused (4xx), Unavailable, NotAllowed for an address that is refused, InvalidInput.
        """
        parts = urlsplit(message.uri)
        if parts.scheme.lower() in ("mqtt", "mqtts"):
            await self._publish(parts, message)
            return
        answer = await self._outbound.request(
            "POST",
            message.uri,
            headers=message.headers,
            content=message.body,
            timeout_s=message.timeout_s,
            largest=LARGEST_ANSWER,
            keep=True,
        )
        if 200 <= answer.status < 300:
            return
        kind = Refused if 400 <= answer.status < 500 and answer.status not in _AGAIN else Unavailable
        raise kind(f"{parts.hostname} answered {answer.status}.", field="notification.endpoint.uri")

    async def _publish(self, parts: SplitResult, message: Message) -> None:
        secure = parts.scheme.lower() == "mqtts"
        host, port = parts.hostname or "", _port(parts, 8883 if secure else 1883)
        addresses = await self._outbound.addresses(host, port)
        given = dict(message.notifier)
        protocol = _PROTOCOLS.get(given.get("MQTT-Version", "mqtt5.0"))
        qos = given.get("MQTT-QoS", "0")
        topic = unquote(parts.path.removeprefix("/"))
        if protocol is None or qos not in ("0", "1", "2") or not topic or set(topic) & set("#+\x00"):
            raise InvalidInput("the MQTT endpoint is not well formed.", field="notification.endpoint")
        payload = msgspec.json.encode({"metadata": dict(message.headers), "body": msgspec.Raw(message.body)})
        login = (unquote(parts.username or ""), unquote(parts.password or ""))
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=protocol, reconnect_on_failure=False)
        if secure:
            client.tls_set_context(ssl.create_default_context())
        if parts.username:
            client.username_pw_set(login[0], login[1] or None)
        try:
            async with asyncio.timeout(message.timeout_s + 1):
                # With TLS the certificate is checked against the name, so the connection must be made by name; the
                # guard has looked at its addresses, and a stranger's machine cannot show the certificate.
                target = host if secure else addresses[0]
                await asyncio.to_thread(_send, client, target, port, topic, payload, int(qos), message.timeout_s)
        except (OSError, ValueError, RuntimeError, TimeoutError) as error:
            raise Unavailable(f"{host}:{port} did not take the message ({type(error).__name__}: {error}).") from None


def _send(client: mqtt.Client, address: str, port: int, topic: str, payload: bytes, qos: int, timeout_s: float) -> None:
    """Connect, publish, wait for the acknowledgement, disconnect. Runs in a thread."""
    client.connect_timeout = min(timeout_s, 5.0)
    failure: list[str] = []
    answered = threading.Event()

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any = None) -> None:
        if reason.is_failure:
            failure.append(str(reason))
        answered.set()

    client.on_connect = on_connect
    client.connect(address, port, keepalive=30)
    client.loop_start()
    try:
        if not answered.wait(timeout_s):
            raise TimeoutError("no answer to CONNECT")
        if failure:
            raise ConnectionError(failure[0])
        info = client.publish(topic, payload, qos=qos)
        info.wait_for_publish(timeout_s)
        if not info.is_published():
            raise TimeoutError("not acknowledged")
    finally:
        client.disconnect()
        client.loop_stop()


def _port(parts: SplitResult, default: int) -> int:
    try:
        return parts.port or default
    except ValueError:
        raise InvalidInput("the port is not a number.", field="notification.endpoint.uri") from None

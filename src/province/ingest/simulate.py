"""Pretended devices over real MQTT: each with its own connection and credentials, as the ones in the field have.

Every message says `"origin": "simulated"`, so nothing that comes from here ever counts towards a plan value. Signals
are daily rhythms with noise, fitted to nothing; how devices misbehave is in `ingest.conduct`. Now and then a gateway
drops all of its devices, and they come back at once (`Storms`). One event loop drives all connections: a few hundred
devices cost a few percent of a core, and tens of thousands fit into one process.

A message goes with QoS 1 to `devices/<entity id>/data`:

    {"observedAt": "2026-11-24T00:00:00Z", "origin": "simulated", "pm25": 31.5, "temperature": 27.1}
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import ssl
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from province.compute.rhythm import Rhythm, step
from province.errors import InvalidInput
from province.ingest.conduct import FAULT_VALUE, GOOD, Conduct, Course, offset
from province.model.time import CIVIL_ZONE, Instant, format_instant, now

LOG = logging.getLogger(__name__)
CONNECTS_PER_TICK: Final = 25
"""New connections per tenth of a second, so that a start does not look like an attack."""
_TICK_S = 0.1
_RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
_KEEPALIVE_S = 60


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """One pretended device. login and client identifier are the same, as the server demands.

    rhythms: by attribute.  period_s: seconds between readings.  silent_after: readings after which it stops for good,
    still connected; None: never.  courses: by attribute.  group: what it shares with others when a storm comes.
    """

    login: str
    secret: str
    entity: str
    rhythms: Mapping[str, Rhythm]
    period_s: float = 60.0
    silent_after: int | None = None
    conduct: Conduct = GOOD
    courses: Mapping[str, Course] = {}
    group: str = ""


class Storms(msgspec.Struct, frozen=True, kw_only=True):
    """Every `every_s` seconds one group, drawn by the seed, loses all its connections, and comes back at once."""

    every_s: float
    seed: int = 0


@dataclass(slots=True)
class Tally:
    """What happened. unsent: readings lost because the connection was down, as in a device without a memory.

    late: readings sent from a memory after the connection came back.  dropped: connections cut by storms.
    """

    published: int = 0
    acknowledged: int = 0
    unsent: int = 0
    late: int = 0
    dropped: int = 0
    gaps: int = 0
    refused: int = 0
    """Connections that the server refused: wrong credentials or no permission."""
    connected: int = 0
    """Connections open now."""


@dataclass(slots=True)
class _Device:
    """A device while it runs. attempts: failed connections in a row.  retry_at: loop time of the next one."""

    declared: Simulated
    client: mqtt.Client
    random: np.random.Generator
    noise: dict[str, float] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    kept: deque[bytes] = field(default_factory=deque)
    readings: int = 0
    connected: bool = False
    pending: bool = False
    attempts: int = 0
    retry_at: float = 0.0


async def simulate(
    devices: Sequence[Simulated],
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    speed: float = 1.0,
    tls: ssl.SSLContext | None = None,
    tally: Tally | None = None,
    seed: int = 0,
    storms: Storms | None = None,
) -> Tally:
    """Run the devices until `stop` is set; gives what happened (in `tally` when one is given, while it runs).

    speed: readings come this many times as often as declared, and courses run as much faster; times stay true.
    seed: of all noise; the same seed gives the same signals.
    A server that goes away is waited for: connections are tried again after 1, 2, 5, 15, then every 60 s.
    Raises: InvalidInput for a speed or period that is not positive, or two devices with one login.
    """
    if not speed > 0 or any(not d.period_s > 0 for d in devices):
        raise InvalidInput("speed and period are greater than 0.", field="speed")
    if len({d.login for d in devices}) != len(devices):
        raise InvalidInput("two devices have the same login.", field="devices")
    tally = Tally() if tally is None else tally
    loop = asyncio.get_running_loop()
    running = [_open(d, loop, tls, tally, seed) for d in devices]
    start = loop.time()
    due = [(start + float(d.random.random()) * d.declared.period_s / speed, i) for i, d in enumerate(running)]
    heapq.heapify(due)
    misc_at = start
    storm = _Storm(storms, running, start) if storms is not None else None
    try:
        while not stop.is_set():
            _connect_some(running, host, port, loop.time())
            while due and due[0][0] <= loop.time():
                at, i = heapq.heappop(due)
                if _publish(running[i], now(), tally, (loop.time() - start) * speed):
                    heapq.heappush(due, (at + running[i].declared.period_s / speed, i))
            if storm is not None:
                tally.dropped += storm.strike(loop.time())
            if loop.time() >= misc_at:
                misc_at = loop.time() + 1.0
                for device in running:
                    device.client.loop_misc()
            try:
                await asyncio.wait_for(stop.wait(), _TICK_S)
            except TimeoutError:
                continue
    finally:
        for device in running:
            device.client.disconnect()
    return tally


def message(
    device: Simulated,
    at: Instant,
    noise: dict[str, float],
    random: np.random.Generator,
    *,
    elapsed_s: float = 0.0,
    held: dict[str, float] | None = None,
) -> bytes:
    """The payload of one reading; `noise` holds the state of each signal and is brought forward.

    elapsed_s: since the start, for drift and courses.  held: values that a stuck device repeats; None: it is not stuck.
    """
    local = at.astimezone(CIVIL_ZONE)
    hour = local.hour + local.minute / 60 + local.second / 3600
    body: dict[str, Any] = {"observedAt": format_instant(at), "origin": "simulated"}
    for name, rhythm in device.rhythms.items():
        value, noise[name] = step(rhythm, hour, noise.get(name, 0.0), random)
        value += device.conduct.drift * rhythm.swing * elapsed_s / 86_400
        if name in device.courses:
            value += offset(device.courses[name], elapsed_s)
        value = round(min(rhythm.high, max(rhythm.low, value)), rhythm.decimals)
        if held is not None:
            value = held.setdefault(name, value)
        body[name] = value
    if device.rhythms and random.random() < device.conduct.fault_share:
        body[list(device.rhythms)[int(random.integers(len(device.rhythms)))]] = FAULT_VALUE
    return msgspec.json.encode(body)


def _publish(device: _Device, at: Instant, tally: Tally, elapsed_s: float) -> bool:
    """One reading, unless it is left out. Returns: whether the device goes on."""
    declared = device.declared
    if declared.silent_after is not None and device.readings >= declared.silent_after:
        return False
    device.readings += 1
    stuck = declared.conduct.stuck_after is not None and device.readings > declared.conduct.stuck_after
    payload = message(
        declared, at, device.noise, device.random, elapsed_s=elapsed_s, held=device.held if stuck else None
    )
    if device.random.random() < declared.conduct.gap_share:
        tally.gaps += 1
    elif device.connected:
        while device.kept:  # the oldest first, as a logger empties its memory
            device.client.publish(_topic(device), device.kept.popleft(), qos=1)
            tally.late += 1
        device.client.publish(_topic(device), payload, qos=1)
        tally.published += 1
    elif declared.conduct.memory:
        device.kept.append(payload)
        if len(device.kept) > declared.conduct.memory:
            device.kept.popleft()
            tally.unsent += 1
    else:
        tally.unsent += 1
    return True


def _topic(device: _Device) -> str:
    return f"devices/{device.declared.entity}/data"


class _Storm:
    """Cuts all connections of a group now and then."""

    def __init__(self, storms: Storms, devices: Sequence[_Device], start: float) -> None:
        self._random = np.random.default_rng(storms.seed)
        self._every_s = storms.every_s
        self._next = start + storms.every_s
        groups: dict[str, list[_Device]] = {}
        for device in devices:
            if device.declared.group:
                groups.setdefault(device.declared.group, []).append(device)
        self._groups = [groups[name] for name in sorted(groups)]

    def strike(self, at: float) -> int:
        """Returns how many connections were cut."""
        if at < self._next or not self._groups:
            return 0
        self._next = at + self._every_s
        group = self._groups[int(self._random.integers(len(self._groups)))]
        cut = [device for device in group if device.connected]
        for device in cut:
            device.client.disconnect()
            device.attempts = 0
        return len(cut)


def _open(
    declared: Simulated, loop: asyncio.AbstractEventLoop, tls: ssl.SSLContext | None, tally: Tally, seed: int
) -> _Device:
    """A client whose socket is driven by the event loop."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=declared.login, protocol=mqtt.MQTTv311)
    client.username_pw_set(declared.login, declared.secret)
    client.connect_timeout = 5.0
    if tls is not None:
        client.tls_set_context(tls)
    device = _Device(declared, client, np.random.default_rng([seed, zlib.crc32(declared.entity.encode())]))

    def on_connect(_c: mqtt.Client, _u: Any, _f: mqtt.ConnectFlags, reason: ReasonCode, _p: Any) -> None:
        device.pending = False
        if reason.is_failure:
            tally.refused += 1
            LOG.warning("device refused", extra={"device": declared.login, "reason": str(reason)})
            return
        device.connected, device.attempts = True, 0
        tally.connected += 1

    def on_disconnect(_c: mqtt.Client, _u: Any, _f: mqtt.DisconnectFlags, reason: ReasonCode, _p: Any) -> None:
        if device.connected:
            tally.connected -= 1
        device.connected = device.pending = False
        _wait(device, loop.time())

    def on_publish(_c: mqtt.Client, _u: Any, _mid: int, _reason: ReasonCode, _p: Any) -> None:
        tally.acknowledged += 1

    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_publish = on_publish
    client.on_socket_open = lambda c, _u, s: loop.add_reader(s, c.loop_read)
    client.on_socket_close = lambda _c, _u, s: loop.remove_reader(s)
    client.on_socket_register_write = lambda c, _u, s: loop.add_writer(s, c.loop_write)
    client.on_socket_unregister_write = lambda _c, _u, s: loop.remove_writer(s)
    return device


def _connect_some(devices: Sequence[_Device], host: str, port: int, at: float) -> None:
    """Begin a few connections. It blocks for the handshake: one tick connects only a few."""
    waiting = [d for d in devices if not (d.connected or d.pending) and d.retry_at <= at]
    for device in waiting[:CONNECTS_PER_TICK]:
        try:
            device.client.connect(host, port, keepalive=_KEEPALIVE_S)
            device.pending = True
        except OSError as error:
            if device.attempts == 0:
                LOG.warning("no connection", extra={"device": device.declared.login, "reason": str(error)})
            _wait(device, at)


def _wait(device: _Device, at: float) -> None:
    device.retry_at = at + _RETRY_S[min(device.attempts, len(_RETRY_S) - 1)]
    device.attempts += 1

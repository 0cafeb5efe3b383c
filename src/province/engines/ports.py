"""TCP ports on loopback for the servers that we start."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from province.errors import Unavailable

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SPAN = 6_000


def can_bind(port: int) -> bool:
    """Does nobody listen on this port of 127.0.0.1?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listening_range() -> range:
    """Ports below those that the kernel gives to outgoing connections: nobody's call takes a server's port there."""
    try:
        first = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 32_768
    # Where the kernel uses nearly all ports for calls there is no such range: take from what it uses.
    return range(first - _SPAN, first) if first > 1_024 + 2 * _SPAN else range(60_000 - _SPAN, 60_000)


def free_ports(count: int) -> list[int]:
    """So many different ports on which nobody listens. Raises Unavailable."""
    places = listening_range()
    found: list[int] = []
    for port in random.sample(places, len(places)):
        if can_bind(port):
            found.append(port)
        if len(found) == count:
            return found
    raise Unavailable(
        f"no {count} free ports between {places.start} and {places.stop - 1}.",
        remedy="Stop servers that are no longer needed.",
    )

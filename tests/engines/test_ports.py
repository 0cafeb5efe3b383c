"""Ports that servers listen on are different, free, and not among those that the kernel gives to calls."""

from __future__ import annotations

import socket
from pathlib import Path

from province.engines.ports import can_bind, free_ports, listening_range
from tests.ports import free_port


def test_ports_are_free_different_and_safe_from_calls() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    found = free_ports(50)
    assert len(set(found)) == 50
    assert set(found) <= set(listening_range())
    assert first <= 13_024 or not any(first <= port <= last for port in found)


def test_a_port_on_which_somebody_listens_is_not_free() -> None:
    port = free_port()
    assert can_bind(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not can_bind(port)
    assert can_bind(port)


def test_no_two_tests_are_given_one_port() -> None:
    assert len({free_port() for _ in range(50)}) == 50

"""Ports for the servers that tests start.

A port that the kernel calls free is free for a moment: the next call of any process may be given it, and a server that
is told to listen there then fails. These ports lie below those that the kernel gives to calls, beside those that an
installation chooses for its engines, and belong to the process that asked until it ends.
"""

from __future__ import annotations

import fcntl
import os
import random
from pathlib import Path

from province.engines.ports import can_bind, listening_range

_HELD: list[int] = []
_LOCKS = Path("/tmp/province-test-ports")
_SPAN = 6_000


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens, and which no other test is given."""
    _LOCKS.mkdir(exist_ok=True)
    last = listening_range().start
    for port in random.sample(range(last - _SPAN, last), _SPAN):
        lock = os.open(_LOCKS / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if can_bind(port):
            _HELD.append(lock)
            return port
        os.close(lock)
    raise AssertionError("no free port for a test")

"""What the supervisor needs to know about one child process."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Probe = Callable[[int], Awaitable[bool]]
"""Asked again and again with the child's pid until it answers True; it must answer fast and never raise."""


@dataclass(frozen=True, slots=True)
class Command:
    """One child of the supervisor.

    name: unique, also the name of the log file.  argv: program and arguments.
    env: the complete environment, or None to inherit ours.  user: (uid, gid) to run as, or None for our own.
    stop_signal: asks for a clean stop; sent too when the supervisor itself dies.
    stop_timeout_s: seconds between the stop signal and SIGKILL.
    prepare: runs in a thread before every start, so that what a crash left behind is cleared away.
    ready: tells when the child serves; without one it is ready as soon as it runs.
    ready_timeout_s: a child that is not ready by then is stopped and started again.
    healthy: asked every few seconds of a ready child; three answers of False in a row restart it.
    after: names of the commands that must be ready before this one starts.
    log: file that takes standard output and error, rotated by size; None means `home/log/<name>.log`.
    critical: the supervisor gives up when this child fails three times before it was ever ready.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    user: tuple[int, int] | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 15.0
    prepare: Callable[[], None] | None = None
    ready: Probe | None = None
    ready_timeout_s: float = 60.0
    healthy: Probe | None = None
    after: tuple[str, ...] = ()
    log: Path | None = None
    critical: bool = True

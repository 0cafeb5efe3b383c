"""Reading /proc: which process is which, although process ids are used again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_PROC = Path("/proc")


def boot_id() -> str:
    """Identity of this boot of the machine: a process id of another boot means nothing."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When the process started, clock ticks since boot; None when it is gone or a zombie. (pid, ticks) is unique."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name stands in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def arguments(pid: int) -> list[str]:
    """The command line of the process, [] when it is gone."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def working_folder(pid: int) -> Path | None:
    """The folder in which the process works, None when it is gone or belongs to another user."""
    try:
        return Path(os.readlink(_PROC / str(pid) / "cwd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def find(matches: Callable[[int], bool]) -> list[int]:
    """Ids of the living processes that match; our own is never among them."""
    ids = (int(entry) for entry in os.listdir(_PROC) if entry.isdecimal())
    return [pid for pid in ids if pid != os.getpid() and start_ticks(pid) is not None and matches(pid)]


def stop(pids: Iterable[int], first: signal.Signals, *, timeout_s: float) -> None:
    """Send `first` to each process, wait for all to end, and SIGKILL those that have not after `timeout_s`.

    A process that ended meanwhile is not mistaken for a new one with the same id.
    """
    alive = {pid: ticks for pid in pids if (ticks := start_ticks(pid)) is not None}
    for stage, seconds in ((first, timeout_s), (signal.SIGKILL, 10.0)):
        for pid, ticks in alive.items():
            if start_ticks(pid) == ticks:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, stage)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            alive = {pid: ticks for pid, ticks in alive.items() if start_ticks(pid) == ticks}
            if not alive:
                return
            time.sleep(0.02)

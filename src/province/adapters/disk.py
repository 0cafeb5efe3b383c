"""Free space, watched: low is a warning, critical makes writers refuse while reading and repairing still work.

PostgreSQL stops with a panic and JetStream with an error when a disk is really full; whoever refuses earlier keeps
both alive, and leaves the room that a repair, a vacuum and the logs need.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from province.errors import ConfigurationError, Unavailable

LOW_BYTES: Final = 5 * 1024**3
CRITICAL_BYTES: Final = 1024**3
FEWEST_FILES: Final = 10_000
"""A file system without room for this many more files counts as critical; one that counts none is not asked."""
_RECOVERY: Final = 1.1
"""Critical ends only 10 % above its border, so that writers do not flap."""

State = Literal["ok", "low", "critical"]


@dataclass(frozen=True, slots=True)
class Space:
    """Room of the file system that holds `path`, for users other than root."""

    path: Path
    free_bytes: int
    total_bytes: int
    free_files: int | None
    state: State


class DiskWatch:
    """Watches the file systems of some folders. Thread safe; each is asked at most once per `hold_s`."""

    def __init__(
        self,
        paths: Iterable[Path],
        *,
        low_bytes: int = LOW_BYTES,
        critical_bytes: int = CRITICAL_BYTES,
        hold_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """paths: folders, existing or still to be made. Raises: ConfigurationError."""
        self._paths = tuple(dict.fromkeys(paths))
        if not self._paths or not 0 <= critical_bytes <= low_bytes:
            raise ConfigurationError(
                f"a disk watch of {len(self._paths)} folders, low at {low_bytes}, critical at {critical_bytes} bytes.",
                remedy="Name at least one folder, and 0 ≤ critical ≤ low.",
            )
        self._low, self._critical = low_bytes, critical_bytes
        self._hold_s, self._clock = hold_s, clock
        self._lock = threading.Lock()
        self._read_at = -float("inf")
        self._known: tuple[Space, ...] = ()

    def spaces(self) -> tuple[Space, ...]:
        """The state of each folder's file system."""
        with self._lock:
            if self._clock() - self._read_at >= self._hold_s:
                before = {space.path: space.state for space in self._known}
                self._known = tuple(self._measure(path, before.get(path, "ok")) for path in self._paths)
                self._read_at = self._clock()
            return self._known

    @property
    def worst(self) -> Space:
        """The folder in the worst state; among equals the one with the least room."""
        order = {"critical": 0, "low": 1, "ok": 2}
        return min(self.spaces(), key=lambda space: (order[space.state], space.free_bytes))

    def require_space(self) -> None:
        """Return at once when there is room. Raises: Unavailable when a watched file system is critical."""
        worst = self.worst
        if worst.state == "critical":
            raise Unavailable(
                f"the disk of {worst.path} is almost full ({_mib(worst.free_bytes)} MiB free); nothing was written.",
                field="disk",
                remedy=f"Operator: free {_mib(int(self._critical * _RECOVERY))} MiB; writing resumes by itself.",
            )

    async def check(self) -> str:
        """For `/readyz`: "" when all is well, a warning when space is low. Raises: Unavailable when critical."""
        self.require_space()
        worst = self.worst
        if worst.state == "low":
            return f"{_mib(worst.free_bytes)} MiB free for {worst.path}; below {_mib(self._critical)} writing stops."
        return ""

    def _measure(self, path: Path, before: State) -> Space:
        found = os.statvfs(_existing(path))
        free = found.f_bavail * found.f_frsize
        files = found.f_favail if found.f_files else None
        border = int(self._critical * _RECOVERY) if before == "critical" else self._critical
        state: State = "ok"
        if free < border or (files is not None and files < min(FEWEST_FILES, found.f_files // 100)):
            state = "critical"
        elif free < self._low:
            state = "low"
        return Space(path, free, found.f_blocks * found.f_frsize, files, state)


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists: it will be made on that file system."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _mib(size: int) -> int:
    return size // 1024**2

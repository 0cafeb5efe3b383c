"""How a process tells the supervisor that it works: a file with its id, for processes that listen on no port."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from province.settings import Settings


def announce(settings: Settings, name: str) -> None:
    """Say that this process is at work."""
    path = _file(settings, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_text(str(os.getpid()))
    os.replace(scratch, path)


def announced(settings: Settings, name: str) -> Callable[[int], Awaitable[bool]]:
    """Whether the process with an id has said so; for `Command.ready`."""

    async def ready(pid: int) -> bool:
        try:
            return _file(settings, name).read_text() == str(pid)
        except FileNotFoundError:
            return False

    return ready


def _file(settings: Settings, name: str) -> Path:
    return settings.home / "run" / f"{name}.ready"

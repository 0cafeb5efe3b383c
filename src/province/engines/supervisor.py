"""The process that keeps all others alive: starts them in order, restarts what dies, stops them cleanly.

Every child is tied to the supervisor by the kernel: when the supervisor is killed, each child gets its stop signal.
What survives even that is found by its recorded pid and start time, and stopped, before the next start.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from province.engines import process
from province.engines.child import Child
from province.engines.command import Command
from province.engines.output import Output
from province.errors import ConfigurationError, Conflict, ProvinceError, Unavailable

log = logging.getLogger("province.supervisor")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _HEALTHY_S = 0.2, 10.0, 30.0
_POLL_S = 0.025
_TRIES = 3
"""So often may a critical child fail before it was ever ready, and so often may a child be unhealthy in a row."""


@dataclass(slots=True)
class Status:
    """One line of status.json. state: waiting, starting, ready, failed, stopping, stopped.

    since: second since 1970 of the last change.  exit: the last exit code, negative for a signal.
    ticks: start time of the process by the kernel's clock; with `pid` and the boot it is unique.
    """

    state: str
    since: float
    pid: int | None = None
    ticks: int | None = None
    restarts: int = 0
    exit: int | None = None
    stop_signal: int = signal.SIGTERM


class Supervisor:
    """Runs these commands for one home, until `stop`, SIGINT or SIGTERM."""

    def __init__(self, commands: Sequence[Command], home: Path, *, health_pause_s: float = 5.0) -> None:
        """Raises ConfigurationError when names repeat or `after` names nothing that comes earlier."""
        self._health_pause_s = health_pause_s
        self._commands = tuple(commands)
        self._home = home
        seen: set[str] = set()
        for command in self._commands:
            missing = set(command.after) - seen
            if missing or command.name in seen:
                raise ConfigurationError(
                    f"the command {command.name!r} repeats, or comes before {sorted(missing)}.", field="commands"
                )
            seen.add(command.name)
        self._status = {c.name: Status("waiting", time.time(), stop_signal=c.stop_signal) for c in self._commands}
        self._ready = {c.name: asyncio.Event() for c in self._commands}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = {c.name: asyncio.Event() for c in self._commands}
        self._ending = asyncio.Event()
        self._failure: ProvinceError | None = None
        self._lock = -1

    def status(self) -> dict[str, Status]:
        """The state of each child."""
        return dict(self._status)

    async def start(self) -> None:
        """Start all children and wait until each is ready.

        Raises Conflict (another supervisor has this home), or why a critical child failed; all others are then stopped.
        """
        self._take_lock()
        try:
            await asyncio.to_thread(self._clear)
            self._tasks = {c.name: asyncio.create_task(self._keep(c), name=c.name) for c in self._commands}
            for task in self._tasks.values():
                # A keeper never ends on its own: if one does, by a fault of ours, nothing may run unwatched.
                task.add_done_callback(lambda _: self._ending.set())
            for command in self._commands:
                if command.critical:
                    await _first(self._ready[command.name], self._ending)
        except BaseException:
            await self.stop()
            raise
        if self._failure is not None:
            await self.stop()
            raise self._failure

    async def run(self) -> None:
        """Start, serve until SIGINT or SIGTERM (or a critical child that cannot start), stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._ending.set)
        try:
            await self.start()
            await self._ending.wait()
        finally:
            await self.stop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Stop the children, last first, and let go of the home. A second call does nothing."""
        self._ending.set()
        broken: list[BaseException] = []
        for command in reversed(self._commands):
            task = self._tasks.pop(command.name, None)
            if task is not None:
                self._stopping[command.name].set()
                await asyncio.wait([task])
                fault = task.exception()
                broken += [fault] if fault else []
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if broken:
            raise broken[0]

    async def _keep(self, command: Command) -> None:
        """Start the child again and again until it is told to stop."""
        output = Output(command.log or self._home / "log" / f"{command.name}.log")
        stopping, status = self._stopping[command.name], self._status[command.name]
        pause_s, failures = _FIRST_PAUSE_S, 0
        try:
            for name in command.after:
                await _first(self._ready[name], stopping)
            while not stopping.is_set():
                began = time.monotonic()
                reason = await self._live(command, output)
                if stopping.is_set():
                    break
                failures += 1
                if time.monotonic() - began > _HEALTHY_S:
                    pause_s = _FIRST_PAUSE_S
                self._change(command, "failed", reason=reason, pause_s=pause_s)
                if command.critical and not self._ready[command.name].is_set() and failures >= _TRIES:
                    said = output.tail()
                    self._failure = Unavailable(
                        f"{command.name} does not start: {reason}. It said: {said or 'nothing'}"
                    )
                    self._ending.set()
                    await stopping.wait()
                    break
                await _first(stopping, timeout_s=pause_s)
                status.restarts += 1
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        finally:
            self._change(command, "stopped")
            output.close()

    async def _live(self, command: Command, output: Output) -> str:
        """One life of the child, from its preparation to its end. Returns why it ended."""
        status = self._status[command.name]
        try:
            if command.prepare is not None:
                await asyncio.to_thread(command.prepare)
            child = Child(command, output)
        except (ProvinceError, OSError) as error:
            return str(error)
        status.pid, status.ticks = child.pid, child.ticks
        self._change(command, "starting")
        reason = "it was not ready in time"
        try:
            if await self._becomes_ready(command, child):
                self._change(command, "ready")
                self._ready[command.name].set()
                await self._watch(command, child)
                reason = "it was not healthy"
            if child.ended.is_set():
                reason = f"it ended with {child.returncode}"
        finally:
            if not child.ended.is_set():
                self._change(command, "stopping")
            await child.stop()
            status.pid, status.ticks, status.exit = None, None, child.returncode
        return reason

    async def _becomes_ready(self, command: Command, child: Child) -> bool:
        deadline = time.monotonic() + command.ready_timeout_s
        stopping = self._stopping[command.name]
        while command.ready is not None and not await command.ready(child.pid):
            if await _first(child.ended, stopping, timeout_s=_POLL_S) or time.monotonic() > deadline:
                return False
        return not child.ended.is_set()

    async def _watch(self, command: Command, child: Child) -> None:
        """Return when the child ended, is to stop, or was unhealthy three times in a row."""
        bad = 0
        while not await _first(self._stopping[command.name], child.ended, timeout_s=self._health_pause_s):
            if command.healthy is not None:
                bad = 0 if await command.healthy(child.pid) else bad + 1
            if bad >= _TRIES:
                return

    def _change(self, command: Command, state: str, **more: object) -> None:
        status = self._status[command.name]
        status.state, status.since = state, time.time()
        facts = {"child": command.name, "state": state, "pid": status.pid, "restarts": status.restarts, **more}
        if status.exit is not None:
            facts["exit"] = status.exit
        log.log(logging.WARNING if state == "failed" else logging.INFO, json.dumps(facts, ensure_ascii=False))
        self._write()

    def _write(self) -> None:
        content = {
            "pid": os.getpid(),
            "boot": process.boot_id(),
            "children": {name: asdict(status) for name, status in self._status.items()},
        }
        path = self._home / "run" / "status.json"
        scratch = path.with_suffix(".new")
        try:
            scratch.write_text(json.dumps(content, indent=1) + "\n")
            os.replace(scratch, path)
        except OSError as error:
            # A full disk must not leave the children unwatched; the log line has told the same.
            log.warning(json.dumps({"file": str(path), "error": str(error)}))

    def _take_lock(self) -> None:
        folder = self._home / "run"
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode().strip() or "unknown"
            os.close(handle)
            raise Conflict(
                f"the home {self._home} is in use by the server with pid {holder}.",
                field="PROVINCE_HOME",
                remedy=f"Stop that one (`kill {holder}`), or name another home.",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._lock = handle

    def _clear(self) -> None:
        """Stop what a killed supervisor left alive: engines that took long to end, children that were stuck."""
        try:
            known = json.loads((self._home / "run" / "status.json").read_text())
        except (FileNotFoundError, ValueError):
            return
        if known.get("boot") != process.boot_id():
            return
        for pid, ticks, number in _recorded(known):
            if process.start_ticks(pid) == ticks:
                log.warning(json.dumps({"orphan": pid, "state": "stopping"}))
                process.stop([pid], number, timeout_s=20.0)


def _recorded(known: dict[str, dict[str, dict[str, int | None]]]) -> Iterator[tuple[int, int, signal.Signals]]:
    for child in reversed(known.get("children", {}).values()):
        pid, ticks = child.get("pid"), child.get("ticks")
        if pid and ticks:
            yield pid, ticks, signal.Signals(child.get("stop_signal") or signal.SIGTERM)


async def _first(*events: asyncio.Event, timeout_s: float | None = None) -> bool:
    """Wait until one of the events is set, at most `timeout_s`; tells whether one is."""
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return any(event.is_set() for event in events)

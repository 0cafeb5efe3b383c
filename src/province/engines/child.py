"""One running child process: started in its own group, tied to our life, its end noticed without polling."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable

from province.engines import process
from province.engines.command import Command
from province.engines.output import Output
from province.errors import Unavailable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def _tie(parent: int, stop_signal: int, open_files: tuple[int, int]) -> Callable[[], None]:
    """What the child does between fork and exec, after it has become the other user (that would clear the signal)."""

    def settle() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        resource.setrlimit(resource.RLIMIT_NOFILE, open_files)

    return settle


class Child:
    """A started process. `ended` is set, and `returncode` known, once it is gone and its output is written."""

    def __init__(self, command: Command, output: Output) -> None:
        """Start it; must run on the main thread, for the kernel ties the child to the thread that made it.

        Raises Unavailable when the program cannot be started.
        """
        self.command = command
        self.ended = asyncio.Event()
        self.returncode: int | None = None
        self._output = output
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        user = command.user or (None, None)
        try:
            self._process = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=command.env,
                cwd=command.cwd,
                user=user[0],
                group=user[1],
                extra_groups=[] if command.user else None,
                process_group=0,
                preexec_fn=_tie(os.getpid(), command.stop_signal, (hard, hard)),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"{command.name} cannot be started: {error}.") from error
        self.pid = self._process.pid
        self.ticks = process.start_ticks(self.pid)
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._watch = os.pidfd_open(self.pid)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pipe, self._drain)
        self._loop.add_reader(self._watch, self._finish)

    def _drain(self) -> None:
        while True:
            try:
                chunk = os.read(self._pipe, 65536)
            except BlockingIOError:
                return
            if not chunk:
                self._loop.remove_reader(self._pipe)
                return
            # A full disk must not take the supervisor down with it: the child's words are lost, the child is not.
            with contextlib.suppress(OSError):
                self._output.write(chunk)

    def _finish(self) -> None:
        self._loop.remove_reader(self._watch)
        os.close(self._watch)
        self.returncode = self._process.wait()
        self._drain()
        self._loop.remove_reader(self._pipe)
        assert self._process.stdout is not None
        self._process.stdout.close()
        # Grandchildren that it left behind would hold its ports and files.
        self._signal_group(signal.SIGKILL)
        self.ended.set()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def stop(self) -> None:
        """Ask it to end, wait as long as its command permits, then kill it and its group."""
        if self.returncode is None:
            self._process.send_signal(self.command.stop_signal)
        try:
            async with asyncio.timeout(self.command.stop_timeout_s):
                await self.ended.wait()
        except TimeoutError:
            self._process.kill()
            self._signal_group(signal.SIGKILL)
            await self.ended.wait()

"""Children that die, refuse, hang or linger, and the supervisor's answer to each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest

from province.engines import process
from province.engines.command import Command
from province.engines.facade import Engines
from province.engines.output import Output
from province.engines.supervisor import Supervisor
from province.errors import ConfigurationError, Conflict, Unavailable
from province.settings import Settings
from tests.conftest import temporary_home

SLEEP = ("/bin/sleep", "1000")


def shell(name: str, script: str, **more: Any) -> Command:
    return Command(name, ("/bin/sh", "-c", script), stop_timeout_s=1.0, **more)


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        folder.mkdir()
        yield folder


@contextlib.asynccontextmanager
async def supervised(home: Path, *commands: Command, **more: Any) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(commands, home, **more)
    await supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def until(condition: Any, timeout_s: float = 60.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def written(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "run" / "status.json").read_text())
    return found


async def test_children_start_in_order_and_stop_in_reverse(home: Path) -> None:
    trace = home / "trace"
    script = f"echo {{0}} >> {trace}; trap 'echo -{{0}} >> {trace}; exit 0' TERM; while :; do sleep 0.05; done"

    async def ready(_: int) -> bool:
        return trace.exists() and "a\n" in trace.read_text()

    first = shell("a", script.format("a"), ready=ready)
    second = shell("b", script.format("b"), after=("a",))
    async with supervised(home, first, second):
        await until(lambda: "b\n" in trace.read_text())
        assert {k: v["state"] for k, v in written(home)["children"].items()} == {"a": "ready", "b": "ready"}
    assert trace.read_text().split() == ["a", "b", "-b", "-a"]
    assert {v["state"] for v in written(home)["children"].values()} == {"stopped"}


async def test_a_killed_child_returns_and_its_grandchildren_do_not_stay(home: Path) -> None:
    note = home / "grandchild"
    async with supervised(home, shell("a", f"sleep 1000 & echo $! > {note}; wait")) as supervisor:
        await until(lambda: note.exists() and note.read_text().strip())
        grandchild, before = int(note.read_text()), supervisor.status()["a"].pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await until(lambda: supervisor.status()["a"].restarts == 1 and supervisor.status()["a"].pid)
        status = supervisor.status()["a"]
        assert status.pid != before
        assert status.exit == -signal.SIGKILL
        await until(lambda: process.start_ticks(grandchild) is None)


async def test_a_critical_child_that_cannot_start_stops_all_and_says_why(home: Path) -> None:
    good, bad = Command("good", SLEEP), shell("bad", "echo the port is taken; exit 3", ready=_never)
    supervisor = Supervisor([good, bad], home)
    with pytest.raises(Unavailable, match=r"ended with 3.*the port is taken"):
        await supervisor.start()
    assert supervisor.status()["good"].state == "stopped"
    with pytest.raises(Unavailable, match="cannot be started"):
        await Supervisor([Command("none", ("/nonexistent",))], home).start()


async def _never(_: int) -> bool:
    return False


async def test_a_child_that_is_not_critical_does_not_hold_up_the_others(home: Path) -> None:
    optional = shell("optional", "exit 1", critical=False, ready=_never)
    async with supervised(home, optional, Command("main", SLEEP)) as supervisor:
        await until(lambda: supervisor.status()["optional"].restarts >= 2)
        assert supervisor.status()["main"].state == "ready"


async def test_an_unhealthy_child_is_restarted(home: Path) -> None:
    async with supervised(home, Command("a", SLEEP, healthy=_never), health_pause_s=0.02) as supervisor:
        await until(lambda: supervisor.status()["a"].restarts >= 1)


async def test_a_child_that_ignores_the_signal_is_killed(home: Path) -> None:
    note = home / "note"
    script = f"trap '' TERM; echo x > {note}; while :; do sleep 0.05; done"
    async with supervised(home, shell("a", script)) as supervisor:
        await until(note.exists)
        pid, began = supervisor.status()["a"].pid, time.monotonic()
        assert pid is not None
    assert 0.9 < time.monotonic() - began < 5
    assert process.start_ticks(pid) is None


async def test_a_second_supervisor_is_refused(home: Path) -> None:
    async with supervised(home, Command("a", SLEEP)):
        with pytest.raises(Conflict, match=f"pid {os.getpid()}"):
            await Supervisor([Command("b", SLEEP)], home).start()
    async with supervised(home, Command("a", SLEEP)):
        pass


def test_commands_out_of_order_are_refused(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="'b'"):
        Supervisor([Command("b", SLEEP, after=("a",)), Command("a", SLEEP)], home)


PROGRAM = """
import asyncio, sys
from pathlib import Path
from province.engines.command import Command
from province.engines.supervisor import Supervisor
child = Command("child", tuple(sys.argv[2:]))
asyncio.run(Supervisor([child], Path(sys.argv[1])).run())
"""


@contextlib.contextmanager
def separate(home: Path, *argv: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A supervisor in a process of its own, and the pid of its ready child."""
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROGRAM), str(home), *argv]) as running:
        try:
            pid, deadline = None, time.monotonic() + 20
            while pid is None and time.monotonic() < deadline:
                time.sleep(0.05)
                if (home / "run" / "status.json").exists():
                    found = written(home)
                    child = found["children"]["child"]
                    pid = child["pid"] if found["pid"] == running.pid and child["state"] == "ready" else None
            assert pid is not None
            yield running, pid
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly(home: Path, number: signal.Signals) -> None:
    with separate(home, *SLEEP) as (running, pid):
        running.send_signal(number)
        assert running.wait(10) == 0
        assert process.start_ticks(pid) is None
    assert written(home)["children"]["child"]["state"] == "stopped"


@pytest.mark.fault
async def test_children_die_with_a_killed_supervisor_and_survivors_are_found(home: Path) -> None:
    with separate(home, *SLEEP) as (running, pid):
        running.kill()
        running.wait()
        await until(lambda: process.start_ticks(pid) is None)
    with separate(home, "/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done") as (running, pid):
        running.kill()
        running.wait()
        time.sleep(0.2)
        assert process.start_ticks(pid) is not None
    state = home / "run" / "status.json"
    found = json.loads(state.read_text())
    found["children"]["child"]["stop_signal"] = signal.SIGKILL
    state.write_text(json.dumps(found))
    async with supervised(home, Command("a", SLEEP)):
        assert process.start_ticks(pid) is None


def test_output_is_rotated_by_size(tmp_path: Path) -> None:
    output = Output(tmp_path / "a.log", limit_bytes=100, keep=2)
    for number in range(40):
        output.write(f"line {number:03}\n".encode())
    assert output.tail().endswith("line 039")
    output.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert all(p.stat().st_size <= 100 for p in tmp_path.iterdir())
    assert (tmp_path / "a.log").stat().st_mode & 0o007 == 0


@pytest.mark.fault
async def test_both_engines_start_warm_within_three_seconds_and_survive_a_kill() -> None:
    with temporary_home() as home:
        settings = Settings(home=home, mqtt_port=0)
        engines = Engines(settings)
        async with supervised(home, *engines.commands()):
            database = await asyncpg.connect(engines.database_dsn())
            await database.execute("CREATE TABLE t AS SELECT 1 AS x")
            await database.close()
            bus = await nats.connect(engines.nats_url(), **engines.nats_options())  # type: ignore[arg-type]
            await bus.jetstream().add_stream(name="KEEP", subjects=["keep"])
            await bus.jetstream().publish("keep", b"1")
            await bus.close()
        began = time.monotonic()
        async with supervised(home, *engines.commands()) as supervisor:
            assert time.monotonic() - began < 3
            for name in ("postgres", "nats"):
                pid = supervisor.status()[name].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            await until(lambda: all(s.restarts == 1 and s.state == "ready" for s in supervisor.status().values()))
            database = await asyncpg.connect(engines.database_dsn())
            assert await database.fetchval("SELECT x FROM t") == 1
            await database.close()
            bus = await nats.connect(engines.nats_url(), **engines.nats_options())  # type: ignore[arg-type]
            assert (await bus.jetstream().stream_info("KEEP")).state.messages == 1
            await bus.close()
        password = (settings.secrets / "postgres").read_text().strip()
        assert all(password not in path.read_text() for path in (home / "log").iterdir())


def test_external_engines_start_nothing(home: Path) -> None:
    external = Engines(
        Settings(home=home, database="postgresql://db.example/p", nats="tls://u:p%40@a:4222, tls://b:4222")
    )
    assert external.commands() == []
    assert external.database_dsn() == "postgresql://db.example/p"
    assert external.nats_url() == ["tls://a:4222", "tls://b:4222"]
    assert external.nats_options() == {"user": "u", "password": "p@"}

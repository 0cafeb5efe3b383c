"""Engines for all tests: one PostgreSQL and one NATS server per test process, started on first use (about a second).

They are real servers with flushing turned off, on free ports, in a temporary home; nothing is shared between test
processes, so tests may run in parallel (`pytest -n`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import math
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import hypothesis
import psycopg
import pytest

from province.broker.migrate import migrate
from province.engines.command import Command
from province.engines.nats import Nats
from province.engines.postgres import Postgres
from province.settings import Settings
from tests.effort import examples
from tests.ports import free_port

_LIBC = ctypes.CDLL(None)
_SHM = "/dev/shm"
_ROOM_BYTES = 3 * 1024**3
"""A test process takes up to half a GiB."""
SHARED = Path(__file__).parents[2] / "shared" / "data"
"""Real input that nobody on this project wrote; absent on most machines."""

# Deadlines would only measure the machine. In CI the examples are the same at every run: a red run can be repeated.
hypothesis.settings.register_profile("province", deadline=None, max_examples=examples(50))
hypothesis.settings.register_profile("ci", deadline=None, max_examples=examples(50), derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "province")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the whole product, of pages and of killed processes want the machine to themselves.

    Those that look at no clock are marked `beside` instead: they run beside others, each file in one process. They take
    long, so they come first, in the order of their numbers.
    """
    for item in items:
        whole = {"system", "browser"} & set(item.path.relative_to(Path(__file__).parent).parts)
        if "fault" in item.keywords or (whole and "beside" not in item.keywords):
            item.add_marker(pytest.mark.alone)
    marks = {item: item.get_closest_marker("beside") for item in items}
    items.sort(key=lambda item: marks[item].args[0] if marks[item] else math.inf)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI, where everything is at hand, a skipped test is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true" and SHARED.is_dir():
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def _memory() -> str:
    """Where files cost no disk, if there is room: a database has hundreds, and each test makes and removes some."""
    try:
        room = os.statvfs(_SHM)
    except OSError:
        return "/tmp"
    free = room.f_bavail * room.f_frsize
    return _SHM if free >= _ROOM_BYTES and os.access(_SHM, os.W_OK | os.X_OK) else "/tmp"


@contextlib.contextmanager
def temporary_home(*, in_memory: bool = False) -> Iterator[Path]:
    """A folder that does not exist yet, in one that the engines' user can enter (pytest's own it cannot).

    in_memory: of engines whose files need not outlive a loss of power.
    """
    folder = Path(tempfile.mkdtemp(prefix="province-test-", dir=_memory() if in_memory else "/tmp"))
    folder.chmod(0o711)
    try:
        yield folder / "home"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_ready(command: Command, pid: int) -> bool:
    assert command.ready is not None
    # In a thread of its own, for a test's event loop may be running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(command.ready(pid))).result()  # type: ignore[arg-type, misc]


@contextlib.contextmanager
def running(command: Command, log: Path, *, stop: signal.Signals | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run an engine without a supervisor: its output in a file, so that no event loop need drain it.

    stop: instead of the signal that asks for a clean stop.
    """
    user = command.user or (None, None)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command.argv, env=command.env, cwd=command.cwd, user=user[0], group=user[1], stdin=subprocess.DEVNULL,
            extra_groups=[] if command.user else None, stdout=output, stderr=output, process_group=0,
            preexec_fn=lambda: _LIBC.prctl(1, command.stop_signal, 0, 0, 0),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not _is_ready(command, child.pid):
            assert child.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, f"{command.name} is not ready after 60 s"
            time.sleep(0.02)
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(stop or command.stop_signal)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """The home of this test process; the engines make it."""
    with temporary_home(in_memory=True) as folder:
        yield folder


@pytest.fixture(scope="session")
def settings(home: Path) -> Settings:
    """Settings of the servers below; MQTT on a free port."""
    return Settings(home=home, mqtt_port=free_port(), synchronous_commit="off", stream_sync="1m")


@pytest.fixture(scope="session")
def postgres_server(settings: Settings) -> Iterator[Postgres]:
    postgres = Postgres(settings)
    postgres.prepare()
    # Every emptied table and every new database is looked for in all of the shared buffers: few make that short.
    given = "fsync = off\nfull_page_writes = off\nmax_connections = 200\nshared_buffers = 64MB\n"
    (postgres.data / "local.conf").write_text(given)
    # Stopped at once: what it would still write goes with the folder.
    with running(postgres.command(), settings.home / "postgres.log", stop=signal.SIGQUIT):
        yield postgres


@pytest.fixture(scope="session")
def make_database(postgres_server: Postgres) -> Callable[[], str]:
    """Call it for the DSN of a new, empty database (about 40 ms)."""

    def make() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 STRATEGY file_copy')
        return postgres_server.dsn(name)

    return make


@pytest.fixture(scope="session")
def make_migrated(postgres_server: Postgres, make_database: Callable[[], str]) -> Callable[[], str]:
    """As `make_database`, with the shipped schema: applied once to a database that all others are copied from."""
    template: list[str] = []

    async def apply(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        await migrate(connection)
        await connection.close()  # nobody may be connected to what is copied

    def make() -> str:
        if not template:
            dsn = make_database()
            with ThreadPoolExecutor(1) as pool:  # a test's event loop may be running in this thread
                pool.submit(lambda: asyncio.run(apply(dsn))).result()
            template.append(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template[0]}" STRATEGY file_copy')
        return postgres_server.dsn(name)

    return make


@pytest.fixture(scope="session")
def postgres_dsn(make_database: Callable[[], str]) -> str:
    """DSN of one empty database that lasts for the whole test process."""
    return make_database()


@pytest.fixture(scope="session")
def nats_server(settings: Settings) -> Iterator[Nats]:
    nats = Nats(settings)
    nats.prepare()
    with running(nats.command(), settings.home / "nats.log"):
        yield nats


@pytest.fixture(scope="session")
def nats_url(nats_server: Nats) -> str:
    """Address of the NATS server."""
    return nats_server.url()


@pytest.fixture(scope="session")
def nats_options(nats_server: Nats) -> dict[str, object]:
    """What `nats.connect(nats_url, **nats_options)` needs to pass as a service."""
    return nats_server.options()


@pytest.fixture(scope="session")
def callout_seed(nats_server: Nats) -> str:
    """The seed that signs callout answers for that server."""
    return nats_server.callout_seed()

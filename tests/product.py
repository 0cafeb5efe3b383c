"""The real product for system tests and benchmarks: `province run` as a child process in a temporary home.

Settings are those of production (sign-in, policy, audit, flushing on); only the limit of calls per account is lifted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx

from province.broker.database import Connection, connect
from province.engines import process
from province.engines.facade import Engines
from province.history.lake import Lake
from province.identity import accounts, roles, tokens
from province.identity.passwords import Passwords
from province.ingest.credentials import Credential, issue_credential
from province.model.actor import Actor, Grant, system
from province.settings import Settings, from_environment
from tests.conftest import temporary_home
from tests.ports import free_port

READY_S = 240.0
"""A busy machine of two cores is given so long for a start."""
PASSWORD = "một mật khẩu rất dài để thử"
_T = TypeVar("_T")


def form_token(page: str) -> str:
    """The token against forgery of the forms of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page[-2000:]
    return found[1]


@dataclass(slots=True)
class Product:
    """An installation. `start` and `stop` may be called again and again; its home stays."""

    settings: Settings
    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ("--no-simulate", "--no-example")
    token: str = ""
    """Of a service account with every right; made by `running_product`."""
    child: subprocess.Popen[bytes] | None = None

    @property
    def engines(self) -> Engines:
        """Addresses of its engines."""
        return Engines(self.settings)

    @property
    def address(self) -> str:
        """URL of the server."""
        return f"{'https' if self.settings.tls_certificate else 'http'}://{self.settings.host}:{self.settings.port}"

    @property
    def lake(self) -> Lake:
        """The lake of the tenant, opened anew."""
        return Lake(f"{self.settings.lake_uri}/{self.settings.tenant}/observations")

    @property
    def said(self) -> str:
        """What `province run` wrote to the terminal."""
        return (self.settings.home.parent / "terminal.log").read_text()

    def log(self, name: str) -> str:
        """The log of one of its processes."""
        path = self.settings.home / "log" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def start(self) -> float:
        """Start it and wait until it says that it is ready. Returns the seconds that took."""
        began = time.monotonic()
        greeted = self.said.count("is ready") if (self.settings.home.parent / "terminal.log").exists() else 0
        command = [sys.executable, "-m", "province", "run", *self.arguments]
        with (self.settings.home.parent / "terminal.log").open("ab") as output:
            self.child = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)
        while self.said.count("is ready") == greeted:
            if self.child.poll() is not None:
                raise RuntimeError(f"the product ended with {self.child.returncode}: {self.said[-2000:]}")
            if time.monotonic() - began > READY_S:
                self.stop()
                raise TimeoutError(f"the product did not become ready: {self.said[-2000:]}")
            time.sleep(0.02)
        return time.monotonic() - began

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to end and wait. Returns its exit code."""
        if self.child is None:
            return 0
        if self.child.poll() is None:
            self.child.send_signal(number)
        try:
            code = self.child.wait(90)
        finally:
            if self.child.poll() is None:
                self.child.kill()
                self.child.wait()
            self.child = None
        return code

    def children(self) -> dict[str, dict[str, Any]]:
        """State, pid, restarts of each process, as the supervisor wrote them."""
        known: dict[str, dict[str, dict[str, Any]]] = json.loads(
            (self.settings.home / "run" / "status.json").read_text()
        )
        return known["children"]

    def pids(self) -> list[int]:
        """Every live process of this installation, by environment, command line or working folder."""
        return sorted(process.find(lambda pid: _belongs(pid, str(self.settings.home))))

    async def kill(self, name: str) -> None:
        """kill -9 one of its processes, wait until the supervisor has started another and that one is ready."""
        before = self.children()[name]
        assert before["state"] == "ready", before
        os.kill(before["pid"], signal.SIGKILL)
        await until(
            lambda: (now := self.children()[name])["state"] == "ready" and now["pid"] != before["pid"],
            f"{name} is up again", timeout_s=READY_S,
        )  # fmt: skip

    def http(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A client that sends the token; `""` for a stranger."""
        given = self.token if token is None else token
        headers = {**({"Authorization": f"Bearer {given}"} if given else {}), **options.pop("headers", {})}
        own = self.settings.tls_certificate
        verify = ssl.create_default_context(cafile=own) if own else True
        return httpx.AsyncClient(
            base_url=self.address, headers=headers, verify=verify, trust_env=False, **{"timeout": 30, **options}
        )

    @contextlib.contextmanager
    def signed_in(self, password: str = PASSWORD) -> Iterator[httpx.Client]:
        """The first administrator's browser: signed in, and the first password changed as it must be."""
        with httpx.Client(base_url=self.address, trust_env=False, follow_redirects=True, timeout=60) as client:
            first = (self.settings.secrets / "administrator").read_text().strip()
            form = {"csrf": form_token(client.get("/sign-in").text), "login": "administrator", "password": first}
            change = client.post("/sign-in", data=form)
            if change.is_error:  # a kept installation, where it was changed before
                form |= {"csrf": form_token(change.text), "password": password}
                assert client.post("/sign-in", data=form).status_code == 200
            else:
                form = {"csrf": form_token(change.text), "old": first, "new": password, "again": password}
                assert client.post("/account/password", data=form).status_code == 200
            yield client

    @contextlib.contextmanager
    def beside(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """`province …` in its environment, until the block ends."""
        with (self.settings.home.parent / "beside.log").open("ab") as output:
            command = [sys.executable, "-m", "province", *arguments]
            child = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output, process_group=0)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(60)

    def command(
        self, *arguments: str, token: str = "", stdin: bytes = b"", timeout_s: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `province …` beside it, with its environment."""
        environment = {**self.environment, "PROVINCE_TOKEN": token}
        return subprocess.run(
            [sys.executable, "-m", "province", *arguments],
            env=environment, input=stdin, capture_output=True, check=False, timeout=timeout_s,
        )  # fmt: skip

    async def database(self, ask: Callable[[Connection], Awaitable[_T]]) -> _T:
        """Do something with a connection to its database."""
        pool = await connect(self.engines.database_dsn(), size=1, name="test")
        try:
            async with pool.acquire() as connection:
                return await ask(connection)
        finally:
            await pool.close()

    async def make_token(self, login: str, role: str, *, tenant: str = "") -> str:
        """A token of a new service account with a role, made as the console would."""
        actor = system(tenant or self.settings.tenant, "test")
        hasher = Passwords()

        async def make(connection: Connection) -> str:
            account = await accounts.create(connection, actor, hasher, login=login, name=login, kind="service")
            await roles.grant(connection, actor, account.id, role)
            return await tokens.create(connection, actor, account.id, name=login)

        try:
            return await self.database(make)
        finally:
            hasher.close()

    async def issue(self, devices: list[str]) -> list[Credential]:
        """Credentials of registered devices."""
        actor = Actor(
            tenant=self.settings.tenant, id="test", kind="person", grants=(Grant("operator", frozenset(("*",))),)
        )

        async def make(connection: Connection) -> list[Credential]:
            return [await issue_credential(connection, actor, device) for device in devices]

        return await self.database(make)

    async def written(self, *, timeout_s: float = 120) -> None:
        """Wait until everything that was acknowledged, by HTTP or to a device, is in the lake."""
        import nats

        client = await nats.connect(self.engines.nats_url(), **self.engines.nats_options())  # type: ignore[arg-type]
        try:
            stream = client.jetstream()

            async def empty() -> bool:
                for name in ("$MQTT_msgs", "OBS"):
                    if (await stream.stream_info(name)).state.messages:
                        return False
                return True

            await until(empty, "the streams are empty", timeout_s=timeout_s, pause_s=0.1)
        finally:
            await client.close()


def _belongs(pid: int, home: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        environment = []
    # PostgreSQL's workers change their titles, but they stay in the data folder.
    places = [*process.arguments(pid), str(process.working_folder(pid) or "")]
    return f"PROVINCE_HOME={home}".encode() in environment or any(home in place for place in places)


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, *, timeout_s: float = 60, pause_s: float = 0.02
) -> None:
    """Wait for a condition. Raises: TimeoutError that says for what."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        await asyncio.sleep(pause_s)


@contextlib.contextmanager
def installed(*arguments: str, kept_in: Path | None = None, **overrides: str | int) -> Iterator[Product]:
    """An installation that is not started yet. overrides: settings by name, such as `stream_max_bytes`.

    kept_in: a folder in which it stays afterwards, and is found the next time.
    """
    if kept_in is not None:
        kept_in.mkdir(exist_ok=True, mode=0o711)
    with temporary_home() if kept_in is None else contextlib.nullcontext(kept_in / "home") as home:
        variables = {
            "PROVINCE_HOME": str(home),
            "PROVINCE_PORT": str(free_port()),
            "PROVINCE_MQTT_PORT": str(free_port()),
            "PROVINCE_CALLS_PER_SECOND": "1000000",
            **{f"PROVINCE_{name.upper()}": str(value) for name, value in overrides.items()},
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROVINCE_")}
        product = Product(from_environment(variables), {**kept, **variables})
        if arguments:
            product.arguments = arguments
        try:
            yield product
        finally:
            product.stop()


@contextlib.contextmanager
def running_product(*arguments: str, kept_in: Path | None = None, **overrides: str | int) -> Iterator[Product]:
    """A started installation with a token; it is stopped at the end, and found again by `kept_in`."""
    with installed(*arguments, kept_in=kept_in, **overrides) as product:
        product.start()
        held = product.settings.home.parent / "token"
        if kept_in is not None and held.exists():
            product.token = held.read_text()
        else:
            # In a thread of its own, for an event loop may be running in this one.
            product.token = _in_thread(product.make_token("bench", "administrator"))
            held.touch(mode=0o600)
            held.write_text(product.token)
        yield product


def _in_thread(work: Any) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work)).result()


async def count(product: Product, sql: str, *arguments: object) -> int:
    """A number from its database."""

    async def ask(connection: Connection) -> int:
        return int(await connection.fetchval(sql, *arguments) or 0)

    return await product.database(ask)


UNAVAILABLE = (httpx.TransportError, asyncpg.PostgresError, OSError)
"""What a caller may meet while a part is down."""

"""The whole product in this process: engines, lake, server on a socket, and the command line against it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import click.testing
import pytest
import uvicorn

from province.adapters.outbound import Outbound
from province.adapters.tables.imports import Imports
from province.app import exchange, ingest, serve
from province.app.core import Core, open_core
from province.cli.client import Client
from province.cli.main import build
from province.engines.nats import Nats
from province.identity import accounts, bootstrap, roles, tokens
from province.identity.passwords import Passwords
from province.model.actor import system
from province.model.label import Label
from province.settings import Settings
from tests.conftest import running, temporary_home
from tests.ports import free_port

TENANT = "binh-duong"
MAPPINGS = Path(__file__).parents[2] / "docs" / "examples" / "mappings"
FACTS = Path(__file__).parents[2] / "data" / "binh-duong"


@dataclass(slots=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.out, f"code {self.code}: {self.err[:2000]}"
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(slots=True, repr=False)
class Site:
    """The running product. tokens: by role."""

    core: Core
    imports: Imports
    url: str
    tokens: dict[str, str]
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, role: str = "administrator") -> Client:
        """A client of the command line; one per role."""
        if role not in self.clients:
            self.clients[role] = Client(self.url, self.tokens.get(role, ""), tenant=TENANT)
        return self.clients[role]

    async def run(self, *words: object, role: str = "administrator", stdin: bytes | None = None) -> Outcome:
        """One command line, as a user types it, but one that looks more often whether an import is done."""

        class Here:
            def client(_) -> Client:  # noqa: N805 - `self` is the site
                return self.client(role)

        group = build(lambda: Here())  # type: ignore[arg-type, return-value]
        runner = click.testing.CliRunner()
        arguments = [str(w) for w in words]
        with mock.patch("province.cli.imports._POLL_S", 0.05):
            done = await asyncio.to_thread(runner.invoke, group, arguments, input=stdin, prog_name="province")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Outcome(done.exit_code, done.stdout, done.stderr)

    async def ask(self, method: str, path: str, role: str = "administrator", **options: Any) -> Any:
        """One call of the API, decoded."""
        return await asyncio.to_thread(self.client(role)._call, method, path, **options)

    async def fetch(self, sql: str, *values: object) -> Any:
        """One value of the database."""
        async with self.core.pool.acquire() as connection:
            return await connection.fetchval(sql, *values)


@pytest.fixture(scope="session")
async def site(settings: Settings, make_database: Callable[[], str]) -> AsyncIterator[Site]:
    # A bus of its own: its process `ingest` would take the messages of every other test on a shared one.
    with temporary_home(in_memory=True) as home:
        port = free_port()
        mine = replace(settings, home=home, port=port, mqtt_port=free_port(), tenant=TENANT, database=make_database())
        nats = Nats(mine)
        nats.prepare()
        with running(nats.command(), home / "nats.log"):
            async with _site(mine) as made:
                yield made


@contextlib.asynccontextmanager
async def _site(mine: Settings) -> AsyncIterator[Site]:
    hasher = Passwords()
    async with open_core(mine, "serve", connections=8) as core:
        mine.secrets.mkdir(parents=True, exist_ok=True)
        await bootstrap.prepare(
            core.pool, hasher, tenant=TENANT, name=Label("Thử", "Test"), secrets=mine.secrets, extra=core.declared.roles
        )
        found = {role: await _token(core, hasher, role) for role in ("administrator", "steward", "viewer")}
        writer = asyncio.create_task(ingest.main(mine))
        files = exchange.imports(core)
        app = serve.application(core, hasher, Outbound(""), files)
        server = uvicorn.Server(uvicorn.Config(app, port=mine.port, log_config=None, lifespan="off"))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0.02)
        made = Site(core, files, f"http://127.0.0.1:{mine.port}", found)
        yield made
        for client in made.clients.values():
            client._http.close()
        await files.close()
        server.should_exit = True
        await task
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
    hasher.close()


async def _token(core: Core, hasher: Passwords, role: str) -> str:
    actor = system(TENANT, "test")
    async with core.pool.acquire() as connection:
        made = await accounts.create(connection, actor, hasher, login=f"test-{role}", name=role, kind="service")
        await roles.grant(connection, actor, made.id, role)
        return await tokens.create(connection, actor, made.id, name="test")


Run = Callable[..., Awaitable[Outcome]]

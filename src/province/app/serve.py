"""The process `serve`: HTTP for people and programs. There may be several on the one port (`serve-2`, …).

The kernel spreads connections over them. What one process remembers (verified credentials, limits, recent figures) the
others learn from the database within seconds; nothing else of a visit is kept in a process.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

import nats.errors
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from province.adapters.files import FileStore
from province.adapters.outbound import Outbound
from province.adapters.pdf import Printer
from province.adapters.photo import Photos
from province.adapters.tables.exports import Exports
from province.adapters.tables.imports import Imports
from province.api import door as api
from province.api.errors import status_of
from province.api.observe_requests import ObserveRequests
from province.api.services import Annex as AnnexDoor
from province.api.services import Services
from province.app import (
    anonymous,
    classifying,
    example,
    exchange,
    pages,
    privacy,
    studies,
    subscribing,
    territory,
    wellbeing,
    zalo,
)
from province.app.address import Callers
from province.app.annex import Annex
from province.app.core import Core, open_core
from province.app.declarations import TITLE_EN, TITLE_VI, parameters_at
from province.app.readiness import announce
from province.app.tenants import Tenants
from province.broker.database import LOST
from province.broker.entitymaps import EntityMaps
from province.broker.feeds import Feeds
from province.broker.registrations import Registrations
from province.broker.snapshots import Snapshots
from province.broker.subscriptions.store import Store
from province.console import routes as console
from province.errors import NotAllowed
from province.identity import bootstrap
from province.identity.authenticate import Authenticator
from province.identity.limits import Limiter
from province.identity.passwords import Passwords
from province.ingest import observations
from province.model.actor import Actor
from province.model.label import Label
from province.settings import Settings

_BACKLOG = 4096
_AWAY = (*(kind for kind in LOST if kind is not OSError), ConnectionError, nats.errors.Error)
"""What a handler meets when an engine is away. Another OSError (a file that is missing) is a defect of ours."""


async def main(settings: Settings, number: int = 1) -> None:
    """Serve until cancelled. number: which of several; only the first prepares the installation.

    Raises: ConfigurationError.
    """
    anonymous.check(settings)
    name = name_of(number)
    async with open_core(settings, name, connections=16) as core:
        hasher = Passwords()
        await core.jobs.open()
        if number == 1:
            await bootstrap.prepare(
                core.pool,
                hasher,
                tenant=settings.tenant,
                name=Label(TITLE_VI, TITLE_EN),
                secrets=settings.secrets,
                extra=core.declared.roles,
            )
            await subscribing.load_contexts(settings, subscribing.context_store(core))
            if settings.example:
                await example.load(core)
        outbound = Outbound(settings.outbound_allow)
        files = exchange.imports(core)
        learning = asyncio.create_task(classifying.keep(core, core.models), name="classifier")
        try:
            await _listen(settings, application(core, hasher, outbound, files), name)
        finally:
            learning.cancel()
            await files.close()
            await outbound.close()
            await core.jobs.close()
            hasher.close()


def name_of(number: int) -> str:
    """Of the process, in the log and in what the supervisor says."""
    return "serve" if number == 1 else f"serve-{number}"


def application(core: Core, hasher: Passwords, outbound: Outbound, files: Imports | None = None) -> ASGIApp:
    """The ASGI application: health, programs' door, pages; one log line per request around it."""
    settings = core.settings
    callers = Callers(settings.trusted_proxies)
    authenticator = Authenticator(core.pool, hasher)
    disk = wellbeing.disk_watch(core)
    health, metrics = wellbeing.build(core, disk, authenticator)
    strangers = Limiter(rate=20, burst=200)
    tenants = Tenants(core.tenants)
    known = Limiter(rate=settings.calls_per_second, burst=settings.calls_per_second * 2)

    async def authenticate(request: Request) -> Actor:
        tenant = request.headers.get("ngsild-tenant", settings.tenant)
        caller = await authenticator.identify(
            tenant,
            authorization=request.headers.get("authorization"),
            address=callers(request),
            request=request.state.request_id,
            purpose=_utf8(request.headers.get("x-purpose", ""))[:200],
        )
        actor = anonymous.admit(caller.actor, settings)
        limiter = strangers if actor.kind == "anonymous" else known
        for key in caller.limit_keys:
            limiter.take(key)
        if actor.kind == "anonymous" and "ngsild-tenant" in request.headers:
            await tenants.require(actor.tenant)
        request.state.actor = actor
        if caller.must_change:
            raise NotAllowed("the password must be changed first.", remedy="Sign in to the console and change it.")
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            disk.require_space()
        return actor

    store = subscribing.context_store(core)
    annex = Annex(core)
    land = territory.build(core, authenticator.forget_all)
    erasing = privacy.erasures(core)
    planning = studies.build(core)
    services = Services(
        broker=pages.Door(core),
        authenticate=authenticate,
        contexts=subscribing.contexts(outbound, store),
        context_store=store,
        subscriptions=Store(core.pool, "entity"),
        source_subscriptions=Store(core.pool, "registration"),
        registrations=Registrations(core.pool),
        entity_maps=EntityMaps(core.pool),
        snapshots=Snapshots(core.pool, core.broker),
        require_public=outbound.require_public,
        read_observations=lambda body, media: observations.decode(body, media, core.broker.types),
        feeds=Feeds(core.broker, core.observer, core.declared.packs, parameters_at),
        imports=files,
        exports=Exports(pages.Door(core), core.pool),
        studies=planning,
        observation_media=observations.MEDIA_TYPES,
        max_body_bytes=settings.max_body_bytes,
        temporal_instances=settings.temporal_instances,
        public_url=settings.public_url,
        zalo=zalo.door(settings),
        annex=AnnexDoor(annex.view, annex.report, annex.print),
        territory=land,
        erasures=erasing,
        withdrawals=privacy.withdrawals(core, erasing),
    )
    desk = pages.Desk(
        core=core,
        authenticator=authenticator,
        hasher=hasher,
        files=FileStore(settings.home / "files", core.pool, quota=settings.file_quota_bytes),
        photos=Photos(),
        reports=Limiter(rate=0.5, burst=30),
        annex=annex,
        printer=Printer(),
        imports=files,
        land=land,
        erasures=erasing,
        studies=planning,
    )
    site = pages.build(desk, status=status_of, address=callers)

    async def missing(request: Request, error: Exception) -> Response:
        return await console.not_found(site, request)

    async def away(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(api.PREFIXES):
            return await api.answer_absence(request, error)
        return await console.failed(site, request, api.absence(error))

    app = Starlette(
        routes=[*health.routes(), *api.routes(services), *console.routes(site)],
        exception_handlers={404: missing, **dict.fromkeys(_AWAY, away), Exception: api.answer_defect},
    )
    return ObserveRequests(app, measure=metrics.measure)


def _utf8(header: str) -> str:
    """A header that people write in Vietnamese: HTTP hands over its bytes as Latin-1."""
    return header.encode("latin-1").decode("utf-8", "replace").replace("\0", "")


def share_port(settings: Settings) -> socket.socket:
    """A listening socket on the port, beside those of the other processes."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG, reuse_port=True)


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens = listens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._listens()


async def _listen(settings: Settings, app: ASGIApp, name: str) -> None:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # `Callers` reads them, and only from trusted proxies
        ssl_certfile=settings.tls_certificate or None,
        ssl_keyfile=settings.tls_key or None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        timeout_graceful_shutdown=10,
        backlog=_BACKLOG,
    )
    server = _Server(config, lambda: announce(settings, name))
    sockets = [share_port(settings)] if settings.serve_processes > 1 else None
    task = asyncio.create_task(server._serve(sockets), name="http")
    try:
        await asyncio.shield(task)
    finally:
        server.should_exit = True
        await task

"""What every process of the product opens: database, stream, lake, broker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import nats
import nats.errors
from nats.aio.client import Client

from province.adapters import dispatch, notices
from province.app.declarations import Declarations, declarations, parameters_at
from province.broker import amendments, stream
from province.broker.broker import Broker
from province.broker.committer import IN_FLIGHT, Committer
from province.broker.corrections import Corrections
from province.broker.database import LOST, Connection, Pool, connect
from province.broker.indexes import ensure_indexes
from province.broker.jobs import Jobs, remove_old
from province.broker.known import Known
from province.broker.measured import Measured
from province.broker.migrate import migrate, schema_lock
from province.broker.observe import Observer
from province.broker.relay import Relay
from province.engines.facade import Engines
from province.errors import Unavailable
from province.history import latest
from province.history.lake import Lake
from province.identity import policy, sessions
from province.identity.keys import KeyRing
from province.model.actor import system
from province.model.geometry import Geometry
from province.model.query import Query, pages
from province.model.record import to_record
from province.model.time import now
from province.pack import HISTORY_WITHDRAW, Notice
from province.settings import Settings
from province.territory import store
from province.territory.atlas import Atlas
from province.territory.ledger import Ledger
from province.vocab.area import Area

log = logging.getLogger(__name__)

ATLAS_AGE_S = 30.0
"""A changed boundary places new entities after at most this long."""


class Lakes:
    """tenant → its lake, opened once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._open: dict[str, Lake] = {}

    def __call__(self, tenant: str) -> Lake:
        """The lake of a tenant."""
        if tenant not in self._open:
            self._open[tenant] = Lake(f"{self._uri}/{tenant}/observations")
        return self._open[tenant]


@dataclass(slots=True)
class Core:
    """The open parts of one process."""

    settings: Settings
    engines: Engines
    declared: Declarations
    pool: Pool
    nats: Client
    keys: KeyRing
    committer: Committer
    broker: Broker
    measured: Measured
    corrections: Corrections
    observer: Observer
    known: Known
    incarnation: stream.Incarnation
    relay: Relay
    jobs: Jobs
    atlases: dict[str, Atlas]
    ledgers: dict[str, Ledger]
    areas: dict[str, Mapping[str, Area]]
    """All areas of a tenant that ever held, by id, at most ATLAS_AGE_S old; as the atlases and ledgers are."""
    lake_of: Lakes
    models: dict[str, Callable[[str], Mapping[str, Any]]]
    """Trained models by name, for pack logic; filled while the process runs."""

    async def read_atlas(self, tenant: str) -> None:
        """Read the areas of a tenant again."""
        areas: list[Area] = []
        query = Query(types=("Area",), limit=1000, latest=False)
        async for page in pages(self.broker.query, query, system(tenant, "atlas")):
            areas += [to_record(Area, entity) for entity in page.items]
        async with self.pool.acquire() as connection:
            self.ledgers[tenant] = await store.read(connection, tenant)
        self.areas[tenant] = {area.id: area for area in areas}
        self.atlases[tenant] = Atlas(areas, now(), self.ledgers[tenant])

    def locate(self, tenant: str, geometry: Geometry) -> str | None:
        """The atom in which a place lies; None outside everything that is known."""
        return _stamp(self.atlases, tenant, geometry)

    async def keep_atlases(self) -> None:
        """Read the areas of all tenants again and again, until cancelled."""
        while True:
            await asyncio.sleep(ATLAS_AGE_S)
            try:
                for tenant in await self.tenants():
                    await self.read_atlas(tenant)
            except (*LOST, Unavailable) as error:
                log.warning("the areas cannot be read", extra={"error": repr(error)})

    async def tenants(self) -> list[str]:
        """All tenants."""
        async with self.pool.acquire() as connection:
            return [row["id"] for row in await connection.fetch("SELECT id FROM tenant ORDER BY id")]


@contextlib.asynccontextmanager
async def open_core(settings: Settings, process: str, *, connections: int = 12) -> AsyncIterator[Core]:
    """Open everything, bring schema and generated tables up to date, close everything at the end."""
    engines = Engines(settings)
    declared = declarations()
    keys = KeyRing.create(settings.secrets / "master-key")
    pool = await connect(
        engines.database_dsn(),
        size=connections,
        synchronous_commit=settings.synchronous_commit,
        name=f"province {process}",
    )
    writers = await connect(
        engines.database_dsn(),
        size=IN_FLIGHT,
        synchronous_commit=settings.synchronous_commit,
        name=f"province {process} writes",
        by_key=True,
    )
    client = await open_nats(engines)
    try:
        # Locked: the processes of one start come here at the same moment.
        async with pool.acquire() as connection, schema_lock(connection):
            applied = await migrate(connection)
            created = await ensure_indexes(connection, declared.types.values())
            created += await latest.ensure(connection, declared.types.values())
        if applied or created:
            log.info("schema brought up to date", extra={"migrations": applied, "generated": len(created)})
        incarnation = await stream.ensure_stream(client.jetstream(), max_bytes=settings.stream_max_bytes)
        core = _assemble(settings, engines, declared, pool, writers, client, keys, incarnation)
        core.committer.start()
        core.broker.reads.start()
        core.broker.asked.start()
        for tenant in await core.tenants():
            await core.read_atlas(tenant)
        refresher = asyncio.create_task(core.keep_atlases(), name="atlas")
        try:
            yield core
        finally:
            refresher.cancel()
            await core.broker.asked.stop()
            await core.broker.reads.stop()
            await core.committer.stop()
    finally:
        await client.close()
        await writers.close()
        await pool.close()


def _assemble(
    settings: Settings, engines: Engines, declared: Declarations, pool: Pool, writers: Pool, client: Client,
    keys: KeyRing, incarnation: stream.Incarnation,
) -> Core:  # fmt: skip
    atlases: dict[str, Atlas] = {}

    def locate(tenant: str, geometry: Geometry) -> str | None:
        return _stamp(atlases, tenant, geometry)

    committer = Committer(writers, declared.types, locate)
    models: dict[str, Callable[[str], Mapping[str, Any]]] = {}
    broker = Broker(
        pool,
        committer,
        types=declared.types,
        packs=declared.packs,
        parameters=parameters_at,
        read_latest=latest.read,
        sign=keys.sign,
        models=models,
    )
    known = Known(pool, max_age_s=30.0)  # a change of owner counts within this time
    lake_of = Lakes(settings.lake_uri)
    jobs = Jobs(engines.database_dsn(), {HISTORY_WITHDRAW: _withdraw_history(pool)}, nightly=_clean(pool))
    return Core(
        settings=settings,
        engines=engines,
        declared=declared,
        pool=pool,
        nats=client,
        keys=keys,
        committer=committer,
        broker=broker,
        measured=Measured(broker, lake_of),
        corrections=Corrections(broker, lake_of),
        observer=Observer(client, pool, known, types=declared.types, allowed=policy.allows),
        known=known,
        incarnation=incarnation,
        relay=Relay(pool, broker, declared.packs, parameters_at, _deliver, jobs.defer),
        jobs=jobs,
        atlases=atlases,
        ledgers={},
        areas={},
        lake_of=lake_of,
        models=models,
    )


def _stamp(atlases: Mapping[str, Atlas], tenant: str, geometry: Geometry) -> str | None:
    atlas = atlases.get(tenant)
    return atlas.stamp(geometry) if atlas is not None else None


async def _deliver(connection: Connection, tenant: str, notice: Mapping[str, Any], event: UUID) -> None:
    read = msgspec.convert(notice, Notice)
    if read.to.partition(":")[0] not in dispatch.DIRECT:
        await notices.deliver(connection, tenant, read, str(event))
    await dispatch.enqueue(connection, tenant, read, str(event))


def _withdraw_history(pool: Pool) -> Callable[[str, Mapping[str, Any], str], Awaitable[None]]:
    async def withdraw(tenant: str, arguments: Mapping[str, Any], event: str) -> None:
        actor = system(tenant, HISTORY_WITHDRAW, cause=event)
        await amendments.withdraw_all(pool, arguments["entity"], arguments["attrs"], actor)

    return withdraw


def _clean(pool: Pool) -> Callable[[], Awaitable[None]]:
    async def clean() -> None:
        removed = await remove_old(pool)
        async with pool.acquire() as connection:
            removed["sessions"] = await sessions.purge(connection)
            removed["messages"] = await dispatch.remove_old(connection)
        log.info("old rows removed", extra=removed)

    return clean


async def open_nats(engines: Engines) -> Client:
    """Connect as a service; a lost connection is sought again for ever."""

    async def tell(error: Exception) -> None:
        log.warning("nats", extra={"error": repr(error)})

    options: dict[str, Any] = dict(engines.nats_options())
    try:
        return await nats.connect(
            engines.nats_url(),
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
            error_cb=tell,
            name="province",
            **options,
        )
    except (OSError, nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"NATS does not answer: {error}", remedy="Is it running? See `province status`.") from error

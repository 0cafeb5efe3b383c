"""The HTTP door over a real broker and database; the lake and the stream are a list in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import httpx
import msgspec
import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from province.adapters.outbound import Outbound
from province.api.contexts import Contexts
from province.api.door import routes
from province.api.services import Services
from province.broker import amendments
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.contexts import ContextStore
from province.broker.database import Pool, connect
from province.broker.entitymaps import EntityMaps
from province.broker.feeds import Feeds
from province.broker.history import History, Instance, read_instances, read_values
from province.broker.indexes import ensure_indexes
from province.broker.measured import AreaHour
from province.broker.registrations import Registrations
from province.broker.snapshots import Snapshots
from province.broker.subscriptions.store import Store
from province.errors import DecodeError, NotFound, Unavailable
from province.history import latest
from province.history.aggregate import VALUES, Figures, Periods, of_values
from province.model.actor import Actor, Grant, anonymous, system
from province.model.change import Change
from province.model.entity import Attribute, split_key
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.observation import SCHEMA, Acknowledged, Rejected
from province.model.record import change
from province.model.schema import EntityType, Field, Record, TypeInfo, describe
from province.model.unit import Unit
from province.pack import Action, Context, Pack
from tests.emptying import empty
from tests.model.test_codec import load

WORD = Label("chữ", "word")


class Station(Record, frozen=True, kw_only=True):
    """A weather station: a record with two measured attributes."""

    TYPE: ClassVar = TypeInfo(
        "Station", Label("Trạm", "Station"), place="location", title="name", public=True, public_where=("shown", True)
    )
    name: Annotated[str, Field(Label("Tên", "Name"), search=True, public=True)]
    height: Annotated[float | None, Field(WORD, indexed=True, minimum=0, maximum=500), Unit("MTR")] = None
    keeper_phone: Annotated[str | None, Field(WORD, personal=True)] = None
    shown: Annotated[bool, Field(WORD)] = False
    location: Annotated[Geometry | None, Field(WORD)] = None
    temperature: Annotated[float | None, Field(WORD, observed=True, minimum=-50, maximum=70), Unit("CEL")] = None
    door: Annotated[str | None, Field(WORD, observed=True, values=("open", "shut"))] = None


def rename(
    station: Station, *, context: Context, name: Annotated[str, Field(Label("Tên mới", "New name"))]
) -> list[Change]:
    """Give a station another name."""
    return [change(station, name=name)]


TYPES: Mapping[str, EntityType] = {"Station": describe(Station)}
PACK = Pack(
    name="weather",
    title=WORD,
    row="II.4",
    types=(Station,),
    actions=(Action(do=rename, record=Station, needs="station.rename", title=Label("Đổi tên", "Rename")),),
)
ACTORS = {
    "root": Actor(tenant="t", id="root", kind="person", grants=(Grant("all", frozenset(("*",))),)),
    "device": Actor(tenant="t", id="urn:ngsi-ld:Station:1", kind="device", grants=(Grant("all", frozenset(("*",))),)),
    "guest": Actor(tenant="t", id="guest", kind="person", grants=(Grant("guest", frozenset(("entity.*",))),)),
    "nobody": Actor(tenant="t", id="nobody", kind="person"),
    "elsewhere": Actor(tenant="u", id="root", kind="person", grants=(Grant("all", frozenset(("*",))),)),
}
CONTEXTS = {
    "https://ex.example/context.jsonld": {
        "@context": {"speed": "https://ex.example/speed", "Car": "https://ex.example/Car"}
    }
}


class FullBroker(Broker):
    """The broker with measurements kept in a list, as the lake would keep them."""

    readings: list[dict[str, Any]]

    async def observe(
        self, table: pa.Table, actor: Actor, *, key: str | None = None, source: str = "http"
    ) -> Acknowledged:
        rejected = []
        taken = []
        for i, row in enumerate(table.to_pylist()):
            try:
                await self.get(row["entity"], system(actor.tenant, "observer"), latest=False)
            except NotFound:
                rejected.append(Rejected(i, "entity", "is not registered."))
            else:
                self.readings.append(row)
                taken.append({**row, "seq": len(self.readings), "row": i})
        if taken:
            # `seq` and `row` tell the order of readings of one instant, as the lake writer numbers them.
            extended = SCHEMA.append(pa.field("seq", pa.int64())).append(pa.field("row", pa.int32()))
            async with self.pool.acquire() as c:
                await latest.write(c, actor.tenant, pa.Table.from_pylist(taken, schema=extended), TYPES)
        return Acknowledged(table.num_rows - len(rejected), tuple(rejected), sequence=len(self.readings))

    async def instances(self, id: str, names: Sequence[str], actor: Actor) -> list[Instance]:
        return await amendments.instances_of(self.pool, actor.tenant, id, names)

    async def withdraw(self, id: str, instances: Sequence[Instance], actor: Actor) -> None:
        await amendments.withdraw(self.pool, id, instances, actor)

    async def amend(self, id: str, instance: Instance, attribute: Attribute, actor: Actor) -> None:
        await amendments.correct(self.pool, id, instance, attribute, actor)

    async def history(self, id: str, actor: Actor, *, attrs: Sequence[str] = (), start: Any = None, end: Any = None,
                      last: int | None = None, limit: int = 10_000, of: Any = None) -> History:  # fmt: skip
        visible = self.visible(of.judged if of is not None else await self.get(id, actor, latest=False), actor)
        async with self.pool.acquire() as c:
            records = await read_instances(c, actor.tenant, id, keys=attrs, start=start, end=end, limit=limit)
        records = tuple(r for r in records if visible(split_key(r.key)[0]))
        rows = [
            r for r in self.readings
            if r["entity"] == id and (not attrs or r["attribute"] in attrs)
            and (start is None or r["observed_at"] >= start) and (end is None or r["observed_at"] < end)
        ]  # fmt: skip
        rows.sort(key=lambda r: r["observed_at"])
        return History.of(records, pa.Table.from_pylist(rows[-limit:], schema=SCHEMA))

    async def aggregates(
        self, id: str, actor: Actor, periods: Periods, *, measured: Sequence[str], recorded: Sequence[str] | None,
        time_property: Any = "observedAt", datasets: Any = (), of: Any = None,
    ) -> dict[str, tuple[Any, Figures]]:  # fmt: skip
        entity = of.entity if of is not None else await self.get(id, actor, latest=False)
        read = await self.history(id, actor, attrs=measured, start=periods.start, end=periods.end, limit=10**6, of=of)
        figures = of_values(read.readings.select(VALUES.names).cast(VALUES), periods) if measured else {}
        found: dict[str, tuple[Any, Figures]] = {name: ("Property", one) for name, one in figures.items()}
        if recorded is None:
            return found
        async with self.pool.acquire() as c:
            values = await read_values(
                c, actor.tenant, id, keys=recorded, time_property=time_property, since=entity.created_at,
                start=periods.start, end=periods.end, admits=lambda name, dataset: True,
            )  # fmt: skip
        return found | {n: (values.kinds[n], one) for n, one in of_values(values.table, periods).items()}

    said: list[dict[str, Any]]

    async def area_hours(self, type: str, attr: str, actor: Actor, **given: Any) -> list[AreaHour]:
        self.said.append({"type": type, "attr": attr, "actor": actor.id, **given})
        return [AreaHour(given["start"], None, 4, 10.0, 30.0)]

    async def correct(self, id: str, attribute: str | None, actor: Actor, **given: Any) -> Any:
        await self.get(id, actor, latest=False)
        self.said.append({"id": id, "attribute": attribute, "actor": actor.id, **given})

    async def erase(self, id: str, actor: Actor, *, reason: str) -> Any:
        await self.correct(id, None, actor, kind="erase", reason=reason)


def read_observations(body: bytes, media: str) -> pa.Table:
    try:
        rows = msgspec.json.decode(body, type=list[dict[str, Any]])
        for row in rows:
            row["observed_at"] = msgspec.convert(row["observed_at"], __import__("datetime").datetime)
            row["origin"] = 0
        return pa.Table.from_pylist(rows, schema=SCHEMA)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError) as error:
        raise DecodeError(f"not a batch: {error}", field="body") from None


async def authenticate(request: Request) -> Actor:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    actor = ACTORS.get(token) or anonymous("t")
    return msgspec.structs.replace(actor, purpose=request.headers.get("x-purpose", ""))


async def fetch(url: str) -> Any:
    if "smart-data-models" in url or "fiware.github.io" in url:
        return load(url)
    if url not in CONTEXTS:
        raise Unavailable(f"{url} does not answer.", field="@context")
    return CONTEXTS[url]


@pytest.fixture(scope="session")
async def migrated(make_migrated: Callable[[], str]) -> AsyncIterator[Pool]:
    pool = await connect(make_migrated(), size=8)
    async with pool.acquire() as connection:
        await ensure_indexes(connection, [describe(Station)])
        await latest.ensure(connection, [describe(Station)])
    yield pool
    await pool.close()


@pytest.fixture
async def broker(migrated: Pool) -> AsyncIterator[FullBroker]:
    await empty(migrated)
    committer = Committer(migrated, TYPES, lambda tenant, geometry: None)
    committer.start()
    made = FullBroker(
        migrated, committer, types=TYPES, packs=(PACK,), parameters=lambda pack, at: {}, read_latest=latest.read,
        sign=lambda purpose, message: hashlib.sha256(purpose.encode() + message).hexdigest(),
    )  # fmt: skip
    made.readings = []
    made.said = []
    yield made
    await committer.stop()


class Client(httpx.AsyncClient):
    """Speaks to the door as somebody."""

    def as_(self, who: str) -> Client:
        return client_of(self.app, who)

    app: Any


def client_of(app: Any, who: str) -> Client:
    headers = {"Authorization": f"Bearer {who}"} if who else {}
    made = Client(transport=httpx.ASGITransport(app), base_url="http://door", headers=headers)
    made.app = app
    return made


@pytest.fixture
async def http(broker: FullBroker) -> AsyncIterator[Client]:
    store = ContextStore(broker.pool, "http://door")
    services = Services(
        broker=broker,
        authenticate=authenticate,
        contexts=Contexts(fetch, store=store),
        context_store=store,
        subscriptions=Store(broker.pool, "entity"),
        source_subscriptions=Store(broker.pool, "registration"),
        registrations=Registrations(broker.pool),
        entity_maps=EntityMaps(broker.pool),
        snapshots=Snapshots(broker.pool, broker),
        require_public=Outbound("receiver.example").require_public,
        read_observations=read_observations,
        feeds=Feeds(broker, None, (), lambda pack, at: {}),  # type: ignore[arg-type]  # no feed is declared here
        max_body_bytes=2_000_000,
    )
    async with client_of(Starlette(routes=routes(services)), "root") as client:
        yield client

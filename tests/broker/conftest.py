"""A broker over a real, fresh database."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, ClassVar

import pytest

from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool, connect
from province.broker.indexes import ensure_indexes
from province.model.actor import Actor, Grant
from province.model.geometry import Geometry, bounds
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo, describe
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from tests.broker.subscribers import world
from tests.emptying import empty
from tests.observations import bus, migrated_store, store

__all__ = ["bus", "migrated_store", "store", "world"]

TENANT = "t"
A, B = "urn:ngsi-ld:Agency:a", "urn:ngsi-ld:Agency:b"
WORD = Label("chữ", "word")

LIGHTS = Workflow(
    attribute="status",
    initial="dark",
    final=frozenset({"gone"}),
    edges=(
        Edge("dark", "lit", "lamp.lit", WORD),
        Edge("lit", "dark", "lamp.darkened", WORD),
        Edge("dark", "gone", "lamp.removed", WORD),
    ),
    names=(("dark", WORD), ("lit", WORD), ("gone", WORD)),
)


class Lamp(Record, frozen=True, kw_only=True):
    """A street lamp: everything a type can declare, in one small class."""

    TYPE: ClassVar = TypeInfo(
        "Lamp", Label("Đèn", "Lamp"), unique=(("serial",),), place="location", title="name", workflow=LIGHTS,
        public=True, public_where=("shown", True),
    )  # fmt: skip
    serial: Annotated[str, Field(WORD)]
    name: Annotated[str, Field(WORD, search=True, public=True)]
    status: Annotated[str, Field(WORD, indexed=True)] = "dark"
    height: Annotated[float | None, Field(WORD, indexed=True, minimum=0, maximum=50), Unit("MTR")] = None
    colour: Annotated[str | None, Field(WORD, values=("white", "amber"))] = None
    owner_phone: Annotated[str | None, Field(WORD, personal=True)] = None
    shown: Annotated[bool, Field(WORD)] = False
    code: Annotated[str | None, Field(WORD, search=True)] = None
    location: Annotated[Geometry | None, Field(WORD)] = None


def lamp_id(name: object) -> str:
    return f"urn:ngsi-ld:Lamp:{name}"


def lamp(key: object, **values: Any) -> Lamp:
    given = {"serial": f"S-{key}", "name": f"Đèn đường số {key}", **values}
    return Lamp(id=lamp_id(key), **given)


def person(*permissions: str, agency: str | None = None, areas: tuple[str, ...] = (), id: str = "person") -> Actor:
    grants = (Grant("role", frozenset(permissions), agency, frozenset(areas)),) if permissions else ()
    return Actor(tenant=TENANT, id=id, kind="person", grants=grants)


@pytest.fixture(scope="session")
async def migrated(make_migrated: Callable[[], str]) -> AsyncIterator[Pool]:
    """A pool over a migrated database of this test session."""
    pool = await connect(make_migrated(), size=8)
    async with pool.acquire() as connection:
        await ensure_indexes(connection, [describe(Lamp)])
    yield pool
    await pool.close()


@pytest.fixture
async def pool(migrated: Pool) -> Pool:
    """The same pool, every table empty."""
    await empty(migrated)
    return migrated


@pytest.fixture
async def broker(pool: Pool) -> AsyncIterator[Broker]:
    """A broker that knows the type Lamp and no measured attribute."""
    types = {"Lamp": describe(Lamp)}
    committer = Committer(pool, types, lambda tenant, geometry: "west" if bounds(geometry)[0] < 106.6 else "east")
    committer.start()

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    yield Broker(
        pool,
        committer,
        types=types,
        packs=(),
        parameters=lambda pack, at: {},
        read_latest=nothing,
        sign=lambda purpose, message: hashlib.sha256(purpose.encode() + message).hexdigest(),
    )
    await committer.stop()

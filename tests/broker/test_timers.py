"""A field that waits goes off once, whatever happens to the processes, and never when it was moved before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import pytest

from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool
from province.broker.indexes import ensure_indexes
from province.broker.timers import Timers
from province.model.actor import system
from province.model.label import Label
from province.model.record import change, create
from province.model.schema import Field, Record, TypeInfo, describe
from province.model.time import Instant, now
from province.pack import Pack, Timer
from tests.broker.conftest import TENANT, WORD

ME = system(TENANT, "test")
HOUR = timedelta(hours=1)


class Kettle(Record, frozen=True, kw_only=True):
    """Something that waits."""

    TYPE: ClassVar = TypeInfo("Kettle", Label("Ấm", "Kettle"))
    boilsAt: Annotated[Instant | None, Field(WORD, indexed=True)] = None  # noqa: N815
    water: Annotated[str, Field(WORD)] = "cold"


TIMER = Timer(Kettle, "boilsAt", "kettle.boiled")
PACK = Pack(name="kitchen", title=WORD, row="P.1", types=(Kettle,), timers=(TIMER,))


def kettle(n: int, **values: Any) -> Kettle:
    return Kettle(id=f"urn:ngsi-ld:Kettle:{n}", **values)


@pytest.fixture
async def kitchen(pool: Pool) -> AsyncIterator[Broker]:
    types = {"Kettle": describe(Kettle)}
    async with pool.acquire() as connection:
        await ensure_indexes(connection, types.values())
        await connection.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'T', 'T')", TENANT)
    committer = Committer(pool, types, lambda *_: None)
    committer.start()

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    yield Broker(
        pool, committer, types=types, packs=(PACK,), parameters=lambda *_: {}, read_latest=nothing,
        sign=lambda *_: "",
    )  # fmt: skip
    await committer.stop()


async def gone_off(broker: Broker) -> list[str]:
    rows = await broker.pool.fetch("SELECT entity FROM outbox WHERE name = 'kettle.boiled' ORDER BY seq")
    return [str(row["entity"]).rpartition(":")[2] for row in rows]


async def test_what_is_due_goes_off_and_nothing_else(kitchen: Broker) -> None:
    at = now()
    await kitchen.apply([create(kettle(n, boilsAt=at + n * HOUR)) for n in (-2, -1, 1)], ME)
    await kitchen.apply([create(kettle(9))], ME)
    timers = Timers(kitchen, [PACK])
    assert await timers.step(TIMER, at) == 2
    assert await gone_off(kitchen) == ["-2", "-1"], "the longest due first"
    assert await timers.step(TIMER, at) == 0
    assert await timers.step(TIMER, at + 2 * HOUR) == 1
    assert await gone_off(kitchen) == ["-2", "-1", "1"]


async def test_many_watchers_set_it_off_once(kitchen: Broker) -> None:
    at = now()
    await kitchen.apply([create(kettle(n, boilsAt=at - HOUR)) for n in range(100)], ME)
    await asyncio.gather(*(Timers(kitchen, [PACK]).step(TIMER, at) for _ in range(5)))
    found = await gone_off(kitchen)
    assert sorted(found) == sorted({str(n) for n in range(100)}), "each once"


async def test_who_moves_it_first_wins(kitchen: Broker) -> None:
    at = now()
    await kitchen.apply([create(kettle(1, boilsAt=at - HOUR))], ME)
    seen = Kettle(id="urn:ngsi-ld:Kettle:1", version=1)
    timers = Timers(kitchen, [PACK])
    await kitchen.apply([change(seen, boilsAt=at + HOUR)], ME)
    await timers._set_off(TIMER, "Kettle", TENANT, seen.id, 1)  # what it saw before the move
    assert await gone_off(kitchen) == []
    assert await timers.step(TIMER, at + 2 * HOUR) == 1
    await kitchen.apply([change(Kettle(id=seen.id), boilsAt=at - HOUR)], ME)
    assert await timers.step(TIMER, at) == 1
    assert await gone_off(kitchen) == ["1", "1"], "set anew, it goes off anew"

"""What came in before the land was known finds its place once, in parts, whoever dies meanwhile."""

from __future__ import annotations

from collections import Counter

import pytest

from province.broker import placing
from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.placing import place_some
from province.model.actor import system
from province.model.geometry import Geometry
from province.model.record import change, create
from tests.broker.conftest import TENANT, Lamp, lamp, lamp_id

ACTOR = system(TENANT, "test")
COUNT = 30


class Land:
    """Holds what lies west of a meridian, and counts who was asked for."""

    def __init__(self, east: float) -> None:
        self.east = east
        self.asked: Counter[float] = Counter()

    @property
    def name(self) -> str:
        return f"west of {self.east}"

    def locate(self, _: str, geometry: Geometry) -> str | None:
        lon = geometry["coordinates"][0]
        self.asked[lon] += 1
        return "here" if lon < self.east else None


@pytest.fixture(autouse=True)
async def unplaced(broker: Broker, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lamps along a street that came in before the land was known."""
    monkeypatch.setattr(placing, "PART", 7)
    for n in range(COUNT):
        await broker.apply([create(lamp(n, location={"type": "Point", "coordinates": [100.0 + n, 11.0]}))], ACTOR)
    await pool.execute("UPDATE entity SET area = NULL")


async def _step(pool: Pool, broker: Broker, land: Land) -> int | None:
    return await place_some(pool, TENANT, land.name, land.locate, broker.types)


async def _all(pool: Pool, broker: Broker, land: Land) -> int:
    total = 0
    while (n := await _step(pool, broker, land)) is not None:
        total += n
    return total


async def test_each_is_looked_at_once_however_often_the_process_dies(broker: Broker, pool: Pool) -> None:
    first, second = Land(120), Land(120)
    await _step(pool, broker, first)
    await _step(pool, broker, first)
    assert await pool.fetchval("SELECT count(*) FROM entity WHERE area = 'here'") > 0
    await _all(pool, broker, second)  # another process goes on
    assert await pool.fetchval("SELECT count(*) FROM entity WHERE area = 'here'") == 20
    assert len(first.asked) == 14
    assert set((first.asked + second.asked).values()) == {1}
    assert len(first.asked + second.asked) == COUNT


async def test_nothing_is_looked_at_again_until_the_land_is_another(broker: Broker, pool: Pool) -> None:
    assert await _all(pool, broker, Land(120)) == 20
    again = Land(120)
    assert await _step(pool, broker, again) is None
    assert not again.asked
    wider = Land(125)
    assert await _all(pool, broker, wider) == 5
    assert len(wider.asked) == 10  # only those without a place


async def test_what_came_by_the_former_map_meanwhile_is_found_by_a_further_search(broker: Broker, pool: Pool) -> None:
    await _all(pool, broker, Land(120))
    await pool.execute("UPDATE entity SET area = NULL WHERE id = $1", lamp_id(3))  # some process did not know yet
    late = Land(120)
    assert await _all(pool, broker, late) == 0
    await pool.execute("UPDATE placement SET since = since - $1::interval", placing.SETTLES)
    assert await _all(pool, broker, late) == 0  # that search began late enough
    await pool.execute("UPDATE placement SET since = now() - $1::interval, began = now() - 2 * $1::interval",
                       placing.SETTLES)  # fmt: skip
    assert await _all(pool, broker, late) == 1
    assert len(late.asked) == 11
    assert await _step(pool, broker, late) is None


async def test_what_is_written_meanwhile_keeps_the_place_that_its_writer_gave(broker: Broker, pool: Pool) -> None:
    land = Land(130)
    version = await pool.fetchval("SELECT version FROM entity WHERE id = $1", lamp_id(0))
    moved = {"type": "Point", "coordinates": [106.0, 11.0]}
    await broker.apply([change(Lamp(id=lamp_id(0), serial="S-0", name="x"), location=moved)], ACTOR)
    async with pool.acquire() as connection:
        assert await placing.move(connection, TENANT, [(lamp_id(0), version, "here")]) == 0
    assert await pool.fetchval("SELECT area FROM entity WHERE id = $1", lamp_id(0)) == "west"
    assert await _all(pool, broker, land) == COUNT - 1

"""What boards show is computed from what the caller may read; simulated values stand apart; unknown stays unknown."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from province.broker.boards import Boards
from province.broker.broker import Broker
from province.broker.database import Pool
from province.history import latest
from province.history.lake import Lake, arrange, stage
from province.model.actor import Actor, Grant, system
from province.model.entity import ORIGINS
from province.model.observation import SCHEMA
from province.model.query import Where
from province.model.record import create
from province.model.time import now
from province.pack import Indicator
from province.packs.environment.pack import ALERTS, BOARD, FLOODED
from province.vocab.alert import Alert
from province.vocab.environment import AirQualityObserved, FloodMonitoring
from tests.conformance.conftest import KINDS, parameters_at
from tests.packs.test_environment import DATED

TENANT = "binh-duong"
A, B = "urn:ngsi-ld:Agency:a", "urn:ngsi-ld:Agency:b"
MEAN = BOARD.tiles[0]


def reader(agency: str | None = None) -> Actor:
    return Actor(tenant=TENANT, id="person:r", kind="person", grants=(Grant("viewer", frozenset(("*.read",)), agency),))


def readings(rows: Sequence[tuple[str, str, str, datetime, float, str]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    count = len(rows)
    given = [*columns[:3], [None] * count, columns[3], columns[4], [None] * count,
             [ORIGINS.index(o) for o in columns[5]]]  # fmt: skip
    arrays = [pa.array(list(c), type=f.type) for c, f in zip(given, SCHEMA, strict=True)]
    return stage([(1, pa.table(arrays, schema=SCHEMA))])


class Place:
    """Stations of one test, told apart from those of the others by their areas."""

    def __init__(self, broker: Broker, pool: Pool, lake: Lake) -> None:
        self.broker, self.pool, self.lake = broker, pool, lake
        self.mark = uuid.uuid4().hex[:8]
        self.area = f"urn:ngsi-ld:Area:{self.mark}:2025-07-01"
        self.boards = Boards(broker, lambda _tenant: lake, parameters_at)
        self.here = (Where("area", "==", self.area),)

    async def station(self, name: str, *, agency: str = A, origin: str = "reported") -> str:
        made = AirQualityObserved(
            id=f"urn:ngsi-ld:AirQualityObserved:{name}-{self.mark}", name=name, area=self.area,
        )  # fmt: skip
        await self.broker.apply(
            [create(made, agency=agency, origin=origin)],  # type: ignore[arg-type]
            system(TENANT, "test"),
        )
        return made.id

    async def measure(self, *rows: tuple[str, str, datetime, float, str]) -> None:
        table = readings([(e, "AirQualityObserved", a, t, v, o) for e, a, t, v, o in rows])
        async with self.pool.acquire() as connection:
            await latest.ensure(connection, KINDS.values())
            await latest.write(connection, TENANT, table, KINDS)
        self.lake.append(arrange(table), self.mark, 1, expected=None)


@pytest.fixture
def place(broker: Broker, pool: Pool, tmp_path: Path) -> Place:
    assert DATED["environment"]
    return Place(broker, pool, Lake(str(tmp_path / "lake")))


def here(place: Place, indicator: Indicator) -> Indicator:
    return Indicator(
        "x", indicator.measure, indicator.of, indicator.title, indicator.unit, where=place.here,
        field=indicator.field, by=indicator.by, limit=indicator.limit, within_s=indicator.within_s,
    )  # fmt: skip


async def test_measured_and_simulated_values_are_told_apart_and_old_ones_left_out(place: Place) -> None:
    at = now()
    real = [await place.station(f"r{n}") for n in range(3)]
    unreal = await place.station("s", origin="simulated")
    silent = await place.station("q")
    await place.measure(
        (real[0], "pm25", at - timedelta(minutes=1), 10.0, "measured"),
        (real[1], "pm25", at - timedelta(minutes=5), 30.0, "measured"),
        (real[2], "pm25", at - timedelta(hours=3), 500.0, "measured"),
        (unreal, "pm25", at, 90.0, "simulated"),
    )
    found = await place.boards.figure(here(place, MEAN), reader())
    assert found is not None
    assert (found.counted.value, found.counted.sources, found.counted.total) == (20.0, 2, 4)
    assert (found.uncounted.value, found.uncounted.sources, found.uncounted.total) == (90.0, 1, 1)
    (area,) = found.areas
    assert (area.area, area.counted.value, area.uncounted.value) == (place.area, 20.0, 90.0)
    assert found.counted.newest is not None
    assert abs((found.counted.newest - at).total_seconds()) == pytest.approx(60, abs=1)
    quiet = Indicator("q", "silent", AirQualityObserved, MEAN.title, "C62", where=place.here, within_s=3600)
    count = await place.boards.figure(quiet, reader())
    assert count is not None
    assert (count.counted.value, count.counted.total, count.uncounted.value) == (2.0, 4, 0.0), silent


async def test_nothing_to_compute_from_is_no_data_and_nothing_to_count_is_zero(place: Place) -> None:
    mean = await place.boards.figure(here(place, MEAN), reader())
    count = Indicator("c", "count", AirQualityObserved, MEAN.title, "C62", where=place.here)
    none = await place.boards.figure(count, reader())
    assert mean is not None
    assert none is not None
    assert (mean.counted.value, mean.uncounted.value) == (None, None)
    assert none.counted.value == 0.0


async def test_a_reader_of_one_agency_sees_its_numbers_only(place: Place) -> None:
    for agency, basis in ((A, "measured"), (B, "measured"), (B, "simulated")):
        made = Alert(
            id=f"urn:ngsi-ld:Alert:{uuid.uuid4().hex}", title="x", category="Env", event="x", severity="Minor",
            area=place.area, basis=basis, raisedAt=now(),
        )  # fmt: skip
        origin = "simulated" if basis == "simulated" else "measured"
        await place.broker.apply([create(made, agency=agency, origin=origin)], system(TENANT, "test"))  # type: ignore[arg-type]
    found = [await place.boards.figure(here(place, ALERTS), actor) for actor in (reader(), reader(A))]
    assert [(f.counted.value, f.uncounted.value) for f in found if f] == [(2.0, 1.0), (1.0, 0.0)]
    stranger = Actor(tenant=TENANT, id="person:x", kind="person")
    assert await place.boards.figure(here(place, ALERTS), stranger) is None, "alerts are not public"


async def test_gauges_above_their_own_level_are_counted(place: Place) -> None:
    at = now()
    ids = []
    for n, (level, alarm) in enumerate(((2.0, 1.6), (1.0, 1.6), (9.0, None))):
        made = FloodMonitoring(
            id=f"urn:ngsi-ld:FloodMonitoring:{n}-{place.mark}", name="x", area=place.area, alertLevel=alarm
        )
        await place.broker.apply([create(made, agency=A)], system(TENANT, "test"))
        ids.append((made.id, "FloodMonitoring", "currentLevel", at, level, "measured"))
    async with place.pool.acquire() as connection:
        await latest.ensure(connection, KINDS.values())
        await latest.write(connection, TENANT, readings(ids), KINDS)
    found = await place.boards.figure(here(place, FLOODED), reader())
    assert found is not None
    assert found.counted.value == 1.0, "a gauge without a level is above nothing"


async def test_the_air_index_of_a_station_is_computed_from_whole_hours_or_not_at_all(place: Place) -> None:
    hour = now().replace(minute=0, second=0, microsecond=0)
    steady, new, unreal = [await place.station(n) for n in ("steady", "new", "unreal")]
    rows = []
    for back in range(1, 13):
        start = hour - timedelta(hours=back)
        rows += [(steady, "pm25", start + timedelta(minutes=m), v, "measured") for m, v in ((5, 60.0), (35, 70.0))]
        rows.append((unreal, "pm10", start + timedelta(minutes=5), 50.0, "simulated"))
    rows.append((steady, "pm25", hour + timedelta(seconds=1), 900.0, "measured"))  # the hour that runs now
    rows.append((new, "pm25", hour - timedelta(minutes=30), 60.0, "measured"))
    await place.measure(*rows)
    found = {i.entity.id: i for i in await place.boards.index(BOARD, reader())}
    assert (found[steady].value, found[steady].origin) == (125.0, "measured")
    assert found[new].value is None, "one hour of three is too few"
    assert (found[unreal].value, found[unreal].origin) == (50.0, "simulated")
    assert found[steady].until == hour


async def test_the_worst_are_ranked_by_values_that_are_not_too_old(place: Place) -> None:
    at = now()
    low, high, old = [await place.station(n) for n in ("low", "high", "old")]
    await place.measure(
        (low, "pm25", at, 900.0, "measured"),
        (high, "pm25", at, 990.0, "simulated"),
        (old, "pm25", at - timedelta(hours=2), 999.0, "measured"),
    )
    found = [r.entity.id for r in await place.boards.ranked(BOARD, reader())]
    assert found[:2] == [high, low]
    assert old not in found

"""Silent sources: one alert per agency and area, by each source's own rhythm, over when they speak again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from province.app.declarations import parameters_at
from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.silence import Silences
from province.history import latest
from province.history.latest import table_name
from province.model.actor import system
from province.model.entity import ORIGINS
from province.model.query import Query
from province.model.record import create
from province.model.schema import describe
from province.model.time import now
from province.packs import BUILT_IN
from province.vocab.environment import AirQualityObserved
from tests.conformance.conftest import broker, pool

__all__ = ["broker", "pool"]

DEVICES = next(pack for pack in BUILT_IN if pack.name == "devices")
SILENT = next(one for one in DEVICES.silences if one.name == "silent")
WARD, OTHER = "urn:ngsi-ld:Area:25747:2025-07-01", "urn:ngsi-ld:Area:25750:2025-07-01"
AGENCY = "urn:ngsi-ld:Agency:a"


class Field:
    """Sensors of the air, and when each spoke last."""

    def __init__(self, broker: Broker, pool: Pool, tenant: str) -> None:
        self.broker, self.pool, self.tenant = broker, pool, tenant
        self.actor = system(tenant, "test")

    async def add(self, count: int, area: str, *, lifecycle: str = "in_service") -> list[str]:
        """So many sensors of an area."""
        ids = [f"urn:ngsi-ld:AirQualityObserved:{area[-14:-11]}-{lifecycle}-{n}" for n in range(count)]
        await self.broker.apply([create(AirQualityObserved(id=id, area=area), agency=AGENCY) for id in ids], self.actor)
        if lifecycle != "in_service":
            async with self.pool.acquire() as connection:
                await connection.execute(
                    "UPDATE entity SET attrs = jsonb_set(attrs, '{lifecycle,value}', to_jsonb($1::text))"
                    " WHERE id = ANY($2)",
                    lifecycle,
                    ids,
                )
        return ids

    async def spoke(self, ids: Sequence[str], at: datetime, *, origin: str = "measured") -> None:
        """Their newest reading is of that time."""
        async with self.pool.acquire() as connection:
            await connection.executemany(
                f"INSERT INTO {table_name(describe(AirQualityObserved))} (tenant, entity, pm25, pm25_at, pm25_origin,"
                " pm25_seq) VALUES ($1, $2, 1, $3, $4, 1) ON CONFLICT (tenant, entity) DO UPDATE SET pm25_at = $3",
                [(self.tenant, id, at, ORIGINS.index(origin)) for id in ids],
            )

    async def rhythm(self, ids: Sequence[str], period_s: float) -> None:
        """What the last day told of their rhythm."""
        async with self.pool.acquire() as connection:
            await connection.executemany(
                "INSERT INTO quality (tenant, kind, source, start_at, end_at, inputs) VALUES ($1, 'device', $2, now(),"
                " now(), $3)",
                [(self.tenant, id, msgspec.json.encode({"period_s": period_s}).decode()) for id in ids],
            )

    async def look(self) -> list[Mapping[str, Any]]:
        """One look; all alerts as plain values."""
        await Silences(self.broker, [DEVICES], parameters_at).look(self.tenant, DEVICES, SILENT)
        page = await self.broker.query(Query(types=("Alert",), limit=1000), self.actor)
        return sorted(
            ({k: a.value for k, a in e.attrs.items()} | {"agency": e.agency} for e in page.items),
            key=lambda one: (str(one.get("area")), str(one["raisedAt"])),
        )


@pytest.fixture
async def field(broker: Broker, pool: Pool) -> Field:
    async with pool.acquire() as connection:
        await latest.ensure(connection, [describe(record) for record in SILENT.of])
    return Field(broker, pool, f"t-{uuid.uuid4().hex[:8]}")


async def test_one_alert_for_all_of_an_agency_in_an_area_and_it_ends(field: Field) -> None:
    here, there = await field.add(10, WARD), await field.add(15, OTHER)
    await field.spoke([*here, *there], now())
    assert await field.look() == []
    await field.spoke(here[:4], now() - timedelta(hours=2))
    for _ in range(2):
        (alert,) = await field.look()
    assert (alert["area"], alert["agency"], alert["event"], alert["status"]) == (WARD, AGENCY, "silent", "raised")
    assert alert["severity"] == "Moderate"
    assert alert["value"]["number"] == 4
    assert (alert["evidence"]["silent"], alert["evidence"]["of"]) == (4, 10)
    assert sorted(alert["evidence"]["sources"]) == sorted(here[:4])
    await field.spoke(here[:3], now())
    (alert,) = await field.look()
    assert (alert["value"]["number"], alert["severity"]) == (1, "Minor")
    await field.spoke(here, now())
    (alert,) = await field.look()
    assert alert["status"] == "cleared"
    await field.spoke(here[:4], now() - timedelta(hours=2))
    assert [one["status"] for one in await field.look()] == ["cleared", "raised"], "another episode is another alert"


async def test_each_source_is_judged_by_its_own_rhythm(field: Field) -> None:
    ids = await field.add(25, WARD)
    await field.spoke(ids, now())
    await field.rhythm(ids[:1], 24 * 3600)
    await field.rhythm(ids[1:3], 300)
    await field.spoke(ids[:3], now() - timedelta(minutes=30))
    (alert,) = await field.look()
    assert sorted(alert["evidence"]["sources"]) == sorted(ids[1:3]), "once a day is no silence, every five minutes is"


async def test_what_never_spoke_or_is_not_in_service_is_not_silent(field: Field) -> None:
    speaking = await field.add(25, WARD)
    away = await field.add(5, OTHER, lifecycle="repair")
    await field.add(5, OTHER)
    await field.spoke(speaking, now())
    await field.spoke(away, now() - timedelta(days=1))
    assert await field.look() == []


async def test_when_nearly_everything_is_silent_it_is_the_intake(field: Field) -> None:
    ids = [*await field.add(15, WARD), *await field.add(15, OTHER)]
    await field.spoke(ids, now() - timedelta(hours=3))
    (alert,) = await field.look()
    assert (alert.get("area"), alert["agency"], alert["severity"]) == (None, None, "Severe")
    await field.spoke(ids[5:], now())
    found = await field.look()
    assert {(one.get("area"), one["status"]) for one in found} == {(None, "cleared"), (WARD, "raised")}


async def test_what_is_invented_makes_alerts_of_its_own(field: Field) -> None:
    ids = await field.add(25, WARD)
    await field.spoke(ids[:5], now() - timedelta(hours=3), origin="simulated")
    await field.spoke(ids[5:7], now() - timedelta(hours=3))
    await field.spoke(ids[7:], now())
    found = await field.look()
    assert sorted((one["basis"], one["value"]["number"]) for one in found) == [("measured", 2), ("simulated", 5)]

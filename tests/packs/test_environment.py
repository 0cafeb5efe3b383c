"""From readings of a station to an alert that a person acknowledges, and what the air index says."""

from __future__ import annotations

import csv
import math
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.broker.broker import Broker
from province.broker.database import Connection, Pool
from province.broker.relay import Relay
from province.broker.streaming import CROSSED, Watcher
from province.history import latest
from province.history.lake import stage
from province.model import parameters
from province.model.actor import Actor, Grant, system
from province.model.entity import ORIGINS
from province.model.geometry import point
from province.model.observation import SCHEMA
from province.model.query import Query
from province.model.record import create, move, to_record
from province.packs import BUILT_IN
from province.packs.environment import aqi
from province.packs.environment.pack import THRESHOLDS
from province.vocab.alert import Alert
from province.vocab.environment import AirQualityObserved, FloodMonitoring
from tests.conformance.conftest import KINDS, parameters_at
from tests.conformance.situation import folder
from tests.draining import drain
from tests.shared import shared

TENANT = "binh-duong"
SYSTEM = system(TENANT, "test")
CLERK = Actor(tenant=TENANT, id="person:lan", kind="person", grants=(Grant("operator", frozenset(("*",))),))
START = datetime(2026, 11, 24, 1, tzinfo=UTC)
OWNER = "urn:ngsi-ld:Agency:ubnd-25747:2025-07-01"


DATED = {pack.name: parameters.parse(folder(pack).joinpath("params.yaml").read_text("utf-8")) for pack in BUILT_IN}


def cached_parameters(pack: str, at: datetime) -> Mapping[str, Any]:
    return parameters.at(DATED[pack], at)


class Stand:
    """Watcher and relay over one database, driven by hand."""

    def __init__(self, broker: Broker, pool: Pool) -> None:
        self.broker, self.pool, self.sequence = broker, pool, 0
        self.notices: list[Mapping[str, Any]] = []
        self.watch = Watcher(pool, BUILT_IN, cached_parameters)

    async def gauge(self, **values: Any) -> str:
        made = FloodMonitoring(
            id=f"urn:ngsi-ld:FloodMonitoring:{uuid.uuid4().hex}", name="Cầu Ông Cộ", location=point(106.6, 11.0),
            **values,
        )  # fmt: skip
        await self.broker.apply([create(made, agency=OWNER)], SYSTEM)
        async with self.pool.acquire() as connection:
            await latest.ensure(connection, KINDS.values())
        return made.id

    async def levels(self, gauge: str, *levels: float, start: datetime = START, origin: str = "measured") -> None:
        at = [start + timedelta(minutes=n) for n in range(len(levels))]
        await self.send(gauge, "FloodMonitoring", "currentLevel", at, levels, origin)

    async def send(
        self, entity: str, kind: str, field: str, at: Sequence[datetime], values: Sequence[float], origin: str
    ) -> None:
        count = len(values)
        columns = [
            [entity] * count, [kind] * count, [field] * count, [None] * count, list(at), list(values), [None] * count,
            [ORIGINS.index(origin)] * count,  # type: ignore[arg-type]
        ]  # fmt: skip
        batch = pa.table([pa.array(c, type=f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
        self.sequence += 1
        rows = stage([(self.sequence, batch)])
        outcome = await self.watch.evaluate(TENANT, rows)
        async with self.pool.acquire() as connection, connection.transaction():
            await latest.write(connection, TENANT, rows, KINDS)
            await outcome.save(connection)

    def relay(self) -> Relay:
        async def deliver(_connection: Connection, _tenant: str, notice: Mapping[str, Any], _id: UUID) -> None:
            self.notices.append(notice)

        async def defer(*_: object) -> None:
            raise AssertionError("no job was expected")

        return Relay(self.pool, self.broker, BUILT_IN, parameters_at, deliver, defer)

    async def settle(self) -> None:
        relay = self.relay()
        async with self.pool.acquire() as connection:
            await drain(connection, relay.step)
            assert await connection.fetchval("SELECT count(*) FROM failed_effect") == 0

    async def alerts(self, source: str) -> list[Alert]:
        page = await self.broker.query(Query(types=("Alert",), order="raisedAt", limit=100), CLERK)
        return [a for e in page.items if (a := to_record(Alert, e)).alertSource == source]


@pytest.fixture
def stand(broker: Broker, pool: Pool) -> Stand:
    return Stand(broker, pool)


async def test_a_flood_rises_through_three_levels_and_falls(stand: Stand) -> None:
    gauge = await stand.gauge(alertLevel=1.6, warningLevel=1.9, dangerLevel=2.2)
    await stand.levels(gauge, 1.0, 1.5, 1.7, 1.7)
    await stand.settle()
    (alert,) = await stand.alerts(gauge)
    assert (alert.status, alert.level, alert.severity, alert.category) == ("raised", 1, "Moderate", "Met")
    assert alert.title == "Mực nước: Báo động I – Cầu Ông Cộ"
    assert alert.raisedAt == START + timedelta(minutes=3)
    assert alert.evidence is not None
    assert alert.evidence["since"] == "2026-11-24T01:02:00Z"
    assert [level["limit"] for level in alert.evidence["levels"]] == [1.6, 1.9, 2.2]
    assert alert.value == {"number": 1.7, "unitCode": "MTR", "observedAt": "2026-11-24T01:03:00Z"}
    entity = await stand.broker.get(alert.id, CLERK)
    assert (entity.agency, entity.attrs["severity"].origin) == (OWNER, "measured")
    assert [n["to"] for n in stand.notices] == [OWNER]

    await stand.broker.act("alert.acknowledge", CLERK, id=alert.id, inputs={"note": "đã gọi"})
    await stand.levels(gauge, 2.3, 2.3, start=START + timedelta(minutes=10))
    await stand.settle()
    (alert,) = await stand.alerts(gauge)
    assert (alert.status, alert.level, alert.severity) == ("raised", 3, "Extreme"), "to be acknowledged again"
    assert len(stand.notices) == 2
    await stand.levels(gauge, 2.0, 2.0, start=START + timedelta(minutes=20))
    await stand.settle()
    (alert,) = await stand.alerts(gauge)
    assert (alert.status, alert.level, alert.highestLevel) == ("raised", 2, 3)
    await stand.levels(gauge, 1.0, 1.0, start=START + timedelta(minutes=30))
    await stand.settle()
    (alert,) = await stand.alerts(gauge)
    assert (alert.status, alert.level, alert.clearedAt) == ("cleared", 0, START + timedelta(minutes=31))
    assert (alert.levelName, alert.severity) == ("Báo động III", "Extreme"), "called by the highest level it reached"
    await stand.levels(gauge, 1.7, 1.7, start=START + timedelta(minutes=40))
    await stand.settle()
    assert [a.status for a in await stand.alerts(gauge)] == ["cleared", "raised"], "what comes back is a new matter"


async def test_a_closed_alert_is_not_contradicted_at_its_level(stand: Stand) -> None:
    gauge = await stand.gauge(alertLevel=1.6, warningLevel=1.9, dangerLevel=2.2)
    await stand.levels(gauge, 2.0, 2.0)
    await stand.settle()
    (alert,) = await stand.alerts(gauge)
    await stand.broker.act("alert.close", CLERK, id=alert.id, inputs={"reason": "exercise"})
    await stand.levels(gauge, 1.7, 1.7, 2.1, 2.1, start=START + timedelta(minutes=10))
    await stand.settle()
    assert [a.status for a in await stand.alerts(gauge)] == ["closed", "raised"], "rising again is news"
    await stand.levels(gauge, 1.0, 1.0, start=START + timedelta(minutes=20))
    await stand.settle()
    assert [a.status for a in await stand.alerts(gauge)] == ["closed", "cleared"]


async def test_simulated_alerts_say_so(stand: Stand) -> None:
    gauge = await stand.gauge(alertLevel=1.6)
    await stand.levels(gauge, 2.0, 2.0, origin="simulated")
    await stand.settle()
    (alert,) = await stand.alerts(gauge)
    assert alert.basis == "simulated"
    entity = await stand.broker.get(alert.id, CLERK)
    assert {a.origin for a in entity.attrs.values()} == {"simulated"}
    assert stand.notices[-1]["subject"]["vi"].startswith("[Mô phỏng]")


async def test_without_levels_or_out_of_service_nothing_is_raised(stand: Stand) -> None:
    bare = await stand.gauge()
    away = await stand.gauge(alertLevel=1.6)
    record = to_record(FloodMonitoring, await stand.broker.get(away, SYSTEM))
    await stand.broker.apply([move(record, "repair", at=START)], SYSTEM)
    for gauge in (bare, away):
        await stand.levels(gauge, 9.0, 9.0)
    await stand.settle()
    assert await stand.alerts(bare) == []
    assert await stand.alerts(away) == []


async def test_a_relay_that_dies_before_its_bookmark_raises_nothing_twice(stand: Stand) -> None:
    gauge = await stand.gauge(alertLevel=1.6, warningLevel=1.9)
    await stand.levels(gauge, 1.7, 1.7, 2.0, 2.0, 1.0, 1.0)
    async with stand.pool.acquire() as connection:
        before = await connection.fetchrow("SELECT xid, seq FROM relay_position WHERE reader = 'relay'")
        await stand.settle()
        (once,) = await stand.alerts(gauge)
        if before is None:
            await connection.execute("DELETE FROM relay_position")
        else:
            await connection.execute("UPDATE relay_position SET xid = $1, seq = $2", before["xid"], before["seq"])
    await stand.settle()
    assert await stand.alerts(gauge) == [once], "not even a new version"
    assert (once.status, once.highestLevel) == ("cleared", 2)


@pytest.mark.slow
async def test_real_dust_crosses_when_a_person_with_a_table_says_so(stand: Stand) -> None:
    """Beijing 2010–2014, hourly; at the limits of QCVN 05:2023, shifted by 14 years so that the standard holds."""
    rule = THRESHOLDS[0]
    at, values = [], []
    with shared("timeseries/beijing-pm25-2010-2014.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["pm2.5"] != "NA":
                when = datetime(*(int(row[k]) for k in ("year", "month", "day", "hour")), tzinfo=UTC)
                at.append(when + timedelta(days=5113))  # 14 years
                values.append(float(row["pm2.5"]))
    assert len(values) == 41_757
    expected = by_hand(at, values)
    assert len(expected) > 200
    station = AirQualityObserved(id=f"urn:ngsi-ld:AirQualityObserved:{uuid.uuid4().hex}", name="Bắc Kinh")
    await stand.broker.apply([create(station)], SYSTEM)
    async with stand.pool.acquire() as connection:
        await latest.ensure(connection, KINDS.values())
    for begin in range(0, len(at), 997):
        part = slice(begin, begin + 997)
        await stand.send(station.id, "AirQualityObserved", rule.field, at[part], values[part], "measured")
    async with stand.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT payload ->> 'at' AS at, (payload ->> 'before')::int AS b, (payload ->> 'after')::int AS a"
            " FROM outbox WHERE name = $1 AND entity = $2 ORDER BY seq",
            CROSSED,
            station.id,
        )
    assert [(datetime.fromisoformat(r["at"]), r["b"], r["a"]) for r in rows] == expected


def by_hand(at: Sequence[datetime], values: Sequence[float]) -> list[tuple[datetime, int, int]]:
    """Every hour: mean of the hours known among the last 24, at least 18; then the two levels, one after the other."""
    known = dict(zip(at, values, strict=True))
    level, found = 0, []
    for now in at:
        window = [known[h] for n in range(24) if (h := now - timedelta(hours=n)) in known]
        if len(window) < 18:
            continue
        mean = math.fsum(window) / len(window)
        standard = 45.0 if (now + timedelta(hours=7)).year >= 2026 else 50.0
        first = mean >= standard or (level >= 1 and mean >= standard - 2)
        second = mean >= 150 or (level == 2 and mean >= 148)
        after = 2 if second else 1 if first else 0
        if after != level:
            found.append((now, level, after))
            level = after
    return found


hours = st.lists(st.one_of(st.just(math.nan), st.floats(0, 700)), min_size=12, max_size=12)


@given(hours)
def test_now_cast_lies_between_the_hours_and_needs_two_of_the_newest_three(window: list[float]) -> None:
    found = aqi.now_cast(window)
    known = [c for c in window if not math.isnan(c)]
    if sum(not math.isnan(c) for c in window[:3]) < 2:
        assert found is None
    else:
        assert found is not None
        assert min(known) - 1e-9 <= found <= max(known) + 1e-9


def test_now_cast_of_an_example_worked_by_hand() -> None:
    # smallest/greatest = 20/40 = ½: weights 1, ½, ¼, …
    window = [40.0, 20.0, 40.0, *[math.nan] * 9]
    assert aqi.now_cast(window) == pytest.approx((40 + 20 / 2 + 40 / 4) / 1.75)
    steady = [30.0] * 12
    assert aqi.now_cast(steady) == pytest.approx(30.0)
    assert aqi.now_cast([0.0] * 12) == 0.0


def test_vn_aqi_at_the_steps_of_its_table_and_without_data() -> None:
    params = parameters_at("environment", START)
    for dust, index in ((25, 50), (50, 100), (80, 150), (150, 200), (250, 300), (350, 400), (500, 500), (900, 500)):
        assert aqi.vn_aqi({"pm25": [float(dust)] * 12}, params) == index
    assert aqi.vn_aqi({"pm25": [65.0] * 12}, params) == 125
    assert aqi.vn_aqi({"no2": [900.0] * 12, "co": [1.0] * 12}, params) is None, "no index without dust"
    assert aqi.vn_aqi({}, params) is None
    assert aqi.vn_aqi({"pm25": [10.0] * 12, "co": [30.0]}, params) == 100, "carbon monoxide comes in mg/m³"
    assert aqi.vn_aqi({"pm25": [10.0] * 12, "no2": [math.nan, 900.0]}, params) == 20, "last hour unknown: left out"
    assert aqi.vn_aqi({"pm25": [10.0] * 12}, {}) is None, "no table in force, no index"
    assert [aqi.band(x)[0] for x in (50, 51, 150, 151, 300, 301, 500)] == [
        "good", "fair", "poor", "bad", "very-bad", "hazardous", "hazardous",
    ]  # fmt: skip

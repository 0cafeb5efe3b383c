"""Indicators over time: one value per hour, shown only to those who see all that it is computed from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from province.broker.broker import Broker
from province.broker.trends import KEPT, Trends, full_hour
from province.model import record
from province.model.actor import anonymous
from province.model.geometry import point
from province.model.label import Label
from province.pack import Indicator, Pack

from .conftest import TENANT, A, Lamp, lamp, person

ROOT = person("*", id="root")
AT = datetime(2026, 11, 26, 7, tzinfo=UTC)
PACK = Pack(
    name="lamps",
    title=Label("Đèn", "Lamps"),
    row="X",
    types=(Lamp,),
    indicators=(
        Indicator("lamps", "count", of=Lamp, title=Label("Đèn", "Lamps"), unit="C62"),
        Indicator("height", "mean", of=Lamp, title=Label("Độ cao", "Height"), unit="MTR", field="height"),
    ),
)


@pytest.fixture
def trends(broker: Broker) -> Trends:
    broker.packs = (PACK,)
    return Trends(broker)


async def add(broker: Broker, number: int) -> None:
    made = lamp(number, name=f"Đèn {number}", height=float(number), colour="amber", location=point(106.5, 11.0))
    await broker.apply([record.create(made, agency=A)], ROOT)


async def test_an_hour_is_written_once_and_read_in_order(broker: Broker, trends: Trends) -> None:
    assert await trends.record(TENANT, AT) == 1, "nothing to take a mean of: no row, not zero"
    await add(broker, 1)
    assert await trends.record(TENANT, AT) == 1
    assert await trends.record(TENANT, AT) == 0
    await add(broker, 2)
    await trends.record(TENANT, AT + timedelta(hours=1))
    found = await trends.since(ROOT, AT - timedelta(days=1))
    assert found == {
        "lamps": [(AT, 0.0), (AT + timedelta(hours=1), 2.0)],
        "height": [(AT, 1.0), (AT + timedelta(hours=1), 1.5)],
    }
    assert await trends.since(ROOT, AT + timedelta(hours=2)) == {}


async def test_whoever_sees_a_part_sees_no_trend_of_the_whole(broker: Broker, trends: Trends) -> None:
    await add(broker, 1)
    await trends.record(TENANT, AT)
    assert await trends.since(person("lamp.read", agency=A), AT - timedelta(days=1)) == {}
    assert await trends.since(anonymous(TENANT), AT - timedelta(days=1)) == {}


async def test_what_is_older_than_a_year_and_a_month_goes(broker: Broker, trends: Trends) -> None:
    await add(broker, 1)
    await trends.record(TENANT, AT - KEPT - timedelta(hours=1))
    await trends.record(TENANT, AT)
    found = await trends.since(ROOT, AT - 2 * KEPT)
    assert {at for t in found.values() for at, _ in t} == {AT}


def test_the_full_hour() -> None:
    assert full_hour(AT + timedelta(minutes=59, seconds=3)) == AT

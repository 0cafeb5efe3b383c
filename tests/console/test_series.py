"""Series for the chart: gaps stay gaps, every number keeps its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from province.console.series import with_gaps
from tests.console.conftest import Open
from tests.console.world import World

START = datetime(2026, 11, 24, tzinfo=UTC)


async def test_series_tells_unit_range_and_gap(browse: Open, small: World) -> None:
    async with browse(small) as client:
        day = (await client.get("/console/series/urn:ngsi-ld:Station:00001/pm25.json?range=24h")).json()
        week = (await client.get("/console/series/urn:ngsi-ld:Station:00001/pm25.json?range=7d")).json()
    assert day["unit"] == "µg/m³"
    assert not day["aggregated"]
    assert week["aggregated"]
    assert round(week["end"] - week["start"]) == 7 * 86_400
    assert day["avg"].count(None) == 1, "one pause, one interruption of the line"
    assert len(day["t"]) == len(day["avg"]) == len(day["min"]) == len(day["count"])


async def test_what_is_not_observed_has_no_series(browse: Open, small: World) -> None:
    async with browse(small) as client:
        name = await client.get("/console/series/urn:ngsi-ld:Station:00001/name.json")
        long = await client.get("/console/series/urn:ngsi-ld:Station:00001/pm25.json?range=9y")
    async with browse(small, signed_in=False) as client:
        private = await client.get("/console/series/urn:ngsi-ld:Case:00000/status.json")
    assert name.status_code == 404
    assert long.status_code == 400
    assert private.status_code == 404


@given(st.lists(st.integers(1, 10_000), max_size=60))
def test_no_reading_is_lost_and_time_runs_forward(steps: list[int]) -> None:
    times = [START]
    for step in steps:
        times.append(times[-1] + timedelta(seconds=step))
    values = [float(i) for i in range(len(times))]
    columns = with_gaps({"t": times, "avg": values, "min": values, "max": values, "count": [1] * len(times)})
    assert [v for v in columns["avg"] if v is not None] == values
    assert columns["t"] == sorted(columns["t"])


def test_nan_is_no_number() -> None:
    columns = with_gaps({"t": [START], "avg": [float("nan")], "min": [1.0], "max": [float("inf")], "count": [0]})
    assert columns["avg"] == [None]
    assert columns["max"] == [None]

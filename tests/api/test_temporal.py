"""Histories over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from province.api.ngsild.aggregation import read_duration
from province.errors import InvalidInput, Unsupported
from tests.aggregation import aggregate, agree

from .conftest import Client, FullBroker
from .test_entities import V1, sid, station

start = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(http: Client, n: object = 1) -> str:
    await http.post(f"{V1}/entities", json=station(n, height=1))
    for hour in range(6):
        body = {"temperature": {"value": hour * 10, "observedAt": f"2026-01-01T{hour:02}:00:00Z"}}
        assert (await http.patch(f"{V1}/entities/{sid(n)}", json=body)).status_code == 204
    await http.patch(f"{V1}/entities/{sid(n)}", json={"height": 2})
    return f"{V1}/temporal/entities/{sid(n)}"


async def get(http: Client, url: str, **params: Any) -> Any:
    answer = await http.get(url, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_history_of_records_and_readings(http: Client) -> None:
    url = await fill(http)
    full = await get(http, url)
    assert [i["value"] for i in full["temperature"]] == [0, 10, 20, 30, 40, 50]
    assert full["temperature"][0]["unitCode"] == "CEL"
    assert [i["value"] for i in full["height"]] == [1, 2]
    between = {"timerel": "between", "timeAt": "2026-01-01T01:00:00Z", "endTimeAt": "2026-01-01T03:00:00Z"}
    some = await get(http, url, attrs="temperature", **between)
    assert [i["value"] for i in some["temperature"]] == [10, 20]
    assert "height" not in await get(http, url, **between)
    pairs = await get(http, url, attrs="temperature", lastN=2, options="temporalValues")
    assert pairs["temperature"]["values"] == [[40, "2026-01-01T04:00:00Z"], [50, "2026-01-01T05:00:00Z"]]
    later = await get(
        http, url, timerel="after", timeAt="2020-01-01T00:00:00Z", timeproperty="modifiedAt", attrs="height"
    )
    assert [i["value"] for i in later["height"]] == [1, 2]
    assert "modifiedAt" in later["height"][0]
    assert (await http.get(f"{V1}/temporal/entities/{sid('gone')}")).status_code == 404


async def test_aggregates(http: Client) -> None:
    url = await fill(http)
    found = await get(
        http, url, attrs="temperature", format="aggregatedValues", aggrMethods="avg,max,totalCount",
        aggrPeriodDuration="PT2H", timerel="after", timeAt="2026-01-01T00:00:00Z",
    )  # fmt: skip
    assert found["temperature"]["avg"] == [
        [5.0, "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z"],
        [25.0, "2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z"],
        [45.0, "2026-01-01T04:00:00Z", "2026-01-01T06:00:00Z"],
    ]
    whole = await get(
        http, url, attrs="temperature", format="aggregatedValues", aggrMethods="sum", aggrPeriodDuration="PT0S"
    )
    assert whole["temperature"]["sum"][0][0] == 150


async def test_many_histories(http: Client) -> None:
    await fill(http, 1)
    await fill(http, 2)
    found = await get(http, f"{V1}/temporal/entities", type="Station", attrs="temperature", lastN=1)
    assert [e["temperature"][0]["value"] for e in found] == [50, 50]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"timerel": "after"}, "timeAt"),
        ({"timeAt": "2026-01-01T00:00:00Z"}, "timerel"),
        ({"timerel": "around", "timeAt": "2026-01-01T00:00:00Z"}, "timerel"),
        ({"timerel": "between", "timeAt": "2026-01-01T00:00:00Z"}, "endTimeAt"),
        ({"timerel": "after", "timeAt": "yesterday"}, "timeAt"),
        ({"timerel": "between", "timeAt": "2026-01-02T00:00:00Z", "endTimeAt": "2026-01-01T00:00:00Z"}, "endTimeAt"),
        ({"lastN": "0"}, "lastN"),
        ({"timeproperty": "x"}, "timeproperty"),
        ({"format": "aggregatedValues"}, "aggrMethods"),
        ({"format": "aggregatedValues", "aggrMethods": "median"}, "aggrMethods"),
        ({"format": "aggregatedValues", "aggrMethods": "avg", "aggrPeriodDuration": "1h"}, "aggrPeriodDuration"),
    ],
)
async def test_bad_parameters(http: Client, params: dict[str, str], field: str) -> None:
    await http.post(f"{V1}/entities", json=station(1))
    answer = await http.get(f"{V1}/temporal/entities/{sid(1)}", params=params)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text


def test_durations() -> None:
    assert read_duration("PT0S") == timedelta(0)
    assert read_duration("P1DT2H3M4.5S") == timedelta(days=1, hours=2, minutes=3, seconds=4.5)
    assert read_duration("P2W") == timedelta(weeks=2)
    for bad in ("", "P", "PT", "P1DT", "1D", "P-1D", "P999999999999D"):
        with pytest.raises(InvalidInput):
            read_duration(bad)
    for unfixed in ("P1M", "P1Y", "P1Y2M"):
        with pytest.raises(Unsupported):
            read_duration(unfixed)


METHODS = ("avg", "distinctCount", "max", "min", "stddev", "sum", "sumsq", "totalCount")


@pytest.mark.parametrize("length", ["PT0S", "PT1M", "P1D"])
@pytest.mark.parametrize("asked", ["observedAt", "modifiedAt", "createdAt"])
@pytest.mark.parametrize("bounds", ["", "after", "before", "last"])
async def test_aggregates_of_records_are_those_of_their_instances(
    http: Client, length: str, asked: str, bounds: str
) -> None:
    """Written at any time, with and without observedAt, datasetId, of every kind: as computed from what is shown."""
    levels = [
        {"type": "Property", "value": v, "datasetId": d, "observedAt": f"2026-01-01T00:{n:02}:30.5Z"}
        for n, (v, d) in enumerate([(3, "urn:d:1"), (1.5, "urn:d:1"), (True, "urn:d:2"), ([1, 2], "urn:d:2")])
    ]
    body = {"id": sid(1), "type": "Thing", "level": levels, "owner": {"type": "Relationship", "object": "urn:x:1"},
            "note": {"value": "b"}}  # fmt: skip
    assert (await http.post(f"{V1}/temporal/entities", json=body)).status_code == 201
    for note in ("a", {"k": 1}):
        await http.patch(f"{V1}/entities/{sid(1)}/attrs", json={"note": {"value": note}})
    await http.delete(f"{V1}/entities/{sid(1)}/attrs/owner")
    at = "2026-01-01T00:01:30.5Z" if asked == "observedAt" else "2026-01-01T00:00:00Z"
    where = {"timeproperty": asked} | (
        {} if not bounds else {"lastN": "2"} if bounds == "last" else {"timerel": bounds, "timeAt": at}
    )
    url = f"{V1}/temporal/entities/{sid(1)}"
    full = await get(http, url, **where, sysAttrs="true")
    summed = await get(
        http, url, **where, format="aggregatedValues", aggrMethods=",".join(METHODS), aggrPeriodDuration=length
    )
    members = ("value", "object")
    for name in ("level", "owner", "note"):
        rows = sorted(
            (
                (instant(i.get(asked) or i["modifiedAt"]), next(i[m] for m in members if m in i))
                for i in full.get(name, [])
            ),
            key=lambda row: row[0],
        )
        assert (name in summed) == bool(rows)
        if rows:
            assert summed[name].pop("type") == full[name][0]["type"]
            bound = instant(at) if bounds in ("after", "before") else None
            start, end = (bound if bounds == "after" else None), (bound if bounds == "before" else None)
            expected = aggregate(rows, METHODS, read_duration(length), start, end)
            agree({m: [(v, instant(b), instant(e)) for v, b, e in p] for m, p in summed[name].items()}, expected)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_an_entity_without_a_value_in_the_period_is_left_out(http: Client) -> None:
    await fill(http, 1)
    await http.post(f"{V1}/entities", json=station(2))
    asked = {"type": "Station", "attrs": "temperature", "format": "aggregatedValues", "aggrMethods": "max"}
    period = {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}
    found = await get(http, f"{V1}/temporal/entities", **asked, **period)
    assert [(e["id"], e["temperature"]["max"][0][0]) for e in found] == [(sid(1), 50)]


async def test_a_reading_is_corrected_by_its_instance_id(http: Client, broker: FullBroker) -> None:
    url = await fill(http)
    instances = (await get(http, url, attrs="temperature"))["temperature"]
    ids = [i["instanceId"] for i in instances]
    assert len(set(ids)) == 6
    assert ids == [i["instanceId"] for i in (await get(http, url, attrs="temperature"))["temperature"]]
    why = {"X-Purpose": "broken"}
    for body in ({"value": 59, "unitCode": "FAH"}, {"temperature": [{"type": "Property", "value": 15.0}]}):
        answer = await http.patch(f"{url}/attrs/temperature/{ids[2]}", json=body, headers=why)
        assert answer.status_code == 204, answer.text
    assert (await http.delete(f"{url}/attrs/temperature/{ids[3]}", headers=why)).status_code == 204
    assert (await http.delete(f"{url}/attrs/temperature", headers=why)).status_code == 204
    assert (await http.delete(url, headers=why)).status_code == 204
    said = [(s["kind"], s.get("at", start).hour, round(s.get("value") or 0, 6), s["reason"]) for s in broker.said]
    assert said == [
        ("value", 2, 15.0, "broken"), ("value", 2, 15.0, "broken"), ("delete", 3, 0, "broken"),
        ("delete", 0, 0, "broken"), ("erase", 0, 0, "broken"),
    ]  # fmt: skip


async def test_a_correction_that_cannot_be_is_refused(http: Client, broker: FullBroker) -> None:
    url = await fill(http)
    found = await get(http, url)
    reading, record = (found[name][0]["instanceId"] for name in ("temperature", "height"))
    why = {"X-Purpose": "broken"}
    address = f"{url}/attrs/temperature/{reading}"
    for status, method, to, body, headers in (
        (400, "PATCH", address, {"value": 1}, {}),
        (400, "PATCH", address, {"value": 1, "observedAt": "2026-01-01T01:00:00Z"}, why),
        (400, "PATCH", address, {"type": "Property"}, why),
        (404, "DELETE", f"{url}/attrs/height/{reading}", None, why),
        (404, "DELETE", f"{url}/attrs/temperature/urn:x:1", None, why),
    ):
        answer = await http.request(method, to, json=body, headers=headers)
        assert answer.status_code == status, (method, to, answer.text)
    assert (await http.as_("").request("DELETE", address, headers=why)).status_code == 401
    assert broker.said == []
    # An instance of a record is withdrawn from what is shown, and stays in the history that the audit knows.
    assert (await http.delete(f"{url}/attrs/height/{record}")).status_code == 204
    assert record not in str(await get(http, url))

"""What clause 5.7.4.4 of ETSI GS CIM 009 v1.9.1 asks of the past: `q` and `scopeQ` over the instances of a period."""

from __future__ import annotations

import re
from typing import Any

import pytest

from province.api.ngsild import candidates
from tests.api.conftest import Client

V1 = "/ngsi-ld/v1"
DAY = {"type": "Thing", "timerel": "between", "timeAt": "2026-03-01T00:00:00Z", "endTimeAt": "2026-03-02T00:00:00Z"}


async def past(http: Client, id: str, **attrs: Any) -> None:
    body = {"id": f"urn:x:{id}", "type": "Thing", **attrs}
    assert (await http.post(f"{V1}/temporal/entities", json=body)).status_code == 201


async def found(http: Client, **params: str) -> list[str]:
    answer = await http.get(f"{V1}/temporal/entities", params={**DAY, **params})
    assert answer.status_code == 200, answer.text
    return [e["id"].removeprefix("urn:x:") for e in answer.json()]


def at(value: Any, time: str, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-{time}:00Z", **more}


async def test_5_7_4_4_q_is_asked_of_the_instances_of_the_period(http: Client) -> None:
    within, before = "03-01T12:00", "01-05T00:00"
    await past(http, "fast", speed=[at(30, within), at(90, before)], heading=[at(45, within)])
    await past(http, "slow", speed=[at(10, within), at(80, before)])
    await past(http, "none", speed=[at(99, before)])
    await past(http, "more", speed=[at(5, within), at(60, within, datasetId="urn:x:d")])
    assert await found(http, q="speed>25") == ["fast", "more"]
    assert await found(http, q="speed>50") == ["more"]
    assert await found(http, q="speed<20;!heading") == ["more", "slow"]
    assert await found(http, q="speed<20|heading==45") == ["fast", "more", "slow"]
    first = await http.get(f"{V1}/temporal/entities", params={**DAY, "q": "speed>0", "limit": "2", "count": "true"})
    assert first.headers["NGSILD-Results-Count"] == "3"
    second = await http.get(first.links["next"]["url"])
    assert [e["id"] for e in second.json()] == ["urn:x:slow"]
    assert "next" not in second.links


async def test_5_7_4_4_what_is_no_series_holds_throughout(http: Client) -> None:
    await past(http, "named", speed=[at(30, "03-01T12:00")], name="Station")
    assert await found(http, q='name=="Station"') == ["named"]
    assert await found(http, q='name=="Other"') == []


def lies(x: float, y: float, time: str = "") -> dict[str, Any]:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [x, y]}}
    return {**place, "observedAt": f"2026-{time}:00Z"} if time else place


def near(x: float, y: float) -> dict[str, str]:
    return {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": f"[{x},{y}]"}


async def test_5_7_4_4_a_place_is_asked_of_the_instances_of_the_period(http: Client) -> None:
    noon, later, speed = "03-01T12:00", "03-04T00:00", [at(1, "03-01T12:05")]
    await past(http, "came", speed=speed, location=[lies(106.6, 11.0, noon), lies(107.5, 12.0, later)])
    await past(http, "left", speed=speed, location=[lies(107.5, 12.0, noon), lies(106.6, 11.0, later)])
    await past(http, "other", speed=speed, location=lies(106.7, 11.1), path=[lies(106.6, 11.0, noon)])
    await past(http, "still", speed=speed, location=lies(106.6, 11.0))
    await past(http, "unseen", speed=speed, location=[lies(106.6, 11.0, later)])
    here = near(106.6, 11.0)
    assert await found(http, **here) == ["came", "still"]
    assert await found(http, **near(107.5, 12.0)) == ["left"]
    assert await found(http, **here, geoproperty="path") == ["other"]
    assert await found(http, **here, q="speed>5") == []
    square = "[[[106,10],[107,10],[107,11.5],[106,11.5],[106,10]]]"
    apart = {"georel": "disjoint", "geometry": "Polygon", "coordinates": square}
    assert await found(http, **apart) == ["left"]  # what was nowhere in the period was not apart either
    first = await http.get(f"{V1}/temporal/entities", params={**DAY, **here, "limit": "1", "count": "true"})
    assert ([e["id"] for e in first.json()], first.headers["NGSILD-Results-Count"]) == (["urn:x:came"], "2")
    following = re.search(r'<([^>]*)>; *rel="next"', first.headers["Link"])
    assert following is not None, first.headers["Link"]
    assert [e["id"] for e in (await http.get(following[1])).json()] == ["urn:x:still"]


async def test_5_7_4_4_what_stays_where_it_is_is_found_without_its_history(
    http: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MAX_SEEN", 2)
    for n in range(3):
        await past(http, f"still{n}", speed=[at(n, "03-01T12:05")], location=lies(106.6, 11.0))
    params = {**DAY, **near(106.6, 11.0), "count": "true"}
    answer = await http.get(f"{V1}/temporal/entities", params=params)
    assert (answer.headers["NGSILD-Results-Count"], len(answer.json())) == ("3", 3)
    await past(http, "came", speed=[at(1, "03-01T12:05")], location=[lies(106.6, 11.0, "03-01T12:00")])
    assert (await http.get(f"{V1}/temporal/entities", params=params)).status_code == 403


async def test_5_7_4_4_a_place_is_asked_by_the_time_property(http: Client) -> None:
    await past(http, "1", speed=[at(1, "03-01T12:05")], location=lies(106.6, 11.0))
    here = {**near(106.6, 11.0), "timeproperty": "modifiedAt"}
    assert await found(http, **here) == []  # nobody said so that day
    ever = {"timerel": "after", "timeAt": "2026-03-01T00:00:00Z", "type": "Thing", **here}
    answer = await http.get(f"{V1}/temporal/entities", params=ever)
    assert [e["id"] for e in answer.json()] == ["urn:x:1"]


async def test_4_18_a_scope_holds_until_another_takes_its_place(http: Client) -> None:
    await past(http, "early", scope=[at(["/A/B", "/C"], "02-01T10:00")], speed=[at(1, "03-01T12:05")])
    await past(http, "bare", speed=[at(1, "03-01T12:05")])
    await past(http, "plain", scope="/P", speed=[at(1, "03-01T12:05")])
    await past(http, "late", scope=[at("/Z", "03-05T14:00")], speed=[at(1, "03-01T12:05")])
    await past(
        http,
        "moved",
        scope=[at("/R", "02-01T10:00"), at("/S", "03-01T12:30")],
        speed=[at("old", "03-01T12:15"), at("new", "03-01T12:45")],
    )
    assert await found(http, scopeQ="/A/#") == ["early"]
    assert await found(http, scopeQ="(/A/B;/C)") == ["early"]
    assert await found(http, scopeQ="/#") == ["early", "moved", "plain"]
    assert await found(http, scopeQ="/Z") == []
    for scope, value in (("/R", "old"), ("/S", "new")):  # C.5.16: only what lies in the time of the scope
        answer = await http.get(f"{V1}/temporal/entities", params={**DAY, "scopeQ": scope})
        assert [[s["value"] for s in e["speed"]] for e in answer.json()] == [[value]]
    shown = (await http.get(f"{V1}/temporal/entities", params={**DAY, "scopeQ": "/C"})).json()[0]
    assert [s["value"] for s in shown["scope"]] == [["/A/B", "/C"]]


async def test_5_6_11_4_a_history_tells_of_removals(http: Client) -> None:
    null = "urn:ngsi-ld:null"
    await past(http, "1", speed=[at(1, "01-01T00:00")], name=[at("x", "01-05T00:00")])
    body = {
        "id": "urn:x:1",
        "type": ["Thing", "Car"],
        "speed": [at(null, "01-02T00:00")],
        "name": at(null, "01-04T00:00"),
    }
    assert (await http.post(f"{V1}/temporal/entities", json=body)).status_code == 204
    period = {"timerel": "before", "timeAt": "2026-02-01T00:00:00Z"}
    shown = (await http.get(f"{V1}/temporal/entities/urn:x:1", params=period)).json()
    assert (shown["type"], [s["value"] for s in shown["speed"]]) == (["Thing", "Car"], [1, null])
    present = (await http.get(f"{V1}/entities/urn:x:1")).json()
    assert "speed" not in present
    assert present["name"]["value"] == "x"  # observed after the removal
    for wrong in ({"speed": {"value": null}}, {"speed": null}):
        answer = await http.post(f"{V1}/temporal/entities", json={"id": "urn:x:1", "type": "Thing", **wrong})
        assert answer.status_code == 400


async def test_5_7_3_a_history_outlives_its_entity(http: Client) -> None:
    """5.6.6 deletes the entity; 4.8, 5.2.2: when it was deleted is a member of its temporal representation."""
    await past(http, "gone", speed=[at(1, "03-01T12:05"), at(2, "03-02T12:05")], name="first")
    assert (await http.delete(f"{V1}/entities/urn:x:gone")).status_code == 204
    assert (await http.get(f"{V1}/entities/urn:x:gone")).status_code == 404
    where = f"{V1}/temporal/entities/urn:x:gone"
    plain = (await http.get(where)).json()
    assert ([s["value"] for s in plain["speed"]], plain["type"], "deletedAt" in plain) == ([1, 2], "Thing", False)
    day = {k: v for k, v in DAY.items() if k != "type"}
    told = (await http.get(where, params={**day, "options": "sysAttrs"})).json()
    assert [s["value"] for s in told["speed"]] == [1]
    removed = (await http.get(where, params={"timeproperty": "deletedAt"})).json()
    assert removed["speed"][0]["value"] == "urn:ngsi-ld:null"
    assert removed["deletedAt"] == told["deletedAt"] == removed["speed"][0]["deletedAt"]
    sums = await http.get(where, params={**day, "format": "aggregatedValues", "aggrMethods": "sum"})
    assert sums.json()["speed"]["sum"][0][0] == 1
    await past(http, "gone", speed=[at(9, "03-03T12:05")])  # another entity of the same id has a history of its own
    assert [s["value"] for s in (await http.get(where)).json()["speed"]] == [9]
    assert (await http.delete(f"{V1}/entities/urn:x:gone")).status_code == 204
    assert [s["value"] for s in (await http.get(where)).json()["speed"]] == [9]
    assert (await http.delete(where)).status_code == 204
    assert (await http.get(where)).status_code == 404
    assert (await http.delete(where)).status_code == 404


async def test_4_22_a_history_outlives_an_entity_that_expired(http: Client) -> None:
    body = {"id": "urn:x:brief", "type": "Thing", "speed": {"type": "Property", "value": 1}}
    assert (await http.post(f"{V1}/entities", json=body)).status_code == 201
    ends = {"expiresAt": "2020-01-01T00:00:00Z"}
    await http.patch(f"{V1}/entities/urn:x:brief", json=ends)
    assert (await http.get(f"{V1}/entities/urn:x:brief")).status_code == 404
    answer = await http.get(f"{V1}/temporal/entities/urn:x:brief")
    assert [s["value"] for s in answer.json()["speed"]] == [1]


async def test_5_7_3_what_is_no_more_is_shown_to_those_alone_who_may_see_all_of_it(http: Client) -> None:
    """Whom it belonged to and where it lay is no longer known; its further types are not either."""
    station = {
        "id": "urn:x:s",
        "type": "Station",
        "name": {"type": "Property", "value": "North"},
        "keeper_phone": {"type": "Property", "value": "0900"},
    }
    assert (await http.post(f"{V1}/entities", json=station)).status_code == 201
    thing = {"id": "urn:x:t", "type": "Thing", "keeper_phone": {"type": "Property", "value": "0901"}, "note": "kept"}
    assert (await http.post(f"{V1}/entities", json=thing)).status_code == 201
    for id in ("s", "t"):
        assert (await http.delete(f"{V1}/entities/urn:x:{id}")).status_code == 204
    assert (await http.get(f"{V1}/temporal/entities/urn:x:s")).json()["keeper_phone"][0]["value"] == "0900"
    for who in ("nobody", "elsewhere", ""):
        for id in ("s", "t"):
            answer = await http.as_(who).get(f"{V1}/temporal/entities/urn:x:{id}")
            assert answer.status_code in (401, 404), (who, id)
    guest = http.as_("guest")
    assert (await guest.get(f"{V1}/temporal/entities/urn:x:s")).status_code == 404
    seen = (await guest.get(f"{V1}/temporal/entities/urn:x:t")).json()
    assert (set(seen), seen["note"][0]["value"]) == ({"id", "type", "note"}, "kept")

"""What clause 5.7.4.4 of ETSI GS CIM 009 v1.9.1 asks of the past: `q` and `scopeQ` over the instances of a period."""

from __future__ import annotations

from typing import Any

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

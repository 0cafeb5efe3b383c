"""NGSI-LD entities over HTTP, as a client meets them."""

from __future__ import annotations

import asyncio
from typing import Any

from .conftest import Client, FullBroker

V1 = "/ngsi-ld/v1"
LD = {"Content-Type": "application/ld+json"}
CONTEXT_URL = "https://ex.example/context.jsonld"
LINK = f'<{CONTEXT_URL}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def sid(n: object) -> str:
    return f"urn:ngsi-ld:Station:{n}"


def station(n: object, **attrs: Any) -> dict[str, Any]:
    return {"id": sid(n), "type": "Station", "name": f"Trạm {n}", **attrs}


async def test_an_entity_is_created_read_changed_and_deleted(http: Client) -> None:
    made = await http.post(f"{V1}/entities", json=station(1, height={"value": 10, "unitCode": "MTR"}))
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"{V1}/entities/{sid(1)}"
    one = f"{V1}/entities/{sid(1)}"
    read = await http.get(one)
    assert read.json()["height"] == {"type": "Property", "value": 10, "unitCode": "MTR"}
    assert read.headers["ETag"] == '"1"'
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in read.headers["Link"]
    assert (await http.post(f"{V1}/entities", json=station(1))).status_code == 409
    assert (await http.patch(one, json={"height": {"value": 12}, "note": "new"})).status_code == 204
    assert (await http.get(one, params={"format": "simplified"})).json() == {**station(1), "height": 12, "note": "new"}
    assert (await http.patch(one, json={"note": None})).status_code == 204
    assert (await http.put(one, json=station(1))).status_code == 204
    assert set((await http.get(one)).json()) == {"id", "type", "name"}
    stale = await http.delete(one, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["field"]) == (409, "version")
    assert (await http.delete(one)).status_code == 204
    gone = await http.get(one)
    assert gone.status_code == 404
    assert gone.json()["type"] == "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound"
    assert gone.json()["requestId"] == gone.headers["X-Request-Id"]


async def test_the_type_decides_where_a_value_goes(http: Client, broker: FullBroker) -> None:
    body = station(1, temperature={"value": 86, "unitCode": "FAH", "observedAt": "2026-01-01T00:00:00Z"})
    assert (await http.post(f"{V1}/entities", json=body)).status_code == 201
    assert [round(r["number"], 6) for r in broker.readings] == [30.0]
    one = f"{V1}/entities/{sid(1)}"
    device = http.as_("device")
    patch = {
        "type": "Station",
        "temperature": {"value": 31, "observedAt": "2026-01-01T01:00:00Z"},
        "door": {"value": "open"},
    }
    assert (await device.patch(one, json=patch)).status_code == 204
    assert {(r["attribute"], r["origin"]) for r in broker.readings} == {
        ("temperature", 1),
        ("temperature", 0),
        ("door", 0),
    }
    shown = (await http.get(one)).json()
    assert shown["temperature"] == {
        "type": "Property", "value": 31, "unitCode": "CEL", "observedAt": "2026-01-01T01:00:00Z",
        "origin": {"type": "Property", "value": "measured"},
    }  # fmt: skip
    assert (await http.get(one)).headers["ETag"] == '"1"'
    assert (await http.put(f"{one}/attrs/door", json={"value": "shut"})).status_code == 204
    assert (await http.patch(f"{one}/attrs/door", json={"value": "open"})).status_code == 204
    for attr, value, field in (
        ("temperature", {"value": 500}, "temperature.value"),
        ("temperature", {"value": "hot"}, "temperature.value"),
        ("temperature", {"value": 1, "unitCode": "KMH"}, "temperature.unitCode"),
        ("temperature", {"value": 1, "observedAt": "2999-01-01T00:00:00Z"}, "temperature.observedAt"),
        ("temperature", {"value": 1, "accuracy": 2}, "temperature.accuracy"),
        ("door", {"value": "ajar"}, "door"),
        ("height", {"value": 900}, "height"),
    ):
        refused = await http.post(f"{one}/attrs", json={attr: value})
        assert (refused.status_code, refused.json()["field"]) == (400, field), refused.text
    assert (await http.delete(f"{one}/attrs/temperature")).status_code == 422


async def test_attributes_one_by_one(http: Client) -> None:
    one = f"{V1}/entities/{sid(1)}"
    await http.post(f"{V1}/entities", json=station(1, speed={"value": 5, "unitCode": "KMH", "note": "x"}))
    assert (await http.post(f"{one}/attrs", json={"a": 1, "b": 2})).status_code == 204
    kept = await http.post(f"{one}/attrs", params={"options": "noOverwrite"}, json={"a": 9, "c": 3})
    assert kept.status_code == 207
    assert kept.json()["updated"] == ["c"]
    assert kept.json()["notUpdated"][0]["attributeName"] == "a"
    assert (await http.patch(f"{one}/attrs", json={"a": 8, "zz": 1})).status_code == 204  # 5.6.2.4: others are appended
    assert (await http.patch(f"{one}/attrs/speed", json={"unitCode": "MTS", "note": None})).status_code == 204
    assert (await http.get(one)).json()["speed"] == {"type": "Property", "value": 5, "unitCode": "MTS"}
    assert (await http.put(f"{one}/attrs/speed", json={"value": 6})).status_code == 204
    assert (await http.patch(f"{one}/attrs/absent", json={"value": 6})).status_code == 404
    assert (
        await http.post(f"{one}/attrs", json={"m": [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}]})
    ).status_code == 204
    assert (await http.delete(f"{one}/attrs/m", params={"datasetId": "urn:d:1"})).status_code == 204
    assert (await http.delete(f"{one}/attrs/m", params={"deleteAll": "true"})).status_code == 204
    assert (await http.delete(f"{one}/attrs/m")).status_code == 404
    assert (await http.delete(f"{one}/attrs/name")).status_code == 400  # required
    final = (await http.get(one, params={"format": "simplified"})).json()
    assert final == {**station(1), "speed": 6, "a": 8, "b": 2, "c": 3, "zz": 1}


async def test_merges_that_meet_do_not_lose_each_other(http: Client) -> None:
    one = f"{V1}/entities/{sid(1)}"
    await http.post(f"{V1}/entities", json=station(1, box={"value": {"a": 0, "b": 0}}))
    patches = [{"box": {"value": {"a": 1, "x": None}}}, {"box": {"value": {"b": 2, "y": None}}}]
    answers = await asyncio.gather(*(http.patch(one, json=p) for p in patches))
    assert [a.status_code for a in answers] == [204, 204]
    assert (await http.get(one, params={"options": "keyValues"})).json()["box"] == {"a": 1, "b": 2}


async def test_queries_and_pages(http: Client) -> None:
    for n in range(7):
        where = {"type": "Point", "coordinates": [106.6 + n / 100, 11.0]}
        await http.post(
            f"{V1}/entities", json=station(n, height=n, location=where, scope=f"/P/{'A' if n < 3 else 'B'}")
        )
    url = f"{V1}/entities"

    async def found(**params: Any) -> list[str]:
        answer = await http.get(url, params=params)
        assert answer.status_code == 200, answer.text
        return [e["id"].rsplit(":", 1)[1] for e in answer.json()]

    assert await found(type="Station", q="height>=5") == ["5", "6"]
    assert await found(type="Station", q="height==1..2|height==6") == ["1", "2", "6"]
    assert await found(type="Station", scopeQ="/P/A") == ["0", "1", "2"]
    near = {"georel": "near;maxDistance==1500", "geometry": "Point", "coordinates": "[106.6,11]"}
    assert await found(type="Station", **near) == ["0", "1"]
    assert await found(id=f"{sid(1)},{sid(4)}", local="true") == ["1", "4"]
    assert await found(type="Station", idPattern="[56]$") == ["5", "6"]
    assert await found(attrs="height", limit=1) == ["0"]
    assert await found(type="Station", offset=5) == ["5", "6"]
    assert await found(type="Station", offset=50) == []
    seen, path, pages = [], f"{url}?type=Station&limit=3&count=true", 0
    while path:
        page = await http.get(path)
        assert page.headers["NGSILD-Results-Count"] == "7"
        seen += [e["id"] for e in page.json()]
        link = next((p for p in page.headers["Link"].split(", ") if 'rel="next"' in p), "")
        path = link.partition(">")[0].removeprefix("<")
        pages += 1
    assert (seen, pages) == ([sid(n) for n in range(7)], 3)
    both = await http.get(url, params={"type": "Station", "limit": 2, "offset": 2})
    assert 'rel="prev"' in both.headers["Link"]
    counted = await http.get(url, params={"type": "Station", "limit": 0, "count": "true"})
    assert (counted.json(), counted.headers["NGSILD-Results-Count"]) == ([], "7")
    shown = (await http.get(url, params={"type": "Station", "attrs": "height", "limit": 1})).json()
    assert set(shown[0]) == {"id", "type", "scope", "height"}
    geo = await http.get(url, params={"type": "Station"}, headers={"Accept": "application/geo+json"})
    assert geo.headers["Content-Type"] == "application/geo+json"
    assert len(geo.json()["features"]) == 7
    body = {
        "type": "Query",
        "entities": [{"type": "Station"}],
        "q": "height<2",
        "geoQ": {
            "georel": "within",
            "geometry": "Polygon",
            "coordinates": [[[106, 10], [107, 10], [107, 12], [106, 12], [106, 10]]],
        },
    }
    posted = await http.post(f"{V1}/entityOperations/query", json=body, params={"options": "keyValues"})
    assert [e["height"] for e in posted.json()] == [0, 1]


async def test_contexts(http: Client) -> None:
    body = {"id": "urn:x:1", "type": "Car", "speed": 5, "@context": [CONTEXT_URL, {"ex": "https://e.x/"}]}
    assert (await http.post(f"{V1}/entities", json=body, headers=LD)).status_code == 201
    plain = (await http.get(f"{V1}/entities/urn:x:1")).json()
    assert plain["type"] == "https://ex.example/Car"
    known = await http.get(f"{V1}/entities/urn:x:1", headers={"Link": LINK})
    assert known.json()["speed"]["value"] == 5
    assert CONTEXT_URL in known.headers["Link"]
    ld = await http.get(f"{V1}/entities/urn:x:1", headers={"Link": LINK, "Accept": "application/ld+json"})
    assert ld.json()["@context"][0] == CONTEXT_URL
    asked = await http.get(f"{V1}/entities", params={"type": "Car", "q": "speed>4"}, headers={"Link": LINK})
    assert len(asked.json()) == 1
    assert (await http.get(f"{V1}/entities", params={"type": "Car"})).json() == []
    lost = LINK.replace("context.jsonld", "lost.jsonld")
    assert (await http.get(f"{V1}/entities/urn:x:1", headers={"Link": lost})).status_code == 504
    for json, headers, field in (
        ({**body, "id": "urn:x:2"}, {}, "@context"),
        ({"id": "urn:x:2", "type": "T"}, LD, "@context"),
        ({**body, "id": "urn:x:2"}, {**LD, "Link": LINK}, "Link"),
        ({**body, "id": "urn:x:2", "@context": 5}, LD, "@context"),
    ):
        refused = await http.post(f"{V1}/entities", json=json, headers=headers)
        assert (refused.status_code, refused.json()["field"]) == (400, field), refused.text


async def test_batches(http: Client, broker: FullBroker) -> None:
    ops = f"{V1}/entityOperations"
    many = [station(n, temperature={"value": n, "observedAt": "2026-01-01T00:00:00Z"}) for n in range(5)]
    made = await http.post(f"{ops}/create", json=many)
    assert (made.status_code, made.json()) == (201, [sid(n) for n in range(5)])
    assert len(broker.readings) == 5
    mixed = [station(1), station(9), {"id": "bad", "type": "Station"}, station(10, height=9999), 5]
    some = await http.post(f"{ops}/create", json=mixed)
    assert some.status_code == 207
    assert some.json()["success"] == [sid(9)]
    assert {e["entityId"]: e["error"]["status"] for e in some.json()["errors"]} == {
        "bad": 400, "[4]": 400, sid(1): 409, sid(10): 400
    }  # fmt: skip
    again = await http.post(f"{ops}/upsert", json=[station(1, height=5), station(20)])
    assert (again.status_code, again.json()) == (201, [sid(20)])
    assert (
        await http.post(f"{ops}/upsert", params={"options": "update"}, json=[station(1, note=1)])
    ).status_code == 204
    assert (await http.post(f"{ops}/update", json=[{"id": sid(1), "type": "Station", "height": 6}])).status_code == 204
    assert (await http.post(f"{ops}/update", json=[station("gone")])).status_code == 207
    assert (await http.post(f"{ops}/merge", json=[{"id": sid(1), "note": None}])).status_code == 204
    one = (await http.get(f"{V1}/entities/{sid(1)}", params={"format": "simplified", "omit": "temperature"})).json()
    assert one == station(1, height=6)
    assert (await http.post(f"{ops}/delete", json=[sid(1), sid(2)])).status_code == 204
    assert (await http.post(f"{ops}/delete", json=[sid(1), sid(3)])).json()["success"] == [sid(3)]


async def test_types_and_attributes(http: Client) -> None:
    await http.post(f"{V1}/entities", json=station(1, note=5))
    await http.post(f"{V1}/entities", json={"id": "urn:x:1", "type": "Thing", "size": 5})
    assert (await http.get(f"{V1}/types")).json()["typeList"] == ["Station", "Thing"]
    one = (await http.get(f"{V1}/types/Station")).json()
    assert one["entityCount"] == 1
    assert {"temperature", "note"} <= {a["attributeName"] for a in one["attributeDetails"]}
    assert (await http.get(f"{V1}/types/Nothing")).status_code == 404
    assert "size" in (await http.get(f"{V1}/attributes")).json()["attributeList"]
    assert (await http.get(f"{V1}/attributes/size")).json()["typeNames"] == ["Thing"]
    assert (await http.get(f"{V1}/types", params={"details": "true"})).json()[0]["typeName"] == "Station"
    assert (await http.get(f"{V1}/info/sourceIdentity")).json()["type"] == "ContextSourceIdentity"


async def test_a_stranger_sees_what_is_public_and_nothing_else(http: Client) -> None:
    await http.post(f"{V1}/entities", json=station(1, keeper_phone="09", shown=True))
    await http.post(f"{V1}/entities", json=station(2))
    stranger = http.as_("")
    seen = await stranger.get(f"{V1}/entities", params={"type": "Station"})
    assert [set(e) for e in seen.json()] == [{"id", "type", "name"}]
    assert (await stranger.get(f"{V1}/entities/{sid(2)}")).status_code == 404
    for method, path in (("POST", "/entities"), ("PATCH", f"/entities/{sid(1)}"), ("DELETE", f"/entities/{sid(1)}"),
                         ("POST", "/entityOperations/create"), ("GET", "/info/sourceIdentity")):  # fmt: skip
        refused = await stranger.request(method, V1 + path, json=None if method in ("GET", "DELETE") else {})
        assert refused.status_code == 401, path
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await stranger.get(f"{V1}/entities", params={"type": "Thing"})).status_code == 401
    assert (await stranger.get("/api/openapi.json")).status_code == 401
    nobody = http.as_("nobody")
    assert (await nobody.post(f"{V1}/entities", json=station(3))).status_code == 403
    assert (await nobody.get(f"{V1}/entities", params={"type": "Thing"})).json() == []


async def test_tenants_are_apart(http: Client) -> None:
    await http.post(f"{V1}/entities", json=station(1))
    other = http.as_("elsewhere")
    assert (await other.get(f"{V1}/entities/{sid(1)}")).status_code == 404
    assert (await http.get(f"{V1}/entities/{sid(1)}", headers={"NGSILD-Tenant": "u"})).status_code == 404
    mine = await http.get(f"{V1}/entities/{sid(1)}", headers={"NGSILD-Tenant": "t"})
    assert mine.headers["NGSILD-Tenant"] == "t"


async def test_a_write_sent_again_with_its_key_happens_once(http: Client) -> None:
    for _ in range(2):
        answer = await http.post(f"{V1}/entities", json=station(1), headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 201

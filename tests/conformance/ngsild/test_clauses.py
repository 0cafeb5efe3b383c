"""What the clauses of ETSI GS CIM 009 v1.9.1 say, one test per clause, which stands in its name."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from province.model.time import format_instant, now
from tests.api.conftest import CONTEXTS, Client, FullBroker

V1 = "/ngsi-ld/v1"
LD = {"Content-Type": "application/ld+json"}
URL = next(iter(CONTEXTS))


async def put(http: Client, id: str, **attrs: Any) -> None:
    answer = await http.post(f"{V1}/entities", json={"id": f"urn:x:{id}", "type": "Thing", **attrs})
    assert answer.status_code == 201, answer.text


async def ids(http: Client, **params: str) -> list[str]:
    answer = await http.get(f"{V1}/entities", params=params)
    assert answer.status_code == 200, answer.text
    return [e["id"].removeprefix("urn:x:") for e in answer.json()]


async def test_4_10_geo_queries(http: Client) -> None:
    for n, lon in enumerate((106.0, 106.1, 107.0)):
        await put(
            http,
            str(n),
            location={"type": "Point", "coordinates": [lon, 11]},
            home={"type": "Point", "coordinates": [lon, 12]},
        )
    near = {"type": "Thing", "geometry": "Point", "coordinates": "[106,11]"}
    assert await ids(http, **near, georel="near;maxDistance==20000") == ["0", "1"]
    assert await ids(http, **near, georel="near;minDistance==20000") == ["2"]
    square = "[[[105,10],[106.05,10],[106.05,13],[105,13],[105,10]]]"
    area = {"type": "Thing", "geometry": "Polygon", "coordinates": square}
    assert await ids(http, **area, georel="within") == ["0"]
    assert await ids(http, **area, georel="disjoint") == ["1", "2"]
    assert await ids(http, **area, georel="within", geoproperty="home") == ["0"]
    counted = await http.get(f"{V1}/entities", params={**area, "georel": "disjoint", "count": "true", "limit": "1"})
    assert counted.headers["NGSILD-Results-Count"] == "2"


async def test_4_17_type_selection(http: Client) -> None:
    for id, types in (("a", ["A"]), ("ab", ["A", "B"]), ("c", ["C"])):
        await http.post(f"{V1}/entities", json={"id": f"urn:x:{id}", "type": types})
    assert await ids(http, type="A") == ["a", "ab"]
    assert await ids(http, type="(A;B)") == ["ab"]
    assert await ids(http, type="(A;B)|C") == ["ab", "c"]
    assert await ids(http, type="A,C") == ["a", "ab", "c"]


async def test_4_19_scopes(http: Client) -> None:
    await put(http, "1", scope=["/P/A", "/Q"])
    await put(http, "2", scope="/P/B")
    assert await ids(http, type="Thing", scopeQ="/P/+") == ["1", "2"]
    assert await ids(http, type="Thing", scopeQ="(/P/A;/Q)") == ["1"]
    assert await ids(http, type="Thing", scopeQ="(/P/A;/Q),/P/B") == ["1", "2"]
    assert await ids(http, type="Thing", scopeQ="/Q,/P/B") == ["1", "2"]


async def test_4_21_projections(http: Client) -> None:
    await put(http, "1", a=1, b=2)
    await put(http, "2", b=3)
    picked = (await http.get(f"{V1}/entities", params={"type": "Thing", "pick": "a", "format": "simplified"})).json()
    assert picked == [{"a": 1}]
    omitted = (await http.get(f"{V1}/entities/urn:x:1", params={"omit": "b|type", "format": "simplified"})).json()
    assert omitted == {"id": "urn:x:1", "a": 1}
    assert (await http.get(f"{V1}/entities/urn:x:2", params={"pick": "a"})).status_code == 404
    assert (await http.get(f"{V1}/entities/urn:x:1", params={"pick": "a{b}"})).status_code == 400


async def test_4_23_orders(http: Client) -> None:
    for n, (a, lon) in enumerate(((3, 106.2), ("x", 106.0), (1, 106.1))):
        await put(http, str(n), a=a, location={"type": "Point", "coordinates": [lon, 11]})
    await put(http, "3")
    assert await ids(http, type="Thing", orderBy="a") == ["2", "0", "1", "3"]
    assert await ids(http, type="Thing", orderBy="a;desc") == ["1", "0", "2", "3"]
    assert await ids(http, type="Thing", orderBy="location;dist-asc", orderFrom="[106,11]") == ["1", "2", "0", "3"]
    assert await ids(http, type="Thing", orderBy="a", limit="1", offset="1") == ["0"]


async def test_4_5_23_linked_entities(http: Client) -> None:
    await put(http, "city", name="Thủ Dầu Một", country={"object": "urn:x:country"})
    await put(http, "country", name="Việt Nam")
    await put(http, "house", at={"object": "urn:x:city"})
    one = f"{V1}/entities/urn:x:house"
    inline = (await http.get(one, params={"join": "inline", "joinLevel": "2"})).json()
    assert inline["at"]["entity"]["country"]["entity"]["name"]["value"] == "Việt Nam"
    simple = (await http.get(one, params={"join": "inline", "format": "simplified"})).json()
    assert simple["at"]["name"] == "Thủ Dầu Một"
    flat = (await http.get(one, params={"join": "flat"})).json()
    assert [e["id"] for e in flat] == ["urn:x:house", "urn:x:city"]
    part = (await http.get(one, params={"join": "inline", "pick": "at{name}", "format": "simplified"})).json()
    assert part == {"at": {"name": "Thủ Dầu Một"}}


async def test_5_6_2_updates_append_and_5_6_4_replace_parts(http: Client) -> None:
    await put(http, "1", a={"value": {"x": 1, "y": 2}, "unitCode": "CEL"})
    one = f"{V1}/entities/urn:x:1/attrs"
    assert (await http.patch(one, json={"b": 1})).status_code == 204
    assert (await http.patch(f"{one}/a", json={"value": {"x": 5}})).status_code == 204
    shown = (await http.get(f"{V1}/entities/urn:x:1")).json()
    assert shown["a"] == {"type": "Property", "value": {"x": 5}, "unitCode": "CEL"}
    assert shown["b"]["value"] == 1
    wrong = await http.patch(f"{one}/a", json={"type": "Relationship", "object": "urn:x:2"})
    assert wrong.status_code == 400


async def test_5_6_11_histories_are_written_and_corrected(http: Client) -> None:
    def at(day: int, value: int) -> dict[str, Any]:
        return {"type": "Property", "value": value, "observedAt": f"2026-01-0{day}T00:00:00Z"}

    all_ = f"{V1}/temporal/entities"
    body = {"id": "urn:x:1", "type": "Thing", "level": [at(1, 10), at(3, 30)]}
    assert (await http.post(all_, json=body)).status_code == 201
    assert (await http.post(all_, json={**body, "level": [at(2, 20)]})).status_code == 204
    one = f"{all_}/urn:x:1"
    shown = (await http.get(one)).json()["level"]
    assert [i["value"] for i in shown] == [10, 20, 30]
    assert (await http.get(f"{V1}/entities/urn:x:1")).json()["level"]["value"] == 30  # the newest, not the last written
    assert (await http.patch(f"{one}/attrs/level/{shown[0]['instanceId']}", json=at(1, 11))).status_code == 204
    assert (await http.delete(f"{one}/attrs/level/{shown[1]['instanceId']}")).status_code == 204
    assert [i["value"] for i in (await http.get(one)).json()["level"]] == [11, 30]
    pairs = (await http.get(one, params={"format": "temporalValues", "lastN": "1"})).json()
    assert pairs["level"]["values"] == [[30, "2026-01-03T00:00:00Z"]]
    assert (await http.delete(f"{one}/attrs/level", params={"deleteAll": "true"})).status_code == 204
    assert (await http.delete(one)).status_code == 204
    assert (await http.get(one)).status_code == 404
    assert (await http.post(all_, json=body)).status_code == 201
    assert [i["value"] for i in (await http.get(one)).json()["level"]] == [10, 30]  # nothing of the one before


async def test_5_6_21_purge(http: Client) -> None:
    for n in range(3):
        await put(http, str(n), a=n, b=n)
    assert (await http.delete(f"{V1}/entities")).status_code == 400
    assert (await http.delete(f"{V1}/entities", params={"type": "Thing", "keep": "a", "drop": "b"})).status_code == 400
    assert (await http.delete(f"{V1}/entities", params={"type": "Thing", "q": "a==2"})).status_code == 204
    assert (await http.delete(f"{V1}/entities", params={"type": "Thing", "drop": "b"})).status_code == 204
    left = (await http.get(f"{V1}/entities", params={"type": "Thing", "format": "simplified"})).json()
    assert left == [{"id": f"urn:x:{n}", "type": "Thing", "a": n} for n in range(2)]


SUBSCRIPTION: dict[str, Any] = {
    "id": "urn:x:sub", "type": "Subscription", "entities": [{"type": "Car"}], "watchedAttributes": ["speed"],
    "notification": {"endpoint": {"uri": "https://a.example/n", "receiverInfo": [{"key": "X", "value": "secret"}]}},
}  # fmt: skip


async def test_5_8_subscriptions(http: Client) -> None:
    all_, one = f"{V1}/subscriptions", f"{V1}/subscriptions/urn:x:sub"
    made = await http.post(all_, headers=LD, json={**SUBSCRIPTION, "@context": URL})
    assert (made.status_code, made.headers["Location"]) == (201, one)
    assert (await http.post(all_, headers=LD, json={**SUBSCRIPTION, "@context": URL})).status_code == 409
    plain = (await http.get(one)).json()
    assert plain["entities"] == [{"type": "https://ex.example/Car"}]
    assert (plain["status"], plain["jsonldContext"]) == ("active", URL)
    named = await http.get(one, headers={"Link": f'<{URL}>; rel="http://www.w3.org/ns/json-ld#context"'})
    assert named.json()["watchedAttributes"] == ["speed"]
    assert (await http.patch(one, json={"isActive": False})).status_code == 204
    assert (await http.get(one)).json()["status"] == "paused"
    listed = await http.get(all_, params={"limit": "1", "count": "true"})
    assert (len(listed.json()), listed.headers["NGSILD-Results-Count"]) == (1, "1")
    assert (await http.as_("nobody").get(one)).status_code == 404
    assert (await http.as_("elsewhere").get(one)).status_code == 404
    assert (await http.delete(one)).status_code == 204
    assert (await http.get(one)).status_code == 404


async def test_5_2_14_2_what_became_of_notifications_is_shown_when_there_were_some(
    http: Client, broker: FullBroker
) -> None:
    assert (await http.post(f"{V1}/subscriptions", json=SUBSCRIPTION)).status_code == 201
    ours = ("timesSent", "timesFailed", "status")

    async def told(**counted: int) -> dict[str, Any]:
        await broker.pool.execute(
            "UPDATE subscription SET times_sent = $1, times_failed = $2::bigint, last_notification = now(),"
            " last_failure = CASE WHEN $2::bigint > 0 THEN now() END",
            counted["sent"],
            counted["failed"],
        )
        shown = (await http.get(f"{V1}/subscriptions/urn:x:sub")).json()["notification"]
        return {name: shown[name] for name in ours if name in shown}

    assert await told(sent=0, failed=0) == {}
    assert await told(sent=2, failed=0) == {"timesSent": 2, "status": "ok"}
    assert await told(sent=3, failed=1) == {"timesSent": 3, "timesFailed": 1, "status": "failed"}


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"type": "X"}, 400, "type"),
        ({"notification": None}, 400, "notification"),
        ({"notification": {}}, 400, "notification.endpoint"),
        ({"notification": {"endpoint": {"uri": "ftp://x.example/"}}}, 422, "notification.endpoint.uri"),
        ({"notification": {"endpoint": {"uri": "http://127.0.0.1:1/"}}}, 403, "url"),
        ({"notification": {"endpoint": {"uri": "http://[::1]:1/"}}}, 403, "url"),
        ({"notification": {"endpoint": {"uri": "mqtt://localhost/t"}}}, 403, "url"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, 400, "expiresAt"),
        ({"throttling": -1}, 400, "throttling"),
        ({"timeInterval": 5}, 400, "timeInterval"),
        ({"q": "a==("}, 400, "q"),
        ({"geoQ": {"georel": "within"}}, 400, "geoQ.geometry"),
        ({"entities": []}, 400, "entities"),
        ({"watchedAttributes": []}, 400, "watchedAttributes"),
        ({"jsonldContext": "https://none.example/c"}, 504, "@context"),
        ({"entitties": []}, 400, "entitties"),
    ],
)
async def test_5_2_12_what_a_subscription_may_say(
    http: Client, change: dict[str, Any], status: int, field: str
) -> None:
    answer = await http.post(f"{V1}/subscriptions", json={**SUBSCRIPTION, **change})
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text


async def test_5_9_registrations_and_5_10_2_which_could_answer(http: Client) -> None:
    all_ = f"{V1}/csourceRegistrations"
    body = {"id": "urn:x:reg", "type": "ContextSourceRegistration", "endpoint": "https://b.example/",
            "information": [{"entities": [{"type": "Car", "idPattern": "^urn:x:"}], "propertyNames": ["speed"]},
                            {"entities": [{"type": "Tree"}]}]}  # fmt: skip
    assert (await http.post(all_, json=body)).status_code == 201
    found = (await http.get(all_, params={"type": "Car", "attrs": "speed", "id": "urn:x:1"})).json()
    assert [i["entities"][0]["type"] for i in found[0]["information"]] == ["Car"]
    assert (await http.get(all_, params={"type": "Car", "attrs": "height"})).json() == []
    assert (await http.get(all_, params={"type": "Car", "id": "urn:y:1"})).json() == []
    assert (await http.get(all_)).status_code == 400
    one = f"{all_}/urn:x:reg"
    assert (await http.patch(one, json={"endpoint": None})).status_code == 400
    assert (await http.patch(one, json={"description": "trees"})).status_code == 204
    assert (await http.get(one)).json()["description"] == "trees"
    alone = {**body, "id": "urn:x:2", "mode": "exclusive"}
    assert (await http.post(all_, json=alone)).status_code == 400  # an exclusive source names one entity (4.3.6.3)
    assert (await http.as_("nobody").get(one)).status_code == 403
    assert (await http.delete(one)).status_code == 204


async def test_5_13_contexts(http: Client) -> None:
    all_ = f"{V1}/jsonldContexts"
    made = await http.post(all_, json={"@context": {"speed": "https://own.example/speed"}})
    one = made.headers["Location"]
    assert (await http.get(one)).json() == {"@context": {"speed": "https://own.example/speed"}}
    assert (await http.get(one, params={"details": "true"})).json()["kind"] == "Hosted"
    link = {"Link": f'<http://door{one}>; rel="http://www.w3.org/ns/json-ld#context"'}
    await http.post(f"{V1}/entities", json={"id": "urn:x:1", "type": "T", "speed": 1}, headers=link)
    assert (await http.get(f"{V1}/entities/urn:x:1", params={"format": "simplified"})).json()[
        "https://own.example/speed"
    ] == 1
    assert (await http.get(all_, params={"details": "true", "kind": "Hosted"})).json()[0]["numberOfHits"] == 1
    assert (await http.as_("elsewhere").get(one)).status_code == 404
    assert (await http.delete(one, params={"reload": "true"})).status_code == 400
    assert (await http.delete(one)).status_code == 204
    assert (await http.get(one)).status_code == 404


async def test_6_3_2_and_6_3_4_errors(http: Client) -> None:
    unknown = await http.get(f"{V1}/entities", params={"tpye": "X"})
    assert unknown.json()["type"].endswith("/InvalidRequest")
    assert (await http.put(f"{V1}/entities")).status_code == 405
    assert (await http.post(f"{V1}/entities//attrs", json={"a": 1})).status_code == 400
    assert (await http.get(f"{V1}/entities/?type=X")).status_code == 200
    tenant = await http.get(f"{V1}/entities", params={"type": "X"}, headers={"NGSILD-Tenant": "none"})
    assert (tenant.status_code, tenant.json()["type"].rsplit("/", 1)[1]) == (404, "NonexistentTenant")


async def test_4_5_2_2_a_proof_and_what_it_seals(http: Client) -> None:
    value = {"type": "DataIntegrityProof", "proofValue": "zQe"}
    proof = {"type": "Property", "value": value, "entityIdSealed": "urn:x:1", "entityTypeSealed": "Thing"}
    await put(http, "1", a=1, ngsildproof=proof)
    assert (await http.get(f"{V1}/entities/urn:x:1")).json()["ngsildproof"] == proof
    for wrong in ({"ngsildproof": {**proof, "value": "x"}}, {"ngsildproof": "x"}, {"a": {**proof}},
                  {"ngsildproof": {**proof, "entityTypeSealed": 4}}):  # fmt: skip
        answer = await http.post(f"{V1}/entities", json={"id": "urn:x:2", "type": "Thing", **wrong})
        assert answer.status_code == 400


async def test_4_22_the_history_of_what_was_transient_goes_with_it(http: Client) -> None:
    soon = format_instant(now() + timedelta(seconds=1))
    await put(http, "1", flash={"type": "Property", "value": 1, "expiresAt": soon}, steady=2)
    assert "flash" in (await http.get(f"{V1}/temporal/entities/urn:x:1")).json()
    async with asyncio.timeout(30):
        while "flash" in (shown := (await http.get(f"{V1}/temporal/entities/urn:x:1")).json()):
            await asyncio.sleep(0.1)
    assert [s["value"] for s in shown["steady"]] == [2]


async def test_4_23_3_a_collation(http: Client) -> None:
    for n, name in enumerate(("b", "\u00e1", "A")):
        await put(http, str(n), label=name)
    assert await ids(http, type="Thing", orderBy="label", collation="und") == ["2", "1", "0"]
    answer = await http.get(f"{V1}/entities", params={"type": "Thing", "orderBy": "label", "collation": "!!"})
    assert answer.status_code == 400


async def test_6_3_10_links_say_where_a_page_begins(http: Client) -> None:
    for n in range(3):
        await put(http, str(n))
    first = await http.get(f"{V1}/entities", params={"type": "Thing", "limit": "1", "idPattern": "urn:x:.*"})
    assert f"<{V1}/entities?idPattern=urn:x:.*&limit=1&offset=1&type=Thing>" in first.headers["Link"]


async def test_4_10_the_nearest_point_far_north(http: Client) -> None:
    line = {"type": "LineString", "coordinates": [[10.0, 80.0], [11.0, 80.1]]}
    await put(http, "1", location=line)
    near = {"type": "Thing", "geometry": "Point", "coordinates": "[11.0,80.0]"}
    assert await ids(http, **near, georel="near;maxDistance==9700") == ["1"]
    assert await ids(http, **near, georel="near;maxDistance==9500") == []


async def test_5_5_7_a_context_written_out_has_no_scoped_one(http: Client) -> None:
    scoped = {"Thing": {"@id": "https://ex.example/Thing", "@context": {"a": "https://ex.example/b"}}}
    body = {"id": "urn:x:1", "type": "Thing", "a": 1, "@context": scoped}
    assert (await http.post(f"{V1}/entities", json=body, headers=LD)).status_code == 400
    many = await http.post(f"{V1}/entityOperations/create", json=[body], headers=LD)
    assert (many.status_code, many.json()["errors"][0]["error"]["status"]) == (207, 400)


async def test_4_9_a_term_is_expanded_before_it_is_compared(http: Client) -> None:
    await put(http, "1", kind={"vocab": "commercial"})
    assert (await http.get(f"{V1}/entities/urn:x:1")).json()["kind"]["vocab"] == "commercial"
    assert await ids(http, type="Thing", q="kind==commercial") == []
    assert await ids(http, type="Thing", q="kind==commercial", expandValues="kind") == ["1"]
    assert await ids(http, type="Thing", q="kind!=commercial", expandValues="kind") == []

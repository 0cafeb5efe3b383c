"""What the clauses of ETSI GS CIM 009 v1.9.1 have refused or told apart; the clause stands in the name of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Client, FullBroker
from tests.conformance.ngsild.test_clauses import V1, ids, put

CORE_18 = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"


@pytest.mark.parametrize(
    "member",
    [
        {"datasetId": {"type": "Property", "value": 1}},
        {"type": "1Thing"},
        {"a": {"type": "Relationship", "object": "urn:x:2", "unitCode": "CEL"}},
        {"a": {"type": "JsonProperty", "json": 5}},
        {"a": {"type": "Property", "value": 1, "previousValue": 2}},
        {"a": {"type": "GeoProperty", "value": {"type": "GeometryCollection", "geometries": []}}},
        {"a": {"type": "LanguageProperty", "languageMap": {"@none": "urn:ngsi-ld:null"}}},
        {"a": {"type": "Property", "value": {"b": {"c": "urn:ngsi-ld:null"}}}},
        {"location": {"type": "Property", "value": "here"}},
        {"expiresAt": "tomorrow"},
        {"scope": "urn:ngsi-ld:null"},
        {"id": "urn:ngsi-ld:null"},
        {"id": "urn:ngsi-ld:Thing:\u200b1"},
    ],
)
async def test_4_5_and_4_6_what_no_entity_holds(http: Client, member: dict[str, Any]) -> None:
    answer = await http.post(f"{V1}/entities", json={"id": "urn:x:1", "type": "Thing", **member})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (400, "BadRequestData")


async def test_4_7_1_a_geometry_may_be_text(http: Client) -> None:
    await put(http, "1", location={"type": "GeoProperty", "value": '{"type": "Point", "coordinates": [1, 2]}'})
    shown = (await http.get(f"{V1}/entities/urn:x:1")).json()
    assert shown["location"]["value"] == {"type": "Point", "coordinates": [1, 2]}


async def test_4_3_6_8_readers_of_earlier_versions(http: Client) -> None:
    await put(http, "1", a={"type": "VocabProperty", "vocab": "open"}, b={"value": 1})
    one = f"{V1}/entities/urn:x:1"
    older = await http.get(one, headers={"Prefer": "respond-async, ngsi-ld=1.5"})
    assert (older.status_code, older.headers["Preference-Applied"]) == (203, "ngsi-ld=1.5")
    assert older.json()["a"] == {"type": "Property", "value": "open"}
    same = await http.get(one, headers={"Prefer": 'NGSI-LD="1.9"'})
    assert (same.status_code, same.headers["Preference-Applied"]) == (200, "ngsi-ld=1.9")
    assert same.json()["a"]["type"] == "VocabProperty"
    assert "Preference-Applied" not in (await http.get(one)).headers


async def test_4_9_languages_relationships_and_lists(http: Client) -> None:
    await put(http, "1", name={"type": "LanguageProperty", "languageMap": {"vi": "cầu", "en": "bridge"}},
              at={"type": "Relationship", "object": "urn:x:9"}, tags=["a", "b"], n=35)  # fmt: skip
    for q, found in (
        ('name[*]=="bridge"', True), ('name[vi]=="bridge"', False), ('name[*]!="road"', True),
        ('name[*]!="cầu"', False), ('at=="urn:x:9"', True), ('at>"urn:a"', False), ('tags=="a"', True),
        ('tags!="a"', False), ('tags!="c"', True), ('n~="3.*"', False),
    ):  # fmt: skip
        assert await ids(http, type="Thing", q=q) == (["1"] if found else []), q


async def test_5_5_and_6_3_contexts_are_shown_as_they_were_named(http: Client) -> None:
    await put(http, "1", a=1)
    link = {"Link": f'<{CORE_18}>; rel="http://www.w3.org/ns/json-ld#context"', "Accept": "application/ld+json"}
    assert (await http.get(f"{V1}/entities/urn:x:1", headers=link)).json()["@context"] == CORE_18


async def test_5_6_2_a_scope_is_replaced_and_not_added(http: Client) -> None:
    await put(http, "1", a=1)
    attrs = f"{V1}/entities/urn:x:1/attrs"
    answer = await http.patch(attrs, json={"scope": "/A"})
    assert answer.status_code == 207
    assert answer.json()["notUpdated"][0]["attributeName"] == "scope"
    assert "scope" not in (await http.get(f"{V1}/entities/urn:x:1")).json()
    assert (await http.post(attrs, json={"scope": "/A"})).status_code == 204
    assert (await http.patch(attrs, json={"scope": "/B"})).status_code == 204
    assert (await http.get(f"{V1}/entities/urn:x:1")).json()["scope"] == "/B"
    assert (await http.patch(f"{attrs}/scope", json={"value": "/C"})).status_code == 400


async def test_5_6_a_type_gates_a_write(http: Client) -> None:
    await put(http, "1", a=1)
    one = f"{V1}/entities/urn:x:1"
    gate = {"type": "Other"}
    assert (await http.patch(f"{one}/attrs", json={"a": 2}, params=gate)).status_code == 404
    assert (await http.post(f"{one}/attrs", json={"b": 2}, params=gate)).status_code == 404
    assert (await http.patch(f"{one}/attrs/a", json={"value": 2}, params=gate)).status_code == 404
    assert (await http.delete(f"{one}/attrs/a", params=gate)).status_code == 404
    assert (await http.delete(one, params=gate)).status_code == 404
    assert (await http.get(one)).json()["a"]["value"] == 1
    assert (await http.delete(one, params={"type": "Thing"})).status_code == 204


async def test_5_6_9_no_overwrite_tells_what_was_left(http: Client) -> None:
    await put(http, "1", a=1)
    body = [{"id": "urn:x:1", "type": "Thing", "a": 2, "b": 2}]
    answer = await http.post(f"{V1}/entityOperations/update", json=body, params={"options": "noOverwrite"})
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["entityId"] == "urn:x:1"
    shown = (await http.get(f"{V1}/entities/urn:x:1", params={"format": "simplified"})).json()
    assert (shown["a"], shown["b"]) == (1, 2)
    assert (await http.post(f"{V1}/entityOperations/update", json=[None])).status_code == 400


async def test_5_7_2_what_is_too_wide_or_too_deep(http: Client) -> None:
    for params in (
        {"attrs": "id,type"}, {"q": "createdAt>2020-01-01T00:00:00Z"}, {"type": "A", "q": 'at{name}=="x"'},
        {"type": "A", "csf": "(("}, {"type": "A", "geometryProperty": "location"}, {"type": "A", "collation": "!!"},
    ):  # fmt: skip
        answer = await http.get(f"{V1}/entities", params=params)
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (400, "BadRequestData"), params
    assert (await http.get(f"{V1}/entities", params={"type": "*"})).status_code == 200
    ordered = await http.get(f"{V1}/temporal/entities", params={"type": "A", "orderBy": "name"})
    assert ordered.status_code == 400


async def test_5_7_4_aggregates_are_asked_for_in_the_body(http: Client) -> None:
    instances = [{"value": n, "observedAt": f"2026-01-0{n}T00:00:00Z"} for n in (1, 2)]
    await http.post(f"{V1}/temporal/entities", json={"id": "urn:x:1", "type": "Thing", "n": instances})
    body = {"type": "Query", "entities": [{"type": "Thing"}],
            "temporalQ": {"timerel": "after", "timeAt": "2025-01-01T00:00:00Z"}}  # fmt: skip
    url = f"{V1}/temporal/entityOperations/query"
    [found] = (await http.post(url, json={**body, "aggrParams": {"aggrMethods": ["avg", "max"]}})).json()
    assert (found["n"]["avg"][0][0], found["n"]["max"][0][0]) == (1.5, 2)
    wrong = await http.post(url, json={**body, "aggrParams": {"aggrMethods": ["avg"], "aggrPeriodDuration": "1h"}})
    assert wrong.status_code == 400


async def test_6_3_4_a_body_without_a_length(http: Client) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{}"

    answer = await http.post(f"{V1}/entities", content=parts(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.content) == (411, b"")


async def test_5_7_4_only_what_was_picked(http: Client) -> None:
    instances = [{"value": 1, "observedAt": "2026-01-01T00:00:00Z"}]
    await http.post(f"{V1}/temporal/entities", json={"id": "urn:x:1", "type": "Thing", "n": instances})
    period = {"type": "Thing", "timerel": "after", "timeAt": "2025-01-01T00:00:00Z"}
    for pick, members in (("id", {"id"}), ("n", {"n"}), ("type,n", {"type", "n"})):
        [found] = (await http.get(f"{V1}/temporal/entities", params={**period, "pick": pick})).json()
        assert set(found) == members


async def test_4_5_19_aggregates_are_of_all_instances(http: Client, broker: FullBroker) -> None:
    """An answer holds 10,000 instances and goes on in the next; an aggregate is of all of them at once."""
    station = {"id": "urn:x:1", "type": "Station", "name": {"value": "A"}, "temperature": {"value": 20}}
    assert (await http.post(f"{V1}/entities", json=station)).status_code == 201
    start = datetime(2026, 1, 1, tzinfo=UTC)
    broker.readings = [
        {"entity": "urn:x:1", "type": "Station", "attribute": "temperature", "dataset": None, "text": None, "origin": 0,
         "observed_at": start + timedelta(seconds=n), "number": 20.0}
        for n in range(10_050)
    ]  # fmt: skip
    one = f"{V1}/temporal/entities/urn:x:1"
    asked = {"attrs": "temperature", "format": "aggregatedValues", "aggrMethods": "totalCount,avg"}
    answer = await http.get(one, params=asked)
    assert answer.status_code == 200
    assert answer.json()["temperature"]["totalCount"][0][0] == 10_050
    assert (await http.get(one, params={"attrs": "temperature", "format": "temporalValues"})).status_code == 206

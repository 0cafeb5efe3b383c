"""Bad input at every route: a problem that names field and remedy, never a 500, and nothing else stops."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.api.door import ROUTES
from tests.effort import examples

from .conftest import Client
from .test_entities import V1, station

BODIES: dict[str, bytes] = {
    "empty": b"",
    "not json": b'{"id": "urn:x:1", "type": ',
    "trailing": b'{"id": "urn:x:1"} x',
    "invalid utf-8": b'{"id": "urn:x:1", "type": "T", "name": "\xff\xfe"}',
    "utf-16": '{"id": "urn:x:1"}'.encode("utf-16"),
    "nan": b'{"id": "urn:x:1", "type": "T", "speed": {"value": NaN}}',
    "infinity": b'{"id": "urn:x:1", "type": "T", "speed": {"value": 1e999}}',
    "nul": b'{"id": "urn:x:1", "type": "T", "speed": {"value": "a\\u0000"}}',
    "surrogate": b'{"id": "urn:x:1", "type": "T", "speed": {"value": "\\ud800"}}',
    "huge integer": b'{"id": "urn:x:1", "type": "T", "speed": {"value": 1' + b"0" * 400 + b"}}",
    "deep": b"[" * 100_000,
    "deep and closed": b'{"id":"urn:x:1","type":"T","a":' + b"[" * 500 + b"]" * 500 + b"}",
    "many attributes": json.dumps({"id": "urn:x:1", "type": "T", **{f"a{i}": i for i in range(50_000)}}).encode(),
    "too large": b" " * 2_100_000,
    "number": b"5",
    "null": b"null",
    "list of numbers": b"[1, 2]",
    "list of null": b"[null]",
    "wrong everything": b'{"id": [], "type": {}, "scope": 5, "location": {"type": "GeoProperty", "value": 5}}',
    "geometry": b'{"id":"urn:x:1","type":"T","location":{"type":"Point","coordinates":[500,1]}}',
    "nested geometry": b'{"id":"urn:x:1","type":"T","location":{"type":"Polygon","coordinates":[[[[1]]]]}}',
    "time": b'{"id":"urn:x:1","type":"T","speed":{"value":1,"observedAt":"2026-13-45T99:00:00Z"}}',
    "unit": b'{"id":"urn:x:1","type":"Station","height":{"value":1,"unitCode":"KMH"}}',
    "null members": b'{"id":null,"type":null,"inputs":null,"files":null,"entities":null,"geoQ":null,"q":null}',
    "name with nul": b'{"id":"urn:x:1","type":"T","a\\u0000b":1}',
}
WRITES = [
    r
    for r in ROUTES
    if r.method in ("POST", "PUT", "PATCH")
    and not r.path.startswith(("/api/feeds", "/api/imports", "/api/studies", "/api/zalo", "/open311"))
]
"""Every route that takes a body of ours; what a feed reads is its pack's affair (tests/broker/test_feeds.py; Zalo's
tests/adapters/test_zalo.py), what an import or a layer reads is any file at all (tests/exchange,
tests/adapters/test_features.py), and GeoReport takes forms (tests/api/test_open311.py)."""


def address(path: str) -> str:
    names = {"attr": "height", "name": "station.rename", "type": "Station", "instance": "urn:ngsi-ld:Instance:1"}
    return path.format(id="urn:ngsi-ld:Station:1", **names)


@pytest.mark.parametrize("route", WRITES, ids=lambda r: f"{r.method} {r.path}")
async def test_every_body_at_every_route(http: Client, route: Any) -> None:
    await http.post(f"{V1}/entities", json=station(1))
    for name, body in BODIES.items():
        answer = await http.request(
            route.method, address(route.path), content=body, headers={"Content-Type": "application/json"}
        )
        accepted = answer.status_code in (200, 201, 204, 207)
        assert accepted or answer.headers["Content-Type"] == "application/problem+json", (name, answer.text)
        if accepted:
            continue
        problem = answer.json()
        assert 400 <= problem["status"] == answer.status_code < 500, (name, problem)
        assert problem["detail"], name
        assert problem["requestId"], name
        if name in ("too large",):
            assert answer.status_code == 413, problem
        if name in ("empty", "not json", "trailing", "invalid utf-8", "utf-16", "nan", "deep", "too large"):
            assert problem["field"] == "body", (name, problem)
            if not route.path.endswith("observations"):  # its decoder is another room's
                assert problem["remedy"], (name, problem)
    assert (await http.get(f"{V1}/entities")).status_code == 400


async def test_what_the_problem_says(http: Client) -> None:
    async def problem(body: bytes) -> dict[str, Any]:
        answer = await http.post(f"{V1}/entities", content=body, headers={"Content-Type": "application/json"})
        found: dict[str, Any] = answer.json()
        return found

    assert "byte 26" in (await problem(BODIES["not json"]))["detail"] or "truncated" in (
        await problem(BODIES["not json"]))["detail"]  # fmt: skip
    assert "byte 40" in (await problem(BODIES["invalid utf-8"]))["detail"]
    assert (await problem(BODIES["unit"]))["field"] == "height.unitCode"
    assert (await problem(BODIES["geometry"]))["field"] == "location.coordinates"
    assert "longitude" in (await problem(BODIES["geometry"]))["remedy"]
    assert (await problem(BODIES["time"]))["field"] == "speed.observedAt"
    assert (await problem(BODIES["many attributes"]))["status"] == 413
    assert (await problem(BODIES["not json"]))["type"].endswith("InvalidRequest")
    assert (await problem(BODIES["unit"]))["type"].endswith("BadRequestData")


async def test_a_body_without_length_stops_being_read(http: Client) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(1600):
            sent += 65_536
            yield b" " * 65_536

    answer = await http.post("/api/observations", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert sent < 2_200_000


async def test_media_types(http: Client) -> None:
    for kind in ("text/plain", "application/xml", ""):
        answer = await http.post(f"{V1}/entities", content=b"{}", headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == 415, kind
    latin = await http.post(
        f"{V1}/entities", content=b"{}", headers={"Content-Type": "application/json; charset=latin-1"}
    )
    assert latin.status_code == 400
    refused = await http.get(f"{V1}/entities?type=Station", headers={"Accept": "text/html"})
    assert refused.status_code == 406
    assert refused.headers["Content-Type"] == "application/problem+json"


async def test_unknown_paths_and_methods(http: Client) -> None:
    assert (await http.get("/ngsi-ld/v1/nothing")).json()["status"] == 404
    wrong = await http.put(f"{V1}/entities")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST, GET, DELETE")
    assert (await http.get("/api/")).status_code == 404


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "type"),
        ({"type": "a b"}, "type"),
        ({"type": ""}, "type"),
        ({"tpye": "Station"}, "tpye"),
        ({"type": "Station", "limit": "-1"}, "limit"),
        ({"type": "Station", "limit": "0"}, "limit"),
        ({"type": "Station", "limit": "5000"}, "limit"),
        ({"type": "Station", "offset": "x"}, "offset"),
        ({"type": "Station", "after": "zzz"}, "after"),
        ({"type": "Station", "q": ""}, "q"),
        ({"type": "Station", "q": "a==("}, "q"),
        ({"type": "Station", "q": "a~=("}, "q"),
        ({"type": "Station", "count": "yes"}, "count"),
        ({"type": "Station", "format": "xml"}, "format"),
        ({"type": "Station", "options": "what"}, "options"),
        ({"type": "Station", "pick": "a", "omit": "a"}, "omit"),
        ({"type": "Station", "pick": "a,,b"}, "pick"),
        ({"type": "Station", "georel": "near;maxDistance==5"}, "geometry"),
        ({"type": "T", "georel": "within", "geometry": "Point", "coordinates": "[500,1]"}, "geoquery.coordinates"),
        ({"type": "Station", "georel": "on", "geometry": "Point", "coordinates": "[1,1]"}, "georel"),
        ({"type": "Station", "scopeQ": "a b"}, "scopeQ"),
        ({"type": "Station", "orderBy": "name;up"}, "orderBy"),
        ({"type": "A;B"}, "type"),
        ({"id": "nope"}, "id"),
        ({"type": "Station", "idPattern": "("}, "idPattern"),
        ({"type": "Station", "lang": "vi;q=x"}, "lang"),
        ({"type": "Station", "q": "name~=^(a+)+$"}, None),
        ({"type": "Station", "q": 'name=="\x00"'}, "q"),
    ],
)  # fmt: skip
async def test_bad_parameters(http: Client, params: dict[str, str], field: str | None) -> None:
    await http.post(f"{V1}/entities", json=station(1, t={"languageMap": {"vi": "x"}}))
    answer = await http.get(f"{V1}/entities", params=params)
    if field is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text


async def test_unsupported_questions_say_so(http: Client) -> None:
    for params in ({"q": "a.observedAt>2020-01-01T00:00:00Z"}, {"q": "a;modifiedAt>2020-01-01T00:00:00Z"}):
        answer = await http.get(f"{V1}/entities", params=params)
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"].endswith("OperationNotSupported")


async def test_raw_query_strings(http: Client) -> None:
    for raw in ("type=%ff", "type=Station&type=Station", "q=" + "a" * 20_000, "type=%00"):
        assert (await http.get(f"{V1}/entities?{raw}")).status_code == 400, raw
    for raw in ("%00", "a%20b", "nope", "urn:x:%ff"):
        answer = await http.get(f"{V1}/entities/{raw}")
        assert answer.status_code == 400, raw


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "value", "object", "observedAt", "height", "temperature",
                                           "location", "datasetId", "languageMap", "unitCode", "coordinates"]), inner),
        max_leaves=12,
    )
)  # fmt: skip
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_anything_at_all(http: Client, data: Any) -> None:
    body = json.dumps({"id": "urn:x:1", "type": "Station", "name": "x", **data} if isinstance(data, dict) else data)
    headers = {"Content-Type": "application/json"}
    for method, path in (("POST", "/entities"), ("PATCH", "/entities/urn:x:1"), ("POST", "/entityOperations/upsert"),
                         ("PATCH", "/entities/urn:x:1/attrs/height")):  # fmt: skip
        answer = await http.request(method, V1 + path, content=body.encode(), headers=headers)
        assert answer.status_code < 500, answer.text

"""Observations, actions, the OpenAPI document, contexts and defects."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from province.api.contexts import Contexts, linked
from province.api.door import ROUTES, handlers
from province.api.errors import STATUS
from province.api.openapi import document
from province.errors import InvalidInput, ProvinceError, Unavailable

from .conftest import CONTEXTS, PACK, TYPES, Client, FullBroker, fetch
from .test_entities import V1, sid, station

SNAPSHOT = Path(__file__).parents[1] / "snapshots/openapi.json"


def reading(n: object, **other: Any) -> dict[str, Any]:
    return {"entity": sid(n), "type": "Station", "attribute": "temperature", "observed_at": "2026-01-01T00:00:00Z",
            "number": 1.0, **other}  # fmt: skip


async def test_observations(http: Client, broker: FullBroker) -> None:
    await http.post(f"{V1}/entities", json=station(1))
    some = await http.post("/api/observations", json=[reading(1), reading("unknown")])
    assert some.status_code == 200
    assert (some.json()["accepted"], some.json()["rejected"]) == (
        1, [{"row": 1, "field": "entity", "reason": "is not registered."}]
    )  # fmt: skip
    none = await http.post("/api/observations", json=[reading("unknown")])
    assert (none.status_code, none.json()["field"]) == (400, "[0].entity")
    assert (
        await http.post("/api/observations", content=b"x", headers={"Content-Type": "application/json"})
    ).status_code == 400
    assert (await http.post("/api/observations", content=b"x", headers={"Content-Type": "text/csv"})).status_code == 415
    assert (await http.as_("").post("/api/observations", json=[])).status_code == 401


async def test_actions(http: Client) -> None:
    await http.post(f"{V1}/entities", json=station(1))
    offered = (await http.get("/api/actions")).json()
    assert [(a["name"], a["inputs"]["required"]) for a in offered] == [("station.rename", ["name"])]
    done = await http.post("/api/actions/station.rename", json={"id": sid(1), "inputs": {"name": "Mới"}})
    assert done.status_code == 200, done.text
    assert done.json()["changed"][0]["id"] == sid(1)
    assert (await http.get(f"{V1}/entities/{sid(1)}")).json()["name"]["value"] == "Mới"
    wrong: list[tuple[Any, str]] = [
        ({"id": sid(1)}, "name"),
        ({"id": sid(1), "inputs": {"nam": "x"}}, "nam"),
        ({"id": 5}, "id"),
        ({"inputs": {"name": "x"}}, "id"),
        ({"id": sid(1), "what": 1}, "what"),
        ({"id": "urn:x:\x00", "inputs": {"name": "x"}}, "id"),
        ({"id": sid(1), "inputs": {"name": "x\x00"}}, "inputs.name"),
        ([], "body"),
    ]
    for body, field in wrong:
        refused = await http.post("/api/actions/station.rename", json=body)
        assert (refused.status_code, refused.json()["field"]) == (400, field), refused.text
    assert (await http.post("/api/actions/station.sink", json={})).status_code == 404
    body = {"id": sid(1), "inputs": {"name": "x"}}
    assert (await http.as_("").post("/api/actions/station.rename", json=body)).status_code == 404
    assert (await http.as_("nobody").post("/api/actions/station.rename", json=body)).status_code in (403, 404)


def test_the_openapi_document_is_the_committed_one() -> None:
    made = document(ROUTES, TYPES, {a.name: (PACK, a) for a in PACK.actions})
    text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text, "utf-8")
    assert SNAPSHOT.read_text("utf-8") == text, "run with UPDATE_SNAPSHOTS=1 after reading the difference"


async def test_the_openapi_document_describes_every_route(http: Client) -> None:
    served = (await http.get("/api/openapi.json")).json()
    assert served["openapi"] == "3.1.0"
    operations = [o for path in served["paths"].values() for o in path.values()]
    names = [o["operationId"] for o in operations]
    assert len(names) == len(set(names)) == len(ROUTES) + 1
    for route in ROUTES:
        operation = served["paths"][route.path][route.method.lower()]
        assert operation["summary"], route.path
        assert operation["responses"].keys() >= {"400", "401", "403"}
        in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", route.path)), route.path
    text = json.dumps(served)
    for name in {p.split('"')[0] for p in text.split("#/components/schemas/")[1:]}:
        assert name in served["components"]["schemas"], name
    for schema in served["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    shown = {**station(1), "height": 5}
    jsonschema.validate(shown, {**served["components"]["schemas"]["Station"], "components": served["components"]})


def test_every_error_has_a_status() -> None:
    kinds = set(ProvinceError.__subclasses__()) - {
        k for k in ProvinceError.__subclasses__() if k.__name__ == "ConfigurationError"
    }
    assert kinds <= set(STATUS)


async def test_a_defect_tells_nothing_but_its_id(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_request: Request) -> Response:
        raise ZeroDivisionError("secret detail")

    app = Starlette(routes=[StarletteRoute("/x", broken)], exception_handlers=handlers())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://x"
    ) as client:
        answer = await client.get("/x", headers={"X-Request-Id": "abcdefgh1"})
    assert answer.status_code == 500
    assert answer.json()["requestId"] == "abcdefgh1"
    assert "secret" not in answer.text
    assert "abcdefgh1" in caplog.text


async def test_contexts_are_fetched_once_and_again_after_an_hour() -> None:
    calls: list[str] = []
    clock = [0.0]

    async def counted(url: str) -> Any:
        calls.append(url)
        return await fetch(url)

    contexts = Contexts(counted, clock=lambda: clock[0])
    (url,) = CONTEXTS
    for _ in range(3):
        assert (await contexts.read(url)).name("speed") == "https://ex.example/speed"
        assert (await contexts.read([url, {"a": "https://e.x/a"}])).name("a") == "https://e.x/a"
    assert calls == [url]
    clock[0] = 4000.0
    await contexts.read(url)
    assert calls == [url, url]
    with pytest.raises(Unavailable):
        await contexts.read("https://gone.example/")
    assert (await contexts.read(None)).plain


async def test_contexts_that_lead_on_for_ever_are_refused() -> None:
    async def onwards(url: str) -> Any:
        return {"@context": [url + "x"]}

    with pytest.raises(InvalidInput) as caught:
        await Contexts(onwards).read("https://ex.example/")
    assert caught.value.field == "@context"


def test_link_headers() -> None:
    link = '<https://a.example/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    assert linked(link) == "https://a.example/c.jsonld"
    assert linked("<https://a.example/>; rel=next") is None
    assert linked("") is None
    with pytest.raises(InvalidInput):
        linked(f"{link}, {link}")


async def test_a_refusal_before_the_body_is_read_hangs_up(http: Client) -> None:
    """Whoever is refused at the door does not go on sending; whoever was heard keeps the line."""
    for client, path, status in (
        (http.as_(""), "/api/observations", 401), (http, "/api/nowhere", 404), (http, "/api/observations", 415),
    ):  # fmt: skip
        refused = await client.post(path, content=b"x" * 100, headers={"Content-Type": "text/csv"})
        assert (refused.status_code, refused.headers.get("connection")) == (status, "close"), path
    heard = await http.post("/api/observations", content=b"x", headers={"Content-Type": "application/json"})
    assert (heard.status_code, heard.headers.get("connection")) == (400, None)
    nothing = await http.get("/api/nowhere")
    assert (nothing.status_code, nothing.headers.get("connection")) == (404, None)

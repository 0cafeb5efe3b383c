"""What operators, collectors and strangers learn about a running server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from province import logs
from province.api import health
from province.api.health import Check, Health, Metrics
from province.api.observe_requests import ObserveRequests
from province.api.request import request_id_of
from province.errors import ConfigurationError, Unavailable
from province.model.actor import Actor


async def fine() -> str:
    return ""


async def soon() -> str:
    return "200 MiB free"


async def broken() -> str:
    raise Unavailable("postgresql://province:hunter2@db does not answer.", remedy="Start it.")


async def refused() -> str:
    raise ConnectionRefusedError("port 4222")


async def stuck() -> str:
    await asyncio.sleep(60)
    return ""


async def may_see(request: Request) -> bool:
    if request.headers.get("authorization") == "Bearer unreachable":
        raise Unavailable("the database is gone.")
    return request.headers.get("authorization") == "Bearer operator"


OPERATOR = {"Authorization": "Bearer operator"}


def client_of(app: Any, address: str = "203.0.113.7") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://server")


def serving(
    *checks: Check, gauges: Mapping[str, health.Read] | None = None, address: str = "203.0.113.7"
) -> httpx.AsyncClient:
    metrics = Metrics(gauges or {})
    app = Starlette(routes=Health(checks, metrics, may_see).routes())
    return client_of(ObserveRequests(app, measure=metrics.measure), address)


async def test_a_ready_server_says_so_and_tells_details_to_those_who_may() -> None:
    async with serving(Check("database", fine, "Start it."), Check("disk", soon, "Make room.")) as client:
        assert (await client.get("/healthz")).text == "ok\n"
        stranger = await client.get("/readyz")
        assert (stranger.status_code, stranger.json()) == (200, {"status": "ready"})
        parts = (await client.get("/readyz", headers=OPERATOR)).json()["parts"]
        assert parts["database"]["status"] == "ok"
        assert parts["disk"]["status"] == "warning"
        assert (parts["disk"]["detail"], parts["disk"]["remedy"]) == ("200 MiB free", "Make room.")


async def test_a_failing_part_is_named_with_its_remedy_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIMEOUT_S", 0.05)
    checks = (
        Check("database", broken, "x"), Check("nats", refused, "Start NATS."), Check("lake", stuck, "Look at ingest."),
        Check("clock", fine, "x"),
    )  # fmt: skip
    async with serving(*checks) as client:
        assert (await client.get("/healthz")).status_code == 200, "alive, though not ready"
        stranger = await client.get("/readyz")
        assert (stranger.status_code, stranger.json()) == (503, {"status": "not ready"})
        answer = await client.get("/readyz", headers=OPERATOR)
        parts = answer.json()["parts"]
        assert [name for name, part in parts.items() if part["status"] == "failing"] == ["database", "nats", "lake"]
        assert parts["database"]["remedy"] == "Start it."
        assert parts["nats"]["remedy"] == "Start NATS."
        assert "no answer within" in parts["lake"]["detail"]
        assert "hunter2" not in answer.text
        lost = await client.get("/readyz", headers={"Authorization": "Bearer unreachable"})
        assert lost.json() == {"status": "not ready"}


async def test_strangers_cannot_make_the_server_ask_its_parts_again_and_again() -> None:
    asked = 0

    async def counted() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return ""

    async with serving(Check("database", counted, "x")) as client:
        await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
    assert asked == 1


async def one() -> float:
    return 7.0


async def by_stream() -> Mapping[str, float]:
    return {"OBS": 10.0, "MQTT": 20.0}


async def unreadable() -> float:
    raise Unavailable("gone")


async def test_metrics_are_fresh_complete_and_in_the_text_format() -> None:
    gauges: dict[str, health.Read] = {
        "province_parked_effects": one, "province_stream_bytes": by_stream, "province_dead_letters": unreadable
    }  # fmt: skip
    async with serving(gauges=gauges) as client:
        await client.get("/healthz")
        await client.get("/nothing/prv_here")
        answer = await client.get("/metrics", headers=OPERATOR)
    families = {family.name: family.samples for family in text_string_to_metric_families(answer.text)}
    counts = {
        (s.labels["route"], s.labels["status"]): s.value for s in families[health.REQUESTS] if s.name.endswith("_count")
    }
    assert counts == {("/healthz", "200"): 1.0, ("(none)", "404"): 1.0}
    assert [s.value for s in families["province_parked_effects"]] == [7.0]
    assert {s.labels["stream"]: s.value for s in families["province_stream_bytes"]} == {"OBS": 10.0, "MQTT": 20.0}
    assert "province_dead_letters" not in families
    failed = {s.labels["gauge"]: s.value for s in families["province_gauge_failed"]}
    assert failed == {"province_parked_effects": 0, "province_stream_bytes": 0, "province_dead_letters": 1}


async def test_metrics_are_for_this_machine_and_for_those_who_may() -> None:
    async with serving() as far:
        assert (await far.get("/metrics")).status_code == 404
        assert (await far.get("/metrics", headers=OPERATOR)).status_code == 200
    async with serving(address="127.0.0.1") as near:
        assert (await near.get("/metrics")).status_code == 200
        through_proxy = await near.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
        assert through_proxy.status_code == 404


def test_a_gauge_that_nobody_documented_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="province_mood"):
        Metrics({"province_mood": one})


class Sink(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(logs.JsonLine("serve").format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    sink = Sink()
    logger = logging.getLogger("province.request")
    logger.addHandler(sink)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield sink.lines
    logger.removeHandler(sink)
    logger.setLevel(level)


async def link(request: Request) -> PlainTextResponse:
    request.state.actor = Actor(tenant="t", id="account-1", kind="person")
    return PlainTextResponse("hello")


async def fall(request: Request) -> PlainTextResponse:
    raise ValueError("a defect")


async def half(request: Request) -> StreamingResponse:
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ConnectionResetError

    return StreamingResponse(body())


@pytest.fixture
def observed() -> httpx.AsyncClient:
    inner = [Route("/links/{token}", link), Route("/broken", fall), Route("/half", half)]
    app = Starlette(routes=[*inner, Mount("/t/{tenant}", routes=inner), Mount("/m", app=PlainTextResponse("x"))])
    return client_of(ObserveRequests(app, measure=lambda *_: None))


async def test_one_line_tells_the_request_but_no_secret(observed: httpx.AsyncClient, lines: Any) -> None:
    answer = await observed.get("/links/s3cr3t?key=s3cr3t", headers={"X-Request-ID": "ward-7.a"})
    await observed.get("/t/long-an/links/s3cr3t")
    await observed.get("/m/anything/s3cr3t")
    await observed.request("S3CR3T", "/nowhere/s3cr3t")
    assert answer.headers["x-request-id"] == "ward-7.a"
    assert "s3cr3t" not in json.dumps(lines).lower()
    first = lines[0]
    assert first["ms"] > 0
    assert {k: first[k] for k in ("message", "request", "method", "route", "status", "bytes", "actor")} == {
        "message": "request", "request": "ward-7.a", "method": "GET", "route": "/links/{token}", "status": 200,
        "bytes": 5, "actor": "account-1",
    }  # fmt: skip
    assert [line["route"] for line in lines[1:]] == ["/t/{tenant}/links/{token}", "/m/{path}", "(none)"]
    assert lines[-1]["method"] == "OTHER"


async def test_broken_and_unfinished_requests_are_told_too(observed: httpx.AsyncClient, lines: Any) -> None:
    assert (await observed.get("/broken")).status_code == 500
    await observed.get("/half")
    broken_line, half_line = lines
    assert (broken_line["status"], broken_line["level"]) == (500, "WARNING")
    assert (half_line["bytes"], half_line["unfinished"]) == (3, True)


@given(st.binary() | st.from_regex(rb"[A-Za-z0-9._-]{1,70}", fullmatch=True))
def test_only_harmless_request_ids_are_believed(given_id: bytes) -> None:
    chosen = request_id_of([(b"host", b"x"), (b"x-request-id", given_id)])
    assert 1 <= len(chosen) <= 64
    assert chosen.isascii()
    assert set(chosen) <= set("-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

"""Open311 GeoReport v2 over the real broker with the real pack: what is sent in is what is read back."""

from __future__ import annotations

import asyncio
import csv
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from province.api.door import routes
from province.api.services import Services
from province.app.declarations import parameters_at
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool, connect
from province.broker.indexes import ensure_indexes
from province.errors import NotSignedIn
from province.model.actor import Actor, Grant, anonymous, system
from province.model.change import Change
from province.model.entity import Attribute
from province.model.query import Query
from province.model.schema import describe
from province.packs.reports import PACK
from province.packs.reports.feeds import categorise
from province.packs.reports.types import CATEGORY_NAMES, Report
from province.vocab import TYPES
from tests.shared import shared

TENANT = "t"
KINDS = {describe(t).name: describe(t) for t in (*TYPES, *PACK.types)}
DESK = Actor(tenant=TENANT, id="desk", kind="service", grants=(Grant("desk", frozenset(("report.*", "agency.read"))),))
READER = Actor(tenant=TENANT, id="reader", kind="service", grants=(Grant("r", frozenset(("report.read",))),))
KEYS = {"desk-key": DESK, "reader-key": READER}
GOOD = {
    "service_code": "light", "lat": "11.0528", "long": "106.6868", "description": "Đèn đường tắt\nBa đêm liền.",
    "first_name": "An", "last_name": "Nguyễn Thị", "phone": "0274 382 2222", "api_key": "desk-key",
}  # fmt: skip


@pytest.fixture(scope="module")
async def pool(make_migrated: Any) -> AsyncIterator[Pool]:
    made = await connect(make_migrated(), size=8)
    async with made.acquire() as connection:
        await ensure_indexes(connection, list(KINDS.values()))
    yield made
    await made.close()


@pytest.fixture
async def broker(pool: Pool) -> AsyncIterator[Broker]:
    await pool.execute("TRUNCATE entity, change_history, entity_key, counter, outbox, applied")
    committer = Committer(pool, KINDS, lambda *_: None)
    committer.start()

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    yield Broker(
        pool, committer, types=KINDS, packs=(PACK,), parameters=parameters_at, read_latest=nothing,
        sign=lambda purpose, message: hashlib.sha256(purpose.encode() + message).hexdigest(),
    )  # fmt: skip
    await committer.stop()


@pytest.fixture
async def client(broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(request: Request) -> Actor:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given and given not in KEYS:
            raise NotSignedIn("this token is not one of ours.")
        return KEYS.get(given, anonymous(TENANT, address="192.0.2.1"))

    services = Services(
        broker=broker, authenticate=authenticate, public_url="https://province.test", max_body_bytes=1024**2,
        **dict.fromkeys(
            ("contexts", "context_store", "subscriptions", "source_subscriptions", "registrations", "entity_maps",
             "snapshots", "require_public", "read_observations", "feeds", "imports", "exports", "observation_media",
             "temporal_instances"),
        ),
    )  # type: ignore[arg-type]  # fmt: skip
    app = Starlette(routes=routes(services))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://province.test") as made:
        yield made


async def send(client: httpx.AsyncClient, **changed: str | None) -> httpx.Response:
    given = {k: v for k, v in {**GOOD, **changed}.items() if v is not None}
    return await client.post("/open311/v2/requests.json", data=given)


async def publish(broker: Broker) -> None:
    page = await broker.query(Query(types=("Report",), limit=1000), system(TENANT, "test"))
    changes = [
        Change(op="merge", id=e.id, type="Report", attrs={"published": Attribute(value=True)}) for e in page.items
    ]
    await broker.apply(changes, system(TENANT, "test"))


async def test_services_are_the_categories_in_both_forms(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/open311/v2/services.json")).json()
    assert [s["service_code"] for s in listed] == list(CATEGORY_NAMES)
    assert all(s["service_name"] and s["metadata"] is False and s["type"] == "realtime" for s in listed)
    answer = await client.get("/open311/v2/services.xml")
    assert answer.headers["content-type"].startswith("text/xml")
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "services"
    assert [s.findtext("service_code") for s in root] == list(CATEGORY_NAMES)
    one = (await client.get("/open311/v2/services/light.json")).json()
    assert one == {"service_code": "light", "attributes": []}
    assert (await client.get("/open311/v2/services/weather.json")).status_code == 404


async def test_what_is_sent_in_is_read_back_and_the_sender_stays_private(
    client: httpx.AsyncClient, broker: Broker
) -> None:
    sent = await send(client)
    assert sent.status_code == 201, sent.text
    number = sent.json()[0]["service_request_id"]
    assert number == f"PA-{datetime.now(UTC).year}-000001" or number.endswith("-000001")
    [found] = (await client.get(f"/open311/v2/requests/{number}.json", params={"api_key": "desk-key"})).json()
    assert (found["service_code"], found["status"], found["lat"], found["long"]) == ("light", "open", 11.0528, 106.6868)
    assert found["description"] == "Đèn đường tắt"
    assert (await client.get(f"/open311/v2/requests/{number}.json")).status_code in (403, 404), "not published yet"
    await publish(broker)
    shown = await client.get(f"/open311/v2/requests/{number}.xml")
    assert shown.status_code == 200
    assert ElementTree.fromstring(shown.content)[0].findtext("service_request_id") == number
    for text in (shown.text, (await client.get("/open311/v2/requests.json")).text):
        assert "382 2222" not in text
        assert "Nguyễn" not in text


async def test_a_key_is_needed_and_a_wrong_one_is_refused(client: httpx.AsyncClient) -> None:
    for key in (None, "reader-key", "stolen", "khoá"):
        answer = await send(client, api_key=key)
        assert answer.status_code == 403, key
        assert answer.json()[0]["code"] == 403
    by_header = await client.post(
        "/open311/v2/requests.json",
        data={k: v for k, v in GOOD.items() if k != "api_key"},
        headers={"Authorization": "Bearer desk-key"},
    )
    assert by_header.status_code == 201


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"service_code": "weather"}, "service"),
        ({"lat": None}, "lat"),
        ({"lat": "north"}, "lat"),
        ({"lat": "95"}, "coordinates"),
        ({"long": "nan"}, "coordinates"),
        ({"phone": "gọi tôi"}, "phone"),
        ({"email": "không có"}, "e-mail"),
        ({"requested_datetime": "hôm qua"}, "reported_at"),
        ({"requested_datetime": "2999-01-01T00:00:00Z"}, "reported_at"),
        ({"jurisdiction_id": "hanoi"}, "jurisdiction"),
    ],
)
async def test_what_cannot_be_is_refused_in_the_form_of_the_standard(
    client: httpx.AsyncClient, changed: dict[str, str | None], says: str
) -> None:
    answer = await send(client, **changed)
    assert answer.status_code in (400, 404), answer.text
    [error] = answer.json()
    assert error["code"] == answer.status_code
    assert says in error["description"]
    spoken = await client.post(
        "/open311/v2/requests.xml", data={k: v for k, v in {**GOOD, **changed}.items() if v is not None}
    )
    assert ElementTree.fromstring(spoken.content).tag == "errors"


async def test_bodies_that_are_no_form_are_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"description=%00&api_key=desk-key", b"a=\xff&api_key=desk-key"):
        answer = await client.post("/open311/v2/requests.json", content=body, headers=headers)
        assert answer.status_code in (400, 403), answer.text
    assert (await client.post("/open311/v2/requests.json", json={})).status_code == 415
    assert (await client.get("/open311/v2/requests.csv")).status_code == 404
    assert (await client.get("/open311/v2/requests.json", params={"page": "0"})).status_code == 400


async def test_what_is_sent_again_is_the_same_report(client: httpx.AsyncClient, broker: Broker) -> None:
    one = await send(client, external_id="H-1", requested_datetime="2024-05-06T07:08:09Z")
    again = await send(client, external_id="H-1", requested_datetime="2024-05-06T07:08:09Z", description="Khác")
    assert one.json() == again.json()
    page = await broker.query(Query(types=("Report",), count=True), DESK)
    assert page.total == 1
    assert page.items[0].value("title") == "Đèn đường tắt"
    assert page.items[0].value("reportedAt") == "2024-05-06T07:08:09Z"


async def test_lists_answer_what_was_asked(client: httpx.AsyncClient, broker: Broker) -> None:
    for n, code in enumerate(("light", "light", "road", "tree")):
        sent = await send(
            client, service_code=code, external_id=f"L-{n}", requested_datetime=f"2024-01-0{n + 1}T00:00:00Z"
        )
        assert sent.status_code == 201, sent.text

    async def asked(**params: str) -> list[str]:
        given = {"api_key": "desk-key", "start_date": "2024-01-01T00:00:00Z", **params}
        answer = await client.get("/open311/v2/requests.json", params=given)
        assert answer.status_code == 200, answer.text
        return [row["requested_datetime"][8:10] for row in answer.json()]

    assert await asked() == ["04", "03", "02", "01"], "the newest first"
    assert await asked(service_code="light,tree") == ["04", "02", "01"]
    assert await asked(start_date="2024-01-02T00:00:00Z", end_date="2024-01-03T00:00:00Z") == ["03", "02"]
    assert await asked(status="closed") == []
    assert await asked(status="open,closed", page_size="3") == ["04", "03", "02"]
    assert await asked(page_size="3", page="2") == ["01"]
    assert await asked(page_size="3", page="3") == []
    recent = await client.get("/open311/v2/requests.json", params={"api_key": "desk-key"})
    assert recent.json() == [], "without dates the last 90 days"
    strangers = await client.get("/open311/v2/requests.json", params={"start_date": "2024-01-01T00:00:00Z"})
    assert strangers.json() == [], "nothing is published"


@pytest.mark.slow
@pytest.mark.parametrize("city", ["hoboken", "nyc"])
async def test_requests_of_a_real_city_come_through_with_counts_times_and_places(
    client: httpx.AsyncClient, broker: Broker, city: str
) -> None:
    with shared(f"citizen/{city}-311.csv").open(encoding="utf-8", errors="replace", newline="") as file:
        given = list(csv.DictReader(file))
    bodies = [
        {
            "service_code": categorise(row["Title"]), "description": f"{row['Title']}\n{row['Description']}",
            "lat": row["Latitude"], "long": row["Longitude"], "address_string": row["Address"][:500],
            "external_id": row["ID"],
            "requested_datetime": datetime.fromtimestamp(int(row["Date Created"]), UTC).isoformat(),
        }
        for row in given
    ]  # fmt: skip
    busy = asyncio.Semaphore(32)
    headers = {"Authorization": "Bearer desk-key", "Content-Type": "application/x-www-form-urlencoded"}

    async def post(body: dict[str, str]) -> int:
        async with busy:
            answer = await client.post("/open311/v2/requests.json", content=urlencode(body), headers=headers)
            return answer.status_code

    statuses = Counter(await asyncio.gather(*(post(body) for body in bodies)))
    assert statuses == {201: len(bodies)}
    back: dict[str, dict[str, Any]] = {}
    number = 1
    while True:
        params = {"start_date": "1990-01-01T00:00:00Z", "page": str(number), "page_size": "1000"}
        rows = (await client.get("/open311/v2/requests.json", params=params, headers=headers)).json()
        if not rows:
            break
        back |= {row["service_request_id"]: row for row in rows}
        number += 1
    assert len(back) == len({row["ID"] for row in given})

    def key(code: str, at: str, lat: float, lon: float) -> tuple[str, float, float, float]:
        return code, datetime.fromisoformat(at).timestamp(), round(float(lat), 6), round(float(lon), 6)

    read = Counter(key(r["service_code"], r["requested_datetime"], r["lat"], r["long"]) for r in back.values())
    first = {body["external_id"]: body for body in reversed(bodies)}
    wanted = Counter(
        key(b["service_code"], b["requested_datetime"], float(b["lat"]), float(b["long"])) for b in first.values()
    )
    assert read == wanted, "every category, time and place as it was sent"
    assert Report.TYPE.place == "location", "and so each stands on the map where it was sent from"

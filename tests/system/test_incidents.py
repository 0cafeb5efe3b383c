"""The operations centre on the running product: a flood seen through, storms, shifts, centres, and kill -9 between."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import async_playwright

from province.model.time import format_instant, now
from tests.product import Product, running_product, until
from tests.storms import draw
from tests.system import flood
from tests.system.test_alerts import act, wait

pytestmark = pytest.mark.slow
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
PRESSES = 12
JOURNEY_S = 60.0
STORM_S = 120.0


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with running_product("--example", "--no-simulate") as made:
        yield made


@pytest.fixture(scope="module")
def caller(product: Product) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {product.token}"}
    with httpx.Client(base_url=product.address, headers=headers, trust_env=False, timeout=120) as made:
        yield made


def listed(caller: httpx.Client, type_name: str, **params: str) -> list[dict[str, Any]]:
    """Entities of a type in their simple form."""
    found: list[dict[str, Any]] = []
    while True:
        query = {"type": type_name, "options": "keyValues", "limit": "1000", "offset": str(len(found)), **params}
        page = caller.get("/ngsi-ld/v1/entities", params=query)
        assert page.status_code == 200, page.text
        found += page.json()
        if len(page.json()) < 1000:
            return found


@pytest.mark.browser
async def test_a_flood_from_the_sensor_to_the_closed_incident(product: Product, caller: httpx.Client) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 900}, locale="vi-VN")
            failures: list[str] = []
            page.on("pageerror", lambda error: failures.append(str(error)))
            await flood.sign_in(page, product)
            began = time.monotonic()

            async def shots(name: str) -> None:
                await page.screenshot(path=SCREENSHOTS / f"flood-{name}.png", full_page=True)

            officer = await flood.play(product, page, print, shots=shots)
            assert time.monotonic() - began < JOURNEY_S
            assert officer.presses <= PRESSES, officer.told
            text = await page.inner_text("main")
            assert "Báo cáo sau sự cố" in text
            assert "Gọi trực ban phường" in text
            made = await page.request.get(f"{page.url}.pdf")
            assert (await made.body()).startswith(b"%PDF")
            assert not failures
        finally:
            await browser.close()
    (incident,) = [i for i in listed(caller, "Incident") if i["event"] == "flood_level"]
    assert incident["status"] == "closed"
    assert incident["closingReason"] == "handled"
    assert incident["exercise"] is False
    report = json.loads(json.dumps(incident["report"]))
    figures = report.get("json", report)["figures"]
    assert (figures["alerts"], figures["tasks"], figures["late"]) == (1, 4, 0)
    alert = next(a for a in listed(caller, "Alert") if a.get("incident") == incident["id"])
    assert alert["status"] == "closed"


def test_a_centre_for_one_area_is_made_by_one_action_and_two_officers_sign(
    product: Product, caller: httpx.Client
) -> None:
    act(caller, "operationscentre.establish", area=flood.WARD, name="Trung tâm điều hành Thủ Dầu Một")
    shifts = sorted(listed(caller, "DutyShift"), key=lambda s: s["startsAt"])
    assert len(shifts) >= 21
    act(caller, "dutyshift.begin", shifts[0]["id"])
    act(caller, "dutyshift.note", shifts[0]["id"], text="Không có gì lạ")
    act(caller, "dutyshift.begin", shifts[1]["id"], status=409)
    act(caller, "dutyshift.hand_over", shifts[0]["id"], summary="Mọi việc bình thường")
    act(caller, "dutyshift.begin", shifts[1]["id"], status=403)


async def test_storms_with_hidden_causes_become_one_incident_each(product: Product, caller: httpx.Client) -> None:
    """10,000 alerts of 20 causes: none is mixed, none is spread over two, none is lost; and the time it takes."""
    storm = draw(7)
    start = now().timestamp() - 60
    fields = {"silent": "gateway", "dark": "feeder", "flood_level": "river"}
    devices: dict[str, dict[str, Any]] = {}
    alerts = []
    for n, source in enumerate(storm.source):
        place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(storm.position[n])}}
        id = f"urn:ngsi-ld:Device:storm-{source}"
        devices[id] = {"id": id, "type": "Device", "name": source, "location": place}
        if storm.upstream[n]:
            devices[id][fields[storm.kind[n]]] = storm.upstream[n]
        at = format_instant(now().fromtimestamp(start + storm.at[n], tz=now().tzinfo))
        alerts.append(
            {
                "id": f"urn:ngsi-ld:Alert:storm-{n}",
                "type": "Alert",
                "title": f"{storm.kind[n]} {source}",
                "category": "Infra",
                "event": storm.kind[n],
                "severity": "Moderate",
                "rule": "storm",
                "alertSource": {"type": "Relationship", "object": id},
                "location": place,
                "raisedAt": {"type": "Property", "value": {"@type": "DateTime", "@value": at}},
            }
        )
    for body in (list(devices.values()), alerts):
        for begin in range(0, len(body), 1000):
            answer = caller.post("/ngsi-ld/v1/entityOperations/create", json=body[begin : begin + 1000])
            assert answer.status_code == 201, answer.text[:1000]
    began = time.monotonic()

    def open_left() -> int:
        query = {"type": "Alert", "q": '!incident;rule=="storm"', "count": "true", "limit": "1"}
        return int(caller.get("/ngsi-ld/v1/entities", params=query).headers["NGSILD-Results-Count"])

    await until(lambda: open_left() == 0, "every alert has its incident", timeout_s=STORM_S, pause_s=0.5)
    print(f"gathered {len(storm)} alerts within {time.monotonic() - began:.1f} s of the last one")
    found = {a["id"]: a["incident"] for a in listed(caller, "Alert", q='rule=="storm"')}
    assert len(found) == 10_000
    pairs = {(found[f"urn:ngsi-ld:Alert:storm-{n}"], cause) for n, cause in enumerate(storm.cause)}
    assert len(pairs) == len(set(found.values())) == 20
    told = {i["id"]: i["alertCount"] for i in listed(caller, "Incident")}
    assert all(told[incident] == count for incident, count in Counter(found.values()).items())


@pytest.mark.fault
async def test_a_killed_worker_between_the_steps_loses_and_doubles_nothing(
    product: Product, caller: httpx.Client
) -> None:
    """kill -9 of the worker while alerts are gathered, while an incident is taken on, and while it is closed."""
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.9, 11.4]}}
    for n in range(40):
        body = {
            "id": f"urn:ngsi-ld:Alert:kill-{n}", "type": "Alert", "title": "x", "category": "Infra", "event": "kill",
            "severity": "Severe", "rule": "kill", "location": place,
            "raisedAt": {"type": "Property", "value": {"@type": "DateTime", "@value": format_instant(now())}},
        }  # fmt: skip
        assert caller.post("/ngsi-ld/v1/entities", json=body).status_code == 201
        if n in (10, 25):
            await product.kill("work")
    mine = lambda: [a for a in listed(caller, "Alert", q='rule=="kill"') if a.get("incident")]  # noqa: E731
    await until(lambda: len(mine()) == 40, "all are gathered", timeout_s=60)
    assert len({a["incident"] for a in mine()}) == 1
    id = mine()[0]["incident"]
    act(caller, "incident.accept", id)
    await product.kill("work")
    tasks = listed(caller, "IncidentTask", q=f'incident=="{id}"')
    assert len(tasks) == 2
    for task in tasks:
        act(caller, "incidenttask.finish", task["id"], result="xong")
        act(caller, "incidenttask.finish", task["id"], status=409)
    await product.kill("work")
    act(caller, "incident.close", id, note="xong")
    act(caller, "incident.close", id, status=409)
    wait(lambda: not [a for a in mine() if a["status"] != "closed"], "its alerts are closed")
    (incident,) = [i for i in listed(caller, "Incident") if i["id"] == id]
    assert incident["alertCount"] == 40
    assert incident["status"] == "closed"

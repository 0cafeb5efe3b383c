"""Real input through the doors of the running product: counts equal those of the files, seen on map and chart.

The METR-LA week is replayed: its times are moved by a whole number of days so that it ends now, and its places by one
offset into the province, for the chart and the map show the last week and Bình Dương. Values and order are as measured.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.async_api import Locator, async_playwright

from province.history.lake import Span
from province.ingest.credentials import Credential
from tests.model.test_codec import DEFECTIVE
from tests.product import Product, running_product
from tests.shared import shared
from tests.system.load import Device
from tests.system.replay import MPH, TYPE, Week, read_week, sensor

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
STEPS_PER_MESSAGE = 84
"""Seven hours of one detector: what a device sends that was out of reach."""
READ_HERE = (
    "Device/Device",
    "Environment/AirQualityObserved",
    "Environment/FloodMonitoring",
    "Streetlighting/Streetlight",
)


@pytest.fixture(scope="module")
def own() -> Iterator[Product]:
    with running_product() as product:
        yield product


@pytest.fixture(scope="module")
async def week(own: Product) -> Week:
    """The week, in the lake: its first half came by HTTP, its second by MQTT."""
    found = read_week(shared("timeseries/metr-la-week"))
    async with own.http() as client:
        body = [
            {
                "id": sensor(name), "type": TYPE, "name": {"type": "Property", "value": f"METR-LA {name}"},
                "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}},
            }
            for name, place in zip(found.names, found.places, strict=True)
        ]  # fmt: skip
        answer = await client.post("/ngsi-ld/v1/entityOperations/create", json=body)
        assert answer.status_code == 201, answer.text
    half = len(found.speeds) // 2
    await asyncio.gather(_by_http(own, found, half), _by_mqtt(own, found, half))
    await own.written()
    return found


async def _by_http(product: Product, week: Week, half: int) -> None:
    """Eight hours of all detectors a batch, in miles per hour, as the files have them."""
    taken = 0
    async with product.http() as client:
        for start in range(0, half, 96):
            rows = range(start, min(start + 96, half))
            block = {
                "type": TYPE, "attribute": "averageVehicleSpeed", "unitCode": MPH,
                "entity": [sensor(name) for _ in rows for name in week.names],
                "observedAt": [week.micros(row) for row in rows for _ in week.names],
                "value": week.speeds[start : start + len(rows)].ravel().tolist(),
            }  # fmt: skip
            answer = await client.post("/api/observations", json=[block], headers={"Idempotency-Key": f"week-{start}"})
            assert answer.status_code == 200, answer.text
            assert answer.json()["refused"] == 0
            taken += answer.json()["accepted"]
    assert taken == half * len(week.names)


async def _by_mqtt(product: Product, week: Week, half: int) -> None:
    """Each detector with its own connection and credential, QoS 1."""
    credentials = await product.issue([sensor(name) for name in week.names])

    def send(n: int, credential: Credential) -> None:
        device = Device(product, credential, sensor(week.names[n]), set())
        device.connect()
        for start in range(half, len(week.speeds), STEPS_PER_MESSAGE):
            rows = range(start, min(start + STEPS_PER_MESSAGE, len(week.speeds)))
            instances = [
                {"type": "Property", "value": float(week.speeds[row, n]), "unitCode": MPH, "observedAt": week.text(row)}
                for row in rows
            ]
            device.send({"averageVehicleSpeed": instances})
        device.end(patience_s=60)
        assert device.waiting == 0

    with ThreadPoolExecutor(12) as pool:
        await asyncio.gather(
            *(asyncio.get_running_loop().run_in_executor(pool, send, n, one) for n, one in enumerate(credentials))
        )


@pytest.mark.slow
async def test_the_week_is_there_as_it_was_measured(own: Product, week: Week) -> None:
    """417,312 readings, each detector's 2,016, in kilometres per hour."""
    assert week.speeds.shape == (2016, 207)
    lake = await asyncio.to_thread(own.lake.read, Span(attributes=["averageVehicleSpeed"]))
    assert own.lake.count() == lake.num_rows == week.speeds.size == 417_312
    found = np.full(week.speeds.shape, np.nan)
    columns = {sensor(name): n for n, name in enumerate(week.names)}
    at = (lake["observed_at"].cast("int64").to_numpy() - week.micros(0)) // 300_000_000
    found[at, [columns[name] for name in lake["entity"].to_pylist()]] = lake["number"].to_numpy()
    np.testing.assert_allclose(found, week.speeds * 1.609344, rtol=1e-9)
    async with own.http() as client:
        page = await client.get("/ngsi-ld/v1/entities", params={"type": TYPE, "count": "true", "limit": "1"})
        assert page.headers["NGSILD-Results-Count"] == "207"
        latest = (await client.get(f"/ngsi-ld/v1/entities/{sensor(week.names[0])}")).json()["averageVehicleSpeed"]
        assert latest["value"] == pytest.approx(week.speeds[-1, 0] * 1.609344)
        assert datetime.fromisoformat(latest["observedAt"]) == week.at(len(week.speeds) - 1)
        counted = await client.get(
            f"/ngsi-ld/v1/temporal/entities/{sensor(week.names[0])}",
            params={
                "attrs": "averageVehicleSpeed", "format": "aggregatedValues", "aggrMethods": "totalCount",
                "aggrPeriodDuration": "PT0S", "timerel": "after", "timeAt": "2000-01-01T00:00:00Z",
            },
        )  # fmt: skip
        assert counted.json()["averageVehicleSpeed"]["totalCount"][0][0] == 2016, counted.text


@pytest.mark.slow
async def test_the_models_examples_by_feed_and_by_api(own: Product) -> None:
    """What the feed reads becomes records and readings; what the API takes is given back with as many attributes."""
    before = own.lake.count()
    readings = 0
    async with own.http() as client:
        for folder in READ_HERE:
            path = shared(f"data-models/{folder}/examples/example-normalized.jsonld")
            document = {**json.loads(path.read_text()), "id": f"urn:ngsi-ld:feed:{folder.replace('/', ':')}"}
            answer = await client.post("/api/feeds/smart-data-models", json=document)
            assert answer.status_code == 200, (folder, answer.text)
            readings += answer.json().get("observed", 0)
            stored = await client.get(f"/ngsi-ld/v1/entities/{quote(document['id'])}")
            assert stored.status_code == 200, (folder, stored.text)
        taken = 0
        for path in sorted(shared("data-models").glob("*/*/examples/example-normalized.jsonld")):
            model = path.parts[-4]
            body = json.loads(path.read_text())
            # The context stands beside the examples; the product would fetch it from the internet.
            body["@context"] = json.loads((path.parents[2] / "context.jsonld").read_text())["@context"]
            body["id"] = f"urn:ngsi-ld:api:{model}:{path.parts[-3]}" if body["id"].startswith("urn:") else body["id"]
            answer = await client.post(
                "/ngsi-ld/v1/entities", json=body, headers={"Content-Type": "application/ld+json"}
            )
            if answer.status_code != 201:
                problem = answer.json()
                assert (answer.status_code, bool(problem["field"])) == (400, True), (path, problem)
                assert f"{model}/{path.parts[-3]}" in DEFECTIVE, problem
                continue
            taken += 1
            stored = await client.get(f"/ngsi-ld/v1/entities/{quote(body['id'], safe='')}")
            assert len(stored.json()) == len(body) - 1, path
    assert taken == 33
    await own.written()
    assert own.lake.count() - before >= readings > 10


@pytest.mark.browser
async def test_the_week_on_map_and_chart(own: Product, week: Week) -> None:
    """A citizen without an account sees the 207 detectors, opens one, and sees its week as a line."""
    SCREENSHOTS.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 900}, locale="vi-VN")
            failures: list[str] = []
            page.on("pageerror", lambda error: failures.append(str(error)))
            async with page.expect_response(lambda one: f"/console/map/{TYPE}.json" in one.url) as marks:
                await page.goto(f"{own.address}/map?layer={TYPE}")
            seen = await (await marks.value).json()
            assert (seen["total"], seen["inside"]) == (207, 207)
            assert len(seen["x"]) + sum(seen["cn"]) == 207
            await page.wait_for_selector("[data-map][data-ready=yes]")
            await page.wait_for_timeout(1500)
            await page.screenshot(path=SCREENSHOTS / "metr-la-map.png")
            n = _most_alone(week)
            longitude, latitude = week.places[n]
            async with page.expect_response(lambda one: f"/console/map/{TYPE}.json" in one.url) as marks:
                await page.goto(f"{own.address}/map?layer={TYPE}#16/{latitude}/{longitude}")
                await page.reload()
            assert sensor(week.names[n]) in (await (await marks.value).json())["id"]
            await page.wait_for_selector("[data-map][data-ready=yes]")
            await page.wait_for_timeout(1500)
            box = await page.locator("[data-map]").bounding_box()
            assert box is not None
            await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            popup = page.locator(".maplibregl-popup")
            await popup.wait_for()
            assert f"METR-LA {week.names[n]}" in await popup.inner_text()
            await page.screenshot(path=SCREENSHOTS / "metr-la-popup.png")
            await popup.locator("a").first.click()
            await page.wait_for_url("**/entity/**")
            await page.goto(f"{page.url.partition('?')[0]}?range=7d")
            chart = page.locator("figure[data-series*=averageVehicleSpeed]")
            await chart.locator("canvas").wait_for()
            await page.wait_for_timeout(500)
            await chart.scroll_into_view_if_needed()
            await page.screenshot(path=SCREENSHOTS / "metr-la-chart.png")
            series = await (await page.request.get(f"{own.address}{await chart.get_attribute('data-series')}")).json()
            shown = [(v, c) for v, c in zip(series["avg"], series["count"], strict=True) if v is not None]
            # A step that has just left the week before now is not shown any more.
            assert 2016 - sum(c for _, c in shown) <= 3
            mean = sum(v * c for v, c in shown) / sum(c for _, c in shown)
            assert mean == pytest.approx(week.speeds[:, n].mean() * 1.609344, rel=1e-3)
            assert await _coloured(chart) > 500
            assert not failures
        finally:
            await browser.close()


def _most_alone(week: Week) -> int:
    """The detector that is furthest from any other: it is drawn by itself, not in a group."""
    places = np.array(week.places)
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return int(apart.min(axis=1).argmax())


async def _coloured(chart: Locator) -> int:
    """Pixels of the drawing that are not grey: those of the line."""
    found: int = await chart.locator("canvas").evaluate(
        """canvas => {
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let n = 0;
            for (let i = 0; i < data.length; i += 4) {
                const [r, g, b, a] = data.slice(i, i + 4);
                if (a > 0 && Math.max(r, g, b) - Math.min(r, g, b) > 40) n++;
            }
            return n;
        }"""
    )
    return found

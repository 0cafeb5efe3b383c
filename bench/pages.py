"""Pages at 100,000 entities: server time of every kind of page, and the map in a real browser.

    python -m bench.pages [--entities 100000] [--rounds 30] [--no-browser]

60% lamps, 40% air stations with a latest value each, and 1,000 reports; the Bình Dương example beside them. A page is
asked for by one signed-in person over loopback, so its time is the server's plus the loopback's. *first paint* of the
map counts from the click to the moment when every layer has drawn its answer. While the map is dragged, *between
frames* is what is seen, with software rendering where there is no graphics card; *script per frame* is the part of it
that the page's own code takes, which is what a machine with a graphics card is left with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
from playwright.sync_api import CDPSession, Page, sync_playwright

from bench.client import Connection
from bench.doors import ARROW
from bench.product import Product, running_product, write
from province.model.observation import SCHEMA

WEST, SOUTH, EAST, NORTH = 106.32, 10.86, 106.97, 11.51


def entity(n: int, kind: str, random: np.random.Generator) -> dict[str, object]:
    """A sensor with a name, a place and a state."""
    lon, lat = random.uniform(WEST, EAST), random.uniform(SOUTH, NORTH)
    return {
        "id": f"urn:ngsi-ld:{kind}:P-{n:06d}",
        "type": kind,
        "name": {"type": "Property", "value": f"{'Đèn' if kind == 'Streetlight' else 'Trạm'} số {n} đường Lê Lợi"},
        "serialNumber": {"type": "Property", "value": f"P-{kind}-{n:06d}"},
        "gateway": {"type": "Property", "value": f"gw-{n % 50}"},
        "lifecycle": {"type": "Property", "value": "in_service"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}},
    }


async def fill(product: Product, entities: int) -> None:
    """Entities and their latest values, through the doors of programs."""
    random = np.random.default_rng(1)
    connection = await Connection.open(product.settings.port, product.token)
    stations = entities * 2 // 5
    kinds = [("AirQualityObserved", stations), ("Streetlight", entities - stations)]
    for kind, count in kinds:
        for start in range(0, count, 1000):
            made = [entity(n, kind, random) for n in range(start, min(start + 1000, count))]
            body = json.dumps(made).encode()
            status, answer = await connection.call("POST", "/ngsi-ld/v1/entityOperations/create", body)
            assert status == 201, answer[:300]
    for start in range(0, stations, 1000):
        ids = [f"urn:ngsi-ld:AirQualityObserved:P-{n:06d}" for n in range(start, min(start + 1000, stations))]
        n = len(ids)
        columns = [
            pa.array(ids),
            pa.array(["AirQualityObserved"] * n).dictionary_encode(),
            pa.array(["pm25"] * n).dictionary_encode(),
            pa.nulls(n, pa.string()).dictionary_encode(),
            pa.array([datetime.now(UTC)] * n, pa.timestamp("us", tz="UTC")),
            pa.array(np.round(random.gamma(3, 10, n), 1)),
            pa.nulls(n, pa.string()),
            pa.array(np.zeros(n, np.uint8)),
        ]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, SCHEMA) as stream:
            stream.write_table(pa.table(columns, schema=SCHEMA))
        status, answer = await connection.call("POST", "/api/observations", sink.getvalue().to_pybytes(), ARROW)
        assert status in (200, 202), (status, answer[:300])
    connection.close()
    await asyncio.sleep(5)  # the latest values reach the tables


def measure(client: httpx.Client, rounds: int) -> list[dict[str, object]]:
    """Median and 95th percentile per page; the first answer by itself."""
    box = f"bbox={WEST},{SOUTH},{EAST},{NORTH}&zoom=9.5"
    near = "bbox=106.64,10.97,106.70,11.02&zoom=13"
    station, lamp = "urn:ngsi-ld:AirQualityObserved:P-000777", "urn:ngsi-ld:Streetlight:P-000777"
    pages = {
        "overview": "/",
        "entity, with readings": f"/entity/{station}",
        "entity, a lamp": f"/entity/{lamp}",
        "list, newest first": "/list/Streetlight",
        "list, words": "/list/Streetlight?q=den+so+777",
        "list, filter and order": "/list/Streetlight?gateway=gw-7&sort=serialNumber",
        "search, a name": "/search?q=so+777",
        "search, a word of all": "/search?q=le+loi",
        "pick, a ward": "/console/pick/Area?q=thu+dau",
        "map page": "/map",
        "map marks, whole province": f"/console/map/AirQualityObserved.json?{box}",
        "map marks, a ward": f"/console/map/AirQualityObserved.json?{near}",
        "map popup": f"/console/map/popup?id={station}&by=pm25",
        "help": "/help",
    }
    rows: list[dict[str, object]] = []
    for name, path in pages.items():
        times = []
        size = 0
        for _ in range(rounds + 1):
            began = time.perf_counter()
            answer = client.get(path)
            times.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, (path, answer.status_code)
            size = len(answer.content)
        first, rest = times[0], sorted(times[1:])
        rows.append(
            {
                "page": name,
                "median_ms": round(statistics.median(rest), 1),
                "p95_ms": round(rest[int(0.95 * (len(rest) - 1))], 1),
                "first_ms": round(first, 1),
                "kB": round(size / 1000, 1),
            }
        )
    return rows


def until(page: Page, drawn: int) -> None:
    """Wait until the map has drawn so many answers."""
    deadline = time.perf_counter() + 60
    while int(page.evaluate("Number(document.querySelector('[data-map]')?.dataset.drawn ?? 0)")) < drawn:
        assert time.perf_counter() < deadline, "the map does not draw"
        time.sleep(0.005)


def in_a_browser(product: Product, client: httpx.Client) -> list[dict[str, object]]:
    """First paint and pan of the map with both layers on."""
    address = f"http://127.0.0.1:{product.settings.port}"
    cookies = [{"name": c.name, "value": c.value or "", "url": address} for c in client.cookies.jar]
    layers = "layer=AirQualityObserved&layer=Streetlight"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{address}/map?{layers}")
        until(page, 2)
        began = time.perf_counter()
        page.goto(f"{address}/map?{layers}&again=1")
        until(page, 2)
        paint = (time.perf_counter() - began) * 1000
        box = page.locator("[data-map] canvas").first.bounding_box()
        assert box is not None
        page.evaluate(
            "() => { window.frames_ = []; let last = performance.now(); const tick = (now) => {"
            " window.frames_.push(now - last); last = now; requestAnimationFrame(tick); };"
            " requestAnimationFrame(tick); }"
        )
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        inside = context.new_cdp_session(page)
        inside.send("Performance.enable")
        scripted = _scripted(inside)
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(60):
            page.mouse.move(x - step * 5, y - step * 2)
            page.wait_for_timeout(16)
        page.mouse.up()
        scripted = _scripted(inside) - scripted
        frames = sorted(page.evaluate("window.frames_"))
        began = time.perf_counter()
        drawn = int(page.evaluate("Number(document.querySelector('[data-map]').dataset.drawn)"))
        until(page, drawn + 1)
        after = (time.perf_counter() - began) * 1000
        browser.close()
    return [
        {"page": "map in Chromium, first paint with all marks", "median_ms": round(paint, 1)},
        {
            "page": "map in Chromium, between frames while panning",
            "median_ms": round(statistics.median(frames), 1),
            "p95_ms": round(frames[int(0.95 * (len(frames) - 1))], 1),
        },
        {
            "page": "map in Chromium, script per frame while panning",
            "median_ms": round(1000 * scripted / len(frames), 1),
        },
        {"page": "map in Chromium, new marks after the pan", "median_ms": round(after, 1)},
    ]


def _scripted(inside: CDPSession) -> float:
    """Seconds that scripts of the page took so far."""
    found = inside.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in found if one["name"] == "ScriptDuration")


def main(entities: int, rounds: int, browser: bool) -> None:
    """Fill, measure, print."""
    with running_product("--no-simulate", "--example") as product:
        began = time.perf_counter()
        asyncio.run(fill(product, entities))
        print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        with product.signed_in() as client:
            rows = measure(client, rounds)
            if browser and Path("/usr/bin/chromium").exists():
                rows += in_a_browser(product, client)
    write("pages", [{"entities": entities, **row} for row in rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0, help="taken and ignored: this benchmark counts rounds")
    parser.add_argument("--no-browser", dest="browser", action="store_false")
    given = parser.parse_args()
    main(given.entities, given.rounds, given.browser)

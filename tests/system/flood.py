"""A flood from the sensor to the closed incident, on a real product over MQTT: for the test and for `make demo-flood`.

A gauge on the river rises over its alarm levels, and the alert becomes an incident. Everything the duty officer does
from there to the report is done in a browser, and every press counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from playwright.async_api import Page

from province.ingest.credentials import Credential
from province.model.time import format_instant, now
from tests.product import PASSWORD, Product, until

WARD = "urn:ngsi-ld:Area:25747:2025-07-01"
GAUGE = "urn:ngsi-ld:FloodMonitoring:demo-flood"
PLACE = (106.652, 10.98)
Say = Callable[[str], None]


class Gauge:
    """A water level gauge with its own credential. What it sends counts: it is no simulation to the product."""

    def __init__(self, product: Product, credential: Credential) -> None:
        self._login = credential.login
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=credential.login, protocol=mqtt.MQTTv311)
        self._client.username_pw_set(credential.login, credential.secret)
        self._client.connect("127.0.0.1", product.settings.mqtt_port)
        self._client.loop_start()

    def send(self, level_m: float) -> None:
        """One reading, acknowledged."""
        body = {"observedAt": format_instant(now()), "currentLevel": level_m}
        sent = self._client.publish(f"devices/{self._login}/data", json.dumps(body), qos=1)
        sent.wait_for_publish(20)

    def close(self) -> None:
        """Go away."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(slots=True)
class Officer:
    """The duty officer at the console. presses: everything clicked."""

    page: Page
    address: str
    presses: int = 0
    told: list[str] = field(default_factory=list)

    async def press(self, selector: str, what: str) -> None:
        """One press, and the page after it."""
        self.presses += 1
        self.told.append(what)
        await self.page.locator(selector).first.click()
        await self.page.wait_for_load_state("load")


async def prepare(product: Product) -> Gauge:
    """Register the gauge with its alarm levels, and give it its credential."""
    async with product.http() as client:
        body = {
            "id": GAUGE,
            "type": "FloodMonitoring",
            "name": "Cầu Phú Cường",
            "area": {"type": "Relationship", "object": WARD},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(PLACE)}},
            "alertLevel": {"type": "Property", "value": 1.2, "unitCode": "MTR"},
            "warningLevel": {"type": "Property", "value": 1.4, "unitCode": "MTR"},
            "dangerLevel": {"type": "Property", "value": 1.6, "unitCode": "MTR"},
        }
        made = await client.post("/ngsi-ld/v1/entities", json=body)
        assert made.status_code == 201, made.text
    (credential,) = await product.issue([GAUGE])
    return Gauge(product, credential)


async def sign_in(page: Page, product: Product) -> None:
    """The first administrator, whose first password is changed as it must be."""
    first = (product.settings.secrets / "administrator").read_text().strip()
    await page.goto(f"{product.address}/sign-in")
    await page.fill("input[name=login]", "administrator")
    await page.fill("input[name=password]", first)
    await page.click("main button.main")
    await page.fill("input[name=old]", first)
    await page.fill("input[name=new]", PASSWORD)
    await page.fill("input[name=again]", PASSWORD)
    await page.click("main button.main")
    await page.wait_for_load_state("load")


async def incidents(product: Product) -> list[dict[str, Any]]:
    """All incidents."""
    async with product.http() as client:
        params = {"type": "Incident", "options": "keyValues", "limit": "100"}
        found = await client.get("/ngsi-ld/v1/entities", params=params)
        return list(found.json())


async def play(product: Product, page: Page, say: Say, *, shots: Callable[[str], Any] | None = None) -> Officer:
    """The whole flood. Raises: AssertionError where it does not go as it must."""

    async def shot(name: str) -> None:
        if shots is not None:
            await shots(name)

    gauge = await prepare(product)
    officer = Officer(page, product.address)
    try:
        for level in (1.0, 1.1, 1.45, 1.5):
            gauge.send(level)
            time.sleep(0.05)
        began = time.monotonic()
        say("the gauge at Cầu Phú Cường sends 1.45 m and 1.50 m: above alarm level II (1.40 m)")

        async def opened() -> bool:
            return any(i["event"] == "flood_level" for i in await incidents(product))

        await until(opened, "the alert is an incident", timeout_s=60, pause_s=0.2)
        say(f"an incident stands in the operations centre after {time.monotonic() - began:.1f} s")
        await page.goto(f"{product.address}/centres")
        await shot("centre")
        began = time.monotonic()
        await officer.press("#live .wall-list a", "open the incident")
        await shot("incident-new")
        await officer.press(".act-now button", "take it on")
        await shot("incident-handling")
        tasks = await page.locator(".tasks > li.undone").count()
        assert tasks == 4, tasks
        for number in range(tasks):
            await officer.press(".tasks > li.undone form.inline button", f"task {number + 1} is done")
        for level in (1.1, 1.0):
            gauge.send(level)
        await officer.press("form[action$='incident.close'] button", "close it")
        await shot("incident-closed")
        await officer.press(".note.good a", "read the report")
        await shot("report")
        say(f"taken on, tasks done, closed, report read: {officer.presses} presses, {time.monotonic() - began:.1f} s")
        assert await page.locator("h1").inner_text() != ""
        return officer
    finally:
        gauge.close()

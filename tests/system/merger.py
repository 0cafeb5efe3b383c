"""Merger day on the real product: the map of 30 June 2025, devices, open reports, subscriptions and users at work; the
reform of 1 July 2025 replayed, then an invented mid-month merger and the splits of two of the 36 units.

An inventory that shares no code with the product (`scripts/merger_inventory.py`) is taken before and after each order.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from province.broker.database import Connection
from province.identity import accounts, roles, tokens
from province.identity.passwords import Passwords
from province.model.actor import system
from province.model.time import CIVIL_ZONE
from tests.product import Product, until

SCRIPT = Path(__file__).parents[2] / "scripts" / "merger_inventory.py"
REFORM, BEFORE = "2025-07-01", "2025-06-30"
TYPE, ATTRIBUTE = "AirQualityObserved", "pm25"
PLACES = 30
"""So many old units get two reports each."""
CACHED_S = 6.0
"""A change of rights counts within five seconds."""
Say = Callable[[str], None]


@dataclass(slots=True)
class Day:
    """One merger day. folder: for inventories and orders.  say: told what happens."""

    product: Product
    folder: Path
    say: Say
    users: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    places: list[tuple[str, tuple[float, float]]] = field(default_factory=list)
    took_s: dict[str, float] = field(default_factory=dict)
    ear: str = ""
    """Where the subscribers of the day listen."""
    heard: Counter[str] = field(default_factory=Counter)
    """Notifications by subscriber."""

    async def prepare(self) -> None:
        """People in posts, two subscriptions, open reports in many old units."""
        async with self.product.http() as client:
            units = await self._units(client, BEFORE)
            assert len(units) == 91, len(units)
            positions = {}
            for unit in units[:: max(1, len(units) // PLACES)][:PLACES]:
                answer = await client.get(f"/api/territory/areas/{unit}/parts", params={"on": BEFORE})
                for part in answer.raise_for_status().json():
                    positions[part["id"]] = (unit, tuple(part["position"]))
            self.places = list(positions.values())
            await self._people(sorted({unit for unit, _ in self.places}))
            official = {"Authorization": f"Bearer {self.users[min(self.users)]}"}
            for n, headers in enumerate(({}, official)):
                body = {
                    "type": "Subscription", "entities": [{"type": "Report"}], "id": f"urn:ngsi-ld:Subscription:day-{n}",
                    "notification": {"endpoint": {"uri": f"{self.ear}/{n}"}},
                }  # fmt: skip
                answer = await client.post("/ngsi-ld/v1/subscriptions", json=body, headers=headers)
                assert answer.status_code == 201, answer.text
            for n, (_, place) in enumerate(self.places):
                await self._report(client, place, n)
            await until(
                lambda: self._routed(len(self.places)), "every report has an agency", timeout_s=120, pause_s=0.5
            )
        self.say(f"{len(self.places)} open reports in {PLACES} old units, {len(self.users)} officials, 2 subscriptions")

    async def _units(self, client: httpx.AsyncClient, day: str) -> list[str]:
        answer = await client.get("/console/areas.geojson", params={"on": day})
        shown = answer.raise_for_status().json()["features"]
        return sorted(unquote(f["properties"]["href"].removeprefix("/entity/")) for f in shown)

    async def _people(self, units: list[str]) -> None:
        """One operator per committee of a unit, one limited to a unit, one for the province; each with a token."""
        actor = system(self.product.settings.tenant, "test")
        hasher = Passwords()

        async def make(connection: Connection) -> dict[str, str]:
            found = {}
            for n, unit in enumerate(units):
                code = unit.split(":")[3]
                for name, agency, areas in (
                    (f"ubnd-{code}", f"urn:ngsi-ld:Agency:ubnd-{code}:2024-05-01", ()),
                    (f"dia-ban-{code}", None, (unit,)),
                )[: 2 if n % 3 == 0 else 1]:
                    account = await accounts.create(
                        connection, actor, hasher, login=name, name=name, kind="service", agency=agency
                    )
                    for role in ("operator", "integrator"):
                        await roles.grant(connection, actor, account.id, role, agency=agency, areas=areas)
                    found[name] = await tokens.create(connection, actor, account.id, name=name)
            return found

        try:
            self.users = await self.product.database(make)
        finally:
            hasher.close()

    async def _report(self, client: httpx.AsyncClient, place: tuple[float, float], n: int) -> None:
        inputs = {
            "title": f"Đèn đường hỏng số {n}", "category": "light",
            "location": {"type": "Point", "coordinates": list(place)},
        }  # fmt: skip
        answer = await client.post("/api/actions/report.submit", json={"inputs": inputs})
        if answer.status_code >= 300:
            self.refused.append(f"{answer.status_code} {answer.text[:200]}")
            return
        self.created += [one["id"] for one in answer.json()["changed"]]

    async def _routed(self, least: int) -> bool:
        async def count(connection: Connection) -> int:
            found: int = await connection.fetchval(
                "SELECT count(*) FROM entity WHERE type = 'Report' AND attrs -> 'status' ->> 'value' <> 'new'"
            )
            return found

        return await self.product.database(count) >= least

    async def at_work(self, stop: asyncio.Event) -> None:
        """Residents send reports and officials begin to work on theirs, until told to stop."""
        n = 1000
        async with self.product.http() as client:
            while not stop.is_set():
                await self._report(client, self.places[n % len(self.places)][1], n)
                name = sorted(self.users)[n % len(self.users)]
                mine = await client.get(
                    "/ngsi-ld/v1/entities",
                    params={"type": "Report", "q": 'status=="assigned"', "limit": "1", "options": "keyValues"},
                    headers={"Authorization": f"Bearer {self.users[name]}"},
                )
                if mine.status_code == 200 and mine.json():
                    id = mine.json()[0]["id"]
                    self.changed.append(id)
                    answer = await self._start(client, id, name)
                    if answer.status_code in (403, 404):
                        await asyncio.sleep(CACHED_S)  # credentials are remembered for so long; the work is not lost
                        answer = await self._start(client, id, name)
                    if answer.status_code not in (200, 409):
                        self.refused.append(f"{name} {answer.status_code} {answer.text[:200]}")
                n += 1
                await asyncio.sleep(0.2)

    async def _start(self, client: httpx.AsyncClient, id: str, name: str) -> httpx.Response:
        """An official begins to work on a report."""
        headers = {"Authorization": f"Bearer {self.users[name]}"}
        return await client.post("/api/actions/report.start", json={"id": id}, headers=headers)

    def inventory(self, name: str) -> Path:
        """Take one."""
        out, known = self.folder / f"{name}.json", self.folder / "tokens.json"
        known.write_text(json.dumps(self.users))
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "take", "--dsn", self.product.engines.database_dsn(), "--url",
             self.product.address, "--tokens", str(known), "--out", str(out)],
            capture_output=True, check=False, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.say(f"inventory {name}: {done.stdout.strip()}")
        return out

    def compare(self, before: Path, after: Path, *orders: Path) -> str:
        """Every difference between two inventories; fails when one is left unexplained."""
        work = self.folder / "work.json"
        work.write_text(json.dumps({"created": self.created, "changed": self.changed}))
        given = [piece for order in orders for piece in ("--order", str(order))]
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "compare", str(before), str(after), *given, "--work", str(work)],
            capture_output=True, check=False, text=True,
        )  # fmt: skip
        self.say(done.stdout.rstrip())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async def decide(self, name: str, order: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Preview, decide while people work, and see that nothing but the order's own effect was told before."""
        path = self.folder / f"order-{name}.json"
        path.write_text(json.dumps(order, ensure_ascii=False))
        stop = asyncio.Event()
        async with self.product.http(timeout=120) as client, asyncio.TaskGroup() as group:
            group.create_task(self.at_work(stop))
            try:
                await asyncio.sleep(2)
                preview = await client.post("/api/territory/preview", json=order)
                assert preview.status_code == 200, preview.text
                began = asyncio.get_running_loop().time()
                answer = await client.post("/api/territory/orders", json=order)
                self.took_s[name] = asyncio.get_running_loop().time() - began
                assert answer.status_code == 201, answer.text
                again = await client.post("/api/territory/orders", json=order)
                assert (again.status_code, again.json()["repeated"]) == (200, True), again.text
                await asyncio.sleep(2)
            finally:
                stop.set()
        decided: dict[str, Any] = answer.json()
        touched = decided["touched"]
        self.say(
            f"{name}: {len(touched['ends'])} areas end, {len(touched['begins'])} begin,"
            f" {touched['parts_moved']} parts move, {sum(c['count'] for c in touched['cases'])} open reports pass on,"
            f" {self.took_s[name]:.2f} s"
        )
        return path, decided

    async def settled(self) -> None:
        """Wait until what came in with the map of before has been mended: no open report names an agency that ended."""

        async def none_left() -> bool:
            async def count(connection: Connection) -> int:
                found: int = await connection.fetchval(
                    "SELECT count(*) FROM entity r JOIN entity a ON a.id = r.attrs -> 'assignedTo' ->> 'value'"
                    " WHERE r.type = 'Report' AND a.attrs ? 'validTo'"
                    " AND NOT r.attrs -> 'status' ->> 'value' IN ('closed', 'rejected')"
                )
                return found

            return await self.product.database(count) == 0

        await until(none_left, "no open report names an agency that ended", timeout_s=120, pause_s=1)

    async def totals(self, *days: str) -> dict[str, tuple[int, float]]:
        """(readings, sum) of one attribute over all areas of the map of each day: they must agree."""
        end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        found = {}
        async with self.product.http() as client:
            for day in days:
                params = {
                    "type": TYPE, "attribute": ATTRIBUTE, "start": (end - timedelta(hours=3)).isoformat(),
                    "end": (end + timedelta(hours=1)).isoformat(), "map": day,
                }  # fmt: skip
                answer = await client.get("/api/observations/area-hours", params=params)
                rows = answer.raise_for_status().json()
                found[day] = (
                    round(sum(r["readings"] for r in rows)),
                    round(sum(r["readings"] * r["average"] for r in rows), 3),
                )
        return found


async def run(product: Product, folder: Path, say: Say) -> Day:
    """The whole day. Raises: AssertionError for a difference that nothing explains."""
    day = Day(product, folder, say)
    listening = await asyncio.start_server(lambda r, w: _hear(day, r, w), "127.0.0.1", 0)
    day.ear = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        await _live(day)
    return day


async def _hear(day: Day, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A subscriber: takes every notification, over connections that stay open until the day is over."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode("latin-1").split("\r\n")
            length = next((int(x.split(":")[1]) for x in lines if x.lower().startswith("content-length:")), 0)
            await reader.readexactly(length)
            day.heard[lines[0].split(" ")[1]] += 1
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _live(day: Day) -> None:
    product, say = day.product, day.say
    await day.prepare()
    today = datetime.now(CIVIL_ZONE).date().isoformat()
    async with product.http(timeout=120) as client:
        reform = (await client.get(f"/api/territory/recorded/{REFORM}")).raise_for_status().json()
        first = day.inventory("1-before")
        reform_path, _ = await day.decide("reform-2025", reform)
        await day.settled()
        second = day.inventory("2-after-the-reform")
        say("--- the reform of 2025")
        day.compare(first, second, reform_path)
        new = await day._units(client, REFORM)
        assert len(new) == 36, len(new)
        assert len(await day._units(client, BEFORE)) == 91, "yesterday's map answers"
        merger = {
            "effective": today, "basis": "Nghị quyết giả định 01/NQ (diễn tập)",
            "title": "Sáp nhập giả định giữa tháng",
            "articles": [{"kind": "merge", "units": new[:2],
                          "into": {"code": "99101", "name": "Phường Diễn Tập Một", "kind": "ward"}}],
        }  # fmt: skip
        merger_path, _ = await day.decide("merger", merger)
        splits = {"effective": today, "basis": "Nghị quyết giả định 02/NQ (diễn tập)", "title": "Chia tách giả định",
                  "articles": [await _split(client, unit, n) for n, unit in enumerate(new[4:6])]}  # fmt: skip
        splits_path, decided = await day.decide("splits", splits)
        assert decided["touched"]["parts_divided"] >= 2, decided["touched"]["parts_divided"]
        await day.settled()
        third = day.inventory("3-after-merger-and-splits")
        say("--- the merger and the splits")
        day.compare(second, third, merger_path, splits_path)
        assert len(await day._units(client, today)) == 36 - 1 + 2
        assert len(await day._units(client, REFORM)) == 36
        assert len(await day._units(client, BEFORE)) == 91
        refused = await client.post(f"/api/territory/orders/{decided['id']}/revert", json={"reason": "thử"})
        assert refused.status_code == 409, refused.text
    await _devices(day, today)
    simulator = product.children()["simulate"]["pid"]
    os.kill(simulator, signal.SIGSTOP)  # so that all three questions are about the same readings
    try:
        await product.written()
        totals = await day.totals(BEFORE, REFORM, today)
    finally:
        os.kill(simulator, signal.SIGCONT)
    readings, total = totals[today]
    assert readings > 0, totals
    for n, sum_ in totals.values():
        assert n == readings, totals
        assert math.isclose(sum_, total, rel_tol=1e-5), totals
    say(f"totals agree on three maps: {readings} readings of {ATTRIBUTE}")
    assert not day.refused, day.refused[:5]
    assert set(day.heard) == {"/0", "/1"}, day.heard
    say(f"{day.heard.total()} notifications arrived at two subscribers")


async def _devices(day: Day, today: str) -> None:
    """Every device stands in exactly one unit on each of three maps, and all maps count the same."""
    async with day.product.http(timeout=60) as client:
        counted = {}
        for on in (BEFORE, REFORM, today):
            ids: list[str] = []
            for unit in await day._units(client, on):
                answer = await client.get(
                    f"/api/territory/areas/{unit}/entities", params={"type": TYPE, "on": on, "limit": "1000"}
                )
                ids += answer.raise_for_status().json()["ids"]
            assert len(ids) == len(set(ids)), on
            counted[on] = sorted(ids)
    assert counted[BEFORE] == counted[REFORM] == counted[today] != [], {k: len(v) for k, v in counted.items()}
    day.say(f"{len(counted[today])} devices of a kind stand in one unit each on three maps")


async def _split(client: httpx.AsyncClient, unit: str, n: int) -> dict[str, Any]:
    """A unit divided along a meridian through the middle of its largest part."""
    parts = (await client.get(f"/api/territory/areas/{unit}/parts")).raise_for_status().json()
    largest = max(parts, key=lambda p: p["size"])
    lon, lat = largest["position"]
    west = [[lon - 1, lat - 1], [lon, lat - 1], [lon, lat + 1], [lon - 1, lat + 1], [lon - 1, lat - 1]]
    return {
        "kind": "split", "units": [unit],
        "parts": [
            {"unit": {"code": f"9920{2 * n}", "name": f"Phường Diễn Tập Tây {n}", "kind": "ward"},
             "boundary": {"type": "Polygon", "coordinates": [west]}},
            {"unit": {"code": f"9920{2 * n + 1}", "name": f"Phường Diễn Tập Đông {n}", "kind": "ward"}},
        ],
    }  # fmt: skip

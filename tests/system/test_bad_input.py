"""Bad input at every door of the running product: refused with the field and the remedy, and nobody else notices.

What a single route does with each kind of malformed body is in `tests/api/test_bad_input.py`; here are the doors as a
whole, through the real server: sizes, forms, photos, devices and the command line.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import struct
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from province.broker import stream
from tests.adapters.pictures import picture
from tests.api.test_bad_input import BODIES
from tests.product import Product, count, until
from tests.system.load import ARROW, TYPE, Device, as_table

pytestmark = pytest.mark.slow
MIB = 1024**2
SENSOR = f"urn:ngsi-ld:{TYPE}:bad-input"
API = (
    ("POST", "/ngsi-ld/v1/entities"),
    ("POST", "/ngsi-ld/v1/entityOperations/upsert"),
    ("PATCH", f"/ngsi-ld/v1/entities/{SENSOR}/attrs"),
    ("POST", "/api/observations"),
    ("POST", "/api/feeds/smart-data-models"),
    ("POST", "/api/feeds/open311"),
    ("POST", "/api/actions/report.submit"),
)
LARGE: dict[str, Callable[[], bytes]] = {
    "100 MB": lambda: b'{"id": "' + b"x" * 100 * MIB + b'"}',
    "a million attributes": lambda: (
        b'{"id":"urn:x:1","type":"T",' + b",".join(b'"a%d":1' % n for n in range(1_000_000)) + b"}"
    ),
    "a million entities": lambda: b"[" + b",".join([b'{"id":1}'] * 1_000_000) + b"]",
    "15 MB deep": lambda: b"[" * (15 * MIB),
}


@pytest.fixture(scope="module", autouse=True)
async def sensor(product: Product) -> None:
    async with product.http() as client:
        made = await client.post("/ngsi-ld/v1/entities", json={"id": SENSOR, "type": TYPE})
        assert made.status_code == 201, made.text


@pytest.fixture(autouse=True)
async def neighbour(product: Product) -> AsyncIterator[list[float]]:
    """A well-behaved caller beside every test: each of its calls is answered, none waits long."""
    waits: list[float] = []
    ending = asyncio.Event()

    async def work() -> None:
        async with product.http(timeout=20) as client:
            while not ending.is_set():
                began = time.monotonic()
                body = {"type": TYPE, "attribute": "pm10", "entity": [SENSOR], "value": [1.0],
                        "observedAt": datetime.now(UTC).isoformat()}  # fmt: skip
                for answer in (
                    await client.post("/api/observations", json=body),
                    await client.get(f"/ngsi-ld/v1/entities/{SENSOR}"),
                ):
                    assert answer.status_code == 200, answer.text
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.05)

    task = asyncio.create_task(work())
    before = product.children()
    try:
        yield waits
    finally:
        ending.set()
        await task
    assert waits
    assert max(waits) < 10, f"a neighbour waited {max(waits):.1f} s"
    for name, child in product.children().items():
        assert child["pid"] == before[name]["pid"], f"{name} went down: {product.log(name)[-3000:]}"


def refused(answer: httpx.Response, what: object) -> dict[str, Any]:
    """The problem of a refusal: 4xx, with a detail and the id of the request."""
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json", (what, answer.text[:500])
    problem: dict[str, Any] = answer.json()
    assert problem["detail"], what
    assert problem["requestId"], what
    assert "Traceback" not in answer.text
    return problem


@pytest.mark.parametrize(("method", "path"), API, ids=[path for _, path in API])
async def test_small_and_large_bodies(product: Product, method: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with product.http(timeout=60) as client:
        for name, body in BODIES.items():
            answer = await client.request(method, path, content=body, headers=headers)
            if answer.is_success:  # some are legal here: an attribute of the open type, an empty object
                continue
            problem = refused(answer, name)
            assert problem.get("field") or problem.get("remedy"), (name, problem)
        for name, make in LARGE.items():
            try:
                answer = await client.request(method, path, content=make(), headers=headers)
            except httpx.TransportError:
                # The server answers 413 and hangs up while we are still sending: the answer may be lost on the way.
                assert name == "100 MB"
                continue
            problem = refused(answer, name)
            assert problem.get("field") or problem.get("remedy"), (name, problem)


@pytest.mark.parametrize(("path", "status"), [("/ngsi-ld/v1/entities", 411), ("/api/observations", 413)])
async def test_a_hundred_megabytes_without_a_length(product: Product, path: str, status: int) -> None:
    """Whoever sends without end is cut off soon after the limit; NGSI-LD wants a length from the start (6.3.4)."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 400 * MIB:
            sent += MIB
            yield b" " * MIB

    async with product.http(timeout=60) as client:
        try:
            answer = await client.post(path, content=endless(), headers={"Content-Type": "application/json"})
            assert answer.status_code == status
        except httpx.TransportError:
            pass
    assert sent < 100 * MIB


async def test_readings_that_cannot_be(product: Product) -> None:
    """Units, instants and numbers that nobody measures: each refused reading is named, with its place."""
    now = datetime.now(UTC)
    good = {"type": TYPE, "attribute": "pm25", "entity": [SENSOR], "observedAt": now.isoformat(), "value": [5.0]}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"unitCode": "CEL"}, "unitCode"),
        ({"unitCode": "NOPE"}, "unitCode"),
        ({"observedAt": "2026-02-30T00:00:00Z"}, "observedAt"),
        ({"observedAt": "0000-01-01T00:00:00Z"}, "observedAt"),
        ({"observedAt": "2026-01-01T00:00:00"}, "observedAt"),
        ({"observedAt": 10**300}, "observedAt"),
        ({"observedAt": (now + timedelta(days=400)).isoformat()}, "observedAt"),
        ({"value": [-1.0]}, "pm25"),
        ({"value": ["viele"]}, "value"),
        ({"value": [None]}, "value"),
        ({"value": [True]}, "value"),
        ({"entity": ["urn:ngsi-ld:AirQualityObserved:nobody"]}, "entity"),
        ({"entity": ["\u0000"]}, "entity"),
        ({"entity": [SENSOR, SENSOR]}, "entity"),
        ({"attribute": "name"}, "attribute"),
        ({"type": "Moon"}, "type"),
        ({"origin": "dreamt"}, "origin"),
        ({"surprise": 1}, "surprise"),
    ]
    async with product.http() as client:
        for change, field in cases:
            problem = refused(await client.post("/api/observations", json={**good, **change}), change)
            assert field.lower() in (problem["field"] + problem["detail"]).lower(), (change, problem)
        for number in (float("nan"), float("inf"), -float("inf"), 1e308):
            rows = as_table([(SENSOR, "pm25", now)])
            column = rows.schema.get_field_index("number")
            table = rows.set_column(column, rows.schema.field(column), pa.array([number]))
            answer = await client.post(
                "/api/observations", content=stream.encode(table), headers={"Content-Type": ARROW}
            )
            if number == 1e308:
                assert answer.status_code == 200, answer.text
                continue
            problem = refused(answer, number)
            assert "pm25" in problem["field"], problem
        for body in (b"", b"ARROW1", stream.encode(as_table([(SENSOR, "pm25", now)]))[:-40], b"\xff" * 5000):
            refused(await client.post("/api/observations", content=body, headers={"Content-Type": ARROW}), body[:20])


async def test_places_that_cannot_be(product: Product) -> None:
    for place in ([500, 1], [1, -91], ["a", "b"], [1e999, 0], [None, 1], [], [[106.6, 11.0]], [1]):
        location = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}}
        body = json.dumps({"id": "urn:x:place", "type": TYPE, "location": location}).replace("Infinity", "1e999")
        async with product.http() as client:
            for path in ("/ngsi-ld/v1/entities", "/api/feeds/smart-data-models"):
                answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
                problem = refused(answer, (path, place))
                assert "location" in problem["field"] or problem["field"] == "body", (path, place, problem)


class Visitor:
    """A stranger with a browser that has no scripts: takes the form of a page, sends what it likes."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def csrf(self, path: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.client.get(path)).text)
        assert found, path
        return found[1]

    async def report(self, files: list[tuple[str, bytes]] | None = None, **fields: Any) -> httpx.Response:
        data = {
            "csrf": await self.csrf("/report"), "title": "Ổ gà lớn", "category": "road", "location.lat": "11.0",
            "location.lon": "106.65", **fields,
        }  # fmt: skip
        parts = [("files", (name, content, "image/jpeg")) for name, content in files or []]
        return await self.client.post("/report", data=data, files=parts or None)


@pytest.fixture
async def visitor(product: Product) -> AsyncIterator[Visitor]:
    async with product.http("", timeout=60, follow_redirects=False) as client:
        yield Visitor(client)


def page_of_refusal(answer: httpx.Response, what: object) -> str:
    """A page with 4xx that a person can read."""
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:300])
    assert answer.headers["content-type"].startswith("text/html"), (what, answer.headers)
    assert "Traceback" not in answer.text
    return answer.text


async def test_forms_of_the_console(product: Product, visitor: Visitor) -> None:
    for change in (
        {"location.lat": "500"}, {"location.lon": "nan"}, {"location.lat": "inf"}, {"location.lat": "đây"},
        {"title": ""}, {"title": "x" * 200_000}, {"title": "a\x00b"}, {"category": "moon"}, {"phone": "call me"},
    ):  # fmt: skip
        page = page_of_refusal(await visitor.report(**change), change)
        assert next(iter(change)).partition(".")[0] in page, change
    multipart = "multipart/form-data; boundary=x"
    bodies: list[tuple[str, bytes]] = [
        (multipart, b""), (multipart, b"--x\r\nContent-Disposition: form-data\r\n\r\n"), (multipart, b"\xff" * 1000),
        ("multipart/form-data", b"--x--"), ("application/x-www-form-urlencoded", b"csrf=%ff%fe&title=%00"),
        ("application/x-www-form-urlencoded", b"a=1&" * 100_000), ("application/json", b"{}"), ("", b"csrf=x"),
        (multipart, b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + b"y" * MIB + b"\r\n--x--\r\n"),
    ]  # fmt: skip
    for path in ("/report", "/sign-in", "/r/" + "a" * 43, "/sign-out"):
        for media, body in bodies:
            answer = await visitor.client.post(path, content=body, headers={"Content-Type": media})
            page_of_refusal(answer, (path, media, body[:40]))
        try:
            answer = await visitor.client.post(
                path, content=b"x" * 100 * MIB, headers={"Content-Type": "application/x-www-form-urlencoded"}
            )
            page_of_refusal(answer, (path, "100 MB"))
        except httpx.TransportError:
            pass  # cut off while we were sending
    for path in (
        "/list/Nope", "/list/Report?order=%00", "/list/Report?after=zzz", "/list/Report?limit=x", "/entity/nope",
        "/entity/%00", "/entity/%ff", "/map?layer=%00", "/console/map/Report.geojson?bbox=a,b,c,d",
        "/console/map/Report.geojson?bbox=1,2,nan,4", "/console/map/Nope.geojson", "/console/series/x/y.json",
        f"/console/series/{SENSOR}/pm25.json?range=9y", "/r/%00", "/r/x/photo/99999999999999999999", "/language/xx",
        "/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/%00", "/" + "a" * 5000,
    ):  # fmt: skip
        answer = await visitor.client.get(path)
        assert answer.status_code < 500, (path, answer.status_code, answer.text[:300])


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that unfolds to `width` × `height` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    line = b"\0" * (width // 8 + 1)
    data = b"".join(packer.compress(line) for _ in range(min(height, 20_000))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def archive_bomb() -> bytes:
    """A zip of a hundred megabytes of nothing, named as a photo."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.jpg", b"\0" * 100 * MIB)
    return out.getvalue()


async def test_mutilated_photos(product: Product, visitor: Visitor) -> None:
    """Bombs, torsos and strangers among the photos of a report: refused naming the file; nothing is stored."""
    photo = picture(size=(800, 600))
    random = np.random.default_rng(5)

    def damaged() -> bytes:
        data = bytearray(photo)
        for place in random.integers(2, 600, 60):
            data[place] = int(random.integers(0, 256))
        return bytes(data)

    bad = {
        "pixel bomb": bomb(60_000, 60_000), "zip bomb": archive_bomb(), "torso": photo[: len(photo) // 3],
        "head": photo[:10], "text": b"no photo", "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "html": b"<html><script>alert(1)</script>", "nul": b"\0" * 4096, "gif": picture("GIF"), "tiff": picture("TIFF"),
        "pdf": b"%PDF-1.7\n", "program": b"\x7fELF" + b"\0" * 200,
    }  # fmt: skip
    reports = "SELECT count(*) FROM entity WHERE type = 'Report'"
    before = await count(product, reports)
    taken = 0
    for name, content in bad.items():
        answer = await visitor.report([(f"{name}.jpg", content)])
        if answer.status_code == 429:  # the limit of strangers does its work; a token's owner has no such limit
            await asyncio.sleep(float(answer.headers.get("retry-after", "2")))
            answer = await visitor.report([(f"{name}.jpg", content)])
        if answer.status_code == 200 and name in ("gif", "tiff"):
            taken += 1
            continue
        page = page_of_refusal(answer, name)
        assert "file" in page, name
    for _ in range(5):
        answer = await visitor.report([("damaged.jpg", damaged())])
        assert answer.status_code < 500, answer.text[:300]
        taken += answer.status_code == 200
    answer = await visitor.report([(f"{n}.jpg", photo) for n in range(6)])
    page_of_refusal(answer, "six photos")
    assert await count(product, reports) == before + taken


async def test_messages_of_devices(product: Product) -> None:
    """Whatever a device says: what cannot be read is a dead letter with field and reason; its next message counts."""
    (credential,) = await product.issue([SENSOR])
    acknowledged: set[Any] = set()
    device = Device(product, credential, SENSOR, acknowledged)
    device.connect()
    messages: dict[str, tuple[bytes, str]] = {
        "not json": (b'{"pm25": ', "payload"), "empty": (b"", "payload"), "utf-8": (b'{"pm25": "\xff"}', "payload"),
        "nan": (b'{"pm25": NaN}', "payload"), "infinity": (b'{"pm25": 1e999}', "payload"),
        "deep": (b"[" * 200_000, "payload"), "list": (b"[1]", "payload"), "nothing": (b"{}", "values"),
        "another": (b'{"id": "urn:x:other", "pm25": 1}', "id"), "type": (b'{"type": "Moon", "pm25": 1}', "type"),
        "unit": (b'{"pm25": {"value": 1, "unitCode": "CEL"}}', "pm25.unitCode"),
        "instant": (b'{"pm25": 1, "observedAt": "2026-13-01T00:00:00Z"}', "observedAt"),
        "future": (b'{"pm25": 1, "observedAt": "2126-01-01T00:00:00Z"}', "observedAt"),
        "negative": (b'{"pm25": -5}', "pm25"), "text": (b'{"pm25": "viel"}', "pm25"),
        "nul": (b'{"pm25": "\\u0000"}', "pm25"), "unknown": (b'{"gold": 1}', "attribute"),
        "2 MB": (b'{"pm25": "' + b"x" * 2 * MIB + b'"}', "payload"),
        "many": (json.dumps({f"a{n}": n for n in range(60_000)}).encode(), ""),
        "origin": (b'{"pm25": 1, "origin": "dreamt"}', "origin"),
    }  # fmt: skip
    letters = "SELECT count(*) FROM dead_letter WHERE door = 'mqtt'"
    before = await count(product, letters)
    try:
        await until(device.client.is_connected, "the device is connected")
        for content, _ in messages.values():
            device.client.publish(f"devices/{credential.login}/data", content, qos=1)

        async def all_buried() -> bool:
            return await count(product, letters) >= before + len(messages)

        await until(all_buried, "every message has its dead letter", timeout_s=60, pause_s=0.3)
        at = datetime.now(UTC).replace(microsecond=0)
        device.send({"pm25": 41.5, "observedAt": at.isoformat()}, at)
        await until(lambda: bool(acknowledged), "the good message is acknowledged")
    finally:
        device.end()
    for name, (_, field) in messages.items():
        found = await count(
            product, "SELECT count(*) FROM dead_letter WHERE door = 'mqtt' AND field = $1 AND reason <> ''", field
        )
        assert found or not field, f"no dead letter of {name} names {field}"

    async def arrived() -> bool:
        async with product.http() as client:
            latest = (await client.get(f"/ngsi-ld/v1/entities/{SENSOR}")).json().get("pm25", {})
        return bool(latest.get("value") == 41.5)

    await until(arrived, "the good message is the latest value", timeout_s=60, pause_s=0.3)


async def test_the_command_line(product: Product, tmp_path: Path) -> None:
    """Exit code 1 and one line that names the field and the remedy, no traceback; 3 when the server is away."""
    (tmp_path / "bad.json").write_bytes(b'{"type": ')
    (tmp_path / "unit.json").write_text(
        json.dumps({"type": TYPE, "attribute": "pm25", "entity": SENSOR, "observedAt": "2026-01-01T00:00:00Z",
                    "value": [1.0], "unitCode": "CEL"})
    )  # fmt: skip
    (tmp_path / "good.json").write_text(
        json.dumps({"type": TYPE, "attribute": "pm25", "entity": SENSOR, "observedAt": "2026-01-01T00:00:00Z",
                    "value": [1.0]})
    )  # fmt: skip
    (tmp_path / "binary").write_bytes(b"\xff\x00" * 5000)
    (tmp_path / "empty").mkdir()
    cases: list[tuple[tuple[str, ...], str]] = [
        (("observe", str(tmp_path / "bad.json")), "body"),
        (("observe", str(tmp_path / "unit.json")), "unitCode"),
        (("observe", str(tmp_path / "binary")), "body"),
        (("observe", str(tmp_path / "binary"), "--format", "arrow"), "body"),
        (("observe", str(tmp_path / "good.json"), "--key", "a b"), "Idempotency-Key"),
        (("list", "Report", "--where", "status=(("), "q"),
        (("list", "Report", "--limit", "-1"), "limit"),
        (("list", ""), "type"),
        (("get", "nope"), "id"),
        (("get", "a b"), "id"),
        (("get", "urn:x:\udcff"), "id"),
        (("get", "urn:ngsi-ld:Report:none"), "none"),
        (("act", "no.such", "urn:x:1"), "no.such"),
        (("act", "report.submit", "--set", "title=x"), "location"),
        (("act", "report.submit", "--set", "title=[1]"), "title"),
        (("restore", str(tmp_path / "empty"), "--keys", str(tmp_path / "binary")), "PROVINCE_HOME"),
    ]
    ended = await asyncio.gather(
        *(asyncio.to_thread(product.command, *arguments, token=product.token) for arguments, _ in cases)
    )
    for (arguments, field), done in zip(cases, ended, strict=True):
        said = done.stderr.decode()
        assert done.returncode == 1, (arguments, done.returncode, said)
        assert "Traceback" not in said, (arguments, said)
        assert field in said, (arguments, said)
    unauthorised = await asyncio.to_thread(product.command, "list", "Account")
    assert unauthorised.returncode in (0, 1), unauthorised.stderr
    assert b"Traceback" not in unauthorised.stderr

"""Every address of the running product, without a key that fits: nothing but what is marked public answers.

The addresses are those of the application itself, so that a new one is walked without anybody thinking of it; what
answers a stranger must stand in `PUBLIC` below. Secrets that only the rightful may see are looked for in every answer.
"""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.routing import Route

from province.api.door import ROUTES as API
from province.broker.database import Connection
from province.console.routes import routes as console_routes
from province.console.services import Services
from province.identity import roles
from tests.product import Product
from tests.system.load import TYPE

pytestmark = [pytest.mark.slow, pytest.mark.beside(6)]
CANARY = "chim-hoang-yen"
"""Stands in every value that no stranger may see, and nowhere else."""
SENSOR, HIDDEN = f"urn:ngsi-ld:{TYPE}:walk", "urn:ngsi-ld:Hidden:walk"
PUBLIC = (
    r"/", r"/healthz", r"/readyz", r"/sign-in", r"/language/.*", r"/theme/.*", r"/tour/.*", r"/search", r"/help.*",
    r"/list/.*", r"/entity/.*", r"/map", r"/wall", r"/console/areas\.geojson", r"/console/map/.*", r"/console/pick/.*",
    r"/console/series/.*", r"/report", r"/r/.*", r"/addresses", r"/api/addresses", r"/phu-luc-xiv.*",
    r"/ngsi-ld/v1/(entities|types|attributes|temporal/entities|entityOperations/query).*",
    r"/alerts", r"/alerts/(public|cap|feed\.atom|certificate\.pem).*", r"/api/actions", r"/api/annex(/.*)?",
    r"/open311/v2/.*", r"/privacy", r"/sos",
)  # fmt: skip
"""What may answer a stranger with more than a refusal; each shows public entities and public fields alone."""


def addresses() -> list[tuple[str, str]]:
    """(method, path template) of every route."""
    pages = console_routes(cast(Services, SimpleNamespace(annex=object())))
    found = [(method, r.path) for r in pages if isinstance(r, Route) for method in sorted(r.methods or ())]
    found += [(r.method, r.path) for r in API]
    found += [("GET", path) for path in ("/healthz", "/readyz", "/metrics")]
    return [pair for pair in dict.fromkeys(found) if pair[0] != "HEAD"]


def filled(template: str, report: str) -> list[str]:
    """Addresses that a template may stand for: a public entity, a hidden one, a report."""
    values = {
        "type": ("Report", TYPE, "Hidden"), "layer": ("Report", TYPE), "attr": ("pm25", "serialNumber"),
        "name": ("report.publish", "smart-data-models"), "action": ("report.publish",), "language": ("vi",),
        "format": ("json", "xml"),
        "year": ("2026",), "index": ("0",), "theme": ("dark",), "hash": ("0" * 64,), "secret": ("x" * 43,),
    }  # fmt: skip
    paths = [template]
    for name in re.findall(r"{(\w+)(?::\w+)?}", template):
        entity = name in ("entity", "id") and not template.startswith(("/admin", "/dead-letters"))
        chosen = (SENSOR, HIDDEN, report) if entity else values.get(name, ("1",))
        paths = [re.sub(rf"{{{name}(:\w+)?}}", value, path) for path in paths for value in chosen]
    return paths


@pytest.fixture(scope="module")
async def report(product: Product) -> str:
    """A public sensor with hidden fields, a hidden entity, and an unpublished report with its author's name."""
    async with product.http() as client:
        for body in (
            {"id": SENSOR, "type": TYPE, "name": "Trạm công khai", "serialNumber": f"{CANARY}-1"},
            {"id": HIDDEN, "type": "Hidden", "name": f"{CANARY}-2"},
        ):
            made = await client.post("/ngsi-ld/v1/entities", json=body)
            assert made.status_code == 201, made.text
        inputs = {
            "title": f"{CANARY}-3", "category": "road", "name": f"{CANARY}-4", "phone": "0274 1234567",
            "location": {"type": "Point", "coordinates": [106.65, 11.0]},
        }  # fmt: skip
        sent = await client.post("/api/actions/report.submit", json={"inputs": inputs})
        assert sent.status_code == 200, sent.text
        return str(sent.json()["changed"][0]["id"])


@pytest.fixture(scope="module")
async def keys(product: Product) -> dict[str, dict[str, str]]:
    """Headers of those who knock: nobody, and holders of keys that do not fit any more, or do not fit here."""
    revoked = await product.make_token(f"{CANARY}-5", "administrator")

    async def spoil(connection: Connection) -> None:
        await connection.execute("UPDATE token SET revoked_at = now() WHERE name = $1", f"{CANARY}-5")
        await connection.execute(
            "INSERT INTO tenant (id, name_vi, name_en) VALUES ('elsewhere', 'nơi khác', 'elsewhere')"
        )
        await roles.install(connection, "elsewhere", {})

    await product.database(spoil)
    foreign = await product.make_token("guest", "administrator", tenant="elsewhere")
    password = (product.settings.secrets / "administrator").read_text().strip()
    async with product.http("") as client:
        form = (await client.get("/sign-in")).text
        token = re.search(r'name="csrf" value="([^"]+)"', form)
        assert token
        signed = await client.post("/sign-in", data={"csrf": token[1], "login": "administrator", "password": password})
        assert signed.status_code == 303, signed.text[:500]
        session = client.cookies["session"]

    async def expire(connection: Connection) -> None:
        await connection.execute("UPDATE session SET expires_at = now() - interval '1 minute'")

    await product.database(expire)
    await asyncio.sleep(11)  # a caller that was just recognised is remembered for some seconds
    return {
        "nobody": {},
        "revoked token": {"Authorization": f"Bearer {revoked}"},
        "invented token": {"Authorization": f"Bearer prv_{'0' * 16}_{'a' * 43}"},
        "password": {"Authorization": "Basic YWRtaW5pc3RyYXRvcjphZG1pbg=="},
        "another tenant's token": {"Authorization": f"Bearer {foreign}"},
        "expired session": {"Cookie": f"session={session}"},
        "invented session": {"Cookie": "session=" + "a" * 43},
    }


@pytest.mark.parametrize(
    "who",
    ["nobody", "revoked token", "invented token", "password", "another tenant's token", "expired session",
     "invented session"],
)  # fmt: skip
async def test_walks_every_address(product: Product, report: str, keys: dict[str, dict[str, str]], who: str) -> None:
    open_to: list[str] = []
    # Through a proxy, as strangers come: `/metrics` is open to callers on this machine.
    headers = {**keys[who], "X-Forwarded-For": "203.0.113.5"}
    async with product.http("", headers=headers, follow_redirects=False) as client:
        for method, template in addresses():
            for path in filled(template, report):
                answer = await _knock(client, method, path)
                what = (who, method, path, answer.status_code, answer.text[:300])
                assert answer.status_code < 500, what
                assert CANARY not in answer.text, what
                assert "Traceback" not in answer.text, what
                assert "asyncpg" not in answer.text, what
                if answer.is_success and method not in ("OPTIONS",):
                    open_to.append(path)
                    if method != "GET":
                        assert path == "/ngsi-ld/v1/entityOperations/query", what
                elif answer.is_redirect:
                    assert answer.headers["location"].startswith(("/sign-in", "/")), what
    unexpected = [path for path in open_to if not any(re.fullmatch(pattern, path) for pattern in PUBLIC)]
    assert not unexpected, f"answered {who}; is it meant for everybody? then it belongs in PUBLIC: {unexpected}"
    assert "/sign-in" in open_to
    if who in ("revoked token", "invented token", "another tenant's token", "password"):
        assert not [path for path in open_to if path.startswith(("/api", "/ngsi-ld"))], open_to


async def _knock(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    """One request; the limit of strangers makes it wait."""
    body: dict[str, Any] = {}
    if method in ("POST", "PUT", "PATCH"):
        body = {"json": {"type": "Report"} if path.startswith(("/api", "/ngsi-ld")) else {}}
    while True:
        params = {"type": "Report"} if path in ("/ngsi-ld/v1/entities", "/ngsi-ld/v1/temporal/entities") else None
        answer = await client.request(method, path, params=params, **body)
        if answer.status_code != 429:
            return answer
        await asyncio.sleep(float(answer.headers.get("retry-after", "1")))


async def _get(client: httpx.AsyncClient, path: str, **options: Any) -> httpx.Response:
    """One question; the limit of strangers makes it wait."""
    while (answer := await client.get(path, **options)).status_code == 429:
        await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
    return answer


async def test_a_stranger_reads_only_public_fields(product: Product, report: str) -> None:
    """Of a public entity the public fields; of others not even that they exist."""
    async with product.http("") as client:
        seen = (await _get(client, f"/ngsi-ld/v1/entities/{SENSOR}")).json()
        assert seen["name"]["value"] == "Trạm công khai"
        assert "serialNumber" not in seen
        for hidden in (HIDDEN, report):
            missing = await _get(client, f"/ngsi-ld/v1/entities/{hidden}")
            nothing = await _get(client, f"/ngsi-ld/v1/entities/{hidden}x")
            assert missing.status_code == nothing.status_code == 404
            assert missing.json()["title"] == nothing.json()["title"]
        for q in (f'serialNumber=="{CANARY}-1"', f'serialNumber~="{CANARY}.*"'):
            found = await _get(client, "/ngsi-ld/v1/entities", params={"type": TYPE, "q": q})
            assert CANARY not in found.text.replace(q, ""), q
            assert found.status_code >= 400 or found.json() == [], q
        hidden_count = await _get(client, "/ngsi-ld/v1/entities", params={"type": "Hidden", "count": "true"})
        assert hidden_count.headers.get("NGSILD-Results-Count", "0") == "0"
        metrics = await _get(client, "/metrics", headers={"X-Forwarded-For": "203.0.113.5"})
        assert metrics.status_code == 404


async def test_the_door_of_zalo_is_shut_unless_it_is_configured(product: Product) -> None:
    async with product.http() as client:
        assert (await client.post("/api/zalo", json={"timestamp": "1"})).status_code == 404

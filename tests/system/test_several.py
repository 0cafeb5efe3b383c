"""Several processes answer on one port: as one to whoever calls, and one of them may die."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.product import UNAVAILABLE, Product, installed, running_product, until

V1 = "/ngsi-ld/v1"
ROUTE = 'route="/ngsi-ld/v1/entities/{id}",status="200"'
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with running_product(serve_processes=2) as started:
        yield started


def thing(n: int) -> dict[str, object]:
    return {"id": f"urn:ngsi-ld:Thing:{n}", "type": "Thing", "level": {"type": "Property", "value": n}}


async def counted(product: Product) -> int:
    async with product.http() as one:
        text = (await one.get("/metrics")).text
    found = re.findall(rf"province_http_request_seconds_count{{[^}}]*{re.escape(ROUTE)}[^}}]*}} ([\d.]+)", text)
    return sum(int(float(value)) for value in found)


async def test_what_one_wrote_the_other_shows_at_once_and_they_count_together(product: Product) -> None:
    assert {"serve", "serve-2"} <= product.children().keys()
    before = await counted(product)
    for n in range(40):
        async with product.http() as one, product.http() as another:  # each a connection of its own
            assert (await one.post(f"{V1}/entities", json=thing(n))).status_code == 201
            assert (await another.get(f"{V1}/entities/urn:ngsi-ld:Thing:{n}")).json()["level"]["value"] == n
    answered = [0, 0]
    async with asyncio.timeout(60):  # a line of the log may come a moment after what it tells of
        while sum(answered) < 40:
            answered = [len(re.findall("entities/{id}", product.log(name))) for name in ("serve", "serve-2")]
            await asyncio.sleep(0.05)
    assert min(answered) > 0, answered
    assert sum(answered) == 40
    assert [await counted(product) - before for _ in range(6)] == [40] * 6


async def test_nothing_acknowledged_is_lost_when_one_dies(product: Product) -> None:
    acknowledged: list[int] = []
    ended = asyncio.Event()

    async def write(first: int) -> None:
        n = first
        async with product.http() as client:
            while not ended.is_set():
                try:
                    if (await client.post(f"{V1}/entities", json=thing(n))).status_code == 201:
                        acknowledged.append(n)
                except UNAVAILABLE:
                    pass
                n += 8

    writers = [asyncio.create_task(write(1000 + k)) for k in range(8)]
    await until(lambda: len(acknowledged) > 8, "several were acknowledged")
    await product.kill("serve-2")
    ended.set()
    await asyncio.gather(*writers)
    assert len(acknowledged) > 8
    async with product.http() as client:
        for n in acknowledged[-200:]:
            assert (await client.get(f"{V1}/entities/urn:ngsi-ld:Thing:{n}")).status_code == 200
        page = await client.get(f"{V1}/entities", params={"type": "Thing", "count": "true", "limit": "0"})
        assert int(page.headers["NGSILD-Results-Count"]) >= len(acknowledged)


def test_a_port_that_another_program_has_is_not_shared_with_it(product: Product) -> None:
    with installed(serve_processes=2, port=product.settings.port) as other:
        with pytest.raises(RuntimeError, match="cannot be listened on"):
            other.start()
        assert httpx.get(f"{product.address}/healthz").text == "ok\n"

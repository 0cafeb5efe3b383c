"""Erasure on the running product, with `kill -9` in the middle; and a period that ends by itself."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from province.model.time import now
from tests.product import Product, running_product, until
from tests.system.callers import PLACE

pytestmark = pytest.mark.slow
CANARY = "Nguyễn Thị Chim Hoàng Yến"
PHONE = "0274 3999 888"


async def _report(product: Product, **more: Any) -> str:
    inputs = {"title": "Đèn đường hỏng trước cổng trường", "category": "light", "location": PLACE, "name": CANARY,
              "phone": PHONE, **more}  # fmt: skip
    async with product.http() as client:
        sent = await client.post("/api/actions/report.submit", json={"inputs": inputs})
        assert sent.status_code == 200, sent.text
        return str(sent.json()["changed"][0]["id"])


async def _places(product: Product) -> list[str]:
    async def ask(connection: Any) -> list[str]:
        tables = [
            t["tablename"]
            for t in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        found = 'SELECT EXISTS (SELECT 1 FROM "{}" x WHERE position($1 IN x::text) > 0 OR position($2 IN x::text) > 0)'
        return [t for t in tables if await connection.fetchval(found.format(t), CANARY, PHONE)]

    return await product.database(ask)


def test_erasure_survives_a_kill_and_periods_end() -> None:
    with running_product() as product:
        asyncio.run(_erase(product))
        told = product.command("audit", "verify", "--values")
        assert told.returncode == 0, told.stdout.decode()
        asyncio.run(_expire(product))


async def _erase(product: Product) -> None:
    report = await _report(product)
    await asyncio.sleep(3)  # rules and notices of the report are over
    assert {"entity", "change_history"} <= set(await _places(product))
    shown = await asyncio.to_thread(product.command, "erase", report, "--preview", token=product.token)
    assert shown.returncode == 0, shown.stderr.decode()
    assert "reporterPhone" in shown.stdout.decode()
    assert CANARY not in shown.stdout.decode()
    async with product.http() as client:
        made = await client.post("/api/erasures", json={"subject": report, "reference": "15/YC"})
        assert made.status_code == 202, made.text
        await product.kill("work")

        async def is_done() -> bool:
            listed = (await client.get("/api/erasures")).json()
            return bool(listed[0]["state"] == "done")

        await until(is_done, "the erasure is carried out", timeout_s=60, pause_s=0.2)
        left = (await client.get(f"/ngsi-ld/v1/entities/{report}")).json()
        assert "reporterName" not in left
        assert left["title"]["value"].startswith("Đèn đường")
    assert await _places(product) == []
    ledger = (product.settings.audit_heads_folder / "erasures.ledger").read_text()
    assert report in ledger
    assert CANARY not in ledger
    for log in ("serve", "work"):
        assert CANARY not in product.log(log)
        assert PHONE not in product.log(log)
    async with product.http("") as stranger:
        page = await stranger.get("/privacy")
        assert page.status_code == 200
        assert "91/2025/QH15" in page.text
        assert (await stranger.post("/api/erasures", json={"subject": report})).status_code == 401


async def _expire(product: Product) -> None:
    """A report that was closed two years ago loses its author when the hourly look comes; one that is open does not."""
    old, open_ = await _report(product), await _report(product)
    long_ago = (now() - timedelta(days=800)).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def age(connection: Any) -> None:
        for id, state in ((old, "closed"), (open_, "in_progress")):
            await connection.execute(
                "UPDATE entity SET attrs = jsonb_set(jsonb_set(attrs, '{reportedAt,value}', $2::text::jsonb),"
                " '{status,value}', $3::text::jsonb) WHERE id = $1",
                id, json.dumps(long_ago), json.dumps(state),
            )  # fmt: skip

    await product.database(age)
    await product.kill("work")  # it looks at its start

    async def names() -> set[str]:
        async def ask(connection: Any) -> set[str]:
            rows = await connection.fetch("SELECT id FROM entity WHERE attrs ? 'reporterName'")
            return {r["id"] for r in rows}

        return await product.database(ask)

    async def is_gone() -> bool:
        return old not in await names()

    await until(is_gone, "the author of the old report is forgotten", timeout_s=60, pause_s=0.3)
    assert open_ in await names()

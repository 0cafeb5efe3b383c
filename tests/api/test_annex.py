"""`/api/annex`: the plan, its checks and its report for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from province.api.door import routes
from province.api.services import Annex, Services
from province.errors import NotFound
from province.model.actor import Actor, anonymous
from province.model.annex import AnnexView, ReportView
from tests import plan

TODAY = "2026-11-26"


async def view(actor: Actor, day: str) -> AnnexView:
    return plan.annex(day or TODAY, TODAY)


async def report(actor: Actor, year: int) -> ReportView:
    if year != 2026:
        raise NotFound(f"there is no report of {year}.", field="year")
    return ReportView(year=year, complete=False, written_at="2026-11-26T00:00:00Z", annex=await view(actor, ""))


async def write(found: ReportView, language: str) -> bytes:
    return f"%PDF {found.year} {language}".encode()


async def get(path: str, *, installed: bool = True) -> httpx.Response:
    async def authenticate(_: Any) -> Actor:
        return anonymous("t")

    # The plan's routes ask nothing else of the services: whatever they need one day, they do not get here.
    unused: dict[str, Any] = {f.name: None for f in fields(Services) if f.default is MISSING}
    services = Services(**(unused | {"authenticate": authenticate, "annex": Annex(view, report, write)}))
    app = Starlette(routes=routes(services if installed else replace(services, annex=None)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://province.test") as client:
        return await client.get(path)


async def test_the_plan_on_a_day_for_everybody() -> None:
    today, then = (await get("/api/annex")).json(), (await get("/api/annex?day=2024-08-03")).json()
    assert (len(today["lines"]), len(today["commitments"])) == (35, 15)
    assert (today["live"], then["live"]) == (True, False)

    def owner(body: Mapping[str, Any]) -> str:
        line = next(one for one in body["lines"] if one["code"] == "II.4")
        return str(line["owners"][0]["name"])

    assert owner(then) != owner(today)
    line = next(one for one in today["lines"] if one["code"] == "II.4")
    assert line["targets"][0]["goal"]["value"] == 1_000_000
    assert line["targets"][0]["said"]["date"] == "2024-08-03"


async def test_one_check_per_line_and_those_of_the_product_itself() -> None:
    rows = (await get("/api/annex/checks")).json()["checks"]
    assert [r["kind"] for r in rows].count("line") == 35
    assert [r["kind"] for r in rows].count("commitment") == 15
    assert [r["line"] for r in rows if r["kind"] == "product"] == ["P.0"]
    assert {r["outcome"] for r in rows} == {"no_data"}, "without any measured value nothing is met or missed"
    assert all(r["evidence"]["vi"] and r["evidence"]["en"] for r in rows)


async def test_the_report_as_data_and_as_pdf() -> None:
    data = await get("/api/annex/reports/2026")
    assert (data.status_code, data.json()["year"], len(data.json()["annex"]["lines"])) == (200, 2026, 35)
    printed = await get("/api/annex/reports/2026?format=pdf&lang=en")
    assert (printed.headers["content-type"], printed.content) == ("application/pdf", b"%PDF 2026 en")


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/annex?day=2024-02-30", 400, "day"),
        ("/api/annex?tag=1", 400, "tag"),
        ("/api/annex/reports/26", 400, "year"),
        ("/api/annex/reports/٢٠٢٦", 400, "year"),
        ("/api/annex/reports/1999", 404, "year"),
        ("/api/annex/reports/2026?format=docx", 400, "format"),
        ("/api/annex/reports/2026?format=pdf&lang=fr", 400, "lang"),
    ],
)
async def test_what_is_refused(path: str, status: int, field: str) -> None:
    answer = await get(path)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


async def test_without_the_pack_there_is_no_plan() -> None:
    for path in ("/api/annex", "/api/annex/checks", "/api/annex/reports/2026"):
        assert (await get(path, installed=False)).status_code == 404

"""The plan's pages: the front door of strangers, every line's page, the report, as approved and today."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from province.console.services import Annex
from province.errors import NotFound
from province.model.actor import Actor
from province.model.annex import AnnexView, ReportView
from province.model.goal import Measured
from province.packs.plan.types import Project
from province.vocab.milestone import Milestone
from tests import plan
from tests.console.conftest import Open
from tests.console.test_pages import check
from tests.console.world import World

TODAY = "2026-11-26"
APPROVED = "2024-08-03"
PROJECTS = (
    Project(
        id="urn:ngsi-ld:Project:a", code="DA-2026-0001", title="Dự án <b>mẫu</b>", line="II.4", investor="Chủ đầu tư",
        status="started", published=True, decisionNumber="1/QĐ", decisionDate="2026-01-02",
        capital=({"source": "provincial", "amount": 5_000_000_000},),
        disbursements=({"source": "provincial", "amount": 1_250_000_000},),
    ),
    Project(
        id="urn:ngsi-ld:Project:b", code="DA-2026-0002", title="Dự án hỏng", line="II.4", investor="Chủ đầu tư",
        capital=({"source": "provincial", "amount": "nhiều"},),
    ),
)  # fmt: skip
MILESTONES = (
    Milestone(id="urn:ngsi-ld:Milestone:a", line="II.4", title="Mốc trễ", dueOn="2026-06-30", firstDueOn="2026-01-31"),
)
MEASURED = {
    "devices_in_service": Measured(
        indicator="devices_in_service", value=250_000, unit="C62", at=datetime(2026, 11, 26, tzinfo=UTC),
        counted=250_000, excluded={"simulated": 126, "estimated": 1},
    ),
    "reports_received": None,
}  # fmt: skip
POINTS = {"2026-01-01": 100_000.0, "2026-06-01": 180_000.0, "2026-11-25": 249_000.0}


class Plan:
    """The service of the pages, over the files of the example."""

    def __init__(self) -> None:
        self.printed: list[tuple[int, str]] = []

    def door(self) -> Annex:
        return Annex(self.view, self.report, self.print)

    async def view(self, actor: Actor, day: str) -> AnnexView:
        given = plan.records(POINTS, projects=PROJECTS, milestones=MILESTONES)
        return plan.annex(day or TODAY, TODAY, given=given, measured=MEASURED)

    async def report(self, actor: Actor, year: int) -> ReportView:
        if year != 2026:
            raise NotFound(f"there is no report of {year}.", field="year")
        return ReportView(
            year=year, complete=False, written_at="2026-11-26T00:00:00Z", annex=await self.view(actor, "")
        )

    async def print(self, report: ReportView, language: str) -> bytes:
        self.printed.append((report.year, language))
        return b"%PDF-1.7"


PAGES = (
    "/phu-luc-xiv",
    f"/phu-luc-xiv?day={APPROVED}",
    "/phu-luc-xiv/II.4",
    f"/phu-luc-xiv/II.4?day={APPROVED}",
    "/phu-luc-xiv/B.1",
    "/phu-luc-xiv/B.10",
    "/phu-luc-xiv/III.7",
    "/phu-luc-xiv/bao-cao/2026",
)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", PAGES)
async def test_page(browse: Open, small: World, path: str, language: str, signed_in: bool) -> None:
    async with browse(small, language=language, signed_in=signed_in, annex=Plan().door()) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    check(answer.text, language)
    assert "<b>mẫu" not in answer.text


async def test_the_plan_is_the_front_door_of_strangers(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False, annex=Plan().door()) as client:
        front = await client.get("/")
        page = await client.get("/phu-luc-xiv")
    assert (front.status_code, front.headers["location"]) == (303, "/phu-luc-xiv")
    menu = re.search(r'<nav aria-label="[^"]+">\s*<ul>\s*<li><a href="([^"]+)"', page.text)
    assert menu is not None
    assert menu[1] == "/phu-luc-xiv"
    async with browse(small, annex=Plan().door()) as client:
        own = await client.get("/")
    assert own.status_code == 200


async def test_without_a_plan_there_is_no_such_page(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        front = await client.get("/")
        page = await client.get("/phu-luc-xiv")
    assert front.status_code == 200
    assert page.status_code == 404
    assert "/phu-luc-xiv" not in front.text


async def test_every_line_stands_on_the_page_as_written(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False, annex=Plan().door()) as client:
        text = (await client.get("/phu-luc-xiv")).text
        english = (await client.get("/phu-luc-xiv", headers={"cookie": "lang=en; visitor=stranger"})).text
    for line in plan.annex(TODAY, TODAY).everything:
        assert f'id="{line.code}"' in text
        assert f'href="/phu-luc-xiv/{line.code}"' in text
        assert line.text.vi.replace('"', "&#34;") in text
        assert line.text.en in english
    assert text.count('class="annex-row"') == 50


async def test_a_value_drills_down_to_source_time_formula_and_what_was_left_out(browse: Open, small: World) -> None:
    async with browse(small, language="en", signed_in=False, annex=Plan().door()) as client:
        text = (await client.get("/phu-luc-xiv/II.4")).text
    for said in (
        "about 1,000,000", "250,000", "126 simulated left out", "1 estimated left out", "26/11/2026 07:00:00",
        "devices_in_service", "Number of entities",
        "lifecycle == in_service", "Straight line through 3 measured days from 01/01/2026",
        "5,000,000,000 ₫", "1,250,000,000 ₫", "(25%)", "late", "at first 31/01/2026", "25%",
    ):  # fmt: skip
        assert said in text, said
    assert "Dự án hỏng" in text
    assert text.count("no data") >= 2, "sums that cannot be read are no data"


async def test_as_approved_shows_the_owner_of_that_day_and_no_value_of_today(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False, annex=Plan().door()) as client:
        then = (await client.get(f"/phu-luc-xiv?day={APPROVED}")).text
        today = (await client.get("/phu-luc-xiv")).text
        wrong = await client.get("/phu-luc-xiv?day=2024-13-01")
    assert "Sở Thông tin và Truyền thông" in then
    assert "Sở Thông tin và Truyền thông" not in today
    assert "250.000" in today
    assert "250.000" not in then
    assert f'href="/phu-luc-xiv/II.4?day={APPROVED}"' in then
    assert wrong.status_code == 400


async def test_a_line_that_is_none_and_a_row_that_several_lines_share(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False, annex=Plan().door()) as client:
        unknown = await client.get("/phu-luc-xiv/II.9")
        shared = await client.get("/phu-luc-xiv/III.6")
        year = await client.get("/phu-luc-xiv/bao-cao/1999")
    assert (unknown.status_code, year.status_code) == (404, 404)
    assert (shared.status_code, shared.headers["location"]) == (303, "/phu-luc-xiv#III.6a")


async def test_the_report_as_pdf_in_the_readers_language(browse: Open, small: World) -> None:
    service = Plan()
    answers: list[Any] = []
    for language in ("vi", "en"):
        async with browse(small, language=language, signed_in=False, annex=service.door()) as client:
            answers.append(await client.get("/phu-luc-xiv/bao-cao/2026.pdf"))
    assert service.printed == [(2026, "vi"), (2026, "en")]
    assert [a.headers["content-type"] for a in answers] == ["application/pdf"] * 2
    assert answers[0].headers["content-disposition"] == 'inline; filename="phu-luc-xiv-2026.pdf"'
    assert answers[0].headers["x-content-type-options"] == "nosniff"


async def test_an_empty_plan_says_so(browse: Open, small: World) -> None:
    async def nothing(actor: Actor, day: str) -> AnnexView:
        view = await Plan().view(actor, day)
        return AnnexView(
            day=view.day, today=view.today, approved_on=view.approved_on, live=True, lines=(), commitments=(),
            indices=(),
        )  # fmt: skip

    door = Annex(nothing, Plan().report, Plan().print)
    async with browse(small, language="en", signed_in=False, annex=door) as client:
        answer = await client.get("/phu-luc-xiv")
    assert "The plan was not brought in yet" in answer.text
    check(answer.text, "en")

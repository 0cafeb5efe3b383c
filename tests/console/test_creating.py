"""Forms of the actions that make something new."""

from __future__ import annotations

from typing import Any

import pytest

from province.broker.broker import Acted
from province.errors import InvalidInput
from province.model.change import Changed
from province.packs import plan
from tests.console.conftest import Open, csrf
from tests.console.test_annex import Plan
from tests.console.test_pages import check
from tests.console.world import World, world

PAGE = "/new/milestone.plan?line=II.4"


@pytest.fixture
def office() -> World:
    """A world with the pack of the plan."""
    made = world()
    made.broker.packs = (*made.broker.packs, plan.PACK)
    return made


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_form_is_filled_in_advance(browse: Open, office: World, language: str) -> None:
    async with browse(office, language=language) as client:
        answer = await client.get(PAGE + "&unknown=<b>")
        project = await client.get("/new/project.register?line=III.6a")
    assert answer.status_code == 200
    check(answer.text, language)
    check(project.text, language)
    assert 'value="II.4"' in answer.text
    assert "<b>" not in answer.text


async def test_it_leads_to_what_was_made(browse: Open, office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def act(name: str, actor: Any, **given: Any) -> Acted:
        asked.append((name, given["inputs"], given["key"]))
        return Acted(changed=(Changed(id="urn:ngsi-ld:Milestone:a", type="Milestone", version=1, created=True),))

    monkeypatch.setattr(office.broker, "act", act)
    form = {"csrf": csrf(), "key": "k", "line": "II.4", "title": "Một mốc", "due": "2027-06-30"}
    async with browse(office) as client:
        answer = await client.post("/new/milestone.plan", data=form)
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/entity/urn:ngsi-ld:Milestone:a?done=milestone.plan"
    )  # fmt: skip
    assert asked == [("milestone.plan", {"line": "II.4", "title": "Một mốc", "due": "2027-06-30"}, "k")]


async def test_what_can_be_corrected_is_shown_again(
    browse: Open, office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(*_: Any, **__: Any) -> Acted:
        raise InvalidInput("'tháng sau' is not a day.", field="due", remedy="Give yyyy-mm-dd.")

    monkeypatch.setattr(office.broker, "act", act)
    form = {"csrf": csrf(), "line": "II.4", "title": "Một mốc", "due": "tháng sau"}
    async with browse(office) as client:
        answer = await client.post("/new/milestone.plan", data=form)
    assert answer.status_code == 400
    assert "“tháng sau” không phải là ngày." in answer.text
    assert 'value="Một mốc"' in answer.text


async def test_it_is_offered_only_to_whom_may(browse: Open, office: World) -> None:
    reader = world(permissions=("milestone.read",))
    reader.broker.packs = office.broker.packs
    async with browse(reader, annex=Plan().door()) as client:
        page = await client.get(PAGE)
        line = await client.get("/phu-luc-xiv/II.4")
    assert page.status_code == 404
    assert "/new/" not in line.text
    async with browse(office, annex=Plan().door()) as client:
        line = await client.get("/phu-luc-xiv/II.4")
        public = await client.get("/new/case.submit")
        none = await client.get("/new/nothing.at_all")
        forged = await client.post("/new/milestone.plan", data={"line": "II.4"})
    assert 'href="/new/milestone.plan?line=II.4"' in line.text
    assert 'href="/new/project.register?line=II.4"' in line.text
    assert (public.status_code, none.status_code, forged.status_code) == (404, 404, 403)
    async with browse(office, signed_in=False) as client:
        stranger = await client.get(PAGE)
    assert stranger.status_code == 303
    assert stranger.headers["location"].startswith("/sign-in")

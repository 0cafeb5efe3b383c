"""My work, one action for several, help at once, mail and SMS, and a record on paper."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from province.console.services import SentMessage
from province.model.label import Label
from province.model.time import Instant, now
from province.pack import Pack
from province.vocab.case import Task
from tests.console.conftest import Open, csrf
from tests.console.sample import PACK, entity_of
from tests.console.world import World, world

HOUR = timedelta(hours=1)
WORK = Pack(name="work", title=Label("Việc", "Work"), row="X", types=(Task,))


def task(n: int, due: Instant | None, **values: Any) -> Task:
    given = {"title": f"Việc số {n}", "case": "urn:ngsi-ld:Case:1", "openedAt": now(), "status": "open", **values}
    return Task(id=f"urn:ngsi-ld:Task:{n}", dueAt=due, openDueAt=due, **given)


@pytest.fixture
def office() -> World:
    made = world()
    made.broker.packs = (PACK, WORK)
    for one in (
        task(1, now() - HOUR),
        task(2, now() + HOUR, assignee="account-1"),
        task(3, now() + 100 * HOUR),
        task(4, None),
        task(5, now() - 2 * HOUR, status="done"),
        task(6, now() - 3 * HOUR, pausedSince=now()),
        task(7, now() + 200 * HOUR, suspected=True),
    ):
        made.broker.entities[one.id] = entity_of(one)
    return made


async def test_my_work_is_sorted_by_what_presses(browse: Open, office: World) -> None:
    async with browse(office, language="en") as client:
        page = (await client.get("/work")).text
    sections = {part.split("<")[0].strip(): part for part in page.split("<h2>")[1:]}
    assert "Việc số 2" in sections["Mine"]
    assert "Việc số 1" not in sections["Mine"]
    assert "Việc số 1" in sections["Overdue"]
    assert sections["Overdue"].index("Việc số 6") < sections["Overdue"].index("Việc số 1"), "the longest first"
    assert "paused" in sections["Overdue"]
    assert "Việc số 2" in sections["Due within two days"]
    assert "Việc số 3" in sections["Nobody took it yet"]
    assert "Việc số 2" not in sections["Nobody took it yet"]
    assert "Việc số 4" in sections["Waiting to be given out"]
    assert "Việc số 7" in sections["May be an emergency"]
    assert "Việc số 5" not in page, "what is done is nobody's work"


async def test_my_work_is_not_for_strangers(browse: Open, office: World) -> None:
    async with browse(office, signed_in=False) as client:
        answer = await client.get("/work")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_one_action_is_carried_out_for_all_that_are_ticked(browse: Open, small: World) -> None:
    ids = ["urn:ngsi-ld:Case:00000", "urn:ngsi-ld:Case:00001"]
    form: Mapping[str, Any] = {"csrf": csrf(), "action": "case.start", "id": ids, "query": "status=new"}
    async with browse(small, language="en") as client:
        listed = (await client.get("/list/Case")).text
        chosen = await client.post("/list/Case/choose", data=form)
        done = await client.post("/list/Case/act", data={**form, "key": "k"})
    assert '<option value="case.start">' in listed
    assert '<option value="case.submit">' not in listed
    assert '<option value="case.give">' not in listed, "it takes files: one by one"
    for id in ids:
        assert f'name="id" value="{id}"' in listed
        assert f'name="id" value="{id}"' in chosen.text
    assert done.status_code == 200
    assert "Done: 1 of 2." in done.text, "the second is not new any more"
    assert 'href="/list/Case?status=new"' in done.text
    assert [(name, key) for name, _, _, key in small.broker.acted] == [("case.start", f"k/{id}") for id in ids]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"id": []}, 400),
        ({"id": [f"urn:x:{n}" for n in range(190)] + [f"urn:y:{n}" for n in range(20)]}, 400),
        ({"action": "case.submit"}, 404),
        ({"action": "nothing.at_all"}, 404),
        ({"csrf": "forged"}, 403),
    ],
)
async def test_what_was_not_offered_is_not_done(
    browse: Open, small: World, changed: Mapping[str, Any], status: int
) -> None:
    form = {"csrf": csrf(), "action": "case.start", "id": ["urn:ngsi-ld:Case:00000"], **changed}
    async with browse(small) as client:
        for step in ("choose", "act"):
            answer = await client.post(f"/list/Case/{step}", data=form)
            assert answer.status_code == status, (step, answer.text[-300:])
    assert small.broker.acted == []


async def test_strangers_tick_nothing(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        listed = await client.get("/list/Station")
        answer = await client.post("/list/Case/act", data={"csrf": csrf(False), "action": "case.start"})
    assert 'type="checkbox" id="tick-' not in listed.text
    assert answer.status_code == 401


async def test_help_at_once_needs_nothing(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        page = (await client.get("/sos")).text
        form = (await client.get("/report")).text
    assert [page.index(f'href="tel:{n}"') for n in (113, 114, 115)] == sorted(
        page.index(f'href="tel:{n}"') for n in (113, 114, 115)
    )
    assert form.index('href="/sos"') < form.index('<form class="card"'), "before any form"


async def test_messages_say_what_became_of_them(browse: Open, small: World) -> None:
    asked = []

    async def messages(actor: object, about: str) -> list[SentMessage]:
        asked.append(about)
        common = {"way": "sms", "address": "0903 000 001", "subject": Label("Quá hạn", "Overdue"), "about": "urn:x"}
        return [
            SentMessage(id="1", state="simulated", attempts=1, reason="", at=now(), **common),  # type: ignore[arg-type]
            SentMessage(id="2", state="open", attempts=8, reason="nobody", at=now(), **common),  # type: ignore[arg-type]
        ]

    async with browse(small, language="en", messages=messages) as client:
        page = (await client.get("/messages", params={"about": "urn:x"})).text
    async with browse(small) as client:
        absent = await client.get("/messages")
    assert "simulated: nothing left" in page
    assert "given up" in page
    assert 'href="/dead-letters/2"' in page
    assert asked == ["urn:x"]
    assert absent.status_code == 404


async def test_a_record_is_printed_with_its_names_and_history(browse: Open, small: World) -> None:
    made: list[tuple[str, Mapping[str, Any]]] = []

    async def printer(template: str, data: Mapping[str, Any]) -> bytes:
        made.append((template, data))
        return b"%PDF-1.7"

    async with browse(small, print=printer) as client:
        answer = await client.get("/entity/urn:ngsi-ld:Case:00000/print.pdf")
        nobody = await client.get("/entity/urn:ngsi-ld:Case:99999/print.pdf")
    async with browse(small, print=printer, signed_in=False) as client:
        stranger = await client.get("/entity/urn:ngsi-ld:Case:00000/print.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert nobody.status_code == 404
    assert stranger.status_code == 303
    [(template, data)] = made
    assert template == "record"
    assert data["title"] == "Ổ gà trên đường số 0 <b>"
    facts = {fact["name"]: fact["text"] for fact in data["facts"]}
    assert facts["Lĩnh vực"] == "Đường sá"
    assert facts["Mã"] == "PA-2026-000000"

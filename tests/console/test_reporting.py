"""A resident reports without an account and follows the answer."""

from __future__ import annotations

import pytest

from tests.console.conftest import Open, csrf
from tests.console.world import PIXEL, World

FORM = {
    "csrf": csrf(False),
    "key": "k",
    "title": "Ổ gà lớn",
    "category": "road",
    "location.lat": "11,0512",
    "location.lon": "106.65",
    "urgent": "true",
}


async def test_report_with_photo_gives_code_and_secret_link(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        answer = await client.post("/report", data=FORM, files={"files": ("a.png", PIXEL, "image/png")})
    assert answer.status_code == 200
    assert "PA-2026-000001" in answer.text
    assert f"http://province.test/r/{'s' * 32}" in answer.text
    name, inputs, files, key = small.broker.acted[0]
    assert (name, files, key) == ("case.submit", ("b" * 64,), "k")
    assert inputs["location"] == {"type": "Point", "coordinates": [106.65, 11.0512]}
    assert inputs["urgent"] is True
    assert inputs["title"] == "Ổ gà lớn"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"location.lat": "", "location.lon": ""}, "location"),
        ({"location.lat": "north"}, "location"),
        ({"location.lat": "95"}, "location.coordinates"),
        ({"location.lon": "nan"}, "location.coordinates"),
        ({"category": "secret"}, "category"),
        ({"title": " "}, "title"),
    ],
)
async def test_wrong_report_keeps_what_was_typed(browse: Open, small: World, wrong: dict[str, str], field: str) -> None:
    async with browse(small, signed_in=False) as client:
        answer = await client.post("/report", data=FORM | {"description": "giữ lại"} | wrong)
    assert answer.status_code == 400
    assert f'<span class="mono">{field}</span>' in answer.text
    assert "giữ lại" in answer.text
    assert small.broker.acted == []


async def test_progress_shows_public_fields_only(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        answer = await client.get("/r/" + "s" * 32)
        photo = await client.get(f"/r/{'s' * 32}/photo/0")
        absent = await client.get(f"/r/{'s' * 32}/photo/7")
        wrong = await client.get("/r/" + "t" * 32)
    assert "Đã cử đội sửa chữa" in answer.text
    assert "0274 123 4567" not in answer.text
    assert photo.content == PIXEL
    assert absent.status_code == 404
    assert wrong.status_code == 404


async def test_author_disagrees_with_a_reason(browse: Open, small: World) -> None:
    path = "/r/" + "s" * 32
    async with browse(small, signed_in=False) as client:
        empty = await client.post(path, data={"csrf": csrf(False), "reason": " "})
        sent = await client.post(path, data={"csrf": csrf(False), "reason": "Vẫn còn ổ gà"})
    assert empty.status_code == 400
    assert sent.status_code == 303
    assert small.calls == [("disagree", "s" * 32, "Vẫn còn ổ gà")]


async def test_without_the_pack_there_is_no_form(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False, report_action="absent.submit") as client:
        answer = await client.get("/report")
        sign_in = await client.get("/sign-in")
    assert answer.status_code == 404
    assert 'href="/report"' not in sign_in.text

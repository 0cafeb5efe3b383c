"""What can be done with an entity, and what its page tells."""

from __future__ import annotations

import httpx
import pytest

from province.errors import Unavailable
from tests.console.conftest import Open, csrf
from tests.console.world import PIXEL, World, world

CASE = "/entity/urn:ngsi-ld:Case:00000"
GIVE = {"csrf": csrf(), "key": "k1", "office": "urn:ngsi-ld:Office:1", "days": "5"}


async def test_actions_follow_state_and_rights(browse: Open, small: World) -> None:
    async with browse(small) as client:
        new = await client.get(CASE)
        working = await client.get("/entity/urn:ngsi-ld:Case:00001")
    reader = world(permissions=("case.read",))
    async with browse(reader) as client:
        powerless = await client.get(CASE)
    assert "/act/case.start" in new.text
    assert "/act/case.start" not in working.text
    assert "/act/case.give" in working.text
    assert "/act/" not in powerless.text


async def test_form_says_unit_range_and_what_may_stay_empty(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        page = (await client.get(CASE)).text
    assert 'Length (m) <span class="soft">(optional)</span>' in page
    assert 'type="number" value="" min="1" max="60" required' in page
    assert '<option value="urn:ngsi-ld:Office:1">UBND phường Thủ Dầu Một</option>' in page


async def test_action_moves_the_entity(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.post(f"{CASE}/act/case.start", data={"csrf": csrf(), "key": "once"})
        page = await client.get(answer.headers["location"])
    assert answer.status_code == 303
    assert small.broker.acted == [("case.start", {}, (), "once")]
    assert "Đang xử lý" in page.text


async def test_inputs_are_read_by_the_signature(browse: Open, small: World) -> None:
    form = GIVE | {"due": "2026-12-01T17:00", "note": "  gấp "}
    async with browse(small) as client:
        answer = await client.post(f"{CASE}/act/case.give", data=form, files={"files": ("a.png", PIXEL, "image/png")})
    assert answer.status_code == 200
    name, inputs, files, key = small.broker.acted[0]
    assert (name, key, files) == ("case.give", "k1", ("b" * 64,))
    assert inputs["days"] == 5
    assert inputs["due"].isoformat() == "2026-12-01T10:00:00+00:00", "a form speaks civil time of Vietnam"
    assert inputs["note"] == "gấp"
    assert "Mã 5" in answer.text, "what the action answers its caller stands on the page"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"days": "many"}, "Số ngày"), ({"days": "99"}, "Số ngày"), ({"office": ""}, "Cơ quan"), ({"due": "soon"}, "Hạn")],
)
async def test_wrong_input_is_shown_again_with_its_field(
    browse: Open, small: World, wrong: dict[str, str], field: str
) -> None:
    async with browse(small) as client:
        answer = await client.post(f"{CASE}/act/case.give", data=GIVE | {"note": "giữ lại"} | wrong)
    assert answer.status_code == 400
    assert f"<strong>{field}</strong>" in answer.text
    assert "giữ lại" in answer.text
    assert 'aria-invalid="true"' in answer.text


async def test_state_that_changed_meanwhile_is_a_conflict(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.post("/entity/urn:ngsi-ld:Case:00001/act/case.give", data=GIVE)
        gone = await client.post("/entity/urn:ngsi-ld:Case:00001/act/case.start", data={"csrf": csrf()})
    assert answer.status_code == 409
    assert gone.status_code == 404


async def test_file_that_is_no_picture_is_refused(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.post(f"{CASE}/act/case.give", data=GIVE, files={"files": ("a.exe", b"MZ", "image/png")})
    assert answer.status_code == 400
    assert small.broker.acted == []


async def test_large_form_is_refused_before_it_is_read(browse: Open, small: World) -> None:
    async def endless() -> object:
        for _ in range(400):
            yield b"x" * 65_536

    head = {"content-type": "multipart/form-data; boundary=b"}
    async with browse(small) as client:
        declared = await client.post(f"{CASE}/act/case.give", content=b"x" * (13 * 1024**2), headers=head)
        streamed = await client.post(f"{CASE}/act/case.give", content=endless(), headers=head)  # type: ignore[arg-type]
    assert declared.status_code == 413
    assert streamed.status_code in (400, 413)
    assert small.broker.acted == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"--b\r\nbroken", b"csrf=%ff%fe&x"])
@pytest.mark.parametrize(
    "media", ["multipart/form-data; boundary=b", "multipart/form-data", "application/x-www-form-urlencoded"]
)
async def test_mutilated_forms_are_refused(browse: Open, small: World, body: bytes, media: str) -> None:
    async with browse(small) as client:
        answer: httpx.Response = await client.post(
            f"{CASE}/act/case.give", content=body, headers={"content-type": media}
        )
    assert answer.status_code in (400, 403)


async def test_the_public_does_not_see_which_account_wrote(browse: Open, small: World) -> None:
    station = "/entity/urn:ngsi-ld:Station:00000"
    async with browse(small, language="en") as client:
        staff = (await client.get(station)).text
    async with browse(small, language="en", signed_in=False) as client:
        answer = await client.get(station)
    assert answer.status_code == 200
    who = '<th scope="col">Who</th>'
    assert who in staff
    assert who not in answer.text
    assert "History of the record" in answer.text
    for text in ("account-1", *(p.actor.name for p in small.people.values() if p.actor.name)):
        assert text not in answer.text


async def test_files_only_of_the_entity_that_holds_them(browse: Open, small: World) -> None:
    async with browse(small) as client:
        shown = await client.get(f"{CASE}/file/{'a' * 64}")
        other = await client.get(f"/entity/urn:ngsi-ld:Case:00001/file/{'a' * 64}")
    async with browse(small, signed_in=False) as client:
        stranger = await client.get(f"{CASE}/file/{'a' * 64}")
    assert shown.content == PIXEL
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert other.status_code == 404
    assert stranger.status_code == 404


async def test_broken_engine_is_said_with_a_remedy(browse: Open, small: World) -> None:
    small.broker.broken = Unavailable("the database does not answer.")
    async with browse(small, language="en") as client:
        answer = await client.get(CASE)
        island = await client.get("/console/series/urn:x/pm25.json", headers={"accept": "application/json"})
    assert answer.status_code == 503
    assert "Nothing was stored" in answer.text
    assert island.headers["content-type"] == "application/problem+json"
    assert island.json()["status"] == 503

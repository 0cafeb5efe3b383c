"""Who comes in, and how they leave."""

from __future__ import annotations

import pytest

from province.console.services import Session
from province.console.visit import local
from tests.console.conftest import Open, csrf
from tests.console.world import World, operator

SECRET_PAGES = ("/silent", "/dead-letters", "/admin/accounts", "/admin/tokens", "/account/password")


@pytest.mark.parametrize("path", SECRET_PAGES)
async def test_stranger_is_sent_to_sign_in_and_back(browse: Open, small: World, path: str) -> None:
    async with browse(small, signed_in=False) as client:
        answer = await client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next={path}"


async def test_stranger_learns_nothing_of_private_registers(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        register = await client.get("/list/Case")
        entity = await client.get("/entity/urn:ngsi-ld:Case:00000")
        layer = await client.get("/console/map/Case.geojson")
        page = await client.get("/map")
    assert register.status_code == 401
    assert entity.status_code == 404
    assert layer.status_code == 404
    assert "Ổ gà" not in page.text + register.text + entity.text + layer.text


async def test_sign_in_opens_a_session_with_a_closed_cookie(browse: Open, small: World) -> None:
    form = {"csrf": csrf(False), "login": "anh", "password": "mật khẩu rất dài", "next": "/map"}
    async with browse(small, signed_in=False, secure_cookies=True) as client:
        answer = await client.post("/sign-in", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/map"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("session=cookie;")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"))


async def test_wrong_password_keeps_the_login_and_tells_no_more(browse: Open, small: World) -> None:
    form = {"csrf": csrf(False), "login": "anh", "password": "wrong", "next": "/"}
    async with browse(small, signed_in=False) as client:
        answer = await client.post("/sign-in", data=form)
    assert answer.status_code == 401
    assert 'value="anh"' in answer.text
    assert "wrong" not in answer.text.replace("The login or the password is wrong.", "")


async def test_sign_in_from_a_foreign_page_is_refused(browse: Open, small: World) -> None:
    form = {"csrf": "guess", "login": "anh", "password": "mật khẩu rất dài"}
    async with browse(small, signed_in=False) as client:
        answer = await client.post("/sign-in", data=form)
    assert answer.status_code == 403


async def test_first_visit_gets_a_visitor_cookie(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        client.cookies.delete("visitor")
        answer = await client.get("/sign-in")
    assert "visitor=" in answer.headers["set-cookie"]


async def test_given_password_must_be_changed_first(browse: Open, small: World) -> None:
    small.people["cookie"] = Session(operator(), must_change=True)
    async with browse(small) as client:
        elsewhere = await client.get("/map")
        short = await client.post("/account/password", data=_passwords("ngắn"))
        differing = await client.post("/account/password", data=_passwords("một câu thật dài") | {"again": "khác"})
        changed = await client.post("/account/password", data=_passwords("một câu thật dài"))
    assert elsewhere.headers["location"] == "/account/password"
    assert short.status_code == 400
    assert differing.status_code == 400
    assert changed.headers["location"] == "/"
    assert small.calls == [("change_password", "old", "một câu thật dài")]


def _passwords(new: str) -> dict[str, str]:
    return {"csrf": csrf(), "old": "old", "new": new, "again": new}


async def test_sign_out_ends_the_session(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.post("/sign-out", data={"csrf": csrf()})
    assert answer.headers["location"] == "/sign-in"
    assert small.people == {}


@pytest.mark.parametrize("path", ["//evil.test", "https://evil.test", "/\\evil.test", "", "map", "/a\r\nb"])
def test_next_never_leaves_the_site(path: str) -> None:
    assert local(path) == "/"

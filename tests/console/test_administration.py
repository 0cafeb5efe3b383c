"""Accounts, tokens, credentials of devices, dead letters: each button does one thing, each secret is shown once."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from province.model.actor import Grant
from tests.console.conftest import Open, csrf
from tests.console.world import World


async def test_new_account_shows_its_password_once(browse: Open, small: World) -> None:
    form = {"csrf": csrf(), "login": "binh", "name": "Trần Bình", "role": "operator", "agency": ""}
    async with browse(small) as client:
        made = await client.post("/admin/accounts/new", data=form)
        later = await client.get("/admin/accounts")
    assert "bốn từ ngẫu nhiên" in made.text
    assert "bốn từ ngẫu nhiên" not in later.text
    assert made.headers["cache-control"] == "no-store"
    assert small.calls == [("create_account", "binh", "Trần Bình", None), ("grant", "account-2", "operator", None)]


async def test_wrong_account_is_shown_again(browse: Open, small: World) -> None:
    form = {"csrf": csrf(), "login": "hai tu", "name": "Trần Bình"}
    async with browse(small) as client:
        answer = await client.post("/admin/accounts/new", data=form)
    assert answer.status_code == 400
    assert 'value="Trần Bình"' in answer.text


@pytest.mark.parametrize(
    ("form", "call"),
    [
        ({"step": "disable"}, ("disable", "account-1", True)),
        ({"step": "enable"}, ("disable", "account-1", False)),
        ({"step": "grant", "role": "operator"}, ("grant", "account-1", "operator", None)),
        ({"step": "withdraw", "grant": "g-1"}, ("withdraw", "g-1")),
    ],
)
async def test_account_steps(browse: Open, small: World, form: dict[str, str], call: tuple[object, ...]) -> None:
    async with browse(small) as client:
        answer = await client.post("/admin/accounts/account-1", data=form | {"csrf": csrf()})
    assert answer.status_code == 303
    assert small.calls == [call]


async def test_unknown_step_is_refused(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.post("/admin/accounts/account-1", data={"csrf": csrf(), "step": "promote"})
    assert answer.status_code == 400
    assert small.calls == []


@pytest.mark.parametrize("form", [{"step": "grant", "role": "\0"}, {"step": "disable", "a\0": ""}])
async def test_a_nul_in_a_form_is_refused(browse: Open, small: World, form: dict[str, str]) -> None:
    async with browse(small) as client:
        answer = await client.post("/admin/accounts/account-1", data=form | {"csrf": csrf()})
    assert answer.status_code == 400
    assert small.calls == []


async def test_reset_shows_the_new_password(browse: Open, small: World) -> None:
    form = {"csrf": csrf(), "step": "reset", "login": "anh"}
    async with browse(small) as client:
        answer = await client.post("/admin/accounts/account-1", data=form)
    assert "mật khẩu tạm thời" in answer.text


async def test_token_is_shown_once_and_revoked(browse: Open, small: World) -> None:
    form = {"csrf": csrf(), "name": "nhập", "purpose": "thử", "permissions": "*.read report.resolve", "days": "30"}
    async with browse(small) as client:
        made = await client.post("/admin/tokens/new", data=form)
        later = await client.get("/admin/tokens")
        wrong = await client.post("/admin/tokens/new", data=form | {"days": "0"})
        revoked = await client.post("/admin/tokens/t-1/revoke", data={"csrf": csrf()})
    assert "prv_0123456789abcdef_secret" in made.text
    assert "prv_0123456789abcdef_secret" not in later.text
    assert wrong.status_code == 400
    assert revoked.status_code == 303
    assert small.calls == [("issue", "nhập", "thử", ("*.read", "report.resolve"), 30), ("revoke", "t-1")]


async def test_credential_of_a_device(browse: Open, small: World) -> None:
    async with browse(small) as client:
        known = {"csrf": csrf(), "device": "urn:ngsi-ld:Station:00001"}
        made = await client.post("/admin/credentials/new", data=known)
        unknown = await client.post("/admin/credentials/new", data=known | {"device": "urn:x:9"})
        ended = await client.post("/admin/credentials/c-1/revoke", data={"csrf": csrf()})
    assert "mqtt-secret" in made.text
    assert "device-1" in made.text
    assert unknown.status_code == 404
    assert ended.status_code == 303


async def test_who_may_only_read_has_tokens_and_no_credentials(browse: Open, small: World) -> None:
    reader = msgspec.structs.replace(small.people["cookie"].actor, grants=(Grant("viewer", frozenset(("*.read",))),))
    small.people["cookie"] = dataclasses.replace(small.people["cookie"], actor=reader)
    async with browse(small) as client:
        page = await client.get("/admin/tokens")
    assert page.status_code == 200
    assert 'action="/admin/tokens/new"' in page.text
    assert "/admin/credentials" not in page.text


async def test_dead_letter_is_seen_taken_in_again_or_dismissed_with_a_reason(browse: Open, small: World) -> None:
    async with browse(small) as client:
        page = await client.get("/dead-letters/letter-1")
        again = await client.post("/dead-letters/letter-1/retry", data={"csrf": csrf()})
        silent = await client.post("/dead-letters/letter-1/dismiss", data={"csrf": csrf()})
        aside = await client.post("/dead-letters/letter-1/dismiss", data={"csrf": csrf(), "reason": "trùng"})
        absent = await client.get("/dead-letters/none")
    assert "{&#34;pm25&#34;:&#34;x&#34;}" in page.text
    assert "attrs.pm25" in page.text
    assert again.status_code == aside.status_code == 303
    assert silent.status_code == 400
    assert absent.status_code == 404
    assert small.calls == [("retry", "letter-1"), ("dismiss", "letter-1", "trùng")]

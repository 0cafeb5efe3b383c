"""The import page and the export menu, as a data steward's browser asks for them."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from province.identity import accounts, roles
from province.identity.passwords import Passwords
from province.model.actor import system
from tests.exchange.conftest import TENANT, Site

ROADS = """code,name,kind,status,line
WEB1,Đường số 1,urban,in_service,106.70 10.90;106.71 10.91
WEB2,Đường 2,sai,in_service,
"""


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in as a data steward."""
    hasher, actor = Passwords(), system(TENANT, "test")
    async with site.core.pool.acquire() as connection:
        login = f"steward-{secrets.token_hex(4)}"
        made = await accounts.create(
            connection, actor, hasher, login=login, name="Cán bộ dữ liệu", password="Mot-mat-khau-dai-1!"
        )
        await roles.grant(connection, actor, made.id, "steward")
    hasher.close()
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=60) as client:
        form = {"csrf": csrf((await client.get("/sign-in")).text), "login": login, "password": "Mot-mat-khau-dai-1!"}
        assert (await client.post("/sign-in", data=form)).status_code == 303
        yield client


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_from_the_file_to_the_outcome(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/imports")
    assert "Nhập tệp dữ liệu" in page.text
    token = csrf(page.text)
    sent = await browser.post(
        "/imports", data={"csrf": token, "type": "Road"}, files={"file": ("đường.csv", ROADS.encode(), "text/csv")}
    )
    assert sent.status_code == 303, sent.text
    here = sent.headers["location"]
    editor = (await browser.get(here)).text
    assert "đường.csv" in editor
    assert re.search(r'<option value="kind" selected>', editor), "the column went to its field"
    assert "WEB1" in editor, "samples of the file stand beside"
    names = re.findall(r'name="column" value="([^"]+)"', editor)
    goes = dict(zip(names, ["code", "name", "kind", "status", ""], strict=False))
    form = {"csrf": token, "type": "Road", "step": "try", "id": "urn:ngsi-ld:Road:{code}", "column": names}
    form |= {f"goes-{i}": goes[n] for i, n in enumerate(names)}
    tried = await browser.post(f"{here}/mapping", data=form)
    assert tried.status_code == 303, tried.text
    shown = await settled(browser, here)
    assert "Nếu nhập thì sẽ" in shown
    assert "“sai”" in shown or "&#39;sai&#39;" in shown, "the reason names what was given"
    await browser.post(f"{here}/mapping", data=form | {"step": "run"})
    shown = await settled(browser, here)
    assert "Đã nhập" in shown
    kept = await browser.get(f"{here}/refused")
    assert kept.headers["content-disposition"].startswith("attachment")
    assert "WEB2" in kept.text
    assert (await browser.get("/list/Road?q=so+1")).text.count("/export/Road.csv") >= 1
    out = await browser.get("/export/Road.csv?q=Đường+số+1")
    assert out.status_code == 200
    assert "WEB1" in out.text
    assert "WEB2" not in out.text
    undone = await browser.post(f"{here}/undo", data={"csrf": token})
    assert undone.status_code == 303
    assert "WEB1" not in (await browser.get("/export/Road.csv")).text


async def settled(browser: httpx.AsyncClient, here: str) -> str:
    """The page when nothing runs any more."""
    for _ in range(300):
        page = (await browser.get(here)).text
        if "hx-trigger" not in page.partition('id="progress"')[2][:200]:
            return page
        await asyncio.sleep(0.2)
    raise AssertionError("the import does not end")


async def test_what_a_page_refuses(browser: httpx.AsyncClient) -> None:
    token = csrf((await browser.get("/imports")).text)
    empty = await browser.post("/imports", data={"csrf": token}, files={"file": ("", b"", "text/csv")})
    assert empty.status_code == 400
    archive = await browser.post("/imports", data={"csrf": token}, files={"file": ("a.pdf", b"%PDF-1.7 x", "x/y")})
    assert archive.status_code >= 400
    assert (await browser.get("/imports/urn:ngsi-ld:DataImport:none")).status_code == 404
    assert (await browser.get("/export/Nothing.csv")).status_code == 404
    assert (await browser.get("/export/Road.exe")).status_code >= 400


async def test_a_steward_issues_the_credential_of_a_source(site: Site, browser: httpx.AsyncClient) -> None:
    id = "urn:ngsi-ld:AirQualityObserved:cred-1"
    entity = {"id": id, "type": "AirQualityObserved", "name": "Trạm thử", "serialNumber": "cred-1"}
    await site.ask("POST", "/ngsi-ld/v1/entities", json=entity)
    page = await browser.get("/admin/tokens")
    assert page.status_code == 200
    made = await browser.post("/admin/credentials/new", data={"csrf": csrf(page.text), "device": id})
    assert made.status_code == 200
    assert 'class="secret"' in made.text
    assert id in (await browser.get("/admin/tokens")).text

"""Access as people live it: who looked, why they could, and what an emergency opens."""

from __future__ import annotations

import asyncio
import csv
import io
import uuid
from pathlib import Path

import httpx
import pytest

from province.adapters.heads import HeadFolder
from province.broker.audit_check import check
from province.broker.sealer import Sealer
from province.model.actor import Actor
from tests.draining import drain

from .conftest import TENANT, MakePerson, Person, Site

SECRET_PHONE = "0908111222"


async def report(site: Site, author: Person) -> str:
    """A report that names its author."""
    actor = Actor(tenant=TENANT, id=author.id, kind="person", name=author.name)
    inputs = {
        "category": "road", "title": f"Ổ gà {uuid.uuid4().hex[:6]}", "phone": SECRET_PHONE, "name": author.name,
        "location": {"type": "Point", "coordinates": [106.65, 11.05]},
    }  # fmt: skip
    acted = await site.core.broker.act("report.submit", actor, inputs=inputs)
    return acted.changed[0].id


async def test_a_resident_sees_which_office_looked_and_what_for(site: Site, people: MakePerson) -> None:
    resident = await people("Chị Hoa", "resident")
    official = await people("Anh Tâm", "operator")
    id = await report(site, resident)
    assert "has looked at these records" in await resident.see("/my-data")
    await official.see(f"/entity/{id}")
    page = await resident.see("/my-data")
    assert "looked at the record" in page
    assert "Phone" in page
    assert "page /entity</td>" in page, "the page that was read for is the purpose"
    assert SECRET_PHONE not in page
    other = await people("Bà Lan", "resident")
    assert id not in await other.see("/my-data")


async def test_an_inspector_finds_it_by_every_filter_and_takes_it_along(site: Site, people: MakePerson) -> None:
    resident, official = await people("Chị Hoa", "resident"), await people("Anh Tâm", "operator")
    inspector = await people("Cô Thanh", "inspector")
    id = await report(site, resident)
    await official.see(f"/entity/{id}")
    for query in (f"who={official.login}", f"who={official.id}", f"entity={id}", f"entity={id}&action=entity.read",
                  f"entity={id}&type=Report&purpose=entity"):  # fmt: skip
        page = await inspector.see(f"/audit?{query}")
        assert "Anh Tâm" in page, query
        assert "looked at the record" in page, query
    assert "Nothing found" in await inspector.see(f"/audit?entity={id}&until=2020-01-01")
    assert "Nothing found" in await inspector.see(f"/audit?entity={id}&action=entity.exported")
    await inspector.see("/audit?since=yesterday", status=400)
    answer = await inspector.browser.get(f"/audit.csv?entity={id}")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {"entity.read", "report.submitted"} & {r["action"] for r in rows}
    assert {r["name"] for r in rows} >= {"Anh Tâm"}
    assert SECRET_PHONE not in answer.text
    assert "searched the audit" in await inspector.see(f"/audit?who={inspector.login}"), "who watches is watched"


@pytest.mark.parametrize("path", ["/audit", "/audit.csv", "/break-glass"])
async def test_the_audit_is_closed_to_who_has_no_right(path: str, site: Site, people: MakePerson) -> None:
    viewer = await people("Anh Xem", "viewer")
    await viewer.see(path, status=403)
    async with httpx.AsyncClient(base_url=site.url) as stranger:
        assert (await stranger.get(path)).status_code == 303


async def test_an_inspector_of_one_agency_sees_its_people_and_records_only(site: Site, people: MakePerson) -> None:
    mine, theirs = "urn:ngsi-ld:Agency:m", "urn:ngsi-ld:Agency:t"
    local = await people("Cô Nội", "inspector", agency=mine)
    near = await people("Anh Trong", "viewer", agency=mine)
    far = await people("Anh Ngoài", "viewer", agency=theirs)
    assert "signed in" in await local.see(f"/audit?who={near.login}")
    assert "Nothing found" in await local.see(f"/audit?who={far.login}")


async def test_why_somebody_can_and_why_somebody_cannot(site: Site, people: MakePerson) -> None:
    resident, official = await people("Chị Hoa", "resident"), await people("Anh Tâm", "operator")
    inspector = await people("Cô Thanh", "inspector")
    id = await report(site, resident)
    page = await inspector.see(f"/access?account={official.login}&entity={id}")
    assert "Can see this record" in page
    assert "<strong>operator</strong> gives it" in page
    page = await inspector.see(f"/access?account={inspector.login}&entity={id}")
    assert "Cannot see this record" in page
    assert "None of the roles holds this permission" in page
    assert "access.explained" not in page
    await inspector.see(f"/access?account=nobody&entity={id}", status=404)
    # One's own rights, but not whether a hidden record exists; and never another's.
    await resident.see(f"/access?account={resident.login}&entity={id}", status=404)
    await resident.see(f"/access?account={resident.login}&entity=urn:ngsi-ld:Report:none", status=404)
    await resident.see(f"/access?account={official.login}&entity={id}", status=404)


async def test_break_glass_opens_one_record_for_a_while_and_tells(site: Site, people: MakePerson) -> None:
    resident, officer = await people("Chị Hoa", "resident"), await people("Anh Trực", "duty-officer")
    inspector = await people("Cô Thanh", "inspector")
    id, other = await report(site, resident), await report(site, resident)
    await officer.see(f"/entity/{id}", status=404)
    form = {"entity": id, "reason": "Người gửi báo cháy, cần gọi lại ngay", "minutes": "15"}
    await officer.send("/break-glass", "/break-glass", status=400, **{**form, "reason": "gấp"})
    await officer.send("/break-glass", "/break-glass", status=400, **{**form, "minutes": "9999"})
    await officer.send("/break-glass", "/break-glass", status=404, **{**form, "entity": "urn:x:none"})
    await officer.send("/break-glass", "/break-glass", **form)
    assert SECRET_PHONE in await officer.see(f"/entity/{id}")
    await officer.see(f"/entity/{other}", status=404)
    inbox = await inspector.see("/")
    assert "Anh Trực broke the glass on a record" in inbox
    assert "behind glass" in await inspector.see(f"/audit?entity={id}&action=entity.read")
    assert "báo cháy" in await inspector.see("/break-glass")
    assert "this record alone" in await inspector.see(f"/access?account={officer.login}&entity={id}")
    glass = await site.fetch("SELECT id::text FROM break_glass WHERE entity = $1", id)
    await inspector.browser.post(f"/break-glass/{glass}/close")  # another's: without its form nothing happens
    await officer.send("/break-glass", f"/break-glass/{glass}/close")
    await officer.see(f"/entity/{id}", status=404)


async def test_glass_closes_by_itself_and_tokens_never_have_it(
    site: Site, people: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("province.identity.authenticate.CACHE_S", 0.5)
    resident, officer = await people("Chị Hoa", "resident"), await people("Anh Trực", "duty-officer")
    id = await report(site, resident)
    await officer.send(
        "/break-glass", "/break-glass", entity=id, reason="Kiểm tra đường dây nóng bị ngắt", minutes="15"
    )
    await officer.see(f"/entity/{id}")
    made = await officer.send("/admin/tokens", "/admin/tokens/new", status=200, name="t", purpose="p", permissions="*")
    token = made.text.split("prv_")[1].split("<")[0]
    async with httpx.AsyncClient(base_url=site.url, headers={"authorization": f"Bearer prv_{token}"}) as program:
        assert (await program.get(f"/ngsi-ld/v1/entities/{id}")).status_code == 404
    async with site.core.pool.acquire() as connection:
        await connection.execute(
            "UPDATE break_glass SET valid = tstzrange(lower(valid), lower(valid) + interval '1 millisecond')"
            " WHERE entity = $1", id)  # fmt: skip
    async with asyncio.timeout(60):
        while (await officer.browser.get(f"/entity/{id}")).status_code != 404:
            await asyncio.sleep(0.1)


async def test_programs_are_read_with_their_purpose_and_exports_name_no_values(site: Site, people: MakePerson) -> None:
    resident = await people("Chị Hoa", "resident")
    inspector = await people("Cô Thanh", "inspector")
    id = await report(site, resident)
    said = {"authorization": f"Bearer {site.tokens['administrator']}", "x-purpose": "đối soát hồ sơ 12/2026"}
    headers = {name: text.encode() for name, text in said.items()}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as program:
        assert (await program.get(f"/ngsi-ld/v1/entities/{id}")).status_code == 200
        asked = {"type": "Report", "q": f'reporterPhone=="{SECRET_PHONE}"'}
        assert (await program.get("/ngsi-ld/v1/entities", params=asked)).status_code == 200
    page = await inspector.see(f"/audit?entity={id}")
    assert page.count("đối soát hồ sơ 12/2026") >= 2
    assert SECRET_PHONE not in page
    assert await site.fetch("SELECT count(*) FROM audit WHERE detail::text LIKE $1", f"%{SECRET_PHONE}%") == 0


async def test_what_all_of_them_did_is_sealed_and_whole(site: Site, tmp_path: Path) -> None:
    heads = HeadFolder(tmp_path)
    sealer = Sealer(site.core.pool, site.core.keys, heads)
    async with site.core.pool.acquire() as connection:
        await drain(connection, sealer.step)
        await sealer.export(connection, at_once=True)
        found = await check(connection, heads.heads(), heads.public_keys())
    assert found.findings == []
    assert found.rows > 0

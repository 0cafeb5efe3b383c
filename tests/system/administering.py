"""The pages of administration as a person uses them: an order, a post, a delegation, an address."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta

import httpx

from tests.product import Product

PASSWORD = "một-mật-khẩu-dài-19"


def sign_in(product: Product) -> httpx.Client:
    """The session of the first administrator, whose password is changed as it must be."""
    client = httpx.Client(base_url=product.address, timeout=60, follow_redirects=True, trust_env=False)
    first = (product.settings.secrets / "administrator").read_text().strip()
    answer = client.post(
        "/sign-in", data={"csrf": token(client, "/sign-in"), "login": "administrator", "password": first}
    )
    data = {"csrf": _token(answer.text), "old": first, "new": PASSWORD, "again": PASSWORD}
    assert client.post("/account/password", data=data).status_code == 200
    return client


def token(client: httpx.Client, path: str) -> str:
    """What a form on a page sends to prove that it is from there."""
    return _token(client.get(path).text)


def _token(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None, text[:500]
    return found[1]


def use(product: Product, login: str) -> list[str]:
    """Use every page once. login: of an account to whom a role is delegated. Returns what was seen, in words."""
    seen = []
    with contextlib.closing(sign_in(product)) as client:
        later = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
        page = client.get("/admin/territory").text
        units = re.findall(r'<option value="(urn:ngsi-ld:Area:[^"]+)"', page)
        assert len(units) >= 36, len(units)
        form = {
            "csrf": _token(page), "units": units[:2], "code": "99901", "name": "Phường Thử", "kind": "ward",
            "effective": later, "basis": "NQ diễn tập 03",
        }  # fmt: skip
        shown = client.post("/admin/territory/preview", data=form)
        assert shown.status_code == 200, shown.text[:500]
        assert shown.text.count('class="unit unit-') == 3, "two units before, one after"
        written = re.search(r'name="order" value="([^"]+)"', shown.text)
        assert written is not None
        order = written[1].replace("&#34;", '"').replace("&quot;", '"').replace("&amp;", "&")
        kept = client.post("/admin/territory/decide", data={"csrf": _token(shown.text), "order": order})
        assert kept.status_code == 200, kept.text[:500]
        mine = re.search(r'action="/admin/territory/([^"]+)/withdraw"', kept.text)
        assert mine is not None, "an order that waits can be taken back"
        back = client.post(
            f"/admin/territory/{mine[1]}/withdraw", data={"csrf": _token(kept.text), "reason": "thử xong"}
        )
        assert "NQ diễn tập 03" in back.text
        assert back.status_code == 200
        bad = client.post("/admin/territory/preview", data={**form, "csrf": _token(back.text), "units": units[:1] * 2})
        assert bad.status_code == 400, bad.status_code
        seen.append("an order was previewed with its map, decided, and taken back")

        people = client.get("/admin/people").text
        grant = re.search(r'<select id="d-grant"[^>]*><option value="([^"]+)"', people)
        assert grant is not None, "the administrator may delegate the own role"
        given = {"csrf": _token(people), "step": "delegate", "grant": grant[1], "login": login, "until": later,
                 "reason": "đi công tác"}  # fmt: skip
        told = client.post("/admin/people/change", data=given)
        assert told.status_code == 200
        assert "đi công tác" in told.text
        past = client.post("/admin/people/change", data={**given, "csrf": _token(told.text), "until": "2020-01-01"})
        assert past.status_code == 400
        post = {
            "csrf": _token(told.text), "step": "appoint", "login": login, "role": "viewer",
            "post": "Phó chánh văn phòng", "agency": "", "area": "", "concurrent": "true", "since": "", "until": later,
        }  # fmt: skip
        appointed = client.post("/admin/people/change", data=post)
        assert appointed.status_code == 200
        assert "Phó chánh văn phòng" in appointed.text
        ended = re.search(
            r'name="step" value="revoke"><input type="hidden" name="grant" value="([^"]+)"', appointed.text
        )
        assert ended is not None
        client.post("/admin/people/change", data={"csrf": _token(appointed.text), "step": "revoke", "grant": ended[1]})
        assert "đi công tác" not in client.get("/admin/people").text
        seen.append("a post was given, a role delegated and the delegation ended")

        for day, name in (("2025-06-30", "Sở Khoa học và Công nghệ"), ("2024-06-01", "Sở Thông tin và Truyền thông")):
            assert name in client.get("/admin/organisations", params={"on": day}).text, (day, name)
        found = client.get("/addresses", params={"q": "12 yersin phuong phu cuong tp thu dau mot"}).text
        assert "Thành phố Hồ Chí Minh" in found
        lists = client.get("/list/AirQualityObserved", params={"within": units[0], "count": "1"})
        assert lists.status_code == 200
        seen.append("organisations of two days, an address, a list within a unit")
        english = client.get("/language/en", params={"next": "/admin/territory"})
        assert "Mergers and splits" in english.text
    return seen

"""Journeys from a signal to its end, as people walk them: with so many clicks, in so much time, and no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import DESK, PHONE, SHOTS
from tests.product import Product, count, running_product

pytestmark = pytest.mark.browser
PLACE = ("10.9805", "106.6519")
"""In old Phú Cường, which has been a part of Thủ Dầu Một since 1 July 2025."""
OWNER = "Ủy ban nhân dân phường Thủ Dầu Một"


@dataclass(frozen=True, slots=True)
class Town:
    """A running installation with the example, its token, and the cookies of an official."""

    product: Product
    cookies: list[dict[str, str]]


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with running_product("--no-simulate", "--example") as product:
        with product.signed_in() as client:
            cookies = [{"name": c.name, "value": c.value or "", "url": product.address} for c in client.cookies.jar]
        yield Town(product, cookies)


@dataclass
class Person:
    """Somebody at a browser, whose clicks are counted; typing into a field counts as one."""

    page: Page
    address: str
    clicks: int = 0
    began: float = field(default_factory=time.monotonic)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def fill(self, field_: str, text: str) -> None:
        self.clicks += 1
        self.page.fill(field_, text)

    def choose(self, field_: str, value: str) -> None:
        self.clicks += 1
        self.page.select_option(field_, value)

    def act(self, title: str, **texts: str) -> None:
        """Open an action of the entity's page, fill its form in and send it."""
        form = self.page.locator("details.action", has=self.page.locator("summary", has_text=title)).first
        self.click(form.locator("summary"))
        for name, text in texts.items():
            self.clicks += 1
            box = form.locator(f"[name='{name}']")
            if box.evaluate("e => e.tagName") == "SELECT":
                box.select_option(text)
            else:
                box.fill(text)
        if form.locator("form").get_attribute("data-confirm"):
            self.page.once("dialog", lambda dialog: dialog.accept())
        with self.page.expect_navigation():
            self.click(form.locator("button").last)

    def shoot(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def spent(self, clicks: int, seconds: float) -> None:
        """The budget of a journey."""
        assert self.clicks <= clicks, f"{self.clicks} clicks, {clicks} are enough"
        took = time.monotonic() - self.began
        assert took <= seconds, f"{took:.0f} s, {seconds} are enough"


@pytest.fixture
def meet(town: Town, chromium: Browser) -> Iterator[object]:
    contexts: list[BrowserContext] = []

    def make(*, official: bool) -> Person:
        context = chromium.new_context(viewport=DESK if official else PHONE, color_scheme="light")  # type: ignore[arg-type]
        contexts.append(context)
        cookies = [{"name": n, "value": v, "url": town.product.address} for n, v in (("lang", "vi"), ("tour", "done"))]
        context.add_cookies([*cookies, *(town.cookies if official else [])])  # type: ignore[arg-type]
        return Person(context.new_page(), town.product.address)

    yield make
    for context in contexts:
        context.close()


def again(person: Person, path: str, text: str, seconds: float = 60) -> None:
    """Look at a page again until it says something."""
    until = time.monotonic() + seconds
    while text not in (person.open(path) or person.page.content()):
        assert time.monotonic() < until, f"{path} does not say {text!r}"
        time.sleep(0.5)


def report(person: Person, title: str, photo: Path | None = None) -> str:
    """Send a report from a telephone; gives the address of its secret page."""
    person.open("/report")
    expect(person.page.locator("a[href='/sos']").first).to_be_visible()
    person.fill("#report-title", title)
    person.fill("#report-location-lat", PLACE[0])
    person.fill("#report-location-lon", PLACE[1])
    person.choose("#report-category", "road")
    if photo is not None:
        person.clicks += 1
        person.page.set_input_files("#report-files", photo)
    person.click(person.page.locator("form.card button.main"))
    person.page.wait_for_selector("#secret")
    return "/r/" + person.page.inner_text("#secret").rpartition("/r/")[2].strip()


def entity_of(town: Town, title: str) -> str:
    """The official page of a report."""
    with httpx.Client(base_url=town.product.address, headers={"Authorization": f"Bearer {town.product.token}"}) as api:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = api.get("/ngsi-ld/v1/entities", params={"type": "Report", "q": f'title=="{title}"'}).json()
            if found and "assignedTo" in found[0]:
                return f"/entity/{found[0]['id']}"
            time.sleep(0.3)
    raise AssertionError(f"{title!r} was not given to an agency")


def test_a_resident_follows_a_report_from_the_photo_to_the_reopened_case(
    town: Town, meet: object, tmp_path: Path
) -> None:
    first, second = meet(official=False), meet(official=False)  # type: ignore[operator]
    officer = meet(official=True)  # type: ignore[operator]
    photo = tmp_path / "o-ga.jpg"
    Image.new("RGB", (640, 480), (120, 110, 90)).save(photo, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00")
    report(first, "Ổ gà lớn trước chợ Thủ Dầu Một")
    one = entity_of(town, "Ổ gà lớn trước chợ Thủ Dầu Một")
    secret = report(second, "Ổ gà rất lớn trước chợ Thủ Dầu Một", photo)
    second.spent(clicks=6, seconds=30)
    other = entity_of(town, "Ổ gà rất lớn trước chợ Thủ Dầu Một")

    officer.open(other)
    expect(officer.page.locator("main")).to_contain_text("Ổ gà lớn trước chợ Thủ Dầu Một")
    officer.act("Gộp xử lý chung")
    again(second, secret, "Xử lý chung")
    second.shoot("journey-linked")
    officer.open(one)
    officer.act("Bắt đầu xử lý")
    officer.act("Báo đã xử lý", note="Đã vá ổ gà ngày hôm nay.")
    again(second, secret, "Đã vá ổ gà ngày hôm nay.")
    second.click(second.page.locator("#stars-2"))
    with second.page.expect_navigation():
        second.click(second.page.locator("form[action$='/rate'] button"))
    second.fill("#reason", "Mưa xuống lại lún như cũ.")
    with second.page.expect_navigation():
        second.click(second.page.locator("form:has(#reason) button"))
    expect(second.page.locator(".badge.state").first).to_have_text("Chưa đồng ý")
    officer.open(other)
    officer.act("Xử lý lại", reason="Kiểm tra thấy đúng.")
    again(second, secret, "Mở lại")
    second.shoot("journey-reopened")
    second.spent(clicks=10, seconds=120)
    officer.spent(clicks=12, seconds=120)


def test_the_1022_desk_enters_a_call_that_is_routed_after_the_merger_and_escalated_when_overdue(
    town: Town, meet: object
) -> None:
    desk = meet(official=True)  # type: ignore[operator]
    title = "Cây xanh ngã chắn hẻm, gọi từ phường Phú Cường cũ"
    desk.open("/list/Report")
    with desk.page.expect_navigation():
        desk.click(desk.page.locator("a[href='/new/report.receive']"))
    desk.choose("#new-channel", "call")
    desk.fill("#new-title", title)
    desk.choose("#new-category", "tree")
    desk.fill("#new-location-lat", PLACE[0])
    desk.fill("#new-location-lon", PLACE[1])
    desk.fill("#new-phone", "0274 382 2222")
    with desk.page.expect_navigation():
        desk.click(desk.page.locator("section.card button.main"))
    desk.spent(clicks=8, seconds=30)
    page = entity_of(town, title)
    again(desk, page, OWNER)
    id = page.removeprefix("/entity/")
    _let_time_pass(town, id, days=1)
    again(desk, page, "Quá hạn từ")
    desk.open("/work")
    expect(desk.page.locator("section", has=desk.page.locator("h2", has_text="Quá hạn")).first).to_contain_text(title)
    desk.shoot("journey-work")
    _let_time_pass(town, id, days=8)
    told = "SELECT count(*) FROM notice WHERE about = $1 AND subject_en LIKE 'Overdue%'"
    until = time.monotonic() + 30
    while counted(town, told, id) < 2:
        assert time.monotonic() < until, "the agency and the one above it were not told"
        time.sleep(0.5)
    escalated = "SELECT count(*) FROM outbox WHERE entity = $1 AND name = 'case.escalated'"
    assert counted(town, escalated, id) == 1
    with httpx.Client(base_url=town.product.address, cookies={c["name"]: c["value"] for c in town.cookies}) as client:
        printed = client.get(f"{page}/print.pdf")
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.content.startswith(b"%PDF")


def counted(town: Town, sql: str, id: str) -> int:
    """A number from the database; in a thread of its own, for the browser has an event loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(count(town.product, sql, id))).result()


def _let_time_pass(town: Town, id: str, *, days: int) -> None:
    """Move the limit of a case into the past, as if so many days had gone by since."""
    past = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {name: {"type": "Property", "value": past} for name in ("dueAt", "openDueAt", "nextStepAt")}
    with httpx.Client(base_url=town.product.address, headers={"Authorization": f"Bearer {town.product.token}"}) as api:
        answer = api.patch(f"/ngsi-ld/v1/entities/{quote(id, safe='')}", json=body)
        assert answer.status_code == 204, answer.text


def test_an_address_of_the_old_map_puts_the_pin_into_the_ward_of_today(town: Town, meet: object) -> None:
    somebody = meet(official=False)  # type: ignore[operator]
    somebody.open("/report")
    somebody.fill("#report-title", "Nắp cống bị mất")
    somebody.choose("#report-category", "drainage")
    somebody.fill("#report-address", "12/3 đường Yersin, phường Phú Cường, TP Thủ Dầu Một")
    somebody.click(somebody.page.locator("form.card button.main"))
    somebody.page.wait_for_selector("[role=status]")
    expect(somebody.page.locator("[role=status]").first).to_contain_text("Phường Thủ Dầu Một")
    lat, lon = (float(somebody.page.input_value(f"#report-location-{axis}")) for axis in ("lat", "lon"))
    assert abs(lat - float(PLACE[0])) < 0.1
    assert abs(lon - float(PLACE[1])) < 0.1
    somebody.click(somebody.page.locator("form.card button.main"))
    somebody.page.wait_for_selector("#secret")
    somebody.spent(clicks=6, seconds=30)


def test_help_at_once_stands_before_every_form(town: Town, meet: object) -> None:
    somebody = meet(official=False)  # type: ignore[operator]
    somebody.open("/sos")
    numbers = somebody.page.locator(".sos a")
    assert [numbers.nth(n).get_attribute("href") for n in range(3)] == ["tel:113", "tel:114", "tel:115"]
    box = numbers.first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < PHONE["height"], "seen without scrolling on a telephone"
    somebody.shoot("sos")

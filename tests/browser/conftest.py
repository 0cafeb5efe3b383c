"""The whole product and a real Chromium. Nothing is faked: what breaks here breaks for people."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.product import form_token, installed

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "tests" / "screenshots"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
expect.set_options(timeout=60_000)
DESK, PHONE, SMALL, WALL = (
    {"width": 1440, "height": 900},
    {"width": 390, "height": 844},
    {"width": 360, "height": 740},
    {"width": 1920, "height": 1080},
)


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation with the example. cookies: of the signed-in administrator, for a browser."""

    address: str
    cookies: list[dict[str, str]]
    report: str
    """Address of a report's page."""


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """`province run` with the example and the simulator; an administrator signed in; a report sent by a resident."""
    with installed("--simulate") as product:
        product.start()
        with httpx.Client(base_url=product.address, timeout=60, trust_env=False, follow_redirects=True) as resident:
            form = {
                "csrf": form_token(resident.get("/report").text), "key": "1" * 32,
                "title": "Ổ gà lớn trước cổng trường", "category": "road", "location.lat": "10.9805",
                "location.lon": "106.6519",
            }  # fmt: skip
            sent = resident.post("/report", data=form)
            assert sent.status_code == 200, sent.text[-2000:]
        with product.signed_in() as client:
            found = re.search(r'href="(/entity/urn:ngsi-ld:Report:[^"]+)"', client.get("/list/Report").text)
            assert found is not None
            cookies = [{"name": c.name, "value": c.value or "", "url": product.address} for c in client.cookies.jar]
        yield Site(product.address, cookies, found[1])


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed; run scripts/install-browser")
    with sync_playwright() as play:
        browser = _launch(play, path)
        yield browser
        browser.close()


def _launch(play: Playwright, path: str) -> Browser:
    return play.chromium.launch(executable_path=path, args=["--no-sandbox", "--enable-unsafe-swiftshader"])


@dataclass
class Tab:
    """A page that remembers what went wrong in it."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list)
    scripted: bool = True

    def open(self, path: str) -> None:
        """Go there and wait until it is drawn."""
        self.page.goto(self.address + path)
        self.settle()

    def settle(self) -> None:
        """Wait for maps and charts."""
        self.page.wait_for_load_state("load")
        if not self.scripted:
            return
        self.until(
            "[...document.querySelectorAll('[data-map]')].every((m) => m.dataset.ready || m.offsetParent === null)"
        )

    def until(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true. Asked from outside: the page's own policy forbids evaluating texts."""
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"not within {seconds} s: {expression}"
            time.sleep(0.05)

    def axe(self) -> list[str]:
        """Serious and critical violations, as `rule: selector`."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations'],"
            " runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}))"
            ".violations.filter((v) => ['serious', 'critical'].includes(v.impact))"
            ".map((v) => `${v.id}: ` + v.nodes.slice(0, 3)"
            ".map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`).join(' | '))"
        )
        return [str(v) for v in found]

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def shoot(self, name: str) -> None:
        """Keep a picture."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")


Open = Callable[..., Tab]


@pytest.fixture
def tab(site: Site, chromium: Browser) -> Iterator[Open]:
    """tab(signed_in, language, **context options) → a tab whose errors fail the test."""
    contexts: list[BrowserContext] = []
    tabs: list[Tab] = []

    def make(*, signed_in: bool = True, language: str = "vi", tour: bool = False, **options: Any) -> Tab:
        context = chromium.new_context(**{"viewport": DESK, "color_scheme": "light", **options})
        contexts.append(context)
        cookies = [{"name": "lang", "value": language, "url": site.address}]
        if not tour:
            cookies.append({"name": "tour", "value": "done", "url": site.address})
        context.add_cookies([*cookies, *(site.cookies if signed_in else [])])  # type: ignore[arg-type]
        made = Tab(context.new_page(), site.address, scripted=options.get("java_script_enabled", True))
        made.page.on("pageerror", lambda error: made.wrong.append(f"{made.page.url}: {error}"))
        made.page.on(
            "console", lambda m: made.wrong.append(f"{made.page.url}: {m.text}") if m.type == "error" else None
        )
        tabs.append(made)
        return made

    yield make
    for context in contexts:
        context.close()
    assert [w for made in tabs for w in made.wrong] == []

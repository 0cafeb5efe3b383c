"""Every page that a menu leads to, light and dark, desk and phone: no violation, no error, nothing cut off."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import PHONE, SMALL, WALL, Open, Site, Tab

pytestmark = [pytest.mark.browser, pytest.mark.beside(4)]

LINKED = re.compile(r"/(?!language|theme|tour|static|sign-|r/|map|search|console|api)\w")
TYPES = ("Report", "AirQualityObserved", "Area", "Alert", "Figure", "PlanLine")
"""Registers and entities that are looked at one by one; the other types share one of each."""


def kind_of(path: str) -> str:
    """Pages of one template: lists, entities and help by their type if it is one of `TYPES`, else all together."""
    path = urlsplit(path).path
    typed = re.match(r"/(list|help|entity)/(?:urn:[\w-]+:)?(\w+)", path)
    if typed:
        return f"/{typed[1]}/{typed[2] if typed[2] in TYPES and typed[1] != 'help' else '…'}"
    return re.sub(r"(?<=/)[0-9a-f-]{8,}$|(?<=/)\d+$|(?<=/boards/)\w+|(?<=/alerts/).+|(?<=/phu-luc-xiv/).+", "…", path)


def look(tab: Tab, path: str, problems: dict[str, list[str]]) -> list[str]:
    """Look at one page in both themes and both sizes; returns the links on it."""
    tab.page.set_viewport_size({"width": 1440, "height": 900})
    tab.page.emulate_media(color_scheme="light")
    tab.open(path)
    found = [f"light: {v}" for v in tab.axe()]
    name = re.sub(r"[^\w]+", "-", kind_of(path)).strip("-") or "overview"
    tab.shoot(f"desk-light-{name}")
    links: list[str] = tab.page.evaluate(
        "[...document.querySelectorAll('main a[href], nav a[href]')].map((a) => a.getAttribute('href'))"
    )
    tab.page.emulate_media(color_scheme="dark")
    found += [f"dark: {v}" for v in tab.axe()]
    if tab.overflow() > 0:
        found.append(f"desk: {tab.overflow()} px too wide")
    tab.page.set_viewport_size(PHONE)
    tab.page.wait_for_timeout(60)
    if tab.overflow() > 0:
        found.append(f"phone: {tab.overflow()} px too wide")
    tab.shoot(f"phone-dark-{name}")
    tab.page.set_viewport_size(SMALL)
    tab.page.wait_for_timeout(60)
    if tab.overflow() > 0:
        found.append(f"small phone: {tab.overflow()} px too wide")
    if found:
        problems[path] = found
        print(path, *found, sep="\n  ", flush=True)
    return links


def leads_on(link: str) -> bool:
    """Whether a link belongs to the crawl: a page of the product."""
    return bool(LINKED.match(link)) and not re.search(
        r"\.(pdf|json|csv|xlsx|geojson|gpkg|parquet)\b|/file/|export", link
    )


def crawl(tab: Tab, first: list[str]) -> tuple[set[str], dict[str, list[str]]]:
    """Follow links, each kind of page once."""
    seen: set[str] = set()
    problems: dict[str, list[str]] = {}
    waiting = list(first)
    while waiting:
        path = waiting.pop(0)
        if kind_of(path) in seen:
            continue
        seen.add(kind_of(path))
        waiting += [link for link in look(tab, path, problems) if leads_on(link)]
    return seen, problems


@pytest.mark.timeout(900)
def test_every_page_for_a_signed_in_person(tab: Open, site: Site) -> None:
    first = ["/", "/map", site.report, "/search?q=thu dau mot", "/help", "/account/password", "/wall", "/report"]
    seen, problems = crawl(tab(), first)
    assert problems == {}
    for expected in ("/silent", "/dead-letters", "/admin/accounts", "/admin/tokens", "/list/Report", "/entity/Report"):
        assert expected in seen


@pytest.mark.timeout(300)
def test_every_page_for_a_stranger_in_english(tab: Open) -> None:
    one = tab(signed_in=False, language="en")
    problems: dict[str, list[str]] = {}
    for path in ("/", "/sign-in", "/map", "/report", "/search?q=tram", "/help", "/list/AirQualityObserved", "/wall"):
        look(one, path, problems)
    assert problems == {}


def test_an_error_page_is_as_good_as_any(tab: Open) -> None:
    one = tab()
    one.page.goto(one.address + "/list/Nothing")
    assert one.axe() == []
    one.wrong[:] = [w for w in one.wrong if "404" not in w]


def test_the_wall_takes_turns_and_needs_no_hand(tab: Open) -> None:
    one = tab(viewport=WALL)
    one.open("/wall?seconds=5&board=numbers&board=work")
    shown = "[...document.querySelectorAll('[data-board]')].filter((b) => !b.hidden).map((b) => b.dataset.board).join()"
    assert one.page.evaluate(shown) == "numbers"
    one.shoot("wall-numbers")
    one.until(f"{shown} === 'work'")
    assert one.page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") >= 22
    before = one.page.inner_text("[data-clock]")
    one.until(f"document.querySelector('[data-clock]').textContent !== {before!r}")


def test_the_wall_draws_charts(tab: Open) -> None:
    one = tab(viewport=WALL)
    one.open("/wall?board=charts")
    one.until("document.querySelectorAll('.wall-charts figure').length >= 3")
    one.until("document.querySelector('.wall-charts [data-ready=\"yes\"]') !== null", 90)
    one.shoot("wall-charts")


def test_paper_has_no_frame(tab: Open, site: Site) -> None:
    one = tab()
    one.open(site.report)
    one.page.emulate_media(media="print")
    assert one.page.locator("header.bar").is_hidden()
    assert one.page.locator("nav").first.is_hidden()
    assert one.page.locator("h1").is_visible()

"""Orders about land and agencies at a real browser: drawn, previewed with both maps, decided, taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from province.model.time import now
from province.vocab.area import civil_day
from tests.browser.conftest import Open, Tab

pytestmark = [pytest.mark.browser, pytest.mark.beside(2)]
UNIT = "Phường Thủ Dầu Một"
LATER = civil_day(now() + timedelta(days=90))


def choose(tab: Tab, field: str, name: str) -> None:
    """Choose an option by a part of its text."""
    value = tab.page.locator(f"{field} option", has_text=name).first.get_attribute("value")
    tab.page.select_option(field, value)


def begin(tab: Tab, kind: str, basis: str) -> None:
    """Open the form, choose the unit where it asks for one, and say by what the order is decided."""
    tab.open(f"/admin/territory/new/{kind}")
    if tab.page.locator("#r-unit").count():
        choose(tab, "#r-unit", UNIT)
        with tab.page.expect_navigation():
            tab.page.locator("form.row button").click()
    tab.page.fill("#r-basis", basis)
    tab.page.fill("#r-from", LATER)


def preview(tab: Tab) -> None:
    with tab.page.expect_navigation():
        tab.page.locator("form.order button.main").click()
    expect(tab.page.locator("section.confirm")).to_be_visible()
    assert tab.axe() == []


def decide_and_take_back(tab: Tab, basis: str) -> None:
    """The order waits for its day, and is gone from the waiting ones when a reason is given."""
    with tab.page.expect_navigation():
        tab.page.locator("section.confirm button.main").click()
    row = tab.page.locator("tr", has_text=basis)
    expect(row.locator(".badge.state")).to_be_visible()
    row.locator("summary").click()
    row.locator("input[name='reason']").fill("Thử xong")
    with tab.page.expect_navigation():
        row.locator("button").click()
    expect(tab.page.locator("tr", has_text=basis).locator(".badge.state")).to_have_count(0)


def drawn(tab: Tab, number: int) -> int:
    """How many units a map of the preview shows. number: 0 before, 1 after."""
    return tab.page.locator("figure.sketch").nth(number).locator("path.unit").count()


def test_a_unit_is_split_along_a_boundary_that_is_drawn(tab: Open) -> None:
    official = tab()
    begin(official, "split", "NQ thử chia tách")
    for n in (0, 1):
        official.page.fill(f"#s-code-{n}", f"9991{n}")
        official.page.fill(f"#s-name-{n}", f"Phường Thử {n}")
    official.page.locator("details.action summary").first.click()
    official.settle()
    canvas = official.page.locator("[data-outline='r-boundary-0'] canvas")
    box = canvas.bounding_box()
    assert box is not None
    for number, (x, y) in enumerate(((0.05, 0.05), (0.52, 0.05), (0.52, 0.95), (0.05, 0.95), (0.03, 0.5)), 1):
        canvas.click(position={"x": box["width"] * x, "y": box["height"] * y})
        official.until(f"document.getElementById('r-boundary-0').value.split('\\n').length === {number}")
    official.page.locator("[data-outline-back='r-boundary-0']").click()
    official.until("document.getElementById('r-boundary-0').value.split('\\n').length === 4")
    assert official.axe() == []
    official.shoot("order-split")
    preview(official)
    assert (drawn(official, 0), drawn(official, 1)) == (1, 2)
    official.shoot("order-split-preview")
    decide_and_take_back(official, "NQ thử chia tách")


def test_a_part_is_transferred_and_both_units_go_on(tab: Open) -> None:
    official = tab(language="en")
    begin(official, "transfer", "NQ thử điều chỉnh")
    choose(official, "#t-to", "Phường Phú Lợi")
    official.page.locator("input[name='atoms-0']").nth(1).check()
    assert official.axe() == []
    preview(official)
    assert (drawn(official, 0), drawn(official, 1)) == (2, 2)
    assert official.page.locator("path.gone-over").count() == 1
    official.shoot("order-transfer-preview")
    decide_and_take_back(official, "NQ thử điều chỉnh")


def test_agencies_are_merged_into_a_new_one(tab: Open) -> None:
    official = tab()
    begin(official, "agency-merge", "NQ thử sáp nhập cơ quan")
    ending = official.page.locator(".choose-many label", has_text="Sở ")
    names = [ending.nth(n).inner_text().strip() for n in (0, 1)]
    for n in (0, 1):
        ending.nth(n).locator("input").check()
    official.page.fill("#a-key", "so-thu")
    official.page.fill("#a-name", "Sở Thử nghiệm")
    assert official.axe() == []
    preview(official)
    for name in names:
        expect(official.page.locator("tr", has_text=name)).to_contain_text("Sở Thử nghiệm")
    decide_and_take_back(official, "NQ thử sáp nhập cơ quan")


def test_what_was_filled_in_stands_there_after_a_refusal(tab: Open) -> None:
    official = tab(viewport={"width": 390, "height": 844})
    begin(official, "transfer", "NQ thử sai")
    choose(official, "#t-to", "Phường Phú Lợi")
    official.page.locator("details.action summary").first.click()
    official.page.fill("#r-boundary-0", "106.6 10.9\n106.7 10.9")
    answers: list[int] = []
    official.page.on("response", lambda r: answers.append(r.status) if r.url.endswith("/preview") else None)
    with official.page.expect_navigation():
        official.page.locator("form.order button.main").click()
    assert answers == [400]
    assert official.page.input_value("#r-boundary-0").splitlines() == ["106.6 10.9", "106.7 10.9"]
    assert official.page.input_value("#r-basis") == "NQ thử sai"
    assert official.overflow() == 0
    official.wrong.clear()  # Chromium notes the refused answer

"""What people do: find, look at a map, read a chart, act, change the colours, with mouse, keys and without a script."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open, Site, Tab

pytestmark = [pytest.mark.browser, pytest.mark.beside(5)]


def drawn(count: int) -> str:
    """A map that has drawn so many answers."""
    return f"Number(document.querySelector('[data-map]').dataset.drawn ?? 0) >= {count}"


def find(one: Tab) -> Locator:
    """The popup of a station that was looked for on the map."""
    one.open("/map?layer=AirQualityObserved")
    one.until(drawn(1))
    one.page.fill("#map-find", "tram khong khi phuong thu dau mot")
    expect(one.page.locator(".candidates [role=option]").first).to_contain_text("Thủ Dầu Một")
    one.page.press("#map-find", "ArrowDown")
    assert one.page.get_attribute("#map-find", "aria-activedescendant")
    one.page.press("#map-find", "Enter")
    popup = one.page.locator(".popup")
    expect(popup).to_contain_text("mô phỏng")
    return popup


def test_the_map_finds_a_place_and_tells_its_values(tab: Open) -> None:
    one = tab()
    deadline = time.monotonic() + 120
    while "µg/m³" not in find(one).inner_text():
        assert time.monotonic() < deadline, "the simulated sensor said nothing within two minutes"
        time.sleep(1)
    expect(one.page.locator("[data-legend='AirQualityObserved'] li").first).to_contain_text("µg/m³")
    assert one.axe() == []
    one.shoot("map-popup")


def test_layers_are_switched_and_stand_in_the_address(tab: Open) -> None:
    one = tab()
    one.open("/map?layer=AirQualityObserved")
    one.until(drawn(1))
    one.page.check("[data-layer-toggle='Streetlight']")
    one.until(drawn(2))
    assert "layer=AirQualityObserved&layer=Streetlight" in one.page.url
    one.page.select_option("[data-layer-by='AirQualityObserved']", "lifecycle")
    expect(one.page.locator("[data-legend='AirQualityObserved'] li").first).to_contain_text("Đang sử dụng")


def test_values_on_the_map_renew_themselves(tab: Open) -> None:
    one = tab()
    one.open("/map?layer=TrafficFlowObserved")
    one.until(drawn(1))
    status = one.page.locator("[data-legend-status='TrafficFlowObserved']")
    before = status.inner_text()
    one.until(f"document.querySelector('[data-legend-status=TrafficFlowObserved]').textContent !== {before!r}")


def chart_with_readings(one: Tab) -> Locator:
    """The first chart of a sensor, once the simulator has sent something for it."""
    for _ in range(30):
        one.open("/list/AirQualityObserved")
        with one.page.expect_navigation():
            one.page.locator("tbody th a").first.click()
        charts = one.page.locator(".chart")
        if charts.count():
            charts.first.scroll_into_view_if_needed()
            chart = one.page.locator(".chart[data-ready]").first
            chart.wait_for(timeout=60_000)
            if chart.locator("tbody tr").count():
                return chart
        time.sleep(2)
    raise AssertionError("no reading of the sensor was shown within a minute")


def test_a_chart_is_read_with_keys_and_as_a_table(tab: Open) -> None:
    one = tab()
    chart = chart_with_readings(one)
    chart.locator(".chart-canvas").focus()
    one.page.keyboard.press("End")
    expect(chart.locator(".chart-read")).to_have_text(re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d · "))
    one.page.keyboard.press("Escape")
    chart.locator("summary").click()
    assert chart.locator("tbody tr").count() > 0
    one.shoot("entity-charts")


def test_colours_are_chosen_without_a_script_and_kept(tab: Open) -> None:
    one = tab(java_script_enabled=False)
    one.open("/help")
    ground = "getComputedStyle(document.body).backgroundColor"
    one.page.locator("a[href^='/theme/dark']").click()
    one.open("/")
    assert one.page.locator("link[href*='dark.css']").get_attribute("media") is None
    one.page.locator("a[href^='/theme/light']").click()
    assert one.page.locator("link[href*='dark.css']").count() == 0
    two = tab(color_scheme="dark")
    two.open("/help")
    assert two.page.evaluate(ground) == "rgb(14, 22, 27)"
    two.page.emulate_media(color_scheme="light")
    assert two.page.evaluate(ground) == "rgb(244, 246, 247)"


def test_keys_lead_everywhere(tab: Open) -> None:
    one = tab()
    one.open("/list/AirQualityObserved")
    one.page.keyboard.press("/")
    assert one.page.evaluate("document.activeElement.id") == "find"
    one.page.keyboard.type("tram thoi")
    one.page.keyboard.press("Enter")
    one.page.wait_for_url("**/search?q=tram*")
    one.open("/list/AirQualityObserved")
    first = one.page.locator("tbody th a").nth(1).get_attribute("href")
    one.page.keyboard.press("j")
    one.page.keyboard.press("j")
    one.page.keyboard.press("Enter")
    one.page.wait_for_url(f"**{first}")
    one.page.keyboard.press("?")
    one.page.wait_for_url("**/help#keys")
    one.page.keyboard.press("g")
    one.page.keyboard.press("m")
    one.page.wait_for_url("**/map*")


def test_the_first_tab_skips_to_the_content(tab: Open) -> None:
    one = tab()
    one.open("/")
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.getAttribute('href')") == "#content"
    one.page.keyboard.press("Enter")
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.closest('main') !== null")
    outline = one.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "focus is seen"


def test_an_agency_is_picked_by_name_without_diacritics(tab: Open, site: Site) -> None:
    one = tab()
    one.open(site.report)
    form = one.page.locator("form[action$='/act/report.assign']")
    one.page.locator("details.action", has=form).locator("summary").click()
    field = form.locator("input[role=combobox]").first
    field.fill("uy ban nhan dan phuong thu dau mot")
    one.page.locator(".candidates [role=option]").first.click()
    hidden = form.locator("input[type=hidden][data-pick-from]").first.input_value()
    assert hidden.startswith("urn:ngsi-ld:Agency:")
    assert one.axe() == []
    form.locator("button.button").click()
    one.page.wait_for_url("**done=report.assign")
    expect(one.page.locator("main")).to_contain_text("Thủ Dầu Một")


def test_a_list_changes_in_place(tab: Open) -> None:
    one = tab()
    one.open("/list/AirQualityObserved")
    one.page.fill("#q", "thuan giao")
    expect(one.page.locator("#results tbody tr")).to_have_count(1)
    assert "q=thuan+giao" in one.page.url or "q=thuan%20giao" in one.page.url
    one.page.locator("summary", has_text="Cột hiển thị").click()
    one.page.check("#c-pm25")
    expect(one.page.locator("#results thead")).to_contain_text("PM2,5")


def test_the_tour_walks_through_the_pages(tab: Open) -> None:
    one = tab(tour=True, language="en")
    one.open("/")
    one.page.locator(".tour a.main").click()
    for _ in range(4):
        assert one.axe() == []
        one.page.locator(".tour a.main").click()
        one.page.wait_for_load_state()
    one.page.locator(".tour a", has_text="End the tour").click()
    one.page.wait_for_load_state()
    assert one.page.locator(".tour").count() == 0


def test_everything_but_maps_and_charts_works_without_a_script(tab: Open, site: Site) -> None:
    one = tab(java_script_enabled=False)
    one.open("/list/AirQualityObserved?q=thuan giao")
    assert one.page.locator("tbody tr").count() == 1
    one.open(site.report)
    assert one.page.locator("details.action").count() > 0
    one.open("/search?q=thu dau mot")
    assert one.page.locator("#finds a").count() > 3

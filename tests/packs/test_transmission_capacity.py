"""Capacity on the invented network: forecasts, what is upgraded when, budgets, and what is missing or wrong."""

from __future__ import annotations

from typing import Any

import pytest

from province.adapters.studies import drawing
from province.errors import ProvinceError
from province.model.study import Feature, Outcome, Problem
from province.packs.transmission import capacity, kinds
from tests.packs.studying import figure, solved
from tests.packs.transmission import column, problem, rows, without

PRICES = {"price_small": 480e6, "price_large": 1.1e9}
LAYERS = {"nodes": "tram", "links": "he-thong", "history": "lich-su", "routes": "tuyen"}


def task(budget: float = 1e4, unit: str = "C62", layers: dict[str, tuple[Feature, ...]] | None = None,
         **given: float | str) -> Problem:  # fmt: skip
    every = {name: rows(file) for name, file in LAYERS.items()}
    return problem(budget, unit, {**every, **(layers or {})}, 10.0, **given)


def solve(one: Problem) -> Outcome:
    return solved(kinds.CAPACITY, one)


def total(outcome: Outcome) -> float:
    found = outcome.table("upgrades")
    assert found is not None
    at = [c.name for c in found.columns].index("cost")
    return sum(float(r[at] or 0.0) for r in found.rows)


def test_each_system_has_a_forecast_or_none_and_the_years_add_up_to_the_bill() -> None:
    found = solve(task(1e12, "VND", **PRICES))
    assert found.certificate.checked
    assert found.certificate.gap == pytest.approx(0, abs=1e-6)
    forecast = column(found, "systems", "forecast")
    assert forecast["Hệ thống 1"] == pytest.approx(68.5 + 10.8 * 6.5, abs=0.1), "a line through four years"
    assert forecast["Hệ thống 8"] is None
    assert found.partial is not None
    assert "1 systems have fewer than 3 years of load, no forecast, and count no load: Hệ thống 8" in found.partial.en
    assert column(found, "systems", "full_en")["Hệ thống 3"].startswith("2027")
    assert column(found, "systems", "full_en")["Hệ thống 8"] == ""
    assert total(found) == pytest.approx(found.certificate.objective)
    assert column(found, "materials", "amount", key="item_en")["Total"] == pytest.approx(total(found))
    years = [int(y) for y in column(found, "upgrades", "after", key="year")]
    assert years == sorted(years)
    assert all(2026 <= y <= 2030 for y in years)
    after = column(found, "systems", "after")
    possible = {
        f.properties["name"].removesuffix(" (ví dụ)"): float(f.properties["possible"]) for f in rows("he-thong")
    }
    assert all(after[name] <= possible[name] for name in after)


def test_what_is_added_carries_everything_when_anything_fails() -> None:
    calm, safe = solve(task(protection="none")), solve(task())
    assert calm.certificate.objective < safe.certificate.objective
    assert any("Failures are not looked at" in r.en for r in calm.remarks)
    assert figure(safe, "failures") == 8, "the trench of H4 and H5 parts G3: no capacity helps"
    assert any("the failure of Rãnh A (ví dụ) parts Gom 1 (ví dụ) – Gom 3" in r.en for r in safe.remarks)


def test_demand_of_a_file_grows_by_its_own_share() -> None:
    found = solve(task(layers={"demands": rows("nhu-cau"), "history": ()}, first=2026, until=2027))
    assert found.partial is None
    assert found.certificate.objective >= 0
    more = solve(task(layers={"demands": rows("nhu-cau"), "history": ()}, first=2026, until=2032))
    assert more.certificate.objective > found.certificate.objective
    assert total(more) == more.certificate.objective


def test_a_budget_that_is_too_small_pays_for_the_first_years_and_says_what_all_cost() -> None:
    whole = solve(task(layers={"demands": rows("nhu-cau")}, until=2034))
    needed = whole.certificate.objective
    found = solve(task(needed - 1, layers={"demands": rows("nhu-cau")}, until=2034))
    assert found.partial is not None
    assert f"{needed:,.0f} modules are needed until 2034" in found.partial.en
    assert found.certificate.spent < needed
    assert found.certificate.objective == needed
    assert set(column(found, "upgrades", "paid_en", key="year").values()) == {"yes", "no"}


def test_the_map_shows_what_is_upgraded() -> None:
    drawn = drawing.draw(solve(task()), kinds.CAPACITY)
    assert drawn is not None
    assert {"existing", "new"} <= {s.tone for s in drawn.lines}


@pytest.mark.parametrize(
    ("field", "said", "changed", "given"),
    [
        ("layers.links", "no system in service joins", {"links": rows("he-thong", H1={"start": "?"})[:1]}, {}),
        ("assumptions.first", "no system has a history", {"history": ()}, {}),
        ("layers.history", "none of 8 systems has loads of 3 years", {"history": rows("lich-su")[:2]}, {}),
        ("layers.history", "two loads in 2022", {"history": (*rows("lich-su"), rows("lich-su")[0])}, {}),
        ("layers.history", "is no year", {"history": (Feature(id="a", properties={"link": "H1", "year": "x"}),)}, {}),
        ("assumptions.until", "from 2026 to 2060", {}, {"until": 2060}),
        ("assumptions.growth_model", "'hyperbolic'", {}, {"growth_model": "hyperbolic"}),
        ("assumptions.protection", "'1+1'", {}, {"protection": "1+1"}),
        ("assumptions.full_at", "full from 800%", {}, {"full_at": 800}),
        ("layers.links", "no systems join Gom 1 (ví dụ) – Tỉnh bạn 1", {
            "links": without(rows("he-thong"), "H7", "H8"), "demands": rows("nhu-cau")}, {}),
        ("layers.demands", "the demand G1 – ?", {
            "demands": (Feature(id="a", properties={"start": "G1", "load": 3}),)}, {}),
        ("demand", "finds no way", {"links": rows("he-thong", H7={"possible": 400}, H8={"possible": 400}),
                                    "demands": rows("nhu-cau")}, {"growth": 0, "until": 2039}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(
    field: str, said: str, changed: dict[str, Any], given: dict[str, float | str]
) -> None:
    with pytest.raises(ProvinceError) as refused:
        capacity.solve(task(layers=changed, **given), lambda _: None)
    assert refused.value.field == field
    assert said in refused.value.detail
    assert refused.value.remedy


def test_a_price_that_is_missing_is_asked_for() -> None:
    with pytest.raises(ProvinceError) as refused:
        capacity.solve(task(1e9, "VND", price_small=480e6), lambda _: None)
    assert refused.value.field == "assumptions.price_large"

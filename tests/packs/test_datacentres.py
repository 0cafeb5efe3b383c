"""Places for data centres: six invented places by what is known of them, and what is said when something is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from province.adapters.studies import drawing
from province.errors import InvalidInput, ProvinceError
from province.model import parameters
from province.model.geometry import point
from province.model.study import Assumed, Feature, Outcome, Problem
from province.packs.datacentres import logic, plan
from province.packs.datacentres.example import named_places
from province.packs.datacentres.pack import PACK
from tests.conformance.situation import folder
from tests.packs.studying import figure, solved

KIND = PACK.studies[0]
PLACES = {
    "Thủ Dầu Một": (106.66, 10.99, 820, 0.4),
    "Dĩ An": (106.77, 10.91, 950, 0.2),
    "Bến Cát": (106.60, 11.13, 640, 0.1),
    "Tân Uyên": (106.78, 11.05, 600, 0.6),
    "Bàu Bàng": (106.61, 11.26, 520, 0.0),
    "Phú Giáo": (106.80, 11.32, 500, 0.05),
}
"""Invented costs (tỷ đồng) and floods (m)."""


def spot(name: str, lon: float, lat: float, **more: Any) -> Feature:
    return Feature(id=name, geometry=point(lon, lat), properties={"name": name, **more})


CANDIDATES = tuple(spot(n, x, y, cost=c * 1e9, flood=f) for n, (x, y, c, f) in PLACES.items())
DEMAND = (spot("nam", 106.70, 10.95, weight=50), spot("giữa", 106.62, 11.16, weight=30))
STATIONS = (spot("T1", 106.68, 11.0, spare=12), spot("T2", 106.76, 10.92, spare=25), spot("T3", 106.61, 11.2, spare=40))


def assumed(**given: float | str) -> dict[str, Assumed]:
    dated = parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))
    found = {p.name: Assumed(name=p.name, value=p.value, unit=p.unit, source=p.source) for p in dated}
    for name, value in given.items():
        unit = found[name].unit if name in found else "VND"
        found[name] = Assumed(name=name, value=value, unit=unit, source="test", given=True)
    return found


def problem(
    budget: float = 2, unit: str = "C62", layers: Mapping[str, tuple[Feature, ...]] | None = None, **given: float | str
) -> Problem:
    every = {"candidates": CANDIDATES, "demand": DEMAND, "substations": STATIONS, **(layers or {})}
    return Problem(layers=every, assumptions=assumed(**given), budget=budget, unit=unit)


def rows(outcome: Outcome, table: str) -> dict[Any, tuple[Any, ...]]:
    found = outcome.table(table)
    assert found is not None
    return {r[0]: r for r in found.rows}


def wrong(field: str, said: str, one: Problem) -> None:
    with pytest.raises(ProvinceError) as refused:
        plan.solve(one, lambda _: None)
    assert refused.value.field == field
    assert said in refused.value.detail
    assert refused.value.remedy


def without(name: str, *fields: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(id=f.id, geometry=f.geometry,
                properties={k: v for k, v in f.properties.items() if f.id != name or k not in fields})
        for f in CANDIDATES
    )  # fmt: skip


def test_the_whole_front_is_told_and_one_plan_is_only_suggested() -> None:
    found = solved(KIND, problem())
    certificate = found.certificate
    assert certificate.checked
    assert certificate.sense == "all"
    assert certificate.objective == figure(found, "plans") == len(rows(found, "front")) > 3
    assert "All 15 choices" in certificate.bound_source.en
    notes = [r[-1] for r in rows(found, "front").values()]
    assert [("Suggested" in n) for n in notes] == [True] + [False] * (len(notes) - 1)
    for criterion in ("cost", "delay", "depth of flooding", "power lines", "distance"):
        assert any("best in" in n and criterion in n.lower() for n in notes), criterion
    assert found.partial is None
    south = rows(found, "places")["Dĩ An"]
    assert south[3] == 950e9
    assert south[5:8] == (20.0, pytest.approx(1.9, abs=0.3), "T2")


def test_delay_is_fibre_there_and_back_to_the_nearest_centre() -> None:
    found = solved(KIND, problem(budget=1, layers={"demand": (spot("một", 106.66, 11.09),)}, route_factor=1.0))
    cell = rows(found, "places")["Thủ Dầu Một"][4]
    assert cell == pytest.approx(2 * 4.9 * 0.1 * 110.62, abs=1.0), "a tenth of a degree is 11.06 km"


def test_what_nobody_knows_is_named_and_never_nought() -> None:
    found = solved(KIND, problem(layers={"candidates": without("Bến Cát", "flood", "cost"), "demand": ()}))
    assert found.partial is not None
    assert "flooding" in found.partial.en
    assert "Bến Cát" in found.partial.en
    assert "no layer of demand" in found.partial.en
    assert rows(found, "places")["Bến Cát"][3:6] == (None, None, None)
    for name, row in rows(found, "front").items():
        assert (row[1] is None) == ("Bến Cát" in name), "the other plans are told what is known of them"
        assert row[2] is None


def test_without_spare_capacity_distances_count_and_it_is_said() -> None:
    bare = tuple(Feature(id=f.id, geometry=f.geometry, properties={"name": f.id}) for f in STATIONS)
    found = solved(KIND, problem(layers={"substations": bare}))
    assert "spare capacity" in " ".join(r.en for r in found.remarks)
    one = (STATIONS[0], STATIONS[2], spot("T2", 106.76, 10.92))
    found = solved(KIND, problem(layers={"substations": one}))
    assert "T2" in " ".join(r.en for r in found.remarks)
    assert "T2" not in str(rows(found, "places"))


def test_money_counts_lines_and_the_bill_adds_up() -> None:
    found = solved(KIND, problem(budget=1_400e9, unit="VND", price_line=10e9))
    assert found.certificate.spent <= 1_400e9
    bill = rows(found, "materials")
    assert bill["Cộng"][-1] == pytest.approx(sum(r[-1] for n, r in bill.items() if n != "Cộng"), abs=1)
    assert bill["Cộng"][-1] == pytest.approx(found.certificate.spent, abs=2)
    assert all(r[1] <= 1_400e9 for r in rows(found, "front").values())
    left = solved(KIND, problem(budget=1_400e9, unit="VND", layers={"candidates": without("Phú Giáo", "cost")}))
    assert left.partial is not None
    assert "Phú Giáo" in left.partial.en
    priced = solved(KIND, problem(budget=1_400e9, unit="VND", price_build=700e9,
                                  layers={"candidates": without("Phú Giáo", "cost")}))  # fmt: skip
    assert priced.partial is None
    assert rows(priced, "places")["Phú Giáo"][3] == 700e9


def test_what_is_wrong_is_refused_by_name() -> None:
    wrong("assumptions.separation", "the farthest are", problem(separation=90.0))
    wrong("budget", "does not pay for 2 centres", problem(budget=800e9, unit="VND"))
    wrong("budget", "a plan of 2.5 places", problem(budget=2.5))
    wrong("assumptions.places", "a plan of 0 places", problem(budget=1e12, unit="VND", places=0.0))
    wrong("layers.candidates", "and a plan needs 2", problem(load=60.0))
    wrong("assumptions.load", "load of 0", problem(load=0.0))
    wrong("assumptions.route_factor", "factor of 0.5", problem(route_factor=0.5))
    wrong("layers.candidates", "has flood = 'sâu'", problem(layers={"candidates": (*CANDIDATES, spot(
        "X", 106.7, 11.0, flood="sâu"))}))  # fmt: skip
    wrong("layers.candidates", "outside Vietnam", problem(layers={"candidates": (spot("X", 11.0, 106.7),)}))
    bare = tuple(Feature(id=n, properties={"name": n}) for n in PLACES)
    wrong("layers.candidates", "none of 6 places has a position", problem(layers={"candidates": bare}))
    wrong("layers.demand", "weight 0", problem(layers={"demand": (spot("d", 106.7, 11.0, weight=0),)}))


def test_the_map_draws_the_front_and_every_plan_can_be_looked_at() -> None:
    found = solved(KIND, problem())
    whole, close = drawing.draw(found, KIND), drawing.draw(found, KIND, around="plan-2")
    assert whole is not None
    assert close is not None
    assert {s.tone for s in whole.spots} >= {"new", "shared", "fair", "good"}
    layer, table = found.layer("front"), found.table("front")
    assert layer is not None
    assert table is not None
    assert [f.name for f in layer.features] == [r[0] for r in table.rows]


def test_the_places_of_the_plan_come_with_their_source_and_as_approximate() -> None:
    rows = [
        {"lines": "III.6a III.7", "key": "di-an", "place": "Dĩ An", "area": "724:2024-05-01", "source": "annex"},
        {"lines": "III.6a", "key": "thuan-an", "place": "Thuận An", "area": "725:2024-05-01", "source": "annex"},
    ]
    credits = {"annex": {"source": "Phụ lục XIV", "sourceDate": "2024-08-03"}}
    (only,) = named_places(rows, credits, {"urn:ngsi-ld:Area:724:2024-05-01": (106.77, 10.91)})
    assert (only.name, only.source, only.approximate) == ("Dĩ An", "Phụ lục XIV", True)
    assert only.location == point(106.77, 10.91)
    assert (only.cost, only.flood) == (None, None)


def test_pue_is_of_the_hours_in_which_both_were_measured() -> None:
    nan = float("nan")
    hours = {"facilityPower": [120.0, 140.0, nan, 90.0], "itPower": [100.0, 100.0, 100.0, 95.0]}
    assert logic.pue_of(hours, {}) == pytest.approx(1.3)
    assert logic.pue_of({"facilityPower": [nan, 5.0], "itPower": [1.0, nan]}, {}) is None


def test_every_assumption_has_a_default_and_no_price_has_one() -> None:
    known = assumed()
    assert set(plan.ASSUMPTIONS) <= set(known)
    assert not set(plan.PRICES) & set(known)
    with pytest.raises(InvalidInput):
        problem().number("price_line")

"""Trenches within a budget: an invented town, a real one, and what is said when something is missing or wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from province.adapters.studies import drawing
from province.adapters.tables import features
from province.errors import ProvinceError
from province.model import parameters
from province.model.geometry import point
from province.model.study import Assumed, Feature, Outcome, Problem
from province.packs.ducts import plan, streets
from province.packs.ducts.pack import PACK
from tests.conformance.situation import folder
from tests.packs.studying import figure, solved
from tests.shared import shared

KIND = PACK.studies[0]
EAST_M, NORTH_M = 1 / 109_290.0, 1 / 110_620.0
"""Degrees of a metre near 10.98° north."""
LON, LAT = 106.65, 10.98


def at(x: float, y: float) -> list[float]:
    return [LON + x * EAST_M, LAT + y * NORTH_M]


def road(name: str, kind: str, *corners: tuple[float, float], **more: Any) -> Feature:
    shape = {"type": "LineString", "coordinates": [at(*c) for c in corners]}
    return Feature(id=name, geometry=shape, properties={"name": name, "class": kind, **more})


def spot(name: str, x: float, y: float, **more: Any) -> Feature:
    return Feature(id=name, geometry=point(*at(x, y)), properties={"name": name, **more})


ROADS = (
    road("QL 13", "Quốc lộ", (0, 0), (1000, 0), (2000, 0)),
    road("Phố A", "residential", (1000, 0), (1000, 500)),
    road("Phố B", "residential", (2000, 0), (2000, 400), works=1),
    road("Phố C", "tertiary", (1000, 500), (2000, 400), duct=1),
)
DEMAND = (spot("chợ", 1003, 500, weight=30), spot("trường", 2003, 400, weight=20), spot("kho", 2000, 3, weight=5))
STARTS = (spot("trạm", 0, 5),)
PRICES = {"price_national": 2e6, "price_district": 1e6, "price_urban": 1e6, "price_duct": 1e5}


def assumed(**given: float | str) -> dict[str, Assumed]:
    dated = parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))
    found = {p.name: Assumed(name=p.name, value=p.value, unit=p.unit, source=p.source) for p in dated}
    for name, value in given.items():
        unit = found[name].unit if name in found else "VND"
        found[name] = Assumed(name=name, value=value, unit=unit, source="test", given=True)
    return found


def problem(budget: float = 2_500, unit: str = "MTR", layers: Mapping[str, tuple[Feature, ...]] | None = None,
            **given: float | str) -> Problem:  # fmt: skip
    every = {"roads": ROADS, "demand": DEMAND, "starts": STARTS, **(layers or {})}
    return Problem(layers=every, assumptions=assumed(**given), budget=budget, unit=unit, seconds=0.3)


def solve(one: Problem) -> Outcome:
    return solved(PACK.studies[0], one)


def rows(outcome: Outcome, table: str) -> list[tuple[Any, ...]]:
    found = outcome.table(table)
    assert found is not None
    return list(found.rows)


def test_the_duct_that_exists_is_used_and_the_dear_road_is_not_dug_twice() -> None:
    found = solve(problem(budget=1_600))
    assert found.certificate.checked
    assert found.certificate.objective == 50, "the market, and the school by the duct; the depot is too dear"
    assert found.certificate.bound is not None
    assert found.certificate.bound >= 50
    assert figure(found, "metres_new") == pytest.approx(1_500, rel=0.005)
    assert figure(found, "metres_duct") == pytest.approx(1_005, rel=0.005)
    assert found.certificate.spent == pytest.approx(1_500, rel=0.005)
    assert {r[0]: r[1] for r in rows(found, "demand")} == {
        "chợ": "Được nối", "trường": "Được nối", "kho": "Chưa nối",
    }  # fmt: skip
    assert found.partial is None


def test_money_counts_classes_works_and_ducts_and_the_bill_adds_up() -> None:
    found = solve(problem(budget=5e9, unit="VND", works_share=50.0, **PRICES))
    assert found.certificate.objective == 55
    bill = {r[1]: r for r in rows(found, "materials")}
    assert bill["New trench: National and ring roads"][3] == pytest.approx(2e6)
    assert bill["In a road dug up anyway: Urban streets and all others"][3] == pytest.approx(0.5e6)
    amounts = [r[4] for name, r in bill.items() if name != "Total"]
    assert bill["Total"][4] == pytest.approx(sum(amounts))
    assert bill["Total"][4] == pytest.approx(found.certificate.spent)
    assert bill["Total"][2] == pytest.approx(sum(r[2] for name, r in bill.items() if name != "Total"), abs=0.5)


def test_a_point_that_no_road_joins_is_left_out_by_name_and_the_rest_is_planned() -> None:
    island = road("Đảo", "residential", (0, 1500), (300, 1500))
    layers = {"roads": (*ROADS, island), "demand": (*DEMAND, spot("đảo", 200, 1500), spot("xa", 0, 2600))}
    found = solve(problem(layers=layers))
    assert found.partial is not None
    assert "2 of 5" in found.partial.en
    assert "đảo" in found.partial.en
    assert "xa" in found.partial.en
    assert found.certificate.objective == 55


def wrong(field: str, said: str, one: Problem) -> None:
    with pytest.raises(ProvinceError) as refused:
        plan.solve(one, lambda _: None)
    assert refused.value.field == field
    assert said in refused.value.detail
    assert refused.value.remedy


def test_what_is_wrong_is_refused_by_name() -> None:
    gap = (road("QL 13", "ql", (0, 0), (400, 0)), *ROADS[1:])
    wrong("layers.roads", "falls apart", problem(layers={"roads": gap}))
    wrong("budget", "chợ alone needs 1,50", problem(budget=100))
    for name in ("price_national", "price_duct"):
        prices = {k: v for k, v in PRICES.items() if k != name}
        wrong(f"assumptions.{name}", "no value", problem(budget=1e9, unit="VND", **prices))
    wrong("assumptions.price_urban", "price of -1", problem(budget=1e9, unit="VND", **{**PRICES, "price_urban": -1.0}))
    wrong("layers.demand", "outside Vietnam",
          problem(layers={"demand": (Feature(id="d", geometry=point(10.98, 106.65)),)}))  # fmt: skip
    wrong("layers.demand", "nothing is to be joined", problem(layers={"demand": ()}))
    wrong("layers.demand", "within 500 m", problem(layers={"demand": (spot("xa", 0, 1500),)}))
    wrong("layers.demand", "the weight 'nhiều'", problem(layers={"demand": (spot("chợ", 0, 0, weight="nhiều"),)}))
    wrong("layers.demand", "weight 0", problem(layers={"demand": (spot("chợ", 0, 0, weight=0),)}))
    wrong("layers.roads", "no lines", problem(layers={"roads": (spot("điểm", 0, 0),)}))
    wrong("layers.roads", "no road lies within",
          problem(layers={"roads": (road("Xa", "ql", (50_000, 0), (50_900, 0)),)}))  # fmt: skip
    no_duct = tuple(r for r in ROADS if r.id != "Phố C")
    wrong("layers.starts", "where the network begins", problem(layers={"roads": no_duct, "starts": ()}))
    wrong("layers.starts", "no beginning lies near", problem(layers={
        "roads": no_duct, "starts": (spot("trạm", 0, -2000),)}))  # fmt: skip
    wrong("assumptions.works_share", "140%", problem(budget=1e9, unit="VND", works_share=140.0, **PRICES))


def test_a_road_that_somebody_opens_anyway_costs_the_share() -> None:
    def bill(status: str) -> dict[str, tuple[Any, ...]]:
        opening = Feature(
            id="o", geometry={"type": "LineString", "coordinates": [at(0, 1), at(1000, 1)]},
            properties={"title": "Cấp nước", "status": status},
        )  # fmt: skip
        layers = {"openings": (opening,)}
        return {r[1]: r for r in rows(solve(problem(5e9, "VND", layers, **PRICES)), "materials")}

    dug = "In a road dug up anyway: National and ring roads"
    assert dug not in bill("applied")
    assert dug not in bill("refused")
    for status in ("permitted", "open"):
        line = bill(status)[dug]
        assert line[2] == pytest.approx(1000, rel=0.01)
        assert line[3] == pytest.approx(0.75 * 2e6)


def test_a_plan_over_years_says_what_is_built_in_each() -> None:
    found = solve(problem(budget=1_600, years=2))
    assert found.certificate.budget == 3_200
    years = rows(found, "years")
    assert [r[0] for r in years] == ["1", "2"]
    assert years[0][2] <= 1_600
    assert years[0][3] == 50  # the school and the market; the storehouse follows
    assert years[0][2] + years[1][2] == pytest.approx(found.certificate.spent, abs=0.2)
    assert years[1][3] == found.certificate.objective
    layer = found.layer("trenches")
    assert layer is not None
    assert {f.properties["year"] for f in layer.features} == {1, 2}
    assert solve(problem()).table("years") is None
    with pytest.raises(ProvinceError) as refused:
        solve(problem(years=1.5))
    assert refused.value.field == "assumptions.years"


def test_without_starts_the_network_begins_at_its_ducts() -> None:
    found = solve(problem(budget=450, layers={"starts": ()}))
    assert found.certificate.objective == 55, "both ends of the duct for nothing, the depot by 400 m"


def test_laid_sections_of_the_register_are_ducts_and_planned_ones_are_not() -> None:
    line = {"type": "LineString", "coordinates": [at(1002, 0), at(1002, 400)]}

    def layers(status: str) -> dict[str, tuple[Feature, ...]]:
        return {"ducts": (Feature(id="s", geometry=line, properties={"status": status}),)}

    found = solve(problem(budget=1_200, layers=layers("laid")))
    assert found.certificate.objective == 50, "1,000 m of trench to the duct, and 100 m behind it"
    assert figure(found, "metres_new") == pytest.approx(1_100, rel=0.01)
    assert figure(found, "metres_duct") == pytest.approx(1_405, rel=0.01)
    wrong("budget", "joins nothing", problem(budget=1_200, layers=layers("planned")))


def test_classes_of_registers_and_of_openstreetmap_are_known_and_expressways_are_left_out() -> None:
    more = (road("CT", "motorway", (0, -100), (500, -100)), road("?", "đường mòn", (0, 200), (0, 0)))
    ground = streets.read(problem(layers={"roads": (*ROADS, *more)}))
    assert {s.name: s.kind for s in ground.streets} == {
        "QL 13": "national", "Phố A": "urban", "Phố B": "urban", "Phố C": "district", "?": "urban",
    }  # fmt: skip
    told = " ".join(r.en for r in ground.remarks)
    assert "1 pieces of expressway" in told
    assert "1 pieces of road have no known class" in told


def test_the_map_has_lines_points_and_a_close_frame_and_everything_can_be_exported() -> None:
    found = solve(problem(budget=1_600))
    whole, close = drawing.draw(found, KIND), drawing.draw(found, KIND, around="chợ")
    assert whole is not None
    assert close is not None
    assert {s.tone for s in whole.lines} >= {"new", "existing", ""}
    assert {s.tone for s in whole.spots} == {"good", "poor", "fair"}
    assert close.scale_m < whole.scale_m
    assert "<path" in drawing.svg(whole)
    assert json.loads(msgspec.json.encode(found))["layers"][1]["features"]
    layer, table = found.layer("demand"), found.table("demand")
    assert layer is not None
    assert table is not None
    assert len(layer.features) == len(table.rows)


@pytest.mark.slow
@pytest.mark.alone  # how good a plan gets in its time is a matter of the machine
async def test_a_real_road_graph_is_planned_with_a_proof() -> None:
    path = shared("roads/hcm_2018.osm.pbf")
    columns = next(one for one in KIND.layers if one.name == "roads").columns
    read = await features.read(path, path.name, crs="", columns=columns)
    assert len(read.features) > 30_000
    north = [f for f in read.features if f.geometry and max(c[1] for c in f.geometry["coordinates"]) > 10.85]
    random = np.random.default_rng(7)
    corners = [f.geometry["coordinates"][0] for f in north if f.geometry]
    chosen = random.choice(len(corners), 121, replace=False)
    points = [
        Feature(id=f"p{i}", geometry=point(*corners[int(k)]), properties={"name": f"điểm {i}", "weight": 1 + i % 9})
        for i, k in enumerate(chosen)
    ]
    layers = {"roads": read.features, "demand": tuple(points[1:]), "starts": (points[0],)}
    found = plan.solve(
        Problem(layers=layers, assumptions=assumed(), budget=60_000, unit="MTR", seconds=8), lambda _: None
    )
    certificate = found.certificate
    assert certificate.checked
    assert certificate.spent <= 60_000
    assert certificate.gap is not None
    assert certificate.gap < 0.08
    assert 20 < figure(found, "covered") < 100


def test_every_assumption_has_a_default_and_no_price_has_one() -> None:
    known = assumed()
    # The others are the terms of road openings.
    assert set(plan.ASSUMPTIONS) == {name for name in known if not name.startswith("opening_")}
    assert not set(plan.PRICES) & set(known)

"""5G for industrial parks: from parks to a checked plan, and what is said when something is missing or wrong."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from province.app.example import folder as example
from province.errors import InvalidInput, ProvinceError
from province.model import parameters
from province.model.geometry import Geometry, point
from province.model.study import Assumed, Feature, Outcome, Problem, require_in_vietnam
from province.model.unit import lookup
from province.packs.fiveg import demand, places, plan
from province.packs.fiveg.pack import PACK
from province.territory.example import read_facts
from tests.conformance.situation import folder
from tests.packs.studying import figure, solved

WEST, SOUTH = 106.60, 11.05


def square(west: float, south: float, side: float = 0.01) -> Geometry:
    ring = [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


PARK = Feature(id="urn:park:a", geometry=square(WEST, SOUTH), properties={"name": "KCN A", "kind": "park"})


def assumed(**given: float | str) -> dict[str, Assumed]:
    dated = parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))
    found = {p.name: Assumed(name=p.name, value=p.value, unit=p.unit, source=p.source) for p in dated}
    units = dict.fromkeys(plan.PRICES, "VND")
    for name, value in given.items():
        unit = found[name].unit if name in found else units[name]
        found[name] = Assumed(name=name, value=value, unit=unit, source="test", given=True)
    return found


def problem(budget: float = 3, unit: str = "C62", layers: Mapping[str, tuple[Feature, ...]] | None = None,
            **given: float | str) -> Problem:  # fmt: skip
    return Problem(
        layers=layers or {"parks": (PARK,)}, assumptions=assumed(**given), budget=budget, unit=unit, seconds=0.2
    )


def solve(one: Problem) -> Outcome:
    return solved(PACK.studies[0], one)


def column(outcome: Outcome, table: str, name: str) -> list[Any]:
    found = outcome.table(table)
    assert found is not None
    at = [c.name for c in found.columns].index(name)
    return [row[at] for row in found.rows]


def words(outcome: Outcome) -> str:
    return " ".join(one.en for one in outcome.remarks)


def test_a_plan_covers_a_park_within_its_budget_and_carries_its_proof() -> None:
    found = solve(problem(budget=3))
    certificate = found.certificate
    assert certificate.checked
    assert certificate.spent == figure(found, "sites_new") == 3
    assert certificate.bound is not None
    assert 0 < certificate.objective <= certificate.bound
    assert certificate.gap == pytest.approx(certificate.bound / certificate.objective - 1)
    assert 0 < figure(found, "covered") <= 100
    assert 0 < figure(found, "carried") <= 100
    # A hundredth of a degree is 1,093 by 1,106 m here: 121 hectares at 5 Mbit/s.
    assert figure(found, "demand") == pytest.approx(5 * 120.9, rel=2e-3)
    assert "flat" in words(found)
    assert found.partial is None


def test_more_money_never_covers_less() -> None:
    covered = [solve(problem(budget=b)).certificate.objective for b in (1, 2, 5)]
    assert covered == sorted(covered)
    assert covered[0] < covered[-1]


def test_layers_and_tables_tell_the_same_sites() -> None:
    found = solve(problem(budget=2))
    layer = found.layer("sites")
    assert layer is not None
    assert len(layer.features) == len(column(found, "sites", "site")) == 2
    for feature, lat, lon in zip(
        layer.features, column(found, "sites", "lat"), column(found, "sites", "lon"), strict=True
    ):
        assert feature.geometry == point(lon, lat)
        assert WEST - 0.01 < lon < WEST + 0.02
    coverage = found.layer("coverage")
    assert coverage is not None
    assert sum(f.properties["hectares"] for f in coverage.features) == pytest.approx(121, abs=6)
    demanded, carried = column(found, "parks", "demand"), column(found, "parks", "carried")
    assert column(found, "parks", "missing")[0] == pytest.approx(demanded[0] - carried[0], abs=0.11)


def mast(id: str, lon: float, lat: float, **properties: Any) -> Feature:
    return Feature(id=id, geometry=point(lon, lat), properties={"name": id, **properties})


PRICES = {"price_new_site": 900e6, "price_shared_site": 250e6, "price_sector": 200e6}


def test_a_shared_mast_is_taken_where_it_saves_money() -> None:
    middle = mast("cot-1", WEST + 0.005, SOUTH + 0.005, isShareable=True, height=25.0)
    found = solve(problem(850e6, "VND", {"parks": (PARK,), "masts": (middle,)}, **PRICES))
    assert column(found, "sites", "site") == ["cot-1"]
    assert figure(found, "sites_shared") == 1
    assert found.certificate.spent == 250e6 + 3 * 200e6
    assert column(found, "materials", "amount") == [0.0, 250e6, 600e6, 850e6]


def test_masts_that_nobody_shares_are_left_alone_and_counted() -> None:
    masts = (
        mast("closed", WEST, SOUTH, isShareable=False), mast("unknown", WEST, SOUTH),
        mast("gone", WEST, SOUTH, isShareable=True, status="removed"),
    )  # fmt: skip
    found = solve(problem(2, layers={"parks": (PARK,), "masts": masts}))
    assert "2 masts are not open to sharing" in words(found)
    assert figure(found, "sites_shared") == 0


def test_what_sends_already_costs_nothing_and_stays() -> None:
    there = mast(
        "bd-1", WEST + 0.005, SOUTH + 0.005, status="on_air", technologies=["4G", "5G"], azimuths=[10, 130, 250]
    )
    alone = solve(problem(0, layers={"parks": (PARK,), "masts": (there,)}))
    assert figure(alone, "sites_existing") == 1
    assert alone.certificate.spent == 0
    assert column(alone, "sites", "azimuths") == ["10° 130° 250°"]
    assert alone.partial is not None
    more = solve(problem(1, layers={"parks": (PARK,), "masts": (there,)}))
    assert more.certificate.objective >= alone.certificate.objective
    assert more.certificate.spent == 1


def test_a_budget_below_the_cheapest_site_gives_a_partial_answer_with_the_reason() -> None:
    found = solve(problem(1e9, "VND", **PRICES))
    assert found.partial is not None
    assert "does not pay for one site: the cheapest costs 1,100,000,000" in found.partial.en
    assert figure(found, "covered") == 0
    assert column(found, "parks", "missing") == column(found, "parks", "demand")
    assert found.certificate.checked


def refused(one: Problem) -> ProvinceError:
    with pytest.raises(ProvinceError) as caught:
        plan.solve(one, lambda _: None)
    assert caught.value.remedy
    return caught.value


def test_a_missing_price_is_named_with_what_to_do() -> None:
    error = refused(problem(60e9, "VND", price_new_site=900e6))
    assert error.field == "assumptions.price_sector"
    assert "budget in sites" in error.remedy


@pytest.mark.parametrize(
    ("field", "one"),
    [
        ("layers.parks", problem(layers={"parks": (Feature(id="a", properties={"name": "KCN không vị trí"}),)})),
        ("layers.parks", problem(layers={"parks": (Feature(id="a", geometry=point(602500.0, 1221500.0)),)})),
        ("layers.parks", problem(layers={"parks": (Feature(id="a", geometry=point(11.05, 106.6)),)})),
        ("layers.parks", problem(layers={"parks": (Feature(id="a", geometry=point(WEST, SOUTH)),)})),
        ("layers.demand", problem(layers={"parks": (PARK,), "demand": (mast("x", WEST, SOUTH),)})),
        ("layers.candidates", problem(layers={"parks": (PARK,), "candidates": (mast("x", 106.9, 11.4),)})),
        ("assumptions.pixel", problem(pixel=1.0)),
        ("assumptions.grid", problem(grid=1.0)),
        ("assumptions.location_probability", problem(location_probability=100.0)),
        ("assumptions.indoor_share", problem(indoor_share=120.0)),
        ("environment", problem(environment="rma")),
        ("building", problem(building="tôn")),
        ("rate", problem(required_rate=5000.0)),
        ("assumptions.price_new_site", problem(1e9, "VND", price_new_site=-1.0, price_sector=1.0)),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused_by_name(field: str, one: Problem) -> None:
    assert refused(one).field == field


def test_points_in_the_wrong_order_are_told_as_such() -> None:
    error = refused(problem(layers={"parks": (Feature(id="a", geometry=point(11.05, 106.6)),)}))
    assert "outside Vietnam" in error.detail
    assert "VN-2000" in error.remedy


def test_given_places_are_the_only_ones_for_new_masts() -> None:
    spots = (mast("k1", WEST + 0.003, SOUTH + 0.004), mast("k2", WEST + 0.008, SOUTH + 0.006))
    found = solve(problem(5, layers={"parks": (PARK,), "candidates": spots}))
    assert sorted(column(found, "sites", "site")) == ["k1", "k2"]
    assert "grid" not in words(found)


def test_other_demand_weighs_less_than_that_of_parks() -> None:
    town = mast("town", WEST + 0.04, SOUTH + 0.04, mbps=1500.0)
    spots = (mast("k1", WEST + 0.005, SOUTH + 0.005), mast("k2", WEST + 0.04, SOUTH + 0.0405))
    one = problem(1, layers={"parks": (PARK,), "demand": (town,), "candidates": spots})
    assert column(solve(one), "sites", "site") == ["k1"]
    heavy = msgspec.structs.replace(one, assumptions=one.assumptions | assumed(other_weight=100.0))
    assert column(solve(heavy), "sites", "site") == ["k2"]


def test_the_parks_of_the_example_are_planned_as_they_are_shipped() -> None:
    facts = read_facts(example())
    parks = tuple(
        Feature(id=p.id, geometry=p.location, properties={"name": p.name, "kind": p.kind, "landSize": p.landSize})
        for p in facts.ground.parks
    )
    need = demand.read(problem(layers={"parks": parks}))
    spots, _ = places.read(problem(layers={"parks": parks}), need)
    said = " ".join(one.en for one in need.remarks)
    assert len(need.parks) == 29
    assert "29 of 29 parks have no boundary" in said
    assert "1 parks have no place and are left out: Khu công nghệ cao" in said
    assert need.mbps.sum() == pytest.approx(5 * sum(p.land_ha for p in need.parks))
    assert 500 < len(spots) < 5_000


def test_every_assumption_has_a_constant_and_a_unit_that_is_known() -> None:
    dated = {p.name: p for p in parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))}
    assert set(dated) == {name for kind in PACK.studies for name in kind.assumptions}
    for one in dated.values():
        if isinstance(one.value, int | float):
            assert lookup(one.unit)
    assert not set(plan.PRICES) & set(dated), "a price has no default"


def test_numbers_of_files_are_read_as_they_are() -> None:
    found = demand.number({"a": True, "b": "x", "c": "12.5", "d": 3}, "a", "b", "c", "d")
    assert found == 12.5
    assert demand.number(json.loads('{"a": null}'), "a", "b") is None
    with pytest.raises(InvalidInput):
        require_in_vietnam(Feature(id="x", geometry=point(0.0, 0.0)), "parks")


def hill(metres: float, west: float = WEST - 0.1) -> Feature:
    """A terrain model with a ridge through the park, of so many metres; 0: flat."""
    side, step = 300, 0.001
    values = np.zeros((side, side), np.int16)
    values[:, 104:106] = int(metres * 10)
    packed = base64.b64encode(zlib.compress(values.astype("<i2").tobytes())).decode()
    properties = {"rows": side, "columns": side, "west": west, "south": SOUTH - 0.1, "step_lon": step,
                  "step_lat": step, "scale": 10.0, "hole": -32_768, "values": packed}  # fmt: skip
    return Feature(id="terrain", geometry=square(west, SOUTH - 0.1, 0.3), properties=properties)


def test_a_ridge_takes_coverage_and_flat_terrain_takes_none() -> None:
    plain = solve(problem(1))
    flat = solve(problem(1, layers={"parks": (PARK,), "terrain": (hill(0),)}))
    ridge = solve(problem(1, layers={"parks": (PARK,), "terrain": (hill(120),)}))
    assert figure(flat, "covered") == pytest.approx(figure(plain, "covered"), abs=1.0)
    assert figure(ridge, "covered") < figure(flat, "covered")
    assert figure(ridge, "covered_terrain") < figure(flat, "covered_terrain")
    assert "taken as flat" in words(plain)
    assert "follows the terrain model" in words(ridge)


def test_terrain_that_ends_before_the_parks_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        solve(problem(1, layers={"parks": (PARK,), "terrain": (hill(10, WEST + 0.005),)}))
    assert refused.value.field == "layers.terrain"
    assert "covers" in refused.value.detail

"""Sites of postal centres: an invented region by number, with capacities and by money; what is missing or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from province.adapters.studies import drawing
from province.errors import ProvinceError
from province.model import parameters
from province.model.geometry import point
from province.model.study import Assumed, Feature, Outcome, Problem
from province.packs.post.pack import PACK
from province.packs.post.types import PostalFacility
from province.vocab.study import Study
from tests.conformance.situation import folder
from tests.packs.studying import figure, solved

KIND = next(k for k in PACK.studies if k.name == "hubs")
KM = 1 / 110.62
"""Degrees of a kilometre northwards."""


def place(name: str, north_km: float, **more: Any) -> Feature:
    return Feature(id=name, geometry=point(106.65, 11.0 + north_km * KM), properties={"name": name, **more})


DEMAND = (place("a", 0, volume=10), place("b", 30, volume=40), place("c", 60, volume=10), place("d", 200, volume=5))
SITES = (place("A", 0), place("B", 30), place("C", 60), place("D", 200))


def assumed(**given: float | str) -> dict[str, Assumed]:
    dated = parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))
    found = {p.name: Assumed(name=p.name, value=p.value, unit=p.unit) for p in dated if p.name in KIND.assumptions}
    return found | {n: Assumed(name=n, value=v, given=True) for n, v in given.items()}


def problem(budget: float = 1, unit: str = "C62", layers: Mapping[str, tuple[Feature, ...]] | None = None,
            **given: float | str) -> Problem:  # fmt: skip
    every = {"demand": DEMAND, "candidates": SITES, **(layers or {})}
    return Problem(layers=every, assumptions=assumed(**{"detour": 100.0, **given}), budget=budget, unit=unit, seconds=1)


def hubs(outcome: Outcome) -> dict[Any, tuple[Any, ...]]:
    found = outcome.table("hubs")
    assert found is not None
    return {r[0]: r for r in found.rows}


def test_one_centre_stands_where_the_volume_is_and_what_lies_beyond_the_radius_is_named() -> None:
    found = solved(KIND, problem())
    assert set(hubs(found)) == {"B"}
    mean = (10 * 30 + 10 * 30 + 5 * 170) / 65
    assert found.certificate.objective == pytest.approx(mean, rel=0.005)
    assert found.certificate.bound is not None
    assert found.certificate.bound <= found.certificate.objective
    assert found.certificate.sense == "least"
    assert figure(found, "inside") == pytest.approx(100 * 60 / 65, abs=0.1)
    assert found.partial is not None
    assert "1 of 4 points lie beyond 115 km: d" in found.partial.en
    assert drawing.draw(found, KIND) is not None


def test_an_approved_plan_is_entered_as_planned_centres() -> None:
    sites = (SITES[0], SITES[1], place("C", 60, exists=1), SITES[3])
    found = solved(KIND, problem(budget=2, layers={"candidates": sites}))
    assert KIND.adoption is not None
    layer = found.layer(KIND.adoption.layer)
    assert layer is not None
    study = Study(id="urn:ngsi-ld:Study:1", title="Trung tâm vùng", kind="hubs", budget={"value": 2, "unitCode": "C62"})
    made = [KIND.adoption.entry(f, study, f"urn:{f.id}", f.id) for f in layer.features]
    (centre,) = [one for one in made if isinstance(one, PostalFacility)]
    assert (centre.kind, centre.status, centre.plan) == ("hub", "planned", study.id)


def test_ways_by_the_line_of_sight_are_lengthened_and_said_to_be() -> None:
    found = solved(KIND, problem(detour=130.0))
    assert figure(found, "farthest") == pytest.approx(170 * 1.3, rel=0.005)
    assert any("130% of the line of sight" in r.en for r in found.remarks)


def test_a_centre_that_exists_stays_and_counts() -> None:
    sites = (SITES[0], SITES[1], place("C", 60, exists=1), SITES[3])
    found = solved(KIND, problem(budget=2, layers={"candidates": sites}))
    assert hubs(found)["C"][2] == "Centre that exists"
    assert len(hubs(found)) == 2
    assert figure(found, "new") == 1


def test_no_centre_takes_more_than_its_capacity_and_a_place_has_one_centre() -> None:
    sites = tuple(place(s.name, n, capacity=45) for s, n in zip(SITES, (0, 30, 60, 200), strict=True))
    found = solved(KIND, problem(budget=2, layers={"candidates": sites}))
    assert all(r[4] <= 45 for r in hubs(found).values())
    assert sum(r[4] for r in hubs(found).values()) == 65
    assert found.certificate.gap == pytest.approx(0.0, abs=1e-6)


def test_money_buys_the_most_volume_within_the_radius() -> None:
    sites = (place("A", 0, cost=5e9), place("B", 30, cost=9e9), place("D", 200))
    found = solved(KIND, problem(budget=10e9, unit="VND", layers={"candidates": sites}, price_hub=20e9))
    assert figure(found, "inside") == pytest.approx(100 * 60 / 65, abs=0.1)
    assert found.certificate.spent == 5e9, "the cheaper of two that reach the same"
    bill = found.table("materials")
    assert bill is not None
    assert bill.rows[-1] == ("Cộng", "Total", 1.0, 5e9)


def test_people_count_where_no_volume_is_known_and_only_communes_of_today() -> None:
    areas = (
        place("Phường 1", 0, population=900, kind="ward", validFrom="2025-07-01"),
        place("Huyện", 60, population=90_000, kind="district", validFrom="2024-05-01"),
        place("Xã cũ", 60, population=90_000, kind="commune", validFrom="2024-05-01", validTo="2025-07-01"),
    )
    found = solved(KIND, problem(layers={"demand": areas}))
    assert set(hubs(found)) == {"A"}
    assert figure(found, "volume") == 900
    assert any("people count" in r.en for r in found.remarks)


def test_without_candidates_every_place_is_one_and_roads_make_the_way_longer() -> None:
    def line(*corners: tuple[float, float]) -> dict[str, Any]:
        return {"type": "LineString", "coordinates": [[106.65 + x * KM, 11.0 + y * KM] for x, y in corners]}

    roads = (
        Feature(id="r1", geometry=line((0, 0), (20, 0), (20, 30), (0, 30)), properties={"class": "primary"}),
        Feature(id="r2", geometry=line((0, 30), (0, 60)), properties={"class": "primary"}),
    )
    found = solved(KIND, problem(layers={"candidates": (), "roads": roads, "demand": DEMAND[:3]}))
    assert set(hubs(found)) == {"b"}
    assert figure(found, "farthest") == pytest.approx(70, rel=0.02), "round by 20 km east"
    assert any("every point of demand is one" in r.en for r in found.remarks)
    far = solved(KIND, problem(layers={"candidates": SITES[:3], "roads": roads}))
    assert any("d" in r.en and "no road to every site" in r.en for r in far.remarks)


def test_what_is_missing_or_wrong_is_named() -> None:
    for field, said, one in (
        ("layers.demand", "no demand", problem(layers={"demand": ()})),
        ("layers.demand", "the volume 'nhiều'", problem(layers={"demand": (place("a", 0, volume="nhiều"),)})),
        ("layers.demand", "has a weight", problem(layers={"demand": (place("a", 0, volume=0),)})),
        ("budget", "9 centres", problem(budget=9)),
        ("budget", "1.5 centres", problem(budget=1.5)),
        ("assumptions.price_hub", "has no value", problem(budget=1e9, unit="VND")),
        ("budget", "builds nothing", problem(budget=1e9, unit="VND", price_hub=2e9)),
        ("capacity", "exceeds", problem(layers={"candidates": (place("A", 0, capacity=3),)})),
        ("layers.candidates", "outside Vietnam",
         problem(layers={"candidates": (Feature(id="x", geometry=point(2, 48)),)})),
    ):  # fmt: skip
        with pytest.raises(ProvinceError, match=said) as refused:
            KIND.solve(one, lambda _: None)
        assert refused.value.field == field
        assert refused.value.remedy

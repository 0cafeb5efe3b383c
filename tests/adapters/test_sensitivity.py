"""Variants of a study: what they are, what they tell together, and what is refused by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from province.adapters.studies import sensitivity
from province.errors import InvalidInput
from province.model.geometry import point
from province.model.label import Label
from province.model.study import Assumed, Certificate, Feature, Layer, Outcome, Problem, Quantity
from province.packs.fiveg.pack import PACK
from province.vocab.study import Study

KIND = PACK.studies[0]
STUDY = Study(id="urn:ngsi-ld:Study:1", title="x", kind="fiveg", budget={})
PROBLEM = Problem(
    layers={}, budget=5, unit="C62", seed=7,
    assumptions={"attenuation": Assumed(name="attenuation", value=60.0, unit="P1"),
                 "power": Assumed(name="power", value=53.0, unit="DBM"),
                 "building": Assumed(name="building", value="high")},
)  # fmt: skip


def outcome(objective: float, *sites: tuple[str, float]) -> Outcome:
    features = tuple(
        Feature(id=f"grid-{n}", geometry=point(lon, 11.0), properties={"name": name, "kind": "new"})
        for n, (name, lon) in enumerate(sites)
    )
    return Outcome(
        figures=(Quantity(name="covered", label=Label("Phủ", "Covered"), value=objective, unit="P1"),), tables=(),
        layers=(Layer(name="sites", title=Label("Trạm", "Sites"), features=features),),
        certificate=Certificate(
            objective=objective, objective_unit="D36", objective_label=Label("Nhu cầu", "Demand"), bound=None,
            bound_source=Label("a", "a"), gap=0.02, spent=1, budget=5, budget_unit="C62", checked=True,
            verdict=Label("a", "a"), seed=7,
        ),
    )  # fmt: skip


def test_a_variant_changes_one_value_and_nothing_else() -> None:
    varied: list[dict[str, Any]] = [
        {"name": "attenuation", "share": 25}, {"name": "building", "values": ["low"]}, {"name": "budget", "share": 20},
        {"name": "attenuation", "values": ["70", "50,5"]},
    ]  # fmt: skip
    found = sensitivity.variants(PROBLEM, varied)
    assert [(v.name, v.value, v.base) for v, _ in found] == [
        ("attenuation", 45.0, 60.0), ("attenuation", 75.0, 60.0), ("building", "low", "high"),
        ("budget", 4.0, 5), ("budget", 6.0, 5), ("attenuation", 50.5, 60.0), ("attenuation", 70.0, 60.0),
    ]  # fmt: skip
    for variant, problem in found:
        assert problem.seed == 7
        if variant.name == "budget":
            assert problem == msgspec.structs.replace(PROBLEM, budget=variant.value)
        else:
            assert problem.assumptions[variant.name].value == variant.value
            others = {n: a for n, a in problem.assumptions.items() if n != variant.name}
            assert others == {n: a for n, a in PROBLEM.assumptions.items() if n != variant.name}
            assert problem.budget == 5


@pytest.mark.parametrize(
    ("one", "word"),
    [({"name": "colour", "share": 5}, "no assumption 'colour'"), ({"name": "building", "share": 5}, "is the word"),
     ({"name": "attenuation", "values": ["low"]}, "is a number"),
     ({"name": "power", "share": 20}, "a share of the level")],
)  # fmt: skip
def test_what_cannot_be_varied_is_refused_by_name(one: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        sensitivity.variants(PROBLEM, [one])
    assert word in refused.value.detail
    assert refused.value.field == f"varied.{one['name']}"
    assert refused.value.remedy


def test_what_stays_in_every_variant_is_known_by_its_place_and_failures_are_kept() -> None:
    base = outcome(100, ("A", 106.1), ("B", 106.2), ("C", 106.3))
    first = outcome(120, ("B", 106.2), ("A", 106.1))  # the same places under other numbers
    second = outcome(90, ("A", 106.1), ("D", 106.4), ("C", 106.3))
    (low, _), (high, _), (word, _) = sensitivity.variants(
        PROBLEM, [{"name": "attenuation", "share": 25}, {"name": "building", "values": ["low"]}]
    )
    found = [
        sensitivity.computed(KIND, STUDY, base, low, second),
        sensitivity.computed(KIND, STUDY, base, high, first),
        msgspec.structs.replace(word, failure="building: 'low' is no wall."),
    ]
    spread = sensitivity.together(KIND, STUDY, base, found, 3)
    assert [(p.name, p.kept) for p in spread.picks] == [("A", 2), ("B", 1), ("C", 1)]
    assert (spread.swing("attenuation"), spread.swing("building")) == (30.0, 0.0)
    lines = sensitivity.csv(spread, KIND.assumptions).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("assumption,name,value,unit,objective (Mbit/s),change,gap (%),covered (%)")
    assert lines[2].startswith("attenuation,Hệ số so với giới hạn Shannon,45,P1,90,-10,2,90,")
    assert "'low' is no wall." in lines[4]
    assert lines[-3] == "grid-0,A,2,2"


def test_a_share_of_few_whole_things_is_one_more_or_fewer() -> None:
    for budget, expected in ((2, [1.0, 3.0]), (1, [2.0]), (40, [32.0, 48.0])):
        few = msgspec.structs.replace(PROBLEM, budget=budget)
        assert [v.value for v, _ in sensitivity.variants(few, [{"name": "budget", "share": 20}])] == expected

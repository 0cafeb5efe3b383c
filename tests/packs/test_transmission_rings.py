"""Rings on the invented network: what is chosen and why, a budget that is too small, and what is missing or wrong."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from province.adapters.studies import drawing
from province.compute.network import check
from province.errors import ProvinceError
from province.model.study import Feature, Outcome, Problem
from province.packs.transmission import ground, kinds, rings, sections
from tests.packs.studying import figure, solved
from tests.packs.transmission import column, problem, rows, without

PRICES = {"price_metre": 400e3, "price_equipment": 300e6}


def task(budget: float = 1e6, unit: str = "MTR", layers: dict[str, tuple[Feature, ...]] | None = None,
         **given: float) -> Problem:  # fmt: skip
    every = {"nodes": rows("tram"), "routes": rows("tuyen"), "candidates": rows("de-xuat"), **(layers or {})}
    return problem(budget, unit, every, 8.0, **given)


def solve(one: Problem) -> Outcome:
    return solved(kinds.RINGS, one)


def cheapest(one: Problem, wanted: list[int]) -> float:
    """The least cost of any choice of candidates, by trying all."""
    found = ground.read(one)
    cost = rings.costs(one, found)
    root = found.nodes
    edges = [(w.tail, w.head, float(c)) for w, c in zip(found.ways, cost, strict=True)]
    edges += [(root, v, 0.0) for v in found.inventory.anchors for _ in range(2)]
    old = [e for e, w in enumerate(found.ways) if w.cable >= 0] + list(range(len(found.ways), len(edges)))
    new = [e for e, w in enumerate(found.ways) if w.cable < 0]
    best = float("inf")
    for size in range(len(new) + 1):
        for more in itertools.combinations(new, size):
            total = sum(edges[e][2] for e in more)
            failed = [{e} for e in (*old, *more)] + [set(g) for g in found.groups.values()]
            if total < best and all(
                check._apart(edges, [e for e in (*old, *more) if e not in gone], [root, *wanted]) is None
                for gone in failed
            ):
                best = total
    return best


def test_the_cheapest_second_ways_are_chosen_and_trenches_are_respected() -> None:
    one = task()
    found = solve(one)
    wanted = [v for v, s in enumerate(ground.read(one).inventory.stations) if not s.core]
    assert found.certificate.objective == pytest.approx(cheapest(one, wanted))
    assert found.certificate.gap == pytest.approx(0, abs=1e-6)
    assert found.certificate.sense == "least"
    assert found.partial is None
    assert figure(found, "after") == 100
    assert figure(found, "before") == pytest.approx(100 * 2 / 9, abs=0.05)
    assert set(column(found, "stations", "after").values()) == {2.0}
    assert figure(found, "new") == pytest.approx(found.certificate.objective)
    layer = found.layer("sections")
    assert layer is not None
    assert sum(f.properties["metres"] for f in layer.features) == pytest.approx(found.certificate.objective)


def test_money_counts_metres_and_equipment_and_the_bill_adds_up() -> None:
    found = solve(task(60e9, "VND", **PRICES))
    bill = column(found, "materials", "amount", key="item_en")
    assert bill["Total"] == pytest.approx(found.certificate.spent)
    assert bill["Equipment at ends"] == pytest.approx(300e6 * 2 * len(found.table("cables").rows))  # type: ignore[union-attr]
    assert any("No price is given for the use of existing cables" in r.en for r in found.remarks)
    paid = solve(task(60e9, "VND", price_existing=1e3, **PRICES))
    assert paid.certificate.spent > found.certificate.spent


def test_a_budget_that_is_too_small_protects_the_greatest_load_first_and_says_what_all_cost() -> None:
    whole = figure(solve(task()), "whole")
    found = solve(task(budget=20_000))
    assert found.certificate.spent <= 20_000
    assert found.partial is not None
    assert f"all stations need {whole:,.0f} m" in found.partial.en
    after = column(found, "stations", "after")
    assert (after["Gom 3"], after["Trạm 4"]) == (2, 2), "30 Gbit/s by 17.6 km, and what lies on that ring"
    assert (after["Trạm 5"], after["Trạm 6"]) == (1, 1)
    with pytest.raises(ProvinceError) as refused:
        rings.solve(task(budget=0.5, layers={"nodes": rows("tram", G1={"ways": 0}, G2={"ways": 0})}), lambda _: None)
    assert refused.value.field == "budget"
    assert "protects no station: Trạm 5 (ví dụ) alone needs 9,300 m, all of them 26,900" in refused.value.detail


def test_what_cannot_be_given_is_said_and_the_rest_is_planned() -> None:
    layers = {"candidates": without(rows("de-xuat"), "")[4:6], "routes": without(rows("tuyen"), "C13")}
    found = solve(task(layers=layers))
    assert found.partial is not None
    assert "1 stations are reached by no way: Trạm 4" in found.partial.en
    assert "1 stations can have one way only, even when every candidate is built: Trạm 3" in found.partial.en
    assert any("Not to be avoided: the failure of Rãnh A (ví dụ) cuts off Gom 3" in r.en for r in found.remarks)
    after = column(found, "stations", "after")
    assert (after["Trạm 6"], after["Trạm 3"], after["Trạm 4"]) == (2, 1, 0)


def test_one_way_is_enough_where_one_is_asked_for() -> None:
    layers = {"nodes": rows("tram", **{c: {"ways": 1} for c in ("G1", "G2", "G3", "T1", "T2", "T3", "T4", "T5", "T6")})}
    assert solve(task(layers=layers)).certificate.objective == 0, "all are joined already"
    apart = solve(task(layers={**layers, "routes": without(rows("tuyen"), "C13", "C16")}))
    assert apart.certificate.objective == pytest.approx(17_600 + 9_300), "Trạm 4 to Trạm 1, Trạm 6 to Trạm 5"


def test_new_cables_follow_roads() -> None:
    def road(name: str, *corners: list[float]) -> Feature:
        return Feature(id=name, geometry={"type": "LineString", "coordinates": corners}, properties={"name": name})

    roads = (
        road("Đường A", [106.82, 11.04], [106.83, 11.0], [106.84, 10.95]),
        road("Đường B", [106.83, 11.0], [106.85, 11.0]),
        road("Đường C", [106.79, 11.12], [106.805, 11.08], [106.82, 11.04]),
        road("Xa", [107.5, 12.0], [107.6, 12.0]),
    )
    nodes = tuple(f for f in rows("tram") if f.properties["code"] in ("G2", "L1", "L2", "X1", "T5", "T6"))
    found = solve(task(layers={
        "candidates": (), "roads": roads, "nodes": nodes, "routes": without(rows("tuyen"), "C16"),
    }))  # fmt: skip
    assert column(found, "stations", "after") == {
        "Gom 2": 2, "Trạm 5": 2, "Trạm 6": 2,
    }  # fmt: skip
    names = column(found, "cables", "metres")
    assert set(names) == {"Đường A", "Đường C"}, "the dead end is no way"
    assert names["Đường A"] == pytest.approx(10_230, rel=0.02)
    drawn = drawing.draw(found, kinds.RINGS)
    assert drawn is not None
    assert {s.tone for s in drawn.lines} == {"existing", "new"}


def test_new_cables_enter_the_register_from_station_to_station_or_until_they_branch() -> None:
    inventory = ground.read(task()).inventory
    n = len(inventory.stations)
    a, b, c = (s.code for s in inventory.stations[:3])
    cross, fork, bend = n, n + 1, n + 2

    def way(
        tail: int, head: int, name: str, *corners: list[float], entry: str = "", shares: tuple[str, ...] = ()
    ) -> ground.Way:
        line = {"type": "LineString", "coordinates": list(corners)}
        return ground.Way(name, tail, head, 100.0, -1, 1, shares, line, entry)

    held = "urn:ngsi-ld:FibreRoute:9"
    ways = (
        way(0, cross, "p", [106.0, 11.0], [106.1, 11.0], shares=("Rãnh",)),
        way(fork, cross, "q", [106.2, 11.0], [106.1, 11.0]),
        way(fork, 1, "r", [106.2, 11.0], [106.3, 11.0]),
        way(fork, bend, "s", [106.2, 11.0], [106.2, 11.1]),
        way(bend, 2, "s", [106.2, 11.1], [106.2, 11.2]),
        way(0, 1, "held", [106.0, 11.0], [106.3, 11.0], entry=held),
    )
    found = sections.layer(ground.Ground(inventory, n + 3, ways, (), {}, ()), range(len(ways))).features
    told = {f.name: (f.properties["start"], f.properties["finish"], f.properties["metres"]) for f in found}
    assert told == {
        "p – q": (a, "11.00000,106.20000", 200.0), "held": (a, b, 100.0), "r": ("11.00000,106.20000", b, 100.0),
        "s": (c, "11.00000,106.20000", 200.0),
    }  # fmt: skip
    assert [f.id for f in found if f.id.startswith("urn:")] == [held]
    assert next(f for f in found if f.name == "p – q").geometry == {
        "type": "LineString", "coordinates": [[106.0, 11.0], [106.1, 11.0], [106.2, 11.0]],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "said", "changed", "unit"),
    [
        ("layers.candidates", "no way of a new cable", {"candidates": ()}, "MTR"),
        ("layers.nodes", "needs 3 ways", {"nodes": rows("tram", G2={"ways": 3})}, "MTR"),
        ("assumptions.price_metre", "no value", {}, "VND"),
        ("layers.roads", "no road lies within", {"roads": (Feature(id="x", geometry={
            "type": "LineString", "coordinates": [[108.0, 12.0], [108.1, 12.0]]}),)}, "MTR"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(field: str, said: str, changed: dict[str, Any], unit: str) -> None:
    with pytest.raises(ProvinceError) as refused:
        rings.solve(task(1e9, unit, changed), lambda _: None)
    assert refused.value.field == field
    assert said in refused.value.detail
    assert refused.value.remedy

"""Tours in an invented town with one-ways and a forbidden turn, and in a real city; stops that nobody can serve."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import shapely

from province.adapters import roads as extracts
from province.adapters.studies import drawing
from province.adapters.tables import features
from province.cli.kinds import KINDS
from province.cli.planning import read_budget
from province.compute.plane import middle
from province.compute.roads import check as driving
from province.errors import ProvinceError
from province.model import parameters
from province.model.geometry import point
from province.model.study import Assumed, Feature, Outcome, Problem
from province.packs.post import stops
from province.packs.post.pack import PACK
from tests.conformance.situation import folder
from tests.packs.studying import figure, solved
from tests.shared import shared

KIND = next(k for k in PACK.studies if k.name == "tours")
EAST_M, NORTH_M = 1 / 109_290.0, 1 / 110_620.0
"""Degrees of a metre near 10.98° north."""


def at(x: float, y: float) -> list[float]:
    return [106.65 + x * EAST_M, 10.98 + y * NORTH_M]


def road(name: str, *corners: tuple[float, float], **more: Any) -> Feature:
    shape = {"type": "LineString", "coordinates": [at(*c) for c in corners]}
    return Feature(id=name, geometry=shape, properties={"name": name, "osm_id": name, "kmh": 36.0, **more})


def spot(name: str, x: float, y: float, **more: Any) -> Feature:
    return Feature(id=name, geometry=point(*at(x, y)), properties={"name": name, **more})


TURN = "{} {:.7f} {:.7f} 4".format("no", *at(1000, 0))
TOWN = (
    road("1", (0, 0), (1000, 0), turns=TURN),
    road("2", (1000, 0), (2000, 0)),
    road("3", (2000, 0), (2000, 1000), (1000, 1000), oneway="forward"),
    road("4", (1000, 0), (1000, 1000)),
    road("5", (1000, 1000), (0, 1000), (0, 0)),
)
"""From 0,0 eastwards one may not turn left at 1000,0; road 3 is driven northwards and west only."""
STOPS = (spot("bắc", 1000, 600, load=40), spot("đông", 1500, 0, load=40))
DEPOTS = (spot("kho", 0, 0),)


def assumed(**given: float | str) -> dict[str, Assumed]:
    dated = parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))
    found = {p.name: Assumed(name=p.name, value=p.value, unit=p.unit) for p in dated if p.name in KIND.assumptions}
    return found | {n: Assumed(name=n, value=v, unit=found[n].unit, given=True) for n, v in given.items()}


def problem(
    budget: float = 1, layers: Mapping[str, tuple[Feature, ...]] | None = None, **given: float | str
) -> Problem:
    every = {"roads": TOWN, "stops": STOPS, "depots": DEPOTS, **(layers or {})}
    return Problem(
        layers=every, assumptions=assumed(**{"pace": 100.0, **given}), budget=budget, unit="C62", seconds=0.2
    )


def rows(outcome: Outcome, table: str) -> list[tuple[Any, ...]]:
    found = outcome.table(table)
    assert found is not None
    return list(found.rows)


def wrong(field: str, said: str, one: Problem) -> None:
    with pytest.raises(ProvinceError, match=said) as refused:
        KIND.solve(one, lambda _: None)
    assert refused.value.field == field
    assert refused.value.remedy


def test_a_tour_keeps_to_one_ways_and_turns_and_is_drawn_along_the_roads() -> None:
    found = solved(KIND, problem(layers={"stops": STOPS[:1]}))
    assert figure(found, "kilometres") == pytest.approx(2.4 + 1.6, rel=0.01), "out by 5, not left at 1000,0; back by 4"
    (line,) = found.layer("tours").features  # type: ignore[union-attr]
    drawn = shapely.from_geojson(json.dumps(line.geometry))
    metres = middle(np.array([at(0, 0), at(2000, 1000)])).metres(shapely.get_coordinates(drawn))
    assert np.hypot(*np.diff(metres, axis=0).T).sum() == pytest.approx(4_000, rel=0.01)
    town = shapely.union_all([shapely.from_geojson(json.dumps(r.geometry)) for r in TOWN])
    assert drawn.hausdorff_distance(shapely.intersection(town.buffer(1e-6), drawn)) < 1e-5
    assert drawing.draw(found, KIND) is not None
    slow = solved(KIND, problem(layers={"stops": STOPS[:1]}, pace=50.0))
    assert figure(slow, "hours") == pytest.approx(2 * figure(found, "hours"), rel=0.01)
    assert found.certificate.checked
    assert found.certificate.bound is None
    assert found.certificate.gap is None


def test_vehicles_loads_and_hours_add_up() -> None:
    found = solved(KIND, problem(budget=3, vehicle_capacity=50.0, shift_start="6h30"))
    tours = {r[0]: r for r in rows(found, "tours")}
    assert len(tours) == 2, "a vehicle takes 50 of 80 kg, and the third stays at home"
    assert {r[3] for r in tours.values()} == {"06:30"}
    assert [r[9] for r in tours.values()] == [40.0, 40.0]
    assert figure(found, "load") == 80
    assert found.certificate.spent == 2
    assert found.partial is None
    bill = {r[1]: r[2] for r in rows(found, "materials")}
    assert bill["Distance driven"] == pytest.approx(sum(r[6] for r in tours.values()), abs=0.11)
    stops_of = {r[0]: r for r in rows(found, "stops")}
    assert set(stops_of) == {"bắc", "đông"}


def test_windows_are_kept_and_who_comes_early_waits() -> None:
    late = spot("muộn", 1500, 0, opens="08:00", closes="8h30", service=10)
    found = solved(KIND, problem(layers={"stops": (late,)}))
    (tour,) = rows(found, "tours")
    assert tour[3] == "07:57", "it leaves so that it comes when the door opens"
    assert tour[4] == "08:12"


def test_stops_that_nobody_can_serve_are_named_with_the_remedy_and_the_rest_is_planned() -> None:
    more = (
        spot("xa", 0, 9_000), spot("nặng", 500, 0, load=5_000), spot("sớm", 1900, 0, closes="07:01"),
        spot("lâu", 500, 0, service=600),
    )  # fmt: skip
    found = solved(KIND, problem(layers={"stops": (*STOPS, *more)}))
    assert found.partial is not None
    assert "4 of 6 stops have no tour" in found.partial.en
    for said in (
        "xa: no road leads there and back; check its place", "nặng: heavier than a vehicle may carry; divide the load",
        "sớm: no vehicle can be there in time; widen the window", "lâu: there and back takes longer than a shift",
    ):  # fmt: skip
        assert said in found.partial.en
    assert [r[0] for r in rows(found, "left")] == ["xa", "nặng", "sớm", "lâu"]
    assert figure(found, "stops") == 2
    assert [f.id for f in found.layer("apart").features] == ["xa"]  # type: ignore[union-attr]


def test_too_few_vehicles_leave_the_rest() -> None:
    found = solved(KIND, problem(budget=1, vehicle_capacity=50.0))
    assert found.partial is not None
    assert "all vehicles are full; add vehicles" in found.partial.en


def test_vehicles_are_divided_among_depots_by_what_is_near_them() -> None:
    depots = (spot("tây", 0, 0), spot("đông", 2000, 0))
    near = tuple(spot(f"s{i}", 100 + 50 * i, 0, load=30) for i in range(3))
    found = solved(KIND, problem(budget=4, layers={"depots": depots, "stops": (*near, spot("e", 1900, 0, load=30))}))
    assert any("tây: 3, đông: 1" in r.en for r in found.remarks)
    given = (spot("tây", 0, 0, vehicles=1), spot("đông", 2000, 0, vehicles=2))
    wrong("budget", "have 3 vehicles", problem(budget=2, layers={"depots": given}))


def test_the_register_gives_offices_as_stops_and_hubs_as_depots_and_roads_in_service_alone() -> None:
    register = (
        spot("hub", 0, 0, kind="hub", status="in_service"), spot("bc", 900, 0, kind="office", dailyMass=70.0),
        spot("cũ", 900, 0, kind="office", status="closed"), Feature(id="x", properties={"name": "x", "kind": "office"}),
    )  # fmt: skip
    built = Feature(
        id="r", geometry=TOWN[0].geometry, properties={"name": "r", "kind": "national", "status": "in_service"}
    )
    planned = Feature(
        id="p", geometry=TOWN[3].geometry, properties={"name": "p", "kind": "national", "status": "planned"}
    )
    layers = {"roads": (built, planned), "stops": register, "depots": register}
    found = solved(KIND, problem(layers=layers))
    assert [r[0] for r in rows(found, "stops")] == ["bc"]
    assert figure(found, "load") == 70
    assert any("have no place" in r.en for r in found.remarks)
    assert figure(found, "hours") == pytest.approx(1.8 / 40, abs=0.01), "40 km/h on a main road"


def test_what_is_missing_or_wrong_is_named() -> None:
    wrong("layers.stops", "no stop", problem(layers={"stops": ()}))
    wrong("layers.depots", "no depot", problem(layers={"depots": ()}))
    wrong("layers.depots", "from the nearest road", problem(layers={"depots": (spot("xa", 0, 8_000),)}))
    wrong("layers.stops", "within 500 m of a road", problem(layers={"stops": (spot("xa", 0, 3_000),)}))
    wrong("layers.stops", "no time of day", problem(layers={"stops": (spot("a", 0, 0, opens="sáng"),)}))
    wrong("layers.stops", "closes", problem(layers={"stops": (spot("a", 0, 0, opens="9", closes="8"),)}))
    wrong("layers.stops", "the load '-3'", problem(layers={"stops": (spot("a", 0, 0, load=-3),)}))
    wrong("layers.stops", "no vehicle can serve", problem(layers={"stops": (spot("a", 500, 0, load=9_999),)}))
    wrong("layers.roads", "no road lies", problem(layers={"roads": (road("9", (90_000, 0), (91_000, 0)),)}))
    wrong("layers.roads", "has the speed", problem(layers={"roads": (road("9", (0, 0), (1_000, 0), kmh="nhanh"),)}))
    wrong("assumptions.pace", "a pace", problem(pace=2.0))
    wrong("layers.stops", "outside Vietnam", problem(layers={"stops": (Feature(id="x", geometry=point(2.3, 48.8)),)}))


@pytest.mark.parametrize(
    ("kind", "text", "amount", "unit"),
    [("tours", "8 xe", 8, "C62"), ("tours", "3 vehicles", 3, "C62"), ("hubs", "2 trung tâm", 2, "C62"),
     ("hubs", "1 hub", 1, "C62"), ("hubs", "400 tỷ", 4e11, "VND")],
)  # fmt: skip
def test_a_budget_is_read_as_people_write_it(kind: str, text: str, amount: float, unit: str) -> None:
    command = next(k for k in KINDS if k.name == kind)
    assert read_budget(text, command.counted) == (amount, unit)
    declared = next(k for k in PACK.studies if k.name == kind)
    assert unit in declared.budgets
    assert set(command.layers) == {layer.name for layer in declared.layers}


@pytest.mark.parametrize(
    ("text", "seconds"), [("08:30", 30_600), ("8h30", 30_600), ("8", 28_800), ("8 giờ", 28_800), ("7.05", 25_500)]
)
def test_a_time_of_day_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert stops.clock(text, "opens") == seconds


@pytest.mark.slow
async def test_tours_in_a_real_city_are_driven_as_its_streets_allow() -> None:
    folder_ = shared("roads")
    columns = {layer.name: layer.columns for layer in KIND.layers}
    path = folder_ / "hcm_2018.osm.pbf"
    read = await features.read(path, path.name, crs="", columns=columns["roads"])
    given = list(csv.DictReader((folder_ / "points.csv").read_text("utf-8").splitlines()))
    spots = tuple(
        Feature(id=r["id"], geometry=point(float(r["lon"]), float(r["lat"])), properties={"name": r["id"], "load": 20})
        for r in given
    )
    layers = {"roads": read.features, "stops": spots[1:], "depots": spots[:1]}
    found = solved(KIND, Problem(layers=layers, assumptions=assumed(vehicle_capacity=300.0), budget=6, unit="C62",
                                 seconds=2.0))  # fmt: skip
    assert figure(found, "served") == 100
    assert len(found.layer("tours").features) >= 4  # type: ignore[union-attr]
    extract = extracts.read(path)
    index: dict[tuple[float, float], int] = {}
    for n, (x, y) in enumerate(extract.place.tolist()):
        key = (round(x, 6), round(y, 6))
        index[key] = -1 if key in index else n  # a few streets were drawn twice
    for tour in found.layer("tours").features:  # type: ignore[union-attr]
        assert tour.geometry is not None
        nodes = [index.get((round(x, 6), round(y, 6)), -1) for x, y in tour.geometry["coordinates"]]
        cuts = [i for i, n in enumerate(nodes) if n < 0]  # where a stop lies on a street, between its nodes
        for a, b in zip([-1, *cuts], [*cuts, len(nodes)], strict=True):
            if b - a > 3:
                driving.driven(nodes[a + 1 : b], extract.ways, extract.restrictions)

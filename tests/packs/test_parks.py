"""Land for IT parks: an invented grid of parcels, pieces that hang together, and what is said when the land is bad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import shapely

from province.adapters.studies import drawing
from province.adapters.tables import features as files
from province.errors import InvalidInput, ProvinceError
from province.model import parameters
from province.model.geometry import point
from province.model.study import Assumed, Feature, Outcome, Problem
from province.packs.parks import land, plan
from province.packs.parks.pack import PACK
from tests.conformance.situation import folder
from tests.packs.studying import figure, solved

KIND = PACK.studies[0]
LON, LAT = 106.60, 11.20
EAST_M, NORTH_M = 1 / 109_190.0, 1 / 110_640.0
SIDE = 200.0
"""Four hectares each."""


def ring(*corners: tuple[float, float]) -> dict[str, Any]:
    closed = [*corners, corners[0]]
    return {"type": "Polygon", "coordinates": [[[LON + x * EAST_M, LAT + y * NORTH_M] for x, y in closed]]}


def square(name: str, x: float, y: float, side: float = SIDE, **more: Any) -> Feature:
    shape = ring((x, y), (x + side, y), (x + side, y + side), (x, y + side))
    return Feature(id=name, geometry=shape, properties={"name": name, **more})


def grid(columns: int = 10, rows: int = 6, seed: int = 1) -> tuple[Feature, ...]:
    """Parcels side by side with a village road of 10 m between the rows."""
    random = np.random.default_rng(seed)
    return tuple(
        square(
            f"T{r}{c}", c * SIDE, r * (SIDE + 10), price=float(random.integers(4, 12)) * 1e9,
            slope=float(random.integers(0, 8)), flood=float(random.integers(0, 6)) / 10,
            road=float(random.integers(0, 900)), power=float(random.integers(0, 3000)),
        )
        for r in range(rows)
        for c in range(columns)
    )  # fmt: skip


def assumed(**given: float | str) -> dict[str, Assumed]:
    dated = parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))
    found = {p.name: Assumed(name=p.name, value=p.value, unit=p.unit, source=p.source) for p in dated}
    for name, value in given.items():
        found[name] = Assumed(name=name, value=value, unit=found[name].unit, source="test", given=True)
    return found


def problem(
    budget: float = 70.0, unit: str = "HAR", parcels: tuple[Feature, ...] | None = None, **given: float | str
) -> Problem:
    every = {"parcels": grid() if parcels is None else parcels}
    told: Mapping[str, float | str] = {"least_area": 60.0, "parks": 2.0, **given}
    return Problem(layers=every, assumptions=assumed(**told), budget=budget, unit=unit, seconds=2.0)


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


@pytest.fixture(scope="module")
def found() -> Outcome:
    return solved(KIND, problem())


def test_sixty_parcels_are_planned_in_connected_pieces_with_a_proof(found: Outcome) -> None:
    certificate = found.certificate
    assert certificate.checked
    assert certificate.gap is not None
    assert certificate.gap < 0.05
    assert 60 <= figure(found, "area") <= 70
    assert certificate.spent == pytest.approx(figure(found, "area"), abs=0.1)
    parks = found.layer("parks")
    assert parks is not None
    assert 1 <= len(parks.features) == figure(found, "parks") <= 2
    for park in parks.features:
        grown = shapely.buffer(shapely.geometry.shape(park.geometry), 6 * EAST_M)
        assert grown.geom_type == "Polygon", "the road of 10 m does not part it"
    assert found.partial is None


def test_every_parcel_is_told_and_the_bill_adds_up(found: Outcome) -> None:
    table, bill = rows(found, "parcels"), rows(found, "materials")
    assert len(table) == 60
    taken = [r for r in table.values() if r[2] == "Chosen"]
    assert len(taken) == figure(found, "parcels")
    assert bill["Cộng"][2] == pytest.approx(sum(r[4] for r in taken), abs=0.1)
    assert bill["Cộng"][3] == pytest.approx(sum(r[11] for r in taken))
    best = np.mean([r[5] for r in taken])
    assert best > np.mean([r[5] for r in table.values()]), "better land than the average"


def test_money_buys_by_price_and_who_has_none_is_left_out_by_name() -> None:
    parcels = (*grid(6, 4), square("không giá", 0, 900, slope=0.0, flood=0.0, road=0.0, power=0.0))
    told = solved(KIND, problem(120e9, "VND", parcels, least_area=20.0, parks=1.0))
    assert told.certificate.spent <= 120e9
    assert told.partial is not None
    assert "không giá" in told.partial.en
    assert "its price is not known" in rows(told, "parcels")["không giá"][2]
    assert figure(told, "price") == pytest.approx(told.certificate.spent / 1e9, abs=0.1)


def test_a_budget_that_is_too_small_for_the_area_gives_the_best_plan_and_says_so() -> None:
    told = solved(KIND, problem(40.0, least_area=60.0, park_area=10.0))
    assert told.partial is not None
    assert "of the 60 ha" in told.partial.en
    assert figure(told, "area") <= 40
    assert told.certificate.checked


def test_what_is_not_known_of_all_is_not_judged() -> None:
    bare = tuple(
        Feature(id=f.id, geometry=f.geometry,
                properties={k: v for k, v in f.properties.items() if k != "price" and (k, f.id) != ("flood", "T11")})
        for f in grid(5, 5)
    )  # fmt: skip
    told = solved(KIND, problem(30.0, parcels=bare, least_area=20.0))
    assert told.partial is not None
    assert "“flooding” was not judged: no data of T11" in told.partial.en.replace("Flooding", "flooding")
    assert "no parcel has data" in told.partial.en
    assert rows(told, "parcels")["T22"][11] is None
    assert figure_or_none(told, "price") is None


def figure_or_none(outcome: Outcome, name: str) -> float | None:
    return next(f.value for f in outcome.figures if f.name == name)


def test_parcels_that_overlap_are_refused_by_name_or_the_smaller_one_is_dropped() -> None:
    parcels = (*grid(6, 4), square("đè", 250, 20, 100, slope=0.0, flood=0.0, road=0.0, power=0.0, price=1e9))
    wrong("layers.parcels", "T01 – đè (10,00", problem(40.0, parcels=parcels, least_area=20.0))
    told = solved(KIND, problem(40.0, parcels=parcels, least_area=20.0, overlaps="drop"))
    assert "it overlaps T01 by 10,00" in rows(told, "parcels")["đè"][2]
    assert rows(told, "overlaps")["T01"][1] == "đè"
    assert told.partial is not None
    assert "đè" in told.partial.en
    fine = solved(KIND, problem(40.0, parcels=parcels, least_area=20.0, overlap=20_000.0))
    assert fine.table("overlaps") is None


def test_a_boundary_that_crosses_itself_is_mended_and_one_that_encloses_nothing_is_named() -> None:
    bow = Feature(id="nơ", geometry=ring((0, 900), (200, 1100), (200, 900), (0, 1100)),
                  properties={"name": "nơ", "slope": 1.0})  # fmt: skip
    open_ = {"type": "LineString", "coordinates": [[LON, LAT], [LON + 0.001, LAT]]}
    line = Feature(id="hở", geometry=open_, properties={"name": "hở"})
    dot = Feature(id="điểm", geometry=point(LON, LAT), properties={"name": "điểm"})
    around = ring((400, 900), (600, 900), (600, 1100), (400, 1100))["coordinates"][0]
    closed = Feature(id="kín", geometry={"type": "LineString", "coordinates": around},
                     properties={"name": "kín", "slope": 1.0})  # fmt: skip
    ground = land.read(problem(parcels=(*grid(4, 4), bow, line, dot, closed)))
    assert "nơ" in " ".join(r.en for r in ground.remarks)
    area = {f.id: a for f, a in zip(ground.parcels, ground.area, strict=True)}
    assert area["nơ"] == pytest.approx(2.0, rel=0.01), "both wings of the bow"
    assert area["kín"] == pytest.approx(4.0, rel=0.01), "the surface inside a closed line of a drawing"
    assert {f.id: why.en for f, why in ground.out} == {
        "hở": "its boundary encloses nothing", "điểm": "a point and no boundary",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("x", "y", "near", "border", "together"),
    [
        (100.0, 0.0, 0.0, 20.0, True),
        (100.0, 100.0, 0.0, 1.0, False),
        (100.0, 100.0, 20.0, 20.0, False),
        (115.0, 0.0, 20.0, 20.0, True),
        (125.0, 0.0, 20.0, 20.0, False),
        (100.0, 90.0, 0.0, 20.0, False),
        (100.0, 70.0, 0.0, 20.0, True),
    ],
)
def test_parcels_hang_together_along_a_border_and_not_at_a_corner(
    x: float, y: float, near: float, border: float, together: bool
) -> None:
    shapes = [shapely.box(0, 0, 100, 100), shapely.box(x, y, x + 100, y + 100)]
    tail, _ = land.neighbours(shapes, near, border)
    assert bool(len(tail)) is together


def test_what_is_wrong_is_refused_by_name() -> None:
    wrong("layers.parcels", "none of 1 parcels is free", problem(parcels=(square("a", 0, 0, status="leased"),)))
    wrong("assumptions.park_area", "hang together make 4.0 ha", problem(parcels=(square("a", 0, 0, slope=1.0),)))
    wrong("budget", "the least needs 3.99", problem(1.0, parcels=(square("a", 0, 0, slope=1.0),), park_area=1.0))
    wrong("assumptions.parks", "0 parks", problem(parks=0.0))
    wrong("assumptions.overlaps", "'maybe'", problem(overlaps="maybe"))
    wrong("assumptions.worst_slope", "worst value of 0", problem(worst_slope=0.0))
    wrong("assumptions.weight_road", "weight of -1", problem(weight_road=-1.0))
    wrong("layers.parcels", "has slope = 'dốc'", problem(parcels=(square("a", 0, 0, slope="dốc"),)))
    wrong("assumptions.weight_slope", "has no weight", problem(
        parcels=(square("a", 0, 0, slope=1.0),), weight_slope=0.0))  # fmt: skip
    wrong("layers.parcels", "none of 1 parcels can be planned", problem(1e9, "VND", (square("a", 0, 0, slope=1.0),)))
    wrong("budget", "no connected piece of 15 ha", problem(13.0))
    away = Feature(id="x", geometry={"type": "Polygon", "coordinates": [[[11, 106], [11, 107], [12, 107], [11, 106]]]})
    wrong("layers.parcels", "outside Vietnam", problem(parcels=(away,)))


async def test_vn_2000_is_read_and_a_drawing_without_a_system_is_refused(tmp_path: Any) -> None:
    columns = KIND.layers[0].columns
    drawn = tmp_path / "thua.csv"
    drawn.write_text(
        "Tên,Giá,Độ dốc (%),wkt\nA,5000000000,3,"
        '"POLYGON((592000 1238000,592200 1238000,592200 1238200,592000 1238200,592000 1238000))"\n',
        "utf-8",
    )
    read = await files.read(drawn, drawn.name, crs="VN-2000 TM-3 105°45'", columns=columns)
    (one,) = read.features
    assert one.properties == {"name": "A", "price": "5000000000", "slope": "3"}
    ground = land.read(problem(parcels=read.features))
    assert ground.area[0] == pytest.approx(4.0, rel=0.003)
    with pytest.raises(InvalidInput) as refused:
        await files.read(drawn, drawn.name, crs="", columns=columns)
    assert refused.value.field == "crs"
    dxf = tmp_path / "thua.dxf"
    corners = [(592000, 1238000), (592200, 1238000), (592200, 1238200), (592000, 1238200)]
    vertices = "".join(f"  0\nVERTEX\n  8\nTHUA\n 10\n{x}\n 20\n{y}\n" for x, y in corners)
    dxf.write_text(
        f"  0\nSECTION\n  2\nENTITIES\n  0\nPOLYLINE\n  8\nTHUA\n 66\n1\n 70\n1\n{vertices}  0\nSEQEND\n  0\nENDSEC\n"
        "  0\nEOF\n"
    )
    with pytest.raises(InvalidInput) as refused:
        await files.read(dxf, dxf.name, crs="", columns=columns)
    assert refused.value.field == "crs"
    assert "VN-2000" in (refused.value.remedy or "")
    drawing_read = await files.read(dxf, dxf.name, crs="EPSG:9210", columns=columns)
    assert land.read(problem(parcels=(*grid(1, 1), *drawing_read.features), near=0.0)).area[-1] == pytest.approx(
        4.0, rel=0.003
    )


def test_the_map_shows_parks_parcels_and_what_was_left(found: Outcome) -> None:
    whole, close = drawing.draw(found, KIND), drawing.draw(found, KIND, around="park-1")
    assert whole is not None
    assert close is not None
    assert {s.tone for s in whole.surfaces} == {"good", "existing"}
    assert len(whole.outlines) == figure(found, "parks")


def test_every_assumption_has_a_default() -> None:
    assert set(plan.ASSUMPTIONS) <= set(assumed())

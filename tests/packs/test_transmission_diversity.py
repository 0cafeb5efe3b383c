"""Single points of failure of the invented network, and what is said when an inventory is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from province.adapters.studies import drawing
from province.errors import ProvinceError
from province.model.geometry import point
from province.model.study import Feature, Outcome, Problem
from province.packs.transmission import kinds
from tests.packs.studying import figure, solved
from tests.packs.transmission import assumed, column, problem, rows, without


def check(budget: float = 1, **layers: tuple[Feature, ...]) -> Problem:
    return problem(budget, "C62", {"nodes": rows("tram"), "routes": rows("tuyen"), **layers})


def solve(one: Problem) -> Outcome:
    return solved(kinds.DIVERSITY, one)


def test_weak_spots_are_named_with_what_they_cut() -> None:
    found = solve(check())
    assert found.certificate.checked
    assert found.partial is None
    assert {n for n, s in column(found, "stations", "state_en").items() if s == "Two separate ways"} == {
        "Gom 1", "Gom 2",
    }  # fmt: skip
    assert figure(found, "two") == pytest.approx(100 * 2 / 9, abs=0.05)
    assert found.certificate.objective == 2
    cut = column(found, "failures", "stations", key="what")
    assert cut == {
        "Cáp 12": 2, "Cáp 13": 1, "Cáp 16": 1, "Rãnh A": 3, "Rãnh B": 1, "Gom 1": 2, "Gom 2": 2, "Gom 3": 2,
        "Trạm 3": 1,
    }  # fmt: skip
    load = column(found, "failures", "load", key="what")
    assert load["Rãnh A"] == 47
    assert list(load.values()) == sorted(load.values(), reverse=True)
    assert figure(found, "worst") == 47
    assert (figure(found, "weak_cables"), figure(found, "weak_shares"), figure(found, "weak_stations")) == (3, 2, 4)
    assert figure(found, "fibres") == pytest.approx(100 * 390 / 804, abs=0.05)
    common = column(found, "stations", "common")
    assert common["Trạm 5"] == "Rãnh B (ví dụ), Gom 2 (ví dụ)"
    assert common["Gom 1"] == "–"
    assert column(found, "stations", "first")["Gom 1"] == 15.1
    assert column(found, "stations", "second")["Gom 1"] == pytest.approx(16.3 + 20.1 + 18.9), "to the other core"
    assert set(column(found, "cores", "state_en", key="pair").values()) == {"Two separate ways"}


def test_pairs_that_cut_off_more_than_each_alone_are_found() -> None:
    found = solve(check(2))
    pairs = {k for k in column(found, "failures", "stations", key="what") if "+" in k}
    assert "Cáp 02 (ví dụ) + Cáp 04" in pairs, "Gom 1 hangs on both"
    assert not any("Cáp 13" in one for one in pairs), "what it cuts off alone is no news"


def test_the_map_shows_weak_lines_and_stations() -> None:
    drawn = drawing.draw(solve(check()), kinds.DIVERSITY)
    assert drawn is not None
    assert {s.tone for s in drawn.lines} == {"good", "fair", "new"}
    assert {s.tone for s in drawn.spots} == {"good", "fair", "existing", "shared"}


def test_an_end_that_is_no_station_is_named_and_the_rest_is_examined() -> None:
    found = solve(check(routes=rows("tuyen", C13={"finish": "T9"}, C16={"status": "gián đoạn"})))
    assert found.partial is not None
    assert "an end that is no station and are left out: Cáp 13" in found.partial.en
    assert "2 stations are joined to the core by no cable in service: Trạm 4 (ví dụ), Trạm 6" in found.partial.en
    assert column(found, "stations", "state_en")["Trạm 3"] == "One failure cuts it off"
    assert any("planned, interrupted or retired are left out: Cáp 16" in r.en for r in found.remarks)


def test_drawn_lines_find_their_stations_and_more_fibres_in_use_than_there_are_is_said() -> None:
    drawn = {"type": "LineString", "coordinates": [[106.7201, 11.0501], [106.80, 11.06], [106.8199, 11.0401]]}
    line = Feature(id="row-9", geometry=drawn, properties={"name": "Cáp vẽ", "fibres": 12, "fibresUsed": 14})
    found = solve(check(routes=(*rows("tuyen"), line)))
    assert column(found, "stations", "state_en")["Trạm 6"] == "Two separate ways"
    assert any("Cáp vẽ (14/12)" in r.en for r in found.remarks)
    assert figure(found, "fibres") == pytest.approx(100 * 390 / 804, abs=0.05)
    far = Feature(id="row-9", geometry=drawn, properties={"name": "Cáp vẽ"})
    one = check(routes=(*rows("tuyen"), far))
    assert solve(Problem(layers=one.layers, assumptions=assumed(snap=1.0), budget=1, unit="C62")).partial is not None


@pytest.mark.parametrize(
    ("field", "said", "changed"),
    [
        ("budget", "3 failures", {"budget": 3}),
        ("layers.nodes", "none of 9 stations is a core", {"nodes": without(rows("tram"), "L1", "L2", "X1")}),
        ("layers.nodes", "several stations have the code G1", {"nodes": rows("tram", G2={"code": "G1"})}),
        ("layers.nodes", "load 'nhiều'", {"nodes": rows("tram", G2={"load": "nhiều"})}),
        ("layers.nodes", "outside Vietnam", {"nodes": (Feature(id="a", geometry=point(10.98, 106.65)),)}),
        ("layers.routes", "of Cáp 01", {"routes": rows("tuyen", C01={"start": "?"})[:1]}),
        ("layers.routes", "length '-4'", {"routes": rows("tuyen", C02={"length": -4})}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(field: str, said: str, changed: Mapping[str, Any]) -> None:
    with pytest.raises(ProvinceError) as refused:
        kinds.DIVERSITY.solve(check(**changed), lambda _: None)
    assert refused.value.field == field
    assert said in refused.value.detail
    assert refused.value.remedy


def test_every_assumption_has_a_default_and_no_price_has_one() -> None:
    known = assumed()
    assert {name for kind in kinds.STUDIES for name in kind.assumptions} == set(known)
    assert not {name for kind in kinds.STUDIES for name in kind.prices} & set(known)

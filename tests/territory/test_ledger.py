"""Where land belonged on any day, and sums told by another map: totals agree, shares say that they are estimates."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.territory import replay
from province.territory.example import Facts, read_facts
from province.territory.ledger import Belonging, Ledger, Piece
from province.territory.plan import plan
from province.territory.regroup import regroup
from province.vocab.area import area_id

FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"
OLD, NEW = "2025-06-30", "2026-01-01"
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read_facts(FOLDER)


@pytest.fixture(scope="module")
def ledger(facts: Facts) -> Ledger:
    return Ledger(replay.pieces(facts), replay.belongings(facts))


def test_a_whole_unit_moves_exactly_and_a_divided_one_by_land(ledger: Ledger) -> None:
    whole, divided = area_id("25747", "2024-05-01"), area_id("25741", "2024-05-01")
    assert [(s.area, s.weight, s.estimate) for s in ledger.shares(whole, NEW)] == [
        (area_id("25747", "2025-07-01"), 1.0, False)
    ]
    shares = ledger.shares(divided, NEW)
    assert [s.area for s in shares] == [area_id("25747", "2025-07-01"), area_id("25750", "2025-07-01")]
    assert all(s.estimate for s in shares)
    sizes = [ledger.pieces[f"atom:25741-{code}"].size_km2 for code in ("25747", "25750")]
    assert shares[0].weight == pytest.approx(sizes[0] / sum(sizes))
    assert ledger.area_on(divided, NEW) is None, "one area cannot be named for a divided unit"
    assert [s.area for s in ledger.shares("atom:25741-25747", NEW)] == [area_id("25747", "2025-07-01")]
    assert ledger.area_on("atom:25741-25747", OLD) == divided


def test_a_district_and_the_province_hold_their_atoms_on_their_days(ledger: Ledger) -> None:
    district, city = area_id("718", "2024-05-01"), area_id("79", "2025-07-01")
    assert 14 <= len(ledger.atoms(district, OLD)) < 107
    assert ledger.atoms(district, NEW) == ()
    assert len(ledger.atoms(city, NEW)) == 107


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_totals_agree_on_every_map(data: st.DataObject, ledger: Ledger, facts: Facts) -> None:
    stamps = [*ledger.pieces, *(a.id for a in facts.areas if a.validTo), None, "urn:ngsi-ld:Area:elsewhere"]
    rows = data.draw(
        st.lists(
            st.tuples(st.sampled_from(stamps), st.tuples(st.integers(0, 1000), st.integers(0, 10**6))), max_size=40
        )
    )
    for day in (OLD, NEW):
        parts = regroup(rows, ledger, day)
        for column in (0, 1):
            assert sum(p.sums[column] for p in parts) == pytest.approx(sum(r[1][column] for r in rows))
        assert len({p.area for p in parts}) == len(parts)


def test_what_is_not_on_record_stays_under_no_area() -> None:
    ledger = Ledger(
        [Piece("a", (0.5, 0.5), SQUARE, 2.0)], [Belonging("a", "urn:old", True, "2020-01-01", "2024-01-01")]
    )
    assert [(p.area, p.sums, p.estimate) for p in regroup([("a", (3.0,))], ledger, "2025-01-01")] == [
        (None, (3.0,), False)
    ]
    assert [p.area for p in regroup([("a", (3.0,))], ledger, "2023-01-01")] == ["urn:old"]


@pytest.mark.parametrize(("day", "before"), [("2025-03-01", "2025-02-28"), ("2025-07-01", OLD)])
def test_a_recorded_reform_planned_on_the_map_before_it_is_what_the_facts_say(
    facts: Facts, day: str, before: str
) -> None:
    known = replay.as_known_on(facts, before)
    made = plan(
        replay.order_of(facts, day), known.areas, known.agencies,
        Ledger(replay.pieces(facts), replay.known_belongings(facts, before)),
    )  # fmt: skip
    assert {a.id for a in made.created} == {a.id for a in facts.areas if a.validFrom == day}
    assert dict(made.ended) == {a.id: a.successors for a in facts.areas if a.validTo == day}
    assert dict(made.agencies_ended) == {a.id: a.successor for a in facts.agencies if a.validTo == day}
    assert set(made.successions) == {s for s in replay.successions(facts) if s.since == day}
    assert set(made.opened) == {b for b in replay.belongings(facts) if b.since == day}

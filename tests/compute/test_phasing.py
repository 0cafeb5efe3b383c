"""In which year each edge of a plan is built: by hand on small trees, against its checker on random ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.network import check
from province.compute.network.phasing import Phases, phases
from province.errors import InvalidInput

Edge = tuple[int, int, float]


def plan(nodes: int, edges: list[Edge], roots: list[int], prize: dict[int, float], budget: float, years: int) -> Phases:
    tail, head, cost = (np.array(column) for column in zip(*edges, strict=True))
    worth = np.zeros(nodes)
    for v, p in prize.items():
        worth[v] = p
    return phases(nodes, tail, head, cost.astype(float), np.array(roots), worth, budget, years, seconds=0.2)


STAR: list[Edge] = [(0, 1, 10.0), (0, 2, 10.0), (2, 3, 10.0)]
PRIZE = {1: 1.0, 2: 2.0, 3: 50.0}


def test_the_most_is_joined_first_and_money_that_is_left_is_kept() -> None:
    found = plan(4, STAR, [0], PRIZE, 10.0, 3)
    assert found.year.tolist() == [2, 0, 1]
    assert found.gathered.tolist() == [2.0, 52.0, 53.0]
    assert plan(4, STAR, [0], PRIZE, 20.0, 2).year.tolist() == [1, 0, 0]
    late = plan(2, [(0, 1, 25.0)], [0], {1: 1.0}, 10.0, 3)  # one edge that no single year pays for
    assert late.year.tolist() == [2]
    assert late.gathered.tolist() == [0.0, 0.0, 1.0]
    assert plan(4, STAR, [0], PRIZE, 30.0, 1).year.tolist() == [0, 0, 0]


def test_years_that_do_not_pay_for_the_plan_are_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(4, STAR, [0], PRIZE, 9.0, 3)
    assert refused.value.field == "years"


@pytest.mark.parametrize(
    ("year", "gathered", "cost"),
    [
        ([2, 1, 0], [0.0, 52.0, 53.0], [10.0, 10.0, 10.0]),  # joins nothing in the first year: that much is true
        ([2, 0, 1], [2.0, 52.0, 54.0], [10.0, 10.0, 10.0]),
        ([2, 0, 1], [2.0, 52.0, 53.0], [10.0, 10.0, 9.0]),
        ([2, 0, 0], [52.0, 52.0, 53.0], [20.0, 0.0, 10.0]),
        ([3, 0, 1], [2.0, 52.0, 52.0], [10.0, 10.0, 0.0]),
    ],
)
def test_a_false_claim_is_refused(year: list[int], gathered: list[float], cost: list[float]) -> None:
    true = year == [2, 1, 0]
    if true:
        check.phased(STAR, [0], PRIZE, 10.0, year, gathered, cost)
        return
    with pytest.raises(InvalidInput, match="false"):
        check.phased(STAR, [0], PRIZE, 10.0, year, gathered, cost)


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_random_trees_pass_the_checker(seed: int, nodes: int, years: int) -> None:
    random = np.random.default_rng(seed)
    edges = [(int(random.integers(v)), v, float(random.integers(1, 20))) for v in range(1, nodes)]
    prize = {v: float(random.integers(0, 5)) for v in range(1, nodes)}
    budget = sum(c for *_, c in edges) / years * float(random.uniform(1.0, 1.5))
    found = plan(nodes, edges, [0], prize, budget, years)
    check.phased(edges, [0], prize, budget, found.year.tolist(), found.gathered.tolist(), found.cost.tolist())
    assert found.gathered[-1] == sum(prize.values())

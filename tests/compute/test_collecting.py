"""Demand joined within a budget: against exhaustive search on small graphs, and plans that lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.network import check, collecting, graph
from province.errors import InvalidInput
from tests.effort import examples

seeds = st.integers(0, 2**32 - 1)
LINE = graph.build(4, np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([1.0, 1.0, 5.0]))
PRIZE = np.array([0.0, 0.0, 4.0, 9.0])


def _triples(of: graph.Graph) -> list[tuple[int, int, float]]:
    return list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))


def _most(of: graph.Graph, roots: list[int], prize: np.ndarray, budget: float) -> float:
    """The most demand of any set of edges that the budget pays for."""
    best = 0.0
    for size in range(len(of.cost) + 1):
        for chosen in itertools.combinations(range(len(of.cost)), size):
            if of.cost[list(chosen)].sum() <= budget:
                reached = set(roots)
                for _ in chosen:
                    for e in chosen:
                        if {int(of.tail[e]), int(of.head[e])} & reached:
                            reached |= {int(of.tail[e]), int(of.head[e])}
                best = max(best, float(sum(prize[v] for v in reached)))
    return best


def _small(seed: int) -> tuple[collecting.Collected, float]:
    """A plan of a small random graph, checked, and the most that any plan joins."""
    random = np.random.default_rng(seed)
    nodes = 6
    tail, head = [*range(1, nodes)], [int(random.integers(0, n)) for n in range(1, nodes)]
    for _ in range(4):
        a, b = random.choice(nodes, 2, replace=False)
        tail.append(int(a))
        head.append(int(b))
    cost = random.integers(0, 20, len(tail)).astype(float)
    of = graph.build(nodes, np.array(tail), np.array(head), cost)
    prize = random.integers(0, 10, nodes).astype(float)
    roots = sorted({int(r) for r in random.integers(0, nodes, 2)})
    budget = float(random.uniform(0, 0.6) * cost.sum())
    plan = collecting.solve(of, np.array(roots), prize, budget, rounds=40)
    told = {v: float(p) for v, p in enumerate(prize)}
    check.collected(_triples(of), roots, told, budget, plan.edges.tolist(), plan.gathered, plan.bound)
    assert sum(prize[plan.joined]) == plan.gathered
    return plan, _most(of, roots, prize, budget)


@given(seed=seeds)
@settings(max_examples=examples(15), deadline=None)
def test_the_best_plan_lies_between_ours_and_its_bound(seed: int) -> None:
    plan, most = _small(seed)
    assert plan.gathered <= most <= plan.bound + 1e-9


def test_small_plans_are_mostly_the_best() -> None:
    found = [_small(seed) for seed in range(25)]
    assert sum(plan.gathered == most for plan, most in found) >= 20


def test_a_plan_by_rounds_can_be_repeated_and_its_gap_is_small() -> None:
    random = np.random.default_rng(3)
    side = 25
    node = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    head = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    of = graph.build(side * side, tail, head, random.uniform(50, 150, len(tail)))
    prize = np.where(random.random(side * side) < 0.15, random.uniform(1, 10, side * side), 0.0)
    first, second = (collecting.solve(of, np.array([0, 312]), prize, 4_000.0, rounds=60) for _ in range(2))
    assert first.edges.tolist() == second.edges.tolist()
    assert first.gap < 0.15
    told = {v: float(p) for v, p in enumerate(prize)}
    check.collected(_triples(of), [0, 312], told, 4_000.0, first.edges.tolist(), first.gathered, first.bound)


def test_the_nearest_are_told_and_what_no_edge_reaches_is_infinitely_far() -> None:
    apart = graph.build(5, np.array([0, 1, 3]), np.array([1, 2, 4]), np.array([2.0, 3.0, 1.0]))
    plan = collecting.solve(apart, np.array([0]), np.array([0.0, 0.0, 1.0, 0.0, 8.0]), 100.0, rounds=3)
    assert plan.nearest.tolist() == [0.0, 2.0, 5.0, np.inf, np.inf]
    assert (plan.gathered, plan.bound, plan.gap) == (1.0, 1.0, 0.0)


def test_a_budget_for_nothing_joins_nothing() -> None:
    plan = collecting.solve(LINE, np.array([0]), PRIZE, 1.5, rounds=3)
    assert (plan.gathered, plan.cost, plan.edges.tolist()) == (0.0, 0.0, [])


@pytest.mark.parametrize(
    ("chosen", "claimed", "bound", "said"),
    [
        ([0, 1, 2], 13.0, 13.0, "spends 7"),
        ([0, 1], 13.0, 13.0, "joins 4"),
        ([0, 1], 4.0, 3.0, "below what the plan itself joins"),
        ([1], 4.0, 4.0, "hangs on no root"),
        ([0, 0], 0.0, 4.0, "repeats"),
        ([7], 0.0, 4.0, "not one of the graph"),
    ],
)
def test_a_false_claim_is_refused_by_name(chosen: list[int], claimed: float, bound: float, said: str) -> None:
    told = {v: float(p) for v, p in enumerate(PRIZE)}
    with pytest.raises(InvalidInput, match=said):
        check.collected(_triples(LINE), [0], told, 3.0, chosen, claimed, bound)
    assert check.collected(_triples(LINE), [0], told, 3.0, [0, 1], 4.0, 4.0).objective == 4.0


@pytest.mark.parametrize(
    ("roots", "prize", "budget", "field"),
    [
        ([], PRIZE, 1.0, "roots"),
        ([9], PRIZE, 1.0, "roots"),
        ([0], PRIZE[:2], 1.0, "prize"),
        ([0], -PRIZE, 1.0, "prize"),
        ([0], PRIZE, -1.0, "budget"),
        ([0], PRIZE, np.inf, "budget"),
    ],
)
def test_wrong_input_is_refused_by_name(roots: list[int], prize: np.ndarray, budget: float, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        collecting.solve(LINE, np.array(roots, np.int64), prize, budget, rounds=1)
    assert refused.value.field == field

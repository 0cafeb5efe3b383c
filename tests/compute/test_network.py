"""Networks against exhaustive search on small graphs, public instances, and plans that lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.network import check, cuts, graph, steiner, survivable
from province.errors import InvalidInput
from tests.effort import examples

seeds = st.integers(0, 2**32 - 1)


def _random(random: np.random.Generator, nodes: int, more: int) -> graph.Graph:
    """A connected graph: a random tree and some edges more."""
    tail = [*range(1, nodes), *random.integers(0, nodes, more)]
    head = [*(int(random.integers(0, n)) for n in range(1, nodes)), *random.integers(0, nodes, more)]
    pairs = [(t, h) for t, h in zip(tail, head, strict=True) if t != h]
    cost = random.integers(0, 20, len(pairs)).astype(float)
    return graph.build(nodes, np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]), cost)


def _triples(of: graph.Graph) -> list[tuple[int, int, float]]:
    return list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))


def _cheapest(of: graph.Graph, terminals: list[int]) -> float:
    """The least cost of any set of edges that joins the terminals."""
    best = np.inf
    for size in range(len(of.cost) + 1):
        for chosen in itertools.combinations(range(len(of.cost)), size):
            cost = of.cost[list(chosen)].sum()
            if cost < best and check._apart(_triples(of), chosen, terminals) is None:
                best = cost
    return float(best)


@given(seed=seeds)
@settings(max_examples=examples(15), deadline=None)
def test_a_tree_of_few_terminals_is_the_cheapest_of_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    of = _random(random, 6, 4)
    terminals = sorted({int(t) for t in random.integers(0, 6, 4)})
    tree = steiner.solve(of, np.array(terminals))
    assert tree.cost == tree.bound == _cheapest(of, terminals)
    check.joined(_triples(of), terminals, tree.edges, tree.cost, tree.bound)


@given(seed=seeds)
@settings(max_examples=examples(15), deadline=None)
def test_the_search_lies_between_its_bound_and_what_is_exact(seed: int) -> None:
    random = np.random.default_rng(seed)
    of = _random(random, 40, 50)
    terminals = np.unique(random.integers(0, 40, 9))
    exact = steiner.solve(of, terminals)
    cells, steiner._CELLS = steiner._CELLS, 0
    try:
        found = steiner.solve(of, terminals, rounds=30)
    finally:
        steiner._CELLS = cells
    assert found.bound <= exact.cost <= found.cost <= exact.cost * 1.05
    check.joined(_triples(of), terminals.tolist(), found.edges, found.cost, found.bound)


def test_many_terminals_are_joined_by_a_spanning_tree() -> None:
    of = _random(np.random.default_rng(1), 60, 120)
    tree = steiner.solve(of, np.arange(60), rounds=5)
    assert len(tree.edges) == 59
    assert tree.gap == 0  # dual ascent is tight for spanning trees of this kind
    check.joined(_triples(of), range(60), tree.edges, tree.cost, tree.bound)


@given(seed=seeds)
@settings(max_examples=examples(12), deadline=None)
def test_a_survivable_network_is_the_cheapest_of_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    tail, head = np.array([*range(5), 0, 1, 2]), np.array([1, 2, 3, 4, 0, 2, 3, 4])
    of = graph.build(5, tail, head, random.integers(1, 30, 8).astype(float))
    terminals = sorted({int(t) for t in random.integers(0, 5, 3)} | {0, 3})
    best = np.inf
    for size in range(9):
        for chosen in itertools.combinations(range(8), size):
            cost = float(of.cost[list(chosen)].sum())
            whole = [chosen, *([e for e in chosen if e != failed] for failed in chosen)]
            if cost < best and all(check._apart(_triples(of), left, terminals) is None for left in whole):
                best = cost
    plan = survivable.solve(of, np.array(terminals), seconds=20)
    assert plan.proved
    assert plan.cost == pytest.approx(best)
    check.joined(_triples(of), terminals, plan.edges, plan.cost, plan.bound, twice=True)


@given(seed=seeds)
@settings(max_examples=examples(25), deadline=None)
def test_one_way_two_ways_and_groups_are_met_at_the_least_cost(seed: int) -> None:
    random = np.random.default_rng(seed)
    tail, head = np.array([*range(5), 0, 1, 2, 0]), np.array([1, 2, 3, 4, 0, 2, 3, 4, 3])
    of = graph.build(5, tail, head, random.integers(1, 30, 9).astype(float))
    double = sorted({int(t) for t in random.integers(0, 5, 2)} | {0})
    once = sorted({int(t) for t in random.integers(0, 5, 2)} - set(double) | ({3} - set(double)))
    groups = [random.choice(9, 2, replace=False).tolist() for _ in range(2)]
    best = np.inf
    for size in range(10):
        for chosen in itertools.combinations(range(9), size):
            cost = float(of.cost[list(chosen)].sum())
            failed = [{e} for e in chosen] + [set(g) for g in groups]
            if (
                cost < best
                and check._apart(_triples(of), chosen, [*double, *once]) is None
                and all(check._apart(_triples(of), [e for e in chosen if e not in f], double) is None for f in failed)
            ):
                best = cost
    if not np.isfinite(best):
        with pytest.raises(InvalidInput, match="whatever is built"):
            survivable.solve(of, np.array(double), once=once, groups=groups, seconds=20)
        return
    plan = survivable.solve(of, np.array(double), once=once, groups=groups, seconds=20)
    assert plan.proved
    assert plan.cost == pytest.approx(best)
    check.joined(_triples(of), double, plan.edges, plan.cost, plan.bound, twice=True, once=once, groups=groups)
    rough = survivable.sketch(of, np.array(double), once=once, groups=groups)
    check.joined(_triples(of), double, rough.edges, rough.cost, 0.0, twice=True, once=once, groups=groups)
    wide, cuts._WIDE = cuts._WIDE, 0
    try:
        again = survivable.solve(of, np.array(double), once=once, groups=groups, start=rough.edges, seconds=20)
    finally:
        cuts._WIDE = wide
    assert again.proved
    assert again.cost == plan.cost


def test_a_group_that_fails_together_is_not_two_ways() -> None:
    edges = [(0, 1, 2.0), (0, 1, 3.0)]
    check.joined(edges, [0, 1], [0, 1], 5.0, 5.0, twice=True)
    with pytest.raises(InvalidInput, match="when group 0 fails"):
        check.joined(edges, [0, 1], [0, 1], 5.0, 5.0, twice=True, groups=[[0, 1]])
    with pytest.raises(InvalidInput, match="terminal 2 is not joined"):
        check.joined([*edges, (1, 2, 1.0)], [0, 1], [0, 1], 5.0, 5.0, once=[2])
    two = graph.build(2, np.array([0, 0]), np.array([1, 1]), np.array([2.0, 3.0]))
    with pytest.raises(InvalidInput, match="one group parts"):
        survivable.solve(two, np.array([0, 1]), groups=[[0, 1]])


def test_a_place_that_hangs_on_one_edge_is_named() -> None:
    path = graph.build(4, np.array([0, 1, 2, 2]), np.array([1, 2, 0, 3]), np.ones(4))
    with pytest.raises(InvalidInput, match="terminal 3 hangs on one edge"):
        survivable.solve(path, np.array([0, 3]))


def test_false_claims_are_refused() -> None:
    edges = [(0, 1, 2.0), (1, 2, 3.0), (0, 2, 4.0)]
    check.joined(edges, [0, 2], [2], 4.0, 4.0)
    for chosen, claimed, bound, words in (
        ([0], 2.0, 2.0, "terminal 2 is not joined"),
        ([2], 3.0, 3.0, "costs 4, not 3"),
        ([2], 4.0, 5.0, "above what the plan itself costs"),
        ([9], 4.0, 4.0, "not one of the graph"),
    ):
        with pytest.raises(InvalidInput, match=words):
            check.joined(edges, [0, 2], chosen, claimed, bound)
    check.joined(edges, [0, 1, 2], [0, 1, 2], 9.0, 9.0, twice=True)
    with pytest.raises(InvalidInput, match="cut off when edge"):
        check.joined(edges, [0, 1, 2], [0, 1], 5.0, 5.0, twice=True)


def test_what_cannot_be_joined_is_said() -> None:
    apart = graph.build(4, np.array([0, 2]), np.array([1, 3]), np.ones(2))
    with pytest.raises(InvalidInput, match="cannot be reached"):
        steiner.solve(apart, np.array([0, 3]))
    with pytest.raises(InvalidInput, match="edge 1 joins 2 and 2"):
        graph.build(3, np.array([0, 2]), np.array([1, 2]), np.ones(2))

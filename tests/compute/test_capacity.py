"""Modular capacity against every choice of modules on small networks, with and without failures, and plans that lie."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.network import capacity, check
from province.errors import InvalidInput
from tests.effort import examples


def make(
    nodes: int, links: list[tuple[int, int]], installed: list[float], price: list[list[float]], size: list[float],
    most: float = 3,
) -> capacity.Network:  # fmt: skip
    return capacity.Network(
        nodes, np.array([a for a, _ in links]), np.array([b for _, b in links]), np.array(installed, float),
        np.array(size, float), np.array(price, float), np.full((len(links), len(size)), float(most)),
        np.full(len(links), np.inf),
    )  # fmt: skip


def wanted(*demands: tuple[int, int, float]) -> capacity.Demand:
    return capacity.Demand(
        np.array([d[0] for d in demands]), np.array([d[1] for d in demands]), np.array([d[2] for d in demands], float)
    )


def carries(nodes: int, links: list[tuple[int, int]], room: list[float], demand: tuple[int, int, float],
            gone: set[int]) -> bool:  # fmt: skip
    """Whether one demand finds room: no set of nodes around its source is left by too little (Ford, Fulkerson)."""
    source, sink, amount = demand
    others = [v for v in range(nodes) if v not in (source, sink)]
    return all(
        sum(room[e] for e, (a, b) in enumerate(links) if e not in gone and (a in side) != (b in side)) >= amount - 1e-9
        for n in range(len(others) + 1)
        for more in itertools.combinations(others, n)
        for side in [{source, *more}]
    )


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(lambda e: e[0] != e[1]), min_size=4, max_size=5),
    st.lists(st.integers(0, 6), min_size=5, max_size=5), st.lists(st.integers(1, 9), min_size=5, max_size=5),
    st.integers(3, 11), st.booleans(),
)  # fmt: skip
@settings(max_examples=examples(60), deadline=None)
def test_the_cheapest_modules_are_found(
    links: list[tuple[int, int]], installed: list[int], price: list[int], amount: int, failing: bool
) -> None:
    count = len(links)
    here, there = [float(i) for i in installed[:count]], price[:count]
    failures = [[e] for e in range(count)] if failing else []
    demand = (0, 3, float(amount))
    size, prices = [4.0, 10.0], [[float(p), 2.0 * p] for p in there]
    best = np.inf
    for chosen in itertools.product([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)], repeat=count):
        cost = sum(n * p for mine, of in zip(chosen, prices, strict=True) for n, p in zip(mine, of, strict=True))
        if cost < best:
            room = [i + 4 * a + 10 * b for i, (a, b) in zip(here, chosen, strict=True)]
            if all(carries(4, links, room, demand, gone) for gone in [set(), *({e[0]} for e in failures)]):
                best = cost
    network = make(4, links, here, prices, size)
    if not np.isfinite(best):
        with pytest.raises(InvalidInput, match="finds no way"):
            capacity.solve(network, wanted(demand), failures, seconds=20)
        return
    plan = capacity.solve(network, wanted(demand), failures, seconds=20)
    assert plan.proved
    assert plan.cost == pytest.approx(best)
    assert plan.bound == pytest.approx(best)
    _check(network, links, [demand], failures, plan)


def _check(
    network: capacity.Network, links: list[tuple[int, int]], demands: list[tuple[int, int, float]],
    failures: list[list[int]], plan: capacity.Plan,
) -> None:  # fmt: skip
    room = (network.installed + plan.added @ network.size).tolist()
    check.carried(links, room, demands, failures, [f.tolist() for f in plan.flows])
    check.modules(plan.added.tolist(), network.price.tolist(), network.most.tolist(), network.size.tolist(),
                  network.room.tolist(), plan.cost, plan.bound)  # fmt: skip


RING = [(0, 1), (1, 2), (2, 3), (3, 0)]


def test_a_ring_carries_all_demand_when_any_link_fails() -> None:
    network = make(4, RING, [0, 0, 0, 0], [[1.0, 2.5]] * 4, [10, 40], most=9)
    demands = [(0, 2, 15.0), (1, 3, 10.0)]
    calm = capacity.solve(network, wanted(*demands), seconds=20)
    assert calm.proved
    safe = capacity.solve(network, wanted(*demands), [[e] for e in range(4)], seconds=20)
    assert safe.proved
    assert safe.cost == 10, "25 on every link, by one module of 40 each; three of 10 are dearer"
    assert safe.added.tolist() == [[0, 1]] * 4
    assert calm.cost < safe.cost
    _check(network, RING, demands, [[e] for e in range(4)], safe)


def test_a_link_may_be_fuller_when_another_fails() -> None:
    network = make(4, RING, [0, 0, 0, 0], [[1.0]] * 4, [10], most=9)
    demands = [(0, 2, 20.0)]
    plan = capacity.solve(network, wanted(*demands), [[e] for e in range(4)], failed=0.5, seconds=20)
    assert plan.added.tolist() == [[1]] * 4, "20 by two ways, 10 by the one that is left"
    room = (plan.added @ network.size).tolist()
    check.carried(RING, room, demands, [[e] for e in range(4)], [f.tolist() for f in plan.flows], failed=0.5)
    with pytest.raises(InvalidInput, match="in state 1"):
        check.carried(RING, room, demands, [[e] for e in range(4)], [f.tolist() for f in plan.flows])


def test_links_that_share_a_trench_fail_together() -> None:
    links = [(0, 1), (0, 1), (0, 2), (2, 1)]
    network = make(3, links, [10, 10, 0, 0], [[1.0], [1.0], [2.0], [2.0]], [10])
    demands = [(0, 1, 10.0)]
    apart = capacity.solve(network, wanted(*demands), [[e] for e in range(4)], seconds=20)
    assert apart.cost == 0, "either of two cables is enough"
    shared = capacity.solve(network, wanted(*demands), [[0, 1], [2], [3]], seconds=20)
    assert shared.added.tolist() == [[0], [0], [1], [1]]


def test_capacity_that_a_link_may_reach_holds_for_all_modules_together() -> None:
    links = [(0, 1), (0, 1)]
    network = replace(make(2, links, [0, 0], [[3.0, 5.0], [9.0, 20.0]], [10, 40]), room=np.array([45.0, np.inf]))
    plan = capacity.solve(network, wanted((0, 1, 50.0)), seconds=20)
    assert plan.added.tolist() == [[0, 1], [1, 0]], "not both modules on the first link"
    assert plan.cost == 14
    assert plan.proved


def test_what_cannot_be_carried_and_what_is_wrong_is_said() -> None:
    network = make(4, RING, [0, 0, 0, 0], [[1.0]] * 4, [10], most=1)
    with pytest.raises(InvalidInput, match="with nothing failed"):
        capacity.solve(network, wanted((0, 2, 25.0)), seconds=5)
    with pytest.raises(InvalidInput, match="when failure 1 happens"):
        capacity.solve(network, wanted((0, 2, 5.0)), [[0], [0, 3]], seconds=5)
    with pytest.raises(InvalidInput, match="from a node to itself"):
        capacity.solve(network, wanted((1, 1, 5.0)), seconds=5)
    with pytest.raises(InvalidInput, match="an end that is none"):
        capacity.solve(network, wanted((1, 7, 5.0)), seconds=5)
    with pytest.raises(InvalidInput, match="names a link"):
        capacity.solve(network, wanted((0, 2, 5.0)), [[9]], seconds=5)


def test_false_claims_are_refused() -> None:
    links, demand = [(0, 1), (1, 2)], [(0, 2, 5.0)]
    good = [[[5.0, 5.0, 0.0, 0.0]]]
    check.carried(links, [5.0, 5.0], demand, [], good)
    for room, flows, words in (
        ([5.0, 4.0], good, "link 1 carries 5 of 4"),
        ([5.0, 5.0], [[[5.0, 3.0, 0.0, 0.0]]], "lost or made"),
        ([5.0, 5.0], [[[5.0, 5.0, -1.0, 0.0]]], "carries 5 and -1"),
        ([5.0, 5.0], [], "0 states are routed"),
    ):
        with pytest.raises(InvalidInput, match=words):
            check.carried(links, room, demand, [], flows)
    with pytest.raises(InvalidInput, match="in state 1"):
        check.carried(links, [5.0, 5.0], demand, [[0]], [*good, *good])
    check.modules([[1]], [[3.0]], [[2]], [10.0], [15.0], 3.0, 3.0)
    with pytest.raises(InvalidInput, match="gets 3 of module 0"):
        check.modules([[3]], [[3.0]], [[2]], [10.0], [99.0], 9.0, 9.0)
    with pytest.raises(InvalidInput, match="gets 20 of capacity, of at most 15"):
        check.modules([[2]], [[3.0]], [[2]], [10.0], [15.0], 6.0, 6.0)
    with pytest.raises(InvalidInput, match="costs 3, not 2"):
        check.modules([[1]], [[3.0]], [[2]], [10.0], [15.0], 2.0, 2.0)

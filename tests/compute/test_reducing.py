"""Smaller tasks, bounds and local search of Steiner trees, beside the exact method (which test_network tries by
exhaustion)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.network import check, graph, reducing, steiner
from province.compute.network.ascending import ascent
from province.compute.network.exchanging import exchange, wander
from province.compute.network.growing import paths, spanning
from province.compute.network.lifting import Lifting
from tests.effort import examples

seeds = st.integers(0, 2**32 - 1)
Task = tuple[graph.Graph, np.ndarray]


def _task(seed: int) -> Task:
    """A random connected graph of 40 nodes with parallel edges, ties and edges for nothing, and up to 8 terminals."""
    random = np.random.default_rng(seed)
    nodes, more = 40, int(random.integers(5, 70))
    tail = np.concatenate([np.arange(1, nodes), random.integers(0, nodes, more)])
    head = np.concatenate([[int(random.integers(0, n)) for n in range(1, nodes)], random.integers(0, nodes, more)])
    loop = tail == head
    cost = random.integers(0, 9, len(tail)).astype(float)
    terminal = np.zeros(nodes, np.bool_)
    terminal[random.integers(0, nodes, int(random.integers(2, 9)))] = True
    terminal[:2] = True
    return graph.build(nodes, tail[~loop], head[~loop], cost[~loop]), terminal


def _least(of: graph.Graph, terminal: np.ndarray) -> float:
    parts = (of.start, of.neighbour, of.edge, of.cost, of.tail, of.head)
    return float(of.cost[steiner._exact(*parts, np.flatnonzero(terminal))].sum())


def _rest(whole: graph.Graph, core: reducing.Core) -> float:
    """The least cost of what is left, and of what is taken already; the plan is checked in the whole graph."""
    edges = np.zeros(0, np.int64)
    if not core.done:
        one = core.graph
        parts = (one.start, one.neighbour, one.edge, one.cost, one.tail, one.head)
        edges = steiner._exact(*parts, np.flatnonzero(core.terminal))
    chosen = core.whole(edges)
    assert len(np.unique(chosen)) == len(chosen)
    return float(whole.cost[chosen].sum())


def _ascended(of: graph.Graph, terminal: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    left = np.stack([of.cost, of.cost])
    root = int(np.flatnonzero(terminal)[0])
    turn = np.diff(of.start)
    value, member, first, _, much = ascent(
        of.start, of.neighbour, of.edge, left, terminal, root, 10**9, 10**6, turn, 1.25
    )
    assert sum(much) == pytest.approx(value)
    return value, left, member, first


@given(seed=seeds)
@settings(max_examples=examples(40), deadline=None)
def test_a_smaller_task_has_the_same_least_cost(seed: int) -> None:
    of, terminal = _task(seed)
    least = _least(of, terminal)
    folded = reducing.fold(reducing.begin(of, terminal), np.ones(len(of.cost), np.bool_))
    assert _rest(of, folded) == least
    less = reducing.spare(folded)
    assert len(less.graph.cost) <= len(folded.graph.cost) <= len(of.cost)
    assert _rest(of, less) == least
    ends = np.diff(less.graph.start)[~less.terminal]
    assert (ends > 2).all()  # no end and no way through is left


@given(seed=seeds)
@settings(max_examples=examples(40), deadline=None)
def test_a_bound_leaves_every_tree_that_is_no_dearer_than_the_known_one(seed: int) -> None:
    of, terminal = _task(seed)
    least = _least(of, terminal)
    value, left, member, first = _ascended(of, terminal)
    assert value <= least + 1e-9
    counted = np.zeros(2 * len(of.cost), np.int64)
    np.add.at(counted, member, 1)
    assert (counted[(np.stack([of.cost, of.cost]) == left).ravel()] == 0).all()  # what was raised is told
    assert len(first) > 1 or value == 0.0
    told = (of, terminal, value, left, int(np.flatnonzero(terminal)[0]))
    kept = reducing.within(*told, least).any(0)
    assert reducing.joins(reducing.begin(of, terminal), kept)
    assert _rest(of, reducing.fold(reducing.begin(of, terminal), kept)) == least
    assert (reducing.within(*told, least + 3).any(0) | ~kept).all()


@given(seed=seeds)
@settings(max_examples=examples(20), deadline=None)
def test_a_bound_that_is_lifted_never_falls_and_stays_one(seed: int) -> None:
    of, terminal = _task(seed)
    least = _least(of, terminal)
    dual = Lifting(of, terminal, int(np.flatnonzero(terminal)[0]))
    random = np.random.default_rng(seed)
    for _ in range(15):
        before = dual.value
        dual.lift(random)
        assert before - 1e-9 <= dual.value <= least + 1e-9
        assert (dual.left >= -1e-9).all()
    kept = reducing.within(of, terminal, dual.value, dual.left, dual.root, least + 1e-9).any(0)
    assert _rest(of, reducing.fold(reducing.begin(of, terminal), kept)) == least
    price = np.bincount(dual._member, np.repeat(dual._much, np.diff(dual._first)), 2 * len(of.cost))
    assert np.allclose(np.stack([of.cost, of.cost]).ravel() - price, dual.left.ravel())  # prices and costs agree
    assert dual._much.sum() == pytest.approx(dual.value)


@given(seed=seeds)
@settings(max_examples=examples(40), deadline=None)
def test_exchanges_leave_a_tree_that_costs_what_they_say(seed: int) -> None:
    of, terminal = _task(seed)
    parts = (of.start, of.neighbour, of.edge)
    root = int(np.flatnonzero(terminal)[0])
    nodes = paths(*parts, of.cost, np.random.default_rng(seed).uniform(0, 9, len(of.cost)), terminal, root)
    back, by = np.empty(of.nodes, np.int64), np.empty(of.nodes, np.int64)
    total = spanning(*parts, of.cost, terminal, nodes, root, back, by)
    inside = np.zeros(len(of.cost), np.bool_)
    inside[by[by >= 0]] = True
    ends = (*parts, of.tail, of.head, of.cost, terminal, inside)
    saved = exchange(*ends, np.flatnonzero(nodes), 10**9)
    saved += wander(*ends, 5, seed % 1000)
    cost = float(of.cost[inside].sum())
    assert cost == pytest.approx(total - saved)
    assert cost >= _least(of, terminal)
    triples = list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))
    check.joined(triples, np.flatnonzero(terminal).tolist(), np.flatnonzero(inside), cost, 0.0)
    touched = np.unique(np.concatenate([of.tail[inside], of.head[inside]]))
    assert inside.sum() == max(0, len(touched) - 1)  # no ring


def test_streets_of_a_grid_are_joined_close_to_their_bound() -> None:
    side = 24
    node = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    head = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    random = np.random.default_rng(5)
    of = graph.build(side * side, tail, head, random.uniform(50, 150, len(tail)))
    terminals = random.choice(side * side, 30, replace=False)
    first, second = (steiner.solve(of, terminals, rounds=12, seconds=600.0) for _ in range(2))
    assert first.edges.tolist() == second.edges.tolist()
    assert first.gap < 0.03
    triples = list(zip(of.tail.tolist(), of.head.tolist(), of.cost.tolist(), strict=True))
    check.joined(triples, terminals.tolist(), first.edges, first.cost, first.bound)


def test_a_graph_without_choice_is_proved_at_once() -> None:
    line = graph.build(30, np.arange(29), np.arange(1, 30), np.full(29, 2.0))
    every = steiner.solve(line, np.arange(0, 30), rounds=0)
    assert (every.cost, every.bound, len(every.edges)) == (58.0, 58.0, 29)
    some = steiner.solve(line, np.arange(3, 28, 2), seconds=0.0)
    assert (some.cost, some.bound) == (48.0, 48.0)


@given(seed=seeds)
@settings(max_examples=examples(20), deadline=None)
def test_demand_that_need_not_be_joined_is_kept_in_place(seed: int) -> None:
    """With one terminal that must be joined, whatever joins a choice of others costs what it did."""
    of, terminal = _task(seed)
    root = np.arange(of.nodes) == int(np.flatnonzero(terminal)[0])
    core = reducing.spare(reducing.fold(reducing.begin(of, terminal, root), np.ones(len(of.cost), np.bool_)))
    assert sorted(core.node[core.terminal].tolist()) == np.flatnonzero(terminal).tolist()
    assert core.node[core.must].tolist() == np.flatnonzero(root).tolist()
    assert len(core.fixed) == 0
    some = terminal & (np.random.default_rng(seed).random(of.nodes) < 0.5) | root
    one = core.graph
    parts = (one.start, one.neighbour, one.edge, one.cost, one.tail, one.head)
    chosen = core.whole(steiner._exact(*parts, np.flatnonzero(some[core.node])))
    assert float(of.cost[chosen].sum()) == _least(of, some)

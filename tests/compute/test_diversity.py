"""What fails and what it cuts off, against removal and search on small networks with parallel edges and loops."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.network import check, diversity
from province.compute.network.diversity import Net
from province.errors import InvalidInput
from tests.effort import examples


@st.composite
def nets(draw: st.DrawFn) -> tuple[Net, list[int], list[list[int]]]:
    """A network, its anchors, its groups."""
    nodes = draw(st.integers(1, 6))
    ends = draw(st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=9))
    length = draw(st.lists(st.integers(0, 9), min_size=len(ends), max_size=len(ends)))
    anchors = draw(st.lists(st.integers(0, nodes - 1), min_size=1, max_size=2, unique=True))
    places = st.integers(0, max(0, len(ends) - 1))
    groups = draw(st.lists(st.lists(places, min_size=1, max_size=3, unique=True), max_size=3)) if ends else []
    return diversity.net(nodes, [e[0] for e in ends], [e[1] for e in ends], length), anchors, groups


def _left(of: Net, roots: list[int], gone: set[int], closed: int = -1) -> set[int]:
    """Whoever some root reaches, by growing a set until it grows no more."""
    found = {r for r in roots if r != closed}
    while True:
        more = {
            u
            for e in range(len(of.tail))
            if e not in gone
            for v, u in ((of.tail[e], of.head[e]), (of.head[e], of.tail[e]))
            if v in found and u != closed and closed != v
        } - found
        if not more:
            return found
        found |= more


def _parts(of: Net, gone: set[int]) -> int:
    """How many parts the network falls into."""
    rest, count = set(range(of.nodes)), 0
    while rest:
        rest -= _left(of, [min(rest)], gone)
        count += 1
    return count


@given(nets())
@settings(max_examples=examples(300), deadline=None)
def test_failures_are_those_that_removal_finds(given: tuple[Net, list[int], list[list[int]]]) -> None:
    of, anchors, groups = given
    whole = _left(of, anchors, set())
    wanted: dict[tuple[tuple[str, int], ...], tuple[int, ...]] = {}
    singles = {("edge", e): {e} for e in range(len(of.tail))} | {("group", g): set(v) for g, v in enumerate(groups)}
    for what, gone in singles.items():
        wanted[what,] = tuple(sorted(whole - _left(of, anchors, gone)))
    for v in range(of.nodes):
        wanted[("node", v),] = tuple(sorted(whole - _left(of, anchors, set(), v) - {v}))
    found = diversity.failures(of, anchors, groups)
    assert {one.what: one.cut for one in found} == {what: cut for what, cut in wanted.items() if cut}
    assert [len(one.cut) for one in found] == sorted((len(one.cut) for one in found), reverse=True)
    cuts = {one.what[0]: one.cut for one in found}
    weak = {v for what, cut in cuts.items() if what[0] != "node" for v in cut}
    strong = whole - weak - set(anchors)
    edges = list(zip(of.tail, of.head, strict=True))
    assert check.diverse(of.nodes, edges, anchors, groups, cuts, strong) == len(strong)

    pairs = {}
    for (a, first), (b, second) in itertools.combinations(singles.items(), 2):
        cut = whole - _left(of, anchors, first | second)
        if cut - set(wanted[a,]) - set(wanted[b,]):
            pairs[a, b] = tuple(sorted(cut))
    assert {one.what: one.cut for one in diversity.double_failures(of, anchors, groups)} == pairs


@given(nets())
@settings(max_examples=examples(300), deadline=None)
def test_the_shape_is_what_removal_shows(given: tuple[Net, list[int], list[list[int]]]) -> None:
    of = given[0]
    found = diversity.shape(of)
    assert set(found.bridges) == {e for e in range(len(of.tail)) if _parts(of, {e}) > _parts(of, set())}
    for v, u in itertools.combinations(range(of.nodes), 2):
        together = all(u in _left(of, [v], gone) for gone in [set(), *({e} for e in range(len(of.tail)))])
        assert (found.part[v] == found.part[u]) == together
    for v in range(of.nodes):
        rest = [u for u in range(of.nodes) if u != v]
        parted = any(
            b in _left(of, [a], set()) and b not in _left(of, [a], set(), v) for a, b in itertools.combinations(rest, 2)
        )
        assert (v in found.articulations) == parted
    straight = [e for e in range(len(of.tail)) if of.tail[e] != of.head[e]]
    assert sorted(e for block in found.blocks for e in block) == straight
    for e, f in itertools.combinations(straight, 2):
        shared = any({e, f} <= set(block) for block in found.blocks)
        assert shared == _on_one_cycle(of, e, f)


def _on_one_cycle(of: Net, e: int, f: int) -> bool:
    """Whether some simple cycle holds both edges."""
    return any(f in route for route in _paths(of, of.tail[e], of.head[e], {e}))


def _paths(of: Net, start: int, goal: int, gone: set[int]) -> list[tuple[int, ...]]:
    """Every simple route."""
    found = []
    stack: list[tuple[int, tuple[int, ...], frozenset[int]]] = [(start, (), frozenset([start]))]
    while stack:
        at, route, seen = stack.pop()
        if at == goal:
            found.append(route)
            continue
        for e in range(len(of.tail)):
            if e not in gone and at in (of.tail[e], of.head[e]):
                u = of.head[e] if of.tail[e] == at else of.tail[e]
                if u not in seen:
                    stack.append((u, (*route, e), seen | {u}))
    return found


@given(nets(), st.integers(0, 5))
@settings(max_examples=examples(300), deadline=None)
def test_two_ways_are_found_when_there_are_two_and_are_the_shortest(
    given: tuple[Net, list[int], list[list[int]]], place: int
) -> None:
    of, anchors, groups = given
    start = place % of.nodes
    goals = anchors[:1]
    if start in goals:
        return
    found = diversity.ways(of, start, goals, groups)
    every = _paths(of, start, goals[0], set())
    between = [{v for e in r for v in (of.tail[e], of.head[e])} - {start, goals[0]} for r in every]
    apart = [
        diversity.length(of, (*every[i], *every[j]))
        for i, j in itertools.combinations(range(len(every)), 2)
        if not set(every[i]) & set(every[j]) and not between[i] & between[j]
    ]
    loose = [diversity.length(of, (*a, *b)) for a, b in itertools.combinations(every, 2) if not set(a) & set(b)]
    total = sum(diversity.length(of, r) for r in found.routes)
    assert found.apart == bool(apart)
    assert len(found.routes) == (2 if loose else 1 if every else 0)
    if every:
        assert total == min(apart or loose or [diversity.length(of, r) for r in every])
        for route in found.routes:
            assert diversity.stops(of, start, route)[-1] == goals[0]
        assert set(found.edges) == set.intersection(*(set(r) for r in every))
        assert set(found.nodes) == set.intersection(*between)
        assert set(found.groups) == {g for g, group in enumerate(groups) if all(set(r) & set(group) for r in every)}


def test_two_ways_may_end_at_two_anchors() -> None:
    of = diversity.net(4, [0, 0, 1], [1, 2, 3], [5.0, 2.0, 1.0])
    found = diversity.ways(of, 0, [2, 3])
    assert found.apart
    assert found.routes == ((1,), (0, 2))
    alone = diversity.ways(of, 0, [2])
    assert (len(alone.routes), alone.edges) == (1, (1,))
    assert diversity.ways(of, 2, [2]).routes == ()


def test_a_wrong_edge_and_a_false_claim_are_named() -> None:
    with pytest.raises(InvalidInput, match="edge 1 joins 0 and 3"):
        diversity.net(2, [0, 0], [1, 3])
    edges = [(0, 1), (1, 2)]
    true = {("edge", 0): [1, 2], ("edge", 1): [2], ("node", 0): [1, 2], ("node", 1): [2]}
    check.diverse(3, edges, [0], [], true, [])
    with pytest.raises(InvalidInput, match="failure of edge 1 cuts off"):
        check.diverse(3, edges, [0], [], {**true, ("edge", 1): []}, [])
    with pytest.raises(InvalidInput, match="two ways"):
        check.diverse(3, edges, [0], [], true, [2])

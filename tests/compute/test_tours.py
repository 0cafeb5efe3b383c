"""Tours against every order of a few stops, an independent check that refuses lies, and stops that nobody can serve."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.compute.tours import check, search, timing
from province.compute.tours.case import Case, Fleet, Stops, Tour
from province.errors import InvalidInput
from tests.effort import examples

seeds = st.integers(0, 2**32 - 1)
DAY = 86_400.0


def case(seed: int = 1, stops: int = 4, vehicles: int = 2, *, windows: bool = True) -> Case:
    """Places on a plane, the first is the depot; some stops have a window."""
    random = np.random.default_rng(seed)
    place = random.uniform(0, 3_000, (stops + 1, 2))
    apart = place[:, None] - place[None]
    seconds = np.round(np.hypot(apart[..., 0], apart[..., 1]))
    opens = np.where(random.random(stops) < 0.4, random.integers(0, 4_000, stops), 0).astype(float)
    closes = np.where(opens > 0, opens + 2_500, DAY) if windows else np.full(stops, DAY)
    load = random.integers(1, 6, stops).astype(float)
    return Case(
        seconds, seconds,
        Stops(np.arange(1, stops + 1), load, np.full(stops, 120.0), opens if windows else np.zeros(stops), closes),
        Fleet(np.zeros(1, int), np.full(1, vehicles), np.full(1, 12.0), np.zeros(1), np.full(1, DAY), np.full(1, 14e3)),
    )  # fmt: skip


def _with(one: Case, **stops: Any) -> Case:
    return replace(one, stops=replace(one.stops, **{n: np.asarray(v, float) for n, v in stops.items()}))


def _fleet(one: Case, **fleet: Any) -> Case:
    return replace(one, fleet=replace(one.fleet, **{n: np.asarray(v) for n, v in fleet.items()}))


def every_plan(one: Case) -> tuple[int, float]:
    """(most stops served, least cost of that) over all orders and divisions among the vehicles."""
    stops, vehicles = range(len(one.stops.place)), int(one.fleet.count[0])
    best = (0, 0.0)
    for size in stops:
        for chosen in itertools.permutations(stops, size + 1):
            for cuts in itertools.combinations_with_replacement(range(size + 2), vehicles - 1):
                parts = [chosen[a:b] for a, b in itertools.pairwise((0, *cuts, size + 1)) if a < b]
                if all(timing.departure(one, 0, p) is not None for p in parts):
                    total = sum(search.cost(one, Tour(0, p, 0.0)) for p in parts)
                    best = max(best, (size + 1, -total))
    return best[0], -best[1]


@given(seed=seeds)
@settings(max_examples=examples(12), deadline=None)
def test_a_few_stops_are_toured_as_well_as_they_can_be(seed: int) -> None:
    one = case(seed)
    plan = search.solve(one, iterations=150)
    served = len(one.stops.place) - len(plan.left)
    most, least = every_plan(one)
    assert served == most
    assert plan.cost == pytest.approx(least)
    assert check.toured(one, plan.tours, plan.cost, [s for s, _ in plan.left]) == pytest.approx(plan.cost)


@given(
    seed=seeds, lie=st.sampled_from(("twice", "forgotten", "cost", "early", "late", "load", "window", "fleet", "day"))
)
@settings(max_examples=examples(40), deadline=None)
def test_no_lie_about_a_true_plan_is_believed(seed: int, lie: str) -> None:
    one = case(seed, stops=8, vehicles=4)
    plan = search.solve(one, iterations=30)
    left = [s for s, _ in plan.left]
    first = plan.tours[0]
    _, back = timing.schedule(one, first.kind, first.stops, first.leaves)
    told, tours, cost = one, list(plan.tours), plan.cost
    match lie:
        case "twice":
            tours[0] = replace(first, stops=(*first.stops, first.stops[0]))
        case "forgotten":
            tours.pop()
            cost -= search.cost(one, plan.tours[-1])
        case "cost":
            cost *= 0.99
        case "early":
            told = _fleet(one, opens=[first.leaves + 1.0])
        case "late":
            tours[0] = replace(first, leaves=DAY)
        case "load":
            told = _with(one, load=one.stops.load + 12.0)
        case "window":
            told = _with(one, closes=np.minimum(one.stops.closes, one.seconds[0, 1:] - 1.0), opens=one.stops.opens * 0)
        case "fleet":
            told = _fleet(one, count=[len(tours) - 1])
        case "day":
            told = _fleet(one, longest=[back - first.leaves - 1.0])
    with pytest.raises(InvalidInput, match="claim is false"):
        check.toured(told, tours, cost, left)


@given(seed=seeds)
@settings(max_examples=examples(20), deadline=None)
def test_a_vehicle_leaves_as_late_as_its_tour_allows(seed: int) -> None:
    one = case(seed, stops=3)
    leaves = timing.departure(one, 0, (0, 1, 2))
    earliest = float(one.fleet.opens[0])
    _, soonest = timing.schedule(one, 0, (0, 1, 2), earliest)
    if leaves is None:
        begun, _ = timing.schedule(one, 0, (0, 1, 2), earliest)
        late = any(b > c for (_, b), c in zip(begun, one.stops.closes, strict=True))
        assert late or one.stops.load.sum() > 12
        return
    begun, back = timing.schedule(one, 0, (0, 1, 2), leaves)
    assert all(begins <= closes for (_, begins), closes in zip(begun, one.stops.closes, strict=True))
    assert back - leaves <= soonest - earliest
    _, later = timing.schedule(one, 0, (0, 1, 2), leaves + 60.0)
    missed = any(b > c for (_, b), c in zip(timing.schedule(one, 0, (0, 1, 2), leaves + 60.0)[0],
                                            one.stops.closes, strict=True))  # fmt: skip
    assert missed or later > soonest


def test_two_depots_serve_what_is_near_them() -> None:
    place = np.array([0.0, 10_000.0, 500.0, 900.0, 9_500.0, 9_100.0])
    seconds = np.abs(place[:, None] - place[None])
    zeros = np.zeros(4)
    one = Case(
        seconds, seconds, Stops(np.arange(2, 6), np.ones(4), zeros, zeros, np.full(4, DAY)),
        Fleet(np.array([0, 1]), np.array([1, 1]), np.full(2, 9.0), np.zeros(2), np.full(2, DAY), np.full(2, DAY)),
    )  # fmt: skip
    plan = search.solve(one, iterations=100)
    assert sorted((t.kind, tuple(sorted(t.stops))) for t in plan.tours) == [(0, (0, 1)), (1, (2, 3))]
    assert plan.cost == 1_800 + 1_800
    check.toured(one, plan.tours, plan.cost)
    beyond = _fleet(one, count=[0, 1])
    plan = search.solve(beyond, iterations=100)
    assert [t.kind for t in plan.tours] == [1], "vehicles of a kind of which there is none stay at home"


def test_a_single_stop_is_a_tour() -> None:
    plan = search.solve(case(3, stops=1, windows=False), iterations=5)
    assert [t.stops for t in plan.tours] == [(0,)]
    assert not plan.left


def test_what_nobody_can_serve_is_left_with_its_reason_and_the_rest_is_toured() -> None:
    one = case(5, stops=6, vehicles=6, windows=False)
    seconds = one.seconds.copy()
    seconds[:, 1] = np.inf
    one = replace(one, seconds=seconds, cost=seconds)
    load = np.where(np.arange(6) == 1, 13.0, 1.0)
    closes = np.where(np.arange(6) == 2, 1.0, DAY)
    closes = np.where(np.arange(6) == 4, 100.0, closes)
    opens = np.where(np.arange(6) == 4, 200.0, 0.0)
    service = np.where(np.arange(6) == 3, 20_000.0, 60.0)
    one = _with(one, load=load, closes=closes, opens=opens, service=service)
    plan = search.solve(one, iterations=50)
    assert plan.left == ((0, "unreachable"), (1, "load"), (2, "window"), (3, "hours"), (4, "window"))
    assert [t.stops for t in plan.tours] == [(5,)]
    check.toured(one, plan.tours, plan.cost, [s for s, _ in plan.left])


def test_when_all_vehicles_are_full_the_rest_is_named() -> None:
    one = _with(case(2, stops=5, vehicles=1, windows=False), load=[6.0, 6.0, 6.0, 6.0, 6.0])
    plan = search.solve(one, iterations=50)
    assert [len(t.stops) for t in plan.tours] == [2]
    assert [why for _, why in plan.left] == ["fleet"] * 3


def test_the_same_seed_gives_the_same_plan() -> None:
    one = case(9, stops=30, vehicles=9)
    assert search.solve(one, iterations=200, seed=4) == search.solve(one, iterations=200, seed=4)


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("seconds", lambda c: replace(c, seconds=c.seconds - 5.0)),
        ("cost", lambda c: replace(c, cost=c.cost[:2])),
        ("stops", lambda c: _with(c, load=[1.0])),
        ("stops", lambda c: _with(c, service=[np.nan] * 4)),
        ("stops", lambda c: replace(c, stops=replace(c.stops, place=np.array([1, 2, 3, 9])))),
        ("fleet", lambda c: _fleet(c, count=[0])),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(field: str, changed: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        search.solve(changed(case()), iterations=5)
    assert refused.value.field == field

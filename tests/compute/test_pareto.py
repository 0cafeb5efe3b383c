"""Fronts of plans: against every plan compared with every other, and false claims refused."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from province.compute.siting import check_front, pareto
from province.compute.siting.pareto import Places
from province.errors import InvalidInput, TooLarge

STEP = {"cost": 1.0, "delay": 0.1, "flood": 0.01, "power": 0.1, "apart": 0.1}


def places(n: int, seed: int) -> Places:
    random = np.random.default_rng(seed)
    spot, demand, stations = (random.uniform(0, 40, (m, 2)) for m in (n, 12, 4))

    def away(a: Any, b: Any) -> Any:
        return np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])

    return Places(
        between=away(spot, spot), cost=random.integers(50, 99, n).astype(float), flood=random.integers(0, 8, n) / 10,
        delay=13.72 * away(demand, spot), weight=random.integers(1, 9, 12).astype(float), power=away(spot, stations),
        room=np.array([1, 0, 2, 1]), line=0.5,
    )  # fmt: skip


def checked(of: Places, k: int, found: pareto.Front, **conditions: float) -> int:
    return check_front.front(of, k, STEP, found.criteria, found.plans.tolist(), found.steps.tolist(), **conditions)


@pytest.mark.parametrize(("n", "k", "seed"), [(6, 2, 1), (9, 3, 2), (12, 2, 3), (7, 1, 4)])
def test_the_front_is_what_comparing_every_plan_with_every_other_leaves(n: int, k: int, seed: int) -> None:
    of = places(n, seed)
    found = pareto.front(of, k, STEP, least_between=8.0)
    assert checked(of, k, found, least_between=8.0) == len(found.plans) > 1
    assert found.looked == len(list(itertools.combinations(range(n), k)))
    assert found.criteria == (pareto.CRITERIA if k > 1 else pareto.CRITERIA[:4])


def test_undominated_rows_keep_their_equals() -> None:
    values = np.array([[2, 2], [1, 3], [2, 2], [3, 3], [1, 4]])
    assert pareto.undominated(values).tolist() == [0, 1, 2]


def test_what_is_not_known_is_not_judged() -> None:
    of = places(8, 5)
    less = Places(between=of.between, delay=of.delay, weight=of.weight)
    found = pareto.front(less, 2, STEP)
    assert found.criteria == ("delay", "apart")
    assert checked(less, 2, found) == len(found.plans)


def test_a_substation_feeds_no_more_than_it_can_and_the_shortest_lines_are_found() -> None:
    power = np.array([[1.0, 9.0], [2.0, 4.0], [3.0, np.inf]])
    assert pareto.feed(power, np.array([1, 1]), np.array([0, 1])).tolist() == [0, 1]
    assert pareto.feed(power, np.array([1, 1]), np.array([1, 2])).tolist() == [1, 0]
    assert pareto.feed(power, np.array([0, 1]), np.array([0, 2])).tolist() == [1, -1]
    of = Places(
        between=np.ones((3, 3)), power=power, room=np.array([1, 1]), cost=np.array([10.0, 20.0, 30.0]), line=2.0
    )
    found = pareto.front(of, 2, STEP)
    assert {tuple(p): tuple(s) for p, s in zip(found.plans.tolist(), found.steps.tolist(), strict=True)} == {
        (0, 1): (40, 50, -10)
    }, "(0,1): 30 + 2·5 km; the other two are dearer and longer"
    assert checked(of, 2, found) == 1


@pytest.fixture(scope="module")
def truth() -> tuple[Places, pareto.Front]:
    of = places(9, 7)
    return of, pareto.front(of, 2, STEP, least_between=5.0, most_cost=160.0)


def test_a_front_with_a_dominated_plan_is_refused(truth: tuple[Places, pareto.Front]) -> None:
    of, found = truth
    on = {tuple(p) for p in found.plans.tolist()}
    truth_of = dict(check_front._every(of, 2, STEP, found.criteria, 5.0, 160.0))
    worse = next(p for p in truth_of if p not in on)
    with pytest.raises(InvalidInput, match="dominated"):
        check_front.front(of, 2, STEP, found.criteria, [*found.plans.tolist(), worse],
                          [*found.steps.tolist(), truth_of[worse]], least_between=5.0, most_cost=160.0)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p, s: (p[1:], s[1:]), "lacking"),
        (lambda p, s: (p, [[v + 1 for v in s[0]], *s[1:]]), "has the values"),
        (lambda p, s: ([*p, p[0]], [*s, s[0]]), "twice"),
        (lambda p, s: ([[0, 0], *p[1:]], s), "breaks a condition"),
    ],
)
def test_a_false_front_is_refused(truth: tuple[Places, pareto.Front], change: Any, said: str) -> None:
    of, found = truth
    plans, steps = change(found.plans.tolist(), found.steps.tolist())
    with pytest.raises(InvalidInput, match=said):
        check_front.front(of, 2, STEP, found.criteria, plans, steps, least_between=5.0, most_cost=160.0)


def test_a_criterion_that_is_left_out_is_refused(truth: tuple[Places, pareto.Front]) -> None:
    of, found = truth
    with pytest.raises(InvalidInput, match="are known"):
        check_front.front(of, 2, STEP, found.criteria[1:], found.plans.tolist(), found.steps[:, 1:].tolist())


def test_the_knee_is_the_most_balanced_row() -> None:
    assert pareto.knee(np.array([[0, 10], [3, 3], [10, 0]])) == 1
    assert pareto.knee(np.array([[5, 5]])) == 0


def test_what_cannot_be_is_refused_by_name() -> None:
    of = places(8, 5)
    for found, k, least in (("conditions", 2, 500.0), ("k", 9, 0.0), ("k", 0, 0.0)):
        with pytest.raises(InvalidInput) as refused:
            pareto.front(of, k, STEP, least_between=least)
        assert refused.value.field == found
    with pytest.raises(InvalidInput, match="no costs"):
        pareto.front(Places(between=of.between), 2, STEP, most_cost=5.0)
    with pytest.raises(TooLarge):
        pareto.front(Places(between=np.ones((200, 200))), 5, STEP)

"""Connected choices of land: against every choice there is, and false claims refused."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from province.compute.siting import adjacent, check_land
from province.compute.siting.adjacent import Asked, Land
from province.errors import InvalidInput


def grid(side: int, seed: int) -> Land:
    random = np.random.default_rng(seed)
    number = np.arange(side * side).reshape(side, side)
    pairs = np.vstack([
        np.column_stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
        np.column_stack([number[:-1].ravel(), number[1:].ravel()]),
    ])  # fmt: skip
    n = side * side
    area = random.integers(1, 5, n).astype(float)
    return Land(area * random.integers(5, 100, n) / 100.0, area, random.integers(1, 9, n).astype(float), pairs[:, 0],
                pairs[:, 1])  # fmt: skip


def best(land: Land, asked: Asked) -> float:
    """The best worth of all choices."""
    near = land.neighbours()
    worth = -1.0
    for size in range(1, len(near) + 1):
        for plan in itertools.combinations(range(len(near)), size):
            chosen = list(plan)
            if land.cost[chosen].sum() > asked.budget or land.area[chosen].sum() < asked.least:
                continue
            pieces = adjacent.pieces_of(near, chosen)
            if len(pieces) <= asked.pieces and all(land.area[p].sum() >= asked.piece for p in pieces):
                worth = max(worth, float(land.worth[chosen].sum()))
    return worth


def check(land: Land, asked: Asked, parcels: Any, worth: float, bound: float) -> Any:
    borders = list(zip(land.tail.tolist(), land.head.tolist(), strict=True))
    return check_land.pieces(
        land.worth.tolist(), land.area.tolist(), land.cost.tolist(), borders, parcels, worth, bound,
        budget=asked.budget, most_pieces=asked.pieces, piece=asked.piece, least=asked.least,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "asked"),
    [
        (1, Asked(18.0)),
        (2, Asked(18.0, pieces=2, piece=4.0)),
        (3, Asked(14.0, pieces=3, piece=3.0, least=10.0)),
        (4, Asked(9.0, pieces=2)),
        (5, Asked(1e9, pieces=1)),
    ],
)
def test_the_plan_is_the_best_of_all_choices(seed: int, asked: Asked) -> None:
    land = grid(3, seed)
    found = adjacent.solve(land, asked, seconds=5)
    assert found.worth == pytest.approx(best(land, asked))
    assert found.proved
    assert check(land, asked, found.parcels.tolist(), found.worth, found.bound).gap == pytest.approx(0.0, abs=1e-6)


def test_the_heuristic_alone_is_near_the_best() -> None:
    for seed in range(6, 10):
        land, asked = grid(3, seed), Asked(16.0, pieces=2, piece=3.0)
        plan = adjacent.grow(land, asked, seed=1, until=float("inf"))
        assert land.worth[plan].sum() >= 0.9 * best(land, asked)


def test_a_condition_that_nothing_meets_is_refused() -> None:
    land = grid(3, 1)
    for asked in (Asked(5.0, least=1_000.0), Asked(4.0, piece=30.0)):
        with pytest.raises(InvalidInput) as refused:
            adjacent.solve(land, asked, seconds=3)
        assert refused.value.field == "conditions"
    with pytest.raises(InvalidInput):
        adjacent.solve(Land(-land.worth, land.area, land.cost, land.tail, land.head), Asked(5.0))


def test_the_knapsack_is_a_bound() -> None:
    land = grid(3, 2)
    free = Land(land.worth, land.area, np.zeros(9), land.tail, land.head)
    assert adjacent.knapsack(free, 0.0) == pytest.approx(land.worth.sum())
    assert adjacent.knapsack(land, 10.0) >= best(land, Asked(10.0, pieces=9))


@pytest.mark.parametrize(
    ("asked", "parcels", "told", "said"),
    [
        (Asked(99.0), [0, 8], {}, "falls into 2 pieces"),
        (Asked(99.0, pieces=2, piece=9.0), [0, 8], {}, "a piece has an area"),
        (Asked(99.0, least=99.0), [0, 1], {}, "were asked for"),
        (Asked(1.0), [0, 1, 2], {}, "of a budget of 1"),
        (Asked(99.0), [0, 1], {"worth": 500.0}, "is worth"),
        (Asked(99.0), [0, 1], {"bound": 0.1}, "bound 0.1 is below"),
        (Asked(99.0), [0, 0], {}, "twice"),
        (Asked(99.0), [], {}, "no parcel"),
    ],
)
def test_a_false_claim_is_refused(asked: Asked, parcels: list[int], told: dict[str, float], said: str) -> None:
    land = grid(3, 1)
    worth = told.get("worth", float(land.worth[parcels].sum()) if parcels else 0.0)
    with pytest.raises(InvalidInput, match=said):
        check(land, asked, parcels, worth, told.get("bound", 1e9))

"""Of plans that reach the same, the cheaper one is kept."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from province.compute.siting.thrift import thrifty

COVERS = sp.csc_array(np.array([[1, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]], np.float64))
WEIGHT = np.array([3.0, 2.0, 4.0])
COST = np.array([5.0, 9.0, 2.0, 6.0])


@pytest.mark.parametrize(
    ("chosen", "fixed", "kept"),
    [
        ([1], (), [0]),
        ([0], (), [0]),
        ([1], (1,), [1]),
        ([0, 1], (), [0]),
        ([1, 2], (), [0, 2]),
        ([0, 2, 3], (), [0, 2]),
        ([], (), []),
    ],
)
def test_the_cheaper_of_two_that_reach_the_same_is_kept(
    chosen: list[int], fixed: tuple[int, ...], kept: list[int]
) -> None:
    found = thrifty(COVERS, WEIGHT, COST, chosen, fixed)
    assert found == kept
    covers = COVERS.toarray()
    before, after = ((covers[:, one].sum(axis=1) > 0) @ WEIGHT for one in (chosen, found))
    assert after >= before
    assert COST[found].sum() <= COST[chosen].sum()

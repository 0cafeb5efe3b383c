"""Lines as a network: where they meet, where an end that misses by a little is joined, and where places lie."""

from __future__ import annotations

import numpy as np
import pytest

from province.compute.roads import lines
from province.errors import InvalidInput

STREET = np.array([[0.0, 0.0], [50.0, 0.0], [100.0, 0.0]])
NOWHERE = np.zeros((0, 2))


def _joined(found: lines.Network) -> set[frozenset[int]]:
    return {frozenset((int(t), int(h))) for t, h in zip(found.tail, found.head, strict=True)}


def test_lines_meet_at_a_common_corner_and_not_where_one_passes_over_the_other() -> None:
    side = np.array([[50.0, 0.0], [50.0, 40.0]])
    bridge = np.array([[25.0, -30.0], [25.0, 30.0]])
    found = lines.network([STREET, side, bridge], NOWHERE)
    assert sorted(found.metres.tolist()) == [40.0, 50.0, 50.0, 60.0]
    assert sorted(found.line.tolist()) == [0, 0, 1, 2]
    assert found.nodes == 6
    assert found.mended == 0


def test_an_end_that_misses_a_line_by_little_is_joined_to_it() -> None:
    side = np.array([[30.0, 0.6], [30.0, 40.0]])
    apart = lines.network([STREET, side], NOWHERE, join_m=0.5)
    joined = lines.network([STREET, side], NOWHERE, join_m=1.0)
    assert (apart.mended, apart.nodes, len(apart.tail)) == (0, 4, 2)
    assert (joined.mended, joined.nodes, len(joined.tail)) == (1, 4, 3)
    assert joined.metres.sum() == pytest.approx(139.4, abs=0.1)


def test_places_cut_the_line_where_they_are_nearest() -> None:
    found = lines.network([STREET], np.array([[20.0, 3.0], [20.0, -4.0], [100.0, 9.0], [40.0, 900.0]]), reach_m=50.0)
    assert found.away_m.tolist() == [3.0, 4.0, 9.0, 900.0]
    assert found.node[0] == found.node[1] >= 0
    assert found.node[3] == -1
    assert sorted(found.metres.tolist()) == [20.0, 80.0]
    assert found.node[2] in found.head.tolist() + found.tail.tolist()


def test_a_closed_line_is_cut_where_another_leaves_it() -> None:
    ring = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]])
    out = np.array([[10.0, 10.0], [30.0, 10.0]])
    found = lines.network([ring, out], NOWHERE)
    assert sorted(found.metres.tolist()) == [20.0, 20.0, 20.0]
    assert len(_joined(found)) == 2


def test_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        lines.network([], NOWHERE)
    assert refused.value.field == "lines"

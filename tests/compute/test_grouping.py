"""Grouping of alerts: storms with hidden causes, drawn by somebody who knows nothing of the kernel; and its edges."""

from __future__ import annotations

import time

import numpy as np
import pytest

from province.compute.grouping import group
from province.errors import InvalidInput
from tests.storms import Storm, draw

REACH_M, GAP_S = 1_500.0, 900.0


def grouped(storm: Storm) -> np.ndarray:
    """What the kernel makes of a storm, by one reach for all kinds."""
    kinds = {name: n for n, name in enumerate(dict.fromkeys(storm.kind))}
    hangs = {name: n for n, name in enumerate(dict.fromkeys(storm.upstream)) if name}
    lon, lat = np.array(storm.position).T
    return group(
        np.array(storm.at),
        lon,
        lat,
        np.array([kinds[k] for k in storm.kind]),
        np.array([hangs.get(u, -1) for u in storm.upstream]),
        np.full(len(kinds), REACH_M),
        np.full(len(kinds), GAP_S),
    )


@pytest.mark.parametrize("seed", range(6))
def test_no_incident_mixes_causes_no_cause_spans_two_nothing_is_lost(seed: int) -> None:
    storm = draw(seed)
    began = time.perf_counter()
    labels = grouped(storm)
    assert time.perf_counter() - began < 10
    assert len(storm) == len(labels) == 10_000
    pairs = set(zip(labels.tolist(), storm.cause, strict=True))
    assert len(pairs) == len(set(labels.tolist())) == len(set(storm.cause)) == 20


def of(rows: list[tuple[float, float, float, int, int]], reach: float = 1_000.0, gap: float = 60.0) -> list[int]:
    """Groups of (seconds, metres east, metres north, kind, upstream)."""
    at, east, north, kind, upstream = (np.array(column) for column in zip(*rows, strict=True))
    lat = 11.0 + north / 111_195.0
    lon = 106.6 + east / (111_195.0 * np.cos(np.radians(11.0)))
    codes = kind.astype(np.int64)
    kinds = int(codes.max()) + 1
    found = group(at, lon, lat, codes, upstream.astype(np.int64), np.full(kinds, reach), np.full(kinds, gap))
    return [int(n) for n in found]


def test_neighbours_in_place_and_time_are_one_and_through_them_theirs() -> None:
    assert of([(0, 0, 0, 0, -1), (50, 900, 0, 0, -1), (100, 1_800, 0, 0, -1)]) == [0, 0, 0]


def test_just_beyond_reach_or_gap_is_another_matter() -> None:
    assert of([(0, 0, 0, 0, -1), (0, 1_010, 0, 0, -1)]) == [0, 1]
    assert of([(0, 0, 0, 0, -1), (61, 0, 0, 0, -1)]) == [0, 1]
    assert of([(0, 0, 0, 0, -1), (60, 990, 0, 0, -1)]) == [0, 0]


def test_cells_do_not_cut_what_belongs_together() -> None:
    """Pairs at every angle and offset, just within reach."""
    for step in range(0, 1_000, 37):
        for angle in np.linspace(0, 2 * np.pi, 13):
            other = (30.0, step + 990 * np.cos(angle), step + 990 * np.sin(angle), 0, -1)
            assert of([(0.0, step, step, 0, -1), other]) == [0, 0]


def test_kinds_and_upstreams_are_never_mixed() -> None:
    assert of([(0, 0, 0, 0, -1), (0, 0, 0, 1, -1)]) == [0, 1]
    assert of([(0, 0, 0, 0, 7), (0, 0, 0, 0, 8), (1, 90_000, 0, 0, 7)]) == [0, 1, 0]
    assert of([(0, 0, 0, 0, 7), (0, 0, 0, 0, -1)]) == [0, 1], "what hangs on a gateway is not what is only near it"


def test_a_gateway_that_fails_again_later_is_a_new_matter() -> None:
    assert of([(0, 0, 0, 0, 7), (59, 0, 0, 0, 7), (300, 0, 0, 0, 7)]) == [0, 0, 1]


def test_an_alert_without_a_place_stands_alone_and_is_not_lost() -> None:
    nan = float("nan")
    found = group(
        np.array([0.0, 1.0]), np.array([nan, nan]), np.array([nan, nan]), np.zeros(2, np.int64),
        np.full(2, -1), np.array([1e3]), np.array([60.0]),
    )  # fmt: skip
    assert found.tolist() == [0, 1]


def test_nothing_and_nonsense() -> None:
    none = np.empty(0)
    codes = np.empty(0, np.int64)
    assert group(none, none, none, codes, codes, none, none).tolist() == []
    one = np.zeros(1)
    with pytest.raises(InvalidInput):
        group(one, one, np.zeros(2), np.zeros(1, np.int64), np.full(1, -1), one, one)
    with pytest.raises(InvalidInput):
        group(one, one, one, np.array([3]), np.full(1, -1), one, one)

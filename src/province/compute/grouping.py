"""Which alerts have one cause? Grouped by what they hang on, or by place and time, never both by accident.

An alert whose source hangs on something that can fail for its kind (a gateway, a feeder, a river) belongs with the
other alerts of that kind that hang on the same, as long as they follow one another in time. An alert that hangs on
nothing known belongs with alerts of its kind that are near in place *and* time, and through them with theirs (single
linkage).
Different kinds are never one group: what they have in common, a person sees better.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_CHUNK = 2_048
_EARTH_RADIUS_M = 6_371_008.8


def group(
    at_s: Floats,
    longitude: Floats,
    latitude: Floats,
    kind: Integers,
    upstream: Integers,
    reach_m: Floats,
    gap_s: Floats,
) -> Integers:
    """The group of every alert, numbered from 0 in the order in which the groups begin.

    at_s: (n,) seconds.  longitude, latitude: (n,) degrees; NaN where the place is not known: such an alert, when it
    hangs on nothing either, is a group of its own.  kind: (n,) codes.  upstream: (n,) codes of what it hangs on,
    −1 for nothing.  reach_m, gap_s: (kinds,) the farthest and the longest apart that two alerts of a kind are linked.
    Returns: (n,) int64.  Raises: InvalidInput for columns of different lengths, or a kind without a reach.
    Distances on a plane tangent at the middle of the alerts: error below 0.1% within 100 km.
    Cost: one sort, and per group as many comparisons as there are pairs of neighbouring cells of the reach.
    """
    n = len(at_s)
    if not all(len(column) == n for column in (longitude, latitude, kind, upstream)):
        raise InvalidInput("the columns have different lengths.", field="at_s")
    if n == 0:
        return np.empty(0, np.int64)
    if kind.min() < 0 or kind.max() >= min(len(reach_m), len(gap_s)):
        raise InvalidInput("a kind has no reach.", field="kind", remedy="Give reach_m and gap_s for every code.")
    parent = np.arange(n, dtype=np.int64)
    hanging = upstream >= 0
    _chain(parent, at_s, kind, upstream, gap_s, np.flatnonzero(hanging))
    placed = ~hanging & ~np.isnan(longitude) & ~np.isnan(latitude)
    x, y = _plane(longitude, latitude, placed)
    for code in np.unique(kind[placed]):
        rows = np.flatnonzero(placed & (kind == code))
        _link(parent, rows, x, y, at_s, float(reach_m[code]), float(gap_s[code]))
    return _number(parent, at_s)


def _plane(longitude: Floats, latitude: Floats, placed: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    middle = float(latitude[placed].mean()) if placed.any() else 0.0
    scale = np.radians(1.0) * _EARTH_RADIUS_M
    return longitude * scale * np.cos(np.radians(middle)), latitude * scale


def _chain(parent: Integers, at_s: Floats, kind: Integers, upstream: Integers, gap_s: Floats, rows: Integers) -> None:
    """Alerts of one kind on one upstream, as long as each follows the one before within the gap."""
    order = rows[np.lexsort((at_s[rows], upstream[rows], kind[rows]))]
    for before, after in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        same = kind[before] == kind[after] and upstream[before] == upstream[after]
        if same and at_s[after] - at_s[before] <= gap_s[kind[after]]:
            _join(parent, before, after)


def _link(parent: Integers, rows: Integers, x: Floats, y: Floats, at_s: Floats, reach: float, gap: float) -> None:
    """Single linkage in a grid whose cells are so small that all of one cell are linked."""
    side = reach / np.sqrt(2.0)
    keys = np.stack([np.floor(x[rows] / side), np.floor(y[rows] / side), np.floor(at_s[rows] / gap)], axis=1).astype(
        np.int64
    )
    cells: dict[tuple[int, int, int], Integers] = {}
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    for cell, members in zip(unique, np.split(rows[order], np.cumsum(np.bincount(inverse))[:-1]), strict=True):
        cells[int(cell[0]), int(cell[1]), int(cell[2])] = members
        for other in members[1:].tolist():
            _join(parent, int(members[0]), other)
    for cell, members in cells.items():
        for beside in _neighbours(cell):
            others = cells.get(beside)
            if others is None or _root(parent, int(members[0])) == _root(parent, int(others[0])):
                continue
            if _near(members, others, x, y, at_s, reach, gap):
                _join(parent, int(members[0]), int(others[0]))


def _neighbours(cell: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    """Half of the cells that may hold something within reach; the other half finds this one."""
    for step in product(range(-2, 3), range(-2, 3), (-1, 0, 1)):
        if step > (0, 0, 0):
            yield cell[0] + step[0], cell[1] + step[1], cell[2] + step[2]


def _near(a: Integers, b: Integers, x: Floats, y: Floats, at_s: Floats, reach: float, gap: float) -> bool:
    """Whether any pair of the two sets is linked."""
    for start in range(0, len(a), _CHUNK):
        part = a[start : start + _CHUNK, None]
        for other in range(0, len(b), _CHUNK):
            piece = b[None, other : other + _CHUNK]
            close = (x[part] - x[piece]) ** 2 + (y[part] - y[piece]) ** 2 <= reach * reach
            if bool((close & (np.abs(at_s[part] - at_s[piece]) <= gap)).any()):
                return True
    return False


def _root(parent: Integers, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = int(parent[node])
    return node


def _join(parent: Integers, a: int, b: int) -> None:
    parent[_root(parent, b)] = _root(parent, a)


def _number(parent: Integers, at_s: Floats) -> Integers:
    roots = np.array([_root(parent, node) for node in range(len(parent))], dtype=np.int64)
    labels = np.empty(len(parent), np.int64)
    known: dict[int, int] = {}
    for node in np.argsort(at_s, kind="stable").tolist():
        labels[node] = known.setdefault(int(roots[node]), len(known))
    return labels

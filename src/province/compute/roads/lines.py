"""Lines as one network without directions: what can be dug along, where lines meet, and where places lie on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_GRID_M: Final = 0.05
"""Corners nearer than this are one."""


@dataclass(frozen=True, slots=True)
class Network:
    """tail, head: (edges,) nodes.  metres: (edges,).  line: (edges,) the line that each is a piece of.

    corners: of each edge, (n, 2) metres.  node: (places,) where each place lies, −1 when no line is near enough.
    away_m: (places,) from the place to the nearest line.  mended: ends that were joined to a line beside them.
    """

    nodes: int
    tail: Integers
    head: Integers
    metres: Floats
    line: Integers
    corners: tuple[Floats, ...]
    node: Integers
    away_m: Floats
    mended: int


def network(lines: Sequence[Floats], places: Floats, *, join_m: float = 1.0, reach_m: float = np.inf) -> Network:
    """Cut lines where they share a corner, where an end lies within `join_m` of another line, and at places.

    lines: each (n, 2) metres, n ≥ 2.  places: (places, 2).  reach_m: a place farther from every line has no node.
    Lines that cross without a common corner are bridges: they do not meet.  Raises: InvalidInput without lines.
    """
    if not lines:
        raise InvalidInput("there are no lines.", field="lines", remedy="Give roads as lines.")
    shapes = shapely.linestrings([c for line in lines for c in line], indices=np.repeat(
        np.arange(len(lines)), [len(line) for line in lines]))  # fmt: skip
    tree = shapely.STRtree(shapes)
    cuts: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    mended = _mend(lines, shapes, tree, cuts, join_m)
    places = np.asarray(places, np.float64).reshape(-1, 2)
    spots, away, near = shapely.points(places), np.full(len(places), np.inf), np.full(len(places), -1)
    if len(places):
        near = np.asarray(tree.nearest(spots), np.int64)
        away = np.asarray(shapely.distance(spots, shapes[near]), np.float64)
    on = np.full((len(places), 2), np.nan)
    for i in np.flatnonzero(away <= reach_m):
        line = int(near[i])
        along, x, y = _at(lines[line], shapes[line], spots[i])
        on[i] = x, y
        cuts[line].append((along, x, y))
    return _cut(lines, cuts, on, away, mended)


def _mend(
    lines: Sequence[Floats], shapes: npt.NDArray[np.object_], tree: shapely.STRtree,
    cuts: dict[int, list[tuple[float, float, float]]], join_m: float,
) -> int:  # fmt: skip
    """Let loose ends cut the line beside them, at the end's own place."""
    keys = _keys(np.vstack(lines))
    _, at, uses = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    shared = uses[at.reshape(-1)] > 1
    last = np.cumsum([len(line) for line in lines]) - 1
    first = np.concatenate([[0], last[:-1] + 1])
    loose = [(i, 0) for i in np.flatnonzero(~shared[first]).tolist()]
    loose += [(i, -1) for i in np.flatnonzero(~shared[last]).tolist()]
    if not loose:
        return 0
    ends = np.array([lines[i][end] for i, end in loose])
    found: dict[int, tuple[float, int]] = {}
    pairs = tree.query(shapely.points(ends), predicate="dwithin", distance=join_m)
    for k, other in zip(*pairs.tolist(), strict=True):
        if other != loose[k][0]:
            near = float(shapely.distance(shapely.points(ends[k]), shapes[other]))
            found[k] = min(found.get(k, (np.inf, -1)), (near, other))
    for k, (_, other) in found.items():
        x, y = ends[k]
        cuts[other].append((float(shapely.line_locate_point(shapes[other], shapely.points(ends[k]))), x, y))
    return len(found)


def _at(line: Floats, shape: shapely.Geometry, spot: shapely.Geometry) -> tuple[float, float, float]:
    along = float(shapely.line_locate_point(shape, spot))
    point = shapely.line_interpolate_point(shape, along)
    return along, float(point.x), float(point.y)


def _cut(
    lines: Sequence[Floats], cuts: dict[int, list[tuple[float, float, float]]], on: Floats, away: Floats, mended: int
) -> Network:
    whole: list[Floats] = []
    forced: list[npt.NDArray[np.bool_]] = []
    for i, line in enumerate(lines):
        corners, force = np.asarray(line, np.float64), np.zeros(len(line), np.bool_)
        force[[0, -1]] = True
        if i in cuts:
            along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
            more = np.array(cuts[i])
            order = np.argsort(np.concatenate([along, more[:, 0]]), kind="stable")
            corners = np.vstack([corners, more[:, 1:]])[order]
            force = np.concatenate([force, np.ones(len(more), np.bool_)])[order]
        whole.append(corners)
        forced.append(force)
    keys = _keys(np.vstack([*whole, np.nan_to_num(on)]))
    _, name, uses = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    name = name.reshape(-1)
    corners_in = sum(len(c) for c in whole)
    uses = np.bincount(name[:corners_in], minlength=len(uses))
    tail, head, of, parts = [], [], [], []
    before = 0
    for i, corners in enumerate(whole):
        mine = name[before : before + len(corners)]
        before += len(corners)
        at = np.flatnonzero(forced[i] | (uses[mine] > 1))
        for a, b in pairwise(at.tolist()):
            if mine[a] != mine[b]:
                tail.append(int(mine[a]))
                head.append(int(mine[b]))
                of.append(i)
                parts.append(corners[a : b + 1])
    metres = np.array([float(np.hypot(*np.diff(p, axis=0).T).sum()) for p in parts])
    used, packed = np.unique(np.array(tail + head, np.int64), return_inverse=True)
    names = np.full(len(uses), -1, np.int64)
    names[used] = np.arange(len(used))
    node = np.where(np.isfinite(on[:, 0]), names[name[corners_in:]], -1)
    return Network(
        len(used), packed[: len(tail)].astype(np.int64), packed[len(tail) :].astype(np.int64), metres,
        np.array(of, np.int64), tuple(parts), node, away, mended,
    )  # fmt: skip


def _keys(corners: Floats) -> Integers:
    return np.round(corners / _GRID_M).astype(np.int64)

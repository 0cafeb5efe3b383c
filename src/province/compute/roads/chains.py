"""A network of lines with as few pieces as its crossings allow: what lies between two crossings is one piece."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from province.compute.roads.lines import Floats, Network

Integers = npt.NDArray[np.int64]


def chains(network: Network, keep: Integers) -> Network:
    """Join pieces where only two meet, drop dead ends, and what leads back to where it began.

    keep: nodes that stay whatever meets there; `node` of the network is carried over.  Of two pieces between the same
    nodes both stay: they are two ways.  `line` is that of the first piece of a chain.
    """
    kept = np.zeros(network.nodes, np.bool_)
    kept[keep[keep >= 0]] = True
    around: dict[int, set[int]] = defaultdict(set)
    ends = {e: (int(t), int(h)) for e, (t, h) in enumerate(zip(network.tail, network.head, strict=True))}
    metres = {e: float(m) for e, m in enumerate(network.metres)}
    corners: dict[int, Floats] = dict(enumerate(network.corners))
    for e, (t, h) in ends.items():
        around[t].add(e)
        around[h].add(e)
    waiting = [v for v in sorted(around) if not kept[v]]
    while waiting:
        v = waiting.pop()
        mine = sorted(around[v])
        if len(mine) == 1:
            other = _other(ends[mine[0]], v)
            for node in (v, other):
                around[node].discard(mine[0])
            del ends[mine[0]], metres[mine[0]], corners[mine[0]]
            if not kept[other]:
                waiting.append(other)
        elif len(mine) == 2:
            first, second = mine
            a, b = _other(ends[first], v), _other(ends[second], v)
            for node, e in ((a, first), (v, first), (v, second), (b, second)):
                around[node].discard(e)
            if a != b:
                corners[first] = np.vstack([_towards(corners[first], ends[first], v),
                                            _towards(corners[second], ends[second], b)[1:]])  # fmt: skip
                metres[first] += metres[second]
                ends[first] = (a, b)
                around[a].add(first)
                around[b].add(first)
            else:
                del ends[first], metres[first], corners[first]
                if not kept[a]:
                    waiting.append(a)
            del ends[second], metres[second], corners[second]
    order = sorted(ends)
    used = np.unique(np.array([*(v for e in order for v in ends[e]), *keep[keep >= 0]], np.int64))
    name = np.full(network.nodes + 1, -1, np.int64)
    name[used] = np.arange(len(used))
    return Network(
        len(used), name[np.array([ends[e][0] for e in order], np.int64)],
        name[np.array([ends[e][1] for e in order], np.int64)], np.array([metres[e] for e in order]),
        network.line[order] if order else network.line[:0], tuple(corners[e] for e in order), name[network.node],
        network.away_m, network.mended,
    )  # fmt: skip


def _other(ends: tuple[int, int], v: int) -> int:
    return ends[1] if ends[0] == v else ends[0]


def _towards(corners: Floats, ends: tuple[int, int], goal: int) -> Floats:
    """The corners so that they end at a node."""
    return corners if ends[1] == goal else corners[::-1]

"""Moving means over whole buckets of time, for many sources at once.

The mean over the last `width` buckets is the mean of the means of those buckets that have readings, the current one
included as far as it has come. So a source that reports more often in one hour than in the next does not weigh that
hour more. Fewer than `least` buckets with readings give no mean at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Buckets:
    """State of the sources. number: (sources, width) which bucket a column holds, −1 for none.  total, count alike."""

    number: Ints
    total: Floats
    count: Ints

    @staticmethod
    def empty(sources: int, width: int) -> Buckets:
        """No readings yet."""
        return Buckets(
            np.full((sources, width), -1, np.int64), np.zeros((sources, width)), np.zeros((sources, width), np.int64)
        )

    def take(self, rows: Ints) -> Buckets:
        """The states of some sources, copied."""
        return Buckets(self.number[rows], self.total[rows], self.count[rows])

    def changed(self, former: Buckets) -> tuple[Ints, Ints]:
        """(sources, columns) of the buckets that are not what they were."""
        differs = (self.number != former.number) | (self.count != former.count) | (self.total != former.total)
        rows, columns = np.nonzero(differs)
        return rows, columns

    def put(self, rows: Ints, other: Buckets) -> None:
        """Set the states of some sources."""
        self.number[rows], self.total[rows], self.count[rows] = other.number, other.total, other.count


def means(source: Ints, at_us: Ints, value: Floats, state: Buckets, *, bucket_us: int, least: int) -> Floats:
    """The moving mean after each reading; NaN with fewer than `least` buckets. `state` is brought forward in place.

    source: (n,) row of `state`, in groups.  at_us: (n,) ascending inside a group.  value: (n,) finite.
    A reading older than the newest bucket counts in its own bucket, if that is still in the window.
    """
    count, width = len(source), state.number.shape[1]
    result = np.full(count, np.nan)
    if not count:
        return result
    bucket = at_us // bucket_us
    head = np.ones(count, np.bool_)
    head[1:] = (source[1:] != source[:-1]) | (bucket[1:] != bucket[:-1])
    begin = np.flatnonzero(head)
    end = np.append(begin[1:], count)
    owner, number = source[begin], bucket[begin]
    fresh = np.ones(len(begin), np.bool_)
    fresh[1:] = owner[1:] != owner[:-1]
    order = np.arange(len(begin))
    rank = order - np.maximum.accumulate(np.where(fresh, order, 0))
    group = np.repeat(order, end - begin)
    seen = np.arange(count) - begin[group] + 1
    total = _running_sums(value, seen)
    by_rank = np.argsort(rank, kind="stable")
    edges = np.searchsorted(rank[by_rank], np.arange(rank.max() + 2))
    for n in range(len(edges) - 1):
        groups = by_rank[edges[n] : edges[n + 1]]
        base, hours, carried, carried_n = _enter(state, owner[groups], number[groups], width)
        rows = _rows(begin[groups], end[groups])
        local = np.repeat(np.arange(len(groups)), end[groups] - begin[groups])
        current = (carried[local] + total[rows]) / (carried_n[local] + seen[rows])
        enough = hours[local] + 1 >= least
        result[rows] = np.where(enough, (base[local] + current) / (hours[local] + 1), np.nan)
        _leave(state, owner[groups], number[groups], width, total[end[groups] - 1], end[groups] - begin[groups])
    return result


def _enter(state: Buckets, owner: Ints, number: Ints, width: int) -> tuple[Floats, Ints, Floats, Ints]:
    """Sum of the means of the other buckets in the window, how many they are, and what this bucket holds already."""
    numbers, totals, counts = state.number[owner], state.total[owner], state.count[owner]
    newest = np.maximum(numbers.max(axis=1), number)
    valid = (numbers > (newest - width)[:, None]) & (numbers != number[:, None]) & (counts > 0)
    base = np.where(valid, totals / np.maximum(counts, 1), 0.0).sum(axis=1)
    same = numbers == number[:, None]
    carried = np.where(same, totals, 0.0).sum(axis=1)
    carried_n = np.where(same, counts, 0).sum(axis=1)
    return base, valid.sum(axis=1), carried, carried_n


def _leave(state: Buckets, owner: Ints, number: Ints, width: int, total: Floats, count: Ints) -> None:
    """Add a group of readings to its bucket, unless the window has moved beyond it."""
    column = number % width
    held = state.number[owner, column]
    keep = number >= held
    owner, number, column, held = owner[keep], number[keep], column[keep], held[keep]
    same = held == number
    state.total[owner, column] = np.where(same, state.total[owner, column], 0.0) + total[keep]
    state.count[owner, column] = np.where(same, state.count[owner, column], 0) + count[keep]
    state.number[owner, column] = number


def _running_sums(value: Floats, place: Ints) -> Floats:
    """Sum of each group up to each of its readings, by doubling: no number of one group enters another, so that a
    source gone mad (1e300) cannot swallow the digits of its neighbours. place: 1 for the first reading of a group."""
    total, reach, longest = value.copy(), 1, int(place.max())
    while reach < longest:
        shifted = np.where(place[reach:] > reach, total[:-reach], 0.0)
        total[reach:] += shifted
        reach *= 2
    return total


def _rows(begin: Ints, end: Ints) -> Ints:
    lengths = end - begin
    offsets = np.repeat(begin - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.arange(int(lengths.sum())) + offsets

"""Limits that readings cross: levels with hysteresis, which must last, over arrays of readings of many sources.

Every limit is a latch. It closes when the value has been at or beyond the limit for `readings` readings in a row that
span at least `lasts_us`, and opens when the value has been back inside by more than the hysteresis for as long. The
level of a source is the highest closed latch, counted from 1; 0 is normal. A value between the two (or no number at
all) breaks both runs and changes nothing.

`evaluate` takes readings in the order of (source, time) and gives the level after each of them, in a fixed number of
array operations whatever the number of readings. However a series is cut into batches, the levels are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Latches:
    """State of the sources: one row per source, one column per limit.

    closed: (sources, limits) bool.  beyond, inside: length of the current run at or beyond the limit, or back inside,
    counted up to `readings`.  beyond_us, inside_us: time of the run's first reading.
    A run that cannot matter is kept at 0 (of an open latch only the run beyond can, of a closed one only the run
    inside; with a single reading none), so that a source far from every limit has the state of a new one.
    """

    closed: Bools
    beyond: Ints
    beyond_us: Ints
    inside: Ints
    inside_us: Ints

    @staticmethod
    def empty(sources: int, limits: int) -> Latches:
        """All open, no runs."""
        return Latches(
            np.zeros((sources, limits), np.bool_), *(np.zeros((sources, limits), np.int64) for _ in range(4))
        )

    def take(self, rows: Ints) -> Latches:
        """The states of some sources, copied."""
        return Latches(
            self.closed[rows], self.beyond[rows], self.beyond_us[rows], self.inside[rows], self.inside_us[rows]
        )

    def put(self, rows: Ints, other: Latches) -> None:
        """Set the states of some sources."""
        for name in ("closed", "beyond", "beyond_us", "inside", "inside_us"):
            getattr(self, name)[rows] = getattr(other, name)

    @property
    def level(self) -> Ints:
        """(sources,): highest closed latch, from 1; 0 is normal."""
        return _level(self.closed)

    def differs(self, other: Latches) -> Bools:
        """(sources,): where two states are not equal."""
        result = np.zeros(len(self.closed), np.bool_)
        for name in ("closed", "beyond", "beyond_us", "inside", "inside_us"):
            result |= (getattr(self, name) != getattr(other, name)).any(axis=1)
        return result


@dataclass(frozen=True, slots=True)
class Levels:
    """What `evaluate` found, per reading. before, after: level.  since_us: when the run began that led to `after`."""

    before: Ints
    after: Ints
    since_us: Ints


def evaluate(
    source: Ints,
    at_us: Ints,
    value: Floats,
    limits: Floats,
    hysteresis: Floats,
    state: Latches,
    *,
    readings: int = 1,
    lasts_us: int = 0,
) -> tuple[Levels, Latches]:
    """Levels after each reading, and the states afterwards (a new object; `state` is left as it is).

    source: (n,) row of `state`, in groups.  at_us: (n,) ascending inside a group.  value: (n,), NaN where unknown.
    limits: (n, limits), ascending along the row; NaN where there is no such limit.  hysteresis: (n,), ≥ 0.
    Values at or above a limit are beyond it: for limits that count downwards, give all with the sign changed.
    """
    count, width = len(source), state.closed.shape[1]
    place = np.arange(count)
    first = np.ones(count, np.bool_)
    first[1:] = source[1:] != source[:-1]
    start = np.maximum.accumulate(np.where(first, place, 0))
    last = np.append(np.flatnonzero(first)[1:] - 1, count - 1) if count else place
    after = np.zeros((count, width), np.bool_)
    since = np.zeros((count, width), np.int64)
    following = state.take(np.arange(len(state.closed)))
    touched = source[last] if count else source
    counted = readings > 1 or lasts_us > 0
    for limit in range(width):
        beyond = value >= limits[:, limit]
        inside = value < limits[:, limit] - hysteresis
        signals = []
        for runs, starts, hit in (
            (state.beyond[:, limit], state.beyond_us[:, limit], beyond),
            (state.inside[:, limit], state.inside_us[:, limit], inside),
        ):
            length, begun = _runs(hit, place, start, at_us, runs[source], starts[source], readings)
            signals.append((hit & (length >= readings) & (at_us - begun >= lasts_us), length, begun))
        (closing, beyond_n, beyond_t), (opening, inside_n, inside_t) = signals
        decided = np.maximum.accumulate(np.where(closing | opening, place, -1))
        own = decided >= start
        after[:, limit] = np.where(own, closing[np.maximum(decided, 0)], state.closed[source, limit])
        since[:, limit] = np.where(after[:, limit], beyond_t, inside_t)
        following.closed[touched, limit] = after[last, limit]
        if counted:
            shut = after[last, limit]
            for name, runs, begun, matters in (
                ("beyond", beyond_n, beyond_t, ~shut),
                ("inside", inside_n, inside_t, shut),
            ):
                going = matters & (runs[last] > 0)
                getattr(following, name)[touched, limit] = np.where(going, np.minimum(runs[last], readings), 0)
                getattr(following, f"{name}_us")[touched, limit] = np.where(going, begun[last], 0)
    level = _level(after)
    before = np.empty_like(level)
    before[1:] = level[:-1]
    before[first] = state.level[source[first]]
    # Going up, the run of the limit reached matters; going down, that of the lowest limit left.
    which = np.where(level > before, level - 1, level)
    which = np.clip(which, 0, max(width - 1, 0))
    begun = since[place, which] if width else np.zeros(count, np.int64)
    return Levels(before, level, begun), following


def _runs(
    hit: Bools, place: Ints, start: Ints, at_us: Ints, carried: Ints, carried_us: Ints, readings: int
) -> tuple[Ints, Ints]:
    """Length of the run that ends at each reading, and the time of its first reading; a run goes on over batches."""
    broken = np.maximum.accumulate(np.where(hit, -1, place))
    within = broken >= start
    whole = np.where(within, place - broken, place - start + 1 + carried)
    length = np.where(hit, whole, 0)
    head = np.where(within, np.minimum(broken + 1, len(place) - 1), start)
    begun = at_us[head] if len(place) else at_us
    kept = ~within & (carried > 0)
    begun = np.where(kept, carried_us, begun)
    return length, begun


def _level(closed: Bools) -> Ints:
    width = closed.shape[1]
    level: Ints = (closed * np.arange(1, width + 1, dtype=np.int64)).max(axis=1, initial=0)
    return level

"""Dual ascent made better: what some terminals raised is given back and raised again in another order.

The bound of dual ascent depends on the order in which terminals raise prices. Near a terminal the raises of a few are
taken back, and all terminals go on from there with other sizes for their turns; what is no lower is kept. Every state
is prices ≥ 0 of sets under the costs of the arcs, so every value is a bound (local search; no claim how near it comes
to the best such prices).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from province.compute.network.ascending import ascent
from province.compute.network.graph import Floats, Graph, Integers, neighbourhood

Bools = npt.NDArray[np.bool_]
_ROOM: Final = 8_000_000
"""For so many arcs of sets; raises that find no room are not taken back."""


class Lifting:
    """value: what every tree costs at least.  left: (2, edges) what each arc adds to that.  root: of all trees."""

    def __init__(self, graph: Graph, terminal: Bools, root: int, cost: Floats | None = None) -> None:
        """cost: (2, edges) of the arcs, infinite where there is none, written; None: of the edges, both ways."""
        self.graph, self.terminal, self.root = graph, terminal, root
        self._others = np.flatnonzero(terminal & (np.arange(graph.nodes) != root))
        self._degree = np.diff(graph.start)
        self.left = np.stack([graph.cost, graph.cost]) if cost is None else cost
        self.value, self._member, self._first, self._who, self._much = self._raise(self.left, self._degree, 1.25, _ROOM)

    def lift(self, random: np.random.Generator) -> None:
        """Try once."""
        graph, few = self.graph, int(random.choice([2, 4, 8, 16]))
        start = int(random.choice(self._others))
        near = neighbourhood(graph.start, graph.neighbour, self.terminal, start, few, self.root)
        back = near[self._who]
        if random.random() < 0.5:  # only what was raised last
            back &= np.arange(len(back)) >= 0.7 * len(back)
        lengths = np.diff(self._first)
        gone = np.repeat(back, lengths)
        left = self.left.copy()
        left += np.bincount(self._member[gone], np.repeat(self._much[back], lengths[back]), left.size).reshape(2, -1)
        size = self._degree
        if random.random() < 0.5:
            size = random.integers(0, 100_000, graph.nodes)
        if random.random() < 0.5:
            size = np.where(near, 1_000_000, size)
        room = _ROOM - int(len(gone) - gone.sum())
        more, *told = self._raise(left, size, float(random.choice([1.0, 1.25, 2.0])), room)
        value = self.value - float(self._much[back].sum()) + more
        if value < self.value - 1e-9:
            return
        self.value, self.left = value, left
        self._member = np.concatenate([self._member[~gone], told[0]])
        self._first = np.concatenate([[0], np.cumsum(np.concatenate([lengths[~back], np.diff(told[1])]))])
        self._who = np.concatenate([self._who[~back], told[2]])
        self._much = np.concatenate([self._much[~back], told[3]])

    def _raise(
        self, left: Floats, size: Integers, factor: float, room: int
    ) -> tuple[float, Integers, Integers, Integers, Floats]:
        one = self.graph
        told: tuple[float, Integers, Integers, Integers, Floats] = ascent(
            one.start, one.neighbour, one.edge, left, self.terminal, self.root, 2**62, max(room, 0), size, factor
        )
        return told

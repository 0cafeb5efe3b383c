"""The Steiner tree: terminals of a graph joined at the least cost.

Few terminals are joined exactly, by dynamic programming over their subsets (Dreyfus and Wagner 1971).

What a tree can do without is left out first, and again whenever a bound shows that a better tree cannot use it
(`reducing`). Lower bound: dual ascent from several roots (`ascending`), then local search on it (`lifting`). Upper
bound: the shortest-path heuristic (H. Takahashi, A. Matsuyama, Mathematica Japonica 24, 1980) on what dual ascent left,
on perturbed costs and on the edges of some trees that are known; each tree is changed while that helps, and costs
around a place are perturbed for a while to get out of where nothing helps (`exchanging`); in small graphs nodes are put
in and key nodes taken out (`growing`).
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from province.compute.claim import Certified
from province.compute.network import reducing
from province.compute.network.ascending import ascent
from province.compute.network.exchanging import exchange, wander
from province.compute.network.graph import Floats, Graph, Integers, build
from province.compute.network.growing import improve, paths, spanning
from province.compute.network.lifting import Lifting
from province.errors import InvalidInput

Bools = npt.NDArray[np.bool_]
_CELLS: Final = 20_000_000
_STEPS: Final = 2_000_000_000
"""Up to this size the exact method takes a few seconds and 250 MB."""
_ASCENTS: Final = 12
_POOL: Final = 24
_TRIES: Final = 12
_LIFTS: Final = 20
_SMALL: Final = 3_000
_WORK: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tree(Certified):
    """edges: places in the graph, ascending.  cost: their sum.  bound: no tree costs less."""

    edges: Integers
    cost: float
    bound: float


def solve(graph: Graph, terminals: Integers, *, rounds: int = 600, seconds: float = 10.0, seed: int = 0) -> Tree:
    """Join the terminals.

    rounds: of the search, at most, within `seconds` of wall time; a plan that ended by its rounds can be repeated.
    Raises: InvalidInput naming a terminal that cannot be reached.
    """
    wanted = np.unique(np.asarray(terminals, np.int64))
    if not len(wanted) or wanted[0] < 0 or wanted[-1] >= graph.nodes:
        raise InvalidInput(f"{len(wanted)} terminals of {graph.nodes} nodes.", field="terminals")
    if len(wanted) == 1:
        return Tree(np.zeros(0, np.int64), 0.0, 0.0)
    end = time.monotonic() + seconds
    parts = (graph.start, graph.neighbour, graph.edge, graph.cost)
    ends = (graph.tail, graph.head)
    is_terminal = np.zeros(graph.nodes, np.bool_)
    is_terminal[wanted] = True
    inside = paths(*parts, graph.cost, is_terminal, int(wanted[0]))
    if not inside[wanted].all():
        lost = wanted[~inside[wanted]]
        raise InvalidInput(
            f"{len(lost)} of {len(wanted)} terminals cannot be reached from terminal {wanted[0]}, such as {lost[0]}.",
            field="terminals", remedy="Join the parts of the network, or plan each part by itself.",
        )  # fmt: skip
    few = len(wanted) - 1
    if 2**few * graph.nodes <= _CELLS and 3**few * graph.nodes <= _STEPS:
        exact = _exact(*parts, *ends, wanted)
        total = float(graph.cost[exact].sum())
        return Tree(exact, total, total)
    search = _Search(graph, is_terminal, seed)
    for n in range(max(1, rounds)):
        if search.proved or (n and time.monotonic() > end):
            break
        search.step(n)
    return search.tree()


def prepare() -> None:
    """Compile the kernels, which takes seconds the first time and then is kept on disk: before time is counted."""
    side = 7
    node = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    head = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    grid = build(side * side, tail, head, np.random.default_rng(0).uniform(1.0, 2.0, len(tail)))
    solve(grid, node.ravel()[::2], rounds=_ASCENTS + 3, seconds=np.inf)
    solve(grid, node.ravel()[:3])


class _Search:
    """Trees, a bound and a core that shrinks as they come nearer to each other."""

    def __init__(self, graph: Graph, is_terminal: Bools, seed: int) -> None:
        self.graph = graph
        self.random = np.random.default_rng(seed)
        self.pure = bool((graph.cost == np.floor(graph.cost)).all())
        self.best, self.edges, self.bound = np.inf, np.zeros(0, np.int64), 0.0
        self.pool: dict[bytes, tuple[float, Integers]] = {}
        self.dual: Lifting | None = None
        self._set(reducing.spare(reducing.fold(reducing.begin(graph, is_terminal), np.ones(len(graph.cost), np.bool_))))

    @property
    def proved(self) -> bool:
        """Whether no tree is cheaper than the best one."""
        return self.bound >= self.best - 1e-9 * max(1.0, self.best)

    def tree(self) -> Tree:
        """The best tree."""
        edges = np.sort(self.edges)
        cost = float(self.graph.cost[edges].sum())
        return Tree(edges, cost, cost if self.proved else min(self.bound, cost))

    def step(self, n: int) -> None:
        """One round: a bound, a tree beside it, and search around the trees that are known."""
        if n < _ASCENTS:
            self._ascend()
        elif not self.proved:
            self._raise()
            if n % 8 == 0 and self.dual is not None:
                self._narrow(self.dual.value, self.dual.left, self.dual.root, 0.8)
        if n % 3 == 0 and not self.proved:
            noise = self.graph_cost * self.random.uniform(1.0, 1.0 + self.random.choice([0.15, 0.4, 1.0]), self.width)
            self._grow(noise)
        if n % 3 == 2 and len(self.pool) > 2 and not self.proved:
            self._recombine()
        if not self.proved:
            self._wander()

    def _set(self, core: reducing.Core) -> None:
        self.core, self.dual = core, None
        one = core.graph
        self.parts = (one.start, one.neighbour, one.edge)
        self.graph_cost, self.width = one.cost, len(one.cost)
        self.fixed = float(self.graph.cost[core.fixed].sum())
        if core.done:
            self._keep(np.zeros(self.width, np.bool_))
            self.bound = self.best

    def _keep(self, inside: Bools) -> None:
        """A tree of the core."""
        edges = self.core.whole(np.flatnonzero(inside))
        cost = float(self.graph.cost[edges].sum())
        self.pool[np.sort(edges).tobytes()] = (cost, edges)
        if len(self.pool) > _POOL:
            del self.pool[max(self.pool, key=lambda key: self.pool[key][0])]
        if cost < self.best - 1e-9:
            self.best, self.edges = cost, edges
        self._lift(self.bound)

    def _lift(self, bound: float) -> None:
        """What every tree costs at least, unless it is the best one."""
        if self.pure:
            bound = float(np.ceil(bound - 1e-6))
        self.bound = min(max(self.bound, bound), self.best)

    def _ascend(self) -> None:
        cost = self.graph_cost
        left = np.stack([cost, cost])
        root = self._terminal()
        turn = np.diff(self.core.graph.start)
        value = ascent(*self.parts, left, self.core.terminal, root, 2**62, 0, turn, 1.25)[0]
        self._lift(self.fixed + value)
        # Inside what dual ascent left for nothing a tree is nearly optimal; a little of the cost breaks ties.
        self._grow(np.minimum(left[0], left[1]) + 1e-3 * cost, root)
        self._narrow(value, left, root)

    def _raise(self) -> None:
        """The bound made better, and now and then a tree beside it."""
        if self.dual is None:
            self.dual = Lifting(self.core.graph, self.core.terminal, self._terminal())
        before = self.dual.value
        for _ in range(_LIFTS):
            self.dual.lift(self.random)
        self._lift(self.fixed + self.dual.value)
        if self.dual.value > before and not self.proved:
            self._grow(self.dual.left.min(axis=0) + 1e-3 * self.graph_cost, self.dual.root)

    def _terminal(self) -> int:
        """Any of the core's."""
        return int(self.random.choice(np.flatnonzero(self.core.terminal)))

    def _narrow(self, value: float, left: Floats, root: int, least: float = 0.98) -> None:
        """Go on with what a tree better than the best may use."""
        if self.proved:
            return
        most = self.best - (1.0 - 1e-6 if self.pure else -1e-9 * self.best) - self.fixed
        one, terminal = self.core.graph, self.core.terminal
        kept: Bools = np.any(reducing.within(one, terminal, value, left, root, most), axis=0)
        if not reducing.joins(self.core, kept):
            self.bound = self.best
        elif kept.sum() < least * len(kept):
            self._set(reducing.spare(reducing.fold(self.core, kept)))

    def _grow(self, use: Floats, root: int | None = None) -> None:
        """A tree along shortest paths by other costs, made better by the true ones."""
        one = self.core.graph
        if root is None:
            root = self._terminal()
        nodes = paths(*self.parts, one.cost, use, self.core.terminal, root)
        inside = self._spanned(nodes)
        if inside is not None:
            todo = self.random.permutation(np.flatnonzero(nodes))
            exchange(*self.parts, one.tail, one.head, one.cost, self.core.terminal, inside, todo, _WORK)
            self._keep(self._inserted(inside))

    def _spanned(self, nodes: Bools) -> Bools | None:
        """The spanning tree of some nodes of the core, without useless ends; None when they are not connected."""
        one = self.core.graph
        back, back_edge = np.empty(one.nodes, np.int64), np.empty(one.nodes, np.int64)
        root = int(np.flatnonzero(self.core.terminal)[0])
        total = spanning(*self.parts, one.cost, self.core.terminal, nodes, root, back, back_edge)
        if not np.isfinite(total):
            return None
        inside = np.zeros(self.width, np.bool_)
        inside[back_edge[back_edge >= 0]] = True
        return inside

    def _inserted(self, inside: Bools) -> Bools:
        """With nodes put in and taken out where the core is small enough for it."""
        one = self.core.graph
        if one.nodes > _SMALL:
            return inside
        nodes = self._nodes(inside)
        _, edges = improve(*self.parts, one.cost, one.tail, one.head, self.core.terminal, nodes)
        found = np.zeros(self.width, np.bool_)
        found[edges] = True
        return found

    def _nodes(self, inside: Bools) -> Bools:
        nodes = self.core.terminal.copy()
        nodes[self.core.graph.tail[inside]] = True
        nodes[self.core.graph.head[inside]] = True
        return nodes

    def _known(self, edges: Integers) -> Bools:
        """Edges of the core that a tree of the whole graph has."""
        mine = np.zeros(len(self.graph.cost), np.bool_)
        mine[edges] = True
        inside: Bools = np.logical_and.reduceat(mine[self.core.member], self.core.first[:-1])
        return inside

    def _recombine(self) -> None:
        """A tree of the edges of some trees that are known."""
        pool = list(self.pool.values())
        use = self.graph_cost * 1000.0
        for k in self.random.choice(len(pool), min(len(pool), int(self.random.integers(2, 7))), replace=False):
            chosen = self._known(pool[int(k)][1])
            use[chosen] = self.graph_cost[chosen] * self.random.uniform(1.0, 1.2, int(chosen.sum()))
        self._grow(use)

    def _wander(self) -> None:
        """Search around the best tree that the core still has."""
        one = self.core.graph
        for _, edges in sorted(self.pool.values(), key=lambda tree: tree[0]):
            inside = self._spanned(self._nodes(self._known(edges)))
            if inside is not None:
                tries, seed = _TRIES, int(self.random.integers(2**31))
                wander(*self.parts, one.tail, one.head, one.cost, self.core.terminal, inside, tries, seed)
                self._keep(inside)
                return


@numba.njit(cache=True)
def _exact(start, neighbour, edge, cost, tail, head, terminals):
    """Edges of a least tree. best[set, v]: the least tree that joins a set of terminals and v."""
    nodes, few = len(start) - 1, len(terminals) - 1
    sets = 1 << few
    best = np.full((sets, nodes), np.inf)
    how = np.zeros((sets, nodes), np.int32)  # > 0: two trees meet here, one of this set; < 0: comes along this edge
    for t in range(few):
        best[1 << t, terminals[t]] = 0.0
    for mask in range(1, sets):
        low = mask & -mask
        rest = mask ^ low
        part = rest
        while part > 0:  # the half that does not hold the lowest terminal
            other = mask ^ part
            for v in range(nodes):
                together = best[part, v] + best[other, v]
                if together < best[mask, v]:
                    best[mask, v] = together
                    how[mask, v] = part
            part = (part - 1) & rest
        heap = [(0.0, 0)]
        heap.pop()
        for v in range(nodes):
            if best[mask, v] < np.inf:
                heap.append((best[mask, v], v))  # noqa: PERF401 - compiled, where a comprehension is slower
        heapq.heapify(heap)
        while len(heap) > 0:
            d, v = heapq.heappop(heap)
            if d > best[mask, v]:
                continue
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                now = d + cost[edge[k]]
                if now < best[mask, u]:
                    best[mask, u] = now
                    how[mask, u] = -(edge[k] + 1)
                    heapq.heappush(heap, (now, u))
    used = np.zeros(len(cost), np.bool_)
    stack = [(sets - 1, terminals[few])]
    while len(stack) > 0:
        mask, v = stack.pop()
        step = how[mask, v]
        if step < 0:
            e = -step - 1
            used[e] = True
            stack.append((mask, tail[e] + head[e] - v))
        elif step > 0:
            stack.append((int(step), v))
            stack.append((mask ^ int(step), v))
    return np.flatnonzero(used)

"""Modular capacity: what to add to links so that all demand is carried, whichever fails, at the least cost.

Demand may be split over several routes. When something fails all of it is routed anew over what is left (restoration):
that needs no more capacity than protection by fixed second paths, which may need more.

Cutting planes over whole numbers of modules: for any lengths of links, capacity times length covers demand times
distance (the inequality of metrics; M. Iri 1971, K. Onaga, O. Kakusho 1971). A state in which a plan cannot carry all
demand gives such lengths by a linear programme, and they are tried in every other state too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from province.compute.claim import Certified
from province.compute.siting import highs
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_LITTLE: Final = 1e-6
_MOST: Final = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Network:
    """tail, head: (links,) nodes.  installed: (links,) capacity that is there.  price: (links, modules) of one more.

    size: (modules,) capacity of each.  most: (links, modules) how many of each may be added.  room: (links,) capacity
    that may be added in all, infinite without a limit.
    """

    nodes: int
    tail: Integers
    head: Integers
    installed: Floats
    size: Floats
    price: Floats
    most: Floats
    room: Floats


@dataclass(frozen=True, slots=True)
class Demand:
    """source, sink: (demands,) nodes.  amount: (demands,) ≥ 0, in the unit of capacity, both ways alike."""

    source: Integers
    sink: Integers
    amount: Floats


@dataclass(frozen=True, slots=True)
class Plan(Certified):
    """added: (links, modules) whole numbers.  cost: their price.  bound: no plan costs less.

    flows: per state (nothing failed, then each failure): (sources, 2 · links) what leaves each source along every
    link, first as drawn, then back.
    """

    added: Integers
    cost: float
    bound: float
    proved: bool
    flows: tuple[Floats, ...]


class _Task:
    """The network in every state."""

    def __init__(self, network: Network, demand: Demand, failures: Sequence[Iterable[int]], failed: float) -> None:
        self.network = network
        self.scale = np.array([1.0, *(failed for _ in failures)])
        self.links = len(network.tail)
        self.gone = [np.zeros(self.links, np.bool_) for _ in range(len(failures) + 1)]
        for state, links in zip(self.gone[1:], failures, strict=True):
            state[np.array(list(links), np.int64)] = True
        self.sources = np.unique(demand.source)
        self.wanted = np.zeros((len(self.sources), network.nodes))
        self.most = float(demand.amount.sum())
        self.slack = 1e-5 * max(1.0, self.most)
        np.add.at(self.wanted, (np.searchsorted(self.sources, demand.source), demand.sink), demand.amount)
        self._conserve()

    def _conserve(self) -> None:
        """Rows of the flow of one source: what enters a node less what leaves it, at every node but the source."""
        network, links = self.network, self.links
        tail, head = network.tail, network.head
        column = np.arange(links)
        self.balance = sp.csr_array(
            (
                np.concatenate([np.ones(links), -np.ones(links), np.ones(links), -np.ones(links)]),
                (np.concatenate([head, tail, tail, head]), np.concatenate([column, column, column + links,
                                                                           column + links])),
            ),
            shape=(network.nodes, 2 * links),
        )  # fmt: skip

    def capacity(self, added: Floats) -> Floats:
        """Of every link."""
        total: Floats = self.network.installed + added @ self.network.size
        return total

    def route(self, state: int, capacity: Floats) -> tuple[float, Floats, Floats]:
        """(demand that finds no room, the flows, the lengths that prove it).

        A linear programme: the least demand that is not carried. Its prices of links are lengths.
        """
        links, count = self.links, len(self.sources)
        open_links = np.flatnonzero(~self.gone[state])
        pick = np.concatenate([open_links, open_links + links])
        balance = self.balance[:, pick]
        width = len(pick)
        blocks, low, lost = [], [], []
        for k in range(count):
            rows = np.flatnonzero(np.arange(self.network.nodes) != self.sources[k])
            short = np.flatnonzero(self.wanted[k] > 0)
            slack = sp.csr_array(
                (np.ones(len(short)), (np.searchsorted(rows, short), np.arange(len(short)))),
                shape=(len(rows), len(short)),
            )
            blocks.append(sp.hstack([balance[rows], slack]))
            low.append(self.wanted[k][rows] * self.scale[state])
            lost.append(len(short))
        flow = sp.block_diag(blocks, format="csr")
        widths = [width + n for n in lost]
        at = np.concatenate([[0], np.cumsum(widths)])[:-1]
        half = len(open_links)
        column = np.concatenate([start + np.arange(width) for start in at])
        row = np.tile(np.concatenate([np.arange(half), np.arange(half)]), count)
        room = sp.csr_array((np.ones(len(row)), (row, column)), shape=(half, flow.shape[1]))
        cost = np.zeros(flow.shape[1])
        upper = np.full(flow.shape[1], np.inf)
        for k, start in enumerate(at):
            mine = slice(start + width, start + widths[k])
            cost[mine] = 1.0
            upper[mine] = self.wanted[k][self.wanted[k] > 0] * self.scale[state]
        upper = np.where(np.isinf(upper), self.most + 1.0, upper)
        needs = np.concatenate(low)
        solved = highs.minimise(
            cost, sp.vstack([flow, room]), np.concatenate([needs, np.full(half, -np.inf)]),
            np.concatenate([needs, capacity[open_links]]), upper=upper,
        )  # fmt: skip
        flows = np.zeros((count, 2 * links))
        if solved.values is None or solved.prices is None:
            return np.inf, flows, np.zeros(links)
        for k, start in enumerate(at):
            flows[k, pick] = solved.values[start : start + width]
        lengths = np.zeros(links)
        lengths[open_links] = np.maximum(-solved.prices[len(needs) :], 0.0)
        return max(solved.cost, 0.0), flows, lengths

    def metric(self, lengths: Floats, state: int) -> tuple[Floats, float]:
        """Capacity times these must be at least that, in a state where some links are gone. Infinite: never."""
        network = self.network
        length = np.where(self.gone[state], 0.0, lengths)
        keep = ~self.gone[state]
        # Zero means no link to the search of shortest ways: nothing is shorter than this.
        weight = np.maximum(length[keep], 1e-12)
        order = np.lexsort((-weight, network.head[keep], network.tail[keep]))
        table = sp.coo_array(
            (weight[order], (network.tail[keep][order], network.head[keep][order])), shape=(network.nodes,) * 2
        )
        graph = _shortest_of_parallel(table)
        far = dijkstra(graph, directed=False, indices=self.sources)
        needed = self.wanted > 0
        return length, float((far[needed] * self.wanted[needed]).sum() * self.scale[state])


def solve(
    network: Network, demand: Demand, failures: Sequence[Iterable[int]] = (), *, failed: float = 1.0,
    seconds: float = 60.0,
) -> Plan:  # fmt: skip
    """Add modules. failures: sets of links that fail together, one set at a time.  seconds: of wall time.

    failed: share of the demand that must be carried when something fails, where links are else kept below their limit.
    Raises: InvalidInput naming the first failure that parts demand, or the state that no number of modules meets.
    """
    end = time.monotonic() + seconds
    _require(network, demand, failures)
    task = _Task(network, demand, failures, failed)
    links, modules = network.price.shape
    options = [_options(network, e, task.most) for e in range(links)]
    _require_possible(task, np.array([mine[-1].counts for mine in options], np.float64))
    cost = network.price.ravel()
    rows = _around_nodes(task)
    bound, added = 0.0, np.zeros((links, modules))
    while time.monotonic() < end:  # the linear relaxation
        solved = _master(task, rows, cost, whole=False, start=None, end=end)
        if solved.values is None:
            break
        bound, added = max(bound, solved.bound), solved.values.reshape(links, modules)
        found = _violated(task, added, end)
        if not found:
            break
        rows += found
    plan = _reduce(task, rows, options, _cover(task, options, added), end)
    best, proved = float((plan * network.price).sum()), False
    while time.monotonic() < end:
        solved = _master(task, rows, cost, whole=True, start=plan, end=end)
        bound = max(bound, min(solved.bound, best))
        if solved.values is None:
            break
        added = np.round(solved.values.reshape(links, modules))
        found = _violated(task, added, end)
        if found:
            rows += found
            continue
        if time.monotonic() < end and float((added * network.price).sum()) <= best + _LITTLE:
            plan, best = added, float((added * network.price).sum())
            proved = solved.proved
        break
    flows = tuple(task.route(s, task.capacity(plan))[1] for s in range(len(task.gone)))
    return Plan(plan.astype(np.int64), best, min(bound, best), proved, flows)


def _around_nodes(task: _Task) -> list[tuple[Floats, float]]:
    """To begin with: what leaves every node must carry its demand, in every state."""
    network, found = task.network, []
    for v in np.flatnonzero(np.bincount(np.concatenate([network.tail, network.head]), minlength=network.nodes)):
        lengths = ((network.tail == v) | (network.head == v)).astype(np.float64)
        for state in range(len(task.gone)):
            length, need = task.metric(lengths, state)
            if np.isfinite(need) and need > 0:
                found.append((length, need))
    return found


@dataclass(frozen=True, slots=True)
class _Option:
    """A choice of modules for a link that no other beats in both."""

    price: float
    capacity: float
    counts: tuple[int, ...]


def _options(network: Network, link: int, most: float) -> list[_Option]:
    """The choices for a link, the cheapest first; each carries more than all before it."""
    made = [_Option(0.0, 0.0, ())]
    for m, size in enumerate(network.size.tolist()):
        limit = int(min(network.most[link, m], np.ceil(most / size) if size > 0 else 0))
        price = float(network.price[link, m])
        made = [
            _Option(o.price + n * price, o.capacity + n * size, (*o.counts, n))
            for o in made
            for n in range(limit + 1)
            if n == 0 or (o.capacity + (n - 1) * size < most and o.capacity + n * size <= network.room[link] + _LITTLE)
        ]
        made.sort(key=lambda o: (o.price, -o.capacity))
        kept: list[_Option] = []
        for option in made:
            if not kept or option.capacity > kept[-1].capacity + _LITTLE:
                kept.append(option)
        made = kept
    return made


def _cover(task: _Task, options: Sequence[Sequence[_Option]], added: Floats) -> list[int]:
    """For each link, the cheapest choice that carries what the linear relaxation gives it."""
    wanted = added @ task.network.size
    return [
        next((i for i, o in enumerate(mine) if o.capacity >= want - _LITTLE), len(mine) - 1)
        for mine, want in zip(options, wanted.tolist(), strict=True)
    ]


def _reduce(
    task: _Task, rows: Sequence[tuple[Floats, float]], options: Sequence[Sequence[_Option]], chosen: list[int],
    end: float,
) -> Floats:  # fmt: skip
    """Go to cheaper choices, link by link, where most is saved first, while all demand is carried."""
    table, needs = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])

    def counts() -> Floats:
        return np.array([mine[i].counts for mine, i in zip(options, chosen, strict=True)], np.float64)

    if not _fits(task, counts()):  # the relaxation was not solved to its end
        chosen = [len(mine) - 1 for mine in options]
    tried: set[int] = set()
    while len(tried) < len(options) and time.monotonic() < end:
        save = [-1.0 if e in tried or not i else mine[i].price - mine[i - 1].price
                for e, (mine, i) in enumerate(zip(options, chosen, strict=True))]  # fmt: skip
        link = int(np.argmax(save))
        if save[link] < 0:
            break
        chosen[link] -= 1
        capacity = task.capacity(counts())
        if (table @ capacity < needs - 1e-5 * np.maximum(1.0, needs)).any() or not _fits(task, counts()):
            chosen[link] += 1
            tried.add(link)
    return counts()


def _master(
    task: _Task, rows: Sequence[tuple[Floats, float]], cost: Floats, *, whole: bool, start: Floats | None, end: float
) -> highs.Solved:
    """The cheapest modules that meet every inequality found so far."""
    network = task.network
    links, modules = network.price.shape
    left = max(0.5, end - time.monotonic())
    lengths = np.array([r[0] for r in rows]).reshape(-1, links)
    table = np.repeat(lengths, modules, axis=1) * np.tile(network.size, links)
    needs = np.array([r[1] for r in rows]) - lengths @ network.installed
    tight = np.flatnonzero(np.isfinite(network.room) & (network.most @ network.size > network.room + _LITTLE))
    rooms = np.zeros((len(tight), links))
    rooms[np.arange(len(tight)), tight] = 1.0
    table = np.vstack([table.reshape(len(rows), -1), np.repeat(rooms, modules, axis=1) * np.tile(network.size, links)])
    low = np.concatenate([needs, np.full(len(tight), -np.inf)])
    high = np.concatenate([np.full(len(rows), np.inf), network.room[tight]])
    return highs.minimise(
        cost, sp.csr_array(table), low, high, upper=network.most.ravel(),
        whole=np.ones(links * modules, np.bool_) if whole else None,
        start=None if start is None else start.ravel(), seconds=left,
    )  # fmt: skip


def _violated(task: _Task, added: Floats, end: float) -> list[tuple[Floats, float]]:
    """Inequalities that a plan breaks: of the states in which demand finds no room, and of their lengths in others."""
    capacity = task.capacity(added)
    found: list[tuple[Floats, float]] = []
    hit: set[int] = set()
    for state in range(len(task.gone)):
        if state in hit:  # what was found elsewhere is broken here too: this state is looked at when that is mended
            continue
        lost, _, lengths = task.route(state, capacity)
        if lost <= task.slack or not lengths.any():
            continue
        for other in range(len(task.gone)):
            length, need = task.metric(lengths / lengths.max(), other)
            if np.isfinite(need) and float(length @ capacity) < need - 1e-5 * max(1.0, need):
                found.append((length, need))
                hit.add(other)
        if time.monotonic() > end:
            break
    return found


def _fits(task: _Task, added: Floats) -> bool:
    capacity = task.capacity(added)
    return all(task.route(s, capacity)[0] <= task.slack for s in range(len(task.gone)))


def _shortest_of_parallel(table: sp.coo_array) -> sp.csr_array:
    """The least of several entries at one place, whichever way round they stand."""
    low, high = np.minimum(table.row, table.col), np.maximum(table.row, table.col)
    order = np.lexsort((table.data, high, low))
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    keep = order[first]
    return sp.csr_array((table.data[keep], (low[keep], high[keep])), shape=table.shape)


def _require(network: Network, demand: Demand, failures: Sequence[Iterable[int]]) -> None:
    links = len(network.tail)
    ends = np.concatenate([network.tail, network.head, demand.source, demand.sink])
    if links == 0 or len(demand.amount) == 0:
        raise InvalidInput(f"{links} links and {len(demand.amount)} demands.", field="links")
    if ends.min() < 0 or ends.max() >= network.nodes or (network.tail == network.head).any():
        raise InvalidInput(f"a link or a demand has an end that is none of {network.nodes} nodes.", field="links")
    numbers = (network.installed, network.size, network.price, network.most, demand.amount)
    if (demand.source == demand.sink).any():
        raise InvalidInput("a demand goes from a node to itself.", field="demand")
    if any((~np.isfinite(n)).any() or (n < 0).any() for n in numbers) or network.most.max(initial=0.0) > _MOST:
        raise InvalidInput("a capacity, price, number or amount is negative or not finite.", field="links")
    for s, failed in enumerate(failures):
        if any(not 0 <= e < links for e in failed):
            raise InvalidInput(f"failure {s} names a link that there is not.", field="failures")


def _require_possible(task: _Task, full: Floats) -> None:
    capacity = task.capacity(full)
    for state in range(len(task.gone)):
        lost = task.route(state, capacity)[0]
        if lost > task.slack:
            what = "with nothing failed" if state == 0 else f"when failure {state - 1} happens"
            raise InvalidInput(
                f"{lost:.6g} of demand finds no way {what}, however many modules are added.", field="demand",
                remedy="Add links, allow more modules, or do not ask for this failure.",
            )  # fmt: skip

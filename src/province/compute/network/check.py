"""Checks a network plan from its edges alone: recomputes the cost, tests connectivity, refuses a false claim.

Connectivity is tested by a union of sets written here; nothing of the kernels is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from province.compute.claim import RELATIVE, Checked, false, least, near


def joined(
    edges: Sequence[tuple[int, int, float]], terminals: Iterable[int], chosen: Iterable[int], claimed: float,
    bound: float, *, twice: bool = False, once: Iterable[int] = (), groups: Sequence[Iterable[int]] = (),
) -> Checked:  # fmt: skip
    """Check that the chosen edges join all terminals, and what they cost.

    edges: (node, node, cost) of the whole graph.  twice: they must stay joined when any one chosen edge fails, and when
    all edges of any group do.  once: further terminals that are joined to them and may be cut off.
    Raises: InvalidInput naming what is false.
    """
    picked = [int(e) for e in chosen]
    if len(set(picked)) != len(picked) or any(not 0 <= e < len(edges) for e in picked):
        raise false("an edge repeats, or is not one of the graph.")
    wanted = [int(t) for t in terminals]
    every = [*wanted, *(int(t) for t in once)]
    apart = _apart(edges, picked, every)
    if apart is not None:
        raise false(f"terminal {apart} is not joined to terminal {every[0]}.")
    if twice:
        for failed in picked:
            apart = _apart(edges, [e for e in picked if e != failed], wanted)
            if apart is not None:
                raise false(f"terminal {apart} is cut off when edge {failed} fails.")
        for g, group in enumerate(groups):
            gone = {int(e) for e in group}
            apart = _apart(edges, [e for e in picked if e not in gone], wanted)
            if apart is not None:
                raise false(f"terminal {apart} is cut off when group {g} fails.")
    cost = sum(float(edges[e][2]) for e in picked)
    return least(cost, claimed, bound)


def collected(
    edges: Sequence[tuple[int, int, float]], roots: Iterable[int], prize: Mapping[int, float], budget: float,
    chosen: Iterable[int], claimed: float, bound: float,
) -> Checked:  # fmt: skip
    """Check what the chosen edges cost, and how much demand they join to the roots.

    edges: (node, node, cost) of the whole graph.  prize: node → demand.  Raises: InvalidInput naming what is false.
    """
    picked = [int(e) for e in chosen]
    if len(set(picked)) != len(picked) or any(not 0 <= e < len(edges) for e in picked):
        raise false("an edge repeats, or is not one of the graph.")
    cost = sum(float(edges[e][2]) for e in picked)
    if cost > budget * (1 + RELATIVE):
        raise false(f"the plan spends {cost:.9g} of a budget of {budget:.9g}.")
    top = _sets(edges, picked)
    begun = {top(int(r)) for r in roots}
    loose = next((e for e in picked if top(edges[e][0]) not in begun), None)
    if loose is not None:
        raise false(f"edge {loose} hangs on no root.")
    total = sum(float(p) for node, p in prize.items() if top(node) in begun)
    if not near(total, claimed):
        raise false(f"it joins {total:.9g}, not {claimed:.9g} as claimed.")
    if bound < total * (1 - RELATIVE):
        raise false(f"the bound {bound:.9g} is below what the plan itself joins, {total:.9g}.")
    return Checked(total, bound, (bound - total) / total if total else float(bound > 0))


def phased(
    edges: Sequence[tuple[int, int, float]], roots: Iterable[int], prize: Mapping[int, float], budget: float,
    year: Sequence[int], gathered: Sequence[float], cost: Sequence[float],
) -> None:  # fmt: skip
    """Check the years of a plan. edges: (node, node, cost) of the plan.  year: of each.  budget: of every year, unspent
    money is kept.  gathered: demand joined at the end of each year.  cost: of each year.

    Raises: InvalidInput naming what is false.
    """
    begun = [int(r) for r in roots]
    spent = 0.0
    for y, (claimed, paid) in enumerate(zip(gathered, cost, strict=True)):
        mine = [e for e, when in enumerate(year) if when == y]
        total = sum(float(edges[e][2]) for e in mine)
        if not near(total, float(paid)):
            raise false(f"year {y} costs {total:.9g}, not {paid:.9g}.")
        spent += total
        if spent > budget * (y + 1) * (1 + RELATIVE):
            raise false(f"{spent:.9g} is spent by the end of year {y}, and there is {budget * (y + 1):.9g}.")
        top = _sets(edges, [e for e, when in enumerate(year) if when <= y])
        there = {top(r) for r in begun}
        total = sum(float(p) for v, p in prize.items() if top(v) in there)
        if not near(total, float(claimed)):
            raise false(f"{total:.9g} of demand is joined by the end of year {y}, not {claimed:.9g}.")
    if any(not 0 <= when < len(gathered) for when in year):
        raise false("an edge has no year.")


def diverse(
    nodes: int, edges: Sequence[tuple[int, int]], anchors: Iterable[int], groups: Sequence[Iterable[int]],
    cuts: Mapping[tuple[str, int], Iterable[int]], twice: Iterable[int],
) -> int:  # fmt: skip
    """Check what every single failure cuts off, by taking away each edge, group and node of the network in turn.

    cuts: ("edge" | "group" | "node", place) → nodes that it cuts off from every anchor; what is not named cuts nothing.
    twice: nodes, anchors left out, that no edge and no group alone cuts off.
    Returns: how many of those there are.  Raises: InvalidInput naming what is false.
    """
    roots = sorted({int(a) for a in anchors})
    triples = [(t, h, 0.0) for t, h in edges]

    def left(gone: set[int], closed: int = -1) -> set[int]:
        kept = [e for e, (t, h) in enumerate(edges) if e not in gone and closed not in (t, h)]
        top = _sets(triples, kept)
        begun = {top(r) for r in roots if r != closed}
        return {v for v in range(nodes) if v != closed and top(v) in begun}

    whole = left(set())
    weak: set[int] = set()
    trials: list[tuple[tuple[str, int], set[int], int]] = [(("edge", e), {e}, -1) for e in range(len(edges))]
    trials += [(("group", g), {int(e) for e in group}, -1) for g, group in enumerate(groups)]
    trials += [(("node", v), set(), v) for v in range(nodes)]
    for what, gone, closed in trials:
        cut = whole - left(gone, closed) - {closed}
        if cut != {int(v) for v in cuts.get(what, ())}:
            raise false(f"the failure of {what[0]} {what[1]} cuts off {sorted(cut)}, which is not what is claimed.")
        weak |= cut if what[0] != "node" else set()
    strong = whole - weak - set(roots)
    if strong != {int(v) for v in twice}:
        raise false("the nodes with two ways are not those that stay joined when any one edge or group fails.")
    return len(strong)


def carried(
    links: Sequence[tuple[int, int]], capacity: Sequence[float], demand: Sequence[tuple[int, int, float]],
    failures: Sequence[Iterable[int]], flows: Sequence[Sequence[Sequence[float]]], *, failed: float = 1.0,
) -> None:  # fmt: skip
    """Check that all demand is carried with nothing failed and in every failure, by adding up flows.

    capacity: of each link, with what is added.  flows: state → source, ascending → along each link, first as drawn,
    then back.  failed: share of the demand that must be carried in a failure.  Raises: InvalidInput naming what is
    false.
    """
    sources = sorted({s for s, _, _ in demand})
    slack = 1e-4 * max(1.0, sum(a for _, _, a in demand))
    if len(flows) != len(failures) + 1:
        raise false(f"{len(flows)} states are routed, and there are {len(failures) + 1}.")
    for state, routed in enumerate(flows):
        gone = set() if state == 0 else {int(e) for e in failures[state - 1]}
        load = [0.0] * len(links)
        for source, flow in zip(sources, routed, strict=True):
            left: dict[int, float] = {}
            for e, (t, h) in enumerate(links):
                there, back = float(flow[e]), float(flow[e + len(links)])
                if min(there, back) < -slack or (e in gone and max(there, back) > slack):
                    raise false(f"link {e} carries {there:.6g} and {back:.6g} in state {state}.")
                load[e] += there + back
                left[h] = left.get(h, 0.0) + there - back
                left[t] = left.get(t, 0.0) + back - there
            for s, sink, amount in demand:
                if s == source:
                    left[sink] = left.get(sink, 0.0) - amount * (failed if state else 1.0)
            wrong = next((v for v, amount in left.items() if v != source and abs(amount) > slack), None)
            if wrong is not None:
                raise false(f"in state {state}, {left[wrong]:.6g} from node {source} is lost or made at node {wrong}.")
        for e, amount in enumerate(load):
            if amount > capacity[e] + slack:
                raise false(f"link {e} carries {amount:.6g} of {capacity[e]:.6g} in state {state}.")


def modules(
    added: Sequence[Sequence[int]], price: Sequence[Sequence[float]], most: Sequence[Sequence[float]],
    size: Sequence[float], room: Sequence[float], claimed: float, bound: float,
) -> Checked:  # fmt: skip
    """Check what added modules cost, and that they are whole numbers within their limits. Raises: InvalidInput."""
    total = 0.0
    for e, mine in enumerate(added):
        for m, count in enumerate(mine):
            if count != int(count) or not 0 <= count <= most[e][m]:
                raise false(f"link {e} gets {count} of module {m}, of at most {most[e][m]:g}.")
            total += count * float(price[e][m])
        more = sum(count * float(size[m]) for m, count in enumerate(mine))
        if more > room[e] * (1 + RELATIVE):
            raise false(f"link {e} gets {more:g} of capacity, of at most {room[e]:g}.")
    return least(total, claimed, bound)


def _apart(edges: Sequence[tuple[int, int, float]], picked: Iterable[int], wanted: Sequence[int]) -> int | None:
    top = _sets(edges, picked)
    return next((t for t in wanted if top(t) != top(wanted[0])), None)


def _sets(edges: Sequence[tuple[int, int, float]], picked: Iterable[int]) -> Callable[[int], int]:
    """node → the name of the part to which the picked edges join it."""
    above: dict[int, int] = {}

    def top(node: int) -> int:
        while above.setdefault(node, node) != node:
            above[node] = above[above[node]]
            node = above[node]
        return node

    for e in picked:
        above[top(edges[e][0])] = top(edges[e][1])
    return top

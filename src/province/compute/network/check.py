"""Checks a network plan from its edges alone: recomputes the cost, tests connectivity, refuses a false claim.

Connectivity is tested by a union of sets written here; nothing of the kernels is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from province.compute.claim import RELATIVE, Checked, false, least, near


def joined(
    edges: Sequence[tuple[int, int, float]], terminals: Iterable[int], chosen: Iterable[int], claimed: float,
    bound: float, *, twice: bool = False,
) -> Checked:  # fmt: skip
    """Check that the chosen edges join all terminals, and what they cost.

    edges: (node, node, cost) of the whole graph.  twice: they must stay joined when any one chosen edge fails.
    Raises: InvalidInput naming what is false.
    """
    picked = [int(e) for e in chosen]
    if len(set(picked)) != len(picked) or any(not 0 <= e < len(edges) for e in picked):
        raise false("an edge repeats, or is not one of the graph.")
    wanted = [int(t) for t in terminals]
    apart = _apart(edges, picked, wanted)
    if apart is not None:
        raise false(f"terminal {apart} is not joined to terminal {wanted[0]}.")
    if twice:
        for failed in picked:
            apart = _apart(edges, [e for e in picked if e != failed], wanted)
            if apart is not None:
                raise false(f"terminal {apart} is cut off when edge {failed} fails.")
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

"""Checks a network plan from its edges alone: recomputes the cost, tests connectivity, refuses a false claim.

Connectivity is tested by a union of sets written here; nothing of the kernels is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from province.compute.claim import Checked, false, least


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


def _apart(edges: Sequence[tuple[int, int, float]], picked: Iterable[int], wanted: Sequence[int]) -> int | None:
    above: dict[int, int] = {}

    def top(node: int) -> int:
        while above.setdefault(node, node) != node:
            above[node] = above[above[node]]
            node = above[node]
        return node

    for e in picked:
        above[top(edges[e][0])] = top(edges[e][1])
    return next((t for t in wanted if top(t) != top(wanted[0])), None)

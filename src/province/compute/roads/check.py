"""Drives a claimed way over the raw ways and restrictions, street by street, and refuses what may not be driven."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from province.compute.claim import false
from province.compute.roads.graph import Restriction, Way


def driven(nodes: Sequence[int], ways: Iterable[Way], restrictions: Iterable[Restriction]) -> None:
    """Check that consecutive nodes are joined by a way in its direction, and every turn is allowed.

    nodes: every node at which a way begins, ends, meets another or may not be turned; those between may be left out.
    Raises: InvalidInput naming what is false.
    """
    steps: dict[tuple[int, int], set[int]] = {}
    wanted = set(pairwise(nodes))
    for way in ways:
        at: dict[int, list[int]] = {}
        for i, node in enumerate(way.nodes):
            at.setdefault(node, []).append(i)
        for a, b in wanted:
            for i in at.get(a, ()):
                for j in at.get(b, ()):
                    if (way.forward and i < j) or (way.backward and j < i):
                        steps.setdefault((a, b), set()).add(way.id)
    rules = list(restrictions)
    here: set[int] = set()
    for a, b in pairwise(nodes):
        possible = steps.get((a, b), set())
        if not possible:
            raise false(f"nobody drives from node {a} to node {b}.")
        if here:
            possible = {way for way in possible if any(_may(rules, last, a, way) for last in here)}
            if not possible:
                raise false(f"the turn at node {a} is forbidden.")
        here = possible


def _may(rules: Sequence[Restriction], source: int, via: int, target: int) -> bool:
    mine = [r for r in rules if r.via == via and r.source == source]
    if any(not r.only and r.target == target for r in mine):
        return False
    only = [r.target for r in mine if r.only]
    return not only or target in only

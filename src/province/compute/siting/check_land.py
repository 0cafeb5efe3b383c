"""Checks a choice of parcels from the data alone: its pieces, their areas, what it costs and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from province.compute.claim import RELATIVE, Checked, false, near


def pieces(
    worth: Sequence[float], area: Sequence[float], cost: Sequence[float], borders: Sequence[tuple[int, int]],
    chosen: Sequence[int], claimed: float, bound: float, *, budget: float, most_pieces: int, piece: float = 0.0,
    least: float = 0.0,
) -> Checked:  # fmt: skip
    """Check it. borders: pairs of parcels that touch.  Raises: InvalidInput naming what is false."""
    taken = [int(i) for i in chosen]
    if len(set(taken)) != len(taken) or any(not 0 <= i < len(worth) for i in taken):
        raise false("a parcel stands there twice, or is none of the layer.")
    if not taken:
        raise false("no parcel is chosen.")
    group = {i: i for i in taken}  # union and find over the borders between chosen parcels

    def of(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for a, b in borders:
        if a in group and b in group:
            group[of(a)] = of(b)
    sizes: dict[int, float] = {}
    for i in taken:
        sizes[of(i)] = sizes.get(of(i), 0.0) + float(area[i])
    if len(sizes) > most_pieces:
        raise false(f"it falls into {len(sizes)} pieces, and at most {most_pieces} were asked for.")
    slack = RELATIVE * max(1.0, math.fsum(sizes.values()))
    if min(sizes.values()) < piece - slack:
        raise false(f"a piece has an area of {min(sizes.values()):g}, and each was to have {piece:g}.")
    if math.fsum(sizes.values()) < least - slack:
        raise false(f"it has an area of {math.fsum(sizes.values()):g}, and {least:g} were asked for.")
    spent = math.fsum(float(cost[i]) for i in taken)
    if spent > budget * (1 + RELATIVE):
        raise false(f"it costs {spent:g} of a budget of {budget:g}.")
    total = math.fsum(float(worth[i]) for i in taken)
    if not near(total, claimed):
        raise false(f"it is worth {total:.9g}, not {claimed:.9g} as claimed.")
    if bound < total * (1 - RELATIVE):
        raise false(f"the bound {bound:.9g} is below what the plan itself is worth, {total:.9g}.")
    return Checked(total, bound, max(0.0, (bound - total) / total) if total else float(bound > 0))

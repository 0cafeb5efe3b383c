"""When a vehicle leaves, arrives and returns on a tour of given order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from province.compute.tours.case import Case


def departure(case: Case, kind: int, stops: Sequence[int]) -> float | None:
    """The latest departure with which the tour is over as early as it can be: nobody waits who could sleep.

    None: the tour cannot be driven by such a vehicle within windows, hours and load.
    """
    fleet, of = case.fleet, case.stops
    if float(of.load[list(stops)].sum()) > float(fleet.capacity[kind]) * (1 + 1e-9):
        return None
    depot = int(fleet.depot[kind])
    at = [depot, *(int(of.place[s]) for s in stops), depot]
    legs = [float(case.seconds[a, b]) for a, b in pairwise(at)]
    if not np.isfinite(legs).all():
        return None
    clock, busy = float(fleet.opens[kind]), sum(legs) + float(of.service[list(stops)].sum())
    for leg, stop in zip(legs, stops, strict=False):
        clock = max(clock + leg, float(of.opens[stop]))
        if clock > float(of.closes[stop]):
            return None
        clock += float(of.service[stop])
    ends = clock + legs[-1]
    if ends > float(fleet.closes[kind]):
        return None
    latest = float(fleet.closes[kind]) - legs[-1]
    for leg, stop in zip(legs[-2::-1], stops[::-1], strict=True):
        latest = min(latest - float(of.service[stop]), float(of.closes[stop])) - leg
    leaves = max(float(fleet.opens[kind]), min(latest, ends - busy))
    return leaves if max(ends, leaves + busy) - leaves <= float(fleet.longest[kind]) * (1 + 1e-9) else None


def schedule(case: Case, kind: int, stops: Sequence[int], leaves: float) -> tuple[list[tuple[float, float]], float]:
    """(arrival, begin of the service) at each stop, and the return to the depot."""
    here, clock = int(case.fleet.depot[kind]), leaves
    told: list[tuple[float, float]] = []
    for stop in stops:
        arrives = clock + float(case.seconds[here, case.stops.place[stop]])
        begins = max(arrives, float(case.stops.opens[stop]))
        told.append((arrives, begins))
        here, clock = int(case.stops.place[stop]), begins + float(case.stops.service[stop])
    return told, clock + float(case.seconds[here, case.fleet.depot[kind]])

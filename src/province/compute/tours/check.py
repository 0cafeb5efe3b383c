"""Drives claimed tours over the tables as they were given, and refuses what is false.

Nothing of the search or of its timing is used here: plain loops, minute by minute of the claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from province.compute.claim import RELATIVE, false, near
from province.compute.tours.case import Case, Tour


def toured(case: Case, tours: Sequence[Tour], claimed: float, left: Iterable[int] = ()) -> float:
    """The cost of the tours, recomputed. left: stops that are claimed to have none.

    Raises: InvalidInput naming what is false: a stop visited twice or forgotten, too many vehicles, a load, a window,
    a working day, or the cost.
    """
    stops, fleet = case.stops, case.fleet
    seen: set[int] = set()
    used = [0] * len(fleet.count)
    total = 0.0
    for number, tour in enumerate(tours, 1):
        if not 0 <= tour.kind < len(used) or not tour.stops:
            raise false(f"tour {number} is empty, or of no kind of vehicle.")
        used[tour.kind] += 1
        here, clock, load = int(fleet.depot[tour.kind]), float(tour.leaves), 0.0
        if clock < float(fleet.opens[tour.kind]) - _slack(clock):
            raise false(f"tour {number} leaves before anybody works.")
        for stop in tour.stops:
            if not 0 <= stop < len(stops.place):
                raise false(f"tour {number} visits stop {stop}, which there is not.")
            if stop in seen:
                raise false(f"stop {stop} is visited twice.")
            seen.add(stop)
            there = int(stops.place[stop])
            total += float(case.cost[here, there])
            clock = max(clock + float(case.seconds[here, there]), float(stops.opens[stop]))
            if not clock <= float(stops.closes[stop]) + _slack(clock):
                raise false(f"tour {number} comes to stop {stop} at {clock:.0f} s, after {stops.closes[stop]:.0f} s.")
            clock += float(stops.service[stop])
            load += float(stops.load[stop])
            here = there
        total += float(case.cost[here, int(fleet.depot[tour.kind])])
        clock += float(case.seconds[here, int(fleet.depot[tour.kind])])
        if not clock <= float(fleet.closes[tour.kind]) + _slack(clock):
            raise false(f"tour {number} is back at {clock:.0f} s, after {fleet.closes[tour.kind]:.0f} s.")
        if clock - float(tour.leaves) > float(fleet.longest[tour.kind]) + _slack(clock):
            raise false(f"tour {number} takes {clock - tour.leaves:.0f} s of {fleet.longest[tour.kind]:.0f} s.")
        if load > float(fleet.capacity[tour.kind]) * (1 + RELATIVE):
            raise false(f"tour {number} carries {load:g} of {fleet.capacity[tour.kind]:g}.")
    for kind, number in enumerate(used):
        if number > int(fleet.count[kind]):
            raise false(f"{number} vehicles of kind {kind} are out, there are {fleet.count[kind]}.")
    without = set(left)
    if both := seen & without:
        raise false(f"stop {min(both)} is visited and claimed to be left out.")
    if forgotten := set(range(len(stops.place))) - seen - without:
        raise false(f"stop {min(forgotten)} is forgotten.")
    if not near(total, claimed):
        raise false(f"the tours cost {total:.9g}, not {claimed:.9g} as claimed.")
    return total


def _slack(clock: float) -> float:
    return RELATIVE * max(1.0, abs(clock))

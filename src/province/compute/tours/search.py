"""Tours of least cost by PyVRP (iterated local search), for as many stops as the vehicles can serve.

First with every stop that some vehicle could serve alone: that search is the fastest. When a quarter of the time brings
no such plan, each of these stops has a prize above any detour: leaving one out is the last resort. Times are rounded up
and windows inwards to whole seconds, so what is feasible there is feasible as given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pyvrp

from province.compute.tours import timing
from province.compute.tours.case import Case, Floats, Integers, Tour, require_sound

Reason = Literal["unreachable", "load", "window", "hours", "fleet"]
"""Why a stop has no tour: no way leads there and back; it is too heavy for every vehicle; nobody can be there in time;
nobody is back in time; all vehicles are full."""
MOST_STOPS: Final = 2_000
_FINEST: Final = 1_000.0
"""Loads are counted in thousandths, or in the coarsest tenths in which all are whole."""
_LATE: Final = 6.0
"""What a second too late costs at the beginning of a search, in units of cost."""
_NEVER: Final = 10**9
_INFEASIBLE: Final = 2**63 - 1
"""What PyVRP tells as the cost while it has no feasible plan."""
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """cost: of all tours.  left: the stops without a tour, and why."""

    tours: tuple[Tour, ...]
    cost: float
    left: tuple[tuple[int, Reason], ...]


def impossible(case: Case) -> dict[int, Reason]:
    """The stops that no vehicle can serve, even if it does nothing else, and why: the reason that holds for the vehicle
    that comes nearest to serving it."""
    ranks: tuple[Reason, ...] = ("unreachable", "load", "window", "hours")
    found: dict[int, Reason] = {}
    for stop in range(len(case.stops.place)):
        worst = [_obstacle(case, stop, kind) for kind in np.flatnonzero(case.fleet.count).tolist()]
        if None not in worst:
            found[stop] = max((r for r in worst if r is not None), key=ranks.index)
    return found


def _obstacle(case: Case, stop: int, kind: int) -> Reason | None:
    of, fleet = case.stops, case.fleet
    place, depot = int(of.place[stop]), int(fleet.depot[kind])
    if not (np.isfinite(case.seconds[depot, place]) and np.isfinite(case.seconds[place, depot])):
        return "unreachable"
    if of.load[stop] > fleet.capacity[kind] * (1 + 1e-9):
        return "load"
    if of.opens[stop] > of.closes[stop] or fleet.opens[kind] + case.seconds[depot, place] > of.closes[stop]:
        return "window"
    return None if timing.departure(case, kind, (stop,)) is not None else "hours"


def solve(
    case: Case, *, seconds: float = 20.0, seed: int = 0, iterations: int | None = None, progress: Progress | None = None
) -> Plan:
    """Tours for the stops. iterations: of the search instead of seconds: then the same seed gives the same plan.

    progress(share of the time).  Raises: InvalidInput naming the argument.
    """
    require_sound(case)
    lost = impossible(case)
    kept = np.array([s for s in range(len(case.stops.place)) if s not in lost], np.int64)
    if not len(kept):
        return Plan((), 0.0, tuple(lost.items()))
    kinds = np.flatnonzero(case.fleet.count)
    began = time.monotonic()
    best = None
    room = float((case.fleet.capacity * case.fleet.count).sum()) * (1 + 1e-9)
    if float(case.stops.load[kept].sum()) <= room:
        watch = _Watch(began, seconds, progress, iterations, patience=0.25)
        best = _search(case, kept, kinds, watch, seed, required=True)
    if best is None or not best.is_feasible():
        best = _search(case, kept, kinds, _Watch(began, seconds, progress, iterations), seed, required=False)
    tours: list[Tour] = []
    for route in best.routes():
        kind = int(kinds[route.vehicle_type()])
        order = _feasible(case, kind, [int(kept[a.idx]) for a in route if a.is_client()])
        leaves = timing.departure(case, kind, order)
        if order and leaves is not None:
            tours.append(Tour(kind, order, leaves))
    served = {stop for tour in tours for stop in tour.stops}
    left: dict[int, Reason] = lost | {int(s): "fleet" for s in kept if int(s) not in served}
    return Plan(tuple(tours), sum(cost(case, t) for t in tours), tuple(sorted(left.items())))


def cost(case: Case, tour: Tour) -> float:
    """Of one tour."""
    depot = int(case.fleet.depot[tour.kind])
    at = np.array([depot, *case.stops.place[list(tour.stops)], depot])
    return float(case.cost[at[:-1], at[1:]].sum())


def _feasible(case: Case, kind: int, order: Sequence[int]) -> tuple[int, ...]:
    """As many stops of the order as fit: all of them, unless the search ended before it had repaired itself."""
    if timing.departure(case, kind, order) is not None:
        return tuple(order)
    fits: list[int] = []
    for stop in order:
        if timing.departure(case, kind, [*fits, stop]) is not None:
            fits.append(stop)
    return tuple(fits)


class _Penalties(pyvrp.PenaltyParams):
    """What breaking a limit costs, from the size of the case on.

    PyVRP begins in the middle of what it allows, 50,000 for a unit of load, and takes the better part of a minute to
    come down to where breaking a limit for a while pays.
    """

    def __init__(self, load: float) -> None:
        """load: of a unit, at the beginning."""
        super().__init__(min_penalty=min(load, _LATE) / 1_000)
        self._load = load

    def midpoint_penalties(self, data: pyvrp.ProblemData) -> tuple[list[float], float, float]:
        return [self._load] * data.num_load_dimensions, _LATE, _LATE


def _search(case: Case, kept: Integers, kinds: Integers, watch: _Watch, seed: int, *, required: bool) -> Any:
    fine = _fine(np.concatenate([case.stops.load[kept], case.fleet.capacity[kinds]]))
    data = _data(case, kept, kinds, fine, required=required)
    ways, loads = case.cost[(case.cost < _NEVER) & (case.cost > 0)], case.stops.load[kept]
    # Twice what a stop of the middle load is from another one.
    load = 2 * float(ways.mean()) / (float(loads.mean()) * fine) if len(ways) and loads.any() else _LATE
    params = pyvrp.SolveParams(penalty=_Penalties(min(max(load, 1e-3), 1e4)))
    return pyvrp.solve(data, watch, seed=seed % 2**32, collect_stats=False, display=False, params=params).best


def _fine(loads: Floats) -> float:
    whole = (n for n in (1.0, 10.0, 100.0) if (np.abs(np.rint(loads * n) - loads * n) <= 1e-6).all())
    return next(whole, _FINEST)


def _data(case: Case, kept: Integers, kinds: Integers, fine: float, *, required: bool) -> pyvrp.ProblemData:
    of, fleet = case.stops, case.fleet
    cost, duration = _whole(case.cost), _whole(case.seconds)
    reach = cost[cost < _NEVER]
    prize = 3 * int(reach.max(initial=1)) + 1
    clients = [
        pyvrp.Client(
            int(of.place[s]), delivery=[int(np.ceil(of.load[s] * fine - 1e-6))],
            service_duration=int(np.ceil(of.service[s])), tw_early=int(np.ceil(of.opens[s])),
            tw_late=max(int(np.ceil(of.opens[s])), int(np.floor(of.closes[s]))),
            prize=0 if required else prize, required=required,
        )
        for s in kept
    ]  # fmt: skip
    depots, at = np.unique(fleet.depot, return_inverse=True)
    vehicles = [
        pyvrp.VehicleType(
            int(min(fleet.count[k], len(kept))), capacity=[int(np.floor(fleet.capacity[k] * fine + 1e-6))],
            start_depot=int(at[k]), end_depot=int(at[k]), tw_early=int(np.ceil(fleet.opens[k])),
            tw_late=int(np.floor(fleet.closes[k])), shift_duration=int(np.floor(fleet.longest[k])),
        )
        for k in kinds
    ]  # fmt: skip
    return pyvrp.ProblemData(
        [pyvrp.Location(0, 0) for _ in case.seconds], clients, [pyvrp.Depot(int(d)) for d in depots], vehicles, [cost],
        [duration],
    )  # fmt: skip


def _whole(table: Floats) -> Any:
    """Whole numbers, upwards; what is infinite, or as good as, becomes `_NEVER`. Staying costs nothing."""
    found = np.where(table < _NEVER, np.ceil(np.where(table < _NEVER, table, 0) - 1e-6), _NEVER).astype(np.int64)
    np.fill_diagonal(found, 0)
    return found


class _Watch:
    """Ends a search when its time or its iterations are over, and tells how far it is.

    patience: share after which it ends without a feasible plan.
    """

    def __init__(
        self, began: float, seconds: float, progress: Progress | None, iterations: int | None, patience: float = 1.0
    ) -> None:
        self._began, self._seconds, self._progress = began, seconds, progress
        self._iterations, self._patience = iterations, patience
        self._last, self._done = began, 0

    def __call__(self, best_cost: int) -> bool:
        now = time.monotonic()
        self._done += 1
        share = (now - self._began) / self._seconds if self._iterations is None else self._done / self._iterations
        if self._progress is not None and now - self._last > 1.0:
            self._last = now
            self._progress(min(1.0, share))
        return share > (1.0 if best_cost < _INFEASIBLE else self._patience)

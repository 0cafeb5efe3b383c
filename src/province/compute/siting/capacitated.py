"""Capacitated location: which sites to open, and from which each demand is served, at the least total cost.

Fixed costs of sites plus the cost of serving; no site serves more than its capacity. A demand may be divided between
sites, or not (`single`). The strong formulation (a demand is served only from an open site, by as much as it is open)
goes to HiGHS, whose bound is the certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from province.compute.claim import Certified
from province.compute.siting import highs
from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Capacitated(Certified):
    """open: sites, ascending.  share: (demand, sites), the part of a demand that a site serves; rows sum to 1.

    cost: fixed and serving.  bound: no plan costs less.  proved: they agree within the solver's tolerance.
    """

    open: Integers
    share: Floats
    cost: float
    bound: float
    proved: bool


def solve(
    serving: Floats,
    demand: Floats,
    fixed_cost: Floats,
    capacity: Floats,
    *,
    single: bool = False,
    fixed: Integers | None = None,
    forbidden: Integers | None = None,
    most: int | None = None,
    seconds: float = 60.0,
) -> Capacitated:
    """Open sites and serve all demand.

    serving: (demand, sites), cost of serving a whole demand from a site; infinite where it cannot.  demand: (demand,)
    and capacity: (sites,) in one unit.  fixed_cost: (sites,).  single: each demand from one site only.
    fixed: open already (their cost counts).  forbidden: stay closed.  most: at most so many sites.
    Raises: InvalidInput when the demand exceeds what may open, or cannot be served.
    """
    serving = np.asarray(serving, np.float64)
    rows, sites = serving.shape
    demand, capacity = np.asarray(demand, np.float64), np.asarray(capacity, np.float64)
    fixed_cost = np.asarray(fixed_cost, np.float64)
    if demand.shape != (rows,) or capacity.shape != (sites,) or fixed_cost.shape != (sites,):
        raise InvalidInput(
            f"{len(demand)} demands and {len(capacity)} capacities for a table of {rows} × {sites}.", field="serving"
        )
    top = np.ones(sites)
    if forbidden is not None:
        top[np.asarray(forbidden, np.int64)] = 0.0
    if demand.sum() > (capacity * top).sum() * (1 + 1e-12):
        raise InvalidInput(
            f"demand of {demand.sum():g} exceeds the {(capacity * top).sum():g} of all sites that may open.",
            field="capacity", remedy="Add sites or capacity, or plan for less demand.",
        )  # fmt: skip
    row, site = np.nonzero(np.isfinite(serving))
    lost = np.setdiff1d(np.arange(rows), row)
    if len(lost):
        raise InvalidInput(f"demand {lost[0]} has no site that can serve it.", field="serving")
    arcs = len(row)
    number = np.arange(arcs)
    served = sp.csr_array((np.ones(arcs), (row, number)), shape=(rows, arcs + sites))
    within = sp.csr_array(
        (np.concatenate([demand[row], -capacity]), (np.concatenate([site, np.arange(sites)]),
         np.concatenate([number, arcs + np.arange(sites)]))), shape=(sites, arcs + sites),
    )  # fmt: skip
    only_open = sp.csr_array(
        (np.concatenate([np.ones(arcs), -np.ones(arcs)]),
         (np.concatenate([number, number]), np.concatenate([number, arcs + site]))), shape=(arcs, arcs + sites),
    )  # fmt: skip
    blocks = [served, within, only_open]
    low = [np.ones(rows), np.full(sites, -np.inf), np.full(arcs, -np.inf)]
    high = [np.ones(rows), np.zeros(sites), np.zeros(arcs)]
    opening = sp.csr_array((np.ones(sites), (np.zeros(sites, int), arcs + np.arange(sites))), shape=(1, arcs + sites))
    if most is not None:
        blocks.append(opening)
        low.append(np.array([-np.inf]))
        high.append(np.array([float(most)]))
    if fixed is not None and len(fixed):
        held = np.asarray(fixed, np.int64)
        blocks.append(sp.csr_array((np.ones(len(held)), (np.arange(len(held)), arcs + held)),
                                   shape=(len(held), arcs + sites)))  # fmt: skip
        low.append(np.ones(len(held)))
        high.append(np.ones(len(held)))
    whole = np.concatenate([np.full(arcs, single), np.ones(sites, np.bool_)])
    solved = highs.minimise(
        np.concatenate([serving[row, site], fixed_cost]), sp.vstack(blocks), np.concatenate(low), np.concatenate(high),
        upper=np.concatenate([np.ones(arcs), top]), whole=whole, seconds=seconds,
    )  # fmt: skip
    if solved.values is None:
        raise InvalidInput(
            f"no plan was found within {seconds:g} s.", field="seconds", remedy="Give more time, or divide the demand."
        )
    share = np.zeros((rows, sites))
    share[row, site] = solved.values[:arcs]
    share /= share.sum(axis=1, keepdims=True)
    opened = np.flatnonzero(solved.values[arcs:] > 0.5)
    cost = float(fixed_cost[opened].sum() + (share * np.where(share > 0, serving, 0.0)).sum())
    return Capacitated(opened, share, cost, min(solved.bound, cost), solved.proved)

"""HiGHS as a plain function: minimise c·x under rows of a sparse matrix. What it says is checked, not believed.

highspy is pinned to 1.15.1: 1.16.0 reported an objective that its own solution did not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from province.errors import InvalidInput, Unavailable

Floats = npt.NDArray[np.float64]
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Solved:
    """values: (columns,), None when no plan was found.  cost: c·values, computed here.  bound: no plan costs less.

    proved: the solver closed the gap within its tolerance.  prices: (rows,) duals of a linear programme, else None.
    """

    values: Floats | None
    cost: float
    bound: float
    proved: bool
    prices: Floats | None = None
    reduced: Floats | None = None


def minimise(
    cost: Floats,
    rows: Any,
    low: Floats,
    high: Floats,
    *,
    upper: Floats | None = None,
    whole: npt.NDArray[np.bool_] | None = None,
    start: Floats | None = None,
    seconds: float = 60.0,
    gap: float = 0.0,
    seed: int = 0,
    threads: int = 1,
) -> Solved:
    """Minimise cost·x with low ≤ rows·x ≤ high, 0 ≤ x ≤ upper, and x integer where `whole`.

    cost: (columns,).  rows: scipy sparse (rows, columns).  upper: (columns,); None: 1 each.  whole: None: linear.
    start: a plan to begin with.  seconds: of wall time.  gap: relative gap at which to stop.
    Raises: InvalidInput when no plan exists at all, Unavailable when the solver gives up or contradicts itself.
    """
    import highspy

    matrix = sp.csc_array(rows, dtype=np.float64)
    height, width = matrix.shape
    solver = highspy.Highs()
    for name, value in (("output_flag", False), ("time_limit", float(seconds)), ("mip_rel_gap", float(gap)),
                        ("random_seed", seed), ("threads", threads), ("mip_abs_gap", _TOLERANCE)):  # fmt: skip
        solver.setOptionValue(name, value)
    top = np.ones(width) if upper is None else np.asarray(upper, np.float64)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = width, height
    model.col_cost_, model.col_lower_, model.col_upper_ = np.asarray(cost, np.float64), np.zeros(width), top
    model.row_lower_, model.row_upper_ = np.asarray(low, np.float64), np.asarray(high, np.float64)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    if whole is not None:
        kind = highspy.HighsVarType
        model.integrality_ = [kind.kInteger if w else kind.kContinuous for w in whole]
    solver.passModel(model)
    if start is not None:
        known = highspy.HighsSolution()
        known.col_value = list(map(float, start))
        solver.setSolution(known)
    solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    ends = highspy.HighsModelStatus
    if status in (ends.kInfeasible, ends.kUnboundedOrInfeasible):
        raise InvalidInput("no plan meets all conditions.", field="conditions", remedy="Relax one of them.")
    if status not in (ends.kOptimal, ends.kTimeLimit, ends.kIterationLimit):
        raise Unavailable(f"the solver ended with {solver.modelStatusToString(status)}.")
    proved = status == ends.kOptimal
    answer = solver.getSolution()
    values = None
    total = np.inf
    if info.primal_solution_status == 2:
        values = np.clip(np.asarray(answer.col_value), 0.0, top)
        if whole is not None:
            values = np.where(whole, np.round(values), values)
        total = float(np.dot(cost, values))
        lhs = matrix @ values
        slack = _TOLERANCE * np.maximum(1.0, np.abs(lhs))
        if (lhs < np.asarray(low) - slack * 10).any() or (lhs > np.asarray(high) + slack * 10).any():
            raise Unavailable("the solver's plan breaks a condition that it claims to meet.")
    if whole is None:
        return Solved(
            values, total, total if proved else -np.inf, proved,
            np.asarray(answer.row_dual), np.asarray(answer.col_dual),
        )  # fmt: skip
    bound = float(info.mip_dual_bound)
    if proved and total > bound + (1e-4 + gap) * max(1.0, abs(total)):
        raise Unavailable("the solver calls a plan optimal that its own bound contradicts.")
    return Solved(values, total, bound, proved)

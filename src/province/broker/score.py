"""The score of a source: 100 less the weighted shares of what is wrong, the weights scaled to what is known.

    score = 100 × (1 − Σ weight·share / Σ weight),   over the shares that are known

    missing   missing readings / expected readings          (devices with a regular period)
    rejected  refused readings / (refused + received)
    stuck     readings in long runs of one number / received (devices)
    late      readings that came more than an hour late / readings whose arrival is known
    clock     readings measured after they came, or refused for their time / (received + those refused)

A device that sent readings before and none in the window has score 0; one that never sent any has no score. Everything
is computed on columns, a million devices as well as one; NaN stands for what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

WEIGHTS: Final[Mapping[str, float]] = {"missing": 0.40, "rejected": 0.25, "stuck": 0.20, "late": 0.10, "clock": 0.05}
REFUSED: Final = pa.schema(
    [("source", pa.string()), ("rejected", pa.int64()), ("clock_rejected", pa.int64()), ("reasons", pa.string())]
)
"""What was refused of a source. clock_rejected: for its time.  reasons: JSON."""
SCORED: Final = pa.schema(
    [("source", pa.string()), ("type", pa.string()), ("score", pa.float64()), ("inputs", pa.string())]
)
"""A source as it is written down. score: null when nothing is known.  inputs: JSON object of what it follows from."""
_COUNTS: Final = ("received", "rejected", "clock_rejected", "expected", "missing", "stuck", "dated", "late", "early")
Floats = npt.NDArray[np.float64]


def shares_of(inputs: Mapping[str, Any]) -> dict[str, float]:
    """The shares of the formula that the inputs tell."""
    found = _shares({name: np.array([inputs[name]], np.float64) for name in _COUNTS if name in inputs})
    return {name: float(share[0]) for name, share in found.items() if not np.isnan(share[0])}


def score_of(inputs: Mapping[str, Any]) -> float | None:
    """0 to 100; None when nothing is known."""
    columns = {name: np.array([inputs[name]], np.float64) for name in _COUNTS if name in inputs}
    (score,) = _scores(columns, np.array([bool(inputs.get("silent"))]))
    return None if np.isnan(score) else float(score)


def score_devices(found: pa.Table, refused: pa.Table) -> pa.Table:
    """SCORED rows of devices. found: as `history.quality.EXAMINED`, or of it entity, type, received, last_us and
    silent, for devices without readings.  refused: REFUSED rows, each source once.
    """
    place = pc.index_in(found["entity"].combine_chunks(), value_set=refused["source"].combine_chunks())
    told = {name: refused[name].combine_chunks().take(place) for name in REFUSED.names[1:]}
    columns = {name: found[name].combine_chunks() for name in found.column_names}
    for name in ("rejected", "clock_rejected"):
        columns[name] = pc.fill_null(told[name], 0)
    silent = pc.fill_null(columns["silent"], False).to_numpy(zero_copy_only=False)
    scores = _scores({name: _floats(columns[name]) for name in _COUNTS if name in columns}, silent)
    return pa.table(
        [
            columns["entity"],
            columns["type"],
            pa.array(scores, mask=np.isnan(scores)),
            _inputs(columns, told["reasons"]),
        ],
        schema=SCORED,
    )


def _inputs(columns: Mapping[str, pa.Array], reasons: pa.Array) -> pa.Array:
    """JSON objects of what is known; nulls are left out."""
    known = {name: columns[name] for name in (*_COUNTS, "gaps", "silent") if name in columns}
    if "dated" in known:  # what came when nobody knows when it came is neither late nor early
        dated = pc.greater(known["dated"], 0)
        known |= {name: pc.if_else(dated, known[name], None) for name in ("dated", "late", "early")}
    for name in ("longest_gap", "period"):
        if f"{name}_us" in columns:
            known[f"{name}_s"] = pc.divide(columns[f"{name}_us"].cast(pa.float64()), 1e6)
    last = pc.strftime(columns["last_us"].cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%S+00:00")
    texts = {name: column.cast(pa.string()) for name, column in known.items()}
    texts |= {"last": pc.binary_join_element_wise('"', last, '"', ""), "reasons": reasons}
    pieces = [pc.binary_join_element_wise(f'"{name}":', text, "") for name, text in texts.items()]
    return pc.binary_join_element_wise("{", pc.binary_join_element_wise(*pieces, ",", null_handling="skip"), "}", "")


def _shares(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    size = len(next(iter(columns.values()), np.zeros(1)))
    nothing, unknown = np.zeros(size), np.full(size, np.nan)
    received, refused, wrong, early = (
        columns.get(name, nothing) for name in ("received", "rejected", "clock_rejected", "early")
    )

    def share(part: Floats, whole: Floats) -> Floats:
        found: Floats = np.full(size, np.nan)
        np.divide(part, whole, out=found, where=whole > 0)
        return found.clip(0.0, 1.0)

    return {
        "missing": share(columns.get("missing", unknown), columns.get("expected", unknown)),
        "rejected": share(refused, received + refused),
        "stuck": share(columns.get("stuck", unknown), received),
        "late": share(columns.get("late", unknown), columns.get("dated", unknown)),
        "clock": share(np.nan_to_num(early) + wrong, received + wrong),
    }


def _scores(columns: Mapping[str, Floats], silent: npt.NDArray[np.bool_]) -> Floats:
    shares = _shares(columns)
    table = np.column_stack([shares[name] for name in WEIGHTS])
    weights = np.where(np.isnan(table), 0.0, list(WEIGHTS.values()))
    weight = weights.sum(axis=1)
    lost = (weights * np.nan_to_num(table)).sum(axis=1)
    score = np.full(len(table), np.nan)
    np.divide(lost, weight, out=score, where=weight > 0)
    received = columns.get("received", np.zeros(len(table)))
    found: Floats = np.where(silent & (received == 0), 0.0, 100 * (1 - score))
    return found


def _floats(column: pa.Array) -> Floats:
    found: Floats = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)
    return found

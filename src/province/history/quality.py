"""How well sources measure: gaps, stuck values, late readings, wrong clocks, found on columns of readings.

Per entity, over all its numbers and texts of a window:

- *period*: the median pause between two readings of a series (entity and attribute), from at least FEW readings.
- *missing*: readings that a series would have with its period from its first reading to the end of the window, less
  those that it has.  *gap*: a pause of more than GAP periods.
- *stuck*: readings in a run of equal numbers other than 0 that has at least STUCK readings and lasts STUCK_US. Zero is
  left out: no rain is no fault.
- *late*: came more than an hour after it was measured.  *early*: came before it was measured, so a clock is ahead.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from province.history.lake import in_order, ranks

FEW: Final = 5
GAP: Final = 3.0
STUCK: Final = 12
STUCK_US: Final = 3 * 3_600_000_000
LATE_US: Final = 3_600_000_000
SILENT_US: Final = 3_600_000_000
COLUMNS: Final = ("entity", "type", "attribute", "observed_at", "number", "seq", "row")
Ints = npt.NDArray[np.int64]
Clock = tuple[Ints, Ints]
"""(last position of each batch, its arrival in µs), by position."""

EXAMINED: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("type", pa.string()),
        ("received", pa.int64()),
        ("expected", pa.int64()),
        ("missing", pa.int64()),
        ("gaps", pa.int64()),
        ("longest_gap_us", pa.int64()),
        ("period_us", pa.int64()),
        ("stuck", pa.int64()),
        ("dated", pa.int64()),
        ("late", pa.int64()),
        ("early", pa.int64()),
        ("last_us", pa.int64()),
        ("silent", pa.bool_()),
    ]
)
"""expected, missing, gaps, longest_gap_us, period_us: null when no series has enough readings for a period.
dated: readings whose arrival is known.  period_us: the shortest of its series."""


def examine(rows: pa.Table, end_us: int, clock: Clock) -> pa.Table:
    """One row (EXAMINED) per entity of readings (COLUMNS) of a window that ends at `end_us`."""
    if rows.num_rows == 0:
        return EXAMINED.empty_table()
    rows = rows.combine_chunks()
    entity, attribute = _dense(ranks(rows["entity"])), ranks(rows["attribute"])
    series = entity * (int(attribute.max()) + 1) + attribute
    order = in_order(series, rows)
    entity, series = entity[order], series[order]
    at = rows["observed_at"].cast(pa.int64()).to_numpy()[order]
    number = rows["number"].to_numpy()[order]
    seq = rows["seq"].to_numpy()[order]
    begins = np.append(0, np.flatnonzero(np.diff(series)) + 1)
    sizes = np.diff(np.append(begins, len(at)))
    of_series = np.repeat(np.arange(len(begins)), sizes)
    owner = entity[begins]
    count = int(owner.max()) + 1

    def per_entity(values: npt.NDArray[Any], of: Ints) -> Ints:
        return np.bincount(of, values, minlength=count).astype(np.int64)

    firsts, lasts = at[begins], at[begins + sizes - 1]
    period = _medians(at, of_series, begins, sizes)
    known = period > 0
    expected = np.where(known, (end_us - firsts) // np.maximum(period, 1) + 1, 0)
    missing = np.where(known, np.maximum(expected - sizes, 0), 0)
    pause = np.append(np.diff(at), 0)
    pause[begins + sizes - 1] = end_us - lasts
    wide = known[of_series] & (pause > GAP * period[of_series])
    longest = np.zeros(count, np.int64)
    np.maximum.at(longest, entity[wide], pause[wide])
    arrival, dated = _arrivals(seq, clock)
    last = np.full(count, np.iinfo(np.int64).min)
    np.maximum.at(last, owner, lasts)
    shortest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(shortest, owner[known], period[known])
    regular = shortest < np.iinfo(np.int64).max
    patience = np.where(regular, np.maximum(4 * np.where(regular, shortest, 0), SILENT_US), SILENT_US)
    place = np.zeros(count, np.int64)
    place[entity[::-1]] = order[::-1]
    names = rows.select(["entity", "type"]).take(pa.array(place))

    def unless_irregular(values: Ints) -> pa.Array:
        return pa.array(values, mask=~regular)

    return pa.table(
        [
            names["entity"].cast(pa.string()),
            names["type"].cast(pa.string()),
            pa.array(np.bincount(entity, minlength=count)),
            unless_irregular(per_entity(expected, owner)),
            unless_irregular(per_entity(missing, owner)),
            unless_irregular(per_entity(wide, entity)),
            unless_irregular(longest),
            unless_irregular(shortest),
            pa.array(per_entity(_stuck(number, at, series), entity)),
            pa.array(per_entity(dated, entity)),
            pa.array(per_entity(dated & (arrival - at > LATE_US), entity)),
            pa.array(per_entity(dated & (arrival < at), entity)),
            pa.array(last),
            pa.array(end_us - last > patience),
        ],
        schema=EXAMINED,
    )


def _dense(codes: Ints) -> Ints:
    """The codes without those that no row has: a dictionary holds texts of rows that were not asked for."""
    present = np.bincount(codes) > 0
    return (np.cumsum(present) - 1)[codes]


def _medians(at: Ints, of_series: Ints, begins: Ints, sizes: Ints) -> Ints:
    """The median pause of each series; 0 where it has too few readings, or all at one instant."""
    pause = np.diff(at, append=at[-1:])
    inner = np.ones(len(at), np.bool_)
    inner[begins + sizes - 1] = False
    chosen = np.flatnonzero(inner)
    order = np.lexsort((pause[chosen], of_series[chosen]))
    pauses = pause[chosen][order]
    counts = sizes - 1
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    middle = np.minimum(starts + counts // 2, max(len(pauses) - 1, 0))
    found = pauses[middle] if len(pauses) else np.zeros(len(begins), np.int64)
    return np.where(sizes >= FEW, found, 0)


def _stuck(number: npt.NDArray[np.float64], at: Ints, series: Ints) -> npt.NDArray[np.bool_]:
    """Per reading whether it lies in a long run of equal numbers other than 0."""
    new = np.append(True, (series[1:] != series[:-1]) | (number[1:] != number[:-1]))  # NaN, a text, never equals
    begins = np.flatnonzero(new)
    sizes = np.diff(np.append(begins, len(number)))
    lasting = at[begins + sizes - 1] - at[begins]
    held = (sizes >= STUCK) & (lasting >= STUCK_US) & (number[begins] != 0)
    return np.repeat(held, sizes)


def _arrivals(seq: Ints, clock: Clock) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """When the readings came, and of which that is known."""
    last, came = clock
    if not len(last):
        return np.zeros(len(seq), np.int64), np.zeros(len(seq), np.bool_)
    place = np.searchsorted(last, seq)
    known = place < len(last)
    return came[np.minimum(place, len(last) - 1)], known


def no_text(rows: pa.Table) -> pa.Table:
    """Rows whose number is null get NaN: a text counts as received, and never as stuck."""
    at = rows.schema.get_field_index("number")
    return rows.set_column(at, "number", pc.fill_null(rows["number"], float("nan")))

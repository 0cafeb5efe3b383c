"""A series or a table told by areas of one map, told again by those of another.

What stands on atoms is moved exactly. What is only known of a whole unit that was divided is shared out by size of land
and flagged an estimate. What the record cannot place stays under no area: totals agree on every map.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from province.territory.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Part:
    """The sums of one area on the asked map. area: None where the record cannot tell.

    estimate: at least one of the sums was shared out by size of land.
    """

    area: str | None
    sums: tuple[float, ...]
    estimate: bool


def regroup(rows: Iterable[tuple[str | None, Sequence[float]]], ledger: Ledger, day: str) -> list[Part]:
    """Additive sums by stamp (an atom or an area) → by area of the lowest tier on the map of `day`, sorted.

    rows: (stamp or None, sums), all with the same number of sums. Only what adds up may be given: counts, totals,
    sums of squares; a mean is the quotient of two regrouped sums.
    """
    found: dict[str | None, tuple[list[float], bool]] = {}
    for stamp, sums in rows:
        for share in ledger.shares(stamp, day) if stamp else ():
            _add(found, share.area, [s * share.weight for s in sums], share.estimate)
        if not stamp:
            _add(found, None, list(sums), False)
    ordered = sorted(found.items(), key=lambda item: (item[0] is None, item[0] or ""))
    return [Part(area, tuple(sums), estimate) for area, (sums, estimate) in ordered]


def _add(found: dict[str | None, tuple[list[float], bool]], area: str | None, sums: list[float], guess: bool) -> None:
    before, guessed = found.get(area, ([0.0] * len(sums), False))
    found[area] = ([a + b for a, b in zip(before, sums, strict=True)], guessed or guess)

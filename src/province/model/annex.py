"""The plan as its public pages, its report and its interface show it on a day: plain values, ready to be encoded.

A text in two languages is a pair of fields, the English one ending in `_en`. Days are civil days (`2026-03-31`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from province.model.goal import Achieved, Goal, Measured, Outcome
from province.model.label import Label

WhyNot = Literal["", "no_indicator", "no_value", "no_right", "not_kept", "pending"]
"""Why there is no measured value: no pack measures it; there is nothing to count; the caller may not see it; the
series has no value of that day; it is being computed for the first time since the start."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Where a row comes from. confirmed: read in a public source; else general knowledge, to be confirmed."""

    source: Label
    date: str
    confirmed: bool = True


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """A value expected at the end of a year, with the half-width of its 90% interval. reached: it reaches the goal."""

    year: int
    value: float
    error: float
    points: int
    first_day: str
    last_day: str
    reached: bool


class TargetView(msgspec.Struct, frozen=True, kw_only=True):
    """A target beside what is measured. indicator_title: None when no pack declares the indicator.

    formula: how the indicator is computed, in words.  progress: share of the goal in 0…1, None without a value.
    series: (day, value), oldest first, of those days that were kept.
    """

    code: str
    title: Label
    goal: Goal
    edition: str
    from_plan: bool
    said: Said
    indicator_title: Label | None = None
    formula: Label | None = None
    measured: Measured | None = None
    why_not: WhyNot = ""
    progress: float | None = None
    reached: bool | None = None
    forecast: Forecast | None = None
    series: tuple[tuple[str, float], ...] = ()


class IndicatorView(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack measures for the row of a line besides its targets. measured: None when the caller may not see it."""

    name: str
    title: Label
    formula: Label
    measured: Measured | None


class OwnerView(msgspec.Struct, frozen=True, kw_only=True):
    """The agency in charge during [valid_from, valid_to)."""

    agency: str
    name: str
    role: str
    valid_from: str
    valid_to: str | None
    said: Said


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """A place by the name in force. written: its name in the plan.  parts: units in force that took in a part of it.

    approximate: the parts were guessed from approximate boundaries.
    """

    name: str
    written: str
    area: str | None
    said: Said
    parts: tuple[str, ...] = ()
    approximate: bool = False


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """An acceptance check and what it found. title is None when no pack declares one for the row."""

    title: Label | None
    outcome: Outcome
    evidence: Label


class FundView(msgspec.Struct, frozen=True, kw_only=True):
    """Capital and disbursement of one source, in đồng."""

    name: Label
    capital: int
    disbursed: int


class ProjectView(msgspec.Struct, frozen=True, kw_only=True):
    """A project with its sums recomputed from entries; None when an entry cannot be read."""

    id: str
    code: str
    title: str
    investor: str
    status: Label
    decision: str
    decided_on: str
    accepted_on: str
    capital: int | None
    disbursed: int | None
    funds: tuple[FundView, ...] = ()


class MilestoneView(msgspec.Struct, frozen=True, kw_only=True):
    """A milestone. late: due before the day, and not reached.

    share: of what an adopted plan builds, due by then, percent; achieved: how much of it stands, None where the caller
    may not see it or it is not measured.
    """

    id: str
    title: str
    status: Label
    due_on: str
    first_due_on: str
    reached_on: str
    evidence: str
    late: bool
    share: float | None = None
    achieved: Achieved | None = None


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the Annex or a commitment of the body with everything behind it on the day."""

    kind: Literal["line", "commitment"]
    code: str
    row: str
    position: int
    text: Label
    said: Said
    check: CheckView
    chapter: str = ""
    chapter_name: Label | None = None
    number: str = ""
    category: Label | None = None
    paragraph: int = 0
    owners: tuple[OwnerView, ...] = ()
    all_owners: tuple[OwnerView, ...] = ()
    places: tuple[PlaceView, ...] = ()
    targets: tuple[TargetView, ...] = ()
    indicators: tuple[IndicatorView, ...] = ()
    projects: tuple[ProjectView, ...] = ()
    milestones: tuple[MilestoneView, ...] = ()


class IndexView(msgspec.Struct, frozen=True, kw_only=True):
    """One year of the digital transformation index. gap: to the leader, None when the leader's score is not known."""

    year: int
    score: float
    rank: int
    units: int
    leader: str
    gap: float | None
    said: Said


class IndexSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of the index; editions are never put together. years: empty when nothing was published or read."""

    edition: str
    years: tuple[IndexView, ...]


class AnnexView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole plan on a day. live: the measured values are those of now; else those kept of that day.

    others: (row, check) of declared checks that no line has as its row.
    """

    day: str
    today: str
    approved_on: str
    live: bool
    lines: tuple[LineView, ...]
    commitments: tuple[LineView, ...]
    indices: tuple[IndexSeries, ...]
    others: tuple[tuple[str, CheckView], ...] = ()

    @property
    def everything(self) -> tuple[LineView, ...]:
        """Lines, then commitments."""
        return (*self.lines, *self.commitments)

    def counts(self) -> Mapping[Outcome, int]:
        """Lines of the Annex by the outcome of their check."""
        found: dict[Outcome, int] = {"met": 0, "not_met": 0, "no_data": 0}
        for line in self.lines:
            found[line.check.outcome] += 1
        return found


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    """The annual implementation report: the plan at the end of a year, or as it stands when the year is not over."""

    year: int
    complete: bool
    written_at: str
    annex: AnnexView

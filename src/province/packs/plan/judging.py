"""Judges of this pack's own checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from province.model.goal import Goal, Measured, Verdict
from province.model.label import Label

LINES: Final = 35
"""Entries of the column "Phương án dự kiến" of Annex XIV."""


def every_line_stands(measured: Mapping[str, Measured], goals: Sequence[Goal]) -> Verdict:
    """The Annex has 35 lines, and as many stand in the system."""
    found = measured.get("plan_lines")
    if found is None or not found.value:
        return Verdict(outcome="no_data", evidence=Label("chưa nhập dòng nào", "no line was brought in"))
    return Verdict(
        outcome="met" if found.value == LINES else "not_met",
        evidence=Label(f"{found.value:.0f} / {LINES} dòng", f"{found.value:.0f} of {LINES} lines"),
    )

"""The judges of this pack's acceptance checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from province.model.goal import Goal, Measured, Verdict
from province.model.label import Label

DISTRICTS: Final = 9
"""Districts of the province when the plan was made: line III.2a speaks of their centres (Decision 790/QĐ-TTg, 2024)."""


def centres_work(measured: Mapping[str, Measured], goals: Sequence[Goal]) -> Verdict:
    """Met when there are as many centres as there were districts, and an officer is on duty in some of them."""
    centres, duty = measured.get("centres_open"), measured.get("officers_on_duty")
    if centres is None or not centres.value or duty is None or duty.value is None:
        return Verdict(outcome="no_data", evidence=Label("chưa lập trung tâm nào", "no centre was established yet"))
    return Verdict(
        outcome="met" if centres.value >= DISTRICTS and duty.value else "not_met",
        evidence=Label(
            f"{centres.value:.0f} trung tâm, {duty.value:.0f} ca đang trực; cần {DISTRICTS} trung tâm",
            f"{centres.value:.0f} centres, {duty.value:.0f} shifts on duty; {DISTRICTS} centres are needed",
        ),
    )


def incidents_are_closed_with_a_report(measured: Mapping[str, Measured], goals: Sequence[Goal]) -> Verdict:
    """Met when real incidents were closed with their report, and no task of one that runs is late."""
    closed, late = measured.get("incidents_closed"), measured.get("incident_tasks_late")
    if closed is None or not closed.value or late is None or late.value is None:
        return Verdict(
            outcome="no_data", evidence=Label("chưa có sự cố thật nào kết thúc", "no real incident was closed yet")
        )
    return Verdict(
        outcome="met" if late.value == 0 else "not_met",
        evidence=Label(
            f"{closed.value:.0f} sự cố kết thúc có báo cáo, {late.value:.0f} việc đang quá hạn",
            f"{closed.value:.0f} incidents closed with a report, {late.value:.0f} tasks late",
        ),
    )

"""The judge of this pack's acceptance check. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from province.model.goal import Goal, Measured, Verdict
from province.model.label import Label


def every_report_reaches_an_agency(measured: Mapping[str, Measured], goals: Sequence[Goal]) -> Verdict:
    """Met when real reports came in and none of them still waits for an agency."""
    received, waiting = measured.get("reports_received"), measured.get("reports_without_agency")
    if received is None or waiting is None or not received.value or waiting.value is None:
        return Verdict(outcome="no_data", evidence=Label("chưa nhận phản ánh nào", "no report was received yet"))
    return Verdict(
        outcome="met" if waiting.value == 0 else "not_met",
        evidence=Label(
            f"{received.value:.0f} phản ánh, {waiting.value:.0f} chưa có cơ quan xử lý",
            f"{received.value:.0f} reports, {waiting.value:.0f} of them without an agency",
        ),
    )

"""What people do with alerts, and who is told. Pure."""

from __future__ import annotations

from typing import Annotated

from province.errors import InvalidInput
from province.model.label import Label
from province.model.record import move
from province.model.schema import Field
from province.pack import Context, Effect, Notice
from province.vocab.alert import CLOSING, Alert

_NOTE = Label("Ghi chú", "Note")


def acknowledge(alert: Alert, *, context: Context, note: Annotated[str, Field(_NOTE)] = "") -> list[Effect]:
    """Take note of an alert: from now on it is in somebody's hands. A higher level needs to be acknowledged again."""
    return [
        move(
            alert,
            "acknowledged",
            at=context.now,
            note=note,
            acknowledgedAt=context.now,
            acknowledgedBy=context.actor,
            acknowledgement=note or None,
        )
    ]


def close(
    alert: Alert,
    *,
    context: Context,
    reason: Annotated[str, Field(Label("Lý do", "Reason"), values=tuple(n for n, _ in CLOSING), names=CLOSING)],
    note: Annotated[str, Field(_NOTE)] = "",
) -> list[Effect]:
    """End an alert with a reason. While the readings stay at its level, no new one is raised. Raises: InvalidInput."""
    if reason not in dict(CLOSING):
        raise InvalidInput(
            f"{reason[:40]!r} is not a reason.", field="reason", remedy=f"One of: {', '.join(dict(CLOSING))}."
        )
    return [move(alert, "closed", at=context.now, note=note, closedAt=context.now, closingReason=reason)]


def tell(alert: Alert, *, context: Context) -> list[Effect]:
    """Tell the agency that owns the station. What simulated readings raised says so in its first word."""
    if context.agency is None:
        return []
    mark = Label("[Mô phỏng] ", "[Simulated] ") if alert.basis == "simulated" else Label("", "")
    return [
        Notice(
            to=context.agency,
            subject=Label(f"{mark.vi}Cảnh báo: {alert.title}", f"{mark.en}Alert: {alert.title}"),
            body=Label(
                "Mở cảnh báo để xem số đo, ngưỡng và nguồn của ngưỡng; tiếp nhận hoặc đóng kèm lý do.",
                "Open it to see readings, limits and their sources; acknowledge it, or close it with a reason.",
            ),
            about=alert.id,
        )
    ]

"""Messages about a report to its desk, its agency and its author. Pure."""

from __future__ import annotations

from province.model.label import Label
from province.pack import Effect, Notice
from province.packs.reports import urgency
from province.packs.reports.types import Report


def tell_desk(report: Report, desk: str) -> Notice:
    """Nobody could be found for it: a person at the desk decides."""
    label = report.code or report.externalCode or report.title
    return Notice(
        to=desk,
        subject=Label(f"Phản ánh chờ người phân loại: {label}"[:200], f"A report waits for a person: {label}"[:200]),
        body=Label(
            "Hệ thống không đủ căn cứ để tự giao cơ quan xử lý.",
            "There is not enough to give it to an agency by itself.",
        ),
        about=report.id,
    )


def tell_agency(report: Report, agency: str) -> Notice:
    """It is theirs now; an emergency also by SMS."""
    label = report.code or report.externalCode or report.title
    urgent = report.matter == "emergency"
    first = urgency.URGENT if urgent else Label("Phản ánh mới", "New report")
    return Notice(
        to=agency,
        subject=Label(f"{first.vi}: {label}"[:200], f"{first.en}: {label}"[:200]),
        body=Label(report.title, report.title),
        about=report.id,
        channels=("mail", "sms") if urgent else (),
    )


def tell_author(report: Report, vi: str, en: str, text: str) -> list[Effect]:
    """Tell an author who has an account, or who left an address; the others look with their secret."""
    label = report.code or report.title
    subject = Label(f"{vi}: {label}"[:200], f"{en}: {label}"[:200])
    ways = [report.author] if report.author else []
    ways += [f"mailto:{report.reporterEmail}"] if report.reporterEmail else []
    ways += [f"tel:{report.reporterPhone}"] if report.reporterPhone and not report.reporterEmail else []
    return [Notice(to=to, subject=subject, body=Label(text, text), about=report.id) for to in ways]

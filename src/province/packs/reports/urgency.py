"""Reports that may be emergencies: found by words of danger or a small probability, shown to the desk first. Pure.

Whether it is one, a person says. Until then the report goes its way like any other, so that a wrong suspicion costs a
look and nothing else; who sent it is told at once to call 113, 114 or 115.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from province.compute.danger import Lexicon, dangers
from province.model.label import Label
from province.pack import CALLER, Context, Notice
from province.packs.reports.types import Report

CALL: Final = Label(
    "Nếu có người đang gặp nguy hiểm, hãy gọi ngay 113 (công an), 114 (chữa cháy, cứu nạn) hoặc 115 (cấp cứu).",
    "If somebody is in danger, call 113 (police), 114 (fire and rescue) or 115 (ambulance) now.",
)
URGENT: Final = Label("KHẨN CẤP", "EMERGENCY")
SUSPECTED: Final = Label("Nghi khẩn cấp", "May be an emergency")


def suspected(report: Report, context: Context, said: Mapping[str, Any] | None) -> Report:
    """The report, marked when its text tells of danger. said: what the classifier says of it, if there is one."""
    words = danger_in(f"{report.title}. {report.description}", context)
    likely = said is not None and said["chances"].get("emergency", 0.0) >= context.params["suspected_above"]
    if not words and not likely and report.matter != "emergency":
        return report
    return msgspec.structs.replace(report, suspected=True, dangerWords=words or None)


def warn(report: Report) -> list[Notice]:
    """Tell whoever sends it whom to call, when it may be an emergency."""
    if not report.suspected and report.matter != "emergency":
        return []
    return [Notice(to=CALLER, subject=SUSPECTED, body=CALL, about=report.id)]


def tell_desk(report: Report, desk: str | None) -> list[Notice]:
    """Put a suspicion before the desk that sorts reports; by mail and SMS too where it is more than a suspicion."""
    if desk is None or not report.suspected:
        return []
    first = URGENT if report.matter == "emergency" else SUSPECTED
    label = report.code or report.externalCode or report.title
    why = ", ".join(report.dangerWords or ())
    return [
        Notice(
            to=desk,
            subject=Label(f"{first.vi}: {label}"[:200], f"{first.en}: {label}"[:200]),
            body=Label(f"{report.title}\n{why}".strip(), f"{report.title}\n{why}".strip()),
            about=report.id,
            channels=("mail", "sms") if report.matter == "emergency" else (),
        )
    ]


def danger_in(text: str, context: Context) -> tuple[str, ...]:
    """The words of danger of a text."""
    return dangers(text, _read(_frozen(context.params["danger_words"])))


_Lists = tuple[tuple[str, tuple[str, ...]], ...]


def _frozen(table: Mapping[str, Sequence[Any]]) -> _Lists:
    return tuple((name, tuple(map(str, words))) for name, words in table.items())


@lru_cache(maxsize=8)
def _read(lists: _Lists) -> Lexicon:
    return Lexicon.of(dict(lists))

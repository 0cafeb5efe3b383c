"""What people do with a report: at the desk, in the agency, and its author. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from province.errors import Conflict, InvalidInput
from province.model.label import Label
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.unit import Unit
from province.pack import HISTORY_WITHDRAW, Context, Effect, Job, Notice
from province.packs.reports.entry import MATTER_FIELD, protect
from province.packs.reports.logic import answered, assign_to, clock_of, find_agency, position
from province.packs.reports.marks import derive, missing_number, prove
from province.packs.reports.telling import tell_agency, tell_author
from province.packs.reports.types import (
    CATEGORIES,
    CATEGORY_NAMES,
    LEGAL,
    MATTERS,
    Report,
)
from province.vocab.agency import Agency
from province.vocab.area import Area, civil_day, local_area
from province.vocab.calendar import WorkingYear, calendar_of
from province.vocab.case import (
    STOPPED,
    Task,
    pause_clock,
    resume_clock,
    start_clock,
    steps_of,
    task_id,
    term_of,
    with_files,
)
from province.vocab.mandate import Mandate

_REASON = Label("Lý do", "Reason")


def assign(
    report: Report,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    agency: Annotated[str, Field(Label("Cơ quan xử lý", "Agency"), ref="Agency")],
    reason: Annotated[str, Field(_REASON)] = "",
) -> list[Effect]:
    """Give the report to an agency, or pass it on; the clock of a report that has one keeps running."""
    return assign_to(report, agency, context, years, {}, reason)


def take(report: Report, *, context: Context) -> list[Effect]:
    """Put oneself in charge of it."""
    return [change(report, event="report.taken", assignee=context.actor)]


def start(report: Report, *, context: Context) -> list[Effect]:
    """Begin to work on it."""
    return [move(report, "in_progress", at=context.now, assignee=report.assignee or context.actor)]


def comment(
    report: Report, *, context: Context, note: Annotated[str, Field(Label("Ghi chú", "Remark"))]
) -> list[Effect]:
    """Write a remark, with files as evidence if there are any; the history keeps all of them."""
    files = with_files(report, context.files)
    return [change(report, event="report.remarked", remark=_said(note, "note"), evidence=files)]


def add_task(
    report: Report,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    title: Annotated[str, Field(Label("Việc cần làm", "What to do"))],
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), ref="Agency")],
    hours: Annotated[int, Field(Label("Thời hạn", "Time limit"), minimum=1, maximum=2000), Unit("HUR")] = 24,
) -> list[Effect]:
    """Give a part of the work to an agency, with a time limit of its own in hours."""
    term = term_of({"amount": hours, "unit": "hours"})
    steps = steps_of(context.params["escalation"])
    task = Task(
        id=task_id(report.id, derive("task", context.nonce)),
        title=_said(title, "title"),
        case=report.id,
        assignedTo=agency,
        openedAt=context.now,
        **{
            k: v
            for k, v in start_clock(calendar_of(years), context.now, term, [s for s in steps if s.days == 0]).items()
            if v is not None
        },
    )
    return [create(task, agency=agency)]


def pause(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Stop the clock while something is waited for: an answer of the resident, weather, another body."""
    return [change(report, event="report.paused", **pause_clock(report, context.now, reason))]


def resume(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Let the clock run again, with what was left of it."""
    unit = term_of(context.params["resolution_term"]).unit
    steps = steps_of(context.params["escalation"])
    values = resume_clock(report, calendar_of(years), context.now, unit, steps)
    return [change(report, event="report.resumed", **values)]


def resolve(
    report: Report, *, context: Context, note: Annotated[str, Field(Label("Kết quả xử lý", "What was done"))]
) -> list[Effect]:
    """Answer with what was done, with files as evidence; the author may disagree until the matter closes by itself."""
    _refuse_linked(report)
    said = _said(note, "note")
    files = with_files(report, context.files)
    return [
        move(report, "resolved", at=context.now, note=said, answer=said, evidence=files, **answered(context)),
        *tell_author(report, "Đã xử lý phản ánh", "Your report is resolved", said),
    ]


def reject(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Refuse it, with the reason that the author reads; the author may disagree."""
    _refuse_linked(report)
    said = _said(reason, "reason")
    return [
        move(report, "rejected", at=context.now, note=said, answer=said, **STOPPED),
        *tell_author(report, "Không tiếp nhận phản ánh", "Your report is refused", said),
    ]


def _refuse_linked(report: Report) -> None:
    """A linked report has the outcome of the first one, and no other."""
    if report.status == "linked":
        raise Conflict("it is dealt with together.", field="status", remedy="Answer the first report, or unlink it.")


def refer(
    report: Report,
    *,
    context: Context,
    matter: Annotated[
        str,
        Field(
            Label("Thủ tục", "Procedure"),
            values=LEGAL,
            names=tuple((name, label) for name, label in MATTERS if name in LEGAL),
        ),
    ],
    agency: Annotated[str, Field(Label("Cơ quan có thẩm quyền", "Competent agency"), ref="Agency")],
    reason: Annotated[str, Field(_REASON)],
) -> list[Effect]:
    """Let a complaint or a denunciation leave for its legal procedure: the competent agency is told, the clock of
    reports ends, nothing of it stays public, and who sent a denunciation is kept apart from it."""
    said = _said(reason, "reason")
    moved = move(
        report,
        "referred",
        at=context.now,
        note=said,
        matter=matter,
        answer=said,
        assignedTo=agency,
        published=False,
        publicPhotos=(),
        **STOPPED,
        **(_FORGOTTEN if matter == "denunciation" else {}),
    )
    told = Notice(
        to=agency,
        subject=Label(f"Chuyển đơn theo thẩm quyền: {report.code}", f"Referred by law: {report.code}"),
        body=Label(said, said),
        about=report.id,
    )
    identity: list[Effect] = []
    if matter == "denunciation":
        hidden = Job(name=HISTORY_WITHDRAW, arguments={"entity": report.id, "attrs": list(_FORGOTTEN)})
        identity = [*protect(report), hidden]
    return [
        msgspec.structs.replace(moved, agency=agency, counters=missing_number(report)),
        *identity,
        told,
        *tell_author(report, "Đã chuyển cơ quan có thẩm quyền", "Referred to the competent agency", said),
    ]


_FORGOTTEN: Final = {"reporterName": None, "reporterPhone": None, "reporterEmail": None, "author": None}


def classify(
    report: Report,
    *,
    context: Context,
    areas: Sequence[Area],
    agencies: Sequence[Agency],
    mandates: Sequence[Mandate],
    years: Sequence[WorkingYear],
    category: Annotated[str, Field(Label("Lĩnh vực", "Category"), values=CATEGORY_NAMES, names=CATEGORIES)],
    matter: Annotated[str, MATTER_FIELD] = "report",
) -> list[Effect]:
    """Decide the category and the matter, as a person: the machine learns from it, and a report that waited for the
    category goes to the agency in charge."""
    decided = {"category": category, "matter": matter, "categoryBy": "person", "suspected": None}
    if matter == "emergency" and report.matter != "emergency" and report.status in _GIVEN:
        return _hurry(report, context, years, decided)
    if report.status == "new" and matter not in LEGAL:
        area = local_area(areas, position(report.location), civil_day(context.now))
        agency = find_agency(category, area, agencies, context, mandates)
        if agency is not None:
            return assign_to(report, agency.id, context, years, decided)
    return [change(report, event="report.classified", **decided)]


_GIVEN: Final = ("assigned", "in_progress", "reopened")


def alarm(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Say that it is an emergency: its limit is that of emergencies, and the agency is told by every way."""
    decided = {"matter": "emergency", "suspected": None}
    if report.status in _GIVEN:
        return _hurry(report, context, years, decided)
    return [change(report, event="report.alarmed", **decided)]


def stand_down(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Say that nobody is in danger: it is a report like any other, and has the limit of one."""
    decided: dict[str, Any] = {"suspected": None}
    if report.matter == "emergency":
        decided["matter"] = "report"
        if report.status in _GIVEN:
            calm = msgspec.structs.replace(report, matter="report")
            decided |= clock_of(calm, context, years, since=context.now)
    return [change(report, event="report.stood_down", **decided)]


def _hurry(report: Report, context: Context, years: Sequence[WorkingYear], decided: dict[str, Any]) -> list[Effect]:
    """What an agency has already becomes an emergency."""
    urgent = msgspec.structs.replace(report, matter="emergency")
    clock = clock_of(urgent, context, years, since=context.now)
    told = [tell_agency(urgent, report.assignedTo)] if report.assignedTo else []
    return [change(report, event="report.alarmed", **decided, **clock), *told]


def link(
    report: Report,
    *,
    context: Context,
    first: Annotated[
        str | None,
        Field(
            Label("Phản ánh chính", "First report"),
            ref="Report",
            hint=Label("Để trống: phản ánh mà hệ thống gợi ý", "Left out: the one that the system points at"),
        ),
    ] = None,
) -> list[Effect]:
    """Say that it is the same matter as another report: it is dealt with together, and its author learns the answer."""
    target = first or report.duplicateOf
    if target is None or target == report.id:
        raise InvalidInput("there is no other report to link it to.", field="first", remedy="Name the first report.")
    moved = move(report, "linked", at=context.now, duplicateOf=target, **STOPPED)
    return [msgspec.structs.replace(moved, counters=missing_number(report))]


def unlink(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Say that it is a matter of its own after all: it runs on its own clock again."""
    if report.assignedTo is None:
        raise InvalidInput("no agency has it.", field="assignedTo", remedy="Assign it first.")
    return [
        move(
            report, "assigned", at=context.now, duplicateOf=None, **clock_of(report, context, years, since=context.now)
        )
    ]


def dispute(
    report: Report,
    *,
    context: Context,
    secret: Annotated[str, Field(Label("Mã bí mật", "Secret"))],
    reason: Annotated[str, Field(_REASON)],
) -> list[Effect]:
    """Disagree with the outcome, as the author whom the secret proves. Raises: NotAllowed."""
    prove(report, secret)
    effects: list[Effect] = [move(report, "disputed", at=context.now, note=_said(reason, "reason"), nextStepAt=None)]
    if report.assignedTo:
        subject = Label(f"Người dân chưa đồng ý: {report.code}", f"Disputed: {report.code}")
        effects.append(Notice(to=report.assignedTo, subject=subject, body=Label(reason, reason), about=report.id))
    return effects


def rate(
    report: Report,
    *,
    context: Context,
    secret: Annotated[str, Field(Label("Mã bí mật", "Secret"))],
    stars: Annotated[int, Field(Label("Chấm điểm 1–5", "Rating 1–5"), minimum=1, maximum=5), Unit("C62")],
    note: Annotated[str, Field(Label("Nhận xét", "Comment"))] = "",
) -> list[Effect]:
    """Say how well it was dealt with, as the author whom the secret proves. Raises: NotAllowed, InvalidInput."""
    prove(report, secret)
    if not 1 <= stars <= 5:
        raise InvalidInput(f"{stars} is no rating.", field="stars", remedy="Give 1 to 5.")
    return [change(report, event="report.rated", rating=stars, ratingNote=note.strip() or None)]


def reopen(
    report: Report, *, context: Context, years: Sequence[WorkingYear], reason: Annotated[str, Field(_REASON)]
) -> list[Effect]:
    """Accept the dispute: the work begins again with a new time limit."""
    said = _said(reason, "reason")
    clock = clock_of(report, context, years, since=context.now)
    return [
        move(report, "reopened", at=context.now, note=said, **clock),
        *tell_author(report, "Xử lý lại phản ánh", "Your report is dealt with again", said),
    ]


def close(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)] = "") -> list[Effect]:
    """End it: accepted, not disputed in time, or the dispute is not upheld."""
    return [move(report, "closed", at=context.now, note=reason, **STOPPED)]


def publish(
    report: Report,
    *,
    context: Context,
    photos: Annotated[bool, Field(Label("Đã xem ảnh và cho công khai", "Photos seen and fit to be public"))] = False,
) -> list[Effect]:
    """Show the report on the public map; its photos only when a person has looked at them."""
    shown = report.photos if photos else ()
    return [change(report, event="report.published", published=True, publicPhotos=shown)]


def withdraw(report: Report, *, context: Context) -> list[Effect]:
    """Take the report off the public map."""
    return [change(report, event="report.withdrawn", published=False, publicPhotos=())]


def _said(text: str, field: str) -> str:
    if not text.strip():
        raise InvalidInput("the author must be told.", field=field, remedy="Write at least one sentence.")
    return text.strip()

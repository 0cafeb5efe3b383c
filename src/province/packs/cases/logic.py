"""What becomes of tasks, and how a working calendar is entered. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Final

import msgspec

from province.errors import InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import attributes, change, move
from province.model.schema import Field, describe
from province.model.unit import Unit
from province.pack import Context, Effect, Notice, step_effects
from province.vocab.agency import Agency
from province.vocab.calendar import WorkingYear, calendar_of, year_id
from province.vocab.case import STOPPED, Task, step_from, with_files

_REASON: Final = Label("Lý do", "Reason")
_DAYS: Final = Label("Ngày, cách nhau bằng dấu cách; khoảng ngày viết a..b", "Days apart by blanks; a span is a..b")
_VIETNAMESE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_MOST_DAYS: Final = 366


def tell(task: Task, *, context: Context) -> list[Effect]:
    """Tell whoever got a task."""
    to = task.assignee or task.assignedTo
    if to is None or task.status != "open":
        return []
    return [
        Notice(
            to=to,
            subject=Label(f"Nhiệm vụ mới: {task.title}"[:200], f"New task: {task.title}"[:200]),
            body=Label("Mở nhiệm vụ để xem vụ việc và thời hạn.", "Open it to see the case and the time limit."),
            about=task.id,
        )
    ]


def escalate(task: Task, *, context: Context, years: Sequence[WorkingYear], agencies: Sequence[Agency]) -> list[Effect]:
    """Take the step that a task has come to: remind, say that it is overdue, tell the level above."""
    reached = step_from(
        task, context.params, years, context.now, agencies=agencies, label=task.title, steps="task_escalation"
    )
    return step_effects(reached)


def start(task: Task, *, context: Context) -> list[Effect]:
    """Begin to work on it; whoever begins is in charge, where nobody was."""
    return [move(task, "in_progress", at=context.now, assignee=task.assignee or context.actor)]


def finish(
    task: Task, *, context: Context, result: Annotated[str, Field(Label("Kết quả", "Result"))] = ""
) -> list[Effect]:
    """Say that it is done, with files as evidence if there are any."""
    values = {**STOPPED, "doneAt": context.now, "doneBy": context.actor, "evidence": with_files(task, context.files)}
    return [move(task, "done", at=context.now, note=result, result=result.strip() or None, **values)]


def cancel(task: Task, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Say that it need not be done any more, and why."""
    return [move(task, "cancelled", at=context.now, note=reason, **STOPPED)]


def hand_on(
    task: Task,
    *,
    context: Context,
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), ref="Agency")],
    reason: Annotated[str, Field(_REASON)] = "",
) -> list[Effect]:
    """Give it to another agency; its clock runs on."""
    moved = change(
        task, event="task.handed_on", agency=agency, assignedTo=agency, assignee=None, remark=reason.strip() or None
    )
    to = msgspec.structs.replace(task, assignedTo=agency, assignee=None)
    return [moved, *tell(msgspec.structs.replace(to, status="open"), context=context)]


def declare(
    *,
    context: Context,
    year: Annotated[int, Field(Label("Năm", "Year"), minimum=1990, maximum=2200), Unit("C62")],
    source: Annotated[str, Field(Label("Văn bản công bố", "Document that announces it"))],
    days_off: Annotated[str, Field(Label("Ngày nghỉ", "Days off"), hint=_DAYS)],
    worked_days: Annotated[str, Field(Label("Ngày làm bù", "Days worked instead"), hint=_DAYS)] = "",
    counter_days: Annotated[str, Field(Label("Ngày trực tiếp nhận", "Counter days"), hint=_DAYS)] = "",
    sessions: Annotated[
        str, Field(Label("Giờ hành chính", "Office hours"), hint=Label("Như 07:30-11:30 13:00-17:00", "As given"))
    ] = "07:30-11:30 13:00-17:00",
) -> list[Effect]:
    """Enter, or enter anew, the calendar of a year from the document that announces it. Raises: InvalidInput."""
    entered = WorkingYear(
        id=year_id(year),
        year=year,
        name=f"Lịch làm việc năm {year}",
        daysOff=_days(days_off, "days_off"),
        workedDays=_days(worked_days, "worked_days"),
        counterDays=_days(counter_days, "counter_days"),
        sessions=tuple(sessions.split()),
        source=source.strip(),
        confidence="read",
    )
    calendar_of((entered,))
    return [
        Change(op="put", id=entered.id, type=describe(WorkingYear).name, attrs=attributes(entered, origin="reported"))
    ]


def _days(text: str, field: str) -> tuple[str, ...]:
    """Days from what a person typed: `05/02/2027..11/02/2027 2027-09-02`. Raises: InvalidInput."""
    found: set[str] = set()
    for part in text.replace(",", " ").replace(";", " ").split():
        first, _, last = part.partition("..")
        a, b = _day(first, field), _day(last or first, field)
        if b < a or (b - a).days > _MOST_DAYS:
            raise InvalidInput(f"{part!r} is no span of days.", field=field, remedy="Write the earlier day first.")
        found |= {(a + timedelta(days=n)).isoformat() for n in range((b - a).days + 1)}
    return tuple(sorted(found))


def _day(text: str, field: str) -> date:
    written = _VIETNAMESE.fullmatch(text)
    try:
        if written:
            day, month, year = (int(part) for part in written.groups())
            return date(year, month, day)
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text[:20]!r} is no day.", field=field, remedy="Write 02/09/2027 or 2027-09-02.") from None

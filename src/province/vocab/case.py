"""Cases: what every piece of work shares that is reported, given to somebody, runs against a clock and ends.

A type of case is a record that inherits `Case`: a citizen's report, an incident, a dossier. It brings its own workflow
and its own fields; from here it has who works on it, the clock, the escalation, evidence and remarks.

    class Incident(Case, frozen=True, kw_only=True): ...

The clock is four fields. `dueAt`: when it must be done; `openDueAt`: the same, until the case ends. `pausedSince`: it
stands still. `nextStepAt`: when the product looks at it again. A pack declares `Timer(Incident, "nextStepAt",
"incident.step_reached")`; when that instant passes, the broker empties the field and raises the event in one
transaction, so that a step is taken once however often a process dies; a rule on the event calls `take_step`, which
writes the step and names who is told:

    started = start_clock(calendar, received, term, steps)   # values of `change`, `move` or the record
    paused  = pause_clock(case, at, reason)
    again   = resume_clock(case, calendar, at, unit, steps)
    over    = STOPPED                                        # whenever the case ends
    reached = take_step(case, calendar, at, steps)           # None: paused, over, or moved meanwhile

Calendars come as a `Read("years", every_year, WorkingYear)` and `calendar_of(years)`, the level above by
`Read("agencies", the_agency, Agency)`; terms and steps come from `params.yaml` by `term_of` and `steps_of`, or all at
once by `clock_from` and `step_from`. `packs/reports` is the example to look at. Pure.
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, ClassVar, Final

from province.errors import Conflict, InvalidInput, NotFound
from province.model.calendar import Calendar, Term, TermUnit, due, resumed, shifted
from province.model.change import Change
from province.model.entity import Entity
from province.model.label import Label
from province.model.query import Query
from province.model.record import change
from province.model.schema import Field, Record, TypeInfo
from province.model.time import CIVIL_ZONE, Instant, format_instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.agency import Agency
from province.vocab.calendar import WorkingYear, calendar_of

CHANNELS: Final[tuple[tuple[str, Label], ...]] = (
    ("call", Label("Tổng đài 1022", "Call to 1022")),
    ("zalo", Label("Zalo", "Zalo")),
    ("walk_in", Label("Trực tiếp", "In person")),
    ("web", Label("Trang web", "Web")),
    ("app", Label("Ứng dụng", "App")),
    ("system", Label("Hệ thống khác", "Another system")),
)
"""Ways by which a case comes in."""


class Case(Record, frozen=True, kw_only=True):
    """The fields that every kind of case has. Not a type of its own."""

    assignedTo: Annotated[
        str | None, Field(Label("Cơ quan xử lý", "Assigned to"), indexed=True, public=True, ref="Agency")
    ] = None
    assignee: Annotated[str | None, Field(Label("Người xử lý", "Person in charge"), indexed=True)] = None
    assigneeRole: Annotated[str | None, Field(Label("Vai trò xử lý", "Role in charge"), indexed=True)] = None
    dueAt: Annotated[Instant | None, Field(Label("Hạn xử lý", "Due"), indexed=True, public=True)] = None
    openDueAt: Annotated[
        Instant | None,
        Field(
            Label("Hạn của việc chưa xong", "Due, while open"),
            indexed=True,
            hint=Label("Chỉ có khi việc chưa kết thúc", "Only there until the case ends: queues go by it"),
        ),
    ] = None
    pausedSince: Annotated[Instant | None, Field(Label("Tạm dừng từ", "Paused since"), indexed=True, public=True)] = (
        None
    )
    pauseReason: Annotated[str | None, Field(Label("Lý do tạm dừng", "Reason of the pause"))] = None
    pauses: Annotated[
        tuple[dict[str, Any], ...] | None,
        Field(Label("Các lần tạm dừng", "Pauses"), hint=Label("từ, đến, lý do", "from, to, reason")),
    ] = None
    nextStepAt: Annotated[Instant | None, Field(Label("Mốc kế tiếp", "Next step"), indexed=True)] = None
    escalationLevel: Annotated[int, Field(Label("Số mốc đã qua", "Steps taken"), minimum=0), Unit("C62")] = 0
    overdueSince: Annotated[Instant | None, Field(Label("Quá hạn từ", "Overdue since"), indexed=True, public=True)] = (
        None
    )
    clockProblem: Annotated[
        str | None,
        Field(
            Label("Không tính được hạn", "Why there is no time limit"),
            indexed=True,
            hint=Label("Thiếu lịch làm việc của năm", "The working calendar of the year is missing"),
        ),
    ] = None
    suspected: Annotated[
        bool | None,
        Field(
            Label("Nghi khẩn cấp", "May be an emergency"),
            indexed=True,
            hint=Label("Cho đến khi có người xem", "Until a person has looked at it"),
        ),
    ] = None
    evidence: Annotated[
        tuple[str, ...] | None,
        Field(Label("Tệp chứng cứ", "Evidence"), hint=Label("Dấu SHA-256 của tệp", "SHA-256 of each file")),
    ] = None
    remark: Annotated[
        str | None,
        Field(
            Label("Ghi chú", "Remark"),
            hint=Label("Lịch sử giữ mọi ghi chú", "The history keeps every remark"),
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an escalation. days: working days after the end of the term, negative before it.

    to: `desk` (the agency that has the case), `person` (who is in charge, else the desk) or `superior` (the agency
    above it, else the desk).  channels: ways besides the inbox, `mail` and `sms`.
    """

    name: str
    days: int
    to: tuple[str, ...]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """A step that a case has come to: the change that writes it down, and who is told in which words."""

    change: Change
    step: Step
    recipients: tuple[str, ...]
    subject: Label
    body: Label


STOPPED: Final[Mapping[str, Any]] = dict.fromkeys(("openDueAt", "nextStepAt", "pausedSince", "pauseReason"))
"""The clock of a case that ended."""
OVERDUE: Final = "case.overdue"
ESCALATED: Final = "case.escalated"
REMINDED: Final = "case.reminded"
_RECIPIENTS: Final = ("desk", "person", "superior")


def term_of(given: Mapping[str, Any]) -> Term:
    """A term from a table of `params.yaml`: amount, unit, late_after. Raises: InvalidInput."""
    late = given.get("late_after")
    return Term(given["amount"], given["unit"], time.fromisoformat(late) if late else None)


def steps_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Steps from a table of `params.yaml`, in the order of time. Raises: InvalidInput."""
    steps = tuple(Step(row["step"], row["days"], tuple(row["to"]), tuple(row.get("channels", ()))) for row in rows)
    for one in steps:
        if not one.to or set(one.to) - set(_RECIPIENTS):
            raise InvalidInput(f"the step {one.name!r} tells {one.to}.", remedy=f"Of: {', '.join(_RECIPIENTS)}.")
    return tuple(sorted(steps, key=lambda s: s.days))


def the_agency(case: Entity) -> Query:
    """The agency that has the case."""
    owner = case.value("assignedTo")
    return Query(types=("Agency",), ids=(str(owner) if owner else "urn:none",), limit=1)


def require_state(status: str, *states: str) -> None:
    """Refuse what cannot be done in this state. Raises: Conflict."""
    if status not in states:
        raise Conflict(f"it is {status}.", field="status", remedy=f"This can be done while: {', '.join(states)}.")


def require_text(text: str, field: str, remedy: str) -> None:
    """Refuse an empty text. Raises: InvalidInput."""
    if not text.strip():
        raise InvalidInput("nothing is said.", field=field, remedy=remedy)


def clock_from(
    constants: Mapping[str, Any], years: Iterable[WorkingYear], at: Instant, *, term: str, steps: str = "escalation"
) -> dict[str, Any]:
    """The fields of a clock that begins, by the dated constants of these names. steps: ``: none."""
    rows = constants[steps] if steps else ()
    return start_clock(calendar_of(years), at, term_of(constants[term]), steps_of(rows))


def step_from(
    case: Case,
    constants: Mapping[str, Any],
    years: Iterable[WorkingYear],
    at: Instant,
    *,
    agencies: Iterable[Agency],
    label: str,
    steps: str = "escalation",
) -> Reached | None:
    """As `take_step`, by the dated constant of this name."""
    return take_step(case, calendar_of(years), at, steps_of(constants[steps]), agencies=agencies, label=label)


def start_clock(calendar: Calendar, received: Instant, term: Term, steps: Sequence[Step]) -> dict[str, Any]:
    """The fields of a clock that begins. Without the calendar of a year there is no limit, and the field says why."""
    try:
        end = due(calendar, received, term)
    except NotFound as missing:
        return {**STOPPED, "dueAt": None, "escalationLevel": 0, "overdueSince": None, "clockProblem": str(missing)}
    return {
        **STOPPED,
        "dueAt": end,
        "openDueAt": end,
        "escalationLevel": 0,
        "overdueSince": None,
        **_following(calendar, end, steps, 0, received),
    }


def pause_clock(case: Case, at: Instant, reason: str) -> dict[str, Any]:
    """The fields of a clock that stands still from now on. Raises: Conflict, InvalidInput without a reason."""
    if case.pausedSince is not None:
        raise Conflict("the clock stands still already.", field="pausedSince", remedy="Let it run again first.")
    if case.dueAt is None:
        raise Conflict("there is no clock to stop.", field="dueAt", remedy="Give the case to an agency first.")
    if not reason.strip():
        raise InvalidInput("a pause needs its reason.", field="reason", remedy="Say what is waited for.")
    return {"pausedSince": at, "pauseReason": reason.strip(), "nextStepAt": None}


def resume_clock(case: Case, calendar: Calendar, at: Instant, unit: TermUnit, steps: Sequence[Step]) -> dict[str, Any]:
    """The fields of a clock that runs again, with what was left of it. Raises: Conflict, NotFound."""
    if case.pausedSince is None or case.dueAt is None:
        raise Conflict("the clock runs.", field="pausedSince", remedy="Only a clock that stands still can run again.")
    end = resumed(calendar, case.dueAt, case.pausedSince, at, unit)
    pause = {"from": format_instant(case.pausedSince), "to": format_instant(at), "reason": case.pauseReason or ""}
    return {
        "dueAt": end,
        "openDueAt": end,
        "pausedSince": None,
        "pauseReason": None,
        "pauses": (*(case.pauses or ()), pause),
        **_following(calendar, end, steps, case.escalationLevel, at),
    }


def take_step(
    case: Case,
    calendar: Calendar,
    at: Instant,
    steps: Sequence[Step],
    *,
    agencies: Iterable[Agency] = (),
    label: str = "",
) -> Reached | None:
    """The step that a running case has come to; None when it is paused, has no limit, or none is due yet.

    Of several steps that are due, the first; the next one follows at once. label: what people call the case.
    The event is `case.reminded` before the end of the term, `case.overdue` at it, `case.escalated` after it.
    """
    if case.dueAt is None or case.pausedSince is not None:
        return None
    level = case.escalationLevel
    while level < len(steps) and steps[level].days < 0 and at >= case.dueAt:
        level += 1  # whom a reminder would have told learns now that it is overdue
    if level >= len(steps) or shifted(calendar, case.dueAt, steps[level].days) > at:
        return None
    step = steps[level]
    level += 1
    event = REMINDED if step.days < 0 else OVERDUE if step.days == 0 else ESCALATED
    late: dict[str, Any] = {"overdueSince": case.dueAt} if step.days >= 0 and case.overdueSince is None else {}
    moved = change(case, event=event, **late, **_following(calendar, case.dueAt, steps, level, None))
    when = case.dueAt
    said = {
        REMINDED: ("Sắp đến hạn", "Due soon", "Hạn xử lý", "It is due at"),
        OVERDUE: ("Quá hạn", "Overdue", "Đã hết hạn lúc", "It was due at"),
        ESCALATED: ("Quá hạn, báo cấp trên", "Overdue, told to the level above", "Đã hết hạn lúc", "It was due at"),
    }[event]
    day = local_time(when)
    return Reached(
        moved,
        step,
        tuple(dict.fromkeys(_recipient(case, to, agencies) for to in step.to if _recipient(case, to, agencies))),
        Label(f"{said[0]}: {label}"[:200], f"{said[1]}: {label}"[:200]),
        Label(f"{said[2]} {day}.", f"{said[3]} {day} (Vietnam time)."),
    )


def with_files(case: Case, files: Iterable[str]) -> tuple[str, ...] | None:
    """The evidence of a case with further files, each once; None when there is none."""
    return tuple(dict.fromkeys((*(case.evidence or ()), *files))) or None


def restart_clock(case: Case, calendar: Calendar, at: Instant, term: Term, steps: Sequence[Step]) -> dict[str, Any]:
    """The fields of a clock for a case that has none for want of a calendar; {} when it has one, or still cannot."""
    if case.clockProblem is None or case.dueAt is not None:
        return {}
    started = start_clock(calendar, at, term, steps)
    return started if started["dueAt"] is not None else {}


def local_time(at: Instant) -> str:
    """An instant as people write it: `17:00 03/12/2026`, civil time of Vietnam."""
    return at.astimezone(CIVIL_ZONE).strftime("%H:%M %d/%m/%Y")


def _following(
    calendar: Calendar, end: Instant, steps: Sequence[Step], level: int, after: Instant | None
) -> dict[str, Any]:
    """`nextStepAt` and what keeps it from being known. after: reminders that lie before it are not sent any more."""
    try:
        while level < len(steps):
            at = shifted(calendar, end, steps[level].days)
            if after is None or at > after or steps[level].days >= 0:
                return {"nextStepAt": at, "escalationLevel": level, "clockProblem": None}
            level += 1
    except NotFound as missing:
        return {"nextStepAt": None, "escalationLevel": level, "clockProblem": str(missing)}
    return {"nextStepAt": None, "escalationLevel": level, "clockProblem": None}


def _recipient(case: Case, to: str, agencies: Iterable[Agency]) -> str:
    if to == "person" and case.assignee:
        return case.assignee
    if to == "superior":
        parent = next((a.parent for a in agencies if a.id == case.assignedTo), None)
        return parent or case.assignedTo or ""
    return case.assignedTo or ""


TASK: Final = Workflow(
    attribute="status",
    initial="open",
    final=frozenset(("done", "cancelled")),
    edges=(
        Edge("open", "in_progress", "task.started", Label("Bắt đầu làm", "Work began")),
        Edge("open", "done", "task.done", Label("Đã làm xong", "Done")),
        Edge("in_progress", "done", "task.done", Label("Đã làm xong", "Done")),
        Edge("open", "cancelled", "task.cancelled", Label("Không cần làm nữa", "No longer needed")),
        Edge("in_progress", "cancelled", "task.cancelled", Label("Không cần làm nữa", "No longer needed")),
    ),
    names=(
        ("open", Label("Chờ làm", "Open")),
        ("in_progress", Label("Đang làm", "In progress")),
        ("done", Label("Đã xong", "Done")),
        ("cancelled", Label("Đã huỷ", "Cancelled")),
    ),
)


class Task(Case, frozen=True, kw_only=True):
    """One thing to do for a case: by an agency, a person or a role, until a time. `case`: of any type of case."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("Task", Label("Nhiệm vụ", "Task"), title="title", workflow=TASK, icon="report")

    title: Annotated[str, Field(Label("Việc cần làm", "What to do"), search=True)]
    case: Annotated[str, Field(Label("Vụ việc", "Case"), indexed=True, ref="Case")]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=TASK.states)] = TASK.initial
    order: Annotated[int, Field(Label("Thứ tự", "Order"), minimum=0), Unit("C62")] = 0
    openedAt: Annotated[Instant, Field(Label("Giao lúc", "Given at"), indexed=True)]
    doneAt: Annotated[Instant | None, Field(Label("Xong lúc", "Done at"), indexed=True)] = None
    doneBy: Annotated[str | None, Field(Label("Người làm", "Done by"))] = None
    result: Annotated[str | None, Field(Label("Kết quả", "Result"), search=True)] = None


def task_id(case: str, key: str) -> str:
    """Id of a task of a case. key: what makes it this one, such as the step of a procedure, or a nonce."""
    return f"urn:ngsi-ld:Task:{case.rpartition(':')[2]}:{key}"

"""Row III.2b: tasks of all cases with their clocks, and the calendars by which clocks run."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Indicator, Pack, Read, Rule, Table, Timer
from province.packs.cases import logic
from province.vocab.agency import Agency
from province.vocab.calendar import WorkingYear, every_year
from province.vocab.case import Task, the_agency

_UNDONE = Where("status", "in", ["open", "in_progress"])

PACK = Pack(
    name="cases",
    title=Label("Nhiệm vụ và lịch làm việc", "Tasks and working calendars"),
    row="III.2b",
    rules=(
        Rule(on="task.created", do=logic.tell, record=Task),
        Rule(
            on="task.step_reached",
            do=logic.escalate,
            record=Task,
            reads=(Read("years", every_year, WorkingYear), Read("agencies", the_agency, Agency)),
        ),
    ),
    timers=(Timer(Task, "nextStepAt", "task.step_reached"),),
    actions=(
        Action(logic.start, record=Task, needs="task.start", title=Label("Bắt đầu", "Start"), states=("open",)),
        Action(
            logic.finish,
            record=Task,
            needs="task.finish",
            title=Label("Đã xong", "Done"),
            files=True,
            states=("open", "in_progress"),
        ),
        Action(
            logic.hand_on,
            record=Task,
            needs="task.hand_on",
            title=Label("Chuyển cơ quan khác", "Hand on"),
            states=("open", "in_progress"),
        ),
        Action(
            logic.cancel,
            record=Task,
            needs="task.cancel",
            title=Label("Huỷ nhiệm vụ", "Cancel"),
            states=("open", "in_progress"),
        ),
        Action(
            logic.declare,
            record=WorkingYear,
            needs="workingyear.declare",
            title=Label("Nhập lịch làm việc của một năm", "Enter the calendar of a year"),
            creates=True,
        ),
    ),
    indicators=(
        Indicator(
            "open_tasks",
            "count",
            of=Task,
            title=Label("Nhiệm vụ chưa xong", "Tasks not done"),
            unit="C62",
            where=(_UNDONE,),
        ),
        Indicator(
            "overdue_tasks",
            "count",
            of=Task,
            title=Label("Nhiệm vụ quá hạn", "Overdue tasks"),
            unit="C62",
            where=(_UNDONE, Where("overdueSince", "exists")),
        ),
    ),
    panels=(
        Table(
            Task,
            Label("Nhiệm vụ", "Tasks"),
            columns=("title", "case", "assignedTo", "dueAt", "overdueSince"),
            group="status",
        ),
        Table(
            WorkingYear, Label("Lịch làm việc", "Working calendars"), columns=("year", "name", "confidence", "source")
        ),
    ),
    roles={
        "operator": ("task.start", "task.finish", "task.hand_on", "task.cancel"),
        "clerk": ("task.start", "task.finish"),
        "steward": ("workingyear.declare",),
    },
)

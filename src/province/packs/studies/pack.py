"""Row P.1: planning studies: drafted, computed with a certificate, compared, submitted and approved."""

from __future__ import annotations

from province.model.entity import Entity
from province.model.label import Label
from province.model.query import Query, Where
from province.pack import Action, Indicator, Pack, Read, Table
from province.packs.studies import logic, varying
from province.vocab.calendar import WorkingYear, every_year
from province.vocab.case import Task
from province.vocab.sensitivity import Sensitivity
from province.vocab.study import COMPUTED, Study

_OPEN = ("draft", "failed", "cancelled")


def its_tasks(study: Entity) -> Query:
    """The tasks of a study."""
    return Query(types=("Task",), where=(Where("case", "==", study.id),), limit=100)


def _action(do: object, needs: str, vi: str, en: str, *states: str, **more: object) -> Action:
    return Action(do, record=Study, needs=f"study.{needs}", title=Label(vi, en), states=states, **more)  # type: ignore[arg-type]


_TASKS = (Read("tasks", its_tasks, Task),)

PACK = Pack(
    name="studies",
    title=Label("Phương án quy hoạch", "Planning studies"),
    row="P.1",
    actions=(
        _action(logic.draft, "create", "Lập phương án", "Begin a study", creates=True),
        _action(logic.copy, "create", "Sao thành kịch bản khác", "Copy as another scenario"),
        _action(logic.attach, "change", "Gắn tệp cho một lớp", "Attach a file", *_OPEN),
        _action(logic.assume, "change", "Đặt giả định", "Set an assumption", *_OPEN),
        _action(logic.run, "run", "Tính phương án", "Compute", *_OPEN),
        _action(logic.cancel, "run", "Dừng tính", "Stop", "queued", "running"),
        _action(
            logic.submit, "submit", "Trình phê duyệt", "Submit", "computed", "returned",
            reads=(Read("years", every_year, WorkingYear),),
        ),
        _action(logic.approve, "decide", "Phê duyệt", "Approve", "submitted", reads=_TASKS),
        _action(logic.send_back, "decide", "Trả lại", "Send back", "submitted", reads=_TASKS),
        _action(logic.adopt, "decide", "Đưa vào thực hiện", "Adopt", "approved"),
        _action(varying.vary, "run", "Phân tích độ nhạy", "Vary", *COMPUTED),
        _action(logic.withdraw, "change", "Không dùng nữa", "Withdraw", *_OPEN, "computed", "returned"),
        Action(
            varying.stop,
            record=Sensitivity,
            needs="study.run",
            title=Label("Dừng tính", "Stop"),
            states=("queued", "running"),
        ),
    ),
    indicators=(
        Indicator(
            "studies_approved",
            "count",
            of=Study,
            title=Label("Phương án quy hoạch đã phê duyệt", "Approved planning studies"),
            unit="C62",
            where=(Where("status", "==", "approved"),),
        ),
    ),
    panels=(
        Table(
            Study,
            Label("Phương án quy hoạch", "Planning studies"),
            columns=("title", "kind", "gap", "isChecked", "finishedAt"),
            group="status",
        ),
    ),
    roles={
        "operator": ("study.create", "study.change", "study.run", "study.submit"),
        "steward": ("study.create", "study.change", "study.run", "study.submit"),
        "decision-maker": ("study.decide",),
    },
)  # fmt: skip

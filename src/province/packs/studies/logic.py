"""What planners do with studies: draft, copy, assume, let compute, submit; and what becomes of a submission. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from province.errors import Conflict, InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.time import format_instant
from province.model.unit import Unit, lookup
from province.pack import Context, Effect, Job, Notice
from province.vocab.area import civil_day, parse_day
from province.vocab.calendar import WorkingYear
from province.vocab.case import STOPPED, Task, clock_from, task_id
from province.vocab.study import ADOPT, BUDGET_UNITS, RUN, Study, study_id

_TITLE: Final = Label("Tên phương án", "Title")
_BUDGET: Final = Label("Ngân sách", "Budget")
_UNIT: Final = Label("Đơn vị ngân sách", "Unit of the budget")
_REASON: Final = Label("Lý do", "Reason")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,60}")
_STEP: Final = re.compile(r"(\d{1,3}(?:[.,]\d+)?)\s*%\s+(\d{4}-\d{2}-\d{2})")
_MOST_STEPS: Final = 20
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_RESULTS: Final = (
    "startedAt", "finishedAt", "progress", "stage", "failure", "remedy", "objective", "gap", "isChecked", "partial",
    "outcome",
)  # fmt: skip


def draft(
    *,
    context: Context,
    title: Annotated[str, Field(_TITLE)],
    kind: Annotated[str, Field(Label("Loại bài toán", "Kind"), hint=Label("Như fiveg", "Such as fiveg"))],
    budget: Annotated[float, Field(_BUDGET, minimum=0), Unit("C62")],
    budget_unit: Annotated[str, Field(_UNIT, values=tuple(u for u, _ in BUDGET_UNITS), names=BUDGET_UNITS)] = "VND",
    seconds: Annotated[
        float, Field(Label("Thời gian tìm kiếm", "Time of the search"), minimum=1, maximum=600), Unit("SEC")
    ] = 20.0,
) -> list[Effect]:
    """Begin a study. Layers and assumptions follow; nothing is computed yet. Raises: InvalidInput."""
    if not _NAME.fullmatch(kind):
        raise InvalidInput(f"{kind[:40]!r} is no kind of study.", field="kind", remedy="Such as fiveg.")
    made = Study(
        id=study_id(context.nonce),
        title=title,
        kind=kind,
        budget=_money(budget, budget_unit),
        seconds=seconds,
        createdBy=context.actor,
    )
    return [create(made, agency=context.agency)]


def copy(
    study: Study,
    *,
    context: Context,
    title: Annotated[str, Field(_TITLE)],
    budget: Annotated[
        float | None,
        Field(_BUDGET, minimum=0, hint=Label("Để trống: như phương án gốc", "Empty: as it is")),
        Unit("C62"),
    ] = None,
    budget_unit: Annotated[
        str | None, Field(_UNIT, values=tuple(u for u, _ in BUDGET_UNITS), names=BUDGET_UNITS)
    ] = None,
) -> list[Effect]:
    """Make another scenario of it: the same layers and assumptions, to be changed and computed anew."""
    unit = budget_unit or study.budget["unitCode"]
    if budget is None and unit != study.budget["unitCode"]:
        raise InvalidInput("another unit needs another budget.", field="budget", remedy="Give the budget too.")
    made = Study(
        id=study_id(context.nonce),
        title=title,
        kind=study.kind,
        budget=_money(study.budget["value"] if budget is None else budget, unit),
        layers=study.layers,
        assumptions=study.assumptions,
        seconds=study.seconds,
        basedOn=study.id,
        createdBy=context.actor,
    )
    return [create(made, agency=context.agency)]


def attach(
    study: Study,
    *,
    context: Context,
    layer: Annotated[str, Field(Label("Lớp", "Layer"))],
    file: Annotated[str, Field(Label("Mã băm của tệp", "Hash of the file"))],
    name: Annotated[str, Field(Label("Tên tệp", "Name of the file"))] = "",
    rows: Annotated[int, Field(Label("Số đối tượng", "Features"), minimum=0), Unit("C62")] = 0,
    credit: Annotated[str, Field(Label("Ghi nguồn theo giấy phép dữ liệu", "What its licence wants said"))] = "",
) -> list[Effect]:
    """Let a file that was read before stand for a layer. Raises: InvalidInput, Conflict once it is computed."""
    _open(study)
    if not _NAME.fullmatch(layer) or not _HASH.fullmatch(file):
        raise InvalidInput("this names no layer and file.", field="layer", remedy="Send the file to the study.")
    given = {"file": file, "name": name[:120], "rows": rows, **({"credit": credit[:200]} if credit else {})}
    return [change(study, event="study.changed", layers={**(study.layers or {}), layer: given})]


def assume(
    study: Study,
    *,
    context: Context,
    name: Annotated[str, Field(Label("Giả định", "Assumption"))],
    value: Annotated[str, Field(Label("Giá trị", "Value"), hint=Label("Số, hoặc một từ", "A number, or a word"))],
    unit: Annotated[str, Field(Label("Đơn vị", "Unit"), hint=Label("Như VND, D36, MTR", "Such as VND, D36, MTR"))],
    source: Annotated[str, Field(Label("Nguồn", "Source"))],
) -> list[Effect]:
    """Give an assumption another value than the dated constant, with its source. Raises: InvalidInput, Conflict."""
    _open(study)
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name[:40]!r} is no assumption.", field="name", remedy="As the page of the study lists.")
    number = _number(value)
    if number is not None:
        lookup(unit, field="unit")
    given = {"value": value if number is None else number, "unit": unit if number is not None else "", "source": source}
    return [change(study, event="study.changed", assumptions={**(study.assumptions or {}), name: given})]


def run(
    study: Study,
    *,
    context: Context,
    problem: Annotated[
        str,
        Field(
            Label("Mã băm của bài toán", "Hash of the problem"),
            hint=Label("Trang của phương án tự điền", "The page of the study fills it in"),
        ),
    ],
) -> list[Effect]:
    """Let it be computed: the problem, as it was put together with the rights of whoever asks, and no other.

    Raises: Conflict when it is being computed, or was; InvalidInput.
    """
    if not _HASH.fullmatch(problem):
        raise InvalidInput("this names no problem.", field="problem", remedy="Start it from the page of the study.")
    fresh: dict[str, Any] = dict.fromkeys(_RESULTS)
    return [
        move(study, "queued", at=context.now, **{**fresh, "problem": problem}),
        Job(name=RUN, arguments={"study": study.id, "problem": problem}),
    ]


def cancel(study: Study, *, context: Context) -> list[Effect]:
    """Stop the computation; what it has found so far is thrown away."""
    return [move(study, "cancelled", at=context.now, finishedAt=context.now)]


def withdraw(study: Study, *, context: Context, reason: Annotated[str, Field(_REASON)] = "") -> list[Effect]:
    """Say that it is not used any more."""
    return [move(study, "withdrawn", at=context.now, note=reason)]


def submit(
    study: Study,
    *,
    context: Context,
    agency: Annotated[str, Field(Label("Cơ quan phê duyệt", "Agency that decides"), ref="Agency")],
    years: Sequence[WorkingYear],
) -> list[Effect]:
    """Ask an agency to approve the plan: a task with a time limit by working days.

    Raises: Conflict for a plan whose certificate was not confirmed.
    """
    if not study.isChecked:
        raise Conflict("the plan was not confirmed by the checker.", field="isChecked", remedy="Let it compute again.")
    clock = clock_from(context.params, years, context.now, term="approval_term", steps="")
    task = Task(
        id=task_id(study.id, context.nonce[:12]),
        title=f"Phê duyệt phương án: {study.title}"[:200],
        case=study.id,
        openedAt=context.now,
        assignedTo=agency,
        dueAt=clock["dueAt"],
        openDueAt=clock.get("openDueAt"),
        nextStepAt=clock["dueAt"],
        clockProblem=clock.get("clockProblem"),
    )
    return [
        move(study, "submitted", at=context.now, assignedTo=agency, dueAt=clock["dueAt"], openDueAt=clock["dueAt"]),
        create(task, agency=agency),
    ]


def approve(
    study: Study,
    *,
    context: Context,
    decision: Annotated[str, Field(Label("Số, ngày quyết định", "Number and day of the decision"))],
    tasks: Sequence[Task],
) -> list[Effect]:
    """Approve the plan; its task is done, and whoever drew it up is told."""
    moved = move(
        study, "approved", at=context.now, note=decision, decidedBy=context.actor, decidedAt=context.now,
        remark=decision, **STOPPED,
    )  # fmt: skip
    said = Label(f"Đã phê duyệt: {study.title}"[:200], f"Approved: {study.title}"[:200])
    return [moved, *_finished(tasks, context, decision), *_told(study, said, decision)]


def send_back(
    study: Study, *, context: Context, reason: Annotated[str, Field(_REASON)], tasks: Sequence[Task]
) -> list[Effect]:
    """Send the plan back with a reason; its task is done, and whoever drew it up is told."""
    moved = move(
        study, "returned", at=context.now, note=reason, decidedBy=context.actor, decidedAt=context.now, remark=reason,
        **STOPPED,
    )  # fmt: skip
    said = Label(f"Bị trả lại: {study.title}"[:200], f"Sent back: {study.title}"[:200])
    return [moved, *_finished(tasks, context, reason), *_told(study, said, reason)]


def adopt(
    study: Study,
    *,
    context: Context,
    due: Annotated[
        str, Field(Label("Hoàn thành trước ngày", "All is built by"), hint=Label("Dạng 2027-12-31", "As 2027-12-31"))
    ],
    steps: Annotated[
        str,
        Field(
            Label("Các mốc giữa kỳ", "Steps on the way"),
            hint=Label("Như: 30% 2027-06-30; 60% 2027-09-30", "Such as: 30% 2027-06-30; 60% 2027-09-30"),
        ),
    ] = "",
    line: Annotated[
        str,
        Field(
            Label("Dòng của quy hoạch", "Line of the plan"),
            hint=Label(
                "Mã như II.2; để trống: dòng của loại phương án này", "Such as II.2; empty: the line of this kind"
            ),
        ),
    ] = "",
) -> list[Effect]:
    """Enter what the approved plan builds into the register, as planned, and set milestones that the register measures.

    Raises: Conflict for a plan that is not approved or was adopted; InvalidInput for days and shares in no order.
    """
    if study.status != "approved":
        raise Conflict(f"the study is {study.status}.", field="status", remedy="Only an approved plan is adopted.")
    if study.adoption is not None and study.adoption.get("state") != "failed":
        raise Conflict(
            f"the plan was adopted on {str(study.adoption.get('at'))[:10]}.", field="adoption",
            remedy="Its entries and milestones stand; change them where they are.",
        )  # fmt: skip
    wanted = [*_steps(steps), (parse_day(due, field="due"), 100.0)]
    today = civil_day(context.now)
    for (day, share), (earlier, less) in zip(wanted, [(today, 0.0), *wanted], strict=False):
        if day <= earlier or not less < share <= 100:
            raise InvalidInput(
                f"{share:g}% by {day} does not come after {less:g}% by {earlier}.",
                field="due" if day == wanted[-1][0] and len(wanted) == 1 else "steps",
                remedy="Give days after today and growing shares below 100%, in their order.",
            )  # fmt: skip
    asked = {
        "state": "adopting", "by": context.actor, "at": format_instant(context.now), "line": line,
        "steps": [{"due": day, "share": share} for day, share in wanted],
    }  # fmt: skip
    return [change(study, event="study.adopted", adoption=asked), Job(name=ADOPT, arguments={"study": study.id})]


def _steps(text: str) -> list[tuple[str, float]]:
    """(day, share) of `30% 2027-06-30; 60% 2027-09-30`."""
    found = []
    for part in (p.strip() for p in re.split(r"[;\n]", text) if p.strip()):
        matched = _STEP.fullmatch(part)
        if matched is None:
            raise InvalidInput(f"{part[:40]!r} is no step.", field="steps", remedy="Such as: 30% 2027-06-30.")
        found.append((parse_day(matched[2], field="steps"), float(matched[1].replace(",", "."))))
    if len(found) > _MOST_STEPS:
        raise InvalidInput(f"{len(found)} steps.", field="steps", remedy=f"At most {_MOST_STEPS}.")
    return found


def _finished(tasks: Sequence[Task], context: Context, result: str) -> list[Change]:
    return [
        move(task, "done", at=context.now, result=result, doneAt=context.now, doneBy=context.actor, **STOPPED)
        for task in tasks
        if task.status in ("open", "in_progress")
    ]


def _told(study: Study, subject: Label, words: str) -> list[Effect]:
    if study.createdBy is None:
        return []
    return [Notice(to=study.createdBy, subject=subject, body=Label(words, words), about=study.id)]


def _open(study: Study) -> None:
    if study.status not in ("draft", "failed", "cancelled"):
        raise Conflict(
            f"the study is {study.status}: its inputs stay as they are.", field="status",
            remedy="Make a copy, and change that.",
        )  # fmt: skip


def _money(value: float, unit: str) -> dict[str, Any]:
    if not math.isfinite(value):
        raise InvalidInput("the budget is not finite.", field="budget", remedy="Give a number.")
    return {"value": value, "unitCode": unit}


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None

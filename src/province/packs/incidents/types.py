"""An incident and what belongs to it: tasks of its procedure, entries of the log, resources, shifts, centres."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Processing, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.alert import CATEGORIES, SEVERITIES
from province.vocab.case import Case
from province.vocab.privacy import LAW_91

REASONS: Final[tuple[tuple[str, Label], ...]] = (
    ("handled", Label("Đã xử lý xong", "Dealt with")),
    ("false_alarm", Label("Báo nhầm", "False alarm")),
    ("duplicate", Label("Trùng với sự cố khác", "Duplicate of another incident")),
    ("exercise", Label("Kết thúc diễn tập", "The exercise is over")),
)
INCIDENT: Final = Workflow(
    attribute="status",
    initial="new",
    final=frozenset(("closed",)),
    edges=(
        Edge("new", "handling", "incident.accepted", Label("Trực ban tiếp nhận", "Taken on by the duty officer")),
        Edge("handling", "resolved", "incident.resolved", Label("Đã khống chế", "Under control")),
        Edge("resolved", "handling", "incident.reopened", Label("Diễn biến trở lại", "It goes on")),
        Edge("handling", "closed", "incident.closed", Label("Kết thúc có báo cáo", "Closed with its report")),
        Edge("resolved", "closed", "incident.closed", Label("Kết thúc có báo cáo", "Closed with its report")),
        Edge("new", "closed", "incident.dismissed", Label("Không phải sự cố", "Not an incident")),
    ),
    names=(
        ("new", Label("Mới", "New")),
        ("handling", Label("Đang xử lý", "Being handled")),
        ("resolved", Label("Đã khống chế", "Under control")),
        ("closed", Label("Đã đóng", "Closed")),
    ),
)
TASK: Final = Workflow(
    attribute="status",
    initial="open",
    final=frozenset(("finished", "skipped")),
    edges=(
        Edge("open", "finished", "incidenttask.finished", Label("Đã làm xong", "Carried out")),
        Edge("open", "skipped", "incidenttask.skipped", Label("Không cần làm, có lý do", "Not needed, with a reason")),
    ),
    names=(
        ("open", Label("Phải làm", "To do")),
        ("finished", Label("Đã xong", "Done")),
        ("skipped", Label("Bỏ qua", "Skipped")),
    ),
)
SHIFT: Final = Workflow(
    attribute="status",
    initial="planned",
    final=frozenset(("handed_over", "dropped")),
    edges=(
        Edge("planned", "on_duty", "dutyshift.begun", Label("Nhận ca trực", "The officer is on duty")),
        Edge("planned", "dropped", "dutyshift.dropped", Label("Bỏ ca", "The shift is not needed")),
        Edge("on_duty", "handing_over", "dutyshift.signed", Label("Ký giao ca", "The outgoing officer signed")),
        Edge("handing_over", "handed_over", "dutyshift.accepted", Label("Ca sau ký nhận", "The next officer signed")),
    ),
    names=(
        ("planned", Label("Theo lịch", "On the roster")),
        ("on_duty", Label("Đang trực", "On duty")),
        ("handing_over", Label("Chờ ký nhận", "Waits for the next officer")),
        ("handed_over", Label("Đã giao ca", "Handed over")),
        ("dropped", Label("Đã bỏ", "Dropped")),
    ),
)
ENTRIES: Final[tuple[tuple[str, Label], ...]] = (
    ("note", Label("Nhật ký", "Log")),
    ("quick_report", Label("Báo cáo nhanh", "Quick report")),
    ("decision", Label("Quyết định", "Decision")),
    ("hand_over", Label("Giao ca", "Hand-over")),
)
ON_THE_SPOT: Final[tuple[tuple[str, Label], ...]] = (
    ("command", Label("Chỉ huy tại chỗ", "Command on the spot")),
    ("forces", Label("Lực lượng tại chỗ", "Forces on the spot")),
    ("means", Label("Phương tiện tại chỗ", "Means on the spot")),
    ("supplies", Label("Hậu cần tại chỗ", "Supplies on the spot")),
)
"""Bốn tại chỗ: the four that are to be at hand where it happens."""
_SEVERITY: Final = tuple(name for name, _ in SEVERITIES)


PROCEDURES: Final = (
    ("flood", Label("Ngập, lũ, triều cường", "Flood")),
    ("outage", Label("Mất tín hiệu, mất điện", "Lost devices or power")),
    ("pollution", Label("Ô nhiễm môi trường", "Pollution")),
    ("general", Label("Quy trình chung", "General")),
)
"""Names on screen of the shipped procedures; an installation's own one is shown by its name in `params.yaml`."""


class Incident(Case, frozen=True, kw_only=True):
    """One cause that people deal with, whatever number of alerts told of it. An exercise never counts."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Incident",
        Label("Sự cố", "Incident"),
        unique=(("code",),),
        place="location",
        title="title",
        workflow=INCIDENT,
        icon="alert",
        by_actions=True,
    )

    code: Annotated[str | None, Field(Label("Mã sự cố", "Code"), indexed=True, search=True)] = None
    title: Annotated[str, Field(Label("Sự cố", "Incident"), search=True)]
    category: Annotated[
        str,
        Field(Label("Lĩnh vực", "Category"), indexed=True, values=tuple(n for n, _ in CATEGORIES), names=CATEGORIES),
    ]
    event: Annotated[str, Field(Label("Loại sự kiện", "Event"), indexed=True)]
    severity: Annotated[
        str, Field(Label("Mức nghiêm trọng", "Severity"), indexed=True, values=_SEVERITY, names=SEVERITIES)
    ]
    status: Annotated[str, Field(Label("Tình trạng", "State"), indexed=True, values=INCIDENT.states)] = INCIDENT.initial
    exercise: Annotated[bool, Field(Label("Diễn tập", "Exercise"), indexed=True)] = False
    alertCount: Annotated[int, Field(Label("Số cảnh báo", "Alerts"), indexed=True, minimum=0), Unit("C62")] = 0
    shared: Annotated[
        str | None,
        Field(Label("Cùng phụ thuộc", "What they hang on"), hint=Label("Cổng, tuyến, sông", "Gateway, feeder")),
    ] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    camera: Annotated[
        str | None,
        Field(Label("Camera", "Camera"), hint=Label("Liên kết tới hình trực tiếp", "Link to the live picture")),
    ] = None
    openedAt: Annotated[Instant, Field(Label("Bắt đầu", "Began"), indexed=True)]
    lastAlertAt: Annotated[Instant | None, Field(Label("Cảnh báo cuối", "Last alert"), indexed=True)] = None
    procedure: Annotated[str | None, Field(Label("Quy trình", "Procedure"), indexed=True, names=PROCEDURES)] = None
    acceptedAt: Annotated[Instant | None, Field(Label("Tiếp nhận lúc", "Taken on at"), indexed=True)] = None
    acceptedBy: Annotated[str | None, Field(Label("Người tiếp nhận", "Taken on by"))] = None
    resolvedAt: Annotated[Instant | None, Field(Label("Khống chế lúc", "Under control at"), indexed=True)] = None
    closedAt: Annotated[Instant | None, Field(Label("Đóng lúc", "Closed at"), indexed=True)] = None
    closingReason: Annotated[
        str | None,
        Field(Label("Lý do đóng", "Reason"), indexed=True, values=tuple(n for n, _ in REASONS), names=REASONS),
    ] = None
    report: Annotated[
        dict[str, Any] | None,
        Field(
            Label("Báo cáo sau sự cố", "After-action report"), hint=Label("Hệ thống tự lập", "Written by the system")
        ),
    ] = None


class IncidentTask(Case, frozen=True, kw_only=True):
    """One step of a procedure: who, what, by when, and why. Its time is of the clock, not of working hours."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "IncidentTask",
        Label("Việc xử lý sự cố", "Task of an incident"),
        title="title",
        workflow=TASK,
        icon="report",
        by_actions=True,
    )

    incident: Annotated[str, Field(Label("Sự cố", "Incident"), indexed=True, ref="Incident")]
    number: Annotated[int, Field(Label("Bước", "Step"), indexed=True, minimum=1), Unit("C62")]
    title: Annotated[str, Field(Label("Việc", "What"), search=True)]
    titleEn: Annotated[str, Field(Label("Việc (tiếng Anh)", "What, in English"))] = ""
    reason: Annotated[str, Field(Label("Vì sao", "Why"))] = ""
    reasonEn: Annotated[str, Field(Label("Vì sao (tiếng Anh)", "Why, in English"))] = ""
    status: Annotated[str, Field(Label("Tình trạng", "State"), indexed=True, values=TASK.states)] = TASK.initial
    exercise: Annotated[bool, Field(Label("Diễn tập", "Exercise"), indexed=True)] = False
    beganAt: Annotated[Instant, Field(Label("Giao lúc", "Given at"), indexed=True)]
    endedAt: Annotated[Instant | None, Field(Label("Xong lúc", "Done at"), indexed=True)] = None
    endedBy: Annotated[str | None, Field(Label("Người làm", "By"))] = None
    result: Annotated[str | None, Field(Label("Kết quả", "Result"), search=True)] = None


class LogEntry(Record, frozen=True, kw_only=True):
    """One entry of the duty log. It is never changed: what was written stays written."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "LogEntry", Label("Nhật ký trực", "Duty log"), title="text", icon="list", by_actions=True
    )

    kind: Annotated[str, Field(Label("Loại", "Kind"), indexed=True, values=tuple(n for n, _ in ENTRIES), names=ENTRIES)]
    text: Annotated[str, Field(Label("Nội dung", "What"), search=True)]
    at: Annotated[Instant, Field(Label("Lúc", "When"), indexed=True)]
    author: Annotated[str, Field(Label("Người ghi", "By"))]
    incident: Annotated[str | None, Field(Label("Sự cố", "Incident"), indexed=True, ref="Incident")] = None
    shift: Annotated[str | None, Field(Label("Ca trực", "Shift"), indexed=True, ref="DutyShift")] = None


class EmergencyResource(Record, frozen=True, kw_only=True):
    """One of the four on the spot (bốn tại chỗ): command, forces, means, supplies; free, or sent to an incident."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "EmergencyResource",
        Label("Nguồn lực tại chỗ", "Resource on the spot"),
        place="location",
        title="name",
        icon="device",
        processing=(
            Processing(
                purpose=Label("Gọi được nguồn lực khi có sự cố", "To reach a resource when there is an incident"),
                ground="task",
                source=LAW_91,
                since="2026-01-01",
            ),
        ),
    )

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    kind: Annotated[
        str, Field(Label("Loại", "Kind"), indexed=True, values=tuple(n for n, _ in ON_THE_SPOT), names=ON_THE_SPOT)
    ]
    quantity: Annotated[float, Field(Label("Số lượng", "Quantity"), minimum=0), Unit("C62")] = 1
    measure: Annotated[str, Field(Label("Đơn vị tính", "Counted in"))] = ""
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    contact: Annotated[str | None, Field(Label("Liên hệ", "Contact"), personal=True)] = None
    incident: Annotated[str | None, Field(Label("Đang ở sự cố", "At the incident"), indexed=True, ref="Incident")] = (
        None
    )
    sentAt: Annotated[Instant | None, Field(Label("Điều đi lúc", "Sent at"), indexed=True)] = None


class OperationsCentre(Record, frozen=True, kw_only=True):
    """An operations centre for one area."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "OperationsCentre",
        Label("Trung tâm điều hành", "Operations centre"),
        title="name",
        icon="overview",
        by_actions=True,
        processing=(
            Processing(
                purpose=Label("Biết ai lập trung tâm", "To know who established the centre"),
                ground="task",
                source=LAW_91,
                since="2026-01-01",
            ),
        ),
    )

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    area: Annotated[str, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")]
    openedAt: Annotated[Instant, Field(Label("Lập lúc", "Established"), indexed=True)]
    openedBy: Annotated[str | None, Field(Label("Người lập", "By"), personal=True)] = None


class DutyShift(Record, frozen=True, kw_only=True):
    """A shift of the roster, with the hand-over that two officers sign."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "DutyShift", Label("Ca trực", "Duty shift"), title="name", workflow=SHIFT, icon="clock", by_actions=True
    )

    name: Annotated[str, Field(Label("Ca", "Shift"), indexed=True)]
    centre: Annotated[str, Field(Label("Trung tâm", "Centre"), indexed=True, ref="OperationsCentre")]
    startsAt: Annotated[Instant, Field(Label("Từ", "From"), indexed=True)]
    endsAt: Annotated[Instant, Field(Label("Đến", "Until"), indexed=True)]
    status: Annotated[str, Field(Label("Tình trạng", "State"), indexed=True, values=SHIFT.states)] = SHIFT.initial
    officer: Annotated[str | None, Field(Label("Trực ban", "Duty officer"), indexed=True)] = None
    beganAt: Annotated[Instant | None, Field(Label("Nhận ca lúc", "Began at"), indexed=True)] = None
    summary: Annotated[str | None, Field(Label("Nội dung bàn giao", "What is handed over"), search=True)] = None
    openIncidents: Annotated[
        tuple[str, ...], Field(Label("Sự cố chưa xong", "Incidents not over"), ref="Incident")
    ] = ()
    signedBy: Annotated[str | None, Field(Label("Người giao ký", "Signed, outgoing"))] = None
    signedAt: Annotated[Instant | None, Field(Label("Giao lúc", "Signed at"), indexed=True)] = None
    seal: Annotated[
        str | None,
        Field(
            Label("Dấu bàn giao", "Seal"), hint=Label("SHA-256 của nội dung hai bên ký", "SHA-256 of what both signed")
        ),
    ] = None
    acceptedBy: Annotated[str | None, Field(Label("Người nhận ký", "Signed, incoming"))] = None
    acceptedAt: Annotated[Instant | None, Field(Label("Nhận lúc", "Accepted at"), indexed=True)] = None

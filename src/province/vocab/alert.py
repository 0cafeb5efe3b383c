"""Alerts: something measured or seen that a person must know of, and what became of it.

Names after the Smart Data Models (`Alert`), values after the Common Alerting Protocol 1.2, so that an alert leaves as
CAP without translation. A streaming rule raises one, raises its level, and clears it; a person acknowledges and closes
it. One alert is one episode: what comes back after it was cleared is a new alert.
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.entity import ORIGINS
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow

CATEGORIES: Final[tuple[tuple[str, Label], ...]] = (
    ("Geo", Label("Địa chất", "Geophysical")),
    ("Met", Label("Khí tượng thuỷ văn", "Weather and water")),
    ("Safety", Label("An toàn", "Safety")),
    ("Security", Label("An ninh", "Security")),
    ("Rescue", Label("Cứu nạn", "Rescue")),
    ("Fire", Label("Cháy", "Fire")),
    ("Health", Label("Y tế", "Health")),
    ("Env", Label("Môi trường", "Environment")),
    ("Transport", Label("Giao thông", "Transport")),
    ("Infra", Label("Hạ tầng", "Infrastructure")),
    ("CBRNE", Label("Hoá chất, phóng xạ, cháy nổ", "Hazardous materials")),
    ("Other", Label("Khác", "Other")),
)
"""CAP 1.2 §3.2.2, `category`."""
SEVERITIES: Final[tuple[tuple[str, Label], ...]] = (
    ("Extreme", Label("Cực kỳ nghiêm trọng", "Extreme")),
    ("Severe", Label("Nghiêm trọng", "Severe")),
    ("Moderate", Label("Trung bình", "Moderate")),
    ("Minor", Label("Nhẹ", "Minor")),
    ("Unknown", Label("Chưa rõ", "Unknown")),
)
"""CAP 1.2 §3.2.2, `severity`, the worst first."""
URGENCIES: Final[tuple[tuple[str, Label], ...]] = (
    ("Immediate", Label("Ngay lập tức", "Immediate")),
    ("Expected", Label("Trong vòng một giờ", "Within an hour")),
    ("Future", Label("Sắp tới", "Future")),
    ("Past", Label("Đã qua", "Past")),
    ("Unknown", Label("Chưa rõ", "Unknown")),
)
"""CAP 1.2 §3.2.2, `urgency`."""
CERTAINTIES: Final[tuple[tuple[str, Label], ...]] = (
    ("Observed", Label("Đã quan trắc được", "Observed")),
    ("Likely", Label("Nhiều khả năng", "Likely")),
    ("Possible", Label("Có thể", "Possible")),
    ("Unlikely", Label("Ít khả năng", "Unlikely")),
    ("Unknown", Label("Chưa rõ", "Unknown")),
)
"""CAP 1.2 §3.2.2, `certainty`."""
CLOSING: Final[tuple[tuple[str, Label], ...]] = (
    ("handled", Label("Đã xử lý", "Dealt with")),
    ("false_alarm", Label("Báo nhầm", "False alarm")),
    ("faulty_sensor", Label("Thiết bị hỏng", "Faulty sensor")),
    ("duplicate", Label("Trùng với cảnh báo khác", "Duplicate")),
    ("exercise", Label("Diễn tập", "Exercise")),
)
"""Why a person closed it."""

WORKFLOW: Final = Workflow(
    attribute="status",
    initial="raised",
    final=frozenset(("cleared", "closed")),
    edges=(
        Edge("raised", "raised", "alert.escalated", Label("Vượt mức cao hơn", "A higher level was crossed")),
        Edge("acknowledged", "raised", "alert.escalated", Label("Vượt mức cao hơn", "A higher level was crossed")),
        Edge("raised", "acknowledged", "alert.acknowledged", Label("Có người tiếp nhận", "A person takes note")),
        Edge("raised", "cleared", "alert.cleared", Label("Số đo trở lại bình thường", "Readings are normal again")),
        Edge(
            "acknowledged", "cleared", "alert.cleared", Label("Số đo trở lại bình thường", "Readings are normal again")
        ),
        Edge("raised", "closed", "alert.closed", Label("Kết thúc có lý do", "Closed with a reason")),
        Edge("acknowledged", "closed", "alert.closed", Label("Kết thúc có lý do", "Closed with a reason")),
        Edge("cleared", "closed", "alert.closed", Label("Đã xem lại sau khi hết", "Looked at after it had cleared")),
    ),
    names=(
        ("raised", Label("Mới phát", "Raised")),
        ("acknowledged", Label("Đã tiếp nhận", "Acknowledged")),
        ("cleared", Label("Đã hết", "Cleared")),
        ("closed", Label("Đã đóng", "Closed")),
    ),
)
OPEN: Final = ("raised", "acknowledged")
"""States in which the matter goes on."""


class Alert(Record, frozen=True, kw_only=True):
    """One episode. `basis`: origin of the readings that raised it; a simulated alert says so wherever it is shown."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Alert",
        Label("Cảnh báo", "Alert"),
        place="location",
        title="title",
        workflow=WORKFLOW,
        icon="alert",
    )

    title: Annotated[str, Field(Label("Nội dung", "What"), search=True)]
    category: Annotated[
        str,
        Field(
            Label("Lĩnh vực", "Category"), indexed=True, values=tuple(name for name, _ in CATEGORIES), names=CATEGORIES
        ),
    ]
    event: Annotated[str, Field(Label("Loại sự kiện", "Event"), indexed=True)]
    severity: Annotated[
        str,
        Field(
            Label("Mức nghiêm trọng", "Severity"),
            indexed=True,
            values=tuple(name for name, _ in SEVERITIES),
            names=SEVERITIES,
        ),
    ]
    urgency: Annotated[
        str,
        Field(Label("Độ khẩn", "Urgency"), indexed=True, values=tuple(name for name, _ in URGENCIES), names=URGENCIES),
    ] = "Unknown"
    certainty: Annotated[
        str,
        Field(
            Label("Độ chắc chắn", "Certainty"),
            indexed=True,
            values=tuple(name for name, _ in CERTAINTIES),
            names=CERTAINTIES,
        ),
    ] = "Unknown"
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=WORKFLOW.states)] = (
        WORKFLOW.initial
    )
    level: Annotated[int, Field(Label("Mức", "Level"), indexed=True, minimum=0), Unit("C62")] = 0
    levelName: Annotated[str | None, Field(Label("Tên mức", "Name of the level"))] = None
    highestLevel: Annotated[
        int, Field(Label("Mức cao nhất", "Highest level"), indexed=True, minimum=0), Unit("C62")
    ] = 0
    alertSource: Annotated[
        str | None, Field(Label("Nguồn", "Source"), indexed=True, ref="Device", hint=Label("Thiết bị", "The sensor"))
    ] = None
    attribute: Annotated[str | None, Field(Label("Đại lượng", "Attribute"), indexed=True)] = None
    rule: Annotated[str | None, Field(Label("Quy tắc", "Rule"), indexed=True)] = None
    value: Annotated[
        dict[str, Any] | None,
        Field(Label("Giá trị", "Value"), hint=Label("Số, đơn vị, lúc đo", "Number, unitCode, observedAt")),
    ] = None
    evidence: Annotated[
        dict[str, Any] | None,
        Field(Label("Căn cứ", "Evidence"), hint=Label("Ngưỡng và nguồn", "Limits, their sources, the readings")),
    ] = None
    basis: Annotated[
        str,
        Field(
            Label("Nguồn gốc số liệu", "Origin of the readings"),
            indexed=True,
            values=ORIGINS,
            names=(
                ("measured", Label("đo được", "measured")),
                ("reported", Label("do người báo", "reported by a person")),
                ("imported", Label("nhập từ nguồn khác", "imported")),
                ("estimated", Label("ước tính", "estimated")),
                ("simulated", Label("mô phỏng", "simulated")),
                ("forecast", Label("dự báo", "forecast")),
            ),
        ),
    ] = "measured"
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    raisedAt: Annotated[Instant, Field(Label("Phát lúc", "Raised at"), indexed=True)]
    acknowledgedAt: Annotated[Instant | None, Field(Label("Tiếp nhận lúc", "Acknowledged at"), indexed=True)] = None
    acknowledgedBy: Annotated[str | None, Field(Label("Người tiếp nhận", "Acknowledged by"))] = None
    acknowledgement: Annotated[str | None, Field(Label("Ghi chú tiếp nhận", "Note of acknowledgement"))] = None
    clearedAt: Annotated[Instant | None, Field(Label("Hết lúc", "Cleared at"), indexed=True)] = None
    closedAt: Annotated[Instant | None, Field(Label("Đóng lúc", "Closed at"), indexed=True)] = None
    closingReason: Annotated[
        str | None,
        Field(
            Label("Lý do đóng", "Reason of closing"),
            indexed=True,
            values=tuple(name for name, _ in CLOSING),
            names=CLOSING,
        ),
    ] = None
    incident: Annotated[str | None, Field(Label("Sự cố", "Incident"), indexed=True, ref="Incident")] = None
    shelvedUntil: Annotated[
        Instant | None,
        Field(Label("Tạm gác đến", "Set aside until"), indexed=True, hint=Label("Tự trở lại", "Comes back by itself")),
    ] = None
    shelvedReason: Annotated[str | None, Field(Label("Lý do tạm gác", "Why it is set aside"))] = None

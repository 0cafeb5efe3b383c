"""Warnings to the public, issued here or received from others: one record per CAP 1.2 message.

An alert to the public is not an `Alert` of a sensor: people prepare it, release it, replace it and cancel it, and what
was said stays said. An update, a cancellation and an all-clear are messages of their own that name the earlier one.
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

import msgspec

from province.model.cap.message import STATUSES, Message
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Processing, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.alert import CATEGORIES, CERTAINTIES, SEVERITIES, URGENCIES
from province.vocab.privacy import LAW_91

SCALES: Final[tuple[tuple[str, Label], ...]] = (
    ("flood-1", Label("Lũ, báo động I", "Flood, alarm level I")),
    ("flood-2", Label("Lũ, báo động II", "Flood, alarm level II")),
    ("flood-3", Label("Lũ, báo động III", "Flood, alarm level III")),
    ("risk-1", Label("Rủi ro thiên tai cấp 1", "Disaster risk, level 1")),
    ("risk-2", Label("Rủi ro thiên tai cấp 2", "Disaster risk, level 2")),
    ("risk-3", Label("Rủi ro thiên tai cấp 3", "Disaster risk, level 3")),
    ("risk-4", Label("Rủi ro thiên tai cấp 4", "Disaster risk, level 4")),
    ("risk-5", Label("Rủi ro thiên tai cấp 5", "Disaster risk, level 5")),
)
"""Vietnam's own levels: of floods (báo động) and of disaster risk (cấp độ rủi ro thiên tai)."""
DIRECTIONS: Final[tuple[tuple[str, Label], ...]] = (
    ("issued", Label("Phát đi", "Issued here")),
    ("received", Label("Nhận về", "Received")),
)
MESSAGE_TYPES: Final[tuple[tuple[str, Label], ...]] = (
    ("Alert", Label("Cảnh báo mới", "New alert")),
    ("Update", Label("Cập nhật", "Update")),
    ("Cancel", Label("Huỷ", "Cancellation")),
    ("Ack", Label("Xác nhận", "Acknowledgement")),
    ("Error", Label("Báo lỗi", "Error")),
)
STATUS_NAMES: Final[tuple[tuple[str, Label], ...]] = (
    ("Actual", Label("Thật", "Actual")),
    ("Exercise", Label("Diễn tập", "Exercise")),
    ("System", Label("Kỹ thuật", "System")),
    ("Test", Label("Thử", "Test")),
    ("Draft", Label("Nháp", "Draft")),
)
assert tuple(name for name, _ in STATUS_NAMES) == STATUSES

WORKFLOW: Final = Workflow(
    attribute="status",
    initial="prepared",
    final=frozenset(("replaced", "cancelled", "expired", "discarded")),
    edges=(
        Edge("prepared", "waiting", "publicalert.proposed", Label("Chờ người thứ hai", "A second person must agree")),
        Edge("prepared", "in_force", "publicalert.released", Label("Được phát", "Released")),
        Edge("waiting", "in_force", "publicalert.released", Label("Người thứ hai đồng ý", "A second person agreed")),
        Edge("prepared", "discarded", "publicalert.discarded", Label("Bỏ bản soạn", "Discarded")),
        Edge("waiting", "discarded", "publicalert.discarded", Label("Người thứ hai không đồng ý", "Not agreed to")),
        Edge("in_force", "replaced", "publicalert.replaced", Label("Có bản thay thế", "A later message replaces it")),
        Edge("prepared", "replaced", "publicalert.replaced", Label("Có bản thay thế", "A later message replaces it")),
        Edge("in_force", "cancelled", "publicalert.cancelled", Label("Bị huỷ", "Cancelled")),
        Edge("prepared", "cancelled", "publicalert.cancelled", Label("Bị huỷ", "Cancelled")),
        Edge("in_force", "expired", "publicalert.expired", Label("Hết hiệu lực", "Its time is over")),
        Edge("prepared", "expired", "publicalert.expired", Label("Hết hiệu lực", "Its time is over")),
        Edge("waiting", "expired", "publicalert.expired", Label("Hết hiệu lực", "Its time is over")),
    ),
    names=(
        ("prepared", Label("Chờ phát", "Not released")),
        ("waiting", Label("Chờ người thứ hai", "Waits for a second person")),
        ("in_force", Label("Đang hiệu lực", "In force")),
        ("replaced", Label("Đã thay thế", "Replaced")),
        ("cancelled", Label("Đã huỷ", "Cancelled")),
        ("expired", Label("Hết hiệu lực", "Expired")),
        ("discarded", Label("Đã bỏ", "Discarded")),
    ),
)


class PublicAlert(Record, frozen=True, kw_only=True):
    """One message. Strangers see it once it is released, and not when it is an exercise or a test."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PublicAlert",
        Label("Cảnh báo cho người dân", "Alert to the public"),
        unique=(("sender", "identifier"),),
        place="location",
        title="title",
        workflow=WORKFLOW,
        public=True,
        public_where=("published", True),
        by_actions=True,
        icon="alert",
        processing=(
            Processing(
                purpose=Label("Biết ai soạn, ai phát, ai đồng ý phát", "To know who prepared, released and agreed"),
                ground="task",
                source=LAW_91,
                since="2026-01-01",
            ),
        ),
    )

    title: Annotated[str, Field(Label("Tiêu đề", "Headline"), search=True, public=True)]
    event: Annotated[str, Field(Label("Hiện tượng", "Event"), indexed=True, search=True, public=True)]
    status: Annotated[str, Field(Label("Tình trạng", "State"), indexed=True, public=True, values=WORKFLOW.states)] = (
        WORKFLOW.initial
    )
    scale: Annotated[
        str | None,
        Field(Label("Cấp", "Level"), indexed=True, public=True, values=tuple(n for n, _ in SCALES), names=SCALES),
    ] = None
    severity: Annotated[
        str,
        Field(
            Label("Mức nghiêm trọng", "Severity"),
            indexed=True,
            public=True,
            values=tuple(n for n, _ in SEVERITIES),
            names=SEVERITIES,
        ),
    ]
    urgency: Annotated[
        str, Field(Label("Độ khẩn", "Urgency"), public=True, values=tuple(n for n, _ in URGENCIES), names=URGENCIES)
    ]
    certainty: Annotated[
        str,
        Field(
            Label("Độ chắc chắn", "Certainty"),
            public=True,
            values=tuple(n for n, _ in CERTAINTIES),
            names=CERTAINTIES,
        ),
    ]
    category: Annotated[
        str,
        Field(
            Label("Lĩnh vực", "Category"),
            indexed=True,
            public=True,
            values=tuple(n for n, _ in CATEGORIES),
            names=CATEGORIES,
        ),
    ]
    areas: Annotated[
        tuple[str, ...],
        Field(
            Label("Địa bàn", "Areas"),
            public=True,
            ref="Area",
            hint=Label("Theo bản đồ của ngày soạn", "By the map of the day it was prepared"),
        ),
    ] = ()
    population: Annotated[
        int | None,
        Field(
            Label("Dân số trong vùng", "People in these areas"),
            public=True,
            minimum=0,
            hint=Label("Tổng dân số các địa bàn; trống khi có địa bàn chưa rõ", "Empty when one of them is not known"),
        ),
        Unit("C62"),
    ] = None
    effectiveAt: Annotated[Instant | None, Field(Label("Hiệu lực từ", "Effective"), indexed=True, public=True)] = None
    endsAt: Annotated[Instant | None, Field(Label("Hết hiệu lực lúc", "Expires"), indexed=True, public=True)] = None
    location: Annotated[Geometry | None, Field(Label("Vùng", "Where"), public=True)] = None
    direction: Annotated[
        str,
        Field(
            Label("Chiều", "Direction"),
            indexed=True,
            public=True,
            values=tuple(n for n, _ in DIRECTIONS),
            names=DIRECTIONS,
        ),
    ]
    messageType: Annotated[
        str,
        Field(
            Label("Loại bản tin", "Kind of message"),
            indexed=True,
            public=True,
            values=tuple(n for n, _ in MESSAGE_TYPES),
            names=MESSAGE_TYPES,
        ),
    ]
    messageStatus: Annotated[
        str,
        Field(
            Label("Tính chất", "Nature"),
            indexed=True,
            public=True,
            values=tuple(n for n, _ in STATUS_NAMES),
            names=STATUS_NAMES,
        ),
    ]
    sender: Annotated[str, Field(Label("Nơi phát", "Sender"), indexed=True, public=True)]
    identifier: Annotated[str, Field(Label("Mã bản tin", "Identifier"), indexed=True, public=True)]
    sentAt: Annotated[Instant, Field(Label("Phát lúc", "Sent"), indexed=True, public=True)]
    published: Annotated[bool, Field(Label("Công khai", "Public"), indexed=True, public=True)] = False
    replaces: Annotated[
        str | None, Field(Label("Thay cho", "Replaces"), indexed=True, public=True, ref="PublicAlert")
    ] = None
    cause: Annotated[str | None, Field(Label("Từ cảnh báo", "Because of"), indexed=True, ref="Alert")] = None
    message: Annotated[
        dict[str, Any],
        Field(Label("Bản tin CAP", "CAP message"), public=True, hint=Label("Như chuẩn CAP 1.2", "As CAP 1.2 has it")),
    ]
    preparedBy: Annotated[str | None, Field(Label("Người soạn", "Prepared by"), personal=True)] = None
    releasedBy: Annotated[str | None, Field(Label("Người phát", "Released by"), personal=True)] = None
    confirmedBy: Annotated[str | None, Field(Label("Người thứ hai", "Second person"), personal=True)] = None
    releasedAt: Annotated[Instant | None, Field(Label("Phát ra lúc", "Released at"), indexed=True, public=True)] = None
    signerName: Annotated[str | None, Field(Label("Chứng thư ký", "Signer's certificate"))] = None
    signerKey: Annotated[
        str | None,
        Field(Label("Khoá ký", "Signer's key"), indexed=True, hint=Label("SHA-256 khoá công khai", "SHA-256 of it")),
    ] = None
    certificateHeld: Annotated[
        bool | None,
        Field(Label("Chứng thư còn hạn khi nhận", "Certificate in date when received")),
    ] = None
    original: Annotated[str | None, Field(Label("XML gốc", "XML as received"))] = None


def message_of(values: dict[str, Any]) -> Message:
    """The CAP message of a record's `message`. Raises: msgspec.ValidationError."""
    return msgspec.convert(values, Message, strict=False)

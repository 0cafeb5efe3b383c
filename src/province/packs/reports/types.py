"""A citizen's report: what, where, whose it is, and how far it has come."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Processing, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.case import CHANNELS, Case
from province.vocab.privacy import LAW_91, OWN_PERIOD

CATEGORIES: Final[tuple[tuple[str, Label], ...]] = (
    ("road", Label("Đường sá, vỉa hè", "Roads and pavements")),
    ("light", Label("Chiếu sáng", "Street lighting")),
    ("drainage", Label("Thoát nước, ngập", "Drainage and flooding")),
    ("waste", Label("Rác thải", "Waste")),
    ("environment", Label("Môi trường", "Environment")),
    ("tree", Label("Cây xanh", "Trees")),
    ("traffic", Label("Giao thông", "Traffic")),
    ("construction", Label("Trật tự xây dựng", "Construction")),
    ("order", Label("Trật tự đô thị", "Public order")),
    ("utility", Label("Điện, nước, cáp", "Power, water, cables")),
    ("other", Label("Khác", "Other")),
)
CATEGORY_NAMES: Final[tuple[str, ...]] = tuple(name for name, _ in CATEGORIES)

MATTERS: Final[tuple[tuple[str, Label], ...]] = (
    ("report", Label("Phản ánh, kiến nghị", "Report or suggestion")),
    ("complaint", Label("Khiếu nại", "Complaint")),
    ("denunciation", Label("Tố cáo", "Denunciation")),
    ("emergency", Label("Khẩn cấp", "Emergency")),
    ("other_matter", Label("Hỏi đáp, góp ý khác", "Question, praise or another matter")),
)
"""What a text is in law. Complaints and denunciations have procedures of their own; emergencies go to 113, 114, 115."""
LEGAL: Final = ("complaint", "denunciation")
DECIDERS: Final[tuple[tuple[str, Label], ...]] = (
    ("sender", Label("Người gửi chọn", "Chosen by the sender")),
    ("machine", Label("Máy gợi ý", "Proposed by the machine")),
    ("person", Label("Cán bộ xác định", "Decided by a person")),
    ("nobody", Label("Chưa xác định", "Nobody yet")),
)

WORKFLOW: Final = Workflow(
    attribute="status",
    initial="new",
    final=frozenset(("closed", "rejected", "referred")),
    edges=(
        Edge(
            "new", "assigned", "report.assigned", Label("Giao cơ quan có thẩm quyền", "Given to the agency in charge")
        ),
        Edge(
            "new", "rejected", "report.rejected", Label("Không thuộc phạm vi tiếp nhận", "Not a matter for this desk")
        ),
        Edge("new", "linked", "report.linked", Label("Cùng sự việc với phản ánh khác", "The same matter as another")),
        Edge(
            "new", "referred", "report.referred", Label("Chuyển theo thủ tục pháp luật", "Left for a legal procedure")
        ),
        Edge("assigned", "assigned", "report.reassigned", Label("Chuyển cơ quan khác", "Passed to another agency")),
        Edge(
            "assigned", "linked", "report.linked", Label("Cùng sự việc với phản ánh khác", "The same matter as another")
        ),
        Edge(
            "assigned",
            "referred",
            "report.referred",
            Label("Chuyển theo thủ tục pháp luật", "Left for a legal procedure"),
        ),
        Edge(
            "in_progress",
            "referred",
            "report.referred",
            Label("Chuyển theo thủ tục pháp luật", "Left for a legal procedure"),
        ),
        Edge("linked", "assigned", "report.unlinked", Label("Không cùng sự việc", "Not the same matter after all")),
        Edge(
            "linked", "resolved", "report.resolved", Label("Sự việc chung đã xử lý xong", "The shared matter is done")
        ),
        Edge(
            "linked", "rejected", "report.rejected", Label("Sự việc chung bị từ chối", "The shared matter is refused")
        ),
        Edge("assigned", "in_progress", "report.started", Label("Bắt đầu xử lý", "Work began")),
        Edge("assigned", "rejected", "report.rejected", Label("Không đủ cơ sở xử lý", "Nothing to act upon")),
        Edge("in_progress", "assigned", "report.reassigned", Label("Chuyển cơ quan khác", "Passed to another agency")),
        Edge("in_progress", "resolved", "report.resolved", Label("Đã xử lý xong", "The work is done")),
        Edge(
            "resolved", "closed", "report.closed", Label("Người dân đồng ý hoặc hết hạn", "Accepted, or not disputed")
        ),
        Edge("resolved", "disputed", "report.disputed", Label("Người dân chưa đồng ý", "The citizen does not agree")),
        Edge("rejected", "disputed", "report.disputed", Label("Người dân chưa đồng ý", "The citizen does not agree")),
        Edge("disputed", "reopened", "report.reopened", Label("Xử lý lại", "To be dealt with again")),
        Edge("disputed", "closed", "report.closed", Label("Giữ nguyên kết quả", "The outcome stands")),
        Edge("reopened", "assigned", "report.reassigned", Label("Giao xử lý lại", "Given out again")),
        Edge("reopened", "in_progress", "report.started", Label("Bắt đầu xử lý lại", "Work began again")),
    ),
    names=(
        ("new", Label("Mới", "New")),
        ("assigned", Label("Đã giao", "Assigned")),
        ("linked", Label("Xử lý chung", "Dealt with together")),
        ("in_progress", Label("Đang xử lý", "In progress")),
        ("resolved", Label("Đã xử lý", "Resolved")),
        ("disputed", Label("Chưa đồng ý", "Disputed")),
        ("reopened", Label("Mở lại", "Reopened")),
        ("rejected", Label("Từ chối", "Rejected")),
        ("referred", Label("Đã chuyển theo luật", "Referred by law")),
        ("closed", Label("Đã đóng", "Closed")),
    ),
)
OPEN: Final = ("new", "assigned", "linked", "in_progress", "disputed", "reopened")
"""States in which somebody must still do something."""


class Report(Case, frozen=True, kw_only=True):
    """One report. Strangers see it only once a person has published it, and then neither its author nor raw photos."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Report",
        Label("Phản ánh", "Report"),
        unique=(("code",),),
        place="location",
        title="title",
        workflow=WORKFLOW,
        public=True,
        public_where=("published", True),
        icon="report",
        processing=(
            Processing(
                purpose=Label(
                    "Trả lời người phản ánh, hỏi thêm, chứng minh ai là tác giả",
                    "To answer the author, ask back, and prove who the author is",
                ),
                ground="task", source=LAW_91, since="2026-01-01",
                keep_days=730, after="reportedAt", keep_source=OWN_PERIOD, also=("photos",),
            ),
        ),
    )  # fmt: skip

    code: Annotated[str | None, Field(Label("Mã phản ánh", "Code"), indexed=True, search=True, public=True)] = None
    title: Annotated[str, Field(Label("Nội dung", "What"), search=True, public=True)]
    description: Annotated[str, Field(Label("Mô tả", "Description"), search=True)] = ""
    category: Annotated[
        str, Field(Label("Lĩnh vực", "Category"), indexed=True, public=True, values=CATEGORY_NAMES, names=CATEGORIES)
    ]
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"), public=True)]
    address: Annotated[str | None, Field(Label("Địa chỉ", "Address"), search=True)] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, public=True, ref="Area")] = None
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, public=True, values=WORKFLOW.states)] = (
        WORKFLOW.initial
    )
    reportedAt: Annotated[Instant, Field(Label("Gửi lúc", "Reported at"), indexed=True, public=True)]
    channel: Annotated[
        str,
        Field(Label("Kênh", "Channel"), indexed=True, values=tuple(name for name, _ in CHANNELS), names=CHANNELS),
    ] = "web"
    matter: Annotated[
        str,
        Field(Label("Loại việc", "Matter"), indexed=True, values=tuple(name for name, _ in MATTERS), names=MATTERS),
    ] = "report"
    categoryBy: Annotated[
        str,
        Field(
            Label("Lĩnh vực do", "Category by"),
            indexed=True,
            values=tuple(name for name, _ in DECIDERS),
            names=DECIDERS,
        ),
    ] = "sender"
    proposedCategory: Annotated[
        str | None, Field(Label("Máy gợi ý lĩnh vực", "Category proposed"), values=CATEGORY_NAMES, names=CATEGORIES)
    ] = None
    proposalConfidence: Annotated[
        float | None, Field(Label("Độ tin cậy của gợi ý", "Confidence of it"), minimum=0, maximum=100), Unit("P1")
    ] = None
    proposalWords: Annotated[tuple[str, ...] | None, Field(Label("Từ quyết định", "Words that decided"))] = None
    proposedMatter: Annotated[
        str | None,
        Field(
            Label("Máy gợi ý loại việc", "Matter proposed"), values=tuple(name for name, _ in MATTERS), names=MATTERS
        ),
    ] = None
    matterConfidence: Annotated[
        float | None, Field(Label("Độ tin cậy về loại việc", "Confidence of it"), minimum=0, maximum=100), Unit("P1")
    ] = None
    matterWords: Annotated[
        tuple[str, ...] | None, Field(Label("Từ quyết định loại việc", "Words that decided the matter"))
    ] = None
    dangerWords: Annotated[tuple[str, ...] | None, Field(Label("Từ báo nguy hiểm", "Words that tell of danger"))] = None
    answer: Annotated[str | None, Field(Label("Kết quả", "Answer"), search=True, public=True)] = None
    duplicateOf: Annotated[
        str | None, Field(Label("Có thể trùng với", "Possible duplicate of"), indexed=True, ref="Report")
    ] = None
    photos: Annotated[tuple[str, ...], Field(Label("Ảnh", "Photos"))] = ()
    publicPhotos: Annotated[tuple[str, ...], Field(Label("Ảnh công khai", "Published photos"), public=True)] = ()
    published: Annotated[bool, Field(Label("Công khai", "Published"), indexed=True, public=True)] = False
    rating: Annotated[
        int | None, Field(Label("Chấm điểm", "Rating"), indexed=True, public=True, minimum=1, maximum=5), Unit("C62")
    ] = None
    ratingNote: Annotated[str | None, Field(Label("Nhận xét", "Comment of the author"))] = None
    externalCode: Annotated[str | None, Field(Label("Mã nơi gửi", "Sender's code"), indexed=True)] = None
    author: Annotated[str | None, Field(Label("Tài khoản gửi", "Author's account"), personal=True, indexed=True)] = None
    reporterName: Annotated[str | None, Field(Label("Người gửi", "Reporter"), personal=True)] = None
    reporterPhone: Annotated[str | None, Field(Label("Điện thoại", "Phone"), personal=True)] = None
    reporterEmail: Annotated[str | None, Field(Label("Thư điện tử", "E-mail"), personal=True)] = None
    secretHash: Annotated[
        str | None, Field(Label("Dấu của mã bí mật", "Hash of the secret"), indexed=True, personal=True, concealed=True)
    ] = None


def foreign_id(sender: str, code: str) -> str:
    """Id of the report that a sender knows by a code of its own."""
    key = hashlib.sha256(f"{sender}\n{code}".encode()).hexdigest()[:32]
    return f"urn:ngsi-ld:Report:{key}"


MESSAGE: Final = Workflow(
    attribute="status",
    initial="waiting",
    final=frozenset(("entered", "dismissed")),
    edges=(
        Edge("waiting", "entered", "deskmessage.entered", Label("Đã nhập thành phản ánh", "Entered as a report")),
        Edge("waiting", "dismissed", "deskmessage.dismissed", Label("Không phải phản ánh", "Not a report")),
    ),
    names=(
        ("waiting", Label("Chờ đọc", "To be read")),
        ("entered", Label("Đã nhập", "Entered")),
        ("dismissed", Label("Đã bỏ qua", "Dismissed")),
    ),
)


class DeskMessage(Case, frozen=True, kw_only=True):
    """What somebody wrote to the desk by Zalo, as it came. Whom it is from and what it says are personal."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "DeskMessage", Label("Tin nhắn gửi 1022", "Message to the desk"), place="location", title="title",
        workflow=MESSAGE, icon="mail", by_actions=True,
        processing=(
            Processing(
                purpose=Label("Tiếp nhận phản ánh qua Zalo, hỏi lại người gửi",
                              "To take in reports by Zalo, and to ask their senders back"),
                ground="task", source=LAW_91, since="2026-01-01",
                keep_days=90, after="receivedAt", keep_source=OWN_PERIOD, also=("title", "links"),
            ),
        ),
    )  # fmt: skip

    title: Annotated[str, Field(Label("Nội dung", "What"))]
    text: Annotated[str, Field(Label("Tin nhắn", "Message"), personal=True)] = ""
    channel: Annotated[
        str,
        Field(Label("Kênh", "Channel"), indexed=True, values=tuple(name for name, _ in CHANNELS), names=CHANNELS),
    ] = "zalo"
    sender: Annotated[str, Field(Label("Mã người gửi trên Zalo", "Sender's id at Zalo"), personal=True)]
    location: Annotated[Geometry | None, Field(Label("Vị trí gửi kèm", "Place sent along"))] = None
    links: Annotated[
        tuple[str, ...],
        Field(
            Label("Ảnh ở Zalo", "Pictures at Zalo"),
            hint=Label("Đường dẫn, không tải về", "Addresses; they are not fetched"),
        ),
    ] = ()
    receivedAt: Annotated[Instant, Field(Label("Nhận lúc", "Received at"), indexed=True)]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=MESSAGE.states)] = MESSAGE.initial
    report: Annotated[str | None, Field(Label("Phản ánh", "Report"), indexed=True, ref="Report")] = None


class ProtectedIdentity(Record, frozen=True, kw_only=True):
    """Who sent a denunciation: kept apart from it, for whoever verifies it by law and for nobody else.

    Law on Denunciations 25/2018/QH14, article 9 and chapter VI: the identity of a denouncer is secret.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "ProtectedIdentity", Label("Danh tính được bảo vệ", "Protected identity"), title="title", icon="report",
        processing=(
            Processing(
                purpose=Label("Xác minh, bảo vệ người tố cáo", "To verify a denunciation and shield its author"),
                ground="law",
                source=Label("Luật Tố cáo 25/2018/QH14, Điều 9", "Law on Denunciations 25/2018/QH14, article 9"),
                since="2026-01-01",
            ),
        ),
    )  # fmt: skip

    title: Annotated[str, Field(Label("Hồ sơ", "Record"))]
    report: Annotated[str, Field(Label("Phản ánh", "Report"), indexed=True, ref="Report")]
    name: Annotated[str | None, Field(Label("Người tố cáo", "Denouncer"), personal=True)] = None
    phone: Annotated[str | None, Field(Label("Điện thoại", "Phone"), personal=True)] = None
    email: Annotated[str | None, Field(Label("Thư điện tử", "E-mail"), personal=True)] = None
    account: Annotated[str | None, Field(Label("Tài khoản", "Account"), personal=True)] = None

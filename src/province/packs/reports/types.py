"""A citizen's report: what, where, whose it is, and how far it has come."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.workflow import Edge, Workflow

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

WORKFLOW: Final = Workflow(
    attribute="status",
    initial="new",
    final=frozenset(("closed", "rejected")),
    edges=(
        Edge(
            "new", "assigned", "report.assigned", Label("Giao cơ quan có thẩm quyền", "Given to the agency in charge")
        ),
        Edge(
            "new", "rejected", "report.rejected", Label("Không thuộc phạm vi tiếp nhận", "Not a matter for this desk")
        ),
        Edge("assigned", "assigned", "report.reassigned", Label("Chuyển cơ quan khác", "Passed to another agency")),
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
        ("in_progress", Label("Đang xử lý", "In progress")),
        ("resolved", Label("Đã xử lý", "Resolved")),
        ("disputed", Label("Chưa đồng ý", "Disputed")),
        ("reopened", Label("Mở lại", "Reopened")),
        ("rejected", Label("Từ chối", "Rejected")),
        ("closed", Label("Đã đóng", "Closed")),
    ),
)


class Report(Record, frozen=True, kw_only=True):
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
    )

    code: Annotated[str | None, Field(Label("Mã phản ánh", "Code"), indexed=True, search=True, public=True)] = None
    title: Annotated[str, Field(Label("Nội dung", "What"), search=True, public=True)]
    description: Annotated[str, Field(Label("Mô tả", "Description"), search=True)] = ""
    category: Annotated[
        str, Field(Label("Lĩnh vực", "Category"), indexed=True, public=True, values=CATEGORY_NAMES, names=CATEGORIES)
    ]
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"), public=True)]
    address: Annotated[str | None, Field(Label("Địa chỉ", "Address"), search=True)] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, public=True, ref="Area")] = None
    assignedTo: Annotated[
        str | None, Field(Label("Cơ quan xử lý", "Assigned to"), indexed=True, public=True, ref="Agency")
    ] = None
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, public=True, values=WORKFLOW.states)] = (
        WORKFLOW.initial
    )
    reportedAt: Annotated[Instant, Field(Label("Gửi lúc", "Reported at"), indexed=True, public=True)]
    dueAt: Annotated[Instant | None, Field(Label("Hạn xử lý", "Due"), indexed=True, public=True)] = None
    answer: Annotated[str | None, Field(Label("Kết quả", "Answer"), search=True, public=True)] = None
    duplicateOf: Annotated[
        str | None, Field(Label("Có thể trùng với", "Possible duplicate of"), indexed=True, ref="Report")
    ] = None
    photos: Annotated[tuple[str, ...], Field(Label("Ảnh", "Photos"))] = ()
    publicPhotos: Annotated[tuple[str, ...], Field(Label("Ảnh công khai", "Published photos"), public=True)] = ()
    published: Annotated[bool, Field(Label("Công khai", "Published"), indexed=True, public=True)] = False
    externalCode: Annotated[str | None, Field(Label("Mã nơi gửi", "Sender's code"), indexed=True)] = None
    author: Annotated[str | None, Field(Label("Tài khoản gửi", "Author's account"), personal=True, indexed=True)] = None
    reporterName: Annotated[str | None, Field(Label("Người gửi", "Reporter"), personal=True)] = None
    reporterPhone: Annotated[str | None, Field(Label("Điện thoại", "Phone"), personal=True)] = None
    secretHash: Annotated[
        str | None, Field(Label("Dấu của mã bí mật", "Hash of the secret"), indexed=True, personal=True, concealed=True)
    ] = None

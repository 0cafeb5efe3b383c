"""Parcels of IT parks, science zones and innovation centres, investors, tenants, and trials in a sandbox."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.case import Case

PARCELS: Final = (
    ("planned", Label("Chờ thu hồi, bàn giao", "To be acquired")),
    ("free", Label("Còn trống", "Free")),
    ("reserved", Label("Đã giữ chỗ", "Reserved")),
    ("leased", Label("Đã cho thuê", "Leased")),
    ("dropped", Label("Không lấy nữa", "Dropped")),
)
SECTORS: Final = (
    ("chips", Label("Sản xuất chíp bán dẫn", "Semiconductor chips")),
    ("design", Label("Thiết kế vi mạch", "Circuit design")),
    ("software", Label("Phần mềm", "Software")),
    ("content", Label("Nội dung số", "Digital content")),
    ("security", Label("An toàn, an ninh mạng", "Safety and security")),
    ("ai", Label("Trí tuệ nhân tạo", "Artificial intelligence")),
    ("iot", Label("Internet vạn vật", "Internet of Things")),
    ("bigdata", Label("Dữ liệu lớn", "Big data")),
    ("blockchain", Label("Chuỗi khối", "Blockchain")),
)
"""As the plan lists them, III.6."""
CENTRES: Final = (
    ("zone", Label("Khu khoa học công nghệ", "Science and technology zone")),
    ("centre", Label("Trung tâm đổi mới sáng tạo", "Innovation centre")),
)
STAGES: Final = (
    ("planned", Label("Dự kiến", "Planned")),
    ("approved", Label("Đã phê duyệt", "Approved")),
    ("operating", Label("Đang hoạt động", "In operation")),
    ("closed", Label("Đã đóng", "Closed")),
)

INVESTOR: Final = Workflow(
    attribute="status",
    initial="lead",
    final=frozenset(("leased", "declined")),
    edges=(
        Edge("lead", "survey", "investorcase.surveyed", Label("Khảo sát địa điểm", "The site was surveyed")),
        Edge("survey", "memorandum", "investorcase.signed_memorandum", Label("Ký ghi nhớ", "A memorandum was signed")),
        Edge("memorandum", "decision", "investorcase.sent_to_decide", Label("Trình quyết định", "Put up for decision")),
        Edge("decision", "leased", "investorcase.leased", Label("Chấp thuận, ký hợp đồng thuê", "Approved and leased")),
        Edge("lead", "declined", "investorcase.declined", Label("Không tiếp tục", "Not pursued")),
        Edge("survey", "declined", "investorcase.declined", Label("Không tiếp tục", "Not pursued")),
        Edge("memorandum", "declined", "investorcase.declined", Label("Không tiếp tục", "Not pursued")),
        Edge("decision", "declined", "investorcase.declined", Label("Không chấp thuận", "Not approved")),
    ),
    names=(
        ("lead", Label("Mới tiếp cận", "Lead")),
        ("survey", Label("Đang khảo sát", "Survey")),
        ("memorandum", Label("Đã ký ghi nhớ", "Memorandum")),
        ("decision", Label("Chờ quyết định", "Awaiting decision")),
        ("leased", Label("Đã thuê đất", "Leased")),
        ("declined", Label("Không tiếp tục", "Declined")),
    ),
)
SANDBOX: Final = Workflow(
    attribute="status",
    initial="applied",
    final=frozenset(("refused", "completed", "ended")),
    edges=(
        Edge("applied", "running", "sandboxtrial.admitted", Label("Cho phép thử nghiệm", "Admitted")),
        Edge("applied", "refused", "sandboxtrial.refused", Label("Không cho phép", "Refused")),
        Edge(
            "running", "completed", "sandboxtrial.completed", Label("Kết thúc, có báo cáo", "Completed with a report")
        ),
        Edge("running", "ended", "sandboxtrial.ended", Label("Dừng trước hạn", "Ended early")),
    ),
    names=(
        ("applied", Label("Chờ xét", "Applied")),
        ("running", Label("Đang thử nghiệm", "Running")),
        ("refused", Label("Không cho phép", "Refused")),
        ("completed", Label("Đã hoàn thành", "Completed")),
        ("ended", Label("Dừng trước hạn", "Ended early")),
    ),
)
RESULTS: Final = (
    ("scale", Label("Nên nhân rộng", "To be scaled up")),
    ("repeat", Label("Cần thử thêm", "To be tried again")),
    ("stop", Label("Không nên áp dụng", "Not to be adopted")),
)


class LandParcel(Record, frozen=True, kw_only=True):
    """A piece of land for an IT park, offered or taken. What is not known stays empty, and a study then says so.

    slope: mean.  flood: depth of the flood to be reckoned with.  road, power: distance to the next road that carries
    lorries, to the next medium-voltage line.  price: of the whole parcel.  investor: the case that holds it.
    plan, site: the study that chose it, and the park of that plan to which it belongs.
    compensatedOn, handedOverOn: days on which its users were compensated, and it was handed over for building.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "LandParcel",
        Label("Thửa đất khu CNTT", "Parcel"),
        unique=(("code",),),
        place="location",
        title="name",
        icon="park",
    )

    code: Annotated[str, Field(Label("Mã thửa", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, values=tuple(p for p, _ in PARCELS), names=PARCELS)
    ] = "free"
    park: Annotated[str | None, Field(Label("Khu", "Park"), indexed=True, ref="IndustrialPark")] = None
    landSize: Annotated[float | None, Field(Label("Diện tích", "Land"), indexed=True, minimum=0), Unit("HAR")] = None
    landUse: Annotated[str | None, Field(Label("Loại đất", "Land use"), indexed=True)] = None
    owner: Annotated[str | None, Field(Label("Chủ sử dụng", "Owner"), indexed=True)] = None
    price: Annotated[float | None, Field(Label("Giá", "Price"), indexed=True, minimum=0), Unit("VND")] = None
    slope: Annotated[float | None, Field(Label("Độ dốc", "Slope"), minimum=0), Unit("P1")] = None
    flood: Annotated[float | None, Field(Label("Độ sâu ngập", "Depth of flooding"), minimum=0), Unit("MTR")] = None
    road: Annotated[float | None, Field(Label("Cách đường", "To a road"), minimum=0), Unit("MTR")] = None
    power: Annotated[float | None, Field(Label("Cách đường điện", "To power"), minimum=0), Unit("MTR")] = None
    investor: Annotated[
        str | None, Field(Label("Hồ sơ nhà đầu tư", "Investor case"), indexed=True, ref="InvestorCase")
    ] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    site: Annotated[str | None, Field(Label("Thuộc khu của phương án", "Park of the plan"), indexed=True)] = None
    compensatedOn: Annotated[str | None, Field(Label("Ngày bồi thường xong", "Compensated on"), indexed=True)] = None
    handedOverOn: Annotated[str | None, Field(Label("Ngày bàn giao đất", "Handed over on"), indexed=True)] = None
    decision: Annotated[str | None, Field(Label("Số quyết định thu hồi, giao đất", "Decision"))] = None
    remark: Annotated[str | None, Field(Label("Ghi chú", "Remark"))] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Ranh giới", "Boundary"))] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""


class InvestorCase(Case, frozen=True, kw_only=True):
    """An investor from the first contact to a lease. landWanted: hectares.  capital: as the investor announces it."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "InvestorCase", Label("Hồ sơ nhà đầu tư", "Investor"), title="name", workflow=INVESTOR, by_actions=True,
        icon="report",
    )  # fmt: skip

    name: Annotated[str, Field(Label("Nhà đầu tư", "Investor"), indexed=True, search=True)]
    sector: Annotated[
        str, Field(Label("Lĩnh vực", "Sector"), indexed=True, values=tuple(s for s, _ in SECTORS), names=SECTORS)
    ]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=INVESTOR.states)] = (
        INVESTOR.initial
    )
    country: Annotated[str | None, Field(Label("Quốc gia", "Country"), indexed=True)] = None
    landWanted: Annotated[float | None, Field(Label("Nhu cầu đất", "Land wanted"), minimum=0), Unit("HAR")] = None
    capital: Annotated[float | None, Field(Label("Vốn dự kiến", "Capital"), indexed=True, minimum=0), Unit("VND")] = (
        None
    )
    park: Annotated[str | None, Field(Label("Khu", "Park"), indexed=True, ref="IndustrialPark")] = None
    openedAt: Annotated[Instant, Field(Label("Tiếp nhận lúc", "Opened"), indexed=True)]
    decision: Annotated[str | None, Field(Label("Số quyết định, hợp đồng", "Decision or contract"))] = None


class ParkTenant(Record, frozen=True, kw_only=True):
    """A company in an IT park, since it leased."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "ParkTenant", Label("Doanh nghiệp trong khu CNTT", "Tenant"), title="name", by_actions=True, icon="asset"
    )

    name: Annotated[str, Field(Label("Doanh nghiệp", "Company"), indexed=True, search=True)]
    sector: Annotated[
        str, Field(Label("Lĩnh vực", "Sector"), indexed=True, values=tuple(s for s, _ in SECTORS), names=SECTORS)
    ]
    park: Annotated[str | None, Field(Label("Khu", "Park"), indexed=True, ref="IndustrialPark")] = None
    investor: Annotated[str, Field(Label("Hồ sơ nhà đầu tư", "Investor case"), indexed=True, ref="InvestorCase")]
    landSize: Annotated[
        float | None, Field(Label("Diện tích thuê", "Land leased"), indexed=True, minimum=0), Unit("HAR")
    ] = None
    contract: Annotated[str, Field(Label("Số hợp đồng", "Contract"))]
    leasedOn: Annotated[str, Field(Label("Ngày thuê", "Leased on"), indexed=True)]


class InnovationPlace(Record, frozen=True, kw_only=True):
    """A science and technology zone or an innovation centre."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "InnovationPlace", Label("Khu khoa học, trung tâm đổi mới sáng tạo", "Science zone, innovation centre"),
        unique=(("code",),), place="location", title="name", icon="park",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    kind: Annotated[str, Field(Label("Loại", "Kind"), indexed=True, values=tuple(c for c, _ in CENTRES), names=CENTRES)]
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, values=tuple(s for s, _ in STAGES), names=STAGES)
    ] = "planned"
    landSize: Annotated[float | None, Field(Label("Diện tích", "Land"), indexed=True, minimum=0), Unit("HAR")] = None
    operator: Annotated[str | None, Field(Label("Đơn vị vận hành", "Operator"), indexed=True)] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""


class SandboxTrial(Case, frozen=True, kw_only=True):
    """A controlled trial of a new technology or business model: application, scope, monitoring, exit report."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "SandboxTrial", Label("Thử nghiệm có kiểm soát", "Sandbox trial"), title="title", workflow=SANDBOX,
        by_actions=True, icon="report",
    )  # fmt: skip

    title: Annotated[str, Field(Label("Tên thử nghiệm", "Title"), indexed=True, search=True)]
    applicant: Annotated[str, Field(Label("Đơn vị đề nghị", "Applicant"), indexed=True, search=True)]
    technology: Annotated[str, Field(Label("Công nghệ, mô hình", "Technology or model"), search=True)]
    limits: Annotated[str, Field(Label("Phạm vi, giới hạn", "Scope and limits"))]
    safeguards: Annotated[str, Field(Label("Biện pháp bảo vệ người dùng", "Safeguards"))]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=SANDBOX.states)] = SANDBOX.initial
    appliedAt: Annotated[Instant, Field(Label("Nhận đơn lúc", "Applied"), indexed=True)]
    decision: Annotated[str | None, Field(Label("Số quyết định", "Decision"))] = None
    begunOn: Annotated[str | None, Field(Label("Bắt đầu ngày", "Begun on"), indexed=True)] = None
    endsOn: Annotated[str | None, Field(Label("Phải kết thúc trước ngày", "To end by"), indexed=True)] = None
    monitored: Annotated[int, Field(Label("Số lần giám sát", "Times monitored"), minimum=0), Unit("C62")] = 0
    finding: Annotated[str | None, Field(Label("Kết quả giám sát gần nhất", "Latest finding"))] = None
    report: Annotated[str | None, Field(Label("Báo cáo kết thúc", "Exit report"))] = None
    conclusion: Annotated[
        str | None,
        Field(Label("Kết luận", "Conclusion"), indexed=True, values=tuple(r for r, _ in RESULTS), names=RESULTS),
    ] = None

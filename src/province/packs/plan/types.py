"""The plan as records: lines and commitments as written, targets with their source, owners in time, projects.

Days are civil days of Vietnam as ISO 8601 text, as in `vocab.area`. `line` is the code of a line (`II.4`) or of a
commitment (`B.7`).
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.geometry import Geometry
from province.model.goal import COMPARATORS
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow

APPROVED_ON: Final = "2024-08-03"
"""Day on which the Prime Minister approved the plan."""

_SOURCE = Field(Label("Nguồn", "Source"), public=True)
_SOURCE_EN = Field(Label("Nguồn (tiếng Anh)", "Source, English"), public=True)
_SOURCE_DATE = Field(Label("Ngày của nguồn", "Date of the source"), public=True)
_CONFIRMED = Field(Label("Đã đọc trong nguồn công khai", "Read in a public source"), public=True)
_LINE = Field(Label("Dòng", "Line"), indexed=True, public=True)
_FROM = Field(Label("Từ ngày", "From"), indexed=True, public=True)
_UNTIL = Field(Label("Đến ngày", "Until"), indexed=True, public=True)


class PlanLine(Record, frozen=True, kw_only=True):
    """One of the 35 lines of Annex XIV: one entry of the column "Phương án dự kiến", as written.

    row: the product's row that serves it; several lines may share one.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PlanLine", Label("Dòng Phụ lục XIV", "Line of Annex XIV"), unique=(("code",),), title="text", public=True
    )

    code: Annotated[str, Field(Label("Mã dòng", "Code"), indexed=True, search=True, public=True)]
    position: Annotated[int, Field(Label("Thứ tự", "Position"), indexed=True, public=True, minimum=1), Unit("C62")]
    row: Annotated[str, Field(Label("Hạng mục của nền tảng", "Row of the product"), indexed=True, public=True)]
    chapter: Annotated[str, Field(Label("Phần", "Chapter"), indexed=True, public=True)]
    chapterName: Annotated[str, Field(Label("Tên phần", "Name of the chapter"), public=True)]
    chapterNameEn: Annotated[str, Field(Label("Tên phần (tiếng Anh)", "Name of the chapter, English"), public=True)]
    number: Annotated[str, Field(Label("Số thứ tự trong phần", "Number in the chapter"), public=True)] = ""
    category: Annotated[str, Field(Label("Danh mục", "Category"), search=True, public=True)]
    categoryEn: Annotated[str, Field(Label("Danh mục (tiếng Anh)", "Category, English"), public=True)]
    text: Annotated[str, Field(Label("Phương án dự kiến", "As planned"), search=True, public=True)]
    textEn: Annotated[str, Field(Label("Phương án (tiếng Anh)", "As planned, English"), search=True, public=True)]
    source: Annotated[str, _SOURCE]
    sourceEn: Annotated[str, _SOURCE_EN] = ""
    sourceDate: Annotated[str, _SOURCE_DATE]


class Commitment(Record, frozen=True, kw_only=True):
    """A sentence of the chapter's body that commits the province, as written. paragraph: of the published text."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Commitment", Label("Cam kết", "Commitment"), unique=(("code",),), title="text", public=True
    )

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True, search=True, public=True)]
    position: Annotated[int, Field(Label("Thứ tự", "Position"), indexed=True, public=True, minimum=1), Unit("C62")]
    row: Annotated[str, Field(Label("Hạng mục của nền tảng", "Row of the product"), indexed=True, public=True)]
    paragraph: Annotated[int, Field(Label("Đoạn", "Paragraph"), public=True, minimum=1), Unit("C62")]
    text: Annotated[str, Field(Label("Nội dung", "As written"), search=True, public=True)]
    textEn: Annotated[str, Field(Label("Nội dung (tiếng Anh)", "English"), search=True, public=True)]
    source: Annotated[str, _SOURCE]
    sourceEn: Annotated[str, _SOURCE_EN] = ""
    sourceDate: Annotated[str, _SOURCE_DATE]


class PlanTarget(Record, frozen=True, kw_only=True):
    """A number to reach. indicator: name of the indicator that measures it, whether or not a pack declares one yet.

    goal: {"comparator", "value", "unit"}; units differ from target to target.  edition: the document that sets it.
    fromPlan: the plan itself says so; every other target comes from elsewhere.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PlanTarget", Label("Chỉ tiêu", "Target"), unique=(("code",),), title="title", public=True
    )

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True, public=True)]
    position: Annotated[int, Field(Label("Thứ tự", "Position"), public=True), Unit("C62")] = 0
    line: Annotated[str, _LINE]
    title: Annotated[str, Field(Label("Chỉ tiêu", "Target"), search=True, public=True)]
    titleEn: Annotated[str, Field(Label("Chỉ tiêu (tiếng Anh)", "Target, English"), search=True, public=True)]
    indicator: Annotated[str, Field(Label("Chỉ số đo", "Indicator"), indexed=True, public=True)]
    goal: Annotated[
        dict[str, Any],
        Field(
            Label("Giá trị", "Value"),
            public=True,
            hint=Label(f"So sánh: {', '.join(COMPARATORS)}", f"Comparators: {', '.join(COMPARATORS)}"),
        ),
    ]
    dueYear: Annotated[int, Field(Label("Năm đến hạn", "Due in"), public=True), Unit("C62")]
    edition: Annotated[str, Field(Label("Văn bản", "Edition"), indexed=True, public=True)]
    fromPlan: Annotated[bool, Field(Label("Do quy hoạch nêu", "Stated by the plan"), indexed=True, public=True)]
    confirmed: Annotated[bool, _CONFIRMED] = False
    source: Annotated[str, _SOURCE]
    sourceEn: Annotated[str, _SOURCE_EN] = ""
    sourceDate: Annotated[str, _SOURCE_DATE]


class PlanOwner(Record, frozen=True, kw_only=True):
    """The agency in charge of a line during [validFrom, validTo). A day without a row has no known owner."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PlanOwner", Label("Cơ quan chủ trì", "Owner of a line"), unique=(("line", "agency", "validFrom"),), public=True
    )

    line: Annotated[str, _LINE]
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), indexed=True, public=True, ref="Agency")]
    role: Annotated[
        str,
        Field(
            Label("Vai trò", "Role"),
            public=True,
            values=("lead", "support"),
            names=(("lead", Label("Chủ trì", "Leads")), ("support", Label("Phối hợp", "Supports"))),
        ),
    ] = "lead"
    validFrom: Annotated[str, _FROM]
    validTo: Annotated[str | None, _UNTIL] = None
    confirmed: Annotated[bool, _CONFIRMED] = False
    source: Annotated[str, _SOURCE]
    sourceEn: Annotated[str, _SOURCE_EN] = ""
    sourceDate: Annotated[str, _SOURCE_DATE]


class PlanPlace(Record, frozen=True, kw_only=True):
    """A place that a line names, by the name in force during [validFrom, validTo). succeeds: the name in the plan."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PlanPlace",
        Label("Địa bàn được nêu", "Place named by a line"),
        unique=(("line", "name", "validFrom", "succeeds"),),
        title="name",
        public=True,
    )

    line: Annotated[str, _LINE]
    name: Annotated[str, Field(Label("Tên", "Name"), search=True, public=True)]
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), public=True, ref="Area")] = None
    succeeds: Annotated[str, Field(Label("Tên trong quy hoạch", "Name in the plan"), public=True)] = ""
    validFrom: Annotated[str, _FROM]
    validTo: Annotated[str | None, _UNTIL] = None
    confirmed: Annotated[bool, _CONFIRMED] = False
    source: Annotated[str, _SOURCE]
    sourceEn: Annotated[str, _SOURCE_EN] = ""
    sourceDate: Annotated[str, _SOURCE_DATE]


class PlanMeasurement(Record, frozen=True, kw_only=True):
    """What an indicator of the plan was on a day, without what does not count. The series behind forecasts and reports.

    excluded: origin → how many entities were left out because their values are simulated, estimated or forecast.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PlanMeasurement", Label("Giá trị đo theo ngày", "Value of a day"), unique=(("indicator", "day"),), public=True
    )

    indicator: Annotated[str, Field(Label("Chỉ số", "Indicator"), indexed=True, public=True)]
    day: Annotated[str, Field(Label("Ngày", "Day"), indexed=True, public=True)]
    at: Annotated[Instant, Field(Label("Lúc", "At"), public=True)]
    quantity: Annotated[dict[str, Any], Field(Label("Giá trị", "Value"), public=True)]
    counted: Annotated[int, Field(Label("Số đối tượng được tính", "Entities counted"), public=True), Unit("C62")]
    excluded: Annotated[dict[str, Any], Field(Label("Số đối tượng bị loại", "Entities left out"), public=True)]


class TransformationIndex(Record, frozen=True, kw_only=True):
    """The national digital transformation index (DTI) of a year. units: how many provinces the ranking has.

    The series of 63 and of 34 units are different scales and are never put together.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "TransformationIndex", Label("Chỉ số chuyển đổi số (DTI)", "DTI"), unique=(("edition", "year"),), public=True
    )

    edition: Annotated[str, Field(Label("Ấn bản", "Edition"), indexed=True, public=True)]
    units: Annotated[int, Field(Label("Số đơn vị xếp hạng", "Units ranked"), public=True), Unit("C62")]
    year: Annotated[int, Field(Label("Năm", "Year"), indexed=True, public=True), Unit("C62")]
    score: Annotated[float, Field(Label("Điểm", "Score"), public=True, minimum=0, maximum=1), Unit("C62")]
    rank: Annotated[int, Field(Label("Hạng", "Rank"), public=True, minimum=1), Unit("C62")]
    leader: Annotated[str | None, Field(Label("Đơn vị dẫn đầu", "Leader"), public=True)] = None
    leaderScore: Annotated[float | None, Field(Label("Điểm dẫn đầu", "Leader's score"), public=True), Unit("C62")] = (
        None
    )
    source: Annotated[str, _SOURCE]
    sourceEn: Annotated[str, _SOURCE_EN] = ""
    sourceDate: Annotated[str, _SOURCE_DATE]


PROJECT_STATES: Final = Workflow(
    attribute="status",
    initial="registered",
    final=frozenset(("accepted", "cancelled")),
    edges=(
        Edge("registered", "decided", "project.decided", Label("Có quyết định đầu tư", "The investment was decided")),
        Edge("decided", "decided", "project.decided", Label("Điều chỉnh quyết định", "The decision was amended")),
        Edge("decided", "started", "project.started", Label("Giải ngân lần đầu", "First disbursement")),
        Edge("started", "decided", "project.decided", Label("Điều chỉnh quyết định", "The decision was amended")),
        Edge("started", "accepted", "project.accepted", Label("Nghiệm thu", "Accepted")),
        Edge("decided", "accepted", "project.accepted", Label("Nghiệm thu", "Accepted")),
        Edge("registered", "cancelled", "project.cancelled", Label("Không triển khai", "Not carried out")),
        Edge("decided", "cancelled", "project.cancelled", Label("Dừng trước khi giải ngân", "Stopped before spending")),
        Edge("started", "cancelled", "project.cancelled", Label("Dừng dự án", "Stopped")),
    ),
    names=(
        ("registered", Label("Mới đăng ký", "Registered")),
        ("decided", Label("Đã quyết định đầu tư", "Decided")),
        ("started", Label("Đang thực hiện", "Under way")),
        ("accepted", Label("Đã nghiệm thu", "Accepted")),
        ("cancelled", Label("Đã dừng", "Cancelled")),
    ),
)

FUNDS: Final[tuple[tuple[str, Label], ...]] = (
    ("central", Label("Ngân sách trung ương", "Central budget")),
    ("provincial", Label("Ngân sách tỉnh, thành phố", "Provincial or city budget")),
    ("local", Label("Ngân sách cấp xã, cấp huyện cũ", "Local budget")),
    ("enterprise", Label("Vốn doanh nghiệp", "Enterprise capital")),
    ("oda", Label("Vốn ODA, vốn vay ưu đãi", "ODA and concessional loans")),
    ("other", Label("Nguồn khác", "Other")),
)
FUND_NAMES: Final[tuple[str, ...]] = tuple(name for name, _ in FUNDS)


class Project(Record, frozen=True, kw_only=True):
    """A project that carries out a line. Sums are never stored: they are computed from `capital` and `disbursements`.

    capital: {"source", "amount", "decision", "date"}.  disbursements: {"source", "amount", "date", "voucher"}.
    Amounts are đồng. The public sees a project once its investment was decided.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Project",
        Label("Dự án", "Project"),
        unique=(("code",),),
        place="location",
        title="title",
        workflow=PROJECT_STATES,
        public=True,
        public_where=("published", True),
        icon="project",
    )

    code: Annotated[str, Field(Label("Mã dự án", "Code"), indexed=True, search=True, public=True)]
    title: Annotated[str, Field(Label("Tên dự án", "Title"), search=True, public=True)]
    line: Annotated[str, _LINE]
    investor: Annotated[str, Field(Label("Chủ đầu tư", "Investor"), search=True, public=True)]
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, public=True, values=PROJECT_STATES.states)
    ] = PROJECT_STATES.initial
    published: Annotated[bool, Field(Label("Công khai", "Published"), indexed=True, public=True)] = False
    decisionNumber: Annotated[
        str | None, Field(Label("Số quyết định", "Decision number"), search=True, public=True)
    ] = None
    decisionDate: Annotated[str | None, Field(Label("Ngày quyết định", "Decision date"), public=True)] = None
    capital: Annotated[
        tuple[dict[str, Any], ...], Field(Label("Vốn theo nguồn", "Capital by source"), public=True)
    ] = ()
    disbursements: Annotated[
        tuple[dict[str, Any], ...], Field(Label("Các lần giải ngân", "Disbursements"), public=True)
    ] = ()
    acceptedOn: Annotated[str | None, Field(Label("Ngày nghiệm thu", "Accepted on"), public=True)] = None
    outcome: Annotated[str | None, Field(Label("Kết quả", "Outcome"), public=True)] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí, tuyến", "Place or route"), public=True)] = None
    source: Annotated[str, _SOURCE] = ""

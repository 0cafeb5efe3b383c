"""The inventory of cable ducts, section by section along roads, and who opens a road."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.packs.ducts.classes import CLASSES
from province.vocab.case import Case

STATES: Final = (
    ("planned", Label("Dự kiến", "Planned")),
    ("laid", Label("Đã đặt ống", "Laid")),
    ("dropped", Label("Không làm nữa", "Dropped")),
)


PURPOSES: Final = (
    ("cable", Label("Cáp viễn thông", "Telecommunication cables")),
    ("power", Label("Cáp điện", "Power cables")),
    ("water", Label("Cấp nước", "Water")),
    ("sewer", Label("Thoát nước", "Sewers")),
    ("road", Label("Sửa, mở rộng đường", "Road works")),
    ("other", Label("Việc khác", "Something else")),
)
_WITHDRAWN: Final = Label("Rút đơn, không đào", "Withdrawn")
OPENING: Final = Workflow(
    attribute="status",
    initial="applied",
    final=frozenset(("mended", "refused", "withdrawn")),
    edges=(
        Edge("applied", "permitted", "roadopening.permitted", Label("Cấp phép đào", "Permitted")),
        Edge("applied", "refused", "roadopening.refused", Label("Không cấp phép", "Refused")),
        Edge("applied", "withdrawn", "roadopening.taken_back", _WITHDRAWN),
        Edge("permitted", "open", "roadopening.opened", Label("Bắt đầu đào", "The road was opened")),
        Edge("permitted", "withdrawn", "roadopening.taken_back", _WITHDRAWN),
        Edge("open", "mended", "roadopening.mended", Label("Hoàn trả mặt đường", "The road was mended")),
    ),
    names=(
        ("applied", Label("Chờ xét", "Applied")),
        ("permitted", Label("Đã cấp phép", "Permitted")),
        ("open", Label("Đang đào", "Open")),
        ("mended", Label("Đã hoàn trả", "Mended")),
        ("refused", Label("Không cấp phép", "Refused")),
        ("withdrawn", Label("Đã rút", "Withdrawn")),
    ),
)


class DuctSection(Record, frozen=True, kw_only=True):
    """A stretch of road along which cables lie in ducts, or shall. length: as planned, or as measured once laid.

    plan: id of the study that chose it.  holders: who has cables in it.  pipes, pipesUsed: ducts side by side in it.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "DuctSection", Label("Đoạn ngầm hoá cáp", "Duct section"), unique=(("code",),), place="location", title="name",
        icon="road",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã đoạn", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên đoạn", "Name"), indexed=True, search=True)]
    roadClass: Annotated[
        str,
        Field(Label("Cấp đường", "Class of road"), indexed=True, values=tuple(CLASSES), names=tuple(CLASSES.items())),
    ]
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, values=tuple(s for s, _ in STATES), names=STATES)
    ] = "planned"
    length: Annotated[float, Field(Label("Chiều dài", "Length"), indexed=True, minimum=0), Unit("MTR")]
    owner: Annotated[str | None, Field(Label("Chủ sở hữu", "Owner"), indexed=True)] = None
    holders: Annotated[tuple[str, ...], Field(Label("Đơn vị dùng chung", "Shared by"))] = ()
    pipes: Annotated[int | None, Field(Label("Số ống", "Pipes"), indexed=True, minimum=0), Unit("C62")] = None
    pipesUsed: Annotated[
        int | None, Field(Label("Số ống đã có cáp", "Pipes with cables"), indexed=True, minimum=0), Unit("C62")
    ] = None
    laidOn: Annotated[str | None, Field(Label("Ngày đặt ống", "Laid on"), indexed=True)] = None
    decision: Annotated[str | None, Field(Label("Số giấy phép đào đường", "Road-opening permit"))] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Tuyến", "Line"))] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""


class RoadOpening(Case, frozen=True, kw_only=True):
    """Somebody opens a road: application, permit, works, mending. A road is dug once for everybody who needs it.

    sharers: who lays in the same trench.  planned: duct sections that are planned there.  mendedBefore: day on which
    the same road was mended last, where that is not long ago.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "RoadOpening", Label("Đào đường", "Road opening"), title="title", place="location", workflow=OPENING,
        by_actions=True, icon="road",
    )  # fmt: skip

    title: Annotated[str, Field(Label("Công việc", "Works"), indexed=True, search=True)]
    applicant: Annotated[str, Field(Label("Đơn vị đề nghị", "Applicant"), indexed=True, search=True)]
    purpose: Annotated[
        str,
        Field(Label("Mục đích", "Purpose"), indexed=True, values=tuple(p for p, _ in PURPOSES), names=PURPOSES),
    ]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=OPENING.states)] = OPENING.initial
    appliedAt: Annotated[Instant, Field(Label("Nhận đơn lúc", "Applied"), indexed=True)]
    begins: Annotated[str, Field(Label("Từ ngày", "From"), indexed=True)]
    ends: Annotated[str, Field(Label("Đến ngày", "Until"), indexed=True)]
    sharers: Annotated[tuple[str, ...], Field(Label("Đơn vị cùng đặt", "Who joins in"))] = ()
    planned: Annotated[tuple[str, ...], Field(Label("Tuyến ống dự kiến ở đó", "Ducts planned there"))] = ()
    mendedBefore: Annotated[str | None, Field(Label("Đường đã hoàn trả ngày", "Mended before on"))] = None
    permit: Annotated[str | None, Field(Label("Số giấy phép", "Permit"), indexed=True)] = None
    openedOn: Annotated[str | None, Field(Label("Đào từ ngày", "Opened on"), indexed=True)] = None
    mendedOn: Annotated[str | None, Field(Label("Hoàn trả ngày", "Mended on"), indexed=True)] = None
    location: Annotated[Geometry, Field(Label("Đoạn đường", "Stretch of road"))]

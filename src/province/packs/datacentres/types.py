"""Data centres, what of them is sold, tests of disaster recovery, and places where one could stand."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit

STATES: Final = (
    ("planned", Label("Dự kiến", "Planned")),
    ("building", Label("Đang xây dựng", "Being built")),
    ("operating", Label("Đang vận hành", "In operation")),
    ("closed", Label("Đã đóng", "Closed")),
)
TIERS: Final = (
    ("1", Label("Cấp 1", "Level 1")),
    ("2", Label("Cấp 2", "Level 2")),
    ("3", Label("Cấp 3", "Level 3")),
    ("4", Label("Cấp 4", "Level 4")),
    ("none", Label("Chưa xếp cấp", "Not rated")),
)
MARKETS: Final = (
    ("province", Label("Trong tỉnh", "In the province")),
    ("region", Label("Vùng Đông Nam Bộ và cả nước", "The region and the country")),
    ("foreign", Label("Nước ngoài", "Foreign")),
)
CONTRACTS: Final = (
    ("active", Label("Đang hiệu lực", "In force")),
    ("ended", Label("Đã kết thúc", "Ended")),
)
RESULTS: Final = (
    ("passed", Label("Đạt", "Passed")),
    ("partly", Label("Đạt một phần", "Passed in part")),
    ("failed", Label("Không đạt", "Failed")),
)


class DataCentre(Record, frozen=True, kw_only=True):
    """A data centre. installedPower: for IT, as equipped.  measuredPower: for IT, as a load test showed it to carry.

    soldPower, soldRacks: by the contracts in force; actions keep them.  testDueOn: when recovery is to be tested next;
    testReminderAt: when somebody is told, emptied once it was.
    plan: the study that chose its place.  pue: facilityPower / itPower of the same instant.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "DataCentre", Label("Trung tâm dữ liệu", "Data centre"), unique=(("code",),), place="location", title="name",
        icon="asset",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, values=tuple(s for s, _ in STATES), names=STATES)
    ] = "planned"
    tier: Annotated[
        str,
        Field(
            Label("Cấp", "Level"), indexed=True, values=tuple(t for t, _ in TIERS), names=TIERS,
            hint=Label("Theo tiêu chuẩn mà chứng nhận nêu", "Of the standard that its certificate names"),
        ),
    ] = "none"  # fmt: skip
    installedPower: Annotated[
        float | None, Field(Label("Công suất IT lắp đặt", "IT power installed"), indexed=True, minimum=0), Unit("KWT")
    ] = None
    measuredPower: Annotated[
        float | None,
        Field(Label("Công suất IT đo khi thử tải", "IT power as load tested"), indexed=True, minimum=0),
        Unit("KWT"),
    ] = None
    measuredOn: Annotated[str | None, Field(Label("Ngày thử tải", "Load tested on"), indexed=True)] = None
    soldPower: Annotated[
        float | None, Field(Label("Công suất IT đã bán", "IT power sold"), indexed=True, minimum=0), Unit("KWT")
    ] = None
    racks: Annotated[int | None, Field(Label("Số tủ", "Racks"), indexed=True, minimum=0), Unit("C62")] = None
    soldRacks: Annotated[
        int | None, Field(Label("Số tủ đã bán", "Racks sold"), indexed=True, minimum=0), Unit("C62")
    ] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    owner: Annotated[str | None, Field(Label("Chủ sở hữu", "Owner"), indexed=True, search=True)] = None
    manager: Annotated[str | None, Field(Label("Cơ quan theo dõi", "Followed by"), indexed=True, ref="Agency")] = None
    testedOn: Annotated[
        str | None, Field(Label("Lần thử phục hồi gần nhất", "Recovery last tested on"), indexed=True)
    ] = None
    testResult: Annotated[
        str | None,
        Field(Label("Kết quả thử phục hồi", "Result of that test"), indexed=True,
              values=tuple(r for r, _ in RESULTS), names=RESULTS),
    ] = None  # fmt: skip
    testDueOn: Annotated[
        str | None, Field(Label("Phải thử phục hồi trước ngày", "Recovery test due"), indexed=True)
    ] = None
    testReminderAt: Annotated[Instant | None, Field(Label("Nhắc lúc", "Reminder at"), indexed=True)] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""
    itPower: Annotated[
        float | None, Field(Label("Công suất tải IT", "IT load"), observed=True, minimum=0), Unit("KWT")
    ] = None
    facilityPower: Annotated[
        float | None, Field(Label("Công suất toàn trung tâm", "Load of the whole centre"), observed=True, minimum=0),
        Unit("KWT"),
    ] = None  # fmt: skip
    temperature: Annotated[
        float | None, Field(Label("Nhiệt độ khí vào tủ", "Temperature of the air to the racks"), observed=True),
        Unit("CEL"),
    ] = None  # fmt: skip
    pue: Annotated[
        float | None, Field(Label("PUE tức thời", "PUE at the moment"), observed=True, minimum=1), Unit("C62")
    ] = None

    @property
    def capacity(self) -> float | None:
        """IT power that may be sold: what the test showed, and never more than is installed. None: neither is known."""
        known = [p for p in (self.installedPower, self.measuredPower) if p is not None]
        return min(known) if known else None


class Colocation(Record, frozen=True, kw_only=True):
    """A customer's place in a data centre, by contract."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Colocation", Label("Hợp đồng đặt chỗ", "Colocation contract"), unique=(("contract",),), title="contract",
        by_actions=True, icon="report",
    )  # fmt: skip

    contract: Annotated[str, Field(Label("Số hợp đồng", "Contract"), indexed=True, search=True)]
    centre: Annotated[str, Field(Label("Trung tâm dữ liệu", "Data centre"), indexed=True, ref="DataCentre")]
    customer: Annotated[str, Field(Label("Khách hàng", "Customer"), indexed=True, search=True)]
    market: Annotated[
        str, Field(Label("Thị trường", "Market"), indexed=True, values=tuple(m for m, _ in MARKETS), names=MARKETS)
    ]
    power: Annotated[float, Field(Label("Công suất IT", "IT power"), indexed=True, minimum=0), Unit("KWT")]
    racks: Annotated[int, Field(Label("Số tủ", "Racks"), minimum=0), Unit("C62")] = 0
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, values=tuple(c for c, _ in CONTRACTS), names=CONTRACTS)
    ] = "active"
    begunOn: Annotated[str, Field(Label("Từ ngày", "From"), indexed=True)]
    endedOn: Annotated[str | None, Field(Label("Đến ngày", "Until"), indexed=True)] = None


class RecoveryTest(Record, frozen=True, kw_only=True):
    """One test of disaster recovery. recoveryTime: from the failure until the service was back."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "RecoveryTest", Label("Lần thử phục hồi thảm hoạ", "Disaster recovery test"), title="tested", by_actions=True,
        icon="report",
    )  # fmt: skip

    centre: Annotated[str, Field(Label("Trung tâm dữ liệu", "Data centre"), indexed=True, ref="DataCentre")]
    day: Annotated[str, Field(Label("Ngày thử", "Day"), indexed=True)]
    tested: Annotated[str, Field(Label("Phạm vi thử", "What was tested"), search=True)]
    result: Annotated[
        str, Field(Label("Kết quả", "Result"), indexed=True, values=tuple(r for r, _ in RESULTS), names=RESULTS)
    ]
    recoveryTime: Annotated[
        float | None, Field(Label("Thời gian phục hồi", "Recovery time"), indexed=True, minimum=0), Unit("MIN")
    ] = None
    remark: Annotated[str | None, Field(Label("Ghi chú", "Remark"))] = None


class DataCentrePlace(Record, frozen=True, kw_only=True):
    """A place where a data centre could stand. What is not known stays empty, and a study then says so.

    cost: of land and building there.  flood: depth of the flood to be reckoned with.  named: the plan names it.
    centre: the data centre that stands there by now.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "DataCentrePlace", Label("Địa điểm đặt trung tâm dữ liệu", "Place for a data centre"), unique=(("code",),),
        place="location", title="name", icon="asset",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    cost: Annotated[
        float | None, Field(Label("Chi phí xây dựng", "Cost of building"), indexed=True, minimum=0), Unit("VND")
    ] = None
    flood: Annotated[
        float | None, Field(Label("Độ sâu ngập", "Depth of flooding"), indexed=True, minimum=0), Unit("MTR")
    ] = None
    named: Annotated[bool, Field(Label("Được quy hoạch nêu tên", "Named by the plan"), indexed=True)] = False
    centre: Annotated[
        str | None, Field(Label("Trung tâm đã vận hành", "Centre in operation"), indexed=True, ref="DataCentre")
    ] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    approximate: Annotated[bool, Field(Label("Vị trí gần đúng", "Approximate place"), indexed=True)] = False
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"))] = None

"""The inventory of transmission: stations, fibre cables between them, and the systems that are lit on the cables.

Ends of cables and systems are codes of stations, and systems name their cables by code: that is what inventories hold.
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit

KINDS: Final = (
    ("core", Label("Trạm lõi liên tỉnh", "Inter-provincial core")),
    ("neighbour", Label("Trạm của tỉnh lân cận", "Station of a neighbouring province")),
    ("aggregation", Label("Trạm gom vùng", "Aggregation")),
    ("access", Label("Trạm truy nhập", "Access")),
)
STATES: Final = (
    ("planned", Label("Dự kiến", "Planned")),
    ("in_service", Label("Đang khai thác", "In service")),
    ("interrupted", Label("Gián đoạn", "Interrupted")),
    ("retired", Label("Ngừng khai thác", "Retired")),
)
LAYINGS: Final = (
    ("duct", Label("Trong ống ngầm", "In a duct")),
    ("buried", Label("Chôn trực tiếp", "Buried")),
    ("pole", Label("Treo trên cột", "On poles")),
    ("submarine", Label("Dưới nước", "Under water")),
)
_SHARED: Final = Label(
    "Tên rãnh, tuyến ống, tuyến cột mà nhiều cáp cùng đi: đứt một chỗ là mất cùng lúc",
    "Names of trenches, ducts, pole lines that several cables share: they fail together",
)
_STATE: Final = Label("Tình trạng", "Status")
_CODES: Final = tuple(s for s, _ in STATES)


class TransmissionNode(Record, frozen=True, kw_only=True):
    """A station where cables end. load: what it sends and receives in the busy hour; None: not known.

    province: of a station elsewhere; empty: this one.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "TransmissionNode", Label("Trạm truyền dẫn", "Transmission node"), unique=(("code",),), place="location",
        title="name", icon="sensor",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã trạm", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên trạm", "Name"), indexed=True, search=True)]
    kind: Annotated[
        str, Field(Label("Loại trạm", "Kind"), indexed=True, values=tuple(k for k, _ in KINDS), names=KINDS)
    ]
    status: Annotated[str, Field(_STATE, indexed=True, values=_CODES, names=STATES)] = "in_service"
    province: Annotated[str | None, Field(Label("Tỉnh", "Province"), indexed=True)] = None
    owner: Annotated[str | None, Field(Label("Chủ sở hữu", "Owner"), indexed=True)] = None
    load: Annotated[
        float | None,
        Field(Label("Lưu lượng giờ cao điểm", "Load in the busy hour"), indexed=True, minimum=0),
        Unit("B80"),
    ] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))]
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""


class FibreRoute(Record, frozen=True, kw_only=True):
    """A fibre cable between two stations. start, finish: codes of its stations.  length: as built, not as drawn.

    shares: names of what it lies in together with other cables.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "FibreRoute", Label("Tuyến cáp quang", "Fibre cable"), unique=(("code",),), place="location", title="name",
        icon="road",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã tuyến", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên tuyến", "Name"), indexed=True, search=True)]
    start: Annotated[str, Field(Label("Trạm đầu", "From"), indexed=True)]
    finish: Annotated[str, Field(Label("Trạm cuối", "To"), indexed=True)]
    status: Annotated[str, Field(_STATE, indexed=True, values=_CODES, names=STATES)] = "in_service"
    length: Annotated[float | None, Field(Label("Chiều dài", "Length"), indexed=True, minimum=0), Unit("MTR")] = None
    fibres: Annotated[int | None, Field(Label("Số sợi", "Fibres"), indexed=True, minimum=0), Unit("C62")] = None
    fibresUsed: Annotated[
        int | None, Field(Label("Số sợi đã dùng", "Fibres in use"), indexed=True, minimum=0), Unit("C62")
    ] = None
    laying: Annotated[
        str | None,
        Field(Label("Cách đặt", "Laying"), indexed=True, values=tuple(n for n, _ in LAYINGS), names=LAYINGS),
    ] = None
    shares: Annotated[tuple[str, ...], Field(Label("Đi chung hạ tầng", "Shares"), hint=_SHARED)] = ()
    owner: Annotated[str | None, Field(Label("Chủ sở hữu", "Owner"), indexed=True)] = None
    year: Annotated[
        int | None, Field(Label("Năm xây dựng", "Built in"), indexed=True, minimum=1975, maximum=2100), Unit("C62")
    ] = None
    location: Annotated[Geometry | None, Field(Label("Tuyến", "Line"))] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    remark: Annotated[str | None, Field(Label("Ghi chú", "Remark"))] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""


class TransmissionLink(Record, frozen=True, kw_only=True):
    """A system lit between two stations. capacity: lit.  possible: what the equipment carries on one fibre pair.

    routes: codes of the cables it runs over, in order.  peaks: year → load of its busiest hour in Gbit/s, as reported.
    load: as measured.  upgradeTo, upgradeYear, plan: of the project that is decided, until it is done.
    plansDone: studies whose upgrade is lit.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "TransmissionLink", Label("Hệ thống truyền dẫn", "Transmission system"), unique=(("code",),), title="name",
        icon="chart",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã hệ thống", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên hệ thống", "Name"), indexed=True, search=True)]
    start: Annotated[str, Field(Label("Trạm đầu", "From"), indexed=True)]
    finish: Annotated[str, Field(Label("Trạm cuối", "To"), indexed=True)]
    status: Annotated[str, Field(_STATE, indexed=True, values=_CODES, names=STATES)] = "in_service"
    routes: Annotated[tuple[str, ...], Field(Label("Chạy trên tuyến cáp", "Runs over"))] = ()
    capacity: Annotated[float, Field(Label("Dung lượng đang mở", "Capacity lit"), indexed=True, minimum=0), Unit("B80")]
    possible: Annotated[
        float | None,
        Field(Label("Dung lượng tối đa một đôi sợi", "Possible on a fibre pair"), indexed=True, minimum=0),
        Unit("B80"),
    ] = None
    pairs: Annotated[int | None, Field(Label("Số đôi sợi", "Fibre pairs"), minimum=0), Unit("C62")] = None
    load: Annotated[float | None, Field(Label("Lưu lượng", "Load"), observed=True, minimum=0), Unit("B80")] = None
    peaks: Annotated[
        dict[str, Any] | None,
        Field(
            Label("Lưu lượng đỉnh từng năm", "Peak of each year"),
            hint=Label('Gbit/s theo năm, như {"2025": 61.5}', 'Gbit/s by year, such as {"2025": 61.5}'),
        ),
    ] = None
    upgradeTo: Annotated[float | None, Field(Label("Sẽ nâng lên", "To be raised to"), minimum=0), Unit("B80")] = None
    upgradeYear: Annotated[
        int | None, Field(Label("Năm nâng cấp", "Year of the upgrade"), indexed=True), Unit("C62")
    ] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    plansDone: Annotated[
        tuple[str, ...], Field(Label("Phương án đã thực hiện", "Studies carried out"), ref="Study")
    ] = ()
    owner: Annotated[str | None, Field(Label("Chủ sở hữu", "Owner"), indexed=True)] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    decision: Annotated[str | None, Field(Label("Số quyết định", "Decision"))] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""

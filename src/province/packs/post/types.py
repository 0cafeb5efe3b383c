"""Postal facilities, parcels, what happened to them, and what a facility handled in a day."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Processing, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow

KINDS: Final = (
    ("hub", Label("Trung tâm bưu chính vùng", "Regional postal centre")),
    ("sorting", Label("Trung tâm khai thác, chia chọn", "Sorting centre")),
    ("office", Label("Bưu cục, điểm phục vụ", "Post office")),
)
STATUSES: Final = (
    ("planned", Label("Dự kiến", "Planned")),
    ("in_service", Label("Đang hoạt động", "In service")),
    ("closed", Label("Đã đóng", "Closed")),
)
SCOPES: Final = (
    ("region", Label("Trong vùng", "Inside the region")),
    ("between", Label("Liên tỉnh", "Between provinces")),
)
SCHEMES: Final = (
    ("s10", Label("UPU S10", "UPU S10")),
    ("sscc", Label("GS1 SSCC", "GS1 SSCC")),
)
MONEY: Final = (
    ("due", Label("Chưa thu", "To be collected")),
    ("collected", Label("Đã thu, chưa nộp", "Collected, not handed over")),
    ("handed_over", Label("Đã nộp cho người gửi", "Handed over to the sender")),
)
HAPPENINGS: Final = (
    ("accepted", Label("Nhận gửi", "Accepted")),
    ("sorted", Label("Chia chọn, khai thác", "Sorted")),
    ("departed", Label("Rời nơi khai thác", "Departed")),
    ("arrived", Label("Đến nơi khai thác", "Arrived")),
    ("out_for_delivery", Label("Đi phát", "Out for delivery")),
    ("failed", Label("Phát chưa được", "Delivery failed")),
    ("delivered", Label("Đã phát", "Delivered")),
    ("returned", Label("Chuyển hoàn", "Returned")),
    ("other", Label("Việc khác", "Something else")),
)
_LAW: Final = Label("Luật Bưu chính 49/2010/QH12", "Law on Post 49/2010/QH12")
_PERIOD: Final = Label(
    "Mặc định của sản phẩm này, chưa phải quy định: đủ cho thời hạn khiếu nại; cơ quan quản lý đặt lại khi có quy định",
    "Default of this product, no regulation: long enough for complaints; to be set anew by whoever is responsible",
)

PARCEL: Final = Workflow(
    attribute="status",
    initial="accepted",
    final=frozenset(("delivered", "returned")),
    edges=(
        Edge("accepted", "in_transit", "parcel.sent", Label("Vận chuyển", "In transit")),
        Edge("accepted", "out_for_delivery", "parcel.out", Label("Đi phát", "Out for delivery")),
        Edge("accepted", "delivered", "parcel.delivered", Label("Đã phát", "Delivered")),
        Edge("accepted", "returned", "parcel.returned", Label("Chuyển hoàn", "Returned")),
        Edge("in_transit", "out_for_delivery", "parcel.out", Label("Đi phát", "Out for delivery")),
        Edge("in_transit", "delivered", "parcel.delivered", Label("Đã phát", "Delivered")),
        Edge("in_transit", "returned", "parcel.returned", Label("Chuyển hoàn", "Returned")),
        Edge("out_for_delivery", "in_transit", "parcel.sent", Label("Phát chưa được", "Delivery failed")),
        Edge("out_for_delivery", "delivered", "parcel.delivered", Label("Đã phát", "Delivered")),
        Edge("out_for_delivery", "returned", "parcel.returned", Label("Chuyển hoàn", "Returned")),
        *(
            Edge(source, target, "parcel.corrected", Label("Sửa: sự kiện bị rút lại", "An event was taken back"))
            for source, targets in (
                ("in_transit", ("accepted",)),
                ("out_for_delivery", ("accepted",)),
                ("delivered", ("accepted", "in_transit", "out_for_delivery", "returned")),
                ("returned", ("accepted", "in_transit", "out_for_delivery", "delivered")),
            )
            for target in targets
        ),
    ),
    names=(
        ("accepted", Label("Đã nhận gửi", "Accepted")),
        ("in_transit", Label("Đang vận chuyển", "In transit")),
        ("out_for_delivery", Label("Đang đi phát", "Out for delivery")),
        ("delivered", Label("Đã phát", "Delivered")),
        ("returned", Label("Đã chuyển hoàn", "Returned")),
    ),
)


class PostalFacility(Record, frozen=True, kw_only=True):
    """A hub, sorting centre or post office. codes: as it calls itself in tracking events, such as its GLN.

    region: number of the postal region that it belongs to.  dailyMass: as its operator reports it, for plans.
    The last fields are counted from tracking events: `day` is the day that runs, `lastDay` the whole day before.
    None: no event was received.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PostalFacility", Label("Cơ sở bưu chính", "Postal facility"), unique=(("code",),), place="location",
        title="name", icon="place",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True, search=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    kind: Annotated[str, Field(Label("Loại", "Kind"), indexed=True, values=tuple(k for k, _ in KINDS), names=KINDS)]
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, values=tuple(s for s, _ in STATUSES), names=STATUSES)
    ] = "in_service"
    gln: Annotated[
        str | None,
        Field(
            Label("Mã trong sự kiện theo dõi", "Code in tracking events"),
            indexed=True,
            hint=Label("Như urn:epc:id:sgln:8934567.00011.0", "Such as urn:epc:id:sgln:8934567.00011.0"),
        ),
    ] = None
    operator: Annotated[str | None, Field(Label("Doanh nghiệp", "Operator"), indexed=True)] = None
    region: Annotated[str | None, Field(Label("Vùng bưu chính", "Postal region"), indexed=True)] = None
    sortPerHour: Annotated[
        float | None, Field(Label("Công suất chia chọn một giờ", "Sorting capacity per hour"), minimum=0), Unit("C62")
    ] = None
    sortPerDay: Annotated[
        float | None,
        Field(Label("Công suất chia chọn một ngày", "Sorting capacity per day"), indexed=True, minimum=0),
        Unit("C62"),
    ] = None
    massPerDay: Annotated[
        float | None, Field(Label("Năng lực xử lý một ngày", "Handling capacity per day"), indexed=True, minimum=0),
        Unit("TNE"),
    ] = None  # fmt: skip
    serviceRadius: Annotated[
        float | None, Field(Label("Bán kính phục vụ", "Service radius"), indexed=True, minimum=0), Unit("KMT")
    ] = None
    dailyMass: Annotated[
        float | None, Field(Label("Khối lượng một ngày, theo báo cáo", "Mass per day, as reported"), minimum=0),
        Unit("KGM"),
    ] = None  # fmt: skip
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    backlog: Annotated[
        int | None, Field(Label("Bưu gửi đang tồn", "Parcels waiting"), indexed=True, minimum=0), Unit("C62")
    ] = None
    day: Annotated[str | None, Field(Label("Ngày đang đếm", "Day that runs"), indexed=True)] = None
    sorted: Annotated[
        int | None, Field(Label("Đã chia chọn trong ngày", "Sorted on that day"), minimum=0), Unit("C62")
    ] = None
    mass: Annotated[float | None, Field(Label("Khối lượng trong ngày", "Mass on that day"), minimum=0), Unit("TNE")] = (
        None
    )
    lastDay: Annotated[str | None, Field(Label("Ngày đã đếm xong", "Last whole day"), indexed=True)] = None
    lastSorted: Annotated[
        int | None,
        Field(Label("Đã chia chọn trong ngày trước", "Sorted on the last whole day"), indexed=True, minimum=0),
        Unit("C62"),
    ] = None
    lastMass: Annotated[
        float | None,
        Field(Label("Khối lượng của ngày trước", "Mass on the last whole day"), indexed=True, minimum=0),
        Unit("TNE"),
    ] = None
    lastLoad: Annotated[
        float | None,
        Field(Label("Mức sử dụng công suất ngày trước", "Share of the capacity on the last whole day"), indexed=True),
        Unit("P1"),
    ] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""


class Parcel(Record, frozen=True, kw_only=True):
    """An item of mail, a parcel or a logistic unit, from its acceptance to its delivery or return.

    origin, destination, place: codes of facilities as events tell them; place: None while it is on the road.
    onTime: 100 when it was delivered within the target of its reach, 0 when not; so their mean is a share.
    cod: what the addressee pays.  paid: what becomes of that money.  events: what it was told, in the order it was.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Parcel", Label("Bưu gửi", "Parcel"), unique=(("code",),), title="code", workflow=PARCEL, icon="exchange",
        by_actions=True,
        processing=(
            Processing(
                purpose=Label("Phát bưu gửi tới đúng người nhận, trả lời khiếu nại",
                              "To deliver to the right addressee, and to answer complaints"),
                ground="contract", source=_LAW, since="2011-01-01", keep_days=365, after="acceptedAt",
                keep_source=_PERIOD,
            ),
        ),
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã bưu gửi", "Item code"), indexed=True)]
    scheme: Annotated[
        str, Field(Label("Chuẩn của mã", "Scheme"), indexed=True, values=tuple(s for s, _ in SCHEMES), names=SCHEMES)
    ]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=PARCEL.states)] = PARCEL.initial
    acceptedAt: Annotated[Instant | None, Field(Label("Nhận gửi lúc", "Accepted at"), indexed=True)] = None
    movedAt: Annotated[Instant, Field(Label("Sự kiện cuối lúc", "Last event at"), indexed=True)]
    deliveredAt: Annotated[Instant | None, Field(Label("Phát lúc", "Delivered at"), indexed=True)] = None
    place: Annotated[str | None, Field(Label("Đang ở", "At"), indexed=True)] = None
    origin: Annotated[str | None, Field(Label("Nơi nhận gửi", "From"), indexed=True)] = None
    destination: Annotated[str | None, Field(Label("Bưu cục phát", "To"), indexed=True)] = None
    area: Annotated[str | None, Field(Label("Địa bàn phát", "Area of delivery"), indexed=True, ref="Area")] = None
    reach: Annotated[
        str | None,
        Field(Label("Phạm vi", "Scope"), indexed=True, values=tuple(s for s, _ in SCOPES), names=SCOPES),
    ] = None
    mass: Annotated[float | None, Field(Label("Khối lượng", "Mass"), minimum=0), Unit("KGM")] = None
    transitDays: Annotated[
        float | None, Field(Label("Số ngày tới khi phát", "Days until delivery"), indexed=True, minimum=0), Unit("DAY")
    ] = None
    onTime: Annotated[
        float | None, Field(Label("Đúng hạn", "On time"), indexed=True, minimum=0, maximum=100), Unit("P1")
    ] = None
    cod: Annotated[
        float | None, Field(Label("Tiền thu hộ", "Cash on delivery"), indexed=True, minimum=0), Unit("VND")
    ] = None
    paid: Annotated[
        str | None,
        Field(Label("Tiền thu hộ đang ở", "The cash is"), indexed=True, values=tuple(m for m, _ in MONEY), names=MONEY),
    ] = None
    handedOverAt: Annotated[Instant | None, Field(Label("Nộp tiền thu hộ lúc", "Cash handed over at"))] = None
    receipt: Annotated[str | None, Field(Label("Chứng từ nộp tiền thu hộ", "Receipt of the cash"))] = None
    events: Annotated[tuple[str, ...], Field(Label("Sự kiện đã tính", "Events told"), ref="PostalEvent")] = ()
    recipient: Annotated[str | None, Field(Label("Người nhận", "Addressee"), personal=True)] = None
    phone: Annotated[str | None, Field(Label("Điện thoại người nhận", "Their phone"), personal=True)] = None
    address: Annotated[str | None, Field(Label("Địa chỉ phát", "Their address"), personal=True)] = None


class PostalEvent(Record, frozen=True, kw_only=True):
    """Something that happened to parcels at a place. units: their codes.  kind: as the board counts it.

    told: what kind of event its sender calls it.  counted: parcels and facilities have been told of it.
    retracted: its sender declared it to be an error.  applied: they hold what it told them.
    cod: cash that was collected with it.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PostalEvent", Label("Sự kiện bưu gửi", "Parcel event"), title="told", icon="exchange", by_actions=True
    )

    units: Annotated[tuple[str, ...], Field(Label("Mã bưu gửi", "Item codes"))]
    kind: Annotated[
        str, Field(Label("Sự kiện", "Event"), indexed=True, values=tuple(h for h, _ in HAPPENINGS), names=HAPPENINGS)
    ]
    told: Annotated[str, Field(Label("Tên trong tin gốc", "As its sender calls it"), indexed=True)]
    happenedAt: Annotated[Instant, Field(Label("Xảy ra lúc", "Happened at"), indexed=True)]
    place: Annotated[str | None, Field(Label("Tại", "At"), indexed=True)] = None
    container: Annotated[str | None, Field(Label("Trong kiện", "In the unit"), indexed=True)] = None
    inputs: Annotated[tuple[str, ...], Field(Label("Đóng gói lại từ", "Repacked from"))] = ()
    origin: Annotated[str | None, Field(Label("Nơi nhận gửi", "From"))] = None
    destination: Annotated[str | None, Field(Label("Bưu cục phát", "To"))] = None
    area: Annotated[str | None, Field(Label("Địa bàn phát", "Area of delivery"), indexed=True, ref="Area")] = None
    mass: Annotated[float | None, Field(Label("Khối lượng", "Mass"), minimum=0), Unit("KGM")] = None
    cod: Annotated[float | None, Field(Label("Tiền thu hộ", "Cash on delivery"), minimum=0), Unit("VND")] = None
    channel: Annotated[str, Field(Label("Nguồn tin", "Channel"), indexed=True)]
    retracted: Annotated[bool, Field(Label("Đã rút lại", "Retracted"), indexed=True)] = False
    counted: Annotated[bool, Field(Label("Đã tính", "Counted"), indexed=True)] = False
    applied: Annotated[bool, Field(Label("Đang được tính", "In the counts"))] = False


class PostalDay(Record, frozen=True, kw_only=True):
    """What a facility handled on one civil day, counted from tracking events. load: of its capacity on that day.

    mass: of the parcels that came and whose mass is known; None: of none.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "PostalDay", Label("Ngày khai thác bưu chính", "Postal day"), unique=(("facility", "day"),), title="day",
        icon="chart", by_actions=True,
    )  # fmt: skip

    facility: Annotated[str, Field(Label("Cơ sở", "Facility"), indexed=True, ref="PostalFacility")]
    day: Annotated[str, Field(Label("Ngày", "Day"), indexed=True)]
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    sorted: Annotated[int, Field(Label("Đã chia chọn", "Sorted"), indexed=True), Unit("C62")] = 0
    mass: Annotated[float | None, Field(Label("Khối lượng", "Mass"), indexed=True), Unit("TNE")] = None
    accepted: Annotated[int, Field(Label("Nhận gửi", "Accepted")), Unit("C62")] = 0
    delivered: Annotated[int, Field(Label("Đã phát", "Delivered")), Unit("C62")] = 0
    late: Annotated[int, Field(Label("Phát quá hạn", "Delivered late")), Unit("C62")] = 0
    load: Annotated[float | None, Field(Label("Mức sử dụng công suất", "Share of the capacity")), Unit("P1")] = None

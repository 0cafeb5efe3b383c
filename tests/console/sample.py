"""A sample pack, and entities as the broker would give them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, ClassVar

import msgspec

from province.errors import (
    Conflict,
)
from province.model.entity import Attribute, Entity, Origin
from province.model.geometry import Geometry, point
from province.model.label import Label
from province.model.record import move
from province.model.schema import Field, Record, TypeInfo, describe
from province.model.time import Instant, now
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.pack import (
    CALLER,
    Action,
    Chart,
    Context,
    Effect,
    Indicator,
    Map,
    Notice,
    Pack,
    Silent,
    Table,
)

TENANT = "test"
CATEGORIES = (("road", Label("Đường sá", "Roads")), ("light", Label("Chiếu sáng", "Street lighting")))
STATES = Workflow(
    attribute="status",
    initial="new",
    final=frozenset(("closed",)),
    edges=(
        Edge("new", "working", "case.started", Label("Bắt đầu", "Started")),
        Edge("working", "closed", "case.closed", Label("Xong", "Done")),
    ),
    names=(
        ("new", Label("Mới", "New")),
        ("working", Label("Đang xử lý", "In progress")),
        ("closed", Label("Đã đóng", "Closed")),
    ),
)


class Office(Record, frozen=True, kw_only=True):
    """Somebody to give a case to."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("Office", Label("Cơ quan", "Office"), title="name", public=True)

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]


class Station(Record, frozen=True, kw_only=True):
    """A sensor with one measured value."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Station", Label("Trạm đo", "Station"), place="location", title="name", public=True
    )

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"), public=True)] = None
    gateway: Annotated[str | None, Field(Label("Cổng kết nối", "Gateway"), indexed=True)] = None
    installed: Annotated[Instant | None, Field(Label("Ngày lắp đặt", "Installed"), indexed=True)] = None
    height: Annotated[float | None, Field(Label("Độ cao", "Height"), indexed=True), Unit("MTR")] = None
    active: Annotated[bool, Field(Label("Hoạt động", "Active"), indexed=True)] = True
    pm25: Annotated[float | None, Field(Label("PM2,5", "PM2.5"), observed=True, public=True, minimum=0), Unit("GQ")] = (
        None
    )


class Case(Record, frozen=True, kw_only=True):
    """What a resident tells."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Case", Label("Phản ánh", "Case"), place="location", title="title", workflow=STATES
    )

    code: Annotated[str | None, Field(Label("Mã", "Code"), indexed=True, public=True)] = None
    title: Annotated[str, Field(Label("Nội dung", "What"), search=True, public=True)]
    category: Annotated[
        str, Field(Label("Lĩnh vực", "Category"), indexed=True, public=True, values=("road", "light"), names=CATEGORIES)
    ]
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"), public=True)] = None
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, public=True, values=STATES.states)] = (
        "new"
    )
    office: Annotated[str | None, Field(Label("Cơ quan xử lý", "Office"), indexed=True, ref="Office")] = None
    photos: Annotated[tuple[str, ...], Field(Label("Ảnh", "Photos"))] = ()
    phone: Annotated[str | None, Field(Label("Điện thoại", "Phone"), personal=True)] = None


def submit(
    *,
    context: Context,
    title: Annotated[str, Field(Label("Nội dung phản ánh", "What is the matter"))],
    category: Annotated[str, Field(Label("Lĩnh vực", "Category"), values=("road", "light"), names=CATEGORIES)],
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))],
    description: Annotated[str, Field(Label("Mô tả", "Description"), hint=Label("Càng rõ càng tốt", "In detail"))] = "",
    urgent: Annotated[bool, Field(Label("Khẩn cấp", "Urgent"))] = False,
) -> list[Effect]:
    """Send in a case."""
    return []


def start(case: Case, *, context: Context) -> list[Effect]:
    """Begin."""
    return [move(case, "working", at=context.now)]


def give(
    case: Case,
    *,
    context: Context,
    office: Annotated[str, Field(Label("Cơ quan", "Office"), ref="Office")],
    days: Annotated[int, Field(Label("Số ngày", "Days"), minimum=1, maximum=60)],
    due: Annotated[Instant | None, Field(Label("Hạn", "Due"))] = None,
    length: Annotated[float | None, Field(Label("Chiều dài", "Length"), minimum=0), Unit("MTR")] = None,
    note: Annotated[str, Field(Label("Ghi chú", "Note"))] = "",
) -> list[Effect]:
    """Give it to an office."""
    if case.status != "new":
        raise Conflict("the case is no longer new.", field="status", remedy="Open it again.")
    return [Notice(to=CALLER, subject=Label("Đã giao", "Given"), body=Label(f"Mã {days}", f"Number {days}"))]


PACK = Pack(
    name="sample",
    title=Label("Mẫu", "Sample"),
    row="X",
    types=(Office, Station, Case),
    actions=(
        Action(
            submit, Case, "case.submit", Label("Gửi phản ánh", "Send a case"), creates=True, public=True, files=True
        ),
        Action(start, Case, "case.start", Label("Bắt đầu xử lý", "Start"), states=("new",)),
        Action(give, Case, "case.give", Label("Giao cơ quan", "Give"), files=True),
    ),
    indicators=(
        Indicator("cases", "count", of=Case, title=Label("Phản ánh", "Cases"), unit="C62"),
        Indicator("dust", "mean", of=Station, title=Label("PM2,5 trung bình", "Mean PM2.5"), unit="GQ", field="pm25"),
    ),
    panels=(
        Map(Station, Label("Trạm đo", "Stations"), colour_by="pm25"),
        Map(Case, Label("Phản ánh", "Cases"), colour_by="status"),
        Table(Station, Label("Trạm đo", "Stations")),
        Table(
            Case, Label("Phản ánh", "Cases"), columns=("code", "title", "category", "status", "office"), group="status"
        ),
        Silent(Station, Label("Trạm mất tín hiệu", "Silent stations"), by=("gateway", "height"), after_s=3600),
        Chart(Station, Label("PM2,5", "PM2.5"), "pm25"),
    ),
)


def entity_of(record: Record, *, origin: Origin = "measured", at: Instant | None = None) -> Entity:
    """A record as the broker would give it, observed fields included."""
    spec = describe(type(record))
    moment = at or now()
    attrs = {}
    for name, field_spec in spec.fields.items():
        value = getattr(record, name)
        if value is None or value == ():
            continue
        plain = msgspec.json.decode(msgspec.json.encode(value))
        observed = field_spec.field.observed
        attrs[name] = Attribute(
            type=field_spec.kind,
            value=plain,
            unit_code=field_spec.unit or None,
            origin=origin if observed else "reported",
            observed_at=moment if observed else None,
            created_at=moment,
            modified_at=moment,
        )
    return Entity(
        tenant=TENANT,
        id=record.id,
        types=(spec.name,),
        attrs=attrs,
        version=1,
        created_at=moment,
        modified_at=moment,
    )


def stations(count: int, *, origin: Origin = "simulated") -> Iterable[Entity]:
    """Stations around the centre, every seventh of which never measured."""
    for i in range(count):
        turn, reach = i * 2.399963, 0.02 * math.sqrt(i + 1)
        record = Station(
            id=f"urn:ngsi-ld:Station:{i:05d}",
            name=f"Trạm Thủ Dầu Một {i}",
            location=point(106.65 + reach * math.cos(turn) / 6, 11.05 + reach * math.sin(turn) / 6),
            gateway=f"GW-{i % 5}",
            installed=now() - timedelta(days=i % 400),
            height=2.5 + i % 9,
            pm25=None if i % 7 == 3 else 12.0 + (i * 37 % 80) / 2,
        )
        yield entity_of(record, origin=origin)


def cases(count: int) -> Iterable[Entity]:
    """Cases of both categories in all states."""
    for i in range(count):
        record = Case(
            id=f"urn:ngsi-ld:Case:{i:05d}",
            code=f"PA-2026-{i:06d}",
            title=f"Ổ gà trên đường số {i} <b>",
            category=("road", "light")[i % 2],
            location=point(106.66 + i * 1e-4, 11.0 + i * 1e-4),
            status=STATES.states[i % 3],
            office="urn:ngsi-ld:Office:1",
            photos=("a" * 64,) if i == 0 else (),
            phone="0274 123 4567",
        )
        yield entity_of(record)

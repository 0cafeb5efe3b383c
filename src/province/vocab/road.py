"""Roads as lines on the map: what traffic, undergrounding, signs and addresses speak of."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit

KINDS: Final = (
    ("national", Label("Quốc lộ", "National road")),
    ("provincial", Label("Đường tỉnh", "Provincial road")),
    ("expressway", Label("Đường trục, cao tốc", "Trunk road or expressway")),
    ("ring", Label("Đường vành đai", "Ring road")),
    ("district", Label("Đường huyện", "District road")),
    ("urban", Label("Đường đô thị", "Urban street")),
)
STATUSES: Final = (
    ("planned", Label("Quy hoạch", "Planned")),
    ("building", Label("Đang xây dựng", "Being built")),
    ("in_service", Label("Đang khai thác", "In service")),
    ("closed", Label("Đã đóng", "Closed")),
)


class Road(Record, frozen=True, kw_only=True):
    """A road or a named part of one. `error`: how far the drawn line may lie from the road; None: not known."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Road",
        Label("Tuyến đường", "Road"),
        unique=(("code",),),
        place="location",
        title="name",
        public=True,
        icon="road",
    )

    code: Annotated[str, Field(Label("Số hiệu", "Number"), indexed=True, search=True, public=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]
    kind: Annotated[
        str,
        Field(Label("Cấp đường", "Class"), indexed=True, public=True, values=tuple(k for k, _ in KINDS), names=KINDS),
    ]
    status: Annotated[
        str,
        Field(
            Label("Tình trạng", "Status"),
            indexed=True,
            public=True,
            values=tuple(s for s, _ in STATUSES),
            names=STATUSES,
        ),
    ]
    location: Annotated[Geometry | None, Field(Label("Tuyến", "Line"), public=True)] = None
    approximate: Annotated[bool, Field(Label("Vị trí gần đúng", "Approximate place"), indexed=True, public=True)] = (
        False
    )
    error: Annotated[
        float | None, Field(Label("Sai số vị trí", "Error of the place"), public=True, minimum=0), Unit("MTR")
    ] = None
    manager: Annotated[
        str | None, Field(Label("Cơ quan quản lý", "Managed by"), indexed=True, public=True, ref="Agency")
    ] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"), public=True)] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"), public=True)] = None


def road_id(code: str) -> str:
    """Id of the road with this number: `urn:ngsi-ld:Road:QL13`."""
    return f"urn:ngsi-ld:Road:{code}"

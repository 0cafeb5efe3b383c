"""The inventory of cable ducts, section by section along roads."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit
from province.packs.ducts.classes import CLASSES

STATES: Final = (
    ("planned", Label("Dự kiến", "Planned")),
    ("laid", Label("Đã đặt ống", "Laid")),
    ("dropped", Label("Không làm nữa", "Dropped")),
)


class DuctSection(Record, frozen=True, kw_only=True):
    """A stretch of road along which cables lie in ducts, or shall. length: as planned, or as measured once laid.

    plan: id of the study that chose it.  holders: who has cables in it.
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
    laidOn: Annotated[str | None, Field(Label("Ngày đặt ống", "Laid on"), indexed=True)] = None
    decision: Annotated[str | None, Field(Label("Số giấy phép đào đường", "Road-opening permit"))] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Tuyến", "Line"))] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""

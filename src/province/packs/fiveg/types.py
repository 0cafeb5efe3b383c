"""The register of radio sites, as permits and inspections in Vietnam know them."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit

STATES: Final = (
    ("planned", Label("Dự kiến", "Planned")),
    ("permitted", Label("Đã có giấy phép xây dựng", "Permitted")),
    ("on_air", Label("Đang phát sóng", "On air")),
    ("removed", Label("Đã tháo dỡ", "Removed")),
)
MASTS: Final = (
    ("A1", Label("A1: cột không cồng kềnh", "A1: compact mast")),
    ("A2a", Label("A2a: cột cồng kềnh trên công trình", "A2a: mast on a building")),
    ("A2b", Label("A2b: cột cồng kềnh trên mặt đất", "A2b: mast on the ground")),
)
FIFTH: Final = "5G"


class RadioSite(Record, frozen=True, kw_only=True):
    """A mast with radio equipment, built or planned. technologies: such as 4G, 5G.

    isShareable: its owner lets others mount equipment; None: not known, and then it is not planned with.
    azimuths: of its sectors, degrees clockwise from north.
    plan: the study that chose it.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "RadioSite", Label("Trạm thu phát sóng", "Radio site"), unique=(("code",),), place="location", title="name",
        icon="sensor",
    )  # fmt: skip

    code: Annotated[str, Field(Label("Mã trạm", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên trạm", "Name"), indexed=True, search=True)]
    operator: Annotated[str | None, Field(Label("Doanh nghiệp", "Operator"), indexed=True)] = None
    owner: Annotated[str | None, Field(Label("Chủ sở hữu cột", "Owner of the mast"), indexed=True)] = None
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, values=tuple(s for s, _ in STATES), names=STATES)
    ] = "planned"
    technologies: Annotated[tuple[str, ...], Field(Label("Công nghệ", "Technologies"))] = ()
    mast: Annotated[
        str | None,
        Field(Label("Loại cột", "Kind of mast"), indexed=True, values=tuple(m for m, _ in MASTS), names=MASTS),
    ] = None
    height: Annotated[
        float | None, Field(Label("Độ cao ăng ten", "Height of the antennas"), minimum=1, maximum=200), Unit("MTR")
    ] = None
    isShareable: Annotated[bool | None, Field(Label("Cho dùng chung", "Open to sharing"), indexed=True)] = None
    azimuths: Annotated[
        tuple[float, ...] | None,
        Field(Label("Góc phương vị", "Azimuths"), minimum=0, maximum=360),
        Unit("DD"),
    ] = None
    sharedMast: Annotated[
        str | None, Field(Label("Dùng chung cột của trạm", "Shares the mast of"), indexed=True, ref="RadioSite")
    ] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))]
    permit: Annotated[str | None, Field(Label("Số giấy phép xây dựng", "Building permit"))] = None
    permitDate: Annotated[str | None, Field(Label("Ngày cấp phép", "Day of the permit"), indexed=True)] = None
    permittedUntil: Annotated[str | None, Field(Label("Giấy phép đến ngày", "Permit until"), indexed=True)] = None
    inspection: Annotated[str | None, Field(Label("Giấy chứng nhận kiểm định", "Inspection certificate"))] = None
    inspectedUntil: Annotated[str | None, Field(Label("Kiểm định đến ngày", "Inspected until"), indexed=True)] = None
    onAirSince: Annotated[str | None, Field(Label("Phát sóng từ", "On air since"), indexed=True)] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""


class ParkSpeed(Record, frozen=True, kw_only=True):
    """What mobile terminals of one operator get in an industrial park, as the newest campaign of tests measured it.

    download: median over the tests.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "ParkSpeed", Label("Tốc độ di động đo tại khu", "Mobile speed measured in a park"),
        unique=(("park", "operator"),), title="name", icon="sensor",
    )  # fmt: skip

    park: Annotated[str, Field(Label("Khu, cụm công nghiệp", "Park"), indexed=True, ref="IndustrialPark")]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    operator: Annotated[str, Field(Label("Doanh nghiệp", "Operator"), indexed=True)]
    download: Annotated[
        float, Field(Label("Tốc độ tải xuống (trung vị)", "Download, median"), indexed=True, minimum=0), Unit("D36")
    ]
    tests: Annotated[int, Field(Label("Số lần đo", "Tests"), minimum=1), Unit("C62")]
    measuredOn: Annotated[str, Field(Label("Ngày đo", "Measured on"), indexed=True)]
    source: Annotated[str, Field(Label("Nguồn", "Source"))]

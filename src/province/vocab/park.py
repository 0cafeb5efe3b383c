"""Industrial parks, clusters and technology parks: what 5G, fibre, waste water and logistics are planned for."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit

KINDS: Final = (
    ("park", Label("Khu công nghiệp", "Industrial park")),
    ("cluster", Label("Cụm công nghiệp", "Industrial cluster")),
    ("it", Label("Khu công nghệ thông tin tập trung", "Information technology park")),
    ("hightech", Label("Khu công nghệ cao", "High-tech park")),
)


STAGES: Final = (("planned", Label("Theo phương án, chưa thành lập", "Planned, not yet established")),)


class IndustrialPark(Record, frozen=True, kw_only=True):
    """Land set aside for industry. `location`: its boundary, or a point that `approximate` admits to be a stand-in.

    status: empty once it is established.  plan: the study that chose its land.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "IndustrialPark",
        Label("Khu, cụm công nghiệp", "Industrial park"),
        unique=(("code",),),
        place="location",
        title="name",
        public=True,
        icon="park",
    )

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True, public=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]
    kind: Annotated[
        str, Field(Label("Loại", "Kind"), indexed=True, public=True, values=tuple(k for k, _ in KINDS), names=KINDS)
    ]
    status: Annotated[
        str | None,
        Field(
            Label("Giai đoạn", "Stage"),
            indexed=True,
            public=True,
            values=tuple(s for s, _ in STAGES),
            names=STAGES,
            hint=Label("Để trống khi khu đã được thành lập", "Empty once it is established"),
        ),
    ] = None
    plan: Annotated[str | None, Field(Label("Theo phương án", "By the study"), indexed=True, ref="Study")] = None
    landSize: Annotated[
        float | None, Field(Label("Diện tích đất", "Land"), indexed=True, public=True, minimum=0), Unit("HAR")
    ] = None
    leasableSize: Annotated[
        float | None,
        Field(Label("Đất công nghiệp cho thuê", "Land for lease"), indexed=True, public=True, minimum=0),
        Unit("HAR"),
    ] = None
    leasedSize: Annotated[
        float | None, Field(Label("Đất đã cho thuê", "Land leased"), indexed=True, public=True, minimum=0), Unit("HAR")
    ] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, public=True, ref="Area")] = None
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"), public=True)] = None
    approximate: Annotated[bool, Field(Label("Vị trí gần đúng", "Approximate place"), indexed=True, public=True)] = (
        False
    )
    source: Annotated[str, Field(Label("Nguồn", "Source"), public=True)] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"), public=True)] = None


def park_id(code: str) -> str:
    """Id of the park with this key of ours: `urn:ngsi-ld:IndustrialPark:vsip-1`."""
    return f"urn:ngsi-ld:IndustrialPark:{code}"

"""Agencies: departments, People's Committees, centres. Effective-dated like areas, since owners change in time."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.vocab.area import parse_day

KINDS: Final[tuple[str, ...]] = (
    "committee",
    "department",
    "office",
    "inspectorate",
    "police",
    "centre",
    "board",
    "other",
)
NAMES: Final = (
    ("committee", Label("Ủy ban nhân dân", "People's Committee")),
    ("department", Label("Sở", "Department")),
    ("office", Label("Văn phòng", "Office")),
    ("inspectorate", Label("Thanh tra", "Inspectorate")),
    ("police", Label("Công an", "Police")),
    ("centre", Label("Trung tâm", "Centre")),
    ("board", Label("Ban quản lý", "Management board")),
    ("other", Label("Khác", "Other")),
)


class Agency(Record, frozen=True, kw_only=True):
    """A body that owns data, answers reports and holds rights, from `validFrom` to `validTo` (excluded)."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Agency",
        Label("Cơ quan", "Agency"),
        unique=(("identifier", "validFrom"),),
        title="name",
        public=True,
        icon="agency",
    )

    identifier: Annotated[
        str,
        Field(
            Label("Khoá", "Key"),
            indexed=True,
            public=True,
            hint=Label("Khoá nội bộ, không phải mã định danh điện tử", "Our own key, not the official identifier"),
        ),
    ]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]
    kind: Annotated[str, Field(Label("Loại", "Kind"), indexed=True, public=True, values=KINDS, names=NAMES)]
    validFrom: Annotated[str, Field(Label("Hoạt động từ ngày", "Exists from"), indexed=True, public=True)]
    validTo: Annotated[str | None, Field(Label("Kết thúc ngày", "Exists until"), indexed=True, public=True)] = None
    officialCode: Annotated[
        str | None, Field(Label("Mã định danh điện tử", "Official identifier"), indexed=True, public=True)
    ] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, public=True, ref="Area")] = None
    parent: Annotated[str | None, Field(Label("Trực thuộc", "Part of"), indexed=True, public=True, ref="Agency")] = None
    successor: Annotated[str | None, Field(Label("Cơ quan kế thừa", "Successor"), public=True, ref="Agency")] = None
    competences: Annotated[
        tuple[str, ...],
        Field(
            Label("Lĩnh vực phụ trách", "Competences"),
            public=True,
            hint=Label("Từ khoá để phân công tự động", "Words by which work finds its agency"),
        ),
    ] = ()
    source: Annotated[str, Field(Label("Nguồn", "Source"), public=True)] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"), public=True)] = None


def agency_id(identifier: str, valid_from: str) -> str:
    """Id of the agency that has this key since that day: `urn:ngsi-ld:Agency:vp-ubnd:2025-03-01`."""
    return f"urn:ngsi-ld:Agency:{identifier}:{parse_day(valid_from, field='validFrom')}"

"""Assets: things of value with a place and an owner that more than one pack speaks of."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit


class Asset(Record, frozen=True, kw_only=True):
    """A building, a park, a road section, a mast, a cabinet. kind: one word of the pack that brings it in."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Asset", Label("Tài sản", "Asset"), unique=(("code",),), place="location", title="name", icon="asset"
    )

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    kind: Annotated[str, Field(Label("Loại", "Kind"), indexed=True)]
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None
    approximate: Annotated[bool, Field(Label("Vị trí gần đúng", "Approximate place"))] = False
    landSize: Annotated[float | None, Field(Label("Diện tích đất", "Land"), minimum=0), Unit("HAR")] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    owner: Annotated[str | None, Field(Label("Cơ quan quản lý", "Owner"), indexed=True, ref="Agency")] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"))] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"))] = None
